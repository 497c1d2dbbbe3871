//! One test body on each engine.
#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

use std::fmt;

use crate::databases::TestDatabase;
use crate::faults;

/// An engine that OrmAI speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// SQLite, in a file.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MariaDB and MySQL.
    MySql,
}

impl Engine {
    /// Every engine.
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::MySql];
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
        })
    }
}

/// Runs a test body beside an empty database of an engine. Rather than call this, write
/// [`every_engine!`](crate::every_engine).
///
/// # Panics
///
/// When the body does, and when there is no database to be had.
pub fn run_on(engine: Engine, body: impl AsyncFnOnce(&TestDatabase)) {
    faults::switch_on();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime for the test").block_on(async {
        let database = TestDatabase::on(engine).await;
        body(&database).await;
        database.close().await;
    });
}

/// Makes of each `async fn` the tests `…::sqlite`, `…::postgres` and `…::mysql`, each beside an
/// empty database of its own. `cargo xtask test` fails when one of them did not run.
#[macro_export]
macro_rules! every_engine {
    ($($(#[$attribute:meta])* async fn $name:ident($database:ident: &TestDatabase) $body:block)+) => {$(
        #[cfg(test)]
        $(#[$attribute])*
        mod $name {
            #[allow(clippy::allow_attributes, unused_imports, reason = "a body may use nothing from around it")]
            use super::*;

            async fn body($database: &$crate::TestDatabase) $body

            #[test]
            fn sqlite() {
                $crate::run_on($crate::Engine::Sqlite, body);
            }

            #[test]
            fn postgres() {
                $crate::run_on($crate::Engine::Postgres, body);
            }

            #[test]
            fn mysql() {
                $crate::run_on($crate::Engine::MySql, body);
            }
        }
    )+};
}
