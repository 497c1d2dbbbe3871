//! What a trail leaves in its stores.

use std::sync::Arc;

use ormai_audit::{
    Checkpoint, Filter, Hash, Kind, MacKey, MemoryStore, Outcome, Place, Record, Signed, SigningKey, Trail, TrailKeys,
    TrailOptions,
};

fn keys() -> TrailKeys {
    TrailKeys { mac: MacKey::new("a secret of enough bytes"), signing: Some(SigningKey::from_seed([7; 32])) }
}

fn answered(tenant: &str) -> Record {
    let mut record = Record::begin("2026-01-02T03:04:05Z".parse().unwrap(), "req-1", "query");
    record.tenant_id = tenant.into();
    record.outcome = Outcome::Answered;
    record.success = true;
    record
}

#[tokio::test]
async fn each_line_holds_the_hash_of_the_line_before() {
    let store = Arc::new(MemoryStore::new());
    let trail = Trail::open(vec![store.clone()], keys(), TrailOptions::default()).await.unwrap();
    for tenant in ["acme", "globex", "acme"] {
        trail.note(&answered(tenant)).await.unwrap();
    }
    trail.checkpoint().await.unwrap();

    let lines = store.lines();
    let kinds: Vec<Kind> = lines.iter().map(|line| line.place().kind).collect();
    assert_eq!(kinds, [Kind::Begin, Kind::Record, Kind::Record, Kind::Record, Kind::Checkpoint]);
    let mut prev = Hash::ZERO;
    for (at, line) in lines.iter().enumerate() {
        let (place, hashed) = Place::read(line.text().as_bytes()).unwrap();
        assert_eq!(&place, line.place());
        assert_eq!((place.seq, place.prev_hash), (at as u64 + 1, prev));
        assert_eq!(place.hash, keys().hash(&Place::digest(hashed)));
        prev = place.hash;
    }
}

#[tokio::test]
async fn a_checkpoint_is_signed_by_its_key_and_no_other() {
    let store = Arc::new(MemoryStore::new());
    let trail = Trail::open(vec![store.clone()], keys(), TrailOptions::default()).await.unwrap();
    trail.note(&answered("acme")).await.unwrap();
    let line = trail.checkpoint().await.unwrap().pop().unwrap();
    let checkpoint = Checkpoint::read(&line).unwrap();
    assert_eq!(checkpoint.covers.head.seq, 2);
    assert_eq!(checkpoint.signed(&line, Some(&SigningKey::from_seed([7; 32]).public())), Signed::Yes);
    assert_eq!(checkpoint.signed(&line, Some(&SigningKey::from_seed([8; 32]).public())), Signed::Wrong);
    assert!(trail.checkpoint().await.unwrap().is_empty(), "nothing is new");
}

#[tokio::test]
async fn records_are_found_by_tenant_the_newest_first() {
    let store = Arc::new(MemoryStore::new());
    let trail = Trail::open(vec![store.clone()], keys(), TrailOptions::default()).await.unwrap();
    let mut ids = Vec::new();
    for tenant in ["acme", "globex", "acme", "acme"] {
        let record = answered(tenant);
        trail.note(&record).await.unwrap();
        if tenant == "acme" {
            ids.insert(0, record.id);
        }
    }
    let first = trail.query(&Filter::tenant("acme"), 2, None).await.unwrap();
    let rest = trail.query(&Filter::tenant("acme"), 2, first.cursor.as_deref()).await.unwrap();
    let found: Vec<String> = first.entries.iter().chain(&rest.entries).map(|entry| entry.id.clone()).collect();
    assert_eq!(found, ids);
    assert_eq!(rest.cursor, None);
}

#[tokio::test]
async fn the_end_comes_after_what_nobody_waits_for() {
    let store = Arc::new(MemoryStore::new());
    let trail = Trail::open(vec![store.clone()], keys(), TrailOptions::default()).await.unwrap();
    trail.leave_behind(&answered("acme"));
    trail.end().await.unwrap();
    let kinds: Vec<Kind> = store.lines().iter().map(|line| line.place().kind).collect();
    assert_eq!(kinds, [Kind::Begin, Kind::Record, Kind::Checkpoint]);
}
