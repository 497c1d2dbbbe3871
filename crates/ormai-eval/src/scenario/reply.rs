//! Small readings: principals, findings as text, places that move.

use ormai::diagnostic::{Diagnostic, Severity};
use ormai::policy::syntax::{Content, Node};
use ormai::principal::Principal;

use super::finding::wrong_type;
use super::page::{PRINCIPAL_KEYS, texts, unknown_key};
use super::rows::json;

/// Reads a principal.
pub(super) fn principal(node: &Node, findings: &mut Vec<Diagnostic>) -> Principal {
    let Content::Mapping(entries) = &node.content else {
        findings.push(wrong_type(node, "a principal", "an object"));
        return Principal::without_tenant();
    };
    let value = |key: &str| entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value);
    let mut principal = Principal::new(value("tenant_id").map(json).unwrap_or_default());
    if let Some(user) = value("user_id") {
        principal = principal.user(json(user));
    }
    if let Some(roles) = value("roles") {
        principal = texts(roles, "`roles`", findings).into_iter().fold(principal, Principal::role);
    }
    match value("metadata").map(|node| (node, &node.content)) {
        None => {}
        Some((_, Content::Mapping(metadata))) => {
            for entry in metadata {
                principal = principal.metadata(&entry.key, json(&entry.value));
            }
        }
        Some((node, _)) => findings.push(wrong_type(node, "`metadata`", "an object")),
    }
    for entry in entries.iter().filter(|entry| !PRINCIPAL_KEYS.contains(&entry.key.as_str())) {
        findings.push(unknown_key(entry, PRINCIPAL_KEYS));
    }
    principal
}

/// A finding as a line of a page.
pub(super) fn finding(finding: &Diagnostic) -> String {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let help = finding.help.as_ref().map(|help| format!("\n  {help}")).unwrap_or_default();
    format!("{severity} {}: {}{help}\n", finding.code, finding.message)
}

/// A tree whose places count from the beginning of the page.
pub(super) fn moved(mut node: Node, by: usize) -> Node {
    node.span = node.span.start + by..node.span.end + by;
    node.content = match node.content {
        Content::Sequence(items) => Content::Sequence(items.into_iter().map(|item| moved(item, by)).collect()),
        Content::Mapping(mut entries) => {
            for entry in &mut entries {
                entry.key_span = entry.key_span.start + by..entry.key_span.end + by;
                let value = std::mem::replace(&mut entry.value, Node { span: 0..0, content: Content::Null });
                entry.value = moved(value, by);
            }
            Content::Mapping(entries)
        }
        scalar => scalar,
    };
    node
}
