//! What is shown of a value, and whether an answer shows just that.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;

use serde_json::Value as Json;

use crate::world::{Action, Cell, Decimal, Float};

/// A row of an answer: names with what stands under them.
pub type Row = Vec<(String, Shown)>;

/// What stands under a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// A value as it is.
    Cell(Cell),
    /// Text in its place.
    Text(String),
    /// A hash of a value. Which one is not said; equal values of a tenant have equal hashes.
    Hash(Cell),
    /// A number of rows.
    Count(usize),
    /// A sum, in the units of a [`Decimal`].
    Sum(i128),
    /// A mean: a sum in the same units over a number of values. Engines divide to different
    /// lengths, so it agrees to twelve digits.
    Mean {
        /// What is divided.
        sum: i128,
        /// By how many.
        count: usize,
    },
    /// A figure over binary fractions, which agrees to nine digits.
    About(f64),
    /// The one related row, or none.
    One(Option<Row>),
    /// Related rows.
    Many {
        /// The rows, in order.
        rows: Vec<Row>,
        /// Whether the limit left some out.
        has_more: bool,
    },
}

impl Shown {
    /// What a field's action shows of a value. NULL stays NULL under a mask and a hash, and is
    /// redacted like everything else.
    pub(super) fn of(action: &Action, cell: &Cell) -> Self {
        match action {
            Action::Redact | Action::Deny => Self::Text("[REDACTED]".to_owned()),
            Action::Allow => Self::Cell(cell.clone()),
            Action::Mask(_) | Action::Hash if cell.is_null() => Self::Cell(Cell::Null),
            Action::Hash => Self::Hash(cell.clone()),
            Action::Mask(pattern) => Self::Text(masked(pattern.as_deref(), &cell.to_string())),
        }
    }

    /// The order of figures and group fields; NULL is the greatest.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let null = |shown: &Self| *shown == Self::Cell(Cell::Null);
        match (self, other) {
            (one, other) if null(one) || null(other) => null(one).cmp(&null(other)),
            (Self::Cell(one), Self::Cell(other)) => one.cmp(other),
            (Self::Count(one), Self::Count(other)) => one.cmp(other),
            (Self::Sum(one), Self::Sum(other)) => one.cmp(other),
            (Self::Mean { sum, count }, Self::Mean { sum: others, count: many }) => {
                (sum * as_i128(*many)).cmp(&(others * as_i128(*count)))
            }
            (Self::About(one), Self::About(other)) => one.total_cmp(other),
            _ => Ordering::Equal,
        }
    }
}

/// For a reader: figures as numbers, and of rows how many there are.
impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cell(cell) => write!(f, "{cell}"),
            Self::Text(text) => f.write_str(text),
            Self::Hash(_) => f.write_str("a hash"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Sum(sum) => write!(f, "{}", as_float(*sum)),
            Self::Mean { sum, count } => write!(f, "{} / {count}", as_float(*sum)),
            Self::About(about) => write!(f, "{about}"),
            Self::One(row) => f.write_str(if row.is_some() { "a row" } else { "no row" }),
            Self::Many { rows, .. } => write!(f, "{} rows", rows.len()),
        }
    }
}

fn as_i128(count: usize) -> i128 {
    i128::try_from(count).unwrap_or(i128::MAX)
}

/// A text with its mask on. What is too short for its pattern is masked whole.
fn masked(pattern: Option<&str>, text: &str) -> String {
    const WHOLE: &str = "****";
    let chars: Vec<char> = text.chars().collect();
    let Some(mut rest) = pattern else {
        let address = text.split_once('@').is_some_and(|(local, domain)| {
            local.chars().count() > 1 && domain.contains('.') && !text.contains(char::is_whitespace)
        });
        return match chars.first() {
            Some(first) if address => format!("{first}***@***"),
            _ => WHOLE.to_owned(),
        };
    };
    let (mut masked, mut shown) = (String::new(), 0);
    while let Some((before, after)) = rest.split_once('{') {
        masked.push_str(before);
        let Some((part, after)) = after.split_once('}') else { break };
        let count = |digits: &str| digits.parse::<usize>().unwrap_or(usize::MAX).min(chars.len());
        if let Some(digits) = part.strip_prefix("first") {
            shown += digits.parse().unwrap_or(0);
            masked.extend(chars.iter().take(count(digits)));
        } else if let Some(digits) = part.strip_prefix("last") {
            shown += digits.parse().unwrap_or(0);
            masked.extend(chars.iter().skip(chars.len() - count(digits)));
        }
        rest = after;
    }
    masked.push_str(rest);
    if chars.len() <= shown { WHOLE.to_owned() } else { masked }
}

/// The hashes seen so far: each belongs to one value of one tenant, as text. (The number 7 and the
/// text `7` have one hash: what is hashed is what would be answered, without its quotes.)
#[derive(Debug, Default)]
pub struct Hashes {
    of: HashMap<(String, String), String>,
    whose: HashMap<String, (String, String)>,
}

impl Hashes {
    fn agrees(&mut self, tenant: &str, cell: &Cell, hash: &str) -> bool {
        let looks_right = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        let key = (tenant.to_owned(), cell.to_string());
        let owner = self.whose.entry(hash.to_owned()).or_insert_with(|| key.clone());
        let is_its_own = *owner == key;
        looks_right && is_its_own && *self.of.entry(key).or_insert_with(|| hash.to_owned()) == hash
    }
}

/// Whether a row of an answer is the one that was expected, name by name.
pub fn agrees(expected: &Row, got: &Json, tenant: &str, hashes: &mut Hashes) -> bool {
    let Some(got) = got.as_object() else { return false };
    got.len() == expected.len()
        && expected.iter().all(|(name, shown)| got.get(name).is_some_and(|got| same(shown, got, tenant, hashes)))
}

#[expect(clippy::cast_precision_loss, reason = "no table has as many rows as a float has whole numbers")]
fn same(expected: &Shown, got: &Json, tenant: &str, hashes: &mut Hashes) -> bool {
    match expected {
        Shown::Cell(Cell::Unknown) => true,
        // A column stores as many zeros as it is declared with.
        Shown::Cell(Cell::Decimal(decimal)) => got.as_str().and_then(Decimal::read) == Some(*decimal),
        Shown::Cell(Cell::Float(float)) => Float::read(got) == Some(*float),
        Shown::Cell(cell) => *got == cell.to_json(),
        Shown::Text(text) => got.as_str() == Some(text),
        Shown::Hash(cell) => got.as_str().is_some_and(|got| hashes.agrees(tenant, cell, got)),
        Shown::Count(count) => got.as_u64() == u64::try_from(*count).ok(),
        Shown::Sum(sum) => match got.as_str().and_then(Decimal::read) {
            Some(exact) if exact.units() == *sum => true,
            // SQLite keeps decimals as binary numbers, and so it adds them up.
            _ => number(got).is_some_and(|got| is_near(got, as_float(*sum), 1e-12)),
        },
        Shown::Mean { sum, count } => {
            let mean = as_float(*sum) / *count as f64;
            number(got).is_some_and(|got| is_near(got, mean, 1e-12))
        }
        Shown::About(about) => number(got).is_some_and(|got| is_near(got, *about, 1e-9)),
        Shown::One(None) => got.is_null(),
        Shown::One(Some(row)) => agrees(row, got, tenant, hashes),
        Shown::Many { rows, has_more } => {
            got.get("has_more").and_then(Json::as_bool) == Some(*has_more)
                && got.get("rows").and_then(Json::as_array).is_some_and(|got| {
                    got.len() == rows.len() && rows.iter().zip(got).all(|(row, got)| agrees(row, got, tenant, hashes))
                })
        }
    }
}

/// A number of an answer; exact ones are text.
fn number(json: &Json) -> Option<f64> {
    json.as_f64().or_else(|| json.as_str()?.parse().ok())
}

fn is_near(one: f64, other: f64, share: f64) -> bool {
    one == other || (one - other).abs() <= share * other.abs().max(1.0)
}

/// A sum in units as a number.
#[expect(clippy::cast_precision_loss, reason = "engines add up binary fractions too")]
fn as_float(units: i128) -> f64 {
    units as f64 / 1e18
}
