//! `ormai audit verify`: whether the trail is what its writers wrote.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use ormai::audit::verify::{Checked, Problem, Progress, Report, VerifyOptions, verify};
use ormai::audit::{AuditStore, Line, MacKey, PublicKey};
use serde_json::json;

use super::records::plain;
use super::{Stores, progress};
use crate::args::audit::Verify;
use crate::config::environment;
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(stores: &Stores<'_>, options: Verify, as_json: bool) -> Result<(), Failure> {
    let public_keys = options.public_key.iter().map(|key| public_key(key)).collect::<Result<Vec<_>, _>>()?;
    let config = stores.config()?;
    let all = config.audit_stores().await?;
    let chosen = stores.chosen(&all)?;
    let keys = config.audit_keys();
    let mut against = VerifyOptions::default();
    against.accept_unkeyed = options.accept_unkeyed;
    against.mac = keys.mac;
    against.earlier_macs = options.earlier_key.iter().map(|name| earlier_key(name)).collect::<Result<_, _>>()?;
    against.public_keys = match (public_keys.is_empty(), keys.signing) {
        (true, Some(key)) => vec![key.public()],
        (true, None) => Vec::new(),
        (false, _) => public_keys,
    };
    against.checkpoints = match (&options.checkpoints, config.audit_checkpoints()) {
        (Some(path), _) => lines(path)?,
        // Before the first checkpoint there is no file.
        (None, Some(path)) if path.exists() => lines(path)?,
        _ => Vec::new(),
    };
    let asked = if stores.number.is_some() { std::slice::from_ref(chosen) } else { all.as_slice() };
    let reports = verified(&all, asked, against).await?;
    told(&reports, as_json)
}

fn earlier_key(name: &str) -> Result<MacKey, Failure> {
    let secret = environment(name).and_then(MacKey::new);
    secret.ok_or_else(|| Failure::misuse(format!("the environment variable `{name}` holds no MAC key")))
}

pub(super) fn public_key(text: &str) -> Result<PublicKey, Failure> {
    PublicKey::parse(text).ok_or_else(|| {
        Failure::misuse("`--public-key` is no public key; `ormai audit keygen` prints one with its secret")
    })
}

fn lines(path: &Path) -> Result<Vec<String>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::misuse(format!("the checkpoints `{}` cannot be read: {error}", path.display())))?;
    Ok(text.lines().map(str::to_owned).collect())
}

type Verified = (String, Report);

/// All checkpoints kept elsewhere must be found, and those of all stores are in one file.
async fn verified(
    all: &[Arc<dyn AuditStore>],
    asked: &[Arc<dyn AuditStore>],
    mut against: VerifyOptions,
) -> Result<Vec<Verified>, Failure> {
    let kept = std::mem::take(&mut against.checkpoints);
    let is_alone = all.len() == 1;
    // Where there is one store, they are its own; else it is looked whose they are.
    against.checkpoints = if is_alone { kept.clone() } else { Vec::new() };
    let mut reports = Vec::with_capacity(all.len());
    for store in if is_alone || kept.is_empty() { asked } else { all } {
        reports.push((store.name(), one(&**store, &against).await?));
    }
    if is_alone || kept.is_empty() {
        return Ok(reports);
    }
    let chains: Vec<HashSet<String>> =
        reports.iter().map(|(_, report)| report.chains.iter().map(|chain| chain.chain.to_string()).collect()).collect();
    let mut parted = vec![Vec::new(); reports.len()];
    for text in kept {
        let chain = Line::read(text.as_str()).map(|line| line.place().chain.to_string());
        let owner = chain.and_then(|chain| chains.iter().position(|chains| chains.contains(&chain)));
        // What is in none of them is missing from each that is asked.
        for (at, kept) in parted.iter_mut().enumerate() {
            if owner.is_none_or(|owner| owner == at) {
                kept.push(text.clone());
            }
        }
    }
    let mut reports = Vec::with_capacity(asked.len());
    for (store, checkpoints) in all.iter().zip(parted) {
        if asked.iter().any(|asked| Arc::ptr_eq(asked, store)) {
            against.checkpoints = checkpoints;
            reports.push((store.name(), one(&**store, &against).await?));
        }
    }
    Ok(reports)
}

async fn one(store: &dyn AuditStore, against: &VerifyOptions) -> Result<Report, Failure> {
    let progress = progress::lines("verifying");
    let told = |at: Progress| {
        progress.set_message(format!("verifying, pass {} of {}", at.pass, Progress::PASSES));
        progress.set_position(at.lines);
    };
    let report = verify(store, against, &told).await;
    progress.finish_and_clear();
    Ok(report?)
}

fn told(reports: &[Verified], as_json: bool) -> Result<(), Failure> {
    let is_good = reports.iter().all(|(_, report)| report.is_good());
    if as_json {
        let stores: Vec<_> = reports
            .iter()
            .map(|(store, report)| json!({"store": store, "ok": report.is_good(), "first": report.first(), "report": report}))
            .collect();
        output::json(&json!({"ok": is_good, "stores": stores}))?;
    } else {
        for (store, report) in reports {
            show(store, report)?;
        }
    }
    if is_good { Ok(()) } else { Err(Failure::told()) }
}

fn show(store: &str, report: &Report) -> Result<(), Failure> {
    match report.first() {
        None => output::line(format!("{store}: nothing was changed"))?,
        Some(first) => {
            output::line(format!("{store}: NOT what its writers wrote; the first bad line:"))?;
            problem(first)?;
        }
    }
    for other in report.problems.iter().skip(1) {
        problem(other)?;
    }
    if report.more_problems > 0 {
        output::line(format!("  and {} more", report.more_problems))?;
    }
    let lines = counted(&[
        (report.records, "records"),
        (report.intents, "intents"),
        (report.checkpoints, "checkpoints"),
        (report.tombstones, "tombstones"),
        (report.stubs, "stubs"),
        (report.pruned, "lines that were pruned"),
    ]);
    output::line(format!("  {} lines: {lines}", report.lines))?;
    let by = |how| {
        let chains = report.chains.iter().filter(|chain| chain.checked == how).count();
        u64::try_from(chains).unwrap_or(u64::MAX)
    };
    let chains = counted(&[
        (by(Checked::Mac), "recomputed with the key"),
        (by(Checked::Digest), "recomputed, which have no key"),
        (by(Checked::Links), "by their links only"),
    ]);
    output::line(format!("  {} chains: {chains}", report.chains.len()))?;
    for (key, count) in &report.signed_by {
        output::line(format!("  {count} signed by {key}"))?;
    }
    if report.from_elsewhere > 0 {
        output::line(format!("  {} checkpoints kept elsewhere were found", report.from_elsewhere))?;
    }
    let unsealed: u64 = report.chains.iter().map(|chain| chain.unsealed).sum();
    if unsealed > 0 {
        output::line(format!("  {unsealed} lines at the ends of chains are under no checkpoint yet"))?;
    }
    for open in &report.open {
        output::line(format!("  {} has no record yet: its write may be under way", plain(&open.id)))?;
    }
    for tombstone in &report.unfinished {
        output::line(format!("  tombstone {tombstone}: pruning was interrupted; prune again"))?;
    }
    for caveat in &report.caveats {
        output::line(format!("  mind: {caveat}"))?;
    }
    Ok(())
}

/// What there is any of.
fn counted(counts: &[(u64, &str)]) -> String {
    let there = counts.iter().filter(|(count, _)| *count > 0);
    let said: Vec<String> = there.map(|(count, what)| format!("{count} {what}")).collect();
    if said.is_empty() { "none".to_owned() } else { said.join(", ") }
}

fn problem(problem: &Problem) -> Result<(), Failure> {
    output::line(format!("  {}", plain(&problem.to_string())))?;
    let mut names = Vec::new();
    if let Some(id) = &problem.id {
        names.push(format!("record {}", plain(id)));
    }
    if let (Some(chain), Some(seq)) = (problem.chain, problem.seq) {
        names.push(format!("chain {chain}, seq {seq}"));
    }
    if names.is_empty() { Ok(()) } else { output::line(format!("    {}", names.join(", "))) }
}
