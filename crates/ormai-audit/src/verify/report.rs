//! What came out of verifying a store.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use super::spot::Spot;

/// What was done to the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Tampering {
    /// A line is not what its writer wrote.
    Changed,
    /// Lines are gone from between others, or a whole chain is.
    Removed,
    /// A line does not belong where it stands, or nowhere at all.
    Inserted,
    /// Lines stand in another order than they were written in.
    Reordered,
    /// The end of a chain is gone.
    Truncated,
    /// The last line is not whole.
    Torn,
    /// It is not signed, or not keyed, by whom it should be.
    Forged,
    /// A column of the store does not say what its line says.
    Mismatch,
}

impl Tampering {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Inserted => "inserted",
            Self::Reordered => "reordered",
            Self::Truncated => "truncated",
            Self::Torn => "torn",
            Self::Forged => "forged",
            Self::Mismatch => "mismatch",
        }
    }
}

impl fmt::Display for Tampering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A line that is bad, or that should be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// What was done.
    pub kind: Tampering,
    /// Where: the name of the source, as the store gives it.
    pub source: String,
    /// The number of the line there, from 1; of what is missing, where it should be.
    pub line: u64,
    /// The chain, as far as it is known.
    pub chain: Option<Uuid>,
    /// The place in the chain, as far as it is known.
    pub seq: Option<u64>,
    /// The name of the record, if it can still be read.
    pub id: Option<String>,
    /// What is wrong: one sentence, lower case.
    pub what: String,
    #[serde(skip)]
    pub(super) spot: Spot,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.source, self.line, self.kind, self.what)
    }
}

/// What could be recomputed of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Checked {
    /// Its keyed hashes.
    Mac,
    /// Its hashes, which have no key: whoever can write to the store can make them.
    Digest,
    /// Not its hashes, for want of the key: that lines are linked, and what checkpoints say.
    Links,
}

/// A chain that was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VerifiedChain {
    /// The chain.
    pub chain: Uuid,
    /// The place of its last line.
    pub seq: u64,
    /// What could be recomputed.
    pub checked: Checked,
    /// Lines at its end that no checkpoint covers, the checkpoints themselves left out: whoever has
    /// the MAC key could change them, and anybody could cut them off.
    pub unsealed: u64,
}

/// An intent without a record: a write whose end is not known, or that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OpenIntent {
    /// The name that its record would have.
    pub id: String,
    /// The chain.
    pub chain: Uuid,
    /// The place in the chain.
    pub seq: u64,
}

/// What lessens what the report says, though nothing is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Caveat {
    /// Chains have no key: whoever can write to the store can make lines that fit.
    NotKeyed,
    /// Chains are keyed, and the key was not given: their lines could not be recomputed.
    NoKeyGiven,
    /// Checkpoints are not signed.
    NotSigned,
    /// Checkpoints are signed, and it was not said by which public key they should be.
    NoPublicKeyGiven,
    /// No checkpoint kept elsewhere was given: the end of the trail may have been cut off.
    NoCheckpointFromElsewhere,
}

impl fmt::Display for Caveat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotKeyed => "chains without a MAC key: whoever can write to the store can make lines that fit",
            Self::NoKeyGiven => {
                "no MAC key was given: links, tree roots and signatures were verified, the lines not recomputed"
            }
            Self::NotSigned => "checkpoints are not signed",
            Self::NoPublicKeyGiven => "no public key was given: checkpoints were verified by the key that they name",
            Self::NoCheckpointFromElsewhere => {
                "no checkpoint kept elsewhere was given: lines cut off at the end may not be missed"
            }
        })
    }
}

/// What came out of verifying a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Lines.
    pub lines: u64,
    /// Closed records.
    pub records: u64,
    /// Intents.
    pub intents: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Tombstones.
    pub tombstones: u64,
    /// Lines that stand for pruned ones.
    pub stubs: u64,
    /// Lines that were pruned.
    pub pruned: u64,
    /// How many checkpoints and tombstones each public key signed.
    pub signed_by: BTreeMap<String, u64>,
    /// Checkpoints kept elsewhere that were found in the store.
    pub from_elsewhere: u64,
    /// The chains, in the order of their beginning.
    pub chains: Vec<VerifiedChain>,
    /// Intents without a record; the first [`Report::MOST`].
    pub open: Vec<OpenIntent>,
    /// Tombstones of which not everything was pruned: it was interrupted.
    pub unfinished: Vec<Uuid>,
    /// What lessens what the report says.
    pub caveats: Vec<Caveat>,
    /// What is wrong, in the order of the store; the first [`Report::MOST`].
    pub problems: Vec<Problem>,
    /// How much more is wrong.
    pub more_problems: u64,
}

impl Report {
    /// The most that is listed of anything.
    pub const MOST: usize = 100;

    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.problems.is_empty()
    }

    /// The first bad line.
    pub fn first(&self) -> Option<&Problem> {
        self.problems.first()
    }
}
