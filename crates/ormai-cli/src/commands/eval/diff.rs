//! `ormai eval diff`: what a new policy changes, and for whom.

use std::path::Path;

use ormai::policy::PolicyDocument;
use ormai_eval::diff::{
    CallsDiff, DiffError, Direction, ModelRows, PolicyDiff, RowsDiff, RowsOptions, Versions, Which,
};
use ormai_eval::record::{Calls, Who};
use ormai_eval::report::Report;
use serde_json::Value as Json;

use super::place::{misfit, policy};
use super::{progress, who, write_page};
use crate::args::eval::Diff;
use crate::config::{Config, PolicySource};
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(config: &Path, diff: Diff, as_json: bool) -> Result<(), Failure> {
    let principals = diff.principals.iter().map(|json| who("--principal", json)).collect::<Result<Vec<Who>, _>>()?;
    let calls = diff.calls.as_ref().map(Calls::open).transpose()?;
    let (old, new) = (policy(&diff.old)?, policy(&diff.new)?);
    let config = Config::read(config, as_json)?;
    let database = config.connect().await?;
    let catalog = config.catalog(&database).await?;
    let failed = |error: DiffError| match error {
        DiffError::Policy(which, findings) => {
            let policy = if which == Which::Old { &old } else { &new };
            misfit(policy, &findings, as_json).unwrap_or_else(|failure| failure)
        }
        DiffError::Calls(what) => Failure::misuse(what),
        error => Failure::failed(error.to_string()),
    };
    let versions = Versions::new(read(&old, as_json)?, read(&new, as_json)?, catalog).map_err(failed)?;
    let mut found = versions.diff(&principals);
    if !diff.rules_only {
        let progress = progress::counting("comparing rows", "models");
        let options = RowsOptions { principals, most_rows: diff.most_rows };
        let compared = versions.compare_rows(&mut found, &database, options, |_| progress.inc(1)).await;
        progress.finish_and_clear();
        compared.map_err(failed)?;
    }
    if let Some(calls) = calls {
        let progress = progress::counting("making calls", "calls");
        let compared = versions.compare_calls(&mut found, &database, calls.inspect(|_| progress.inc(1))).await;
        progress.finish_and_clear();
        compared.map_err(failed)?;
    }
    if let Some(path) = &diff.html {
        write_page(path, &Report::new("What the new policy changes").diff(&found))?;
    }
    if as_json {
        output::json(&found)?;
    } else {
        show(&found)?;
    }
    if found.is_wider() && !diff.allow_wider { Err(Failure::told()) } else { Ok(()) }
}

fn read(policy: &PolicySource, as_json: bool) -> Result<PolicyDocument, Failure> {
    PolicyDocument::parse(&policy.text, policy.format)
        .map_err(|findings| misfit(policy, &findings, as_json).unwrap_or_else(|failure| failure))
}

/// A diff for people.
fn show(diff: &PolicyDiff) -> Result<(), Failure> {
    output::line(format!("from {} to {}", diff.old, diff.new))?;
    let changes = diff.changes();
    if !changes.is_empty() {
        let rows = changes.iter().map(|(change, roles)| {
            let sets =
                roles.iter().map(|roles| if roles.is_empty() { "(no role)".to_owned() } else { roles.join("+") });
            let roles =
                if roles.len() == diff.roles.len() { "all".to_owned() } else { sets.collect::<Vec<_>>().join(", ") };
            vec![
                word(change.direction),
                change.part.as_str().to_owned(),
                change.subject(),
                text(&change.old),
                text(&change.new),
                roles,
            ]
        });
        output::table(&["", "part", "what", "old", "new", "roles"], rows)?;
    }
    if !diff.rows.is_empty() {
        output::table(
            &["principal", "model", "old", "new", "newly visible", "seen no more", "fields newly shown"],
            diff.rows.iter().map(row),
        )?;
    }
    if let Some(calls) = &diff.calls {
        show_calls(calls)?;
    }
    for ModelRows { model, compared, refused, .. } in diff.models.iter().filter(|model| model.saw_rows == 0) {
        let model = text(model);
        output::line(format!(
            "{model}: nobody saw a row under either policy ({compared} found none, {refused} were refused by both)"
        ))?;
    }
    let rows = match (diff.principals, diff.principals_asked) {
        (0, 0) => "no rows were compared".to_owned(),
        (count, asked) if count == asked => format!("rows were compared for {count} principals"),
        (count, asked) => format!("rows were compared for {count} of {asked} principals; the others were refused"),
    };
    let sets = if diff.all_combinations { "all" } else { "some" };
    let looked = format!("{sets} {} sets of roles; {rows}", diff.roles.len());
    output::line(match (diff.is_wider(), diff.is_empty()) {
        (true, _) => format!("WIDER: something is open that was not, or may be ({looked})"),
        (false, true) => format!("nothing differs ({looked})"),
        (false, false) => format!("nothing is wider ({looked})"),
    })
}

fn text(text: &str) -> String {
    super::super::audit::word(&Json::from(text))
}

fn word(direction: Direction) -> String {
    match direction {
        Direction::Wider => "WIDER",
        Direction::Either => "MAY BE WIDER",
        Direction::Narrower => "narrower",
    }
    .to_owned()
}

fn row(rows: &RowsDiff) -> Vec<String> {
    let count = |count: u64, refusal: &Option<String>| refusal.clone().unwrap_or_else(|| count.to_string());
    vec![
        rows.principal.to_string(),
        rows.model.clone(),
        count(rows.old, &rows.old_refusal),
        count(rows.new, &rows.new_refusal),
        keys(rows.newly, &rows.newly_keys) + if rows.complete { "" } else { " (not all rows were compared)" },
        keys(rows.no_longer, &rows.no_longer_keys),
        rows.fields.join(", "),
    ]
}

fn keys(count: u64, keys: &[Json]) -> String {
    if keys.is_empty() {
        return count.to_string();
    }
    let named = keys.iter().map(super::super::audit::word).collect::<Vec<_>>().join(", ");
    let more = if count > u64::try_from(keys.len()).unwrap_or(u64::MAX) { ", …" } else { "" };
    format!("{count}: {named}{more}")
}

fn show_calls(calls: &CallsDiff) -> Result<(), Failure> {
    for found in &calls.changes {
        let direction = word(found.direction);
        output::line(format!("{} ({direction}, rows +{} -{})", found.change, found.newly, found.no_longer))?;
    }
    output::line(format!(
        "{} of {} calls made under both: {} end otherwise, {} wider or perhaps so; {} writes left out, {} not known as they were",
        calls.made, calls.calls, calls.changed, calls.wider, calls.writes_left_out, calls.not_exact
    ))
}
