//! How an outcome differs from the recorded one.

use std::fmt;

use serde::Serialize;

use crate::plain::plain;
use crate::record::{Outcome, Who};

/// A call that does not end as it did. It is one line, whatever the call says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The line of the call in its file.
    pub line: u64,
    /// The tool.
    pub tool: String,
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// As whom it was made now.
    pub principal: Who,
    /// How it ended.
    pub old: Outcome,
    /// How it ends now.
    pub new: Outcome,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// Something that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Difference {
    /// Whether it is answered, or with which code it is refused.
    Status,
    /// How many rows the answer has.
    Rows,
    /// Which fields it has.
    Fields {
        /// That it did not have.
        added: Vec<String>,
        /// That it has no more.
        removed: Vec<String>,
    },
    /// Its bytes, while rows and fields are the same.
    Bytes,
}

impl Difference {
    /// What differs between two outcomes, as far as both are known. `exactly`: whether the bytes of the
    /// answer are compared too.
    pub fn between(old: &Outcome, new: &Outcome, exactly: bool) -> Vec<Self> {
        match (old, new) {
            (Outcome::Unknown, _) | (_, Outcome::Unknown) => Vec::new(),
            (
                Outcome::Answered { rows, fields, bytes, digest, .. },
                Outcome::Answered { rows: new_rows, fields: new_fields, bytes: new_bytes, digest: new_digest, .. },
            ) => {
                let mut differences = Vec::new();
                if differ(rows.as_ref(), new_rows.as_ref()) {
                    differences.push(Self::Rows);
                }
                if let (Some(old), Some(new)) = (fields, new_fields) {
                    // Without rows there are no fields either, and that says nothing about them.
                    if old != new && !old.is_empty() && !new.is_empty() {
                        let missing = |in_: &[String], from: &[String]| {
                            from.iter().filter(|name| !in_.contains(name)).cloned().collect()
                        };
                        differences.push(Self::Fields { added: missing(old, new), removed: missing(new, old) });
                    }
                }
                let other_bytes =
                    differ(bytes.as_ref(), new_bytes.as_ref()) || differ(digest.as_ref(), new_digest.as_ref());
                if differences.is_empty() && exactly && other_bytes {
                    differences.push(Self::Bytes);
                }
                differences
            }
            (Outcome::Refused { code }, Outcome::Refused { code: new_code }) if code == new_code => Vec::new(),
            (Outcome::Pending, Outcome::Pending) => Vec::new(),
            _ => vec![Self::Status],
        }
    }
}

fn differ<T: PartialEq>(old: Option<&T>, new: Option<&T>) -> bool {
    matches!((old, new), (Some(old), Some(new)) if old != new)
}

/// `17: query Order as acme-corp/user-123: answered, 5 rows → refused, FIELD_NOT_ALLOWED`
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, plain(&self.tool))?;
        if let Some(model) = &self.model {
            write!(f, " {}", plain(model))?;
        }
        write!(f, " as {}: ", self.principal)?;
        if self.differences.iter().any(|difference| matches!(difference, Difference::Status | Difference::Rows)) {
            write!(f, "{} → {}", self.old, self.new)?;
        } else {
            write!(f, "{}", self.new)?;
        }
        for difference in &self.differences {
            match difference {
                Difference::Status | Difference::Rows => {}
                Difference::Bytes => f.write_str(", other values")?,
                Difference::Fields { added, removed } => {
                    let list = |mark: &str, names: &[String]| {
                        names.iter().map(|name| format!(" {mark}{}", plain(name))).collect::<String>()
                    };
                    write!(f, ", fields{}{}", list("+", added), list("-", removed))?;
                }
            }
        }
        Ok(())
    }
}
