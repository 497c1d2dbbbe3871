//! `ormai audit tail`: the latest records, and those that follow.

use std::collections::{HashMap, HashSet};
use std::io::Write as _;
use std::time::Duration;

use ormai::audit::{AuditStore, Entry, Filter, Kind, Line, Position};

use super::Stores;
use super::records::line;
use crate::args::audit::Tail;
use crate::failure::Failure;
use crate::output;

/// Between two looks at the store.
const PAUSE: Duration = Duration::from_millis(500);

/// How many lines are read at once.
const PAGE: usize = 1_000;

pub(super) async fn run(stores: &Stores<'_>, tail: Tail, as_json: bool) -> Result<(), Failure> {
    let filter = tail.filter.read()?;
    let store = stores.one().await?;
    // Looked at first: what comes between is met twice, and shown once.
    let (_, end) = store.heads(None).await?;
    let mut shown = HashSet::new();
    if tail.count > 0 {
        let found = store.query(&filter, usize::try_from(tail.count).unwrap_or(usize::MAX), None).await?;
        for entry in found.entries.iter().rev() {
            show(entry, as_json)?;
            shown.insert(entry.id.clone());
        }
    }
    if !tail.follow {
        return Ok(());
    }
    let mut following = Following { store: &*store, filter, end, seen: HashMap::new(), shown, as_json };
    tokio::select! {
        outcome = following.follow() => outcome,
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Failure::from),
    }
}

fn show(entry: &Entry, as_json: bool) -> Result<(), Failure> {
    if as_json {
        output::line(serde_json::to_string(entry).map_err(|error| Failure::failed(error.to_string()))?)?;
    } else {
        output::line(line(entry))?;
    }
    // Whoever waits at the other end of a pipe sees it now.
    std::io::stdout().flush().map_err(Failure::from)
}

struct Following<'a> {
    store: &'a dyn AuditStore,
    filter: Filter,
    end: Position,
    /// How far each chain was read.
    seen: HashMap<String, u64>,
    /// What was shown before following began.
    shown: HashSet<String>,
    as_json: bool,
}

impl Following<'_> {
    async fn follow(&mut self) -> Result<(), Failure> {
        loop {
            let (_, now) = self.store.heads(Some(&self.end)).await?;
            if now != self.end {
                self.read().await?;
                self.end = now;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn read(&mut self) -> Result<(), Failure> {
        let mut position = Some(self.end.clone());
        while let Some(from) = position {
            let page = self.store.scan(Some(&from), PAGE).await?;
            for line in page.text.split_inclusive(|byte| *byte == b'\n') {
                // The very last may not be whole yet.
                if let Some(line) = line.strip_suffix(b"\n") {
                    self.line(line)?;
                }
            }
            position = page.next;
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Failure> {
        let Some(line) = std::str::from_utf8(line).ok().and_then(Line::read) else { return Ok(()) };
        let place = line.place();
        let seen = self.seen.entry(place.chain.to_string()).or_default();
        if place.seq <= *seen {
            return Ok(());
        }
        *seen = place.seq;
        match Entry::read(&line).filter(|_| place.kind == Kind::Record) {
            Some(entry) if self.filter.matches(&entry) && !self.shown.remove(&entry.id) => show(&entry, self.as_json),
            _ => Ok(()),
        }
    }
}
