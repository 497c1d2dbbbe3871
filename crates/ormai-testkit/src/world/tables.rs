//! A world as statements: its tables and rows, in each engine's words.

use std::collections::BTreeMap;

use super::{Cell, Column, Kind, Model, Reference, World};
use crate::engines::Engine;

/// A collation of MariaDB that compares bytes.
pub(super) const EXACT: &str = "utf8mb4_nopad_bin";

/// What can be put into a database.
pub trait AsTables {
    /// The statements that make the tables and fill them, separated by `;`. `prefix` begins their names.
    fn statements(&self, engine: Engine, prefix: &str) -> String;

    /// The statements that fill the tables anew.
    fn refill(&self, engine: Engine, prefix: &str) -> String;

    /// The statements that drop the tables.
    fn drop_statements(&self, prefix: &str) -> String;
}

/// What has a table.
pub trait AsTable {
    /// Its table, named after it.
    fn table(&self, prefix: &str) -> String;

    /// The statement that a write would be on PostgreSQL, said as it is meant: with these values, and
    /// into the rows with these keys.
    fn change(&self, tool: &str, prefix: &str, values: &BTreeMap<String, Cell>, keys: &[Vec<Cell>]) -> String;
}

/// What stands in a table.
pub(crate) trait AsColumn {
    /// Its name in the table: most are the same, and some are crossed, so that a statement which takes
    /// one for the other finds a column all the same, and the wrong one.
    fn stored(&self) -> &str;
}

impl AsColumn for Column {
    fn stored(&self) -> &str {
        match self.name.as_str() {
            "amount" => "level",
            "level" => "amount",
            "status" => "word",
            "word" => "status",
            name => name,
        }
    }
}

impl AsTables for World {
    fn statements(&self, engine: Engine, prefix: &str) -> String {
        let made = |model: &Model| {
            create(model, engine, prefix) + &insert(model, engine, prefix) + &statistics(model, engine, prefix)
        };
        unchecked(engine).to_owned() + &self.models.iter().map(made).collect::<String>()
    }

    fn refill(&self, engine: Engine, prefix: &str) -> String {
        // What is referred to goes last and comes first.
        let deleted = |model: &Model| format!("DELETE FROM {};\n", model.table(prefix));
        let deleted: String = self.models.iter().rev().map(deleted).collect();
        let inserted: String = self.models.iter().map(|model| insert(model, engine, prefix)).collect();
        format!("{}{deleted}{inserted}", unchecked(engine))
    }

    fn drop_statements(&self, prefix: &str) -> String {
        self.models.iter().rev().map(|model| format!("DROP TABLE {};\n", model.table(prefix))).collect()
    }
}

impl AsTable for Model {
    fn table(&self, prefix: &str) -> String {
        format!("{prefix}{}", self.name.to_lowercase())
    }

    fn change(&self, tool: &str, prefix: &str, values: &BTreeMap<String, Cell>, keys: &[Vec<Cell>]) -> String {
        let said = |cell: &Cell| literal(cell, Engine::Postgres);
        let stored = |name: &String| self.column(name).map_or(name.as_str(), Column::stored).to_owned();
        let table = self.table(prefix);
        let is_one = |key: &Vec<Cell>| {
            let parts = self.key.iter().zip(key).map(|(part, cell)| format!("{} = {}", stored(part), said(cell)));
            format!("({})", parts.collect::<Vec<_>>().join(" AND "))
        };
        let these: Vec<String> = keys.iter().map(is_one).collect();
        let these = if these.is_empty() { "false".to_owned() } else { these.join(" OR ") };
        match tool {
            "create" => {
                let names: Vec<String> = values.keys().map(stored).collect();
                let values: Vec<String> = values.values().map(said).collect();
                format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", "))
            }
            "delete" => format!("DELETE FROM {table} WHERE {these}"),
            _ => {
                let set = values.iter().map(|(name, cell)| format!("{} = {}", stored(name), said(cell)));
                format!("UPDATE {table} SET {} WHERE {these}", set.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

fn create(model: &Model, engine: Engine, prefix: &str) -> String {
    let mut parts: Vec<String> = model.columns.iter().map(|column| declaration(column, engine)).collect();
    // On MariaDB `acme` and `ACME` are one key, and both are to be there.
    let folds = |column: &Column| column.kind == Kind::Text && !column.exact && model.key.contains(&column.name);
    let word = if engine == Engine::MySql && model.columns.iter().any(folds) { "KEY" } else { "PRIMARY KEY" };
    parts.push(format!("{word} ({})", stored(model, &model.key)));
    parts.extend(model.unique.iter().map(|key| format!("UNIQUE ({})", stored(model, key))));
    parts.extend(model.references.iter().filter(|reference| reference.enforced).map(|reference| {
        let Reference { target, link, .. } = reference;
        let here: Vec<&str> = link.iter().map(|(here, _)| here.as_str()).collect();
        let there: Vec<&str> = link.iter().map(|(_, there)| there.as_str()).collect();
        let target = format!("{prefix}{}", target.to_lowercase());
        format!("FOREIGN KEY ({}) REFERENCES {target} ({})", here.join(", "), there.join(", "))
    }));
    format!("CREATE TABLE {} ({}){};\n", model.table(prefix), parts.join(", "), options(engine))
}

/// Columns by their names in the table.
fn stored(model: &Model, columns: &[String]) -> String {
    let stored: Vec<&str> = columns.iter().filter_map(|name| Some(model.column(name)?.stored())).collect();
    stored.join(", ")
}

/// Without statistics PostgreSQL takes a table for large, and compiles deep conditions on it to
/// machine code for seconds.
fn statistics(model: &Model, engine: Engine, prefix: &str) -> String {
    match engine {
        Engine::Postgres => format!("ANALYZE {};\n", model.table(prefix)),
        Engine::Sqlite | Engine::MySql => String::new(),
    }
}

fn insert(model: &Model, engine: Engine, prefix: &str) -> String {
    if model.rows.is_empty() {
        return String::new();
    }
    let row = |row: &Vec<Cell>| {
        let values: Vec<String> = row.iter().map(|cell| literal(cell, engine)).collect();
        format!("({})", values.join(", "))
    };
    let rows: Vec<String> = model.rows.iter().map(row).collect();
    format!("INSERT INTO {} VALUES\n{};\n", model.table(prefix), rows.join(",\n"))
}

fn declaration(column: &Column, engine: Engine) -> String {
    let ty = match (&column.kind, engine) {
        (Kind::Bool, _) => "boolean",
        (Kind::Int, _) => "bigint",
        (Kind::Decimal, _) => "decimal(12, 2)",
        (Kind::Text, Engine::MySql) => "varchar(100)",
        (Kind::Text, _) => "text",
        (Kind::Uuid, _) => "uuid",
        (Kind::Date, _) => "date",
        (Kind::Timestamp, Engine::Postgres) => "timestamptz",
        (Kind::Timestamp, Engine::Sqlite) => "timestamp",
        (Kind::Timestamp, Engine::MySql) => "timestamp NULL",
        // No other kind is drawn.
        _ => "text",
    };
    let ty = if column.nullable { ty } else { ty.trim_end_matches(" NULL") };
    let exact = column.exact && column.kind == Kind::Text && engine == Engine::MySql;
    let collation = if exact { format!(" COLLATE {EXACT}") } else { String::new() };
    let null = if column.nullable { "" } else { " NOT NULL" };
    let default = column.default.as_ref().map(|cell| format!(" DEFAULT {}", literal(cell, engine)));
    format!("{} {ty}{collation}{null}{}", column.stored(), default.unwrap_or_default())
}

/// MariaDB holds each row of a statement to its foreign keys before it comes to the next one, which may be
/// the one that is referred to. What is drawn holds to them.
fn unchecked(engine: Engine) -> &'static str {
    match engine {
        Engine::MySql => "SET foreign_key_checks = 0;\n",
        Engine::Sqlite | Engine::Postgres => "",
    }
}

/// What is said of a table as a whole: the collation that MariaDB has of itself.
fn options(engine: Engine) -> &'static str {
    match engine {
        Engine::MySql => " CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        Engine::Sqlite | Engine::Postgres => "",
    }
}

fn literal(cell: &Cell, engine: Engine) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Bool(_) | Cell::Decimal(_) => cell.to_string(),
        // The smallest integer cannot be written: SQL reads a minus and a number that is too large.
        Cell::Int(i64::MIN) => format!("({} - 1)", i64::MIN + 1),
        Cell::Int(int) => int.to_string(),
        Cell::Uuid(text) | Cell::Date(text) => format!("'{text}'"),
        Cell::Timestamp(time) => {
            let zone = if engine == Engine::Postgres { "+00" } else { "" };
            format!("'{}{zone}'", time.0.replace('T', " ").trim_end_matches('Z'))
        }
        // In hexadecimal there are no escapes.
        Cell::Text(text) if engine == Engine::MySql => {
            let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            format!("_utf8mb4 X'{digits}'")
        }
        other => format!("'{}'", other.to_string().replace('\'', "''")),
    }
}
