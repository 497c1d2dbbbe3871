//! Finding out whether the trail is what its writers wrote.
//!
//! Two passes over a store: a [`Survey`] collects what chains say of one another, then a
//! [`Verifier`] recomputes every line. Both take chunk after chunk, and keep something for each
//! chain and each such tie, not for each line. [`verify`] makes both passes.

mod chain;
mod content;
mod finish;
mod lines;
mod report;
mod spot;
mod survey;
mod verifier;

use crate::hash::{Hash, MacKey, PublicKey};
use crate::store::{AuditStore, Scanned, StoreError};

pub(crate) use lines::lines;
pub use report::{Caveat, Checked, OpenIntent, Problem, Report, Tampering, VerifiedChain};
pub(crate) use spot::id as record_id;
pub use survey::Survey;
pub use verifier::Verifier;

/// What the trail is verified against.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// The key of the chains. Without it a keyed line cannot be recomputed, only its links, the
    /// tree roots over it and their signatures.
    pub mac: Option<MacKey>,
    /// Keys from before `mac`, whose chains are still in the store. Whoever has learnt one of them
    /// can make lines that fit, so take none that is no secret any more.
    pub earlier_macs: Vec<MacKey>,
    /// By whom checkpoints and tombstones must be signed: by one of them. Where none is given,
    /// those that are signed are verified by the key that they name.
    pub public_keys: Vec<PublicKey>,
    /// Lines of checkpoints that were kept elsewhere, as
    /// [`crate::TrailOptions::checkpoint_copies`] makes them: all of them must be found.
    pub checkpoints: Vec<String>,
    /// Whether chains without a key are taken though `mac` is given: those from before there was
    /// one. Whoever can write to the store can make such a chain.
    pub accept_unkeyed: bool,
}

impl VerifyOptions {
    /// Whether a hash is that of a digest under one of the keys.
    pub(crate) fn is_keyed(&self, digest: &Hash, hash: &Hash) -> bool {
        self.mac.iter().chain(&self.earlier_macs).any(|key| key.mac(digest) == *hash)
    }

    pub(crate) fn takes_unkeyed(&self) -> bool {
        self.mac.is_none() || self.accept_unkeyed
    }
}

/// How far verifying has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The pass, from 1.
    pub pass: u8,
    /// Lines that it has read.
    pub lines: u64,
}

impl Progress {
    /// How many passes there are.
    pub const PASSES: u8 = 2;
}

/// Lines that are read at once.
const CHUNK: usize = 4_096;

/// Verifies a store.
///
/// # Errors
///
/// [`StoreError`] when it cannot be read. What is wrong with its lines is in the report.
///
/// ```
/// # use std::sync::Arc;
/// # use ormai_audit::{MemoryStore, Record, Trail, TrailKeys, TrailOptions};
/// use ormai_audit::verify::{VerifyOptions, verify};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = Arc::new(MemoryStore::new());
/// let trail = Trail::open(vec![store.clone()], TrailKeys::default(), TrailOptions::default()).await?;
/// trail.note(&Record::begin("2026-01-02T03:04:05Z".parse()?, "req-1", "query")).await?;
///
/// let report = verify(&*store, &VerifyOptions::default(), &|_| ()).await?;
/// assert!(report.is_good());
/// assert_eq!(report.records, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub async fn verify(
    store: &dyn AuditStore,
    options: &VerifyOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report, StoreError> {
    let mut survey = Survey::new(options.clone());
    scan(store, 1, progress, |scanned| survey.read(scanned)).await?;
    let mut verifier = survey.verifier();
    scan(store, 2, progress, |scanned| verifier.read(scanned)).await?;
    Ok(verifier.finish())
}

async fn scan(
    store: &dyn AuditStore,
    pass: u8,
    progress: &(dyn Fn(Progress) + Sync),
    mut read: impl FnMut(&Scanned),
) -> Result<(), StoreError> {
    let (mut after, mut lines) = (None, 0);
    loop {
        let scanned = store.scan(after.as_ref(), CHUNK).await?;
        read(&scanned);
        lines += memchr::memchr_iter(b'\n', &scanned.text).count() as u64;
        progress(Progress { pass, lines });
        match scanned.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}
