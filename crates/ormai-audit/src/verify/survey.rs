//! The first pass: what the chains say of one another.

use std::collections::HashMap;

use serde::Deserialize;
use uuid::Uuid;

use super::lines::lines;
use super::report::Tampering;
use super::spot::{Found, Known, Spot};
use super::{Verifier, VerifyOptions};
use crate::checkpoint::{Checkpoint, Signed};
use crate::hash::{Hash, PublicKey};
use crate::line::{Kind, Line, Place};
use crate::store::{Head, Scanned};

/// What is said of a line from elsewhere: another chain, or a checkpoint that was kept.
#[derive(Clone, Debug)]
pub(super) struct Tie {
    pub(super) seq: u64,
    pub(super) hash: Hash,
    /// The root of the tree up to this line, where it is said too.
    pub(super) root: Option<Hash>,
    pub(super) by: TiedBy,
}

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TiedBy {
    /// A line of another chain.
    Line(Uuid, u64),
    /// A checkpoint that was kept elsewhere; whether it says so of itself.
    Kept { line: u64, is_itself: bool },
}

impl std::fmt::Display for TiedBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(chain, seq) => write!(f, "line {seq} of chain {chain}"),
            Self::Kept { line, .. } => write!(f, "checkpoint {line} of those kept elsewhere"),
        }
    }
}

/// What fits a line's digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Genuine {
    /// Its hash is that of the key.
    Keyed,
    /// Its hash is the digest.
    Plain,
    /// Its hash is neither.
    No,
    /// Its hash is not the digest, and there is no key to tell.
    Unknown,
}

impl Genuine {
    pub(super) fn of(options: &VerifyOptions, place: &Place, digest: &Hash) -> Self {
        match &options.mac {
            Some(_) if options.is_keyed(digest, &place.hash) => Self::Keyed,
            _ if *digest == place.hash => Self::Plain,
            Some(_) => Self::No,
            None => Self::Unknown,
        }
    }
}

/// Whether something is signed by one of the expected keys; by the one that it names, where none
/// is expected.
pub(super) fn signed(options: &VerifyOptions, of: impl Fn(Option<&PublicKey>) -> Signed) -> Signed {
    if options.public_keys.is_empty() {
        return of(None);
    }
    let is_signed = options.public_keys.iter().any(|key| of(Some(key)) == Signed::Yes);
    if is_signed { Signed::Yes } else { Signed::Wrong }
}

#[derive(Deserialize)]
struct Heads {
    heads: Vec<Head>,
}

/// The first pass over a store: collects what chains say of one another, which is little. Then
/// [`Survey::verifier`] makes the second.
#[derive(Clone, Debug)]
pub struct Survey {
    options: VerifyOptions,
    ties: HashMap<Uuid, Vec<Tie>>,
    found: Found,
}

/// What the checkpoints that were given are called.
const KEPT: &str = "checkpoints kept elsewhere";

impl Survey {
    /// A survey of no line.
    pub fn new(options: VerifyOptions) -> Self {
        let mut survey = Self { options, ties: HashMap::new(), found: Found::default() };
        let kept = std::mem::take(&mut survey.options.checkpoints);
        let mut number = 0;
        for text in kept.iter().flat_map(|text| text.lines()) {
            number += 1;
            survey.kept(number, text);
        }
        survey
    }

    /// Takes the next chunk.
    pub fn read(&mut self, scanned: &Scanned) {
        for (line, _) in lines(&scanned.text) {
            if let Some(kind @ (Kind::Begin | Kind::Checkpoint)) = Kind::of(line) {
                self.tying(kind, line);
            }
        }
    }

    /// What verifies the store, from its beginning again.
    pub fn verifier(self) -> Verifier {
        let Self { options, mut ties, found } = self;
        for ties in ties.values_mut() {
            ties.sort_by_key(|tie| tie.seq);
        }
        Verifier::new(options, ties, found)
    }

    /// A line that says something of other chains. What nobody vouches for is not believed: the
    /// second pass reports it.
    fn tying(&mut self, kind: Kind, text: &[u8]) {
        let Some((place, hashed)) = Place::read(text) else { return };
        let digest = Place::digest(hashed);
        let is_believed = match Genuine::of(&self.options, &place, &digest) {
            Genuine::Keyed | Genuine::Unknown => true,
            Genuine::Plain => self.options.takes_unkeyed(),
            Genuine::No => false,
        };
        if !is_believed {
            return;
        }
        let Some(line) = std::str::from_utf8(text).ok().and_then(Line::read) else { return };
        let heads = if kind == Kind::Begin {
            serde_json::from_str(line.text()).map(|heads: Heads| heads.heads).unwrap_or_default()
        } else {
            let Some(checkpoint) = Checkpoint::read(&line) else { return };
            if signed(&self.options, |key| checkpoint.signed(&line, key)) == Signed::Wrong {
                return;
            }
            checkpoint.heads
        };
        let by = TiedBy::Line(place.chain, place.seq);
        for head in heads {
            self.tie(&head, None, by);
        }
    }

    /// A checkpoint that was kept elsewhere.
    fn kept(&mut self, number: u64, text: &str) {
        let line = Line::read(text);
        let checkpoint = line.as_ref().and_then(Checkpoint::read);
        let (Some(line), Some(checkpoint)) = (line, checkpoint) else {
            self.kept_is_bad(Tampering::Torn, number, Known::default(), "is no checkpoint");
            return;
        };
        let place = *line.place();
        if signed(&self.options, |key| checkpoint.signed(&line, key)) == Signed::Wrong {
            let known = Known::at(place.chain, place.seq);
            self.kept_is_bad(Tampering::Forged, number, known, "is not signed by a key that is expected");
            return;
        }
        let by = TiedBy::Kept { line: number, is_itself: false };
        self.tie(&checkpoint.covers.head, Some(checkpoint.covers.root), by);
        for head in &checkpoint.heads {
            self.tie(head, None, by);
        }
        let itself = Head { chain: place.chain, seq: place.seq, hash: place.hash };
        self.tie(&itself, None, TiedBy::Kept { line: number, is_itself: true });
    }

    fn kept_is_bad(&mut self, kind: Tampering, number: u64, known: Known, what: &str) {
        let source = self.found.source(KEPT);
        // It is not the store that is wrong first.
        let spot = Spot { ordinal: u64::MAX, source, line: number };
        self.found.add(kind, spot, known, || format!("line {number} of the checkpoints kept elsewhere {what}"));
    }

    fn tie(&mut self, head: &Head, root: Option<Hash>, by: TiedBy) {
        // A chain without a line has no end to be tied.
        if head.seq > 0 {
            self.ties.entry(head.chain).or_default().push(Tie { seq: head.seq, hash: head.hash, root, by });
        }
    }
}
