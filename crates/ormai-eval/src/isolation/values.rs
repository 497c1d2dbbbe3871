//! Values that make faults visible: lookalikes, wildcards, both sides of each literal, nothing.

use jiff::{SignedDuration, Timestamp};
use ormai::catalog::Field;
use ormai::value::ColumnType;
use serde_json::{Value as Json, json};

/// Begins each text that stands in one place of the database only.
pub(super) const MARK: &str = "cnry";

/// A text that stands nowhere else.
pub(super) fn token(number: usize) -> String {
    format!("{MARK}{number}q")
}

/// The numbers of the tokens in a text.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = usize> {
    text.split(MARK).skip(1).filter_map(|rest| rest.split_once('q')?.0.parse().ok())
}

/// Values for a field, the most telling first. `literals` are those that conditions compare it with.
pub(super) fn values(field: &Field, literals: &[Json], unique: &str, now: Timestamp) -> Vec<Json> {
    let mut values: Vec<Json> = Vec::new();
    for literal in literals {
        values.push(literal.clone());
        values.extend(neighbours(literal));
    }
    match &field.ty {
        ColumnType::Text | ColumnType::Char => {
            let special = ["canary tie", "Canary Tie", "100% canary", "canary_x", "canary\\x", "canary", "zebra"];
            values.push(unique.into());
            values.extend(special.map(Json::from));
        }
        ColumnType::Bool => values.extend([json!(true), json!(false)]),
        ty if ty.is_integer() => values.extend([json!(7), json!(8), json!(1), json!(7), json!(-3)]),
        ColumnType::Float => values.extend([json!(1.5), json!(2.25), json!(-3.0)]),
        ColumnType::Decimal => values.extend(["12.51", "7.25", "12.51", "99.99", "0.01"].map(Json::from)),
        ColumnType::Enum(of) => values.extend(of.variants.iter().map(|word| json!(word))),
        ColumnType::Uuid => values.extend((1..4).map(|at| json!(format!("0ca0a701-0000-4000-8000-00000000000{at}")))),
        ColumnType::Bytes => values.extend(["Y25yeQ==", "Y2FuYXJ5"].map(Json::from)),
        ColumnType::Json => values.push(json!({"canary": unique})),
        ColumnType::Timestamp | ColumnType::DateTime | ColumnType::Date => {
            let hours = [-30, 30, -48, -30];
            values.extend(hours.into_iter().filter_map(|hours| time(now, hours, &field.ty)));
        }
        ColumnType::Time => values.extend([json!("10:30:00"), json!("23:59:59")]),
        _ => {}
    }
    if let Some(length) = field.length.and_then(|length| usize::try_from(length).ok()) {
        values.retain(|value| value.as_str().is_none_or(|text| text.chars().count() <= length));
    }
    values
}

/// A time so many hours from now.
pub(super) fn time(now: Timestamp, hours: i64, ty: &ColumnType) -> Option<Json> {
    let whole = Timestamp::from_second(now.as_second()).ok()?;
    let time = whole.checked_add(SignedDuration::from_hours(hours)).ok()?;
    let civil = jiff::tz::Offset::UTC.to_datetime(time);
    Some(match ty {
        ColumnType::Timestamp => json!(time.to_string()),
        ColumnType::DateTime => json!(civil.to_string()),
        _ => json!(civil.date().to_string()),
    })
}

/// What is nearly, and not quite, the same.
pub(super) fn neighbours(value: &Json) -> Vec<Json> {
    match value {
        Json::Number(number) => match number.as_i64() {
            Some(int) => vec![(int.saturating_sub(1)).into(), (int.saturating_add(1)).into()],
            None => Vec::new(),
        },
        Json::String(text) => match text.parse::<f64>() {
            // An exact number as text.
            Ok(_) if text.contains('.') => vec![format!("{text}1").into(), "0.01".into()],
            _ if text.len() >= 10 && text.as_bytes().get(4) == Some(&b'-') => Vec::new(),
            _ => {
                let capital = text.to_uppercase();
                let capital = if capital == *text { text.to_lowercase() } else { capital };
                vec![capital.into(), format!("{text}x").into()]
            }
        },
        Json::Bool(bool) => vec![(!bool).into()],
        _ => Vec::new(),
    }
}
