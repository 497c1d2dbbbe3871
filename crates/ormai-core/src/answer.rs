//! What comes back: raw rows on their way in, redacted rows on their way out.

use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use crate::plan::Layout;
use crate::value::Value;

/// Rows as a database returned them. Not `Serialize`: only [`crate::redact`] turns them
/// into an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fetched {
    width: usize,
    values: Vec<Value>,
}

impl Fetched {
    /// Rows of `width` columns each, one after another. Values beyond the last whole row are dropped.
    pub fn new(width: usize, mut values: Vec<Value>) -> Self {
        let whole = values.len() - values.len().checked_rem(width).unwrap_or(values.len());
        values.truncate(whole);
        Self { width, values }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[Value]> {
        self.values.chunks_exact(self.width.max(1))
    }

    pub(crate) fn rows_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [Value]> {
        self.values.chunks_exact_mut(self.width.max(1))
    }
}

/// The answer to a request, redacted.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// `query`
    Page(Page),
    /// `get`; no row is an error before it comes to this.
    Row(Row),
    /// `aggregate`
    Groups(Groups),
}

/// A page of rows.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Page {
    /// The rows, in order.
    pub rows: Vec<Row>,
    /// Whether there are more.
    pub has_more: bool,
    /// Where the next page begins; `None` on the last page, and for a model without a key.
    pub next_cursor: Option<String>,
    /// How many rows all pages have, when that was asked for.
    pub total: Option<u64>,
}

/// The rows of an aggregate.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Groups {
    /// One row per group.
    pub rows: Vec<Row>,
    /// Whether there are more groups.
    pub has_more: bool,
}

/// A row of an answer: names and values, in the order of the selection.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub(crate) layout: Arc<Layout>,
    pub(crate) cells: Vec<Cell>,
}

/// What stands under a name of a row.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Cell {
    /// A field.
    Value(Value),
    /// A relation to one row, which may not be there (or not be visible).
    One(Option<Row>),
    /// A relation to many rows.
    Many(Included),
}

/// Related rows of one row.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Included {
    /// The rows, in order.
    pub rows: Vec<Row>,
    /// Whether the limit left some out.
    pub has_more: bool,
}

impl Row {
    /// What stands under a name.
    pub fn get(&self, name: &str) -> Option<&Cell> {
        let position = self.layout.names.iter().position(|known| known == name)?;
        self.cells.get(position)
    }

    /// The value of a field.
    pub fn value(&self, name: &str) -> Option<&Value> {
        match self.get(name)? {
            Cell::Value(value) => Some(value),
            _ => None,
        }
    }

    /// The names with what stands under them.
    pub fn cells(&self) -> impl Iterator<Item = (&str, &Cell)> {
        self.layout.names.iter().map(String::as_str).zip(&self.cells)
    }
}

impl Answer {
    /// How many rows were returned at the root.
    pub fn row_count(&self) -> usize {
        match self {
            Self::Page(page) => page.rows.len(),
            Self::Row(_) => 1,
            Self::Groups(groups) => groups.rows.len(),
        }
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Page(page) => page.serialize(serializer),
            Self::Row(row) => row.serialize(serializer),
            Self::Groups(groups) => groups.serialize(serializer),
        }
    }
}

impl Serialize for Page {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut page = serializer.serialize_struct("Page", 3 + usize::from(self.total.is_some()))?;
        page.serialize_field("rows", &self.rows)?;
        page.serialize_field("has_more", &self.has_more)?;
        page.serialize_field("next_cursor", &self.next_cursor)?;
        match self.total {
            Some(total) => page.serialize_field("total", &total)?,
            None => page.skip_field("total")?,
        }
        page.end()
    }
}

impl Serialize for Groups {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut groups = serializer.serialize_struct("Groups", 2)?;
        groups.serialize_field("rows", &self.rows)?;
        groups.serialize_field("has_more", &self.has_more)?;
        groups.end()
    }
}

impl Serialize for Included {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut included = serializer.serialize_struct("Included", 2)?;
        included.serialize_field("rows", &self.rows)?;
        included.serialize_field("has_more", &self.has_more)?;
        included.end()
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.cells.len()))?;
        for (name, cell) in self.cells() {
            map.serialize_entry(name, cell)?;
        }
        map.end()
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::One(row) => row.serialize(serializer),
            Self::Many(included) => included.serialize(serializer),
        }
    }
}
