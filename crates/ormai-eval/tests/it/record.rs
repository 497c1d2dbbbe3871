//! Calls are recorded as they were, and what is not known of one is never made up.

use std::io::Cursor;
use std::sync::Arc;

use ormai::audit::{Filter, MemoryStore};
use ormai::policy::{Format, PolicyDocument};
use ormai::prelude::*;
use ormai_eval::record::{
    Calls, CallsWriter, Header, MetadataReaders, Missing, Outcome, RecordedCall, Recorder, Source, from_trail,
};
use ormai_eval::replay::Replay;
use ormai_testkit::{Dataset, every_engine, guide_catalog, guide_policy, writes_policy};
use serde_json::json;

use crate::guide::{NOW, ann, calls, guide, header, kept, reads, recorded};

every_engine! {
    async fn a_recording_made_again_ends_as_it_did(test: &TestDatabase) {
        let ormai = guide(test).await;
        let text = recorded(&ormai, &ann().role("support").metadata("tenant_hierarchy", json!(["child-tenant"])), &reads()).await;
        let mut changes = Vec::new();
        let replay = Replay::new(ormai.tools().clone());
        let summary = replay.run(calls(&text), |change| kept(&mut changes, change.to_string())).await.unwrap();
        assert_eq!(changes, Vec::<String>::new());
        // The tool that is not there may be one that writes, for all that is known of it.
        assert_eq!((summary.calls, summary.same, summary.writes_left_out), (10, 9, 1));
    }

    async fn a_recording_holds_no_row_unless_that_is_asked_for(test: &TestDatabase) {
        let ormai = guide(test).await;
        let ctx = RunContext::new(ann());
        let mut texts = Vec::new();
        for keeps_data in [false, true] {
            let tools = ormai.tools().clone();
            let recorder = match keeps_data {
                true => Recorder::with_data(tools, Vec::new()),
                false => Recorder::new(tools, Vec::new()),
            };
            let recorder = recorder.unwrap();
            let answer = recorder.call(&ctx, "query", &json!({"model": "Order", "select": ["id", "note"]})).await;
            assert!(serde_json::to_string(&answer).unwrap().contains("50% off_"));
            let (_, text) = recorder.end().unwrap();
            assert_eq!(calls(&text).header().data, keeps_data);
            texts.push(String::from_utf8(text).unwrap());
        }
        assert_eq!(texts.iter().map(|text| text.contains("50% off_")).collect::<Vec<_>>(), [false, true]);
    }

    async fn what_is_no_json_is_made_again_from_its_text(test: &TestDatabase) {
        let ormai = guide(test).await;
        let recorder = Recorder::new(ormai.tools().clone(), Vec::new()).unwrap();
        let ctx = RunContext::new(ann());
        for arguments in ["{\"model\": ", "{\"model\": \"Secret\", \"model\": \"Order\"}", "{\"model\": \"Order\"}"] {
            recorder.call_json(&ctx, "query", arguments.as_bytes()).await;
        }
        let (_, text) = recorder.end().unwrap();
        let outcomes: Vec<String> = calls(&text).map(|line| line.unwrap().call.outcome.to_string()).collect();
        assert_eq!(outcomes, ["refused, VALIDATION_ERROR", "refused, VALIDATION_ERROR", "answered, 3 rows"]);
        let summary = Replay::new(ormai.tools().clone()).run(calls(&text), |_| Ok(())).await.unwrap();
        assert_eq!((summary.same, summary.changed), (3, 0));
    }

    async fn the_trail_tells_what_it_does_not_hold(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let store = Arc::new(MemoryStore::new());
        let builder = OrmAi::builder().database_url(test.url()).catalog(guide_catalog()).audit(Arc::clone(&store) as _);
        let ormai = builder.policy_text(writes_policy(), Format::Yaml).build().await.unwrap();
        let ctx = RunContext::new(ann());
        let asked = [
            // All of it is known.
            ("query", json!({"model": "Order", "select": ["id", "status"], "limit": 1})),
            // A value of a field that is masked, an idempotency key, a text that is too long.
            ("query", json!({"model": "User", "filters": [{"field": "email", "op": "eq", "value": "ann@acme.example"}]})),
            ("create", json!({"model": "Order", "data": {"status": "new", "user_id": "user-123", "total": "1"}, "idempotency_key": "k-1"})),
            ("query", json!({"model": "Order", "filters": [{"field": "note", "op": "eq", "value": "x".repeat(5_000)}]})),
            ("delete", json!({"model": "OrderItem", "id": 1, "reason": "it was wrong"})),
        ];
        for (tool, arguments) in &asked {
            ormai.tools().call(&ctx, tool, arguments).await;
        }
        ormai.tools().call_json(&ctx, "query", b"{").await;
        // Two calls within a transaction, which is none itself.
        let grouped = ormai.tools().transaction(&ctx, async |tx| {
            ormai.tools().call(tx, "get", &json!({"model": "Order", "id": 1})).await;
            Ok(())
        });
        grouped.await.unwrap();
        let mut written = CallsWriter::begin(Vec::new(), &Header::new(Source::AuditTrail)).unwrap();
        let found = from_trail(&*store, &Filter::new(), &MetadataReaders::default(), &mut written, &mut |_| {}).await.unwrap();
        let (_, text) = written.end().unwrap();
        let read: Vec<RecordedCall> = calls(&text).map(|line| line.unwrap().call).collect();
        let missing: Vec<_> = read.iter().map(|call| (call.tool.as_str(), call.missing.as_slice())).collect();
        assert_eq!(missing, [
            ("query", [].as_slice()),
            ("query", &[Missing::HiddenValues]),
            ("create", &[Missing::HiddenValues]),
            ("query", &[Missing::CutValues]),
            ("delete", &[]),
            ("query", &[Missing::Unread]),
            ("get", &[]),
        ]);
        assert_eq!((found.calls, found.not_exact, found.skipped, found.unreadable), (7, 4, 1, 0));
        assert_eq!(read[4].arguments, json!({"model": "OrderItem", "id": 1, "reason": "it was wrong"}));
        assert!(!String::from_utf8(text.clone()).unwrap().contains("ann@acme.example"));
        // Only what is known is made again.
        let summary = Replay::new(ormai.tools().clone()).run(calls(&text), |_| Ok(())).await.unwrap();
        assert_eq!((summary.calls, summary.same, summary.not_exact, summary.writes_left_out), (7, 2, 4, 1));
    }

    async fn calls_that_metadata_decides_are_not_whole_in_a_trail(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let store = Arc::new(MemoryStore::new());
        let builder = OrmAi::builder().database_url(test.url()).catalog(guide_catalog()).audit(Arc::clone(&store) as _);
        let ormai = builder.policy_text(guide_policy(), Format::Yaml).build().await.unwrap();
        let readers = MetadataReaders::of(&PolicyDocument::parse(guide_policy(), Format::Yaml).unwrap());
        let parent = Principal::new("root").metadata("tenant_hierarchy", json!(["parent-tenant", "child-tenant"]));
        let asked = [
            json!({"model": "Order"}),
            json!({"model": "User", "filters": [{"field": "name", "op": "eq", "value": "a.b"}]}),
            json!({"model": "User", "include": [{"relation": "orders"}]}),
        ];
        for arguments in &asked {
            ormai.tools().call(&RunContext::new(parent.clone()), "query", arguments).await;
        }
        let mut written = CallsWriter::begin(Vec::new(), &Header::new(Source::Hand)).unwrap();
        from_trail(&*store, &Filter::new(), &readers, &mut written, &mut |_| {}).await.unwrap();
        let (_, text) = written.end().unwrap();
        let missing: Vec<bool> =
            calls(&text).map(|line| line.unwrap().call.missing.contains(&Missing::Metadata)).collect();
        assert_eq!(missing, [true, false, true]);
    }
}

#[test]
fn a_comment_that_names_metadata_decides_nothing() {
    let read = |text: &str| MetadataReaders::of(&PolicyDocument::parse(text, Format::Yaml).unwrap());
    let order = json!({"model": "Order"});
    let rules = "models: {Order: {fields: {id: allow}, scoping: {tenant_id: principal.tenant_id}}}";
    assert!(!read(&format!("# principal.metadata.tenants was read here\n{rules}")).decide("query", &order));
    let role = rules.replace(
        "}}}",
        "}, roles: {lead: {row_policies: [{name: more, condition: 'tenant_id IN principal.metadata.more'}]}}}}",
    );
    let role = read(&role);
    assert!(role.decide("query", &order) && role.decide("create", &json!({"model": "User"})));
    assert!(!role.decide("query", &json!({"model": "User"})));
}

fn wrong(text: &str) -> String {
    match Calls::read(Cursor::new(text.to_owned()), "calls.jsonl") {
        Err(error) => error.to_string(),
        Ok(mut calls) => calls.find_map(Result::err).map(|error| error.to_string()).unwrap(),
    }
}

#[test]
fn a_bad_line_is_named_with_its_file_and_number() {
    let header = header();
    let good = format!(r#"{{"tool":"query","now":"{NOW}","outcome":{{"status":"unknown"}}}}"#);
    insta::assert_snapshot!(
        "bad_lines",
        [
            wrong(""),
            wrong("{}"),
            wrong("{\"format\":\"other\",\"version\":1,\"source\":\"hand\"}\n"),
            wrong(&header.replace("\"version\":1", "\"version\":2")),
            wrong(&format!("{header}\n{good}\n\n{{\"tool\":\"query\"}}\n")),
            wrong(&format!("{header}\n{good}\n{{\"tool\":\n")),
            wrong(&format!("{header}\n{}\n", good.replace("\"tool\"", "\"tool\":\"get\",\"colour\""))),
            wrong(&format!("{header}\n{}\n", good.replace("unknown", "perhaps"))),
        ]
        .join("\n")
    );
}

#[test]
fn nothing_is_read_behind_a_bad_line() {
    let text = format!("{}\n[]\n[]\n", header());
    let calls = Calls::read(Cursor::new(text), "calls.jsonl").unwrap();
    assert_eq!(calls.count(), 1);
}

#[test]
fn what_was_written_is_read_as_it_was() {
    let call = RecordedCall {
        outcome: Outcome::Answered {
            rows: Some(2),
            fields: Some(vec!["id".to_owned()]),
            bytes: Some(9),
            digest: None,
            data: None,
        },
        missing: vec![Missing::Metadata],
        ..crate::guide::call("query", json!({"model": "Order", "limit": 2}))
    };
    let mut written = CallsWriter::begin(Vec::new(), &Header::new(Source::Hand)).unwrap();
    written.write(&call).unwrap();
    let (count, text) = written.end().unwrap();
    assert_eq!(count, 1);
    let read: Vec<RecordedCall> = calls(&text).map(|line| line.unwrap().call).collect();
    assert_eq!(read, [call]);
}

/// A file that takes no more after its first line.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(text.len()).ok_or_else(|| std::io::Error::other("the disk is full"))?;
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

every_engine! {
    async fn a_recording_that_cannot_be_written_stands_in_no_answers_way(test: &TestDatabase) {
        let ormai = guide(test).await;
        let recorder = Recorder::new(ormai.tools().clone(), Full(200)).unwrap();
        for _ in 0..3 {
            let answer = recorder.call(&RunContext::new(ann()), "query", &json!({"model": "Order"})).await;
            assert!(answer.success());
        }
        assert_eq!(recorder.end().map(|(count, _)| count).unwrap_err().to_string(), "the disk is full");
    }
}
