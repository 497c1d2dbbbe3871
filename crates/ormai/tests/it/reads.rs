//! Attacks 6 to 8 and 11: reading what is somebody else's, or hidden, or everything.

use ormai_testkit::{Dataset, every_engine, guide_catalog};
use serde_json::{Value as Json, json};

use crate::support::{acme, ask, code, column, demo, globex, rows, with_policy};

/// Hidden in every way: `ssn` denied, `email` masked, `name` redacted, `tenant_id` hashed.
const HIDING: &str = "
version: 1
budget: {max_complexity_score: 1000}
models:
  User:
    allowed: true
    fields: {id: allow, email: mask, name: redact, tenant_id: hash, created_at: allow}
    relations: {orders: {allowed: true}}
    scoping: {tenant_id: principal.tenant_id}
    aggregations: {count: true}
  Order:
    allowed: true
    fields: {id: allow, status: allow, user_id: allow}
    relations: {user: {allowed: true}, items: {allowed: true}, tenant: {allowed: true}}
    scoping: {tenant_id: principal.tenant_id}
    aggregations: {count: true, sum: [id]}
  OrderItem:
    allowed: true
    fields: {id: allow, sku: allow}
    relations: {order: {allowed: true, fields: [id]}}
    scoping: {tenant_id: principal.tenant_id}
";

/// Every way to refer to a field of `User`, directly and through the relation from `Order`.
fn references(field: &str) -> Vec<(&'static str, Json)> {
    let mut all = Vec::new();
    let operators = [
        ("eq", json!("x")),
        ("ne", json!("x")),
        ("lt", json!("x")),
        ("lte", json!("x")),
        ("gt", json!("x")),
        ("gte", json!("x")),
        ("in", json!(["x"])),
        ("not_in", json!(["x"])),
        ("is_null", json!(true)),
        ("contains", json!("x")),
        ("starts_with", json!("x")),
        ("ends_with", json!("x")),
        ("between", json!(["a", "z"])),
    ];
    for (op, value) in operators {
        let filter = json!({"field": field, "op": op, "value": value});
        all.push(("query", json!({"model": "User", "filters": [filter]})));
        all.push(("query", json!({"model": "User", "filters": [{"not": filter}]})));
        all.push(("query", json!({"model": "User", "filters": [{"or": [{"and": [filter]}]}]})));
        for matching in ["any", "all", "none"] {
            all.push((
                "query",
                json!({"model": "Order", "filters": [{"relation": "user", "match": matching, "filters": [filter]}]}),
            ));
        }
        all.push((
            "query",
            json!({"model": "OrderItem", "filters": [
            {"relation": "order", "filters": [{"relation": "user", "filters": [filter]}]}]}),
        ));
        all.push(("query", json!({"model": "Order", "include": [{"relation": "user", "filters": [filter]}]})));
        all.push(("aggregate", json!({"model": "User", "aggregations": [{"function": "count"}], "filters": [filter]})));
    }
    all.push(("query", json!({"model": "User", "order": [{"field": field}]})));
    all.push(("query", json!({"model": "User", "order": [{"field": "id"}, {"field": field, "direction": "desc"}]})));
    all.push(("query", json!({"model": "Order", "include": [{"relation": "user", "order": [{"field": field}]}]})));
    all.push(("aggregate", json!({"model": "User", "aggregations": [{"function": "count"}], "group_by": [field]})));
    all.push((
        "aggregate",
        json!({"model": "User", "aggregations": [{"function": "count"}], "order": [{"field": field}]}),
    ));
    for function in ["count", "sum", "avg", "min", "max"] {
        all.push(("aggregate", json!({"model": "User", "aggregations": [{"function": function, "field": field}]})));
    }
    all
}

/// Whether the error speaks of a field as if there were none.
fn unknown(answer: &Json, field: &str) -> String {
    answer.to_string().replace(field, "…")
}

every_engine! {
    async fn attack_06_nothing_reads_across_tenants(test: &TestDatabase) {
        let ormai = demo(test).await;
        let mine = acme();
        let all = ask(&ormai, &mine, "query", json!({"model": "Order", "with_total": true, "include": [
            {"relation": "tenant", "include": [{"relation": "users", "include": [{"relation": "orders"}]}]},
            {"relation": "user", "include": [{"relation": "orders"}]},
            {"relation": "items"},
        ]})).await;
        assert_eq!(code(&all), "QUERY_TOO_BROAD");
        let all = ask(&ormai, &mine, "query", json!({"model": "Order", "with_total": true, "limit": 10, "include": [
            {"relation": "tenant", "include": [{"relation": "users", "limit": 10, "include": [{"relation": "orders", "limit": 10}]}]},
            {"relation": "items", "limit": 10},
        ]})).await;
        assert_eq!(column(&all, "id"), [json!(1), json!(2), json!(3)]);
        assert_eq!(all["data"]["total"], 3);
        let text = all.to_string();
        for theirs in ["globex", "user-201", "user-3", "C-1", "1000.01", "root", "parent"] {
            assert!(!text.contains(theirs), "{theirs}: {text}");
        }
        for id in [4, 5, 6, 7, 8] {
            assert_eq!(code(&ask(&ormai, &mine, "get", json!({"model": "Order", "id": id, "include": ["items"]})).await), "RECORD_NOT_FOUND");
        }
        let theirs = ask(&ormai, &mine, "query", json!({"model": "Order", "with_total": true, "filters": [{"field": "tenant_id", "op": "eq", "value": "globex"}]})).await;
        assert_eq!(theirs["data"], json!({"rows": [], "has_more": false, "next_cursor": null, "total": 0}));
        let count = ask(&ormai, &mine, "aggregate", json!({"model": "Order", "group_by": ["tenant_id"],
            "aggregations": [{"function": "count"}, {"function": "max", "field": "total"}]})).await;
        assert_eq!(count["data"]["rows"], json!([{"tenant_id": "acme-corp", "count": 3, "max_total": "250.01"}]));
        let related = ask(&ormai, &mine, "query", json!({"model": "Order", "filters": [
            {"relation": "items", "filters": [{"field": "quantity", "op": "gte", "value": 100}]}]})).await;
        assert!(rows(&related).is_empty());
        let none = ask(&ormai, &mine, "query", json!({"model": "Tenant", "filters": [
            {"relation": "orders", "match": "any", "filters": [{"field": "total", "op": "gt", "value": 500}]}]})).await;
        assert!(rows(&none).is_empty());
    }

    async fn attack_06_a_row_of_mine_that_points_at_theirs_shows_nothing_of_it(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        // An order of acme's, made by a user of globex's; an item of globex's in an order of acme's.
        test.execute("INSERT INTO orders VALUES (9, 'acme-corp', 'user-201', 'odd', 1, NULL, '2026-02-01 09:00:00');
            INSERT INTO order_items VALUES (10, 'globex', 9, 'SECRET', 1, 1)").await;
        let ormai = crate::support::guided(test).await;
        let odd = ask(&ormai, &acme(), "get", json!({"model": "Order", "id": 9, "select": ["id"], "include": ["user", "items"]})).await;
        assert_eq!(odd["data"], json!({"id": 9, "user": null, "items": {"rows": [], "has_more": false}}));
        for (matching, found) in [("any", 0), ("none", 1), ("all", 1)] {
            let filter = json!({"relation": "items", "match": matching, "filters": [{"field": "sku", "op": "eq", "value": "SECRET"}]});
            let page = ask(&ormai, &acme(), "query", json!({"model": "Order", "filters": [{"field": "id", "op": "eq", "value": 9}, filter]})).await;
            assert_eq!(rows(&page).len(), found, "{matching}");
        }
        let item = ask(&ormai, &globex(), "get", json!({"model": "OrderItem", "id": 10, "include": ["order"]})).await;
        assert_eq!(item["data"]["order"], Json::Null);
    }

    async fn attack_06_a_relation_to_a_closed_model_does_not_exist(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let ormai = with_policy(test, HIDING, guide_catalog()).await;
        let closed = |relation: &str| vec![
            json!({"model": "Order", "include": [relation]}),
            json!({"model": "Order", "limit": 1, "include": [{"relation": "user", "limit": 1, "include": [{"relation": "orders", "limit": 1, "include": [relation]}]}]}),
            json!({"model": "Order", "filters": [{"relation": relation, "filters": []}]}),
            json!({"model": "OrderItem", "filters": [{"relation": "order", "match": "none", "filters": [{"relation": relation, "filters": []}]}]}),
        ];
        for (real, invented) in closed("tenant").into_iter().zip(closed("tenanz")) {
            let (real, invented) = (ask(&ormai, &acme(), "query", real).await, ask(&ormai, &acme(), "query", invented).await);
            assert_eq!(code(&real), "RELATION_NOT_ALLOWED");
            assert_eq!(unknown(&real, "tenant"), unknown(&invented, "tenanz"));
        }
        for (real, invented) in [("Tenant", "Tenanz"), ("Document", "Documenz")] {
            for tool in ["query", "get", "aggregate", "describe_schema"] {
                let arguments = |model: &str| match tool {
                    "get" => json!({"model": model, "id": 1}),
                    "aggregate" => json!({"model": model, "aggregations": [{"function": "count"}]}),
                    _ => json!({"model": model}),
                };
                let (real_answer, invented_answer) = (ask(&ormai, &acme(), tool, arguments(real)).await, ask(&ormai, &acme(), tool, arguments(invented)).await);
                assert_eq!(code(&real_answer), "MODEL_NOT_ALLOWED");
                assert_eq!(unknown(&real_answer, real), unknown(&invented_answer, invented));
            }
        }
    }

    async fn attack_07_a_denied_field_is_like_one_that_does_not_exist(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let ormai = with_policy(test, HIDING, guide_catalog()).await;
        let mut both: Vec<_> = references("ssn").into_iter().zip(references("zzz")).collect();
        let select = |field: &str| ("query", json!({"model": "User", "select": ["id", field]}));
        let get = |field: &str| ("get", json!({"model": "User", "id": "user-123", "select": [field]}));
        let through = |field: &str| ("query", json!({"model": "Order", "include": [{"relation": "user", "select": [field]}]}));
        both.extend([(select("ssn"), select("zzz")), (get("ssn"), get("zzz")), (through("ssn"), through("zzz"))]);
        for ((tool, denied), (_, invented)) in both {
            let (denied_answer, invented_answer) = (ask(&ormai, &acme(), tool, denied.clone()).await, ask(&ormai, &acme(), tool, invented).await);
            assert!(["FIELD_NOT_ALLOWED", "VALIDATION_ERROR"].contains(&code(&denied_answer)), "{denied}: {denied_answer}");
            assert_eq!(unknown(&denied_answer, "ssn"), unknown(&invented_answer, "zzz"), "{denied}");
        }
        let schema = ask(&ormai, &acme(), "describe_schema", json!({})).await;
        assert!(!schema.to_string().contains("ssn"));
    }

    async fn attack_07_a_field_that_is_not_shown_as_it_is_can_only_be_selected(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let ormai = with_policy(test, HIDING, guide_catalog()).await;
        for field in ["email", "name", "tenant_id"] {
            for (tool, arguments) in references(field) {
                let answer = ask(&ormai, &acme(), tool, arguments.clone()).await;
                assert!(["FIELD_NOT_ALLOWED", "VALIDATION_ERROR"].contains(&code(&answer)), "{arguments}: {answer}");
            }
        }
        let page = ask(&ormai, &acme(), "query", json!({"model": "User", "select": ["email", "name", "tenant_id"]})).await;
        let text = page.to_string();
        assert_eq!(rows(&page).len(), 2);
        for raw in ["ann@", "acme", "Ann", "Bob", "example"] {
            assert!(!text.contains(raw), "{raw}: {text}");
        }
        // A relation that opens fewer fields opens fewer fields to filters and orders too.
        for arguments in [
            json!({"model": "OrderItem", "include": [{"relation": "order", "select": ["status"]}]}),
            json!({"model": "OrderItem", "filters": [{"relation": "order", "filters": [{"field": "status", "op": "eq", "value": "paid"}]}]}),
        ] {
            assert_eq!(code(&ask(&ormai, &acme(), "query", arguments).await), "FIELD_NOT_ALLOWED");
        }
    }

    async fn attack_08_a_hidden_value_cannot_be_guessed_letter_by_letter(test: &TestDatabase) {
        let ormai = demo(test).await;
        let mut learnt = 0;
        for (op, value) in [
            ("starts_with", json!("1")), ("starts_with", json!("123-45-6789")), ("startswith", json!("")), ("ends_with", json!("9")),
            ("contains", json!("-")), ("lt", json!("2")), ("gte", json!("1")), ("between", json!(["1", "2"])),
            ("in", json!(["123-45-6789", "x"])), ("eq", json!("123-45-6789")), ("ne", json!("x")), ("is_null", json!(false)), ("not_in", json!(["x"])),
        ] {
            let filter = json!({"field": "ssn", "op": op, "value": value});
            for (tool, arguments) in [
                ("query", json!({"model": "User", "filters": [filter]})),
                ("query", json!({"model": "User", "filters": [{"not": filter}], "with_total": true})),
                ("query", json!({"model": "Order", "filters": [{"relation": "user", "filters": [filter]}]})),
                ("aggregate", json!({"model": "User", "aggregations": [{"function": "count"}], "filters": [filter]})),
            ] {
                let answer = ask(&ormai, &acme(), tool, arguments).await;
                assert_eq!(code(&answer), "FIELD_NOT_ALLOWED");
                learnt += 1;
            }
        }
        assert_eq!(learnt, 52);
        for function in ["min", "max", "count"] {
            let answer = ask(&ormai, &acme(), "aggregate", json!({"model": "User", "aggregations": [{"function": function, "field": "ssn"}]})).await;
            assert_eq!(code(&answer), "FIELD_NOT_ALLOWED");
        }
        let shown = ask(&ormai, &acme(), "query", json!({"model": "User", "select": ["id", "ssn", "email"]})).await;
        assert_eq!(shown["data"]["rows"][0]["ssn"], "***-**-6789");
        assert!(!shown.to_string().contains("123-45"));
    }

    async fn attack_11_an_empty_or_null_filter_never_widens(test: &TestDatabase) {
        let ormai = demo(test).await;
        for filters in [
            json!({"or": []}), json!({"and": []}), json!({"not": {}}), json!([{"or": []}]), json!([{"and": []}]), json!([{"not": {}}]),
            json!([{"not": []}]), json!([{"not": null}]), json!([{}]), json!([null]), json!(null), json!([[]]), json!(""), json!(false),
            json!({}), json!([{"or": [{}]}]), json!([{"or": null}]), json!([{"and": [null]}]), json!([{"not": {"or": []}}]),
            json!([{"field": "status", "op": "eq", "value": null}]), json!([{"field": "status", "op": "ne", "value": null}]),
            json!([{"field": "status", "op": "in", "value": null}]), json!([{"field": "status", "op": "in", "value": [null]}]),
            json!([{"field": "status", "op": "not_in", "value": [null]}]), json!([{"field": "status", "op": "eq"}]), json!([{"field": "status", "op": null, "value": "paid"}]),
            json!([{"field": "status", "value": null}]), json!([{"field": null, "op": "eq", "value": "paid"}]), json!([{"op": "eq", "value": "paid"}]),
            json!([{"field": "status", "op": "is_null", "value": null}]), json!([{"field": "total", "op": "between", "value": [null, 1]}]),
            json!([{"relation": "items", "filters": null}]), json!([{"relation": "items", "match": "all", "filters": [{"or": []}]}]),
            json!([{"or": [{"field": "id", "op": "eq", "value": 1}], "and": []}]), json!([{"field": "id", "op": "eq", "value": 1, "or": []}]),
        ] {
            for tool in ["query", "aggregate"] {
                let mut arguments = json!({"model": "Order", "filters": filters});
                if tool == "aggregate" {
                    arguments["aggregations"] = json!([{"function": "count"}]);
                }
                let answer = ask(&ormai, &acme(), tool, arguments).await;
                assert_eq!(code(&answer), "VALIDATION_ERROR", "{filters}: {answer}");
            }
        }
        for (filter, found) in [
            (json!({"field": "status", "op": "in", "value": []}), 0),
            (json!({"field": "status", "op": "not_in", "value": []}), 3),
            (json!({"not": {"field": "status", "op": "in", "value": []}}), 3),
        ] {
            let page = ask(&ormai, &acme(), "query", json!({"model": "Order", "with_total": true, "filters": [filter]})).await;
            assert_eq!((rows(&page).len(), &page["data"]["total"]), (found, &json!(found)));
        }
    }
}
