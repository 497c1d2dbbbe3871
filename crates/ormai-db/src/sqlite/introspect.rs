//! What SQLite says of tables.

use std::collections::HashMap;

use ormai_core::catalog::{Collation, Field, ModelKind, ReferentialAction, TableName};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row as _, Sqlite, SqliteConnection};

use super::declared::{column_type, length, loose_columns};
use super::{Source, sorted};
use crate::error::DbError;
use crate::execute;
use crate::introspect::{ForeignKey, Table};

const TABLES: &str = "
SELECT l.name, l.type = 'view', l.wr, coalesce(s.sql, '')
FROM pragma_table_list l LEFT JOIN sqlite_schema s ON s.name = l.name AND s.type IN ('table', 'view')
WHERE l.schema = 'main' AND l.type IN ('table', 'view', 'virtual') AND substr(l.name, 1, 7) <> 'sqlite_'
ORDER BY l.name";

const COLUMNS: &str = "
SELECT l.name, x.name, x.type, x.\"notnull\", x.dflt_value IS NOT NULL, x.pk, x.hidden
FROM pragma_table_list l, pragma_table_xinfo(l.name) x
WHERE l.schema = 'main' AND x.hidden <> 1
ORDER BY l.name, x.cid";

const INDEXES: &str = "
SELECT l.name, i.name, i.\"unique\", i.origin, x.name
FROM pragma_table_list l, pragma_index_list(l.name) i, pragma_index_xinfo(i.name) x
WHERE l.schema = 'main' AND l.type = 'table' AND NOT i.partial AND x.key
ORDER BY l.name, i.name, x.seqno";

const FOREIGN_KEYS: &str = "
SELECT l.name, f.id, f.\"table\", f.\"from\", f.\"to\", f.on_delete, f.on_update
FROM pragma_table_list l, pragma_foreign_key_list(l.name) f
WHERE l.schema = 'main' AND l.type = 'table'
ORDER BY l.name, f.id DESC, f.seq";

pub(crate) async fn tables(source: &Source) -> Result<Vec<Table>, DbError> {
    let (mut own, mut shared);
    let connection: &mut SqliteConnection = match source {
        Source::Own(pool, _) => {
            own = pool.lease().await?;
            &mut own.slot()?.connection
        }
        Source::Shared(pool, ..) => {
            shared = pool.acquire().await.map_err(|error| sorted(&error))?;
            &mut shared
        }
    };
    let encoding = rows(connection, "PRAGMA encoding").await?;
    let encoding: Option<String> = encoding.first().and_then(|row| row.try_get(0).ok());
    if encoding.as_deref() != Some("UTF-8") {
        return Err(DbError::failed("the text of this SQLite file is not UTF-8"));
    }
    let tables = rows(connection, TABLES).await?;
    let columns = rows(connection, COLUMNS).await?;
    let indexes = rows(connection, INDEXES).await?;
    let foreign_keys = rows(connection, FOREIGN_KEYS).await?;
    assemble(&tables, &columns, &indexes, &foreign_keys).map_err(|error| sorted(&error))
}

async fn rows(connection: &mut SqliteConnection, sql: &'static str) -> Result<Vec<SqliteRow>, DbError> {
    let query = execute::fixed::<Sqlite>(sql, SqliteArguments::default());
    query.fetch_all(connection).await.map_err(|error| sorted(&error))
}

fn table_name(name: String) -> TableName {
    TableName { schema: None, name }
}

/// A table with what is only needed on the way.
struct Draft {
    table: Table,
    without_rowid: bool,
    /// Columns whose text does not compare by bytes; `None` when they cannot be told.
    loose: Option<Vec<String>>,
    /// The primary key's columns by their place in it.
    key: Vec<(i64, String)>,
    /// The columns whose type is spelt INTEGER: as a primary key, such a one is the row's number.
    integers: Vec<String>,
}

fn assemble(
    tables: &[SqliteRow],
    columns: &[SqliteRow],
    indexes: &[SqliteRow],
    foreign_keys: &[SqliteRow],
) -> sqlx::Result<Vec<Table>> {
    let mut drafts = Vec::new();
    let mut positions: HashMap<String, usize> = HashMap::new();
    for row in tables {
        let name: String = row.try_get(0)?;
        let is_view: bool = row.try_get(1)?;
        let ddl: String = row.try_get(3)?;
        positions.insert(name.to_ascii_lowercase(), drafts.len());
        drafts.push(Draft {
            table: Table::new(table_name(name), if is_view { ModelKind::View } else { ModelKind::Table }),
            without_rowid: row.try_get(2)?,
            loose: if is_view { None } else { loose_columns(&ddl) },
            key: Vec::new(),
            integers: Vec::new(),
        });
    }
    // A view's columns have the collations of what it reads, which is anything here.
    let any_loose = drafts.iter().any(|draft| {
        draft.table.kind == ModelKind::Table && draft.loose.as_ref().is_none_or(|columns| !columns.is_empty())
    });
    let find = |drafts: &mut Vec<Draft>, name: &str| -> Option<usize> {
        positions.get(&name.to_ascii_lowercase()).copied().filter(|at| *at < drafts.len())
    };
    for row in columns {
        let at = find(&mut drafts, row.try_get(0)?);
        let Some(draft) = at.and_then(|at| drafts.get_mut(at)) else { continue };
        add_column(draft, row, any_loose)?;
    }
    for draft in &mut drafts {
        finish_key(draft);
    }
    add_indexes(&mut drafts, indexes, &positions)?;
    let keys: Vec<Vec<String>> = drafts.iter().map(|draft| draft.table.primary_key.clone()).collect();
    let names: Vec<TableName> = drafts.iter().map(|draft| draft.table.name.clone()).collect();
    let mut last = None;
    for row in foreign_keys {
        let (table, id): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let target: String = row.try_get(2)?;
        let there = positions.get(&target.to_ascii_lowercase()).copied();
        let name = there.and_then(|there| names.get(there).cloned()).unwrap_or_else(|| table_name(target));
        let Some(draft) = positions.get(&table.to_ascii_lowercase()).and_then(|at| drafts.get_mut(*at)) else {
            continue;
        };
        let this = Some((table, id));
        if last != this {
            draft.table.foreign_keys.push(ForeignKey {
                target: name,
                columns: Vec::new(),
                on_delete: action(row.try_get(5)?),
                on_update: action(row.try_get(6)?),
            });
            last = this;
        }
        let Some(key) = draft.table.foreign_keys.last_mut() else { continue };
        let from: String = row.try_get(3)?;
        // Without columns a key points to the primary key there.
        let to: Option<String> = row.try_get(4)?;
        let implied = there.and_then(|there| keys.get(there)?.get(key.columns.len()).cloned());
        key.columns.push((from, to.or(implied).unwrap_or_default()));
    }
    let fields: Vec<Vec<String>> =
        drafts.iter().map(|draft| draft.table.fields.iter().map(|field| field.name.clone()).collect()).collect();
    for draft in &mut drafts {
        let here: Vec<String> = draft.table.fields.iter().map(|field| field.name.clone()).collect();
        draft.table.foreign_keys.retain_mut(|key| {
            let there = positions.get(&key.target.name.to_ascii_lowercase()).and_then(|at| fields.get(*at));
            let Some(there) = there else { return false };
            // SQLite's names ignore case, and it checks foreign keys only when it must.
            let spelled = |names: &[String], name: &str| names.iter().find(|n| n.eq_ignore_ascii_case(name)).cloned();
            key.columns.iter_mut().all(|(from, to)| match (spelled(&here, from), spelled(there, to)) {
                (Some(here), Some(there)) => {
                    (*from, *to) = (here, there);
                    true
                }
                _ => false,
            })
        });
    }
    Ok(drafts.into_iter().map(|draft| draft.table).collect())
}

fn action(word: &str) -> ReferentialAction {
    match word {
        "CASCADE" => ReferentialAction::Cascade,
        "SET NULL" => ReferentialAction::SetNull,
        "SET DEFAULT" => ReferentialAction::SetDefault,
        _ => ReferentialAction::Refuse,
    }
}

fn add_column(draft: &mut Draft, row: &SqliteRow, any_loose: bool) -> sqlx::Result<()> {
    let name: String = row.try_get(1)?;
    let declared: String = row.try_get(2)?;
    let ty = column_type(&declared);
    if declared.eq_ignore_ascii_case("INTEGER") {
        draft.integers.push(name.clone());
    }
    let is_loose = match (&draft.loose, draft.table.kind) {
        (Some(columns), _) => columns.iter().any(|column| column.eq_ignore_ascii_case(&name)),
        (None, ModelKind::View) => any_loose,
        (None, ModelKind::Table | ModelKind::Untransacted) => true,
    };
    let is_not_null: bool = row.try_get(3)?;
    let place: i64 = row.try_get(5)?;
    if place > 0 {
        draft.key.push((place, name.clone()));
    }
    draft.table.fields.push(Field {
        column: name.clone(),
        name,
        collation: if is_loose && ty.is_text() { Collation::Loose } else { Collation::Binary },
        length: length(&declared).filter(|_| ty.is_text()),
        ty,
        nullable: !(is_not_null || (place > 0 && draft.without_rowid)),
        has_default: row.try_get(4)?,
        generated: row.try_get::<i64, _>(6)? != 0,
    });
    Ok(())
}

/// The one column of type INTEGER that is a primary key is the row's number: never NULL, and
/// filled by the database. Other keys can hold NULL in SQLite, unless they say otherwise.
fn finish_key(draft: &mut Draft) {
    draft.key.sort();
    draft.table.primary_key = draft.key.iter().map(|(_, name)| name.clone()).collect();
    let [only] = draft.table.primary_key.as_slice() else { return };
    let field = draft.table.fields.iter_mut().find(|field| field.name == *only);
    if let Some(field) = field.filter(|field| draft.integers.contains(&field.name) && !draft.without_rowid) {
        field.nullable = false;
        field.has_default = true;
    }
}

/// An index; a column without a name is an expression.
struct Index {
    table: String,
    name: String,
    is_unique: bool,
    /// Whether it is the primary key's own.
    is_primary: bool,
    columns: Vec<Option<String>>,
}

fn add_indexes(drafts: &mut [Draft], rows: &[SqliteRow], positions: &HashMap<String, usize>) -> sqlx::Result<()> {
    let mut indexes: Vec<Index> = Vec::new();
    for row in rows {
        let (table, index): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if indexes.last().is_none_or(|last| (&last.table, &last.name) != (&table, &index)) {
            let is_primary = row.try_get::<&str, _>(3)? == "pk";
            let is_unique = row.try_get(2)?;
            indexes.push(Index { table, name: index, is_unique, is_primary, columns: Vec::new() });
        }
        if let Some(last) = indexes.last_mut() {
            last.columns.push(row.try_get(4)?);
        }
    }
    for Index { table, is_unique, is_primary, columns, .. } in indexes {
        let Some(draft) = positions.get(&table.to_ascii_lowercase()).and_then(|at| drafts.get_mut(*at)) else {
            continue;
        };
        let table = &mut draft.table;
        let length = columns.len();
        // An expression ends the columns that can be used.
        let columns: Vec<String> = columns.into_iter().map_while(|column| column).collect();
        if columns.is_empty() {
            continue;
        }
        if is_unique && !is_primary && columns.len() == length && !table.unique_keys.contains(&columns) {
            table.unique_keys.push(columns.clone());
        }
        if !table.indexes.contains(&columns) {
            table.indexes.push(columns);
        }
    }
    for draft in drafts {
        let table = &mut draft.table;
        // The row's number is an index without a name.
        if !table.primary_key.is_empty() && !table.indexes.contains(&table.primary_key) {
            table.indexes.insert(0, table.primary_key.clone());
        }
    }
    Ok(())
}
