//! JSON as values. Exact, or not at all.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::{Cell, Decimal, Float, Kind};

impl Cell {
    /// A JSON value of a request or of a principal as a value of a kind; `None` when it does not fit. Null fits
    /// nothing.
    pub fn fit(json: &Json, kind: &Kind) -> Option<Self> {
        match (kind, json) {
            (Kind::Bool, Json::Bool(bool)) => Some(Self::Bool(*bool)),
            (Kind::Int16, Json::Number(number)) => integer(number.as_i64()?, i16::MIN.into(), i16::MAX.into()),
            (Kind::Int32, Json::Number(number)) => integer(number.as_i64()?, i32::MIN.into(), i32::MAX.into()),
            (Kind::Int, Json::Number(number)) => number.as_i64().map(Self::Int),
            (Kind::Float, Json::Number(_)) => Float::read(json).map(Self::Float),
            (Kind::Decimal, Json::Number(number)) => decimal(&number.to_string()),
            (Kind::Decimal, Json::String(text)) => decimal(text),
            (Kind::Text, Json::String(text)) => (!text.contains('\0')).then(|| Self::Text(text.clone())),
            (Kind::Char, Json::String(text)) => {
                (!text.contains('\0') && !text.ends_with(' ')).then(|| Self::Text(text.clone()))
            }
            (Kind::Enum(words), Json::String(text)) => {
                words.iter().position(|word| word == text).map(|at| Self::Word(at, text.clone()))
            }
            (Kind::Bytes, Json::String(text)) => STANDARD.decode(text).ok().map(Self::Bytes),
            (Kind::Uuid, Json::String(text)) => is_uuid(text).then(|| Self::Uuid(text.to_lowercase())),
            (Kind::Date, Json::String(text)) => is_date(text).then(|| Self::Date(text.clone())),
            (Kind::Time, Json::String(text)) => time(text).map(Self::Time),
            (Kind::DateTime, Json::String(text)) => {
                let (date, of_day) = text.split_once('T')?;
                is_date(date).then_some(Self::DateTime(format!("{date}T{}", time(of_day)?)))
            }
            (Kind::Timestamp, Json::String(text)) => {
                let (date, of_day) = text.split_once('T')?;
                let of_day = of_day.strip_suffix('Z').or_else(|| of_day.strip_suffix("+00:00"))?;
                is_date(date).then_some(Self::timestamp(format!("{date}T{}Z", time(of_day)?)))
            }
            _ => None,
        }
    }

    /// A value as the database gives it; `None` where it is none of its kind, as SQLite stores it.
    pub fn stored(json: &Json, kind: &Kind) -> Option<Self> {
        match kind {
            _ if json.is_null() => Some(Self::Null),
            Kind::Opaque | Kind::Unread => Some(Self::Opaque(json.to_string())),
            Kind::Float => Float::read(json).map(Self::Float),
            Kind::Decimal => Decimal::read(json.as_str()?).map(Self::Decimal),
            Kind::Int16 | Kind::Int32 => json.as_i64().map(Self::Int),
            // Only what is shown just as it was given is known to be of its kind.
            _ => Self::fit(json, kind).filter(|cell| cell.to_json() == *json),
        }
    }
}

fn integer(int: i64, least: i64, most: i64) -> Option<Cell> {
    (least..=most).contains(&int).then_some(Cell::Int(int))
}

/// A number beyond the cells' is as far beyond every stored one as their last.
fn decimal(text: &str) -> Option<Cell> {
    let plain = text.strip_prefix('-').unwrap_or(text);
    let (whole, _) = plain.split_once('.').unwrap_or((plain, ""));
    let is_long = whole.len() > 15 && whole.bytes().all(|byte| byte.is_ascii_digit());
    let last = || if text.starts_with('-') { "-999999999999999.999" } else { "999999999999999.999" };
    Decimal::read(if is_long { last() } else { text }).map(Cell::Decimal)
}

fn is_uuid(text: &str) -> bool {
    let hyphen = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match hyphen(at) {
            true => byte == b'-',
            false => byte.is_ascii_hexdigit(),
        })
}

/// A time of day, without zeros at the end of its fraction.
fn time(text: &str) -> Option<String> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let below = |part: &str, end: u32| {
        part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()) && part.parse().is_ok_and(|n: u32| n < end)
    };
    let parts: Vec<&str> = seconds.split(':').collect();
    let [hour, minute, second] = parts.as_slice() else { return None };
    let is_fraction = (1..=6).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let fits = below(hour, 24) && below(minute, 60) && below(second, 60) && is_fraction;
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    fits.then(|| format!("{seconds}{point}{fraction}"))
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let number = |part: &str, length: usize| {
        let digits = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u32>().ok().filter(|_| digits)
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}
