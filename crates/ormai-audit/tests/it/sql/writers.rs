//! Writers that are alive, gone, or write at once.

use std::collections::BTreeMap;

use ormai_audit::{AuditStore, Chain, Hash, Kind, Orphan, Position, SqlStore};
use ormai_testkit::{TestDatabase, every_engine};
use uuid::Uuid;

use super::{installed, line, lines, linked, record, scanned};

every_engine! {
    async fn a_writer_that_is_gone_leaves_its_open_intents_to_the_next_one(database: &TestDatabase) {
        let dead = installed(database).await;
        let mut chain = Chain::new(Uuid::now_v7());
        dead.enter(chain.id()).await.unwrap();
        let (open, closed, elsewhere) = (record("acme"), record("acme"), record("acme"));
        dead.append(&[
            line(&mut chain, Kind::Intent, &open),
            line(&mut chain, Kind::Intent, &closed),
            line(&mut chain, Kind::Record, &closed),
            line(&mut chain, Kind::Intent, &elsewhere),
        ]).await.unwrap();

        let alive = SqlStore::connect(database.url()).await.unwrap();
        let mut other = Chain::new(Uuid::now_v7());
        assert_eq!(alive.enter(other.id()).await.unwrap(), [], "its writer is alive");
        alive.append(&[
            line(&mut other, Kind::Record, &elsewhere),
            line(&mut other, Kind::Intent, &record("acme")),
        ]).await.unwrap();

        dead.close().await;
        let (next, orphans) = orphans(database).await;
        assert_eq!(orphans, [Orphan { chain: chain.id(), open: vec![open] }]);
        let third = SqlStore::connect(database.url()).await.unwrap();
        assert_eq!(third.enter(Uuid::now_v7()).await.unwrap(), [], "the one before is about to settle it");
        next.settle(chain.id()).await.unwrap();
        let fourth = SqlStore::connect(database.url()).await.unwrap();
        assert_eq!(fourth.enter(Uuid::now_v7()).await.unwrap(), [], "it is settled");
    }

    async fn a_writer_that_has_left_is_no_orphan(database: &TestDatabase) {
        let store = installed(database).await;
        let mut chain = Chain::new(Uuid::now_v7());
        store.enter(chain.id()).await.unwrap();
        store.append(&lines(&mut chain, 1)).await.unwrap();
        store.leave(chain.id()).await.unwrap();
        store.close().await;
        let next = SqlStore::connect(database.url()).await.unwrap();
        assert_eq!(next.enter(Uuid::now_v7()).await.unwrap(), []);
        assert_eq!(database.count("ormai_audit_writers").await, 1);
    }

    async fn whoever_is_killed_before_settling_leaves_it_to_the_next_one(database: &TestDatabase) {
        let dead = installed(database).await;
        let mut chain = Chain::new(Uuid::now_v7());
        dead.enter(chain.id()).await.unwrap();
        dead.append(&[line(&mut chain, Kind::Intent, &record("acme"))]).await.unwrap();
        dead.close().await;
        let (killed, found) = orphans(database).await;
        killed.close().await;
        let (_next, again) = orphans(database).await;
        assert!(again.contains(&found[0]), "{again:?}");
    }

    async fn writers_at_once_do_not_hide_lines_from_each_other(database: &TestDatabase) {
        installed(database).await;
        let write = |many: usize| {
            let url = database.url().to_owned();
            tokio::spawn(async move {
                let store = SqlStore::connect(&url).await.unwrap();
                let mut chain = Chain::new(Uuid::now_v7());
                store.enter(chain.id()).await.unwrap();
                for _ in 0..many {
                    store.append(&lines(&mut chain, 3)).await.unwrap();
                }
                (store, chain)
            })
        };
        let writing: Vec<_> = (0..4).map(|_| write(10)).collect();
        // Somebody who reads meanwhile finds each chain without a gap.
        let reader = SqlStore::connect(database.url()).await.unwrap();
        let mut heads: BTreeMap<Uuid, (u64, Hash)> = BTreeMap::new();
        let mut seen = Position("0".to_owned());
        while writing.iter().any(|writing| !writing.is_finished()) {
            linked(&scanned(&reader).await.0);
            let (moved, now) = reader.heads(Some(&seen)).await.unwrap();
            heads.extend(moved.into_iter().map(|head| (head.chain, (head.seq, head.hash))));
            seen = now;
        }
        let mut ends = BTreeMap::new();
        for writing in writing {
            let (_store, chain) = writing.await.unwrap();
            ends.insert(chain.id(), (chain.seq(), chain.last()));
        }
        let (moved, _) = reader.heads(Some(&seen)).await.unwrap();
        heads.extend(moved.into_iter().map(|head| (head.chain, (head.seq, head.hash))));
        assert_eq!(heads, ends);
        assert_eq!(linked(&scanned(&reader).await.0), ends);
    }
}

/// A store that has entered, with what writers that are gone left: servers notice a moment later
/// that a connection is gone.
async fn orphans(database: &TestDatabase) -> (SqlStore, Vec<Orphan>) {
    loop {
        let store = SqlStore::connect(database.url()).await.unwrap();
        let chain = Uuid::now_v7();
        let orphans = store.enter(chain).await.unwrap();
        if !orphans.is_empty() {
            return (store, orphans);
        }
        store.leave(chain).await.unwrap();
    }
}
