//! PostgreSQL's text of an array, which is what some drivers give of arrays whose items they do not
//! know: of an enum's, for one.

use ormai_core::value::{ColumnType, Value};
use uuid::Uuid;

use super::decode::json;

/// PostgreSQL's own bound.
const DIMENSIONS: usize = 6;

/// The items of a text such as `{open,"a \"b\"",NULL}`, of a type; `None` when it is none.
pub(super) fn array(text: &str, of: &ColumnType) -> Option<Value> {
    // Before an array that does not begin at 1 its bounds stand.
    let text = if text.starts_with('[') { text.split_once('=')?.1 } else { text };
    let mut signs = text.chars().peekable();
    signs.next_if_eq(&'{')?;
    let array = items(&mut signs, of, 1)?;
    signs.next().is_none().then_some(array)
}

type Signs<'t> = std::iter::Peekable<std::str::Chars<'t>>;

/// What follows a `{`, up to the `}` of it.
fn items(signs: &mut Signs<'_>, of: &ColumnType, depth: usize) -> Option<Value> {
    let mut items = Vec::new();
    if signs.next_if_eq(&'}').is_some() {
        return Some(Value::Array(items));
    }
    loop {
        let item = match signs.next()? {
            '{' if depth < DIMENSIONS => self::items(signs, of, depth + 1)?,
            '"' => {
                let mut text = String::new();
                loop {
                    match signs.next()? {
                        '"' => break,
                        '\\' => text.push(signs.next()?),
                        sign => text.push(sign),
                    }
                }
                one(text, of)?
            }
            '{' | '}' | ',' => return None,
            first => {
                let mut text = String::from(first);
                while let Some(sign) = signs.next_if(|sign| !matches!(sign, ',' | '}' | '{' | '"')) {
                    text.push(sign);
                }
                if text == "NULL" { Value::Null } else { one(text, of)? }
            }
        };
        items.push(item);
        match signs.next()? {
            ',' => {}
            '}' => return Some(Value::Array(items)),
            _ => return None,
        }
    }
}

/// An item as its type reads it.
fn one(text: String, of: &ColumnType) -> Option<Value> {
    Some(match of {
        ColumnType::Text | ColumnType::Char | ColumnType::Enum(_) => Value::Text(text),
        ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int => Value::Int(text.parse().ok()?),
        ColumnType::Bool => Value::Bool(match text.as_str() {
            "t" => true,
            "f" => false,
            _ => return None,
        }),
        ColumnType::Uuid => Value::Uuid(Uuid::try_parse(&text).ok()?),
        ColumnType::Json => json(text.as_bytes()),
        // What has several texts is not guessed at.
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_array_is_read_from_its_text() {
        let check = |text: &str, of: ColumnType, expected: serde_json::Value| {
            assert_eq!(array(text, &of).unwrap().to_json(), expected, "{text}");
        };
        check("{}", ColumnType::Text, json!([]));
        check("{paid,open}", ColumnType::Text, json!(["paid", "open"]));
        check(
            r#"{"a \"b\" \\",NULL,"NULL","","{,}"}"#,
            ColumnType::Text,
            json!(["a \"b\" \\", null, "NULL", "", "{,}"]),
        );
        check("{{1,2},{3,NULL}}", ColumnType::Int, json!([[1, 2], [3, null]]));
        check("[0:1]={t,f}", ColumnType::Bool, json!([true, false]));
    }

    #[test]
    fn what_is_no_array_of_the_type_is_refused() {
        for text in ["", "a", "{", "{a", "{a,}", "{,a}", "{a}b", "{a}}", "{\"a}", "{\"a\"b}", "{a{b}}", "[0:1]"] {
            assert_eq!(array(text, &ColumnType::Text), None, "{text}");
        }
        assert_eq!(array("{x}", &ColumnType::Int), None);
        assert_eq!(array("{2024-05-01}", &ColumnType::Date), None);
        assert_eq!(array(&"{".repeat(100_000), &ColumnType::Text), None);
    }
}
