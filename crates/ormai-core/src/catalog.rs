//! The catalog: what a database holds, in the words that agents use.
//!
//! *Model* and *field* are the agent's words; *table* and *column* are SQL's. Identifiers
//! in statements come from here and from nowhere else.

mod foreign_key;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

pub use foreign_key::{ForeignKey, ForeignKeyBuilder, ReferentialAction};

use crate::value::ColumnType;

/// A model of a [`Catalog`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(u16);

/// A field of a [`Model`]; means nothing without its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(u16);

/// A relation of a [`Model`]; means nothing without its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelationId(u16);

/// All models, immutable once built. Made by [`CatalogBuilder`].
#[derive(Clone, Debug)]
pub struct Catalog {
    models: Vec<Model>,
    by_name: HashMap<String, ModelId>,
}

/// A table or view.
#[derive(Clone, Debug)]
pub struct Model {
    /// The agent's name, such as `OrderItem`.
    pub name: String,
    /// The table in the database.
    pub table: TableName,
    /// Whether rows can be written at all.
    pub kind: ModelKind,
    /// The columns, in the table's order.
    pub fields: Vec<Field>,
    /// The primary key; empty when there is none (then there is no `get`, no cursor, no write).
    pub primary_key: Vec<FieldId>,
    /// Unique keys beside the primary key, each a set of fields.
    pub unique_keys: Vec<Vec<FieldId>>,
    /// Indexes (the leading columns decide), including those behind keys.
    pub indexes: Vec<Vec<FieldId>>,
    /// The relations that start here.
    pub relations: Vec<Relation>,
    /// The foreign keys to other models of the catalog.
    pub foreign_keys: Vec<ForeignKey>,
    fields_by_name: HashMap<String, FieldId>,
    relations_by_name: HashMap<String, RelationId>,
}

/// Table or view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModelKind {
    /// A table.
    Table,
    /// A table in which nothing can be undone, because its storage engine has no transactions: read
    /// only here, since a write that is refused would stay.
    Untransacted,
    /// A view: read only here.
    View,
}

/// A table's name in the database.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableName {
    /// The schema, where the engine has them.
    pub schema: Option<String>,
    /// The table.
    pub name: String,
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A column.
#[derive(Clone, Debug)]
pub struct Field {
    /// The agent's name.
    pub name: String,
    /// The column in the database.
    pub column: String,
    /// Its type.
    pub ty: ColumnType,
    /// How the database compares its text; `Binary` for everything that is not text.
    pub collation: Collation,
    /// The most characters of its text, where the database declares that. SQLite does not
    /// hold itself to it.
    pub length: Option<u32>,
    /// Whether NULL may stand in it.
    pub nullable: bool,
    /// Whether the database fills it when an insert leaves it out.
    pub has_default: bool,
    /// Whether the database computes it, so that it cannot be written.
    pub generated: bool,
}

/// How a text column compares in the database. OrmAI's own comparisons are always by
/// bytes (code points), so a dialect adds what is needed to get there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Collation {
    /// Equality and order are by bytes already. Also what is said of text of which nothing
    /// was said; on MySQL nobody relies on it.
    Binary,
    /// Equality is by bytes, order is a language's. Does not occur on MySQL.
    Ordered,
    /// Even equality is not by bytes (case or accents are ignored), and what makes it so
    /// takes an index of the column away. Does not occur on MySQL.
    Loose,
    /// Equality ignores case, accents or blanks at the end, and an index serves it: two
    /// comparisons, one that finds and one that decides, are exact and fast. All text of
    /// MySQL, also of `utf8mb4_bin`, which pads, and of other character sets; the dialect
    /// knows the collations (`utf8mb4_nopad_bin`, `utf8mb4_0900_bin`) that need no second one.
    ///
    /// With the database's name of it, such as `utf8mb4_general_ci`, which begins with the
    /// character set: only text of one and the same can be compared as it is stored.
    Folded(Arc<str>),
}

/// A relation from one model to another.
#[derive(Clone, Debug)]
pub struct Relation {
    /// The agent's name.
    pub name: String,
    /// Where it leads.
    pub target: ModelId,
    /// To one row or to many.
    pub kind: RelationKind,
    /// Pairs of (field here, field there) that must be equal; never empty. For
    /// `RelationKind::One` the fields there are a key, so that at most one row answers.
    pub link: Vec<(FieldId, FieldId)>,
}

/// To one or to many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RelationKind {
    /// At most one row.
    One,
    /// Any number of rows.
    Many,
}

impl ModelId {
    /// The position in the catalog.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl FieldId {
    /// The field at a position of a model, for tables that are kept by field.
    pub(crate) fn at(index: usize) -> Self {
        Self(small(index))
    }

    /// The position in the model.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl RelationId {
    /// The position in the model.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl Catalog {
    /// All models with their ids, in the order they were added.
    pub fn models(&self) -> impl Iterator<Item = (ModelId, &Model)> {
        self.models.iter().enumerate().map(|(index, model)| (ModelId(small(index)), model))
    }

    /// The model with an id of this catalog.
    #[expect(clippy::indexing_slicing, reason = "ids are made by this catalog only, and it never shrinks")]
    pub fn model(&self, id: ModelId) -> &Model {
        &self.models[id.index()]
    }

    /// The model with a name.
    pub fn find(&self, name: &str) -> Option<ModelId> {
        self.by_name.get(name).copied()
    }
}

impl Model {
    /// The field with an id of this model.
    #[expect(clippy::indexing_slicing, reason = "ids are made by this model only, and it never shrinks")]
    pub fn field(&self, id: FieldId) -> &Field {
        &self.fields[id.index()]
    }

    /// The relation with an id of this model.
    #[expect(clippy::indexing_slicing, reason = "ids are made by this model only, and it never shrinks")]
    pub fn relation(&self, id: RelationId) -> &Relation {
        &self.relations[id.index()]
    }

    /// The field with a name.
    pub fn find_field(&self, name: &str) -> Option<FieldId> {
        self.fields_by_name.get(name).copied()
    }

    /// The relation with a name.
    pub fn find_relation(&self, name: &str) -> Option<RelationId> {
        self.relations_by_name.get(name).copied()
    }

    /// All fields with their ids.
    pub fn field_ids(&self) -> impl Iterator<Item = (FieldId, &Field)> {
        self.fields.iter().enumerate().map(|(index, field)| (FieldId(small(index)), field))
    }

    /// All relations with their ids.
    pub fn relation_ids(&self) -> impl Iterator<Item = (RelationId, &Relation)> {
        self.relations.iter().enumerate().map(|(index, relation)| (RelationId(small(index)), relation))
    }

    /// Whether at most one row can have given values in these fields.
    pub fn is_key(&self, fields: &[FieldId]) -> bool {
        let covers = |key: &Vec<FieldId>| !key.is_empty() && key.iter().all(|part| fields.contains(part));
        covers(&self.primary_key) || self.unique_keys.iter().any(covers)
    }
}

/// Builds a [`Catalog`], checking that everything refers to something.
///
/// ```
/// use ormai_core::catalog::{CatalogBuilder, ModelBuilder};
/// use ormai_core::value::ColumnType;
///
/// let catalog = CatalogBuilder::new()
///     .model(ModelBuilder::table("User", "users").field("id", ColumnType::Text).primary_key(["id"]))
///     .model(
///         ModelBuilder::table("Order", "orders")
///             .field("id", ColumnType::Int)
///             .field("user_id", ColumnType::Text)
///             .primary_key(["id"])
///             .to_one("user", "User", [("user_id", "id")]),
///     )
///     .build()?;
/// assert!(catalog.find("Order").is_some());
/// # Ok::<(), ormai_core::catalog::CatalogError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct CatalogBuilder {
    models: Vec<ModelBuilder>,
}

/// Describes one model to a [`CatalogBuilder`]; names are resolved when the catalog is built.
#[derive(Clone, Debug)]
pub struct ModelBuilder {
    /// The agent's name.
    pub name: String,
    /// The table.
    pub table: TableName,
    /// Table or view.
    pub kind: ModelKind,
    /// The columns.
    pub fields: Vec<Field>,
    /// Field names of the primary key.
    pub primary_key: Vec<String>,
    /// Field names of each unique key.
    pub unique_keys: Vec<Vec<String>>,
    /// Field names of each index.
    pub indexes: Vec<Vec<String>>,
    /// The relations.
    pub relations: Vec<RelationBuilder>,
    /// The foreign keys; they make no relations by themselves.
    pub foreign_keys: Vec<ForeignKeyBuilder>,
}

/// Describes one relation to a [`CatalogBuilder`].
#[derive(Clone, Debug)]
pub struct RelationBuilder {
    /// The agent's name.
    pub name: String,
    /// The target model's name.
    pub target: String,
    /// To one or to many.
    pub kind: RelationKind,
    /// Pairs of (field name here, field name there).
    pub link: Vec<(String, String)>,
}

/// Why a catalog cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// Two models share a name.
    #[error("two models are named `{0}`")]
    DuplicateModel(String),
    /// Two fields or relations of a model share a name.
    #[error("two fields or relations of `{model}` are named `{name}`")]
    DuplicateName {
        /// The model.
        model: String,
        /// The name that stands twice.
        name: String,
    },
    /// A key, index or relation names a field that the model does not have.
    #[error("`{model}` has no field `{name}`")]
    UnknownField {
        /// The model.
        model: String,
        /// The field.
        name: String,
    },
    /// A relation leads to a model that does not exist.
    #[error("relation `{relation}` of `{model}` leads to the unknown model `{target}`")]
    UnknownTarget {
        /// The model.
        model: String,
        /// The relation.
        relation: String,
        /// The missing target.
        target: String,
    },
    /// A relation to one row is linked to fields that are not a key there.
    #[error("relation `{relation}` of `{model}` leads to one row, but the linked fields of `{target}` are no key")]
    NotAKey {
        /// The model.
        model: String,
        /// The relation.
        relation: String,
        /// The target.
        target: String,
    },
    /// A relation without linked fields.
    #[error("relation `{relation}` of `{model}` links no fields")]
    EmptyLink {
        /// The model.
        model: String,
        /// The relation.
        relation: String,
    },
    /// More than 65,535 models, fields or relations.
    #[error("`{0}` has more parts than a catalog can number")]
    TooLarge(String),
}

impl CatalogBuilder {
    /// An empty catalog.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a model.
    #[must_use]
    pub fn model(mut self, model: ModelBuilder) -> Self {
        self.models.push(model);
        self
    }

    /// Checks and builds.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] for the first name that is doubled or refers to nothing.
    pub fn build(self) -> Result<Catalog, CatalogError> {
        let limit = usize::from(u16::MAX);
        if self.models.len() > limit {
            return Err(CatalogError::TooLarge("the catalog".to_owned()));
        }
        let mut by_name = HashMap::new();
        for (index, model) in self.models.iter().enumerate() {
            if model.fields.len() > limit || model.relations.len() > limit {
                return Err(CatalogError::TooLarge(model.name.clone()));
            }
            if by_name.insert(model.name.clone(), ModelId(small(index))).is_some() {
                return Err(CatalogError::DuplicateModel(model.name.clone()));
            }
        }
        let mut models = self.models.iter().map(ModelBuilder::without_relations).collect::<Result<Vec<_>, _>>()?;
        let relations = self
            .models
            .iter()
            .zip(&models)
            .map(|(builder, model)| builder.resolve_relations(model, &models, &by_name))
            .collect::<Result<Vec<_>, _>>()?;
        let foreign_keys = self
            .models
            .iter()
            .zip(&models)
            .map(|(builder, model)| {
                builder.foreign_keys.iter().map(|key| key.resolve(model, &models, &by_name)).collect()
            })
            .collect::<Result<Vec<Vec<ForeignKey>>, _>>()?;
        for (model, foreign_keys) in models.iter_mut().zip(foreign_keys) {
            model.foreign_keys = foreign_keys;
        }
        for (model, relations) in models.iter_mut().zip(relations) {
            for (index, relation) in relations.iter().enumerate() {
                let taken = model.fields_by_name.contains_key(&relation.name)
                    || model.relations_by_name.insert(relation.name.clone(), RelationId(small(index))).is_some();
                if taken {
                    return Err(CatalogError::DuplicateName { model: model.name.clone(), name: relation.name.clone() });
                }
            }
            model.relations = relations;
        }
        Ok(Catalog { models, by_name })
    }
}

impl ModelBuilder {
    /// A table without a schema name.
    pub fn table(name: impl Into<String>, table: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            table: TableName { schema: None, name: table.into() },
            kind: ModelKind::Table,
            fields: Vec::new(),
            primary_key: Vec::new(),
            unique_keys: Vec::new(),
            indexes: Vec::new(),
            relations: Vec::new(),
            foreign_keys: Vec::new(),
        }
    }

    /// Adds a NOT NULL column named like the field.
    #[must_use]
    pub fn field(self, name: impl Into<String>, ty: ColumnType) -> Self {
        let name = name.into();
        self.column(Field {
            column: name.clone(),
            name,
            ty,
            collation: Collation::Binary,
            length: None,
            nullable: false,
            has_default: false,
            generated: false,
        })
    }

    /// Adds a nullable column named like the field.
    #[must_use]
    pub fn nullable(self, name: impl Into<String>, ty: ColumnType) -> Self {
        let mut builder = self.field(name, ty);
        if let Some(field) = builder.fields.last_mut() {
            field.nullable = true;
        }
        builder
    }

    /// Adds a column.
    #[must_use]
    pub fn column(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// Sets the primary key.
    #[must_use]
    pub fn primary_key<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> Self {
        self.primary_key = fields.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a unique key.
    #[must_use]
    pub fn unique<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> Self {
        self.unique_keys.push(fields.into_iter().map(Into::into).collect());
        self
    }

    /// Adds a foreign key.
    #[must_use]
    pub fn foreign_key(mut self, key: ForeignKeyBuilder) -> Self {
        self.foreign_keys.push(key);
        self
    }

    /// Adds a relation to at most one row.
    #[must_use]
    pub fn to_one<'a>(self, name: &str, target: &str, link: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.relation(name, target, RelationKind::One, link)
    }

    /// Adds a relation to any number of rows.
    #[must_use]
    pub fn to_many<'a>(self, name: &str, target: &str, link: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.relation(name, target, RelationKind::Many, link)
    }

    fn relation<'a>(
        mut self,
        name: &str,
        target: &str,
        kind: RelationKind,
        link: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let link = link.into_iter().map(|(here, there)| (here.to_owned(), there.to_owned())).collect();
        self.relations.push(RelationBuilder { name: name.to_owned(), target: target.to_owned(), kind, link });
        self
    }

    fn without_relations(&self) -> Result<Model, CatalogError> {
        let mut fields_by_name = HashMap::new();
        for (index, field) in self.fields.iter().enumerate() {
            if fields_by_name.insert(field.name.clone(), FieldId(small(index))).is_some() {
                return Err(CatalogError::DuplicateName { model: self.name.clone(), name: field.name.clone() });
            }
        }
        let resolve = |names: &Vec<String>| -> Result<Vec<FieldId>, CatalogError> {
            names
                .iter()
                .map(|name| {
                    fields_by_name
                        .get(name)
                        .copied()
                        .ok_or_else(|| CatalogError::UnknownField { model: self.name.clone(), name: name.clone() })
                })
                .collect()
        };
        Ok(Model {
            name: self.name.clone(),
            table: self.table.clone(),
            kind: self.kind,
            primary_key: resolve(&self.primary_key)?,
            unique_keys: self.unique_keys.iter().map(resolve).collect::<Result<_, _>>()?,
            indexes: self.indexes.iter().map(resolve).collect::<Result<_, _>>()?,
            fields: self.fields.clone(),
            relations: Vec::new(),
            foreign_keys: Vec::new(),
            relations_by_name: HashMap::new(),
            fields_by_name,
        })
    }

    fn resolve_relations(
        &self,
        here: &Model,
        models: &[Model],
        by_name: &HashMap<String, ModelId>,
    ) -> Result<Vec<Relation>, CatalogError> {
        self.relations
            .iter()
            .map(|relation| {
                let unknown = || CatalogError::UnknownTarget {
                    model: self.name.clone(),
                    relation: relation.name.clone(),
                    target: relation.target.clone(),
                };
                let target = *by_name.get(&relation.target).ok_or_else(unknown)?;
                let there = models.get(target.index()).ok_or_else(unknown)?;
                let find = |model: &Model, name: &str| {
                    model
                        .find_field(name)
                        .ok_or_else(|| CatalogError::UnknownField { model: model.name.clone(), name: name.to_owned() })
                };
                let link = relation
                    .link
                    .iter()
                    .map(|(from, to)| Ok((find(here, from)?, find(there, to)?)))
                    .collect::<Result<Vec<_>, CatalogError>>()?;
                let (model, name) = (self.name.clone(), relation.name.clone());
                if link.is_empty() {
                    return Err(CatalogError::EmptyLink { model, relation: name });
                }
                let linked: Vec<FieldId> = link.iter().map(|(_, to)| *to).collect();
                if relation.kind == RelationKind::One && !there.is_key(&linked) {
                    return Err(CatalogError::NotAKey { model, relation: name, target: relation.target.clone() });
                }
                Ok(Relation { name, target, kind: relation.kind, link })
            })
            .collect()
    }
}

/// Positions are bounded by `CatalogBuilder::build` before any id is made.
fn small(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}
