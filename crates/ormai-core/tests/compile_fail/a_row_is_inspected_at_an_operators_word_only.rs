use ormai_core::authorize::Authority;
use ormai_core::error::Result;
use ormai_core::explain::{Inspection, inspect};
use ormai_core::resolve::Resolved;

fn for_an_agent(request: Resolved, authority: Authority<'_>) -> Result<Inspection> {
    inspect(request, &serde_json::json!(1), authority)
}

fn main() {}
