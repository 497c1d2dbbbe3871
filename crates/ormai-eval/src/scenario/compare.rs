//! What was expected against what came: JSON member by member, SQL word by word.

use super::tree::Tree;

/// Stands in an expected answer for any value; as a member, for any further members.
pub(super) const ANY: &str = "…";

/// Members whose values are new at every call, and that `--bless` writes as [`ANY`].
const NEW_AT_EVERY_CALL: &[&str] = &["next_cursor", "approval_id"];

/// Whether what came is what was expected. The order of members makes no difference, that of items does.
pub(super) fn fits(expected: &Tree, came: &Tree) -> bool {
    match (expected, came) {
        (Tree::Text(any), _) if any == ANY => true,
        (Tree::List(expected), Tree::List(came)) => {
            expected.len() == came.len() && expected.iter().zip(came).all(|(expected, came)| fits(expected, came))
        }
        (Tree::Object(members), Tree::Object(others)) => {
            let open = is_open(members);
            let named = || members.iter().filter(|(key, _)| key != ANY);
            named().all(|(key, value)| came.member(key).is_some_and(|other| fits(value, other)))
                && (open || others.len() == named().count())
        }
        (Tree::Text(expected), Tree::Text(came)) => expected == came || is_same_decimal(expected, came),
        (expected, came) => expected == came,
    }
}

/// Whether two texts are one decimal number: engines differ in the zeros at its end.
fn is_same_decimal(expected: &str, came: &str) -> bool {
    /// The number without zeros at the end of its fraction; `None` for what is no decimal.
    fn bare(text: &str) -> Option<&str> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_decimal = digits(whole.strip_prefix('-').unwrap_or(whole)) && digits(fraction);
        let bare = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
        is_decimal.then_some(bare)
    }
    let has_fraction = expected.contains('.') || came.contains('.');
    has_fraction && bare(expected).is_some() && bare(expected) == bare(came)
}

/// What came, in the order of what was expected and with its placeholders, so that only differences
/// show.
pub(super) fn aligned(expected: &Tree, came: &Tree) -> Tree {
    match (expected, came) {
        (Tree::Text(any), _) if any == ANY => expected.clone(),
        (Tree::List(expected), Tree::List(came)) => {
            let item =
                |(at, came): (usize, &Tree)| expected.get(at).map_or_else(|| fresh(came), |one| aligned(one, came));
            Tree::List(came.iter().enumerate().map(item).collect())
        }
        (Tree::Object(members), Tree::Object(others)) => {
            let open = is_open(members);
            let mut kept: Vec<(String, Tree)> = members
                .iter()
                .filter_map(|(key, value)| match came.member(key) {
                    Some(other) => Some((key.clone(), aligned(value, other))),
                    None => (key == ANY).then(|| (key.clone(), value.clone())),
                })
                .collect();
            let new = others.iter().filter(|(key, _)| !open && !members.iter().any(|(known, _)| known == key));
            kept.extend(new.map(|(key, value)| member(key, value)));
            Tree::Object(kept)
        }
        (Tree::Text(text), Tree::Text(other)) if is_same_decimal(text, other) => expected.clone(),
        (_, came) => fresh(came),
    }
}

/// What came, as a page says it that says nothing yet.
pub(super) fn fresh(came: &Tree) -> Tree {
    match came {
        Tree::List(items) => Tree::List(items.iter().map(fresh).collect()),
        Tree::Object(members) => Tree::Object(members.iter().map(|(key, value)| member(key, value)).collect()),
        scalar => scalar.clone(),
    }
}

fn member(key: &str, value: &Tree) -> (String, Tree) {
    let is_new = NEW_AT_EVERY_CALL.contains(&key) && matches!(value, Tree::Text(_));
    (key.to_owned(), if is_new { Tree::Text(ANY.to_owned()) } else { fresh(value) })
}

fn is_open(members: &[(String, Tree)]) -> bool {
    members.iter().any(|(key, _)| key == ANY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: &str, came: &str, fit: bool, shown: &str) {
        let (expected, came) = (Tree::read(expected).unwrap(), Tree::read(came).unwrap());
        assert_eq!(fits(&expected, &came), fit);
        assert_eq!(aligned(&expected, &came).pretty(), shown);
        assert!(fits(&aligned(&expected, &came), &came), "what is written fits what came");
    }

    #[test]
    fn a_placeholder_stands_for_any_value() {
        check(r#"{"id": "…", "a": 1}"#, r#"{"a": 1, "id": 7}"#, true, r#"{"id": "…", "a": 1}"#);
        check(r#"{"id": "…", "a": 1}"#, r#"{"a": 2, "id": [7]}"#, false, r#"{"id": "…", "a": 2}"#);
        check(r#"["…", 2]"#, "[1, 2, 3]", false, r#"["…", 2, 3]"#);
    }

    #[test]
    fn further_members_are_named_or_left_open() {
        check(r#"{"a": 1}"#, r#"{"a": 1, "b": 2}"#, false, r#"{"a": 1, "b": 2}"#);
        check(r#"{"a": 1, "…": "…"}"#, r#"{"a": 1, "b": 2}"#, true, r#"{"a": 1, "…": "…"}"#);
        check(r#"{"c": 1, "…": "…"}"#, r#"{"a": 1, "b": 2}"#, false, r#"{"…": "…"}"#);
        check(r#"{"a": 1, "b": 2}"#, r#"{"a": 1}"#, false, r#"{"a": 1}"#);
    }

    #[test]
    fn zeros_at_the_end_of_a_decimal_make_no_difference() {
        check(r#"["10.00", "-1"]"#, r#"["10", "-1.000"]"#, true, r#"["10.00", "-1"]"#);
        check(r#"["10.00", "1.5"]"#, r#"["100", "1.25"]"#, false, r#"["100", "1.25"]"#);
        check(r#"["10", "1."]"#, r#"["010", "1.0"]"#, false, r#"["010", "1.0"]"#);
    }

    #[test]
    fn items_have_an_order_and_values_a_type() {
        check("[1, 2]", "[2, 1]", false, "[2, 1]");
        check(r#"{"a": "1"}"#, r#"{"a": 1}"#, false, r#"{"a": 1}"#);
        check("null", "0", false, "0");
    }

    #[test]
    fn what_is_new_at_every_call_is_not_written_down() {
        let came = Tree::read(r#"{"next_cursor": "abc", "rows": [{"next_cursor": null}]}"#).unwrap();
        assert_eq!(fresh(&came).pretty(), r#"{"next_cursor": "…", "rows": [{"next_cursor": null}]}"#);
    }
}
