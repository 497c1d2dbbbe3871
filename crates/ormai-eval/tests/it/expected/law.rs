//! Worlds drawn at random, given as users give theirs: a catalog, a policy in YAML, rows in JSON, and requests in
//! JSON.

use std::collections::BTreeSet;

use ormai::policy::Format;
use ormai::policy::document::PolicyDocument;
use ormai_eval::Row;
use ormai_eval::expected::Expected;
use ormai_testkit::Engine;
use ormai_testkit::reference::{Outcome, answer};
use ormai_testkit::world::{
    AsCatalog as _, AsDocument as _, AsPrincipal as _, Ask, Asked, Case, Cases, Model, Policy, World,
};

const READS: Cases = Cases { trials: 4, asks: 15, of_one: false, of: Asked::Reads };
const WRITES: Cases = Cases { of: Asked::Writes, ..READS };

/// The rows of a model as a witness reads them.
fn rows(model: &Model) -> Vec<Row> {
    let names = || model.columns.iter().map(|column| column.name.clone());
    model.rows.iter().map(|row| names().zip(row.iter().map(|cell| cell.to_json())).collect()).collect()
}

fn expected(world: &World, policy: &Policy, engine: Engine) -> Expected {
    let catalog = world.catalog(engine, "").unwrap();
    let document = PolicyDocument::parse(&policy.to_yaml(), Format::Yaml).unwrap();
    let expected = Expected::new(&catalog, &document).unwrap();
    world.models.iter().fold(expected, |expected, model| expected.with_rows(&model.name, rows(model)))
}

fn each_ask(cases: Cases, mut then: impl FnMut(&Case, &Policy, &Expected, &Ask)) {
    let seeds = ormai_testkit::Scale::from_environment(2_400).asks / (cases.trials * cases.asks);
    for seed in 0..seeds {
        let case = cases.draw(u64::try_from(seed).unwrap());
        for trial in &case.trials {
            // On MariaDB text has collations, which take no part in what is equal.
            let engine = if seed % 2 == 0 { Engine::Sqlite } else { Engine::MySql };
            let expected = expected(&case.world, &trial.policy, engine);
            trial.asks.iter().for_each(|ask| then(&case, &trial.policy, &expected, ask));
        }
    }
}

#[test]
fn a_read_is_expected_to_be_answered_as_the_reference_answers_it() {
    let mut answered = 0;
    each_ask(READS, |case, policy, expected, ask| {
        let said = answer(&case.world, policy, &ask.who, Case::now(), &ask.request);
        let (now, arguments) = (Case::now().parse().unwrap(), ask.request.to_json());
        let read = expected.answer(&ask.who.principal(), now, ask.request.tool(), &arguments);
        match read {
            Ok(read) => same(&said, &read.outcome, ask, policy),
            Err(why) => panic!("{why}\n{ask}\n{}", policy.to_yaml()),
        }
        answered += usize::from(!matches!(said, Outcome::Refused(_)));
    });
    assert!(answered > 500, "{answered}");
}

/// A request that is not even well formed is refused for one reason, which the reference has among others.
fn same(said: &Outcome, read: &Outcome, ask: &Ask, policy: &Policy) {
    match (said, read) {
        (Outcome::Refused(reasons), Outcome::Refused(read)) => {
            assert!(read.is_subset(reasons) && !read.is_empty(), "{reasons:?} {read:?} {ask}\n{}", policy.to_yaml());
        }
        _ => assert_eq!(said, read, "{ask}\n{}", policy.to_yaml()),
    }
}

#[test]
fn a_write_is_expected_to_end_as_the_reference_ends_it() {
    let (mut told, mut not_covered) = (0, 0);
    each_ask(WRITES, |case, policy, expected, ask| {
        let said = answer(&case.world, policy, &ask.who, Case::now(), &ask.request);
        let (now, arguments) = (Case::now().parse().unwrap(), ask.request.to_json());
        match expected.answer(&ask.who.principal(), now, ask.request.tool(), &arguments) {
            Ok(read) => {
                told += 1;
                // Which default a column has, a catalog does not say.
                match (&said, &read.outcome) {
                    (Outcome::Row(said), Outcome::Row(read)) => assert_eq!(said.len(), read.len(), "{ask}"),
                    (Outcome::Preview { .. }, Outcome::Preview { .. }) => {}
                    // Nor which foreign keys are enforced.
                    (Outcome::Refused(codes), _) | (_, Outcome::Refused(codes)) if is_of_the_database(codes) => {}
                    (said, read) => same(said, read, ask, policy),
                }
            }
            Err(_) => not_covered += 1,
        }
    });
    assert!(told > not_covered * 4, "{told} {not_covered}");
}

fn is_of_the_database(codes: &BTreeSet<&str>) -> bool {
    codes.contains("CONFLICT") || codes.contains("VALIDATION_ERROR")
}
