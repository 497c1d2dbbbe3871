//! From what was asked to what may be had: every table gets its scope, every condition of
//! the policy is decided as far as the principal decides it, and the rest becomes part of
//! the plan.

mod filter;
mod groups;
mod keyset;
mod residual;
mod rows;
mod scope;

use crate::catalog::{Catalog, ModelId};
use crate::cursor::CursorKey;
use crate::error::{Error, ErrorCode, Result};
use crate::plan::{Applied, Binds, ScopedPlan};
use crate::policy::{ModelRules, View};
use crate::principal::CallContext;
use crate::resolve::{Body, Resolved};

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
}

/// Decides a request for reading.
///
/// # Errors
///
/// `TENANT_SCOPE_REQUIRED` and `PRINCIPAL_INCOMPLETE` when the principal lacks what the
/// policy needs; `INVALID_CURSOR`; `QUERY_TOO_BROAD`.
pub fn authorize(resolved: Resolved, authority: Authority<'_>) -> Result<ScopedPlan> {
    let mut planner = Planner { authority, binds: Binds::default(), applied: Vec::new() };
    let (root, budget) = match resolved.body {
        Body::Rows(rows) => {
            let budget = planner.rules(rows.selection.model)?.budget;
            (planner.rows(rows)?, budget)
        }
        Body::Groups(groups) => {
            let budget = planner.rules(groups.model)?.budget;
            (planner.groups(groups)?, budget)
        }
    };
    Ok(ScopedPlan { root, timeout_ms: budget.statement_timeout_ms, applied: planner.applied })
}

/// Builds the steps of one plan.
struct Planner<'a> {
    authority: Authority<'a>,
    /// The values of the step at hand.
    binds: Binds,
    applied: Vec<Applied>,
}

impl<'a> Planner<'a> {
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
}
