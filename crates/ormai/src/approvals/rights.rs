//! Who may decide about a request, and who may see it.
//!
//! Everything here is decided under the policy in force. What is missing or cannot be decided
//! counts as no.

use ormai_core::authorize::{Authority, bypasses};
use ormai_core::policy::Operation;
use ormai_core::principal::{CallContext, Principal};
use ormai_core::request::Tool;
use serde_json::Value as Json;

use super::record::Approval;
use crate::Engine;

/// What somebody is to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The one who asked, who never decides, whatever the roles.
    Requester,
    /// One who may decide.
    Approver,
    /// Anybody else: for them there is no such request.
    Stranger,
}

pub(super) fn part(engine: &Engine, call: &CallContext, approval: &Approval) -> Part {
    if is_requester(&call.principal, &approval.requester) {
        Part::Requester
    } else if may_decide(engine, call, approval) {
        Part::Approver
    } else {
        Part::Stranger
    }
}

/// The same user of the same tenant. A principal without a user is nobody in particular.
fn is_requester(principal: &Principal, requester: &Principal) -> bool {
    is_given(principal.user_id())
        && principal.tenant_id() == requester.tenant_id()
        && is_same(principal.user_id(), requester.user_id())
}

/// Whether two ids may be one: `7` is `"7"` where a column makes them so.
fn is_same(one: &Json, other: &Json) -> bool {
    let text = |id: &Json| id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    text(one) == text(other)
}

fn may_decide(engine: &Engine, call: &CallContext, approval: &Approval) -> bool {
    let (approver, requester) = (&call.principal, &approval.requester);
    let catalog = engine.policy().catalog();
    let (Some(model), Some(operation)) = (catalog.find(&approval.model), operation(approval.tool)) else {
        return false;
    };
    // Both are somebody, and two, whatever tenant they come from.
    let (one, other) = (approver.user_id(), requester.user_id());
    if !is_given(one) || !is_given(other) || is_same(one, other) {
        return false;
    }
    let view = engine.view(requester.roles());
    let named = view.model(model).is_some_and(|rules| {
        let roles = &rules.write.approver_roles;
        approver.roles().iter().any(|role| roles.contains(role))
    });
    if !named {
        return false;
    }
    let same_tenant = is_given(approver.tenant_id()) && approver.tenant_id() == requester.tenant_id();
    same_tenant || {
        let view = engine.view(approver.roles());
        bypasses(
            model,
            operation,
            Authority {
                catalog,
                view: &view,
                call,
                cursors: &engine.keys().cursor,
                looks_first: false,
                snapshots: false,
            },
        )
    }
}

/// Whether somebody may look beyond a tenant of their own at all.
pub(super) fn looks_beyond(engine: &Engine, call: &CallContext) -> bool {
    let (catalog, view) = (engine.policy().catalog(), engine.view(call.principal.roles()));
    let authority =
        Authority { catalog, view: &view, call, cursors: &engine.keys().cursor, looks_first: false, snapshots: false };
    let operations = [Operation::Create, Operation::Update, Operation::Delete];
    catalog.models().any(|(id, _)| operations.iter().any(|operation| bypasses(id, *operation, authority)))
}

/// Null and `""` are missing, as everywhere.
pub(super) fn is_given(id: &Json) -> bool {
    !id.is_null() && id.as_str() != Some("")
}

fn operation(tool: Tool) -> Option<Operation> {
    match tool {
        Tool::Create => Some(Operation::Create),
        Tool::Update | Tool::BulkUpdate => Some(Operation::Update),
        Tool::Delete => Some(Operation::Delete),
        _ => None,
    }
}
