//! What the limits cost beside the driver alone. Printed, and held to a generous bound so
//! that a round trip that creeps in is noticed.

use std::time::{Duration, Instant};

use ormai_core::value::ColumnType;
use ormai_db::Session;
use ormai_testkit::both_engines;

use crate::support::{connect, statement};

/// The fastest of several rounds, per call.
async fn per_call(mut call: impl AsyncFnMut()) -> Duration {
    const CALLS: u32 = 300;
    let mut best = Duration::MAX;
    for _ in 0..7 {
        let begun = Instant::now();
        for _ in 0..CALLS {
            call().await;
        }
        best = best.min(begun.elapsed() / CALLS);
    }
    best
}

both_engines! {
    async fn a_session_costs_no_more_than_the_drivers_own_pool(test: &TestDatabase) {
        let database = connect(test, 1).await;
        let one = statement("SELECT 1", &[], &[ColumnType::Int]);
        let limit = Duration::from_millis(5_000);
        let ours = per_call(async || {
            let mut session = Session::from_pool(&database).await.unwrap();
            assert_eq!(session.run(&one, limit).await.unwrap().len(), 1);
            session.finish().await.unwrap();
        })
        .await;
        let theirs = match test.pool() {
            ormai_testkit::Pool::Sqlite(pool) => per_call(async || drop(driver(pool).await)).await,
            ormai_testkit::Pool::Postgres(pool) => per_call(async || drop(driver(pool).await)).await,
        };
        println!("{}: session {ours:?}, driver's pool {theirs:?}", test.engine());
        assert!(ours < theirs + Duration::from_micros(50), "{ours:?} against {theirs:?}");
    }
}

#[expect(clippy::disallowed_methods, reason = "the driver alone is what is compared with")]
async fn driver<DB>(pool: &sqlx::Pool<DB>) -> Vec<DB::Row>
where
    DB: sqlx::Database,
    for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    DB::Arguments: sqlx::IntoArguments<DB>,
{
    sqlx::query::<DB>("SELECT 1").fetch_all(pool).await.unwrap()
}
