//! Statements about OrmAI's own tables. They depend on nothing but the dialect: each text is a
//! constant, and every value is bound.

pub mod approvals;
pub mod idempotency;

use std::sync::Arc;

use ormai_core::value::{ColumnType, Value};

use crate::dialect::Dialect;
use crate::statement::{BindPlace, Statement, Text};

/// What the names of OrmAI's own tables begin with. No catalog has them.
pub const PREFIX: &str = "ormai_";

/// One text in the words of each engine.
struct Said {
    sqlite: &'static str,
    postgres: &'static str,
    mysql: &'static str,
}

impl Said {
    /// In the same words everywhere: without placeholders, types and locks.
    const fn alike(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text, mysql: text }
    }

    /// With the values in the order of their placeholders, each of which stands once.
    fn with(&self, dialect: Dialect, values: impl IntoIterator<Item = Value>, columns: &[ColumnType]) -> Statement {
        let text = match dialect {
            Dialect::Sqlite => self.sqlite,
            Dialect::Postgres => self.postgres,
            Dialect::MySql => self.mysql,
        };
        let binds = values.into_iter().map(BindPlace::Word).collect();
        Statement { text: Arc::new(Text::new(Arc::from(text), binds, columns.to_vec())), values: Vec::new() }
    }
}

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}
