//! What is raised where no call can tell of it as its outcome.

use ormai::error::{Error, ErrorCode};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::convert::to_python;

static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// `ormai._ormai.NativeError`: its `error` is what a refusal says, as a dict.
pub(crate) fn class(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    let class = CLASS.get_or_try_init(py, || {
        let class = PyErr::new_type(
            py,
            c"ormai._ormai.NativeError",
            Some(c"Something was refused, or failed. `error` says why: `code`, `message`, `hint`, `details`, `retryable`."),
            Some(&py.get_type::<PyException>()),
            None,
        )?;
        class.bind(py).setattr("error", py.None())?;
        Ok::<_, PyErr>(class)
    })?;
    Ok(class.bind(py).clone())
}

/// The exception for an error.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    let made = || {
        let exception = class(py)?.call1((error.to_string(),))?;
        exception.setattr("error", to_python(py, error)?)?;
        Ok::<_, PyErr>(exception)
    };
    made().map_or_else(|failed| failed, PyErr::from_value)
}

/// For a fault of OrmAI itself.
pub(crate) fn internal(message: &str) -> Error {
    Error::new(ErrorCode::Internal, message)
}
