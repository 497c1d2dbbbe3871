//! Orders as Python gets them: tuples that begin with a word.

use ormai::db::host::BoundValue;
use ormai::value::ColumnType;
use pyo3::IntoPyObjectExt as _;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyFloat, PyList, PyString, PyTuple, PyType};

use crate::context::Context;
use crate::convert::to_python;
use crate::host::milliseconds;
use crate::mailbox::{Asked, Order};

/// `("done", outcome)`
pub(crate) fn done<'py>(py: Python<'py>, outcome: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    (intern!(py, "done"), outcome).into_pyobject(py)
}

/// `("wait",)`
pub(crate) fn wait(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
    (intern!(py, "wait"),).into_pyobject(py)
}

/// An order that is handed out.
pub(crate) fn asked(py: Python<'_>, order: Order) -> PyResult<Bound<'_, PyTuple>> {
    match order {
        Order::Control(texts) => {
            let texts = PyList::new(py, texts.iter().map(AsRef::as_ref))?;
            (intern!(py, "control"), texts).into_pyobject(py)
        }
        Order::Fixed(text) => (intern!(py, "fixed"), text, PyTuple::empty(py)).into_pyobject(py),
        Order::Statement(asked) => statement(py, *asked),
        Order::Tool { name, arguments, context } => {
            let inner = Context::inside(*context);
            (intern!(py, "tool"), name, to_python(py, &arguments)?, inner).into_pyobject(py)
        }
        Order::Inside(context) => (intern!(py, "inside"), Context::inside(*context)).into_pyobject(py),
    }
}

/// `("statement", sql, params, limit_ms, is_change, columns, before, after)`
fn statement(py: Python<'_>, asked: Asked) -> PyResult<Bound<'_, PyTuple>> {
    let values = asked.bound.values.iter().map(|value| parameter(py, value)).collect::<PyResult<Vec<_>>>()?;
    let values = PyTuple::new(py, values)?;
    let columns = PyTuple::new(py, asked.columns.iter().map(|ty| PyString::intern(py, word(ty))))?;
    let text = PyString::new(py, &asked.bound.text);
    let limit = milliseconds(asked.limit);
    let [before, after] = [&asked.before, &asked.after].map(|texts| PyTuple::new(py, texts.iter().map(AsRef::as_ref)));
    (intern!(py, "statement"), text, values, limit, asked.is_change, columns, before?, after?).into_pyobject(py)
}

static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();

fn parameter<'py>(py: Python<'py>, value: &BoundValue) -> PyResult<Bound<'py, PyAny>> {
    match value {
        BoundValue::Null => Ok(py.None().into_bound(py)),
        BoundValue::Int(int) => int.into_bound_py_any(py),
        BoundValue::Float(float) => Ok(PyFloat::new(py, *float).into_any()),
        // Drivers write it without an exponent.
        BoundValue::Decimal(digits) => DECIMAL.import(py, "decimal", "Decimal")?.call1((digits.as_str(),)),
        BoundValue::Text(text) => Ok(PyString::new(py, text).into_any()),
        BoundValue::Bytes(bytes) => Ok(PyBytes::new(py, bytes).into_any()),
        BoundValue::Wire { oid, bytes } => {
            let bytes = bytes.as_ref().map(|bytes| PyBytes::new(py, bytes));
            (*oid, bytes).into_bound_py_any(py)
        }
        _ => Err(pyo3::exceptions::PyTypeError::new_err("a parameter of a kind that is not known here")),
    }
}

/// The word for a type, as the catalog writes it.
fn word(ty: &ColumnType) -> &'static str {
    match ty {
        ColumnType::Bool => "bool",
        ColumnType::Int16 => "int16",
        ColumnType::Int32 => "int32",
        ColumnType::Int => "int",
        ColumnType::Float => "float",
        ColumnType::Decimal => "decimal",
        ColumnType::Text => "text",
        ColumnType::Char => "char",
        ColumnType::Enum(_) => "enum",
        ColumnType::Bytes => "bytes",
        ColumnType::Uuid => "uuid",
        ColumnType::Timestamp => "timestamp",
        ColumnType::DateTime => "datetime",
        ColumnType::Date => "date",
        ColumnType::Time => "time",
        ColumnType::Interval => "interval",
        ColumnType::Json => "json",
        ColumnType::Array(_) => "array",
        _ => "unsupported",
    }
}
