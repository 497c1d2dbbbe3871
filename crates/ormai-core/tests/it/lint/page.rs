//! The reference page of findings is the registry, and every code on it is to be had.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ormai_core::diagnostic::{Diagnostic, KINDS, Severity, kind};
use ormai_core::policy::Format;

use super::examples::example;
use super::findings_of;

fn words(severities: &[Severity]) -> String {
    let word = |severity: &Severity| match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    severities.iter().map(word).collect::<Vec<_>>().join(" or ")
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

#[test]
fn the_page_of_findings_is_the_registry() {
    let mut page = String::from(
        "# Findings\n\nWhat `ormai check` tells of a policy. With an *error* the policy does not load; a *warning* is \
         probably a\nmistake; a *note* is worth knowing. `ormai check --deny CODE` makes any of them fail a build: see the\n\
         [command line](command-line.md). This page is written from the registry in `ormai-core`, and each example\nis \
         checked to have its finding.\n\nWhat is said of conditions that are always or never true, or that another makes \
         needless, holds for every\nrow that fits the schema and for every principal; it is said only when it is certain \
         ([decision 15](../decisions/0015-what-the-linter-claims.md)).\n",
    );
    for kind in KINDS {
        page.push_str(&format!(
            "\n## `{}`\n\n*{}.* {} To mend it: {}.\n\n{}",
            kind.code,
            words(kind.severities),
            sentence(kind.meaning),
            kind.mend,
            example(kind.code).shown()
        ));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/check.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap();
    assert!(written == page, "docs/reference/check.md is not what the registry says; UPDATE_DOCS=1 writes it anew");
}

#[test]
fn every_code_is_found_in_its_example() {
    for kind in KINDS {
        let findings = example(kind.code).findings();
        let found = findings.iter().find(|finding| finding.code == kind.code);
        let Some(found) = found else { panic!("the example of `{}` has {findings:#?}", kind.code) };
        assert!(kind.severities.contains(&found.severity), "{found:?}");
        assert!(found.clone().or_mend().help.is_some(), "{found:?}");
        // What stands in a text has a place there.
        let placeless = ["too-large", "recursive-overlay", "soft-delete-in-overlay"];
        let has_place = !kind.code.starts_with("role-") && !placeless.contains(&kind.code);
        assert_eq!(!found.labels.is_empty(), has_place, "{found:?}");
    }
}

#[test]
fn every_severity_of_the_registry_is_to_be_had() {
    let has = |text: &str, code: &str, severity: Severity| {
        let findings = findings_of(text, Format::Yaml, None);
        assert!(
            findings.iter().any(|finding| finding.code == code && finding.severity == severity),
            "{text}: {findings:#?}"
        );
    };
    let permit = "models: {Order: {scoping: {tenant_id: principal.tenant_id}, row_policies: [{name: a, condition: tenant_id IN principal.metadata.a}]}}";
    has(permit, "inferred-permit", Severity::Note);
    has(&format!("strict: true\n{permit}"), "inferred-permit", Severity::Error);
    let users = |write: &str| {
        format!(
            "models: {{User: {{scoping: {{tenant_id: principal.tenant_id}}{write}}}, Order: {{scoping: {{tenant_id: principal.tenant_id}}}}}}"
        )
    };
    has(&users(""), "cascade-crosses-tenants", Severity::Note);
    has(&users(", write_policy: {delete: allow}"), "cascade-crosses-tenants", Severity::Warning);
    let both = KINDS.iter().filter(|kind| kind.severities.len() > 1).count();
    assert_eq!(both, 2, "one of the codes with two severities is not tried here");
}

/// Codes are stable names that tools rely on, so none is made up on the way.
#[test]
fn every_code_in_the_source_is_in_the_registry() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![sources.join("policy"), sources.join("condition")];
    let mut codes = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let is_code = |word: &&str| word.contains('-') && word.bytes().all(|b| b == b'-' || b.is_ascii_lowercase());
            codes.extend(text.split('"').filter(is_code).filter(|word| word.len() > 4).map(str::to_owned));
        }
    }
    // In examples of the documentation.
    codes.remove("acme-corp");
    assert!(codes.len() > 60, "{codes:?}");
    for code in &codes {
        assert!(kind(code).is_some(), "`{code}` is not in the registry");
    }
    for kind in KINDS.iter().filter(|kind| kind.code.contains('-')) {
        assert!(codes.contains(kind.code), "`{}` is in the registry and nowhere else", kind.code);
    }
    let all: BTreeSet<&str> = KINDS.iter().map(|kind| kind.code).collect();
    assert_eq!(all.len(), KINDS.len(), "a code stands twice in the registry");
}

/// A policy in which nothing is to be doubted.
#[test]
fn a_careful_policy_has_no_findings() {
    let careful = "version: 1
roles: [admin, support]
models:
  Tenant:
    fields: {id: allow, name: allow}
    scoping: {id: principal.tenant_id}
  Order:
    fields: {id: allow, kind: allow, total: allow, created_at: allow}
    scoping: {tenant_id: principal.tenant_id}
    row_policies:
      - {name: admins, condition: \"'admin' IN principal.roles\", bypass: true, operations: [read]}
      - {name: not_drafts, condition: kind <> 'draft'}
    write_policy: {create: allow, auto_set: {tenant_id: principal.tenant_id}, immutable_fields: [tenant_id]}
    roles: {support: {row_policies: [{name: open_only, condition: kind = 'open'}]}}
";
    let findings: Vec<Diagnostic> = findings_of(careful, Format::Yaml, None);
    // For `support` alone `not_drafts` would be needless; the others need it.
    assert_eq!(findings, [], "{findings:#?}");
}
