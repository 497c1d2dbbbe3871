//! Who answers, and who bears witness.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use ormai::audit::Filter;
use ormai::policy::{CompiledPolicy, PolicyDocument, View};
use ormai::{RunContext, Toolset};
use serde_json::Value as Json;

use super::{Call, Observed};
use crate::Witness;
use crate::invariants::spelled;

/// What an answer comes to: JSON text, as [`ormai::CallResult`] is written.
pub type Answering<'a> = Pin<Box<dyn Future<Output = String> + Send + 'a>>;

/// Who answers calls: a toolset, or a layer around one.
///
/// The statements of a call must run where its context says.
pub trait Answers: Send + Sync {
    /// Answers a call.
    fn answer<'a>(&'a self, ctx: &'a RunContext<'_>, tool: &'a str, arguments: &'a Json) -> Answering<'a>;
}

impl Answers for Toolset {
    fn answer<'a>(&'a self, ctx: &'a RunContext<'_>, tool: &'a str, arguments: &'a Json) -> Answering<'a> {
        Box::pin(async move {
            let result = self.call(ctx, tool, arguments).await;
            // What cannot be written down is no answer.
            serde_json::to_string(&result).unwrap_or_default()
        })
    }
}

/// Everything that calls and checks share.
pub(crate) struct Stage {
    pub(crate) tools: Toolset,
    pub(crate) answers: Arc<dyn Answers>,
    pub(crate) witness: Witness,
    pub(crate) policy: Arc<CompiledPolicy>,
    pub(crate) document: Arc<PolicyDocument>,
    pub(crate) most_rows: u32,
    /// What the document opens, by roles.
    pub(crate) views: Mutex<HashMap<Vec<String>, Arc<View>>>,
}

/// Views beyond this many are made anew.
const MOST_VIEWS: usize = 256;

/// More records of one call are too many in any case.
const MOST_RECORDS: usize = 16;

impl Stage {
    /// What the document opens to the principals of some roles.
    pub(crate) fn view(&self, roles: &[String]) -> Arc<View> {
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        if views.len() >= MOST_VIEWS {
            views.clear();
        }
        let made =
            || spelled::view(&self.document, self.policy.catalog(), roles).unwrap_or_else(|| self.policy.view(roles));
        Arc::clone(views.entry(roles.to_vec()).or_insert_with(made))
    }

    /// Makes a call in a context.
    pub(crate) async fn observe(&self, ctx: &RunContext<'_>, call: &Call) -> Observed {
        let text = self.answers.answer(ctx, &call.tool, &call.arguments).await;
        let mut observed = Observed::read(&text, None);
        if let Some(trail) = self.tools.trail() {
            let mut records = Vec::new();
            if let Some(id) = observed.request_id() {
                let mut of_call = Filter::new();
                of_call.request_id = Some(id.to_owned());
                if let Ok(found) = trail.query(&of_call, MOST_RECORDS, None).await {
                    records.extend(found.entries.into_iter().map(|entry| entry.record));
                }
            }
            observed.records = Some(records);
        }
        observed
    }
}
