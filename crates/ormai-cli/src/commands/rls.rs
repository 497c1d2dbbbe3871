//! `ormai rls`: native row-level security from the policy, and where a database differs from it.

use std::path::Path;
use std::sync::Arc;

use ormai::db::Database;
use ormai::policy::{CompileOptions, CompiledPolicy, PolicyDocument};
use ormai::rls::{self, Script};
use serde_json::json;

use crate::args::Rls;
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

pub(crate) async fn run(config: &Path, arguments: Rls, as_json: bool) -> Result<(), Failure> {
    let config = Config::read(config, as_json)?;
    let database = config.connect().await?;
    let script = script(&config, &database, &arguments.role, as_json).await?;
    if arguments.check {
        return check(&database, &script, as_json).await;
    }
    let text = script.to_string();
    match &arguments.output {
        Some(file) => {
            std::fs::write(file, &text)
                .map_err(|error| Failure::failed(format!("`{}` cannot be written: {error}", file.display())))?;
            if as_json {
                return output::json(&json!({"file": file, "roles": script.roles()}));
            }
            output::line(format!("{}: install it with `psql --set ON_ERROR_STOP=1 --file`", file.display()))
        }
        None if as_json => output::json(&json!({"script": text, "roles": script.roles()})),
        None => output::line(text.trim_end()),
    }
}

/// The script of the policy; findings that stop it are printed.
async fn script(config: &Config, database: &Database, role: &str, as_json: bool) -> Result<Script, Failure> {
    let policy = &config.policy;
    let catalog = Arc::new(config.catalog(database).await?);
    // Hashes are not the database's, so their key is not asked for.
    let options = CompileOptions { has_hash_key: true };
    let compiled = PolicyDocument::parse(&policy.text, policy.format)
        .and_then(|document| CompiledPolicy::compile(&document, catalog, options));
    match compiled {
        Ok(compiled) => rls::script(&compiled, database.dialect(), role).map_err(|error| match error {
            rls::ScriptError::Engine => Failure::misuse(error.to_string()),
            error => Failure::failed(error.to_string()),
        }),
        Err(findings) => {
            if !as_json {
                output::findings(&policy.name, &policy.text, &findings)?;
            }
            Err(Failure::failed("the policy does not load").because(&policy.text, &findings))
        }
    }
}

async fn check(database: &Database, script: &Script, as_json: bool) -> Result<(), Failure> {
    let differences = rls::check(database, script).await?;
    if as_json {
        output::json(&json!({"ok": differences.is_empty(), "differences": differences}))?;
    } else if differences.is_empty() {
        output::line("row-level security is installed as the policy says")?;
    } else {
        differences.iter().try_for_each(output::line)?;
        output::line(format!("row-level security is not as the policy says: {} differences", differences.len()))?;
    }
    if differences.is_empty() { Ok(()) } else { Err(Failure::told()) }
}
