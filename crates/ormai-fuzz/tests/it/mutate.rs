//! Mutations of seeds: the same ones every time, so that a test that fails fails again.

use serde_json::Value as Json;

/// Pieces that mean something to one parser or another.
const PIECES: &[&str] = &[
    "\"",
    "'",
    "`",
    "\\",
    "\\\\",
    "\0",
    "\n",
    "\t",
    " ",
    "%",
    "_",
    "--",
    "/*",
    ";",
    "?",
    "$1",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ",",
    ":",
    "=",
    "!=",
    "<",
    "null",
    "true",
    "NULL",
    "AND ",
    "OR ",
    "NOT ",
    "IN ",
    "IS ",
    "LIKE ",
    "EXISTS(",
    "principal.",
    "principal.tenant_id",
    "now()",
    "0",
    "-1",
    "1e999",
    "99999999999999999999",
    "NaN",
    "\u{e9}",
    "\u{202e}",
    "\u{feff}",
    "\u{1f600}",
    "\\ud800",
    "&a",
    "*a",
    "!!str",
    "---",
    "- ",
    "? ",
    "|",
    ">",
    "~",
    "<<",
    "[[",
    "]]",
    "#",
    "{0}",
];

/// Values that a place of a request may not expect.
const VALUES: &[&str] = &[
    "null",
    "true",
    "0",
    "-1",
    "1.5",
    "1e308",
    "18446744073709551615",
    "\"\"",
    "\"a\"",
    "\"' OR 1=1 --\"",
    "\"\\u0000\"",
    "\"2024-02-30\"",
    "\"desc\"",
    "[]",
    "[[]]",
    "[1, \"a\", null]",
    "{}",
    "{\"and\": []}",
    "{\"not\": {}}",
    "{\"field\": \"id\", \"value\": 1}",
];

/// Makes mutations of seeds, one after another.
pub(crate) struct Mutator {
    seeds: Vec<Vec<u8>>,
    /// All values in seeds that are JSON.
    values: Vec<Json>,
    state: u64,
}

impl Mutator {
    pub(crate) fn new(seeds: Vec<Vec<u8>>) -> Self {
        let mut values: Vec<Json> = VALUES.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        for document in seeds.iter().filter_map(|seed| serde_json::from_slice::<Json>(seed).ok()) {
            collect(&document, &mut values);
        }
        Self { seeds, values, state: 0x9e37_79b9_7f4a_7c15 }
    }

    /// A seed with one to three changes.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let index = self.below(self.seeds.len());
        let mut bytes = self.seeds.get(index).cloned().unwrap_or_default();
        for _ in 0..=self.below(3) {
            let document = serde_json::from_slice::<Json>(&bytes).ok().filter(|_| self.below(8) > 0);
            bytes = match document {
                Some(document) => self.changed_document(document),
                None => self.changed_bytes(bytes),
            };
        }
        bytes
    }

    /// One value of a document in the place of another, or without a part.
    fn changed_document(&mut self, mut document: Json) -> Vec<u8> {
        let mut places = Vec::new();
        collect(&document, &mut places);
        let mut place = self.below(places.len());
        let value = self.below(self.values.len());
        let value = self.values.get(value).cloned().unwrap_or_default();
        let drop = self.below(8) == 0;
        match nth(&mut document, &mut place) {
            Some(Json::Array(items)) if drop => _ = items.pop(),
            Some(Json::Object(entries)) if drop => {
                let first = entries.keys().next().cloned();
                first.map(|key| entries.remove(&key));
            }
            Some(json) => *json = value,
            None => {}
        }
        document.to_string().into_bytes()
    }

    fn changed_bytes(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let (from, to) = (self.below(bytes.len() + 1), self.below(bytes.len() + 1));
        let (from, to) = (from.min(to), from.max(to).min(from.min(to) + 40));
        let piece = |mutator: &mut Self| {
            let index = mutator.below(PIECES.len());
            PIECES.get(index).copied().unwrap_or_default().bytes()
        };
        match self.below(6) {
            // A piece more, or in the place of a part.
            0 | 1 => _ = bytes.splice(from..from, piece(self)),
            2 => _ = bytes.splice(from..to, piece(self)),
            3 => drop(bytes.drain(from..to)),
            // A part twice.
            4 => {
                let part: Vec<u8> = bytes.iter().take(to).skip(from).copied().collect();
                bytes.splice(from..from, part);
            }
            // Another sign.
            _ => {
                let sign = u8::try_from(self.below(256)).unwrap_or_default();
                bytes.iter_mut().skip(from).take(1).for_each(|byte| *byte = sign);
            }
        }
        bytes
    }

    /// A number below a bound, from xorshift: enough to scatter, and the same everywhere.
    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state >> 33).unwrap_or_default() % bound.max(1)
    }
}

/// A document and all that is in it, the outer before the inner.
fn collect(json: &Json, into: &mut Vec<Json>) {
    into.push(json.clone());
    match json {
        Json::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Json::Object(entries) => entries.values().for_each(|value| collect(value, into)),
        _ => {}
    }
}

/// The value at a place of the order of [`collect`].
fn nth<'a>(json: &'a mut Json, place: &mut usize) -> Option<&'a mut Json> {
    if *place == 0 {
        return Some(json);
    }
    *place -= 1;
    match json {
        Json::Array(items) => items.iter_mut().find_map(|item| nth(item, place)),
        Json::Object(entries) => entries.values_mut().find_map(|value| nth(value, place)),
        _ => None,
    }
}
