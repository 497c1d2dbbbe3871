//! A difference says what is wrong, and with which row.

use ormai::policy::Format;
use ormai::policy::document::PolicyDocument;
use ormai::principal::Principal;
use ormai_eval::Row;
use ormai_eval::expected::{Expected, Wrong};
use ormai_testkit::guide_catalog;
use serde_json::{Value as Json, json};

const POLICY: &str = "
models:
  Tenant: {scoping: {id: principal.tenant_id}, fields: {id: allow, name: allow}, relations: {users: true}}
  User:
    scoping: {tenant_id: principal.tenant_id}
    fields: {id: allow, name: allow, email: mask}
    relations: {tenant: true}
    write_policy: {update: allow, delete: require_approval}
";

fn expected() -> Expected {
    let user = |id: &str, tenant: &str, name: &str| -> Row {
        let row = json!({"id": id, "tenant_id": tenant, "email": format!("{name}@x.example"), "name": name, "ssn": null,
            "created_at": "2024-01-01T00:00:00Z"});
        row.as_object().unwrap().clone()
    };
    let tenant = |id: &str| -> Row { json!({"id": id, "name": id}).as_object().unwrap().clone() };
    let document = PolicyDocument::parse(POLICY, Format::Yaml).unwrap();
    let expected = Expected::new(&guide_catalog(), &document).unwrap();
    let users = vec![user("a", "acme", "ann"), user("b", "acme", "bob"), user("g", "globex", "gil")];
    expected
        .with_rows("User", users)
        .with_rows("Tenant", vec![tenant("acme"), tenant("globex")])
        .with_rows("Order", Vec::new())
}

fn check(tool: &str, arguments: Json, answer: Json, found: Option<(Wrong, &str)>) {
    let expected = expected();
    let (acme, now) = (Principal::new("acme"), "2024-06-01T12:00:00Z".parse().unwrap());
    let must = expected.answer(&acme, now, tool, &arguments).unwrap();
    let difference = expected.agrees(&must, &[answer]).err();
    let told = difference.as_ref().map(|difference| (difference.wrong, difference.to_string()));
    assert_eq!(told, found.map(|(wrong, text)| (wrong, text.to_owned())));
}

fn page(rows: Json) -> Json {
    json!({"success": true, "data": {"rows": rows, "has_more": false, "next_cursor": null}})
}

fn ann() -> Json {
    json!({"id": "a", "name": "ann", "email": "a***@***"})
}

fn bob() -> Json {
    json!({"id": "b", "name": "bob", "email": "b***@***"})
}

#[test]
fn an_answer_that_is_as_it_must_be_has_no_difference() {
    check("query", json!({"model": "User"}), page(json!([ann(), bob()])), None);
}

#[test]
fn a_strangers_row_is_named_by_its_key() {
    let gil = json!({"id": "g", "name": "gil", "email": "g***@***"});
    let found = Some((Wrong::Row, r#"a row is there that must not be (User {"id":"g"}) at `rows`"#));
    check("query", json!({"model": "User"}), page(json!([ann(), bob(), gil])), found);
    check("query", json!({"model": "User"}), page(json!([ann(), gil])), found);
    let found = Some((Wrong::Row, r#"a row is there that must not be (User {"id":"g"}) at `rows`"#));
    // It is known by what is shown of it, also where its key is not.
    let names = json!([{"name": "ann"}, {"name": "bob"}, {"name": "gil"}]);
    check("query", json!({"model": "User", "select": ["name"]}), page(names), found);
}

#[test]
fn a_missing_row_is_shown() {
    let found = (Wrong::Missing, r#"a row is missing (User {"email":"b***@***","id":"b","name":"bob"}) at `rows`"#);
    check("query", json!({"model": "User"}), page(json!([ann()])), Some(found));
}

#[test]
fn a_value_without_its_mask_is_named_by_its_field() {
    let bare = json!({"id": "b", "name": "bob", "email": "bob@x.example"});
    let text =
        r#"a value is another (User {"id":"b"}) at `rows[1]`, field `email`: "bob@x.example", and not "b***@***""#;
    check("query", json!({"model": "User"}), page(json!([ann(), bare])), Some((Wrong::Value, text)));
}

#[test]
fn a_field_that_is_denied_is_named() {
    let told = json!({"id": "b", "name": "bob", "email": "b***@***", "ssn": null});
    let text = r#"a field is shown that must not be (User {"id":"b"}) at `rows[1]`, field `ssn`: null"#;
    check("query", json!({"model": "User"}), page(json!([ann(), told])), Some((Wrong::Value, text)));
}

#[test]
fn an_order_is_held_to() {
    let found = (Wrong::Order, "the rows are in another order at `rows[0]`");
    check("query", json!({"model": "User"}), page(json!([bob(), ann()])), Some(found));
}

#[test]
fn a_strangers_row_in_an_include_is_found() {
    let gil = json!({"id": "g", "name": "gil", "email": "g***@***"});
    let users = json!({"rows": [ann(), bob(), gil], "has_more": false});
    let answer = json!({"success": true, "data": {"id": "acme", "name": "acme", "users": users}});
    let asked = json!({"model": "Tenant", "id": "acme", "include": ["users"]});
    let text = r#"a row is there that must not be (User {"id":"g"}) at `users`"#;
    check("get", asked, answer, Some((Wrong::Row, text)));
}

#[test]
fn what_must_be_refused_is_refused_and_nothing_else() {
    let not_found = json!({"success": false, "error": {"code": "RECORD_NOT_FOUND"}});
    check("get", json!({"model": "User", "id": "g"}), not_found.clone(), None);
    let gil = json!({"success": true, "data": {"id": "g", "name": "gil", "email": "g***@***"}});
    let text =
        r#"answered, and must be refused: {"email":"g***@***","id":"g","name":"gil"}, and not ["RECORD_NOT_FOUND"]"#;
    check("get", json!({"model": "User", "id": "g"}), gil, Some((Wrong::NotRefused, text)));
    let text = "refused, and must be answered: \"RECORD_NOT_FOUND\"";
    check("get", json!({"model": "User", "id": "a"}), not_found.clone(), Some((Wrong::Refused, text)));
    let text = r#"refused for another reason: "RECORD_NOT_FOUND", and not ["FIELD_NOT_ALLOWED"]"#;
    check("get", json!({"model": "User", "id": "a", "select": ["ssn"]}), not_found, Some((Wrong::Code, text)));
}

#[test]
fn a_write_that_needs_an_approval_waits_for_it() {
    let asked = || json!({"model": "User", "id": "a"});
    check(
        "delete",
        asked(),
        json!({"success": true, "data": {"status": "pending_approval", "approval_id": "apr-1"}}),
        None,
    );
    check("delete", asked(), json!({"success": false, "error": {"code": "APPROVAL_REQUIRED"}}), None);
    let text = r#"it does not wait for its approval: null, and not "pending_approval""#;
    check("delete", asked(), json!({"success": true, "data": ann()}), Some((Wrong::Count, text)));
}

#[test]
fn what_is_not_covered_is_said() {
    let document = PolicyDocument::parse(POLICY, Format::Yaml).unwrap();
    let expected = Expected::new(&guide_catalog(), &document).unwrap();
    let (acme, now) = (Principal::new("acme"), "2024-06-01T12:00:00Z".parse().unwrap());
    let said = |tool, arguments| expected.answer(&acme, now, tool, &arguments).unwrap_err().to_string();
    assert_eq!(said("query", json!({"model": "User"})), "`User` is not covered: its rows were not given");
    assert_eq!(said("describe_schema", json!({})), "not covered: `describe_schema` asks for no rows");
    assert_eq!(said("my_tool", json!({})), "not covered: the tool `my_tool` is not known");
}
