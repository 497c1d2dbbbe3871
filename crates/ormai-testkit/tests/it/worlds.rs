//! What is drawn for the laws holds together.

use std::sync::Arc;

use ormai_core::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};
use ormai_testkit::reference::{Ending, Eye, View, Written, write};
use ormai_testkit::world::{
    AsCatalog as _, AsDocument as _, AsTable as _, AsTables as _, Ask, Asked, Case, Cases, Request, Trial, Write,
};
use ormai_testkit::{Engine, WriteTally, every_engine};
use proptest::strategy::ValueTree;

const CASES: Cases = Cases { trials: 4, asks: 2, of_one: false, of: Asked::Reads };

#[test]
fn every_policy_that_is_drawn_loads() {
    let cases = (0..150).map(|seed| (seed, CASES.draw(seed)));
    for (seed, case) in cases.chain((0..150).map(|seed| (seed, WRITES.draw(seed)))) {
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

const WRITES: Cases = Cases { trials: 4, asks: 15, of_one: false, of: Asked::Writes };

/// Each write of the cases of some seeds, with the interpreter's word on it.
fn each_write(seeds: std::ops::Range<u64>, mut then: impl FnMut(&Case, &Trial, &Ask, &Write, &Written)) {
    for seed in seeds {
        let case = WRITES.draw(seed);
        for trial in &case.trials {
            for ask in &trial.asks {
                let Request::Write(asked) = &ask.request else { panic!("a write") };
                let written = write(&case.world, &trial.policy, &ask.who, Case::now(), asked);
                then(&case, trial, ask, asked, &written);
            }
        }
    }
}

#[test]
fn the_writes_that_are_drawn_meet_what_a_run_has_to_meet() {
    let mut tally = WriteTally::default();
    each_write(0..40, |case, trial, ask, asked, written| {
        let view = View::of(&case.world, &trial.policy, &ask.who.roles);
        tally.write(&case.world, &view, ask, asked, written);
    });
    let shortcomings = tally.shortcomings();
    assert!(shortcomings.is_empty(), "{}\n{tally}", shortcomings.join("\n"));
}

#[test]
fn a_refused_write_and_one_that_is_only_tried_leave_everything_as_it_was() {
    each_write(0..60, |case, _, _, asked, written| {
        let is_done = written.ending == Ending::Done;
        assert!(is_done || written.world == case.world);
        assert!(!is_done || !asked.dry_run);
    });
}

#[test]
fn no_write_leaves_a_world_that_the_database_would_not_hold() {
    each_write(0..60, |case, _, _, _, written| {
        assert!(case.world.is_whole(), "{case}");
        assert!(written.world.is_whole(), "{case}");
        for model in &written.world.models {
            assert!(model.holds_apart(&model.key), "{case}");
        }
    });
}

/// A write behind a wall of tenants changes no row of another tenant, whatever else it does.
#[test]
fn no_write_changes_what_the_principal_does_not_see() {
    each_write(0..60, |case, trial, ask, asked, written| {
        let view = View::of(&case.world, &trial.policy, &ask.who.roles);
        let eye = Eye::new(&case.world, &view, &ask.who, Case::now());
        for (before, after) in case.world.models.iter().zip(&written.world.models) {
            let visible = eye.visible(before);
            let gone: Vec<_> = before.rows.iter().filter(|row| !after.rows.contains(row)).collect();
            assert!(gone.iter().all(|row| visible.contains(&row.as_slice())), "{ask}");
            assert!(gone.is_empty() || before.name == asked.model, "{ask}");
        }
    });
}

every_engine! {
    async fn the_database_holds_what_is_drawn_with_its_keys(database: &TestDatabase) {
        for seed in 0..12 {
            let world = WRITES.draw(seed).world;
            let prefix = format!("w{seed}_");
            database.execute(&world.statements(database.engine(), &prefix)).await;
            database.execute(&world.refill(database.engine(), &prefix)).await;
            for model in &world.models {
                let count = usize::try_from(database.count(&model.table(&prefix)).await).unwrap();
                assert_eq!(count, model.rows.len(), "{}", model.name);
            }
            database.execute(&world.drop_statements(&prefix)).await;
        }
    }
}
