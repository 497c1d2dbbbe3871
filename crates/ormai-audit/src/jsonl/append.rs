//! Appends lines to the active file, of which several processes may hold a handle, and rotates it.
//!
//! A lock on the file is held for one write only. Whoever holds it looks first whether the file is
//! still the active one, and whether the last line was written to its end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Deserialize;

use super::JsonlOptions;
use super::disk::Disk;
use super::files::{Files, Identity, TRIES, forbid_writing, is_deleted, private, unavailable};
use super::lines;
use super::read::At;
use super::sync::Flushing;
use crate::line::Line;
use crate::store::StoreError;

/// Appends to the active file.
#[derive(Debug)]
pub(super) struct Appender {
    files: Arc<Files>,
    options: JsonlOptions,
    disk: Arc<dyn Disk>,
    flushing: Flushing,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: Option<Open>,
    /// What is written, at once.
    text: Vec<u8>,
}

/// The active file, as it was left.
#[derive(Debug)]
struct Open {
    file: Arc<File>,
    identity: Identity,
    /// Its length when it was last seen to end with a whole line.
    whole: Option<u64>,
    /// Where to cut it off, and how long it was when that failed.
    to_cut: Option<(u64, u64)>,
    /// When its first line was made.
    begun: Option<Timestamp>,
    /// When it was last seen to be in its place.
    seen: Option<Instant>,
}

/// How long a file is taken to be in its place. Whoever rotates or deletes it leaves a mark on it,
/// which is seen at once; whoever only moves it away does not.
const IN_ITS_PLACE: Duration = Duration::from_secs(1);

/// Holds the lock of a file.
struct Locked(Arc<File>);

impl Drop for Locked {
    fn drop(&mut self) {
        // It cannot be held longer than the handle.
        let _ = self.0.unlock();
    }
}

/// More than what one write needs is not kept.
const KEPT_CAPACITY: usize = 1 << 20;

impl Appender {
    pub(super) fn new(files: Arc<Files>, options: JsonlOptions, disk: Arc<dyn Disk>) -> Self {
        let flushing = Flushing::new(Arc::clone(&disk), files.directory().to_owned());
        Self { files, options, disk, flushing, state: Mutex::default() }
    }

    pub(super) fn flushing(&self) -> &Flushing {
        &self.flushing
    }

    /// Appends lines: all or none.
    pub(super) fn append(&self, lines: &[Line]) -> Result<(), StoreError> {
        let mut state = self.lock();
        let State { open, text } = &mut *state;
        text.clear();
        text.shrink_to(KEPT_CAPACITY);
        for line in lines {
            text.extend_from_slice(line.text().as_bytes());
            text.push(b'\n');
        }
        if text.is_empty() {
            return Ok(());
        }
        let (file, len, locked) = self.hold(open, text.len() as u64)?;
        if let Err(error) = self.disk.append(&file.file, text) {
            return Err(self.take_back(file, len, lines.len(), &error));
        }
        file.whole = Some(len.saturating_add(text.len() as u64));
        drop(locked);
        self.flushing.appended();
        Ok(())
    }

    /// Repairs what was left torn; the place behind the last line.
    pub(super) fn repair(&self) -> Result<At, StoreError> {
        let mut state = self.lock();
        let (file, len, _locked) = self.hold(&mut state.open, 0)?;
        // Nobody rotates while the lock is held.
        let number = Files::number_after(&self.files.closed()?);
        At::new(number, &file.file, len).map_err(|error| self.unavailable(&error))
    }

    /// Closes the active file, whatever its size is, unless it is empty.
    pub(super) fn rotate(&self) -> Result<(), StoreError> {
        let mut state = self.lock();
        let (file, len, _locked) = self.hold(&mut state.open, 0)?;
        if len == 0 {
            return Ok(());
        }
        let closed = self.close(file);
        state.open = None;
        closed
    }

    /// The active file with its lock, its last line whole, with room for more; and its length.
    fn hold<'a>(&self, open: &'a mut Option<Open>, more: u64) -> Result<(&'a mut Open, u64, Locked), StoreError> {
        for _ in 0..TRIES {
            let mut file = match open.take() {
                Some(file) => file,
                None => self.open()?,
            };
            file.file.lock().map_err(|error| self.unavailable(&error))?;
            let locked = Locked(Arc::clone(&file.file));
            let Some(len) = self.len(&mut file)? else { continue };
            let len = match file.repaired(&self.files, &*self.disk, len) {
                Ok(len) => len,
                Err(error) => {
                    *open = Some(file);
                    return Err(error);
                }
            };
            if more > 0 && self.is_to_be_left(&mut file, len, more)? {
                continue;
            }
            return Ok((open.insert(file), len, locked));
        }
        Err(StoreError::Unavailable(format!("`{}` is always replaced", self.files.active().display())))
    }

    fn open(&self) -> Result<Open, StoreError> {
        let file = self.files.open_active().map_err(|error| self.unavailable(&error))?;
        let metadata = file.metadata().map_err(|error| self.unavailable(&error))?;
        let file = Arc::new(file);
        self.flushing.opened(Arc::clone(&file));
        Ok(Open { file, identity: Identity::of(&metadata), whole: None, to_cut: None, begun: None, seen: None })
    }

    /// The length of a file that is locked; `None` when it is not the active one any more.
    fn len(&self, open: &mut Open) -> Result<Option<u64>, StoreError> {
        let own = open.file.metadata().map_err(|error| self.unavailable(&error))?;
        let is_marked = is_deleted(&own) || own.permissions().readonly();
        let now = Instant::now();
        if !is_marked && open.seen.is_some_and(|seen| now.duration_since(seen) < IN_ITS_PLACE) {
            return Ok(Some(own.len()));
        }
        let path = self.files.active().display();
        let there = match fs::metadata(self.files.active()) {
            Ok(there) => there,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tracing::error!(%path, "the audit file was removed from its place; another is begun");
                return Ok(None);
            }
            Err(error) => return Err(self.unavailable(&error)),
        };
        // Where files cannot be told apart, one that was opened just now is the right one. If it
        // was closed in between, the line still stands in order.
        let is_there =
            open.identity.is_same(Identity::of(&there)) || (open.identity.is_unknown() && open.whole.is_none());
        if is_there {
            open.seen = Some(now).filter(|_| !open.identity.is_unknown());
            return Ok(Some(own.len()));
        }
        if is_deleted(&own) {
            tracing::error!(%path, "the audit file was deleted; another has its place");
        }
        Ok(None)
    }

    /// Closes the file, where it is full, too old or in doubt; whether it did.
    fn is_to_be_left(&self, file: &mut Open, len: u64, more: u64) -> Result<bool, StoreError> {
        if len == 0 {
            file.begun = None;
        }
        if self.flushing.take_doubt() {
            return match self.close(file) {
                Ok(()) => Ok(true),
                Err(error) => {
                    self.flushing.doubt();
                    Err(error)
                }
            };
        }
        let is_full = self.options.rotate_bytes.is_some_and(|most| len > 0 && len.saturating_add(more) > most);
        if !is_full && !self.is_too_old(file, len) {
            return Ok(false);
        }
        match self.close(file) {
            Ok(()) => Ok(true),
            Err(error) => {
                // Better a long file than no records.
                tracing::warn!(%error, "the audit file could not be rotated");
                Ok(false)
            }
        }
    }

    fn is_too_old(&self, file: &mut Open, len: u64) -> bool {
        let Some(most) = self.options.rotate_after else { return false };
        let now = Timestamp::now();
        let begun = match file.begun {
            Some(begun) => begun,
            None => {
                let begun = if len == 0 { now } else { begun(&file.file).unwrap_or(now) };
                *file.begun.insert(begun)
            }
        };
        now.duration_since(begun).unsigned_abs() >= most && now > begun && len > 0
    }

    /// Closes a file that is locked.
    fn close(&self, file: &Open) -> Result<(), StoreError> {
        let number = Files::number_after(&self.files.closed()?);
        let path = self.files.closed_path(number, Timestamp::now());
        if path.exists() {
            return Err(StoreError::Failed(format!("`{}` exists already", path.display())));
        }
        fs::rename(self.files.active(), &path).map_err(|error| self.unavailable(&error))?;
        // Whoever waits for its lock sees by it that it is closed.
        if let Err(error) = forbid_writing(&file.file) {
            tracing::warn!(%error, path = %path.display(), "a closed audit file could not be made read-only");
        }
        // Under the lock, so that nobody takes it for removed. Where it fails, opening it tells why.
        let _ = self.files.open_active();
        tracing::debug!(path = %path.display(), len = ?file.whole, "an audit file is closed");
        Ok(())
    }

    /// Cuts off what was written in part.
    fn take_back(&self, file: &mut Open, len: u64, lines: usize, error: &io::Error) -> StoreError {
        let Err(cut) = self.disk.truncate(&file.file, len) else {
            file.whole = Some(len);
            return self.unavailable(error);
        };
        tracing::error!(%error, %cut, "a part of an audit record was written and could not be cut off");
        file.whole = None;
        file.to_cut = file.file.metadata().ok().map(|metadata| (len, metadata.len()));
        // A single line without its end counts for nothing, whoever comes next.
        if lines > 1 { StoreError::Doubtful(error.to_string()) } else { self.unavailable(error) }
    }

    fn unavailable(&self, error: &io::Error) -> StoreError {
        unavailable(self.files.active(), error)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What is written under the lock is looked at anew by the next one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// The length after what stands behind the last whole line was taken away.
    fn repaired(&mut self, files: &Files, disk: &dyn Disk, len: u64) -> Result<u64, StoreError> {
        if self.whole == Some(len) {
            return Ok(len);
        }
        let failed = |error: &io::Error| unavailable(files.active(), error);
        if let Some((to, seen)) = self.to_cut
            && seen == len
        {
            // Nobody has appended since.
            disk.truncate(&self.file, to).map_err(|error| failed(&error))?;
            (self.to_cut, self.whole) = (None, Some(to));
            return Ok(to);
        }
        self.to_cut = None;
        let whole = lines::whole(&self.file, len).map_err(|error| failed(&error))?;
        if whole < len {
            keep_torn(files, &self.file, whole).map_err(|error| unavailable(&files.torn(), &error))?;
            disk.truncate(&self.file, whole).map_err(|error| failed(&error))?;
            tracing::warn!(
                path = %files.active().display(), bytes = len - whole, kept = %files.torn().display(),
                "a line of the audit file was not written to its end, and has been cut off"
            );
        }
        self.whole = Some(whole);
        Ok(whole)
    }
}

/// Copies what stands behind the last whole line to the file of torn lines.
fn keep_torn(files: &Files, file: &File, whole: u64) -> io::Result<()> {
    let (mut file, mut torn) = (file, Vec::new());
    file.seek(SeekFrom::Start(whole))?;
    file.read_to_end(&mut torn)?;
    torn.push(b'\n');
    let mut kept = private(OpenOptions::new().append(true).create(true)).open(files.torn())?;
    kept.write_all(&torn)?;
    kept.sync_all()
}

/// When the first line of a file was made, as it says itself.
fn begun(file: &File) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct First {
        at: Option<Timestamp>,
        timestamp: Option<Timestamp>,
    }
    let first: First = serde_json::from_slice(&lines::first(file).ok()??).ok()?;
    first.at.or(first.timestamp)
}
