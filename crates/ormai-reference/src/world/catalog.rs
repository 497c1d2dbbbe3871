//! Models with their rows.

use std::collections::HashSet;

use super::cell::{Cell, Kind};

/// A database: a few models and what is in them.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// The models.
    pub models: Vec<Model>,
}

/// A table with its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The agent's name, such as `Order`.
    pub name: String,
    /// The columns, in the table's order.
    pub columns: Vec<Column>,
    /// The primary key: names of columns.
    pub key: Vec<String>,
    /// Where one can go from a row.
    pub relations: Vec<Relation>,
    /// Unique keys beside the primary key.
    pub unique: Vec<Vec<String>>,
    /// Foreign keys.
    pub references: Vec<Reference>,
    /// The rows, a cell for each column.
    pub rows: Vec<Vec<Cell>>,
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name for the agent.
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
    /// The most characters of its text.
    pub length: Option<usize>,
    /// Whether the database computes it, so that it cannot be written.
    pub computed: bool,
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
        !found && !here.iter().any(|cell| cell.is_null() || **cell == Cell::Unknown)
    }

    /// Whether every row holds to the foreign and unique keys that the database knows.
    pub fn is_whole(&self) -> bool {
        self.models.iter().all(|model| {
            let enforced = || model.references.iter().filter(|reference| reference.enforced);
            let dangles = |row: &Vec<Cell>| enforced().any(|reference| self.dangles(model, reference, row));
            !model.rows.iter().any(dangles) && model.unique.iter().all(|key| model.holds_apart(key))
        })
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
        let of = |row: &Vec<Cell>| -> Vec<Cell> { key.iter().map(|column| self.cell(row, column).clone()).collect() };
        let is_known = |cell: &Cell| !cell.is_null() && *cell != Cell::Unknown;
        let mut values = HashSet::new();
        self.rows.iter().map(of).filter(|values| values.iter().all(is_known)).all(|row| values.insert(row))
    }
}
