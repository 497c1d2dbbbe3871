//! A store that cannot tell what it has written.

use std::fs;

use ormai_audit::verify::{VerifyOptions, verify};
use ormai_audit::{AuditStore as _, Filter, Outcome};

use super::{on, open, place, record, trail as trail_of};

/// Whole lines of a batch stand in the file and cannot be taken away: the records that must come are
/// there once in the end, whether the lines go, or stay because another process has appended behind
/// them.
#[tokio::test]
async fn a_batch_in_doubt_ends_its_chain_and_loses_nothing() {
    for is_appended_behind in [false, true] {
        let (_directory, path) = place();
        let (disk, store) = on(&path);
        let trail = trail_of(store).await;
        let records = [record("acme"), record("acme")];
        for record in &records {
            let mut intent = record.clone();
            (intent.outcome, intent.success) = (Outcome::Open, false);
            trail.intend(&intent).await.unwrap();
        }
        let before = fs::read_to_string(&path).unwrap();
        *disk.full_after.lock().unwrap() = Some(before.lines().last().unwrap().len() * 3 / 2);
        *disk.cannot_truncate.lock().unwrap() = true;
        let refused = {
            let _two_calls = (trail.attend(), trail.attend());
            tokio::join!(trail.close(&records[0]), trail.close(&records[1]))
        };
        assert!(matches!(refused, (Err(_), Err(_))), "{refused:?}");
        let after = fs::read_to_string(&path).unwrap();
        assert_eq!(after.lines().count(), before.lines().count() + 2, "one is whole, of one there is a part");

        *disk.full_after.lock().unwrap() = None;
        *disk.cannot_truncate.lock().unwrap() = false;
        if is_appended_behind {
            let other = trail_of(open(&path)).await;
            other.note(&record("other")).await.unwrap();
            other.end().await.unwrap();
        }
        trail.note(&record("acme")).await.unwrap();
        trail.end().await.unwrap();

        let store = open(&path);
        for record in &records {
            let mut named = Filter::new();
            named.id = Some(record.id.clone());
            assert_eq!(store.query(&named, 10, None).await.unwrap().entries.len(), 1);
        }
        let report = verify(&store, &VerifyOptions::default(), &|_| ()).await.unwrap();
        assert!(report.is_good() && report.open.is_empty(), "{report:?}");
    }
}

/// A process that has to begin a chain anew closes nothing of others, and takes nothing away from who
/// will.
#[tokio::test]
async fn a_new_chain_of_a_process_leaves_the_dead_to_the_next_one() {
    let (_directory, path) = place();
    let (disk, store) = on(&path);
    let trail = trail_of(store).await;
    let mut intent = record("acme");
    (intent.outcome, intent.success) = (Outcome::Open, false);
    {
        let dead = trail_of(open(&path)).await;
        dead.intend(&intent).await.unwrap();
    }
    trail.note(&record("acme")).await.unwrap();
    let line = fs::read_to_string(&path).unwrap().lines().last().unwrap().len();
    *disk.full_after.lock().unwrap() = Some(line * 3 / 2);
    *disk.cannot_truncate.lock().unwrap() = true;
    let records = [record("acme"), record("acme")];
    let refused = {
        let _two_calls = (trail.attend(), trail.attend());
        tokio::join!(trail.note(&records[0]), trail.note(&records[1]))
    };
    assert!(matches!(refused, (Err(_), Err(_))), "{refused:?}");
    *disk.full_after.lock().unwrap() = None;
    *disk.cannot_truncate.lock().unwrap() = false;
    trail.note(&record("acme")).await.unwrap();

    let next = trail_of(open(&path)).await;
    next.end().await.unwrap();
    trail.end().await.unwrap();
    let report = verify(&open(&path), &VerifyOptions::default(), &|_| ()).await.unwrap();
    assert!(report.is_good() && report.open.is_empty(), "{report:?}");
}
