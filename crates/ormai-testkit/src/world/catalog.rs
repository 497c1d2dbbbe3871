//! A world's catalog and its principals, as the engine under test gets them.

use ormai_core::catalog::{Catalog, CatalogBuilder, CatalogError, Collation, Field, ForeignKeyBuilder, ModelBuilder};
use ormai_core::principal::Principal;
use ormai_core::value::ColumnType;

use super::tables::{AsColumn, AsTable, EXACT};
use super::{Column, Kind, Model, Reference, Who, World};
use crate::engines::Engine;

/// What has a catalog.
pub trait AsCatalog {
    /// The catalog as the engine under test gets it. `prefix` begins the names of tables.
    ///
    /// # Errors
    ///
    /// When the world refers to something that it does not have.
    fn catalog(&self, engine: Engine, prefix: &str) -> Result<Catalog, CatalogError>;
}

impl AsCatalog for World {
    fn catalog(&self, engine: Engine, prefix: &str) -> Result<Catalog, CatalogError> {
        let models = self.models.iter().map(|model| builder(model, engine, prefix));
        models.fold(CatalogBuilder::new(), CatalogBuilder::model).build()
    }
}

/// Who asks.
pub trait AsPrincipal {
    /// As the engine under test gets it.
    fn principal(&self) -> Principal;
}

impl AsPrincipal for Who {
    fn principal(&self) -> Principal {
        let mut principal = Principal::new(self.tenant.clone()).user(self.user.clone());
        for role in &self.roles {
            principal = principal.role(role);
        }
        for (key, value) in &self.metadata {
            principal = principal.metadata(key, value.clone());
        }
        principal
    }
}

fn builder(model: &Model, engine: Engine, prefix: &str) -> ModelBuilder {
    let mut builder = ModelBuilder::table(&model.name, model.table(prefix)).primary_key(model.key.clone());
    for column in &model.columns {
        builder = builder.column(Field {
            name: column.name.clone(),
            column: column.stored().to_owned(),
            ty: column_type(&column.kind),
            collation: collation(engine, column),
            nullable: column.nullable,
            has_default: column.default.is_some(),
            generated: false,
            length: None,
        });
    }
    for relation in &model.relations {
        let link: Vec<(&str, &str)> =
            relation.link.iter().map(|(here, there)| (here.as_str(), there.as_str())).collect();
        builder = match relation.many {
            true => builder.to_many(&relation.name, &relation.target, link),
            false => builder.to_one(&relation.name, &relation.target, link),
        };
    }
    for key in &model.unique {
        builder = builder.unique(key.clone());
    }
    for Reference { target, link, .. } in &model.references {
        let link = link.iter().map(|(here, there)| (here.as_str(), there.as_str()));
        builder = builder.foreign_key(ForeignKeyBuilder::new(target, link));
    }
    builder
}

fn column_type(kind: &Kind) -> ColumnType {
    match kind {
        Kind::Bool => ColumnType::Bool,
        Kind::Int16 => ColumnType::Int16,
        Kind::Int32 => ColumnType::Int32,
        Kind::Float => ColumnType::Float,
        Kind::Char => ColumnType::Char,
        Kind::Enum(words) => ColumnType::enumeration("words", words.iter()),
        Kind::Bytes => ColumnType::Bytes,
        Kind::Time => ColumnType::Time,
        Kind::DateTime => ColumnType::DateTime,
        Kind::Opaque => ColumnType::Json,
        Kind::Unread => ColumnType::Unsupported("unread".to_owned()),
        Kind::Int => ColumnType::Int,
        Kind::Decimal => ColumnType::Decimal,
        Kind::Text => ColumnType::Text,
        Kind::Uuid => ColumnType::Uuid,
        Kind::Date => ColumnType::Date,
        Kind::Timestamp => ColumnType::Timestamp,
    }
}

/// How the columns that [`AsTables::statements`](super::AsTables::statements) makes compare their text:
/// on MariaDB as a database does of which nothing was said, without regard to case, accents and blanks.
fn collation(engine: Engine, column: &Column) -> Collation {
    match engine {
        Engine::MySql if column.kind == Kind::Text && column.exact => Collation::Folded(EXACT.into()),
        Engine::MySql if column.kind == Kind::Text => Collation::Folded("utf8mb4_general_ci".into()),
        Engine::Sqlite | Engine::Postgres | Engine::MySql => Collation::Binary,
    }
}
