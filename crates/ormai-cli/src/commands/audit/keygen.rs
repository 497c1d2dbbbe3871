//! `ormai audit keygen`: new keys.

use ormai::audit::NewKeys;

use crate::failure::Failure;
use crate::output;

/// Printed as lines of an environment file; the one that is no secret as a comment.
pub(super) fn run(as_json: bool) -> Result<(), Failure> {
    let keys = NewKeys::draw().map_err(|error| Failure::failed(format!("there is no randomness: {error}")))?;
    if as_json {
        return output::json(&keys);
    }
    output::line("# The public key, for `ormai audit verify --public-key` and for whoever checks proofs:")?;
    output::line(format!("# {}", keys.public_key))?;
    output::line(format!("ORMAI_AUDIT_KEY={}", keys.mac_key))?;
    output::line(format!("ORMAI_AUDIT_SIGNING_KEY={}", keys.signing_key))
}
