//! What `ormai audit` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// Which of several stores, counted from 1; the first by default, and for `verify` and `prune` all
    #[arg(long, global = true, value_name = "NUMBER")]
    pub(crate) store: Option<usize>,
    #[command(subcommand)]
    pub(crate) command: AuditCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Closed records, the newest first
    Query(Query),
    /// The latest records, the newest last, and those that follow
    Tail(Tail),
    /// Whether somebody has changed the past: exit code 1 names the first bad record
    Verify(Verify),
    /// Write a proof that a record stands in the trail, or check one
    Prove(Prove),
    /// Write records into a file
    Export(Export),
    /// Forget old records, and leave in their place what keeps the rest verifiable
    Prune(Prune),
    /// How many calls, how they ended, how long they took
    Stats(Stats),
    /// Print new keys: a MAC key, and a signing key with its public half
    Keygen,
}

/// Which records are meant: those that satisfy all that is said.
#[derive(Debug, Args)]
pub(crate) struct FilterArguments {
    /// Of this tenant, given as text; another value with `--filter '{"tenant_id": 7}'`
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// Of this user, given as text
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Of this tool; may be repeated
    #[arg(long, value_name = "TOOL")]
    pub(crate) tool: Vec<String>,
    /// About this model; may be repeated
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Vec<String>,
    /// Of this kind, such as `read` or `update`; may be repeated
    #[arg(long, value_name = "ACTION")]
    pub(crate) action: Vec<String>,
    /// That were answered
    #[arg(long, conflicts_with = "refused")]
    pub(crate) success: bool,
    /// That were refused or failed
    #[arg(long)]
    pub(crate) refused: bool,
    /// With this error code; may be repeated
    #[arg(long, value_name = "CODE")]
    pub(crate) error_code: Vec<String>,
    /// From this time on: RFC 3339, a day (`2026-01-31`, in UTC), or how long ago (`30d`, `12h`, `90m`, `60s`)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Of this call
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// More, as JSON: `{"outcome": "unknown", "timestamp_gte": "2026-01-31T09:00:00Z"}`
    #[arg(long, value_name = "JSON")]
    pub(crate) filter: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Query {
    /// Only this record, with all that it says
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) filter: FilterArguments,
    /// At most so many
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// Where the page before ended
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Tail {
    #[command(flatten)]
    pub(crate) filter: FilterArguments,
    /// How many of those that are there
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(crate) count: u32,
    /// Wait for more, until interrupted
    #[arg(long)]
    pub(crate) follow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Checkpoints that were kept elsewhere, a line each; the configured file by default
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoints: Option<PathBuf>,
    /// By which checkpoints must be signed; that of the configured signing key by default. May be
    /// repeated: by one of them
    #[arg(long, value_name = "KEY")]
    pub(crate) public_key: Vec<String>,
    /// Take chains without a key although there is one: those from before
    #[arg(long)]
    pub(crate) accept_unkeyed: bool,
    /// An environment variable with the MAC key of earlier chains. May be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) earlier_key: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Prove {
    /// The record
    #[arg(required_unless_present = "check")]
    pub(crate) id: Option<String>,
    /// Where to write the proof; `ID.proof.json` by default
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    pub(crate) output: Option<PathBuf>,
    /// Check this proof instead; needs neither a configuration nor the store
    #[arg(long, value_name = "FILE", conflicts_with = "id", requires = "public_key")]
    pub(crate) check: Option<PathBuf>,
    /// By which its checkpoint must be signed
    #[arg(long, value_name = "KEY")]
    pub(crate) public_key: Option<String>,
    /// Overwrite a file that exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExportFormat {
    Csv,
    Jsonl,
    Parquet,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The form; by default that which the file's name ends in, or else JSONL
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<ExportFormat>,
    /// The file; standard output by default
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite a file that exists
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Only records of this tenant, given as text
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// Records older than this: `90d`, `12h`, `90m` or `60s`
    #[arg(long, value_name = "AGE")]
    pub(crate) older_than: Option<String>,
    /// All but so many of the latest
    #[arg(long, value_name = "COUNT")]
    pub(crate) keep: Option<u64>,
    /// Only tell what would go
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Do it: what goes is gone
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum StatsBucket {
    Hour,
    Day,
}

#[derive(Debug, Args)]
pub(crate) struct Stats {
    #[command(flatten)]
    pub(crate) filter: FilterArguments,
    /// The spans of time
    #[arg(long, value_name = "SPAN", default_value = "day")]
    pub(crate) by: StatsBucket,
    /// How many groups of each kind: the largest, and of spans of time the latest
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) top: u16,
}
