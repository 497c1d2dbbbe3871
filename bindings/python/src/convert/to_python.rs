//! What can be written down, as Python objects: the same forms as JSON, without its text.

use std::cell::{Cell, RefCell};
use std::fmt::Display;

use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyList, PyString};
use serde::Serialize;
use serde::ser::{self, Serializer};

/// Something that can be written down, as a Python object.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &(impl Serialize + ?Sized)) -> PyResult<Bound<'py, PyAny>> {
    let names = Names { known: RefCell::default(), next: Cell::new(0) };
    value.serialize(Writer { py, names: &names }).map_err(|error| error.0)
}

/// Names of fields, of which every row has the same: each is made once.
struct Names<'py> {
    known: RefCell<Vec<(String, Bound<'py, PyString>)>>,
    /// Where the next is looked for first.
    next: Cell<usize>,
}

/// More names than this are not remembered.
const MOST_NAMES: usize = 256;

impl<'py> Names<'py> {
    fn get(&self, py: Python<'py>, name: &str) -> Bound<'py, PyString> {
        let mut known = self.known.borrow_mut();
        let at = self.next.get();
        let found = match known.get(at) {
            Some((other, _)) if other == name => Some(at),
            _ => known.iter().position(|(other, _)| other == name),
        };
        if let Some((at, (_, made))) = found.and_then(|at| Some((at, known.get(at)?))) {
            self.next.set(at + 1);
            return made.clone();
        }
        let made = PyString::new(py, name);
        if known.len() < MOST_NAMES {
            known.push((name.to_owned(), made.clone()));
            self.next.set(known.len());
        }
        made
    }
}

#[derive(Clone, Copy)]
struct Writer<'a, 'py> {
    py: Python<'py>,
    names: &'a Names<'py>,
}

#[derive(Debug)]
struct Failed(PyErr);

impl Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failed {}

impl From<PyErr> for Failed {
    fn from(error: PyErr) -> Self {
        Self(error)
    }
}

impl ser::Error for Failed {
    fn custom<T: Display>(message: T) -> Self {
        Self(PyValueError::new_err(message.to_string()))
    }
}

type Written<'py> = Result<Bound<'py, PyAny>, Failed>;

impl<'a, 'py> Serializer for Writer<'a, 'py> {
    type Ok = Bound<'py, PyAny>;
    type Error = Failed;
    type SerializeSeq = Items<'a, 'py>;
    type SerializeTuple = Items<'a, 'py>;
    type SerializeTupleStruct = Items<'a, 'py>;
    type SerializeTupleVariant = Items<'a, 'py>;
    type SerializeMap = Entries<'a, 'py>;
    type SerializeStruct = Entries<'a, 'py>;
    type SerializeStructVariant = Entries<'a, 'py>;

    fn serialize_bool(self, value: bool) -> Written<'py> {
        Ok(PyBool::new(self.py, value).to_owned().into_any())
    }

    fn serialize_i8(self, value: i8) -> Written<'py> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Written<'py> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Written<'py> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Written<'py> {
        Ok(value.into_bound_py_any(self.py)?)
    }

    fn serialize_u8(self, value: u8) -> Written<'py> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Written<'py> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Written<'py> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Written<'py> {
        Ok(value.into_bound_py_any(self.py)?)
    }

    fn serialize_f32(self, value: f32) -> Written<'py> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Written<'py> {
        Ok(PyFloat::new(self.py, value).into_any())
    }

    fn serialize_char(self, value: char) -> Written<'py> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Written<'py> {
        Ok(PyString::new(self.py, value).into_any())
    }

    fn serialize_bytes(self, value: &[u8]) -> Written<'py> {
        Ok(PyBytes::new(self.py, value).into_any())
    }

    fn serialize_none(self) -> Written<'py> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written<'py> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written<'py> {
        Ok(self.py.None().into_bound(self.py))
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Written<'py> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Written<'py> {
        Ok(self.names.get(self.py, variant).into_any())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Written<'py> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Written<'py> {
        let entries = PyDict::new(self.py);
        entries.set_item(self.names.get(self.py, variant), value.serialize(self)?)?;
        Ok(entries.into_any())
    }

    fn serialize_seq(self, many: Option<usize>) -> Result<Items<'a, 'py>, Failed> {
        Ok(Items { writer: self, items: Vec::with_capacity(many.unwrap_or(0)), variant: None })
    }

    fn serialize_tuple(self, many: usize) -> Result<Items<'a, 'py>, Failed> {
        self.serialize_seq(Some(many))
    }

    fn serialize_tuple_struct(self, _name: &'static str, many: usize) -> Result<Items<'a, 'py>, Failed> {
        self.serialize_seq(Some(many))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        many: usize,
    ) -> Result<Items<'a, 'py>, Failed> {
        Ok(Items { writer: self, items: Vec::with_capacity(many), variant: Some(variant) })
    }

    fn serialize_map(self, _many: Option<usize>) -> Result<Entries<'a, 'py>, Failed> {
        Ok(Entries { writer: self, entries: PyDict::new(self.py), key: None, variant: None })
    }

    fn serialize_struct(self, _name: &'static str, _many: usize) -> Result<Entries<'a, 'py>, Failed> {
        self.serialize_map(None)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _many: usize,
    ) -> Result<Entries<'a, 'py>, Failed> {
        Ok(Entries { writer: self, entries: PyDict::new(self.py), key: None, variant: Some(variant) })
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Written<'py> {
        self.serialize_str(&value.to_string())
    }
}

/// What is wrapped in the name of its variant, where it has one.
fn finished<'py>(writer: Writer<'_, 'py>, made: Bound<'py, PyAny>, variant: Option<&'static str>) -> Written<'py> {
    let Some(variant) = variant else { return Ok(made) };
    let entries = PyDict::new(writer.py);
    entries.set_item(writer.names.get(writer.py, variant), made)?;
    Ok(entries.into_any())
}

/// A list under way.
struct Items<'a, 'py> {
    writer: Writer<'a, 'py>,
    items: Vec<Bound<'py, PyAny>>,
    variant: Option<&'static str>,
}

impl<'py> ser::SerializeSeq for Items<'_, 'py> {
    type Ok = Bound<'py, PyAny>;
    type Error = Failed;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        self.items.push(value.serialize(self.writer)?);
        Ok(())
    }

    fn end(self) -> Written<'py> {
        let made = PyList::new(self.writer.py, self.items)?.into_any();
        finished(self.writer, made, self.variant)
    }
}

/// The other kinds of lists are written like this one.
macro_rules! as_a_list {
    ($($kind:ident::$add:ident),*) => {$(
        impl<'py> ser::$kind for Items<'_, 'py> {
            type Ok = Bound<'py, PyAny>;
            type Error = Failed;

            fn $add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
                ser::SerializeSeq::serialize_element(self, value)
            }

            fn end(self) -> Written<'py> {
                ser::SerializeSeq::end(self)
            }
        }
    )*};
}

as_a_list!(
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

/// A dict under way.
struct Entries<'a, 'py> {
    writer: Writer<'a, 'py>,
    entries: Bound<'py, PyDict>,
    key: Option<Bound<'py, PyString>>,
    variant: Option<&'static str>,
}

impl<'py> Entries<'_, 'py> {
    fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Failed> {
        // The name first: the values of a row that holds other rows ask for names too.
        let name = self.writer.names.get(self.writer.py, name);
        self.entries.set_item(name, value.serialize(self.writer)?)?;
        Ok(())
    }

    fn finish(self) -> Written<'py> {
        finished(self.writer, self.entries.into_any(), self.variant)
    }
}

impl<'py> ser::SerializeMap for Entries<'_, 'py> {
    type Ok = Bound<'py, PyAny>;
    type Error = Failed;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failed> {
        self.key = Some(key.serialize(Key(self.writer))?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        let Some(key) = self.key.take() else { return Err(ser::Error::custom("a value has no key")) };
        self.entries.set_item(key, value.serialize(self.writer)?)?;
        Ok(())
    }

    fn end(self) -> Written<'py> {
        self.finish()
    }
}

impl<'py> ser::SerializeStruct for Entries<'_, 'py> {
    type Ok = Bound<'py, PyAny>;
    type Error = Failed;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Failed> {
        self.put(name, value)
    }

    fn end(self) -> Written<'py> {
        self.finish()
    }
}

impl<'py> ser::SerializeStructVariant for Entries<'_, 'py> {
    type Ok = Bound<'py, PyAny>;
    type Error = Failed;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Failed> {
        self.put(name, value)
    }

    fn end(self) -> Written<'py> {
        self.finish()
    }
}

/// The key of a dict: a text, as in JSON.
struct Key<'a, 'py>(Writer<'a, 'py>);

mod key;
