//! All that a database holds, read past everything that is tested.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test that cannot read its own data has failed; the statements are made of the names that the database gives"
)]

use std::collections::BTreeMap;

use sqlx::AssertSqlSafe;

use crate::databases::{Pool, TestDatabase};

/// Each table with its rows, as text that differs when a byte does.
pub type Contents = BTreeMap<String, Vec<String>>;

macro_rules! texts {
    ($pool:expr, $sql:expr) => {{
        let rows: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe($sql)).fetch_all($pool).await.expect("what the database holds");
        rows
    }};
}

impl TestDatabase {
    /// Every row of every table.
    ///
    /// # Panics
    ///
    /// When a table cannot be read.
    pub async fn contents(&self) -> Contents {
        let mut contents = Contents::new();
        match self.pool() {
            Pool::Sqlite(pool) => {
                for table in texts!(pool, "SELECT name FROM sqlite_master WHERE type = 'table'".to_owned()) {
                    let columns = texts!(pool, format!("SELECT name FROM pragma_table_xinfo('{table}')"));
                    let columns = columns.iter().map(|name| format!("typeof(\"{name}\") || ' ' || quote(\"{name}\")"));
                    let row = columns.collect::<Vec<_>>().join(" || ', ' || ");
                    let rows = texts!(pool, format!("SELECT {row} FROM \"{table}\" ORDER BY 1"));
                    contents.insert(table, rows);
                }
            }
            Pool::Postgres(pool) => {
                let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
                for table in texts!(pool, tables.to_owned()) {
                    let rows = texts!(pool, format!("SELECT t::text FROM public.\"{table}\" t ORDER BY 1"));
                    contents.insert(table, rows);
                }
            }
            Pool::MySql(pool) => {
                let tables = "SELECT table_name FROM information_schema.tables
                    WHERE table_schema = database() AND table_type = 'BASE TABLE'";
                for table in texts!(pool, tables.to_owned()) {
                    let columns = texts!(
                        pool,
                        format!(
                            "SELECT column_name FROM information_schema.columns
                             WHERE table_schema = database() AND table_name = '{table}' ORDER BY ordinal_position"
                        )
                    );
                    let columns = columns.iter().map(|name| format!("COALESCE(HEX(CAST(`{name}` AS BINARY)), 'NULL')"));
                    let row = columns.collect::<Vec<_>>().join(", ");
                    let rows = texts!(pool, format!("SELECT CONCAT_WS(', ', {row}) FROM `{table}` ORDER BY 1"));
                    contents.insert(table, rows);
                }
            }
        }
        contents
    }
}
