//! Files that are there whole or not at all.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A file that has its name only when it is whole. Only its owner may read it on
/// Unix: what is written is of tenants.
pub(crate) struct PartFile {
    file: File,
    path: PathBuf,
    is_whole: bool,
}

impl PartFile {
    /// Begins it beside where it will stand.
    pub(crate) fn begin(path: &Path) -> Result<Self, Failure> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options
            .open(&part)
            .map_err(|error| Failure::failed(format!("`{}` cannot be written: {error}", part.display())))?;
        Ok(Self { file, path: part, is_whole: false })
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Gives it its name, in the place of what had it.
    pub(crate) fn end(mut self, path: &Path) -> Result<(), Failure> {
        self.file.sync_all()?;
        std::fs::rename(&self.path, path)?;
        self.is_whole = true;
        Ok(())
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.is_whole {
            // What is left over is nothing whole; nobody is told twice.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
