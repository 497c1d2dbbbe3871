//! The tools that write, and transactions: the driver of [`WriteCall`] for sqlx.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ormai_core::answer::{Pending, Written};
use ormai_core::audited::Snapshots;
use ormai_core::error::{Error, ErrorCode, Result};
use ormai_core::fault::Fault;
use ormai_core::idempotency::Claim;
use ormai_core::principal::CallContext;
use ormai_core::request::{BulkUpdate, Create, Delete, Request, Update};
use ormai_db::{Database, DbError, Session};
use tracing::Instrument as _;

use crate::approvals::{Parking, Wait, engine_of};
use crate::audit::{Action, Attempt, Refused, action_of};
use crate::context::{Db, HeldSession};
use crate::once::{self, Turn};
use crate::response::{Concluded, Response};
use crate::telemetry::{self, database_error, inside};
use crate::toolset::{Toolset, session};
use crate::write::{WriteCall, WriteStatement, failed};
use crate::{Engine, RunContext};

/// How long the beginning of a transaction that calls share may take.
const BEGIN: Duration = Duration::from_secs(5);

impl Toolset {
    /// A new row.
    ///
    /// # Errors
    ///
    /// As [`Toolset::query`]; `WRITE_NOT_ALLOWED`, `VALIDATION_ERROR` and `CONFLICT` for what
    /// stands against the row. Then nothing was written.
    pub async fn create(&self, ctx: &RunContext<'_>, create: Create) -> Result<Response<Written>, Refused> {
        self.write(ctx, create.into()).await
    }

    /// Other values in one row.
    ///
    /// # Errors
    ///
    /// As [`Toolset::create`], and `RECORD_NOT_FOUND`: the same for a row that is not there and
    /// for one that the principal may not see or change.
    pub async fn update(&self, ctx: &RunContext<'_>, update: Update) -> Result<Response<Written>, Refused> {
        self.write(ctx, update.into()).await
    }

    /// One row less. Under `soft_delete` it is marked as deleted.
    ///
    /// # Errors
    ///
    /// As [`Toolset::update`].
    pub async fn delete(&self, ctx: &RunContext<'_>, delete: Delete) -> Result<Response<Written>, Refused> {
        self.write(ctx, delete.into()).await
    }

    /// The same values in several rows: all of them, or none.
    ///
    /// # Errors
    ///
    /// As [`Toolset::create`], and `MAX_AFFECTED_ROWS_EXCEEDED`.
    pub async fn bulk_update(&self, ctx: &RunContext<'_>, bulk: BulkUpdate) -> Result<Response<Written>, Refused> {
        self.write(ctx, bulk.into()).await
    }

    async fn write(&self, ctx: &RunContext<'_>, request: Request) -> Result<Response<Written>, Refused> {
        let (call, tool) = (ctx.call(), request.tool());
        let mut attempt = self.attempt(ctx, &call, tool.name(), action_of(tool));
        let span = attempt.span();
        let work = Box::pin(self.write_by(ctx, call, &request, Word::Requester, &mut attempt));
        let outcome = inside(span, work).await;
        attempt.close(outcome).await
    }

    /// A write by somebody's word.
    pub(crate) async fn write_by(
        &self,
        ctx: &RunContext<'_>,
        context: CallContext,
        request: &Request,
        word: Word<'_>,
        attempt: &mut Attempt,
    ) -> Result<Concluded<Written>> {
        let mut tried = 0;
        loop {
            let engine = engine_of(word, self);
            attempt.asked(request, &engine);
            let errand = self.errand(engine, &context, request, word, attempt)?;
            attempt.decided(|| errand.call.for_record());
            // A dry run changes nothing; under a bypass it shows what others own, as a read does.
            let is_intended = !request.is_dry_run() || attempt.uses_bypass();
            if is_intended && !Fault::IntentAfterStatement.is_on() {
                attempt.intend().await?;
            }
            let (wait, engine) = (errand.wait, Arc::clone(errand.call.engine()));
            tried += 1;
            // Boxed, because each transaction around a call would have its place for all of it on the
            // stack.
            let written = match &ctx.db {
                Db::Own => Box::pin(self.write_on_pool(&self.database, errand)).await,
                Db::Pool(database) => Box::pin(self.write_on_pool(database, errand)).await,
                Db::Held(held) => {
                    let mut session = held.lock(engine.compiler().dialect()).await?;
                    let written = Box::pin(kept_or_undone(errand, &mut session)).await;
                    released(&mut session, written, &context.request_id).await
                }
            };
            match written {
                Ok(Made { written, preview, snapshots, is_replayed }) => {
                    attempt.wrote(snapshots);
                    attempt.tell(|record| record.replayed = is_replayed);
                    if is_intended && Fault::IntentAfterStatement.is_on() {
                        attempt.intend().await?;
                    }
                    if let (Some(wait), Written::Pending(pending)) = (wait, &written.data) {
                        // From here on it may be parked, also for a caller that lets go.
                        attempt.keep();
                        // Only now: the store may be the same database, or wait for the same connection.
                        let parked = Parking { engine: &engine, context: &context, request, wait, pending };
                        // What was kept is its key alone, if it is not parked.
                        self.park(ctx, parked, preview).await.inspect_err(|_| attempt.let_go())?;
                    }
                    if let Written::Pending(pending) = &written.data {
                        attempt.parked(&pending.approval_id);
                    }
                    return Ok(written);
                }
                Err(error) => {
                    let pause = pause(ctx, tried, &error).ok_or(error)?;
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// A write with what has to be seen to beside it.
    fn errand<'a>(
        &'a self,
        engine: Arc<Engine>,
        context: &CallContext,
        request: &'a Request,
        word: Word<'a>,
        attempt: &Attempt,
    ) -> Result<Errand<'a>> {
        let mut call = WriteCall::unapproved(engine, context.clone(), request, attempt.is_recorded())?;
        let (claim, wait) = match word {
            Word::Approved { id, engine } => (Some(Claim::of_approval(id, request, engine.policy().version())?), None),
            Word::Requester if call.plan().needs_approval() && !request.is_dry_run() => {
                let (claim, wait) = (call.key_claim(request)?, self.wait(&call)?);
                // Nothing of it is kept; what it shows is parked with it.
                call = WriteCall::begin(Arc::clone(call.engine()), context.clone(), &request.clone().into_dry_run())?;
                (claim, Some(wait))
            }
            Word::Requester => (call.key_claim(request)?, None),
        };
        Ok(Errand { call, request, claim, wait, keeping: attempt.keeping() })
    }

    /// Parks a write that was tried. Under a key that was used before, it was parked then, unless the
    /// process ended in between.
    async fn park(&self, ctx: &RunContext<'_>, parking: Parking<'_>, preview: Option<Written>) -> Result<()> {
        let preview = match preview {
            Some(preview) => preview,
            None if parking.is_parked().await? => return Ok(()),
            None => {
                let dry = parking.request.clone().into_dry_run();
                let context = parking.context.clone();
                Box::pin(self.write_by(ctx, context, &dry, Word::Requester, &mut Attempt::part())).await?.data
            }
        };
        parking.park(&preview).await
    }

    async fn write_on_pool(&self, database: &Database, errand: Errand<'_>) -> Result<Made> {
        let request_id = errand.call.request_id().to_owned();
        let mut session = session(database, errand.call.engine(), &request_id).await?;
        let written = kept_or_undone(errand, &mut session).await;
        released(&mut session, written, &request_id).await
    }

    /// Groups calls: all that they write is kept, or nothing of it. Inside, use the context that
    /// `work` is given; a write that is refused leaves nothing of itself and does not end the
    /// transaction, a read that fails in the database does. It is committed when `work` succeeds,
    /// and rolled back when it fails or is dropped. In a transaction (also one of the caller's) it
    /// is a savepoint of it.
    ///
    /// With [`RunContext::retry`], `work` is done again from the start after a deadlock or a
    /// serialisation failure.
    ///
    /// ```no_run
    /// # use ormai::prelude::*;
    /// # async fn example(ormai: OrmAi, ctx: RunContext<'_>) -> Result<(), Error> {
    /// let tools = ormai.tools();
    /// tools
    ///     .transaction(&ctx, async |tx| {
    ///         let order = tools.create(tx, Create::new("Order").set("status", "pending")).await?;
    ///         tools.create(tx, Create::new("OrderItem").set("sku", "A-1")).await?;
    ///         Ok(order)
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `work`, of the database, and `CONFLICT` when the transaction cannot be committed.
    pub async fn transaction<'c, T>(
        &self,
        ctx: &RunContext<'c>,
        work: impl AsyncFn(&RunContext<'c>) -> Result<T>,
    ) -> Result<T, Refused> {
        let work = &work;
        self.transaction_with(ctx, |inner| async move { work(&inner).await }).await
    }

    /// As [`Toolset::transaction`], for work that hands its context on.
    ///
    /// # Errors
    ///
    /// As [`Toolset::transaction`].
    pub async fn transaction_with<'c, T, F: Future<Output = Result<T>>>(
        &self,
        ctx: &RunContext<'c>,
        work: impl Fn(RunContext<'c>) -> F,
    ) -> Result<T, Refused> {
        let call = ctx.call();
        let mut tried = 0;
        loop {
            tried += 1;
            // Each try has a record of its own: the calls in it point there, and it says whether they
            // were kept.
            let mut attempt = self.attempt(ctx, &call, "transaction", Action::Transaction);
            let span = attempt.span();
            let outcome = self.transacted(ctx, &work, &mut attempt).instrument(span).await;
            let again = outcome.as_ref().err().and_then(|error| pause(ctx, tried, error));
            let closed = attempt.close_as(outcome).await;
            match (closed, again) {
                (Err(refused), Some(again)) if refused.code != ErrorCode::AuditUnavailable => {
                    tokio::time::sleep(again).await;
                }
                (closed, _) => return closed.map(|(done, _)| done),
            }
        }
    }

    async fn transacted<'c, T, F: Future<Output = Result<T>>>(
        &self,
        ctx: &RunContext<'c>,
        work: &impl Fn(RunContext<'c>) -> F,
        attempt: &mut Attempt,
    ) -> Result<T> {
        attempt.intend().await?;
        let (record, keeping) = (attempt.id().unwrap_or_default(), attempt.keeping());
        let group = Grouping { record: &record, keeping: &keeping };
        match &ctx.db {
            Db::Own => self.transaction_on_pool(&self.database, ctx, work, group).await,
            Db::Pool(database) => self.transaction_on_pool(database, ctx, work, group).await,
            Db::Held(held) => {
                let under_way = held.group()?;
                let done = grouped(ctx, held, work, group).await;
                drop(under_way);
                done
            }
        }
    }

    async fn transaction_on_pool<'c, T, F: Future<Output = Result<T>>>(
        &self,
        database: &Database,
        ctx: &RunContext<'c>,
        work: &impl Fn(RunContext<'c>) -> F,
        group: Grouping<'_>,
    ) -> Result<T> {
        let id = ctx.call().request_id;
        let held = HeldSession::new(session(database, &self.engine(), &id).await?, group.record);
        grouped(ctx, &held, work, group).await
    }
}

/// A transaction of ours, for the records of the calls in it.
#[derive(Clone, Copy)]
struct Grouping<'a> {
    /// The name of its own record.
    record: &'a str,
    /// Whether it is being kept, or has been.
    keeping: &'a AtomicBool,
}

/// Calls in a transaction of a connection, or in a savepoint of the one that is open.
async fn grouped<'c, T, F: Future<Output = Result<T>>>(
    ctx: &RunContext<'c>,
    held: &HeldSession<'c>,
    work: &impl Fn(RunContext<'c>) -> F,
    group: Grouping<'_>,
) -> Result<T> {
    let id = ctx.call().request_id;
    let failed = |error: &DbError| failed_transaction(error, &id);
    held.lock_grouped(held.depth()).await?.begin(BEGIN).await.map_err(|error| failed(&error))?;
    let done = Box::pin(work(ctx.inside(held.inside(group.record)))).await;
    // What a call inside left half done does not count.
    let mut session = held.lock_grouped(held.depth() + 1).await?;
    let done = match done {
        Ok(done) => {
            let committed = kept(&mut session, group.keeping).await;
            committed.map(|()| done).map_err(|error| failed(&error))
        }
        Err(error) => {
            undo(&mut session, &id).await;
            Err(error)
        }
    };
    released(&mut session, done, &id).await
}

/// By whose word a write is made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Word<'a> {
    /// The requester's, who may have to wait for another's.
    Requester,
    /// An approver's, for the request with an id and under this policy.
    Approved { id: &'a str, engine: &'a Arc<Engine> },
}

/// A write with what has to be seen to beside it.
struct Errand<'a> {
    /// The write; a dry run of it, when it waits.
    call: WriteCall,
    /// As it was asked for.
    request: &'a Request,
    /// What says that it was made.
    claim: Option<Claim>,
    wait: Option<Wait<'a>>,
    /// Whether it is being kept, or has been.
    keeping: Arc<AtomicBool>,
}

/// What a write came to.
struct Made {
    written: Concluded<Written>,
    /// The rows that it found and left.
    snapshots: Option<Snapshots>,
    /// Whether the answer is that of an earlier call.
    is_replayed: bool,
    /// What it would do, when it waits.
    preview: Option<Written>,
}

/// A write in a transaction of its own, or in a savepoint of the one that is open: kept when it
/// has an answer, else undone.
async fn kept_or_undone(mut errand: Errand<'_>, session: &mut Session<'_>) -> Result<Made> {
    let id = errand.call.request_id().to_owned();
    if let Some(wait) = errand.wait {
        wait.check_ledger(&errand.call, session).await?;
    }
    session.begin(errand.call.timeout()).await.map_err(|error| errand.call.failed(&error))?;
    match errand.made(session).await {
        Ok((answer, true)) => {
            let committed = kept(session, &errand.keeping).await;
            committed.map(|()| answer).map_err(|error| errand.call.not_kept(&error, errand.claim.is_some()))
        }
        Ok((answer, false)) => {
            undo(session, &id).await;
            Ok(answer)
        }
        Err(error) => {
            match Fault::RefusedWriteKept.is_on() {
                true => drop(session.commit().await),
                false => undo(session, &id).await,
            }
            Err(error)
        }
    }
}

/// Commits, and says so while it is not known what comes of it.
async fn kept(session: &mut Session<'_>, keeping: &AtomicBool) -> std::result::Result<(), DbError> {
    keeping.store(true, Ordering::Release);
    let committed = session.commit().await;
    if !matches!(committed, Ok(()) | Err(DbError::OutcomeUnknown(_))) {
        keeping.store(false, Ordering::Release);
    }
    committed
}

impl Errand<'_> {
    /// The answer, and whether the transaction is to be kept.
    async fn made(&mut self, session: &mut Session<'_>) -> Result<(Made, bool)> {
        if let Some(claim) = &self.claim
            && let Turn::Done(written) = once::claim(&self.call, claim, session).await?
        {
            let written = self.call.concluded(written);
            return Ok((Made { written, snapshots: None, is_replayed: true, preview: None }, false));
        }
        let (written, preview) = match self.wait {
            None => {
                exchange(&mut self.call, session).await?;
                (self.call.conclude()?, None)
            }
            Some(_) => {
                let preview = self.tried(session).await?;
                let written = Written::Pending(Pending::new(format!("apr-{}", uuid::Uuid::now_v7())));
                (self.call.concluded(written), Some(preview))
            }
        };
        let is_kept = !self.request.is_dry_run() || Fault::DryRunKept.is_on();
        if let Some(claim) = self.claim.as_ref().filter(|_| is_kept) {
            once::record(&self.call, claim, &written.data, session).await?;
        }
        let snapshots = self.call.take_snapshots();
        Ok((Made { written, snapshots, is_replayed: false, preview }, is_kept))
    }

    /// What the write would do. Of the claim around it nothing is undone.
    async fn tried(&mut self, session: &mut Session<'_>) -> Result<Written> {
        session.begin(self.call.timeout()).await.map_err(|error| self.call.failed(&error))?;
        let tried = exchange(&mut self.call, session).await;
        session.rollback().await.map_err(|error| self.call.failed(&error))?;
        tried?;
        self.call.conclude().map(|preview| preview.data)
    }
}

async fn exchange(call: &mut WriteCall, session: &mut Session<'_>) -> Result<()> {
    let timeout = call.timeout();
    while let Some(statement) = call.statement()? {
        match statement {
            WriteStatement::Read(statement) => {
                let ran = telemetry::run(session, &statement, timeout).await;
                let rows = ran.map_err(|error| call.failed(&error))?;
                call.read(rows)?;
            }
            WriteStatement::Change(statement) => {
                let changed = telemetry::changed(session, &statement, timeout).await;
                let changed = changed.map_err(|error| call.failed(&error))?;
                call.changed(changed.affected, &changed.rows)?;
            }
        }
    }
    Ok(())
}

/// Rolls back. A connection that cannot is closed, which rolls back too.
async fn undo(session: &mut Session<'_>, request_id: &str) {
    if let Err(error) = session.rollback().await {
        database_error!(warn, request_id, &error, "a write was undone by closing its connection");
    }
}

/// The outcome, once the connection went back as it was. What has been committed stays an answer.
async fn released<T>(session: &mut Session<'_>, outcome: Result<T>, request_id: &str) -> Result<T> {
    if let Err(error) = session.release().await {
        database_error!(warn, request_id, &error, "a connection could not be given back");
    }
    outcome
}

fn failed_transaction(error: &DbError, request_id: &str) -> Error {
    match error {
        DbError::Conflict { .. } => {
            database_error!(warn, request_id, error, "a transaction was refused");
            let mut refused = Error::new(ErrorCode::Conflict, "the transaction could not be kept; nothing was changed");
            refused.retryable = error.is_retryable();
            refused
        }
        error => failed(error, request_id),
    }
}

/// How long to wait before another try; `None` when there is to be none.
fn pause(ctx: &RunContext<'_>, tried: u32, error: &Error) -> Option<Duration> {
    // Any number, to spread tries over time.
    let chance = RandomState::new().hash_one(0);
    ctx.retries().again(tried, error, chance)
}
