//! `ormai eval record`: calls out of the audit trail.

use std::path::Path;

use ormai::policy::PolicyDocument;
use ormai_eval::record::{CallsWriter, Header, MetadataReaders, Source, from_trail};

use super::place::misfit;
use super::progress;
use crate::args::eval::Record;
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(config: &Path, record: Record, as_json: bool) -> Result<(), Failure> {
    let filter = record.filter.read()?;
    let config = Config::read(config, as_json)?;
    let stores = config.audit_stores().await?;
    let store = record.store.checked_sub(1).and_then(|at| stores.get(at));
    let store = store.ok_or_else(|| match stores.len() {
        0 => Failure::failed("there is no audit trail: `audit` is off in the configuration"),
        count => Failure::misuse(format!("there is no store number {}; the configuration names {count}", record.store)),
    })?;
    let policy = PolicyDocument::parse(&config.policy.text, config.policy.format)
        .map_err(|findings| misfit(&config.policy, &findings, as_json).unwrap_or_else(|failure| failure))?;
    // No record has the metadata of its principal: where the policy reads it, a call is not known as it was.
    let readers = MetadataReaders::of(&policy);
    let name = record.output.display();
    let mut calls = CallsWriter::create(&record.output, &Header::new(Source::AuditTrail))
        .map_err(|error| Failure::misuse(format!("`{name}` cannot be made: {error}")))?;
    let progress = progress::counting("reading", "lines");
    let found = from_trail(&**store, &filter, &readers, &mut calls, &mut |lines| progress.set_position(lines)).await;
    progress.finish_and_clear();
    let found = found.map_err(|error| Failure::failed(error.to_string()))?;
    calls.end()?;
    if as_json {
        return output::json(&found);
    }
    output::line(format!("{} calls in `{name}`", found.calls))?;
    if found.not_exact > 0 {
        output::line(format!(
            "{} of them cannot be made again as they were: the trail does not hold all",
            found.not_exact
        ))?;
    }
    if found.skipped > 0 {
        output::line(format!("{} records are no calls of their own", found.skipped))?;
    }
    match found.unreadable {
        0 => Ok(()),
        lines => output::line(format!("{lines} lines could not be read; `ormai audit verify` tells where")),
    }
}
