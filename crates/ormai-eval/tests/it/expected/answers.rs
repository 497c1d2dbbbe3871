//! The engine answers as is expected of it.

use ormai::policy::Format;
use ormai::prelude::*;
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
