//! One write, without I/O: it hands out statements, takes back rows and counts, and ends in an
//! answer that may be kept or must not be.

use std::sync::Arc;
use std::time::Duration;

use ormai_core::answer::{Fetched, Written};
use ormai_core::audited::{Decided, Snapshots};
use ormai_core::authorize::{Authority, authorize_write, traced_write};
use ormai_core::error::{Error, ErrorCode, Result};
use ormai_core::explain::Trace;
use ormai_core::plan::{Step, WritePlan};
use ormai_core::policy::View;
use ormai_core::principal::CallContext;
use ormai_core::redact::Redactor;
use ormai_core::request::Request;
use ormai_core::resolve::{ResolvedWrite, resolve_write};
use ormai_core::write::{Course, Obstacle, WriteStep};
use ormai_db::{ConflictKind, DbError};
use ormai_sql::Statement;

use crate::Engine;
use crate::response::{Concluded, Facts, applied_names};
use crate::telemetry::{self, database_error};

/// A write on its way. It runs in one transaction, which is committed only when
/// [`WriteCall::conclude`] has given an answer that is no preview.
#[derive(Debug)]
pub struct WriteCall {
    engine: Arc<Engine>,
    view: Arc<View>,
    context: CallContext,
    course: Course,
}

/// A statement of a write, to be run as what it is.
#[derive(Debug)]
pub enum WriteStatement {
    /// It reads rows; they go into [`WriteCall::read`].
    Read(Statement),
    /// It changes rows; their number and the rows that came back go into [`WriteCall::changed`].
    Change(Statement),
}

impl WriteCall {
    /// Resolves and authorizes a write. Nothing has touched the database yet.
    ///
    /// # Errors
    ///
    /// Every refusal that the policy, the principal and the request decide among themselves;
    /// `APPROVAL_REQUIRED` for one that somebody else has to approve, unless it is a dry run: only
    /// a [`Toolset`](crate::Toolset) parks it.
    pub fn begin(engine: Arc<Engine>, context: CallContext, request: &Request) -> Result<Self> {
        let call = Self::unapproved(engine, context, request, false)?;
        if call.plan().needs_approval() && !call.plan().is_dry_run() {
            return Err(Error::new(ErrorCode::ApprovalRequired, "the write needs somebody else's approval"));
        }
        Ok(call)
    }

    /// As [`WriteCall::begin`], also of a write that must not be made before somebody approves it.
    /// With `snapshots` it also tells what the rows were and are.
    pub(crate) fn unapproved(
        engine: Arc<Engine>,
        context: CallContext,
        request: &Request,
        snapshots: bool,
    ) -> Result<Self> {
        Self::decided(engine, context, request, snapshots, authorize_write)
    }

    /// As [`WriteCall::begin`], with what each rule did: all of them, or those up to a refusal.
    pub(crate) fn traced(engine: Arc<Engine>, context: CallContext, request: &Request) -> (Trace, Result<Self>) {
        let mut trace = Trace::default();
        let call = Self::decided(engine, context, request, false, |resolved, authority| {
            let (told, plan) = traced_write(resolved, authority);
            trace = told;
            plan
        });
        (trace, call)
    }

    fn decided(
        engine: Arc<Engine>,
        context: CallContext,
        request: &Request,
        snapshots: bool,
        decide: impl FnOnce(ResolvedWrite, Authority<'_>) -> Result<WritePlan>,
    ) -> Result<Self> {
        let view = engine.view(context.principal.roles());
        let catalog = engine.policy().catalog();
        let resolved = telemetry::resolve().in_scope(|| resolve_write(request, catalog, &view))?;
        let authority = Authority {
            catalog,
            view: &view,
            call: &context,
            cursors: &engine.keys().cursor,
            looks_first: engine.compiler().dialect().locks_first(),
            snapshots,
        };
        let plan = telemetry::authorize().in_scope(|| decide(resolved, authority))?;
        let course = Course::new(plan, catalog);
        Ok(Self { engine, view, context, course })
    }

    /// The next statement, or `None` when there is nothing left to do.
    ///
    /// # Errors
    ///
    /// `INTERNAL` when a statement cannot be printed.
    pub fn statement(&mut self) -> Result<Option<WriteStatement>> {
        Ok(match self.course.step()? {
            Some(WriteStep::Read(step)) => Some(WriteStatement::Read(self.compile(step)?)),
            Some(WriteStep::Change(step)) => Some(WriteStatement::Change(self.compile(step)?)),
            None => None,
        })
    }

    fn compile(&self, step: Step) -> Result<Statement> {
        self.engine.compile(step, &self.context.request_id)
    }

    /// Takes in the rows of the statement that came out last.
    ///
    /// # Errors
    ///
    /// What the rows decide; then the transaction must be rolled back.
    pub fn read(&mut self, rows: Fetched) -> Result<()> {
        self.course.read(rows)
    }

    /// Takes in what the statement that came out last has changed.
    ///
    /// # Errors
    ///
    /// What the count decides; then the transaction must be rolled back.
    pub fn changed(&mut self, affected: u64, rows: &Fetched) -> Result<()> {
        self.course.changed(affected, rows)
    }

    /// Takes in what would let the write go on, to explain the statements after it.
    pub(crate) fn suppose(&mut self) -> Result<()> {
        self.course.suppose()
    }

    pub(crate) fn context(&self) -> &CallContext {
        &self.context
    }

    /// Names the call in logs and audit records.
    pub fn request_id(&self) -> &str {
        &self.context.request_id
    }

    /// How long each statement may run.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.course.plan().timeout_ms()))
    }

    /// The plan, to see what it asks for.
    pub fn plan(&self) -> &WritePlan {
        self.course.plan()
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// What the caller may know of a failure in the database; the rest goes to the log.
    pub(crate) fn failed(&self, error: &DbError) -> Error {
        let obstacle = match error {
            DbError::Conflict { kind, .. } => match kind {
                ConflictKind::Unique => Obstacle::Taken,
                ConflictKind::Reference => Obstacle::ReferredTo,
                ConflictKind::NotNull => Obstacle::Missing,
                ConflictKind::Concurrent => Obstacle::Concurrent,
                _ => Obstacle::Unfit,
            },
            DbError::OutOfRange(_) | DbError::Refused(_) => Obstacle::Unfit,
            _ => return failed(error, self.request_id()),
        };
        database_error!(warn, self.request_id(), error, "a write was refused");
        self.course.obstacle(obstacle)
    }

    /// What the caller may know of a failure while the write was being kept. When it was claimed
    /// it can be sent again, whatever became of it: the ledger tells.
    pub(crate) fn not_kept(&self, error: &DbError, is_claimed: bool) -> Error {
        let mut told = self.failed(error);
        if matches!(error, DbError::OutcomeUnknown(_)) && is_claimed {
            told.retryable = true;
            told.hint = Some("send the same call again under the same `idempotency_key`".to_owned());
        }
        told
    }

    /// The answer, redacted, with what is to be known about it.
    ///
    /// # Errors
    ///
    /// `INTERNAL` when statements are still due.
    pub fn conclude(&mut self) -> Result<Concluded<Written>> {
        let redactor = Redactor::new(self.engine.keys().hash.as_ref(), &self.context.principal);
        let written = telemetry::redact().in_scope(|| self.course.conclude(&redactor))?;
        Ok(self.concluded(written))
    }

    /// An answer to this write, with what is to be known about it.
    pub(crate) fn concluded(&self, written: Written) -> Concluded<Written> {
        let facts = Facts {
            request_id: self.context.request_id.clone(),
            row_count: usize::try_from(written.affected()).unwrap_or(usize::MAX),
            policy_version: self.engine.policy().version().to_owned(),
            policies_applied: self.applied(),
        };
        Concluded { data: written, facts }
    }

    fn applied(&self) -> Vec<String> {
        applied_names(self.engine.policy().catalog(), &self.view, self.course.plan().applied())
    }

    /// What the policy decided, for the record, with the rules that took part.
    pub(crate) fn for_record(&self) -> (Decided, Vec<String>) {
        let decided = Decided::of_write(self.course.plan(), self.engine.policy().catalog(), &self.view);
        (decided, self.applied())
    }

    /// The rows that the write found and left, for the record; once it has concluded.
    pub(crate) fn take_snapshots(&mut self) -> Option<Snapshots> {
        self.course.take_snapshots()
    }
}

/// What the caller of a write may know of a failure that says nothing of the write itself.
pub(crate) fn failed(error: &DbError, request_id: &str) -> Error {
    match error {
        DbError::Timeout => {
            tracing::warn!(request_id, "a write was stopped at its time limit");
            Error::new(ErrorCode::Timeout, "the write took too long and was stopped; nothing was changed")
                .hint(Some("change fewer rows at once, or try again later".to_owned()))
        }
        DbError::OutcomeUnknown(_) => {
            database_error!(error, request_id, error, "nobody knows whether a write was kept");
            let mut unknown = Error::new(ErrorCode::DatabaseUnavailable, "it is not known whether the write was made")
                .hint(Some("read the record before the write is sent again".to_owned()));
            unknown.retryable = false;
            unknown
        }
        DbError::ReadOnly(_) => {
            database_error!(warn, request_id, error, "the database takes no writes");
            Error::new(ErrorCode::WriteNotAllowed, "the database takes no writes")
        }
        error => crate::toolset::failed(error, request_id),
    }
}
