//! Each invariant notices an answer that was tampered with.

use std::sync::Arc;

use ormai::prelude::*;
use ormai_eval::harness::{Answering, Answers};
use ormai_eval::invariants::{
    Invariant, audited_once, errors_reveal_nothing, masks_applied, no_cross_tenant_data, no_denied_fields,
    non_interference, response_within_budget,
};
use ormai_eval::{Call, EvalHarness, Observed, Witness};
use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};

use super::{acme, guide, writes};

/// What an invariant says of an answer that was changed on its way; of the answer as it was it says
/// nothing.
async fn said(
    harness: &EvalHarness,
    invariant: Arc<dyn Invariant>,
    (tool, arguments): (&str, Json),
    tamper: impl FnOnce(&mut Observed),
) -> Vec<String> {
    let (ctx, call) = (RunContext::new(acme()), Call::new(tool, arguments, acme()));
    let mut observed = harness.observe(&ctx, &call).await.unwrap();
    let sound = harness.check(&ctx, &call, &observed, [Arc::clone(&invariant)]).await;
    assert!(sound.passed(), "{sound}");
    tamper(&mut observed);
    let result = harness.check(&ctx, &call, &observed, [invariant]).await;
    result.violations.iter().map(ToString::to_string).collect()
}

fn put(observed: &mut Observed, place: &str, value: Json) {
    *observed.result.pointer_mut(place).unwrap_or_else(|| panic!("no {place}")) = value;
}

fn add(observed: &mut Observed, place: &str, value: Json) {
    let list = observed.result.pointer_mut(place).and_then(Json::as_array_mut);
    list.unwrap_or_else(|| panic!("no {place}")).push(value);
}

every_engine! {
    async fn a_row_of_another_tenant_is_noticed_by_its_key(test: &TestDatabase) {
        let harness = guide(test).await;
        let asked = ("query", json!({"model": "Order", "select": ["id", "status"]}));
        let said = said(&harness, no_cross_tenant_data(), asked, |observed| {
            add(observed, "/data/rows", json!({"id": 4, "status": "pending"}));
        });
        assert_eq!(said.await, [
            "no_cross_tenant_data: rows[3] shows a row that the principal may not see: its `tenant_id` is \"globex\" \
             (Order 4), field `id`",
        ]);
    }

    async fn a_row_of_another_tenant_is_noticed_without_its_key(test: &TestDatabase) {
        let harness = guide(test).await;
        let asked = ("query", json!({"model": "Order", "select": ["status"]}));
        let said = said(&harness, no_cross_tenant_data(), asked, |observed| {
            add(observed, "/data/rows", json!({"status": "pending"}));
        });
        assert_eq!(said.await, [
            "no_cross_tenant_data: rows[3] shows more rows like this than the principal may see: its `tenant_id` is \
             \"globex\" (Order 4), field `status`",
        ]);
    }

    async fn a_value_of_another_tenant_is_noticed_in_an_own_row(test: &TestDatabase) {
        let harness = guide(test).await;
        let asked = ("get", json!({"model": "Order", "id": 1}));
        let said = said(&harness, no_cross_tenant_data(), asked, |observed| {
            put(observed, "/data/total", json!("1000.01"));
        });
        assert_eq!(said.await, [
            "no_cross_tenant_data: shows a value that is not the row's own (Order 1), field `total`",
        ]);
    }

    async fn an_included_row_of_another_tenant_is_noticed(test: &TestDatabase) {
        let harness = guide(test).await;
        let included = json!({"model": "Order", "select": ["status"], "include": [{"relation": "items", "select": ["sku"]}]});
        let said = said(&harness, no_cross_tenant_data(), ("query", included), |observed| {
            add(observed, "/data/rows/0/items/rows", json!({"sku": "C-1"}));
        });
        assert_eq!(said.await, [
            "no_cross_tenant_data: rows[0].items[2] shows more rows like this than the principal may see: its \
             `tenant_id` is \"globex\" (OrderItem 6), field `sku`",
        ]);
    }

    async fn a_count_of_all_tenants_is_noticed(test: &TestDatabase) {
        let harness = guide(test).await;
        let asked = ("query", json!({"model": "Order", "limit": 1, "with_total": true}));
        let said = said(&harness, no_cross_tenant_data(), asked, |observed| put(observed, "/data/total", json!(8)));
        assert_eq!(said.await, [
            "no_cross_tenant_data: counts 8 rows, and the principal may see 3 of those that were asked for (Order \
             \"total\"), field `total`",
        ]);
    }

    async fn a_figure_of_all_tenants_is_noticed(test: &TestDatabase) {
        let harness = guide(test).await;
        let arguments = json!({"model": "Order", "aggregations": [{"function": "sum", "field": "total"}], "group_by": ["status"]});
        let said = said(&harness, no_cross_tenant_data(), ("aggregate", arguments), |observed| {
            put(observed, "/data/rows/0/sum_total", json!("259.89"));
            add(observed, "/data/rows", json!({"status": "shipped", "sum_total": "75.25"}));
        });
        let said = said.await;
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains("of the rows that the principal may see it is"), "{said:?}");
        assert!(said[1].contains("is a group of rows that the principal may not see (Order [\"shipped\"])"), "{said:?}");
    }

    async fn more_rows_that_are_others_are_noticed(test: &TestDatabase) {
        let harness = guide(test).await;
        let asked = ("query", json!({"model": "Order"}));
        let said = said(&harness, no_cross_tenant_data(), asked, |observed| {
            put(observed, "/data/has_more", json!(true));
        });
        assert_eq!(said.await, [
            "no_cross_tenant_data: says that there are more rows, and the principal may see 3 (Order \"has_more\"), \
             field `has_more`",
        ]);
    }

    async fn a_denied_field_is_noticed_by_name_and_by_value(test: &TestDatabase) {
        let harness = guide(test).await;
        let asked = ("query", json!({"model": "Document", "select": ["title"]}));
        let said_of_name = said(&harness, no_denied_fields(), asked.clone(), |observed| {
            put(observed, "/data/rows/0", json!({"title": "Terms of service", "tenant_id": null}));
        });
        assert_eq!(said_of_name.await, [
            "no_denied_fields: shows a field that is denied (Document \"rows[0]\"), field `tenant_id`",
        ]);
        let said_of_value = said(&harness, no_denied_fields(), asked, |observed| {
            put(observed, "/data/rows/0/title", json!("globex"));
        });
        assert_eq!(said_of_value.await, [
            "no_denied_fields: the answer tells the stored value of Document.tenant_id, which is denied (Document \
             \"rows[0]\"), field `title`",
        ]);
    }

    async fn a_hint_with_a_denied_field_is_noticed(test: &TestDatabase) {
        let harness = guide(test).await;
        let asked = ("query", json!({"model": "Document", "select": ["nothing"]}));
        let said = said(&harness, no_denied_fields(), asked, |observed| {
            put(observed, "/error/hint", json!("known: id, is_public, tenant_id"));
        });
        // `tenant_id` is open in other models, and no secret by its name.
        assert_eq!(said.await, [] as [&str; 0]);
    }

    async fn a_value_without_its_mask_is_noticed(test: &TestDatabase) {
        let harness = guide(test).await;
        let asked = ("query", json!({"model": "User", "select": ["name", "email", "ssn"]}));
        let said = said(&harness, masks_applied(), asked, |observed| {
            put(observed, "/data/rows/0/ssn", json!("123-45-6789"));
            put(observed, "/data/rows/1/email", json!("a***@***"));
        });
        assert_eq!(said.await, [
            "masks_applied: is not the stored value under its mask (User \"rows[0]\"), field `ssn`",
            "masks_applied: is not the stored value under its mask (User \"rows[1]\"), field `email`",
        ]);
    }

    async fn an_answer_beyond_its_limits_is_noticed(test: &TestDatabase) {
        let harness = guide(test).await;
        let arguments = json!({"model": "Order", "limit": 2, "include": [{"relation": "items", "limit": 1}]});
        let said = said(&harness, response_within_budget(), ("query", arguments), |observed| {
            let row = observed.result["data"]["rows"][0].clone();
            let item = row["items"]["rows"][0].clone();
            add(observed, "/data/rows", row);
            add(observed, "/data/rows/0/items/rows", item);
        });
        assert_eq!(said.await, [
            "response_within_budget: has 3 rows, and 2 are the most (Order \"rows\")",
            "response_within_budget: has 2 rows, and 1 are the most (OrderItem \"rows[0].items\")",
        ]);
    }

    async fn a_call_without_its_record_is_noticed(test: &TestDatabase) {
        let harness = guide(test).await;
        let asked = || ("query", json!({"model": "Order"}));
        let lost = said(&harness, audited_once(), asked(), |observed| observed.records = Some(Vec::new())).await;
        assert_eq!(lost, ["audited_once: the trail has no closed record of the call"]);
        let twice = said(&harness, audited_once(), asked(), |observed| {
            let records = observed.records.as_mut().unwrap();
            records.push(records[0].clone());
        });
        assert_eq!(twice.await, ["audited_once: the trail has 2 records of the call"]);
        let without = said(&harness, audited_once(), asked(), |observed| observed.records = None).await;
        assert_eq!(without, ["audited_once: there is no audit trail"]);
        let unnamed = said(&harness, audited_once(), asked(), |observed| {
            put(observed, "/metadata/audit_id", json!("aud-of-another"));
        });
        assert_eq!(unnamed.await, ["audited_once: the answer does not name its record, field `audit_id`"]);
        let another = said(&harness, audited_once(), asked(), |observed| {
            observed.records.as_mut().unwrap()[0].tenant_id = json!("globex");
        });
        assert_eq!(another.await, ["audited_once: the record does not say what happened, field `tenant_id`"]);
    }

    async fn a_talkative_error_is_noticed(test: &TestDatabase) {
        let harness = guide(test).await;
        let asked = || ("get", json!({"model": "Order", "id": 99}));
        let sql = said(&harness, errors_reveal_nothing(), asked(), |observed| {
            put(observed, "/error/message", json!("near \"frm\": syntax error in `order_items`"));
        });
        assert_eq!(sql.await, [
            "errors_reveal_nothing: an error says `syntax error`, field `message`",
            "errors_reveal_nothing: an error names the table or column `order_items`",
        ]);
        let value = said(&harness, errors_reveal_nothing(), asked(), |observed| {
            put(observed, "/error/message", json!("the record belongs to user-201"));
        });
        let value = value.await;
        assert!(value.iter().any(|said| said.contains("tells a value that the principal may not see")), "{value:?}");
    }

    async fn an_answer_that_counts_all_tenants_interferes(test: &TestDatabase) {
        let harness = guide(test).await;
        let tools = harness.tools().clone();
        let witness = Witness::of(&tools).await.unwrap();
        let harness = harness.through(Counting { tools, witness });
        let ctx = RunContext::new(acme());
        let result = harness.run(&ctx, "query", json!({"model": "Order"}), [non_interference()]).await;
        let said: Vec<String> = result.violations.iter().map(ToString::to_string).collect();
        assert_eq!(said, [
            "non_interference: the answer is another one when rows of others are taken away: data.total (Order \
             \"data.total\")",
            "non_interference: the answer is another one when rows of others are added: data.total (Order \
             \"data.total\")",
        ]);
    }

    async fn a_layer_that_tells_others_rows_from_missing_ones_is_noticed(test: &TestDatabase) {
        let harness = writes(test).await;
        let tools = harness.tools().clone();
        let harness = harness.through(Telling(tools));
        let ctx = RunContext::new(acme());
        let asked = json!({"model": "Order", "id": 1});
        let result = harness.run(&ctx, "get", asked, [errors_reveal_nothing()]).await;
        let said: Vec<String> = result.violations.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 3, "{said:?}");
        assert_eq!(
            said[0],
            "errors_reveal_nothing: a row of others is answered otherwise than one that is not there, in error.message \
             (Order 4), field `id`",
        );
    }
}

/// A layer that adds how many rows there are at all.
struct Counting {
    tools: Toolset,
    witness: Witness,
}

impl Answers for Counting {
    fn answer<'a>(&'a self, ctx: &'a RunContext<'_>, tool: &'a str, arguments: &'a Json) -> Answering<'a> {
        Box::pin(async move {
            let mut result = serde_json::to_value(self.tools.call(ctx, tool, arguments).await).unwrap();
            let all = self.witness.rows(ctx, arguments["model"].as_str().unwrap(), 1_000).await.unwrap().len();
            result["data"]["total"] = json!(all);
            result.to_string()
        })
    }
}

/// A layer that says of rows that they are there.
struct Telling(Toolset);

impl Answers for Telling {
    fn answer<'a>(&'a self, ctx: &'a RunContext<'_>, tool: &'a str, arguments: &'a Json) -> Answering<'a> {
        Box::pin(async move {
            let mut result = serde_json::to_value(self.0.call(ctx, tool, arguments).await).unwrap();
            if result["success"] == json!(false) && arguments["id"].as_i64().is_some_and(|id| id <= 8) {
                result["error"]["message"] = json!("this record is not yours");
            }
            result.to_string()
        })
    }
}
