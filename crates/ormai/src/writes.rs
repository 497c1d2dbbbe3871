//! The tools that write, and transactions: the driver of [`WriteCall`] for sqlx.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ormai_core::answer::{Pending, Written};
use ormai_core::error::{Error, ErrorCode, Result};
use ormai_core::fault::Fault;
use ormai_core::idempotency::Claim;
use ormai_core::principal::CallContext;
use ormai_core::request::{BulkUpdate, Create, Delete, Request, Update};
use ormai_db::{Database, Session};

use crate::approvals::{Parking, Wait, engine_of};
use crate::context::{Db, HeldSession};
use crate::once::{self, Turn};
use crate::response::{Metadata, Response};
use crate::telemetry::{self, CallSpan, database_error};
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
    pub async fn create(&self, ctx: &RunContext<'_>, create: Create) -> Result<Response<Written>> {
        self.write(ctx, create.into()).await
    }

    /// Other values in one row.
    ///
    /// # Errors
    ///
    /// As [`Toolset::create`], and `RECORD_NOT_FOUND`: the same for a row that is not there and
    /// for one that the principal may not see or change.
    pub async fn update(&self, ctx: &RunContext<'_>, update: Update) -> Result<Response<Written>> {
        self.write(ctx, update.into()).await
    }

    /// One row less. Under `soft_delete` it is marked as deleted.
    ///
    /// # Errors
    ///
    /// As [`Toolset::update`].
    pub async fn delete(&self, ctx: &RunContext<'_>, delete: Delete) -> Result<Response<Written>> {
        self.write(ctx, delete.into()).await
    }

    /// The same values in several rows: all of them, or none.
    ///
    /// # Errors
    ///
    /// As [`Toolset::create`], and `MAX_AFFECTED_ROWS_EXCEEDED`.
    pub async fn bulk_update(&self, ctx: &RunContext<'_>, bulk: BulkUpdate) -> Result<Response<Written>> {
        self.write(ctx, bulk.into()).await
    }

    async fn write(&self, ctx: &RunContext<'_>, request: Request) -> Result<Response<Written>> {
        let call = ctx.call();
        let span = CallSpan::of(&self.metrics, &self.engine(), &call, &request);
        let written = Box::pin(self.write_as(ctx, call, &request));
        let (data, metadata) = span.follow(written, |(_, metadata)| metadata.row_count).await?;
        Ok(Response { data, metadata })
    }

    pub(crate) async fn write_as(
        &self,
        ctx: &RunContext<'_>,
        context: CallContext,
        request: &Request,
    ) -> Result<(Written, Metadata)> {
        self.write_by(ctx, context, request, Word::Requester).await
    }

    /// A write by somebody's word.
    pub(crate) async fn write_by(
        &self,
        ctx: &RunContext<'_>,
        context: CallContext,
        request: &Request,
        word: Word<'_>,
    ) -> Result<(Written, Metadata)> {
        let begun = Instant::now();
        let mut tried = 0;
        loop {
            let errand = self.errand(&context, request, word)?;
            let (wait, engine) = (errand.wait, Arc::clone(errand.call.engine()));
            tried += 1;
            // Boxed, because each transaction around a call would have its place for all of it on the
            // stack.
            let written = match &ctx.db {
                Db::Own => Box::pin(self.write_on_pool(&self.database, errand)).await,
                Db::Pool(database) => Box::pin(self.write_on_pool(database, errand)).await,
                Db::Held(held) => {
                    let mut session = held.lock().await?;
                    let written = Box::pin(kept_or_undone(errand, &mut session)).await;
                    released(&mut session, written, &context.request_id).await
                }
            };
            match written {
                Ok(Made { written, mut metadata, preview }) => {
                    if let (Some(wait), Written::Pending(pending)) = (wait, &written) {
                        // Only now: the store may be the same database, or wait for the same connection.
                        let parked = Parking { engine: &engine, context: &context, request, wait, pending };
                        self.park(ctx, parked, preview).await?;
                    }
                    metadata.execution_time_ms = begun.elapsed().as_secs_f64() * 1_000.0;
                    return Ok((written, metadata));
                }
                Err(error) => again(ctx, tried, error).await?,
            }
        }
    }

    /// A write with what has to be seen to beside it.
    fn errand<'a>(&'a self, context: &CallContext, request: &'a Request, word: Word<'a>) -> Result<Errand<'a>> {
        let engine = engine_of(word, self);
        let mut call = WriteCall::unapproved(engine, context.clone(), request)?;
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
        Ok(Errand { call, request, claim, wait })
    }

    /// Parks a write that was tried. Under a key that was used before, it was parked then, unless the
    /// process ended in between.
    async fn park(&self, ctx: &RunContext<'_>, parking: Parking<'_>, preview: Option<Written>) -> Result<()> {
        let preview = match preview {
            Some(preview) => preview,
            None if parking.is_parked().await? => return Ok(()),
            None => {
                let dry = parking.request.clone().into_dry_run();
                Box::pin(self.write_by(ctx, parking.context.clone(), &dry, Word::Requester)).await?.0
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
    pub async fn transaction<T>(
        &self,
        ctx: &RunContext<'_>,
        work: impl AsyncFn(&RunContext<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut tried = 0;
        loop {
            tried += 1;
            let done = match &ctx.db {
                Db::Own => self.transaction_on_pool(&self.database, ctx, &work).await,
                Db::Pool(database) => self.transaction_on_pool(database, ctx, &work).await,
                Db::Held(held) => {
                    let group = held.group()?;
                    let done = grouped(ctx, held, &work).await;
                    drop(group);
                    done
                }
            };
            match done {
                Ok(done) => return Ok(done),
                Err(error) => again(ctx, tried, error).await?,
            }
        }
    }

    async fn transaction_on_pool<T>(
        &self,
        database: &Database,
        ctx: &RunContext<'_>,
        work: &impl AsyncFn(&RunContext<'_>) -> Result<T>,
    ) -> Result<T> {
        let id = ctx.call().request_id;
        let held = HeldSession::new(session(database, &self.engine(), &id).await?);
        grouped(ctx, &held, work).await
    }
}

/// Calls in a transaction of a connection, or in a savepoint of the one that is open.
async fn grouped<T>(
    ctx: &RunContext<'_>,
    held: &HeldSession<'_>,
    work: &impl AsyncFn(&RunContext<'_>) -> Result<T>,
) -> Result<T> {
    let id = ctx.call().request_id;
    let failed = |error: &ormai_db::DbError| failed_transaction(error, &id);
    held.lock_grouped(held.depth()).await?.begin(BEGIN).await.map_err(|error| failed(&error))?;
    let inner = ctx.inside(held.inside());
    let done = Box::pin(work(&inner)).await;
    drop(inner);
    // What a call inside left half done does not count.
    let mut session = held.lock_grouped(held.depth() + 1).await?;
    let done = match done {
        Ok(done) => session.commit().await.map(|()| done).map_err(|error| failed(&error)),
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
}

/// What a write came to.
struct Made {
    written: Written,
    metadata: Metadata,
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
            let committed = session.commit().await;
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

impl Errand<'_> {
    /// The answer, and whether the transaction is to be kept.
    async fn made(&mut self, session: &mut Session<'_>) -> Result<(Made, bool)> {
        if let Some(claim) = &self.claim
            && let Turn::Done(written) = once::claim(&self.call, claim, session).await?
        {
            let metadata = self.call.metadata(&written);
            return Ok((Made { written, metadata, preview: None }, false));
        }
        let (written, metadata, preview) = match self.wait {
            None => {
                exchange(&mut self.call, session).await?;
                let (written, metadata) = self.call.conclude()?;
                (written, metadata, None)
            }
            Some(_) => {
                let preview = self.tried(session).await?;
                let written = Written::Pending(Pending::new(format!("apr-{}", uuid::Uuid::now_v7())));
                let metadata = self.call.metadata(&written);
                (written, metadata, Some(preview))
            }
        };
        let is_kept = !self.request.is_dry_run() || Fault::DryRunKept.is_on();
        if let Some(claim) = self.claim.as_ref().filter(|_| is_kept) {
            once::record(&self.call, claim, &written, session).await?;
        }
        Ok((Made { written, metadata, preview }, is_kept))
    }

    /// What the write would do. Of the claim around it nothing is undone.
    async fn tried(&mut self, session: &mut Session<'_>) -> Result<Written> {
        session.begin(self.call.timeout()).await.map_err(|error| self.call.failed(&error))?;
        let tried = exchange(&mut self.call, session).await;
        session.rollback().await.map_err(|error| self.call.failed(&error))?;
        tried?;
        self.call.conclude().map(|(preview, _)| preview)
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

fn failed_transaction(error: &ormai_db::DbError, request_id: &str) -> Error {
    match error {
        ormai_db::DbError::Conflict { .. } => {
            database_error!(warn, request_id, error, "a transaction was refused");
            let mut refused = Error::new(ErrorCode::Conflict, "the transaction could not be kept; nothing was changed");
            refused.retryable = error.is_retryable();
            refused
        }
        error => failed(error, request_id),
    }
}

/// Waits before another try, or gives the error back when there is to be none.
async fn again(ctx: &RunContext<'_>, tried: u32, error: Error) -> Result<()> {
    // Any number, to spread tries over time.
    let chance = RandomState::new().hash_one(0);
    let pause = ctx.retries().again(tried, &error, chance).ok_or(error)?;
    tokio::time::sleep(pause).await;
    Ok(())
}
