//! Options that come as a dict: every key is known, or refused.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// A dict of options.
pub(crate) struct Given<'a, 'py>(Option<&'a Bound<'py, PyDict>>);

impl<'a, 'py> Given<'a, 'py> {
    /// Refuses what is not known; `what` names the options in the message.
    pub(crate) fn read(what: &str, given: Option<&'a Bound<'py, PyDict>>, known: &[&str]) -> PyResult<Self> {
        for key in given.into_iter().flat_map(|given| given.keys()) {
            let key = key.cast::<PyString>()?.to_str()?.to_owned();
            if !known.contains(&key.as_str()) {
                let known = known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
                return Err(PyTypeError::new_err(format!("{what} have no `{key}`: they are {known}")));
            }
        }
        Ok(Self(given))
    }

    /// What stands under a key; `None` also where it is said to be None.
    pub(crate) fn get<T>(&self, key: &str) -> PyResult<Option<T>>
    where
        T: for<'x> FromPyObject<'x, 'py, Error: Into<PyErr>>,
    {
        let Some(value) = self.any(key)? else { return Ok(None) };
        value.extract::<T>().map(Some).map_err(|error| {
            let error: PyErr = error.into();
            PyTypeError::new_err(format!("`{key}`: {error}"))
        })
    }

    /// As [`Given::get`], as it is.
    pub(crate) fn any(&self, key: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.0 {
            Some(given) => Ok(given.get_item(key)?.filter(|value| !value.is_none())),
            None => Ok(None),
        }
    }
}
