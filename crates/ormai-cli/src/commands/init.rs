//! `ormai init`: a starter configuration and policy for a database that exists.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use ormai::db::{ConnectOptions, Database, IntrospectOptions, introspect};
use serde_json::json;

use crate::args::Init;
use crate::failure::Failure;
use crate::output;
use crate::starter;

pub(crate) async fn run(init: Init, as_json: bool) -> Result<(), Failure> {
    let shown_url = url_for_the_file(&init)?;
    let options = ConnectOptions::default();
    let database = Database::connect(&init.url, &options).await?;
    let catalog = introspect(&database, &IntrospectOptions::default())
        .await?
        .build()
        .map_err(|error| Failure::failed(error.to_string()))?;
    if catalog.models().next().is_none() {
        return Err(Failure::failed("the database has no tables that can be read"));
    }
    let starter = starter::policy(&catalog, init.tenant_column.as_deref()).map_err(Failure::misuse)?;
    let configuration = format!(
        "# Where OrmAI finds its database and its policy.\n\
         database:\n  url: {}\npolicy: policy.yaml\n\
         # Every call leaves a record. Keys make the trail one that nobody can rewrite: `ormai audit keygen`.\n\
         audit: {{store: jsonl, path: audit.jsonl}}\n",
        starter::quoted(&shown_url)
    );
    std::fs::create_dir_all(&init.dir)?;
    write(&init.dir.join("ormai.yaml"), &configuration, init.force)?;
    write(&init.dir.join("policy.yaml"), &starter.text, init.force)?;
    if as_json {
        let models: Vec<_> = starter
            .models
            .iter()
            .map(|(name, verdict)| json!({"model": name, "open": verdict.is_open(), "why": verdict.why()}))
            .collect();
        return output::json(&json!({"tenant_column": starter.tenant_column, "models": models}));
    }
    match &starter.tenant_column {
        Some(column) => output::line(format!("tenants are told apart by `{column}`"))?,
        None => output::line("no tenant column was found: every model is closed; name one with --tenant-column")?,
    }
    let rows = starter.models.iter().map(|(name, verdict)| {
        vec![name.clone(), if verdict.is_open() { "open" } else { "closed" }.to_owned(), verdict.why()]
    });
    output::table(&["model", "", "why"], rows)?;
    output::line(format!(
        "wrote {} and policy.yaml; read the policy, then run `ormai check`",
        init.dir.join("ormai.yaml").display()
    ))
}

/// The URL as the configuration holds it. A password does not get into a file.
fn url_for_the_file(init: &Init) -> Result<String, Failure> {
    if let Some(variable) = &init.url_variable {
        return Ok(format!("${{{variable}}}"));
    }
    let has_password = init
        .url
        .split_once("://")
        .and_then(|(_, rest)| rest.split(['/', '?']).next()?.rsplit_once('@'))
        .is_some_and(|(user, _)| user.contains(':'));
    if has_password || init.url.contains("password=") {
        return Err(Failure::misuse(
            "the URL holds a password, which does not belong into a file; \
             put the URL into an environment variable and name that with --url-variable",
        ));
    }
    if let Some(path) = init.url.strip_prefix("sqlite:").map(|rest| rest.trim_start_matches("//")) {
        // The configuration may stand in another directory than this one.
        let path = path.split('?').next().unwrap_or(path);
        let whole = std::path::absolute(path)?;
        return Ok(format!("sqlite:{}", whole.display()));
    }
    Ok(init.url.clone())
}

fn write(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let mut file = options.open(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            Failure::misuse(format!("`{}` exists; --force overwrites it", path.display()))
        } else {
            Failure::failed(format!("`{}` cannot be written: {error}", path.display()))
        }
    })?;
    file.write_all(text.as_bytes())?;
    Ok(())
}
