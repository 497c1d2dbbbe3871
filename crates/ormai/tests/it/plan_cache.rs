//! Attack 26: a statement's text made for one principal and used for another.

use ormai::catalog::{CatalogBuilder, ModelBuilder, ModelKind};
use ormai::prelude::*;
use ormai::request::{Request, Tool};
use ormai::value::ColumnType::{Int, Text};
use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};

use crate::support::{acme, admin, ask, child, column, demo, globex, with_policy};

fn texts(ormai: &OrmAi, who: &Principal, arguments: &Json) -> Vec<String> {
    let request = Request::from_value(Tool::Query, arguments).unwrap();
    let explained = ormai.tools().explain(&RunContext::new(who.clone()), request).unwrap();
    explained.statements.into_iter().map(|statement| statement.sql).collect()
}

every_engine! {
    async fn attack_26_interleaved_principals_each_get_their_own_rows(test: &TestDatabase) {
        let ormai = demo(test).await;
        let hierarchy = |tenants: Json| Principal::new("child-tenant").metadata("tenant_hierarchy", tenants);
        let principals = [
            (acme(), vec![1, 2, 3]),
            (admin(), vec![1, 2, 3, 4, 5, 6, 7, 8]),
            (globex(), vec![4, 5]),
            (child(), vec![6, 7, 8]),
            (Principal::new("system"), vec![]),
            (hierarchy(json!([])), vec![8]),
            (hierarchy(json!(["root"])), vec![6, 8]),
            (hierarchy(json!(["root", "parent-tenant"])), vec![6, 7, 8]),
            (Principal::new(json!(["acme-corp", "globex"])), vec![1, 2, 3, 4, 5]),
            (Principal::new(json!(["globex"])), vec![4, 5]),
            (Principal::new("acme-corp").role("admin"), vec![1, 2, 3]),
            (Principal::new("globex").role("super_admin"), vec![1, 2, 3, 4, 5, 6, 7, 8]),
        ];
        for round in 0..3 {
            for (number, _) in principals.iter().enumerate() {
                // Another order in each round, so that each comes after each.
                let (who, orders) = &principals[(number * [1, 5, 7][round]) % principals.len()];
                let ids: Vec<Json> = orders.iter().map(|id| json!(id)).collect();
                let page = ask(&ormai, who, "query", json!({"model": "Order", "limit": 20, "with_total": true})).await;
                assert_eq!((column(&page, "id"), &page["data"]["total"]), (ids, &json!(orders.len())), "{who:?}");
                let pending = ask(&ormai, who, "query", json!({"model": "Order", "filters": [{"field": "id", "op": "in", "value": (1..=number + 1).collect::<Vec<_>>()}]})).await;
                let expected: Vec<Json> = orders.iter().filter(|id| **id <= number + 1).map(|id| json!(id)).collect();
                assert_eq!(column(&pending, "id"), expected, "{who:?}");
            }
        }
    }

    async fn attack_26_tenants_share_a_text_and_a_bypass_does_not(test: &TestDatabase) {
        let ormai = demo(test).await;
        for arguments in [
            json!({"model": "Order"}),
            json!({"model": "Order", "with_total": true, "filters": [{"field": "status", "op": "eq", "value": "paid"}]}),
            json!({"model": "User", "filters": [{"relation": "orders", "filters": [{"field": "total", "op": "gt", "value": 5}]}]}),
        ] {
            let mine = texts(&ormai, &acme(), &arguments);
            assert_eq!(mine, texts(&ormai, &globex(), &arguments));
            assert_eq!(mine, texts(&ormai, &Principal::new("' OR 1=1 --"), &arguments));
            let unscoped = texts(&ormai, &admin(), &arguments);
            assert!(mine.iter().zip(&unscoped).all(|(mine, unscoped)| mine != unscoped));
            // PostgreSQL is told that text is text; the others are not.
            let scope = |text: &String| text.replace('`', "\"").replace("\" AS text) = ", "\" = ").contains("\"tenant_id\" = ");
            assert!(mine.iter().all(scope), "{mine:?}");
            let kept = ormai.tools().engine().compiler().cache_len();
            for tenant in 0..50 {
                texts(&ormai, &Principal::new(format!("tenant-{tenant}")), &arguments);
            }
            assert_eq!(ormai.tools().engine().compiler().cache_len(), kept);
        }
        for text in texts(&ormai, &acme(), &json!({"model": "Order", "filters": [{"field": "note", "op": "eq", "value": "needle"}]})) {
            assert!(!text.contains("needle") && !text.contains("acme"), "{text}");
        }
    }

    /// A server that plans a statement once more when it runs again may lose its way among tables
    /// that it keeps apart.
    async fn attack_26_a_view_with_relations_is_asked_again_and_again(test: &TestDatabase) {
        test.execute(
            "CREATE TABLE people (id bigint PRIMARY KEY, tenant_id varchar(20) NOT NULL);
             CREATE TABLE all_tasks (id bigint PRIMARY KEY, tenant_id varchar(20) NOT NULL, person_id bigint NOT NULL);
             CREATE VIEW tasks AS SELECT id, tenant_id, person_id FROM all_tasks;
             INSERT INTO people VALUES (1, 'acme'), (2, 'globex'), (3, 'acme');
             INSERT INTO all_tasks VALUES (1, 'acme', 1), (2, 'globex', 2), (3, 'acme', 2), (4, 'acme', 3), (5, 'globex', 1)",
        )
        .await;
        let model = |name: &str, table: &str| {
            ModelBuilder::table(name, table).field("id", Int).field("tenant_id", Text).primary_key(["id"])
        };
        let mut tasks = model("Task", "tasks").field("person_id", Int).to_one("person", "Person", [("person_id", "id")]);
        tasks.kind = ModelKind::View;
        let people = model("Person", "people").to_many("tasks", "Task", [("id", "person_id")]);
        let catalog = CatalogBuilder::new().model(tasks).model(people).build().unwrap();
        let rules = "fields: {id: allow}, scoping: {tenant_id: principal.tenant_id}, aggregations: {count: true}";
        let policy = format!(
            "version: 1
models:
  Task: {{{rules}, relations: {{person: {{allowed: true}}}}}}
  Person: {{{rules}, relations: {{tasks: {{allowed: true}}}}, row_policies: [{{name: busy, condition: EXISTS (tasks WHERE id > 0)}}]}}"
        );
        let ormai = with_policy(test, &policy, catalog).await;
        let of_person = |id: i64| json!([{"relation": "person", "filters": [{"field": "id", "op": "gte", "value": id}]}]);
        for round in 0..12 {
            let (who, tasks, people) = [("acme", json!([1, 4]), json!([1, 3])), ("globex", json!([2]), json!([2]))][round % 2].clone();
            let who = Principal::new(who);
            let page = ask(&ormai, &who, "query", json!({"model": "Task", "filters": of_person(1), "with_total": true})).await;
            assert_eq!((json!(column(&page, "id")), &page["data"]["total"]), (tasks.clone(), &json!(tasks.as_array().unwrap().len())));
            let page = ask(&ormai, &who, "query", json!({"model": "Task", "filters": of_person(4)})).await;
            assert_eq!(json!(column(&page, "id")), json!([]));
            let filters = json!([{"relation": "tasks", "filters": of_person(1)}]);
            let page = ask(&ormai, &who, "query", json!({"model": "Person", "filters": filters, "include": [{"relation": "tasks"}]})).await;
            assert_eq!(json!(column(&page, "id")), people);
        }
    }
}
