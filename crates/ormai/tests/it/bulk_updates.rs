//! Bulk updates: exactly the rows that are named, of one's own, and all of them or none.

use ormai::prelude::*;
use ormai_testkit::{Dataset, every_engine, guide_catalog};
use serde_json::{Value as Json, json};

use crate::support::{acme, ask, code, globex, with_policy};

const POLICY: &str = "
models:
  Order:
    scoping: {tenant_id: principal.tenant_id}
    fields: {id: allow, status: allow, note: allow}
    write_policy: {bulk_update: allow, max_affected_rows: 2}
";

async fn statuses(ormai: &OrmAi, who: &Principal) -> Vec<(u64, String)> {
    let all = json!({"model": "Order", "select": ["id", "status"], "order": [{"field": "id"}]});
    let answer = ask(ormai, who, "query", all).await;
    let rows = answer["data"]["rows"].as_array().unwrap().clone();
    rows.iter().map(|row| (row["id"].as_u64().unwrap(), row["status"].as_str().unwrap().to_owned())).collect()
}

fn stale(rows: &Json) -> Json {
    let mut request = json!({"model": "Order", "data": {"status": "stale"}});
    request.as_object_mut().unwrap().extend(rows.as_object().unwrap().clone());
    request
}

every_engine! {
    async fn attack_18_a_bulk_update_changes_the_rows_that_are_named_and_no_strangers(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let ormai = with_policy(test, POLICY, guide_catalog()).await;
        let (ours, theirs) = (statuses(&ormai, &acme()).await, statuses(&ormai, &globex()).await);
        let [first, second, third] = [ours[0].0, ours[1].0, ours[2].0];
        let foreign = theirs[0].0;

        // A stranger's row, one that is not there, and one that is named twice count for nothing.
        let named = stale(&json!({"ids": [second, foreign, 4_711, {"id": second}, first]}));
        assert_eq!(ask(&ormai, &acme(), "bulk_update", named).await, json!({"data": {"updated_count": 2}}));
        let after = statuses(&ormai, &acme()).await;
        assert!(after.iter().all(|(id, status)| (status == "stale") == [first, second].contains(id)), "{after:?}");

        let strangers = stale(&json!({"ids": [foreign, 4_711]}));
        assert_eq!(ask(&ormai, &acme(), "bulk_update", strangers).await, json!({"data": {"updated_count": 0}}));
        let too_many = ask(&ormai, &acme(), "bulk_update", stale(&json!({"ids": [first, second, third]}))).await;
        assert_eq!(code(&too_many), "MAX_AFFECTED_ROWS_EXCEEDED");
        let everything = json!({"filters": [{"field": "id", "op": "gte", "value": 0}]});
        assert_eq!(code(&ask(&ormai, &acme(), "bulk_update", stale(&everything)).await), "MAX_AFFECTED_ROWS_EXCEEDED");
        assert_eq!(statuses(&ormai, &acme()).await, after);
        assert_eq!(statuses(&ormai, &globex()).await, theirs);

        let filtered = stale(&json!({"filters": [{"field": "id", "op": "in", "value": [third, foreign]}]}));
        assert_eq!(ask(&ormai, &acme(), "bulk_update", filtered).await, json!({"data": {"updated_count": 1}}));
        assert_eq!(statuses(&ormai, &globex()).await, theirs);
    }
}
