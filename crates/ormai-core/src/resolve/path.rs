//! Where in a request something stands; written out only when there is an error to tell.

use std::fmt;

/// A place in a request, as a list that grows towards the leaf.
#[derive(Clone, Copy)]
pub(crate) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    key: &'a str,
    index: Option<usize>,
}

impl<'a> Path<'a> {
    /// A key of the request itself.
    pub(crate) fn root(key: &'a str) -> Self {
        Self { parent: None, key, index: None }
    }

    /// A key below this place.
    pub(crate) fn key<'b>(&'b self, key: &'b str) -> Path<'b> {
        Path { parent: Some(self), key, index: None }
    }

    /// An item of the list at this place.
    pub(crate) fn item(self, index: usize) -> Self {
        Self { index: Some(index), ..self }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}.")?;
        }
        f.write_str(self.key)?;
        match self.index {
            Some(index) => write!(f, "[{index}]"),
            None => Ok(()),
        }
    }
}
