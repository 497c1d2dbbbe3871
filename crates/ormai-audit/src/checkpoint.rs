//! What the chains were at a time: signed, so that a copy kept elsewhere proves it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::chain::Chain;
use crate::hash::{Hash, PublicKey, TrailKeys};
use crate::line::{Body, Kind, Line};
use crate::store::Head;

/// What a line of kind `checkpoint` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Checkpoint {
    /// When it was made.
    pub at: Timestamp,
    /// Its own chain up to the line before.
    pub covers: Covered,
    /// Where the other chains ended that moved since the checkpoint before.
    pub heads: Vec<Head>,
    /// Who signed it; `None` when nobody did.
    pub public_key: Option<String>,
    /// The signature (Ed25519) of its text up to this member; `None` when nobody signed.
    pub signature: Option<String>,
}

/// A chain from its first line to some place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// Where it ends.
    #[serde(flatten)]
    pub head: Head,
    /// The root of the tree over its lines.
    pub root: Hash,
}

/// Whether a checkpoint is signed, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// By nobody.
    No,
    /// By the key that was expected, or by the one that it names where none was.
    Yes,
    /// By another key, or by nobody who is known.
    Wrong,
}

const SIGNATURE: &str = ",\"signature\":";

/// Signs what is written as a JSON object whose last member is `signature`: the text up to it.
pub(crate) fn signed(text: &str, keys: &TrailKeys) -> Option<String> {
    let message = text.strip_suffix("null}")?.strip_suffix(SIGNATURE)?;
    match &keys.signing {
        None => Some(text.to_owned()),
        Some(key) => Some(format!("{message}{SIGNATURE}\"{}\"}}", key.sign(message.as_bytes()))),
    }
}

/// Whether the text of a line is signed, of which `signature` is the last member before its place.
pub(crate) fn is_signed(
    line: &Line,
    public_key: Option<&str>,
    signature: Option<&str>,
    expected: Option<&PublicKey>,
) -> Signed {
    let (Some(named), Some(signature)) = (public_key, signature) else {
        return if expected.is_some() { Signed::Wrong } else { Signed::No };
    };
    let Some(named) = PublicKey::parse(named).filter(|named| expected.is_none_or(|expected| expected == named)) else {
        return Signed::Wrong;
    };
    // The member stands once as such: inside of a text its quotes would be escaped.
    let Some((message, rest)) = line.text().rsplit_once(SIGNATURE) else { return Signed::Wrong };
    // Nothing follows but the place: members behind it would be read, and nobody has signed them.
    let is_last = rest
        .strip_prefix('"')
        .and_then(|rest| rest.strip_prefix(signature))
        .and_then(|rest| rest.strip_prefix('"'))
        .is_some_and(|rest| rest == line.place().to_string());
    if !is_last {
        return Signed::Wrong;
    }
    if named.verifies(message.as_bytes(), signature) { Signed::Yes } else { Signed::Wrong }
}

impl Checkpoint {
    /// The body of a checkpoint of a chain as it is now.
    pub(crate) fn body(chain: &Chain, heads: &[Head], at: Timestamp, keys: &TrailKeys) -> Option<Body> {
        let head = Head { chain: chain.id(), seq: chain.seq(), hash: chain.last() };
        let checkpoint = Self {
            at,
            covers: Covered { head, root: chain.tree().root() },
            heads: heads.iter().filter(|head| head.chain != chain.id()).cloned().collect(),
            public_key: keys.signing.as_ref().map(|key| key.public().to_string()),
            signature: None,
        };
        let text = serde_json::to_string(&checkpoint).ok()?;
        Body::from_text(Kind::Checkpoint, signed(&text, keys)?)
    }

    /// Reads the line of a checkpoint; `None` for another.
    pub fn read(line: &Line) -> Option<Self> {
        (line.place().kind == Kind::Checkpoint).then(|| serde_json::from_str(line.text()).ok()).flatten()
    }

    /// Whether its line is signed: by the expected key where there is one.
    pub fn signed(&self, line: &Line, expected: Option<&PublicKey>) -> Signed {
        is_signed(line, self.public_key.as_deref(), self.signature.as_deref(), expected)
    }
}
