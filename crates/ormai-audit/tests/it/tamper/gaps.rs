//! Ways around the law: a whole chain that goes, and what is made with a part of the keys.

use std::sync::Arc;

use ormai_audit::verify::{Tampering, VerifyOptions, verify};
use ormai_audit::{
    AuditStore, Checkpoint, Hash, JsonlOptions, JsonlStore, Kind, Line, MacKey, MemoryStore, Place, Proof, ProofError,
    Retention, Signed, Tombstone, Trail, TrailKeys, TrailOptions, tree,
};
use serde_json::json;
use uuid::Uuid;

use super::store::{kept, keys, record, text, verified};

async fn open(store: Arc<dyn AuditStore>, keys: TrailKeys) -> Trail {
    Trail::open(vec![store], keys, TrailOptions::default()).await.unwrap()
}

/// A line with these words at a place.
fn placed(open: &str, kind: Kind, chain: Uuid, seq: u64, prev_hash: Hash, keys: &TrailKeys) -> Line {
    let open = open.strip_suffix('}').unwrap_or(open);
    let hashed =
        format!("{open},\"kind\":\"{kind}\",\"chain\":\"{chain}\",\"seq\":{seq},\"prev_hash\":\"{prev_hash}\"");
    let hash = keys.hash(&Place::digest(hashed.as_bytes()));
    Line::read(format!("{hashed},\"hash\":\"{hash}\"}}")).unwrap()
}

/// What a line says, without its place.
fn words(line: &Line) -> &str {
    line.text().rsplit_once(",\"kind\":").unwrap().0
}

#[tokio::test]
async fn a_signature_is_not_that_of_members_behind_it() {
    let store = Arc::new(MemoryStore::new());
    let trail = open(store.clone(), keys()).await;
    trail.note(&record(1)).await.unwrap();
    let signed = trail.checkpoint().await.unwrap().pop().unwrap();
    let retention = Retention { older_than: Some("2027-01-01T00:00:00Z".parse().unwrap()), ..Retention::default() };
    trail.prune(&retention, "an operator").await.unwrap();
    let tombstone = store.lines().into_iter().find(|line| line.place().kind == Kind::Tombstone).unwrap();
    let public = keys().signing.unwrap().public();
    let none = TrailKeys::default();
    let (chain, zero) = (signed.place().chain, Hash::ZERO);

    // A checkpoint made a tombstone of.
    let more = format!(",\"id\":\"{chain}\",\"by\":\"\",\"lines\":1,\"records\":1,\"stubs\":1,\"first\":\"{zero}\"");
    let forged = placed(&format!("{}{more}", words(&signed)), Kind::Tombstone, chain, 9, zero, &none);
    let read = Tombstone::read(&forged).expect("it has all members");
    assert_eq!(read.signed(&forged, Some(&public)), Signed::Wrong);

    // A tombstone made a checkpoint of, for a record that was never written.
    let invented = placed(&serde_json::to_string(&record(2)).unwrap(), Kind::Record, chain, 1, zero, &none);
    let (_, hashed) = Place::read(invented.text().as_bytes()).unwrap();
    let covers = json!({
        "chain": chain, "seq": 1, "hash": invented.place().hash, "root": tree::leaf(&Place::digest(hashed)),
    });
    let more = format!(",\"covers\":{covers},\"heads\":[]");
    let forged = placed(&format!("{}{more}", words(&tombstone)), Kind::Checkpoint, chain, 2, zero, &none);
    assert!(Checkpoint::read(&forged).is_some(), "it has all members");
    let proof = Proof {
        record: invented.text().to_owned(),
        checkpoint: forged.text().to_owned(),
        index: 0,
        size: 1,
        path: Vec::new(),
    };
    assert_eq!(proof.check(&public).unwrap_err(), ProofError::NotSigned);
}

#[tokio::test]
async fn a_chain_that_ended_in_order_is_missed_when_all_of_it_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let file = JsonlStore::open(directory.path().join("audit.jsonl"), JsonlOptions::default()).unwrap();
    let stores: [Arc<dyn AuditStore>; 2] = [Arc::new(MemoryStore::new()), Arc::new(file)];
    for store in stores {
        store.install().await.unwrap();
        let mut options = VerifyOptions::default();
        options.mac = keys().mac;
        for number in 1..=2 {
            let trail = open(store.clone(), keys()).await;
            trail.note(&record(number)).await.unwrap();
            trail.end().await.unwrap();
        }
        assert!(verify(&*store, &options, &|_| ()).await.unwrap().is_good());
        let scanned = store.scan(None, 100).await.unwrap();
        let all = String::from_utf8(scanned.text).unwrap();
        let first = Line::read(all.lines().next().unwrap()).unwrap().place().chain;
        let left = all.lines().filter(|line| Line::read(*line).unwrap().place().chain != first);
        let report = verified(text(left), &options);
        let found = report.first().unwrap_or_else(|| panic!("{}: not found", store.name()));
        assert_eq!((found.kind, found.chain), (Tampering::Removed, Some(first)));
    }
}

#[tokio::test]
async fn a_stub_in_the_place_of_a_checkpoint_that_was_kept_is_found() {
    let keys = TrailKeys { signing: None, ..keys() };
    let store = Arc::new(MemoryStore::new());
    let trail = open(store.clone(), keys.clone()).await;
    for number in 1..=2 {
        trail.note(&record(number)).await.unwrap();
    }
    let copy = trail.checkpoint().await.unwrap().pop().unwrap();
    let place = *copy.place();
    let begin = store.lines().swap_remove(0);
    let mut options = VerifyOptions::default();
    options.mac = keys.mac.clone();
    options.checkpoints = vec![copy.text().to_owned()];

    let id = Uuid::now_v7();
    let stub = json!({
        "tombstone": id, "from": 2, "to": place.seq, "last_hash": place.hash, "nodes": [Hash::ZERO, Hash::ZERO],
        "next": null,
    });
    let stub = placed(&stub.to_string(), Kind::Pruned, place.chain, 2, begin.place().hash, &keys);
    let (_, hashed) = Place::read(stub.text().as_bytes()).unwrap();
    let tombstone = json!({
        "id": id, "at": "2026-01-02T03:04:05Z", "by": "", "lines": 3, "records": 2, "stubs": 1,
        "first": Place::digest(hashed), "public_key": null, "signature": null,
    });
    let tombstone = placed(&tombstone.to_string(), Kind::Tombstone, place.chain, place.seq + 1, place.hash, &keys);
    let report = verified(text([begin.text(), stub.text(), tombstone.text()]), &options);
    let found = report.first().expect("not found");
    assert_eq!((found.kind, found.seq), (Tampering::Removed, Some(place.seq)));
    assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
}

#[tokio::test]
async fn places_beyond_all_numbers_are_found_like_any_others() {
    let kept = kept(20, 5, keys()).await;
    let largest = u64::MAX;
    let number = |line: &Line| {
        line.text().replace(&format!("\"seq\":{},\"prev", line.place().seq), "\"seq\":18446744073709551615,\"prev")
    };
    // Twice, since the first is what the second is compared with.
    let lines = kept.lines.iter().map(|line| line.text().to_owned());
    let changed = lines.chain(kept.lines.iter().skip(2).take(3).map(number));
    assert!(!verified(text(changed), &kept.options).is_good());

    // Who needs no key writes what is well made.
    let (none, options) = (TrailKeys::default(), VerifyOptions::default());
    let begin = json!({"at": "2026-01-02T03:04:05Z", "version": 1, "keyed": false, "public_key": null, "heads": []});
    let mut made = Vec::new();
    for chain in [Uuid::now_v7(), Uuid::now_v7()] {
        let begin = placed(&begin.to_string(), Kind::Begin, chain, 1, Hash::ZERO, &none);
        let checkpoint = json!({
            "at": "2026-01-02T03:04:05Z",
            "covers": {"chain": chain, "seq": largest, "hash": Hash::ZERO, "root": Hash::ZERO},
            "heads": [{"chain": chain, "seq": largest, "hash": Hash::ZERO}], "public_key": null, "signature": null,
        });
        let checkpoint = placed(&checkpoint.to_string(), Kind::Checkpoint, chain, 2, begin.place().hash, &none);
        // From 2 on it takes 63 parts and those behind to come to the largest number.
        let nodes = vec![Hash::ZERO; 124];
        let stub = json!({
            "tombstone": chain, "from": 3, "to": largest, "last_hash": Hash::ZERO, "nodes": nodes, "next": null,
        });
        let stub = placed(&stub.to_string(), Kind::Pruned, chain, 3, checkpoint.place().hash, &none);
        let end = placed("{\"id\":\"aud-1\"", Kind::Record, chain, largest, Hash::ZERO, &none);
        made.extend([begin, checkpoint, stub, end.clone(), end].map(|line| line.text().to_owned()));
    }
    assert!(!verified(text(made), &options).is_good());
}

#[tokio::test]
async fn chains_from_before_a_change_of_keys_fit_their_own_key_and_no_other() {
    let store = Arc::new(MemoryStore::new());
    let later = TrailKeys { mac: MacKey::new("another secret of enough bytes"), signing: None };
    for keys in [keys(), later.clone()] {
        let trail = open(store.clone(), keys).await;
        trail.note(&record(1)).await.unwrap();
        trail.end().await.unwrap();
    }
    let mut options = VerifyOptions::default();
    options.mac = later.mac;
    let report = verify(&*store, &options, &|_| ()).await.unwrap();
    assert_eq!(report.first().map(|found| found.seq), Some(Some(1)), "the earlier key was not given");
    options.earlier_macs = keys().mac.into_iter().collect();
    assert!(verify(&*store, &options, &|_| ()).await.unwrap().is_good());
    options.earlier_macs = MacKey::new("a third secret of enough bytes").into_iter().collect();
    assert!(!verify(&*store, &options, &|_| ()).await.unwrap().is_good());
}
