//! A value with its place.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::ops::Range;

use crate::diagnostic::Diagnostic;

/// A value, and where it stands when it was read from text.
///
/// Two are equal when their values are.
#[derive(Clone, Debug, Default)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Byte offsets into the source; `None` when the value was given in code.
    pub span: Option<Range<usize>>,
}

impl<T> Spanned<T> {
    pub(crate) fn new(value: T, span: Range<usize>) -> Self {
        Self { value, span: Some(span) }
    }

    /// Labels a finding with this place, if there is one.
    pub(crate) fn blame(&self, finding: Diagnostic) -> Diagnostic {
        match &self.span {
            Some(span) => finding.at(span.clone(), ""),
            None => finding,
        }
    }
}

impl<T> From<T> for Spanned<T> {
    fn from(value: T) -> Self {
        Self { value, span: None }
    }
}

impl From<&str> for Spanned<String> {
    fn from(value: &str) -> Self {
        Self { value: value.to_owned(), span: None }
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Spanned<T> {}

impl<T: Hash> Hash for Spanned<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl Borrow<str> for Spanned<String> {
    fn borrow(&self) -> &str {
        &self.value
    }
}
