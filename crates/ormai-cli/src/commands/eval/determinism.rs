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
        output::line(format!("{made} of {} calls made {runs} times each: {} differ", report.calls, report.differing))?;
        if let Some(first) = &report.first {
            output::line(format!("line {}: {} as {}, in run {}", first.line, first.tool, first.principal, first.run))?;
            output::line(format!("  at     {}", first.path))?;
            output::line(format!("  first  {}", first.first))?;
            output::line(format!("  then   {}", first.other))?;
        }
    }
    if report.differing > 0 { Err(Failure::told()) } else { Ok(()) }
}
