//! Keys out of the operating system's randomness.

use std::fmt;
use std::io;

use serde::Serialize;

use crate::hash::{Hash, PublicKey, SigningKey};

/// New secrets as text, each of 32 bytes.
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct NewKeys {
    /// For [`MacKey::new`](crate::MacKey::new).
    pub mac_key: String,
    /// For [`SigningKey::parse`].
    pub signing_key: String,
    /// The half of `signing_key` that everybody may know.
    pub public_key: String,
}

impl NewKeys {
    /// Draws them.
    ///
    /// # Errors
    ///
    /// When the operating system gives no randomness.
    pub fn draw() -> io::Result<Self> {
        let (mut mac, mut seed) = ([0; 32], [0; 32]);
        getrandom::fill(&mut mac)?;
        getrandom::fill(&mut seed)?;
        let public: PublicKey = SigningKey::from_seed(seed).public();
        Ok(Self {
            mac_key: Hash::new(mac).to_string(),
            signing_key: Hash::new(seed).to_string(),
            public_key: public.to_string(),
        })
    }
}

impl fmt::Debug for NewKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKeys").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}
