//! Attack 21: `require_reason`, `required_fields`, `immutable_fields`, `max_affected_rows` and the
//! actions, each alone, at its limit and over it. What is refused is refused before anything is
//! written.

use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};

use super::{done, filter, refused, under, writable};
use crate::support::{acme, admin, ask, code};

fn required(fields: &str) -> String {
    format!(
        "
models:
  Order:
    fields: {{id: allow, user_id: allow, status: allow, total: allow, note: allow}}
    scoping: {{tenant_id: principal.tenant_id}}
    write_policy: {{create: allow, update: allow, delete: deny, bulk_update: allow, required_fields: {fields},
        auto_set: {{tenant_id: principal.tenant_id, created_at: now()}}}}
  User: {{fields: {{id: allow}}, scoping: {{tenant_id: principal.tenant_id}}}}
"
    )
}

fn capped(rows: u32) -> String {
    format!(
        "
models:
  Order:
    fields: {{id: allow, status: allow}}
    scoping: {{tenant_id: principal.tenant_id}}
    write_policy: {{create: deny, update: deny, delete: deny, bulk_update: allow, max_affected_rows: {rows}}}
"
    )
}

every_engine! {
    async fn attack_21_a_reason_is_a_reason(test: &TestDatabase) {
        let ormai = writable(test).await;
        let arguments = json!({"model": "OrderItem", "id": 1, "data": {"sku": "A-9"}});
        let missing = refused(test, &ormai, &acme(), "update", arguments.clone()).await;
        assert_eq!((code(&missing), &missing["error"]["details"]["path"]), ("VALIDATION_ERROR", &json!("reason")));
        for reason in [json!(""), json!(" "), json!("\t\n"), json!("\u{a0}\u{2003}"), Json::Null, json!(1), json!(true), json!(["why"]), json!({}), json!("x".repeat(2_001)), json!("a\0b")] {
            for (tool, mut arguments) in [
                ("update", arguments.clone()), ("delete", json!({"model": "OrderItem", "id": 1})),
                ("create", json!({"model": "OrderItem", "data": {"id": 10, "order_id": 1, "sku": "A", "quantity": 1, "price": 1}})),
            ] {
                arguments["reason"] = reason.clone();
                assert_eq!(code(&refused(test, &ormai, &acme(), tool, arguments).await), "VALIDATION_ERROR", "{tool} {reason}");
            }
        }
        for reason in ["x".to_owned(), "x".repeat(2_000), "' OR 1=1 --".to_owned()] {
            let mut arguments = arguments.clone();
            arguments["reason"] = json!(reason);
            assert_eq!(done(&ormai, &acme(), "update", arguments).await["sku"], "A-9");
        }
        // A bypass of the rows is none of the rules.
        assert_eq!(code(&refused(test, &ormai, &acme().role("super_admin"), "delete", json!({"model": "OrderItem", "id": 1})).await), "VALIDATION_ERROR");
    }

    async fn attack_21_missing_fields_are_all_named_at_once(test: &TestDatabase) {
        let ormai = under(test, &required("[status, note, total, user_id]")).await;
        let missing = |answer: &Json| answer["error"]["details"]["missing"].clone();
        for (data, named) in [
            (json!({}), json!(["status", "note", "total", "user_id"])),
            (json!({"id": 9, "status": "x", "total": 1}), json!(["note", "user_id"])),
            (json!({"id": 9, "status": "x", "total": 1, "note": null, "user_id": "user-123"}), json!(["note"])),
            (json!({"note": null}), json!(["status", "note", "total", "user_id"])),
        ] {
            let error = refused(test, &ormai, &acme(), "create", json!({"model": "Order", "data": data})).await;
            assert_eq!((code(&error), missing(&error)), ("VALIDATION_ERROR", named), "{data}");
        }
        for (tool, chosen) in [("update", json!({"id": 2})), ("update", json!({"id": 404})), ("bulk_update", json!({"ids": [2]}))] {
            let mut arguments = json!({"model": "Order", "data": {"note": null}});
            arguments.as_object_mut().unwrap().extend(chosen.as_object().unwrap().clone());
            let error = refused(test, &ormai, &acme(), tool, arguments).await;
            assert_eq!((code(&error), missing(&error)), ("VALIDATION_ERROR", json!(["note"])));
        }
        // An update says what it changes, and no more.
        assert_eq!(done(&ormai, &acme(), "update", json!({"model": "Order", "id": 2, "data": {"note": ""}})).await["note"], "");
        let data = json!({"id": 9, "status": "x", "total": "1.25", "note": "", "user_id": "user-123"});
        assert_eq!(done(&ormai, &acme(), "create", json!({"model": "Order", "data": data})).await["note"], "");
    }

    async fn attack_21_a_required_field_that_is_hidden_is_not_named(test: &TestDatabase) {
        let ormai = under(test, &required("[status]").replace("status: allow, ", "")).await;
        let error = refused(test, &ormai, &acme(), "create", json!({"model": "Order", "data": {"id": 9, "total": 1, "user_id": "user-123"}})).await;
        assert_eq!(code(&error), "WRITE_NOT_ALLOWED");
        assert!(!error.to_string().contains("status"), "{error}");
    }

    async fn attack_21_what_is_immutable_cannot_stand_in_the_data(test: &TestDatabase) {
        let ormai = writable(test).await;
        for data in [
            json!({"tenant_id": "globex"}), json!({"tenant_id": "acme-corp"}), json!({"status": "x", "tenant_id": "acme-corp"}),
            json!({"created_at": "2026-02-01T09:00:00Z"}), json!({"tenant_id": null}), json!({"id": 1}), json!({"id": 2}), json!({"status": "x", "id": 1}),
        ] {
            for (tool, chosen) in [("update", json!({"id": 1})), ("update", json!({"id": 4})), ("update", json!({"id": 404})),
                ("bulk_update", json!({"ids": [1]})), ("bulk_update", json!({"filters": [filter("id", "eq", 404)]}))] {
                for who in [acme(), admin()] {
                    let mut arguments = json!({"model": "Order", "data": data});
                    arguments.as_object_mut().unwrap().extend(chosen.as_object().unwrap().clone());
                    let error = refused(test, &ormai, &who, tool, arguments).await;
                    assert_eq!(code(&error), "WRITE_NOT_ALLOWED", "{data}");
                }
            }
        }
    }

    async fn attack_21_the_cap_holds_at_the_limit_and_over_it(test: &TestDatabase) {
        let ormai = under(test, &capped(2)).await;
        let bulk = |chosen: Json| {
            let mut arguments = json!({"model": "Order", "data": {"status": "x"}});
            arguments.as_object_mut().unwrap().extend(chosen.as_object().unwrap().clone());
            arguments
        };
        for over in [json!({"ids": [1, 2, 3]}), json!({"filters": [filter("id", "lte", 3)]}), json!({"filters": [filter("id", "gt", 0)]}), json!({"ids": [3, 4, 2, 5, 1]})] {
            for dry_run in [false, true] {
                let mut arguments = bulk(over.clone());
                arguments["dry_run"] = json!(dry_run);
                let error = refused(test, &ormai, &acme(), "bulk_update", arguments).await;
                assert_eq!((code(&error), &error["error"]["details"]["max"]), ("MAX_AFFECTED_ROWS_EXCEEDED", &json!(2)));
                // How many more there are is not told.
                assert!(!error.to_string().contains('3'), "{error}");
            }
        }
        // What is not mine does not count.
        for at in [json!({"ids": [1, 2]}), json!({"ids": [1, 2, 4, 5, 6, 404]}), json!({"ids": [1, 2, 1, 2, 1]}), json!({"filters": [filter("id", "in", json!([1, 3, 4, 5, 6, 7, 8]))]})] {
            assert_eq!(done(&ormai, &acme(), "bulk_update", bulk(at)).await, json!({"updated_count": 2}));
        }
    }

    async fn attack_21_a_cap_of_one_is_one(test: &TestDatabase) {
        let ormai = under(test, &capped(1)).await;
        let bulk = |ids: Json| json!({"model": "Order", "ids": ids, "data": {"status": "x"}});
        assert_eq!(code(&refused(test, &ormai, &acme(), "bulk_update", bulk(json!([1, 2]))).await), "MAX_AFFECTED_ROWS_EXCEEDED");
        assert_eq!(done(&ormai, &acme(), "bulk_update", bulk(json!([1, 4]))).await, json!({"updated_count": 1}));
    }

    async fn attack_21_without_a_cap_the_budget_caps(test: &TestDatabase) {
        let policy = capped(2).replace(", max_affected_rows: 2", "").replace("models:", "budget: {max_rows: 2}\nmodels:");
        let ormai = under(test, &policy).await;
        let all = json!({"model": "Order", "filters": [filter("id", "gt", 0)], "data": {"status": "x"}});
        assert_eq!(code(&refused(test, &ormai, &acme(), "bulk_update", all).await), "MAX_AFFECTED_ROWS_EXCEEDED");
    }

    async fn attack_21_what_is_not_opened_cannot_be_written(test: &TestDatabase) {
        let policy = "
models:
  Order: {fields: {id: allow, status: allow}, scoping: {tenant_id: principal.tenant_id}, write_policy: {create: deny, update: allow, delete: deny, bulk_update: deny}}
  Document: {fields: {id: allow, title: allow}, scoping: {}}
";
        let ormai = under(test, policy).await;
        let data = json!({"id": 9, "title": "x"});
        for (tool, arguments) in [
            ("create", json!({"model": "Order", "data": {"id": 9, "status": "x"}})), ("delete", json!({"model": "Order", "id": 3})),
            ("bulk_update", json!({"model": "Order", "ids": [3], "data": {"status": "x"}})),
            ("create", json!({"model": "Document", "data": data})), ("update", json!({"model": "Document", "id": 1, "data": {"title": "x"}})),
            ("delete", json!({"model": "Document", "id": 1})), ("bulk_update", json!({"model": "Document", "ids": [1], "data": {"title": "x"}})),
        ] {
            for who in [acme(), admin()] {
                let mut dry = arguments.clone();
                dry["dry_run"] = json!(true);
                for arguments in [arguments.clone(), dry] {
                    assert_eq!(code(&refused(test, &ormai, &who, tool, arguments).await), "WRITE_NOT_ALLOWED");
                }
            }
        }
        for (tool, arguments) in [
            ("create", json!({"model": "User", "data": {"id": "x"}})), ("delete", json!({"model": "Users", "id": "user-123"})),
        ] {
            assert_eq!(code(&refused(test, &ormai, &acme(), tool, arguments).await), "MODEL_NOT_ALLOWED");
        }
        assert_eq!(done(&ormai, &acme(), "update", json!({"model": "Order", "id": 3, "data": {"status": "x"}})).await["status"], "x");
    }

    async fn attack_21_a_role_that_narrows_takes_a_write_away(test: &TestDatabase) {
        let policy = "
models:
  Order:
    fields: {id: allow, status: allow, note: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: deny, update: allow, delete: allow, bulk_update: allow}
    roles:
      clerk: {write_policy: {delete: deny, immutable_fields: [status], max_affected_rows: 1, require_reason: true}}
";
        let ormai = under(test, policy).await;
        let clerk = acme().role("clerk");
        for (tool, arguments, expected) in [
            ("delete", json!({"model": "Order", "id": 3, "reason": "x"}), "WRITE_NOT_ALLOWED"),
            ("update", json!({"model": "Order", "id": 3, "reason": "x", "data": {"status": "y"}}), "WRITE_NOT_ALLOWED"),
            ("update", json!({"model": "Order", "id": 3, "data": {"note": "y"}}), "VALIDATION_ERROR"),
            ("bulk_update", json!({"model": "Order", "ids": [1, 2], "reason": "x", "data": {"note": "y"}}), "MAX_AFFECTED_ROWS_EXCEEDED"),
        ] {
            assert_eq!(code(&refused(test, &ormai, &clerk, tool, arguments).await), expected);
        }
        assert_eq!(ask(&ormai, &clerk, "update", json!({"model": "Order", "id": 3, "reason": "x", "data": {"note": "y"}})).await["data"]["note"], "y");
        // Nothing of it is on others, with the same request.
        assert_eq!(ask(&ormai, &acme(), "update", json!({"model": "Order", "id": 3, "data": {"status": "y"}})).await["data"]["status"], "y");
    }
}
