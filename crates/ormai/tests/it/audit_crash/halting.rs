//! A disk on which a program stands still at a place of which there is little, so that it can be
//! killed there.

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use ormai::audit::Disk;
use serde::{Deserialize, Serialize};

use super::life::{HALTED, say};

/// Where a program stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Place {
    /// In the middle of an intent.
    HalfIntent,
    /// Behind an intent, before anything is done.
    Intent,
    /// Behind a commit, before the record of a write.
    BeforeRecord,
    /// In the middle of the record of a write that was committed.
    HalfRecord,
    /// While a record is closed whose writer is gone.
    Closing,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HalfIntent => "in the middle of an intent",
            Self::Intent => "behind an intent",
            Self::BeforeRecord => "between commit and record",
            Self::HalfRecord => "in the middle of the record of a commit",
            Self::Closing => "while closing what another left open",
        })
    }
}

/// Writes as the operating system does, but for one place.
#[derive(Debug)]
pub(super) struct Halting {
    place: Option<Place>,
    /// How many such places are passed before.
    left: AtomicUsize,
}

impl Halting {
    pub(super) fn new(place: Option<(Place, usize)>) -> Self {
        Self { place: place.map(|(place, _)| place), left: AtomicUsize::new(place.map_or(0, |(_, passed)| passed)) }
    }

    fn is_at(&self, place: Place, bytes: &[u8]) -> bool {
        let text = String::from_utf8_lossy(bytes);
        let is_there = text.lines().any(|line| match place {
            Place::HalfIntent | Place::Intent => is_own(line) && line.contains(r#","kind":"intent","#),
            Place::BeforeRecord | Place::HalfRecord => is_own(line) && line.contains(r#""outcome":"answered""#),
            Place::Closing => line.contains(r#""outcome":"unknown""#),
        });
        is_there && self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err()
    }
}

/// Whether a line is of a write in a transaction of its own.
fn is_own(line: &str) -> bool {
    line.contains(r#""action":"create""#) && !line.contains(r#""transaction":"aud-"#)
}

impl Disk for Halting {
    fn append(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        let Some(place) = self.place.filter(|place| self.is_at(*place, bytes)) else { return file.write_all(bytes) };
        match place {
            Place::BeforeRecord => {}
            Place::Intent => file.write_all(bytes)?,
            Place::HalfIntent | Place::HalfRecord | Place::Closing => file.write_all(&bytes[..bytes.len() / 2])?,
        }
        say(HALTED);
        loop {
            thread::park();
        }
    }
}
