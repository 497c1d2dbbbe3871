//! Parking a write, and making it once somebody said yes.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ormai_core::answer::{Pending, Written};
use ormai_core::catalog::ModelId;
use ormai_core::error::{Error, ErrorCode, Result};
use ormai_core::idempotency::Claim;
use ormai_core::principal::CallContext;
use ormai_core::request::Request;
use ormai_db::idempotency::{self, Recorded};
use ormai_db::{DbError, Session};

use super::record::{Approval, Status};
use super::rights::is_given;
use super::store::{ApprovalStore, StoreError};
use crate::audit::{Attempt, Refused, action_of};
use crate::context::Db;
use crate::once::{answer, not_installed};
use crate::response::Concluded;
use crate::toolset::{Toolset, failed, session};
use crate::write::WriteCall;
use crate::writes::Word;
use crate::{Engine, RunContext};

/// Long enough for a look at one record.
const LOOK: Duration = Duration::from_secs(5);

type Looked<T> = std::result::Result<T, DbError>;

/// A write that waits for somebody's word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait<'a> {
    store: &'a dyn ApprovalStore,
    model: ModelId,
    ttl_s: u32,
}

impl Toolset {
    /// How a write waits that needs an approval.
    ///
    /// # Errors
    ///
    /// Why nobody could give it: then nothing is parked.
    pub(crate) fn wait(&self, call: &WriteCall) -> Result<Wait<'_>> {
        let context = call.context();
        let Some(store) = self.approval_store() else {
            return Err(nobody("no store of approvals is set up", "the operator names one under `approvals`"));
        };
        let view = call.engine().view(context.principal.roles());
        let rules = view.model(call.plan().model()).map(|rules| &rules.write);
        let Some(rules) = rules.filter(|rules| !rules.approver_roles.is_empty()) else {
            let hint = "the operator names roles under `approver_roles` in the policy";
            return Err(nobody("nobody may approve this write", hint));
        };
        if !is_given(context.principal.user_id()) {
            let missing = "the write needs somebody else's approval, and `principal.user_id` is missing";
            return Err(Error::new(ErrorCode::PrincipalIncomplete, missing)
                .hint(Some("the host application sets it from the verified caller; a request cannot".to_owned())));
        }
        Ok(Wait { store, model: call.plan().model(), ttl_s: rules.approval_ttl_s })
    }

    /// Makes the write of an approved request under the requester, once.
    ///
    /// It is made on the toolset's own database; where that has no connections, on the one of `by`, in the
    /// transaction that is open there.
    pub(super) async fn run_approved(
        &self,
        approval: &Approval,
        by: &RunContext<'_>,
        now: Timestamp,
        parent: Option<String>,
    ) -> Result<Written, Refused> {
        let db = if self.database.has_connections() { Db::Own } else { by.db.shared() };
        let ctx = RunContext::new(approval.requester.clone()).with(db).now(now).within_call(parent);
        let call = ctx.call();
        let mut attempt = self.attempt(&ctx, &call, approval.tool.name(), action_of(approval.tool));
        attempt.tell(|record| record.approval_id = Some(approval.id.clone()));
        let outcome = self.made(&ctx, call, approval, &mut attempt).await;
        attempt.close(outcome).await.map(|response| response.data)
    }

    async fn made(
        &self,
        ctx: &RunContext<'_>,
        call: CallContext,
        approval: &Approval,
        attempt: &mut Attempt,
    ) -> Result<Concluded<Written>> {
        let engine = self.engine();
        if engine.policy().version() != approval.policy_version {
            return Err(Error::new(ErrorCode::Conflict, "the request was made under another policy"));
        }
        let request = approval.parked_request()?;
        let word = Word::Approved { id: &approval.id, engine: &engine };
        self.write_by(ctx, call, &request, word, attempt).await
    }

    /// What the write of an approved request came to, if it was made.
    pub(super) async fn recorded(
        &self,
        approval: &Approval,
        by: &RunContext<'_>,
        call: &CallContext,
    ) -> Result<Option<Written>> {
        let claim = Claim::of_approval(&approval.id, &approval.parked_request()?, &approval.policy_version)?;
        let (found, released) = match &by.db {
            Db::Held(held) if !self.database.has_connections() => {
                look(&mut *held.lock(self.database.dialect()).await?, &claim).await
            }
            _ => look(&mut session(&self.database, &self.engine(), &call.request_id).await?, &claim).await,
        };
        match found {
            Ok(None) => released.map(|()| None).map_err(|error| failed(&error, &call.request_id)),
            Ok(Some(recorded)) => answer(&claim, &recorded).map(Some),
            Err(DbError::NotThere(_)) => Err(not_installed(ErrorCode::Internal)),
            Err(error) => Err(failed(&error, &call.request_id)),
        }
    }
}

/// What the ledger says, and whether the connection went back as it was.
async fn look(session: &mut Session<'_>, claim: &Claim) -> (Looked<Option<Recorded>>, Looked<()>) {
    let found = idempotency::find(session, claim.id(), LOOK).await;
    let released = session.release().await;
    (found, released)
}

impl Wait<'_> {
    /// Whether the ledger is there, without which no approval could be used: asked before the transaction.
    pub(crate) async fn check_ledger(&self, call: &WriteCall, session: &mut Session<'_>) -> Result<()> {
        match idempotency::find(session, "approval:", call.timeout()).await {
            Ok(_) => Ok(()),
            Err(DbError::NotThere(_)) => Err(not_installed(ErrorCode::ApprovalRequired)),
            Err(error) => Err(call.failed(&error)),
        }
    }
}

/// A request on its way into the store.
#[derive(Clone, Copy)]
pub(crate) struct Parking<'a> {
    /// The policy that it was tried under.
    pub(crate) engine: &'a Engine,
    pub(crate) context: &'a CallContext,
    pub(crate) request: &'a Request,
    pub(crate) wait: Wait<'a>,
    pub(crate) pending: &'a Pending,
}

impl Parking<'_> {
    /// Whether it is there already.
    pub(crate) async fn is_parked(&self) -> Result<bool> {
        let found = self.wait.store.find(&self.pending.approval_id).await;
        found.map(|found| found.is_some()).map_err(|error| refused(&error, self.context))
    }

    /// Stores it, with what its dry run showed.
    pub(crate) async fn park(&self, preview: &Written) -> Result<()> {
        let (policy, context) = (self.engine.policy(), self.context);
        let unwritten = |_| Error::new(ErrorCode::Internal, "the preview of the write cannot be written down");
        let expires_at = context
            .now
            .checked_add(Duration::from_secs(u64::from(self.wait.ttl_s)))
            .map_err(|_| Error::new(ErrorCode::Internal, "the approval would never expire"))?;
        let approval = Approval {
            id: self.pending.approval_id.clone(),
            status: Status::Pending,
            requested_at: context.now,
            expires_at,
            requester: context.principal.clone(),
            policy_version: policy.version().to_owned(),
            tool: self.request.tool(),
            model: policy.catalog().model(self.wait.model).name.clone(),
            request: self.request.arguments()?,
            preview: serde_json::to_value(preview).map_err(unwritten)?,
            decision: None,
            outcome: None,
        };
        if let Err(error) = self.wait.store.park(&approval).await
            // Of two who send the same under one key, one parks it.
            && !matches!(self.wait.store.find(&approval.id).await, Ok(Some(_)))
        {
            return Err(refused(&error, context));
        }
        tracing::info!(request_id = %context.request_id, approval = approval.id, "a write waits for an approval");
        Ok(())
    }
}

fn nobody(message: &str, hint: &str) -> Error {
    Error::new(ErrorCode::ApprovalRequired, format!("the write needs an approval, and {message}"))
        .hint(Some(hint.to_owned()))
}

fn refused(error: &StoreError, context: &CallContext) -> Error {
    match error {
        StoreError::NotInstalled => not_installed(ErrorCode::ApprovalRequired),
        error => super::decide::told(error, context),
    }
}

/// The engine of a request that is made by an approver's word.
pub(crate) fn engine_of(word: Word<'_>, tools: &Toolset) -> Arc<Engine> {
    match word {
        Word::Requester => tools.engine(),
        Word::Approved { engine, .. } => Arc::clone(engine),
    }
}
