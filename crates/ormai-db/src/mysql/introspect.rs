//! What MariaDB and MySQL say of tables.

use std::collections::{HashMap, HashSet};

use ormai_core::catalog::{Collation, Field, ModelKind, ReferentialAction, TableName};
use sqlx::mysql::{MySqlArguments, MySqlRow};
use sqlx::{Arguments as _, MySql, MySqlConnection};

use super::column_type::Declared;
use super::settings::Scope;
use super::{Source, decode, sorted};
use crate::error::DbError;
use crate::execute;
use crate::introspect::{ForeignKey, Table};

/// A default that is NULL is the word on MariaDB, and nothing on MySQL.
const COLUMNS: &str = "
SELECT t.table_name, t.table_type = 'VIEW', c.column_name, c.data_type, c.column_type, c.is_nullable = 'YES',
       t.table_type <> 'VIEW' AND (coalesce(c.column_default, 'NULL') <> 'NULL' OR c.extra LIKE '%auto_increment%'),
       coalesce(c.generation_expression, '') <> '', c.collation_name, CAST(c.character_maximum_length AS CHAR),
       t.table_type <> 'VIEW' AND coalesce(e.transactions, 'NO') <> 'YES'
FROM information_schema.tables t
JOIN information_schema.columns c ON c.table_schema = t.table_schema AND c.table_name = t.table_name
LEFT JOIN information_schema.engines e ON e.engine = t.engine
WHERE t.table_schema = ? AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW')
ORDER BY CAST(t.table_name AS BINARY), c.ordinal_position";

/// An index on a part of a column serves that column, and nothing behind it. An expression has
/// no column.
const INDEXES: &str = "
SELECT s.table_name, s.index_name, s.non_unique = 0, s.column_name, s.sub_part IS NOT NULL, s.index_type = 'BTREE'
FROM information_schema.statistics s
WHERE s.table_schema = ? AND s.index_type IN ('BTREE', 'HASH')
ORDER BY CAST(s.table_name AS BINARY), s.index_name <> 'PRIMARY', CAST(s.index_name AS BINARY), s.seq_in_index";

const FOREIGN_KEYS: &str = "
SELECT k.table_name, k.constraint_name, k.column_name, k.referenced_table_schema, k.referenced_table_name,
       k.referenced_column_name, r.delete_rule, r.update_rule
FROM information_schema.key_column_usage k
JOIN information_schema.referential_constraints r
  ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name
WHERE k.table_schema = ? AND k.referenced_table_name IS NOT NULL
ORDER BY CAST(k.table_name AS BINARY), CAST(k.constraint_name AS BINARY), k.ordinal_position";

/// Constraints on the columns of MariaDB. MySQL, which has a type for JSON, does not say whose they are.
const CHECKS: &str = "
SELECT /*M!100202 table_name */ /*!50708 '' */, check_clause
FROM information_schema.check_constraints WHERE constraint_schema = ?";

pub(crate) async fn tables(source: &Source, schemas: &[String]) -> Result<Vec<Table>, DbError> {
    connected(source, async |connection: &mut MySqlConnection| read(connection, schemas).await).await
}

/// Asks something on a connection of the source, under the settings of statements.
pub(super) async fn connected<T>(
    source: &Source,
    ask: impl AsyncFnOnce(&mut MySqlConnection) -> Result<T, DbError>,
) -> Result<T, DbError> {
    match source {
        Source::Own(pool) => {
            let mut own = pool.lease().await?;
            ask(&mut own.slot()?.connection).await
        }
        Source::Shared(pool, _) => {
            let mut shared = pool.acquire().await.map_err(|error| sorted(&error))?;
            let mut scope = Scope::default();
            let answer = match scope.enter(&mut shared, LIMIT_US).await {
                Ok(()) => ask(&mut shared).await,
                Err(error) => Err(error),
            };
            if scope.leave(&mut shared).await.is_err() {
                shared.close_on_drop();
            }
            answer
        }
    }
}

/// Time enough for a server with very many tables.
const LIMIT_US: u64 = 60_000_000;

async fn read(connection: &mut MySqlConnection, schemas: &[String]) -> Result<Vec<Table>, DbError> {
    let current = rows(connection, "SELECT database()", None).await?;
    let current = current.first().map_or(Ok(None), |row| word(row, 0))?;
    let here = match (schemas, &current) {
        ([], None) => return Err(DbError::failed("the connection has no current database")),
        ([], Some(current)) => vec![current.clone()],
        (schemas, _) => schemas.to_vec(),
    };
    let mut described = Vec::new();
    for schema in &here {
        described.push(Described {
            // In the connection's own database a table needs no more than its name.
            prefix: (Some(schema) != current.as_ref()).then(|| schema.clone()),
            columns: rows(connection, COLUMNS, Some(schema)).await?,
            indexes: rows(connection, INDEXES, Some(schema)).await?,
            foreign_keys: rows(connection, FOREIGN_KEYS, Some(schema)).await?,
            checks: rows(connection, CHECKS, Some(schema)).await?,
        });
    }
    let mut tables = Vec::new();
    for schema in &described {
        schema.add_tables(&mut tables)?;
    }
    for schema in &described {
        schema.add_indexes(&mut tables)?;
        schema.add_foreign_keys(current.as_deref(), &mut tables)?;
    }
    spell(&mut tables);
    Ok(tables)
}

pub(super) async fn rows(
    connection: &mut MySqlConnection,
    sql: &'static str,
    schema: Option<&str>,
) -> Result<Vec<MySqlRow>, DbError> {
    let mut arguments = MySqlArguments::default();
    if let Some(schema) = schema {
        arguments.add(schema).map_err(|error| DbError::failed(error.to_string()))?;
    }
    execute::fixed::<MySql>(sql, arguments).fetch_all(connection).await.map_err(|error| sorted(&error))
}

/// A text of `information_schema`.
pub(super) fn word(row: &MySqlRow, at: usize) -> Result<Option<String>, DbError> {
    decode::text(row, at).ok_or_else(unreadable)
}

pub(super) fn name(row: &MySqlRow, at: usize) -> Result<String, DbError> {
    word(row, at)?.ok_or_else(unreadable)
}

fn is(row: &MySqlRow, at: usize) -> Result<bool, DbError> {
    decode::integer(row, at).map(|holds| holds != 0).ok_or_else(unreadable)
}

fn unreadable() -> DbError {
    DbError::failed("what the database says of its tables cannot be read")
}

/// What one database says.
struct Described {
    prefix: Option<String>,
    columns: Vec<MySqlRow>,
    indexes: Vec<MySqlRow>,
    foreign_keys: Vec<MySqlRow>,
    checks: Vec<MySqlRow>,
}

impl Described {
    fn table(&self, name: String) -> TableName {
        TableName { schema: self.prefix.clone(), name }
    }

    /// Tables whose columns a constraint lets hold nothing but JSON, with its text.
    fn json_checks(&self) -> Result<HashSet<(String, String)>, DbError> {
        self.checks.iter().map(|row| Ok((name(row, 0)?, name(row, 1)?))).collect()
    }

    fn add_tables(&self, tables: &mut Vec<Table>) -> Result<(), DbError> {
        let checks = self.json_checks()?;
        for row in &self.columns {
            let table_name = self.table(name(row, 0)?);
            if tables.last().is_none_or(|table| table.name != table_name) {
                let kind = match (is(row, 1)?, is(row, 10)?) {
                    (true, _) => ModelKind::View,
                    (_, true) => ModelKind::Untransacted,
                    _ => ModelKind::Table,
                };
                tables.push(Table::new(table_name.clone(), kind));
            }
            let column = name(row, 2)?;
            let (word_of_type, full) = (name(row, 3)?, name(row, 4)?);
            let check = format!("json_valid(`{}`)", column.replace('`', "``"));
            let declared = Declared {
                word: &word_of_type,
                full: &full,
                enum_name: &format!("{}.{column}", table_name.name),
                holds_json: checks.contains(&(table_name.name.clone(), check)),
            };
            let ty = declared.column_type();
            let collation = match word(row, 8)? {
                Some(collation) if ty.is_text() => Collation::Folded(collation.into()),
                _ => Collation::Binary,
            };
            let is_bounded = ["char", "varchar"].contains(&word_of_type.as_str());
            let length = word(row, 9)?.filter(|_| is_bounded).and_then(|length| length.parse().ok());
            let field = Field {
                name: column.clone(),
                column,
                ty,
                collation,
                length,
                nullable: is(row, 5)?,
                has_default: is(row, 6)?,
                generated: is(row, 7)?,
            };
            if let Some(table) = tables.last_mut() {
                table.fields.push(field);
            }
        }
        Ok(())
    }

    fn add_indexes(&self, tables: &mut [Table]) -> Result<(), DbError> {
        let mut indexes: Vec<Index> = Vec::new();
        for row in &self.indexes {
            let (table, index) = (name(row, 0)?, name(row, 1)?);
            if indexes.last().is_none_or(|last| (&last.table, &last.name) != (&table, &index)) {
                let (is_unique, is_ordered) = (is(row, 2)?, is(row, 5)?);
                indexes.push(Index { table, name: index, is_unique, is_ordered, columns: Vec::new() });
            }
            if let Some(last) = indexes.last_mut() {
                last.columns.push((word(row, 3)?, is(row, 4)?));
            }
        }
        for index in indexes {
            let table_name = self.table(index.table.clone());
            if let Some(table) = tables.iter_mut().find(|table| table.name == table_name) {
                index.add(table);
            }
        }
        Ok(())
    }

    fn add_foreign_keys(&self, current: Option<&str>, tables: &mut [Table]) -> Result<(), DbError> {
        let mut last = None;
        for row in &self.foreign_keys {
            let (table, constraint) = (self.table(name(row, 0)?), name(row, 1)?);
            let Some(table) = tables.iter_mut().find(|known| known.name == table) else { continue };
            let this = Some((table.name.clone(), constraint));
            if last != this {
                let schema = name(row, 3)?;
                let schema = (Some(schema.as_str()) != current).then_some(schema);
                table.foreign_keys.push(ForeignKey {
                    target: TableName { schema, name: name(row, 4)? },
                    columns: Vec::new(),
                    on_delete: action(&name(row, 6)?),
                    on_update: action(&name(row, 7)?),
                });
                last = this;
            }
            if let Some(key) = table.foreign_keys.last_mut() {
                key.columns.push((name(row, 2)?, name(row, 5)?));
            }
        }
        Ok(())
    }
}

fn action(rule: &str) -> ReferentialAction {
    match rule {
        "CASCADE" => ReferentialAction::Cascade,
        "SET NULL" => ReferentialAction::SetNull,
        "SET DEFAULT" => ReferentialAction::SetDefault,
        _ => ReferentialAction::Refuse,
    }
}

/// An index: its columns (an expression has none), and whether only their beginnings count.
struct Index {
    table: String,
    name: String,
    is_unique: bool,
    /// Whether it is searched by its first columns; one of hashes is not.
    is_ordered: bool,
    columns: Vec<(Option<String>, bool)>,
}

impl Index {
    fn add(self, table: &mut Table) {
        let length = self.columns.len();
        let is_whole = self.columns.iter().all(|(column, is_part)| column.is_some() && !is_part);
        let mut columns: Vec<String> = Vec::with_capacity(length);
        for (column, is_part) in self.columns {
            let Some(column) = column else { break };
            columns.push(column);
            if is_part {
                break;
            }
        }
        if columns.is_empty() {
            return;
        }
        if self.name == "PRIMARY" && is_whole {
            table.primary_key = columns.clone();
        } else if self.is_unique && is_whole && !table.unique_keys.contains(&columns) {
            table.unique_keys.push(columns.clone());
        }
        if self.is_ordered && !table.indexes.contains(&columns) {
            table.indexes.push(columns);
        }
    }
}

/// Foreign keys name tables and columns as they were written, and names of columns ignore
/// case, those of tables on some servers. A key to what is not there is left out.
fn spell(tables: &mut [Table]) {
    let named: HashMap<TableName, Vec<String>> = tables
        .iter()
        .map(|table| (table.name.clone(), table.fields.iter().map(|field| field.name.clone()).collect()))
        .collect();
    let find_table = |wanted: &TableName| {
        let folded = wanted.name.to_lowercase();
        let alike = |known: &&TableName| known.schema == wanted.schema && known.name.to_lowercase() == folded;
        named.get_key_value(wanted).map(|(known, _)| known).or_else(|| named.keys().find(alike)).cloned()
    };
    let find_column = |table: &TableName, wanted: &str| {
        let columns = named.get(table)?;
        columns.iter().find(|known| known.to_lowercase() == wanted.to_lowercase()).cloned()
    };
    for table in tables {
        let here = table.name.clone();
        table.foreign_keys.retain_mut(|key| {
            let Some(target) = find_table(&key.target) else { return false };
            key.target = target;
            key.columns.iter_mut().all(|(from, to)| match (find_column(&here, from), find_column(&key.target, to)) {
                (Some(here), Some(there)) => {
                    (*from, *to) = (here, there);
                    true
                }
                _ => false,
            })
        });
    }
}
