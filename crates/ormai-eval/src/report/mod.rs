//! Reports as one HTML file: without scripts, and nothing in it is loaded from anywhere.
//!
//! Whatever stands in a policy, a principal or a row is text in it. A picture says in words what it
//! shows, and nothing is told by a colour alone.

mod bars;
mod fields;
mod isolation;
mod page;
mod policy;

use maud::Markup;

use crate::diff::PolicyDiff;
use crate::isolation::IsolationReport;

/// A page that is put together out of parts.
#[derive(Debug)]
pub struct Report {
    title: String,
    parts: Vec<Markup>,
}

impl Report {
    /// A page without any part.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), parts: Vec::new() }
    }

    /// Adds what a change of a policy changes.
    #[must_use]
    pub fn diff(mut self, diff: &PolicyDiff) -> Self {
        self.parts.push(policy::part(diff));
        self
    }

    /// Adds what a run of the isolation suite has found and covered.
    #[must_use]
    pub fn isolation(mut self, report: &IsolationReport) -> Self {
        self.parts.push(isolation::part(report));
        self
    }

    /// The page.
    pub fn html(&self) -> String {
        page::page(&self.title, &self.parts).into_string()
    }
}
