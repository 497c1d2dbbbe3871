//! Digests, and the keys behind them.

use std::fmt;

use ed25519_dalek::{SigningKey as Ed25519Key, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Thirty-two bytes of SHA-256 or HMAC-SHA256; 64 lower-case hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Hash([u8; 32]);

/// What stands for a character that is no digit.
const NO_DIGIT: u8 = 0x10;

/// What each character is worth as a hexadecimal digit.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        #[expect(clippy::indexing_slicing, reason = "made by the compiler, which would tell")]
        let digit = b"0123456789abcdef"[value as usize];
        #[expect(clippy::indexing_slicing, reason = "made by the compiler, which would tell")]
        let place = &mut digits[digit as usize];
        *place = value;
        value += 1;
    }
    digits
};

impl Hash {
    /// What stands before the first line of a chain.
    pub const ZERO: Self = Self([0; 32]);
    /// How many characters its text has.
    pub const TEXT_LEN: usize = 64;

    /// From bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest of what was fed to a hasher.
    pub fn of(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }

    /// From its text, which is in lower case.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() != Self::TEXT_LEN {
            return None;
        }
        // Verifying reads two for each line: without a branch for each digit.
        let (mut bytes, mut seen) = ([0; 32], 0);
        for (byte, digits) in bytes.iter_mut().zip(text.as_chunks().0) {
            let [high, low] = digits.map(|digit: u8| DIGITS.get(usize::from(digit)).copied().unwrap_or(NO_DIGIT));
            seen |= high | low;
            *byte = high << 4 | low & 0xf;
        }
        (seen < NO_DIGIT).then_some(Self(bytes))
    }

    /// Its text as bytes, without allocation.
    pub fn text(&self) -> [u8; Self::TEXT_LEN] {
        let mut text = [0; Self::TEXT_LEN];
        // Cannot fail: there are two digits for each byte.
        let _ = hex::encode_to_slice(self.0, &mut text);
        text
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(text.as_bytes()).ok_or_else(|| serde::de::Error::custom("expected 64 hexadecimal digits"))
    }
}

/// The secret that keys a chain: without it nobody can make a line that fits.
#[derive(Clone)]
pub struct MacKey(Hmac<Sha256>);

impl MacKey {
    /// The shortest secret that is taken, in bytes.
    pub const MIN_BYTES: usize = 16;

    /// From a secret of at least [`MacKey::MIN_BYTES`] bytes; `None` when it is shorter.
    pub fn new(secret: impl AsRef<[u8]>) -> Option<Self> {
        let secret = secret.as_ref();
        if secret.len() < Self::MIN_BYTES {
            return None;
        }
        Hmac::new_from_slice(secret).ok().map(Self)
    }

    /// HMAC-SHA256 of a digest (RFC 2104).
    pub fn mac(&self, digest: &Hash) -> Hash {
        let mut mac = self.0.clone();
        mac.update(digest.bytes());
        Hash(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(…)")
    }
}

/// The secret that signs checkpoints (Ed25519, RFC 8032).
#[derive(Clone)]
pub struct SigningKey(Ed25519Key);

impl SigningKey {
    /// From the 32 bytes of its seed.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(Ed25519Key::from_bytes(&seed))
    }

    /// From the 64 hexadecimal digits of its seed.
    pub fn parse(text: &str) -> Option<Self> {
        Hash::parse(text.trim().to_ascii_lowercase().as_bytes()).map(|seed| Self::from_seed(*seed.bytes()))
    }

    /// The half of it that everybody may know.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a message; 128 hexadecimal digits.
    pub fn sign(&self, message: &[u8]) -> String {
        use ed25519_dalek::Signer as _;
        hex::encode(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public())
    }
}

/// By what a signed checkpoint is verified; 64 hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// From its text.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Hash::parse(text.trim().to_ascii_lowercase().as_bytes())?;
        VerifyingKey::from_bytes(bytes.bytes()).ok().map(Self)
    }

    /// Whether this key has signed a message; the signature has 128 hexadecimal digits.
    pub fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let mut bytes = [0; 64];
        let is_lower = !signature.bytes().any(|byte| byte.is_ascii_uppercase());
        is_lower
            && hex::decode_to_slice(signature, &mut bytes).is_ok()
            && self.0.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&bytes)).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hash(self.0.to_bytes()), f)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The secrets of a trail: read once, at start-up, and never shown.
#[derive(Clone, Debug, Default)]
pub struct TrailKeys {
    /// Keys the chains. Without it they hold against accidents, and against whoever cannot
    /// compute SHA-256.
    pub mac: Option<MacKey>,
    /// Signs checkpoints and tombstones.
    pub signing: Option<SigningKey>,
}

impl TrailKeys {
    /// What a line with this digest has as its hash.
    pub fn hash(&self, digest: &Hash) -> Hash {
        match &self.mac {
            Some(key) => key.mac(digest),
            None => *digest,
        }
    }
}

/// SHA-256 of some parts, one after the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    Hash::of(hasher)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_from_what_it_is_written_as_and_nothing_else() {
        let hash = sha256(&[b"a line"]);
        let text = hash.text();
        assert_eq!(Hash::parse(&text), Some(hash));
        assert_eq!(Hash::parse(&text[1..]), None);
        for at in 0..text.len() {
            for other in 0..=u8::MAX {
                let mut changed = text;
                changed[at] = other;
                let is_digit = matches!(other, b'0'..=b'9' | b'a'..=b'f');
                let read = Hash::parse(&changed);
                assert_eq!(read.map(|hash| hash.text()), is_digit.then_some(changed));
            }
        }
    }
}
