//! The tools, for programs: each call is one pass through the pipeline.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ormai_core::answer::{Answer, Fetched, Groups, Page, Row};
use ormai_core::audited;
use ormai_core::authorize::Authority;
use ormai_core::error::{Error, ErrorCode, Result};
use ormai_core::explain::{Inspected, Operator, inspect};
use ormai_core::fault::Fault;
use ormai_core::principal::CallContext;
use ormai_core::request::{Aggregate, DescribeSchema, Get, Query, Request, Tool, check_arguments, read_arguments};
use ormai_core::resolve::resolve;
use ormai_db::{ConflictKind, Database, DbError, Session};
use ormai_sql::Statement;
use serde_json::Value as Json;

use crate::approvals::ApprovalStore;
use crate::audit::{Action, Attempt, Refused, Trail, action_of};
use crate::context::{Db, another_dialect};
use crate::response::{CallResult, Concluded, Data, Facts, Response};
use crate::schema::{self, Description};
use crate::telemetry::{self, Metrics, database_error, inside};
use crate::writes::Word;
use crate::{Call, DomainTool, Engine, Explanation, Refusal, RunContext};

/// The tools: each takes who is asking and what for.
#[derive(Clone, Debug)]
pub struct Toolset {
    pub(crate) engine: Arc<RwLock<Arc<Engine>>>,
    pub(crate) database: Database,
    pub(crate) approvals: Option<Arc<dyn ApprovalStore>>,
    pub(crate) trail: Option<Trail>,
    /// The tools of the project's own.
    pub(crate) domain: Arc<[Arc<dyn DomainTool>]>,
    pub(crate) metrics: Metrics,
}

impl Toolset {
    /// The policy in force, with its catalog and statements.
    pub fn engine(&self) -> Arc<Engine> {
        Arc::clone(&self.engine.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The database that calls run on, unless their context says otherwise.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Where each call leaves its record; `None` where no store was given.
    pub fn trail(&self) -> Option<&Trail> {
        self.trail.as_ref()
    }

    /// Where writes wait for their approval.
    pub(crate) fn approval_store(&self) -> Option<&dyn ApprovalStore> {
        self.approvals.as_deref()
    }

    /// Rows of a model, page by page.
    ///
    /// # Errors
    ///
    /// An [`Error`] whose code says whether the request, the principal or the database is
    /// in the way, and whose hint says how to mend it.
    pub async fn query(&self, ctx: &RunContext<'_>, query: Query) -> Result<Response<Page>, Refused> {
        let part = |answer| if let Answer::Page(part) = answer { Some(part) } else { None };
        self.read(ctx, query.into(), part).await
    }

    /// One row by its key.
    ///
    /// # Errors
    ///
    /// As [`Toolset::query`], and `RECORD_NOT_FOUND`: the same for a row that is not there
    /// and for one that the principal may not see.
    pub async fn get(&self, ctx: &RunContext<'_>, get: Get) -> Result<Response<Row>, Refused> {
        let part = |answer| if let Answer::Row(part) = answer { Some(part) } else { None };
        self.read(ctx, get.into(), part).await
    }

    /// Figures over rows.
    ///
    /// # Errors
    ///
    /// As [`Toolset::query`].
    pub async fn aggregate(&self, ctx: &RunContext<'_>, aggregate: Aggregate) -> Result<Response<Groups>, Refused> {
        let part = |answer| if let Answer::Groups(part) = answer { Some(part) } else { None };
        self.read(ctx, aggregate.into(), part).await
    }

    async fn read<T>(
        &self,
        ctx: &RunContext<'_>,
        request: Request,
        part: impl FnOnce(Answer) -> Option<T>,
    ) -> Result<Response<T>, Refused> {
        let (call, tool) = (ctx.call(), request.tool());
        let mut attempt = self.attempt(ctx, &call, tool.name(), action_of(tool));
        let span = attempt.span();
        let outcome = inside(span, Box::pin(self.run_as(ctx, call, request, &mut attempt))).await;
        attempt.close(outcome.and_then(|concluded| concluded.part(part).ok_or_else(mismatch))).await
    }

    /// What the principal may see and do. Touches no database.
    ///
    /// # Errors
    ///
    /// `MODEL_NOT_ALLOWED` for a model that is not open.
    pub async fn describe_schema(
        &self,
        ctx: &RunContext<'_>,
        describe: DescribeSchema,
    ) -> Result<Response<Description>, Refused> {
        let call = ctx.call();
        let mut attempt = self.attempt(ctx, &call, Tool::DescribeSchema.name(), Action::Describe);
        let span = attempt.span();
        let outcome = span.in_scope(|| self.described(call, describe, &mut attempt));
        attempt.close(outcome).await
    }

    fn described(
        &self,
        call: CallContext,
        describe: DescribeSchema,
        attempt: &mut Attempt,
    ) -> Result<Concluded<Description>> {
        let (engine, request) = (self.engine(), Request::DescribeSchema(describe));
        attempt.asked(&request, &engine);
        let view = engine.view(call.principal.roles());
        let description =
            telemetry::resolve().in_scope(|| schema::describe(engine.policy().catalog(), &view, request.model()))?;
        let facts = Facts {
            request_id: call.request_id,
            row_count: description.models.len(),
            policy_version: engine.policy().version().to_owned(),
            policies_applied: Vec::new(),
        };
        Ok(Concluded { data: description, facts })
    }

    /// The tools that this principal can use, each with the schema of its arguments; those of the
    /// project's own last.
    pub fn definitions(&self, ctx: &RunContext<'_>) -> Vec<schema::Definition> {
        let engine = self.engine();
        let view = engine.view(ctx.principal().roles());
        let mut definitions = schema::definitions(engine.policy().catalog(), &view, schema::DEFAULT_BYTE_BUDGET);
        let open = self.domain.iter().filter(|tool| tool.is_open(ctx.principal()));
        definitions.extend(open.map(|tool| schema::Definition::of_domain(tool.as_ref())));
        definitions
    }

    /// Calls a tool by name with JSON arguments. Made for language models: it never fails,
    /// a refusal is an outcome.
    pub async fn call(&self, ctx: &RunContext<'_>, tool: &str, arguments: &Json) -> CallResult {
        if let Some(domain) = self.domain_tool(tool, ctx.principal()) {
            let read = check_arguments(arguments).map(|()| arguments.clone());
            return self.call_domain(ctx, domain, read, 0).await;
        }
        let request = Tool::from_name(tool).and_then(|tool| Request::from_value(tool, arguments));
        self.conclude(ctx, tool, request, || arguments.to_string().len()).await
    }

    /// Calls a tool by name with JSON text as its arguments: as [`Toolset::call`], and a key
    /// that stands twice is refused.
    pub async fn call_json(&self, ctx: &RunContext<'_>, tool: &str, arguments: &[u8]) -> CallResult {
        if let Some(domain) = self.domain_tool(tool, ctx.principal()) {
            return self.call_domain(ctx, domain, read_arguments(arguments), arguments.len()).await;
        }
        let request = Tool::from_name(tool).and_then(|tool| Request::from_json(tool, arguments));
        self.conclude(ctx, tool, request, || arguments.len()).await
    }

    /// Refuses a call whose arguments could not be read as JSON, such as those of another language: it is
    /// recorded like any other whose arguments are not in their form.
    pub async fn call_unread(&self, ctx: &RunContext<'_>, tool: &str, error: Error) -> CallResult {
        if let Some(domain) = self.domain_tool(tool, ctx.principal()) {
            return self.call_domain(ctx, domain, Err(error), 0).await;
        }
        let request = Tool::from_name(tool).and(Err(error));
        self.conclude(ctx, tool, request, || 0).await
    }

    async fn conclude(
        &self,
        ctx: &RunContext<'_>,
        tool: &str,
        request: Result<Request>,
        bytes: impl FnOnce() -> usize,
    ) -> CallResult {
        let call = ctx.call();
        let request_id = call.request_id.clone();
        let action = request.as_ref().map_or(Action::Unknown, |request| action_of(request.tool()));
        let mut attempt = self.attempt(ctx, &call, &audited::name(tool), action);
        let outcome = match request {
            Ok(request) => {
                let span = attempt.span();
                inside(span, Box::pin(self.answered(ctx, call, request, &mut attempt))).await
            }
            Err(error) => {
                attempt.unread(bytes, &self.engine());
                Err(error)
            }
        };
        CallResult::of(attempt.close(outcome).await, |data| data, request_id)
    }

    async fn answered(
        &self,
        ctx: &RunContext<'_>,
        call: CallContext,
        request: Request,
        attempt: &mut Attempt,
    ) -> Result<Concluded<Data>> {
        Ok(match request {
            Request::DescribeSchema(describe) => self.described(call, describe, attempt)?.map(Data::Description),
            request if request.tool().writes() => {
                let written = self.write_by(ctx, call, &request, Word::Requester, attempt).await?;
                written.map(|written| Data::Answer(Answer::Written(written)))
            }
            request => self.run_as(ctx, call, request, attempt).await?.map(Data::Answer),
        })
    }

    /// What would be done for a request, and why: what each rule did, the predicates and the
    /// SQL. For operators: it shows what a caller never sees.
    ///
    /// # Errors
    ///
    /// The refusal, when the request would be refused, with the rule that refused.
    pub fn explain(&self, ctx: &RunContext<'_>, request: Request) -> std::result::Result<Explanation, Box<Refusal>> {
        self.engine().explain(ctx, request)
    }

    /// Which rule or filter admits or hides the row with a key (a scalar, or an object for a
    /// key of several parts) in the root of a request.
    ///
    /// For operators, never for an agent: it tells of any tenant's row that it exists and which
    /// conditions it satisfies. No tool leads here, and no value of the row comes back.
    ///
    /// # Errors
    ///
    /// The refusal, when the request would be refused: then every row is hidden alike.
    /// `VALIDATION_ERROR` for a key that does not fit.
    pub async fn explain_row(
        &self,
        ctx: &RunContext<'_>,
        request: Request,
        id: &Json,
        operator: Operator,
    ) -> Result<Inspected, Refused> {
        let context = ctx.call();
        let mut attempt = self.attempt(ctx, &context, "explain_row", Action::Administration);
        let span = attempt.span();
        let work = Box::pin(self.row_explained(ctx, context, request, (id, operator), &mut attempt));
        let outcome = inside(span, work).await;
        attempt.close_as(outcome).await.map(|(inspected, _)| inspected)
    }

    async fn row_explained(
        &self,
        ctx: &RunContext<'_>,
        context: CallContext,
        request: Request,
        (id, operator): (&Json, Operator),
        attempt: &mut Attempt,
    ) -> Result<Inspected> {
        let engine = self.engine();
        attempt.asked(&request, &engine);
        // It looks beyond every scope.
        attempt.intend().await?;
        let view = engine.view(context.principal.roles());
        let catalog = engine.policy().catalog();
        let resolved = resolve(request, catalog, &view)?;
        let authority = Authority {
            catalog,
            view: &view,
            call: &context,
            cursors: &engine.keys().cursor,
            looks_first: false,
            snapshots: false,
        };
        let mut inspection = inspect(resolved, id, authority, operator)?;
        let step = inspection.take_step().ok_or_else(mismatch)?;
        let statement = engine.compile(step, &context.request_id)?;
        let timeout = Duration::from_millis(u64::from(inspection.timeout_ms()));
        let failed = |error: DbError| failed(&error, &context.request_id);
        tracing::info!(request_id = %context.request_id, model = inspection.model(), "an operator inspects a row");
        let rows = match &ctx.db {
            Db::Own => {
                once(&mut session(&self.database, &engine, &context.request_id).await?, &statement, timeout).await
            }
            Db::Pool(database) => {
                once(&mut session(database, &engine, &context.request_id).await?, &statement, timeout).await
            }
            Db::Held(session) => {
                once(&mut *session.lock(engine.compiler().dialect()).await?, &statement, timeout).await
            }
        };
        inspection.conclude(&rows.map_err(failed)?)
    }

    async fn run_as(
        &self,
        ctx: &RunContext<'_>,
        context: CallContext,
        request: Request,
        attempt: &mut Attempt,
    ) -> Result<Concluded<Answer>> {
        let engine = self.engine();
        attempt.asked(&request, &engine);
        let call = Call::begin(engine, context, request)?;
        attempt.decided(|| call.for_record());
        if attempt.uses_bypass() && !Fault::BypassNotIntended.is_on() {
            attempt.intend().await?;
        }
        match &ctx.db {
            Db::Own => self.on_pool(&self.database, call).await,
            Db::Pool(database) => self.on_pool(database, call).await,
            Db::Held(session) => {
                let dialect = call.engine().compiler().dialect();
                drive(call, &mut *session.lock(dialect).await?).await
            }
        }
    }

    async fn on_pool(&self, database: &Database, call: Call) -> Result<Concluded<Answer>> {
        let mut session = session(database, call.engine(), call.request_id()).await?;
        drive(call, &mut session).await
    }
}

/// A connection of a pool.
pub(crate) async fn session(database: &Database, engine: &Engine, request_id: &str) -> Result<Session<'static>> {
    if database.dialect() != engine.compiler().dialect() {
        return Err(another_dialect());
    }
    Session::from_pool(database).await.map_err(|error| failed(&error, request_id))
}

/// One statement on a connection, which goes back as it was.
async fn once(
    session: &mut Session<'_>,
    statement: &Statement,
    timeout: Duration,
) -> std::result::Result<Fetched, DbError> {
    let ran = session.run(statement, timeout).await;
    session.release().await?;
    ran
}

/// The pipeline on one connection: statement out, rows in, until the call is done. However
/// it ends, the connection goes back as it was.
async fn drive(mut call: Call, session: &mut Session<'_>) -> Result<Concluded<Answer>> {
    let ran = exchange(&mut call, session).await;
    let returned = session.release().await.map_err(|error| failed(&error, call.request_id()));
    ran?;
    returned?;
    call.conclude()
}

async fn exchange(call: &mut Call, session: &mut Session<'_>) -> Result<()> {
    let timeout = call.timeout();
    while let Some(statement) = call.statement()? {
        let ran = telemetry::run(session, &statement, timeout).await;
        let rows = ran.map_err(|error| failed(&error, call.request_id()))?;
        call.feed(rows);
    }
    Ok(())
}

/// What the caller may know of a failure in the database; the rest goes to the log.
pub(crate) fn failed(error: &DbError, request_id: &str) -> Error {
    database_error!(warn, request_id, error, "a statement failed");
    match error {
        DbError::Timeout => Error::new(ErrorCode::Timeout, "the request took too long and was stopped")
            .hint(Some("narrow the filters, lower the limit or leave out includes".to_owned())),
        DbError::OutOfRange(_) => Error::new(ErrorCode::QueryTooBroad, "a figure is too large to be computed")
            .hint(Some("narrow the filters, or group the rows".to_owned())),
        DbError::Conflict { kind: ConflictKind::Concurrent, .. } => {
            let mut error = Error::new(ErrorCode::Conflict, "another change is in the way")
                .hint(Some("make the same call again; in a transaction, begin that again".to_owned()));
            error.retryable = true;
            error
        }
        DbError::Unavailable(_) => Error::new(ErrorCode::DatabaseUnavailable, "the database cannot be reached"),
        _ => Error::new(ErrorCode::Internal, "the request could not be run"),
    }
}

fn mismatch() -> Error {
    Error::new(ErrorCode::Internal, "the answer is not of the request's kind")
}
