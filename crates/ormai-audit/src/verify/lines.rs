//! Lines of a chunk, and what can still be read of a damaged one.

use std::str::FromStr;

use uuid::Uuid;

use crate::hash::Hash;
use crate::line::Place;

/// The lines of a chunk, without their ends; and whether each has one.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = (&[u8], bool)> {
    let mut from = 0;
    let mut ends = memchr::memchr_iter(b'\n', text);
    std::iter::from_fn(move || {
        let end = ends.next();
        let line = text.get(from..end.unwrap_or(text.len()))?;
        from = end.map_or(usize::MAX, |end| end + 1);
        (end.is_some() || !line.is_empty()).then_some((line, end.is_some()))
    })
}

/// What is read of the place of a line that is damaged, or whose hash does not fit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traces {
    pub(super) chain: Option<Uuid>,
    pub(super) seq: Option<u64>,
    pub(super) prev_hash: Option<Hash>,
    pub(super) hash: Option<Hash>,
}

impl From<&Place> for Traces {
    fn from(place: &Place) -> Self {
        Self {
            chain: Some(place.chain),
            seq: Some(place.seq),
            prev_hash: Some(place.prev_hash),
            hash: Some(place.hash),
        }
    }
}

impl Traces {
    /// From a line whose place cannot be read as a whole.
    pub(super) fn of(line: &[u8]) -> Self {
        let hash = |value: &[u8]| Hash::parse(value.get(..Hash::TEXT_LEN)?);
        Self {
            chain: after(line, b"\"chain\":\"").and_then(|value| Uuid::try_parse_ascii(value.get(..36)?).ok()),
            seq: after(line, b"\"seq\":").and_then(|value| {
                let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
                u64::from_str(std::str::from_utf8(value.get(..digits)?).ok()?).ok()
            }),
            prev_hash: after(line, b"\"prev_hash\":\"").and_then(hash),
            hash: after(line, b"\"hash\":\"").and_then(hash),
        }
    }
}

/// What follows a label, where it stands for the last time.
fn after<'a>(line: &'a [u8], label: &[u8]) -> Option<&'a [u8]> {
    line.get(memchr::memmem::rfind(line, label)?.checked_add(label.len())?..)
}
