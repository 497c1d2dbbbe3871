//! The files of a store, and what they are called.
//!
//! Lines are appended to the active file. A file that is full becomes a closed one beside it:
//! `audit.jsonl` becomes `audit.000017.20260102T030405Z.jsonl`, with a number that grows. The
//! active file has the number that follows; it keeps it when it is closed.

#[cfg(unix)]
use std::fs::Permissions;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::store::StoreError;

/// Where the files of a store are.
#[derive(Debug)]
pub(super) struct Files {
    active: PathBuf,
    directory: PathBuf,
    /// What their names begin with: `audit.`.
    prefix: String,
    /// What their names end with: `.jsonl`, or nothing.
    suffix: String,
}

/// A file that is closed: nothing is appended to it any more.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    /// When it was closed.
    pub(super) closed_at: Timestamp,
    pub(super) name: String,
    pub(super) path: PathBuf,
}

/// The files as they were at one moment.
#[derive(Debug)]
pub(super) struct View {
    /// In the order of their numbers.
    pub(super) closed: Vec<Segment>,
    /// The active file; `None` where there is none.
    pub(super) active: Option<File>,
    /// The number of the active file.
    pub(super) number: u64,
}

/// How often something is tried anew because another process rotated in between.
pub(super) const TRIES: usize = 100;

/// As many digits as the number of a file has at most.
const MOST_DIGITS: usize = 18;

const TIME: &str = "%Y%m%dT%H%M%SZ";

impl Files {
    pub(super) fn new(path: &Path) -> Result<Self, StoreError> {
        let active = std::path::absolute(path).map_err(|error| unavailable(path, &error))?;
        let name = active.file_name().and_then(|name| name.to_str());
        let (Some(name), Some(directory)) = (name, active.parent()) else {
            return Err(StoreError::Failed(format!("`{}` does not name a file", path.display())));
        };
        let (stem, suffix) = match name.rfind('.').filter(|at| *at > 0).and_then(|at| name.split_at_checked(at)) {
            Some((stem, suffix)) => (stem, suffix),
            None => (name, ""),
        };
        let (prefix, suffix) = (format!("{stem}."), suffix.to_owned());
        Ok(Self { directory: directory.to_owned(), prefix, suffix, active })
    }

    pub(super) fn active(&self) -> &Path {
        &self.active
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The name of the active file.
    pub(super) fn name(&self) -> String {
        self.active.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Where lines are kept that were never written to their end.
    pub(super) fn torn(&self) -> PathBuf {
        self.beside(".torn")
    }

    /// Where writers say that they are alive.
    pub(super) fn writers(&self) -> PathBuf {
        self.beside(".writers")
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut path = self.active.clone().into_os_string();
        path.push(ending);
        path.into()
    }

    /// What the file with a number is called once it is closed.
    pub(super) fn closed_path(&self, number: u64, at: Timestamp) -> PathBuf {
        let time = TimeZone::UTC.to_datetime(at).strftime(TIME);
        self.directory.join(format!("{}{number:06}.{time}{}", self.prefix, self.suffix))
    }

    /// Makes the directory, where it is missing.
    pub(super) fn make_directory(&self) -> io::Result<()> {
        make_directory(&self.directory)
    }

    /// Opens the active file to append to it and to read it; makes it where it is missing.
    pub(super) fn open_active(&self) -> io::Result<File> {
        private(OpenOptions::new().read(true).append(true).create(true)).open(&self.active)
    }

    /// The closed files, in the order of their numbers.
    pub(super) fn closed(&self) -> Result<Vec<Segment>, StoreError> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(StoreError::NotInstalled),
            Err(error) => return Err(unavailable(&self.directory, &error)),
        };
        let mut closed = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| unavailable(&self.directory, &error))?;
            closed.extend(entry.file_name().to_str().and_then(|name| self.segment(name)));
        }
        closed.sort_by(|one, other| (one.number, &one.name).cmp(&(other.number, &other.name)));
        Ok(closed)
    }

    fn segment(&self, name: &str) -> Option<Segment> {
        let rest = name.strip_prefix(&self.prefix)?.strip_suffix(&self.suffix)?;
        let (number, time) = rest.split_once('.')?;
        // A larger number would leave none for the active file.
        if !number.bytes().all(|byte| byte.is_ascii_digit()) || number.len() > MOST_DIGITS {
            return None;
        }
        let closed_at = TimeZone::UTC.to_timestamp(DateTime::strptime(TIME, time).ok()?).ok()?;
        Some(Segment {
            number: number.parse().ok()?,
            closed_at,
            name: name.to_owned(),
            path: self.directory.join(name),
        })
    }

    /// The number of the active file beside these closed ones.
    pub(super) fn number_after(closed: &[Segment]) -> u64 {
        closed.last().map_or(1, |last| last.number.saturating_add(1))
    }

    /// The files as they are now.
    pub(super) fn view(&self) -> Result<View, StoreError> {
        let mut closed = self.closed()?;
        for _ in 0..TRIES {
            let active = match File::open(&self.active) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(unavailable(&self.active, &error)),
            };
            let again = self.closed()?;
            let (number, now) = (Self::number_after(&closed), Self::number_after(&again));
            closed = again;
            // Otherwise the file that was opened may be either of two.
            if number == now {
                if active.is_none() && closed.is_empty() {
                    return Err(StoreError::NotInstalled);
                }
                return Ok(View { closed, active, number });
            }
        }
        Err(StoreError::Unavailable("the files are rotated faster than they can be opened".to_owned()))
    }
}

/// What tells one file from another, whatever its name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(Option<(u64, u64)>);

impl Identity {
    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self(Some((metadata.dev(), metadata.ino())))
    }

    /// Nothing tells: each append opens the file anew.
    #[cfg(not(unix))]
    pub(super) fn of(_metadata: &Metadata) -> Self {
        Self(None)
    }

    /// Whether both are known, and the same.
    pub(super) fn is_same(self, other: Self) -> bool {
        self.0.is_some() && self == other
    }

    /// Whether nothing is known.
    pub(super) fn is_unknown(self) -> bool {
        self.0.is_none()
    }
}

/// Whether a file has no name any more.
#[cfg(unix)]
pub(super) fn is_deleted(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.nlink() == 0
}

/// Whether a file has no name any more.
#[cfg(not(unix))]
pub(super) fn is_deleted(_metadata: &Metadata) -> bool {
    false
}

/// A file that is closed is for reading only.
pub(super) fn forbid_writing(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata()?.permissions().mode();
        file.set_permissions(Permissions::from_mode(mode & !0o222))?;
    }
    // Elsewhere it could not be deleted any more.
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

/// What is made is for its owner only.
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// Sees to it that names in a directory are on stable storage.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    // Elsewhere a directory cannot be opened as a file.
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

pub(super) fn unavailable(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("`{}`: {error}", path.display()))
}
