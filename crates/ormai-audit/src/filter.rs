//! Which records one asks for.

mod json;

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::record::{Action, Outcome, Record};

/// Which records are meant: those that satisfy all that is said. Of a list, one is enough; an
/// empty list says nothing.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Filter {
    /// Of this tenant, as it was given: the text `"7"` is not the number 7.
    pub tenant_id: Option<Json>,
    /// Of this user, as it was given.
    pub user_id: Option<Json>,
    /// The record with this name.
    pub id: Option<String>,
    /// Of this call.
    pub request_id: Option<String>,
    /// Of this trace.
    pub trace_id: Option<String>,
    /// About this approval.
    pub approval_id: Option<String>,
    /// Of this transaction.
    pub transaction: Option<String>,
    /// Within this record.
    pub parent: Option<String>,
    /// Of these tools.
    pub tool_name: Vec<String>,
    /// About these models.
    pub model: Vec<String>,
    /// Of these kinds.
    pub action: Vec<Action>,
    /// That ended like this.
    pub outcome: Vec<Outcome>,
    /// With these error codes.
    pub error_code: Vec<String>,
    /// That were answered, or were not.
    pub success: Option<bool>,
    /// That used a bypass, or did not.
    pub bypass: Option<bool>,
    /// At this time or later.
    pub timestamp_gte: Option<Timestamp>,
    /// Later than this.
    pub timestamp_gt: Option<Timestamp>,
    /// At this time or earlier.
    pub timestamp_lte: Option<Timestamp>,
    /// Earlier than this.
    pub timestamp_lt: Option<Timestamp>,
}

impl Filter {
    /// Every record.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of a tenant.
    pub fn tenant(tenant_id: impl Into<Json>) -> Self {
        Self { tenant_id: Some(tenant_id.into()), ..Self::default() }
    }

    /// Whether a record is meant.
    pub fn matches(&self, record: &Record) -> bool {
        let code = record.error.as_ref().map(|error| &error.code);
        is_or_open(&self.tenant_id, Some(&record.tenant_id))
            && is_or_open(&self.user_id, Some(&record.user_id))
            && is_or_open(&self.id, Some(&record.id))
            && is_or_open(&self.request_id, Some(&record.request_id))
            && is_or_open(&self.trace_id, record.trace_id.as_ref())
            && is_or_open(&self.approval_id, record.approval_id.as_ref())
            && is_or_open(&self.transaction, record.transaction.as_ref())
            && is_or_open(&self.parent, record.parent.as_ref())
            && among(&self.tool_name, Some(&record.tool_name))
            && among(&self.model, record.model.as_ref())
            && among(&self.action, Some(&record.action))
            && among(&self.outcome, Some(&record.outcome))
            && among(&self.error_code, code)
            && self.success.is_none_or(|success| success == record.success)
            && self.bypass.is_none_or(|bypass| bypass != record.bypass.is_empty())
            && self.timestamp_gte.is_none_or(|from| record.timestamp >= from)
            && self.timestamp_gt.is_none_or(|from| record.timestamp > from)
            && self.timestamp_lte.is_none_or(|to| record.timestamp <= to)
            && self.timestamp_lt.is_none_or(|to| record.timestamp < to)
    }
}

fn is_or_open<T: PartialEq>(wanted: &Option<T>, found: Option<&T>) -> bool {
    wanted.as_ref().is_none_or(|wanted| found == Some(wanted))
}

fn among<T: PartialEq>(wanted: &[T], found: Option<&T>) -> bool {
    wanted.is_empty() || found.is_some_and(|found| wanted.contains(found))
}
