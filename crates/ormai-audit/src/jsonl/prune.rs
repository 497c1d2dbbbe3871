//! Puts stubs in the place of lines: a closed file is written anew beside itself, and takes its own
//! place when it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::files::{Files, Identity, Segment, TRIES, forbid_writing, private, sync_directory, unavailable};
use super::lines;
use crate::line::{Kind, Place};
use crate::prune::{Stub, Stubs};
use crate::store::StoreError;

/// Puts stubs in the place of lines of a closed file.
pub(super) fn prune(files: &Files, source: &str, stubs: &[Stub]) -> Result<(), StoreError> {
    let closed = files.closed()?;
    let Some(segment) = closed.iter().find(|segment| segment.name == source) else {
        return Err(StoreError::Failed(format!("`{source}` is not a closed file of the audit store")));
    };
    let failed = |error: io::Error| unavailable(&segment.path, &error);
    let file = held(segment)?;
    let mut beside = segment.path.clone().into_os_string();
    beside.push(".pruning");
    let beside = Path::new(&beside);
    let pruned = write_anew(&file, beside, stubs).map_err(failed)?;
    if let Err(what) = pruned {
        fs::remove_file(beside).map_err(failed)?;
        return Err(StoreError::Failed(what.to_owned()));
    }
    fs::rename(beside, &segment.path).map_err(failed)?;
    sync_directory(files.directory()).map_err(failed)
}

/// The file with its lock, so that nobody else writes it anew meanwhile.
fn held(segment: &Segment) -> Result<File, StoreError> {
    let failed = |error: io::Error| unavailable(&segment.path, &error);
    for _ in 0..TRIES {
        let file = File::open(&segment.path).map_err(failed)?;
        file.lock().map_err(failed)?;
        let own = Identity::of(&file.metadata().map_err(failed)?);
        if own.is_unknown() || own.is_same(Identity::of(&fs::metadata(&segment.path).map_err(failed)?)) {
            return Ok(file);
        }
    }
    Err(StoreError::Unavailable(format!("`{}` is always replaced", segment.name)))
}

/// Writes what a file is to be beside it, to stable storage; or says what is wrong.
fn write_anew(file: &File, beside: &Path, stubs: &[Stub]) -> io::Result<Result<(), &'static str>> {
    let len = file.metadata()?.len();
    let anew = private(OpenOptions::new().write(true).create(true).truncate(true)).open(beside)?;
    let mut out = BufWriter::with_capacity(1 << 20, anew);
    let pruned = Stubs::new(stubs);
    let mut missing: u64 = stubs.iter().map(Stub::lines).sum();
    let (mut is_record, mut written) = (true, Ok(()));
    lines::forward(file, 0, len, |line| {
        let place = Place::read(line).map(|(place, _)| place);
        let stub = place.and_then(|place| Some((place, pruned.of(place.chain, place.seq)?)));
        let kept = match stub {
            None => line,
            Some((place, stub)) => {
                is_record &= matches!(place.kind, Kind::Record | Kind::Intent);
                missing = missing.saturating_sub(1);
                if place.seq != stub.from() {
                    return;
                }
                stub.line().text().as_bytes()
            }
        };
        if written.is_ok() {
            written = out.write_all(kept).and_then(|()| out.write_all(b"\n"));
        }
    })?;
    written?;
    if !is_record {
        return Ok(Err("a line that was to be pruned is no record"));
    }
    if missing > 0 {
        return Ok(Err("a line that was to be pruned is not there any more"));
    }
    // What was torn stays as it is, for those who verify.
    let mut torn = Vec::new();
    lines::between(file, lines::whole(file, len)?, len, &mut torn)?;
    out.write_all(&torn)?;
    let anew = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    anew.sync_all()?;
    forbid_writing(&anew)?;
    Ok(Ok(()))
}
