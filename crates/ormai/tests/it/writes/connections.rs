//! Attacks 25 and 26: what a write leaves behind on a connection, or in the cache of statements,
//! must not reach the next principal.

use ormai::db::{ConnectOptions, Database};
use ormai::prelude::*;
use ormai::request::{Request, Tool};
use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};

use super::shop::{acme as shop_acme, globex as shop_globex, shop};
use super::{filter, introspected, writable};
use crate::support::{acme, admin, ask, child, code, column, globex, outcome};

fn texts(ormai: &OrmAi, who: &Principal, tool: Tool, arguments: &Json) -> Vec<String> {
    let request = Request::from_value(tool, arguments).unwrap();
    let explained = ormai.tools().explain(&RunContext::new(who.clone()), request).unwrap();
    explained.statements.into_iter().map(|statement| statement.sql).collect()
}

every_engine! {
    async fn attack_25_two_tenants_write_on_one_connection_with_failures_between(test: &TestDatabase) {
        let ormai = shop(test).await;
        let options = ConnectOptions { max_connections: 1, ..ConnectOptions::default() };
        let one = Database::connect(test.url(), &options).await.unwrap();
        for round in 0..16_usize {
            let (who, id, other) = [(shop_acme(), 1, 3), (shop_globex(), 3, 1)][round % 2].clone();
            let ctx = RunContext::new(who).on(one.clone());
            let (tool, arguments, expected) = match round / 2 % 8 {
                0 => ("update", json!({"model": "Task", "id": other, "data": {"title": "x"}}), "RECORD_NOT_FOUND"),
                1 => ("create", json!({"model": "Task", "data": {"id": other, "team_id": if id == 1 { 1 } else { 3 }, "code": "N", "title": "x"}}), "CONFLICT"),
                2 => ("update", json!({"model": "Task", "id": id, "data": {"share": 101}}), "VALIDATION_ERROR"),
                3 => ("update", json!({"model": "Task", "id": id, "data": {"team_id": if id == 1 { 3 } else { 1 }}}), "VALIDATION_ERROR"),
                4 => ("delete", json!({"model": "Task", "id": id}), "CONFLICT"),
                5 => ("update", json!({"model": "Task", "id": id, "data": {"tenant_id": if id == 1 { "globex" } else { "acme" }}}), "WRITE_NOT_ALLOWED"),
                6 => ("update", json!({"model": "Task", "id": id, "data": {"lead_number": 404}}), "VALIDATION_ERROR"),
                _ => ("bulk_update", json!({"model": "Task", "ids": [id], "data": {"code": if id == 1 { "G-1" } else { "A-1" }}}), "CONFLICT"),
            };
            let before = test.contents().await;
            assert_eq!(code(&outcome(&ctx, &ormai, tool, &arguments).await), expected, "{tool} {arguments}");
            assert_eq!(test.contents().await, before);
            // The next on the connection writes and sees what is its own.
            for (who, own, foreign) in [(shop_globex(), 3, 1), (shop_acme(), 1, 3)] {
                let ctx = RunContext::new(who).on(one.clone());
                let title = format!("r{round}");
                let written = outcome(&ctx, &ormai, "update", &json!({"model": "Task", "id": own, "data": {"title": title}})).await;
                assert_eq!(written["data"]["title"], json!(title));
                assert_eq!(code(&outcome(&ctx, &ormai, "get", &json!({"model": "Task", "id": foreign})).await), "RECORD_NOT_FOUND");
            }
        }
    }

    async fn attack_25_a_write_that_is_given_up_anywhere_is_done_or_not_done(test: &TestDatabase) {
        let ormai = shop(test).await;
        let options = ConnectOptions { max_connections: 1, ..ConnectOptions::default() };
        let one = Database::connect(test.url(), &options).await.unwrap();
        let (ctx, theirs) = (RunContext::new(shop_acme()).on(one.clone()), RunContext::new(shop_globex()).on(one.clone()));
        let mut given_up = 0;
        for steps in 0..60_usize {
            let title = format!("s{steps}");
            let (tool, arguments) = match steps % 3 {
                0 => ("update", json!({"model": "Task", "id": 1, "data": {"title": title, "team_id": 2}})),
                1 => ("bulk_update", json!({"model": "Task", "ids": [1, 2], "data": {"title": title}})),
                _ => ("create", json!({"model": "Task", "data": {"id": 1_000 + steps, "team_id": 1, "code": title, "title": title}})),
            };
            let before = test.contents().await;
            let call = outcome(&ctx, &ormai, tool, &arguments);
            let patience = async {
                for _ in 0..steps {
                    tokio::task::yield_now().await;
                }
            };
            let ended = tokio::select! {
                biased;
                answer = call => Some(answer),
                () = patience => None,
            };
            given_up += usize::from(ended.is_none());
            // Whoever comes next on the connection gets its own, whatever was under way.
            let page = outcome(&theirs, &ormai, "query", &json!({"model": "Task"})).await;
            assert_eq!(column(&page, "id"), [json!(3)]);
            let own = outcome(&theirs, &ormai, "update", &json!({"model": "Task", "id": 3, "data": {"title": "three"}})).await;
            assert_eq!(own["data"]["title"], "three");
            assert_eq!(code(&outcome(&theirs, &ormai, "update", &json!({"model": "Task", "id": 1, "data": {"title": "x"}})).await), "RECORD_NOT_FOUND");
            let titles = column(&outcome(&ctx, &ormai, "query", &json!({"model": "Task", "filters": [filter("title", "eq", title)]})).await, "id");
            let done = match tool { "update" => vec![json!(1)], "bulk_update" => vec![json!(1), json!(2)], _ => vec![json!(1_000 + steps)] };
            assert!(titles == done || ended.is_none() && titles.is_empty() && test.contents().await == before, "{steps}: {titles:?}");
        }
        assert!(given_up > 3, "{given_up}");
    }

    async fn attack_25_many_calls_of_many_tenants_write_what_is_their_own(test: &TestDatabase) {
        test.execute("CREATE TABLE counters (id bigint NOT NULL PRIMARY KEY, tenant_id varchar(40) NOT NULL, body varchar(40) NOT NULL)").await;
        for tenant in 0..20 {
            test.execute(&format!("INSERT INTO counters VALUES ({tenant}, 'tenant-{tenant}', 'tenant-{tenant}')")).await;
        }
        let ormai = introspected(test, "
models:
  Counter:
    fields: {id: allow, tenant_id: allow, body: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow, max_affected_rows: 100, auto_set: {tenant_id: principal.tenant_id}}
").await;
        let options = ConnectOptions { max_connections: 4, acquire_timeout: std::time::Duration::from_secs(60), ..ConnectOptions::default() };
        let few = Database::connect(test.url(), &options).await.unwrap();
        let calls: Vec<_> = (0..200_usize).map(|number| {
            let (ormai, few) = (ormai.clone(), few.clone());
            tokio::spawn(async move {
                let (tenant, other) = (number % 20, (number + 7) % 20);
                let name = format!("tenant-{tenant}");
                let ctx = RunContext::new(Principal::new(name.as_str())).on(few).retry(ormai::Retry::times(50));
                match number / 20 % 5 {
                    0 => {
                        let row = outcome(&ctx, &ormai, "create", &json!({"model": "Counter", "data": {"id": 1_000 + number, "body": name}})).await;
                        assert_eq!(row["data"]["tenant_id"], json!(name), "{row}");
                    }
                    1 => assert_eq!(code(&outcome(&ctx, &ormai, "update", &json!({"model": "Counter", "id": other, "data": {"body": name}})).await), "RECORD_NOT_FOUND"),
                    2 => {
                        let bulk = outcome(&ctx, &ormai, "bulk_update", &json!({"model": "Counter", "filters": [filter("id", "gte", 0)], "data": {"body": name}})).await;
                        assert!(bulk["data"]["updated_count"].as_u64().unwrap_or_default() >= 1, "{bulk}");
                    }
                    3 => {
                        let row = outcome(&ctx, &ormai, "update", &json!({"model": "Counter", "id": tenant, "data": {"body": name}})).await;
                        assert_eq!(row["data"]["body"], json!(name), "{row}");
                    }
                    _ => assert_eq!(code(&outcome(&ctx, &ormai, "delete", &json!({"model": "Counter", "id": other})).await), "RECORD_NOT_FOUND"),
                }
            })
        }).collect();
        for call in calls {
            call.await.unwrap();
        }
        for tenant in 0..20 {
            let name = format!("tenant-{tenant}");
            let page = ask(&ormai, &Principal::new(name.as_str()), "query", json!({"model": "Counter", "select": ["body", "tenant_id"]})).await;
            assert_eq!(column(&page, "body"), vec![json!(name); 3], "{page}");
        }
    }

    async fn attack_26_a_statement_that_one_principal_made_serves_another_with_its_own_scope(test: &TestDatabase) {
        let ormai = writable(test).await;
        let hierarchy = |tenants: Json| Principal::new("child-tenant").metadata("tenant_hierarchy", tenants);
        let principals = [
            (acme(), vec![1, 2, 3]), (admin(), vec![1, 2, 3, 4, 5, 6, 7, 8]), (globex(), vec![4, 5]), (child(), vec![8]), (Principal::new("system"), vec![]), (hierarchy(json!([])), vec![8]),
            (hierarchy(json!(["root"])), vec![8]), (Principal::new(json!(["acme-corp", "globex"])), vec![1, 2, 3, 4, 5]), (Principal::new(json!(["globex"])), vec![4, 5]), (acme().role("admin"), vec![1, 2, 3]),
            (globex().role("super_admin"), vec![1, 2, 3, 4, 5, 6, 7, 8]),
        ];
        for round in 0..3 {
            for number in 0..principals.len() {
                let (who, own) = &principals[(number * [1, 5, 7][round]) % principals.len()];
                let before = test.contents().await;
                for id in 1..=8 {
                    for dry_run in [true, false] {
                        let answer = ask(&ormai, who, "update", json!({"model": "Order", "id": id, "data": {"note": "same"}, "dry_run": dry_run})).await;
                        assert_eq!(answer.get("data").is_some(), own.contains(&id), "{who:?} {id}: {answer}");
                    }
                    let bulk = ask(&ormai, who, "bulk_update", json!({"model": "Order", "ids": [id], "data": {"note": "same"}})).await;
                    assert_eq!(bulk["data"]["updated_count"], json!(u8::from(own.contains(&id))), "{who:?} {id}");
                    let gone = ask(&ormai, who, "delete", json!({"model": "Order", "id": id, "dry_run": true})).await;
                    assert!(own.contains(&id) || code(&gone) == "RECORD_NOT_FOUND", "{who:?} {id}: {gone}");
                }
                let after = test.contents().await;
                let changed = before["orders"].iter().filter(|row| !after["orders"].contains(row)).count();
                assert!(changed <= own.len(), "{who:?}");
            }
        }
    }

    async fn attack_26_tenants_share_the_text_of_a_write_and_a_bypass_does_not(test: &TestDatabase) {
        let ormai = writable(test).await;
        for (tool, arguments) in [
            (Tool::Update, json!({"model": "Order", "id": 1, "data": {"status": "needle"}})), (Tool::Delete, json!({"model": "Order", "id": 1})),
            (Tool::BulkUpdate, json!({"model": "Order", "ids": [1, 2], "data": {"status": "needle"}})), (Tool::BulkUpdate, json!({"model": "Order", "filters": [filter("status", "eq", "needle")], "data": {"note": "x"}})),
            (Tool::Update, json!({"model": "Order", "id": 1, "data": {"user_id": "needle"}})), (Tool::Create, json!({"model": "Order", "data": {"id": 1, "status": "needle", "user_id": "needle", "total": 1}})),
        ] {
            let mine = texts(&ormai, &acme(), tool, &arguments);
            assert_eq!(mine, texts(&ormai, &globex(), tool, &arguments));
            assert_eq!(mine, texts(&ormai, &Principal::new("' OR 1=1 --").user("x"), tool, &arguments));
            assert!(mine.iter().all(|text| !text.contains("needle") && !text.contains("acme")), "{mine:?}");
            assert_ne!(mine, texts(&ormai, &admin(), tool, &arguments));
            // Of what is changed or read back every statement says whose it is; a new row carries it.
            let scoped = |text: &String| text.replace('`', "\"").contains("\"tenant_id\"");
            assert!(mine.iter().all(scoped), "{mine:?}");
            let kept = ormai.tools().engine().compiler().cache_len();
            for tenant in 0..50 {
                texts(&ormai, &Principal::new(format!("tenant-{tenant}")), tool, &arguments);
            }
            assert_eq!(ormai.tools().engine().compiler().cache_len(), kept);
        }
    }
}
