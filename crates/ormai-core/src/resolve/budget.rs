//! What a request costs, against what the policy allows.
//!
//! The complexity score, documented in `docs/reference/budgets.md`:
//!
//! | what | score |
//! |---|---|
//! | the request itself | 1 |
//! | a comparison in a filter | 1, and 1 for each hundred values of its list |
//! | a relation filter | 5 × its depth |
//! | an order key | 1 |
//! | an include | 5 × its depth |
//! | `with_total` | 5 |
//! | a figure or a group field | 2 |
//! | the rows that may come back, of the root and of each include | 1 for each thousand |

use crate::error::{Error, ErrorCode, Result};
use crate::policy::Budget;

/// What has been spent so far.
#[derive(Debug)]
pub(crate) struct Spent {
    budget: Budget,
    score: u64,
    fields: u64,
}

/// `limit` when the request names none (and the budget allows that many).
pub(crate) const DEFAULT_LIMIT: u32 = 50;

/// The most rows whose related rows are fetched together: one statement binds all their keys.
const MAX_PARENTS: u64 = 16_384;

impl Spent {
    pub(crate) fn new(budget: &Budget) -> Self {
        Self { budget: *budget, score: 1, fields: 0 }
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Adds to the score.
    pub(crate) fn score(&mut self, points: u64) {
        self.score = self.score.saturating_add(points);
    }

    /// Counts selected fields.
    pub(crate) fn fields(&mut self, count: usize, path: &dyn std::fmt::Display) -> Result<()> {
        self.fields = self.fields.saturating_add(count as u64);
        within(
            "selected fields",
            self.fields,
            self.budget.max_selected_fields,
            path,
            "name fewer fields under `select`",
        )
    }

    /// Bounds the depth of an include or a relation filter.
    pub(crate) fn depth(&self, depth: u32, allowed: Option<u32>, path: &dyn std::fmt::Display) -> Result<()> {
        let max = allowed.map_or(self.budget.max_include_depth, |own| own.min(self.budget.max_include_depth));
        within("levels of relations", u64::from(depth), max, path, "ask for the deeper rows in a call of their own")
    }

    /// Bounds the depth of a filter.
    pub(crate) fn filter_depth(&self, depth: u32, path: &dyn std::fmt::Display) -> Result<()> {
        within("levels of filters", u64::from(depth), self.budget.max_filter_depth, path, "write the filter flatter")
    }

    /// Bounds a list of values.
    pub(crate) fn list(&mut self, length: usize, path: &dyn std::fmt::Display) -> Result<()> {
        self.score(1 + length as u64 / 100);
        within(
            "values in a list",
            length as u64,
            self.budget.max_list_length,
            path,
            "split the list over several calls",
        )
    }

    /// The limit of a selection: what was asked for, or the default.
    pub(crate) fn limit(&self, asked: Option<u64>, max: u32, path: &dyn std::fmt::Display) -> Result<u32> {
        let Some(asked) = asked else { return Ok(DEFAULT_LIMIT.min(max)) };
        within("rows", asked, max, path, "ask for fewer rows and follow `next_cursor`")?;
        Ok(u32::try_from(asked).unwrap_or(max))
    }

    /// Counts the rows that may come back from one selection: `parents` × `limit`.
    pub(crate) fn rows(&mut self, parents: u64, limit: u32, has_includes: bool) -> Result<u64> {
        let rows = parents.saturating_mul(u64::from(limit));
        self.score(rows / 1_000);
        if has_includes && rows > MAX_PARENTS {
            return Err(Error::new(
                ErrorCode::QueryTooBroad,
                format!("an include would follow up to {rows} rows, and {MAX_PARENTS} are the most"),
            )
            .hint(Some("lower the limits of the request and of its includes".to_owned())));
        }
        Ok(rows)
    }

    /// The final word on the score.
    pub(crate) fn check_score(&self) -> Result<()> {
        let max = u64::from(self.budget.max_complexity_score);
        if self.score > max {
            return Err(Error::new(
                ErrorCode::QueryTooBroad,
                format!("the request's complexity score is {}, and {max} is the most", self.score),
            )
            .hint(Some("use fewer includes, relation filters and rows, or split the request".to_owned()))
            .detail("score", self.score)
            .detail("max", max));
        }
        Ok(())
    }
}

fn within(what: &str, asked: u64, max: u32, path: &dyn std::fmt::Display, hint: &str) -> Result<()> {
    if asked <= u64::from(max) {
        return Ok(());
    }
    Err(Error::new(ErrorCode::QueryBudgetExceeded, format!("{asked} {what} are more than the {max} allowed"))
        .hint(Some(hint.to_owned()))
        .detail("path", path.to_string())
        .detail("max", max))
}
