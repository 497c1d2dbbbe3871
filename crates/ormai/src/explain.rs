//! What would be done for a request, and why. For operators: it holds SQL and values.

use ormai_core::answer::Fetched;
use ormai_core::error::Result;
use ormai_core::plan::{AppliedRule, literal};
use ormai_core::policy::Effect;
use ormai_core::value::Value;
use serde::Serialize;
use serde_json::Value as Json;

use crate::Call;

/// What stands for the keys of parents in the statements of includes: they are known only
/// once the rows above have been read.
pub const PARENT_KEY: &str = "<key of a row above>";

/// A decision laid open.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The version of the policy that decided.
    pub policy_version: String,
    /// How long each statement may run, in milliseconds.
    pub timeout_ms: u32,
    /// Which rule did what, in the order in which tables entered the plan.
    pub rules: Vec<ExplainedTable>,
    /// What the policy admits of the root's table, in words.
    pub scope: String,
    /// What the request asks of it, in words.
    pub filter: String,
    /// The statements in their order: the root, one for each include (in which
    /// [`PARENT_KEY`] stands for the keys of the rows above), and the count.
    pub statements: Vec<ExplainedStatement>,
}

/// A rule that took part.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ExplainedTable {
    /// The model whose table it governs.
    pub model: String,
    /// Its name; the field of a scope.
    pub rule: String,
    /// `scope`, `permit`, `inferred permit`, `restrict` or `bypass`.
    pub effect: &'static str,
    /// What it says.
    pub says: String,
}

/// A statement with its values.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ExplainedStatement {
    /// The text.
    pub sql: String,
    /// The values, in the order of the placeholders.
    pub binds: Vec<Json>,
}

impl Explanation {
    pub(crate) fn of(mut call: Call) -> Result<Self> {
        let policy_version = call.engine().policy().version().to_owned();
        let catalog = call.engine().policy().catalog().clone();
        let rules = explain_rules(&call);
        let (scope, filter) = (call.plan().root().show_scope(&catalog), call.plan().root().show_filter(&catalog));
        let timeout_ms = call.plan().timeout_ms();
        let mut statements = Vec::new();
        while let Some(statement) = call.statement()? {
            let binds = statement.binds().map(|bind| match bind {
                ormai_sql::Bind::Value(value) => shown(value),
                ormai_sql::Bind::Array(values, _) => values.iter().map(shown).collect(),
            });
            statements.push(ExplainedStatement { sql: statement.sql().to_string(), binds: binds.collect() });
            // A parent that stands for any, so that the statements of includes come out too.
            let parent = vec![Value::Text(PARENT_KEY.to_owned()); statement.columns().len()];
            call.feed(Fetched::new(statement.columns().len(), parent));
        }
        Ok(Self { policy_version, timeout_ms, rules, scope, filter, statements })
    }
}

/// A bound value for people; a pattern as LIKE would write it, whatever the dialect binds.
fn shown(value: &Value) -> Json {
    match value {
        Value::Pattern(pattern) => pattern.to_like().into(),
        value => value.to_json(),
    }
}

fn explain_rules(call: &Call) -> Vec<ExplainedTable> {
    let catalog = call.engine().policy().catalog();
    call.plan()
        .applied()
        .iter()
        .filter_map(|applied| {
            let model = catalog.model(applied.model);
            let (rule, effect, says) = match &applied.rule {
                AppliedRule::Scope(field, value) => {
                    let field = &model.field(*field).name;
                    let operator = if matches!(value, Value::Array(_)) { "IN" } else { "=" };
                    (field.clone(), "scope", format!("{field} {operator} {}", literal(value)))
                }
                AppliedRule::Row(index) => {
                    let rule = call.view().model(applied.model)?.row_rules.get(*index)?;
                    let effect = match rule.effect {
                        Effect::Restrict => "restrict",
                        Effect::Permit(_) if rule.inferred => "inferred permit",
                        Effect::Permit(_) => "permit",
                        Effect::Bypass => "bypass",
                    };
                    (rule.name.clone(), effect, rule.condition.source().to_owned())
                }
            };
            Some(ExplainedTable { model: model.name.clone(), rule, effect, says })
        })
        .collect()
}
