//! The span of a call, and those of its stages.

use std::pin::Pin;
use std::time::Duration;

use ormai_core::answer::Fetched;
use ormai_core::error::{ErrorCode, Result};
use ormai_core::principal::CallContext;
use ormai_db::{Changed, DbError, Session};
use ormai_sql::{Dialect, Statement};
use tracing::field::Empty;
use tracing::instrument::Instrumented;
use tracing::{Instrument as _, Span};

use crate::Engine;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::{Call, Outcome};

/// A call on its way, as spans and metrics see it. One that is dropped before its end counts as
/// `dropped`.
#[derive(Debug)]
pub(crate) struct CallSpan {
    span: Span,
    metrics: Metrics,
    /// What metrics are told, where there are any.
    tool: Option<Box<str>>,
    model: Option<Box<str>>,
    rows: u64,
    is_open: bool,
}

impl CallSpan {
    /// Begins a call. `tool` is `None` when there is none of the name.
    pub(crate) fn begin(metrics: &Metrics, context: &CallContext, tool: Option<&str>) -> Self {
        let span = tracing::info_span!(
            target: "ormai::call",
            "ormai.call",
            ormai.tool = tool,
            ormai.model = Empty,
            ormai.request_id = context.request_id.as_str(),
            ormai.trace_id = context.trace_id.as_deref(),
            ormai.policy_version = Empty,
            ormai.outcome = Empty,
            ormai.row_count = Empty,
            "error.type" = Empty,
            otel.status_code = Empty,
        );
        let tool = tool.filter(|_| metrics.is_on()).map(Box::from);
        Self { span, metrics: metrics.clone(), tool, model: None, rows: 0, is_open: true }
    }

    /// A part of another call, which is seen as that.
    pub(crate) fn part() -> Self {
        let (span, metrics) = (Span::none(), Metrics::default());
        Self { span, metrics, tool: None, model: None, rows: 0, is_open: false }
    }

    /// The span, for the work of the call.
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// What the call is about. The model is the caller's word, and told only when the catalog has it.
    pub(crate) fn asked(&mut self, model: Option<&str>, engine: &Engine) {
        if !self.is_seen() {
            return;
        }
        let catalog = engine.policy().catalog();
        self.span.record("ormai.policy_version", engine.policy().version());
        if let Some(model) = model.and_then(|name| catalog.find(name)) {
            let name = catalog.model(model).name.as_str();
            self.span.record("ormai.model", name);
            self.model = self.metrics.is_on().then(|| Box::from(name));
        }
    }

    /// The rows of the answer, or those that were written.
    pub(crate) fn counted(&mut self, rows: usize) {
        self.rows = u64::try_from(rows).unwrap_or(u64::MAX);
        self.span.record("ormai.row_count", self.rows);
    }

    /// The record of the call was accepted this long after its work had ended.
    pub(crate) fn recorded(&self, lag: impl FnOnce() -> Duration) {
        if self.metrics.is_on() {
            self.metrics.audit_lag(lag());
        }
    }

    /// Ends the call: why it was refused or failed, or `None` when it was answered. `elapsed` is from
    /// the request to the answer, and asked only where somebody looks.
    pub(crate) fn ended(mut self, code: Option<ErrorCode>, elapsed: impl FnOnce() -> Duration) {
        if std::mem::take(&mut self.is_open) && self.is_seen() {
            self.tell(code.map_or(Outcome::Ok, Outcome::Refused), Some(elapsed()));
        }
    }

    fn is_seen(&self) -> bool {
        !self.span.is_disabled() || self.metrics.is_on()
    }

    fn tell(&self, outcome: Outcome, elapsed: Option<Duration>) {
        self.span.record("ormai.outcome", outcome.as_str());
        if let Outcome::Refused(code) = outcome {
            self.span.record("error.type", code.as_str());
            // As of servers: a refusal is the caller's affair, a failure is the operator's.
            if code.http_status() >= 500 {
                self.span.record("otel.status_code", "ERROR");
            }
        }
        let call = Call { tool: self.tool.as_deref(), model: self.model.as_deref(), outcome };
        self.metrics.call(&call, self.rows, elapsed);
        tracing::debug!(
            target: "ormai::call",
            parent: &self.span,
            outcome = outcome.as_str(),
            rows = self.rows,
            elapsed_ms = elapsed.map(|elapsed| elapsed.as_secs_f64() * 1_000.0),
            "a call has ended"
        );
    }
}

impl Drop for CallSpan {
    fn drop(&mut self) {
        if self.is_open {
            self.tell(Outcome::Dropped, None);
        }
    }
}

/// The work of a call, inside of its span. Without its type, because futures that hold each other get
/// too deep for the compiler.
pub(crate) fn inside<'a, T>(
    span: Span,
    work: Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>,
) -> Instrumented<Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>> {
    work.instrument(span)
}

macro_rules! stages {
    ($( $(#[$attribute:meta])+ $stage:ident = $name:literal; )+) => { $(
        $(#[$attribute])+
        pub(crate) fn $stage() -> Span {
            tracing::info_span!(target: "ormai::stage", $name)
        }
    )+ };
}

stages! {
    /// The request against what is open to the principal.
    resolve = "ormai.resolve";
    /// Scope, rules and budget.
    authorize = "ormai.authorize";
    /// A step as a statement.
    compile = "ormai.compile";
    /// The rows as an answer.
    redact = "ormai.redact";
    /// The record of the call.
    audit = "ormai.audit";
}

fn statement(dialect: Dialect, kind: &'static str) -> Span {
    tracing::info_span!(
        target: "ormai::stage",
        "ormai.run",
        otel.kind = "client",
        db.system.name = system_name(dialect),
        ormai.statement.kind = kind,
        db.response.returned_rows = Empty,
        ormai.affected_rows = Empty,
        db.response.status_code = Empty,
        "error.type" = Empty,
        otel.status_code = Empty,
    )
}

/// Runs a statement that reads, in a span of its own.
pub(crate) async fn run(session: &mut Session<'_>, read: &Statement, limit: Duration) -> Result<Fetched, DbError> {
    let span = statement(session.dialect(), "read");
    let ran = session.run(read, limit).instrument(span.clone()).await;
    match &ran {
        Ok(rows) => _ = span.record("db.response.returned_rows", rows.len()),
        Err(error) => failed(&span, error),
    }
    ran
}

/// Runs a statement that changes rows, in a span of its own.
pub(crate) async fn changed(
    session: &mut Session<'_>,
    change: &Statement,
    limit: Duration,
) -> Result<Changed, DbError> {
    let span = statement(session.dialect(), "change");
    let changed = session.change(change, limit).instrument(span.clone()).await;
    match &changed {
        Ok(changed) => _ = span.record("ormai.affected_rows", changed.affected),
        Err(error) => failed(&span, error),
    }
    changed
}

fn failed(span: &Span, error: &DbError) {
    span.record("error.type", error.class());
    span.record("db.response.status_code", error.code());
    span.record("otel.status_code", "ERROR");
}

/// The engine, in OpenTelemetry's words.
pub(crate) fn system_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "postgresql",
        Dialect::Sqlite => "sqlite",
        // The one protocol of both; which of them answers is not asked for each call.
        Dialect::MySql => "mysql",
        _ => "other_sql",
    }
}
