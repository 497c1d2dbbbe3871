//! Tools of a project's own, beside those that OrmAI has.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use ormai_core::audited;
use ormai_core::error::Result;
use ormai_core::principal::{CallContext, Principal};
use ormai_core::request::Tool;
use serde_json::{Map, Value as Json, json};

use crate::audit::{Action, Attempt};
use crate::response::{CallResult, Concluded, Data, Facts};
use crate::telemetry::inside;
use crate::{RunContext, Toolset};

/// What a call of a tool comes to.
pub type Calling<'a> = Pin<Box<dyn Future<Output = Result<Json>> + Send + 'a>>;

/// A tool of the project's own: it is listed with the others, and each call of it leaves a record.
///
/// It gets the toolset and a context in which its own calls are made. What it calls through the toolset's
/// tools is scoped like any other call, and its records name that of the tool as their `parent`.
///
/// The tool itself is code of the host, and is trusted like it. With the database itself
/// ([`Toolset::database`]) it can step past the policy and the trail: no policy holds what it reads or
/// writes there, nor what it answers.
///
/// ```
/// use ormai::prelude::*;
/// use ormai::{Calling, DomainTool};
/// use serde_json::{Value, json};
///
/// #[derive(Debug)]
/// struct Cancel;
///
/// impl DomainTool for Cancel {
///     fn name(&self) -> &str {
///         "cancel_order"
///     }
///
///     fn description(&self) -> &str {
///         "Cancel an order that is not paid yet."
///     }
///
///     fn parameters(&self) -> Value {
///         json!({"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]})
///     }
///
///     fn recorded(&self, arguments: &Value) -> Value {
///         json!({"id": arguments["id"]})
///     }
///
///     fn call<'a>(&'a self, tools: &'a Toolset, ctx: &'a RunContext<'_>, arguments: &'a Value) -> Calling<'a> {
///         Box::pin(async move {
///             let id = arguments["id"].as_i64().ok_or_else(|| Error::invalid("id", "expected a number"))?;
///             tools.update(ctx, Update::new("Order", id).set("status", "cancelled")).await?;
///             Ok(json!({"cancelled": id}))
///         })
///     }
/// }
/// ```
pub trait DomainTool: fmt::Debug + Send + Sync {
    /// Its name: letters, digits and `_`, none of OrmAI's own.
    fn name(&self) -> &str;

    /// What it does, in a sentence for a language model.
    fn description(&self) -> &str;

    /// The JSON Schema of its arguments.
    fn parameters(&self) -> Json;

    /// Whether a principal can use it; for others it is not there.
    fn is_open(&self, _principal: &Principal) -> bool {
        true
    }

    /// Whether it may change anything. Then its record is begun before it runs.
    fn writes(&self) -> bool {
        true
    }

    /// What of the arguments may stand in records. Without more, their names.
    fn recorded(&self, arguments: &Json) -> Json {
        hidden(arguments)
    }

    /// Runs it. What it answers goes to the caller as it is; an error's message stands in the record too.
    fn call<'a>(&'a self, tools: &'a Toolset, ctx: &'a RunContext<'_>, arguments: &'a Json) -> Calling<'a>;
}

/// Why the tools of a project cannot stand beside each other, or beside OrmAI's.
pub(crate) fn misnamed(tools: &[Arc<dyn DomainTool>]) -> Option<String> {
    let is_name = |name: &str| {
        (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    tools.iter().enumerate().find_map(|(at, tool)| {
        let name = tool.name();
        let is_taken = Tool::from_name(name).is_ok() || tools.iter().take(at).any(|other| other.name() == name);
        (is_taken || !is_name(name)).then(|| name.to_owned())
    })
}

/// What a record may hold of them, at most as much as of any other call.
fn bounded(recorded: Json) -> Json {
    match recorded.to_string().len() <= audited::limits::BYTES {
        true => recorded,
        false => json!({"oversize": true}),
    }
}

/// The names of arguments without their values.
fn hidden(arguments: &Json) -> Json {
    let Some(object) = arguments.as_object() else { return audited::HIDDEN.into() };
    let names = object.keys().take(audited::limits::LIST_ITEMS);
    names.map(|name| (audited::name(name).into_owned(), audited::HIDDEN.into())).collect::<Map<_, _>>().into()
}

impl Toolset {
    /// A tool of the project's own that is open to a principal.
    pub(crate) fn domain_tool(&self, name: &str, principal: &Principal) -> Option<&dyn DomainTool> {
        let found = self.domain.iter().find(|tool| tool.name() == name && tool.is_open(principal));
        found.map(AsRef::as_ref)
    }

    /// Calls a tool of the project's own.
    pub(crate) async fn call_domain(
        &self,
        ctx: &RunContext<'_>,
        tool: &dyn DomainTool,
        arguments: Result<Json>,
        bytes: usize,
    ) -> CallResult {
        let call = ctx.call();
        let request_id = call.request_id.clone();
        let mut attempt = self.attempt(ctx, &call, tool.name(), Action::Tool);
        let span = attempt.span();
        let outcome =
            inside(span, Box::pin(self.domain_called(ctx, call, tool, (arguments, bytes), &mut attempt))).await;
        CallResult::of(attempt.close(outcome).await, Data::Tool, request_id)
    }

    async fn domain_called(
        &self,
        ctx: &RunContext<'_>,
        call: CallContext,
        tool: &dyn DomainTool,
        (arguments, bytes): (Result<Json>, usize),
        attempt: &mut Attempt,
    ) -> Result<Concluded<Json>> {
        let engine = self.engine();
        let arguments = match arguments {
            Ok(arguments) => arguments,
            Err(error) => {
                attempt.unread(|| bytes, &engine);
                return Err(error);
            }
        };
        let version = engine.policy().version().to_owned();
        attempt.tell(|record| {
            record.inputs = bounded(tool.recorded(&arguments));
            record.policy_version.clone_from(&version);
        });
        if tool.writes() {
            attempt.intend().await?;
        }
        let inner = ctx.within_call(attempt.id());
        let data = tool.call(self, &inner, &arguments).await?;
        if tool.writes() {
            // Should its record not be taken, it says that it was done.
            attempt.keep();
        }
        let facts =
            Facts { request_id: call.request_id, row_count: 0, policy_version: version, policies_applied: Vec::new() };
        Ok(Concluded { data, facts })
    }
}
