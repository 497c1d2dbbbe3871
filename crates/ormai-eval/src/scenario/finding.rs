//! What is wrong with a page, and where.

use std::ops::Range;

use ormai::diagnostic::Diagnostic;
use ormai::policy::syntax::Node;

pub(super) fn error(code: &'static str, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, message)
}

pub(super) fn wrong_type(node: &Node, what: &str, expected: &str) -> Diagnostic {
    let message = format!("{what} must be {expected}, and this is {}", node.content.describe());
    error("wrong-type", message).at(node.span.clone(), "")
}

/// A fault in JSON, at its place in the page.
pub(super) fn bad_json(wrong: &serde_json::Error, text: &str, body: &Range<usize>) -> Diagnostic {
    let line: usize = text.split_inclusive('\n').take(wrong.line().saturating_sub(1)).map(str::len).sum();
    let at = (body.start + line + wrong.column().saturating_sub(1)).min(body.end);
    let said = wrong.to_string();
    let said = said.split(" at line ").next().unwrap_or_default();
    error("unreadable-block", format!("this is no JSON: {said}")).at(at..at, "")
}

/// The line of a place, from 1.
pub(super) fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
