//! A program that is killed at any moment, over and over on the same files: whatever it wrote, its
//! trail tells.
//!
//! A few kills are an ordinary test. `cargo xtask crash --kills 200` makes as many as it is told,
//! and shows what they met.

mod aftermath;
mod caller;
mod halting;
mod kills;
mod life;
mod met;
mod tables;

use ormai_testkit::{Kills, every_engine};

use kills::Lives;

/// Enough for each kind of kill to be met once.
const FEW: usize = 14;

every_engine! {
    async fn a_program_that_is_killed_leaves_a_record_of_all_that_it_wrote(test: &TestDatabase) {
        let Kills { kills, seed } = Kills::from_environment(FEW);
        test.execute(tables::TABLES).await;
        test.execute(tables::triggers(test.engine())).await;
        let directory = tempfile::tempdir().unwrap();
        let mut lives = Lives::new(test.url(), directory.path(), seed);
        while lives.killed() < kills {
            lives.kill_next();
        }
        lives.end_in_order();
        let met = aftermath::check(test, &lives).await;
        met.print(&format!("{} on seed {seed}", test.engine()));
        met.assert_enough();
    }
}
