//! The program that is killed: a test that does nothing unless it is told what to do.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ormai::audit::{
    AuditStore, JsonlOptions, JsonlStore, MacKey, PublicKey, SigningKey, SqlStore, TrailKeys, TrailOptions,
};
use ormai::policy::Format;
use ormai::prelude::*;
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::halting::{Halting, Place};
use super::tables::POLICY;

/// What a life of the program is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Order {
    /// The database.
    pub(super) url: String,
    /// Where the audit stores are.
    pub(super) directory: PathBuf,
    /// Whether records go to files.
    pub(super) jsonl: bool,
    /// Whether records go to a database of their own.
    pub(super) sqlite: bool,
    /// The first mark and key.
    pub(super) first: i64,
    /// Where chance begins.
    pub(super) seed: u64,
    /// Where to stand still, and how many such places are passed before.
    pub(super) halt: Option<(Place, usize)>,
    /// How many calls each caller makes before the program ends in order; `None`: until it is killed.
    pub(super) calls: Option<usize>,
}

/// What the program says, each on a line of its own that begins with this.
pub(super) const SAYS: &str = "> ";
pub(super) const BEGINS: &str = "begins";
pub(super) const READY: &str = "ready";
pub(super) const HALTED: &str = "halted";
pub(super) const ENDED: &str = "ended";
/// Followed by the name of the record of a call that was answered or refused.
pub(super) const TOLD: &str = "told ";

/// Its callers.
const CALLERS: usize = 12;

/// Files are small, so that many are closed.
const ROTATE: u64 = 48 << 10;

#[expect(clippy::print_stdout, reason = "whoever kills the program listens")]
pub(super) fn say(what: impl std::fmt::Display) {
    println!("{SAYS}{what}");
}

pub(super) fn jsonl(order: &Order) -> JsonlStore {
    let mut options = JsonlOptions::default();
    options.rotate_bytes = Some(ROTATE);
    let disk = Arc::new(Halting::new(order.halt));
    JsonlStore::open_on(order.directory.join("audit.jsonl"), options, disk).unwrap()
}

pub(super) async fn sqlite(order: &Order) -> SqlStore {
    SqlStore::connect(&format!("sqlite:{}", order.directory.join("audit.db").display())).await.unwrap()
}

pub(super) fn keys() -> TrailKeys {
    TrailKeys { mac: MacKey::new([7; 32]), signing: Some(SigningKey::from_seed([8; 32])) }
}

pub(super) fn public_key() -> PublicKey {
    SigningKey::from_seed([8; 32]).public()
}

/// Where checkpoints are copied to.
pub(super) const COPIES: &str = "checkpoints.jsonl";

#[test]
#[ignore = "is run by those tests that kill it"]
fn the_program_that_is_killed() {
    let mut text = String::new();
    io::stdin().read_line(&mut text).unwrap();
    let Ok(order) = serde_json::from_str::<Order>(&text) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(live(&order));
}

async fn live(order: &Order) {
    say(BEGINS);
    let mut options = TrailOptions::default();
    options.checkpoint_every = 100;
    options.checkpoint_copies = Some(order.directory.join(COPIES));
    let mut builder = OrmAi::builder().database_url(&order.url).policy_text(POLICY, Format::Yaml);
    builder = builder.audit_keys(keys()).audit_options(options);
    if order.jsonl {
        builder = builder.audit(installed(jsonl(order)).await);
    }
    if order.sqlite {
        builder = builder.audit(installed(sqlite(order).await).await);
    }
    let ormai = builder.build().await.unwrap();
    say(READY);
    let next = Arc::new(AtomicI64::new(order.first));
    let runtime = tokio::runtime::Handle::current();
    let callers: Vec<_> = (0..CALLERS)
        .map(|number| {
            let mut caller = Caller::new(number, order.seed, ormai.tools().clone(), Arc::clone(&next));
            let (runtime, calls) = (runtime.clone(), order.calls.unwrap_or(usize::MAX));
            // A thread each: what is done in a transaction need not be fit to change threads.
            tokio::task::spawn_blocking(move || runtime.block_on(caller.call(calls)))
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    ormai.close().await.unwrap();
    say(ENDED);
    assert!(next.load(Ordering::Relaxed) < order.first + super::tables::MARKS, "every mark is of one life");
}

async fn installed<S: AuditStore + 'static>(store: S) -> Arc<dyn AuditStore> {
    store.install().await.unwrap();
    Arc::new(store)
}
