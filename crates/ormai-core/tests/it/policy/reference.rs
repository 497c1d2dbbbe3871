//! The reference page: its examples load, and it names every key.

use super::{catalog, findings};
use ormai_core::diagnostic::Diagnostic;
use ormai_core::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};

const PAGE: &str = include_str!("../../../../../docs/reference/policy.md");

fn examples(fence: &str) -> Vec<&'static str> {
    let open = format!("```{fence}\n");
    PAGE.split(open.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn the_examples_load() {
    let examples = examples("yaml");
    assert!(examples.len() >= 8, "the page has examples");
    for text in examples {
        let document = PolicyDocument::parse(text, Format::Yaml).unwrap_or_else(|f| panic!("{text}\n{f:#?}"));
        let options = CompileOptions { has_hash_key: true };
        if let Err(found) = CompiledPolicy::compile(&document, catalog(), options) {
            panic!("{text}\n{}", super::render(text, &found));
        }
    }
}

#[test]
fn the_examples_of_errors_are_errors() {
    let examples = examples("yaml error");
    assert!(!examples.is_empty());
    for text in examples {
        assert!(findings(text, Format::Yaml).starts_with("error"), "{text}");
    }
}

/// The page is complete: an unknown key's help lists what the reader knows.
#[test]
fn every_key_is_on_the_page() {
    let deny = |text: &str| -> Vec<Diagnostic> { PolicyDocument::parse(text, Format::Yaml).unwrap_err() };
    for place in [
        "zzzzzzzz: 1\nmodels: {}",
        "models: {}\nbudget: {zzzzzzzz: 1}",
        "models: {A: {zzzzzzzz: 1}}",
        "models: {A: {roles: {r: {zzzzzzzz: 1}}}}",
        "models: {A: {fields: {f: {zzzzzzzz: 1, action: allow}}}}",
        "models: {A: {relations: {r: {zzzzzzzz: 1}}}}",
        "models: {A: {row_policies: [{zzzzzzzz: 1, name: a, condition: b}]}}",
        "models: {A: {write_policy: {zzzzzzzz: 1}}}",
        "models: {A: {aggregations: {zzzzzzzz: 1}}}",
    ] {
        let help = deny(place)[0].help.clone().unwrap();
        for key in help.trim_start_matches("known: ").split(", ") {
            assert!(PAGE.contains(&format!("`{key}`")), "`{key}` is missing from the page");
        }
    }
}
