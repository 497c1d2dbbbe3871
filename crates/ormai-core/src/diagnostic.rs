//! What is wrong (or doubtful) in a document that an author wrote, and where.
//!
//! Policies and conditions are checked as a whole: every finding is collected,
//! none hides another. Rendering with source excerpts is the edge's business.

mod registry;

use std::fmt;
use std::ops::Range;

pub use registry::{KINDS, Kind, kind};

/// How much a diagnostic matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The document does not load.
    Error,
    /// The document loads and probably does not mean what its author thinks.
    Warning,
    /// A fact worth reading, such as an inferred permit.
    Note,
}

/// A place in the source, with a few words about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Byte offsets into the source text.
    pub span: Range<usize>,
    /// What stands there; may be empty.
    pub text: String,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error, warning or note.
    pub severity: Severity,
    /// A stable name for this kind of finding, such as `unknown-key`; see [`KINDS`].
    pub code: &'static str,
    /// What is wrong: one sentence, lower case, no full stop.
    pub message: String,
    /// Where; the first is the main place. Empty when the source is not text (a policy built in code).
    pub labels: Vec<Label>,
    /// How to mend it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error without a place yet.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// A warning without a place yet.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// A note without a place yet.
    pub fn note(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, message)
    }

    fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self { severity, code, message: message.into(), labels: Vec::new(), help: None }
    }

    /// Adds a place.
    #[must_use]
    pub fn at(mut self, span: Range<usize>, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Adds (or leaves out) the way to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help = help.into();
        self
    }

    /// Takes the way to mend it from the registry, where this finding names none of its own.
    #[must_use]
    pub fn or_mend(mut self) -> Self {
        self.help = self.help.or_else(|| kind(self.code).map(|kind| kind.mend.to_owned()));
        self
    }

    /// Moves every place by `offset` bytes: a condition's spans count from its own
    /// first byte, and the document it stands in counts from its own.
    #[must_use]
    pub fn shifted(mut self, offset: usize) -> Self {
        for label in &mut self.labels {
            label.span = label.span.start + offset..label.span.end + offset;
        }
        self
    }

    /// Whether this finding stops the document from loading.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}
