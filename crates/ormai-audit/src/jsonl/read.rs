//! Reads the files of a store in the order in which their lines were appended.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::str::FromStr;

use memchr::memchr_iter;

use super::files::{Files, View, unavailable};
use super::lines;
use crate::hash::sha256;
use crate::line::{Kind, Place};
use crate::store::{Head, Position, Scanned, StoreError, Wrong};

/// A place between two lines. A file keeps its number when it is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    /// The number of a file.
    pub(super) number: u64,
    /// How many bytes of it stand before the place.
    pub(super) offset: u64,
    /// What the bytes just before the place are, so that it is not taken for one in another file.
    mark: u32,
    /// How many lines of it stand before the place, where that is known.
    lines: Option<u64>,
}

/// How many bytes are marked: most of the hash that a line ends with.
const MARKED: u64 = 48;

impl At {
    /// Where a file begins.
    const fn begin(number: u64) -> Self {
        Self { number, offset: 0, mark: 0, lines: Some(0) }
    }

    /// A place in a file.
    pub(super) fn new(number: u64, file: &File, offset: u64) -> io::Result<Self> {
        Ok(Self { number, offset, mark: mark(file, offset)?, lines: None })
    }
}

fn mark(file: &File, offset: u64) -> io::Result<u32> {
    if offset == 0 {
        return Ok(0);
    }
    let mut bytes = Vec::new();
    lines::between(file, offset.saturating_sub(MARKED), offset, &mut bytes)?;
    let [one, two, three, four, ..] = *sha256(&[&bytes]).bytes();
    Ok(u32::from_be_bytes([one, two, three, four]))
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.number, self.offset, self.mark)?;
        self.lines.map_or(Ok(()), |lines| write!(f, ":{lines}"))
    }
}

impl FromStr for At {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let mut parts = text.splitn(4, ':');
        let mut part = || parts.next().map(|part| part.parse().map_err(|_| foreign())).transpose();
        let (Some(number), Some(offset), Some(mark)) = (part()?, part()?, part()?) else { return Err(foreign()) };
        let mark = u32::try_from(mark).map_err(|_| foreign())?;
        Ok(Self { number, offset, mark, lines: part()? })
    }
}

impl From<At> for Position {
    fn from(at: At) -> Self {
        Self(at.to_string())
    }
}

fn foreign() -> StoreError {
    StoreError::Failed("the position is not one of this store".to_owned())
}

/// What is read for a line that is asked for, at first.
const USUAL_LINE: usize = 1 << 10;
const LEAST_PART: usize = 1 << 16;
const MOST_PART: usize = 1 << 22;

/// A file that is open for reading.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) file: File,
    /// Up to where it is read.
    pub(super) len: u64,
}

/// The files from one with a number on, the first one first. Each is opened when its turn comes.
pub(super) fn opened_from<'a>(
    files: &'a Files,
    view: &'a View,
    number: u64,
) -> impl DoubleEndedIterator<Item = Result<Opened, StoreError>> + 'a {
    let closed = view.closed.iter().filter(move |segment| segment.number >= number);
    let closed = closed.map(|segment| {
        let failed = |error: &io::Error| unavailable(&segment.path, error);
        let file = File::open(&segment.path).map_err(|error| failed(&error))?;
        let len = lines::settled_len(&file).map_err(|error| failed(&error))?;
        Ok(Opened { number: segment.number, name: segment.name.clone(), file, len })
    });
    let active = view.active.iter().filter(move |_| view.number >= number).map(|file| {
        let failed = |error: &io::Error| unavailable(files.active(), error);
        let file = file.try_clone().map_err(|error| failed(&error))?;
        let len = lines::settled_len(&file).map_err(|error| failed(&error))?;
        Ok(Opened { number: view.number, name: files.name(), file, len })
    });
    closed.chain(active)
}

/// At most `most` lines after a place.
pub(super) fn scan(files: &Files, after: Option<&Position>, most: usize) -> Result<Scanned, StoreError> {
    let after = after.map(|after| after.0.parse::<At>()).transpose()?;
    let view = files.view()?;
    if after.is_some_and(|after| after.number > view.number) {
        return Err(foreign());
    }
    for opened in opened_from(files, &view, after.map_or(0, |after| after.number)) {
        let opened = opened?;
        let failed = |error: io::Error| unavailable(Path::new(&opened.name), &error);
        let at = after.filter(|after| after.number == opened.number);
        let at = at.unwrap_or(At::begin(opened.number));
        let before = before(&opened, at)?;
        let is_active = opened.number == view.number;
        if at.offset == opened.len && !is_active {
            continue;
        }
        let (text, read) = part(&opened, at.offset, most).map_err(failed)?;
        let offset = at.offset + text.len() as u64;
        let is_torn = text.last().is_some_and(|last| *last != b'\n');
        let next = if offset < opened.len {
            let place = At::new(opened.number, &opened.file, offset).map_err(failed)?;
            Some(At { lines: Some(before + read), ..place })
        } else {
            (!is_active).then(|| At::begin(opened.number + 1))
        };
        let mut wrong = Vec::new();
        if is_torn && !is_active {
            let what = "the last line of a closed file is torn".to_owned();
            wrong.push(Wrong { line: before + read + 1, what });
        }
        let next = next.map(Position::from);
        return Ok(Scanned { text, source: opened.name, first: before + 1, next, is_open: is_active, wrong });
    }
    Ok(Scanned { source: files.name(), first: 1, is_open: true, ..Scanned::default() })
}

/// How many lines stand before a place, which has to be one of this file.
fn before(opened: &Opened, at: At) -> Result<u64, StoreError> {
    let failed = |error: io::Error| unavailable(Path::new(&opened.name), &error);
    if !is_in(opened, at).map_err(failed)? {
        return Err(foreign());
    }
    match at.lines {
        Some(lines) => Ok(lines),
        None => lines::count(&opened.file, 0, at.offset).map_err(failed),
    }
}

/// Whether a place is one between two lines of a file.
pub(super) fn is_in(opened: &Opened, at: At) -> io::Result<bool> {
    let is_between = at.offset <= opened.len && lines::whole(&opened.file, at.offset)? == at.offset;
    Ok(is_between && mark(&opened.file, at.offset)? == at.mark)
}

/// At most so many lines, as they stand; and the number of those that are whole.
fn part(opened: &Opened, from: u64, most: usize) -> io::Result<(Vec<u8>, u64)> {
    let size = most.saturating_mul(USUAL_LINE).clamp(LEAST_PART, MOST_PART);
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let mut text = Vec::with_capacity(size);
    let (mut at, mut found, mut looked_at) = (from, 0, 0);
    while at < opened.len && found < most {
        let read = lines::between(&opened.file, at, opened.len.min(at + size as u64), &mut text)?;
        if read == 0 {
            break;
        }
        at += read as u64;
        for end in memchr_iter(b'\n', text.get(looked_at..).unwrap_or_default()) {
            found += 1;
            if found == most {
                text.truncate(looked_at + end + 1);
                return Ok((text, found));
            }
        }
        looked_at = text.len();
        // One part is enough, however short it is; but a line stays whole.
        if found > 0
            && let Some(last) = memchr::memrchr(b'\n', &text)
            && at < opened.len
        {
            text.truncate(last + 1);
            return Ok((text, found));
        }
    }
    Ok((text, found))
}

/// Where the chains end that moved since a place, and the place after the last line.
pub(super) fn heads(files: &Files, since: Option<&Position>) -> Result<(Vec<Head>, Position), StoreError> {
    let since = since.map(|since| since.0.parse::<At>()).transpose()?;
    let view = files.view()?;
    // Where the place is gone, such as with a file that was deleted, as without one.
    let since = since.filter(|since| is_there(files, &view, *since));
    let (mut seen, mut heads) = (HashSet::new(), Vec::new());
    // Most lines are of the chain of the line behind them.
    let mut passed = Vec::new();
    let mut now = None;
    // Without a place it is looked for a checkpoint in the active file and the one before.
    let first = since.map_or(view.number.saturating_sub(1), |since| since.number);
    for opened in opened_from(files, &view, first).rev() {
        let opened = opened?;
        let failed = |error: io::Error| unavailable(Path::new(&opened.name), &error);
        let from = since.filter(|since| since.number == opened.number).map_or(0, |since| since.offset);
        let end = lines::whole(&opened.file, opened.len).map_err(failed)?;
        if now.is_none() {
            now = Some(At::new(opened.number, &opened.file, end).map_err(failed)?);
        }
        let shown = lines::backward(&opened.file, from, end, |line| {
            let chain = Place::chain_text(line).unwrap_or_default();
            if since.is_some() && !chain.is_empty() && chain == passed {
                return ControlFlow::Continue(());
            }
            let Some((place, _)) = Place::read(line) else { return ControlFlow::Continue(()) };
            passed.clear();
            passed.extend_from_slice(chain);
            if seen.insert(place.chain) {
                heads.push(Head { chain: place.chain, seq: place.seq, hash: place.hash });
            }
            // Nobody else tells of the checkpoint itself, which may be the end of its chain.
            if since.is_none() && place.kind == Kind::Checkpoint {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        if shown.map_err(failed)?.is_break() {
            break;
        }
    }
    let now = now.unwrap_or(At::begin(view.number));
    Ok((heads, now.into()))
}

fn is_there(files: &Files, view: &View, at: At) -> bool {
    if at.number > view.number {
        return false;
    }
    let same =
        opened_from(files, view, at.number).next().and_then(Result::ok).filter(|opened| opened.number == at.number);
    // Where files before others were pruned, all that is left stands after the place.
    same.is_none_or(|opened| is_in(&opened, at).unwrap_or(false))
}
