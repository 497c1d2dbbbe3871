//! Attack 25: what one call leaves behind on a connection must not reach the next.

use std::time::Duration;

use ormai::db::{ConnectOptions, Database};
use ormai::policy::Format;
use ormai::prelude::*;
use ormai::sqlx::Executor as _;
use ormai_testkit::{Dataset, Pool, Size, TestDatabase, every_engine};
use serde_json::{Value as Json, json};

use crate::limits::{over, slow, views};
use crate::support::{ask, code, column, database, guided, outcome, rows};

every_engine! {
    async fn attack_25_two_tenants_on_one_connection_with_failures_between(test: &TestDatabase) {
        views(test).await;
        let options = ConnectOptions { max_connections: 1, ..ConnectOptions::default() };
        let one = Database::connect(test.url(), &options).await.unwrap();
        let (patient, hasty) = (over(one.clone(), 4_000).await, over(one, 30).await);
        let tenants = [("acme", 1), ("globex", 2)];
        for round in 0..12_usize {
            let (tenant, id) = tenants[round % 2];
            let who = Principal::new(tenant);
            match round % 4 {
                0 => assert_eq!(code(&ask(&patient, &who, "query", json!({"model": "Broken"})).await), "INTERNAL"),
                1 => assert_eq!(code(&ask(&hasty, &who, "query", slow()).await), "TIMEOUT"),
                2 => {
                    let (ctx, arguments) = (RunContext::new(who.clone()), slow());
                    let call = patient.tools().call(&ctx, "query", &arguments);
                    assert!(tokio::time::timeout(Duration::from_millis(20), call).await.is_err());
                }
                _ => assert_eq!(code(&ask(&patient, &who, "query", json!({"model": "None"})).await), "MODEL_NOT_ALLOWED"),
            }
            for (tenant, id) in [(tenants[1 - round % 2]), (tenant, id)] {
                let page = ask(&patient, &Principal::new(tenant), "query", json!({"model": "Fine", "with_total": true})).await;
                assert_eq!(page["data"]["rows"], json!([{"id": id, "tenant_id": tenant, "body": if id == 1 { "a" } else { "g" }}]));
                assert_eq!(page["data"]["total"], 1);
            }
        }
    }

    async fn attack_25_a_thousand_calls_of_fifty_tenants_each_see_their_own(test: &TestDatabase) {
        let size = Size { tenants: 50, users_per_tenant: 2, orders_per_tenant: 12, items_per_order: 2, documents_per_tenant: 0 };
        test.load(&Dataset::generated(size)).await;
        let options = ConnectOptions { max_connections: 4, acquire_timeout: Duration::from_secs(60), ..ConnectOptions::default() };
        let few = Database::connect(test.url(), &options).await.unwrap();
        let ormai = guided(test).await;
        let calls: Vec<_> = (0..1_000_usize).map(|number| {
            let (ormai, few) = (ormai.clone(), few.clone());
            tokio::spawn(async move {
                let tenant = format!("tenant-{:03}", number % 50);
                let ctx = RunContext::new(Principal::new(tenant.as_str())).on(few);
                let arguments = match number / 50 % 4 {
                    0 => json!({"model": "Order", "with_total": true, "select": ["tenant_id", "user_id"]}),
                    1 => json!({"model": "User", "select": ["tenant_id"], "include": [{"relation": "orders", "select": ["tenant_id"], "limit": 5}]}),
                    2 => json!({"model": "Order", "select": ["tenant_id"], "filters": [{"relation": "items", "filters": [{"field": "quantity", "op": "gt", "value": 0}]}]}),
                    _ => json!({"model": "Order", "select": ["tenant_id"], "order": [{"field": "total", "direction": "desc"}], "limit": 3}),
                };
                let page = outcome(&ctx, &ormai, "query", &arguments).await;
                let expected = match number / 50 % 4 { 0 | 2 => 12, 1 => 2, _ => 3 };
                assert_eq!(rows(&page).len(), expected, "{page}");
                let text = page["data"]["rows"].to_string();
                assert_eq!(text.matches("\"tenant-").count(), text.matches(&format!("\"{tenant}\"")).count(), "{text}");
            })
        }).collect();
        for call in calls {
            call.await.unwrap();
        }
    }

    async fn attack_25_a_callers_transaction_shows_its_own_rows_and_stays_usable(test: &TestDatabase) {
        views(test).await;
        let ormai = over(database(test), 150).await;
        let acme = || RunContext::new(Principal::new("acme"));
        let fine = json!({"model": "Fine"});
        macro_rules! within {
            ($pool:expr) => {{
                let mut transaction = $pool.begin().await.unwrap();
                transaction.execute("INSERT INTO fine VALUES (3, 'acme', 'uncommitted'), (4, 'globex', 'uncommitted')").await.unwrap();
                let inside = outcome(&acme().within(&mut *transaction), &ormai, "query", &fine).await;
                assert_eq!(column(&inside, "id"), [json!(1), json!(3)]);
                let outside = outcome(&acme(), &ormai, "query", &fine).await;
                assert_eq!(column(&outside, "id"), [json!(1)]);
                for (arguments, expected) in [(json!({"model": "Broken"}), "INTERNAL"), (slow(), "TIMEOUT"), (json!({"model": "None"}), "MODEL_NOT_ALLOWED")] {
                    let failed = outcome(&acme().within(&mut *transaction), &ormai, "query", &arguments).await;
                    assert_eq!(code(&failed), expected);
                    let inside = outcome(&acme().within(&mut *transaction), &ormai, "query", &fine).await;
                    assert_eq!(column(&inside, "id"), [json!(1), json!(3)]);
                }
                let ctx = acme().within(&mut *transaction);
                for _ in 0..2 {
                    assert_eq!(column(&outcome(&ctx, &ormai, "query", &fine).await, "id"), [json!(1), json!(3)]);
                }
                drop(ctx);
                transaction.execute("INSERT INTO fine VALUES (5, 'acme', 'after')").await.unwrap();
                transaction.commit().await.unwrap();

                let mut abandoned = $pool.begin().await.unwrap();
                abandoned.execute("DELETE FROM fine").await.unwrap();
                assert!(rows(&outcome(&acme().within(&mut *abandoned), &ormai, "query", &fine).await).is_empty());
                abandoned.rollback().await.unwrap();
            }};
        }
        match test.pool() {
            Pool::Sqlite(pool) => within!(pool),
            Pool::Postgres(pool) => within!(pool),
            Pool::MySql(pool) => within!(pool),
        }
        let after: Vec<Json> = column(&outcome(&acme(), &ormai, "query", &fine).await, "id");
        assert_eq!(after, [json!(1), json!(3), json!(5)]);
    }

    async fn attack_25_a_commit_after_a_call_that_was_given_up_loses_nothing_in_silence(test: &TestDatabase) {
        views(test).await;
        let ormai = over(database(test), 150).await;
        let arguments = slow();
        macro_rules! commits {
            ($pool:expr) => {{
                let mut transaction = $pool.begin().await.unwrap();
                transaction.execute("INSERT INTO fine VALUES (3, 'acme', 'mine')").await.unwrap();
                {
                    let ctx = RunContext::new(Principal::new("acme")).within(&mut *transaction);
                    let call = ormai.tools().call(&ctx, "query", &arguments);
                    assert!(tokio::time::timeout(Duration::from_millis(20), call).await.is_err());
                }
                transaction.commit().await.is_ok()
            }};
        }
        let committed = match test.pool() {
            Pool::Sqlite(pool) => commits!(pool),
            Pool::Postgres(pool) => commits!(pool),
            Pool::MySql(pool) => commits!(pool),
        };
        assert_eq!(test.count("fine").await, 2 + i64::from(committed));
    }

    async fn attack_25_a_call_that_was_given_up_is_undone_by_the_next_in_its_context(test: &TestDatabase) {
        views(test).await;
        let ormai = over(database(test), 150).await;
        let (arguments, fine) = (slow(), json!({"model": "Fine"}));
        macro_rules! goes_on {
            ($pool:expr) => {{
                let mut transaction = $pool.begin().await.unwrap();
                transaction.execute("INSERT INTO fine VALUES (3, 'acme', 'mine')").await.unwrap();
                {
                    let ctx = RunContext::new(Principal::new("acme")).within(&mut transaction);
                    for _ in 0..2 {
                        let call = ormai.tools().call(&ctx, "query", &arguments);
                        assert!(tokio::time::timeout(Duration::from_millis(20), call).await.is_err());
                        assert_eq!(column(&outcome(&ctx, &ormai, "query", &fine).await, "id"), [json!(1), json!(3)]);
                    }
                }
                transaction.execute("INSERT INTO fine VALUES (4, 'acme', 'also mine')").await.unwrap();
                transaction.commit().await.unwrap();
            }};
        }
        match test.pool() {
            Pool::Sqlite(pool) => goes_on!(pool),
            Pool::Postgres(pool) => goes_on!(pool),
            Pool::MySql(pool) => goes_on!(pool),
        }
        assert_eq!(test.count("fine").await, 4);
    }
}

#[tokio::test]
async fn attack_25_a_session_that_reads_the_past_sees_no_row_that_has_left_its_tenant() {
    let test = TestDatabase::mysql().await;
    let mut connection = test.mysql_pool().unwrap().acquire().await.unwrap();
    for sql in [
        "CREATE TABLE notes (id bigint PRIMARY KEY, tenant_id varchar(20) NOT NULL) WITH SYSTEM VERSIONING",
        "SET timestamp = 1700000000",
        "INSERT INTO notes VALUES (1, 'acme'), (2, 'globex')",
        "SET timestamp = 1700000100",
        "UPDATE notes SET tenant_id = 'globex' WHERE id = 1",
        "SET timestamp = DEFAULT, system_versioning_asof = FROM_UNIXTIME(1700000050)",
    ] {
        connection.execute(sql).await.unwrap();
    }
    let acme = connection.fetch_all("SELECT id FROM notes WHERE tenant_id = 'acme'").await.unwrap();
    assert_eq!(acme.len(), 1, "the session does not read the past");
    let policy = "version: 1
models: {Note: {fields: {id: allow}, scoping: {tenant_id: principal.tenant_id}}}";
    let ormai = OrmAi::builder().database(database(&test)).policy_text(policy, Format::Yaml).build().await.unwrap();
    for (tenant, ids) in [("acme", vec![]), ("globex", vec![json!(1), json!(2)])] {
        let ctx = RunContext::new(Principal::new(tenant)).within(&mut *connection);
        let page = outcome(&ctx, &ormai, "query", &json!({"model": "Note"})).await;
        assert_eq!(column(&page, "id"), ids, "{tenant}");
    }
    let acme = connection.fetch_all("SELECT id FROM notes WHERE tenant_id = 'acme'").await.unwrap();
    assert_eq!(acme.len(), 1, "the session does not get its setting back");
}
