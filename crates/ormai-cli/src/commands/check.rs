//! `ormai check`: the policy against the database.

use std::path::Path;
use std::sync::Arc;

use ormai::policy::{CompileOptions, CompiledPolicy, PolicyDocument};
use serde_json::json;

use crate::config::{Config, hash_key};
use crate::failure::Failure;
use crate::output;

pub(crate) async fn run(config: &Path, as_json: bool) -> Result<(), Failure> {
    let config = Config::read(config, as_json)?;
    let policy = &config.policy;
    let database = config.connect().await?;
    let catalog = Arc::new(config.catalog(&database).await?);
    let options = CompileOptions { has_hash_key: hash_key().is_some() };
    let outcome = PolicyDocument::parse(&policy.text, policy.format)
        .and_then(|document| CompiledPolicy::compile(&document, catalog, options));
    let (findings, version) = match &outcome {
        Ok(compiled) => (compiled.diagnostics(), Some(compiled.version())),
        Err(findings) => (findings.as_slice(), None),
    };
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    if as_json {
        output::json(&json!({
            "ok": version.is_some(),
            "policy_version": version,
            "findings": output::findings_json(findings),
        }))?;
    } else {
        output::findings(&policy.name, &policy.text, findings)?;
        match version {
            Some(version) => {
                output::line(format!("the policy fits the database (version {version}, {} to read)", findings.len()))?
            }
            None => output::line(format!("the policy does not load: {errors} errors"))?,
        }
    }
    if version.is_some() { Ok(()) } else { Err(Failure::told()) }
}
