//! Exports: records out of a store into a file, a page at a time.

mod columns;
#[cfg(feature = "parquet")]
mod row_groups;
mod spreadsheet;

use std::io::{self, Write};

use crate::filter::Filter;
use crate::reading::{Found, each_line};
use crate::record::Entry;
use crate::store::{AuditStore, StoreError};

pub use columns::NAMES;
#[cfg(feature = "parquet")]
pub use row_groups::{ROW_GROUP_BYTES, ROW_GROUP_ROWS};

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// The lines as they are stored, to the byte: with an empty [`Filter`] all of them, so that
    /// they can be verified elsewhere; else those of the records that are meant.
    Jsonl,
    /// One row for each record under the headings [`NAMES`]. Lists and nested values are JSON. A
    /// cell that a spreadsheet could take for a formula has a `'` in front, and so has one that
    /// begins with `'`: whoever reads it takes one `'` away.
    Csv,
    /// One row for each record under the names [`NAMES`], typed: times in microseconds, booleans,
    /// whole numbers, doubles, text. Lists and nested values are JSON.
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Format {
    /// All that this build has.
    pub const ALL: &'static [Self] = &[
        Self::Jsonl,
        Self::Csv,
        #[cfg(feature = "parquet")]
        Self::Parquet,
    ];

    /// Its word, which is also how the names of such files end.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            #[cfg(feature = "parquet")]
            Self::Parquet => "parquet",
        }
    }
}

/// What was exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// Lines of the store that were read.
    pub lines: u64,
    /// Rows that were written, or lines of JSONL.
    pub written: u64,
    /// Lines that could not be read, and so are missing: somebody has changed them.
    pub unreadable: u64,
}

/// Why an export did not come to its end. What was written until then is no whole file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The store did not give its lines.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file did not take them.
    #[error("the export cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// Writes what is meant of a store, in the order of its appending. `read` hears now and then how
/// many lines were read.
///
/// The memory does not grow with the store: a page of lines at a time is held, and of Parquet one
/// row group. Writing blocks.
///
/// # Errors
///
/// [`ExportError`].
pub async fn export(
    store: &dyn AuditStore,
    filter: &Filter,
    format: Format,
    out: impl Write + Send,
    read: &mut (dyn FnMut(u64) + Send),
) -> Result<Exported, ExportError> {
    match format {
        Format::Jsonl => lines(store, filter, out, read).await,
        Format::Csv => rows(store, filter, spreadsheet::Spreadsheet::begin(out)?, read).await,
        #[cfg(feature = "parquet")]
        Format::Parquet => rows(store, filter, row_groups::RowGroups::begin(out)?, read).await,
    }
}

/// A file of rows.
trait Rows {
    fn row(&mut self, entry: &Entry) -> io::Result<()>;

    fn end(self) -> io::Result<()>;
}

async fn rows(
    store: &dyn AuditStore,
    filter: &Filter,
    mut rows: impl Rows,
    read: &mut (dyn FnMut(u64) + Send),
) -> Result<Exported, ExportError> {
    let mut exported = Exported::default();
    let take = |line: &[u8]| {
        exported.lines += 1;
        match Found::in_line(line) {
            Found::Record(entry) if filter.matches(&entry) => {
                exported.written += 1;
                rows.row(&entry)?;
            }
            Found::Record(_) | Found::Other => {}
            Found::Unreadable => exported.unreadable += 1,
        }
        Ok::<_, ExportError>(())
    };
    each_line(store, take, read).await?;
    rows.end()?;
    Ok(exported)
}

async fn lines(
    store: &dyn AuditStore,
    filter: &Filter,
    mut out: impl Write,
    read: &mut (dyn FnMut(u64) + Send),
) -> Result<Exported, ExportError> {
    let is_whole = *filter == Filter::new();
    let mut exported = Exported::default();
    let take = |line: &[u8]| {
        exported.lines += 1;
        // What cannot be read stays in a whole export: it is for verification to say so.
        let is_meant = is_whole
            || match Found::in_line(line) {
                Found::Record(entry) => filter.matches(&entry),
                Found::Other => false,
                Found::Unreadable => {
                    exported.unreadable += 1;
                    false
                }
            };
        if is_meant {
            exported.written += 1;
            out.write_all(line)?;
            out.write_all(b"\n")?;
        }
        Ok::<_, ExportError>(())
    };
    each_line(store, take, read).await?;
    out.flush()?;
    Ok(exported)
}
