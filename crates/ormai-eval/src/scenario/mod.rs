//! Scenarios: pages of Markdown that read as a manual, and that are run.
//!
//! A page has models, rows, a policy, principals, requests, and what should come of them, each in a fenced
//! block or a table; everything else is prose. `docs/reference/scenarios.md` tells all of it.
//!
//! ```
//! use ormai_eval::scenario::{Runner, Source};
//!
//! # async fn example() {
//! let page = Source::new("orders.md", "# Orders\n…");
//! let report = Runner::new().run(&page).await;
//! assert!(report.passed());
//! # }
//! ```

mod compare;
mod finding;
mod ground;
mod junit;
mod markdown;
mod models;
mod page;
mod reply;
mod report;
mod role;
mod rows;
mod run;
mod source;
mod sql;
mod tree;

pub use junit::junit;
pub use report::{Failure, PageReport, ScenarioReport};
pub use run::Runner;
pub use source::Source;
