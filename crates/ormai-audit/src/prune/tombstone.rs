//! What tells of lines that were pruned.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::checkpoint::{Signed, is_signed, signed};
use crate::hash::{Hash, PublicKey, TrailKeys};
use crate::line::{Body, Kind, Line};

/// What a line of kind `tombstone` says. It is on stable storage before a line goes: where the
/// pruning was interrupted, lines that it tells of are still there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tombstone {
    /// Its name, which the stubs give.
    pub id: Uuid,
    /// When it was made.
    pub at: Timestamp,
    /// Who pruned.
    pub by: String,
    /// Of which tenant; `None` for all.
    pub tenant: Option<Json>,
    /// Earlier than when; `None` for any time.
    pub older_than: Option<Timestamp>,
    /// How many of the newest records were kept.
    pub keep: Option<u64>,
    /// How many lines went.
    pub lines: u64,
    /// How many of them were records.
    pub records: u64,
    /// How many stubs stand in their place.
    pub stubs: u64,
    /// The digest of the first of these. Each has that of the next.
    pub first: Hash,
    /// Who signed it; `None` when nobody did.
    pub public_key: Option<String>,
    /// The signature (Ed25519) of its text up to this member; `None` when nobody signed.
    pub signature: Option<String>,
}

impl Tombstone {
    /// Its body, signed.
    pub(crate) fn body(&self, keys: &TrailKeys) -> Option<Body> {
        let public_key = keys.signing.as_ref().map(|key| key.public().to_string());
        let text = serde_json::to_string(&Self { public_key, signature: None, ..self.clone() }).ok()?;
        Body::from_text(Kind::Tombstone, signed(&text, keys)?)
    }

    /// Reads the line of a tombstone; `None` for another.
    pub fn read(line: &Line) -> Option<Self> {
        (line.place().kind == Kind::Tombstone).then(|| serde_json::from_str(line.text()).ok()).flatten()
    }

    /// Whether its line is signed: by the expected key where there is one.
    pub fn signed(&self, line: &Line, expected: Option<&PublicKey>) -> Signed {
        is_signed(line, self.public_key.as_deref(), self.signature.as_deref(), expected)
    }
}
