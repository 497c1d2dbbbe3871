//! Files of recorded calls: JSON lines, one call at a time in memory.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::RecordedCall;

/// The version of the form that is written.
pub const VERSION: u32 = 1;

/// What the first line calls the form.
const FORMAT: &str = "ormai-calls";

/// The longest line that is read, in bytes.
const LONGEST: u64 = 64 << 20;

/// The first line of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// `ormai-calls`
    pub format: String,
    /// [`VERSION`]
    pub version: u32,
    /// Where the calls come from.
    pub source: Source,
    /// Whether answers are kept: then the file holds tenants' data.
    #[serde(default)]
    pub data: bool,
}

/// Where calls come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// From a live toolset.
    Toolset,
    /// From an audit trail.
    AuditTrail,
    /// Written by hand.
    Hand,
}

impl Header {
    /// The first line of a file of this version.
    pub fn new(source: Source) -> Self {
        Self { format: FORMAT.to_owned(), version: VERSION, source, data: false }
    }
}

/// Why a file of calls cannot be read or written: `calls.jsonl:3: …`.
#[derive(Debug, thiserror::Error)]
#[error("{file}{}: {what}", .line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct FileError {
    /// The file.
    pub file: String,
    /// The line, from 1; `None` where it is about the file as a whole.
    pub line: Option<u64>,
    /// What is wrong, and how to mend it.
    pub what: String,
}

/// A call with its line in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The line, from 1.
    pub number: u64,
    /// The call.
    pub call: RecordedCall,
}

/// The calls of a file, in its order. It ends with the first line that cannot be read.
#[derive(Debug)]
pub struct Calls<R> {
    reader: R,
    file: String,
    header: Header,
    number: u64,
    has_failed: bool,
    text: Vec<u8>,
}

impl Calls<BufReader<File>> {
    /// Opens a file, and reads its first line.
    ///
    /// # Errors
    ///
    /// [`FileError`]
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let name = path.as_ref().display().to_string();
        let file = File::open(path).map_err(|error| FileError {
            file: name.clone(),
            line: None,
            what: format!("it cannot be opened: {error}"),
        })?;
        Self::read(BufReader::new(file), name)
    }
}

impl<R: BufRead> Calls<R> {
    /// Reads from anything that has lines; `file` is what to call it in errors.
    ///
    /// # Errors
    ///
    /// [`FileError`], when the first line is not that of a file of calls.
    pub fn read(reader: R, file: impl Into<String>) -> Result<Self, FileError> {
        let header = Header::new(Source::Hand);
        let mut calls = Self { reader, file: file.into(), header, number: 0, has_failed: false, text: Vec::new() };
        if !calls.advance()? {
            return Err(calls.wrong("it is empty; the first line is that of `ormai eval record`"));
        }
        let header: Header = serde_json::from_slice(calls.text.trim_ascii())
            .map_err(|error| calls.wrong(format!("this is no file of recorded calls: {}", words(&error))))?;
        if header.format != FORMAT {
            return Err(calls.wrong(format!("the format is not `{FORMAT}`")));
        }
        if header.version != VERSION {
            let version = header.version;
            return Err(calls.wrong(format!("version {version} of the format is not known; record the calls again")));
        }
        calls.header = header;
        Ok(calls)
    }

    /// The first line.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What to call the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    fn wrong(&self, what: impl Into<String>) -> FileError {
        FileError { file: self.file.clone(), line: Some(self.number.max(1)), what: what.into() }
    }

    /// The next line that is not blank; false at the end.
    fn advance(&mut self) -> Result<bool, FileError> {
        loop {
            self.text.clear();
            let read = self.reader.by_ref().take(LONGEST).read_until(b'\n', &mut self.text);
            let bytes = read.map_err(|error| self.wrong(format!("it cannot be read on: {error}")))?;
            if bytes == 0 {
                return Ok(false);
            }
            self.number += 1;
            if self.text.last() != Some(&b'\n') && u64::try_from(bytes).unwrap_or(u64::MAX) >= LONGEST {
                return Err(self.wrong(format!("the line is longer than {LONGEST} bytes")));
            }
            if !self.text.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    fn line(&mut self) -> Result<Option<Line>, FileError> {
        if !self.advance()? {
            return Ok(None);
        }
        let call = serde_json::from_slice(self.text.trim_ascii())
            .map_err(|error| self.wrong(format!("this is no recorded call: {}", words(&error))))?;
        Ok(Some(Line { number: self.number, call }))
    }
}

/// What is wrong with a line; each line is read by itself, so its number there says nothing.
fn words(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let column = error.column();
    match words.rsplit_once(" at line ") {
        Some((what, _)) => format!("{what} (character {column})"),
        None => words,
    }
}

impl<R: BufRead> Iterator for Calls<R> {
    type Item = Result<Line, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let line = self.line();
        self.has_failed = line.is_err();
        line.transpose()
    }
}

/// Writes a file of calls.
#[derive(Debug)]
pub struct CallsWriter<W: Write> {
    out: W,
    written: u64,
}

impl CallsWriter<BufWriter<File>> {
    /// Makes a file, which must not be there yet. On Unix only its owner may read it: it holds what
    /// callers asked.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn create(path: impl AsRef<Path>, header: &Header) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Self::begin(BufWriter::new(options.open(path)?), header)
    }
}

impl<W: Write> CallsWriter<W> {
    /// Writes the first line.
    ///
    /// # Errors
    ///
    /// Those of what is written to.
    pub fn begin(out: W, header: &Header) -> io::Result<Self> {
        let mut calls = Self { out, written: 0 };
        calls.line(header)?;
        Ok(calls)
    }

    /// Adds a call.
    ///
    /// # Errors
    ///
    /// Those of what is written to.
    pub fn write(&mut self, call: &RecordedCall) -> io::Result<()> {
        self.line(call)?;
        self.written += 1;
        Ok(())
    }

    /// Ends the file, and tells how many calls stand in it.
    ///
    /// # Errors
    ///
    /// Those of what is written to.
    pub fn end(mut self) -> io::Result<(u64, W)> {
        self.out.flush()?;
        Ok((self.written, self.out))
    }

    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")
    }
}
