//! A store that is attacked: two writers, keyed and signed, with a checkpoint kept elsewhere at the
//! end.

use std::sync::Arc;

use ormai_audit::verify::{Report, Survey, VerifyOptions};
use ormai_audit::{
    Action, Line, MacKey, MemoryStore, Outcome, Record, Scanned, SigningKey, Trail, TrailKeys, TrailOptions,
};
use serde_json::json;

pub(crate) fn keys() -> TrailKeys {
    TrailKeys { mac: MacKey::new("a secret of enough bytes"), signing: Some(SigningKey::from_seed([7; 32])) }
}

/// A record of the usual size.
pub(crate) fn record(number: u64) -> Record {
    let mut record = Record::begin("2026-01-02T03:04:05.678Z".parse().unwrap(), format!("req-{number}"), "query");
    record.tenant_id = if number.is_multiple_of(3) { "globex".into() } else { "acme-corp".into() };
    record.user_id = "user-123".into();
    record.roles = vec!["support".to_owned()];
    record.model = Some("Order".to_owned());
    record.action = Action::Read;
    record.inputs = json!({"model": "Order", "filters": {"status": {"eq": "pending"}}, "limit": number % 50});
    record.policy_version = "sha256:5f0c".to_owned();
    record.policies_applied = vec!["Order.tenant".to_owned()];
    record.scopes_injected = vec!["tenant_id = 'acme-corp'".to_owned()];
    record.outcome = Outcome::Answered;
    record.success = true;
    record.row_count = Some(number % 20);
    record
}

/// A store, and what it is verified against.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) lines: Vec<Line>,
    pub(super) options: VerifyOptions,
}

/// A store of two writers who take turns, with a checkpoint after so many records.
pub(super) async fn kept(records: u64, checkpoint_every: u64, keys: TrailKeys) -> Kept {
    let store = Arc::new(MemoryStore::new());
    let open = || Trail::open(vec![store.clone()], keys.clone(), TrailOptions::default());
    let writers = [open().await.unwrap(), open().await.unwrap()];
    for number in 1..=records {
        let writer = &writers[usize::from(number % 5 < 2)];
        writer.note(&record(number)).await.unwrap();
        if number.is_multiple_of(checkpoint_every) {
            writer.checkpoint().await.unwrap();
        }
    }
    writers[1].checkpoint().await.unwrap();
    writers[0].note(&record(records + 1)).await.unwrap();
    let last = writers[0].checkpoint().await.unwrap().pop().unwrap();
    let mut options = VerifyOptions::default();
    options.mac = keys.mac.clone();
    options.public_keys = keys.signing.iter().map(SigningKey::public).collect();
    options.checkpoints = vec![last.text().to_owned()];
    Kept { lines: store.lines(), options }
}

/// Lines as one text.
pub(crate) fn text<T: AsRef<[u8]>>(lines: impl IntoIterator<Item = T>) -> Vec<u8> {
    let mut text = Vec::new();
    for line in lines {
        text.extend_from_slice(line.as_ref());
        text.push(b'\n');
    }
    text
}

pub(crate) fn verified(text: Vec<u8>, options: &VerifyOptions) -> Report {
    let scanned = Scanned { text, source: "audit.jsonl".to_owned(), first: 1, ..Scanned::default() };
    let mut survey = Survey::new(options.clone());
    survey.read(&scanned);
    let mut verifier = survey.verifier();
    verifier.read(&scanned);
    verifier.finish()
}
