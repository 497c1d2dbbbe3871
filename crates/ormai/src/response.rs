//! What a caller gets back.

use std::ops::Deref;

use ormai_core::answer::Answer;
use ormai_core::catalog::Catalog;
use ormai_core::error::Error;
use ormai_core::plan::{Applied, AppliedRule};
use ormai_core::policy::View;
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::schema::Description;

/// An answer with what is to be known about it. It reads like the answer itself.
#[derive(Clone, Debug, Serialize)]
pub struct Response<T = Answer> {
    /// The answer.
    pub data: T,
    /// What is to be known about it.
    pub metadata: Metadata,
}

impl<T> Deref for Response<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

/// What is to be known about an answer.
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
        error: Error,
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
}

impl CallResult {
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
                result.serialize_field("metadata", &Named { request_id })?;
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
