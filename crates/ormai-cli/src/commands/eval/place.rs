//! Where calls are made.

use std::path::Path;
use std::sync::Arc;

use ormai::approvals::MemoryApprovals;
use ormai::audit::AuditStore;
use ormai::policy::Format;
use ormai::{BuildError, OrmAi};

use crate::args::eval::Place;
use crate::config::{Config, PolicySource, environment, hash_key};
use crate::failure::Failure;
use crate::output;

impl Place {
    /// The policy and the database of the configuration, or those that are named instead.
    pub(super) async fn open(&self, config: &Path, as_json: bool) -> Result<OrmAi, Failure> {
        let config = Config::read(config, as_json)?;
        let policy = match &self.policy {
            Some(path) => policy(path)?,
            None => config.policy.clone(),
        };
        open(&config.at(self.database.as_deref()), &policy, None, as_json).await
    }
}

/// A policy over a database. Without a store, its calls leave no record; writes that wait for an approval
/// wait in memory.
pub(super) async fn open(
    config: &Config,
    policy: &PolicySource,
    audit: Option<Arc<dyn AuditStore>>,
    as_json: bool,
) -> Result<OrmAi, Failure> {
    let database = config.connect().await?;
    let catalog = config.catalog(&database).await?;
    let mut builder = OrmAi::builder().database(database).catalog(catalog);
    builder = builder.policy_text(policy.text.clone(), policy.format).approvals(Arc::new(MemoryApprovals::new()));
    if let Some(key) = hash_key() {
        builder = builder.hash_key(key);
    }
    if let Some(secret) = environment("ORMAI_CURSOR_KEY").filter(|secret| !secret.is_empty()) {
        builder = builder.cursor_secret(secret);
    }
    builder = match audit {
        Some(store) => builder.audit(store),
        None => builder.unrecorded(),
    };
    match builder.build().await {
        Ok(ormai) => Ok(ormai),
        Err(BuildError::Policy(findings)) => Err(misfit(policy, &findings, as_json)?),
        Err(error) => Err(error.into()),
    }
}

/// Shows the findings of a policy that does not load.
pub(super) fn misfit(
    policy: &PolicySource,
    findings: &[ormai::diagnostic::Diagnostic],
    as_json: bool,
) -> Result<Failure, Failure> {
    if !as_json {
        // What is no error is for `ormai check`.
        let errors: Vec<_> = findings.iter().filter(|finding| finding.is_error()).cloned().collect();
        output::findings(&policy.name, &policy.text, &errors)?;
    }
    Ok(Failure::misuse(format!("the policy `{}` does not load", policy.name)).because(&policy.text, findings))
}

/// A policy from its file.
pub(super) fn policy(path: &Path) -> Result<PolicySource, Failure> {
    let name = path.display().to_string();
    let format = Format::from_path(path).ok_or_else(|| {
        Failure::misuse(format!("the name of the policy `{name}` ends in none of .yaml, .toml, .json"))
    })?;
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::misuse(format!("the policy `{name}` cannot be read: {error}")))?;
    Ok(PolicySource { name, text, format })
}
