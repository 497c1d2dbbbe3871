//! What is said of all rows holds for each.

use std::sync::atomic::{AtomicUsize, Ordering};

use ormai_core::condition::evaluate::evaluate;
use ormai_core::condition::outcomes::Outcomes;
use ormai_core::condition::{Condition, compile, strategies};
use ormai_core::plan::Truth;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value as Json, json};

use super::laws::principals;
use super::{catalog, compiled, full, now, order, record};

fn of(conditions: &[&str]) -> Outcomes {
    let catalog = catalog();
    let conditions: Vec<Condition> = conditions.iter().map(|source| compiled(source)).collect();
    let roots: Vec<_> = conditions.iter().map(Condition::root).collect();
    Outcomes::of(&roots, &catalog, order(&catalog)).expect("few enough cases")
}

#[test]
fn what_can_never_be_true_is_known() {
    for condition in [
        "total > 5 AND total < 5",
        "status = 'a' AND status = 'b'",
        "status IS NULL AND status = 'a'",
        "is_public AND NOT is_public",
        "tenant_id IS NULL",
        "owner_id > 3 AND owner_id < 4",
        "priority > 32767",
        "organization_id < ''",
        "kind NOT IN ('draft', 'open', 'closed')",
        "status = 'a' AND status NOT IN ('a', 'b')",
        "status NOT LIKE 'a%' AND status LIKE 'a%'",
        "tenant_id = principal.tenant_id AND tenant_id <> principal.tenant_id",
        "user_id = principal.user_id AND user_id <> principal.user_id OR FALSE",
        "principal.user_id IS NULL AND user_id = principal.user_id",
        "principal.user_id IS NULL AND coalesce(user_id, principal.user_id) = 'a'",
        "status IN ()",
    ] {
        assert!(of(&[condition]).never(0), "{condition}");
    }
}

#[test]
fn what_is_always_true_is_known() {
    for condition in [
        "tenant_id IS NOT NULL",
        "is_public OR NOT is_public",
        "is_public IN (TRUE, FALSE)",
        "kind IN ('draft', 'open', 'closed')",
        "total <= 5 OR total > 5",
        "owner_id <= 3 OR owner_id >= 4",
        "priority BETWEEN -32768 AND 32767",
        "organization_id >= ''",
        "status IS NULL OR status IS NOT NULL",
        "status IS NULL OR status = 'a' OR status IS DISTINCT FROM 'a'",
        "principal.user_id IS NULL OR principal.user_id IS NOT NULL",
        "created_at <= now() OR created_at > now()",
    ] {
        let outcomes = of(&[condition]);
        assert!(outcomes.always(0), "{condition}");
        assert!(!outcomes.never(0), "{condition}");
    }
}

#[test]
fn what_a_row_or_a_principal_decides_is_not_claimed() {
    for condition in [
        // Rows with NULL, and principals without the attribute.
        "status = 'a' OR status <> 'a'",
        "user_id = principal.user_id OR user_id <> principal.user_id",
        "tenant_id = principal.tenant_id OR tenant_id <> principal.tenant_id",
        "owner_id > 3 AND owner_id < 5",
        "total > 3 AND total < 4",
        "kind IN ('draft', 'open')",
        "tenant_id NOT IN principal.metadata.list",
        "EXISTS (items)",
        // Nothing is in an empty list, not even NULL.
        "status IS NULL AND status NOT IN principal.metadata.list",
        "lower(tenant_id) = 'A'",
        "tenant.id IS NOT NULL",
        "organization_id > ''",
        "priority > 32766",
        "'admin' IN principal.roles",
        "created_at > now()",
        "tenant_id > organization_id AND organization_id > user_id",
    ] {
        let outcomes = of(&[condition]);
        assert!(!outcomes.never(0) && !outcomes.always(0), "{condition}");
    }
}

#[test]
fn what_follows_from_what_is_known() {
    let check = |a: &str, b: &str, implies: bool, exclude: bool| {
        let outcomes = of(&[a, b]);
        assert_eq!((outcomes.implies(0, 1), outcomes.exclude(0, 1)), (implies, exclude), "{a} | {b}");
    };
    check("total > 10", "total > 5", true, false);
    check("total > 5", "total > 10", false, false);
    check("total > 10", "total < 10", false, true);
    check("status = 'a'", "status IN ('a', 'b')", true, false);
    check("status = 'a'", "status IS NOT NULL", true, false);
    check("status IS NULL", "status = 'a'", false, true);
    check("tenant_id = principal.tenant_id", "tenant_id IS NOT NULL", true, false);
    check("tenant_id = principal.tenant_id", "principal.tenant_id IS NOT NULL", true, false);
    check("status LIKE 'a%'", "status IS NOT NULL", true, false);
    check("status LIKE 'a%'", "status LIKE 'b%'", false, false);
    check("'a' IN principal.roles", "'b' IN principal.roles", false, false);
    check("'a' IN principal.roles AND is_public", "'a' IN principal.roles", true, false);
    check("tenant_id = organization_id AND organization_id = user_id", "tenant_id = user_id", true, false);
    check("tenant_id < organization_id AND organization_id < user_id", "tenant_id < user_id", true, false);
}

#[test]
fn too_many_cases_are_not_tried() {
    let many: Vec<String> = (0..40).map(|at| format!("principal.metadata.a{at} = 'x'")).collect();
    let condition = compiled(&many.join(" AND "));
    let catalog = catalog();
    assert_eq!(Outcomes::of(&[condition.root()], &catalog, order(&catalog)), None);
}

/// Orders as the catalog allows them: NULL only where it may stand, and related rows or none.
fn rows() -> impl Strategy<Value = Json> {
    let alternatives = json!({
        "id": [-1, 0, 2], "tenant_id": ["7", "", "A"], "organization_id": ["7", "", "a"], "owner_id": [-1, 0],
        "user_id": ["7", "a", null, ""], "status": ["7", "A", "ab", "", null], "is_public": [false], "deleted": [true],
        "total": ["-3", "7", "12.5"], "weight": [7.0, "NaN", "inf", -1.5, null], "priority": [0, -1, 32767, -32768],
        "code": ["a", "", "7 "], "kind": ["draft", "closed"], "digest": ["", "AAAA"],
        "created_at": ["2030-01-10T10:00:30Z"], "shipped_at": ["2024-05-01T12:00:00", null],
        "due": ["2024-05-01", "2051-01-10", null], "at": ["10:00:30"], "tags": [null], "details": [null],
        "tenant": [[], [{"id": "7", "name": "a"}]],
        "user": [[], [{"id": "7", "tenant_id": "7", "email": "a", "active": false}]],
        "items": [[], [{"id": 0, "order_id": 1, "sku": "7", "price": "0.5"}]],
    });
    let columns: Vec<_> = full()
        .as_object()
        .cloned()
        .unwrap()
        .into_iter()
        .map(|(name, usual)| {
            let mut values = vec![usual];
            values.extend(alternatives[&name].as_array().into_iter().flatten().cloned());
            select(values).prop_map(move |value| (name.clone(), value))
        })
        .collect();
    columns.prop_map(|columns| {
        Json::Object(columns.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
    })
}

/// The law on which every claim rests: whatever some row and principal make of conditions is
/// among the outcomes.
#[test]
fn no_row_and_no_principal_is_outside_of_the_outcomes() {
    const CASES: u32 = 384;
    let (decided, narrow, met) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let catalog = catalog();
    let model = order(&catalog);
    let conditions = || strategies::source(&catalog, model);
    let strategy = (conditions(), conditions(), prop::collection::vec((rows(), principals()), 12));
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let law = runner.run(&strategy, |(one, other, cases)| {
        let conditions = [&one, &other].map(|source| compile(source, &catalog, model).unwrap().condition);
        let roots = conditions.each_ref().map(Condition::root);
        let Some(outcomes) = Outcomes::of(&roots, &catalog, model) else { return Ok(()) };
        decided.fetch_add(1, Ordering::Relaxed);
        let all = [Truth::False, Truth::Unknown, Truth::True];
        if all.iter().any(|a| all.iter().any(|b| !outcomes.contains(&[*a, *b]))) {
            narrow.fetch_add(1, Ordering::Relaxed);
        }
        for (row, principal) in cases {
            let row = record(row);
            let truths: Result<Vec<_>, _> =
                conditions.iter().map(|condition| evaluate(condition, &row, &principal, now())).collect();
            if let Ok(truths) = truths {
                met.fetch_add(1, Ordering::Relaxed);
                prop_assert!(outcomes.contains(&truths), "{} | {}: {:?}", one, other, truths);
            }
        }
        Ok(())
    });
    law.unwrap_or_else(|failure| panic!("{failure}"));
    let (decided, narrow, met) = (decided.into_inner(), narrow.into_inner(), met.into_inner());
    // A law about what is never tried, or never excludes anything, would say little.
    assert!(decided * 2 > CASES as usize, "only {decided} of {CASES} pairs are few enough cases");
    assert!(narrow * 4 > decided, "only {narrow} of {decided} pairs exclude an outcome");
    assert!(met > decided, "only {met} rows were decided");
}
