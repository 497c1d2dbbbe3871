//! `ormai audit prune`: old records go, and what is left can still be verified.

use std::sync::Arc;

use ormai::audit::{PruneReport, Retention, would_prune};
use serde_json::json;

use super::{Stores, progress};
use crate::age;
use crate::args::audit::Prune;
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(stores: &Stores<'_>, options: Prune, as_json: bool) -> Result<(), Failure> {
    let retention = retention(&options)?;
    if !options.yes && !options.dry_run {
        return Err(Failure::misuse("what goes is gone: look at it with --dry-run, and do it with --yes"));
    }
    let config = stores.config()?;
    let all = config.audit_stores().await?;
    let chosen = stores.chosen(&all)?;
    let asked = if stores.number.is_some() { vec![Arc::clone(chosen)] } else { all.clone() };
    let progress = progress::lines(if options.dry_run { "reading" } else { "pruning" });
    let reports = if options.dry_run {
        let keys = config.audit_keys();
        let mut reports = Vec::with_capacity(asked.len());
        for store in &asked {
            let read = &mut |lines| progress.set_position(lines);
            reports.push(would_prune::<Failure>(&**store, &retention, &keys, read).await?);
        }
        reports
    } else {
        let trail = config.audit_trail(asked).await?;
        let reports = trail.prune(&retention, &crate::config::operator()).await;
        let ended = trail.end().await;
        let reports = reports.map_err(|error| Failure::failed(error.to_string()))?;
        ended.map_err(|error| Failure::failed(error.to_string()))?;
        reports
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

fn told(all: &[PruneReport], is_dry: bool, as_json: bool) -> Result<(), Failure> {
    if as_json {
        let stores: Vec<_> = all
            .iter()
            .map(|PruneReport { store, records, lines, stubs, .. }| {
                json!({"store": store, "records": records, "lines": lines, "stubs": stubs})
            })
            .collect();
        return output::json(&json!({"dry_run": is_dry, "stores": stores}));
    }
    for PruneReport { store, records, lines, stubs, .. } in all {
        let went = if is_dry { "would go" } else { "went" };
        output::line(format!(
            "{store}: {records} records {went}, {lines} lines with their intents; {stubs} stubs stand for them"
        ))?;
    }
    Ok(())
}
