//! What stands in the ledger of idempotency keys: digests, so that neither keys nor requests are
//! stored a second time.

mod recorded;

use std::fmt::Write as _;

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, ErrorCode, Result};
use crate::principal::Principal;
use crate::request::Request;

/// One key of one principal, with what was asked under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    id: String,
    request: String,
    policy: String,
}

/// What a record has to do with a claim for the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The same was asked under the same policy: the record's answer is the answer.
    Same,
    /// The same was asked and done, under another version of the policy or with other rights.
    OtherPolicy,
    /// Something else was asked.
    OtherRequest,
}

impl Claim {
    /// A principal's own key: of this user of this tenant, so that nobody meets another's. A
    /// principal without a user is a user of its own.
    ///
    /// # Errors
    ///
    /// `INTERNAL` when the request cannot be written down.
    pub fn of_key(principal: &Principal, key: &str, request: &Request, policy_version: &str) -> Result<Self> {
        let (tenant, user) = (principal.tenant_id(), principal.user_id());
        let id = digest("ormai key", [canonical(tenant), canonical(user), key.to_owned()]);
        // Roles and metadata decide with the policy what an answer shows: those without a user share
        // their keys, and need not share these.
        let (roles, metadata) = (Json::from(principal.roles()), principal.all_metadata());
        let metadata: serde_json::Map<String, Json> = metadata.clone().into_iter().collect();
        let rights = [policy_version.to_owned(), canonical(&roles), canonical(&metadata.into())];
        Self::new(id, request, digest("ormai policy", rights))
    }

    /// The one execution of an approved request.
    ///
    /// # Errors
    ///
    /// As [`Claim::of_key`].
    pub fn of_approval(approval: &str, request: &Request, policy_version: &str) -> Result<Self> {
        Self::new(format!("approval:{approval}"), request, digest("ormai policy", [policy_version.to_owned()]))
    }

    fn new(id: String, request: &Request, policy: String) -> Result<Self> {
        if !request.tool().writes() {
            return Err(Error::new(ErrorCode::Internal, "only writes are claimed"));
        }
        let mut arguments = request.arguments()?;
        if let Json::Object(arguments) = &mut arguments {
            // Neither says what is to be written.
            arguments.remove("dry_run");
            arguments.remove("idempotency_key");
        }
        let request = digest("ormai request", [request.tool().name().to_owned(), canonical(&arguments)]);
        Ok(Self { id, request, policy })
    }

    /// What the ledger finds it by.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the ledger keeps beside it: of the request, and of the policy that it was made under.
    pub fn fingerprint(&self) -> String {
        format!("{}:{}", self.request, self.policy)
    }

    /// What a record under the same id has to do with it.
    pub fn standing(&self, fingerprint: &str) -> Standing {
        match fingerprint.split_once(':') {
            Some((request, policy)) if request == self.request && policy == self.policy => Standing::Same,
            Some((request, _)) if request == self.request => Standing::OtherPolicy,
            _ => Standing::OtherRequest,
        }
    }
}

/// A digest of parts, each with its length before it: no two lists of parts are one text.
fn digest<const N: usize>(purpose: &str, parts: [String; N]) -> String {
    let mut hash = Sha256::new();
    for part in std::iter::once(purpose).chain(parts.iter().map(String::as_str)) {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A digest of whose something is, for tables in which no tenant's name stands.
pub fn tenant_digest(tenant: &Json) -> String {
    digest("ormai tenant", [canonical(tenant)])
}

/// JSON whose keys are in order, whatever order they came in.
fn canonical(json: &Json) -> String {
    match json {
        Json::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Json::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let entry = |(key, value): (&String, &Json)| format!("{}:{}", Json::from(key.as_str()), canonical(value));
            format!("{{{}}}", entries.into_iter().map(entry).collect::<Vec<_>>().join(","))
        }
        scalar => scalar.to_string(),
    }
}
