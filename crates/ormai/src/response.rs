//! What a caller gets back: nothing of it is made without a receipt of its record.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use ormai_core::answer::Answer;
use ormai_core::catalog::Catalog;
use ormai_core::plan::{Applied, AppliedRule};
use ormai_core::policy::View;
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};
use serde_json::Value as Json;

use crate::audit::{Receipt, Refused};
use crate::schema::Description;

/// What a call came to, before that is recorded: nobody sees it, also not in `Debug`.
///
/// Whoever drives a [`Call`](crate::Call) by hand gets it, and cannot read it:
///
/// ```compile_fail,E0616
/// fn unrecorded(call: ormai::Call) -> Result<ormai::answer::Answer, ormai::prelude::Error> {
///     Ok(call.conclude()?.data)
/// }
/// ```
///
/// nor write it down:
///
/// ```compile_fail,E0277
/// fn unrecorded(call: ormai::Call) -> String {
///     serde_json::to_string(&call.conclude().unwrap()).unwrap()
/// }
/// ```
///
/// What comes before the word `data` compiles:
///
/// ```
/// fn concluded(call: ormai::Call) -> Option<ormai::Concluded<ormai::answer::Answer>> {
///     call.conclude().ok()
/// }
/// ```
pub struct Concluded<T> {
    pub(crate) data: T,
    pub(crate) facts: Facts,
}

/// What is known about an answer before it is recorded.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) request_id: String,
    pub(crate) row_count: usize,
    pub(crate) policy_version: String,
    pub(crate) policies_applied: Vec<String>,
}

impl<T> fmt::Debug for Concluded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Concluded").field("request_id", &self.facts.request_id).finish_non_exhaustive()
    }
}

impl<T> Concluded<T> {
    /// The same about a part of the answer; `None` where there is none.
    pub(crate) fn part<P>(self, part: impl FnOnce(T) -> Option<P>) -> Option<Concluded<P>> {
        Some(Concluded { data: part(self.data)?, facts: self.facts })
    }

    /// The same about the answer as something else.
    pub(crate) fn map<P>(self, map: impl FnOnce(T) -> P) -> Concluded<P> {
        Concluded { data: map(self.data), facts: self.facts }
    }
}

/// An answer with what is to be known about it. It reads like the answer itself.
#[derive(Clone, Debug, Serialize)]
pub struct Response<T = Answer> {
    /// The answer.
    pub data: T,
    /// What is to be known about it.
    pub metadata: Metadata,
}

impl<T> Response<T> {
    /// An answer whose record is closed.
    pub(crate) fn new(data: T, facts: Facts, elapsed: Duration, receipt: Receipt) -> Self {
        let Facts { request_id, row_count, policy_version, policies_applied } = facts;
        let metadata = Metadata {
            request_id,
            row_count,
            execution_time_ms: elapsed.as_secs_f64() * 1_000.0,
            policy_version,
            policies_applied,
            receipt,
        };
        Self { data, metadata }
    }
}

impl<T> Deref for Response<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

/// What is to be known about an answer.
///
/// It comes from a closed record, and from nowhere else; without it there is no [`Response`] and no
/// answer in a [`CallResult`]:
///
/// ```compile_fail,E0639
/// fn unrecorded(request_id: String, policy_version: String) -> ormai::Metadata {
///     ormai::Metadata {
///         request_id,
///         row_count: 1,
///         execution_time_ms: 0.0,
///         policy_version,
///         policies_applied: Vec::new(),
///     }
/// }
/// ```
///
/// nor is one read from text:
///
/// ```compile_fail,E0277
/// let _: ormai::Metadata = serde_json::from_str("{}").unwrap();
/// ```
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Metadata {
    /// Names the call in logs and audit records.
    pub request_id: String,
    /// Rows at the root of the answer.
    pub row_count: usize,
    /// From the request to the answer, in milliseconds.
    pub execution_time_ms: f64,
    /// The version of the policy that decided.
    pub policy_version: String,
    /// The rules that took part: `Order.tenant_id` for a scope, `Order:parent_access` for a
    /// row policy.
    pub policies_applied: Vec<String>,
    #[serde(rename = "audit_id")]
    receipt: Receipt,
}

impl Metadata {
    /// The name of the call's record; `None` where there is no audit store.
    pub fn audit_id(&self) -> Option<&str> {
        self.receipt.audit_id()
    }
}

/// The outcome of [`crate::Toolset::call`]: for language models, so a refusal is an outcome
/// like any other.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CallResult {
    /// It was answered.
    Answered {
        /// The answer.
        data: Data,
        /// What is to be known about it.
        metadata: Metadata,
    },
    /// It was refused, or failed.
    Refused {
        /// Why, and how to mend it.
        error: Refused,
        /// Names the call in logs and audit records.
        request_id: String,
    },
}

/// What [`crate::Toolset::call`] answers with.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Data {
    /// Rows or figures.
    Answer(Answer),
    /// The schema.
    Description(Description),
    /// What a tool of the project's own answered.
    Tool(Json),
}

impl CallResult {
    /// What a call came to, whose record is closed.
    pub(crate) fn of<T>(
        outcome: Result<Response<T>, Refused>,
        data: impl FnOnce(T) -> Data,
        request_id: String,
    ) -> Self {
        match outcome {
            Ok(response) => Self::Answered { data: data(response.data), metadata: response.metadata },
            Err(error) => Self::Refused { error, request_id },
        }
    }

    /// Whether it was answered.
    pub fn success(&self) -> bool {
        matches!(self, Self::Answered { .. })
    }
}

/// `{"success", "data" or "error", "metadata"}`
impl Serialize for CallResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Named<'a> {
            request_id: &'a str,
            audit_id: Option<&'a str>,
        }
        let mut result = serializer.serialize_struct("CallResult", 3)?;
        result.serialize_field("success", &self.success())?;
        match self {
            Self::Answered { data, metadata } => {
                result.serialize_field("data", data)?;
                result.serialize_field("metadata", metadata)?;
            }
            Self::Refused { error, request_id } => {
                result.serialize_field("error", error)?;
                result.serialize_field("metadata", &Named { request_id, audit_id: error.audit_id() })?;
            }
        }
        result.end()
    }
}

/// The rules that took part, by name and each once.
pub(crate) fn applied_names(catalog: &Catalog, view: &View, applied: &[Applied]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(applied.len());
    for applied in applied {
        let model = catalog.model(applied.model);
        let name = match &applied.rule {
            AppliedRule::Scope(field, _) => format!("{}.{}", model.name, model.field(*field).name),
            AppliedRule::Row(index) => {
                let rule = view.model(applied.model).and_then(|rules| rules.row_rules.get(*index));
                match rule {
                    Some(rule) => format!("{}:{}", model.name, rule.name),
                    None => continue,
                }
            }
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
