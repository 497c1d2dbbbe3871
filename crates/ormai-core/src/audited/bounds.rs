//! JSON that cannot grow without end: texts, lists and the whole are bounded.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use super::limits;
use crate::request;

/// How much may still be said.
#[derive(Debug)]
pub(super) struct Room {
    left: usize,
    is_over: bool,
}

impl Room {
    /// The room of one record's part.
    pub(super) fn new() -> Self {
        Self { left: limits::BYTES, is_over: false }
    }

    /// Whether more was said than there is room for.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Takes bytes of JSON. What they are counted at is never less than what is written.
    fn take(&mut self, bytes: usize) {
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => self.is_over = true,
        }
    }

    /// A text in quotes.
    fn take_text(&mut self, text: &str) {
        let escapes: usize = text.bytes().map(|byte| if byte < b' ' { 5 } else { usize::from(is_escaped(byte)) }).sum();
        self.take(text.len() + escapes + 2);
    }

    /// A word of ours or a text that is short already.
    pub(super) fn word(&mut self, word: &str) -> Json {
        self.take_text(word);
        Json::String(word.to_owned())
    }

    /// A name, which may be the caller's own word.
    pub(super) fn name(&mut self, name: &str) -> Json {
        Json::String(self.key(name))
    }

    /// A name as a key.
    pub(super) fn key(&mut self, name: &str) -> String {
        let name = cut(name, limits::NAME_BYTES);
        self.take_text(&name);
        name.into_owned()
    }

    /// Puts something under one of our own keys.
    pub(super) fn put(&mut self, map: &mut Map<String, Json>, key: &str, value: Json) {
        // The quotes, the colon and the comma, and the braces around all.
        self.take(key.len() + 6);
        map.insert(key.to_owned(), value);
    }

    /// A number or a boolean.
    pub(super) fn scalar(&mut self, json: Json) -> Json {
        // As long as the longest float, in all its digits, and as `null`.
        self.take(25);
        json
    }

    /// A list: its first items, and how many more there are.
    pub(super) fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T) -> Json) -> Json {
        let mut kept = Vec::with_capacity(items.len().min(limits::LIST_ITEMS + 1));
        self.take(2);
        for item in items.iter().take(limits::LIST_ITEMS) {
            if self.is_over {
                break;
            }
            self.take(1);
            kept.push(each(self, item));
        }
        if let Some(more) = items.len().checked_sub(limits::LIST_ITEMS).filter(|more| *more > 0) {
            self.take(1);
            kept.push(self.word(&format!("[+{more} items]")));
        }
        Json::Array(kept)
    }

    /// A value that is open, at a depth below the whole.
    pub(super) fn value(&mut self, json: &Json, depth: usize) -> Json {
        match json {
            _ if self.is_over => Json::Null,
            Json::Null | Json::Bool(_) | Json::Number(_) => self.scalar(json.clone()),
            Json::String(text) => {
                let text = cut(text, limits::TEXT_BYTES);
                self.take_text(&text);
                Json::String(text.into_owned())
            }
            Json::Array(_) | Json::Object(_) if depth >= request::limits::JSON_DEPTH => self.word("[…]"),
            Json::Array(items) => self.list(items, |room, item| room.value(item, depth + 1)),
            Json::Object(entries) => {
                let mut kept = Map::new();
                self.take(2);
                for (key, value) in entries {
                    if self.is_over {
                        break;
                    }
                    self.take(2);
                    let key = self.key(key);
                    let value = self.value(value, depth + 1);
                    kept.insert(key, value);
                }
                Json::Object(kept)
            }
        }
    }
}

fn is_escaped(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\')
}

/// The beginning of a text, and how many bytes more there are.
pub(super) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let (beginning, rest) = text.split_at(text.floor_char_boundary(most));
    Cow::Owned(format!("{beginning}…[+{} bytes]", rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        let check = |text: &str, most: usize, expected: &str| assert_eq!(cut(text, most), expected, "{text:?}");
        check("abc", 3, "abc");
        check("abcd", 3, "abc…[+1 bytes]");
        check("aé", 2, "a…[+2 bytes]");
        check("é", 1, "…[+2 bytes]");
        check("", 0, "");
    }

    #[test]
    fn nothing_is_counted_at_less_than_it_is_long() {
        for json in [
            serde_json::json!({"a": [null, true, -1.797_693_134_862_315_7e308, 2.225_073_858_507_201_4e-308, i64::MIN]}),
            serde_json::json!(["\u{0}\u{1f}\"\\\n", "é", {"": {}, "\"": []}]),
        ] {
            let mut room = Room::new();
            let kept = room.value(&json, 0);
            assert_eq!(kept, json);
            assert!(limits::BYTES - room.left >= json.to_string().len(), "{json}");
        }
    }
}
