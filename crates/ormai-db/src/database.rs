//! A database to run statements on.

use std::fmt;

use ormai_sql::Dialect;
#[cfg(feature = "mysql")]
use sqlx::MySqlPool;
#[cfg(feature = "postgres")]
use sqlx::PgPool;
#[cfg(feature = "sqlite")]
use sqlx::SqlitePool;

use crate::error::DbError;
#[cfg(any(feature = "mysql", feature = "postgres"))]
use crate::keep::Keep;
use crate::limits::ConnectOptions;
#[cfg(feature = "mysql")]
use crate::mysql;
use crate::pool::PoolStatus;
#[cfg(feature = "postgres")]
use crate::postgres;
#[cfg(feature = "sqlite")]
use crate::sqlite;

/// A database to run statements on; clones share its connections.
///
/// [`Database::connect`] opens connections of its own. A pool of yours works too
/// (`Database::from(pool)`): a connection of it is kept out for up to a tenth of a second
/// between two calls, never the last that the pool has to give, and goes back as it was.
/// On MariaDB and MySQL more than the time limit is set (the mode of SQL, the time zone, the
/// character set), in two round trips when a connection is taken and one when it goes back.
/// A `PgPool` whose connect options set `statement_timeout` (in whole milliseconds) to the
/// policy's own limit needs no round trip to set it.
#[derive(Clone)]
pub struct Database(pub(crate) Source);

#[derive(Clone)]
pub(crate) enum Source {
    #[cfg(feature = "postgres")]
    Postgres(postgres::Source),
    #[cfg(feature = "sqlite")]
    Sqlite(sqlite::Source),
    #[cfg(feature = "mysql")]
    MySql(mysql::Source),
    /// None: every session is over a host.
    Hosts(Dialect),
}

impl Database {
    /// Opens a database by its URL: `postgres://user@host/name`, `mysql://user@host/name`
    /// (or `mariadb://…`) or `sqlite:path` (`sqlite::memory:` for one in memory).
    ///
    /// # Errors
    ///
    /// [`DbError::Failed`] for a URL that cannot be read, [`DbError::Unavailable`] when the
    /// database does not answer. Neither repeats the URL, which may hold a password.
    pub async fn connect(url: &str, options: &ConnectOptions) -> Result<Self, DbError> {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        match scheme {
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => Ok(Self(Source::Postgres(postgres::Source::connect(url, options).await?))),
            #[cfg(feature = "sqlite")]
            "sqlite" => Ok(Self(Source::Sqlite(sqlite::Source::connect(url, options).await?))),
            #[cfg(feature = "mysql")]
            "mysql" | "mariadb" => Ok(Self(Source::MySql(mysql::Source::connect(url, options).await?))),
            _ => Err(DbError::failed("the URL starts with none of `postgres:`, `mysql:`, `mariadb:` and `sqlite:`")),
        }
    }

    /// A database without connections of its own: each call brings one, of a [`Host`](crate::host::Host).
    ///
    /// What would need a connection here is refused as [`DbError::Unavailable`].
    pub fn of_hosts(dialect: Dialect) -> Self {
        Self(Source::Hosts(dialect))
    }

    /// The dialect of its statements.
    pub fn dialect(&self) -> Dialect {
        match &self.0 {
            #[cfg(feature = "postgres")]
            Source::Postgres(_) => Dialect::Postgres,
            #[cfg(feature = "sqlite")]
            Source::Sqlite(_) => Dialect::Sqlite,
            #[cfg(feature = "mysql")]
            Source::MySql(_) => Dialect::MySql,
            Source::Hosts(dialect) => *dialect,
        }
    }

    /// Whether it has connections of its own: [`Database::of_hosts`] has none.
    pub fn has_connections(&self) -> bool {
        !matches!(self.0, Source::Hosts(_))
    }

    /// How its connections stand.
    pub fn pool_status(&self) -> PoolStatus {
        match &self.0 {
            #[cfg(feature = "postgres")]
            Source::Postgres(source) => source.status(),
            #[cfg(feature = "sqlite")]
            Source::Sqlite(source) => source.status(),
            #[cfg(feature = "mysql")]
            Source::MySql(source) => source.status(),
            Source::Hosts(_) => PoolStatus { in_use: 0, idle: 0, max: 0 },
        }
    }
}

#[cfg(feature = "postgres")]
impl From<PgPool> for Database {
    fn from(pool: PgPool) -> Self {
        Self(Source::Postgres(postgres::Source::Shared(pool, Keep::new())))
    }
}

#[cfg(feature = "mysql")]
impl From<MySqlPool> for Database {
    fn from(pool: MySqlPool) -> Self {
        Self(Source::MySql(mysql::Source::Shared(pool, Keep::new())))
    }
}

#[cfg(feature = "sqlite")]
impl From<SqlitePool> for Database {
    fn from(pool: SqlitePool) -> Self {
        Self(Source::Sqlite(sqlite::Source::shared(pool)))
    }
}

/// Shows the kind only: a URL may hold a password.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Database").field(&self.dialect()).finish()
    }
}
