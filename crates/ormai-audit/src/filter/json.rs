//! A filter as JSON: `{"tenant_id": "acme-corp", "timestamp_gte": "2026-01-01T00:00:00Z"}`.

use jiff::Timestamp;
use ormai_core::error::{Error, ErrorCode, Result};
use ormai_core::suggest;
use serde_json::Value as Json;

use super::Filter;
use crate::record::{Action, Outcome};

impl Filter {
    /// The keys of a filter as JSON.
    pub const KEYS: [&str; 19] = [
        "tenant_id",
        "user_id",
        "id",
        "request_id",
        "trace_id",
        "approval_id",
        "transaction",
        "parent",
        "tool_name",
        "model",
        "action",
        "outcome",
        "error_code",
        "success",
        "bypass",
        "timestamp_gte",
        "timestamp_gt",
        "timestamp_lte",
        "timestamp_lt",
    ];

    /// Reads an object whose keys are those of [`Filter::KEYS`], in any number.
    ///
    /// `tool_name`, `model`, `action`, `outcome` and `error_code` take a word, or a list of words
    /// of which one is enough. `tenant_id` and `user_id` take a value as it was given; null asks
    /// for the records without one. Times are RFC 3339.
    ///
    /// ```
    /// # use ormai_audit::Filter;
    /// # use serde_json::json;
    /// let filter = Filter::from_json(&json!({"tenant_id": "acme-corp", "timestamp_gte": "2026-01-01T00:00:00Z"}))?;
    /// assert_eq!(filter.tenant_id, Some(json!("acme-corp")));
    /// # Ok::<(), ormai_core::error::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `VALIDATION_ERROR` with the path of what is unknown or of another type; the hint names the
    /// nearest known word.
    pub fn from_json(json: &Json) -> Result<Self> {
        let entries = json.as_object().ok_or_else(|| Error::invalid("", "expected an object"))?;
        let mut filter = Self::new();
        for (key, json) in entries {
            match key.as_str() {
                "tenant_id" => filter.tenant_id = Some(value(json, key)?),
                "user_id" => filter.user_id = Some(value(json, key)?),
                "id" => filter.id = Some(text(json, key)?),
                "request_id" => filter.request_id = Some(text(json, key)?),
                "trace_id" => filter.trace_id = Some(text(json, key)?),
                "approval_id" => filter.approval_id = Some(text(json, key)?),
                "transaction" => filter.transaction = Some(text(json, key)?),
                "parent" => filter.parent = Some(text(json, key)?),
                "tool_name" => filter.tool_name = any_of(json, key, text)?,
                "model" => filter.model = any_of(json, key, text)?,
                "action" => {
                    filter.action = any_of(json, key, |json, path| {
                        word(json, path, "action", &Action::ALL.map(|action| (action.as_str(), action)))
                    })?;
                }
                "outcome" => {
                    filter.outcome = any_of(json, key, |json, path| {
                        word(json, path, "outcome", &Outcome::ALL.map(|outcome| (outcome.as_str(), outcome)))
                    })?;
                }
                "error_code" => filter.error_code = any_of(json, key, code)?,
                "success" => filter.success = Some(flag(json, key)?),
                "bypass" => filter.bypass = Some(flag(json, key)?),
                "timestamp_gte" => filter.timestamp_gte = Some(time(json, key)?),
                "timestamp_gt" => filter.timestamp_gt = Some(time(json, key)?),
                "timestamp_lte" => filter.timestamp_lte = Some(time(json, key)?),
                "timestamp_lt" => filter.timestamp_lt = Some(time(json, key)?),
                unknown => {
                    let shown = shown(unknown);
                    return Err(Error::invalid(&shown, format!("unknown key `{shown}`"))
                        .hint(suggest::help(unknown, Self::KEYS)));
                }
            }
        }
        Ok(filter)
    }
}

/// A caller's word as an error text may repeat it: short, and on one line.
fn shown(word: &str) -> String {
    const SHOWN: usize = 64;
    let mut short: String = word.chars().take(SHOWN).map(|char| if char.is_control() { ' ' } else { char }).collect();
    if word.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    short
}

fn value(json: &Json, path: &str) -> Result<Json> {
    match json {
        Json::Array(_) | Json::Object(_) => Err(Error::invalid(path, "expected one value: text, a number or null")),
        value => Ok(value.clone()),
    }
}

fn text(json: &Json, path: &str) -> Result<String> {
    json.as_str().map(str::to_owned).ok_or_else(|| Error::invalid(path, "expected text"))
}

fn flag(json: &Json, path: &str) -> Result<bool> {
    json.as_bool().ok_or_else(|| Error::invalid(path, "expected true or false"))
}

fn time(json: &Json, path: &str) -> Result<Timestamp> {
    json.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| {
        Error::invalid(path, "expected a time with its offset")
            .hint("write it as RFC 3339, such as `2026-01-31T09:00:00Z`".to_owned())
    })
}

/// One, or a list of which one is enough. An empty list would be taken for everything by some
/// and for nothing by others.
fn any_of<T>(json: &Json, path: &str, read: impl Fn(&Json, &str) -> Result<T>) -> Result<Vec<T>> {
    match json {
        Json::Array(items) if items.is_empty() => {
            Err(Error::invalid(path, "a list has at least one item")
                .hint("leave the key out to ask for all".to_owned()))
        }
        Json::Array(items) => {
            items.iter().enumerate().map(|(index, item)| read(item, &format!("{path}[{index}]"))).collect()
        }
        one => Ok(vec![read(one, path)?]),
    }
}

fn word<T: Copy>(json: &Json, path: &str, what: &str, known: &[(&'static str, T)]) -> Result<T> {
    let word = text(json, path)?;
    known.iter().find(|(known, _)| *known == word).map(|(_, found)| *found).ok_or_else(|| {
        Error::invalid(path, format!("unknown {what} `{}`", shown(&word)))
            .hint(suggest::help(&word, known.iter().map(|(known, _)| *known)))
    })
}

fn code(json: &Json, path: &str) -> Result<String> {
    let known: Vec<_> = ErrorCode::ALL.iter().map(|code| (code.as_str(), code.as_str())).collect();
    word(json, path, "error code", &known).map(str::to_owned)
}
