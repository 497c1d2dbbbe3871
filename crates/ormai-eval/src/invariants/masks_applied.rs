//! `masks_applied`

use ormai::catalog::ModelId;
use ormai::policy::{FieldAction, Mask, MaskPart};
use ormai::request::Request;
use serde_json::Value as Json;

use super::attributed::{Source, sources};
use super::evidence::{Evidence, undecided};
use super::no_cross_tenant_data::shown_from;
use super::ownership::named;
use super::shown::{self, Shown};
use super::stored::{Tables, value_of};
use super::{Checking, Invariant, Needs};
use crate::{Row, Violation, WitnessError};

const NAME: &str = "masks_applied";

/// Holds every value that is not to be shown as it is against the stored one.
#[derive(Debug)]
pub(super) struct MasksApplied;

impl Invariant for MasksApplied {
    fn name(&self) -> &str {
        NAME
    }

    fn needs(&self) -> Needs {
        Needs::Rows
    }

    fn check<'a>(&'a self, evidence: &'a Evidence<'_, '_>) -> Checking<'a> {
        Box::pin(async move { found(evidence).await.unwrap_or_else(|error| undecided(NAME, error)) })
    }
}

async fn found(evidence: &Evidence<'_, '_>) -> Result<Vec<Violation>, WitnessError> {
    let (Some(request), Some(model)) = (evidence.request(), evidence.model()) else { return Ok(Vec::new()) };
    let Some(data) = evidence.observed().data() else { return Ok(Vec::new()) };
    if let Request::Aggregate(aggregate) = &request {
        let of_figures = aggregate.aggregations.iter().filter_map(|figure| figure.field.as_deref());
        let fields = aggregate.group_by.iter().map(String::as_str).chain(of_figures);
        return Ok(fields.filter_map(|field| told(evidence, model, field)).collect());
    }
    let data = evidence.keyed_data().await.unwrap_or(data);
    let shown = shown::rows(evidence.catalog(), model, request.tool(), data);
    let tables = evidence.tables(shown.iter().map(|row| row.model)).await?;
    let tables = shown_from(evidence, request.tool(), model, &tables);
    let sources = sources(evidence, tables, &shown);
    let mut violations = Vec::new();
    for (row, source) in shown.iter().zip(&sources) {
        violations.extend(of_row(evidence, tables, row, source));
    }
    Ok(violations)
}

/// A figure or a group of a field that is not shown as it is would tell its values.
fn told(evidence: &Evidence<'_, '_>, model: ModelId, name: &str) -> Option<Violation> {
    let described = evidence.catalog().model(model);
    let field = described.find_field(name)?;
    let rule = evidence.view().model(model)?.field(field)?;
    (rule.action != FieldAction::Allow).then(|| {
        let what = "a figure or a group tells values that are not shown as they are";
        Violation::new(NAME, what).row(&described.name, "rows".into()).field(name)
    })
}

fn of_row(evidence: &Evidence<'_, '_>, tables: &Tables, row: &Shown<'_>, source: &Source<'_>) -> Vec<Violation> {
    let (catalog, model) = (evidence.catalog(), evidence.catalog().model(row.model));
    let Some(rules) = evidence.view().model(row.model) else { return Vec::new() };
    let mut violations = Vec::new();
    for (field, value) in &row.fields {
        let Some(rule) = rules.field(*field).filter(|rule| rule.action != FieldAction::Allow) else { continue };
        let fits = |stored: &Row| shows(&rule.action, value_of(model, stored, *field), value);
        let right = match source {
            Source::Row(stored) if !row.planned => fits(stored),
            // How a row is to be is known to nobody but the database: only that it is not shown bare.
            Source::Row(_) | Source::Nothing => bare(&rule.action, value),
            Source::Like(candidates) if row.planned => {
                candidates.iter().any(|stored| fits(stored)) || bare(&rule.action, value)
            }
            Source::Like(candidates) => candidates.iter().any(|stored| fits(stored)),
        };
        if !right {
            let place = || Json::String(row.place.clone());
            let key = match source {
                Source::Row(stored) => named(catalog, row.model, stored),
                _ => place(),
            };
            let what = format!("is not the stored value {}", word(&rule.action));
            let field = &tables.catalog.model(row.model).field(*field).name;
            violations.push(Violation::new(NAME, what).row(&model.name, key).field(field));
        }
    }
    violations
}

fn word(action: &FieldAction) -> &'static str {
    match action {
        FieldAction::Allow => "as it is",
        FieldAction::Mask(_) => "under its mask",
        FieldAction::Hash => "as a hash",
        FieldAction::Redact => "redacted",
    }
}

const REDACTED: &str = "[REDACTED]";
const WHOLE: &str = "****";

/// Whether a shown value is what an action makes of a stored one. The key of a hash is not known here: that it
/// is one is what can be said.
pub(super) fn shows(action: &FieldAction, stored: &Json, shown: &Json) -> bool {
    match action {
        FieldAction::Allow => stored == shown,
        FieldAction::Redact => shown.as_str() == Some(REDACTED),
        FieldAction::Mask(_) | FieldAction::Hash if stored.is_null() => shown.is_null(),
        FieldAction::Hash => shown != stored && is_hash(shown),
        FieldAction::Mask(mask) => shown.as_str() == Some(masked(mask, &plain(stored)).as_str()),
    }
}

/// Whether a value may stand under an action, when the stored one is not known.
fn bare(action: &FieldAction, shown: &Json) -> bool {
    match action {
        FieldAction::Allow => true,
        FieldAction::Redact => shown.as_str() == Some(REDACTED),
        FieldAction::Hash => shown.is_null() || is_hash(shown),
        FieldAction::Mask(mask) => match (mask, shown.as_str()) {
            _ if shown.is_null() => true,
            (Mask::Default, Some(text)) => text == WHOLE || text.ends_with("***@***"),
            (Mask::Pattern(parts), Some(text)) => text == WHOLE || has_shape(parts, text),
            (_, None) => false,
        },
    }
}

/// As an HMAC with SHA-256 is written.
fn is_hash(shown: &Json) -> bool {
    shown.as_str().is_some_and(|text| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn has_shape(parts: &[MaskPart], text: &str) -> bool {
    let literals = parts.iter().filter_map(|part| if let MaskPart::Text(text) = part { Some(text) } else { None });
    let mut rest = text;
    literals.into_iter().all(|literal| match rest.split_once(literal.as_str()) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

fn plain(stored: &Json) -> String {
    match stored {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A text under a mask, as the reference of policies says it.
fn masked(mask: &Mask, text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    match mask {
        Mask::Default => match characters.first() {
            Some(first) if is_address(text) => format!("{first}***@***"),
            _ => WHOLE.to_owned(),
        },
        Mask::Pattern(parts) => {
            let shown = |part: &MaskPart| match part {
                MaskPart::Text(_) => 0,
                MaskPart::First(count) | MaskPart::Last(count) => *count,
            };
            if characters.len() <= parts.iter().map(shown).sum() {
                return WHOLE.to_owned();
            }
            let part = |part: &MaskPart| match part {
                MaskPart::Text(text) => text.clone(),
                MaskPart::First(count) => characters.iter().take(*count).collect(),
                MaskPart::Last(count) => characters.iter().skip(characters.len() - count).collect(),
            };
            parts.iter().map(part).collect()
        }
    }
}

/// Something before an `@` and a domain with a point after it, without blanks.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    local.chars().nth(1).is_some() && domain.contains('.') && !text.chars().any(char::is_whitespace)
}
