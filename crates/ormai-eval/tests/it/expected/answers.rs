//! The engine answers as is expected of it.

use std::cell::RefCell;

use ormai::policy::Format;
use ormai::prelude::*;
use ormai_eval::Witness;
use ormai_testkit::world::{AsCatalog as _, AsDocument as _, AsPrincipal as _, AsTables as _, Asked, Cases};
use ormai_testkit::{Scale, every_engine};

use super::{NOW, expected, pages};

const CASES: Cases = Cases { trials: 2, asks: 15, of_one: false, of: Asked::Reads };

every_engine! {
    async fn every_drawn_read_is_answered_as_expected(test: &TestDatabase) {
        let mut compared = 0;
        for seed in 0..Scale::from_environment(180).asks / (CASES.trials * CASES.asks) {
            let case = CASES.draw(u64::try_from(seed).unwrap());
            let prefix = format!("w{seed}_");
            test.execute(&case.world.statements(test.engine(), &prefix)).await;
            for trial in &case.trials {
                let policy = trial.policy.to_yaml();
                let ormai = OrmAi::builder().database_url(test.url()).hash_key(*b"a hash key for tests");
                let ormai = ormai.catalog(case.world.catalog(test.engine(), &prefix).unwrap());
                let ormai = ormai.policy_text(&policy, Format::Yaml).build().await.unwrap();
                let expected = expected(&ormai, &policy).await;
                for ask in &trial.asks {
                    let (who, tool, arguments) = (ask.who.principal(), ask.request.tool(), ask.request.to_json());
                    let answer = expected.answer(&who, NOW.parse().unwrap(), tool, &arguments).unwrap();
                    let pages = pages(&ormai, &who, tool, &arguments).await;
                    if let Err(difference) = expected.agrees(&answer, &pages) {
                        panic!("{difference}\n{ask}\n{policy}\n{answer:#?}\n{pages:#?}");
                    }
                    compared += 1;
                }
            }
            test.execute(&case.world.drop_statements(&prefix)).await;
        }
        assert!(compared > 0);
    }
}

const WRITES: Cases = Cases { of: Asked::Writes, ..CASES };

every_engine! {
    async fn every_drawn_write_is_answered_as_expected_and_leaves_what_it_must(test: &TestDatabase) {
        let (mut compared, mut not_covered) = (0, 0);
        for seed in 0..Scale::from_environment(120).asks / (WRITES.trials * WRITES.asks) {
            let case = WRITES.draw(u64::try_from(seed).unwrap());
            let prefix = format!("w{seed}_");
            test.execute(&case.world.statements(test.engine(), &prefix)).await;
            for trial in &case.trials {
                let policy = trial.policy.to_yaml();
                let ormai = OrmAi::builder().database_url(test.url()).hash_key(*b"a hash key for tests");
                let ormai = ormai.catalog(case.world.catalog(test.engine(), &prefix).unwrap());
                let ormai = ormai.policy_text(&policy, Format::Yaml).build().await.unwrap();
                let expected = expected(&ormai, &policy).await;
                let witness = Witness::of(ormai.tools()).await.unwrap();
                for ask in &trial.asks {
                    let (who, tool, arguments) = (ask.who.principal(), ask.request.tool(), ask.request.to_json());
                    let Ok(answer) = expected.answer(&who, NOW.parse().unwrap(), tool, &arguments) else {
                        not_covered += 1;
                        continue;
                    };
                    let told = RefCell::new(None);
                    let ctx = RunContext::new(who).now(NOW.parse().unwrap());
                    let model = ask.request.model();
                    let known = case.world.model(model).is_some();
                    // What was written is looked at where it was, and undone.
                    let _ = ormai
                        .tools()
                        .transaction(&ctx, async |tx| {
                            let page = serde_json::to_value(ormai.tools().call(tx, tool, &arguments).await).unwrap();
                            let agrees = expected.agrees(&answer, std::slice::from_ref(&page));
                            let left = match known {
                                true => expected.leaves(&answer, &page, model, &witness.rows(tx, model, 10_000).await.unwrap()),
                                false => Ok(()),
                            };
                            *told.borrow_mut() = Some((page, agrees.and(left)));
                            Err::<(), Error>(Error::new(ErrorCode::Internal, "undone"))
                        })
                        .await;
                    let (page, agrees) = told.into_inner().unwrap();
                    if let Err(difference) = agrees {
                        panic!("{difference}\n{ask}\n{policy}\n{answer:#?}\n{page:#?}");
                    }
                    compared += 1;
                }
            }
            test.execute(&case.world.drop_statements(&prefix)).await;
        }
        assert!(compared > not_covered, "{compared} {not_covered}");
    }
}
