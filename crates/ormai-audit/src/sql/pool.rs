//! Connections to whichever database it is.

use std::time::Duration;

use sqlx::pool::PoolConnection;
#[cfg(feature = "mysql")]
use sqlx::{MySql, MySqlPool};
#[cfg(feature = "postgres")]
use sqlx::{PgPool, Postgres};
#[cfg(feature = "sqlite")]
use sqlx::{Sqlite, SqlitePool};

use super::dialect::Dialect;
use super::fault::Fault;
use super::statement::{Row, Run, Statement};
use crate::aside;

/// How long one waits for a connection. A call that cannot be recorded is refused, not held.
pub(super) const ACQUIRE: Duration = Duration::from_secs(5);
/// How many connections a store opens at most: lines go one batch after the other.
pub(super) const CONNECTIONS: u32 = 4;
/// A connection that lay idle longer is asked whether it still lives.
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(super) const TRUSTED: Duration = Duration::from_secs(15);
/// How long something that is written may take. What takes longer is in doubt.
const WRITING: Duration = Duration::from_secs(15);
/// How long something that is read may take.
const READING: Duration = Duration::from_secs(120);

/// Where connections come from.
#[derive(Clone)]
pub(super) enum Pool {
    #[cfg(feature = "sqlite")]
    Sqlite(SqlitePool),
    #[cfg(feature = "postgres")]
    Postgres(PgPool),
    #[cfg(feature = "mysql")]
    MySql(MySqlPool),
}

/// A connection of a pool.
pub(super) enum Connection {
    #[cfg(feature = "sqlite")]
    Sqlite(PoolConnection<Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(PoolConnection<Postgres>),
    #[cfg(feature = "mysql")]
    MySql(PoolConnection<MySql>),
}

macro_rules! of_pool {
    ($pool:expr, $inner:ident => $do:expr) => {
        match $pool {
            #[cfg(feature = "sqlite")]
            Pool::Sqlite($inner) => $do,
            #[cfg(feature = "postgres")]
            Pool::Postgres($inner) => $do,
            #[cfg(feature = "mysql")]
            Pool::MySql($inner) => $do,
        }
    };
}

macro_rules! of_connection {
    ($connection:expr, $inner:ident => $do:expr) => {
        match $connection {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite($inner) => $do,
            #[cfg(feature = "postgres")]
            Connection::Postgres($inner) => $do,
            #[cfg(feature = "mysql")]
            Connection::MySql($inner) => $do,
        }
    };
}

impl Pool {
    pub(super) fn dialect(&self) -> &'static Dialect {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => &super::sqlite::DIALECT,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => &super::postgres::DIALECT,
            #[cfg(feature = "mysql")]
            Self::MySql(_) => &super::mysql::DIALECT,
        }
    }

    /// Where it leads, without secrets.
    pub(super) fn place(&self) -> String {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(pool) => pool.connect_options().get_filename().display().to_string(),
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => {
                let options = pool.connect_options();
                format!("{}/{}", options.get_host(), options.get_database().unwrap_or_default())
            }
            #[cfg(feature = "mysql")]
            Self::MySql(pool) => {
                let options = pool.connect_options();
                format!("{}/{}", options.get_host(), options.get_database().unwrap_or_default())
            }
        }
    }

    pub(super) async fn acquire(&self) -> Result<Connection, Fault> {
        if !aside::has_runtime() {
            return Err(no_runtime());
        }
        // A pool of somebody else's may have more patience.
        let acquired = tokio::time::timeout(ACQUIRE, self.acquire_in_time()).await;
        match acquired {
            Ok(connection) => connection.map_err(Fault::before_it_began),
            Err(_) => Err(Fault::Unavailable("no connection was to be had in time".to_owned())),
        }
    }

    async fn acquire_in_time(&self) -> Result<Connection, Fault> {
        Ok(match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(pool) => {
                Connection::Sqlite(pool.acquire().await.map_err(|error| super::sqlite::sorted(&error))?)
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => {
                Connection::Postgres(pool.acquire().await.map_err(|error| super::postgres::sorted(&error))?)
            }
            #[cfg(feature = "mysql")]
            Self::MySql(pool) => Connection::MySql(pool.acquire().await.map_err(|error| super::mysql::sorted(&error))?),
        })
    }

    /// Runs something that reads.
    pub(super) async fn read(&self, statement: Statement) -> Result<Vec<Row>, Fault> {
        let pool = self.clone();
        let reading = async move {
            match pool.acquire().await?.within(READING, &statement).await {
                // The connection may have been lost long ago.
                Err(Fault::Lost(_)) => pool.acquire().await?.within(READING, &statement).await,
                read => read,
            }
        };
        to_its_end(reading).await
    }

    /// Runs statements that write: all of them, or none.
    pub(super) async fn write(&self, statements: Vec<Statement>) -> Result<(), Fault> {
        let pool = self.clone();
        let writing = async move {
            let mut connection = pool.acquire().await?;
            if let [alone] = statements.as_slice() {
                return connection.within(WRITING, alone).await.map(drop);
            }
            let begun = connection.text_within(WRITING, pool.dialect().begin).await;
            begun.map_err(Fault::before_it_began)?;
            for statement in &statements {
                if let Err(fault) = connection.within(WRITING, statement).await {
                    connection.give_up();
                    // Nothing was committed.
                    return Err(fault.before_the_commit());
                }
            }
            let committed = connection.text_within(WRITING, "COMMIT").await;
            if committed.is_err() {
                connection.give_up();
            }
            committed
        };
        to_its_end(writing).await
    }

    pub(super) async fn close(&self) {
        of_pool!(self, pool => pool.close().await);
    }
}

impl Connection {
    /// Runs a statement; a connection of which nobody knows what it is at is closed.
    pub(super) async fn within(&mut self, patience: Duration, statement: &Statement) -> Result<Vec<Row>, Fault> {
        let run = of_connection!(self, connection => tokio::time::timeout(patience, connection.run(statement)).await);
        self.seen(run.unwrap_or_else(|_| Err(late())))
    }

    /// Runs a statement that changes rows, and tells how many it found.
    pub(super) async fn change_within(&mut self, patience: Duration, statement: &Statement) -> Result<u64, Fault> {
        let run =
            of_connection!(self, connection => tokio::time::timeout(patience, connection.change(statement)).await);
        self.seen(run.unwrap_or_else(|_| Err(late())))
    }

    pub(super) async fn text_within(&mut self, patience: Duration, text: &'static str) -> Result<(), Fault> {
        let run = of_connection!(self, connection => tokio::time::timeout(patience, connection.run_text(text)).await);
        self.seen(run.unwrap_or_else(|_| Err(late())))
    }

    fn seen<T>(&mut self, run: Result<T, Fault>) -> Result<T, Fault> {
        if matches!(run, Err(Fault::Lost(_))) {
            self.give_up();
        }
        run
    }

    /// Has it closed instead of given back, with what is open on it.
    pub(super) fn give_up(&mut self) {
        of_connection!(self, connection => connection.close_on_drop());
    }
}

/// Drivers do not do without.
pub(super) fn no_runtime() -> Fault {
    Fault::Unavailable(
        "a store in a database needs a tokio runtime, and there is none here: keep records in a file".to_owned(),
    )
}

fn late() -> Fault {
    Fault::Lost("the database did not answer in time".to_owned())
}

/// Runs something to its end, also when nobody waits for it any more: a connection on which a
/// statement was dropped half way could give its answer to the next one.
pub(super) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Fault>> + Send + 'static,
) -> Result<T, Fault> {
    if !aside::has_runtime() {
        return Err(no_runtime());
    }
    tokio::spawn(work).await.unwrap_or_else(|_| Err(Fault::Lost("the runtime ended".to_owned())))
}
