//! Reading one JSON object: known keys only, each of its type, every error with its path.

use serde_json::{Map, Value as Json};

use super::limits;
use crate::error::{Error, Result};
use crate::suggest;

/// One object of a request.
pub(crate) struct Reader<'a> {
    entries: &'a Map<String, Json>,
    path: String,
}

/// A caller's word as an error text may repeat it: short, and on one line.
pub(crate) fn shown(word: &str) -> String {
    const SHOWN: usize = 64;
    let mut short: String = word.chars().take(SHOWN).map(|char| if char.is_control() { ' ' } else { char }).collect();
    if word.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    short
}

/// The path of a key below another path.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl<'a> Reader<'a> {
    /// Takes an object whose keys must all be among `known`.
    pub(crate) fn new(json: &'a Json, path: &str, known: &[&str]) -> Result<Self> {
        let entries = json.as_object().ok_or_else(|| Error::invalid(path, "expected an object"))?;
        if let Some(unknown) = entries.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(Error::invalid(&join(path, &shown(unknown)), format!("unknown key `{}`", shown(unknown)))
                .hint(suggest::help(unknown, known.iter().copied())));
        }
        Ok(Self { entries, path: path.to_owned() })
    }

    /// The path of a key, for errors.
    pub(crate) fn at(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// A key that may be missing or null.
    pub(crate) fn optional(&self, key: &str) -> Option<&'a Json> {
        self.entries.get(key).filter(|json| !json.is_null())
    }

    /// A key as it stands: null is a value here.
    pub(crate) fn present(&self, key: &str) -> Option<&'a Json> {
        self.entries.get(key)
    }

    /// A key that must be there.
    pub(crate) fn required(&self, key: &str) -> Result<&'a Json> {
        self.entries.get(key).ok_or_else(|| Error::invalid(&self.at(key), format!("`{key}` is missing")))
    }

    /// A name that must be there.
    pub(crate) fn name(&self, key: &str) -> Result<String> {
        name(self.required(key)?, &self.at(key))
    }

    /// A name that may be missing or null.
    pub(crate) fn optional_name(&self, key: &str) -> Result<Option<String>> {
        self.optional(key).map(|json| name(json, &self.at(key))).transpose()
    }

    /// A boolean that may be missing or null.
    pub(crate) fn flag(&self, key: &str) -> Result<bool> {
        match self.optional(key) {
            None => Ok(false),
            Some(json) => json.as_bool().ok_or_else(|| Error::invalid(&self.at(key), "expected true or false")),
        }
    }

    /// A positive whole number that may be missing or null.
    pub(crate) fn count(&self, key: &str) -> Result<Option<u64>> {
        self.optional(key)
            .map(|json| {
                json.as_u64()
                    .filter(|count| *count > 0)
                    .ok_or_else(|| Error::invalid(&self.at(key), "expected a whole number of at least 1"))
            })
            .transpose()
    }

    /// A list that may be missing or null.
    pub(crate) fn list<T>(&self, key: &str, read: impl Fn(&'a Json, &str) -> Result<T>) -> Result<Option<Vec<T>>> {
        self.optional(key).map(|json| list(json, &self.at(key), read)).transpose()
    }

    /// A list of names that may be missing or null.
    pub(crate) fn names(&self, key: &str) -> Result<Option<Vec<String>>> {
        self.list(key, name)
    }
}

/// A list within the limits of the door.
pub(crate) fn list<'a, T>(json: &'a Json, path: &str, read: impl Fn(&'a Json, &str) -> Result<T>) -> Result<Vec<T>> {
    let items = json.as_array().ok_or_else(|| Error::invalid(path, "expected a list"))?;
    check_length(items.len(), path)?;
    items.iter().enumerate().map(|(index, item)| read(item, &format!("{path}[{index}]"))).collect()
}

/// Refuses a list that is too long for the door.
pub(crate) fn check_length(length: usize, path: &str) -> Result<()> {
    if length > limits::LIST_ITEMS {
        return Err(Error::new(
            crate::error::ErrorCode::QueryBudgetExceeded,
            format!("a list has at most {} items", limits::LIST_ITEMS),
        )
        .detail("path", path)
        .detail("max", limits::LIST_ITEMS));
    }
    Ok(())
}

/// A name: text of bounded length.
pub(crate) fn name(json: &Json, path: &str) -> Result<String> {
    let name = json.as_str().ok_or_else(|| Error::invalid(path, "expected a name"))?;
    if name.is_empty() || name.len() > limits::NAME_BYTES {
        return Err(Error::invalid(path, format!("a name has from 1 to {} bytes", limits::NAME_BYTES)));
    }
    Ok(name.to_owned())
}
