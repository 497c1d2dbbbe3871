//! What a filter as JSON may say.

use ormai_audit::{Action, Filter, Outcome, Record, RecordedError};
use serde_json::json;

fn record() -> Record {
    let mut record = Record::begin("2026-01-02T03:04:05Z".parse().unwrap(), "req-1", "query");
    record.tenant_id = json!("acme-corp");
    record.user_id = json!(7);
    record.model = Some("Order".to_owned());
    record.action = Action::Read;
    record.outcome = Outcome::Refused;
    record.error = Some(RecordedError { code: "TIMEOUT".to_owned(), message: "it took too long".to_owned() });
    record.approval_id = Some("apr-1".to_owned());
    record
}

#[test]
fn a_filter_means_the_records_that_satisfy_all_that_it_says() {
    for (filter, is_meant) in [
        (json!({}), true),
        (json!({"tenant_id": "acme-corp", "timestamp_gte": "2026-01-02T03:04:05Z"}), true),
        (json!({"tenant_id": "acme-corp", "timestamp_gt": "2026-01-02T03:04:05Z"}), false),
        (json!({"timestamp_lte": "2026-01-02T04:04:05+01:00", "timestamp_lt": "2026-01-02T03:04:06Z"}), true),
        (json!({"timestamp_lt": "2026-01-02T03:04:05Z"}), false),
        (json!({"tenant_id": null}), false),
        (json!({"user_id": 7}), true),
        (json!({"user_id": "7"}), false),
        (json!({"tool_name": "query", "model": ["Order", "Item"], "action": "read", "outcome": ["refused"]}), true),
        (json!({"model": ["Item"]}), false),
        (json!({"error_code": ["TIMEOUT", "CONFLICT"], "success": false, "bypass": false}), true),
        (json!({"bypass": true}), false),
        (json!({"request_id": "req-1", "approval_id": "apr-1"}), true),
        (json!({"id": "aud-1"}), false),
        (json!({"trace_id": "t"}), false),
        (json!({"transaction": "caller"}), false),
        (json!({"parent": "aud-1"}), false),
    ] {
        assert_eq!(Filter::from_json(&filter).unwrap().matches(&record()), is_meant, "{filter}");
    }
}

#[test]
fn what_is_unknown_or_of_another_type_is_refused_with_the_nearest_word() {
    let said: Vec<String> = [
        json!([]),
        json!({"tennant_id": "acme-corp"}),
        json!({"timestamp": "2026-01-02T03:04:05Z"}),
        json!({"timestamp_gte": "yesterday"}),
        json!({"timestamp_gte": "2026-01-02T03:04:05"}),
        json!({"timestamp_gte": 7}),
        json!({"tenant_id": ["acme-corp"]}),
        json!({"tool_name": []}),
        json!({"tool_name": ["query", 7]}),
        json!({"action": "raed"}),
        json!({"action": ["read", "delet"]}),
        json!({"outcome": "success"}),
        json!({"error_code": "TIME_OUT"}),
        json!({"success": "true"}),
        json!({"request_id": null}),
    ]
    .iter()
    .map(|filter| {
        let error = Filter::from_json(filter).unwrap_err();
        format!("{filter}\n  {error}\n  {}", json!(error.details))
    })
    .collect();
    insta::assert_snapshot!(said.join("\n"));
}
