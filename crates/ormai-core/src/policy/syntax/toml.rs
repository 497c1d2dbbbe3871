//! TOML into the tree.

use toml_span::value::ValueInner;
use toml_span::{Error, ErrorKind, Value};

use super::{Content, Entry, MAX_DEPTH, Node, duplicate_key, syntax, too_deep};
use crate::diagnostic::Diagnostic;

pub(super) fn read(text: &str) -> Result<Node, Vec<Diagnostic>> {
    let value = toml_span::parse(text).map_err(|error| vec![diagnostic(&error)])?;
    let mut findings = Vec::new();
    let node = convert(value, 1, &mut findings);
    if findings.is_empty() { Ok(node) } else { Err(findings) }
}

fn diagnostic(error: &Error) -> Diagnostic {
    let span = error.span.start..error.span.end.max(error.span.start);
    match &error.kind {
        ErrorKind::DuplicateKey { key, first } => duplicate_key(key, span, (*first).into()),
        ErrorKind::DuplicateTable { name, first } => duplicate_key(name, span, (*first).into()),
        ErrorKind::ExceededDepthLimit => too_deep(span),
        _ => syntax(error, span),
    }
}

/// The parser's own limit on depth bounds this recursion.
fn convert(mut value: Value<'_>, depth: usize, findings: &mut Vec<Diagnostic>) -> Node {
    let span = value.span.start..value.span.end.max(value.span.start);
    if depth > MAX_DEPTH {
        if !findings.iter().any(|finding| finding.code == "too-deep") {
            findings.push(too_deep(span.clone()));
        }
        return Node { span, content: Content::Null };
    }
    let content = match value.take() {
        ValueInner::Boolean(bool) => Content::Bool(bool),
        ValueInner::Integer(int) => Content::Int(int),
        ValueInner::Float(float) => Content::Float(float),
        ValueInner::String(text) => Content::Text(text.into_owned()),
        ValueInner::Array(items) => {
            Content::Sequence(items.into_iter().map(|item| convert(item, depth + 1, findings)).collect())
        }
        ValueInner::Table(table) => {
            let mut entries: Vec<Entry> = table
                .into_iter()
                .map(|(key, value)| Entry {
                    key: key.name.into_owned(),
                    key_span: key.span.into(),
                    value: convert(value, depth + 1, findings),
                })
                .collect();
            // The table is sorted by name; the author's order is in the spans.
            entries.sort_by_key(|entry| entry.key_span.start);
            Content::Mapping(entries)
        }
    };
    Node { span, content }
}
