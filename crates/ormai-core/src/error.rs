//! Every way in which a call is refused or fails: one registry.
//!
//! Wording: one sentence, lower case, no full stop; names in backquotes; says what
//! is allowed, and the hint says how to mend the call, because the caller is often a
//! language model. What depends on stored data never shows in a text: it is "not found".

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! registry {
    ($( $(#[doc = $doc:literal])+ $name:ident = $code:literal, $status:literal, $retryable:literal; )+) => {
        /// A stable error code. The registry below is what documentation, HTTP status,
        /// MCP results and the Python exceptions are made from.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorCode { $( $(#[doc = $doc])+ $name, )+ }

        impl ErrorCode {
            /// All codes, in the order of the registry.
            pub const ALL: &'static [Self] = &[ $( Self::$name, )+ ];

            /// The code as it stands in answers, such as `RECORD_NOT_FOUND`.
            pub const fn as_str(self) -> &'static str { match self { $( Self::$name => $code, )+ } }

            /// The HTTP status of an answer with this code.
            pub const fn http_status(self) -> u16 { match self { $( Self::$name => $status, )+ } }

            /// Whether the same call may succeed later, unchanged.
            pub const fn retryable(self) -> bool { match self { $( Self::$name => $retryable, )+ } }

            /// What the code means, for the reference page.
            pub const fn meaning(self) -> &'static str { match self { $( Self::$name => concat!($($doc),+), )+ } }
        }
    };
}

registry! {
    /// The model does not exist or is not open to this principal; the two are one.
    ModelNotAllowed = "MODEL_NOT_ALLOWED", 403, false;
    /// The field does not exist or may not be used in this way; the two are one.
    FieldNotAllowed = "FIELD_NOT_ALLOWED", 403, false;
    /// The relation does not exist or is not open to this principal; the two are one.
    RelationNotAllowed = "RELATION_NOT_ALLOWED", 403, false;
    /// The principal carries no usable tenant, and the model is scoped by tenant.
    TenantScopeRequired = "TENANT_SCOPE_REQUIRED", 403, false;
    /// The principal lacks an attribute that the policy needs, or it has the wrong type.
    PrincipalIncomplete = "PRINCIPAL_INCOMPLETE", 403, false;
    /// The request asks for more rows, fields, depth or values than the policy's budget.
    QueryBudgetExceeded = "QUERY_BUDGET_EXCEEDED", 422, false;
    /// The request's complexity score is above the policy's limit.
    QueryTooBroad = "QUERY_TOO_BROAD", 422, false;
    /// The aggregation does not exist or is not open on this field.
    AggregationNotAllowed = "AGGREGATION_NOT_ALLOWED", 403, false;
    /// The policy does not open this write.
    WriteNotAllowed = "WRITE_NOT_ALLOWED", 403, false;
    /// The write waits for an approval.
    ApprovalRequired = "APPROVAL_REQUIRED", 202, false;
    /// The write would change more rows than the policy allows; nothing was changed.
    MaxAffectedRowsExceeded = "MAX_AFFECTED_ROWS_EXCEEDED", 422, false;
    /// The request is not well formed, or a value does not fit its column.
    ValidationError = "VALIDATION_ERROR", 400, false;
    /// There is no such record for this principal.
    RecordNotFound = "RECORD_NOT_FOUND", 404, false;
    /// The write conflicts with a stored record or a concurrent change.
    Conflict = "CONFLICT", 409, false;
    /// The cursor was not made by this request under this policy and principal.
    InvalidCursor = "INVALID_CURSOR", 400, false;
    /// The statement reached its time limit and was stopped in the database.
    Timeout = "TIMEOUT", 504, true;
    /// Too many calls in a given time.
    RateLimited = "RATE_LIMITED", 429, true;
    /// The caller could not be identified.
    Unauthenticated = "UNAUTHENTICATED", 401, false;
    /// The policy does not load, or does not fit the database.
    PolicyInvalid = "POLICY_INVALID", 500, false;
    /// The audit trail cannot be written, so nothing is done.
    AuditUnavailable = "AUDIT_UNAVAILABLE", 503, true;
    /// The database cannot be reached.
    DatabaseUnavailable = "DATABASE_UNAVAILABLE", 503, true;
    /// A fault of OrmAI or its set-up; the log names the cause under the request id.
    Internal = "INTERNAL", 500, false;
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A refusal or a failure as the caller sees it.
///
/// It never holds SQL, driver text, constraint names or a stored value: what an operator
/// needs beside it goes to the log under the request id.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Error {
    /// The stable code.
    pub code: ErrorCode,
    /// What happened: one sentence, lower case, no full stop.
    pub message: String,
    /// How to mend the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Facts for a program: `{"path": "filters[0].op"}`, `{"max": 100}`.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub details: serde_json::Map<String, serde_json::Value>,
    /// Whether the same call may succeed later, unchanged.
    pub retryable: bool,
}

impl Error {
    /// An error with a code and a message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, details: serde_json::Map::new(), retryable: code.retryable() }
    }

    /// A `VALIDATION_ERROR` at a place in the request, such as `filters[0].op`.
    pub fn invalid(path: &str, message: impl Into<String>) -> Self {
        let error = Self::new(ErrorCode::ValidationError, message);
        if path.is_empty() { error } else { error.detail("path", path) }
    }

    /// Adds (or leaves out) the way to mend the call.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Adds a fact for a program.
    #[must_use]
    pub fn detail(mut self, key: &str, value: impl Into<serde_json::Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// Names as they stand in a text: `` `a`, `b` ``.
pub(crate) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// A result with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
