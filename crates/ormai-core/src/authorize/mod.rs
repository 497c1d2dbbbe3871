//! From what was asked to what may be had: every table gets its scope, every condition of
//! the policy is decided as far as the principal decides it, and the rest becomes part of
//! the plan.

mod filter;
mod groups;
mod keyset;
mod reference;
mod residual;
mod rows;
mod said;
mod scope;
mod trace;
mod write;

use crate::catalog::{Catalog, ModelId};
use crate::cursor::CursorKey;
use crate::error::{Error, ErrorCode, Result};
use crate::explain::Trace;
use crate::fault::Fault;
use crate::plan::{Applied, Binds, ScopedPlan, WritePlan};
use crate::policy::{ModelRules, Operation, View};
use crate::principal::CallContext;
use crate::resolve::{Body, Resolved, ResolvedWrite};
use trace::Turn;

/// What deciding needs to know beside the request.
#[derive(Clone, Copy)]
pub struct Authority<'a> {
    /// What the database holds.
    pub catalog: &'a Catalog,
    /// What is open to the principal.
    pub view: &'a View,
    /// Who is asking, and when.
    pub call: &'a CallContext,
    /// Opens the cursor of a request.
    pub cursors: &'a CursorKey,
    /// Whether the database locks a row before it looks at the conditions, and so waits for rows
    /// that the principal does not have. Then a write looks for its rows first without a lock.
    pub looks_first: bool,
    /// Whether a write also reads the rows before it changes them, and as a whole, so that its record
    /// can tell what they were; see [`Course::take_snapshots`](crate::write::Course::take_snapshots).
    pub snapshots: bool,
}

/// Decides a request for reading.
///
/// # Errors
///
/// `TENANT_SCOPE_REQUIRED` and `PRINCIPAL_INCOMPLETE` when the principal lacks what the
/// policy needs; `INVALID_CURSOR`; `QUERY_TOO_BROAD`.
pub fn authorize(resolved: Resolved, authority: Authority<'_>) -> Result<ScopedPlan> {
    Planner::new(authority, None).plan(resolved)
}

/// Whether this principal is not scoped at all in a model for an operation. What cannot be
/// decided is no bypass, and neither is one of a model that is not open.
pub fn bypasses(model: ModelId, operation: Operation, authority: Authority<'_>) -> bool {
    let mut planner = Planner::new(authority, None);
    planner.rules(model).and_then(|rules| planner.bypassed(rules, operation)).unwrap_or(false)
}

/// Decides as [`authorize`] does, and tells what each rule did: all of them, or those up to
/// the refusal.
pub fn traced(resolved: Resolved, authority: Authority<'_>) -> (Trace, Result<ScopedPlan>) {
    let mut planner = Planner::new(authority, Some(Trace::default()));
    let plan = planner.plan(resolved);
    (planner.trace.unwrap_or_default(), plan)
}

/// Decides a write.
///
/// # Errors
///
/// `TENANT_SCOPE_REQUIRED` and `PRINCIPAL_INCOMPLETE` when the principal lacks what the
/// policy needs; `WRITE_NOT_ALLOWED` for a value that the policy sets otherwise;
/// `VALIDATION_ERROR` for a reference that cannot lead anywhere.
pub fn authorize_write(resolved: ResolvedWrite, authority: Authority<'_>) -> Result<WritePlan> {
    Planner::new(authority, None).write(resolved)
}

/// Decides as [`authorize_write`] does, and tells what each rule did: all of them, or those up
/// to the refusal.
pub fn traced_write(resolved: ResolvedWrite, authority: Authority<'_>) -> (Trace, Result<WritePlan>) {
    let mut planner = Planner::new(authority, Some(Trace::default()));
    let plan = planner.write(resolved);
    (planner.trace.unwrap_or_default(), plan)
}

/// Builds the steps of one plan.
struct Planner<'a> {
    authority: Authority<'a>,
    /// The values of the step at hand.
    binds: Binds,
    applied: Vec<Applied>,
    bypasses: Vec<Applied>,
    /// The relations that lead from the root to the table at hand.
    way: Vec<Turn>,
    /// What each rule did, when somebody wants to know.
    trace: Option<Trace>,
}

impl<'a> Planner<'a> {
    fn new(authority: Authority<'a>, trace: Option<Trace>) -> Self {
        let (applied, bypasses, way) = (Vec::new(), Vec::new(), Vec::new());
        Self { authority, binds: Binds::default(), applied, bypasses, way, trace }
    }

    fn plan(&mut self, resolved: Resolved) -> Result<ScopedPlan> {
        let (root, budget) = match resolved.body {
            Body::Rows(rows) => {
                let budget = self.rules(rows.selection.model)?.budget;
                (self.rows(rows)?, budget)
            }
            Body::Groups(groups) => {
                let budget = self.rules(groups.model)?.budget;
                (self.groups(groups)?, budget)
            }
        };
        let (applied, bypasses) = (std::mem::take(&mut self.applied), std::mem::take(&mut self.bypasses));
        Ok(ScopedPlan { root, timeout_ms: budget.statement_timeout_ms, applied, bypasses })
    }

    /// The rules of a model. Resolving has seen to it that it is open; this looks again.
    fn rules(&self, model: ModelId) -> Result<&'a ModelRules> {
        self.authority
            .view
            .model(model)
            .ok_or_else(|| Error::new(ErrorCode::ModelNotAllowed, "a model of the request is not open"))
    }

    fn catalog(&self) -> &'a Catalog {
        self.authority.catalog
    }

    /// The values so far, to begin another step.
    fn take_binds(&mut self) -> Vec<crate::value::Value> {
        std::mem::take(&mut self.binds).into_values()
    }

    fn note(&mut self, applied: Applied) {
        if !self.applied.contains(&applied) {
            self.applied.push(applied);
        }
    }

    fn note_bypass(&mut self, bypass: Applied) {
        let is_told = self.way.is_empty() || !Fault::BypassOfRelationUntold.is_on();
        if is_told && !self.bypasses.contains(&bypass) {
            self.bypasses.push(bypass.clone());
        }
        self.note(bypass);
    }
}
