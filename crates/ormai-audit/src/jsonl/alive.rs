//! Which writers are alive: each holds a lock on a file of its own for as long as it lives.
//!
//! A file whose lock can be had belongs to a writer that is gone. Whoever has the lock is the one
//! to close what that writer left open; the file goes when that is done.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::files::{Files, make_directory, private, sync_directory, unavailable};
use super::lines;
use super::read::{At, is_in, opened_from};
use crate::line::{Kind, Line, Place};
use crate::record::{Entry, Record};
use crate::store::{Orphan, StoreError};

/// The writers of this process, and those that are gone and whose intents it closes.
#[derive(Debug)]
pub(super) struct Writers {
    files: Arc<Files>,
    /// The files whose locks are held.
    held: Mutex<HashMap<Uuid, File>>,
}

/// Held while writers come and look at each other.
const DOOR: &str = "door";

impl Writers {
    pub(super) fn new(files: Arc<Files>) -> Self {
        Self { files, held: Mutex::default() }
    }

    /// Says that a writer is alive, all of whose lines will stand after a place. The writers that
    /// are gone.
    pub(super) fn enter(&self, chain: Uuid, begins: At) -> Result<Vec<Orphan>, StoreError> {
        let directory = self.files.writers();
        let gone = self.meet(&directory, chain, begins).map_err(|error| unavailable(&directory, &error))?;
        if gone.is_empty() {
            return Ok(Vec::new());
        }
        // One of which that is not known comes first.
        let from = gone.iter().map(|(_, _, begins)| *begins).min_by_key(|at| at.map(|at| (at.number, at.offset)));
        let mut open = open_intents(&self.files, from.flatten(), gone.iter().map(|(chain, ..)| *chain))?;
        let mut held = self.lock();
        let mut orphans = Vec::with_capacity(gone.len());
        for (chain, file, _) in gone {
            held.insert(chain, file);
            orphans.push(Orphan { chain, open: open.remove(&chain).unwrap_or_default() });
        }
        Ok(orphans)
    }

    /// Takes the lock of a writer of this process, and those of the writers that are gone; with
    /// the places where they began, as far as they are known. A process that has a writer already
    /// leaves those that are gone to the next one: it has closed what there was.
    fn meet(&self, directory: &Path, chain: Uuid, begins: At) -> io::Result<Vec<(Uuid, File, Option<At>)>> {
        make_directory(directory)?;
        let door = private(OpenOptions::new().write(true).create(true).truncate(false)).open(directory.join(DOOR))?;
        // Otherwise a file is seen before it is locked.
        door.lock()?;
        let mut gone = Vec::new();
        let looks = self.lock().is_empty();
        for entry in fs::read_dir(directory)?.take_while(|_| looks) {
            let entry = entry?;
            let Some(other) = entry.file_name().to_str().and_then(|name| Uuid::try_parse(name).ok()) else { continue };
            let path = entry.path();
            let mut file = match OpenOptions::new().read(true).write(true).open(&path) {
                Ok(file) => file,
                // It left at this moment.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            match file.try_lock() {
                // Whoever removes the file had its lock.
                Ok(()) if path.exists() => {}
                Ok(()) | Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => return Err(error),
            }
            let mut text = String::new();
            // What cannot be read says nothing, and all is looked through.
            let begins = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            gone.push((other, file, begins));
        }
        let mut own = private(OpenOptions::new().write(true).create_new(true)).open(self.path(chain))?;
        own.lock()?;
        writeln!(own, "{begins}")?;
        own.sync_all()?;
        sync_directory(directory)?;
        sync_directory(self.files.directory())?;
        self.lock().insert(chain, own);
        Ok(gone)
    }

    /// The writer of a chain is neither alive nor an orphan any more.
    pub(super) fn remove(&self, chain: Uuid) -> Result<(), StoreError> {
        let Some(file) = self.lock().remove(&chain) else { return Ok(()) };
        let path = self.path(chain);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                self.lock().insert(chain, file);
                Err(unavailable(&path, &error))
            }
            _ => Ok(()),
        }
    }

    fn path(&self, chain: Uuid) -> PathBuf {
        self.files.writers().join(chain.to_string())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, File>> {
        // A map is never left half changed.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The intents of some chains that have no record in any chain.
fn open_intents(
    files: &Files,
    from: Option<At>,
    chains: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Vec<Record>>, StoreError> {
    let mut open: HashMap<Uuid, Vec<Record>> = chains.map(|chain| (chain, Vec::new())).collect();
    let closed = |open: &mut HashMap<Uuid, Vec<Record>>, id: &str| {
        open.values_mut().for_each(|intents| intents.retain(|intent| intent.id != id));
    };
    let view = files.view()?;
    for opened in opened_from(files, &view, from.map_or(0, |from| from.number)) {
        let opened = opened?;
        let begin = from.filter(|from| from.number == opened.number && is_in(&opened, *from).unwrap_or(false));
        let begin = begin.map_or(0, |from| from.offset);
        let shown = lines::forward(&opened.file, begin, opened.len, |text| {
            let Some((place, _)) = Place::read(text) else { return };
            match place.kind {
                Kind::Record if open.values().any(|intents| !intents.is_empty()) => match id(text) {
                    Some(id) => closed(&mut open, id),
                    None => {
                        if let Some(entry) = entry(text) {
                            closed(&mut open, &entry.id);
                        }
                    }
                },
                Kind::Intent => {
                    if let (Some(intents), Some(entry)) = (open.get_mut(&place.chain), entry(text)) {
                        intents.push(entry.record);
                    }
                }
                _ => {}
            }
        });
        shown.map_err(|error| unavailable(Path::new(&opened.name), &error))?;
    }
    Ok(open)
}

fn entry(text: &[u8]) -> Option<Entry> {
    Entry::read(&Line::read(std::str::from_utf8(text).ok()?)?)
}

/// The name of a record, where it stands first in its line, as it does.
pub(super) fn id(text: &[u8]) -> Option<&str> {
    let rest = text.strip_prefix(b"{\"id\":\"")?;
    let end = memchr::memchr2(b'"', b'\\', rest)?;
    let (id, rest) = rest.split_at_checked(end)?;
    rest.starts_with(b"\"").then(|| std::str::from_utf8(id).ok()).flatten()
}
