//! A call on its way to its record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use jiff::Timestamp;
use ormai_audit::{Action, Attending, Outcome, Record, RecordedError, StoreError, Trail, TrailError};
use ormai_core::audited::{self, Decided, Snapshots};
use ormai_core::error::{Error, ErrorCode, Result};
use ormai_core::fault::Fault;
use ormai_core::principal::CallContext;
use ormai_core::request::{Request, Tool, limits};

use tracing::{Instrument as _, Span};

use super::receipt::{Receipt, Refused};
use crate::context::{Db, RunContext};
use crate::response::{Concluded, Response};
use crate::telemetry::{self, CallSpan};
use crate::{Engine, Toolset};

/// A call on its way to its record. It ends in [`Attempt::close`]; one that is dropped before is
/// recorded as that.
pub(crate) struct Attempt {
    recording: Option<Recording>,
    span: CallSpan,
    begun: Instant,
}

struct Recording {
    trail: Trail,
    attending: Attending,
    record: Box<Record>,
    is_intended: bool,
    /// Whether what was written is being kept, or has been.
    is_keeping: Arc<AtomicBool>,
    is_closed: bool,
}

impl Toolset {
    /// Begins the record of a call.
    pub(crate) fn attempt(&self, ctx: &RunContext<'_>, call: &CallContext, tool: &str, action: Action) -> Attempt {
        let mut attempt = self.attempt_of(call, tool, action);
        attempt.tell(|record| {
            record.parent = ctx.parent().map(str::to_owned);
            if let Db::Held(held) = &ctx.db {
                record.transaction = Some(held.transaction().to_owned());
            }
        });
        attempt
    }

    /// Begins the record of something that is done outside of any transaction.
    pub(crate) fn attempt_of(&self, call: &CallContext, tool: &str, action: Action) -> Attempt {
        let begun = Instant::now();
        // A tool that there is none of is the caller's word.
        let known = action != Action::Unknown || Tool::ALL.iter().any(|known| known.name() == tool);
        let span = CallSpan::begin(&self.metrics, call, known.then_some(tool));
        let Some(trail) = self.trail() else { return Attempt { recording: None, span, begun } };
        let mut record = Record::begin(Timestamp::now(), call.request_id.as_str(), tool);
        record.trace_id.clone_from(&call.trace_id);
        record.tenant_id = call.principal.tenant_id().clone();
        record.user_id = call.principal.user_id().clone();
        record.roles = call.principal.roles().to_vec();
        record.action = action;
        let recording = Recording {
            trail: trail.clone(),
            attending: trail.attend(),
            record: Box::new(record),
            is_intended: false,
            is_keeping: Arc::default(),
            is_closed: false,
        };
        Attempt { recording: Some(recording), span, begun }
    }
}

impl Attempt {
    /// A part of another call, which has the record.
    pub(crate) fn part() -> Self {
        Self { recording: None, span: CallSpan::part(), begun: Instant::now() }
    }

    /// The span of the call, for its work.
    pub(crate) fn span(&self) -> Span {
        self.span.span().clone()
    }

    /// Whether there will be a record.
    pub(crate) fn is_recorded(&self) -> bool {
        self.recording.is_some()
    }

    /// The name of the record.
    pub(crate) fn id(&self) -> Option<String> {
        self.recording.as_ref().map(|recording| recording.record.id.clone())
    }

    /// Puts something into the record.
    pub(crate) fn tell(&mut self, tell: impl FnOnce(&mut Record)) {
        if let Some(recording) = &mut self.recording {
            tell(&mut recording.record);
        }
    }

    /// What is asked, without the values of hidden fields.
    pub(crate) fn asked(&mut self, request: &Request, engine: &Engine) {
        self.span.asked(request.model(), engine);
        self.tell(|record| {
            let catalog = engine.policy().catalog();
            let view = engine.view(&record.roles);
            record.model = request.model().map(|model| audited::name(model).into_owned());
            record.inputs = audited::inputs(request, catalog, &view);
            // A longer one is refused, and no record is as long as somebody likes.
            let reason = request.reason().filter(|reason| reason.len() <= limits::REASON_BYTES);
            record.reason = reason.map(str::to_owned);
            record.policy_version = engine.policy().version().to_owned();
        });
    }

    /// The request could not be read.
    pub(crate) fn unread(&mut self, bytes: impl FnOnce() -> usize, engine: &Engine) {
        self.span.asked(None, engine);
        self.tell(|record| {
            record.inputs = audited::unread(bytes());
            record.policy_version = engine.policy().version().to_owned();
        });
    }

    /// What the policy decided.
    pub(crate) fn decided(&mut self, decided: impl FnOnce() -> (Decided, Vec<String>)) {
        self.tell(|record| {
            let (decided, applied) = decided();
            record.policies_applied = applied;
            record.scopes_injected = decided.scopes_injected;
            record.inferred_permits = decided.inferred_permits;
            record.bypass = decided.bypass;
            record.fields_redacted = decided.fields_redacted;
        });
    }

    /// Whether what is about to be done needs an intent: reads that use a bypass do.
    pub(crate) fn uses_bypass(&self) -> bool {
        self.recording.as_ref().is_some_and(|recording| !recording.record.bypass.is_empty())
    }

    /// Says in the trail that something is about to be done; on stable storage when it returns.
    ///
    /// # Errors
    ///
    /// `AUDIT_UNAVAILABLE`: then nothing may be done.
    pub(crate) async fn intend(&mut self) -> Result<()> {
        let Some(recording) = &mut self.recording else { return Ok(()) };
        if recording.is_intended {
            return Ok(());
        }
        // Set before, because nobody knows what is in the stores of a trail that refused, and what is
        // there has to be closed.
        recording.is_intended = true;
        let intended = recording.trail.intend(&recording.record).await;
        intended.map_err(|error| unavailable(&error, &recording.record.request_id, "nothing was done"))
    }

    /// From now on what was asked is done, or may be, whatever still comes.
    pub(crate) fn keep(&self) {
        self.keeping().store(true, Ordering::Release);
    }

    /// Nothing of it was done after all.
    pub(crate) fn let_go(&self) {
        self.keeping().store(false, Ordering::Release);
    }

    /// By what a write says that it is being kept.
    pub(crate) fn keeping(&self) -> Arc<AtomicBool> {
        self.recording.as_ref().map(|recording| Arc::clone(&recording.is_keeping)).unwrap_or_default()
    }

    /// The write waits for an approval.
    pub(crate) fn parked(&mut self, approval_id: &str) {
        self.keep();
        self.tell(|record| {
            record.approval_id = Some(approval_id.to_owned());
            record.outcome = Outcome::Pending;
        });
    }

    /// The rows that a write found and left.
    pub(crate) fn wrote(&mut self, snapshots: Option<Snapshots>) {
        self.tell(|record| {
            if let Some(snapshots) = snapshots.filter(|_| !Fault::WriteWithoutSnapshot.is_on()) {
                record.before_snapshot = snapshots.before;
                record.after_snapshot = snapshots.after;
            }
        });
    }

    /// Closes the record of a call that ends in an answer of a tool.
    ///
    /// # Errors
    ///
    /// The refusal or failure, recorded; `AUDIT_UNAVAILABLE` when the record was not taken: then there
    /// is no answer.
    pub(crate) async fn close<T>(mut self, outcome: Result<Concluded<T>>) -> Result<Response<T>, Refused> {
        if let Ok(Concluded { facts, .. }) = &outcome {
            self.span.counted(facts.row_count);
            self.tell(|record| {
                record.row_count = Some(facts.row_count as u64);
                record.policy_version.clone_from(&facts.policy_version);
            });
        }
        let begun = self.begun;
        let (Concluded { data, facts }, receipt) = self.close_as(outcome).await?;
        Ok(Response::new(data, facts, begun.elapsed(), receipt))
    }

    /// Closes the record of something else.
    ///
    /// # Errors
    ///
    /// As [`Attempt::close`].
    pub(crate) async fn close_as<T>(mut self, outcome: Result<T>) -> Result<(T, Receipt), Refused> {
        let begun = self.begun;
        let closed = self.recorded(outcome).await;
        let span = std::mem::replace(&mut self.span, CallSpan::part());
        span.ended(closed.as_ref().err().map(|refused| refused.code), || begun.elapsed());
        closed
    }

    async fn recorded<T>(&mut self, outcome: Result<T>) -> Result<(T, Receipt), Refused> {
        let begun = self.begun;
        let Some(recording) = &mut self.recording else {
            return match outcome {
                Ok(done) => Ok((done, Receipt::new(None))),
                Err(error) => Err(Refused::new(error, Receipt::new(None))),
            };
        };
        let is_keeping = recording.is_keeping.load(Ordering::Acquire);
        let is_kept = is_keeping && outcome.is_ok();
        let record = &mut recording.record;
        let worked = begun.elapsed();
        record.execution_time_ms = worked.as_secs_f64() * 1_000.0;
        match &outcome {
            Ok(_) => {
                record.success = true;
                if record.outcome == Outcome::Open {
                    record.outcome = Outcome::Answered;
                }
            }
            Err(error) => {
                record.success = false;
                record.outcome = if is_keeping { Outcome::Unknown } else { Outcome::Refused };
                record.error = Some(recorded(error));
            }
        }
        let stage = self.span.span().in_scope(telemetry::audit);
        // Before anything is waited for: the trail has the record from here on, also when the caller lets
        // go meanwhile, and a second one must not follow.
        recording.is_closed = !Fault::RecordClosedTwice.is_on();
        let taken = match recording.is_intended {
            true => recording.trail.close(record).instrument(stage).await,
            false if Fault::AnswerWithoutRecord.is_on() => Ok(()),
            false => recording.trail.note(record).instrument(stage).await,
        };
        recording.is_closed = true;
        if taken.is_ok() {
            self.span.recorded(|| begun.elapsed().saturating_sub(worked));
        }
        let receipt = Receipt::new(Some(record.id.clone()));
        match (taken, outcome) {
            (Ok(()), Ok(done)) => Ok((done, receipt)),
            (Ok(()), Err(error)) => Err(Refused::new(error, receipt)),
            // The intent stands, and the first cause says more.
            (Err(_), Err(error)) if error.code == ErrorCode::AuditUnavailable => Err(Refused::new(error, receipt)),
            (Err(error), outcome) => {
                let what = if is_kept { "what was asked has been done" } else { "nothing is answered" };
                let mut told = unavailable(&error, &record.request_id, what);
                told.retryable &= !is_kept && outcome.as_ref().err().is_none_or(|error| error.retryable);
                Err(Refused::new(told, receipt))
            }
        }
    }
}

/// A call that nobody waits for any more leaves its record all the same.
impl Drop for Attempt {
    fn drop(&mut self) {
        let Some(recording) = self.recording.as_mut().filter(|recording| !recording.is_closed) else { return };
        // In a forked process it is a copy: the call goes on in the one that began it.
        if !recording.attending.is_here() || Fault::DroppedCallUnrecorded.is_on() {
            return;
        }
        let record = &mut recording.record;
        record.execution_time_ms = self.begun.elapsed().as_secs_f64() * 1_000.0;
        record.success = false;
        let (outcome, message) = match recording.is_keeping.load(Ordering::Acquire) {
            true => (Outcome::Unknown, "the caller let go while it was being kept; it may have been done"),
            false => (Outcome::Dropped, "the caller let go before the end"),
        };
        record.outcome = outcome;
        record.error =
            Some(RecordedError { code: ErrorCode::Internal.as_str().to_owned(), message: message.to_owned() });
        recording.trail.leave_behind(record);
    }
}

/// What kind of thing a tool does.
pub(crate) fn action_of(tool: Tool) -> Action {
    match tool {
        Tool::DescribeSchema => Action::Describe,
        Tool::Query | Tool::Get | Tool::Aggregate => Action::Read,
        Tool::Create => Action::Create,
        Tool::Update | Tool::BulkUpdate => Action::Update,
        Tool::Delete => Action::Delete,
    }
}

fn recorded(error: &Error) -> RecordedError {
    RecordedError { code: error.code.as_str().to_owned(), message: audited::message(error).into_owned() }
}

/// What the caller may know of a trail that takes no records; the rest goes to the log.
fn unavailable(error: &TrailError, request_id: &str, what: &str) -> Error {
    tracing::error!(request_id, %error, "the audit trail took no record");
    let refused = Error::new(ErrorCode::AuditUnavailable, format!("the audit trail cannot be written, so {what}"));
    match error.error {
        StoreError::Forked => refused.hint("build the toolset in each process, after the fork".to_owned()),
        _ => refused,
    }
}
