//! A line of the trail: a JSON object whose last members chain it to the line before.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::hash::Hash;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The first of a chain.
    Begin,
    /// A call that is about to do something, and whose record follows.
    Intent,
    /// A closed record.
    Record,
    /// What the chains were at a time.
    Checkpoint,
    /// What was pruned.
    Tombstone,
    /// In the place of lines that were pruned.
    Pruned,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Begin, Self::Intent, Self::Record, Self::Checkpoint, Self::Tombstone, Self::Pruned];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Intent => "intent",
            Self::Record => "record",
            Self::Checkpoint => "checkpoint",
            Self::Tombstone => "tombstone",
            Self::Pruned => "pruned",
        }
    }

    fn parse(word: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str().as_bytes() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a line says, before it has a place in a chain. Its text is hashed already.
#[derive(Clone)]
pub struct Body {
    kind: Kind,
    /// The object without its closing brace.
    open: String,
    hasher: Sha256,
}

impl Body {
    /// From something that is written as a JSON object with at least one member; `None` for
    /// anything else.
    pub fn new(kind: Kind, value: &impl Serialize) -> Option<Self> {
        Self::from_text(kind, serde_json::to_string(value).ok()?)
    }

    /// From the text of a JSON object with at least one member, on one line.
    pub fn from_text(kind: Kind, mut text: String) -> Option<Self> {
        let is_object = text.starts_with("{\"") && text.ends_with('}') && !text.contains('\n');
        if !is_object {
            return None;
        }
        text.pop();
        let hasher = Sha256::new_with_prefix(text.as_bytes());
        Some(Self { kind, open: text, hasher })
    }

    /// What the line is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The line at a place in a chain; with its digest, which the tree takes.
    pub(crate) fn at(&self, chain: Uuid, seq: u64, prev_hash: Hash, hash: impl FnOnce(&Hash) -> Hash) -> (Line, Hash) {
        let mut text = String::with_capacity(self.open.len() + 320);
        text.push_str(&self.open);
        let tail = text.len();
        // Writing to a String cannot fail.
        let _ = fmt::Write::write_fmt(
            &mut text,
            format_args!(
                ",\"kind\":\"{}\",\"chain\":\"{chain}\",\"seq\":{seq},\"prev_hash\":\"{prev_hash}\"",
                self.kind
            ),
        );
        let mut hasher = self.hasher.clone();
        hasher.update(text.as_bytes().get(tail..).unwrap_or_default());
        let digest = Hash::of(hasher);
        let hash = hash(&digest);
        let _ = fmt::Write::write_fmt(&mut text, format_args!(",\"hash\":\"{hash}\"}}"));
        let place = Place { kind: self.kind, chain, seq, prev_hash, hash };
        (Line { text, place }, digest)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("kind", &self.kind).field("open", &self.open).finish()
    }
}

/// The last members of a line: what it is, and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// What it is.
    pub kind: Kind,
    /// The chain.
    pub chain: Uuid,
    /// The place in the chain, from 1.
    pub seq: u64,
    /// The hash of the line before; zeros for the first.
    pub prev_hash: Hash,
    /// The hash of this line.
    pub hash: Hash,
}

/// As a line ends with it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, chain, seq, prev_hash, hash } = self;
        write!(
            f,
            ",\"kind\":\"{kind}\",\"chain\":\"{chain}\",\"seq\":{seq},\"prev_hash\":\"{prev_hash}\",\"hash\":\"{hash}\"}}"
        )
    }
}

/// A line with its place read. Not yet verified: see [`crate::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    text: String,
    place: Place,
}

impl Line {
    /// Reads the place of a line; `None` when it has none.
    pub fn read(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let (place, _) = Place::read(text.as_bytes())?;
        Some(Self { text, place })
    }

    /// The text, without a line end.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its place.
    pub fn place(&self) -> &Place {
        &self.place
    }
}

const HASH: &[u8] = b",\"hash\":\"";
const PREV_HASH: &[u8] = b",\"prev_hash\":\"";
const SEQ: &[u8] = b",\"seq\":";
const CHAIN: &[u8] = b",\"chain\":\"";
const KIND: &[u8] = b",\"kind\":\"";
/// As many digits as the largest number has.
const MOST_DIGITS: usize = 20;

/// The last members of a line as they stand there.
struct Tail<'a> {
    /// The part of the line that its digest is of.
    hashed: &'a [u8],
    kind: &'a [u8],
    chain: &'a [u8],
    seq: &'a [u8],
    prev_hash: &'a [u8],
    hash: &'a [u8],
}

impl<'a> Tail<'a> {
    fn split(line: &'a [u8]) -> Option<Self> {
        let rest = line.strip_suffix(b"\"}")?;
        let (rest, hash) = rest.split_at_checked(rest.len().checked_sub(Hash::TEXT_LEN)?)?;
        let hashed = rest.strip_suffix(HASH)?;
        let rest = hashed.strip_suffix(b"\"")?;
        let (rest, prev_hash) = rest.split_at_checked(rest.len().checked_sub(Hash::TEXT_LEN)?)?;
        let rest = rest.strip_suffix(PREV_HASH)?;
        let digits = rest.iter().rev().take(MOST_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
        let (rest, seq) = rest.split_at_checked(rest.len().checked_sub(digits)?)?;
        let rest = rest.strip_suffix(SEQ)?.strip_suffix(b"\"")?;
        let (rest, chain) = rest.split_at_checked(rest.len().checked_sub(36)?)?;
        let rest = rest.strip_suffix(CHAIN)?.strip_suffix(b"\"")?;
        let word = rest.iter().rev().take_while(|byte| byte.is_ascii_lowercase()).count();
        let (rest, kind) = rest.split_at_checked(rest.len().checked_sub(word)?)?;
        rest.strip_suffix(KIND)?;
        Some(Self { hashed, kind, chain, seq, prev_hash, hash })
    }
}

impl Kind {
    /// That of a line, whose place is not read further.
    pub(crate) fn of(line: &[u8]) -> Option<Self> {
        Self::parse(Tail::split(line)?.kind)
    }
}

impl Place {
    /// Reads it from the end of a line, without reading the rest; with the part of the line that
    /// its digest is of.
    pub fn read(line: &[u8]) -> Option<(Self, &[u8])> {
        let tail = Tail::split(line)?;
        let hash = Hash::parse(tail.hash)?;
        let prev_hash = Hash::parse(tail.prev_hash)?;
        let seq = std::str::from_utf8(tail.seq).ok()?;
        // One number has one text.
        let seq = u64::from_str(seq).ok().filter(|_| !seq.starts_with('0') || seq == "0")?;
        // So has a name.
        let is_lower = !tail.chain.iter().any(u8::is_ascii_uppercase);
        let chain = Uuid::try_parse_ascii(tail.chain).ok().filter(|_| is_lower)?;
        let kind = Kind::parse(tail.kind)?;
        Some((Self { kind, chain, seq, prev_hash, hash }, tail.hashed))
    }

    /// The chain of a line as it is written, without a look at anything else: to pass quickly over
    /// lines whose chain is known.
    pub(crate) fn chain_text(line: &[u8]) -> Option<&[u8]> {
        /// From the hash of the line before to the end.
        const HASHES: usize = PREV_HASH.len() + HASH.len() + 2 * Hash::TEXT_LEN + 3;
        let rest = line.get(..line.len().checked_sub(HASHES)?)?;
        let digits = rest.iter().rev().take(MOST_DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
        let rest = rest.get(..rest.len().checked_sub(digits)?)?;
        let rest = rest.strip_suffix(SEQ)?.strip_suffix(b"\"")?;
        rest.get(rest.len().checked_sub(36)?..)
    }

    /// The digest of the part of a line that [`Place::read`] gave.
    pub fn digest(hashed: &[u8]) -> Hash {
        crate::hash::sha256(&[hashed])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::TrailKeys;

    #[test]
    fn the_chain_of_a_line_is_read_without_the_rest() {
        let body = Body::from_text(Kind::Record, "{\"id\":\"aud-1\"}".to_owned()).unwrap();
        for seq in [1, 42, u64::MAX] {
            let (line, _) = body.at(Uuid::from_u128(7), seq, Hash::ZERO, |digest| TrailKeys::default().hash(digest));
            assert_eq!(Place::chain_text(line.text().as_bytes()), Some(Uuid::from_u128(7).to_string().as_bytes()));
        }
        assert_eq!(Place::chain_text(b"{}"), None);
    }
}
