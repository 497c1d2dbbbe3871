//! Attack 18: reaching another tenant's row by its key, by a part of it, by a filter.

use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};

use super::shop::{OPEN, acme, globex, shop, stocked};
use super::{done, filter, introspected, refused};
use crate::support::{ask, code};

fn hour(tenant: &str, task: i64, day: i64) -> Json {
    json!({"tenant_id": tenant, "task_id": task, "day": day})
}

every_engine! {
    async fn attack_18_no_key_leads_to_a_strangers_row(test: &TestDatabase) {
        let ormai = shop(test).await;
        let writes = |model: &str, id: Json, data: Json| [("update", json!({"model": model, "id": id, "data": data})), ("delete", json!({"model": model, "id": id}))];
        let title = json!({"title": "x"});
        let nobodys = refused(test, &ormai, &acme(), "delete", json!({"model": "Task", "id": 404})).await;
        assert_eq!(code(&nobodys), "RECORD_NOT_FOUND");
        let mut all = Vec::new();
        for id in [3_i64, 404, 0, -1, i64::MAX, i64::MIN] {
            all.extend(writes("Task", json!(id), title.clone()));
            all.extend(writes("Task", json!({"id": id}), title.clone()));
        }
        for id in [hour("globex", 3, 1), hour("globex", 3, 404), hour("acme", 3, 1), hour("globex", 1, 1), hour("ACME", 1, 1), hour("acme ", 1, 1), hour("\u{e1}cme", 1, 1), hour("", 1, 1), hour("%", 1, 1)] {
            all.extend(writes("Hour", id, json!({"hours": 0})));
        }
        for (tool, arguments) in all {
            let answer = refused(test, &ormai, &acme(), tool, arguments.clone()).await;
            assert_eq!(answer.to_string(), nobodys.to_string(), "{tool} {arguments}");
        }
    }

    async fn attack_18_a_key_is_given_whole(test: &TestDatabase) {
        let ormai = shop(test).await;
        for id in [
            json!(1), json!("acme"), json!({}), json!({"tenant_id": "acme"}), json!({"tenant_id": "acme", "task_id": 1}), json!({"task_id": 1, "day": 1}), json!({"day": 1}),
            json!({"tenant_id": "acme", "task_id": 1, "day": null}), json!({"tenant_id": null, "task_id": 1, "day": 1}), json!({"tenant_id": "acme", "task_id": 1, "day": 1, "hours": 8}),
            json!({"tenant_id": "acme", "task_id": 1, "day": 1, "x": 1}), json!({"tenant_id": "acme", "task_id": 1, "day": [1, 2]}), json!({"tenant_id": "acme", "task_id": 1, "day": {"gt": 0}}),
            json!({"tenant_id": "acme", "task_id": 1, "day": "1"}), json!({"tenant_id": ["acme", "globex"], "task_id": 1, "day": 1}), json!({"tenant_id": "acme", "task_id": 1, "Day": 1}),
            json!({"tenant_id": "acme", "task_id": 1, "day": 1.5}), json!({"tenant_id": "acme", "task_id": true, "day": 1}), json!({"or": []}), json!(["acme", 1, 1]), json!([hour("acme", 1, 1)]), Json::Null,
        ] {
            for (tool, arguments) in [
                ("update", json!({"model": "Hour", "id": id, "data": {"hours": 0}})), ("delete", json!({"model": "Hour", "id": id})),
                ("bulk_update", json!({"model": "Hour", "ids": [id], "data": {"hours": 0}})), ("bulk_update", json!({"model": "Hour", "ids": [hour("acme", 1, 1), id], "data": {"hours": 0}})),
            ] {
                assert_eq!(code(&refused(test, &ormai, &acme(), tool, arguments).await), "VALIDATION_ERROR", "{tool} {id}");
            }
        }
    }

    async fn attack_18_a_key_of_several_parts_means_one_row(test: &TestDatabase) {
        let ormai = shop(test).await;
        let changed = done(&ormai, &acme(), "update", json!({"model": "Hour", "id": {"day": 2, "task_id": 1, "tenant_id": "acme"}, "data": {"hours": 5}})).await;
        assert_eq!(changed, json!({"tenant_id": "acme", "task_id": 1, "day": 2, "hours": 5}));
        // The parts of two keys make no third: (1, 2) and (2, 1) are not (1, 1), (2, 2).
        let ids = [hour("acme", 1, 2), hour("acme", 2, 1), hour("globex", 3, 1), hour("acme", 1, 2)];
        let bulk = done(&ormai, &acme(), "bulk_update", json!({"model": "Hour", "ids": ids, "data": {"hours": 9}})).await;
        assert_eq!(bulk, json!({"updated_count": 2}));
        let page = ask(&ormai, &acme(), "query", json!({"model": "Hour", "select": ["hours"]})).await;
        assert_eq!(crate::support::column(&page, "hours"), [json!(8), json!(9), json!(9)]);
        let theirs = ask(&ormai, &globex(), "query", json!({"model": "Hour", "select": ["hours"]})).await;
        assert_eq!(crate::support::column(&theirs, "hours"), [json!(6), json!(6)]);
        assert_eq!(done(&ormai, &acme(), "delete", json!({"model": "Hour", "id": hour("acme", 1, 2)})).await["hours"], 9);
        assert_eq!(test.count("hours").await, 4);
    }

    async fn attack_18_a_key_never_changes(test: &TestDatabase) {
        let ormai = shop(test).await;
        for (model, id, data) in [
            ("Task", json!(1), json!({"id": 9})), ("Task", json!(1), json!({"id": 1})), ("Task", json!(1), json!({"id": 3, "title": "x"})), ("Task", json!(3), json!({"id": 1})), ("Task", json!(404), json!({"id": 1})),
            ("Hour", hour("acme", 1, 1), json!({"day": 3})), ("Hour", hour("acme", 1, 1), json!({"tenant_id": "globex"})), ("Hour", hour("acme", 1, 1), json!({"tenant_id": "acme"})),
            ("Hour", hour("globex", 3, 1), json!({"tenant_id": "acme"})), ("Hour", hour("acme", 1, 1), json!({"task_id": 3, "hours": 1})), ("Person", json!({"tenant_id": "globex", "number": 7}), json!({"tenant_id": "acme"})),
        ] {
            assert_eq!(code(&refused(test, &ormai, &acme(), "update", json!({"model": model, "id": id, "data": data})).await), "WRITE_NOT_ALLOWED", "{data}");
            assert_eq!(code(&refused(test, &ormai, &acme(), "bulk_update", json!({"model": model, "ids": [id], "data": data})).await), "WRITE_NOT_ALLOWED", "{data}");
            for null in data.as_object().unwrap().keys().filter(|key| !["title", "hours"].contains(&key.as_str())) {
                let data = json!({null: null});
                let data = if data[null].is_null() { data } else { json!({null: Json::Null}) };
                assert_eq!(code(&refused(test, &ormai, &acme(), "update", json!({"model": model, "id": id, "data": data})).await), "WRITE_NOT_ALLOWED", "{data}");
            }
        }
    }

    async fn attack_18_a_bulk_update_of_strangers_rows_is_one_of_none(test: &TestDatabase) {
        let ormai = shop(test).await;
        let before = test.contents().await;
        let bulk = async |chosen: Json| {
            let mut arguments = json!({"model": "Task", "data": {"title": "mine"}});
            arguments.as_object_mut().unwrap().extend(chosen.as_object().unwrap().clone());
            ask(&ormai, &acme(), "bulk_update", arguments).await.to_string()
        };
        let none = bulk(json!({"ids": [404]})).await;
        for chosen in [
            json!({"ids": [3]}), json!({"ids": [3, 404]}), json!({"ids": [{"id": 3}]}), json!({"filters": [filter("id", "eq", 3)]}), json!({"filters": [filter("tenant_id", "eq", "globex")]}),
            json!({"filters": [filter("tenant_id", "ne", "acme")]}), json!({"filters": [filter("code", "starts_with", "G")]}), json!({"filters": [{"not": filter("tenant_id", "in", json!(["acme"]))}]}),
            json!({"filters": [{"and": [filter("id", "gt", 2), {"or": [filter("tenant_id", "eq", "globex"), filter("id", "gt", 2)]}]}]}),
        ] {
            assert_eq!(bulk(chosen.clone()).await, none, "{chosen}");
        }
        assert_eq!(test.contents().await, before);
        // One of mine among many of theirs.
        assert_eq!(done(&ormai, &acme(), "bulk_update", json!({"model": "Task", "filters": [{"or": [filter("tenant_id", "eq", "globex"), filter("id", "eq", 1)]}], "data": {"title": "x"}})).await, json!({"updated_count": 1}));
        assert_eq!(ask(&ormai, &globex(), "get", json!({"model": "Task", "id": 3})).await["data"]["title"], "three");
    }

    async fn attack_18_a_key_that_is_hidden_names_no_row(test: &TestDatabase) {
        stocked(test).await;
        for hidden in ["redact", "deny"] {
            let ormai = introspected(test, &OPEN.replace("fields: {id: allow, tenant_id: allow, team_id", &format!("fields: {{id: {hidden}, tenant_id: allow, team_id"))).await;
            for (tool, arguments) in [
                ("update", json!({"model": "Task", "id": 1, "data": {"title": "x"}})), ("delete", json!({"model": "Task", "id": 1})),
                ("bulk_update", json!({"model": "Task", "ids": [1], "data": {"title": "x"}})), ("bulk_update", json!({"model": "Task", "filters": [filter("id", "eq", 1)], "data": {"title": "x"}})),
            ] {
                let mut answers = Vec::new();
                for id in [1, 3, 404] {
                    let text = arguments.to_string().replace(":1}", &format!(":{id}}}")).replace(":1,", &format!(":{id},")).replace("[1]", &format!("[{id}]"));
                    answers.push(refused(test, &ormai, &acme(), tool, serde_json::from_str(&text).unwrap()).await);
                }
                assert!(answers.iter().all(|answer| *answer == answers[0]), "{hidden} {tool}: {answers:?}");
                assert_eq!(code(&answers[0]), "FIELD_NOT_ALLOWED", "{hidden} {tool}");
            }
        }
    }
}
