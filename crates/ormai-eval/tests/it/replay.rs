//! Calls made again: under another policy, as another principal, and without a trace.

use std::num::NonZeroUsize;

use ormai::policy::Format;
use ormai::prelude::*;
use ormai_eval::record::{Missing, Outcome, RecordedCall};
use ormai_eval::replay::{Difference, Replay};
use ormai_testkit::{Dataset, every_engine, guide_catalog, writes_policy};
use serde_json::json;

use crate::guide::{ann, call, calls, changed, guide, kept, lines, reads, recorded, under};

every_engine! {
    async fn each_outcome_that_changes_is_one_line(test: &TestDatabase) {
        let ormai = guide(test).await;
        let text = recorded(&ormai, &ann(), &reads()).await;
        let told = async |policy: String| {
            let other = under(test, &policy).await;
            let mut lines = Vec::new();
            let replay = Replay::new(other.tools().clone());
            let summary = replay.run(calls(&text), |change| kept(&mut lines, change.to_string())).await.unwrap();
            assert_eq!(u64::try_from(lines.len()).unwrap(), summary.changed);
            lines.join("\n")
        };
        let denied = told(changed("      note: {action: allow}\n", "      note: {action: deny}\n")).await;
        let shared = told(changed("scoping: {tenant_id: principal.tenant_id}\n    row_policies:\n      - name: parent_access", "scoping: {}\n    row_policies:\n      - name: parent_access")).await;
        let masked = told(changed("      status: {action: allow}\n", "      status: {action: mask}\n")).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!("denied", denied);
            insta::assert_snapshot!("shared", shared);
            insta::assert_snapshot!("masked", masked);
        }
    }

    async fn another_principal_sees_their_own(test: &TestDatabase) {
        let ormai = guide(test).await;
        let text = recorded(&ormai, &ann(), &[("query", json!({"model": "Order"}))]).await;
        let mut changes = Vec::new();
        let replay = Replay::new(ormai.tools().clone()).as_principal(Principal::new("globex"));
        replay.run(calls(&text), |change| kept(&mut changes, change)).await.unwrap();
        let [change] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!(change.to_string(), "2: query Order as globex: answered, 3 rows → answered, 2 rows");
        assert_eq!(change.differences, [Difference::Rows]);
    }

    async fn writes_are_left_out_or_undone(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let builder = OrmAi::builder().database_url(test.url()).catalog(guide_catalog());
        let ormai = builder.policy_text(writes_policy(), Format::Yaml).build().await.unwrap();
        let answered = |rows| Outcome::Answered { rows: Some(rows), fields: None, bytes: None, digest: None, data: None };
        let written = |tool, arguments| RecordedCall { outcome: answered(1), ..call(tool, arguments) };
        let asked = vec![
            written("create", json!({"model": "Order", "data": {"id": 900, "status": "new", "user_id": "user-123", "total": "1"}})),
            written("delete", json!({"model": "OrderItem", "id": 1, "reason": "wrong"})),
            written("update", json!({"model": "Order", "id": 2, "data": {"status": "changed"}})),
            // A row of another tenant's.
            written("update", json!({"model": "Order", "id": 4, "data": {"status": "changed"}})),
            written("query", json!({"model": "Order", "filters": [{"field": "status", "op": "eq", "value": "changed"}]})),
        ];
        let before = (test.count("orders").await, test.count("order_items").await);
        let mut left_out = Vec::new();
        let summary = Replay::new(ormai.tools().clone()).run(lines(asked.clone()), |change| kept(&mut left_out, change.to_string()));
        let summary = summary.await.unwrap();
        assert_eq!((summary.made, summary.writes_left_out), (1, 4));
        let mut changes = Vec::new();
        let replay = Replay::new(ormai.tools().clone()).with_writes();
        let summary = replay.run(lines(asked), |change| kept(&mut changes, change.to_string())).await.unwrap();
        assert_eq!((summary.made, summary.same), (5, 3));
        // What was written is not compared byte for byte, and it is not said to be.
        assert_eq!((summary.same_whole, summary.same_by_counts, summary.same_refused), (0, 3, 0));
        assert_eq!(changes, [
            "5: update Order as acme-corp/user-123: answered, 1 row → refused, RECORD_NOT_FOUND",
            "6: query Order as acme-corp/user-123: answered, 1 row → answered, 0 rows",
        ]);
        assert_eq!((test.count("orders").await, test.count("order_items").await), before);
    }

    async fn a_write_is_not_answered_from_the_key_of_its_first_time(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let under = async |policy: String| {
            let builder = OrmAi::builder().database_url(test.url()).catalog(guide_catalog());
            builder.policy_text(&policy, Format::Yaml).build().await.unwrap()
        };
        let ormai = under(writes_policy().to_owned()).await;
        // This database has no place for keys: a write with one is refused.
        let arguments = json!({"model": "Order", "data": {"id": 900, "status": "new", "user_id": "user-123", "total": "1"}, "idempotency_key": "k-1"});
        assert!(!ormai.tools().call(&RunContext::new(ann()), "create", &arguments).await.success());
        let outcome = Outcome::Answered { rows: Some(1), fields: None, bytes: None, digest: None, data: None };
        let asked = vec![RecordedCall { outcome, ..call("create", arguments) }];
        let mut changes = Vec::new();
        let same = Replay::new(ormai.tools().clone()).with_writes();
        let same = same.run(lines(asked.clone()), |change| kept(&mut changes, change.to_string())).await.unwrap();
        assert_eq!((same.same, same.same_by_counts), (1, 1), "{changes:?}");
        let closed = writes_policy().replace("create: allow", "create: deny");
        assert_ne!(closed, writes_policy());
        let closed = under(closed).await;
        let mut changes = Vec::new();
        let replay = Replay::new(closed.tools().clone()).with_writes();
        replay.run(lines(asked), |change| kept(&mut changes, change.to_string())).await.unwrap();
        assert_eq!(changes, ["2: create Order as acme-corp/user-123: answered, 1 row → refused, WRITE_NOT_ALLOWED"]);
    }

    async fn a_summary_says_how_far_calls_were_compared(test: &TestDatabase) {
        let ormai = guide(test).await;
        let text = recorded(&ormai, &ann(), &[("query", json!({"model": "Order"})), ("query", json!({"model": "Nothing"}))]).await;
        let whole = Replay::new(ormai.tools().clone()).run(calls(&text), |_| Ok(())).await.unwrap();
        assert_eq!((whole.same, whole.same_whole, whole.same_by_counts, whole.same_refused), (2, 1, 0, 1));
        let counted = Outcome::Answered { rows: Some(3), fields: None, bytes: None, digest: None, data: None };
        let counted = RecordedCall { outcome: counted, ..call("query", json!({"model": "Order"})) };
        let unknown = RecordedCall { outcome: Outcome::Unknown, ..counted.clone() };
        let counts = Replay::new(ormai.tools().clone()).run(lines(vec![counted]), |_| Ok(())).await.unwrap();
        assert_eq!((counts.same, counts.same_whole, counts.same_by_counts, counts.compared()), (1, 0, 1, 1));
        let nothing = Replay::new(ormai.tools().clone()).run(lines(vec![unknown]), |_| Ok(())).await.unwrap();
        assert_eq!((nothing.made, nothing.compared()), (1, 0));
    }

    async fn changes_come_in_the_order_of_the_calls(test: &TestDatabase) {
        let ormai = guide(test).await;
        let known = RecordedCall { outcome: Outcome::Refused { code: "TIMEOUT".to_owned() }, ..call("query", json!({"model": "Order", "limit": 1})) };
        let many = lines(vec![known; 500]);
        let mut numbers = Vec::new();
        let replay = Replay::new(ormai.tools().clone()).concurrency(NonZeroUsize::new(8).unwrap());
        let summary = replay.run(many, |change| kept(&mut numbers, change.line)).await.unwrap();
        assert_eq!(summary.changed, 500);
        assert_eq!(numbers, (2..502).collect::<Vec<u64>>());
    }

    async fn a_call_that_is_not_known_is_not_made(test: &TestDatabase) {
        let ormai = guide(test).await;
        let unknown = RecordedCall { missing: vec![Missing::HiddenValues], ..call("query", json!({"model": "Order"})) };
        let summary = Replay::new(ormai.tools().clone()).run(lines(vec![unknown]), |_| Ok(())).await.unwrap();
        assert_eq!((summary.calls, summary.made, summary.not_exact), (1, 0, 1));
    }
}

#[test]
fn a_change_is_one_line_whatever_stands_in_it() {
    let mut call = call("query\r\nok", json!({"model": "Order\u{202e}\n2: fine"}));
    call.principal.tenant_id = json!("a\nb");
    call.principal.roles = vec!["\u{1b}[2J".to_owned()];
    assert_eq!(call.to_string(), r"query\r\nok Order\u{202e}\n2: fine as a\nb/user-123 [\u{1b}[2J]");
    let change = ormai_eval::replay::Change {
        line: 1,
        tool: call.tool.clone(),
        model: call.model().map(str::to_owned),
        principal: call.principal.clone(),
        old: Outcome::Refused { code: "A\nB".to_owned() },
        new: Outcome::Pending,
        differences: vec![
            Difference::Status,
            Difference::Fields { added: vec!["x\ny".to_owned()], removed: Vec::new() },
        ],
    };
    assert_eq!(change.to_string().lines().count(), 1);
}
