//! A store in a database: SQLite, PostgreSQL, MariaDB or MySQL.

mod alive;
mod columns;
mod dialect;
mod fault;
mod find;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod indexes;
#[cfg(feature = "mysql")]
mod mysql;
mod pool;
#[cfg(feature = "postgres")]
mod postgres;
mod prune;
mod read;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statement;
mod writers;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use uuid::Uuid;

use columns::{inserts, seq_number};
use fault::Fault;
use pool::{Connection, Pool, no_runtime, to_its_end};
use statement::Statement;
use writers::Writers;

use crate::aside;
use crate::filter::Filter;
use crate::line::Line;
use crate::prune::Stub;
use crate::store::{AuditStore, Head, Orphan, Position, Records, Scanned, StoreError, Storing};

/// How long making the tables may take: whoever does so at the same time is waited for.
const INSTALLING: Duration = Duration::from_secs(60);

/// Lines in a database, on connections of its own.
///
/// The table `ormai_audit` has a row for each line: the line as it is, and what records are found
/// by. The database itself refuses to change or delete a row. `ormai_audit_writers` lists the
/// processes that write; it is no evidence.
///
/// Whoever owns the tables can lift what refuses, and on MariaDB whoever has the right to change
/// rows can go around it, so the user that writes should own nothing. It needs `INSERT` and `SELECT` on `ormai_audit`, and `INSERT`, `SELECT` and `DELETE` on
/// `ormai_audit_writers`. Pruning is for the owner; on MariaDB, for a user that may `UPDATE` and
/// `DELETE` on `ormai_audit` too.
///
/// A line is on stable storage when it is appended, as the server is set: `synchronous_commit` of
/// PostgreSQL, `innodb_flush_log_at_trx_commit` of MariaDB. A SQLite file that is opened here
/// is written with `synchronous = FULL`.
///
/// Clones share its connections.
///
/// ```no_run
/// # async fn example() -> Result<(), ormai_audit::StoreError> {
/// use ormai_audit::{AuditStore, SqlStore};
///
/// let store = SqlStore::connect("postgres://audit_writer@db.internal/audit").await?;
/// store.install().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqlStore {
    pool: Pool,
    writers: Arc<Mutex<Writers>>,
}

impl SqlStore {
    /// Opens a database by its URL: `postgres://user@host/name`, `mysql://user@host/name` (or
    /// `mariadb://…`) or `sqlite:path`, whose file is made where it is missing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`] for a URL that cannot be read, [`StoreError::Unavailable`] when the
    /// database does not answer, and without a tokio runtime. Neither repeats the URL, which may hold a password.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        if !aside::has_runtime() {
            return Err(no_runtime().into());
        }
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        let pool = match scheme {
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => Pool::Postgres(postgres::connect(url).await?),
            #[cfg(feature = "sqlite")]
            "sqlite" => Pool::Sqlite(sqlite::connect(url).await?),
            #[cfg(feature = "mysql")]
            "mysql" | "mariadb" => Pool::MySql(mysql::connect(url).await?),
            _ => {
                return Err(StoreError::Failed(
                    "the URL starts with none of `postgres:`, `mysql:`, `mariadb:` and `sqlite:`".to_owned(),
                ));
            }
        };
        Ok(Self::of(pool))
    }

    fn of(pool: Pool) -> Self {
        Self { pool, writers: Arc::default() }
    }

    /// Ends its connections, and waits until they are. Its writers count as gone.
    pub async fn close(&self) {
        *self.writers.lock().await = Writers::default();
        self.pool.close().await;
    }

    async fn make(&self) -> Result<Vec<&'static str>, Fault> {
        let dialect = self.pool.dialect();
        if self.missing(&mut self.pool.acquire().await?).await?.is_empty() {
            return Ok(Vec::new());
        }
        let mut connection = self.pool.acquire().await?;
        let made = async {
            connection.text_within(INSTALLING, dialect.begin_install).await?;
            // Somebody else may have made it meanwhile.
            let missing = self.missing(&mut connection).await?;
            for object in dialect.objects.iter().filter(|object| missing.contains(object.name)) {
                if let Err(fault) = connection.text_within(INSTALLING, object.make).await {
                    return Err(unmade(object.name, fault));
                }
            }
            connection.text_within(INSTALLING, "COMMIT").await?;
            if !dialect.end_install.is_empty() {
                connection.text_within(INSTALLING, dialect.end_install).await?;
            }
            Ok(dialect.objects.iter().map(|object| object.name).filter(|name| missing.contains(name)).collect())
        };
        let made = made.await;
        if made.is_err() {
            // With it goes what it holds, and what is half done.
            connection.give_up();
        }
        made
    }

    async fn missing(&self, connection: &mut Connection) -> Result<BTreeSet<&'static str>, Fault> {
        let dialect = self.pool.dialect();
        let mut missing: BTreeSet<&'static str> = dialect.objects.iter().map(|object| object.name).collect();
        for row in connection.within(INSTALLING, &Statement::new(dialect.present)).await? {
            let name = row.bytes(0)?;
            missing.retain(|missing| missing.as_bytes() != name);
        }
        Ok(missing)
    }

    /// Appends lines, and does so again when nobody knows what came of it: their places are
    /// unique, so that they are never there twice.
    async fn write(&self, lines: &[Line]) -> Result<(), StoreError> {
        let mut doubt = None;
        for _ in 0..2 {
            let fault = match self.pool.write(inserts(lines)).await {
                Ok(()) => return Ok(()),
                Err(fault) => fault,
            };
            match (fault, &doubt) {
                (Fault::Lost(said), _) => doubt = Some(said),
                (Fault::Duplicate(said), _) => return self.is_there(lines, said).await,
                (fault, None) => return Err(fault.into()),
                (_, Some(said)) => return Err(StoreError::Doubtful(said.clone())),
            }
        }
        Err(StoreError::Doubtful(doubt.unwrap_or_default()))
    }

    /// Whether what stands at the places of lines is these lines.
    async fn is_there(&self, lines: &[Line], said: String) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return Ok(()) };
        let there = Statement::new("SELECT entry FROM ormai_audit WHERE chain = ")
            .value(first.place().chain.to_string())
            .text(" AND seq >= ")
            .value(seq_number(first.place().seq))
            .text(" AND seq <= ")
            .value(seq_number(last.place().seq))
            .text(" ORDER BY seq");
        let rows = self.pool.read(there).await.map_err(|_| StoreError::Doubtful(said.clone()))?;
        if rows.is_empty() {
            return Err(StoreError::Failed(said));
        }
        let mut are_the_same = rows.len() == lines.len();
        for (row, line) in rows.iter().zip(lines) {
            are_the_same &= row.bytes(0)? == line.text().as_bytes();
        }
        // Others stand there since an appending of which nobody heard the end: the chain cannot
        // go on.
        if are_the_same { Ok(()) } else { Err(StoreError::Doubtful(said)) }
    }

    /// Looks after the locks, while nobody waits for it.
    fn keep_alive(&self) {
        let Ok(mut writers) = Arc::clone(&self.writers).try_lock_owned() else { return };
        if writers.are_due() {
            let pool = self.pool.clone();
            tokio::spawn(async move { writers.keep(&pool).await });
        }
    }
}

fn unmade(name: &str, fault: Fault) -> Fault {
    match fault {
        Fault::Lost(said) => Fault::Lost(said),
        Fault::Unavailable(said) | Fault::Failed(said) | Fault::Duplicate(said) => {
            Fault::Unavailable(format!("`{name}` could not be made, install it as the owner of the schema: {said}"))
        }
        Fault::NotInstalled => Fault::Failed(format!("`{name}` is for a table that is not there")),
    }
}

impl AuditStore for SqlStore {
    fn name(&self) -> String {
        format!("{} ({})", self.pool.dialect().name, self.pool.place())
    }

    fn install(&self) -> Storing<'_, Vec<&'static str>> {
        let store = self.clone();
        Box::pin(async move { Ok(to_its_end(async move { store.make().await }).await?) })
    }

    fn enter(&self, chain: Uuid) -> Storing<'_, Vec<Orphan>> {
        let store = self.clone();
        let entering = async move { store.writers.lock().await.enter(chain, &store.pool).await };
        Box::pin(async move { Ok(to_its_end(entering).await?) })
    }

    fn settle(&self, chain: Uuid) -> Storing<'_, ()> {
        self.leave(chain)
    }

    fn leave(&self, chain: Uuid) -> Storing<'_, ()> {
        let store = self.clone();
        let leaving = async move { store.writers.lock().await.leave(chain, &store.pool).await };
        Box::pin(async move { Ok(to_its_end(leaving).await?) })
    }

    fn append<'a>(&'a self, lines: &'a [Line]) -> Storing<'a, ()> {
        Box::pin(async move {
            if lines.is_empty() {
                return Ok(());
            }
            self.write(lines).await?;
            self.keep_alive();
            Ok(())
        })
    }

    fn sync(&self) -> Storing<'_, ()> {
        // What is committed is on stable storage.
        Box::pin(async { Ok(()) })
    }

    fn heads<'a>(&'a self, since: Option<&'a Position>) -> Storing<'a, (Vec<Head>, Position)> {
        Box::pin(async move { read::heads(&self.pool, since).await })
    }

    fn scan<'a>(&'a self, after: Option<&'a Position>, most: usize) -> Storing<'a, Scanned> {
        Box::pin(async move { read::scan(&self.pool, after, most).await })
    }

    fn prune<'a>(&'a self, _source: &'a str, stubs: &'a [Stub]) -> Storing<'a, ()> {
        Box::pin(async move { prune::prune(&self.pool, stubs).await })
    }

    fn query<'a>(&'a self, filter: &'a Filter, limit: usize, cursor: Option<&'a str>) -> Storing<'a, Records> {
        Box::pin(async move { read::query(&self.pool, filter, limit, cursor).await })
    }
}

#[cfg(feature = "postgres")]
impl From<sqlx::PgPool> for SqlStore {
    fn from(pool: sqlx::PgPool) -> Self {
        Self::of(Pool::Postgres(pool))
    }
}

#[cfg(feature = "mysql")]
impl From<sqlx::MySqlPool> for SqlStore {
    fn from(pool: sqlx::MySqlPool) -> Self {
        Self::of(Pool::MySql(pool))
    }
}

#[cfg(feature = "sqlite")]
impl From<sqlx::SqlitePool> for SqlStore {
    fn from(pool: sqlx::SqlitePool) -> Self {
        Self::of(Pool::Sqlite(pool))
    }
}

/// Shows where it is, without a password.
impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqlStore").field(&self.name()).finish()
    }
}
