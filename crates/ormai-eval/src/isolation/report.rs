//! What a run of the suite has found: plain data, for tables, for machines and for pictures.

use std::fmt;

use ormai::principal::Principal;
use serde::Serialize;
use serde_json::Value as Json;

use crate::Violation;
use crate::record::Who;

/// What `ormai eval isolation` has found.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct IsolationReport {
    /// The same seed makes the same requests of the same rows.
    pub seed: u64,
    /// `sqlite`, `postgres` or `mysql`.
    pub engine: String,
    /// The version of the policy.
    pub policy_version: String,
    /// How many principals asked.
    pub principals: usize,
    /// How many requests were made, each with all of its pages.
    pub requests: usize,
    /// How many rows were planted, and undone.
    pub planted_rows: usize,
    /// How many rows were there before.
    pub stored_rows: usize,
    /// Whether nothing leaked.
    pub is_isolated: bool,
    /// What leaked.
    pub leaks: Vec<Leak>,
    /// How many more leaked than are shown.
    pub more_leaks: usize,
    /// How often each tool was used on each model.
    pub tools: Vec<ToolCoverage>,
    /// How often each rule took part, and whether it ever decided anything.
    pub rules: Vec<RuleCoverage>,
    /// Rules that took part and never made a difference: no row and no principal differs by them.
    pub never_decided: Vec<String>,
    /// Rules that no request has tried.
    pub never_tested: Vec<String>,
    /// What was not covered, and why.
    pub not_covered: Vec<String>,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
}

/// Something that leaked, with what it takes to see it again.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Leak {
    /// What was broken.
    pub violation: Violation,
    /// The tool that was called.
    pub tool: String,
    /// Its arguments.
    pub arguments: Json,
    /// Who asked.
    pub principal: Who,
    /// A command that asks the same. The rows that were planted are gone.
    pub command: String,
    /// What was answered, the beginning of it.
    pub answer: String,
}

/// How often a tool was used on a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ToolCoverage {
    /// The model.
    pub model: String,
    /// The tool.
    pub tool: String,
    /// Requests that were answered.
    pub answered: usize,
    /// Requests that were refused.
    pub refused: usize,
}

/// How often a rule took part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RuleCoverage {
    /// The model that it is on.
    pub model: String,
    /// Its name: of a row policy, of a field, or of a key of the write policy.
    pub rule: String,
    /// What kind of rule it is: `scope`, `permit`, `restrict`, `bypass`, `field allow`, `field mask`, `write`,
    /// `overlay`, `budget`.
    pub kind: String,
    /// How many requests it took part in.
    pub exercised: usize,
    /// How many of them it made a difference to.
    pub decided: usize,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.violation)?;
        writeln!(f, "  {}", self.command)?;
        write!(f, "  {}", self.answer)
    }
}

impl Leak {
    pub(super) fn new(
        violation: Violation,
        tool: &str,
        arguments: &Json,
        principal: &Principal,
        answer: &Json,
    ) -> Self {
        let principal = Who::from(principal);
        Self {
            violation,
            tool: tool.to_owned(),
            arguments: arguments.clone(),
            command: command(tool, arguments, &principal),
            principal,
            answer: answer.to_string().chars().take(400).collect(),
        }
    }
}

/// `ormai call` with the same principal and arguments.
fn command(tool: &str, arguments: &Json, principal: &Who) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let bare = |json: &Json| json.as_str().map_or_else(|| json.to_string(), str::to_owned);
    let mut words = vec!["ormai call".to_owned(), tool.to_owned(), quoted(&arguments.to_string())];
    if !principal.tenant_id.is_null() {
        words.push(format!("--tenant {}", quoted(&bare(&principal.tenant_id))));
    }
    if !principal.user_id.is_null() {
        words.push(format!("--user {}", quoted(&bare(&principal.user_id))));
    }
    words.extend(principal.roles.iter().map(|role| format!("--role {}", quoted(role))));
    words.extend(
        principal.metadata.iter().map(|(key, value)| format!("--metadata {}", quoted(&format!("{key}={value}")))),
    );
    words.join(" ")
}
