//! What is expected of a call, from a user's files and rows.

mod answers;
mod differences;
mod law;
mod types;

use ormai::policy::Format;
use ormai::policy::document::PolicyDocument;
use ormai::prelude::*;
use ormai_eval::Witness;
use ormai_eval::expected::Expected;
use serde_json::{Value as Json, json};

/// What `now()` means in these calls.
const NOW: &str = "2024-06-01T12:00:00Z";

/// What is expected of calls, with all rows as a witness sees them.
async fn expected(ormai: &OrmAi, policy: &str) -> Expected {
    let catalog = ormai.tools().engine().policy().catalog().as_ref().clone();
    let document = PolicyDocument::parse(policy, Format::Yaml).unwrap();
    let (witness, ctx) = (Witness::of(ormai.tools()).await.unwrap(), RunContext::new(Principal::without_tenant()));
    let mut expected = Expected::new(&catalog, &document).unwrap();
    for (_, model) in catalog.models() {
        expected = expected.with_rows(&model.name, witness.rows(&ctx, &model.name, 10_000).await.unwrap());
    }
    expected
}

/// The pages of a call.
async fn pages(ormai: &OrmAi, who: &Principal, tool: &str, arguments: &Json) -> Vec<Json> {
    let ctx = RunContext::new(who.clone()).now(NOW.parse().unwrap());
    let mut arguments = arguments.clone();
    let mut pages: Vec<Json> = Vec::new();
    loop {
        let page = serde_json::to_value(ormai.tools().call(&ctx, tool, &arguments).await).unwrap();
        let cursor = page["data"]["next_cursor"].clone();
        pages.push(page);
        if cursor.is_null() || pages.len() == 200 {
            return pages;
        }
        arguments["cursor"] = json!(cursor);
    }
}
