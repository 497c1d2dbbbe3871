//! Pages as files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::markdown::{self, Piece};
use super::role::Role;

/// Directories that hold others' pages.
const PASSED_OVER: &[&str] = &["node_modules", "target"];

/// A page: a text with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
}

impl Source {
    /// A page whose text is given.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not UTF-8.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(Self::new(path.display().to_string(), fs::read_to_string(path)?))
    }

    /// The files of a path: itself, or the pages below a directory that hold a request or what should be one,
    /// in the order of their names.
    ///
    /// # Errors
    ///
    /// When something cannot be read.
    pub fn below(path: &Path) -> io::Result<Vec<Self>> {
        if !path.is_dir() {
            return Ok(vec![Self::read(path)?]);
        }
        let mut paths: Vec<PathBuf> = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        paths.sort();
        let mut sources = Vec::new();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() && (name.starts_with('.') || PASSED_OVER.contains(&&*name)) {
                continue;
            } else if path.is_dir() {
                sources.extend(Self::below(&path)?);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                sources.push(Self::read(&path)?);
            }
        }
        sources.retain(Self::asks);
        Ok(sources)
    }

    /// What it is called: the path of a file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a block of it means something, or was meant to.
    fn asks(&self) -> bool {
        let means =
            |piece: &Piece| matches!(piece, Piece::Block(block) if !matches!(Role::read(&block.info), Ok(None)));
        markdown::pieces(&self.text).iter().any(means)
    }
}
