//! One call, without I/O: it hands out statements, takes back rows, and ends in a response.
//!
//! ```text
//! begin ──▶ statement ──▶ feed ─┐
//!               ▲               │
//!               └───────────────┴──▶ … ──▶ conclude
//! ```
//!
//! Whoever has a connection can drive it; [`crate::Toolset`] is the driver for sqlx.

use std::sync::Arc;
use std::time::Duration;

use ormai_core::answer::{Answer, Fetched};
use ormai_core::audited::Decided;
use ormai_core::authorize::{Authority, authorize, traced};
use ormai_core::error::{Error, ErrorCode, Result};
use ormai_core::explain::Trace;
use ormai_core::plan::{ScopedPlan, Step};
use ormai_core::policy::View;
use ormai_core::principal::CallContext;
use ormai_core::redact::{Harvest, Redactor, answer};
use ormai_core::request::Request;
use ormai_core::resolve::{Resolved, resolve};
use ormai_sql::Statement;

use crate::response::{Concluded, Facts, applied_names};
use crate::{Engine, telemetry};

/// A call on its way. Statements come out of it one at a time; each answer goes back in
/// before the next one comes.
#[derive(Debug)]
pub struct Call {
    engine: Arc<Engine>,
    view: Arc<View>,
    context: CallContext,
    plan: ScopedPlan,
    /// The rules that took part, by name.
    applied: Vec<String>,
    harvest: Harvest,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Root,
    Includes,
    Total,
    Done,
}

impl Call {
    /// Resolves and authorizes a request. Nothing has touched the database yet.
    ///
    /// # Errors
    ///
    /// Every refusal that the policy, the principal and the request decide among themselves.
    pub fn begin(engine: Arc<Engine>, context: CallContext, request: Request) -> Result<Self> {
        Self::decided(engine, context, request, authorize)
    }

    /// As [`Call::begin`], with what each rule did: all of them, or those up to a refusal.
    pub(crate) fn traced(engine: Arc<Engine>, context: CallContext, request: Request) -> (Trace, Result<Self>) {
        let mut trace = Trace::default();
        let call = Self::decided(engine, context, request, |resolved, authority| {
            let (told, plan) = traced(resolved, authority);
            trace = told;
            plan
        });
        (trace, call)
    }

    fn decided(
        engine: Arc<Engine>,
        context: CallContext,
        request: Request,
        decide: impl FnOnce(Resolved, Authority<'_>) -> Result<ScopedPlan>,
    ) -> Result<Self> {
        let view = engine.view(context.principal.roles());
        let catalog = engine.policy().catalog();
        let resolved = telemetry::resolve().in_scope(|| resolve(request, catalog, &view))?;
        let authority = Authority {
            catalog,
            view: &view,
            call: &context,
            cursors: &engine.keys().cursor,
            looks_first: false,
            snapshots: false,
        };
        let plan = telemetry::authorize().in_scope(|| decide(resolved, authority))?;
        let applied = applied_names(catalog, &view, plan.applied());
        Ok(Self { engine, view, context, plan, applied, harvest: Harvest::default(), stage: Stage::Root })
    }

    /// The next statement, or `None` when there is nothing left to ask.
    ///
    /// # Errors
    ///
    /// `QUERY_TOO_BROAD` when an include has too many parents; `INTERNAL` when a statement
    /// cannot be printed.
    pub fn statement(&mut self) -> Result<Option<Statement>> {
        loop {
            let step = match self.stage {
                Stage::Root => Some(self.plan.take_root()),
                Stage::Includes if self.harvest.includes_done() < self.plan.includes() => {
                    match self.harvest.next_include(&self.plan)? {
                        Some(step) => Some(step),
                        None => {
                            // No parents, so no related rows.
                            self.harvest.include(Fetched::default());
                            continue;
                        }
                    }
                }
                Stage::Includes => {
                    self.stage = Stage::Total;
                    continue;
                }
                Stage::Total => self.plan.take_total(),
                Stage::Done => None,
            };
            return match step {
                Some(step) => self.compile(step).map(Some),
                None => {
                    self.stage = Stage::Done;
                    Ok(None)
                }
            };
        }
    }

    fn compile(&self, step: Step) -> Result<Statement> {
        self.engine.compile(step, &self.context.request_id)
    }

    /// Takes in the rows of the statement that came out last.
    pub fn feed(&mut self, rows: Fetched) {
        match self.stage {
            Stage::Root => {
                self.harvest.root(rows);
                self.stage = Stage::Includes;
            }
            Stage::Includes => self.harvest.include(rows),
            Stage::Total => {
                self.harvest.total(&rows);
                self.stage = Stage::Done;
            }
            Stage::Done => {}
        }
    }

    /// Names the call in logs and audit records.
    pub fn request_id(&self) -> &str {
        &self.context.request_id
    }

    /// How long each statement may run.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.plan.timeout_ms()))
    }

    /// The plan, to explain it.
    pub(crate) fn plan(&self) -> &ScopedPlan {
        &self.plan
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What the policy decided, for the record, with the rules that took part.
    pub(crate) fn for_record(&self) -> (Decided, Vec<String>) {
        (Decided::of_read(&self.plan, self.engine.policy().catalog(), &self.view), self.applied.clone())
    }

    /// The answer, redacted, with what is to be known about it.
    ///
    /// # Errors
    ///
    /// `RECORD_NOT_FOUND` when a `get` found nothing; `INTERNAL` when statements are still due.
    pub fn conclude(self) -> Result<Concluded<Answer>> {
        if self.stage != Stage::Done {
            return Err(Error::new(ErrorCode::Internal, "the call was concluded before its last statement"));
        }
        let keys = self.engine.keys();
        let redactor = Redactor::new(keys.hash.as_ref(), &self.context.principal);
        let version = self.engine.policy().version();
        let answer = telemetry::redact()
            .in_scope(|| answer(self.plan, self.harvest, &redactor, &keys.cursor, version, &self.context))?;
        let facts = Facts {
            request_id: self.context.request_id,
            row_count: answer.row_count(),
            policy_version: version.to_owned(),
            policies_applied: self.applied,
        };
        Ok(Concluded { data: answer, facts })
    }
}
