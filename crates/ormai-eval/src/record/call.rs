//! One recorded call.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use ormai::prelude::*;
use ormai::request::Tool;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::Outcome;
use crate::plain::plain;

/// A principal as data: `{"tenant_id", "user_id", "roles", "metadata"}`, each of which may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Who {
    /// The tenant, as it was given.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub tenant_id: Json,
    /// The user, as it was given.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub user_id: Json,
    /// The roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The metadata.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, Json>,
}

impl Who {
    /// The principal itself.
    pub fn principal(&self) -> Principal {
        let named = Principal::new(self.tenant_id.clone()).user(self.user_id.clone());
        let roled = self.roles.iter().fold(named, Principal::role);
        self.metadata.iter().fold(roled, |principal, (key, value)| principal.metadata(key, value.clone()))
    }
}

impl From<&Principal> for Who {
    fn from(principal: &Principal) -> Self {
        Self {
            tenant_id: principal.tenant_id().clone(),
            user_id: principal.user_id().clone(),
            roles: principal.roles().to_vec(),
            metadata: principal.all_metadata().clone(),
        }
    }
}

/// `acme-corp/user-123 [support]`, on one line whatever stands in it.
impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |json: &Json| match json {
            Json::Null => "∅".to_owned(),
            Json::String(text) => plain(text),
            other => plain(&other.to_string()),
        };
        f.write_str(&word(&self.tenant_id))?;
        if !self.user_id.is_null() {
            write!(f, "/{}", word(&self.user_id))?;
        }
        if !self.roles.is_empty() {
            write!(f, " [{}]", plain(&self.roles.join(", ")))?;
        }
        if !self.metadata.is_empty() {
            write!(f, " {{{}}}", plain(&self.metadata.keys().cloned().collect::<Vec<_>>().join(", ")))?;
        }
        Ok(())
    }
}

/// A call with how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedCall {
    /// Who called.
    #[serde(default)]
    pub principal: Who,
    /// The tool.
    pub tool: String,
    /// Its arguments; as a text where they were no JSON that could be read.
    #[serde(default)]
    pub arguments: Json,
    /// What `now()` meant.
    pub now: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// What is not known of the call: with anything here it cannot be made again as it was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

/// Something that is not known of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// Values of fields that the principal could not read, cursors, and idempotency keys.
    HiddenValues,
    /// What was too long to be kept.
    CutValues,
    /// The arguments were no JSON that could be read.
    Unread,
    /// The principal's metadata, which the policy reads.
    Metadata,
    /// What a tool of the project's own was given.
    ToolArguments,
}

impl Missing {
    /// Its words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HiddenValues => "values that the trail does not hold",
            Self::CutValues => "values that were cut",
            Self::Unread => "arguments that could not be read",
            Self::Metadata => "the principal's metadata",
            Self::ToolArguments => "the arguments of a tool of the project's own",
        }
    }
}

impl RecordedCall {
    /// Whether it can be made again as it was.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    /// Whether it changes rows. A tool of the project's own counts as one that does.
    pub fn writes(&self) -> bool {
        Tool::from_name(&self.tool).map_or(true, Tool::writes)
    }

    /// The model that it is about, if it names one.
    pub fn model(&self) -> Option<&str> {
        self.arguments.get("model").and_then(Json::as_str)
    }

    /// Who called, at the time of the call, on the connection of a context. `principal` takes the place of
    /// who called.
    pub(crate) fn context<'c>(&self, on: &RunContext<'c>, principal: Option<&Principal>) -> RunContext<'c> {
        let principal = principal.cloned().unwrap_or_else(|| self.principal.principal());
        on.for_principal(principal).now(self.now)
    }
}

/// `query Order as acme-corp/user-123`
impl fmt::Display for RecordedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&plain(&self.tool))?;
        if let Some(model) = self.model() {
            write!(f, " {}", plain(model))?;
        }
        write!(f, " as {}", self.principal)
    }
}
