//! The options that say which records are meant.

use jiff::Timestamp;
use ormai::audit::Filter;
use serde_json::{Map, Value as Json};

use crate::age::{age, ago};
use crate::args::audit::FilterArguments;
use crate::failure::Failure;

impl FilterArguments {
    /// The options are keys of the same filter as `--filter`, so that they mean the same.
    pub(crate) fn read(&self) -> Result<Filter, Failure> {
        let mut keys = match self.filter.as_deref().map(serde_json::from_str::<Json>) {
            None => Map::new(),
            Some(Ok(Json::Object(keys))) => keys,
            Some(Ok(_)) => return Err(Failure::misuse("`--filter` must be a JSON object")),
            Some(Err(error)) => return Err(Failure::misuse(format!("`--filter` is no JSON: {error}"))),
        };
        let mut add = |option: &str, key: &str, value: Option<Json>| match value {
            Some(value) => match keys.insert(key.to_owned(), value) {
                Some(_) => Err(Failure::misuse(format!("`{key}` stands in `--filter`, and `{option}` says it again"))),
                None => Ok(()),
            },
            None => Ok(()),
        };
        let text = |text: &Option<String>| text.clone().map(Json::from);
        let list = |texts: &[String]| match texts {
            [] => None,
            [one] => Some(Json::from(one.as_str())),
            several => Some(Json::from(several)),
        };
        add("--tenant", "tenant_id", text(&self.tenant))?;
        add("--user", "user_id", text(&self.user))?;
        add("--tool", "tool_name", list(&self.tool))?;
        add("--model", "model", list(&self.model))?;
        add("--action", "action", list(&self.action))?;
        add("--success", "success", self.success.then_some(Json::Bool(true)))?;
        add("--refused", "outcome", self.refused.then(|| Json::from("refused")))?;
        add("--error-code", "error_code", list(&self.error_code))?;
        add("--since", "timestamp_gte", time("--since", self.since.as_deref())?)?;
        add("--until", "timestamp_lt", time("--until", self.until.as_deref())?)?;
        add("--request-id", "request_id", text(&self.request_id))?;
        Filter::from_json(&Json::Object(keys)).map_err(|error| {
            let place = error.details.get("path").and_then(Json::as_str).map(|path| format!("`{path}`: "));
            let hint = error.hint.map(|hint| format!("; {hint}"));
            Failure::misuse(format!("{}{}{}", place.unwrap_or_default(), error.message, hint.unwrap_or_default()))
        })
    }
}

/// RFC 3339, a day, or how long ago.
fn time(option: &str, text: Option<&str>) -> Result<Option<Json>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let day = || format!("{text}T00:00:00Z").parse::<Timestamp>().ok();
    let past = || age(text).and_then(|age| ago(age).ok());
    let time = text.parse::<Timestamp>().ok().or_else(day).or_else(past);
    time.map(|time| Some(Json::from(time.to_string()))).ok_or_else(|| {
        Failure::misuse(format!(
            "`{option} {text}` is no time; write `2026-01-31T09:00:00Z`, `2026-01-31`, or how long ago: `30d`"
        ))
    })
}
