//! The second law: other tenants' rows come, change and go, and every byte of a tenant's answers
//! stays the same: rows, counts, cursors, error texts.
//!
//! Once without the interpreter: behind a wall of `tenant_id = principal.tenant_id` everything that
//! belongs to others is arbitrary. And once for every policy: arbitrary is then whatever the
//! principal does not see, before and after (see `docs/decisions/0013-the-laws.md`).

use std::cell::RefCell;

use ormai_testkit::every_engine;
use ormai_testkit::reference::{Eye, View};
use ormai_testkit::world::{
    AsTables as _, Ask, Asked, Attribute, Case, Cases, Cell, Dice, Expression, Get, Model, ModelPolicy, Mutations,
    Policy, Request, RowEffect, Trial, Who, World,
};
use proptest::test_runner::TestCaseError;
use serde_json::Value as Json;

use super::under_test::{Checked, Loaded, Size, pages, prove};

/// All asks of a trial are one principal's, so that one change is tried with all of them.
const CASES: Cases = Cases { trials: 3, asks: 8, of_one: true, of: Asked::Reads };

const SIZE: Size = Size { cases: CASES, asks_per_case: CASES.trials * CASES.asks, asks: 240 };

/// What happens to the rows of each model.
const CHANGES: Mutations = Mutations { count: 6 };

/// What a run has met.
#[derive(Debug, Default)]
struct Met {
    /// Answers that were compared, how many of them are refusals, and how many found no row by
    /// its key.
    compared: usize,
    refused: usize,
    not_found: usize,
    /// Answers with rows in them.
    with_rows: usize,
    pages: usize,
    /// Changes of others' rows, and how many of them the principal would have seen through a
    /// condition that reads other rows: those are no trial. Where there was nothing to change
    /// there is no trial either.
    changed: usize,
    exempt: usize,
    nothing: usize,
}

impl Met {
    fn check(&self) {
        let others = self.compared - self.not_found;
        assert!(self.refused * 2 < others, "too much is refused: {self:?}");
        assert!(self.with_rows * 4 > others, "too little is answered: {self:?}");
        assert!(self.not_found > 0, "nobody's row was asked for: {self:?}");
        assert!(self.exempt * 4 < self.changed, "too much is exempt: {self:?}");
        assert!(self.nothing * 4 < self.changed, "nothing changes too often: {self:?}");
        assert!(self.pages > self.compared, "nothing has a second page: {self:?}");
    }
}

every_engine! {
    async fn law_2_behind_a_wall_nothing_of_the_others_shows(test: &TestDatabase) {
        prove(test, "law 2 behind a wall", SIZE, async |loaded, case, met| holds(loaded, case, true, met).await, Met::check);
    }

    async fn law_2_what_a_principal_does_not_see_does_not_show(test: &TestDatabase) {
        prove(test, "law 2 under any policy", SIZE, async |loaded, case, met| holds(loaded, case, false, met).await, Met::check);
    }
}

async fn holds(loaded: &mut Loaded<'_>, case: &Case, behind_a_wall: bool, met: &RefCell<Met>) -> Checked {
    for (index, trial) in case.trials.iter().enumerate() {
        let Some(who) = trial.asks.first().map(|ask| ask.who.clone()) else { continue };
        let trial = match behind_a_wall {
            true => Trial { policy: walled(&case.world, &trial.policy), ..trial.clone() },
            false => trial.clone(),
        };
        let mut dice = Dice::new(index as u64);
        let changed = match behind_a_wall {
            true => CHANGES.apply(&mut dice, &case.world, |_, model, row| is_anothers(model, row, &who)),
            false => {
                let view = View::of(&case.world, &trial.policy, &who.roles);
                let changed = CHANGES.apply(&mut dice, &case.world, |world, model, row| {
                    let eye = Eye::new(world, &view, &who, Case::now());
                    !world.model(&model.name).is_some_and(|model| eye.visible(model).contains(&row))
                });
                if seen(&case.world, &view, &who) != seen(&changed, &view, &who) {
                    met.borrow_mut().changed += 1;
                    met.borrow_mut().exempt += 1;
                    continue;
                }
                changed
            }
        };
        if changed == case.world {
            met.borrow_mut().nothing += 1;
            continue;
        }
        met.borrow_mut().changed += 1;
        unchanged(loaded, &case.world, &changed, &trial, &who, met).await?;
    }
    Ok(())
}

/// Asks everything, lets the change happen, and asks it all again.
async fn unchanged(
    loaded: &mut Loaded<'_>,
    world: &World,
    changed: &World,
    trial: &Trial,
    who: &Who,
    met: &RefCell<Met>,
) -> Checked {
    let ormai = loaded.under(&trial.policy).await?;
    // A case that is made simpler could come to asks of several principals.
    let mut asks: Vec<Ask> =
        trial.asks.iter().map(|ask| Ask { who: who.clone(), request: ask.request.clone() }).collect();
    // By the keys of what came and of what went.
    for (one, other) in [(world, changed), (changed, world)] {
        asks.extend(one.models.iter().filter_map(|model| by_key_of_one_more(model, other, who)));
    }
    let mut before = Vec::new();
    for ask in &asks {
        before.push(pages(&ormai, ask).await);
    }
    loaded.refill(changed).await;
    let mut after = Vec::new();
    for ask in &asks {
        after.push(pages(&ormai, ask).await);
    }
    loaded.refill(world).await;
    for ((ask, before), after) in asks.iter().zip(before).zip(after) {
        let text = |pages: &[Json]| pages.iter().map(Json::to_string).collect::<Vec<_>>();
        if text(&before) != text(&after) {
            let (before, after) = (text(&before).join("\n"), text(&after).join("\n"));
            let rows = changed.statements(ormai_testkit::Engine::Sqlite, "");
            return Err(TestCaseError::fail(format!("{ask}\nbefore: {before}\nafter: {after}\n{rows}")));
        }
        let mut met = met.borrow_mut();
        met.compared += 1;
        met.pages += before.len();
        let code = before.first().and_then(|answer| answer["error"]["code"].as_str());
        met.not_found += usize::from(code == Some("RECORD_NOT_FOUND"));
        met.refused += usize::from(code.is_some_and(|code| code != "RECORD_NOT_FOUND"));
        let rows = before.iter().any(|page| page["data"]["rows"].as_array().is_some_and(|rows| !rows.is_empty()));
        met.with_rows += usize::from(rows || before.iter().any(|page| page["metadata"]["row_count"] == 1));
    }
    Ok(())
}

/// A row that one world has and the other has not, by its key.
fn by_key_of_one_more(model: &Model, other: &World, who: &Who) -> Option<Ask> {
    let theirs = other.model(&model.name)?;
    let row = model.rows.iter().find(|row| !theirs.rows.contains(row))?;
    let id = model.key.iter().map(|part| (part.clone(), model.cell(row, part).to_json())).collect();
    let get = Get { model: model.name.clone(), id: Json::Object(id), select: None, include: Vec::new() };
    Some(Ask { who: who.clone(), request: Request::Get(get) })
}

/// What a principal sees of each model.
pub(super) fn seen<'w>(world: &'w World, view: &'w View, who: &'w Who) -> Vec<Vec<Vec<Cell>>> {
    let eye = Eye::new(world, view, who, Case::now());
    let of = |model: &'w Model| {
        let mut rows: Vec<Vec<Cell>> = eye.visible(model).iter().map(|row| row.to_vec()).collect();
        rows.sort();
        rows
    };
    world.models.iter().map(of).collect()
}

/// Whether a row belongs to another tenant; somebody of several tenants has a list of them. Models
/// without tenants are shared by all.
pub(super) fn is_anothers(model: &Model, row: &[Cell], who: &Who) -> bool {
    let mine = who.tenant.as_array().map_or(std::slice::from_ref(&who.tenant), Vec::as_slice);
    let stored = model.cell(row, "tenant_id").to_string();
    let is_it = |tenant: &Json| tenant.as_str().map_or_else(|| tenant.to_string(), str::to_owned) == stored;
    model.column("tenant_id").is_some() && !mine.iter().any(is_it)
}

/// A policy that scopes by tenant wherever there is one, and lets nobody over the wall: no
/// permits, no bypasses, and no conditions that read other rows.
pub(super) fn walled(world: &World, policy: &Policy) -> Policy {
    let mut policy = policy.clone();
    for (name, said) in &mut policy.models {
        let has_tenant = world.model(name).is_some_and(|model| model.column("tenant_id").is_some());
        let scope = ("tenant_id".to_owned(), Expression::Principal(Attribute::Tenant));
        said.scoping = if has_tenant { vec![scope] } else { Vec::new() };
        wall(said);
        for (_, overlay) in &mut said.roles {
            overlay.says.scoping.clear();
            wall(&mut overlay.says);
        }
    }
    policy
}

fn wall(said: &mut ModelPolicy) {
    said.rows.retain(|row| !matches!(row.effect, RowEffect::Permit(_) | RowEffect::Bypass));
    said.rows.retain(|row| !row.condition.reads_other_rows());
    said.rows.iter_mut().for_each(|row| row.effect = RowEffect::Restrict);
}
