//! What is drawn for the laws holds together.

use std::sync::Arc;

use ormai_core::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};
use ormai_testkit::Engine;
use ormai_testkit::world::{Case, Cases};
use proptest::strategy::ValueTree;

const CASES: Cases = Cases { trials: 4, asks: 2, of_one: false };

#[test]
fn every_policy_that_is_drawn_loads() {
    for seed in 0..150 {
        let case = CASES.draw(seed);
        let catalog = Arc::new(case.world.catalog(Engine::Sqlite, "").unwrap());
        for trial in &case.trials {
            let text = trial.policy.to_yaml();
            let options = CompileOptions { has_hash_key: true };
            let loaded = PolicyDocument::parse(&text, Format::Yaml)
                .and_then(|document| CompiledPolicy::compile(&document, Arc::clone(&catalog), options));
            if let Err(findings) = loaded {
                let findings: Vec<String> =
                    findings.iter().filter(|finding| finding.is_error()).map(ToString::to_string).collect();
                panic!("seed {seed}: {}\n{text}", findings.join("\n"));
            }
        }
    }
}

#[test]
fn the_same_seed_draws_the_same_case() {
    assert_eq!(CASES.draw(7), CASES.draw(7));
    assert_ne!(CASES.draw(7), CASES.draw(8));
}

/// A law that fails whenever an ask names a model ends with one ask and no rows.
#[test]
fn a_failing_case_gets_as_simple_as_it_can() {
    let fails = |case: &Case| case.trials.iter().any(|trial| !trial.asks.is_empty());
    let mut runner = ormai_testkit::Scale { asks: 1, seed: 1 }.runner(1);
    let mut tree = proptest::strategy::Strategy::new_tree(&CASES, &mut runner).unwrap();
    let mut more = tree.simplify();
    while more {
        more = if fails(&tree.current()) { tree.simplify() } else { tree.complicate() };
    }
    let simplest = tree.current();
    assert!(fails(&simplest));
    assert_eq!(simplest.trials.iter().map(|trial| trial.asks.len()).sum::<usize>(), 1);
    assert!(simplest.world.models.iter().all(|model| model.rows.is_empty()), "{simplest}");
    assert!(simplest.trials.iter().all(|trial| trial.policy.models.is_empty()), "{simplest}");
}
