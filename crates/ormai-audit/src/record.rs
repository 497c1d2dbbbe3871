//! What is known of a call.

use std::ops::Deref;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::hash::Hash;
use crate::line::{Kind, Line, Place};

/// The record of a call, as it stands in a line of kind `record`; in one of kind `intent` it is
/// not closed yet.
///
/// Whoever makes one has left out what nobody may see: values of hidden fields stand neither in
/// `inputs` nor in snapshots nor in errors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// Names the record: `aud-` and a UUID that grows with time.
    pub id: String,
    /// When the call began.
    pub timestamp: Timestamp,
    /// Names the call in answers and logs.
    pub request_id: String,
    /// The caller's trace.
    pub trace_id: Option<String>,
    /// The principal's tenant, as given.
    pub tenant_id: Json,
    /// The principal's user, as given.
    pub user_id: Json,
    /// The principal's roles.
    pub roles: Vec<String>,
    /// The tool that was called.
    pub tool_name: String,
    /// The model that it was about.
    pub model: Option<String>,
    /// What kind of thing was done.
    pub action: Action,
    /// What was asked, without the values of hidden fields.
    pub inputs: Json,
    /// Why, in the caller's words.
    pub reason: Option<String>,
    /// The version of the policy that decided.
    pub policy_version: String,
    /// The rules that took part.
    pub policies_applied: Vec<String>,
    /// The scopes with their values, such as `tenant_id = 'acme-corp'`.
    pub scopes_injected: Vec<String>,
    /// The row policies that permit because of their form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inferred_permits: Vec<String>,
    /// The bypass rules that lifted the scope; `null` where none did.
    #[serde(with = "null_when_empty")]
    pub bypass: Vec<String>,
    /// The fields of the answer whose values did not appear as they are.
    pub fields_redacted: Vec<String>,
    /// The record of the call around this one: of a domain tool or an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The transaction that decides whether a write was kept: the id of its record, or `caller` for
    /// one of the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
    /// The approval that was asked for, decided about, or carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_id: Option<String>,
    /// Whether the answer is that of an earlier call under the same idempotency key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether it was answered.
    pub success: bool,
    /// Why it was not.
    pub error: Option<RecordedError>,
    /// Rows at the root of the answer, or rows that were changed.
    pub row_count: Option<u64>,
    /// From the request to its record, in milliseconds.
    pub execution_time_ms: f64,
    /// The rows that a write found, redacted.
    pub before_snapshot: Option<Json>,
    /// The rows that a write left, redacted.
    pub after_snapshot: Option<Json>,
}

/// What kind of thing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Rows or figures were read.
    Read,
    /// A row was made.
    Create,
    /// Rows were changed.
    Update,
    /// A row was deleted.
    Delete,
    /// The schema was described.
    Describe,
    /// A tool of the project's own ran.
    Tool,
    /// Calls were grouped.
    Transaction,
    /// Somebody decided about a request that waited.
    Approval,
    /// Something of the trail or the policy itself was changed, or looked at by an operator.
    Administration,
    /// It is not known: the request could not be read.
    Unknown,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Read,
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::Describe,
        Self::Tool,
        Self::Transaction,
        Self::Approval,
        Self::Administration,
        Self::Unknown,
    ];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Describe => "describe",
            Self::Tool => "tool",
            Self::Transaction => "transaction",
            Self::Approval => "approval",
            Self::Administration => "administration",
            Self::Unknown => "unknown",
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// It has not: the line is an intent.
    Open,
    /// It was answered.
    Answered,
    /// It was parked until somebody approves it.
    Pending,
    /// It was refused or failed, and nothing of it was kept.
    Refused,
    /// The caller let go of it before its end.
    Dropped,
    /// Its writer ended in between, or its database did not tell: it may have been made.
    Unknown,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Open, Self::Answered, Self::Pending, Self::Refused, Self::Dropped, Self::Unknown];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Answered => "answered",
            Self::Pending => "pending",
            Self::Refused => "refused",
            Self::Dropped => "dropped",
            Self::Unknown => "unknown",
        }
    }
}

/// Why a call was not answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedError {
    /// One of the error codes.
    pub code: String,
    /// What the caller was told.
    pub message: String,
}

impl Record {
    /// What every name of a record begins with.
    pub const PREFIX: &str = "aud-";

    /// A record that is not closed, of a call of which nothing is known but its beginning.
    pub fn begin(timestamp: Timestamp, request_id: impl Into<String>, tool_name: impl Into<String>) -> Self {
        Self {
            id: format!("{}{}", Self::PREFIX, Uuid::now_v7()),
            timestamp,
            request_id: request_id.into(),
            trace_id: None,
            tenant_id: Json::Null,
            user_id: Json::Null,
            roles: Vec::new(),
            tool_name: tool_name.into(),
            model: None,
            action: Action::Unknown,
            inputs: Json::Null,
            reason: None,
            policy_version: String::new(),
            policies_applied: Vec::new(),
            scopes_injected: Vec::new(),
            inferred_permits: Vec::new(),
            bypass: Vec::new(),
            fields_redacted: Vec::new(),
            parent: None,
            transaction: None,
            approval_id: None,
            replayed: false,
            outcome: Outcome::Open,
            success: false,
            error: None,
            row_count: None,
            execution_time_ms: 0.0,
            before_snapshot: None,
            after_snapshot: None,
        }
    }

    /// Closes an intent whose writer is gone: nobody knows what became of it.
    pub fn into_unknown(mut self) -> Self {
        self.outcome = Outcome::Unknown;
        self.success = false;
        self.error = Some(RecordedError {
            code: "INTERNAL".to_owned(),
            message: "the process ended before the outcome was recorded; the write may have been made".to_owned(),
        });
        self
    }
}

/// A record with its place in the trail.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// The record.
    #[serde(flatten)]
    pub record: Record,
    /// Where it stands: `kind`, `chain`, `seq`, `prev_hash`, `hash`.
    #[serde(flatten)]
    pub place: Place,
}

impl Entry {
    /// Reads a line of kind `record` or `intent`; `None` for another, and for one that is not in
    /// its form.
    pub fn read(line: &Line) -> Option<Self> {
        let place = *line.place();
        if !matches!(place.kind, Kind::Record | Kind::Intent) {
            return None;
        }
        Some(Self { record: serde_json::from_str(line.text()).ok()?, place })
    }

    /// The hash of its line.
    pub fn hash(&self) -> Hash {
        self.place.hash
    }
}

impl Deref for Entry {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.record
    }
}

mod null_when_empty {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(names: &[String], serializer: S) -> Result<S::Ok, S::Error> {
        if names.is_empty() { serializer.serialize_none() } else { names.serialize(serializer) }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or_default())
    }
}
