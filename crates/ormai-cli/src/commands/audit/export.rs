//! `ormai audit export`: records into a file.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;

use ormai::audit::export::{ExportError, Exported, Format, export};
use ormai::audit::{AuditStore, Filter};
use serde_json::json;

use super::{Stores, progress};
use crate::args::audit::{Export, ExportFormat};
use crate::failure::Failure;
use crate::output;
use crate::part_file::PartFile;

pub(super) async fn run(stores: &Stores<'_>, options: Export, as_json: bool) -> Result<(), Failure> {
    let filter = options.filter.read()?;
    let format = format(options.format, options.output.as_deref())?;
    let Some(path) = options.output else {
        return to_standard_output(stores, &filter, format).await;
    };
    if path.exists() && !options.force {
        return Err(Failure::misuse(format!("`{}` exists; --force overwrites it", path.display())));
    }
    let store = stores.one().await?;
    let file = PartFile::begin(&path)?;
    let exported = written(&*store, &filter, format, BufWriter::new(file.file())).await?;
    file.end(&path)?;
    if as_json {
        output::json(&json!({
            "file": path, "format": format.as_str(), "written": exported.written, "lines": exported.lines,
            "unreadable": exported.unreadable,
        }))?;
    } else {
        let what = if format == Format::Jsonl { "lines" } else { "records" };
        let (written, lines) = (exported.written, exported.lines);
        output::line(format!("wrote {written} {what} to {}, of {lines} lines", path.display()))?;
    }
    whole(exported, as_json)
}

async fn to_standard_output(stores: &Stores<'_>, filter: &Filter, format: Format) -> Result<(), Failure> {
    if format == Format::Parquet && io::stdout().is_terminal() {
        return Err(Failure::misuse("Parquet is not for terminals; name a file with --output"));
    }
    let store = stores.one().await?;
    let exported = written(&*store, filter, format, BufWriter::new(io::stdout())).await?;
    whole(exported, false)
}

async fn written(
    store: &dyn AuditStore,
    filter: &Filter,
    format: Format,
    out: impl Write + Send,
) -> Result<Exported, Failure> {
    let progress = progress::lines("exporting");
    let exported = export(store, filter, format, out, &mut |lines| progress.set_position(lines)).await;
    progress.finish_and_clear();
    exported.map_err(|error| match error {
        ExportError::Store(error) => error.into(),
        error => Failure::failed(error.to_string()),
    })
}

/// Lines that could not be read are missing from the export.
fn whole(exported: Exported, as_json: bool) -> Result<(), Failure> {
    match exported.unreadable {
        0 => Ok(()),
        _ if as_json => Err(Failure::told()),
        lines => Err(Failure::failed(format!("{lines} lines could not be read; `ormai audit verify` tells where"))),
    }
}

fn format(asked: Option<ExportFormat>, path: Option<&Path>) -> Result<Format, Failure> {
    match (asked, path) {
        (Some(ExportFormat::Csv), _) => Ok(Format::Csv),
        (Some(ExportFormat::Jsonl), _) | (None, None) => Ok(Format::Jsonl),
        (Some(ExportFormat::Parquet), _) => Ok(Format::Parquet),
        (None, Some(path)) => {
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            Format::ALL.iter().find(|format| format.as_str() == ending).copied().ok_or_else(|| {
                Failure::misuse(format!(
                    "the name `{}` ends in none of .jsonl, .csv, .parquet; say which with --format",
                    path.display()
                ))
            })
        }
    }
}
