//! JSON at the door: bounded, and without doubled keys.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

use super::limits;
use crate::error::{Error, Result};

/// Reads JSON text within the limits of the door.
pub(crate) fn parse(text: &[u8]) -> Result<Json> {
    if text.len() > limits::REQUEST_BYTES {
        return Err(Error::invalid("", format!("the request is longer than {} bytes", limits::REQUEST_BYTES))
            .detail("max", limits::REQUEST_BYTES));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    Strict { depth: 0 }.deserialize(&mut deserializer).and_then(|json| deserializer.end().map(|()| json)).map_err(
        |error| {
            // serde_json's own texts name positions and kinds, and our visitor's name keys.
            Error::invalid("", format!("the request is not valid JSON: {error}"))
        },
    )
}

/// Bounds the depth of a document that was not read by [`parse`].
pub(crate) fn check_depth(json: &Json) -> Result<()> {
    let mut level = vec![json];
    for _ in 0..limits::JSON_DEPTH {
        level = level
            .into_iter()
            .flat_map(|json| -> Box<dyn Iterator<Item = &Json>> {
                match json {
                    Json::Array(items) => Box::new(items.iter()),
                    Json::Object(entries) => Box::new(entries.values()),
                    _ => Box::new(std::iter::empty()),
                }
            })
            .filter(|json| json.is_array() || json.is_object())
            .collect();
        if level.is_empty() {
            return Ok(());
        }
    }
    Err(Error::invalid("", format!("the request nests deeper than {} levels", limits::JSON_DEPTH)))
}

struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: de::Error>(&self) -> std::result::Result<Self, E> {
        if self.depth == limits::JSON_DEPTH {
            return Err(E::custom(format!("nested deeper than {} levels", limits::JSON_DEPTH)));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> std::result::Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, bool: bool) -> std::result::Result<Json, E> {
        Ok(Json::Bool(bool))
    }

    fn visit_i64<E>(self, int: i64) -> std::result::Result<Json, E> {
        Ok(int.into())
    }

    fn visit_u64<E>(self, int: u64) -> std::result::Result<Json, E> {
        Ok(int.into())
    }

    fn visit_f64<E>(self, float: f64) -> std::result::Result<Json, E> {
        Ok(float.into())
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<Json, E> {
        Ok(Json::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> std::result::Result<Json, E> {
        Ok(Json::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> std::result::Result<Json, A::Error> {
        let mut items = Vec::new();
        loop {
            let seed = self.deeper()?;
            match sequence.next_element_seed(seed)? {
                Some(item) => items.push(item),
                None => return Ok(Json::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> std::result::Result<Json, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key_seed(Key)? {
            if map.contains_key(&key) {
                return Err(de::Error::custom("a key stands twice in one object"));
            }
            let value = entries.next_value_seed(self.deeper()?)?;
            map.insert(key, value);
        }
        Ok(Json::Object(map))
    }
}

struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<String, D::Error> {
        String::deserialize(deserializer)
    }
}
