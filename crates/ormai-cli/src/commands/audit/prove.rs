//! `ormai audit prove`: that a record stands in the trail, for somebody who sees nothing else of it.

use std::path::{Path, PathBuf};

use ormai::audit::{Checkpoint, Line, Proof, ProveError, prove};
use serde_json::json;

use super::Stores;
use super::records::line;
use super::verify::public_key;
use crate::args::audit::Prove;
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(stores: &Stores<'_>, options: Prove, as_json: bool) -> Result<(), Failure> {
    if let (Some(path), Some(key)) = (&options.check, &options.public_key) {
        return check(path, key, as_json);
    }
    let Some(id) = options.id else { return Err(Failure::misuse("name a record, or a proof with --check")) };
    let path = options.output.unwrap_or_else(|| PathBuf::from(format!("{id}.proof.json")));
    if path.exists() && !options.force {
        return Err(Failure::misuse(format!("`{}` exists; --force overwrites it", path.display())));
    }
    let store = stores.one().await?;
    let proof = prove(&*store, &id).await.map_err(|error| match error {
        ProveError::Store(error) => error.into(),
        error => Failure::failed(error.to_string()),
    })?;
    let is_signed = Line::read(proof.checkpoint.as_str())
        .and_then(|line| Checkpoint::read(&line))
        .is_some_and(|checkpoint| checkpoint.signature.is_some());
    if !is_signed {
        return Err(Failure::failed(
            "the checkpoint that covers this record is not signed, so it proves nothing to others; \
             `ormai audit keygen` prints a signing key",
        ));
    }
    let text = serde_json::to_string_pretty(&proof).map_err(|error| Failure::failed(error.to_string()))?;
    std::fs::write(&path, format!("{text}\n"))
        .map_err(|error| Failure::failed(format!("`{}` cannot be written: {error}", path.display())))?;
    if as_json {
        return output::json(&json!({"file": path, "id": id}));
    }
    output::line(format!("wrote {}; check it with `ormai audit prove --check FILE --public-key KEY`", path.display()))
}

fn check(path: &Path, key: &str, as_json: bool) -> Result<(), Failure> {
    let key = public_key(key)?;
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::misuse(format!("the proof `{}` cannot be read: {error}", path.display())))?;
    let proof: Proof = serde_json::from_str(&text)
        .map_err(|error| Failure::failed(format!("`{}` is no proof: {error}", path.display())))?;
    let entry = proof.check(&key).map_err(|error| Failure::failed(format!("NOT proved: {error}")))?;
    if as_json {
        return output::json(&json!({"proved": true, "record": entry}));
    }
    output::line(line(&entry))?;
    output::line(format!(
        "proved: it stands in chain {} at {}, under a checkpoint of this key",
        entry.place.chain, entry.place.seq
    ))
}
