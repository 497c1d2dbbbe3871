//! Reading a store from its beginning, a page at a time.

use crate::line::{Kind, Line};
use crate::record::Entry;
use crate::store::{AuditStore, StoreError};

/// How many lines are read from a store at once: what bounds the memory.
const PAGE: usize = 1_000;

/// Gives each whole line of a store, in the order of their appending; `read` hears after each page
/// how many lines there were until then.
pub(crate) async fn each_line<E: From<StoreError>>(
    store: &dyn AuditStore,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
    read: &mut (dyn FnMut(u64) + Send),
) -> Result<(), E> {
    let (mut position, mut lines) = (None, 0);
    loop {
        let page = store.scan(position.as_ref(), PAGE).await?;
        for line in page.text.split_inclusive(|byte| *byte == b'\n') {
            // The very last may be torn: it was never acknowledged.
            if let Some(line) = line.strip_suffix(b"\n") {
                lines += 1;
                take(line)?;
            }
        }
        read(lines);
        match page.next {
            Some(next) => position = Some(next),
            None => return Ok(()),
        }
    }
}

/// What a line is for somebody who wants closed records.
pub(crate) enum Found {
    Record(Box<Entry>),
    Other,
    Unreadable,
}

impl Found {
    pub(crate) fn in_line(line: &[u8]) -> Self {
        match std::str::from_utf8(line).ok().and_then(Line::read) {
            None => Self::Unreadable,
            Some(line) if line.place().kind != Kind::Record => Self::Other,
            Some(line) => Entry::read(&line).map_or(Self::Unreadable, |entry| Self::Record(Box::new(entry))),
        }
    }
}
