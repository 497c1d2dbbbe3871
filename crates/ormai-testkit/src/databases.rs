//! Databases that a test has for itself, and that are gone after it.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test that cannot be set up has failed; its data is written as text, from constants of this crate and of tests"
)]

use std::hash::{BuildHasher, RandomState};

use sqlx::mysql::{MySqlConnection, MySqlPool, MySqlPoolOptions};
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, Row};
use tempfile::TempDir;

use crate::engines::Engine;
use crate::fixtures::Dataset;

/// Names the server that the tests on PostgreSQL use.
const POSTGRES_URL_VARIABLE: &str = "ORMAI_TEST_POSTGRES_URL";

/// Names the server that the tests on MariaDB (or MySQL) use.
const MYSQL_URL_VARIABLE: &str = "ORMAI_TEST_MYSQL_URL";

/// What makes MariaDB read the SQL of the standard, for the statements that set a test up.
/// The pool of a [`TestDatabase`] has the server's own settings.
const STANDARD_SQL: &str = "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,STRICT_ALL_TABLES', \
                            time_zone = '+00:00' /*M!100202 , max_recursive_iterations = 1000000 */";

/// An empty database of its own, removed when this value is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    pool: Pool,
    url: String,
    // What is removed in the end, after the pool.
    _directory: Option<TempDir>,
    server: Option<ServerDatabase>,
}

/// The connections to a [`TestDatabase`].
#[derive(Clone, Debug)]
pub enum Pool {
    /// To SQLite.
    Sqlite(SqlitePool),
    /// To PostgreSQL.
    Postgres(PgPool),
    /// To MariaDB or MySQL.
    MySql(MySqlPool),
}

impl TestDatabase {
    /// A database of an engine; for SQLite in a file.
    pub async fn on(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::sqlite().await,
            Engine::Postgres => Self::postgres().await,
            Engine::MySql => Self::mysql().await,
        }
    }

    /// SQLite in a file, with a write-ahead log.
    pub async fn sqlite() -> Self {
        let directory = TempDir::with_prefix("ormai-").expect("a directory for the database");
        let file = directory.path().join("test.db");
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Off)
            .foreign_keys(true);
        let pool =
            SqlitePoolOptions::new().max_connections(8).connect_with(options).await.expect("a database in a file");
        let url = format!("sqlite:{}", file.display());
        Self { pool: Pool::Sqlite(pool), url, _directory: Some(directory), server: None }
    }

    /// SQLite in memory, on the only connection of its pool: [`TestDatabase::url`] does not lead to it.
    pub async fn sqlite_in_memory() -> Self {
        let options = SqliteConnectOptions::new().in_memory(true).foreign_keys(true);
        let pool = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = pool.connect_with(options).await.expect("a database in memory");
        Self { pool: Pool::Sqlite(pool), url: "sqlite::memory:".to_owned(), _directory: None, server: None }
    }

    /// A new database on the server that `ORMAI_TEST_POSTGRES_URL` names. Text compares by bytes in it.
    ///
    /// # Panics
    ///
    /// When the variable is missing or no database can be made there.
    pub async fn postgres() -> Self {
        let database = ServerDatabase::create(ServerKind::Postgres).await;
        let url = database.url();
        let pool = PgPoolOptions::new().max_connections(8).connect(&url).await.expect("a connection to PostgreSQL");
        Self { pool: Pool::Postgres(pool), url, _directory: None, server: Some(database) }
    }

    /// A new database on the server that `ORMAI_TEST_MYSQL_URL` names. Text compares without
    /// regard to case, accents and spaces at its end in it, unless a column says otherwise.
    ///
    /// # Panics
    ///
    /// When the variable is missing or no database can be made there.
    pub async fn mysql() -> Self {
        let database = ServerDatabase::create(ServerKind::MySql).await;
        let url = database.url();
        let pool = MySqlPoolOptions::new().max_connections(8).connect(&url).await.expect("a connection to MariaDB");
        Self { pool: Pool::MySql(pool), url, _directory: None, server: Some(database) }
    }

    /// Which engine it is.
    pub fn engine(&self) -> Engine {
        match self.pool {
            Pool::Sqlite(_) => Engine::Sqlite,
            Pool::Postgres(_) => Engine::Postgres,
            Pool::MySql(_) => Engine::MySql,
        }
    }

    /// Its connections.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Its connections, where it is SQLite.
    pub fn sqlite_pool(&self) -> Option<&SqlitePool> {
        match &self.pool {
            Pool::Sqlite(pool) => Some(pool),
            Pool::Postgres(_) | Pool::MySql(_) => None,
        }
    }

    /// Its connections, where it is PostgreSQL.
    pub fn postgres_pool(&self) -> Option<&PgPool> {
        match &self.pool {
            Pool::Postgres(pool) => Some(pool),
            Pool::Sqlite(_) | Pool::MySql(_) => None,
        }
    }

    /// Its connections, where it is MariaDB or MySQL.
    pub fn mysql_pool(&self) -> Option<&MySqlPool> {
        match &self.pool {
            Pool::MySql(pool) => Some(pool),
            Pool::Sqlite(_) | Pool::Postgres(_) => None,
        }
    }

    /// Where it is: `sqlite:…`, `postgres:…` or `mysql:…`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What its server calls it, which users and roles of a test are named after: those belong to the whole server.
    ///
    /// # Panics
    ///
    /// On SQLite, whose databases have no names.
    pub fn name(&self) -> &str {
        assert_ne!(self.engine(), Engine::Sqlite, "a database of SQLite has no name");
        // A path of a socket may stand behind it.
        let (place, _) = self.url.split_once('?').unwrap_or((&self.url, ""));
        place.rsplit('/').next().expect("a URL names a database")
    }

    /// Makes the guide's tables and fills them.
    pub async fn load(&self, dataset: &Dataset) {
        self.run(dataset.statements(self.engine())).await;
    }

    /// Runs statements that set a test up, separated by `;`, in the words of the SQL standard.
    ///
    /// # Panics
    ///
    /// When one of them fails; none of them is in force then, except on MariaDB, whose
    /// transactions end with each statement that makes a table.
    pub async fn execute(&self, script: &str) {
        self.run(std::iter::once(script.to_owned())).await;
    }

    /// How many rows a table has.
    pub async fn count(&self, table: &str) -> i64 {
        let quote = if self.engine() == Engine::MySql { '`' } else { '"' };
        let sql = format!("SELECT count(*) FROM {quote}{table}{quote}");
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(pool).await,
            Pool::Postgres(pool) => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(pool).await,
            Pool::MySql(pool) => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(pool).await,
        }
        .expect("a count of the table")
    }

    /// A name for roles of the test's own: roles belong to the whole server, and those that begin
    /// with this are dropped with the database.
    ///
    /// # Panics
    ///
    /// Where it is not PostgreSQL.
    pub fn role(&self) -> String {
        let server = self.server.as_ref().expect("roles are PostgreSQL's");
        format!("{}_agent", server.name)
    }

    /// Runs a query as a role with a principal set, in a transaction that is rolled back: the first
    /// column as text, or the code of PostgreSQL's error.
    ///
    /// # Panics
    ///
    /// Where it is not PostgreSQL, or the role does not exist.
    pub async fn as_role(&self, role: &str, principal: &str, sql: &str) -> Result<Vec<Option<String>>, String> {
        let pool = self.postgres_pool().expect("roles are PostgreSQL's");
        let mut transaction = pool.begin().await.expect("a transaction");
        let role = format!("SET LOCAL ROLE \"{role}\"");
        sqlx::query(AssertSqlSafe(role)).execute(&mut *transaction).await.expect("the role is there");
        let set = sqlx::query("SELECT set_config('ormai.principal', $1, true)").bind(principal);
        set.execute(&mut *transaction).await.expect("a setting takes any text");
        let rows = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&mut *transaction).await;
        transaction.rollback().await.expect("the transaction's end");
        rows.map_err(|error| {
            let code = error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
            code.unwrap_or_else(|| error.to_string())
        })
    }

    /// Closes its connections and waits until they are.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
            Pool::MySql(pool) => pool.close().await,
        }
    }

    /// Runs everything in one transaction.
    async fn run(&self, statements: impl Iterator<Item = String>) {
        match &self.pool {
            Pool::Sqlite(pool) => {
                let mut transaction = pool.begin().await.expect("a transaction");
                for sql in statements {
                    let done = sqlx::raw_sql(AssertSqlSafe(sql.as_str())).execute(&mut *transaction).await;
                    done.unwrap_or_else(|error| panic!("{error}, in {}", beginning(&sql)));
                }
                transaction.commit().await.expect("the transaction's end");
            }
            Pool::Postgres(pool) => {
                let mut transaction = pool.begin().await.expect("a transaction");
                for sql in statements {
                    let done = sqlx::raw_sql(AssertSqlSafe(sql.as_str())).execute(&mut *transaction).await;
                    done.unwrap_or_else(|error| panic!("{error}, in {}", beginning(&sql)));
                }
                transaction.commit().await.expect("the transaction's end");
            }
            Pool::MySql(_) => {
                // A connection of its own, because it reads another SQL than those of the pool.
                let mut connection = MySqlConnection::connect(&self.url).await.expect("a connection to MariaDB");
                sqlx::raw_sql(STANDARD_SQL).execute(&mut connection).await.expect("the settings of the set-up");
                let mut transaction = connection.begin().await.expect("a transaction");
                for sql in statements.filter(|sql| !sql.is_empty()) {
                    let done = sqlx::raw_sql(AssertSqlSafe(sql.as_str())).execute(&mut *transaction).await;
                    done.unwrap_or_else(|error| panic!("{error}, in {}", beginning(&sql)));
                }
                transaction.commit().await.expect("the transaction's end");
                connection.close().await.expect("the connection's end");
            }
        }
    }
}

fn beginning(sql: &str) -> String {
    sql.chars().take(200).collect()
}

/// A kind of server on which databases can be made.
#[derive(Clone, Copy, Debug)]
enum ServerKind {
    Postgres,
    MySql,
}

impl ServerKind {
    /// The server's name and the variable that leads to it.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Postgres => ("PostgreSQL", POSTGRES_URL_VARIABLE),
            Self::MySql => ("MariaDB", MYSQL_URL_VARIABLE),
        }
    }

    async fn create(self, server: &str, name: &str) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres => {
                let create = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
                let mut connection = PgConnection::connect(server).await?;
                sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await?;
                connection.close().await
            }
            Self::MySql => {
                let create = format!("CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci");
                let mut connection = MySqlConnection::connect(server).await?;
                sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await?;
                connection.close().await
            }
        }
    }

    /// Removes a database, also while somebody is connected to it.
    async fn drop(self, server: &str, name: &str) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres => {
                let mut connection = PgConnection::connect(server).await?;
                // What roles had in the database is gone with it.
                let drop = format!(
                    "DROP DATABASE {name} WITH (FORCE);
                     DO $$ DECLARE made record; BEGIN
                       FOR made IN SELECT rolname FROM pg_roles WHERE starts_with(rolname::text, '{name}_')
                       LOOP EXECUTE format('DROP ROLE %I', made.rolname); END LOOP; END $$"
                );
                for statement in drop.splitn(2, ';') {
                    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
                }
                connection.close().await
            }
            Self::MySql => {
                let mut connection = MySqlConnection::connect(server).await?;
                // A transaction that is still open would have the removal wait for it.
                let connected = "SELECT CAST(id AS SIGNED) FROM information_schema.processlist WHERE db = ?";
                for row in sqlx::query(connected).bind(name).fetch_all(&mut connection).await? {
                    let kill = format!("KILL {}", row.try_get::<i64, _>(0)?);
                    // It may have gone by itself.
                    let _ = sqlx::raw_sql(AssertSqlSafe(kill)).execute(&mut connection).await;
                }
                let drop = format!("DROP DATABASE {name}");
                sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await?;
                connection.close().await
            }
        }
    }
}

/// A database on a server, removed when this value is dropped.
#[derive(Debug)]
struct ServerDatabase {
    kind: ServerKind,
    server: String,
    name: String,
}

impl ServerDatabase {
    async fn create(kind: ServerKind) -> Self {
        let (server_name, variable) = kind.names();
        let Ok(server) = std::env::var(variable) else {
            panic!(
                "this test needs {server_name} and {variable} is not set: \
                 run `cargo xtask test`, or `cargo xtask services run -- cargo nextest run …`"
            );
        };
        // Random, because several runs may share a server.
        let name = format!("ormai_test_{:016x}", RandomState::new().hash_one(std::process::id()));
        kind.create(&server, &name).await.unwrap_or_else(|error| {
            panic!("no database can be made on the server of {variable}: {error}");
        });
        Self { kind, server, name }
    }

    /// The server's URL with another database.
    fn url(&self) -> String {
        let (address, options) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let separator = if options.is_empty() { "" } else { "?" };
        let scheme = address.find("://").map_or(0, |at| at + 3);
        let (before, after) = address.split_at(scheme);
        let host = after.split('/').next().unwrap_or(after);
        format!("{before}{host}/{}{separator}{options}", self.name)
    }
}

impl Drop for ServerDatabase {
    fn drop(&mut self) {
        let (kind, server, name) = (self.kind, self.server.clone(), self.name.clone());
        // A thread of its own: here a runtime may be running, or may have ended already.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(kind.drop(&server, &name))
        });
        let dropped = dropping.join();
        if !std::thread::panicking() {
            let dropped = dropped.expect("the thread that drops a database ends");
            dropped.unwrap_or_else(|error| panic!("the database {} cannot be dropped: {error}", self.name));
        }
    }
}
