//! Which writers live, and what those that are gone left open.

use std::sync::Arc;

use ormai_audit::{AuditStore, Filter, JsonlStore, Kind, Outcome, Trail, TrailKeys, TrailOptions};
use uuid::Uuid;

use super::{assert_linked, body, chain, line, open, place, record, rotated_at, scanned};

#[tokio::test]
async fn the_intents_of_a_writer_that_is_gone_are_open_and_those_of_one_that_lives_are_not() {
    let (_directory, path) = place();
    let (mut dead, mut alive) = (chain(), chain());
    let (open_intent, closed_intent, other) = (record("acme"), record("acme"), record("globex"));
    let keys = TrailKeys::default();
    let gone = JsonlStore::open(&path, rotated_at(1)).unwrap();
    let lives = open(&path);
    gone.append_now(&[line(&mut chain())]).unwrap();
    gone.enter(dead.id()).await.unwrap();
    lives.enter(alive.id()).await.unwrap();
    gone.append_now(&[dead.link(&body(Kind::Intent, &closed_intent), &keys)]).unwrap();
    gone.append_now(&[dead.link(&body(Kind::Intent, &open_intent), &keys)]).unwrap();
    lives.append_now(&[alive.link(&body(Kind::Intent, &other), &keys)]).unwrap();
    gone.append_now(&[dead.link(&body(Kind::Record, &closed_intent), &keys)]).unwrap();
    drop(gone);

    let next = open(&path);
    let orphans = next.enter(Uuid::now_v7()).await.unwrap();
    let found: Vec<_> = orphans.iter().map(|orphan| (orphan.chain, orphan.open.clone())).collect();
    assert_eq!(found, [(dead.id(), vec![open_intent])]);

    let third = open(&path);
    assert!(third.enter(Uuid::now_v7()).await.unwrap().is_empty(), "one of them closes it, not both");
    next.settle(dead.id()).await.unwrap();
    drop((next, third, lives));
    let chains: Vec<Uuid> =
        open(&path).enter(Uuid::now_v7()).await.unwrap().iter().map(|orphan| orphan.chain).collect();
    assert!(!chains.contains(&dead.id()), "it is settled");
    assert!(chains.contains(&alive.id()), "it is gone by now");
}

#[tokio::test]
async fn an_intent_is_closed_once_also_when_the_one_who_closes_it_dies() {
    let (_directory, path) = place();
    let mut dead = chain();
    let (first, second) = (record("acme"), record("acme"));
    let keys = TrailKeys::default();
    let gone = open(&path);
    gone.enter(dead.id()).await.unwrap();
    for intent in [&first, &second] {
        gone.append_now(&[dead.link(&body(Kind::Intent, intent), &keys)]).unwrap();
    }
    drop(gone);
    // It closes one of two, and is gone.
    let closes = open(&path);
    let mut closing = chain();
    assert_eq!(closes.enter(closing.id()).await.unwrap()[0].open.len(), 2);
    closes.append_now(&[closing.link(&body(Kind::Record, &first.into_unknown()), &keys)]).unwrap();
    drop(closes);

    let trail = Trail::open(vec![Arc::new(open(&path))], keys.clone(), TrailOptions::default()).await.unwrap();
    let found = trail.query(&Filter::new(), 10, None).await.unwrap();
    let outcomes: Vec<Outcome> = found.entries.iter().map(|entry| entry.outcome).collect();
    assert_eq!(outcomes, [Outcome::Unknown, Outcome::Unknown]);
    trail.end().await.unwrap();
    drop(trail);
    assert!(open(&path).enter(Uuid::now_v7()).await.unwrap().is_empty(), "all have left or are settled");
    assert_linked(&scanned(&open(&path), 10).await);
}
