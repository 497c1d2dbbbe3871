//! Policies: between formats, and what is to be said of one.

use std::sync::Arc;

use ormai::diagnostic::{Diagnostic, Severity};
use ormai::error::{Error, ErrorCode};
use ormai::policy::syntax::{self, Content, Node};
use ormai::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};
use ormai::suggest;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::ser::{Serialize, Serializer};
use serde_json::{Value as Json, json};

use crate::catalog;
use crate::convert::to_python;
use crate::failure::raised;

/// What a reviewer would say of a policy against a catalog: every finding, errors among them.
#[pyfunction]
#[pyo3(signature = (catalog, policy, policy_format="json", *, has_hash_key=false))]
pub(crate) fn check_policy<'py>(
    py: Python<'py>,
    catalog: &str,
    policy: &str,
    policy_format: &str,
    has_hash_key: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let catalog = Arc::new(catalog::read(catalog).map_err(|error| raised(py, &error))?);
    let format = format_of(policy_format)?;
    let findings = py.detach(|| {
        let options = CompileOptions { has_hash_key };
        let checked = PolicyDocument::parse(policy, format).and_then(|document| {
            let compiled = CompiledPolicy::compile(&document, catalog, options)?;
            Ok(compiled.lint(&document, None))
        });
        checked.unwrap_or_else(|findings| findings.into_iter().map(Diagnostic::or_mend).collect())
    });
    to_python(py, &findings_of(policy, &findings))
}

/// A policy, which is JSON, as YAML: equal policies give equal texts.
#[pyfunction]
pub(crate) fn policy_to_yaml(py: Python<'_>, policy: &str) -> PyResult<String> {
    let document = PolicyDocument::parse(policy, Format::Json);
    document.map(|document| document.to_yaml()).map_err(|findings| raised(py, &invalid(policy, &findings)))
}

/// A policy in any format as JSON. It is read as one, so what comes back loads.
#[pyfunction]
#[pyo3(signature = (text, policy_format="yaml"))]
pub(crate) fn policy_from_text(py: Python<'_>, text: &str, policy_format: &str) -> PyResult<String> {
    let format = format_of(policy_format)?;
    let read = PolicyDocument::parse(text, format).and_then(|_| syntax::read(text, format));
    let node = read.map_err(|findings| raised(py, &invalid(text, &findings)))?;
    serde_json::to_string(&Written(&node)).map_err(|error| {
        raised(py, &Error::new(ErrorCode::Internal, format!("the policy cannot be written down: {error}")))
    })
}

/// The known word that is nearest to another one, if any is near.
#[pyfunction]
pub(crate) fn nearest(word: &str, known: Vec<String>) -> Option<String> {
    suggest::nearest(word, known.iter().map(String::as_str)).map(str::to_owned)
}

/// The registry of errors: `{"code", "http_status", "retryable", "meaning"}` of each.
#[pyfunction]
pub(crate) fn error_codes(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let codes = ErrorCode::ALL.iter().map(|code| {
        json!({
            "code": code.as_str(),
            "http_status": code.http_status(),
            "retryable": code.retryable(),
            "meaning": code.meaning().trim(),
        })
    });
    to_python(py, &codes.collect::<Vec<_>>())
}

/// A document with its keys in their order.
struct Written<'a>(&'a Node);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.content {
            Content::Null => serializer.serialize_unit(),
            Content::Bool(flag) => serializer.serialize_bool(*flag),
            Content::Int(int) => serializer.serialize_i64(*int),
            Content::Float(float) => serializer.serialize_f64(*float),
            Content::Text(text) => serializer.serialize_str(text),
            Content::Sequence(items) => serializer.collect_seq(items.iter().map(Written)),
            Content::Mapping(entries) => {
                serializer.collect_map(entries.iter().map(|entry| (&entry.key, Written(&entry.value))))
            }
        }
    }
}

/// A policy does not load: `details` has every finding.
pub(crate) fn invalid(source: &str, findings: &[Diagnostic]) -> Error {
    let errors: Vec<_> = findings.iter().filter(|finding| finding.is_error()).collect();
    let said = errors.iter().map(|finding| format!("\n- {finding}")).collect::<String>();
    Error::new(ErrorCode::PolicyInvalid, format!("the policy does not load{said}"))
        .detail("diagnostics", findings_of(source, findings))
}

/// Findings about a text: bytes count from 0, lines and characters from 1.
fn findings_of(source: &str, findings: &[Diagnostic]) -> Json {
    let finding = |finding: &Diagnostic| {
        let labels = finding.labels.iter().map(|label| {
            let (line, column) = line_and_column(source, label.span.start);
            json!({
                "start": label.span.start, "end": label.span.end, "line": line, "column": column,
                "text": label.text,
            })
        });
        json!({
            "severity": severity(finding.severity),
            "code": finding.code,
            "message": finding.message,
            "help": finding.help,
            "labels": labels.collect::<Vec<_>>(),
        })
    };
    findings.iter().map(finding).collect()
}

fn line_and_column(source: &str, at: usize) -> (usize, usize) {
    let before = source.get(..at).unwrap_or(source);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// The format with a name.
pub(crate) fn format_of(name: &str) -> PyResult<Format> {
    match name {
        "json" => Ok(Format::Json),
        "yaml" => Ok(Format::Yaml),
        "toml" => Ok(Format::Toml),
        _ => Err(PyValueError::new_err(format!("`{name}` is no format: it is one of `json`, `yaml` and `toml`"))),
    }
}
