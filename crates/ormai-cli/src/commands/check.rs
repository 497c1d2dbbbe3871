//! `ormai check`: the policy against the database.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use ormai::db::privileges;
use ormai::diagnostic::{Diagnostic, KINDS, Severity, kind};
use ormai::policy::{CompileOptions, CompiledPolicy, PolicyDocument};
use ormai::suggest;
use serde_json::json;

use crate::args::Check;
use crate::config::{Config, hash_key};
use crate::failure::Failure;
use crate::output;

/// Words for all findings of a severity.
const WARNINGS: &str = "warnings";
const NOTES: &str = "notes";

pub(crate) async fn run(config: &Path, check: &Check, as_json: bool) -> Result<(), Failure> {
    let denial = Denial::read(check)?;
    let config = Config::read(config, as_json)?;
    let policy = &config.policy;
    let database = config.connect().await?;
    let catalog = Arc::new(config.catalog(&database).await?);
    let privileges = privileges(&database).await?;
    let options = CompileOptions { has_hash_key: hash_key().is_some() };
    let outcome = PolicyDocument::parse(&policy.text, policy.format).and_then(|document| {
        let compiled = CompiledPolicy::compile(&document, catalog, options)?;
        let findings = compiled.lint(&document, privileges.as_ref());
        Ok((compiled.version().to_owned(), findings))
    });
    let (findings, version) = match outcome {
        Ok((version, findings)) => (findings, Some(version)),
        Err(findings) => (findings.into_iter().map(Diagnostic::or_mend).collect(), None),
    };
    let denied: BTreeSet<&str> =
        findings.iter().filter(|finding| denial.denies(finding)).map(|finding| finding.code).collect();
    if as_json {
        output::json(&json!({
            "ok": version.is_some() && denied.is_empty(),
            "policy_version": version,
            "denied": denied,
            "findings": output::findings_json(&policy.text, &findings),
        }))?;
    } else {
        output::findings(&policy.name, &policy.text, &findings)?;
        match &version {
            Some(version) => {
                output::line(format!("the policy fits the database (version {version}, {} to read)", findings.len()))?
            }
            None => {
                let errors = findings.iter().filter(|finding| finding.is_error()).count();
                output::line(format!("the policy does not load: {errors} errors"))?
            }
        }
        if !denied.is_empty() {
            let codes: Vec<&str> = denied.iter().copied().collect();
            output::line(format!("denied: {}", codes.join(", ")))?;
        }
    }
    if version.is_some() && denied.is_empty() { Ok(()) } else { Err(Failure::told()) }
}

/// Which findings fail the command although the policy loads.
struct Denial<'a> {
    deny: Vec<&'a str>,
    allow: Vec<&'a str>,
}

impl<'a> Denial<'a> {
    fn read(check: &'a Check) -> Result<Self, Failure> {
        let read = |option: &str, codes: &'a [String]| {
            codes
                .iter()
                .map(|code| match code.as_str() {
                    WARNINGS | NOTES => Ok(code.as_str()),
                    code if kind(code).is_some() => Ok(code),
                    code => Err(unknown(option, code)),
                })
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self { deny: read("--deny", &check.deny)?, allow: read("--allow", &check.allow)? })
    }

    fn denies(&self, finding: &Diagnostic) -> bool {
        let all = match finding.severity {
            Severity::Error => return false,
            Severity::Warning => WARNINGS,
            Severity::Note => NOTES,
        };
        let names = |codes: &[&str]| codes.contains(&finding.code);
        // A code says more than a word for many.
        if names(&self.allow) {
            false
        } else {
            names(&self.deny) || (self.deny.contains(&all) && !self.allow.contains(&all))
        }
    }
}

fn unknown(option: &str, code: &str) -> Failure {
    let known = KINDS.iter().map(|kind| kind.code).chain([WARNINGS, NOTES]);
    let help = match suggest::nearest(code, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "the codes are listed in docs/reference/check.md".to_owned(),
    };
    Failure::misuse(format!("`{option}` knows no finding `{code}`; {help}"))
}
