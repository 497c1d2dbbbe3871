//! What the store does to its active file, so that a test can stand in for a disk that fails.

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};

/// Changes the active file of a [`JsonlStore`](crate::JsonlStore). What it does by itself is what
/// the operating system does; another one is for tests of disks that fail.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Appends bytes to a file that is open for appending.
    ///
    /// # Errors
    ///
    /// Those of the operating system; a part of the bytes may have been written.
    fn append(&self, file: &File, bytes: &[u8]) -> io::Result<()> {
        let mut file = file;
        file.write_all(bytes)
    }

    /// Cuts a file off at a length.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    fn truncate(&self, file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }

    /// Returns when what was appended is on stable storage.
    ///
    /// # Errors
    ///
    /// Those of the operating system; then it may never come there.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// The operating system's.
#[derive(Debug)]
pub(super) struct RealDisk;

impl Disk for RealDisk {}
