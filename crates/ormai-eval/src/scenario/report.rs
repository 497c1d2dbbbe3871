//! What pages came to.

use std::fmt::Write as _;
use std::ops::Range;
use std::time::Duration;

use ormai::diagnostic::Diagnostic;
use serde::Serialize;
use similar::{ChangeTag, TextDiff};

use super::finding::line;
use super::source::Source;

/// What a page came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PageReport {
    /// What the page is called.
    pub name: String,
    text: String,
    /// What is wrong with the page or its database; if there is anything, the page has failed.
    pub findings: Vec<Diagnostic>,
    /// Its scenarios, in their order.
    pub scenarios: Vec<ScenarioReport>,
}

/// What a scenario came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ScenarioReport {
    /// The headings down to it.
    pub title: String,
    /// Where it begins, from 1.
    pub line: usize,
    /// How many requests it makes.
    pub requests: usize,
    /// How long they took.
    pub elapsed: Duration,
    /// What came otherwise than the page says.
    pub failures: Vec<Failure>,
}

/// Something that came otherwise than the page says.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Failure {
    /// Where the page says it, from 1.
    pub line: usize,
    /// What is wrong: one sentence, lower case.
    pub what: String,
    /// What the page says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub came: Option<String>,
    /// What would make the page right.
    #[serde(skip)]
    edit: Option<Edit>,
}

/// Another text for a part of a page.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    pub(super) span: Range<usize>,
    pub(super) text: String,
}

impl Failure {
    pub(super) fn at(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into(), expected: None, came: None, edit: None }
    }

    pub(super) fn differing(mut self, expected: &str, came: &str) -> Self {
        self.expected = Some(expected.to_owned());
        self.came = Some(came.to_owned());
        self
    }

    pub(super) fn mended(mut self, edit: Edit) -> Self {
        self.edit = Some(edit);
        self
    }

    /// Whether writing what came onto the page would mend it.
    pub fn can_be_blessed(&self) -> bool {
        self.edit.is_some()
    }

    /// What the page says against what came, line by line; red and green with `coloured`. Empty where
    /// nothing can be compared.
    pub fn difference(&self, coloured: bool) -> String {
        let (Some(expected), Some(came)) = (&self.expected, &self.came) else { return String::new() };
        let (expected, came) = (format!("{}\n", expected.trim_end()), format!("{}\n", came.trim_end()));
        let expected = expected.trim_start_matches('\n');
        let mut out = String::new();
        for change in TextDiff::from_lines(expected, came.as_str()).iter_all_changes() {
            let (sign, colour) = match change.tag() {
                ChangeTag::Delete => ('-', "\u{1b}[31m"),
                ChangeTag::Insert => ('+', "\u{1b}[32m"),
                ChangeTag::Equal => (' ', ""),
            };
            let text = change.value().trim_end_matches('\n');
            // Writing to a string does not fail.
            let _ = match coloured && !colour.is_empty() {
                true => writeln!(out, "{colour}{sign} {text}\u{1b}[0m"),
                false => writeln!(out, "{sign} {text}"),
            };
        }
        out
    }
}

impl PageReport {
    pub(super) fn of(source: &Source) -> Self {
        Self {
            name: source.name().to_owned(),
            text: source.text().to_owned(),
            findings: Vec::new(),
            scenarios: Vec::new(),
        }
    }

    /// Whether everything came as the page says.
    pub fn passed(&self) -> bool {
        self.findings.is_empty() && self.failures().next().is_none()
    }

    /// What came otherwise.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.scenarios.iter().flat_map(|scenario| &scenario.failures)
    }

    /// The page's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line on which a finding is, from 1; `None` for one about the database.
    pub fn line_of(&self, finding: &Diagnostic) -> Option<usize> {
        finding.labels.first().map(|label| line(&self.text, label.span.start))
    }

    /// The page with what came in the place of what it says; `None` where that changes nothing. Everything
    /// else stays as it is, byte by byte.
    pub fn blessed(&self) -> Option<String> {
        let mut edits: Vec<&Edit> = self.failures().filter_map(|failure| failure.edit.as_ref()).collect();
        edits.sort_by_key(|edit| edit.span.start);
        let (mut out, mut at) = (String::with_capacity(self.text.len()), 0);
        for edit in &edits {
            out.push_str(self.text.get(at..edit.span.start)?);
            // Lines end as the one before does.
            match out.rsplit_once('\n').is_some_and(|(before, _)| before.ends_with('\r')) {
                true => out.push_str(&edit.text.replace('\n', "\r\n")),
                false => out.push_str(&edit.text),
            }
            at = edit.span.end;
        }
        out.push_str(self.text.get(at..)?);
        (!edits.is_empty()).then_some(out)
    }
}
