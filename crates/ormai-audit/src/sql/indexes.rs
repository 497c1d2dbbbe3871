//! The indexes that SQLite and PostgreSQL share to the letter. MariaDB has none on a part of the rows.

use super::dialect::Object;

/// With what is often asked beside, so that rows that are not meant are not read.
pub(super) const TENANT: Object = Object {
    name: "ormai_audit_tenant",
    make: "CREATE INDEX ormai_audit_tenant ON ormai_audit (tenant_id, id, at, model, error_code, success) \
           WHERE kind = 'record'",
};

/// For whoever asks about all tenants: read from its end without the rows that are not meant.
pub(super) const NEWEST: Object = Object {
    name: "ormai_audit_newest",
    make: "CREATE INDEX ormai_audit_newest ON ormai_audit (id, at, error_code, success, bypass) \
           WHERE kind = 'record'",
};

/// Of one call.
pub(super) const REQUEST: Object = Object {
    name: "ormai_audit_request",
    make: "CREATE INDEX ormai_audit_request ON ormai_audit (request_id) WHERE kind = 'record'",
};

/// Of one trace.
pub(super) const TRACE: Object = Object {
    name: "ormai_audit_trace",
    make: "CREATE INDEX ormai_audit_trace ON ormai_audit (trace_id, id) \
           WHERE kind = 'record' AND trace_id IS NOT NULL",
};

/// About one approval.
pub(super) const APPROVAL: Object = Object {
    name: "ormai_audit_approval",
    make: "CREATE INDEX ormai_audit_approval ON ormai_audit (approval_id, id) \
           WHERE kind = 'record' AND approval_id IS NOT NULL",
};

/// Of one transaction.
pub(super) const TRANSACTION: Object = Object {
    name: "ormai_audit_transaction",
    make: "CREATE INDEX ormai_audit_transaction ON ormai_audit (transaction_id, id) \
           WHERE kind = 'record' AND transaction_id IS NOT NULL",
};

/// Within one record.
pub(super) const PARENT: Object = Object {
    name: "ormai_audit_parent",
    make: "CREATE INDEX ormai_audit_parent ON ormai_audit (parent, id) \
           WHERE kind = 'record' AND parent IS NOT NULL",
};

/// The intents of a chain, for those whose writer is gone.
pub(super) const INTENT: Object = Object {
    name: "ormai_audit_intent",
    make: "CREATE INDEX ormai_audit_intent ON ormai_audit (chain, seq) WHERE kind = 'intent'",
};
