//! The tools that write, and transactions: the driver of [`WriteCall`] for sqlx.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use ormai_core::answer::Written;
use ormai_core::error::{Error, ErrorCode, Result};
use ormai_core::fault::Fault;
use ormai_core::principal::CallContext;
use ormai_core::request::{BulkUpdate, Create, Delete, Request, Update};
use ormai_db::{Database, Session};

use crate::RunContext;
use crate::context::{Db, HeldSession};
use crate::response::{Metadata, Response};
use crate::toolset::{Toolset, session};
use crate::write::{WriteCall, WriteStatement, failed};

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
        let (data, metadata) = self.write_as(ctx, ctx.call(), &request).await?;
        Ok(Response { data, metadata })
    }

    pub(crate) async fn write_as(
        &self,
        ctx: &RunContext<'_>,
        context: CallContext,
        request: &Request,
    ) -> Result<(Written, Metadata)> {
        let begun = Instant::now();
        let mut tried = 0;
        loop {
            let call = WriteCall::begin(self.engine(), context.clone(), request)?;
            tried += 1;
            let written = match &ctx.db {
                Db::Own => self.write_on_pool(&self.database, call).await,
                Db::Pool(database) => self.write_on_pool(database, call).await,
                Db::Held(held) => {
                    let mut session = held.lock().await?;
                    let written = kept_or_undone(call, &mut session).await;
                    released(&mut session, written, &context.request_id).await
                }
            };
            match written {
                Ok((written, mut metadata)) => {
                    metadata.execution_time_ms = begun.elapsed().as_secs_f64() * 1_000.0;
                    return Ok((written, metadata));
                }
                Err(error) => match ctx.retries().again(tried, &error, chance()) {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(error),
                },
            }
        }
    }

    async fn write_on_pool(&self, database: &Database, call: WriteCall) -> Result<(Written, Metadata)> {
        let request_id = call.request_id().to_owned();
        let mut session = session(database, call.engine(), &request_id).await?;
        let written = kept_or_undone(call, &mut session).await;
        released(&mut session, written, &request_id).await
    }

    /// Groups calls: all that they write is kept, or nothing of it. Inside, use the context that
    /// `work` is given; a write that is refused leaves nothing of itself and does not end the
    /// transaction, a read that fails in the database does. It is committed when `work` succeeds, and rolled back when it fails or is
    /// dropped. In a transaction (also one of the caller's) it is a savepoint of it.
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
                Err(error) => match ctx.retries().again(tried, &error, chance()) {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(error),
                },
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
    let done = work(&inner).await;
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

/// A write in a transaction of its own, or in a savepoint of the one that is open: kept when it
/// has an answer, else undone.
async fn kept_or_undone(mut call: WriteCall, session: &mut Session<'_>) -> Result<(Written, Metadata)> {
    let id = call.request_id().to_owned();
    session.begin(call.timeout()).await.map_err(|error| call.failed(&error))?;
    if let Err(error) = exchange(&mut call, session).await {
        match Fault::RefusedWriteKept.is_on() {
            true => drop(session.commit().await),
            false => undo(session, &id).await,
        }
        return Err(error);
    }
    let is_kept = !call.plan().is_dry_run() || Fault::DryRunKept.is_on();
    match call.conclude() {
        Ok(answer) if is_kept => session.commit().await.map(|()| answer).map_err(|error| call.not_kept(&error)),
        concluded => {
            undo(session, &id).await;
            concluded
        }
    }
}

async fn exchange(call: &mut WriteCall, session: &mut Session<'_>) -> Result<()> {
    let timeout = call.timeout();
    while let Some(statement) = call.statement()? {
        match statement {
            WriteStatement::Read(statement) => {
                let rows = session.run(&statement, timeout).await.map_err(|error| call.failed(&error))?;
                call.read(rows)?;
            }
            WriteStatement::Change(statement) => {
                let changed = session.change(&statement, timeout).await.map_err(|error| call.failed(&error))?;
                call.changed(changed.affected, &changed.rows)?;
            }
        }
    }
    Ok(())
}

/// Rolls back. A connection that cannot is closed, which rolls back too.
async fn undo(session: &mut Session<'_>, request_id: &str) {
    if let Err(error) = session.rollback().await {
        tracing::warn!(request_id, detail = error.operator_detail(), "a write was undone by closing its connection");
    }
}

/// The outcome, once the connection went back as it was. What has been committed stays an answer.
async fn released<T>(session: &mut Session<'_>, outcome: Result<T>, request_id: &str) -> Result<T> {
    if let Err(error) = session.release().await {
        tracing::warn!(request_id, detail = error.operator_detail(), "a connection could not be given back");
    }
    outcome
}

fn failed_transaction(error: &ormai_db::DbError, request_id: &str) -> Error {
    match error {
        ormai_db::DbError::Conflict { .. } => {
            tracing::warn!(request_id, detail = error.operator_detail(), "a transaction was refused");
            let mut refused = Error::new(ErrorCode::Conflict, "the transaction could not be kept; nothing was changed");
            refused.retryable = error.is_retryable();
            refused
        }
        error => failed(error, request_id),
    }
}

/// Any number, to spread tries over time.
fn chance() -> u64 {
    RandomState::new().hash_one(0)
}
