//! What comes back: raw rows on their way in, redacted rows on their way out.

use crate::value::Value;

/// Rows as a database returned them. Not `Serialize`: only [redaction](crate) turns them
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
}
