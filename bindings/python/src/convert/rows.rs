//! Rows as drivers give them.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use ormai::db::host::{Answered, Cell};
use ormai::value::{Interval, Value};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyMemoryView, PyString, PyTuple};

use super::from_python::json;
use super::types::{Types, is};

/// How deep arrays of arrays go.
const DEEPEST: usize = 16;

/// `(rows, rowcount, lastrowid, oids)`: rows of values, or with `oids` rows of bytes in PostgreSQL's binary
/// form, of the types that `oids` names.
pub(crate) fn rows(answer: &Bound<'_, PyAny>) -> PyResult<Answered> {
    let wrong = || PyTypeError::new_err("the answer to a statement is (rows, rowcount, lastrowid, oids)");
    let answer = answer.cast::<PyTuple>().map_err(|_| wrong())?;
    if answer.len() != 4 {
        return Err(wrong());
    }
    let (rows, affected) = (answer.get_item(0)?, answer.get_item(1)?);
    let (made, oids) = (answer.get_item(2)?, answer.get_item(3)?);
    // Drivers say -1, or nothing, where nothing is counted; a key that is no number was not made by a counter.
    let affected = affected.extract::<i64>().ok().and_then(|many| u64::try_from(many).ok()).unwrap_or(0);
    let made = made.extract::<u64>().ok();
    let oids = match oids.is_none() {
        true => None,
        false => Some(oids.extract::<Vec<u32>>()?),
    };
    let rows = match rows.cast_exact::<PyList>() {
        Ok(rows) => rows.iter().map(|row| read_row(&row, oids.as_deref())).collect::<PyResult<_>>()?,
        Err(_) if rows.is_none() => Vec::new(),
        Err(_) => rows.try_iter()?.map(|row| read_row(&row?, oids.as_deref())).collect::<PyResult<_>>()?,
    };
    Ok(Answered { rows, affected, made })
}

fn read_row(row: &Bound<'_, PyAny>, oids: Option<&[u32]>) -> PyResult<Vec<Cell>> {
    match (row.cast::<PyTuple>(), oids) {
        (Ok(row), None) => row.iter_borrowed().map(|value| read_cell(&value)).collect(),
        (Ok(row), Some(oids)) => in_binary(row.iter(), row.len(), oids),
        (Err(_), None) => row.try_iter()?.map(|value| read_cell(&value?)).collect(),
        (Err(_), Some(oids)) => {
            let values = row.try_iter()?.collect::<PyResult<Vec<_>>>()?;
            let many = values.len();
            in_binary(values.into_iter(), many, oids)
        }
    }
}

fn in_binary<'py>(values: impl Iterator<Item = Bound<'py, PyAny>>, many: usize, oids: &[u32]) -> PyResult<Vec<Cell>> {
    if many != oids.len() {
        return Err(PyValueError::new_err("a row has as many values as there are types"));
    }
    let cell = |(value, oid): (Bound<'py, PyAny>, &u32)| {
        if value.is_none() {
            return Ok(Cell::Value(Value::Null));
        }
        let bytes = bytes_of(&value)?.ok_or_else(|| PyTypeError::new_err("a value in binary form is bytes or None"))?;
        Ok(Cell::Wire { oid: *oid, bytes })
    };
    values.zip(oids).map(cell).collect()
}

fn bytes_of(value: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Some(bytes.as_bytes().to_vec()));
    }
    if let Ok(bytes) = value.cast::<PyByteArray>() {
        return Ok(Some(bytes.to_vec()));
    }
    if value.is_instance_of::<PyMemoryView>() {
        let bytes = value.py().get_type::<PyBytes>().call1((value,))?;
        return Ok(Some(bytes.cast::<PyBytes>()?.as_bytes().to_vec()));
    }
    Ok(None)
}

fn read_cell(value: &Bound<'_, PyAny>) -> PyResult<Cell> {
    read(value, 0).map(Cell::Value)
}

fn read(value: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    if let Ok(text) = value.cast_exact::<PyString>() {
        return Ok(Value::Text(text.to_str()?.to_owned()));
    }
    if let Ok(int) = value.cast_exact::<PyInt>() {
        return integer(int);
    }
    if value.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(float) = value.cast_exact::<PyFloat>() {
        return Ok(Value::Float(float.value()));
    }
    if let Ok(flag) = value.cast_exact::<PyBool>() {
        return Ok(Value::Bool(flag.is_true()));
    }
    if let Some(bytes) = bytes_of(value)? {
        return Ok(Value::Bytes(bytes));
    }
    of_library(value, depth)
}

fn integer(int: &Bound<'_, PyInt>) -> PyResult<Value> {
    match int.extract::<i64>() {
        Ok(int) => Ok(Value::Int(int)),
        Err(_) => decimal(int.as_any()),
    }
}

/// What has no value here, NaN, is its text.
fn decimal(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    let text = value.str()?;
    let text = text.to_str()?;
    Ok(text.parse().map_or_else(|_| Value::Text(text.to_owned()), Value::Decimal))
}

fn of_library(value: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    let py = value.py();
    let types = Types::get(py)?;
    if is(value, &types.datetime)? {
        return datetime(value);
    }
    if is(value, &types.decimal)? {
        return decimal(value);
    }
    if is(value, &types.date)? {
        return date(value).map(Value::Date);
    }
    if is(value, &types.uuid)? {
        let text = value.str()?;
        return text.to_str()?.parse().map(Value::Uuid).map_err(|_| unreadable("UUID"));
    }
    if is(value, &types.time)? {
        return time(value).map(Value::Time);
    }
    if is(value, &types.timedelta)? {
        return length(value);
    }
    if value.is_instance_of::<PyDict>() {
        return json(value).map(Value::Json).map_err(|misfit| misfit.into_py_err(py));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Value::Text(text.to_str()?.to_owned()));
    }
    if let Ok(int) = value.cast::<PyInt>() {
        return integer(int);
    }
    if let Ok(float) = value.cast::<PyFloat>() {
        return Ok(Value::Float(float.value()));
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        if depth == DEEPEST {
            return Err(PyValueError::new_err("an array of a row nests too deeply"));
        }
        let items = value.try_iter()?.map(|item| read(&item?, depth + 1));
        return items.collect::<PyResult<_>>().map(Value::Array);
    }
    let name = value.get_type().name()?;
    Err(PyTypeError::new_err(format!("a row has a value of the type `{}`, which no column has", name.to_str()?)))
}

fn unreadable(what: &str) -> PyErr {
    PyValueError::new_err(format!("a row has a {what} that is none"))
}

/// A number of a date or time, such as its month.
macro_rules! part {
    ($value:expr, $name:literal) => {
        $value.getattr(intern!($value.py(), $name))?.extract()?
    };
}

fn date(value: &Bound<'_, PyAny>) -> PyResult<Date> {
    Date::new(part!(value, "year"), part!(value, "month"), part!(value, "day")).map_err(|_| unreadable("date"))
}

fn time(value: &Bound<'_, PyAny>) -> PyResult<Time> {
    let microseconds: i32 = part!(value, "microsecond");
    let (hour, minute, second) = (part!(value, "hour"), part!(value, "minute"), part!(value, "second"));
    Time::new(hour, minute, second, microseconds.saturating_mul(1_000)).map_err(|_| unreadable("time"))
}

/// With an offset a point in time, else a date and time.
fn datetime(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    let civil = DateTime::from_parts(date(value)?, time(value)?);
    let offset = value.call_method0(intern!(value.py(), "utcoffset"))?;
    if offset.is_none() {
        return Ok(Value::DateTime(civil));
    }
    let (days, seconds): (i32, i32) = (part!(offset, "days"), part!(offset, "seconds"));
    let seconds = days.saturating_mul(86_400).saturating_add(seconds);
    let offset = Offset::from_seconds(seconds).map_err(|_| unreadable("time"))?;
    offset.to_timestamp(civil).map(Value::Timestamp).map_err(|_| unreadable("time"))
}

fn length(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    let (days, seconds): (i32, i64) = (part!(value, "days"), part!(value, "seconds"));
    let microseconds: i64 = part!(value, "microseconds");
    let microseconds = seconds.saturating_mul(1_000_000).saturating_add(microseconds);
    Ok(Value::Interval(Interval { months: 0, days, microseconds }))
}
