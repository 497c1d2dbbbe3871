//! Python's own types that the stable interface knows by name only.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

pub(super) struct Types {
    pub(super) datetime: Py<PyType>,
    pub(super) date: Py<PyType>,
    pub(super) time: Py<PyType>,
    pub(super) timedelta: Py<PyType>,
    pub(super) decimal: Py<PyType>,
    pub(super) uuid: Py<PyType>,
    pub(super) enumeration: Py<PyType>,
}

static TYPES: PyOnceLock<Types> = PyOnceLock::new();

impl Types {
    pub(super) fn get(py: Python<'_>) -> PyResult<&Self> {
        TYPES.get_or_try_init(py, || {
            let named = |module: &str, name: &str| -> PyResult<Py<PyType>> {
                Ok(py.import(module)?.getattr(name)?.cast_into::<PyType>()?.unbind())
            };
            Ok(Self {
                datetime: named("datetime", "datetime")?,
                date: named("datetime", "date")?,
                time: named("datetime", "time")?,
                timedelta: named("datetime", "timedelta")?,
                decimal: named("decimal", "Decimal")?,
                uuid: named("uuid", "UUID")?,
                enumeration: named("enum", "Enum")?,
            })
        })
    }
}

/// Whether a value is of a type, or of one that is made from it.
pub(super) fn is(value: &Bound<'_, PyAny>, ty: &Py<PyType>) -> PyResult<bool> {
    value.is_instance(ty.bind(value.py()))
}
