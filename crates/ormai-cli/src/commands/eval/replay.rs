//! `ormai eval replay`: recorded calls, made again.

use std::io::{self, BufWriter, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;

use ormai_eval::record::Calls;
use ormai_eval::replay::{Change, ReplayError};
use serde_json::json;

use super::{progress, who};
use crate::args::eval::Replay;
use crate::failure::Failure;
use crate::output;

/// Said also of none.
const CHANGED: &str = "changed";

pub(super) async fn run(config: &Path, replay: Replay, as_json: bool) -> Result<(), Failure> {
    let calls = Calls::open(&replay.calls)?;
    let principal = replay.principal.as_deref().map(|json| who("--as", json)).transpose()?;
    let ormai = replay.place.open(config, as_json).await?;
    let concurrency = NonZeroUsize::new(usize::from(replay.concurrency)).unwrap_or(NonZeroUsize::MIN);
    let mut work = ormai_eval::replay::Replay::new(ormai.tools().clone()).concurrency(concurrency);
    if let Some(who) = principal {
        work = work.as_principal(who.principal());
    }
    if replay.writes {
        work = work.with_writes();
    }
    let progress = progress::counting("replaying", "calls");
    let mut changes: Vec<Change> = Vec::new();
    let mut out = BufWriter::new(io::stdout().lock());
    let counted = calls.inspect(|_| progress.inc(1));
    let ran = work.run(counted, |change| match as_json {
        true => {
            changes.push(change);
            Ok(())
        }
        false => writeln!(out, "{change}"),
    });
    let summary = ran.await;
    out.flush()?;
    drop(out);
    progress.finish_and_clear();
    let summary = summary?;
    if as_json {
        output::json(&json!({"changes": changes, "summary": summary}))?;
    } else {
        let mut said = format!("{} calls", summary.calls);
        let mut before = ": ";
        for (count, what) in [
            (summary.same_whole, "the same to the last byte"),
            (summary.same_by_counts, "the same by status and counts only"),
            (summary.same_refused, "refused both times"),
            (summary.changed, CHANGED),
            (summary.unknown, "ended in a way that nobody knew"),
            (summary.writes_left_out, "writes left out"),
            (summary.not_exact, "not known as they were"),
        ] {
            if count > 0 || what == CHANGED {
                said.push_str(&format!("{before}{count} {what}"));
                before = ", ";
            }
        }
        output::line(format!("{said} ({:.0} a second)", summary.calls_per_second))?;
    }
    match (summary.changed, summary.compared()) {
        (_, 0) if as_json => Err(Failure::told()),
        (_, 0) => Err(Failure::failed("nothing was compared: no call of the file could be made again")),
        (0, _) => Ok(()),
        _ => Err(Failure::told()),
    }
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::File(error) => error.into(),
            error => Self::failed(error.to_string()),
        }
    }
}
