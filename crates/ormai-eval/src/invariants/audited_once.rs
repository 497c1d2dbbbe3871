//! `audited_once`

use ormai::audit::{Outcome, Record};

use super::{Checking, Evidence, Invariant};
use crate::Violation;
use crate::harness::{Call, Observed};

const NAME: &str = "audited_once";

/// Looks for the record of the call in the trail.
#[derive(Debug)]
pub(super) struct AuditedOnce;

impl Invariant for AuditedOnce {
    fn name(&self) -> &str {
        NAME
    }

    fn check<'a>(&'a self, evidence: &'a Evidence<'_, '_>) -> Checking<'a> {
        let found = found(evidence.call(), evidence.observed());
        Box::pin(async move { found.into_iter().collect() })
    }
}

fn found(call: &Call, observed: &Observed) -> Option<Violation> {
    let violation = |what: &str| Some(Violation::new(NAME, what));
    let Some(records) = &observed.records else {
        return violation("there is no audit trail");
    };
    let Some(request_id) = observed.request_id() else {
        return violation("the answer does not name the call").map(|violation| violation.field("request_id"));
    };
    let record = match records.as_slice() {
        [] => return violation("the trail has no closed record of the call"),
        [record] => record,
        several => return Some(Violation::new(NAME, format!("the trail has {} records of the call", several.len()))),
    };
    if observed.audit_id() != Some(record.id.as_str()) {
        return violation("the answer does not name its record").map(|violation| violation.field("audit_id"));
    }
    if record.request_id != request_id {
        return violation("the record is of another call").map(|violation| violation.field("request_id"));
    }
    wrong(call, observed, record)
        .map(|field| Violation::new(NAME, "the record does not say what happened").field(field))
}

/// The first field of a record that does not say what happened.
fn wrong(call: &Call, observed: &Observed, record: &Record) -> Option<&'static str> {
    let principal = &call.principal;
    let ended = matches!(
        (observed.success(), record.outcome),
        (true, Outcome::Answered | Outcome::Pending) | (false, Outcome::Refused | Outcome::Unknown)
    );
    let told = record.error.as_ref().map(|error| error.code.as_str());
    let checks = [
        ("tenant_id", record.tenant_id == *principal.tenant_id()),
        ("user_id", record.user_id == *principal.user_id()),
        ("roles", record.roles == principal.roles()),
        ("outcome", ended),
        ("success", record.success == observed.success()),
        ("error", told == observed.code()),
    ];
    checks.into_iter().find(|(_, right)| !right).map(|(field, _)| field)
}
