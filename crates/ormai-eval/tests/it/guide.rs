//! The guide's database with its policy, and calls on it.

use std::io::Cursor;

use ormai::policy::Format;
use ormai::prelude::*;
use ormai_eval::record::{Calls, Header, Line, Outcome, RecordedCall, Recorder, Source, Who};
use ormai_testkit::{Dataset, TestDatabase, guide_catalog, guide_policy};
use serde_json::{Value as Json, json};

/// What a file of calls is read from.
pub(crate) type Text = Cursor<Vec<u8>>;

/// The time of all calls.
pub(crate) const NOW: &str = "2026-11-25T12:00:00Z";

/// The guide's rows, under this policy.
pub(crate) async fn under(test: &TestDatabase, policy: &str) -> OrmAi {
    let ormai = OrmAi::builder().database_url(test.url()).catalog(guide_catalog()).cursor_key([1; 32]);
    ormai.policy_text(policy, Format::Yaml).build().await.unwrap()
}

/// The guide's rows, under its own policy.
pub(crate) async fn guide(test: &TestDatabase) -> OrmAi {
    test.load(&Dataset::demo()).await;
    under(test, guide_policy()).await
}

/// The guide's policy with one part of it written otherwise, which must be there.
pub(crate) fn changed(from: &str, to: &str) -> String {
    let policy = guide_policy();
    assert!(policy.contains(from), "{from}");
    policy.replacen(from, to, 1)
}

pub(crate) fn ann() -> Principal {
    Principal::new("acme-corp").user("user-123")
}

/// Reads of all kinds, some of which are refused.
pub(crate) fn reads() -> Vec<(&'static str, Json)> {
    vec![
        ("describe_schema", json!({})),
        ("query", json!({"model": "Order"})),
        ("query", json!({"model": "Order", "select": ["id", "note"], "limit": 2})),
        ("query", json!({"model": "Order", "select": ["id"], "include": [{"relation": "items", "select": ["sku"]}]})),
        ("get", json!({"model": "User", "id": "user-123"})),
        ("get", json!({"model": "Order", "id": 4})),
        (
            "aggregate",
            json!({"model": "Order", "aggregations": [{"function": "sum", "field": "total", "alias": "all"}]}),
        ),
        ("query", json!({"model": "Secret"})),
        ("query", json!({"model": "Order", "select": ["card"]})),
        ("no_such_tool", json!({"a": 1})),
    ]
}

/// The calls of a recording.
pub(crate) fn calls(text: &[u8]) -> Calls<Text> {
    Calls::read(Cursor::new(text.to_vec()), "calls.jsonl").unwrap()
}

/// Records these calls of a principal.
pub(crate) async fn recorded(ormai: &OrmAi, principal: &Principal, asked: &[(&str, Json)]) -> Vec<u8> {
    let recorder = Recorder::new(ormai.tools().clone(), Vec::new()).unwrap();
    for (tool, arguments) in asked {
        let ctx = RunContext::new(principal.clone()).now(NOW.parse().unwrap());
        recorder.call(&ctx, tool, arguments).await;
    }
    let (count, text) = recorder.end().unwrap();
    assert_eq!(count, u64::try_from(asked.len()).unwrap());
    text
}

/// A call of which nobody knows how it ended.
pub(crate) fn call(tool: &str, arguments: Json) -> RecordedCall {
    let (principal, now) = (Who::from(&ann()), NOW.parse().unwrap());
    RecordedCall { principal, tool: tool.to_owned(), arguments, now, outcome: Outcome::Unknown, missing: Vec::new() }
}

/// Calls as they come from a file.
pub(crate) fn lines(calls: Vec<RecordedCall>) -> impl Iterator<Item = Result<Line, ormai_eval::record::FileError>> {
    calls.into_iter().zip(2..).map(|(call, number)| Ok(Line { number, call }))
}

/// The first line of a file.
pub(crate) fn header() -> String {
    serde_json::to_string(&Header::new(Source::Hand)).unwrap()
}

/// Puts down what a replay hands over.
pub(crate) fn kept<T>(list: &mut Vec<T>, item: T) -> std::io::Result<()> {
    list.push(item);
    Ok(())
}
