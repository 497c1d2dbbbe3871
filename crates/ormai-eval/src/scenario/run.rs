//! Making the requests of a page, and what came of them.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use ormai::prelude::*;
use ormai::request::Request;
use ormai::{CallResult, Dialect};
use serde_json::Value as Json;

use super::compare::{aligned, fits, fresh};
use super::finding::line;
use super::ground::{Laid, Place, engine};
use super::markdown::Block;
use super::page::{self, Call, Ground, Reply, Scenario, Step, filled};
use super::report::{Edit, Failure, PageReport, ScenarioReport};
use super::role::dialect_name;
use super::source::Source;
use super::sql;
use super::tree::Tree;
use crate::EvalHarness;
use crate::invariants::Invariants;

/// Runs pages.
#[derive(Clone, Debug)]
pub struct Runner {
    place: Place,
    filter: Option<String>,
}

impl Default for Runner {
    fn default() -> Self {
        Self::new()
    }
}

impl Runner {
    /// Runs on SQLite, in memory.
    pub fn new() -> Self {
        Self { place: Place::Memory, filter: None }
    }

    /// Runs on a database of any engine. A page's tables are made there and removed behind it; a page one of
    /// whose tables is there already is not run.
    pub fn on(database: impl Into<ormai::db::Database>) -> Self {
        Self { place: Place::Given(database.into()), filter: None }
    }

    /// Runs only scenarios whose headings contain a text, whatever its case.
    #[must_use]
    pub fn filter(mut self, text: impl Into<String>) -> Self {
        self.filter = Some(text.into().to_lowercase());
        self
    }

    /// Runs a page. Nothing is left of it in the database.
    pub async fn run(&self, source: &Source) -> PageReport {
        let mut report = PageReport::of(source);
        let page = match page::read(source.text()) {
            Ok(page) => page,
            Err(findings) => {
                report.findings = findings;
                return report;
            }
        };
        let wanted = page.scenarios.iter().filter(|scenario| self.wants(scenario));
        let mut laid: Option<Laid> = None;
        for scenario in wanted {
            let begun = Instant::now();
            let told = match &scenario.ground {
                None => Ok(Told::of_findings(scenario, source.text())),
                Some(ground) => {
                    if laid.as_ref().is_none_or(|laid| !laid.is_for(ground)) {
                        if let Some(before) = laid.take() {
                            report.findings.extend(before.remove().await.err());
                        }
                        match self.place.lay(ground).await {
                            Ok(new) => laid = Some(new),
                            Err(findings) => {
                                // What stands on this ground cannot run, and every other would fail alike.
                                report.findings.extend(findings);
                                return report;
                            }
                        }
                    }
                    match &laid {
                        Some(laid) => told(laid, ground, scenario, source.text()).await,
                        None => Ok(Told::default()),
                    }
                }
            };
            let Told { failures, .. } = told.unwrap_or_else(|wrong| Told::failed(scenario, wrong));
            report.scenarios.push(ScenarioReport {
                title: scenario.title.clone(),
                line: scenario.line,
                requests: scenario.steps.len(),
                elapsed: begun.elapsed(),
                failures,
            });
        }
        if let Some(laid) = laid {
            report.findings.extend(laid.remove().await.err());
        }
        report
    }

    fn wants(&self, scenario: &Scenario) -> bool {
        self.filter.as_ref().is_none_or(|text| scenario.title.to_lowercase().contains(text))
    }
}

/// What a scenario came to so far.
#[derive(Default)]
struct Told {
    failures: Vec<Failure>,
    /// The answer that came last.
    answer: Option<Tree>,
}

impl Told {
    fn failed(scenario: &Scenario, wrong: String) -> Self {
        Self { failures: vec![Failure::at(scenario.line, wrong)], answer: None }
    }

    fn of_findings(scenario: &Scenario, text: &str) -> Self {
        let mut told = Self::default();
        for step in &scenario.steps {
            if let Step::Findings { expected, came } = step {
                told.findings(expected, came, text);
            }
        }
        told
    }

    fn findings(&mut self, block: &Block, came: &str, text: &str) {
        let expected = text.get(block.body.clone()).unwrap_or_default();
        if expected.trim_end() != came.trim_end() {
            let edit = Edit { span: block.body.clone(), text: came.to_owned() };
            let failure = Failure::at(line(text, block.span.start), "loading the policy finds something else");
            self.failures.push(failure.differing(expected, came).mended(edit));
        }
    }

    fn reply(&mut self, call: &Call, came: &Tree, is_error: bool, text: &str) {
        let word = if is_error { "error" } else { "answer" };
        let place = line(text, call.span.start);
        let Some(Reply { is_error: expects_error, expected, block }) = &call.reply else {
            let shown = fresh(came).pretty();
            let edit = Edit { span: call.span.end..call.span.end, text: format!("\n\n```json {word}\n{shown}\n```") };
            let failure = Failure::at(place, "the request has no answer or error on the page");
            return self.failures.push(failure.differing("", &shown).mended(edit));
        };
        if expects_error == &is_error && fits(expected, came) {
            return;
        }
        let place = line(text, block.span.start);
        let (what, shown) = match (expects_error, is_error) {
            (true, false) => ("the request was answered, and not refused", fresh(came).pretty()),
            (false, true) => ("the request was refused, and not answered", fresh(came).pretty()),
            (true, true) => ("the error is another one", aligned(expected, came).pretty()),
            (false, false) => ("the answer is another one", aligned(expected, came).pretty()),
        };
        let edit = if expects_error == &is_error {
            Edit { span: block.body.clone(), text: format!("{shown}\n") }
        } else {
            Edit { span: block.span.clone(), text: format!("```json {word}\n{shown}\n```") }
        };
        self.failures.push(Failure::at(place, what).differing(&expected.pretty(), &shown).mended(edit));
    }

    fn sql(&mut self, dialect: Dialect, block: &Block, explained: Result<Vec<String>, String>, text: &str) {
        let place = line(text, block.span.start);
        match explained {
            Err(wrong) => self.failures.push(Failure::at(place, wrong)),
            Ok(statements) => {
                let expected = text.get(block.body.clone()).unwrap_or_default();
                let came = sql::pretty(&statements);
                if sql::words(expected) != sql::words(&came) {
                    let what = format!("the SQL for {} is another one", dialect_name(dialect));
                    let edit = Edit { span: block.body.clone(), text: format!("{came}\n") };
                    self.failures.push(Failure::at(place, what).differing(expected.trim_end(), &came).mended(edit));
                }
            }
        }
    }
}

/// What the calls of a scenario have in common.
struct On<'a> {
    ground: &'a Ground,
    harness: EvalHarness,
    invariants: &'a Invariants,
}

/// Runs a scenario in a transaction that is rolled back.
async fn told(laid: &Laid, ground: &Ground, scenario: &Scenario, text: &str) -> Result<Told, String> {
    let ormai = laid.under(&ground.policy).await?;
    let told = Mutex::new(Told::default());
    let tools = ormai.tools();
    let harness = EvalHarness::new(tools, &ground.policy).map_err(|wrong| wrong.to_string())?;
    let on = On { ground, harness, invariants: &scenario.invariants };
    let around = RunContext::new(Principal::without_tenant());
    let ended = tools
        .transaction(&around, async |tx| -> Result<(), Error> {
            for step in &scenario.steps {
                match step {
                    Step::Findings { expected, came } => lock(&told).findings(expected, came, text),
                    Step::Call(call) => made(tools, tx, &on, call, &told, text).await,
                }
            }
            Err(undone())
        })
        .await;
    match ended {
        Err(refused) if refused.message == undone().message => {}
        Err(refused) => return Err(refused.message.clone()),
        Ok(()) => {}
    }
    Ok(told.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Why the transaction around a scenario ends.
fn undone() -> Error {
    Error::new(ErrorCode::Internal, "the scenario is over")
}

fn lock(told: &Mutex<Told>) -> std::sync::MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a call and looks at what came.
async fn made(tools: &Toolset, tx: &RunContext<'_>, on: &On<'_>, call: &Call, told: &Mutex<Told>, text: &str) {
    let ctx = tx.for_principal(call.principal.clone()).now(call.now);
    let place = line(text, call.span.start);
    let before = lock(told).answer.clone();
    let arguments = match filled(&call.arguments, before.as_ref()) {
        Ok(arguments) => arguments,
        Err(path) => {
            let what = format!("`{path}` leads to nothing in the answer before");
            return lock(told).failures.push(Failure::at(place, what));
        }
    };
    // Before the call: what it writes is undone there, and stays here.
    if on.invariants.names().next().is_some() {
        let held = on.harness.run(&ctx, call.tool.name(), arguments.clone(), on.invariants.clone()).await;
        let violations = held.violations.iter().map(|violation| Failure::at(place, violation.to_string()));
        lock(told).failures.extend(violations);
    }
    let explained = |(dialect, block)| (dialect, block, explained(on.ground, &ctx, call, &arguments, dialect));
    let sql: Vec<_> = call.sql.iter().map(|(dialect, block)| explained((*dialect, block))).collect();
    let result = tools.call(&ctx, call.tool.name(), &arguments).await;
    let is_error = matches!(result, CallResult::Refused { .. });
    let came = Tree::of(&result).ok().and_then(|tree| tree.member(if is_error { "error" } else { "data" }).cloned());
    let mut told = lock(told);
    match came {
        Some(came) => {
            told.reply(call, &came, is_error, text);
            told.answer = Some(came);
        }
        None => told.failures.push(Failure::at(place, "the answer cannot be written as JSON")),
    }
    for (dialect, block, explained) in sql {
        told.sql(dialect, block, explained, text);
    }
}

fn explained(
    ground: &Ground,
    ctx: &RunContext<'_>,
    call: &Call,
    arguments: &Json,
    dialect: Dialect,
) -> Result<Vec<String>, String> {
    let request = Request::from_value(call.tool, arguments).map_err(|error| error.message)?;
    let explained = engine(ground, dialect)?.explain(ctx, request);
    let explained = explained.map_err(|refused| format!("a refused request has no SQL: {refused}"))?;
    Ok(explained.statements.into_iter().map(|statement| statement.sql).collect())
}
