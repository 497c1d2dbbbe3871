//! How attributes of a principal become values: exactly, or not at all.

use ormai_core::condition::attribute::{list, scalar};
use ormai_core::principal::{Principal, PrincipalPath};
use ormai_core::value::{ColumnType, Value};
use serde_json::{Value as Json, json};

fn path() -> PrincipalPath {
    PrincipalPath::from_segments(&["metadata", "x"]).unwrap()
}

#[test]
fn a_single_value_is_read_exactly() {
    let check = |json: Json, ty: ColumnType, expected: Result<Option<Value>, &str>| {
        let principal = Principal::new("acme").metadata("x", json.clone());
        let read = scalar(&principal, &path(), &ty).map_err(|error| error.to_string());
        assert_eq!(read, expected.map_err(str::to_owned), "{json} as {ty:?}");
    };
    let text = "`principal.metadata.x` is not text";
    let int = "`principal.metadata.x` is not an integer from -9223372036854775808 to 9223372036854775807";
    check(json!("acme"), ColumnType::Text, Ok(Some("acme".into())));
    check(json!(7), ColumnType::Text, Err(text));
    check(json!(true), ColumnType::Text, Err(text));
    check(json!("a\0"), ColumnType::Text, Err("`principal.metadata.x` is not text without NUL characters"));
    check(json!("acme "), ColumnType::Char, Err("`principal.metadata.x` is not text without blanks at its end"));
    check(json!(7), ColumnType::Int, Ok(Some(Value::Int(7))));
    check(json!("7"), ColumnType::Int, Ok(Some(Value::Int(7))));
    check(json!("-3"), ColumnType::Int, Ok(Some(Value::Int(-3))));
    for wrong in ["07", "+7", " 7", "7 ", "7abc", "-0", "7.0", "0x7", "٧", "9223372036854775808"] {
        check(json!(wrong), ColumnType::Int, Err(int));
    }
    check(json!(7.0), ColumnType::Int, Err(int));
    check(json!("40000"), ColumnType::Int16, Err("`principal.metadata.x` is not an integer from -32768 to 32767"));
    check(json!("true"), ColumnType::Bool, Err("`principal.metadata.x` is not true or false"));
    check(json!(1), ColumnType::Bool, Err("`principal.metadata.x` is not true or false"));
    check(json!(true), ColumnType::Bool, Ok(Some(Value::Bool(true))));
    check(json!("open"), ColumnType::enumeration("k", ["open"]), Ok(Some("open".into())));
    check(json!("OPEN"), ColumnType::enumeration("k", ["open"]), Err("`principal.metadata.x` is not one of open"));
    check(json!("2024-05-01"), ColumnType::Date, Ok(Some(Value::Date("2024-05-01".parse().unwrap()))));
    check(json!(""), ColumnType::Text, Ok(None));
    check(json!(""), ColumnType::Int, Ok(None));
    check(Json::Null, ColumnType::Text, Ok(None));
    check(json!(["acme"]), ColumnType::Text, Err("`principal.metadata.x` is not a single text value"));
    check(json!({"a": 1}), ColumnType::Json, Err("`principal.metadata.x` is not a single json value"));
    check(
        json!(["a"]),
        ColumnType::array(ColumnType::Text),
        Err("`principal.metadata.x` is not a single array of text value"),
    );
}

#[test]
fn a_list_is_read_whole_or_not_at_all() {
    let check = |json: Json, ty: ColumnType, expected: Result<Option<Vec<Value>>, &str>| {
        let principal = Principal::new("acme").metadata("x", json.clone());
        let read = list(&principal, &path(), &ty).map_err(|error| error.expected);
        assert_eq!(read, expected.map_err(str::to_owned), "{json} as {ty:?}");
    };
    let holes = "a list of text values without null and empty text";
    check(json!(["a", "b"]), ColumnType::Text, Ok(Some(vec!["a".into(), "b".into()])));
    check(json!([]), ColumnType::Text, Ok(Some(vec![])));
    check(json!([1, "2"]), ColumnType::Int, Ok(Some(vec![Value::Int(1), Value::Int(2)])));
    check(json!(["a", null]), ColumnType::Text, Err(holes));
    check(json!(["a", ""]), ColumnType::Text, Err(holes));
    check(json!(["a", 1]), ColumnType::Text, Err("a list whose items are all text"));
    check(json!([["a"]]), ColumnType::Text, Err("a list whose items are all a single text value"));
    check(json!("a"), ColumnType::Text, Err("a list of text values"));
    check(json!(""), ColumnType::Text, Err("a list of text values"));
    check(json!({"a": 1}), ColumnType::Text, Err("a list of text values"));
    check(Json::Null, ColumnType::Text, Ok(None));
}

#[test]
fn roles_are_a_list_and_nothing_else() {
    let principal = Principal::new("acme").role("admin");
    assert_eq!(list(&principal, &PrincipalPath::Roles, &ColumnType::Text), Ok(Some(vec!["admin".into()])));
    assert!(scalar(&principal, &PrincipalPath::Roles, &ColumnType::Text).is_err());
    assert!(list(&principal.role(""), &PrincipalPath::Roles, &ColumnType::Text).is_err());
    assert_eq!(list(&Principal::new("acme"), &PrincipalPath::Roles, &ColumnType::Text), Ok(Some(vec![])));
}

#[test]
fn an_error_never_shows_the_value() {
    let principal = Principal::new("acme").metadata("x", json!(["secret"]));
    let error = scalar(&principal, &path(), &ColumnType::Text).unwrap_err();
    assert!(!error.to_string().contains("secret") && !format!("{error:?}").contains("secret"));
}
