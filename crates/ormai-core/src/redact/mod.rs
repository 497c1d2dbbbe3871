//! Raw rows to an answer. Every value passes its field's action on the way.

mod assemble;
mod mask;

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::fault::Fault;
use crate::policy::FieldAction;
use crate::principal::Principal;
use crate::value::Value;

pub(crate) use assemble::shown_rows;
pub use assemble::{Harvest, answer};

/// The secret behind `action: hash`.
#[derive(Clone)]
pub struct HashKey(Vec<u8>);

impl HashKey {
    /// The shortest key that is taken, in bytes.
    pub const MIN_BYTES: usize = 16;

    /// A key of at least [`HashKey::MIN_BYTES`] bytes; `None` when it is shorter.
    pub fn new(key: impl Into<Vec<u8>>) -> Option<Self> {
        let key = key.into();
        (key.len() >= Self::MIN_BYTES).then_some(Self(key))
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(…)")
    }
}

/// Makes values presentable to one principal.
pub struct Redactor<'a> {
    key: Option<&'a HashKey>,
    principal: &'a Principal,
}

/// What stands in the place of a redacted value.
pub const REDACTED: &str = "[REDACTED]";

impl<'a> Redactor<'a> {
    /// For a principal; without a key nothing can be hashed.
    pub fn new(key: Option<&'a HashKey>, principal: &'a Principal) -> Self {
        Self { key, principal }
    }

    /// The value as the action shows it. NULL stays NULL under a mask and a hash, and is
    /// redacted like everything else.
    pub fn apply(&self, action: &FieldAction, value: Value) -> Value {
        match action {
            FieldAction::Mask(_) if Fault::MaskForgotten.is_on() => value,
            FieldAction::Redact if Fault::RedactionForgotten.is_on() => value,
            FieldAction::Allow => value,
            FieldAction::Redact => Value::Text(REDACTED.to_owned()),
            FieldAction::Mask(_) | FieldAction::Hash if value.is_null() => Value::Null,
            FieldAction::Mask(mask) => Value::Text(mask::apply(mask, &plain(&value))),
            FieldAction::Hash => Value::Text(self.hash(&value)),
        }
    }

    /// HMAC-SHA256 of the tenant and the value: equal values of one tenant have equal
    /// hashes, and nobody without the key can try values out.
    fn hash(&self, value: &Value) -> String {
        let Some(mut mac) = self.key.and_then(|key| Hmac::<Sha256>::new_from_slice(&key.0).ok()) else {
            // A policy that hashes does not load without a key.
            return REDACTED.to_owned();
        };
        let tenant =
            if Fault::HashOfAllTenants.is_on() { String::new() } else { self.principal.tenant_id().to_string() };
        mac.update(&(tenant.len() as u64).to_be_bytes());
        mac.update(tenant.as_bytes());
        mac.update(plain(value).as_bytes());
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A value as text: what its JSON form says, without quotes.
fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => match other.to_json() {
            serde_json::Value::String(text) => text,
            json => json.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Mask;

    #[test]
    fn a_hash_is_keyed_and_differs_by_tenant() {
        let (key, other) = (HashKey::new([1; 16]).unwrap(), HashKey::new([2; 16]).unwrap());
        let (acme, globex) = (Principal::new("acme"), Principal::new("globex"));
        let hash = |key: Option<&HashKey>, principal: &Principal, value: &str| {
            Redactor::new(key, principal).apply(&FieldAction::Hash, value.into())
        };
        assert_eq!(hash(Some(&key), &acme, "a"), hash(Some(&key), &acme, "a"));
        assert_ne!(hash(Some(&key), &acme, "a"), hash(Some(&key), &acme, "b"));
        assert_ne!(hash(Some(&key), &acme, "a"), hash(Some(&key), &globex, "a"));
        assert_ne!(hash(Some(&key), &acme, "a"), hash(Some(&other), &acme, "a"));
        assert_eq!(hash(None, &acme, "a"), REDACTED.into());
        assert!(HashKey::new([1; 15]).is_none());
    }

    #[test]
    fn null_shows_only_where_the_action_allows() {
        let acme = Principal::new("acme");
        let redactor = Redactor::new(None, &acme);
        assert_eq!(redactor.apply(&FieldAction::Redact, Value::Null), REDACTED.into());
        assert_eq!(redactor.apply(&FieldAction::Mask(Mask::Default), Value::Null), Value::Null);
        assert_eq!(redactor.apply(&FieldAction::Mask(Mask::Default), Value::Int(7)), "****".into());
    }
}
