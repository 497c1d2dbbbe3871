//! The second law for writes: other tenants' rows come, change and go, and every byte of what a tenant is
//! answered to its writes stays the same; and whatever it writes, their rows stay as they are.
//!
//! Exempt are the keys of the database: a unique value that a stranger's row has, and a row to which a
//! stranger's row refers. Whether these were in the way is the interpreter's word, of either world.

use std::cell::RefCell;

use ormai::prelude::*;
use ormai_testkit::every_engine;
use ormai_testkit::reference::{Ending, Eye, View, write};
use ormai_testkit::world::{
    Act, AsTables as _, Ask, Asked, Case, Cases, Data, Dice, Model, Mutations, Request, Trial, Who, World, Write,
};
use proptest::test_runner::TestCaseError;
use serde_json::Value as Json;

use super::non_interference::{is_anothers, seen, walled};
use super::under_test::{Checked, Loaded, Size, prove};
use super::writes::within;

/// All writes of a trial are one principal's, so that one change is tried with all of them.
const CASES: Cases = Cases { trials: 3, asks: 8, of_one: true, of: Asked::Writes };

const SIZE: Size = Size { cases: CASES, asks_per_case: CASES.trials * CASES.asks, asks: 240 };

/// What happens to the rows of each model.
const CHANGES: Mutations = Mutations { count: 6 };

/// What a run has met.
#[derive(Debug, Default)]
struct Met {
    /// Answers that were compared, by how they ended.
    done: usize,
    not_found: usize,
    dangling: usize,
    checked: usize,
    refused: usize,
    /// Writes in whose way the database's keys were.
    exempt: usize,
    /// Writes of which the interpreter says that the strangers' rows decide: a condition reads them.
    decided_elsewhere: usize,
    /// Trials in which there was nothing to change, or the principal would have seen it.
    nothing: usize,
}

impl Met {
    fn check(&self) {
        let Self { done, not_found, dangling, checked, refused, exempt, decided_elsewhere, nothing } = self;
        let compared = done + not_found + dangling + checked + refused;
        assert!(done * 8 > compared, "too little is done: {self:?}");
        assert!(*not_found > 10 && *dangling > 3 && *checked > 0, "too little is refused: {self:?}");
        assert!((exempt + decided_elsewhere) * 5 < compared, "too much is exempt: {self:?}");
        assert!(nothing * 10 < compared, "nothing changes too often: {self:?}");
    }
}

every_engine! {
    async fn law_2_behind_a_wall_nothing_of_the_others_shows_in_writes(test: &TestDatabase) {
        prove(test, "law 2 of writes behind a wall", SIZE, async |loaded, case, met| holds(loaded, case, true, met).await, Met::check);
    }

    async fn law_2_what_a_principal_does_not_see_does_not_show_in_writes(test: &TestDatabase) {
        prove(test, "law 2 of writes under any policy", SIZE, async |loaded, case, met| holds(loaded, case, false, met).await, Met::check);
    }
}

async fn holds(loaded: &mut Loaded<'_>, case: &Case, behind_a_wall: bool, met: &RefCell<Met>) -> Checked {
    for (index, trial) in case.trials.iter().enumerate() {
        let Some(who) = trial.asks.first().map(|ask| ask.who.clone()) else { continue };
        let trial = match behind_a_wall {
            true => Trial { policy: walled(&case.world, &trial.policy), ..trial.clone() },
            false => trial.clone(),
        };
        let view = View::of(&case.world, &trial.policy, &who.roles);
        let hidden = |world: &World, model: &Model, row: &[_]| match behind_a_wall {
            true => is_anothers(model, row, &who),
            false => {
                let eye = Eye::new(world, &view, &who, Case::now());
                !world.model(&model.name).is_some_and(|model| eye.visible(model).contains(&row))
            }
        };
        let mut dice = Dice::new(index as u64);
        let changed = CHANGES.apply(&mut dice, &case.world, hidden);
        if changed == case.world || seen(&case.world, &view, &who) != seen(&changed, &view, &who) {
            met.borrow_mut().nothing += 1;
            continue;
        }
        let hidden = |model: &Model, row: &[_]| hidden(&case.world, model, row);
        unchanged(loaded, &case.world, &changed, &trial, &who, hidden, met).await?;
    }
    Ok(())
}

/// Writes everything, each time undone; lets the change happen, and writes it all again.
async fn unchanged(
    loaded: &mut Loaded<'_>,
    world: &World,
    changed: &World,
    trial: &Trial,
    who: &Who,
    hidden: impl Fn(&Model, &[ormai_testkit::world::Cell]) -> bool,
    met: &RefCell<Met>,
) -> Checked {
    let ormai = loaded.under(&trial.policy).await?;
    let mut writes: Vec<Write> = Vec::new();
    for ask in &trial.asks {
        if let Request::Write(asked) = &ask.request {
            writes.push(asked.clone());
        }
    }
    // To what came and to what went.
    for (one, other) in [(world, changed), (changed, world)] {
        writes.extend(one.models.iter().flat_map(|model| to_one_more(model, other)));
    }
    let asks: Vec<Ask> =
        writes.iter().map(|asked| Ask { who: who.clone(), request: Request::Write(asked.clone()) }).collect();
    let mut before = Vec::new();
    for ask in &asks {
        before.push(answered(loaded, &ormai, ask, world, &hidden).await?);
    }
    loaded.refill(changed).await;
    let mut after = Vec::new();
    for ask in &asks {
        // Who is hidden now was told when the change was made; here only the answers count.
        after.push(answered(loaded, &ormai, ask, changed, &|_, _| false).await?);
    }
    loaded.refill(world).await;
    for ((ask, asked), (before, after)) in asks.iter().zip(&writes).zip(before.into_iter().zip(after)) {
        let of = |world: &World| write(world, &trial.policy, who, Case::now(), asked);
        let (one, other) = (of(world), of(changed));
        let mut met = met.borrow_mut();
        if one.ending == Ending::Keys || other.ending == Ending::Keys {
            met.exempt += 1;
            continue;
        }
        if one.ending != other.ending || one.outcome != other.outcome {
            met.decided_elsewhere += 1;
            continue;
        }
        *(match one.ending {
            Ending::Done | Ending::Tried => &mut met.done,
            Ending::NotFound => &mut met.not_found,
            Ending::Reference => &mut met.dangling,
            Ending::Check => &mut met.checked,
            _ => &mut met.refused,
        }) += 1;
        // Every byte counts, also their order.
        let (before, after) = (before.to_string(), after.to_string());
        if before != after {
            let rows = changed.statements(ormai_testkit::Engine::Sqlite, "");
            return Err(TestCaseError::fail(format!("{ask}\nbefore: {before}\nafter: {after}\n{rows}")));
        }
    }
    Ok(())
}

/// The answer to a write that is undone; and no stranger's row has become another, gone, or come.
async fn answered(
    loaded: &Loaded<'_>,
    ormai: &OrmAi,
    ask: &Ask,
    world: &World,
    hidden: &impl Fn(&Model, &[ormai_testkit::world::Cell]) -> bool,
) -> Result<Json, TestCaseError> {
    let mut theirs = world.clone();
    theirs
        .models
        .iter_mut()
        .zip(&world.models)
        .for_each(|(theirs, model)| theirs.rows.retain(|row| hidden(model, row)));
    let theirs = ormai_testkit::Stored::expected(&theirs, loaded.test.engine());
    let mut open = loaded.test.open().await;
    let answer = within(ormai, ask, &mut open).await;
    let stored = open.stored(world, &loaded.prefix).await;
    open.undo().await;
    let still = stored.of(|model, row| theirs.has(model, row));
    if still != theirs {
        return Err(TestCaseError::fail(format!(
            "{ask}\nstrangers' rows are not as they were:\n{}",
            theirs.differences(&still)
        )));
    }
    Ok(answer)
}

/// Writes about a row that one world has and the other has not.
fn to_one_more(model: &Model, other: &World) -> Vec<Write> {
    let theirs = other.model(&model.name);
    let row = model.rows.iter().find(|row| theirs.is_some_and(|theirs| !theirs.rows.contains(row)));
    let Some(row) = row else { return Vec::new() };
    let asked = |model: &Model, act| Write {
        model: model.name.clone(),
        act,
        reason: Some("a reason".to_owned()),
        dry_run: false,
    };
    let id: Json = model
        .key
        .iter()
        .map(|part| (part.clone(), model.cell(row, part).to_json()))
        .collect::<Data>()
        .into_iter()
        .collect();
    let mut writes = vec![asked(model, Act::Delete { id: id.clone() })];
    let free = model.columns.iter().find(|column| column.nullable && column.name != "tenant_id");
    if let Some(column) = free {
        let data = Data::from([(column.name.clone(), Json::Null)]);
        writes.push(asked(model, Act::Update { id, data }));
    }
    // Rows of others that would refer to it.
    for referring in &other.models {
        for reference in referring.references.iter().filter(|reference| reference.target == model.name) {
            let data: Data = reference
                .link
                .iter()
                .filter(|(here, _)| !referring.key.contains(here))
                .map(|(here, there)| (here.clone(), model.cell(row, there).to_json()))
                .collect();
            let Some(own) = referring.rows.first() else { continue };
            let id = referring.key.iter().map(|part| (part.clone(), referring.cell(own, part).to_json())).collect();
            writes.push(asked(referring, Act::Update { id: Json::Object(id), data }));
        }
    }
    writes
}
