//! The keys of dicts: texts, and what JSON writes as a text there.

use std::fmt::Display;

use pyo3::prelude::*;
use pyo3::types::PyString;
use serde::Serialize;
use serde::ser::{Error as _, Impossible, Serializer};

use super::{Failed, Key};

type Written<'py> = Result<Bound<'py, PyString>, Failed>;

fn unfit<T>() -> Result<T, Failed> {
    Err(Failed::custom("the key of a dict is a text"))
}

/// Numbers are written as texts.
macro_rules! as_text {
    ($($name:ident($ty:ty)),*) => {$(
        fn $name(self, value: $ty) -> Written<'py> {
            self.serialize_str(&value.to_string())
        }
    )*};
}

impl<'py> Serializer for Key<'_, 'py> {
    type Ok = Bound<'py, PyString>;
    type Error = Failed;
    type SerializeSeq = Impossible<Bound<'py, PyString>, Failed>;
    type SerializeTuple = Impossible<Bound<'py, PyString>, Failed>;
    type SerializeTupleStruct = Impossible<Bound<'py, PyString>, Failed>;
    type SerializeTupleVariant = Impossible<Bound<'py, PyString>, Failed>;
    type SerializeMap = Impossible<Bound<'py, PyString>, Failed>;
    type SerializeStruct = Impossible<Bound<'py, PyString>, Failed>;
    type SerializeStructVariant = Impossible<Bound<'py, PyString>, Failed>;

    as_text!(
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_char(char)
    );

    fn serialize_str(self, value: &str) -> Written<'py> {
        Ok(self.0.names.get(self.0.py, value))
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Written<'py> {
        self.serialize_str(&value.to_string())
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Written<'py> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Written<'py> {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written<'py> {
        value.serialize(self)
    }

    fn serialize_f32(self, _value: f32) -> Written<'py> {
        unfit()
    }

    fn serialize_f64(self, _value: f64) -> Written<'py> {
        unfit()
    }

    fn serialize_bytes(self, _value: &[u8]) -> Written<'py> {
        unfit()
    }

    fn serialize_none(self) -> Written<'py> {
        unfit()
    }

    fn serialize_unit(self) -> Written<'py> {
        unfit()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Written<'py> {
        unfit()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Written<'py> {
        unfit()
    }

    fn serialize_seq(self, _many: Option<usize>) -> Result<Self::SerializeSeq, Failed> {
        unfit()
    }

    fn serialize_tuple(self, _many: usize) -> Result<Self::SerializeTuple, Failed> {
        unfit()
    }

    fn serialize_tuple_struct(self, _name: &'static str, _many: usize) -> Result<Self::SerializeTupleStruct, Failed> {
        unfit()
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _many: usize,
    ) -> Result<Self::SerializeTupleVariant, Failed> {
        unfit()
    }

    fn serialize_map(self, _many: Option<usize>) -> Result<Self::SerializeMap, Failed> {
        unfit()
    }

    fn serialize_struct(self, _name: &'static str, _many: usize) -> Result<Self::SerializeStruct, Failed> {
        unfit()
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _many: usize,
    ) -> Result<Self::SerializeStructVariant, Failed> {
        unfit()
    }
}
