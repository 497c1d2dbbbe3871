//! `ormai describe`: what a principal may see and do.

use std::path::Path;

use ormai::request::DescribeSchema;
use ormai::schema::{Definition, DescribedModel, DescribedWrites};
use ormai::{OrmAi, RunContext};
use serde_json::json;

use super::call::refusal;
use crate::args::{Describe, ToolFormat};
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

pub(crate) async fn run(config: &Path, describe: Describe, as_json: bool) -> Result<(), Failure> {
    let principal = describe.principal.principal()?;
    let ctx = RunContext::new(principal);
    let work = async |ormai: &OrmAi| told(ormai, &ctx, describe, as_json).await;
    Config::read(config, as_json)?.with(as_json, work).await
}

async fn told(ormai: &OrmAi, ctx: &RunContext<'_>, describe: Describe, as_json: bool) -> Result<(), Failure> {
    if let Some(format) = describe.tools {
        let export = match format {
            ToolFormat::JsonSchema => Definition::to_json_schema,
            ToolFormat::Openai => Definition::to_openai,
            ToolFormat::Anthropic => Definition::to_anthropic,
        };
        let tools: Vec<_> = ormai.tools().definitions(ctx).iter().map(export).collect();
        return output::json(&tools);
    }
    let request = DescribeSchema { model: describe.model };
    match ormai.tools().describe_schema(ctx, request).await {
        Ok(description) if as_json => output::json(&description.data),
        Ok(description) => description.models.iter().try_for_each(show),
        Err(error) => {
            if as_json {
                output::json(&json!({"error": error}))?;
            } else {
                refusal(&error)?;
            }
            Err(Failure::told())
        }
    }
}

fn show(model: &DescribedModel) -> Result<(), Failure> {
    output::line(format!("{} (key: {})", model.name, model.key.join(", ")))?;
    let fields = model.fields.iter().map(|field| {
        let nullable = if field.nullable { "may be null" } else { "" };
        vec![field.name.clone(), field.ty.clone(), nullable.to_owned(), field.shown.unwrap_or("").to_owned()]
    });
    let relations = model.relations.iter().map(|relation| {
        let many = if relation.many { "many" } else { "one" };
        vec![relation.name.clone(), format!("→ {}", relation.model), many.to_owned(), String::new()]
    });
    output::table(&["name", "type", "", "shown"], fields.chain(relations))?;
    if let Some(open) = &model.aggregations {
        let mut figures: Vec<String> =
            open.functions.iter().map(|(function, fields)| format!("{function}({})", fields.join(", "))).collect();
        if open.count {
            figures.insert(0, "count".to_owned());
        }
        output::line(format!("figures: {}", figures.join(", ")))?;
    }
    if let Some(writes) = &model.writes {
        show_writes(writes)?;
    }
    output::line(format!("at most {} rows\n", model.limits.max_rows))
}

fn show_writes(writes: &DescribedWrites) -> Result<(), Failure> {
    let actions = writes.actions.iter().map(|(tool, action)| match *action {
        "allow" => (*tool).to_owned(),
        _ => format!("{tool} (after an approval)"),
    });
    output::line(format!("writes: {}", actions.collect::<Vec<_>>().join(", ")))?;
    let lists = [
        ("data takes", &writes.writable),
        ("required", &writes.required),
        ("not changed by an update", &writes.immutable),
        ("filled by a create", &writes.auto_set),
    ];
    for (says, fields) in lists.into_iter().filter(|(_, fields)| !fields.is_empty()) {
        output::line(format!("  {says}: {}", fields.join(", ")))?;
    }
    if writes.require_reason {
        output::line("  each with a reason")?;
    }
    match writes.max_affected_rows {
        Some(rows) => output::line(format!("  one write changes at most {rows} rows")),
        None => Ok(()),
    }
}
