//! How a call ended, in a form that can be kept and compared.

use std::fmt;

use ormai::answer::{Answer, Cell, Row, Written};
use ormai::{CallResult, Data};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::plain::plain;

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Outcome {
    /// It was answered.
    Answered {
        /// Rows at the root of the answer, or rows that were changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rows: Option<u64>,
        /// The names in its rows, those of related rows behind the relation (`items.sku`), sorted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fields: Option<Vec<String>>,
        /// The length of the answer as JSON, in bytes, without its cursor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bytes: Option<u64>,
        /// The first half of the SHA-256 of these bytes, in hexadecimal digits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<String>,
        /// The answer itself, where it was to be kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<Json>,
    },
    /// It waits until somebody approves it.
    Pending,
    /// It was refused or failed.
    Refused {
        /// The error code.
        code: String,
    },
    /// Nobody knows.
    Unknown,
}

impl Outcome {
    /// How a call ended, without its answer.
    ///
    /// A cursor is no part of what is compared: it is sealed with a key of its process.
    pub fn of(result: &mut CallResult) -> Self {
        let (data, metadata) = match result {
            CallResult::Answered { data, metadata } => (data, metadata),
            CallResult::Refused { error, .. } => return Self::Refused { code: error.code.as_str().to_owned() },
            _ => return Self::Unknown,
        };
        if matches!(data, Data::Answer(Answer::Written(Written::Pending(_)))) {
            return Self::Pending;
        }
        let rows = u64::try_from(metadata.row_count).ok();
        let fields = Some(fields(data));
        let text = without_cursor(data, serde_json::to_vec);
        // What cannot be written as JSON cannot be answered either.
        let Ok(text) = text else { return Self::Answered { rows, fields, bytes: None, digest: None, data: None } };
        let bytes = u64::try_from(text.len()).ok();
        Self::Answered { rows, fields, bytes, digest: Some(digest(&text)), data: None }
    }

    /// The same with the answer.
    pub fn with_data(result: &mut CallResult) -> Self {
        let mut outcome = Self::of(result);
        if let (Self::Answered { data: kept, .. }, CallResult::Answered { data, .. }) = (&mut outcome, result) {
            *kept = without_cursor(data, |data| serde_json::to_value(data)).ok();
        }
        outcome
    }

    /// Whether it was answered.
    pub fn is_answered(&self) -> bool {
        matches!(self, Self::Answered { .. })
    }
}

fn without_cursor<T>(data: &mut Data, write: impl FnOnce(&Data) -> T) -> T {
    let cursor = match data {
        Data::Answer(Answer::Page(page)) => page.next_cursor.take(),
        _ => None,
    };
    let written = write(data);
    if let Data::Answer(Answer::Page(page)) = data {
        page.next_cursor = cursor;
    }
    written
}

fn digest(text: &[u8]) -> String {
    let digest = Sha256::digest(text);
    digest.iter().take(16).fold(String::with_capacity(32), |mut text, byte| {
        for digit in [byte >> 4, byte & 0xf] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
        text
    })
}

fn fields(data: &Data) -> Vec<String> {
    let mut names = Vec::new();
    let rows = match data {
        Data::Answer(Answer::Page(page)) => page.rows.as_slice(),
        Data::Answer(Answer::Groups(groups)) => groups.rows.as_slice(),
        Data::Answer(Answer::Row(row) | Answer::Written(Written::Stored(row))) => std::slice::from_ref(row),
        Data::Answer(Answer::Written(Written::Preview(preview))) => {
            add(&preview.before.iter().collect::<Vec<_>>(), "", &mut names);
            preview.after.as_slice()
        }
        _ => &[],
    };
    add(&rows.iter().collect::<Vec<_>>(), "", &mut names);
    names.sort_unstable();
    names.dedup();
    names
}

/// The names in rows of one selection: the first row has them all, related rows may stand in any.
fn add(rows: &[&Row], before: &str, names: &mut Vec<String>) {
    let Some(first) = rows.first() else { return };
    for (name, cell) in first.cells() {
        names.push(format!("{before}{name}"));
        if !matches!(cell, Cell::Value(_)) {
            let related: Vec<&Row> = rows.iter().filter_map(|row| row.get(name)).flat_map(related).collect();
            add(&related, &format!("{before}{name}."), names);
        }
    }
}

fn related(cell: &Cell) -> &[Row] {
    match cell {
        Cell::One(row) => row.as_slice(),
        Cell::Many(included) => &included.rows,
        _ => &[],
    }
}

/// `answered, 5 rows` or `refused, FIELD_NOT_ALLOWED`.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered { rows: Some(1), .. } => f.write_str("answered, 1 row"),
            Self::Answered { rows: Some(rows), .. } => write!(f, "answered, {rows} rows"),
            Self::Answered { .. } => f.write_str("answered"),
            Self::Pending => f.write_str("waits for an approval"),
            Self::Refused { code } => write!(f, "refused, {}", plain(code)),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}
