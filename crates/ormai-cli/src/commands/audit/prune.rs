//! `ormai audit prune`: old records go, and what is left can still be verified.

use std::sync::Arc;

use jiff::Timestamp;
use ormai::audit::{AuditStore, Census, PruneReport, Pruner, Retention, Stub, TrailKeys};
use serde_json::json;

use super::{Stores, progress};
use crate::age;
use crate::args::audit::Prune;
use crate::failure::Failure;
use crate::output;

/// How many lines are read at once.
const PAGE: usize = 4_096;

pub(super) async fn run(stores: &Stores<'_>, options: Prune, as_json: bool) -> Result<(), Failure> {
    let retention = retention(&options)?;
    if !options.yes && !options.dry_run {
        return Err(Failure::misuse("what goes is gone: look at it with --dry-run, and do it with --yes"));
    }
    let config = stores.config()?;
    let all = config.audit_stores().await?;
    let chosen = stores.chosen(&all)?;
    let asked = if stores.number.is_some() { vec![Arc::clone(chosen)] } else { all.clone() };
    let progress = progress::counting(if options.dry_run { "reading" } else { "pruning" });
    let reports = if options.dry_run {
        let keys = config.audit_keys();
        let mut reports = Vec::with_capacity(asked.len());
        for store in &asked {
            reports.push(would_go(&**store, &retention, &keys, &mut |lines| progress.set_position(lines)).await?);
        }
        reports
    } else {
        let trail = config.audit_trail(asked).await?;
        let reports = trail.prune(&retention, &crate::config::operator()).await;
        let ended = trail.end().await;
        let reports = reports.map_err(|error| Failure::failed(error.to_string()))?;
        ended.map_err(|error| Failure::failed(error.to_string()))?;
        reports.into_iter().map(Figures::from).collect()
    };
    progress.finish_and_clear();
    told(&reports, options.dry_run, as_json)
}

fn retention(options: &Prune) -> Result<Retention, Failure> {
    let tenant = options.tenant.clone().map(Into::into);
    let mut retention = Retention { tenant, keep: options.keep, ..Retention::default() };
    if let Some(text) = &options.older_than {
        let before = age::ago(age::read("--older-than", text)?);
        retention.older_than = Some(before.map_err(|_| Failure::misuse("`--older-than` is too long ago"))?);
    }
    if retention.is_limited() {
        Ok(retention)
    } else {
        Err(Failure::misuse("say which records go: --older-than, --keep, or both"))
    }
}

/// What went of a store, or would.
struct Figures {
    store: String,
    records: u64,
    lines: u64,
    stubs: u64,
}

impl From<PruneReport> for Figures {
    fn from(report: PruneReport) -> Self {
        let PruneReport { store, records, lines, stubs, .. } = report;
        Self { store, records, lines, stubs }
    }
}

/// The same decisions without their consequences.
async fn would_go(
    store: &dyn AuditStore,
    retention: &Retention,
    keys: &TrailKeys,
    read: &mut dyn FnMut(u64),
) -> Result<Figures, Failure> {
    let mut lines = 0;
    let mut census = Census::new(retention.clone());
    let mut after = None;
    loop {
        let page = store.scan(after.as_ref(), PAGE).await?;
        census.read(&page);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let failed = |error: ormai::audit::PruneError| Failure::failed(error.to_string());
    let mut pruner = Pruner::new(census, keys.clone()).map_err(failed)?;
    let mut figures = Figures { store: store.name(), records: 0, lines: 0, stubs: 0 };
    let mut source = None;
    let mut after = None;
    loop {
        let mut page = store.scan(after.as_ref(), PAGE).await?;
        // Pruning closes it first.
        page.is_open = false;
        // A stub stands in one source.
        let is_another = source.replace(page.source.clone()).is_some_and(|before| before != page.source);
        if is_another || pruner.stubs() + PAGE > Stub::MOST_AT_ONCE {
            figures.add(&mut pruner);
        }
        pruner.read(&page).map_err(failed)?;
        lines += u64::try_from(page.text.iter().filter(|byte| **byte == b'\n').count()).unwrap_or_default();
        read(lines);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    figures.add(&mut pruner);
    Ok(figures)
}

impl Figures {
    fn add(&mut self, pruner: &mut Pruner) {
        if let Some(piece) = pruner.piece(Timestamp::now(), "") {
            self.records += piece.tombstone.records;
            self.lines += piece.tombstone.lines;
            self.stubs += piece.tombstone.stubs;
        }
    }
}

fn told(all: &[Figures], is_dry: bool, as_json: bool) -> Result<(), Failure> {
    if as_json {
        let stores: Vec<_> = all
            .iter()
            .map(|Figures { store, records, lines, stubs }| {
                json!({"store": store, "records": records, "lines": lines, "stubs": stubs})
            })
            .collect();
        return output::json(&json!({"dry_run": is_dry, "stores": stores}));
    }
    for Figures { store, records, lines, stubs } in all {
        let went = if is_dry { "would go" } else { "went" };
        output::line(format!(
            "{store}: {records} records {went}, {lines} lines with their intents; {stubs} stubs stand for them"
        ))?;
    }
    Ok(())
}
