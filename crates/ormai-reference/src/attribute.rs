//! JSON as values: of requests, and of the principal's attributes. Exact, or not at all.

use serde_json::Value as Json;

use crate::world::{Attribute, Cell, Kind, Who};

/// A JSON value as a value of a kind; `None` when it does not fit. Null fits nothing.
pub(super) fn fit(json: &Json, kind: Kind) -> Option<Cell> {
    match (kind, json) {
        (Kind::Bool, Json::Bool(bool)) => Some(Cell::Bool(*bool)),
        (Kind::Int, Json::Number(number)) => number.as_i64().map(Cell::Int),
        (Kind::Decimal, Json::Number(number)) => hundredths(&number.to_string()),
        (Kind::Decimal, Json::String(text)) => hundredths(text),
        (Kind::Text, Json::String(text)) => (!text.contains('\0')).then(|| Cell::Text(text.clone())),
        (Kind::Uuid, Json::String(text)) => {
            let hyphens = |at: usize| matches!(at, 8 | 13 | 18 | 23);
            let fits = text.len() == 36
                && text.bytes().enumerate().all(|(at, byte)| match hyphens(at) {
                    true => byte == b'-',
                    false => byte.is_ascii_hexdigit(),
                });
            fits.then(|| Cell::Uuid(text.to_lowercase()))
        }
        (Kind::Date, Json::String(text)) => is_date(text).then(|| Cell::Date(text.clone())),
        (Kind::Timestamp, Json::String(text)) => {
            let (date, time) = text.split_once('T')?;
            let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            let time = time.strip_suffix('Z').or_else(|| time.strip_suffix("+00:00"))?;
            let fits = is_date(date) && time.len() == 8 && time.split(':').all(digits);
            fits.then(|| Cell::Timestamp(format!("{date}T{time}Z")))
        }
        _ => None,
    }
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

/// A number beyond the cells' is as far beyond every stored one as their last.
fn hundredths(text: &str) -> Option<Cell> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
    let number = |part: &str| part.parse::<i128>().ok().filter(|_| part.bytes().all(|byte| byte.is_ascii_digit()));
    let (whole, tenths) = (number(whole)?, number(rest)?);
    let rest = match rest.len() {
        1 => tenths * 10,
        2 => tenths,
        _ => return None,
    };
    let hundredths = whole.saturating_mul(100).saturating_add(rest).min(i64::MAX.into());
    i64::try_from(hundredths).ok().map(|hundredths| Cell::Decimal(sign * hundredths))
}

/// What an attribute is.
pub(super) enum Given<T> {
    /// Absent, null or `""`.
    Missing,
    /// There, and read.
    Is(T),
    /// There, and not to be read as what is needed.
    Misfit,
}

fn raw<'w>(who: &'w Who, attribute: &Attribute) -> Option<&'w Json> {
    let json = match attribute {
        Attribute::Tenant => &who.tenant,
        Attribute::User => &who.user,
        // Roles are a list, and read as one only.
        Attribute::Roles => return None,
        Attribute::Metadata(path) => who.attribute(path)?,
    };
    (!json.is_null()).then_some(json)
}

/// Whether an attribute is absent, null or `""`.
pub(super) fn is_missing(who: &Who, attribute: &Attribute) -> bool {
    match attribute {
        Attribute::Roles => false,
        other => raw(who, other).is_none_or(|json| json.as_str() == Some("")),
    }
}

/// An attribute as one value.
pub(super) fn scalar(who: &Who, attribute: &Attribute, kind: Kind) -> Given<Cell> {
    if *attribute == Attribute::Roles {
        return Given::Misfit;
    }
    match raw(who, attribute) {
        None => Given::Missing,
        Some(Json::String(text)) if text.is_empty() => Given::Missing,
        Some(json) => read(json, kind).map_or(Given::Misfit, Given::Is),
    }
}

/// An attribute as a list of values.
pub(super) fn list(who: &Who, attribute: &Attribute, kind: Kind) -> Given<Vec<Cell>> {
    let roles: Vec<Json>;
    let items = match (attribute, raw(who, attribute)) {
        (Attribute::Roles, _) => {
            roles = who.roles.iter().map(|role| Json::from(role.as_str())).collect();
            &roles
        }
        (_, None) => return Given::Missing,
        (_, Some(Json::Array(items))) => items,
        (_, Some(_)) => return Given::Misfit,
    };
    let item = |json: &Json| if json.as_str() == Some("") { None } else { read(json, kind) };
    items.iter().map(item).collect::<Option<_>>().map_or(Given::Misfit, Given::Is)
}

/// As in a request, and an integer also from its one decimal form as text.
fn read(json: &Json, kind: Kind) -> Option<Cell> {
    match json {
        Json::String(text) if kind == Kind::Int => {
            text.parse::<i64>().ok().filter(|int| int.to_string() == *text).map(Cell::Int)
        }
        _ => fit(json, kind),
    }
}

/// Whether an attribute is given as a list.
pub(super) fn is_list(who: &Who, attribute: &Attribute) -> bool {
    raw(who, attribute).is_some_and(Json::is_array)
}
