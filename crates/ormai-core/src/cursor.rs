//! Cursors: the key of the last row of a page, sealed.
//!
//! A cursor is encrypted and bound to everything that gave it its meaning: the policy's
//! version, the principal, and the request without its cursor and limit. Changed, cut or
//! carried elsewhere it does not open. It is made without randomness (AES-GCM-SIV, RFC
//! 8452), so equal pages have equal cursors.

use std::fmt;

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorCode, Result};
use crate::fault::Fault;
use crate::principal::CallContext;
use crate::request::Query;
use crate::value::{Value, bytes};

/// Seals and opens cursors.
#[derive(Clone)]
pub struct CursorKey {
    cipher: Aes256GcmSiv,
}

/// A key for [`CursorKey::new`] from a secret of any length.
pub fn derive_key(secret: impl IntoIterator<Item = u8>) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(b"ormai cursor key");
    digest.update(secret.into_iter().collect::<Vec<u8>>());
    digest.finalize().into()
}

/// Everything that a cursor is bound to, as a digest.
pub(crate) struct Binding([u8; 32]);

impl CursorKey {
    /// A key of 32 bytes. Servers that answer each other's pages share it.
    pub fn new(key: &[u8; 32]) -> Self {
        Self { cipher: Aes256GcmSiv::new(key.into()) }
    }

    /// What the cursors of a request are bound to.
    pub(crate) fn binding(&self, policy_version: &str, call: &CallContext, request: &Query) -> Binding {
        if Fault::CursorUnbound.is_on() {
            return Binding([0; 32]);
        }
        let principal = &call.principal;
        let mut roles: Vec<&str> = principal.roles().iter().map(String::as_str).collect();
        roles.sort_unstable();
        let parts =
            (policy_version, principal.tenant_id(), principal.user_id(), roles, principal.all_metadata(), request);
        let mut digest = Sha256::new();
        // Writing JSON into a digest cannot fail; if it did, the digest would be of a
        // part, and open for requests with the same part only.
        let _ = serde_json::to_writer(Sink(&mut digest), &parts);
        Binding(digest.finalize().into())
    }

    /// Seals a key.
    pub(crate) fn seal(&self, binding: &Binding, key: &[&Value]) -> Result<String> {
        let payload = Payload { msg: &bytes::encode(key), aad: &binding.0 };
        let sealed = self
            .cipher
            .encrypt(&binding.nonce(), payload)
            .map_err(|_| Error::new(ErrorCode::Internal, "the cursor could not be sealed"))?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens a cursor that must hold `length` values; `None`: there can be no cursor here.
    pub(crate) fn open(&self, cursor: &str, binding: &Binding, length: Option<usize>) -> Result<Vec<Value>> {
        URL_SAFE_NO_PAD
            .decode(cursor)
            .ok()
            .and_then(|sealed| {
                self.cipher.decrypt(&binding.nonce(), Payload { msg: &sealed, aad: &binding.0 }).ok()
            })
            .and_then(|opened| bytes::decode(&opened))
            .filter(|key| Some(key.len()) == length)
            .ok_or_else(|| {
                Error::new(ErrorCode::InvalidCursor, "the cursor does not belong to this request")
                    .hint(Some(
                        "send the request of the page before unchanged, with its `next_cursor`, or start without a cursor"
                            .to_owned(),
                    ))
                    .detail("path", "cursor")
            })
    }
}

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey(…)")
    }
}

impl Binding {
    /// The nonce follows from the binding: no randomness, and no reuse across bindings
    /// beyond what the construction withstands by design.
    fn nonce(&self) -> Nonce {
        let mut nonce = Nonce::default();
        for (to, from) in nonce.iter_mut().zip(self.0) {
            *to = from;
        }
        nonce
    }
}

struct Sink<'a>(&'a mut Sha256);

impl std::io::Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::Principal;
    use crate::request::field;

    fn call(principal: Principal) -> CallContext {
        CallContext { principal, request_id: "r".into(), trace_id: None, now: jiff::Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn a_cursor_opens_only_where_it_was_made() {
        let key = CursorKey::new(&[7; 32]);
        let (acme, query) = (call(Principal::new("acme").user("u1").role("a").role("b")), Query::model("Order"));
        let binding = key.binding("1", &acme, &query);
        let sealed = key.seal(&binding, &[&Value::Int(7), &Value::Null]).unwrap();
        assert_eq!(sealed, key.seal(&binding, &[&Value::Int(7), &Value::Null]).unwrap());
        assert_eq!(key.open(&sealed, &binding, Some(2)), Ok(vec![Value::Int(7), Value::Null]));

        let check = |cursor: &str, key: &CursorKey, binding: &Binding, length: Option<usize>| {
            assert_eq!(key.open(cursor, binding, length).unwrap_err().code, ErrorCode::InvalidCursor);
        };
        check(&sealed, &key, &binding, Some(1));
        check(&sealed, &key, &binding, None);
        check("", &key, &binding, Some(2));
        check("%%%", &key, &binding, Some(2));
        check(sealed.get(1..).unwrap(), &key, &binding, Some(2));
        check(sealed.get(..sealed.len() - 1).unwrap(), &key, &binding, Some(2));
        check(&sealed, &CursorKey::new(&[8; 32]), &binding, Some(2));
        check(&sealed, &key, &key.binding("2", &acme, &query), Some(2));
        check(&sealed, &key, &key.binding("1", &call(Principal::new("globex").user("u1")), &query), Some(2));
        check(&sealed, &key, &key.binding("1", &call(Principal::new("acme").user("u1").role("a")), &query), Some(2));
        let other = Query::model("Order").filter(field("status").eq("x"));
        check(&sealed, &key, &key.binding("1", &acme, &other), Some(2));
        let same = key.binding("1", &call(Principal::new("acme").user("u1").role("b").role("a")), &query);
        assert!(key.open(&sealed, &same, Some(2)).is_ok());
    }

    #[test]
    fn every_changed_character_is_found() {
        let key = CursorKey::new(&[7; 32]);
        let binding = key.binding("1", &call(Principal::new("acme")), &Query::model("Order"));
        let sealed = key.seal(&binding, &[&Value::Int(7)]).unwrap();
        for position in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(key.open(&changed, &binding, Some(1)).is_err(), "position {position}");
        }
    }
}
