//! Values that have shown bugs before: case and accents, blanks, wildcards, backslashes, quotes,
//! the ends of ranges; few of each, so that they meet.

use serde_json::Value as Json;

use super::Dice;
use crate::world::{Cell, Column, Decimal, Kind, Model};

pub(super) const TEXT_TENANTS: [&str; 8] = ["acme", "ACME", "acme ", "\u{e1}cme", "globex", "acm_", "acme%", "7"];
pub(super) const INT_TENANTS: [i64; 5] = [7, 0, 1, -7, 70];
pub(super) const UUID_TENANTS: [&str; 3] = [
    "6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d",
    "6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4e",
    "00000000-0000-0000-0000-000000000000",
];

pub(super) const WORDS: [&str; 36] = [
    "",
    " ",
    "a",
    "A",
    "\u{e4}",
    "\u{c4}",
    "a\u{308}",
    "b",
    "%",
    "_",
    "\\",
    "a%",
    "a_b",
    "a\\",
    "ab",
    "aB",
    "a ",
    " a",
    "open",
    "Open",
    "closed",
    "o'k",
    "\"q\"",
    "\u{df}",
    "ss",
    "[a]",
    "*",
    "?a",
    "]",
    "\u{65e5}\u{672c}",
    "\u{1f600}",
    "ann@acme.example",
    "x@y.example",
    "4242424242424242",
    "[REDACTED]",
    "a\\%",
];

const UUIDS: [&str; 5] = [
    "00000000-0000-0000-0000-000000000000",
    "0a1b2c3d-0000-4000-8000-00000000000a",
    "0a1b2c3d-0000-4000-8000-00000000000b",
    "ffffffff-ffff-4fff-bfff-ffffffffffff",
    "6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d",
];
const DATES: [&str; 6] = ["2023-12-31", "2024-01-01", "2024-05-31", "2024-06-01", "2024-06-02", "2031-02-28"];
const TIMES: [&str; 6] = [
    "2023-12-31T23:59:59Z",
    "2024-01-01T00:00:00Z",
    "2024-06-01T11:59:59Z",
    "2024-06-01T12:00:00Z",
    "2024-06-01T12:00:01Z",
    "2031-02-28T08:30:00Z",
];
const WIDE: [i64; 8] = [i64::MIN, i64::MIN + 1, -1, 0, 1, 2, i64::MAX - 1, i64::MAX];
const QUARTERS: [i64; 8] = [-1_075, -25, 25, 75, 125, 1_025, 1_075, 999_975];

/// A value of a kind, from a small pool.
pub(super) fn value(dice: &mut Dice, kind: &Kind, wide: bool) -> Cell {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    match kind {
        Kind::Bool => Cell::Bool(dice.chance(50)),
        Kind::Int if wide => Cell::Int(dice.pick(&WIDE).unwrap_or_default()),
        Kind::Int => Cell::Int(i64::try_from(dice.roll(12)).unwrap_or(0) - 3),
        Kind::Decimal => Cell::Decimal(Decimal::hundredths(dice.pick(&QUARTERS).unwrap_or_default())),
        Kind::Text => Cell::Text(text(dice.pick(&WORDS))),
        Kind::Uuid => Cell::Uuid(text(dice.pick(&UUIDS))),
        Kind::Date => Cell::Date(text(dice.pick(&DATES))),
        // No other kind is drawn.
        _ => Cell::timestamp(text(dice.pick(&TIMES))),
    }
}

/// A value that stands in a column, most of the time; never NULL.
pub(super) fn value_in(dice: &mut Dice, model: &Model, column: &Column) -> Cell {
    let stored: Vec<&Cell> =
        model.rows.iter().map(|row| model.cell(row, &column.name)).filter(|cell| !cell.is_null()).collect();
    match dice.pick(&stored).filter(|_| dice.chance(75)) {
        Some(cell) => cell.clone(),
        None => value(dice, &column.kind, column.wide),
    }
}

/// A value as a request has it, now and then in another of its spellings.
pub(super) fn spelled(dice: &mut Dice, cell: &Cell) -> Json {
    match cell {
        Cell::Uuid(text) if dice.chance(20) => text.to_uppercase().into(),
        Cell::Timestamp(time) if dice.chance(20) => time.0.replace('Z', "+00:00").into(),
        // Quarters are exact as floats.
        Cell::Decimal(decimal) if dice.chance(20) => decimal.to_string().parse::<f64>().unwrap_or_default().into(),
        other => other.to_json(),
    }
}

/// A tenant of a kind.
pub(super) fn tenant(dice: &mut Dice, kind: &Kind) -> Cell {
    match kind {
        Kind::Int => Cell::Int(dice.pick(&INT_TENANTS).unwrap_or_default()),
        Kind::Uuid => Cell::Uuid(dice.word(&UUID_TENANTS).to_owned()),
        _ => Cell::Text(dice.word(&TEXT_TENANTS).to_owned()),
    }
}
