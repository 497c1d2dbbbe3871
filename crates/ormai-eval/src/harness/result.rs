//! What came out.

use std::fmt;

use serde::Serialize;

use super::{Call, Observed};
use crate::Violation;

/// What came out of one call: its answer, and which invariants it breaks.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EvalResult {
    /// The name of the case; the tool, where it has none.
    pub name: String,
    /// The call.
    pub call: Call,
    /// What it came to.
    pub observed: Observed,
    /// Whether it was answered. A call that is refused breaks few invariants, and shows little.
    pub answered: bool,
    /// The names of the invariants that were looked at.
    pub invariants: Vec<String>,
    /// What they found.
    pub violations: Vec<Violation>,
    /// Rows that are not the principal's own and that the policy lets it see, by rule.
    pub allowed: Vec<Allowed>,
}

/// Rows that are not the principal's own, and the rule that lets it see them: no violation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Allowed {
    /// The model.
    pub model: String,
    /// The rule: `permit parent_access`, `bypass admin_bypass`, `shared`.
    pub rule: String,
    /// How many rows of the answer.
    pub rows: usize,
}

impl EvalResult {
    /// Whether nothing was found.
    pub fn passed(&self) -> bool {
        self.violations.is_empty()
    }
}

impl fmt::Display for EvalResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.passed() { "ok  " } else { "FAIL" };
        write!(f, "{word} {}", self.name)?;
        match self.observed.code() {
            Some(code) => write!(f, " ({code})")?,
            None if !self.observed.success() => f.write_str(" (no answer)")?,
            None => {}
        }
        for violation in &self.violations {
            write!(f, "\n     {violation}")?;
        }
        for Allowed { model, rule, rows } in &self.allowed {
            write!(f, "\n     {rows} of {model} allowed by {rule}")?;
        }
        Ok(())
    }
}

/// What came out of several cases.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SuiteResult {
    /// In the order of the cases.
    pub results: Vec<EvalResult>,
}

impl SuiteResult {
    /// Whether there were cases, and nothing was found: without any, nothing was shown.
    pub fn passed(&self) -> bool {
        !self.results.is_empty() && self.results.iter().all(EvalResult::passed)
    }

    /// All that was found.
    pub fn violations(&self) -> impl Iterator<Item = &Violation> {
        self.results.iter().flat_map(|result| &result.violations)
    }

    /// The cases that did not pass.
    pub fn failures(&self) -> impl Iterator<Item = &EvalResult> {
        self.results.iter().filter(|result| !result.passed())
    }
}

impl fmt::Display for SuiteResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for result in &self.results {
            writeln!(f, "{result}")?;
        }
        let (all, failed) = (self.results.len(), self.failures().count());
        write!(f, "{} of {all} passed", all - failed)?;
        if all == 0 {
            return f.write_str(": there is no case");
        }
        match self.results.iter().filter(|result| result.passed() && !result.answered).count() {
            0 => Ok(()),
            refused => write!(f, ", {refused} of them refused"),
        }
    }
}
