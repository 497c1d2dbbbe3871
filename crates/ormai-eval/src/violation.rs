//! What an invariant finds.

use std::fmt;

use serde::Serialize;
use serde_json::Value as Json;

/// Something that an invariant found broken: which invariant, and where.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Violation {
    /// The name of the invariant.
    pub invariant: String,
    /// What is wrong: one sentence, lower case.
    pub what: String,
    /// The model of the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The key of the row, or the part of the answer where it stands (`rows[3].items[0]`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<Json>,
    /// The field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Violation {
    /// A violation that is about no row.
    pub fn new(invariant: impl Into<String>, what: impl Into<String>) -> Self {
        Self { invariant: invariant.into(), what: what.into(), model: None, row: None, field: None }
    }

    /// Names the row.
    #[must_use]
    pub fn row(mut self, model: impl Into<String>, row: Json) -> Self {
        self.model = Some(model.into());
        self.row = Some(row);
        self
    }

    /// Names the field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)?;
        if let Some(model) = &self.model {
            write!(f, " ({model}")?;
            if let Some(row) = &self.row {
                write!(f, " {row}")?;
            }
            f.write_str(")")?;
        }
        if let Some(field) = &self.field {
            write!(f, ", field `{field}`")?;
        }
        Ok(())
    }
}
