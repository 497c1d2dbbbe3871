//! What the reference does not know.

use std::fmt;

/// Something that is not looked at, and why: where it takes part nothing is expected, and nothing is guessed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct NotCovered {
    /// The model, where it is about one.
    pub model: Option<String>,
    /// The field, relation or row policy.
    pub field: Option<String>,
    /// Why: one sentence, lower case.
    pub why: String,
}

impl NotCovered {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { model: None, field: None, why: why.into() }
    }

    pub(super) fn of(model: &str, why: impl Into<String>) -> Self {
        Self { model: Some(model.to_owned()), field: None, why: why.into() }
    }

    pub(super) fn field(model: &str, field: &str, why: impl Into<String>) -> Self {
        Self { model: Some(model.to_owned()), field: Some(field.to_owned()), why: why.into() }
    }
}

impl fmt::Display for NotCovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.model, &self.field) {
            (Some(model), Some(field)) => write!(f, "`{field}` of `{model}` is not covered: {}", self.why),
            (Some(model), None) => write!(f, "`{model}` is not covered: {}", self.why),
            (None, _) => write!(f, "not covered: {}", self.why),
        }
    }
}
