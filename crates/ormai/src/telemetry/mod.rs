//! What operators see of calls while they happen: spans, metrics and a log, without the values of
//! anybody.
//!
//! Spans and log events go through [`tracing`], so any subscriber takes them, and without one they cost
//! next to nothing:
//!
//! ```text
//! ormai.call                 a call of a tool, however it ends
//! ├── ormai.resolve          the request against what is open to the principal
//! ├── ormai.authorize        scope, rules, budget
//! ├── ormai.compile          a step as a statement, one for each
//! ├── ormai.run              the statement in the database, one for each
//! ├── ormai.redact           the rows as an answer
//! └── ormai.audit            the record of the call
//! ```
//!
//! With the feature `opentelemetry` the same calls are counted and timed on an OpenTelemetry meter:
//! that of [`Builder::meter`](crate::Builder), else the global one.
//!
//! What stands in them is of the policy and the catalog, or a figure: names of tools, models and codes,
//! numbers of rows, the ids of the call. No argument of a request, no value of a row, no SQL, and
//! nothing of the principal. What a driver says may print a whole row: it is told only after
//! [`log_driver_text`], under the target [`DETAIL`].

mod log;
#[cfg(feature = "opentelemetry")]
mod meter;
mod metrics;
mod span;

pub use log::{DETAIL, log_driver_text};
pub(crate) use log::{database_error, detail};
pub(crate) use metrics::Metrics;
pub(crate) use span::{CallSpan, audit, authorize, changed, compile, inside, redact, resolve, run};
