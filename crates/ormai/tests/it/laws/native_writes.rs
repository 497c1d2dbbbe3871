//! The native oracle for writes: the statement that a write would be, as a role that PostgreSQL's own
//! row-level security holds, leaves the rows that OrmAI leaves, and is refused where OrmAI refuses.
//!
//! That OrmAI does what the interpreter says is the first law; here the interpreter stands for it. Both
//! read the same policy, and nothing else is the same. What PostgreSQL knows nothing of is left out:
//! whose row a reference points to, caps, values, soft deletes, and principals that are incomplete. And
//! it asks for more: a changed row must be one that can be read, so a write that hides its own row from
//! reads is refused here; those are passed over, and counted.

use std::cell::RefCell;

use ormai::rls;
use ormai_testkit::reference::{Ending, Eye, View, Written, write};
use ormai_testkit::world::{
    Act, AsCatalog as _, AsDocument as _, AsPrincipal as _, AsTable as _, Asked, Budget, Case, Cases, Chosen, Request,
    Who, World, Write,
};
use ormai_testkit::{Engine, Stored, TestDatabase, run_on};
use proptest::test_runner::TestCaseError;

use super::native::policy_passes;
use super::under_test::{Checked, Loaded, Size, prove};
use crate::row_level_security::script;

const CASES: Cases = Cases { trials: 3, asks: 12, of_one: false, of: Asked::Writes };

const SIZE: Size = Size { cases: CASES, asks_per_case: CASES.trials * CASES.asks, asks: 1_080 };

/// How the comparisons ended.
#[derive(Debug, Default)]
struct Counts {
    /// Both did it.
    created: usize,
    changed: usize,
    deleted: usize,
    /// Both found no row.
    not_found: usize,
    /// Both refused what was written.
    checked: usize,
    /// PostgreSQL wanted to read the row again.
    hidden_by_itself: usize,
    /// Nothing that PostgreSQL knows of.
    passed_over: usize,
}

/// The engine stands last in the name, as in the tests that every engine has.
mod law_1_native_row_level_security_writes_what_ormai_writes {
    #[test]
    fn postgres() {
        super::run_on(super::Engine::Postgres, super::body);
    }
}

async fn body(test: &TestDatabase) {
    prove(
        test,
        "native row-level security of writes",
        SIZE,
        async |loaded, case, counts| holds(loaded, case, counts).await,
        |counts: &Counts| {
            let Counts { created, changed, deleted, not_found, checked, hidden_by_itself, .. } = counts;
            assert!(*created > 40 && *changed > 40 && *deleted > 15, "{counts:?}");
            assert!(*not_found > 50 && *checked > 8, "{counts:?}");
            assert!(hidden_by_itself * 5 < created + changed, "{counts:?}");
        },
    );
}

async fn holds(loaded: &mut Loaded<'_>, case: &Case, counts: &RefCell<Counts>) -> Checked {
    let mut outcome = Ok(());
    for trial in &case.trials {
        let mut trial = trial.clone();
        // Budgets are OrmAI's.
        trial.policy.budget = Budget::default();
        for (_, model) in &mut trial.policy.models {
            model.budget = Budget::default();
            model.roles.iter_mut().for_each(|(_, overlay)| overlay.says.budget = Budget::default());
        }
        let yaml = trial.policy.to_yaml();
        let catalog = case.world.catalog(Engine::Postgres, &loaded.prefix).unwrap();
        let script = script(&yaml, catalog, &loaded.test.role());
        loaded.test.execute(script.body()).await;
        let passes = yaml.contains("bypass: true") && policy_passes(&trial.policy);
        let role = if passes { format!("{}_bypass", loaded.test.role()) } else { loaded.test.role() };
        for ask in &trial.asks {
            let Request::Write(asked) = &ask.request else { continue };
            // What is only tried would not be there to be compared.
            let asked = &Write { dry_run: false, ..asked.clone() };
            let expected = write(&case.world, &trial.policy, &ask.who, Case::now(), asked);
            let view = View::of(&case.world, &trial.policy, &ask.who.roles);
            let principal = rls::principal_setting(&ask.who.principal());
            // `jsonb` holds no NUL.
            if principal.contains("\\u0000") || !is_native(&case.world, &view, asked, &expected) {
                counts.borrow_mut().passed_over += 1;
                continue;
            }
            let hides_itself = hides_itself(&view, &ask.who, &case.world, &expected, asked);
            outcome = compared(loaded, &case.world, &role, &principal, asked, &expected, hides_itself, counts).await;
            if let Err(failed) = outcome {
                return Err(TestCaseError::fail(format!("{failed}\n{ask}\n{yaml}\n{script}")));
            }
        }
    }
    // Policies, and so tables, are held by the functions.
    loaded.test.execute("DROP SCHEMA IF EXISTS ormai_rls CASCADE").await;
    outcome
}

/// Whether PostgreSQL knows of all that decides.
fn is_native(world: &World, view: &View, asked: &Write, expected: &Written) -> bool {
    let known = matches!(expected.ending, Ending::Done | Ending::Check | Ending::NotFound);
    let soft = view.models.get(&asked.model).is_some_and(|rules| rules.soft_delete.is_some());
    let is_soft = soft && matches!(asked.act, Act::Delete { .. });
    let by_filters = matches!(asked.act, Act::BulkUpdate { chosen: Chosen::Filters(_), .. });
    known && !is_soft && !by_filters && world.model(&asked.model).is_some()
}

/// Whether a row that was changed cannot be read afterwards.
fn hides_itself(view: &View, who: &Who, world: &World, expected: &Written, asked: &Write) -> bool {
    let changes = matches!(asked.act, Act::Update { .. } | Act::BulkUpdate { .. });
    let eye = Eye::new(&expected.world, view, who, Case::now());
    changes
        && expected.world.models.iter().zip(&world.models).any(|(model, before)| {
            let visible = eye.visible(model);
            model.rows.iter().any(|row| !before.rows.contains(row) && !visible.contains(&row.as_slice()))
        })
}

#[expect(clippy::too_many_arguments, reason = "all that a comparison is about")]
async fn compared(
    loaded: &Loaded<'_>,
    world: &World,
    role: &str,
    principal: &str,
    asked: &Write,
    expected: &Written,
    hides_itself: bool,
    counts: &RefCell<Counts>,
) -> Checked {
    let Some(model) = world.model(&asked.model) else { return Ok(()) };
    let sql = model.change(asked.tool(), &loaded.prefix, &expected.meant.values, &expected.meant.keys);
    let mut open = loaded.test.open().await;
    let changed = open.change_as(role, principal, &sql).await;
    let stored = match changed {
        Ok(_) => open.stored(world, &loaded.prefix).await,
        Err(_) => Stored::expected(world, Engine::Postgres),
    };
    open.undo().await;
    let mut counts = counts.borrow_mut();
    let fail = |why: &str| Err(TestCaseError::fail(format!("{why}: {changed:?}, {:?}\n{sql}", expected.ending)));
    match expected.ending {
        Ending::Check if changed == Err("42501".to_owned()) => counts.checked += 1,
        Ending::Check => return fail("PostgreSQL does not refuse what was written"),
        Ending::NotFound if changed == Ok(0) => counts.not_found += 1,
        Ending::NotFound => return fail("PostgreSQL finds a row"),
        _ if hides_itself => counts.hidden_by_itself += 1,
        _ => {
            if changed.is_err() {
                return fail("PostgreSQL refuses");
            }
            let should = Stored::expected(&expected.world, Engine::Postgres);
            if stored != should {
                return fail(&format!("PostgreSQL leaves something else\n{}", should.differences(&stored)));
            }
            match asked.act {
                Act::Create { .. } => counts.created += 1,
                Act::Delete { .. } => counts.deleted += 1,
                _ => counts.changed += 1,
            }
        }
    }
    Ok(())
}
