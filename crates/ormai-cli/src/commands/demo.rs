//! `ormai demo`: an embedded database, several principals, and what each of them gets.

use std::sync::Arc;

use ormai::audit::verify::{VerifyOptions, verify};
use ormai::audit::{Filter, MemoryStore};
use ormai::db::IntrospectOptions;
use ormai::policy::Format;
use ormai::prelude::*;
use ormai::request::{Request, Tool};
use ormai::sqlx::sqlite::SqlitePoolOptions;
use ormai::{CallResult, Explanation, Inspected, Operator};
use serde_json::{Value as Json, json};

use super::audit::word;
use super::call;
use crate::failure::Failure;
use crate::output;

const SCHEMA: &str = include_str!("../../demo/schema.sql");
const ROWS: &str = include_str!("../../demo/rows.sql");
const POLICY: &str = include_str!("../../demo/policy.yaml");

/// When the story takes place, so that it is the same whenever it is told.
const NOW: &str = "2026-06-01T12:00:00Z";

/// One call of the demonstration.
struct Scene {
    says: &'static str,
    who: &'static str,
    principal: Principal,
    tool: &'static str,
    arguments: Json,
    /// The key of a row that an operator asks about.
    row: Option<Json>,
}

impl Scene {
    fn row(self, key: impl Into<Json>) -> Self {
        Self { row: Some(key.into()), ..self }
    }
}

pub(crate) async fn run(as_json: bool) -> Result<(), Failure> {
    let ormai = build().await?;
    let mut told = Vec::new();
    if !as_json {
        output::line("Two strangers, a family of tenants and an administrator share one SQLite database.\n")?;
    }
    for (number, scene) in seen().into_iter().chain(written()).chain(refused()).enumerate() {
        let now = NOW.parse().map_err(|_| Failure::failed("the demonstration has no time"))?;
        let ctx = RunContext::new(scene.principal.clone()).now(now);
        let explanation = Tool::from_name(scene.tool)
            .and_then(|tool| Request::from_value(tool, &scene.arguments))
            .ok()
            .and_then(|request| ormai.tools().explain(&ctx, request).ok());
        let inspected = inspect(&ormai, &ctx, &scene).await?;
        let result = ormai.tools().call(&ctx, scene.tool, &scene.arguments).await;
        if as_json {
            told.push(json!({
                "says": scene.says, "who": scene.who, "tool": scene.tool, "arguments": scene.arguments,
                "explanation": explanation, "result": result, "row": inspected,
            }));
        } else {
            show(number + 1, &scene, explanation.as_ref(), &result)?;
            show_row(&scene, inspected.as_ref())?;
        }
    }
    if as_json { output::json(&told) } else { show_trail(&ormai).await }
}

/// What the calls have left.
async fn show_trail(ormai: &OrmAi) -> Result<(), Failure> {
    /// More than there are scenes.
    const MOST: usize = 100;
    ormai.close().await.map_err(|error| Failure::failed(error.to_string()))?;
    let Some(trail) = ormai.trail() else { return Ok(()) };
    output::line("━━ Every call has left its record, the refused ones as well")?;
    let found = trail.query(&Filter::new(), MOST, None).await.map_err(|error| Failure::failed(error.to_string()))?;
    let rows = found.entries.iter().rev().map(|entry| {
        let told = match &entry.error {
            Some(error) => error.code.clone(),
            None => entry.outcome.as_str().to_owned(),
        };
        let scope = if entry.bypass.is_empty() {
            entry.scopes_injected.join(", ")
        } else {
            format!("BYPASS {}", entry.bypass.join(", "))
        };
        let model = entry.model.clone().unwrap_or_default();
        vec![word(&entry.tenant_id), word(&entry.user_id), entry.tool_name.clone(), model, told, scope]
    });
    output::table(&["tenant", "user", "tool", "model", "outcome", "scope"], rows)?;
    for store in trail.stores() {
        let report = verify(&**store, &VerifyOptions::default(), &|_| ()).await?;
        let said = if report.is_good() { "nothing was changed" } else { "NOT what was written" };
        output::line(format!("verified: {} lines, {} records, {said}", report.lines, report.records))?;
    }
    Ok(())
}

/// What an operator learns about a row.
async fn inspect(ormai: &OrmAi, ctx: &RunContext<'_>, scene: &Scene) -> Result<Option<Inspected>, Failure> {
    let Some(row) = &scene.row else { return Ok(None) };
    let request = Tool::from_name(scene.tool).and_then(|tool| Request::from_value(tool, &scene.arguments));
    let inspected = match request {
        Ok(request) => {
            let inspected = ormai.tools().explain_row(ctx, request, row, Operator::acknowledged()).await;
            inspected.map_err(Error::from)
        }
        Err(error) => Err(error),
    };
    inspected.map(Some).map_err(|error| Failure::failed(error.to_string()))
}

fn show_row(scene: &Scene, inspected: Option<&Inspected>) -> Result<(), Failure> {
    if let (Some(inspected), Some(row)) = (inspected, &scene.row) {
        output::line(format!("why     {} {row}: {} (for operators)", inspected.model, inspected.verdict))?;
    }
    output::line("")
}

async fn build() -> Result<OrmAi, Failure> {
    // An in-memory database lives in its connection, so there is one, kept for good.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect("sqlite::memory:")
        .await
        .map_err(|error| Failure::failed(error.to_string()))?;
    for script in [SCHEMA, ROWS] {
        fill(&pool, script).await?;
    }
    // The other side of `order_items.order_id` would be called `order_items`.
    let names = IntrospectOptions {
        relation_names: [("Order.order_items".to_owned(), "items".to_owned())].into(),
        ..IntrospectOptions::default()
    };
    let builder = OrmAi::builder().database(pool).introspect_options(names);
    Ok(builder.policy_text(POLICY, Format::Yaml).audit(Arc::new(MemoryStore::new())).build().await?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the demonstration makes its own database from scripts that ship with it"
)]
async fn fill(pool: &ormai::sqlx::SqlitePool, script: &'static str) -> Result<(), Failure> {
    ormai::sqlx::raw_sql(script).execute(pool).await.map_err(|error| Failure::failed(error.to_string()))?;
    Ok(())
}

fn show(number: usize, scene: &Scene, explanation: Option<&Explanation>, result: &CallResult) -> Result<(), Failure> {
    output::line(format!("━━ {number}. {}", scene.says))?;
    output::line(format!("as      {}", scene.who))?;
    output::line(format!("asks    {} {}", scene.tool, scene.arguments))?;
    if let Some(explanation) = explanation {
        let mut told = Vec::new();
        for table in &explanation.tables {
            for rule in table.rules.iter().filter(|rule| rule.made_a_difference()) {
                let line = format!("rule    {} on {}: {}", rule.kind, table.model, rule.says);
                if !told.contains(&line) {
                    output::line(&line)?;
                    told.push(line);
                }
            }
        }
        for statement in &explanation.statements {
            output::line(format!("SQL     {}", statement.sql))?;
            output::line(format!("binds   {}", Json::Array(statement.binds.clone())))?;
        }
    }
    call::show(result)
}

fn acme() -> Principal {
    Principal::new("acme-corp").user("user-123")
}

fn globex() -> Principal {
    Principal::new("globex").user("user-201")
}

fn child() -> Principal {
    Principal::new("child-tenant")
        .user("user-311")
        .metadata("parent_tenant_id", "parent-tenant")
        .metadata("tenant_hierarchy", json!(["root", "parent-tenant", "child-tenant"]))
}

fn admin() -> Principal {
    Principal::new("system").user("admin-001").role("super_admin")
}

fn scene(says: &'static str, who: &'static str, principal: Principal, tool: &'static str, arguments: Json) -> Scene {
    Scene { says, who, principal, tool, arguments, row: None }
}

fn seen() -> Vec<Scene> {
    let orders = || json!({"model": "Order", "select": ["id", "tenant_id", "status", "total"]});
    let documents = || json!({"model": "Document", "select": ["id", "title", "is_public"]});
    let acme_says = "user-123 of acme-corp";
    vec![
        scene("Each tenant sees its own orders", acme_says, acme(), "query", orders()),
        scene("The same request, and nothing in common", "user-201 of globex", globex(), "query", orders()),
        scene(
            "A child tenant reads along its hierarchy: a permit widens the scope",
            "user-311 of child-tenant, below root and parent-tenant",
            child(),
            "query",
            orders(),
        )
        .row(6),
        scene(
            "An administrator bypasses the scope: the SQL simply has none",
            "admin-001 with the role super_admin",
            admin(),
            "query",
            json!({"model": "Order", "select": ["id", "tenant_id", "total"], "with_total": true, "limit": 3}),
        )
        .row(4),
        scene("Shared documents: public ones and one's own", acme_says, acme(), "query", documents()),
        scene("The same documents, seen by a stranger", "user-201 of globex", globex(), "query", documents()),
        scene("One's own tenant, and no other", acme_says, acme(), "query", json!({"model": "Tenant"})),
        scene(
            "Related rows carry their own scope; masks apply to them too",
            acme_says,
            acme(),
            "query",
            json!({
                "model": "Order",
                "filters": [{"relation": "items", "match": "any", "filters": [{"field": "sku", "op": "starts_with", "value": "A-"}]}],
                "select": ["id", "status"],
                "include": [{"relation": "user", "select": ["name", "email"]}, {"relation": "items", "select": ["sku", "quantity"], "limit": 1}],
            }),
        ),
        scene(
            "Figures count only what may be seen",
            acme_says,
            acme(),
            "aggregate",
            json!({
                "model": "Order",
                "aggregations": [{"function": "count", "alias": "orders"}, {"function": "sum", "field": "total", "alias": "revenue"}],
                "group_by": ["status"],
                "order": [{"field": "revenue", "direction": "desc"}],
            }),
        ),
    ]
}

fn written() -> Vec<Scene> {
    let acme_says = "user-123 of acme-corp";
    let order = |user: &str| json!({"status": "pending", "user_id": user, "total": "12.50"});
    vec![
        scene(
            "A new order: the policy sets whose it is, and the row is read back through the same scope",
            acme_says,
            acme(),
            "create",
            json!({"model": "Order", "data": order("user-123")}),
        ),
        scene(
            "A dry run tells what would be stored, and stores nothing",
            acme_says,
            acme(),
            "create",
            json!({"model": "Order", "data": order("user-123"), "dry_run": true}),
        ),
        scene(
            "A reference to a stranger's row is a reference to none",
            acme_says,
            acme(),
            "create",
            json!({"model": "Order", "data": order("user-201")}),
        ),
        scene(
            "Nobody writes for another tenant",
            acme_says,
            acme(),
            "create",
            json!({"model": "Order", "data": {"tenant_id": "globex", "status": "pending", "user_id": "user-123", "total": "1"}}),
        ),
        scene(
            "What the policy does not open cannot be written",
            acme_says,
            acme(),
            "delete",
            json!({"model": "Order", "id": 1}),
        ),
    ]
}

fn refused() -> Vec<Scene> {
    let acme_says = "user-123 of acme-corp";
    vec![
        scene(
            "A stranger's order is not found, like one that does not exist",
            acme_says,
            acme(),
            "get",
            json!({"model": "Order", "id": 4}),
        )
        .row(4),
        scene(
            "No tenant, no rows",
            "nobody in particular",
            Principal::without_tenant(),
            "query",
            json!({"model": "Order"}),
        ),
        scene(
            "A masked field can be looked at and not searched",
            acme_says,
            acme(),
            "query",
            json!({"model": "User", "filters": [{"field": "ssn", "op": "starts_with", "value": "1"}]}),
        ),
        scene(
            "What is not open does not exist",
            acme_says,
            acme(),
            "query",
            json!({"model": "Document", "select": ["title", "tenant_id"]}),
        ),
        scene(
            "Budgets are told, so that the next call fits",
            acme_says,
            acme(),
            "query",
            json!({"model": "Order", "limit": 5000}),
        ),
        scene(
            "SQL in a value is a value",
            acme_says,
            acme(),
            "query",
            json!({"model": "Order", "filters": [{"field": "status", "op": "eq", "value": "' OR 1=1 --"}], "select": ["id"]}),
        ),
        scene("A slip is named", acme_says, acme(), "query", json!({"model": "Order", "filter": []})),
    ]
}
