//! The law: whatever somebody without the keys does to the store is found, and what was done first
//! is named.
//!
//! `ORMAI_AUDIT_TAMPER` says how many attacks of each kind are tried, on a store of ten times as
//! many records.

use super::attack::{Attack, Chance};
use super::store::{Kept, kept, keys, text, verified};
use ormai_audit::Line;

/// How many attacks of each kind.
#[expect(clippy::disallowed_methods, reason = "the environment says how long a test may take, and nothing else")]
pub(super) fn attacks() -> u64 {
    match std::env::var("ORMAI_AUDIT_TAMPER") {
        Ok(many) => many.parse().expect("ORMAI_AUDIT_TAMPER is no number"),
        Err(_) => 60,
    }
}

async fn store() -> Kept {
    kept(attacks() * 10, 100, keys()).await
}

/// Tries one kind of attack, each time elsewhere.
async fn is_found(attack: Attack) {
    let (kept, foreign) = (store().await, kept(50, 10, keys()).await);
    let mut tried = 0;
    for seed in 0.. {
        let mut chance = Chance(2_026 + seed);
        let Some((text, expected)) = attack.on(&kept.lines, &foreign.lines, &mut chance) else { continue };
        let report = verified(text, &kept.options);
        let first = report.first().unwrap_or_else(|| panic!("seed {seed}: not found, though {expected:?}"));
        assert!(expected.is(first), "seed {seed}: {expected:?}, but {first:?}");
        tried += 1;
        if tried == attacks() {
            break;
        }
    }
}

#[tokio::test]
async fn a_store_that_nobody_touched_is_good() {
    let kept = store().await;
    let report = verified(text(kept.lines.iter().map(Line::text)), &kept.options);
    assert!(report.is_good(), "{:?}", report.first());
    assert_eq!(report.records, attacks() * 10 + 1);
    assert_eq!(report.from_elsewhere, 1);
    assert_eq!(report.caveats, []);
    assert_eq!(report.chains.iter().map(|chain| chain.unsealed).sum::<u64>(), 0);
}

#[tokio::test]
async fn a_byte_that_is_changed_is_found() {
    is_found(Attack::ChangeByte).await;
}

#[tokio::test]
async fn a_line_that_is_deleted_is_found() {
    is_found(Attack::DeleteLine).await;
}

#[tokio::test]
async fn two_lines_that_are_swapped_are_found() {
    is_found(Attack::SwapLines).await;
}

#[tokio::test]
async fn a_copy_of_a_line_is_found() {
    is_found(Attack::InsertCopy).await;
}

#[tokio::test]
async fn a_line_that_is_forged_without_the_key_is_found() {
    is_found(Attack::InsertForged).await;
}

#[tokio::test]
async fn a_line_of_another_store_is_found() {
    is_found(Attack::InsertForeign).await;
}

#[tokio::test]
async fn an_end_that_is_cut_off_within_a_line_is_found() {
    is_found(Attack::TruncateAtByte).await;
}

#[tokio::test]
async fn an_end_that_is_cut_off_between_lines_is_found() {
    is_found(Attack::TruncateAtLine).await;
}
