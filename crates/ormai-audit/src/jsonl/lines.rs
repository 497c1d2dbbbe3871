//! Reads lines of a file in either direction, in large parts.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::ControlFlow;

use memchr::{memchr, memchr_iter, memrchr, memrchr_iter};

/// What is read at once.
const PART: u64 = 1 << 20;
/// What is read to find a line end that is near.
const NEAR: u64 = 1 << 12;

/// How long a file is that nobody is writing to at this moment.
pub(super) fn settled_len(file: &File) -> io::Result<u64> {
    // Where there are no locks there is nobody who takes one to write.
    let is_locked = file.lock_shared().is_ok();
    let len = file.metadata().map(|metadata| metadata.len());
    if is_locked {
        file.unlock()?;
    }
    len
}

/// The bytes of a file between two places; less of them if it is shorter.
pub(super) fn between(file: &File, from: u64, to: u64, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let mut file = file;
    file.seek(SeekFrom::Start(from))?;
    file.take(to.saturating_sub(from)).read_to_end(bytes)
}

/// Where the last whole line ends, in a file of some length.
pub(super) fn whole(file: &File, len: u64) -> io::Result<u64> {
    let (mut end, mut part) = (len, Vec::new());
    // Most often it is the last byte.
    let mut size = 1;
    while end > 0 {
        let begin = end.saturating_sub(size);
        part.clear();
        between(file, begin, end, &mut part)?;
        if let Some(at) = memrchr(b'\n', &part) {
            return Ok(begin + at as u64 + 1);
        }
        (end, size) = (begin, if size == 1 { NEAR } else { PART });
    }
    Ok(0)
}

/// The first line of a file.
pub(super) fn first(file: &File) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    loop {
        let from = text.len() as u64;
        if between(file, from, from + PART, &mut text)? == 0 {
            return Ok(None);
        }
        if let Some(end) = memchr(b'\n', &text) {
            text.truncate(end);
            return Ok(Some(text));
        }
    }
}

/// How many lines end between two places.
pub(super) fn count(file: &File, from: u64, to: u64) -> io::Result<u64> {
    let (mut lines, mut at, mut part) = (0, from, Vec::new());
    while at < to {
        part.clear();
        let read = between(file, at, to.min(at + PART), &mut part)?;
        if read == 0 {
            break;
        }
        lines += memchr_iter(b'\n', &part).count() as u64;
        at += read as u64;
    }
    Ok(lines)
}

/// Shows each whole line between two places, the first one first.
pub(super) fn forward(file: &File, from: u64, to: u64, mut show: impl FnMut(&[u8])) -> io::Result<()> {
    let (mut at, mut text) = (from, Vec::new());
    while at < to {
        let read = between(file, at, to.min(at + PART), &mut text)?;
        if read == 0 {
            break;
        }
        at += read as u64;
        let mut begin = 0;
        for end in memchr_iter(b'\n', &text) {
            show(text.get(begin..end).unwrap_or_default());
            begin = end + 1;
        }
        text.drain(..begin);
    }
    Ok(())
}

/// Shows each whole line between two places, the last one first, until it is told to stop.
pub(super) fn backward(
    file: &File,
    from: u64,
    to: u64,
    mut show: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let mut at = whole(file, to)?.max(from);
    // What was read and not shown: a line without its beginning.
    let mut rest = Vec::new();
    while at > from {
        let begin = at.saturating_sub(PART).max(from);
        let mut text = Vec::new();
        between(file, begin, at, &mut text)?;
        text.append(&mut rest);
        at = begin;
        // Without the end of the last line.
        let mut end = text.len().saturating_sub(1);
        for line_end in memrchr_iter(b'\n', text.get(..end).unwrap_or_default()) {
            if show(text.get(line_end + 1..end).unwrap_or_default()).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            end = line_end;
        }
        text.truncate(end + 1);
        rest = text;
    }
    if let Some((_, line)) = rest.split_last() {
        return Ok(show(line));
    }
    Ok(ControlFlow::Continue(()))
}
