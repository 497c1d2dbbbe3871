//! Printing: tables for people, JSON for programs, excerpts under findings.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceCode};
use ormai::answer::{Cell, Row};
use ormai::diagnostic::{self, Diagnostic};
use serde::Serialize;
use serde_json::Value as Json;

use crate::failure::Failure;

/// Prints a line.
pub(crate) fn line(text: impl fmt::Display) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{text}").map_err(Failure::from)
}

/// Prints JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::failed(error.to_string()))?;
    line(text)
}

/// Prints a table with a line of headings.
pub(crate) fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Result<(), Failure> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings.iter().copied());
    table.add_rows(rows);
    line(table)
}

/// Prints rows of an answer as a table; what is nested stays JSON.
pub(crate) fn rows(rows: &[Row]) -> Result<(), Failure> {
    let Some(first) = rows.first() else { return line("(no rows)") };
    let names: Vec<&str> = first.cells().map(|(name, _)| name).collect();
    table(&names, rows.iter().map(|row| row.cells().map(|(_, cell)| shown(cell)).collect()))
}

fn shown(cell: &Cell) -> String {
    match serde_json::to_string(cell) {
        Ok(text) if text == "null" => "∅".to_owned(),
        // Text stands without its quotes.
        Ok(text) => serde_json::from_str::<String>(&text).unwrap_or(text),
        Err(error) => error.to_string(),
    }
}

/// Prints findings, each with an excerpt of its source.
pub(crate) fn findings(name: &str, source: &str, findings: &[Diagnostic]) -> Result<(), Failure> {
    let theme = if io::stdout().is_terminal() { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_width(100);
    let source = NamedSource::new(name, source.to_owned());
    for finding in findings {
        let mut text = String::new();
        handler
            .render_report(&mut text, &Report { finding, source: &source })
            .map_err(|error| Failure::failed(error.to_string()))?;
        line(text.trim_end())?;
    }
    Ok(())
}

/// Findings about a text as JSON: bytes count from 0, lines and characters from 1.
pub(crate) fn findings_json(source: &str, findings: &[Diagnostic]) -> Json {
    findings
        .iter()
        .map(|finding| {
            serde_json::json!({
                "severity": severity(finding),
                "code": finding.code,
                "message": finding.message,
                "help": finding.help,
                "labels": finding.labels.iter().map(|label| {
                    let (line, column) = line_and_column(source, label.span.start);
                    serde_json::json!({
                        "start": label.span.start, "end": label.span.end, "line": line, "column": column,
                        "text": label.text,
                    })
                }).collect::<Vec<_>>(),
            })
        })
        .collect()
}

fn line_and_column(source: &str, at: usize) -> (usize, usize) {
    let before = source.get(..at).unwrap_or(source);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

fn severity(finding: &Diagnostic) -> &'static str {
    match finding.severity {
        diagnostic::Severity::Error => "error",
        diagnostic::Severity::Warning => "warning",
        diagnostic::Severity::Note => "note",
    }
}

/// A finding as miette shows it.
#[derive(Debug)]
struct Report<'a> {
    finding: &'a Diagnostic,
    source: &'a NamedSource<String>,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.finding.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(self.finding.code))
    }

    fn severity(&self) -> Option<Severity> {
        Some(match self.finding.severity {
            diagnostic::Severity::Error => Severity::Error,
            diagnostic::Severity::Warning => Severity::Warning,
            diagnostic::Severity::Note => Severity::Advice,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.finding.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (!self.finding.labels.is_empty()).then_some(self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        if self.finding.labels.is_empty() {
            return None;
        }
        Some(Box::new(self.finding.labels.iter().map(|label| {
            let text = (!label.text.is_empty()).then(|| label.text.clone());
            LabeledSpan::new(text, label.span.start, label.span.len())
        })))
    }
}
