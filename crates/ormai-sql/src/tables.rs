//! Tables made from a catalog, for a database that has none of them: what scenarios and tests run on.
//!
//! Types and options are words of this file, names are quoted by the builder, and no value is in any
//! text. Nothing here changes a table that is there.

use std::sync::Arc;

use ormai_core::catalog::{Catalog, FieldId, Model, ModelId, ModelKind, ReferentialAction};
use ormai_core::value::ColumnType;
use sea_query::{
    ColumnDef, ColumnType as Words, ForeignKey, ForeignKeyAction, Index, MysqlQueryBuilder, PostgresQueryBuilder,
    SqliteQueryBuilder, Table,
};

use crate::dialect::Dialect;
use crate::error::CompileError;
use crate::printer::name;
use crate::source::table_name;
use crate::statement::{Statement, Text};

/// The statements that make a table, and that take it away again.
#[derive(Clone, Debug)]
pub struct MadeTable {
    /// Fails when a table of the name is there.
    pub create: Statement,
    /// Fails when there is none, or when another table refers to it.
    pub drop: Statement,
}

/// A table for each model of a catalog, each after those that it refers to.
///
/// Text compares by bytes in them, but on MariaDB and MySQL, where it compares without regard to
/// case, as in most databases there. A whole number that is the only part of its key and has a default
/// is counted up, from 1001 on PostgreSQL.
///
/// # Errors
///
/// [`CompileError`] for a view, a column of a type that cannot be made on every engine, and tables that
/// refer to each other in a circle.
pub fn create(dialect: Dialect, catalog: &Catalog) -> Result<Vec<MadeTable>, CompileError> {
    let maker = Maker { dialect, catalog };
    maker.order()?.into_iter().map(|id| maker.table(catalog.model(id))).collect()
}

struct Maker<'a> {
    dialect: Dialect,
    catalog: &'a Catalog,
}

impl Maker<'_> {
    /// What is referred to comes first.
    fn order(&self) -> Result<Vec<ModelId>, CompileError> {
        let mut left: Vec<ModelId> = self.catalog.models().map(|(id, _)| id).collect();
        let mut order = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let waits = |id: &ModelId| {
                let keys = &self.catalog.model(*id).foreign_keys;
                keys.iter().any(|key| key.target != *id && left.contains(&key.target))
            };
            let (later, ready): (Vec<_>, Vec<_>) = left.iter().partition(|id| waits(id));
            if ready.is_empty() {
                return Err(CompileError::Malformed("tables that refer to each other in a circle"));
            }
            order.extend(ready);
            left = later;
        }
        Ok(order)
    }

    fn table(&self, model: &Model) -> Result<MadeTable, CompileError> {
        if model.kind != ModelKind::Table {
            return Err(CompileError::Malformed("a view, which cannot be made from its columns"));
        }
        let mut table = Table::create();
        table.table(table_name(&model.table)?);
        for (id, field) in model.field_ids() {
            let words = self.words(model, id)?;
            let mut column = ColumnDef::new_with_type(name(&field.column)?, words);
            if !field.nullable {
                column.not_null();
            }
            if self.dialect == Dialect::Sqlite && counts(model, id) {
                column.primary_key();
            }
            table.col(column);
        }
        let counted = model.primary_key.iter().any(|id| counts(model, *id));
        if !(model.primary_key.is_empty() || self.dialect == Dialect::Sqlite && counted) {
            let mut key = Index::create();
            for id in &model.primary_key {
                key.col(name(&model.field(*id).column)?);
            }
            table.primary_key(&mut key);
        }
        for unique in &model.unique_keys {
            let mut key = Index::create();
            for id in unique {
                key.col(name(&model.field(*id).column)?);
            }
            table.index(key.unique());
        }
        for key in &model.foreign_keys {
            let target = self.catalog.model(key.target);
            let mut reference = ForeignKey::create();
            reference.from_tbl(table_name(&model.table)?).to_tbl(table_name(&target.table)?);
            for (here, there) in &key.columns {
                reference.from_col(name(&model.field(*here).column)?).to_col(name(&target.field(*there).column)?);
            }
            if let Some(action) = action(key.on_delete) {
                reference.on_delete(action);
            }
            if let Some(action) = action(key.on_update) {
                reference.on_update(action);
            }
            table.foreign_key(&mut reference);
        }
        if self.dialect == Dialect::MySql {
            table.engine("InnoDB").character_set("utf8mb4").collate("utf8mb4_general_ci");
        }
        let mut drop = Table::drop();
        drop.table(table_name(&model.table)?);
        Ok(match self.dialect {
            Dialect::Postgres => made(&table.to_string(PostgresQueryBuilder), &drop.to_string(PostgresQueryBuilder)),
            Dialect::Sqlite => made(&table.to_string(SqliteQueryBuilder), &drop.to_string(SqliteQueryBuilder)),
            Dialect::MySql => made(&table.to_string(MysqlQueryBuilder), &drop.to_string(MysqlQueryBuilder)),
        })
    }

    /// The type of a column, in the engine's words.
    fn words(&self, model: &Model, id: FieldId) -> Result<Words, CompileError> {
        use Dialect::{MySql, Postgres, Sqlite};
        let field = model.field(id);
        let unsupported =
            || CompileError::UnsupportedColumn { table: model.table.to_string(), column: field.column.clone() };
        if let (ColumnType::Text, Some(length)) = (&field.ty, field.length) {
            // What a number prints as is a number.
            let collation = if self.dialect == Postgres { " COLLATE \"C\"" } else { "" };
            return Ok(Words::custom(format!("varchar({length}){collation}")));
        }
        Ok(Words::custom(match (&field.ty, self.dialect) {
            (ColumnType::Int, Sqlite) if counts(model, id) => "integer",
            (ColumnType::Int, Postgres) if counts(model, id) => {
                "bigint GENERATED BY DEFAULT AS IDENTITY (START WITH 1001)"
            }
            (ColumnType::Int, MySql) if counts(model, id) => "bigint AUTO_INCREMENT",
            (ColumnType::Bool, _) => "boolean",
            (ColumnType::Int, _) => "bigint",
            (ColumnType::Float, MySql) => "double",
            (ColumnType::Float, _) => "double precision",
            (ColumnType::Decimal, _) => "decimal(20, 4)",
            (ColumnType::Text, Postgres) => "text COLLATE \"C\"",
            (ColumnType::Text, Sqlite) => "text",
            // A text of any length is in no key there.
            (ColumnType::Text, MySql) if in_a_key(model, id) => "varchar(255)",
            (ColumnType::Text, MySql) => "longtext",
            (ColumnType::Bytes, Postgres) => "bytea",
            (ColumnType::Bytes, MySql) => "longblob",
            (ColumnType::Bytes, Sqlite) => "blob",
            (ColumnType::Uuid, _) => "uuid",
            (ColumnType::Timestamp, Postgres) => "timestamptz",
            (ColumnType::Timestamp, Sqlite) => "timestamp",
            (ColumnType::Timestamp, MySql) if field.nullable => "timestamp(6) NULL",
            // Without a default MariaDB would set the first of a table at every update.
            (ColumnType::Timestamp, MySql) => "timestamp(6) DEFAULT '1970-01-02 00:00:00'",
            (ColumnType::DateTime, Postgres) => "timestamp",
            (ColumnType::DateTime, Sqlite) => "datetime",
            (ColumnType::DateTime, MySql) => "datetime(6)",
            (ColumnType::Date, _) => "date",
            (ColumnType::Time, MySql) => "time(6)",
            (ColumnType::Time, _) => "time",
            (ColumnType::Json, Postgres) => "jsonb",
            (ColumnType::Json, _) => "json",
            _ => return Err(unsupported()),
        }))
    }
}

/// Whether the database counts a column up.
fn counts(model: &Model, id: FieldId) -> bool {
    let field = model.field(id);
    field.ty == ColumnType::Int && field.has_default && model.primary_key == [id]
}

fn in_a_key(model: &Model, id: FieldId) -> bool {
    let mut keys = model.unique_keys.iter().chain([&model.primary_key]).chain(&model.indexes);
    let refers = || model.foreign_keys.iter().any(|key| key.columns.iter().any(|(here, _)| *here == id));
    keys.any(|key| key.contains(&id)) || refers()
}

fn action(action: ReferentialAction) -> Option<ForeignKeyAction> {
    match action {
        ReferentialAction::Refuse => None,
        ReferentialAction::Cascade => Some(ForeignKeyAction::Cascade),
        ReferentialAction::SetNull => Some(ForeignKeyAction::SetNull),
        ReferentialAction::SetDefault => Some(ForeignKeyAction::SetDefault),
    }
}

fn made(create: &str, drop: &str) -> MadeTable {
    let statement = |sql: &str| {
        let text = Text::new(Arc::from(sql), Vec::new(), Vec::new());
        Statement { text: Arc::new(text), values: Vec::new() }
    };
    MadeTable { create: statement(create), drop: statement(drop) }
}
