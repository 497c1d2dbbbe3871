//! What PostgreSQL's own catalog says of tables.

use std::collections::HashMap;

use ormai_core::catalog::{Collation, Field, ModelKind, ReferentialAction, TableName};
use ormai_core::value::ColumnType;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Arguments as _, PgConnection, Postgres, Row as _};

use super::{Source, sorted};
use crate::error::DbError;
use crate::execute;
use crate::introspect::{ForeignKey, Table};

/// Every type that a column can have, with what it is made of.
const TYPES: &str = "
SELECT t.oid::int8, t.typname::text, t.typtype::text, t.typcategory::text, t.typbasetype::int8, t.typelem::int8,
       format_type(t.oid, NULL), t.typnamespace = 'pg_catalog'::regnamespace,
       ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder),
       t.typtypmod
FROM pg_type t WHERE t.typtype IN ('b', 'd', 'e', 'r', 'm') OR t.typcategory = 'C'";

/// Partitions are read through their table. The provider of the database's collation is
/// asked for through JSON, because older servers do not have the column.
const COLUMNS: &str = "
SELECT n.nspname::text, c.relname::text, c.relkind IN ('v', 'm'), a.attname::text, a.atttypid::int8,
       a.attnotnull, a.atthasdef OR a.attidentity <> '', a.attgenerated <> '' OR a.attidentity = 'a',
       CASE WHEN o.oid IS NULL THEN 'none'
            WHEN NOT o.collisdeterministic THEN 'loose'
            WHEN o.collprovider = 'b' THEN 'binary'
            WHEN o.collprovider = 'c' AND o.collcollate IN ('C', 'POSIX', 'C.UTF-8', 'C.utf8') THEN 'binary'
            WHEN o.collprovider = 'd' AND d.provider = 'b' THEN 'binary'
            WHEN o.collprovider = 'd' AND d.provider = 'c'
                 AND d.datcollate IN ('C', 'POSIX', 'C.UTF-8', 'C.utf8') THEN 'binary'
            ELSE 'ordered' END,
       a.atttypmod
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_collation o ON o.oid = a.attcollation
CROSS JOIN (SELECT b.datcollate, coalesce(to_jsonb(b) ->> 'datlocprovider', 'c') AS provider
            FROM pg_database b WHERE b.datname = current_database()) d
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND n.nspname = ANY($1)
ORDER BY array_position($1, n.nspname::text), c.relname COLLATE \"C\", a.attnum";

const KEYS: &str = "
SELECT n.nspname::text, c.relname::text, k.contype::text, fn.nspname::text, fc.relname::text,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(attnum, position)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum ORDER BY u.position),
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(attnum, position)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum ORDER BY u.position),
       k.confdeltype::text, k.confupdtype::text
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class fc ON fc.oid = k.confrelid
LEFT JOIN pg_namespace fn ON fn.oid = fc.relnamespace
WHERE k.contype IN ('p', 'f') AND k.conparentid = 0 AND n.nspname = ANY($1)
  -- A key of a table that others inherit from does not hold for the rows of its heirs.
  AND NOT (k.contype = 'p' AND c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits h WHERE h.inhparent = c.oid))
  AND NOT (k.contype = 'f' AND fc.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits h WHERE h.inhparent = fc.oid))
ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\", k.contype, k.conkey, k.conname COLLATE \"C\"";

/// Indexes without a condition; an expression ends the columns that can be used.
const INDEXES: &str = "
SELECT n.nspname::text, c.relname::text, i.indisunique, i.indisprimary, i.indnkeyatts::int8,
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY u(attnum, position)
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum
             WHERE u.position <= i.indnkeyatts
               AND u.position < coalesce(array_position(i.indkey::int2[], 0::int2)
                                         - array_lower(i.indkey::int2[], 1) + 1, 1000)
             ORDER BY u.position)
FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_am m ON m.oid = x.relam
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE i.indpred IS NULL AND i.indisvalid AND m.amname = 'btree' AND n.nspname = ANY($1)
ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\", x.relname COLLATE \"C\"";

pub(crate) async fn tables(source: &Source, schemas: &[String]) -> Result<Vec<Table>, DbError> {
    let mut lent = source.lend().await?;
    let connection = lent.connection()?;
    let schemas = if schemas.is_empty() {
        let rows = rows(connection, "SELECT current_schema()::text", None).await?;
        rows.iter().filter_map(|row| row.try_get::<Option<String>, _>(0).transpose()).collect::<Result<_, _>>()
    } else {
        Ok(schemas.to_vec())
    };
    let schemas: Vec<String> = schemas.map_err(|error| sorted(&error))?;
    let types = rows(connection, TYPES, None).await?;
    let columns = rows(connection, COLUMNS, Some(&schemas)).await?;
    let keys = rows(connection, KEYS, Some(&schemas)).await?;
    let indexes = rows(connection, INDEXES, Some(&schemas)).await?;
    assemble(&types, &columns, &keys, &indexes).map_err(|error| sorted(&error))
}

pub(super) async fn rows(
    connection: &mut PgConnection,
    sql: &'static str,
    names: Option<&[String]>,
) -> Result<Vec<PgRow>, DbError> {
    let mut arguments = PgArguments::default();
    if let Some(names) = names {
        arguments.add(names).map_err(|error| DbError::failed(error.to_string()))?;
    }
    execute::fixed::<Postgres>(sql, arguments).fetch_all(connection).await.map_err(|error| sorted(&error))
}

fn assemble(types: &[PgRow], columns: &[PgRow], keys: &[PgRow], indexes: &[PgRow]) -> sqlx::Result<Vec<Table>> {
    let types = types.iter().map(Described::read).collect::<sqlx::Result<HashMap<_, _>>>()?;
    let mut tables: Vec<Table> = Vec::new();
    for row in columns {
        let name = table_name(row, 0)?;
        if tables.last().is_none_or(|table| table.name != name) {
            let kind = if row.try_get(2)? { ModelKind::View } else { ModelKind::Table };
            tables.push(Table::new(name, kind));
        }
        let column: String = row.try_get(3)?;
        let oid = row.try_get(4)?;
        let (ty, is_citext) = column_type(&types, oid);
        let collation = match row.try_get(8)? {
            _ if !ty.is_text() => Collation::Binary,
            _ if is_citext => Collation::Loose,
            "loose" => Collation::Loose,
            "ordered" => Collation::Ordered,
            _ => Collation::Binary,
        };
        let field = Field {
            name: column.clone(),
            column,
            ty,
            collation,
            length: length(&types, oid, row.try_get(9)?),
            nullable: !row.try_get::<bool, _>(5)?,
            has_default: row.try_get(6)?,
            generated: row.try_get(7)?,
        };
        if let Some(table) = tables.last_mut() {
            table.fields.push(field);
        }
    }
    let positions: HashMap<TableName, usize> =
        tables.iter().enumerate().map(|(at, table)| (table.name.clone(), at)).collect();
    for row in keys {
        let at = positions.get(&table_name(row, 0)?);
        let Some(table) = at.and_then(|at| tables.get_mut(*at)) else { continue };
        let here: Vec<String> = row.try_get(5)?;
        if row.try_get::<&str, _>(2)? == "p" {
            table.primary_key = here;
        } else {
            let there: Vec<String> = row.try_get(6)?;
            let columns = here.into_iter().zip(there).collect();
            table.foreign_keys.push(ForeignKey {
                target: table_name(row, 3)?,
                columns,
                on_delete: action(row.try_get(7)?),
                on_update: action(row.try_get(8)?),
            });
        }
    }
    for row in indexes {
        let at = positions.get(&table_name(row, 0)?);
        let Some(table) = at.and_then(|at| tables.get_mut(*at)) else { continue };
        let columns: Vec<String> = row.try_get(5)?;
        let is_whole = i64::try_from(columns.len()).is_ok_and(|length| row.try_get::<i64, _>(4).ok() == Some(length));
        if columns.is_empty() {
            continue;
        }
        let is_unique: bool = row.try_get(2)?;
        let is_primary: bool = row.try_get(3)?;
        if is_unique && !is_primary && is_whole && !table.unique_keys.contains(&columns) {
            table.unique_keys.push(columns.clone());
        }
        if !table.indexes.contains(&columns) {
            table.indexes.push(columns);
        }
    }
    Ok(tables)
}

fn table_name(row: &PgRow, at: usize) -> sqlx::Result<TableName> {
    Ok(TableName { schema: Some(row.try_get(at)?), name: row.try_get(at + 1)? })
}

fn action(letter: &str) -> ReferentialAction {
    match letter {
        "c" => ReferentialAction::Cascade,
        "n" => ReferentialAction::SetNull,
        "d" => ReferentialAction::SetDefault,
        _ => ReferentialAction::Refuse,
    }
}

/// A type of the database.
struct Described {
    name: String,
    kind: String,
    category: String,
    base: i64,
    element: i64,
    shown: String,
    is_builtin: bool,
    words: Vec<String>,
    modifier: i32,
}

impl Described {
    fn read(row: &PgRow) -> sqlx::Result<(i64, Self)> {
        let described = Self {
            name: row.try_get(1)?,
            kind: row.try_get(2)?,
            category: row.try_get(3)?,
            base: row.try_get(4)?,
            element: row.try_get(5)?,
            shown: row.try_get(6)?,
            is_builtin: row.try_get(7)?,
            words: row.try_get(8)?,
            modifier: row.try_get(9)?,
        };
        Ok((row.try_get(0)?, described))
    }
}

/// The most characters of a column with a modifier, or of a domain that has one.
fn length(types: &HashMap<i64, Described>, oid: i64, modifier: i32) -> Option<u32> {
    let (mut oid, mut modifier) = (oid, modifier);
    while let Some(domain) = types.get(&oid).filter(|described| described.kind == "d") {
        modifier = modifier.max(domain.modifier);
        oid = domain.base;
    }
    let is_bounded = types.get(&oid).is_some_and(|ty| ty.is_builtin && ["varchar", "bpchar"].contains(&&*ty.name));
    // The modifier counts four bytes of its own.
    modifier.checked_sub(4).filter(|length| is_bounded && *length > 0).and_then(|length| u32::try_from(length).ok())
}

/// The type of a column, and whether it is `citext`. Domains are what they stand for.
fn column_type(types: &HashMap<i64, Described>, oid: i64) -> (ColumnType, bool) {
    let mut oid = oid;
    // A domain over a domain ends somewhere: PostgreSQL has no cycles among them.
    while let Some(domain) = types.get(&oid).filter(|described| described.kind == "d") {
        oid = domain.base;
    }
    let Some(described) = types.get(&oid) else {
        return (ColumnType::Unsupported(format!("type {oid}")), false);
    };
    if described.kind == "e" {
        return (ColumnType::enumeration(&described.name, &described.words), false);
    }
    if described.category == "A" && described.kind == "b" {
        let (element, _) = column_type(types, described.element);
        return (ColumnType::array(element), false);
    }
    let unsupported = || ColumnType::Unsupported(described.shown.clone());
    if !described.is_builtin {
        let is_citext = described.name == "citext";
        return (if is_citext { ColumnType::Text } else { unsupported() }, is_citext);
    }
    let ty = match described.name.as_str() {
        "bool" => ColumnType::Bool,
        "int2" => ColumnType::Int16,
        "int4" => ColumnType::Int32,
        "int8" => ColumnType::Int,
        "float4" | "float8" => ColumnType::Float,
        "numeric" => ColumnType::Decimal,
        "text" | "varchar" | "name" => ColumnType::Text,
        "bpchar" => ColumnType::Char,
        "uuid" => ColumnType::Uuid,
        "bytea" => ColumnType::Bytes,
        "timestamptz" => ColumnType::Timestamp,
        "timestamp" => ColumnType::DateTime,
        "date" => ColumnType::Date,
        "time" => ColumnType::Time,
        "interval" => ColumnType::Interval,
        "json" | "jsonb" => ColumnType::Json,
        _ => unsupported(),
    };
    (ty, false)
}
