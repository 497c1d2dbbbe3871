//! A record that is proved to somebody who has neither the store nor its keys.

use std::sync::Arc;

use ormai_audit::{
    AuditStore, Checkpoint, Filter, Hash, Line, MemoryStore, Proof, ProofError, ProveError, SigningKey, Trail,
    TrailOptions, prove,
};

use crate::tamper::{keys, record};

async fn trail() -> (Trail, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new());
    let trail = Trail::open(vec![store.clone()], keys(), TrailOptions::default()).await.unwrap();
    (trail, store)
}

fn public() -> ormai_audit::PublicKey {
    SigningKey::from_seed([7; 32]).public()
}

async fn proofs(store: &MemoryStore) -> Vec<Proof> {
    let mut proofs = Vec::new();
    for entry in store.query(&Filter::new(), 1_000, None).await.unwrap().entries {
        proofs.push(prove(store, &entry.id).await.unwrap());
    }
    proofs
}

#[tokio::test]
async fn every_record_is_proved_by_the_earliest_checkpoint_that_covers_it() {
    let (trail, store) = trail().await;
    for number in 1..=40 {
        trail.note(&record(number)).await.unwrap();
        if number % 7 == 5 || number == 40 {
            trail.checkpoint().await.unwrap();
        }
    }
    let proofs = proofs(&store).await;
    assert_eq!(proofs.len(), 40);
    for proof in proofs {
        let given_away = serde_json::to_string(&proof).unwrap();
        let proof: Proof = serde_json::from_str(&given_away).unwrap();
        let entry = proof.check(&public()).unwrap();
        assert_eq!(entry.place.seq, proof.index + 1);
        let checkpoint = Checkpoint::read(&Line::read(proof.checkpoint).unwrap()).unwrap();
        let earliest = store.lines().into_iter().find_map(|line| {
            Checkpoint::read(&line).filter(|checkpoint| checkpoint.covers.head.seq >= entry.place.seq)
        });
        assert_eq!(earliest, Some(checkpoint));
    }
}

#[tokio::test]
async fn no_byte_of_a_path_can_be_another() {
    let (trail, store) = trail().await;
    for number in 1..=11 {
        trail.note(&record(number)).await.unwrap();
    }
    trail.checkpoint().await.unwrap();
    for proof in proofs(&store).await {
        for node in 0..proof.path.len() {
            for byte in 0..32 {
                let mut changed = proof.clone();
                let mut bytes = *changed.path[node].bytes();
                bytes[byte] ^= 1;
                changed.path[node] = Hash::new(bytes);
                assert_eq!(changed.check(&public()).unwrap_err(), ProofError::OtherRoot);
            }
        }
    }
}

#[tokio::test]
async fn no_byte_of_the_record_or_the_checkpoint_can_be_another() {
    let (trail, store) = trail().await;
    trail.note(&record(1)).await.unwrap();
    trail.note(&record(2)).await.unwrap();
    trail.checkpoint().await.unwrap();
    let proof = proofs(&store).await.pop().unwrap();
    // The last member of a line, its keyed hash, is not part of the proof.
    let hashed = |line: &str| line.len() - r#","hash":""}"#.len() - Hash::TEXT_LEN;
    for at in 0..hashed(&proof.record) {
        let mut changed = proof.clone();
        changed.record = with_another_byte(&proof.record, at);
        assert!(changed.check(&public()).is_err(), "byte {at} of the record");
    }
    // Nor is the place of the checkpoint, which its signature does not reach.
    let (signed, _) = proof.checkpoint.rsplit_once(",\"kind\":").unwrap();
    for at in 0..signed.len() {
        let mut changed = proof.clone();
        changed.checkpoint = with_another_byte(&proof.checkpoint, at);
        assert!(changed.check(&public()).is_err(), "byte {at} of the checkpoint");
    }
}

fn with_another_byte(text: &str, at: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] ^= 1;
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_proof_by_another_key_proves_nothing() {
    let (trail, store) = trail().await;
    trail.note(&record(1)).await.unwrap();
    trail.checkpoint().await.unwrap();
    let proof = proofs(&store).await.pop().unwrap();
    let other = SigningKey::from_seed([8; 32]).public();
    assert_eq!(proof.check(&other).unwrap_err(), ProofError::NotSigned);
}

#[tokio::test]
async fn a_record_that_no_checkpoint_covers_cannot_be_proved_yet() {
    let (trail, store) = trail().await;
    let record = record(1);
    trail.note(&record).await.unwrap();
    assert!(matches!(prove(&*store, &record.id).await, Err(ProveError::NotCovered(id)) if id == record.id));
    assert!(matches!(prove(&*store, "aud-0").await, Err(ProveError::NotFound(_))));
}
