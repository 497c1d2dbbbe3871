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
    /// What the run says about the policy.
    pub verdict: IsolationVerdict,
    /// Whether the verdict is that it is isolated.
    pub is_isolated: bool,
    /// Why a run that found nothing does not say that nothing leaks: too little was tested.
    pub undecided: Vec<String>,
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

/// What a run says about a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IsolationVerdict {
    /// Something leaked.
    Leaks,
    /// Nothing leaked, and too little was tested for that to mean anything.
    #[default]
    Undecided,
    /// Nothing leaked.
    Isolated,
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

/// How much of what was answered is shown: it may be rows of real people.
const SHOWN: usize = 200;

impl IsolationReport {
    /// Says what the run has come to; too little was tested for the given reasons.
    pub(super) fn decide(&mut self) {
        self.verdict = match (self.leaks.is_empty(), self.undecided.is_empty()) {
            (false, _) => IsolationVerdict::Leaks,
            (true, false) => IsolationVerdict::Undecided,
            (true, true) => IsolationVerdict::Isolated,
        };
        self.is_isolated = self.verdict == IsolationVerdict::Isolated;
    }
}

/// The beginning of a text.
fn beginning(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl Leak {
    pub(super) fn new(
        mut violation: Violation,
        tool: &str,
        arguments: &Json,
        principal: &Principal,
        answer: &Json,
    ) -> Self {
        let principal = Who::from(principal);
        violation.what = beginning(&violation.what);
        // A row that has no key is told by all that was answered of it.
        violation.row = violation.row.map(|row| match row.to_string() {
            long if long.chars().count() > SHOWN => beginning(&long).into(),
            _ => row,
        });
        Self {
            violation,
            tool: tool.to_owned(),
            arguments: arguments.clone(),
            command: command(tool, arguments, &principal),
            principal,
            answer: beginning(&answer.to_string()),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_leak_shows_the_beginning_of_an_answer_only() {
        let long = "é".repeat(5_000);
        let violation = Violation::new("as_specified", &long).row("Order", json!({"note": long}));
        let leak = Leak::new(violation, "get", &json!({}), &Principal::new("acme"), &json!({"note": long}));
        let shown = [leak.answer, leak.violation.what, leak.violation.row.unwrap_or_default().to_string()];
        assert!(shown.iter().all(|text| (150..210).contains(&text.chars().count())), "{shown:?}");
    }

    #[test]
    fn a_report_of_nothing_is_undecided_and_a_leak_is_a_leak_all_the_same() {
        let mut report = IsolationReport::default();
        assert_eq!(report.verdict, IsolationVerdict::Undecided);
        report.undecided.push("no read was answered".to_owned());
        report.decide();
        assert_eq!((report.verdict, report.is_isolated), (IsolationVerdict::Undecided, false));
        let violation = Violation::new("answers", "x");
        report.leaks.push(Leak::new(violation, "get", &json!({}), &Principal::new("acme"), &Json::Null));
        report.decide();
        assert_eq!(report.verdict, IsolationVerdict::Leaks);
        report.leaks.clear();
        report.undecided.clear();
        report.decide();
        assert!(report.is_isolated);
    }
}
