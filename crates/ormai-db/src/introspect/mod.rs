//! Reading a schema into a catalog.

mod naming;
mod relations;

use std::collections::HashMap;

use ormai_core::catalog::{
    CatalogBuilder, Field, ForeignKeyBuilder, ModelBuilder, ModelKind, ReferentialAction, TableName,
};
use ormai_sql::own::PREFIX;

use crate::database::{Database, Source};
use crate::error::DbError;
#[cfg(feature = "mysql")]
use crate::mysql;
#[cfg(feature = "postgres")]
use crate::postgres;
use crate::session::no_connection;
#[cfg(feature = "sqlite")]
use crate::sqlite;

/// What to read, and what to call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntrospectOptions {
    /// The schemas to read, the most important first; empty for the connection's current
    /// one. MariaDB and MySQL call them databases; SQLite has none.
    pub schemas: Vec<String>,
    /// Whether views become models too, which can only be read.
    pub include_views: bool,
    /// Models' names by table (`orders` or `shop.orders`), where the derived name does not suit.
    pub model_names: HashMap<String, String>,
    /// Relations' names by the derived name (`Order.user`).
    pub relation_names: HashMap<String, String>,
}

impl Default for IntrospectOptions {
    fn default() -> Self {
        Self { schemas: Vec::new(), include_views: true, model_names: HashMap::new(), relation_names: HashMap::new() }
    }
}

/// Reads the tables of a database into a catalog that can still be changed.
///
/// Models are named in the singular (`order_items` becomes `OrderItem`), fields like their
/// columns. A foreign key `user_id` becomes the relation `user`, and on the other side
/// `orders`, or `order` where the key is unique. The names depend on the schema alone. Tables whose
/// name begins with `ormai_` are left out: they are OrmAI's own.
///
/// # Errors
///
/// [`DbError`] when the database does not answer, or when its text is not UTF-8.
pub async fn introspect(database: &Database, options: &IntrospectOptions) -> Result<CatalogBuilder, DbError> {
    let mut tables = tables(database, options).await?;
    tables.retain(|table| options.include_views || table.kind != ModelKind::View);
    tables.retain(|table| !is_own(&table.name));
    Ok(catalog(&tables, options))
}

/// The names of all tables and views.
pub(crate) async fn table_names(database: &Database, options: &IntrospectOptions) -> Result<Vec<String>, DbError> {
    Ok(tables(database, options).await?.into_iter().map(|table| table.name.name).collect())
}

/// The table that introspection would call so: `OrderItem` stands for `order_items`.
///
/// ```
/// assert_eq!(ormai_db::table_of("OrderItem"), "order_items");
/// ```
pub fn table_of(model: &str) -> String {
    naming::plural(&naming::snake(model))
}

async fn tables(database: &Database, options: &IntrospectOptions) -> Result<Vec<Table>, DbError> {
    match &database.0 {
        #[cfg(feature = "postgres")]
        Source::Postgres(source) => postgres::introspect::tables(source, &options.schemas).await,
        #[cfg(feature = "mysql")]
        Source::MySql(source) => mysql::introspect::tables(source, &options.schemas).await,
        #[cfg(feature = "sqlite")]
        Source::Sqlite(source) => sqlite::introspect::tables(source).await,
        Source::Hosts(_) => Err(no_connection()),
    }
}

/// Whether a table is one of OrmAI's own, or has a name that is kept for them: no policy can open it.
fn is_own(table: &TableName) -> bool {
    let begins = |(name, prefix): (u8, u8)| name.eq_ignore_ascii_case(&prefix);
    table.name.len() >= PREFIX.len() && table.name.bytes().zip(PREFIX.bytes()).all(begins)
}

/// A table as every engine describes it.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: TableName,
    pub(crate) kind: ModelKind,
    /// Named like their columns.
    pub(crate) fields: Vec<Field>,
    pub(crate) primary_key: Vec<String>,
    /// Without conditions and expressions.
    pub(crate) unique_keys: Vec<Vec<String>>,
    pub(crate) indexes: Vec<Vec<String>>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
}

/// A foreign key, with its columns in pairs.
#[derive(Clone, Debug)]
pub(crate) struct ForeignKey {
    pub(crate) target: TableName,
    pub(crate) columns: Vec<(String, String)>,
    pub(crate) on_delete: ReferentialAction,
    pub(crate) on_update: ReferentialAction,
}

impl Table {
    pub(crate) fn new(name: TableName, kind: ModelKind) -> Self {
        Self {
            name,
            kind,
            fields: Vec::new(),
            primary_key: Vec::new(),
            unique_keys: Vec::new(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
        }
    }

    /// Whether at most one row can have given values in these columns.
    fn is_key<'a>(&self, columns: impl Iterator<Item = &'a String> + Clone) -> bool {
        let covers = |key: &Vec<String>| !key.is_empty() && key.iter().all(|part| columns.clone().any(|c| c == part));
        covers(&self.primary_key) || self.unique_keys.iter().any(covers)
    }
}

fn catalog(tables: &[Table], options: &IntrospectOptions) -> CatalogBuilder {
    let names = naming::models(tables, &options.model_names);
    let relations = relations::all(tables, &names, &options.relation_names);
    let mut catalog = CatalogBuilder::new();
    for ((table, name), relations) in tables.iter().zip(&names).zip(relations) {
        let mut model = ModelBuilder::table(name, &table.name.name);
        model.table = table.name.clone();
        model.kind = table.kind;
        model.fields = table.fields.clone();
        model.primary_key = table.primary_key.clone();
        model.unique_keys = table.unique_keys.clone();
        model.indexes = table.indexes.clone();
        model.relations = relations;
        model.foreign_keys = foreign_keys(table, tables, &names);
        catalog = catalog.model(model);
    }
    catalog
}

/// The foreign keys to tables that were read; their columns are fields of those.
fn foreign_keys(table: &Table, tables: &[Table], names: &[String]) -> Vec<ForeignKeyBuilder> {
    let key = |key: &ForeignKey| {
        let (target, _) = names.iter().zip(tables).find(|(_, target)| target.name == key.target)?;
        let (columns, on_delete, on_update) = (key.columns.clone(), key.on_delete, key.on_update);
        Some(ForeignKeyBuilder { target: target.clone(), columns, on_delete, on_update })
    };
    table.foreign_keys.iter().filter_map(key).collect()
}
