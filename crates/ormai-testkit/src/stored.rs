//! What a database holds after all, read past everything that is tested.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test that cannot read its own data has failed; the statements are made of a world's names"
)]

use sqlx::{AssertSqlSafe, MySql, Postgres, Row, Sqlite, Transaction};

use crate::databases::{Pool, TestDatabase};
use crate::engines::Engine;
use crate::world::{AsColumn as _, AsTable as _, Cell, Column, Decimal, Kind, Model, World};

/// All rows of all models as text, in an order of their own: two databases that hold the same have
/// the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored(Vec<(String, Vec<Vec<Option<String>>>)>);

impl Stored {
    /// What a world holds, as an engine would have it.
    pub fn expected(world: &World, engine: Engine) -> Self {
        let model = |model: &Model| {
            let row = |row: &Vec<Cell>| row.iter().map(|cell| said(cell, engine)).collect();
            sorted(&model.name, model.rows.iter().map(row).collect())
        };
        Self(world.models.iter().map(model).collect())
    }

    /// The rows of which something is so, by model and by the columns as text.
    #[must_use]
    pub fn of(&self, is_so: impl Fn(&str, &[Option<String>]) -> bool) -> Self {
        let kept = |(name, rows): &(String, Vec<Vec<Option<String>>>)| {
            (name.clone(), rows.iter().filter(|row| is_so(name, row)).cloned().collect())
        };
        Self(self.0.iter().map(kept).collect())
    }

    /// Whether a row is in it.
    pub fn has(&self, model: &str, row: &[Option<String>]) -> bool {
        self.0.iter().any(|(name, rows)| name == model && rows.iter().any(|known| known == row))
    }

    /// What differs, each row with what was expected (`-`) or found instead (`+`).
    pub fn differences(&self, found: &Self) -> String {
        let mut told = String::new();
        for ((name, expected), (_, found)) in self.0.iter().zip(&found.0) {
            let mut add = |sign: &str, rows: &[Vec<Option<String>>], others: &[Vec<Option<String>>]| {
                for row in rows.iter().filter(|row| !others.contains(row)) {
                    told.push_str(&format!("{sign} {name} {row:?}\n"));
                }
            };
            add("-", expected, found);
            add("+", found, expected);
        }
        told
    }
}

fn sorted(name: &str, mut rows: Vec<Vec<Option<String>>>) -> (String, Vec<Vec<Option<String>>>) {
    rows.sort();
    (name.to_owned(), rows)
}

/// A cell as [`asked`] has it.
fn said(cell: &Cell, engine: Engine) -> Option<String> {
    Some(match cell {
        Cell::Null => return None,
        Cell::Bool(bool) if engine == Engine::Postgres => bool.to_string(),
        Cell::Bool(bool) => i32::from(*bool).to_string(),
        Cell::Int(int) => int.to_string(),
        Cell::Decimal(decimal) => (decimal.units() / Decimal::hundredths(1).units()).to_string(),
        Cell::Timestamp(time) => time.0.replace('T', " ").trim_end_matches('Z').to_owned(),
        other => other.to_string(),
    })
}

/// A column as text: numbers without zeros at their ends, times in UTC.
fn asked(column: &Column, engine: Engine) -> String {
    let name = column.stored();
    match (engine, &column.kind) {
        (Engine::MySql, Kind::Decimal) => format!("CAST(CAST({name} * 100 AS SIGNED) AS CHAR)"),
        (Engine::MySql, Kind::Timestamp) => {
            format!("CAST('1970-01-01 00:00:00' + INTERVAL UNIX_TIMESTAMP({name}) SECOND AS CHAR)")
        }
        (Engine::MySql, _) => format!("CAST({name} AS CHAR)"),
        (Engine::Postgres, Kind::Decimal) => format!("({name} * 100)::bigint::text"),
        (Engine::Postgres, Kind::Timestamp) => format!("({name} AT TIME ZONE 'UTC')::text"),
        (Engine::Postgres, _) => format!("{name}::text"),
        (Engine::Sqlite, Kind::Decimal) => format!("CAST(CAST(round({name} * 100) AS INTEGER) AS TEXT)"),
        (Engine::Sqlite, _) => format!("CAST({name} AS TEXT)"),
    }
}

fn query(model: &Model, engine: Engine, prefix: &str) -> String {
    let columns: Vec<String> = model.columns.iter().map(|column| asked(column, engine)).collect();
    format!("SELECT {} FROM {}", columns.join(", "), model.table(prefix))
}

/// A transaction of the test's own; what happens in it is gone with it.
#[derive(Debug)]
pub enum Open {
    /// On SQLite.
    Sqlite(Transaction<'static, Sqlite>),
    /// On PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
    /// On MariaDB or MySQL.
    MySql(Transaction<'static, MySql>),
}

impl TestDatabase {
    /// Opens a transaction.
    pub async fn open(&self) -> Open {
        match self.pool() {
            Pool::Sqlite(pool) => Open::Sqlite(pool.begin().await.expect("a transaction")),
            Pool::Postgres(pool) => Open::Postgres(pool.begin().await.expect("a transaction")),
            Pool::MySql(pool) => Open::MySql(pool.begin().await.expect("a transaction")),
        }
    }
}

macro_rules! rows {
    ($on:expr, $sql:expr, $columns:expr) => {{
        let rows = sqlx::query(AssertSqlSafe($sql)).fetch_all(&mut **$on).await.expect("the rows of a world");
        let of_row = |row: _| (0..$columns).map(|at| Row::get(row, at)).collect();
        rows.iter().map(of_row).collect::<Vec<Vec<Option<String>>>>()
    }};
}

impl Open {
    /// What it holds of a world's tables.
    pub async fn stored(&mut self, world: &World, prefix: &str) -> Stored {
        let mut all = Vec::new();
        for model in &world.models {
            let count = model.columns.len();
            let rows = match self {
                Self::Sqlite(on) => rows!(on, query(model, Engine::Sqlite, prefix), count),
                Self::Postgres(on) => rows!(on, query(model, Engine::Postgres, prefix), count),
                Self::MySql(on) => rows!(on, query(model, Engine::MySql, prefix), count),
            };
            all.push(sorted(&model.name, rows));
        }
        Stored(all)
    }

    /// Runs a statement as a role with a principal set: how many rows it changed, or the code of
    /// PostgreSQL's error, after which nothing but [`Open::undo`] can follow.
    ///
    /// # Panics
    ///
    /// Where it is not PostgreSQL, or the role does not exist.
    pub async fn change_as(&mut self, role: &str, principal: &str, sql: &str) -> Result<u64, String> {
        let Self::Postgres(on) = self else { panic!("roles are PostgreSQL's") };
        let role = format!("SET LOCAL ROLE \"{role}\"");
        sqlx::query(AssertSqlSafe(role)).execute(&mut **on).await.expect("the role is there");
        let set = sqlx::query("SELECT set_config('ormai.principal', $1, true)").bind(principal);
        set.execute(&mut **on).await.expect("a setting takes any text");
        let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut **on).await;
        let code = |error: sqlx::Error| {
            let code = error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
            code.unwrap_or_else(|| error.to_string())
        };
        let changed = done.map_err(code)?.rows_affected();
        sqlx::query("RESET ROLE").execute(&mut **on).await.expect("the test's own role");
        Ok(changed)
    }

    /// Undoes what happened in it.
    pub async fn undo(self) {
        match self {
            Self::Sqlite(on) => on.rollback().await,
            Self::Postgres(on) => on.rollback().await,
            Self::MySql(on) => on.rollback().await,
        }
        .expect("the transaction's end");
    }
}
