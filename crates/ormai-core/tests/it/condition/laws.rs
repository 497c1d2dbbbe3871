//! Laws that hold for every condition.

use ormai_core::condition::evaluate::{decide, evaluate};
use ormai_core::condition::{compile, parse, strategies};
use ormai_core::plan::Truth;
use ormai_core::principal::Principal;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value as Json, json};

use super::{catalog, full, now, order, record};

/// Pieces of conditions in no order.
fn soup() -> impl Strategy<Value = String> {
    let pieces = vec![
        "AND",
        "OR",
        "NOT",
        "(",
        ")",
        "[",
        "]",
        ",",
        ".",
        "=",
        "<>",
        "==",
        "<",
        "IN",
        "IS",
        "NULL",
        "LIKE",
        "BETWEEN",
        "EXISTS",
        "WHERE",
        "DISTINCT FROM",
        "TRUE",
        "principal",
        "principal.roles",
        "principal.metadata.a",
        "status",
        "tenant.region",
        "items",
        "is_public",
        "total",
        "'text'",
        "'",
        "\"",
        "1",
        "-2.5",
        "00",
        "1.",
        "7a",
        "lower(",
        "coalesce",
        "now()",
        "é",
        "--",
        ";",
        "\0",
        "SELECT",
    ];
    prop::collection::vec(select(pieces), 0..24).prop_map(|pieces| pieces.join(" "))
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), soup(), ".{0,60}"]
}

/// Mostly what fits many types, so that most conditions have a meaning.
fn attribute() -> impl Strategy<Value = Json> {
    prop_oneof![
        6 => select(vec![json!(null), json!(""), json!("7")]),
        1 => select(vec![json!("acme"), json!(7), json!(true), json!(["7"]), json!({})]),
    ]
}

fn list() -> impl Strategy<Value = Json> {
    prop_oneof![
        6 => select(vec![json!(null), json!([]), json!(["7"]), json!(["7", "8"])]),
        1 => select(vec![json!("7"), json!([null]), json!([""]), json!([true])]),
    ]
}

pub(crate) fn principals() -> impl Strategy<Value = Principal> {
    (attribute(), attribute(), attribute(), attribute(), list(), any::<bool>()).prop_map(
        |(tenant, user, a, c, list, admin)| {
            let principal = Principal::new(tenant)
                .user(user)
                .metadata("a", a)
                .metadata("b", json!({"c": c}))
                .metadata("list", list);
            if admin { principal.role("admin") } else { principal }
        },
    )
}

/// The full row without some of its values.
fn rows() -> impl Strategy<Value = Json> {
    prop::collection::vec(any::<bool>(), 30).prop_map(|kept| {
        let full = full().as_object().cloned().unwrap_or_default();
        full.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(entry, _)| entry).collect()
    })
}

fn well_typed() -> impl Strategy<Value = String> {
    let catalog = catalog();
    strategies::source(&catalog, order(&catalog))
}

fn meaning(source: &str, row: &Json, principal: &Principal) -> Option<Truth> {
    let catalog = catalog();
    let condition = compile(source, &catalog, order(&catalog)).unwrap().condition;
    evaluate(&condition, &record(row.clone()), principal, now()).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_what_was_printed_gives_the_same_tree(expr in strategies::expr()) {
        let printed = expr.to_string();
        let read = parse(&printed);
        prop_assert_eq!(read.as_ref(), Ok(&expr), "{}", printed);
        prop_assert_eq!(read.unwrap().to_string(), printed);
    }

    #[test]
    fn any_text_is_read_or_refused_with_a_place(source in any_text()) {
        let catalog = catalog();
        let (read, compiled) = (parse(&source), compile(&source, &catalog, order(&catalog)));
        let findings: Vec<_> = read.err().into_iter().chain(compiled.err()).collect();
        for findings in findings {
            prop_assert!(!findings.is_empty());
            for finding in findings {
                prop_assert!(finding.is_error() && !finding.labels.is_empty(), "{:?}", finding);
                for label in finding.labels {
                    prop_assert!(source.get(label.span.clone()).is_some(), "{:?} in {:?}", label, source);
                }
            }
        }
    }

    #[test]
    fn what_is_read_can_be_printed_and_read_again(source in soup()) {
        if let Ok(expr) = parse(&source) {
            prop_assert_eq!(parse(&expr.to_string()), Ok(expr));
        }
    }

    #[test]
    fn a_well_typed_condition_compiles_and_means_something(
        source in well_typed(), row in rows(), principal in principals(),
    ) {
        let catalog = catalog();
        let checked = compile(&source, &catalog, order(&catalog));
        prop_assert!(checked.is_ok(), "{}: {:?}", source, checked.err());
        let condition = checked.unwrap().condition;
        let meaning = evaluate(&condition, &record(row), &principal, now());
        // An error is the principal's, so it stands whatever the row.
        let bare = evaluate(&condition, &record(json!({})), &principal, now());
        prop_assert_eq!(meaning.clone().err(), bare.err());
        if let Some(decided) = decide(condition.root(), &principal, now()) {
            prop_assert_eq!(decided, meaning);
        }
    }

    #[test]
    fn the_canonical_text_means_the_same(source in well_typed(), row in rows(), principal in principals()) {
        let canonical = parse(&source).unwrap().to_string();
        prop_assert_eq!(meaning(&canonical, &row, &principal), meaning(&source, &row, &principal));
    }

    #[test]
    fn not_not_is_nothing_and_de_morgan_holds(
        a in well_typed(), b in well_typed(), row in rows(), principal in principals(),
    ) {
        let of = |source: &str| meaning(source, &row, &principal);
        prop_assert_eq!(of(&format!("NOT NOT ({a})")), of(&a));
        prop_assert_eq!(of(&format!("NOT (({a}) AND ({b}))")), of(&format!("NOT ({a}) OR NOT ({b})")));
        prop_assert_eq!(of(&format!("NOT (({a}) OR ({b}))")), of(&format!("NOT ({a}) AND NOT ({b})")));
    }
}
