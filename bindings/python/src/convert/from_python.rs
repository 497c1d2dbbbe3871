//! Arguments of Python's as JSON, in the forms of the reference of types.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ormai::error::{Error, ErrorCode};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyMemoryView, PyString, PyTuple};
use serde_json::{Map, Number, Value as Json};

use super::types::{Types, is};

/// Deeper than any request or document may nest; what holds itself comes to its end here.
const DEEPEST: usize = 100;

/// Why something has no JSON form.
#[derive(Debug)]
pub(crate) enum Misfit {
    /// It is of a type or value that has none.
    Value { path: String, message: String, hint: Option<&'static str>, is_type: bool },
    /// Python raised.
    Raised(PyErr),
}

impl Misfit {
    /// As an exception.
    pub(crate) fn into_py_err(self, _py: Python<'_>) -> PyErr {
        match self {
            Self::Raised(error) => error,
            Self::Value { path, message, hint, is_type } => {
                let mut text = match path.as_str() {
                    "" => message,
                    path => format!("{path}: {message}"),
                };
                if let Some(hint) = hint {
                    let _ = write!(text, " ({hint})");
                }
                if is_type { PyTypeError::new_err(text) } else { PyValueError::new_err(text) }
            }
        }
    }

    /// As a refusal; what Python raised stays an exception.
    pub(crate) fn into_error(self) -> PyResult<Error> {
        match self {
            Self::Raised(error) => Err(error),
            Self::Value { path, message, hint, .. } => Ok(Error::invalid(&path, message).hint(hint.map(str::to_owned))),
        }
    }
}

impl From<PyErr> for Misfit {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

/// Where in the arguments something stands.
struct Place<'a> {
    outer: Option<&'a Self>,
    step: Step<'a>,
    depth: usize,
}

enum Step<'a> {
    Root,
    Key(&'a str),
    Item(usize),
}

impl<'a> Place<'a> {
    const ROOT: Self = Self { outer: None, step: Step::Root, depth: 0 };

    fn inside(&'a self, step: Step<'a>) -> Self {
        Self { outer: Some(self), step, depth: self.depth + 1 }
    }

    fn path(&self) -> String {
        let mut path = self.outer.map(Self::path).unwrap_or_default();
        match self.step {
            Step::Root => {}
            Step::Key(key) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.extend(key.chars().take(64));
            }
            Step::Item(index) => {
                let _ = write!(path, "[{index}]");
            }
        }
        path
    }

    fn wrong_type(&self, message: impl Into<String>, hint: impl Into<Option<&'static str>>) -> Misfit {
        Misfit::Value { path: self.path(), message: message.into(), hint: hint.into(), is_type: true }
    }

    fn wrong_value(&self, message: impl Into<String>, hint: impl Into<Option<&'static str>>) -> Misfit {
        Misfit::Value { path: self.path(), message: message.into(), hint: hint.into(), is_type: false }
    }
}

/// A value of Python's as JSON.
pub(crate) fn json(value: &Bound<'_, PyAny>) -> Result<Json, Misfit> {
    read(value, &Place::ROOT)
}

fn read(value: &Bound<'_, PyAny>, place: &Place<'_>) -> Result<Json, Misfit> {
    if let Ok(text) = value.cast_exact::<PyString>() {
        return text_of(text, place).map(Json::String);
    }
    if value.is_none() {
        return Ok(Json::Null);
    }
    if let Ok(flag) = value.cast_exact::<PyBool>() {
        return Ok(Json::Bool(flag.is_true()));
    }
    if let Ok(int) = value.cast_exact::<PyInt>() {
        return integer(int, place);
    }
    if place.depth > DEEPEST {
        return Err(place.wrong_value(format!("nested deeper than {DEEPEST} levels"), None));
    }
    if let Ok(entries) = value.cast_exact::<PyDict>() {
        return object(entries, place);
    }
    if let Ok(items) = value.cast_exact::<PyList>() {
        return list(items.iter(), items.len(), place);
    }
    if let Ok(items) = value.cast_exact::<PyTuple>() {
        return list(items.iter(), items.len(), place);
    }
    if let Ok(float) = value.cast_exact::<PyFloat>() {
        return number(float.value(), place);
    }
    special(value, place)
}

/// What is seldom: types of Python's library, and those that are made from others.
fn special(value: &Bound<'_, PyAny>, place: &Place<'_>) -> Result<Json, Misfit> {
    let py = value.py();
    let types = Types::get(py)?;
    if is(value, &types.enumeration)? {
        let inner = place.inside(Step::Key("value"));
        return read(&value.getattr(intern!(py, "value"))?, &inner);
    }
    if is(value, &types.uuid)? || is(value, &types.decimal)? {
        return Ok(Json::String(value.str()?.to_str()?.to_owned()));
    }
    if is(value, &types.date)? || is(value, &types.time)? {
        let text = value.call_method0(intern!(py, "isoformat"))?;
        return text_of(text.cast::<PyString>().map_err(PyErr::from)?, place).map(Json::String);
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Json::String(STANDARD.encode(bytes.as_bytes())));
    }
    if value.is_instance_of::<PyByteArray>() || value.is_instance_of::<PyMemoryView>() {
        let bytes = py.get_type::<PyBytes>().call1((value,))?;
        return Ok(Json::String(STANDARD.encode(bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes())));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return text_of(text, place).map(Json::String);
    }
    if let Ok(int) = value.cast::<PyInt>() {
        return integer(int, place);
    }
    if let Ok(float) = value.cast::<PyFloat>() {
        return number(float.value(), place);
    }
    if let Ok(entries) = value.cast::<PyDict>() {
        return object(entries, place);
    }
    if let Ok(items) = value.cast::<PyList>() {
        return list(items.iter(), items.len(), place);
    }
    if let Ok(items) = value.cast::<PyTuple>() {
        return list(items.iter(), items.len(), place);
    }
    let name = value.get_type().name()?;
    let hint = match name.to_str()? {
        "set" | "frozenset" => Some("give a list"),
        _ => None,
    };
    Err(place.wrong_type(format!("a value of the type `{}` has no form here", name.to_str()?), hint))
}

fn text_of(text: &Bound<'_, PyString>, place: &Place<'_>) -> Result<String, Misfit> {
    // A lone half of a surrogate pair is in no text of a database.
    text.to_str().map(str::to_owned).map_err(|_| place.wrong_value("the text is not Unicode", None))
}

fn integer(int: &Bound<'_, PyInt>, place: &Place<'_>) -> Result<Json, Misfit> {
    match int.extract::<i64>() {
        Ok(int) => Ok(Json::Number(int.into())),
        Err(_) => int.extract::<u64>().map(|int| Json::Number(int.into())).map_err(|_| {
            place.wrong_value("an integer has at most 64 bits", "give a Decimal where the column takes one")
        }),
    }
}

fn number(float: f64, place: &Place<'_>) -> Result<Json, Misfit> {
    Number::from_f64(float).map(Json::Number).ok_or_else(|| place.wrong_value("expected a finite number", None))
}

fn object(entries: &Bound<'_, PyDict>, place: &Place<'_>) -> Result<Json, Misfit> {
    let mut object = Map::new();
    // A copy of the entries: reading a value may run code of Python's, which may change the dict.
    for entry in entries.items() {
        let (key, value) = entry.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        let Ok(name) = key.cast::<PyString>() else {
            return Err(place.wrong_type("the keys of a dict are texts", None));
        };
        let name = text_of(name, place)?;
        let value = read(&value, &place.inside(Step::Key(&name)))?;
        object.insert(name, value);
    }
    Ok(Json::Object(object))
}

fn list<'py>(items: impl Iterator<Item = Bound<'py, PyAny>>, many: usize, place: &Place<'_>) -> Result<Json, Misfit> {
    let mut list = Vec::with_capacity(many);
    for (index, item) in items.enumerate() {
        list.push(read(&item, &place.inside(Step::Item(index)))?);
    }
    Ok(Json::Array(list))
}

/// An error as Python writes it: `{"code", "message", "hint", "details", "retryable"}`. A code that is not in
/// the registry is `INTERNAL`.
pub(crate) fn error_of(given: &Bound<'_, PyDict>) -> PyResult<Error> {
    let given = json(given.as_any()).map_err(|misfit| misfit.into_py_err(given.py()))?;
    let text = |key: &str| given.get(key).and_then(Json::as_str).map(str::to_owned);
    let code = text("code").and_then(|code| ErrorCode::ALL.iter().copied().find(|known| known.as_str() == code));
    let message = text("message").unwrap_or_else(|| "the tool failed".to_owned());
    let mut error = Error::new(code.unwrap_or(ErrorCode::Internal), message).hint(text("hint"));
    if let Some(Json::Object(details)) = given.get("details") {
        error.details.clone_from(details);
    }
    if let Some(retryable) = given.get("retryable").and_then(Json::as_bool) {
        error.retryable = retryable;
    }
    Ok(error)
}
