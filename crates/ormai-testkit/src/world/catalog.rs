//! Models with their rows.

use ormai_core::catalog::{Catalog, CatalogBuilder, CatalogError, Collation, Field, ForeignKeyBuilder, ModelBuilder};
use ormai_core::value::ColumnType;

use super::cell::{Cell, Kind};
use crate::engines::Engine;

/// A database: a few models and what is in them.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// The models.
    pub models: Vec<Model>,
}

/// A table with its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The agent's name, such as `Order`. The table is named after it.
    pub name: String,
    /// The columns, in the table's order.
    pub columns: Vec<Column>,
    /// The primary key: names of columns.
    pub key: Vec<String>,
    /// Where one can go from a row.
    pub relations: Vec<Relation>,
    /// Unique keys beside the primary key. Drawn where something is written.
    pub unique: Vec<Vec<String>>,
    /// Foreign keys. Drawn where something is written.
    pub references: Vec<Reference>,
    /// The rows, a cell for each column.
    pub rows: Vec<Vec<Cell>>,
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name for the agent; the table's is [`Column::stored`].
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether NULL may stand in it.
    pub nullable: bool,
    /// Whether integers near the ends of the range stand in it, so that no sum of it is to be had.
    pub wide: bool,
    /// Whether its text is compared by bytes on MariaDB too: what a key holds apart on one engine, it
    /// holds apart on all.
    pub exact: bool,
    /// What stands in it when nothing is said.
    pub default: Option<Cell>,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// The model that it leads to.
    pub target: String,
    /// Pairs of (column here, column of the key there).
    pub link: Vec<(String, String)>,
    /// Whether the database holds every row to it; else only the catalog tells of it.
    pub enforced: bool,
}

/// A relation.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// Its name.
    pub name: String,
    /// The model that it leads to.
    pub target: String,
    /// To many rows, or to one.
    pub many: bool,
    /// Pairs of (column here, column there) that must be equal.
    pub link: Vec<(String, String)>,
}

impl World {
    /// The model with a name.
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }

    /// The rows that a relation leads to from a row, as they are stored.
    pub fn related<'w>(
        &'w self,
        model: &'w Model,
        relation: &'w Relation,
        row: &'w [Cell],
    ) -> impl Iterator<Item = &'w [Cell]> {
        let target = self.model(&relation.target);
        let linked = move |target: &Model, other: &[Cell]| {
            relation.link.iter().all(|(here, there)| {
                let (here, there) = (model.cell(row, here), target.cell(other, there));
                !here.is_null() && here == there
            })
        };
        target
            .into_iter()
            .flat_map(move |target| target.rows.iter().map(Vec::as_slice).filter(move |other| linked(target, other)))
    }

    /// Whether a row refers to one that is not there. With a NULL in it, it refers to nothing.
    pub fn dangles(&self, model: &Model, reference: &Reference, row: &[Cell]) -> bool {
        let here: Vec<&Cell> = reference.link.iter().map(|(here, _)| model.cell(row, here)).collect();
        let points_at = |target: &Model, other: &[Cell]| {
            reference.link.iter().zip(&here).all(|((_, there), here)| target.cell(other, there) == *here)
        };
        let target = self.model(&reference.target);
        let found = target.is_some_and(|target| target.rows.iter().any(|other| points_at(target, other)));
        !found && !here.iter().any(|cell| cell.is_null())
    }

    /// Whether every row holds to the foreign and unique keys that the database knows.
    pub fn is_whole(&self) -> bool {
        self.models.iter().all(|model| {
            let enforced = || model.references.iter().filter(|reference| reference.enforced);
            let dangles = |row: &Vec<Cell>| enforced().any(|reference| self.dangles(model, reference, row));
            !model.rows.iter().any(dangles) && model.unique.iter().all(|key| model.holds_apart(key))
        })
    }

    /// The catalog as the engine under test gets it. `prefix` begins the names of tables.
    ///
    /// # Errors
    ///
    /// When the world refers to something that it does not have.
    pub fn catalog(&self, engine: Engine, prefix: &str) -> Result<Catalog, CatalogError> {
        let models = self.models.iter().map(|model| model.builder(engine, prefix));
        models.fold(CatalogBuilder::new(), CatalogBuilder::model).build()
    }
}

impl Model {
    /// The column with a name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The relation with a name.
    pub fn relation(&self, name: &str) -> Option<&Relation> {
        self.relations.iter().find(|relation| relation.name == name)
    }

    /// What stands in a column of a row; NULL where there is no such column.
    pub fn cell<'r>(&self, row: &'r [Cell], column: &str) -> &'r Cell {
        let position = self.columns.iter().position(|known| known.name == column);
        position.and_then(|position| row.get(position)).unwrap_or(&Cell::Null)
    }

    /// The key of a row.
    pub fn key_of<'r>(&self, row: &'r [Cell]) -> Vec<&'r Cell> {
        self.key.iter().map(|column| self.cell(row, column)).collect()
    }

    /// Whether no two rows have the same values in some columns; NULL is equal to nothing.
    pub fn holds_apart(&self, key: &[String]) -> bool {
        let of = |row: &[Cell]| -> Vec<Cell> { key.iter().map(|column| self.cell(row, column).clone()).collect() };
        let mut values: Vec<Vec<Cell>> = self.rows.iter().map(|row| of(row)).collect();
        values.retain(|values| !values.contains(&Cell::Null));
        let count = values.len();
        values.sort();
        values.dedup();
        values.len() == count
    }

    /// Its table.
    pub fn table(&self, prefix: &str) -> String {
        format!("{prefix}{}", self.name.to_lowercase())
    }

    fn builder(&self, engine: Engine, prefix: &str) -> ModelBuilder {
        let mut builder = ModelBuilder::table(&self.name, self.table(prefix)).primary_key(self.key.clone());
        for column in &self.columns {
            builder = builder.column(Field {
                name: column.name.clone(),
                column: column.stored().to_owned(),
                ty: column.kind.column_type(),
                collation: collation(engine, column),
                nullable: column.nullable,
                has_default: column.default.is_some(),
                generated: false,
                length: None,
            });
        }
        for relation in &self.relations {
            let link: Vec<(&str, &str)> =
                relation.link.iter().map(|(here, there)| (here.as_str(), there.as_str())).collect();
            builder = match relation.many {
                true => builder.to_many(&relation.name, &relation.target, link),
                false => builder.to_one(&relation.name, &relation.target, link),
            };
        }
        for key in &self.unique {
            builder = builder.unique(key.clone());
        }
        for Reference { target, link, .. } in &self.references {
            let link = link.iter().map(|(here, there)| (here.as_str(), there.as_str()));
            builder = builder.foreign_key(ForeignKeyBuilder::new(target, link));
        }
        builder
    }
}

impl Column {
    /// Its name in the table: most are the same, and some are crossed, so that a statement which takes
    /// one for the other finds a column all the same, and the wrong one.
    pub fn stored(&self) -> &str {
        match self.name.as_str() {
            "amount" => "level",
            "level" => "amount",
            "status" => "word",
            "word" => "status",
            name => name,
        }
    }
}

impl Kind {
    fn column_type(self) -> ColumnType {
        match self {
            Self::Bool => ColumnType::Bool,
            Self::Int => ColumnType::Int,
            Self::Decimal => ColumnType::Decimal,
            Self::Text => ColumnType::Text,
            Self::Uuid => ColumnType::Uuid,
            Self::Date => ColumnType::Date,
            Self::Timestamp => ColumnType::Timestamp,
        }
    }
}

/// A collation of MariaDB that compares bytes.
pub(super) const EXACT: &str = "utf8mb4_nopad_bin";

/// How the columns that [`World::statements`] makes compare their text: on MariaDB as a database
/// does of which nothing was said, without regard to case, accents and blanks.
fn collation(engine: Engine, column: &Column) -> Collation {
    match engine {
        Engine::MySql if column.kind == Kind::Text && column.exact => Collation::Folded(EXACT.into()),
        Engine::MySql if column.kind == Kind::Text => Collation::Folded("utf8mb4_general_ci".into()),
        Engine::Sqlite | Engine::Postgres | Engine::MySql => Collation::Binary,
    }
}
