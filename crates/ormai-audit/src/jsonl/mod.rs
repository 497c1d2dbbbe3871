//! A store in files: one JSON object a line.

mod alive;
mod append;
mod disk;
mod files;
mod lines;
mod prune;
mod query;
mod read;
mod sync;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

pub use disk::Disk;

use self::alive::Writers;
use self::append::Appender;
use self::disk::RealDisk;
use self::files::{Files, unavailable};
use self::query::Times;
use crate::aside;
use crate::filter::Filter;
use crate::line::Line;
use crate::process::PerProcess;
use crate::prune::Stub;
use crate::store::{AuditStore, Head, Orphan, Position, Records, Scanned, StoreError, Storing};

/// When a file is closed and another one is begun.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JsonlOptions {
    /// Before it has more bytes than this; `None` lets it grow.
    pub rotate_bytes: Option<u64>,
    /// This long after its first line, with the next one; `None` lets it grow old.
    pub rotate_after: Option<Duration>,
}

impl Default for JsonlOptions {
    fn default() -> Self {
        Self { rotate_bytes: Some(64 << 20), rotate_after: Some(Duration::from_hours(24)) }
    }
}

/// Lines in a file such as `audit.jsonl`, on a local disk; several processes may append to it.
///
/// A file that is full is closed and stands beside it, such as
/// `audit.000017.20260102T030405Z.jsonl`; its number grows. `audit.jsonl.writers` tells which
/// writers are alive. `audit.jsonl.torn` keeps what was cut off because it was never written to
/// its end: of such a line nobody was ever told that it is there.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use ormai_audit::{AuditStore, JsonlOptions, JsonlStore, Trail, TrailKeys, TrailOptions};
///
/// let store = JsonlStore::open("/var/lib/shop/audit.jsonl", JsonlOptions::default())?;
/// store.install().await?;
/// let trail = Trail::open(vec![Arc::new(store)], TrailKeys::default(), TrailOptions::default()).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct JsonlStore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    files: Arc<Files>,
    options: JsonlOptions,
    disk: Arc<dyn Disk>,
    here: PerProcess<Arc<Inner>>,
}

/// What a process has of it: a lock on an open file is one with the lock of who it was forked from.
#[derive(Debug)]
struct Inner {
    files: Arc<Files>,
    appender: Appender,
    writers: Writers,
    times: Times,
}

impl JsonlStore {
    /// A store in a file, which is not touched before something is asked of the store: to verify,
    /// query and export it is enough that it can be read.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`] when the path does not name a file.
    pub fn open(path: impl AsRef<Path>, options: JsonlOptions) -> Result<Self, StoreError> {
        Self::open_on(path, options, Arc::new(RealDisk))
    }

    /// As [`JsonlStore::open`], with another disk: for tests of disks that fail.
    ///
    /// # Errors
    ///
    /// As [`JsonlStore::open`].
    pub fn open_on(path: impl AsRef<Path>, options: JsonlOptions, disk: Arc<dyn Disk>) -> Result<Self, StoreError> {
        let files = Arc::new(Files::new(path.as_ref())?);
        Ok(Self(Arc::new(Shared { files, options, disk, here: PerProcess::new() })))
    }

    fn here(&self) -> &Arc<Inner> {
        let Shared { files, options, disk, here } = &*self.0;
        here.here(|| {
            let appender = Appender::new(Arc::clone(files), options.clone(), Arc::clone(disk));
            let (files, writers) = (Arc::clone(files), Writers::new(Arc::clone(files)));
            Arc::new(Inner { files, appender, writers, times: Times::default() })
        })
    }

    /// The active file.
    pub fn path(&self) -> &Path {
        self.0.files.active()
    }

    /// Does something that takes long enough to be in nobody's way.
    fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> Storing<'_, T> {
        let inner = Arc::clone(self.here());
        Box::pin(aside::blocking(move || work(&inner)))
    }
}

impl AuditStore for JsonlStore {
    fn name(&self) -> String {
        self.path().display().to_string()
    }

    fn install(&self) -> Storing<'_, Vec<&'static str>> {
        self.aside(|inner| {
            let (directory, active) = (inner.files.directory(), inner.files.active());
            let mut made = Vec::new();
            if !directory.is_dir() {
                inner.files.make_directory().map_err(|error| unavailable(directory, &error))?;
                made.push("the directory of the audit file");
            }
            if !active.exists() {
                inner.files.open_active().map_err(|error| unavailable(active, &error))?;
                made.push("the audit file");
            }
            Ok(made)
        })
    }

    fn enter(&self, chain: Uuid) -> Storing<'_, Vec<Orphan>> {
        self.aside(move |inner| {
            let directory = inner.files.directory();
            if !directory.is_dir() {
                return Err(StoreError::NotInstalled);
            }
            let begins = inner.appender.repair()?;
            inner.writers.enter(chain, begins)
        })
    }

    fn settle(&self, chain: Uuid) -> Storing<'_, ()> {
        self.aside(move |inner| inner.writers.remove(chain))
    }

    fn leave(&self, chain: Uuid) -> Storing<'_, ()> {
        self.aside(move |inner| inner.writers.remove(chain))
    }

    fn append<'a>(&'a self, lines: &'a [Line]) -> Storing<'a, ()> {
        Box::pin(async { self.append_now(lines) })
    }

    fn is_immediate(&self) -> bool {
        true
    }

    fn append_now(&self, lines: &[Line]) -> Result<(), StoreError> {
        self.here().appender.append(lines)
    }

    fn sync(&self) -> Storing<'_, ()> {
        // Asked for at once, so that it holds for what was appended before this call.
        let flushed = self.here().appender.flushing().flushed();
        Box::pin(async move {
            match flushed? {
                None => Ok(()),
                Some(tells) => tells.await.map_err(|_| StoreError::Doubtful("the flush never ended".to_owned()))?,
            }
        })
    }

    fn heads<'a>(&'a self, since: Option<&'a Position>) -> Storing<'a, (Vec<Head>, Position)> {
        let since = since.cloned();
        self.aside(move |inner| read::heads(&inner.files, since.as_ref()))
    }

    fn scan<'a>(&'a self, after: Option<&'a Position>, most: usize) -> Storing<'a, Scanned> {
        let after = after.cloned();
        self.aside(move |inner| read::scan(&inner.files, after.as_ref(), most))
    }

    fn survives_fork(&self) -> bool {
        true
    }

    /// Closes the active file, unless it is empty, and begins another.
    fn rotate(&self) -> Storing<'_, ()> {
        Box::pin(self.aside(|inner| inner.appender.rotate()))
    }

    fn prune<'a>(&'a self, source: &'a str, stubs: &'a [Stub]) -> Storing<'a, ()> {
        let (source, stubs) = (source.to_owned(), stubs.to_vec());
        self.aside(move |inner| prune::prune(&inner.files, &source, &stubs))
    }

    fn query<'a>(&'a self, filter: &'a Filter, limit: usize, cursor: Option<&'a str>) -> Storing<'a, Records> {
        let (filter, cursor) = (filter.clone(), cursor.map(str::to_owned));
        self.aside(move |inner| query::query(&inner.files, &inner.times, &filter, limit, cursor.as_deref()))
    }
}
