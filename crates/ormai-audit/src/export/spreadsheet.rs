//! CSV (RFC 4180).

use std::borrow::Cow;
use std::io::{self, Write};

use super::Rows;
use super::columns::{COLUMNS, Cell, NAMES};
use crate::record::Entry;

pub(super) struct Spreadsheet<W: Write>(csv::Writer<W>);

impl<W: Write> Spreadsheet<W> {
    pub(super) fn begin(out: W) -> io::Result<Self> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
        writer.write_record(NAMES)?;
        Ok(Self(writer))
    }
}

impl<W: Write> Rows for Spreadsheet<W> {
    fn row(&mut self, entry: &Entry) -> io::Result<()> {
        for column in &COLUMNS {
            match (column.cell)(entry) {
                Cell::Missing => self.0.write_field(""),
                Cell::Text(text) => self.0.write_field(guarded(text).as_bytes()),
                Cell::Time(time) => self.0.write_field(time.to_string()),
                Cell::Flag(flag) => self.0.write_field(if flag { "true" } else { "false" }),
                Cell::Count(count) => self.0.write_field(count.to_string()),
                Cell::Number(number) => self.0.write_field(number.to_string()),
            }?;
        }
        Ok(self.0.write_record(None::<&[u8]>)?)
    }

    fn end(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Text that no spreadsheet takes for a formula. What callers wrote stands in these cells, and
/// who opens the file is somebody else.
fn guarded(text: Cow<'_, str>) -> Cow<'_, str> {
    // Some programs look past white space, and take wide signs for narrow ones.
    let begins_a_formula =
        |text: &str| text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '|', '%']);
    let is_guarded = text.starts_with(|char: char| char.is_control() || char == '\'') || begins_a_formula(&text);
    if is_guarded { format!("'{text}").into() } else { text }
}
