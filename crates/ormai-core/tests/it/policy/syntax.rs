//! Three formats, one tree; what a policy must not contain is refused in each.

use insta::assert_snapshot;
use ormai_core::policy::document::PolicyDocument;
use ormai_core::policy::{Format, syntax};
use proptest::prelude::*;

use super::findings;

#[test]
fn the_same_policy_in_three_formats_is_the_same_policy() {
    let yaml = "
version: 2
models:
  Order:
    fields: {id: allow, card: {action: mask, mask_pattern: '****{last4}'}}
    scoping: {tenant_id: principal.tenant_id}
    row_policies: [{name: hierarchy, condition: tenant_id IN principal.metadata.tenants}]
";
    let toml = r#"
version = 2
[models.Order]
fields.id = "allow"
fields.card = { action = "mask", mask_pattern = "****{last4}" }
scoping.tenant_id = "principal.tenant_id"
[[models.Order.row_policies]]
name = "hierarchy"
condition = "tenant_id IN principal.metadata.tenants"
"#;
    let json =
        "{\"version\": 2, \"models\": {\"Order\": {\n\t\"fields\": {\"id\": \"allow\", \"card\": {\"action\": \"mask\",
\t\t\"mask_pattern\": \"****{last4}\"}}, \"scoping\": {\"tenant_id\": \"principal.tenant_id\"},
        \"row_policies\": [{\"name\": \"hierarchy\", \"condition\": \"tenant_id IN principal.metadata.tenants\"}]}}}";
    let read = |text, format| PolicyDocument::parse(text, format).unwrap_or_else(|findings| panic!("{findings:#?}"));
    let document = read(yaml, Format::Yaml);
    assert_eq!(document, read(toml, Format::Toml));
    assert_eq!(document, read(json, Format::Json));
    assert_eq!(document.to_yaml(), read(toml, Format::Toml).to_yaml());
    assert_eq!(document, read(&document.to_yaml(), Format::Yaml));
}

/// Attack 27: a key that stands twice would hide the first.
#[test]
fn a_key_stands_once() {
    assert_snapshot!(
        "twice_yaml",
        findings("models:\n  Order:\n    scoping: {tenant_id: principal.tenant_id}\n    scoping: {}\n", Format::Yaml)
    );
    assert_snapshot!(
        "twice_toml",
        findings("[models.Order]\nscoping.tenant_id = 'principal.tenant_id'\nscoping = {}\n", Format::Toml)
    );
    assert_snapshot!(
        "twice_toml_table",
        findings("[models.Order]\nscoping = {}\n[models.Order]\nscoping = {}\n", Format::Toml)
    );
    assert_snapshot!("twice_json", findings(r#"{"models": {"Order": {"scoping": {}, "scoping": {}}}}"#, Format::Json));
}

/// Attack 27: unknown keys, in each format.
#[test]
fn a_key_is_known() {
    assert_snapshot!(
        "unknown_toml",
        findings("[models.Order]\nscoping = {}\nscopings = {}\n[modles.User]\n", Format::Toml)
    );
    assert_snapshot!(
        "unknown_json",
        findings(r#"{"models": {"Order": {"scoping": {}, "scopings": {}}}, "modles": {}}"#, Format::Json)
    );
}

#[test]
fn what_yaml_allows_beyond_a_tree_of_plain_values_is_refused() {
    assert_snapshot!("yaml_anchor", findings("models:\n  Order: &order {scoping: {}}\n  User: *order\n", Format::Yaml));
    assert_snapshot!("yaml_tag", findings("version: !!str 1\nmodels: !policy {}\n", Format::Yaml));
    assert_snapshot!("yaml_documents", findings("models: {}\n---\nmodels: {}\n", Format::Yaml));
    assert_snapshot!("yaml_keys", findings("models: {}\n1: a\ntrue: b\n~: c\n[x]: d\n", Format::Yaml));
    assert_snapshot!("yaml_merge", findings("models:\n  Order: {<<: {scoping: {}}}\n", Format::Yaml));
    assert_snapshot!("yaml_number", findings("version: 99999999999999999999\nmodels: {}\n", Format::Yaml));
    assert_snapshot!("yaml_syntax", findings("models: {Order: [}\n", Format::Yaml));
    assert_snapshot!("yaml_undefined_alias", findings("models: *nothing\n", Format::Yaml));
}

#[test]
fn json_is_json() {
    assert_snapshot!("json_syntax", findings("{models: {}}", Format::Json));
    assert_snapshot!("json_trailing", findings("{\"models\": {},}", Format::Json));
}

#[test]
fn toml_is_toml() {
    assert_snapshot!("toml_syntax", findings("models = {", Format::Toml));
    assert_snapshot!("toml_array_of_tables", findings("models.x = 1\n[[models]]\nx = 1\n", Format::Toml));
    assert_snapshot!("toml_date", findings("version = 2024-05-01\n[models]\n", Format::Toml));
}

#[test]
fn size_and_depth_are_bounded() {
    let long = format!("models: {{}} #{}", "x".repeat(syntax::MAX_BYTES));
    assert!(findings(&long, Format::Yaml).starts_with("error[too-large]"));
    for (text, format) in [
        ("[".repeat(100_000), Format::Yaml),
        ("- ".repeat(1_000), Format::Yaml),
        (format!("{}{}", "[".repeat(100), "]".repeat(100)), Format::Json),
        (format!("a = {}{}", "[".repeat(100), "]".repeat(100)), Format::Toml),
        (format!("{} = 1", vec!["a"; 50_000].join(".")), Format::Toml),
    ] {
        let found = findings(&text, format);
        assert!(found.starts_with("error[too-deep]") || found.starts_with("error[syntax]"), "{format:?}: {found}");
    }
}

#[test]
fn spans_count_bytes_behind_a_mark_and_beyond_ascii() {
    let text = "\u{feff}# für alle\nmodels: {Order: {scopng: {}}}\n";
    assert_snapshot!("bytes", findings(text, Format::Yaml));
}

/// A policy that uses every key.
const FULL: &str = include_str!("full.yaml");

#[test]
fn the_full_policy_loads_and_survives_printing() {
    let document = PolicyDocument::parse(FULL, Format::Yaml).unwrap_or_else(|findings| panic!("{findings:#?}"));
    let printed = document.to_yaml();
    assert_eq!(PolicyDocument::parse(&printed, Format::Yaml).as_ref(), Ok(&document));
    assert_snapshot!("full", findings(FULL, Format::Yaml));
}

fn every_format(text: &str) {
    for format in [Format::Yaml, Format::Toml, Format::Json] {
        // Whatever it is: findings that point into the text, or a policy.
        let _ = findings(text, format);
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
        every_format(&text);
    }

    #[test]
    fn no_punctuation_makes_the_parser_panic(text in "[-\\[\\]{}:,#&*!|>'\"%@`=.?~ \t\r\na01é]{0,80}") {
        every_format(&text);
    }

    #[test]
    fn no_tables_make_the_parser_panic(text in "([\\[\\]]{0,2}[abc](\\.[abc]){0,2}[\\]]{0,2}( ?= ?([0-9]{1,3}|'x'|\\{\\}|\\[\\]))?\n){0,12}") {
        let _ = findings(&text, Format::Toml);
    }

    #[test]
    fn no_damage_makes_the_parser_panic(at in 0..FULL.len(), cut in 0..40_usize, add in "\\PC{0,6}") {
        let (Some(head), Some(tail)) = (FULL.get(..at), FULL.get((at + cut).min(FULL.len())..)) else { return Ok(()) };
        let _ = findings(&format!("{head}{add}{tail}"), Format::Yaml);
    }

    #[test]
    fn a_printed_document_reads_as_itself(name in "\\PC{1,12}", text in any::<String>()) {
        use ormai_core::policy::document::{ModelPolicy, RowPolicy};
        let model = ModelPolicy::new().scope(name.clone(), text.clone()).row_policy(RowPolicy::new(name.clone(), text));
        let document = PolicyDocument::new().model(name, model);
        prop_assert_eq!(PolicyDocument::parse(&document.to_yaml(), Format::Yaml), Ok(document));
    }
}
