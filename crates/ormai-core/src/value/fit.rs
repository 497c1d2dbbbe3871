//! Values to be stored: what a column takes of what its type has.

use serde_json::Value as Json;

use super::Value;
use super::from_json::{Misfit, expected};
use crate::catalog::Field;

/// How deep a JSON document nests that every engine stores: MariaDB finds a deeper one invalid.
pub const JSON_LEVELS: usize = 31;

/// Reads a JSON value as one to be stored in a column. What a comparison may name and a column
/// does not hold (null where none may stand, text that is too long) is refused here, before
/// engines would cut it, round it or put something else in its place.
///
/// The top-level `null` is SQL's NULL, also for a JSON column.
///
/// # Errors
///
/// [`Misfit`], as for [`Value::from_json`], with what the column takes.
pub fn fit(json: &Json, field: &Field) -> Result<Value, Misfit> {
    let value = Value::from_json(json, &field.ty)?;
    match &value {
        Value::Null if !field.nullable => Err(expected(format!("a value of type {}, not null", field.ty))),
        Value::Text(text) if !has_room(text, field) => {
            Err(expected(format!("text of at most {} characters", field.length.unwrap_or_default())))
        }
        _ => storable(&value).map(|()| value),
    }
}

/// Characters count, not bytes, on every engine that counts; an enum's words are of its type.
fn has_room(text: &str, field: &Field) -> bool {
    let most = field.length.filter(|_| field.ty.is_text()).and_then(|length| usize::try_from(length).ok());
    most.is_none_or(|most| text.chars().count() <= most)
}

fn storable(value: &Value) -> Result<(), Misfit> {
    match value {
        Value::Json(document) => storable_document(document),
        Value::Array(items) => items.iter().try_for_each(storable),
        _ => Ok(()),
    }
}

/// Level by level, so that no depth exhausts the stack.
fn storable_document(document: &Json) -> Result<(), Misfit> {
    let mut level = vec![document];
    for depth in 0_usize.. {
        if depth == JSON_LEVELS && level.iter().any(|json| json.is_array() || json.is_object()) {
            return Err(expected(format!("a json document of at most {JSON_LEVELS} levels")));
        }
        let mut below = Vec::new();
        for json in level {
            match json {
                Json::String(text) => without_nul(text)?,
                Json::Array(items) => below.extend(items),
                Json::Object(entries) => {
                    entries.keys().try_for_each(|key| without_nul(key))?;
                    below.extend(entries.values());
                }
                Json::Null | Json::Bool(_) | Json::Number(_) => {}
            }
        }
        if below.is_empty() {
            break;
        }
        level = below;
    }
    Ok(())
}

/// PostgreSQL has no NUL in `jsonb`, and makes an error of its own of it.
fn without_nul(text: &str) -> Result<(), Misfit> {
    if text.contains('\0') { Err(expected("a json document without NUL characters")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::Collation;
    use crate::value::ColumnType;

    fn field(ty: ColumnType, length: Option<u32>, nullable: bool) -> Field {
        Field {
            name: "note".to_owned(),
            column: "note".to_owned(),
            ty,
            collation: Collation::Binary,
            length,
            nullable,
            has_default: false,
            generated: false,
        }
    }

    fn check(json: Json, ty: ColumnType, length: Option<u32>, expected: Result<Value, &str>) {
        let fitted = fit(&json, &field(ty.clone(), length, false)).map_err(|misfit| misfit.to_string());
        assert_eq!(fitted, expected.map_err(str::to_owned), "{json} in {ty} of {length:?}");
    }

    fn nested(levels: usize) -> Json {
        (0..levels).fold(json!(1), |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({"a": inner}) })
    }

    #[test]
    fn an_integer_is_as_wide_as_its_column() {
        check(json!(32_767), ColumnType::Int16, None, Ok(Value::Int(32_767)));
        check(json!(32_768), ColumnType::Int16, None, Err("expected an integer from -32768 to 32767"));
        check(json!(-2_147_483_648_i64), ColumnType::Int32, None, Ok(Value::Int(-2_147_483_648)));
        check(
            json!(2_147_483_648_i64),
            ColumnType::Int32,
            None,
            Err("expected an integer from -2147483648 to 2147483647"),
        );
        let widest = "expected an integer from -9223372036854775808 to 9223372036854775807";
        check(json!(u64::MAX), ColumnType::Int, None, Err(widest));
        check(json!(7.5), ColumnType::Int, None, Err(widest));
        check(json!("7"), ColumnType::Int, None, Err(widest));
    }

    #[test]
    fn text_is_as_long_as_its_column_in_characters() {
        let long = Err("expected text of at most 3 characters");
        check(json!("éßý"), ColumnType::Text, Some(3), Ok("éßý".into()));
        check(json!("🦀🦀🦀"), ColumnType::Text, Some(3), Ok("🦀🦀🦀".into()));
        check(json!("abcd"), ColumnType::Text, Some(3), long.clone());
        // PostgreSQL would cut blanks off.
        check(json!("abc "), ColumnType::Text, Some(3), long.clone());
        check(json!("abcd"), ColumnType::Char, Some(3), long);
        check(json!("ab "), ColumnType::Char, Some(3), Err("expected text without blanks at its end"));
        check(json!(""), ColumnType::Text, Some(3), Ok("".into()));
        check(json!("x".repeat(100_000)), ColumnType::Text, None, Ok("x".repeat(100_000).into()));
        check(json!("a\0"), ColumnType::Text, None, Err("expected text without NUL characters"));
        check(json!("a\0"), ColumnType::array(ColumnType::Text), None, Err("expected a list of text"));
        check(json!(["a\0"]), ColumnType::array(ColumnType::Text), None, Err("expected text without NUL characters"));
    }

    #[test]
    fn a_word_is_one_of_its_enum() {
        let status = ColumnType::enumeration("status", ["open", "paid"]);
        check(json!("paid"), status.clone(), Some(1), Ok("paid".into()));
        check(json!("Paid"), status.clone(), None, Err("expected one of open, paid"));
        check(json!(1), status, None, Err("expected text"));
    }

    #[test]
    fn a_number_is_finite_and_bounded() {
        let decimal = Err("expected a number, or a decimal such as \"12.50\" as text when exactness matters");
        check(json!("12.50"), ColumnType::Decimal, None, Ok(Value::Decimal("12.50".parse().unwrap())));
        check(json!("NaN"), ColumnType::Decimal, None, decimal.clone());
        check(json!("Infinity"), ColumnType::Decimal, None, decimal.clone());
        check(json!("1e1001"), ColumnType::Decimal, None, decimal.clone());
        check(json!("9".repeat(1_001)), ColumnType::Decimal, None, decimal);
        check(json!("Infinity"), ColumnType::Float, None, Err("expected a finite number"));
    }

    #[test]
    fn null_stands_only_where_it_may() {
        check(Json::Null, ColumnType::Int32, None, Err("expected a value of type integer, not null"));
        check(Json::Null, ColumnType::Json, None, Err("expected a value of type json, not null"));
        for ty in [ColumnType::Int, ColumnType::Text, ColumnType::Json, ColumnType::Interval] {
            assert_eq!(fit(&Json::Null, &field(ty, Some(1), true)), Ok(Value::Null));
        }
    }

    #[test]
    fn a_document_nests_as_deep_as_every_engine_stores() {
        check(nested(JSON_LEVELS), ColumnType::Json, None, Ok(Value::Json(nested(JSON_LEVELS))));
        let deep = Err("expected a json document of at most 31 levels");
        check(nested(JSON_LEVELS + 1), ColumnType::Json, None, deep.clone());
        // The innermost list is a level as well, although nothing stands in it.
        let hollow = |levels: usize| (1..levels).fold(json!([]), |inner, _| json!([inner]));
        check(hollow(JSON_LEVELS), ColumnType::Json, None, Ok(Value::Json(hollow(JSON_LEVELS))));
        check(hollow(JSON_LEVELS + 1), ColumnType::Json, None, deep);
    }

    #[test]
    fn a_document_has_no_nul_in_it() {
        let nul = Err("expected a json document without NUL characters");
        check(json!({"a": ["b\0"]}), ColumnType::Json, None, nul.clone());
        check(json!({"a\0": 1}), ColumnType::Json, None, nul.clone());
        check(json!([{"a": "\0"}]), ColumnType::array(ColumnType::Json), None, nul);
        check(json!("\\u0000"), ColumnType::Json, None, Ok(Value::Json(json!("\\u0000"))));
    }

    #[test]
    fn what_has_no_form_in_json_is_not_stored() {
        let none = "expected nothing: values of interval cannot be given";
        check(json!("P1D"), ColumnType::Interval, None, Err(none));
        let money = ColumnType::Unsupported("money".to_owned());
        check(json!(1), money, None, Err("expected nothing: values of unsupported type money cannot be given"));
    }
}
