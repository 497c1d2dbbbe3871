//! `ormai explain`: what a call would do, and why.

use std::path::Path;

use ormai::request::{Request, Tool};
use ormai::{Explanation, Inspected, Operator, OrmAi, Refusal, RunContext, Table, Truth, Verdict};
use serde_json::{Value as Json, json};

use super::call::refusal;
use crate::args::Explain;
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

pub(crate) async fn run(config: &Path, explain: Explain, as_json: bool) -> Result<(), Failure> {
    let ctx = RunContext::new(explain.call.principal.principal()?);
    let work = async |ormai: &OrmAi| told(ormai, &ctx, explain, as_json).await;
    Config::read(config, as_json)?.with(as_json, work).await
}

async fn told(ormai: &OrmAi, ctx: &RunContext<'_>, explain: Explain, as_json: bool) -> Result<(), Failure> {
    let Explain { call, row } = explain;
    let request = Tool::from_name(&call.tool).and_then(|tool| Request::from_json(tool, call.arguments.as_bytes()));
    let request = match request {
        Ok(Request::DescribeSchema(_)) => {
            return Err(Failure::misuse("`describe_schema` reads no rows, so there is nothing to explain"));
        }
        Ok(request) => request,
        Err(error) => return refused(&Refusal::from(error), as_json),
    };
    let explanation = match ormai.tools().explain(ctx, request.clone()) {
        Ok(explanation) => explanation,
        Err(refusal) => return refused(&refusal, as_json),
    };
    let Some(row) = row else {
        if as_json {
            return output::json(&json!({"permitted": true, "explanation": explanation}));
        }
        return show(&explanation);
    };
    let key = key(ormai, &request, &row);
    match ormai.tools().explain_row(ctx, request, &key, Operator::acknowledged()).await {
        Ok(inspected) if as_json => {
            output::json(&json!({"permitted": true, "explanation": explanation, "row": inspected}))
        }
        Ok(inspected) => show_row(&inspected, &row),
        Err(error) => refused(&Refusal::from(error.into_error()), as_json),
    }
}

/// The key of a row as it was typed: JSON where that fits the model's key, else text.
fn key(ormai: &OrmAi, request: &Request, typed: &str) -> Json {
    let engine = ormai.tools().engine();
    let catalog = engine.policy().catalog();
    let model = request.model().and_then(|name| catalog.find(name)).map(|id| catalog.model(id));
    let is_text = model.is_some_and(|model| match model.primary_key.as_slice() {
        [field] => model.field(*field).ty.is_text(),
        _ => false,
    });
    match serde_json::from_str(typed) {
        Ok(json @ (Json::Object(_) | Json::String(_))) => json,
        Ok(json) if !is_text => json,
        _ => Json::from(typed),
    }
}

fn refused(refused: &Refusal, as_json: bool) -> Result<(), Failure> {
    if as_json {
        let Refusal { error, refused_by, tables, .. } = refused;
        output::json(&json!({"permitted": false, "error": error, "refused_by": refused_by, "tables": tables}))?;
    } else {
        refusal(&refused.error)?;
        if let Some(by) = &refused.refused_by {
            let (kind, rule, says) = (by.rule.kind, &by.rule.rule, &by.rule.says);
            output::line(format!("  by    {kind} {rule} on {} ({}): {says}", by.model, by.entered))?;
        }
        if !refused.tables.is_empty() {
            show_tables(&refused.tables)?;
        }
    }
    Err(Failure::told())
}

/// An explanation for people.
pub(crate) fn show(explanation: &Explanation) -> Result<(), Failure> {
    output::line(format!("permitted under policy {}", explanation.policy_version))?;
    show_tables(&explanation.tables)?;
    let said = [
        ("scope", Some(&explanation.scope)),
        ("filter", Some(&explanation.filter)),
        ("check", explanation.check.as_ref()),
    ];
    for (name, words) in said {
        if let Some(words) = words.filter(|words| !words.is_empty()) {
            output::line(format!("{name:<8}{words}"))?;
        }
    }
    for statement in &explanation.statements {
        output::line(format!("SQL     {}", statement.sql))?;
        output::line(format!("binds   {}", Json::Array(statement.binds.clone())))?;
    }
    output::line(format!("stopped in the database after {} ms", explanation.timeout_ms))
}

fn show_tables(tables: &[Table]) -> Result<(), Failure> {
    for table in tables {
        for rule in table.rules.iter().filter(|rule| rule.bypassed()) {
            output::line(format!(
                "BYPASS  {} lifts every scope, permit and restriction on {} ({})",
                rule.rule, table.model, table.entered
            ))?;
        }
    }
    let rules = tables.iter().flat_map(|table| {
        table.rules.iter().map(|rule| {
            vec![
                table.model.clone(),
                table.entered.clone(),
                rule.rule.clone(),
                rule.kind.to_string(),
                rule.says.clone(),
                rule.outcome(),
            ]
        })
    });
    output::table(&["model", "table", "rule", "kind", "says", "for this principal"], rules)
}

/// What is to be said of one row, for people.
fn show_row(inspected: &Inspected, row: &str) -> Result<(), Failure> {
    output::line(format!("{} {row}: {}", inspected.model, inspected.verdict))?;
    let rules = inspected.rules.iter().map(|rule| {
        let truth = truth(rule.truth, &rule.because);
        vec![rule.rule.clone(), rule.kind.to_string(), rule.says.clone(), truth]
    });
    output::table(&["rule", "kind", "says", "for this row"], rules)?;
    if !inspected.filters.is_empty() {
        let filters = inspected.filters.iter().zip(1..).map(|(filter, number)| {
            vec![format!("#{number}"), filter.says.clone(), truth(filter.truth, &filter.because)]
        });
        output::table(&["filter", "asks", "for this row"], filters)?;
    }
    if inspected.verdict != Verdict::NoSuchRow {
        output::line("only these truth values were read, no value of the row")?;
    }
    output::line(format!("under policy {}", inspected.policy_version))
}

fn truth(truth: Option<Truth>, because: &[String]) -> String {
    match truth {
        None => "not asked".to_owned(),
        Some(truth) if because.is_empty() => truth.as_sql().to_owned(),
        Some(truth) => format!("{}: {}", truth.as_sql(), because.join(", ")),
    }
}
