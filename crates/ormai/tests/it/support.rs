//! What the tests share: principals, a database with a policy in force, and a way to ask.

use ormai::catalog::Catalog;
use ormai::db::Database;
use ormai::policy::Format;
use ormai::prelude::*;
use ormai::{BuildError, Builder, CallResult};
use ormai_testkit::{Dataset, Pool, TestDatabase, guide_catalog, guide_policy};
use serde_json::{Value as Json, json};

/// One key for every toolset, so that equal data gives equal cursors.
pub(crate) const CURSOR_KEY: [u8; 32] = [7; 32];

pub(crate) fn acme() -> Principal {
    Principal::new("acme-corp").user("user-123")
}

pub(crate) fn globex() -> Principal {
    Principal::new("globex").user("user-201")
}

pub(crate) fn child() -> Principal {
    Principal::new("child-tenant")
        .user("user-311")
        .metadata("tenant_hierarchy", json!(["root", "parent-tenant", "child-tenant"]))
}

pub(crate) fn admin() -> Principal {
    Principal::new("system").user("admin-001").role("super_admin")
}

/// The connections of a test's database, as a pool of the caller's.
pub(crate) fn database(test: &TestDatabase) -> Database {
    match test.pool() {
        Pool::Sqlite(pool) => pool.clone().into(),
        Pool::Postgres(pool) => pool.clone().into(),
        Pool::MySql(pool) => pool.clone().into(),
    }
}

/// The guide's policy over the demo rows.
pub(crate) async fn demo(test: &TestDatabase) -> OrmAi {
    test.load(&Dataset::demo()).await;
    guided(test).await
}

/// The guide's policy over what the database holds.
pub(crate) async fn guided(test: &TestDatabase) -> OrmAi {
    with_policy(test, guide_policy(), guide_catalog()).await
}

pub(crate) async fn with_policy(test: &TestDatabase, policy: &str, catalog: Catalog) -> OrmAi {
    build(test, policy, catalog).await.unwrap()
}

pub(crate) async fn build(test: &TestDatabase, policy: &str, catalog: Catalog) -> Result<OrmAi, BuildError> {
    building(test, policy, catalog).build().await
}

/// What [`build`] builds, before it does.
pub(crate) fn building(test: &TestDatabase, policy: &str, catalog: Catalog) -> Builder {
    OrmAi::builder()
        .database(database(test))
        .policy_text(policy, Format::Yaml)
        .catalog(catalog)
        .cursor_key(CURSOR_KEY)
        .hash_key(*b"a hash key for tests")
}

/// The codes of what keeps a policy from loading.
pub(crate) async fn findings(test: &TestDatabase, policy: &str, catalog: Catalog) -> Vec<&'static str> {
    match build(test, policy, catalog).await {
        Err(BuildError::Policy(findings)) => {
            findings.into_iter().filter(|finding| finding.is_error()).map(|finding| finding.code).collect()
        }
        Err(error) => panic!("another error: {error}"),
        Ok(_) => Vec::new(),
    }
}

/// The outcome without its metadata: `{"data": …}` or `{"error": …}`. Every error of every
/// test comes through here, and none may tell what no error tells.
pub(crate) async fn ask(ormai: &OrmAi, who: &Principal, tool: &str, arguments: Json) -> Json {
    outcome(&RunContext::new(who.clone()), ormai, tool, &arguments).await
}

/// As [`ask`], in a context of the test's own.
pub(crate) async fn outcome(ctx: &RunContext<'_>, ormai: &OrmAi, tool: &str, arguments: &Json) -> Json {
    told(ormai.tools().call(ctx, tool, arguments).await, &format!("{tool} {arguments}"))
}

/// As [`ask`], from JSON text.
pub(crate) async fn ask_json(ormai: &OrmAi, who: &Principal, tool: &str, arguments: &[u8]) -> Json {
    let result = ormai.tools().call_json(&RunContext::new(who.clone()), tool, arguments).await;
    told(result, &String::from_utf8_lossy(arguments))
}

fn told(result: CallResult, asked: &str) -> Json {
    match result {
        CallResult::Answered { data, .. } => json!({"data": data}),
        CallResult::Refused { error, .. } => {
            let error = json!({"error": error});
            tells_nothing(&error, asked);
            error
        }
        _ => panic!("an outcome of a third kind"),
    }
}

/// No error holds SQL, a table's name, a stored value, driver text or a path. A caller's own
/// words may come back.
pub(crate) fn tells_nothing(error: &Json, asked: &str) {
    const FORBIDDEN: &[&str] = &[
        "select *",
        "select \"",
        " from \"",
        "select `",
        " from `",
        "`.`",
        "cast(",
        "collat",
        "utf8mb4",
        "mysql",
        "mariadb",
        "unknown column",
        "doesn't exist",
        "sql_mode",
        " where ",
        "\"o\"",
        "limit $",
        "?1",
        "$1",
        "sqlx",
        "sqlite",
        "postgres",
        "pg_",
        "rusqlite",
        "constraint",
        "no such table",
        "no such column",
        "no such function",
        "syntax error",
        "relation \"",
        "column \"",
        "database is locked",
        "order_items",
        "/tmp",
        ".rs",
        ".db",
        "panicked",
        "acme",
        "globex",
        "user-201",
        "987-65-4321",
        "123-45-6789",
        "gus@",
        "@",
    ];
    let (text, asked) = (error.to_string().to_lowercase(), asked.to_lowercase());
    for word in FORBIDDEN {
        assert!(!text.contains(word) || asked.contains(word), "`{word}` in {error}");
    }
}

/// The rows of a page or of groups.
pub(crate) fn rows(answer: &Json) -> &Vec<Json> {
    answer["data"]["rows"].as_array().unwrap_or_else(|| panic!("no rows in {answer}"))
}

/// One field of all rows.
pub(crate) fn column(answer: &Json, field: &str) -> Vec<Json> {
    rows(answer).iter().map(|row| row[field].clone()).collect()
}

/// The code of a refusal.
pub(crate) fn code(answer: &Json) -> &str {
    answer["error"]["code"].as_str().unwrap_or_else(|| panic!("not refused: {answer}"))
}
