//! Attack 14: with 100 tenants and 100,000 orders every example finds its rows by an index
//! of the tenant's.

use std::time::Duration;

use ormai::Call;
use ormai::db::{Database, Session};
use ormai::prelude::*;
use ormai::principal::CallContext;
use ormai::request::{Request, Tool};
use ormai::value::{ColumnType, Value};
use ormai_sql::{Bind, Statement};
use ormai_testkit::{Dataset, Engine, Size, every_engine};
use serde_json::{Value as Json, json};

use crate::support::{database, guided};

const TENANT: &str = "tenant-007";

fn mine() -> Principal {
    Principal::new(TENANT).user("user-007-03")
}

fn child() -> Principal {
    Principal::new(TENANT).metadata("tenant_hierarchy", json!(["tenant-001", "tenant-004", TENANT]))
}

/// Every request that the project ships as an example, with the pages and shapes around them.
fn examples() -> Vec<(&'static str, Json)> {
    let all = |model: &str| ("query", json!({"model": model}));
    vec![
        ("query", json!({"model": "Order", "select": ["id", "tenant_id", "status", "total"]})),
        (
            "query",
            json!({"model": "Order", "filters": [{"field": "status", "op": "eq", "value": "pending"}], "limit": 20}),
        ),
        ("query", json!({"model": "Order", "filters": [{"field": "status", "op": "eq", "value": "pending"}]})),
        all("Tenant"),
        all("User"),
        all("Order"),
        all("OrderItem"),
        ("query", json!({"model": "Order", "with_total": true, "limit": 3})),
        (
            "query",
            json!({
                "model": "Order",
                "filters": [{"relation": "items", "match": "any", "filters": [{"field": "sku", "op": "starts_with", "value": "A-"}]}],
                "select": ["id", "status"],
                "include": [{"relation": "user", "select": ["name", "email"]}, {"relation": "items", "select": ["sku", "quantity"], "limit": 1}],
            }),
        ),
        (
            "query",
            json!({"model": "Order", "filters": [
            {"field": "status", "op": "eq", "value": "pending"},
            {"or": [{"field": "total", "op": "gte", "value": 1000}, {"not": {"field": "note", "op": "is_null", "value": true}}]},
            {"relation": "items", "match": "any", "filters": [{"field": "sku", "op": "starts_with", "value": "A-"}]}],
            "select": ["id", "status", "total"], "order": [{"field": "created_at", "direction": "desc"}],
            "include": [{"relation": "user", "select": ["id", "name"]}, {"relation": "items", "limit": 5}], "limit": 20}),
        ),
        (
            "query",
            json!({"model": "Order", "filters": [{"relation": "items", "match": "none", "filters": [{"field": "quantity", "op": "gt", "value": 5}]}]}),
        ),
        (
            "query",
            json!({"model": "Order", "filters": [{"relation": "items", "match": "all", "filters": [{"field": "quantity", "op": "gt", "value": 5}]}]}),
        ),
        (
            "query",
            json!({"model": "Order", "filters": [{"relation": "user", "filters": [{"field": "id", "op": "eq", "value": "user-007-03"}]}]}),
        ),
        (
            "query",
            json!({"model": "User", "include": [{"relation": "orders", "limit": 3, "include": [{"relation": "items", "limit": 2}]}]}),
        ),
        ("query", json!({"model": "Tenant", "include": [{"relation": "orders", "limit": 5}]})),
        ("query", json!({"model": "Order", "order": [{"field": "total", "direction": "desc"}], "limit": 10})),
        ("query", json!({"model": "Order", "filters": [{"field": "id", "op": "in", "value": [8, 108, 208]}]})),
        ("get", json!({"model": "Order", "id": 8})),
        ("get", json!({"model": "Order", "id": 4, "include": ["user", "items"]})),
        ("get", json!({"model": "User", "id": "user-007-03"})),
        (
            "aggregate",
            json!({
                "model": "Order",
                "aggregations": [{"function": "count", "alias": "orders"}, {"function": "sum", "field": "total", "alias": "revenue"}],
                "group_by": ["status"],
                "order": [{"field": "revenue", "direction": "desc"}],
            }),
        ),
        ("aggregate", json!({"model": "OrderItem", "aggregations": [{"function": "sum", "field": "quantity"}]})),
        (
            "aggregate",
            json!({"model": "Order", "aggregations": [{"function": "count"}],
            "filters": [{"relation": "user", "filters": [{"field": "name", "op": "eq", "value": "Ann"}]}]}),
        ),
    ]
}

/// Drives one call by hand and returns the engine's plan of each statement of it.
async fn plans(
    ormai: &OrmAi,
    database: &Database,
    who: &Principal,
    tool: &str,
    arguments: &Json,
) -> Vec<(String, Vec<String>)> {
    let context = CallContext {
        principal: who.clone(),
        request_id: String::new(),
        trace_id: None,
        now: "2026-01-01T00:00:00Z".parse().unwrap(),
    };
    let request = Request::from_value(Tool::from_name(tool).unwrap(), arguments).unwrap();
    let mut call = Call::begin(ormai.tools().engine(), context, request).unwrap();
    let mut session = Session::from_pool(database).await.unwrap();
    let limit = Duration::from_secs(30);
    let mut plans = Vec::new();
    while let Some(statement) = call.statement().unwrap() {
        let rows = session.run(&statement, limit).await.unwrap();
        plans.push((statement.sql().to_string(), explain(&mut session, &statement, database.dialect()).await));
        call.feed(rows);
    }
    session.finish().await.unwrap();
    plans
}

async fn explain(session: &mut Session<'_>, statement: &Statement, dialect: ormai::Dialect) -> Vec<String> {
    let (explain, columns) = match dialect {
        ormai::Dialect::Postgres => ("EXPLAIN", vec![ColumnType::Text]),
        ormai::Dialect::MySql => {
            let mut columns = vec![ColumnType::Text; 10];
            columns[0] = ColumnType::Int;
            ("EXPLAIN", columns)
        }
        _ => ("EXPLAIN QUERY PLAN", vec![ColumnType::Int, ColumnType::Int, ColumnType::Int, ColumnType::Text]),
    };
    let values = statement.binds().map(|bind| match bind {
        Bind::Value(value) | Bind::Stored(value, _) => (value.clone(), None),
        Bind::Array(values, ty) => (Value::Array(values.to_vec()), Some(ty.clone())),
    });
    let explained =
        Statement::for_tests(&format!("{explain} {}", statement.sql()), values.collect::<Vec<_>>(), columns);
    let rows = session.run(&explained, Duration::from_secs(30)).await.unwrap();
    let text = |value: &Value| if let Value::Text(text) = value { text.trim().to_owned() } else { "-".to_owned() };
    if dialect == ormai::Dialect::MySql {
        // The alias, how it is read, and by which index.
        return rows.rows().map(|row| [2, 3, 5, 9].map(|at| text(&row[at])).join(" ")).collect();
    }
    rows.rows().filter_map(|row| row.last()).map(text).collect()
}

/// The tables with an index of the tenant's that are worth one.
const LARGE: [&str; 3] = ["orders", "order_items", "users"];

/// A line that reads a whole large table. SQLite speaks of aliases, and an alias of a table
/// begins with `t`; a scan of an index that begins with the tenant is a scan all the same.
fn reads_everything(engine: Engine, line: &str, sql: &str) -> bool {
    match engine {
        Engine::Postgres => LARGE.iter().any(|table| line.contains(&format!("Seq Scan on {table} "))),
        Engine::MySql => {
            let (alias, rest) = line.split_once(' ').unwrap_or_default();
            rest.starts_with("ALL ") && LARGE.iter().any(|table| sql.contains(&format!("`{table}` AS `{alias}`")))
        }
        Engine::Sqlite => line.strip_prefix("SCAN ").is_some_and(|rest| {
            let alias = rest.split(' ').next().unwrap_or_default();
            LARGE.iter().any(|table| sql.contains(&format!("\"{table}\" AS \"{alias}\"")))
        }),
    }
}

/// An index that is walked from end to end rather than searched: PostgreSQL then shows no
/// condition on it, MariaDB says `index` (SQLite calls that a scan).
fn walks_an_index(engine: Engine, plan: &[String]) -> bool {
    if engine == Engine::MySql {
        return plan.iter().any(|line| line.split(' ').nth(1) == Some("index"));
    }
    let uses = |line: &String| ["Index Scan", "Index Only Scan"].iter().any(|scan| line.contains(scan));
    plan.iter().enumerate().any(|(number, line)| {
        uses(line) && !plan.get(number + 1).is_some_and(|next| next.trim_start().starts_with("Index Cond:"))
    })
}

/// A line that uses an index of the tenant's, or a key. MariaDB makes an index for each foreign
/// key, and finds by it what belongs to parents that were found by the tenant's; a row of a
/// unique key it reads while it plans, and has no plan where there is none.
fn serves(engine: Engine, line: &str) -> bool {
    let indexes = ["_by_tenant", "_by_status", "_by_user", "_by_order", "_pkey", "autoindex", "PRIMARY"];
    let of_a_parent = engine == Engine::MySql && [" order_id ", " user_id "].iter().any(|key| line.contains(key));
    let has_looked = engine == Engine::MySql && line.contains("after reading const tables");
    of_a_parent || has_looked || indexes.iter().any(|index| line.contains(index))
}

every_engine! {
    async fn attack_14_every_example_finds_its_rows_by_the_tenants_index(test: &TestDatabase) {
        test.load(&Dataset::generated(Size { items_per_order: 1, ..Size::LARGE })).await;
        let (ormai, database) = (guided(test).await, database(test));
        let mut examples: Vec<_> = examples().into_iter().map(|(tool, arguments)| (mine(), tool, arguments)).collect();
        examples.push((child(), "query", json!({"model": "Order", "select": ["id", "tenant_id", "status", "total"]})));
        let mut pages = Vec::new();
        for order in [json!([]), json!([{"field": "status"}]), json!([{"field": "created_at", "direction": "desc"}]), json!([{"field": "note"}, {"field": "total", "direction": "desc"}])] {
            let mut request = json!({"model": "Order", "order": order, "limit": 20});
            let page = crate::support::ask(&ormai, &mine(), "query", request.clone()).await;
            request["cursor"] = page["data"]["next_cursor"].clone();
            assert!(request["cursor"].is_string());
            pages.push((mine(), "query", request));
        }
        examples.extend(pages);
        let mut statements = 0;
        for (who, tool, arguments) in examples {
            for (sql, plan) in plans(&ormai, &database, &who, tool, &arguments).await {
                statements += 1;
                let bad: Vec<&String> = plan.iter().filter(|line| reads_everything(test.engine(), line, &sql)).collect();
                assert!(bad.is_empty(), "{arguments}\n{sql}\n{}", plan.join("\n"));
                // With a fair share of all rows admitted, walking the key in order is a plan like any other.
                assert!(!walks_an_index(test.engine(), &plan) || who == child(), "{arguments}\n{sql}\n{}", plan.join("\n"));
                let by_index = plan.iter().any(|line| serves(test.engine(), line));
                let small = sql.replace('`', "\"").contains("\"tenants\"");
                assert!(by_index || small, "{arguments}\n{sql}\n{}", plan.join("\n"));
            }
        }
        assert!(statements > 30);
        // The check sees what it is there to see: who bypasses reads everything.
        let admin = Principal::new("system").role("super_admin");
        let everything = json!({"model": "Order", "filters": [{"field": "note", "op": "contains", "value": "x"}], "order": [{"field": "total"}]});
        let (sql, plan) = plans(&ormai, &database, &admin, "query", &everything).await.remove(0);
        assert!(plan.iter().any(|line| reads_everything(test.engine(), line, &sql)), "{sql}\n{}", plan.join("\n"));
    }
}
