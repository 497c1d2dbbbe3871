//! The span of a call, and those of its stages.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ormai_core::answer::Fetched;
use ormai_core::catalog::ModelId;
use ormai_core::error::{ErrorCode, Result};
use ormai_core::principal::CallContext;
use ormai_core::request::{Request, Tool};
use ormai_db::{Changed, DbError, Session};
use ormai_sql::{Dialect, Statement};
use tracing::field::Empty;
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
    engine: Arc<Engine>,
    tool: Option<Tool>,
    model: Option<ModelId>,
    is_open: bool,
}

/// The work of a call. Without its type, because futures that hold each other get too deep for the
/// compiler.
pub(crate) type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    /// Why it was refused or failed; `None` when it was answered.
    pub(crate) code: Option<ErrorCode>,
    /// The rows of its answer, or those it wrote.
    pub(crate) rows: u64,
    /// From the request to the answer.
    pub(crate) elapsed: Duration,
}

impl Ended {
    pub(crate) fn of<T>(done: &Result<T>, rows: impl FnOnce(&T) -> usize, elapsed: Duration) -> Self {
        let (code, rows) = match done {
            Ok(done) => (None, u64::try_from(rows(done)).unwrap_or(u64::MAX)),
            Err(error) => (Some(error.code), 0),
        };
        Self { code, rows, elapsed }
    }
}

impl CallSpan {
    /// Begins a call. `tool` is `None` when there is none of the name; `model` is the caller's word,
    /// which is told only when the catalog knows it.
    pub(crate) fn begin(
        metrics: &Metrics,
        engine: &Arc<Engine>,
        context: &CallContext,
        tool: Option<Tool>,
        model: Option<&str>,
    ) -> Self {
        let span = tracing::info_span!(
            target: "ormai::call",
            "ormai.call",
            ormai.tool = tool.map(Tool::name),
            ormai.model = Empty,
            ormai.request_id = context.request_id.as_str(),
            ormai.trace_id = context.trace_id.as_deref(),
            ormai.policy_version = engine.policy().version(),
            ormai.outcome = Empty,
            ormai.row_count = Empty,
            "error.type" = Empty,
            otel.status_code = Empty,
        );
        let is_seen = !span.is_disabled() || metrics.is_on();
        let model = model.filter(|_| is_seen).and_then(|name| engine.policy().catalog().find(name));
        let call = Self { span, metrics: metrics.clone(), engine: Arc::clone(engine), tool, model, is_open: true };
        if let Some(model) = call.model_name() {
            call.span.record("ormai.model", model);
        }
        call
    }

    /// As [`CallSpan::begin`], for a request that could be read.
    pub(crate) fn of(metrics: &Metrics, engine: &Arc<Engine>, context: &CallContext, request: &Request) -> Self {
        Self::begin(metrics, engine, context, Some(request.tool()), request.model())
    }

    /// The whole of a call: its work inside of its span, then its end. `rows` tells those of an answer.
    pub(crate) async fn follow<T>(self, work: Work<'_, T>, rows: impl FnOnce(&T) -> usize) -> Result<T> {
        let begun = Instant::now();
        let done = self.around(work).await;
        self.ended(Ended::of(&done, rows, begun.elapsed()));
        done
    }

    /// The work of the call, inside of its span.
    pub(crate) fn around<F: Future>(&self, work: F) -> tracing::instrument::Instrumented<F> {
        work.instrument(self.span.clone())
    }

    /// The work of a call that waits for nothing, inside of its span.
    pub(crate) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        self.span.in_scope(work)
    }

    /// Ends the call.
    pub(crate) fn ended(mut self, ended: Ended) {
        self.is_open = false;
        let outcome = ended.code.map_or(Outcome::Ok, Outcome::Refused);
        self.tell(outcome);
        self.span.record("ormai.row_count", ended.rows);
        self.metrics.call(&self.told(outcome), ended.rows, Some(ended.elapsed));
        tracing::debug!(
            target: "ormai::call",
            parent: &self.span,
            outcome = outcome.as_str(),
            rows = ended.rows,
            elapsed_ms = ended.elapsed.as_secs_f64() * 1_000.0,
            "a call has ended"
        );
    }

    fn tell(&self, outcome: Outcome) {
        self.span.record("ormai.outcome", outcome.as_str());
        if let Outcome::Refused(code) = outcome {
            self.span.record("error.type", code.as_str());
            // As of servers: a refusal is the caller's affair, a failure is the operator's.
            if code.http_status() >= 500 {
                self.span.record("otel.status_code", "ERROR");
            }
        }
    }

    fn told(&self, outcome: Outcome) -> Call<'_> {
        Call { tool: self.tool, model: self.model_name(), outcome }
    }

    fn model_name(&self) -> Option<&str> {
        self.model.map(|model| self.engine.policy().catalog().model(model).name.as_str())
    }
}

impl Drop for CallSpan {
    fn drop(&mut self) {
        if self.is_open {
            self.tell(Outcome::Dropped);
            self.metrics.call(&self.told(Outcome::Dropped), 0, None);
        }
    }
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
    #[expect(dead_code, reason = "for the audit trail")]
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
