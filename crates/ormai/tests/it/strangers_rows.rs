//! What an expression, a key or a sum does with a stranger's row must not show.

use ormai::policy::Format;
use ormai::prelude::*;
use ormai_testkit::{Engine, TestDatabase, every_engine, run_on};
use serde_json::{Value as Json, json};

use crate::support::{CURSOR_KEY, ask, code, column, database, outcome};

/// A policy over the tables that the database really has.
async fn introspected(test: &TestDatabase, policy: &str) -> Result<OrmAi, ormai::BuildError> {
    let builder = OrmAi::builder().database(database(test)).policy_text(policy, Format::Yaml);
    builder.cursor_key(CURSOR_KEY).build().await
}

fn acme() -> RunContext<'static> {
    RunContext::new(Principal::new("acme"))
}

/// Every request of a list, with what it answers.
async fn answers(ormai: &OrmAi, tool: &str, requests: &[Json]) -> Vec<Json> {
    let mut answers = Vec::new();
    for request in requests {
        answers.push(outcome(&acme(), ormai, tool, request).await);
    }
    answers
}

every_engine! {
    /// 100 / 0 fails on PostgreSQL, and its planner tests what is cheap before the scope.
    async fn law_2_a_view_that_fails_on_a_strangers_row_does_not_tell(test: &TestDatabase) {
        test.execute("CREATE TABLE items (id bigint PRIMARY KEY, tenant_id text NOT NULL, qty bigint NOT NULL)").await;
        test.execute(match test.engine() {
            // Where 100 / 0 is NULL, 0 - 1 without a sign is an error.
            Engine::MySql => "CREATE VIEW rates AS SELECT id, tenant_id, CAST(CAST(qty AS UNSIGNED) - 1 AS SIGNED) AS unit FROM items",
            Engine::Sqlite | Engine::Postgres => "CREATE VIEW rates AS SELECT id, tenant_id, CAST(100 / qty AS bigint) AS unit FROM items",
        }).await;
        test.execute("INSERT INTO items VALUES (1, 'acme', 5), (2, 'acme', 50)").await;
        let requests = [
            json!({"model": "Rate", "filters": [{"field": "unit", "op": "is_null", "value": false}], "with_total": true}),
            json!({"model": "Rate", "filters": [{"field": "unit", "op": "gt", "value": 5}]}),
            json!({"model": "Rate", "order": [{"field": "unit"}], "select": ["unit"]}),
            json!({"model": "Rate", "filters": [{"not": {"field": "unit", "op": "is_null", "value": true}}], "limit": 1}),
        ];
        let fields = "fields: {id: allow, unit: allow}, scoping: {tenant_id: principal.tenant_id}";
        for rules in ["", ", row_policies: [{name: counted, condition: unit IS NOT NULL}]"] {
            let policy = format!("version: 1\nmodels: {{Rate: {{{fields}{rules}}}}}");
            let ormai = introspected(test, &policy).await.unwrap();
            let before = answers(&ormai, "query", &requests).await;
            assert_eq!(column(&before[0], "id"), [json!(1), json!(2)]);
            test.execute("INSERT INTO items VALUES (3, 'globex', 0)").await;
            assert_eq!(answers(&ormai, "query", &requests).await, before);
            test.execute("DELETE FROM items WHERE id = 3").await;
        }
    }

    async fn attack_03_a_decimal_cannot_be_a_scope(test: &TestDatabase) {
        // The tenants `7`, `007` and `7.0` would be one, and on SQLite the last two here as well.
        test.execute(
            "CREATE TABLE docs (id bigint PRIMARY KEY, tenant_id decimal(30, 2) NOT NULL);
             INSERT INTO docs VALUES (1, 7), (2, 18446744073709551616), (3, 18446744073709551617)",
        )
        .await;
        let policy = "version: 1\nmodels: {Doc: {fields: {id: allow}, scoping: {tenant_id: principal.tenant_id}}}";
        match introspected(test, policy).await {
            Err(ormai::BuildError::Policy(findings)) => {
                assert!(findings.iter().any(|finding| finding.code == "scope-type"), "{findings:?}");
            }
            Err(error) => panic!("another error: {error}"),
            Ok(ormai) => {
                let others = outcome(&RunContext::new(Principal::new("007")), &ormai, "query", &json!({"model": "Doc"})).await;
                panic!("it loads, and 007 sees {others}");
            }
        }
    }

    async fn attack_03_a_text_column_that_stores_numbers_cannot_be_a_scope(test: &TestDatabase) {
        if test.engine() == Engine::Sqlite {
            test.execute("CREATE TABLE docs (id INTEGER PRIMARY KEY, tenant_id STRING NOT NULL)").await;
        } else {
            // The others store text as it is.
            test.execute("CREATE TABLE docs (id bigint PRIMARY KEY, tenant_id varchar(20) NOT NULL)").await;
        }
        test.execute("INSERT INTO docs VALUES (1, '1000'), (2, '007'), (3, '1e3')").await;
        let policy = "version: 1\nmodels: {Doc: {fields: {id: allow}, scoping: {tenant_id: principal.tenant_id}}}";
        let built = introspected(test, policy).await;
        if test.engine() == Engine::Sqlite {
            assert!(matches!(built, Err(ormai::BuildError::Policy(_))));
            return;
        }
        let ormai = built.unwrap();
        for (tenant, ids) in [("1000", vec![1]), ("007", vec![2]), ("7", vec![]), ("1e3", vec![3]), ("1000.0", vec![])] {
            let page = ask(&ormai, &Principal::new(tenant), "query", json!({"model": "Doc"})).await;
            assert_eq!(column(&page, "id"), ids.iter().map(|id| json!(id)).collect::<Vec<_>>(), "{tenant}");
        }
    }

    async fn law_2_a_key_that_an_heir_breaks_is_no_key(test: &TestDatabase) {
        test.execute("CREATE TABLE customers (id bigint PRIMARY KEY, tenant_id text NOT NULL, region text NOT NULL)").await;
        test.execute("CREATE TABLE orders (id bigint PRIMARY KEY, tenant_id text NOT NULL, customer_id bigint NOT NULL REFERENCES customers (id))").await;
        if test.engine() == Engine::Postgres {
            test.execute("CREATE TABLE customers_old () INHERITS (customers)").await;
        }
        let policy = "version: 1\nmodels: {Order: {fields: {id: allow}, scoping: {tenant_id: principal.tenant_id}, row_policies: [{name: eu, condition: \"customer.region = 'eu'\"}]}}";
        // Without heirs the relation is there; with them it could lead to two rows.
        let built = introspected(test, policy).await;
        assert_eq!(built.is_ok(), test.engine() != Engine::Postgres);
    }

    async fn attack_10_an_include_of_too_many_parents_is_refused_and_not_broken(test: &TestDatabase) {
        test.execute("CREATE TABLE parents (id bigint PRIMARY KEY, tenant_id text NOT NULL)").await;
        test.execute("CREATE TABLE children (id bigint PRIMARY KEY, tenant_id text NOT NULL, parent_id bigint NOT NULL REFERENCES parents (id))").await;
        test.execute("CREATE TABLE toys (id bigint PRIMARY KEY, tenant_id text NOT NULL, child_id bigint NOT NULL REFERENCES children (id))").await;
        // Without them a busy PostgreSQL runs into the time limit before the answer that is asked for.
        test.execute("CREATE INDEX children_of ON children (parent_id); CREATE INDEX toys_of ON toys (child_id)").await;
        let numbers = |last: u32| format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {last})");
        test.execute(&format!("INSERT INTO parents {} SELECT i, 'acme' FROM n", numbers(1000))).await;
        test.execute(&format!("INSERT INTO children {} SELECT i, 'acme', i % 1000 + 1 FROM n", numbers(17_000))).await;
        let scoped = "scoping: {tenant_id: principal.tenant_id}";
        let policy = format!("version: 1\nmodels:\n  Parent: {{fields: {{id: allow}}, relations: {{children: allow}}, {scoped}}}\n  Child: {{fields: {{id: allow}}, relations: {{toys: allow}}, {scoped}}}\n  Toy: {{fields: {{id: allow}}, {scoped}}}");
        let ormai = introspected(test, &policy).await.unwrap();
        let include = |limit: u32| json!({"model": "Parent", "limit": 1000, "include": [{"relation": "children", "limit": limit, "include": [{"relation": "toys", "limit": 1}]}]});
        assert_eq!(code(&outcome(&acme(), &ormai, "query", &include(16)).await), "QUERY_TOO_BROAD");
        assert!(outcome(&acme(), &ormai, "query", &include(14)).await["data"]["rows"].is_array());
    }

    async fn a_sum_beyond_its_type_says_so(test: &TestDatabase) {
        test.execute("CREATE TABLE sums (id bigint PRIMARY KEY, tenant_id text NOT NULL, amount bigint NOT NULL)").await;
        test.execute("INSERT INTO sums VALUES (1, 'acme', 9223372036854775807), (2, 'acme', 1)").await;
        let policy = "version: 1\nmodels: {Sum: {fields: {id: allow, amount: allow}, scoping: {tenant_id: principal.tenant_id}, aggregations: {sum: [amount]}}}";
        let ormai = introspected(test, policy).await.unwrap();
        let sum = outcome(&acme(), &ormai, "aggregate", &json!({"model": "Sum", "aggregations": [{"function": "sum", "field": "amount"}]})).await;
        match test.engine() {
            // Exact there, however large.
            Engine::Postgres | Engine::MySql => assert_eq!(sum["data"]["rows"][0]["sum_amount"], "9223372036854775808"),
            Engine::Sqlite => assert_eq!(code(&sum), "QUERY_TOO_BROAD"),
        }
    }
}

/// For `varchar` PostgreSQL has no operators of its own, so the nearest in its search path is taken.
#[test]
fn attack_23_an_operator_that_somebody_put_into_the_search_path_decides_nothing() {
    run_on(Engine::Postgres, async |test| {
        test.execute(
            "CREATE DOMAIN name AS varchar(20);
             CREATE TABLE notes (id bigint PRIMARY KEY, tenant_id varchar(20) NOT NULL, body name NOT NULL);
             INSERT INTO notes VALUES (1, 'acme', 'a'), (2, 'globex', 'g');
             CREATE FUNCTION yes(varchar, text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN true;
             CREATE FUNCTION yes(varchar, varchar) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN true;
             CREATE FUNCTION lower(varchar) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'a';
             CREATE OPERATOR = (leftarg = varchar, rightarg = text, function = yes);
             CREATE OPERATOR = (leftarg = varchar, rightarg = varchar, function = yes);
             CREATE OPERATOR ~~ (leftarg = varchar, rightarg = text, function = yes)",
        )
        .await;
        let scoped = "models: {Note: {fields: {id: allow, body: allow}, scoping: {tenant_id: principal.tenant_id}}}";
        let ormai = introspected(test, scoped).await.unwrap();
        for tenants in [json!("acme"), json!(["acme", "nobody"])] {
            let seen = ask(&ormai, &Principal::new(tenants), "query", json!({"model": "Note"})).await;
            assert_eq!(column(&seen, "id"), [json!(1)]);
        }
        for restriction in ["lower(body) = 'a'", "body = 'a'", "body LIKE 'a%'"] {
            let policy = format!(
                "models: {{Note: {{fields: {{id: allow}}, scoping: {{}}, row_policies: [{{name: r, condition: \"{restriction}\"}}]}}}}"
            );
            let ormai = introspected(test, &policy).await.unwrap();
            let seen = ask(&ormai, &Principal::new("acme"), "query", json!({"model": "Note"})).await;
            assert_eq!(column(&seen, "id"), [json!(1)], "{restriction}");
        }
    });
}
