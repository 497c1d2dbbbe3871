//! What `ormai eval` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::audit::FilterArguments;

#[derive(Debug, Args)]
pub(crate) struct Eval {
    #[command(subcommand)]
    pub(crate) command: EvalCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EvalCommand {
    /// Run scenarios: pages of Markdown with requests and what should come of them
    Run(Run),
    /// Try to reach other tenants' data with requests made from the policy and the database, beside canary rows
    /// that are rolled back: exit code 1 on any leak
    Isolation(Isolation),
    /// Write the calls of the audit trail into a file, so that they can be made again
    Record(Record),
    /// Make recorded calls again: a line for each that ends otherwise, and exit code 1
    Replay(Replay),
    /// Tell what a new policy changes, and for whom: exit code 1 when something is wider
    Diff(Diff),
    /// Make recorded calls several times: exit code 1 when one is not answered the same each time
    Determinism(Determinism),
    /// Measure how long calls take, and compare variants
    Bench(Bench),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Pages, or directories of pages
    #[arg(value_name = "PATH", default_value = "scenarios")]
    pub(crate) paths: Vec<PathBuf>,
    /// Run them on this database, in tables that are made and removed; in memory by default. Tables that are
    /// there are not touched
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Only scenarios whose headings contain this, whatever its case
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    /// Write what came onto the pages, where they say something else
    #[arg(long)]
    pub(crate) bless: bool,
    /// Also report in JUnit's XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Isolation {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Let this principal ask too, `{"tenant_id": "acme-corp", "roles": ["support"]}`; may be repeated. Without
    /// it two tenants of the database do, beside those of the canary rows
    #[arg(long = "principal", value_name = "JSON")]
    pub(crate) principals: Vec<String>,
    /// Choose other rows and requests; the same number chooses the same
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) seed: u64,
    /// How many requests are made
    #[arg(long, value_name = "COUNT", default_value_t = ormai_eval::isolation::DEFAULT_REQUESTS)]
    pub(crate) requests: usize,
    /// The most rows of a model that are read
    #[arg(long, value_name = "COUNT", default_value_t = ormai_eval::isolation::DEFAULT_MAX_ROWS)]
    pub(crate) max_rows: u32,
    /// Also write a page with pictures
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Record {
    /// Read the audit trail; values that it does not hold are missing in the calls, which say so
    #[arg(long, required = true)]
    pub(crate) from_audit: bool,
    /// The file, which must not be there yet
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Which of several stores, counted from 1
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) store: usize,
    #[command(flatten)]
    pub(crate) filter: FilterArguments,
}

/// Where calls are made.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Another policy than that of the configuration
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Another database than that of the configuration: `sqlite:FILE`, `postgres://…`, or `mysql://…`
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The recorded calls
    pub(crate) calls: PathBuf,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Make all calls as this principal: `{"tenant_id": "acme-corp", "roles": ["support"]}`
    #[arg(long = "as", value_name = "JSON")]
    pub(crate) principal: Option<String>,
    /// Make writes too, each in a transaction that is rolled back
    #[arg(long)]
    pub(crate) writes: bool,
    /// How many calls are under way at once
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) concurrency: u16,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The old policy
    pub(crate) old: PathBuf,
    /// The new policy
    pub(crate) new: PathBuf,
    /// Also make these recorded calls under both
    #[arg(long, value_name = "FILE", conflicts_with = "rules_only")]
    pub(crate) calls: Option<PathBuf>,
    /// For this principal, `{"tenant_id": "acme-corp", "roles": ["support"]}`; may be repeated. Without it
    /// for every combination of the roles that the policies name, with two tenants of the database
    #[arg(long = "principal", value_name = "JSON")]
    pub(crate) principals: Vec<String>,
    /// Compare what the policies say, and no rows: the database is asked for its schema alone
    #[arg(long)]
    pub(crate) rules_only: bool,
    /// The most rows of a model that are compared for each principal
    #[arg(long, value_name = "COUNT", default_value_t = 100_000)]
    pub(crate) most_rows: u64,
    /// Do not fail when something is wider
    #[arg(long)]
    pub(crate) allow_wider: bool,
    /// Also write a page with pictures
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Determinism {
    /// The recorded calls
    pub(crate) calls: PathBuf,
    #[command(flatten)]
    pub(crate) place: Place,
    /// How many times each is made
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=1_000))]
    pub(crate) runs: u32,
    /// Ignore this part of results too, such as `data.next_cursor`; may be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) ignore: Vec<String>,
    /// Make writes too, each in a transaction that is rolled back
    #[arg(long)]
    pub(crate) writes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// The recorded calls
    #[arg(long, value_name = "FILE", required_unless_present = "request")]
    pub(crate) calls: Option<PathBuf>,
    /// A tool and its arguments as JSON; may be repeated
    #[arg(long, num_args = 2, value_names = ["TOOL", "JSON"], conflicts_with = "calls")]
    pub(crate) request: Vec<String>,
    /// Who makes the requests: `{"tenant_id": "acme-corp"}`
    #[arg(long = "as", value_name = "JSON", conflicts_with = "calls")]
    pub(crate) principal: Option<String>,
    /// Compare with this policy
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Compare with this database
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Compare with the same calls that each leave a record, in memory
    #[arg(long)]
    pub(crate) audit: bool,
    /// How long to call before measuring, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 1)]
    pub(crate) warm_up: u64,
    /// How long to measure each variant, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5, conflicts_with = "count")]
    pub(crate) duration: u64,
    /// How many calls to measure of each variant
    #[arg(long, value_name = "COUNT")]
    pub(crate) count: Option<u64>,
    /// How many call at once
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) callers: u16,
    /// In how many rounds, in which variants take turns
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) rounds: u32,
}
