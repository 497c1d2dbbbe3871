//! A plan admits the rows that the condition means: two ways to decide, one answer.

use std::sync::atomic::{AtomicUsize, Ordering};

use ormai_core::condition::evaluate::evaluate;
use ormai_core::condition::{compile, strategies};
use ormai_core::error::ErrorCode;
use ormai_core::plan::Truth;
use ormai_core::policy::PolicyDocument;
use ormai_core::policy::document::{ModelPolicy, RowEffect, RowPolicy};
use ormai_core::principal::Principal;
use ormai_core::request::Query;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value as Json, json};

use crate::condition::laws::principals;
use crate::condition::{Record, catalog, full, order};
use crate::meaning::Reading;
use crate::world::{World, call, now};

/// Orders with something else, or nothing, in each column.
fn rows() -> impl Strategy<Value = Json> {
    let alternatives = json!({
        "id": [-1, 0, 2], "tenant_id": ["7", "globex"], "organization_id": ["7", ""], "owner_id": [-1, 0],
        "user_id": ["7", "a"], "status": ["7", "A", "ab"], "is_public": [false], "deleted": [true],
        "total": ["-3", "7", "12.5"], "weight": [7.0, "NaN", "inf", -1.5], "priority": [0, -1], "code": ["a", "", "7 "],
        "kind": ["draft", "closed"], "digest": ["", "AAAA"], "created_at": ["2030-01-10T10:00:30Z"],
        "shipped_at": ["2024-05-01T12:00:00"], "due": ["2024-05-01", "2051-01-10"], "at": ["10:00:30"],
        "tenant": [[], [{"id": "7", "name": "a"}]],
        "user": [[], [{"id": "7", "tenant_id": "7", "email": "a", "active": false}]],
        "items": [[], [{"id": 0, "order_id": 1, "sku": "7", "price": "0.5"}]],
    });
    let full = full().as_object().cloned().unwrap();
    let columns: Vec<_> = full
        .into_iter()
        .map(|(name, usual)| {
            let mut values = vec![Some(usual), None];
            values.extend(alternatives[&name].as_array().into_iter().flatten().cloned().map(Some));
            select(values).prop_map(move |value| (name.clone(), value))
        })
        .collect();
    columns.prop_map(|columns| {
        let kept = columns.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Json::Object(kept.collect::<Map<_, _>>())
    })
}

/// The world in which a condition restricts the orders, and nothing else does.
fn restricted_by(condition: &str) -> World {
    let restrict = RowPolicy::new("law", condition).effect(RowEffect::Restrict);
    let model = ModelPolicy::new().allow(["id"]).shared().row_policy(restrict);
    World::of(catalog(), &PolicyDocument::new().model("Order", model))
}

/// What the condition means, and what the plan admits; both refusals are `None`.
fn both(source: &str, rows: &[Json], principal: &Principal) -> (Option<Vec<Truth>>, Option<Vec<Truth>>) {
    let catalog = catalog();
    let model = order(&catalog);
    let records: Vec<Record> = rows.iter().map(|row| Record::new(&catalog, model, row.clone())).collect();
    let condition = compile(source, &catalog, model).unwrap().condition;
    let meant = records.iter().map(|row| evaluate(&condition, row, principal, now()).ok()).collect();
    let plan = restricted_by(source).plan_for(Query::model("Order"), &call(principal.clone()));
    let admitted = match plan {
        Err(error) => {
            assert_eq!(error.code, ErrorCode::PrincipalIncomplete, "{error}");
            None
        }
        Ok(plan) => {
            let reading = Reading { catalog: &catalog, binds: plan.root().binds() };
            let scope = &plan.root().source().unwrap().scope;
            Some(records.iter().map(|row| reading.truth(scope, model, row)).collect())
        }
    };
    (meant, admitted)
}

#[test]
fn a_plan_admits_the_rows_that_its_condition_means() {
    const CASES: u32 = 768;
    let (mixed, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let catalog = catalog();
    let conditions = strategies::source(&catalog, order(&catalog));
    let law = runner.run(&(conditions, prop::collection::vec(rows(), 8), principals()), |(source, rows, principal)| {
        // The negation tells what is false from what is unknown.
        for source in [source.clone(), format!("NOT ({source})")] {
            let (meant, admitted) = both(&source, &rows, &principal);
            let yes = |truths: Option<Vec<Truth>>| -> Option<Vec<bool>> {
                truths.map(|truths| truths.into_iter().map(|truth| truth == Truth::True).collect())
            };
            let (meant, admitted) = (yes(meant), yes(admitted));
            prop_assert_eq!(&meant, &admitted, "{}", source);
            match admitted {
                None => _ = refused.fetch_add(1, Ordering::Relaxed),
                Some(rows) if rows.contains(&true) && rows.contains(&false) => {
                    _ = mixed.fetch_add(1, Ordering::Relaxed);
                }
                Some(_) => {}
            }
        }
        Ok(())
    });
    law.unwrap_or_else(|failure| panic!("{failure}"));
    // A law over cases that admit nothing or everything would say little.
    let (mixed, refused, decided) = (mixed.into_inner(), refused.into_inner(), 2 * CASES as usize);
    assert!(mixed * 20 > decided, "only {mixed} of {decided} cases admit some rows and not others");
    assert!(refused > 0 && refused * 2 < decided, "{refused} of {decided} principals are refused");
}

#[test]
fn what_the_law_has_found_stays_found() {
    let check = |source: &str, row: Json, expected: Truth| {
        let (meant, admitted) = both(source, std::slice::from_ref(&row), &Principal::new("7"));
        assert_eq!(meant, Some(vec![expected]), "{source}");
        let admits = admitted.map(|truths| truths == [Truth::True]);
        assert_eq!(admits, Some(expected == Truth::True), "{source}");
    };
    // Inside another value a missing attribute is as unknown as anywhere else.
    check("coalesce(status, principal.user_id) IS NULL", json!({"status": "open"}), Truth::Unknown);
    check("coalesce(status, principal.user_id) IS NOT NULL", json!({"status": "open"}), Truth::Unknown);
    check("principal.user_id IS NULL", json!({}), Truth::True);
}
