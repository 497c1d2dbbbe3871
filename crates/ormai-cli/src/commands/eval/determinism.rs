//! `ormai eval determinism`: the same calls, several times.

use std::path::Path;

use ormai_eval::record::Calls;

use super::progress;
use crate::args::eval::Determinism;
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(config: &Path, determinism: Determinism, as_json: bool) -> Result<(), Failure> {
    let calls = Calls::open(&determinism.calls)?;
    let ormai = determinism.place.open(config, as_json).await?;
    let mut work = ormai_eval::Determinism::new(ormai.tools().clone(), determinism.runs);
    for path in determinism.ignore {
        work = work.ignore(path);
    }
    if determinism.writes {
        work = work.with_writes();
    }
    let progress = progress::counting("calling", "calls");
    let report = work.run(calls.inspect(|_| progress.inc(1))).await;
    progress.finish_and_clear();
    let report = report?;
    if as_json {
        output::json(&report)?;
    } else {
        let (made, runs) = (report.made, report.runs);
        let refused = match report.refused {
            0 => String::new(),
            count => format!(", {count} refused each time"),
        };
        let (calls, differing) = (report.calls, report.differing);
        output::line(format!("{made} of {calls} calls made {runs} times each: {differing} differ{refused}"))?;
        if let Some(first) = &report.first {
            output::line(format!("line {}: {} as {}, in run {}", first.line, first.tool, first.principal, first.run))?;
            output::line(format!("  at     {}", first.path))?;
            output::line(format!("  first  {}", first.first))?;
            output::line(format!("  then   {}", first.other))?;
        }
    }
    match (report.differing, report.made) {
        (_, 0) if as_json => Err(Failure::told()),
        (_, 0) => Err(Failure::failed("nothing was compared: no call of the file could be made again")),
        (0, _) => Ok(()),
        _ => Err(Failure::told()),
    }
}
