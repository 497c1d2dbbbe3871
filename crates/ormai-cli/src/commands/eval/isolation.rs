//! `ormai eval isolation`: whether anybody reaches what is not theirs, without a single test case.

use std::path::Path;

use ormai::policy::PolicyDocument;
use ormai_eval::isolation::{Isolation, IsolationError, IsolationReport, IsolationVerdict};
use ormai_eval::report::Report;

use super::place::{misfit, policy};
use super::{progress, who, write_page};
use crate::args::eval;
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(config: &Path, options: eval::Isolation, as_json: bool) -> Result<(), Failure> {
    let principals = options.principals.iter().map(|json| who("--principal", json)).collect::<Result<Vec<_>, _>>()?;
    let ormai = options.place.open(config, as_json).await?;
    let source = match &options.place.policy {
        Some(path) => policy(path)?,
        None => Config::read(config, as_json)?.policy.clone(),
    };
    let document = PolicyDocument::parse(&source.text, source.format)
        .map_err(|findings| misfit(&source, &findings, as_json).unwrap_or_else(|failure| failure))?;
    let suite = Isolation::new(ormai.tools(), &document)
        .seed(options.seed)
        .requests(options.requests)
        .max_rows(options.max_rows);
    let suite = principals.iter().fold(suite, |suite, who| suite.principal(who.principal()));
    let progress = progress::counting("asking", "requests");
    let ran = suite
        .run(&|at| {
            progress.set_position(u64::try_from(at.requests).unwrap_or(u64::MAX));
            if at.leaks > 0 {
                progress.set_message(format!("asking, {} leaks so far", at.leaks));
            }
        })
        .await;
    progress.finish_and_clear();
    let report = ran?;
    if let Some(path) = &options.html {
        write_page(path, &Report::new("Isolation").isolation(&report))?;
    }
    if as_json {
        output::json(&report)?;
    } else {
        show(&report)?;
    }
    if report.is_isolated { Ok(()) } else { Err(Failure::told()) }
}

impl From<IsolationError> for Failure {
    fn from(error: IsolationError) -> Self {
        match error {
            IsolationError::TooLarge { .. } => Self::misuse(error.to_string()),
            error => Self::failed(error.to_string()),
        }
    }
}

/// A report for people.
fn show(report: &IsolationReport) -> Result<(), Failure> {
    for leak in &report.leaks {
        output::line(format!("LEAK {leak}\n"))?;
    }
    if report.more_leaks > 0 {
        output::line(format!("and {} more leaks\n", report.more_leaks))?;
    }
    output::table(
        &["model", "tool", "answered", "refused"],
        report.tools.iter().map(|tool| {
            vec![tool.model.clone(), tool.tool.clone(), tool.answered.to_string(), tool.refused.to_string()]
        }),
    )?;
    output::table(
        &["model", "rule", "kind", "took part", "decided"],
        report.rules.iter().map(|rule| {
            let count = |count: usize| if count == 0 { "-".to_owned() } else { count.to_string() };
            vec![rule.model.clone(), rule.rule.clone(), rule.kind.clone(), count(rule.exercised), count(rule.decided)]
        }),
    )?;
    list("never decided anything: no row and no principal differs by it", &report.never_decided)?;
    list("never tested", &report.never_tested)?;
    list("not covered", &report.not_covered)?;
    list("undecided", &report.undecided)?;
    let seconds = std::time::Duration::from_millis(report.milliseconds).as_secs_f64();
    output::line(format!(
        "{} requests of {} principals beside {} canary rows among {}, in {seconds:.1} s on {} (seed {})",
        report.requests, report.principals, report.planted_rows, report.stored_rows, report.engine, report.seed
    ))?;
    output::line(match (report.verdict, report.leaks.len() + report.more_leaks) {
        (IsolationVerdict::Isolated, _) => "nothing leaked".to_owned(),
        (IsolationVerdict::Undecided, _) => "UNDECIDED: too little was tested".to_owned(),
        (IsolationVerdict::Leaks, 1) => "1 LEAK".to_owned(),
        (IsolationVerdict::Leaks, leaks) => format!("{leaks} LEAKS"),
    })
}

fn list(what: &str, items: &[String]) -> Result<(), Failure> {
    if items.is_empty() {
        return Ok(());
    }
    output::line(format!("{what}:"))?;
    items.iter().try_for_each(|item| output::line(format!("  {item}")))
}
