//! Attack 29: records are changed, deleted, reordered, cut off or added by hand, and `verify` names the
//! first that is bad.

use std::path::Path;
use std::sync::Arc;

use ormai::audit::verify::{Problem, Tampering, VerifyOptions, verify};
use ormai::audit::{AuditStore, JsonlOptions, JsonlStore, MacKey, SigningKey, SqlStore, TrailKeys};
use ormai::policy::Format;
use ormai::prelude::*;
use ormai_testkit::{Dataset, Engine, TestDatabase, every_engine, guide_catalog};
use serde_json::json;

use crate::support::{acme, database};

fn keys() -> TrailKeys {
    TrailKeys { mac: MacKey::new("a secret of enough bytes"), signing: Some(SigningKey::from_seed([7; 32])) }
}

/// Real calls, recorded in a store and sealed; how to verify it.
async fn kept(test: &TestDatabase, store: Arc<dyn AuditStore>) -> VerifyOptions {
    let ormai = OrmAi::builder()
        .database(database(test))
        .policy_text(super::POLICY, Format::Yaml)
        .catalog(guide_catalog())
        .audit(store)
        .audit_keys(keys())
        .build()
        .await
        .unwrap();
    for (tool, arguments) in [
        ("query", json!({"model": "Order"})),
        ("update", json!({"model": "Order", "id": 1, "data": {"status": "paid"}})),
        ("get", json!({"model": "Order", "id": 1})),
        ("delete", json!({"model": "Order", "id": 9_999})),
    ] {
        ormai.tools().call(&RunContext::new(acme()), tool, &arguments).await;
    }
    let checkpoints = ormai.trail().unwrap().checkpoint().await.unwrap();
    ormai.close().await.unwrap();
    let mut options = VerifyOptions::default();
    options.mac = keys().mac;
    options.public_keys = vec![SigningKey::from_seed([7; 32]).public()];
    options.checkpoints = checkpoints.iter().map(|line| line.text().to_owned()).collect();
    options
}

async fn first_problem(store: &dyn AuditStore, options: &VerifyOptions) -> Option<Problem> {
    verify(store, options, &|_| ()).await.unwrap().problems.into_iter().next()
}

/// What `verify` says first of a file with other lines.
async fn of_lines(directory: &Path, lines: &[String], options: &VerifyOptions) -> Option<(Tampering, u64)> {
    let path = directory.join("changed.jsonl");
    std::fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let store = JsonlStore::open(&path, JsonlOptions::default()).unwrap();
    first_problem(&store, options).await.map(|problem| (problem.kind, problem.line))
}

every_engine! {
    async fn attack_29_whatever_is_done_to_a_file_is_named(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let options = kept(test, Arc::new(JsonlStore::open(&path, JsonlOptions::default()).unwrap())).await;
        let lines: Vec<String> = std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
        // The beginning, a read, a write with its intent, a read, a write that found nothing, the checkpoint.
        assert_eq!(lines.len(), 8, "{lines:#?}");
        let say = async |lines: &[String]| of_lines(directory.path(), lines, &options).await;
        assert_eq!(say(&lines).await, None);

        let mut changed = lines.clone();
        changed[3] = changed[3].replace("paid", "free");
        assert_eq!(say(&changed).await, Some((Tampering::Changed, 4)));
        let mut deleted = lines.clone();
        deleted.remove(3);
        assert_eq!(say(&deleted).await, Some((Tampering::Removed, 4)));
        let mut reordered = lines.clone();
        reordered.swap(3, 4);
        assert_eq!(say(&reordered).await.unwrap().0, Tampering::Reordered);
        let truncated = &lines[..5];
        assert_eq!(say(truncated).await.unwrap().0, Tampering::Truncated);
        let mut inserted = lines.clone();
        inserted.insert(4, lines[3].clone());
        assert_eq!(say(&inserted).await, Some((Tampering::Inserted, 5)));
        let mut torn = lines.clone();
        torn[7].truncate(100);
        assert!(say(&torn).await.is_some());
    }

    async fn attack_29_whatever_is_done_to_a_table_is_named(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let store = SqlStore::connect(test.url()).await.unwrap();
        store.install().await.unwrap();
        let options = kept(test, Arc::new(store.clone())).await;
        assert_eq!(first_problem(&store, &options).await, None);
        test.execute(match test.engine() {
            Engine::Postgres => "ALTER TABLE ormai_audit DISABLE TRIGGER ormai_audit_append_only",
            _ => "DROP TRIGGER ormai_audit_no_update; DROP TRIGGER ormai_audit_no_delete",
        }).await;
        test.execute("UPDATE ormai_audit SET tool_name = 'get' WHERE seq = 3").await;
        let problem = first_problem(&store, &options).await.unwrap();
        assert_eq!((problem.kind, problem.line), (Tampering::Mismatch, 3), "{problem}");
        test.execute("DELETE FROM ormai_audit WHERE seq = 4").await;
        test.execute("UPDATE ormai_audit SET tool_name = 'update' WHERE seq = 3").await;
        let problem = first_problem(&store, &options).await.unwrap();
        assert_eq!((problem.kind, problem.seq), (Tampering::Removed, Some(4)), "{problem}");
        test.execute("DELETE FROM ormai_audit WHERE seq > 3").await;
        let problem = first_problem(&store, &options).await.unwrap();
        assert_eq!(problem.kind, Tampering::Truncated, "{problem}");
    }
}
