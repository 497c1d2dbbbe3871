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

    /// The first rows, copied.
    pub(crate) fn first(&self, rows: usize) -> Self {
        let values = self.values.iter().take(self.width.saturating_mul(rows)).cloned().collect();
        Self { width: self.width, values }
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
    /// `create`, `update`, `delete` and `bulk_update`
    Written(Written),
}

/// The answer to a write.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Written {
    /// The row as it is stored, or as it was before it was deleted.
    Stored(Row),
    /// How many rows a bulk update changed.
    Updated {
        /// The rows that it reached, whether or not their values differ now.
        count: u64,
    },
    /// What a dry run would change.
    Preview(Preview),
    /// The write waits for somebody to approve it.
    Pending(Pending),
}

/// What a write would change. Nothing of it was kept.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Preview {
    /// How many rows it would change.
    pub affected: u64,
    /// The first rows as they are; none for a new row.
    pub before: Vec<Row>,
    /// The first rows as they would be; none when they would go.
    pub after: Vec<Row>,
}

/// A write that waits for an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pending {
    /// Names it for whoever approves.
    pub approval_id: String,
}

impl Pending {
    /// A write that waits under an id.
    pub fn new(approval_id: impl Into<String>) -> Self {
        Self { approval_id: approval_id.into() }
    }
}

impl Written {
    /// The stored row, of a `create`, `update` or `delete` that was done.
    pub fn row(&self) -> Option<&Row> {
        match self {
            Self::Stored(row) => Some(row),
            _ => None,
        }
    }

    /// How many rows were changed, or would be.
    pub fn affected(&self) -> u64 {
        match self {
            Self::Stored(_) => 1,
            Self::Updated { count } => *count,
            Self::Preview(preview) => preview.affected,
            Self::Pending(_) => 0,
        }
    }
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
            Self::Written(written) => usize::try_from(written.affected()).unwrap_or(usize::MAX),
        }
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Page(page) => page.serialize(serializer),
            Self::Row(row) => row.serialize(serializer),
            Self::Groups(groups) => groups.serialize(serializer),
            Self::Written(written) => written.serialize(serializer),
        }
    }
}

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Stored(row) => row.serialize(serializer),
            Self::Updated { count } => {
                let mut updated = serializer.serialize_struct("Updated", 1)?;
                updated.serialize_field("updated_count", count)?;
                updated.end()
            }
            Self::Preview(preview) => {
                let mut previewed = serializer.serialize_struct("Preview", 4)?;
                previewed.serialize_field("dry_run", &true)?;
                previewed.serialize_field("affected_count", &preview.affected)?;
                previewed.serialize_field("before", &preview.before)?;
                previewed.serialize_field("after", &preview.after)?;
                previewed.end()
            }
            Self::Pending(Pending { approval_id }) => {
                let mut pending = serializer.serialize_struct("Pending", 2)?;
                pending.serialize_field("status", "pending_approval")?;
                pending.serialize_field("approval_id", approval_id)?;
                pending.end()
            }
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
