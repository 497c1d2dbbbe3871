//! Looking at requests that wait, and deciding about them.

use jiff::Timestamp;
use ormai_core::answer::Written;
use ormai_core::audited;
use ormai_core::error::{Error, ErrorCode, Result};
use ormai_core::principal::{CallContext, Principal};
use ormai_core::request::limits;
use serde_json::json;

use super::record::{Approval, Decision, Outcome, Status};
use super::rights::{self, Part};
use super::store::{ApprovalFilter, ApprovalStore, Change, StoreError};
use crate::audit::{Action, Attempt, Refused};
use crate::{RunContext, Toolset, telemetry};

/// What can be done about requests that wait. Who is asking, and what time it is, comes from the
/// context.
#[derive(Clone, Copy, Debug)]
pub struct Approvals<'a> {
    tools: &'a Toolset,
}

/// Who asks, where, and the circumstances of the call.
type Asked<'a, 'c> = (&'a RunContext<'c>, &'a CallContext);

/// The most that are read at once, when others are left out.
const BATCH: u32 = 500;

impl<'a> Approvals<'a> {
    pub(crate) fn new(tools: &'a Toolset) -> Self {
        Self { tools }
    }

    /// The requests that one may decide about, and one's own, the newest first.
    ///
    /// # Errors
    ///
    /// `DATABASE_UNAVAILABLE` or `INTERNAL` when the store does not answer.
    pub async fn list(&self, ctx: &RunContext<'_>, filter: &ApprovalFilter) -> Result<Vec<Approval>, Refused> {
        let call = ctx.call();
        let mut attempt = self.tools.attempt(ctx, &call, "list_approvals", Action::Approval);
        attempt.tell(|record| {
            record.policy_version = self.tools.engine().policy().version().to_owned();
            record.inputs = json!({"status": filter.status, "limit": filter.most()});
        });
        let outcome = self.listed(&call, filter).await;
        attempt.tell(|record| record.row_count = outcome.as_ref().ok().map(|found| found.len() as u64));
        attempt.close_as(outcome).await.map(|(found, _)| found)
    }

    async fn listed(&self, call: &CallContext, filter: &ApprovalFilter) -> Result<Vec<Approval>> {
        let (engine, store) = (self.tools.engine(), self.store()?);
        if filter.before.as_deref().is_some_and(|before| !is_name(before)) {
            return Err(Error::invalid("before", "expected the id of an approval"));
        }
        let tenant = (!rights::looks_beyond(&engine, call)).then(|| call.principal.tenant_id());
        let mut page = ApprovalFilter { status: filter.status, before: filter.before.clone(), limit: Some(BATCH) };
        if filter.status == Some(Status::Expired) {
            // Those that nobody looked at since are still stored as pending.
            page.status = None;
        }
        let mut found = Vec::new();
        loop {
            let batch = store.list(tenant, &page).await.map_err(|error| told(&error, call))?;
            let is_last = batch.len() < page.most() as usize;
            page.before = batch.last().map(|approval| approval.id.clone());
            let seen = batch
                .into_iter()
                .filter(|approval| rights::part(&engine, call, approval) != Part::Stranger)
                .map(|approval| at(approval, call.now))
                .filter(|approval| filter.status.is_none_or(|status| approval.status == status));
            found.extend(seen);
            if is_last || found.len() >= filter.most() as usize {
                found.truncate(filter.most() as usize);
                return Ok(found);
            }
        }
    }

    /// One request that one may decide about, or one's own.
    ///
    /// # Errors
    ///
    /// `RECORD_NOT_FOUND`: the same for one that is not there and for somebody else's.
    pub async fn show(&self, ctx: &RunContext<'_>, id: &str) -> Result<Approval, Refused> {
        let call = ctx.call();
        let attempt = self.about(ctx, &call, "show_approval", id, None);
        let outcome = self.seen(&call, id).await.map(|(approval, _)| at(approval, call.now));
        attempt.close_as(outcome).await.map(|(approval, _)| approval)
    }

    /// Begins the record of what is done about a request.
    fn about(&self, ctx: &RunContext<'_>, call: &CallContext, tool: &str, id: &str, note: Option<&str>) -> Attempt {
        let mut attempt = self.tools.attempt(ctx, call, tool, Action::Approval);
        attempt.tell(|record| {
            record.policy_version = self.tools.engine().policy().version().to_owned();
            record.inputs = json!({"id": audited::name(id)});
            record.approval_id = is_name(id).then(|| id.to_owned());
            record.reason = note.filter(|note| note.len() <= limits::REASON_BYTES).map(str::to_owned);
        });
        attempt
    }

    /// Ends the record of a decision; what was decided about stands in it.
    async fn decided(mut attempt: Attempt, outcome: Result<Approval>) -> Result<Approval, Refused> {
        attempt.tell(|record| {
            if let Ok(approval) = &outcome {
                record.model = Some(approval.model.clone());
                record.after_snapshot = Some(json!({"status": approval.status}));
            }
        });
        attempt.close_as(outcome).await.map(|(approval, _)| approval)
    }

    /// Says yes to a request, and makes the write. When the write could not be made for a reason
    /// that passes, the same approver says yes again.
    ///
    /// Where the toolset's database has no connections of its own, the write is made on that of the
    /// context, in the transaction that is open there. Nobody knows yet whether that is committed, so the
    /// request stays approved: whoever looks afterwards ([`Approvals::resume_in`], or the same approver
    /// once more) finds that it was made, or makes it.
    ///
    /// # Errors
    ///
    /// `RECORD_NOT_FOUND` as [`Approvals::show`]; `WRITE_NOT_ALLOWED` for one's own request;
    /// `CONFLICT` when it was decided before, has expired, or was made under another policy; an
    /// error that may be tried again, after which the request is approved and not yet made.
    pub async fn approve(&self, ctx: &RunContext<'_>, id: &str, note: Option<&str>) -> Result<Approval, Refused> {
        let call = ctx.call();
        let mut attempt = self.about(ctx, &call, "approve", id, note);
        let outcome = self.approved((ctx, &call), id, note, &mut attempt).await;
        Self::decided(attempt, outcome).await
    }

    async fn approved(
        &self,
        (ctx, call): Asked<'_, '_>,
        id: &str,
        note: Option<&str>,
        attempt: &mut Attempt,
    ) -> Result<Approval> {
        check_note(note)?;
        let approval = self.decidable(call, id).await?;
        attempt.intend().await?;
        let parent = attempt.id();
        let by_me = |decision: &Decision| {
            (&decision.tenant_id, &decision.user_id) == (call.principal.tenant_id(), call.principal.user_id())
        };
        match approval.status {
            Status::Pending => {
                self.decide(call, &approval, Status::Approved, note, attempt).await?;
                tracing::info!(request_id = %call.request_id, approval = id, "a write was approved");
                self.execute((ctx, call), approval, parent).await
            }
            Status::Approved if approval.decision.as_ref().is_some_and(by_me) => {
                self.go_on((ctx, call), approval, parent).await
            }
            _ => Err(gone(&approval)),
        }
    }

    /// Says no to a request.
    ///
    /// # Errors
    ///
    /// As [`Approvals::approve`]; there is nothing to try again.
    pub async fn reject(&self, ctx: &RunContext<'_>, id: &str, note: Option<&str>) -> Result<Approval, Refused> {
        let call = ctx.call();
        let mut attempt = self.about(ctx, &call, "reject", id, note);
        let outcome = self.rejected(&call, id, note, &mut attempt).await;
        Self::decided(attempt, outcome).await
    }

    async fn rejected(
        &self,
        call: &CallContext,
        id: &str,
        note: Option<&str>,
        attempt: &mut Attempt,
    ) -> Result<Approval> {
        check_note(note)?;
        let approval = self.decidable(call, id).await?;
        attempt.intend().await?;
        if approval.status != Status::Pending {
            return Err(gone(&approval));
        }
        self.decide(call, &approval, Status::Rejected, note, attempt).await?;
        self.find(call, id).await
    }

    /// Takes a request that waits to what was decided about it, unless somebody else did before.
    async fn decide(
        &self,
        call: &CallContext,
        approval: &Approval,
        to: Status,
        note: Option<&str>,
        attempt: &mut Attempt,
    ) -> Result<()> {
        self.hold_to_time_and_policy(approval, call, Status::Pending).await?;
        let decision = decision(call, note);
        // Whoever lets go, or hears nothing of the store, does not know what it has kept.
        attempt.keep();
        if !self.advance(call, &approval.id, Status::Pending, to, Change::Decided(&decision)).await? {
            attempt.let_go();
            return Err(gone(&self.find(call, &approval.id).await?));
        }
        attempt.tell(|record| record.after_snapshot = Some(json!({"status": to})));
        Ok(())
    }

    /// Goes on with a request that was approved, after a crash or a failure that passed. For
    /// operators: who may approve has been decided, and is not asked again.
    ///
    /// # Errors
    ///
    /// `RECORD_NOT_FOUND` when there is none; `CONFLICT` when it was not approved, or cannot be made
    /// any more.
    pub async fn resume(&self, id: &str) -> Result<Approval, Refused> {
        self.resume_at(id, Timestamp::now()).await
    }

    /// As [`Approvals::resume`], with what `now()` means.
    ///
    /// # Errors
    ///
    /// As [`Approvals::resume`].
    pub async fn resume_at(&self, id: &str, now: Timestamp) -> Result<Approval, Refused> {
        self.resume_in(&RunContext::new(Principal::without_tenant()).now(now), id).await
    }

    /// As [`Approvals::resume`], on the connection of a context where the toolset has none of its own.
    ///
    /// # Errors
    ///
    /// As [`Approvals::resume`].
    pub async fn resume_in(&self, ctx: &RunContext<'_>, id: &str) -> Result<Approval, Refused> {
        let call = ctx.call();
        let mut attempt = self.about(ctx, &call, "resume", id, None);
        let outcome = self.resumed((ctx, &call), id, &mut attempt).await;
        Self::decided(attempt, outcome).await
    }

    async fn resumed(&self, asked: Asked<'_, '_>, id: &str, attempt: &mut Attempt) -> Result<Approval> {
        let (_, call) = asked;
        let approval = self.find(call, id).await?;
        match approval.status {
            Status::Executed => Ok(approval),
            Status::Approved | Status::Failed => {
                attempt.intend().await?;
                self.go_on(asked, approval, attempt.id()).await
            }
            _ => Err(gone(&approval)),
        }
    }

    /// What was begun before may have been done: the ledger knows.
    async fn go_on(&self, asked: Asked<'_, '_>, approval: Approval, parent: Option<String>) -> Result<Approval> {
        let (ctx, call) = asked;
        if let Some(written) = self.tools.recorded(&approval, ctx, call).await? {
            return self.executed(call, &approval, &written).await;
        }
        if approval.status == Status::Failed {
            return Ok(approval);
        }
        self.hold_to_time_and_policy(&approval, call, Status::Approved).await?;
        self.execute(asked, approval, parent).await
    }

    /// Makes the write, or finds that it was made. Whoever else does the same at this moment finds the
    /// same record.
    async fn execute(&self, asked: Asked<'_, '_>, approval: Approval, parent: Option<String>) -> Result<Approval> {
        let (ctx, call) = asked;
        match self.tools.run_approved(&approval, ctx, call.now, parent).await {
            // Its transaction is another's, who has not committed it.
            Ok(_) if !self.tools.database().has_connections() => self.find(call, &approval.id).await,
            Ok(written) => self.executed(call, &approval, &written).await,
            Err(error) if error.retryable => Err(error.into()),
            // Its record is missing, and it was made all the same: it must not be asked for again.
            Err(error) if error.code == ErrorCode::AuditUnavailable => {
                if let Some(written) = self.tools.recorded(&approval, ctx, call).await?
                    && self.tools.database().has_connections()
                {
                    self.executed(call, &approval, &written).await?;
                }
                Err(error.into())
            }
            Err(error) => {
                let outcome = Outcome::Error { code: error.code.as_str().to_owned(), message: error.message.clone() };
                let (from, to) = (Status::Approved, Status::Failed);
                self.advance(call, &approval.id, from, to, Change::Tried(&outcome)).await?;
                self.find(call, &approval.id).await
            }
        }
    }

    /// The write is stored, whatever anybody else has taken the request for meanwhile.
    async fn executed(&self, call: &CallContext, approval: &Approval, written: &Written) -> Result<Approval> {
        let outcome = Outcome::AffectedCount(written.affected());
        for from in [Status::Approved, Status::Failed, Status::Void, Status::Expired] {
            if self.advance(call, &approval.id, from, Status::Executed, Change::Tried(&outcome)).await? {
                break;
            }
        }
        self.find(call, &approval.id).await
    }

    /// A request that has expired, or that another policy would decide about, is closed.
    async fn hold_to_time_and_policy(&self, approval: &Approval, call: &CallContext, from: Status) -> Result<()> {
        let closed = if call.now >= approval.expires_at {
            Status::Expired
        } else if self.tools.engine().policy().version() != approval.policy_version {
            Status::Void
        } else {
            return Ok(());
        };
        self.advance(call, &approval.id, from, closed, Change::Only).await?;
        Err(gone(&self.find(call, &approval.id).await?))
    }

    /// A request that this principal may decide about.
    async fn decidable(&self, call: &CallContext, id: &str) -> Result<Approval> {
        match self.seen(call, id).await? {
            (approval, Part::Approver) => Ok(approval),
            (_, Part::Requester | Part::Stranger) => {
                Err(Error::new(ErrorCode::WriteNotAllowed, "a request is not decided by the one who made it")
                    .hint(Some("another principal decides, with one of the model's `approver_roles`".to_owned())))
            }
        }
    }

    async fn seen(&self, call: &CallContext, id: &str) -> Result<(Approval, Part)> {
        let approval = self.find(call, id).await?;
        match rights::part(&self.tools.engine(), call, &approval) {
            Part::Stranger => Err(not_there()),
            part => Ok((approval, part)),
        }
    }

    async fn find(&self, call: &CallContext, id: &str) -> Result<Approval> {
        let store = self.store()?;
        if !is_name(id) {
            return Err(not_there());
        }
        store.find(id).await.map_err(|error| told(&error, call))?.ok_or_else(not_there)
    }

    async fn advance(
        &self,
        call: &CallContext,
        id: &str,
        from: Status,
        to: Status,
        change: Change<'_>,
    ) -> Result<bool> {
        self.store()?.advance(id, from, to, change).await.map_err(|error| told(&error, call))
    }

    fn store(&self) -> Result<&'a dyn ApprovalStore> {
        self.tools.approval_store().ok_or_else(|| {
            Error::new(ErrorCode::Internal, "no store of approvals is set up")
                .hint(Some("the operator names one under `approvals`, or with `Builder::approvals`".to_owned()))
        })
    }
}

fn decision(call: &CallContext, note: Option<&str>) -> Decision {
    Decision {
        tenant_id: call.principal.tenant_id().clone(),
        user_id: call.principal.user_id().clone(),
        at: call.now,
        note: note.map(str::to_owned),
    }
}

/// As it is at a time: nobody has to look at a request for it to expire.
fn at(mut approval: Approval, now: Timestamp) -> Approval {
    if approval.status == Status::Pending && now >= approval.expires_at {
        approval.status = Status::Expired;
    }
    approval
}

/// Whether this is how approvals are named; a store is asked for nothing else.
fn is_name(id: &str) -> bool {
    let rest = id.strip_prefix("apr-");
    rest.is_some_and(|rest| rest.len() <= 40 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
}

fn check_note(note: Option<&str>) -> Result<()> {
    match note {
        Some(note) if note.len() > limits::REASON_BYTES => {
            Err(Error::invalid("note", format!("a note has at most {} bytes", limits::REASON_BYTES)))
        }
        _ => Ok(()),
    }
}

fn not_there() -> Error {
    Error::new(ErrorCode::RecordNotFound, "there is no such approval")
}

/// Why nothing can be decided any more.
fn gone(approval: &Approval) -> Error {
    let (message, hint) = match approval.status {
        Status::Pending => ("the request waits for a decision", "approve it first"),
        Status::Approved => ("the request was approved already", "its approver, or `resume`, goes on with it"),
        Status::Executed => ("the request was approved and made already", "an approval is good for one write"),
        Status::Failed => ("the request was approved, and refused when it was made", "it has to be made again"),
        Status::Rejected => ("the request was rejected", "it has to be made again"),
        Status::Expired => ("the request has expired", "it has to be made again"),
        Status::Void => ("the request was made under another policy", "it has to be made again"),
    };
    Error::new(ErrorCode::Conflict, message).hint(Some(hint.to_owned())).detail("status", approval.status.as_str())
}

/// What a caller may know of a failure in the store; the rest goes to the log.
pub(super) fn told(error: &StoreError, call: &CallContext) -> Error {
    tracing::warn!(request_id = %call.request_id, class = error.class(), "the store of approvals failed");
    telemetry::detail(&call.request_id, error);
    match error {
        StoreError::NotInstalled => Error::new(ErrorCode::Internal, "the store of approvals is not installed")
            .hint(Some("the operator runs `ormai install`, or `OrmAi::install`".to_owned())),
        StoreError::Unavailable(_) => {
            Error::new(ErrorCode::DatabaseUnavailable, "the store of approvals cannot be reached")
        }
        StoreError::Failed(_) => Error::new(ErrorCode::Internal, "the store of approvals failed"),
    }
}
