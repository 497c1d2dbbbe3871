//! What the command line takes.

pub(crate) mod audit;
pub(crate) mod eval;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use ormai::principal::Principal;
use serde_json::Value as Json;

use crate::failure::Failure;

/// Let agents use a multi-tenant database without one tenant seeing another's data.
#[derive(Debug, Parser)]
#[command(name = "ormai", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// The configuration file
    #[arg(long, global = true, value_name = "FILE", default_value = "ormai.yaml")]
    pub(crate) config: PathBuf,
    /// Print JSON instead of tables
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) log: Log,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What is logged, and how.
#[derive(Debug, Args)]
pub(crate) struct Log {
    /// What to log on the standard error: a level, or a list of TARGET=LEVEL; `warn` by default, and `error`
    /// under `eval`, where refused writes are what is looked for
    #[arg(long, global = true, value_name = "LEVEL", env = "ORMAI_LOG")]
    pub(crate) log: Option<String>,
    /// How to log: `text` or `json`
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    pub(crate) log_format: LogFormat,
    /// Also log what the database says of failures in its own words, which may hold values of any tenant's rows
    #[arg(long, global = true)]
    pub(crate) log_driver_text: bool,
    /// Send spans and metrics to a collector of OpenTelemetry's, by OTLP over HTTP, such as http://localhost:4318
    #[cfg(feature = "otlp")]
    #[arg(long, global = true, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub(crate) otlp_endpoint: Option<String>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show on an embedded database what each of several principals sees, and why
    Demo,
    /// Read a database and write a starter configuration and policy
    Init(Init),
    /// Check the policy against the database: every finding at once
    Check(Check),
    /// Tell what a principal may see and do
    Describe(Describe),
    /// Call a tool as a principal: read rows, or write them
    Call(Call),
    /// Tell what a call would do and why: rules, predicates, SQL and binds
    Explain(Explain),
    /// Print PostgreSQL's own row-level security made from the policy, or check what is installed
    Rls(Rls),
    /// Make OrmAI's own tables where they are missing: for idempotency keys, approvals and the audit trail
    Install,
    /// Decide about writes that wait for an approval
    Approvals(Approvals),
    /// Look after the ledger of idempotency keys
    Idempotency(Idempotency),
    /// Read, verify, export and prune the audit trail
    Audit(audit::Audit),
    /// Prove isolation: scenarios, replays of calls, what a policy changes, and how long calls take
    Eval(eval::Eval),
}

#[derive(Debug, Args)]
pub(crate) struct Approvals {
    #[command(subcommand)]
    pub(crate) command: ApprovalsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalsCommand {
    /// The requests that the principal may decide about, and its own, the newest first
    List {
        /// Only those with this status
        #[arg(long, value_name = "STATUS")]
        status: Option<String>,
        /// Only those before this one
        #[arg(long, value_name = "ID")]
        before: Option<String>,
        /// At most so many
        #[arg(long, value_name = "COUNT", default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        principal: PrincipalArguments,
    },
    /// One request with what it would have done when it was made
    Show {
        /// The request
        id: String,
        #[command(flatten)]
        principal: PrincipalArguments,
    },
    /// Say yes, and make the write
    Approve(Decide),
    /// Say no
    Reject(Decide),
    /// Go on with a request that was approved, after a crash
    Resume {
        /// The request
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Decide {
    /// The request
    pub(crate) id: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) principal: PrincipalArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Idempotency {
    #[command(subcommand)]
    pub(crate) command: IdempotencyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IdempotencyCommand {
    /// Forget keys that were used long ago: under them the same writes would be made again
    Prune {
        /// How long ago: `30d`, `12h`, `90m` or `60s`
        #[arg(long, value_name = "AGE")]
        older_than: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Fail on findings with these codes too; `warnings` and `notes` stand for all of them
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(crate) deny: Vec<String>,
    /// Do not fail on findings with these codes, whatever is denied; they are still shown
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(crate) allow: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The database: `sqlite:FILE`, `postgres://…`, or `mysql://…` (`mariadb://…`)
    pub(crate) url: String,
    /// Where to write `ormai.yaml` and `policy.yaml`
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// The column that names the tenant, when it is not found by itself
    #[arg(long, value_name = "COLUMN")]
    pub(crate) tenant_column: Option<String>,
    /// The environment variable from which the configuration takes the URL;
    /// without it the URL itself is written, which is refused when it holds a password
    #[arg(long, value_name = "NAME")]
    pub(crate) url_variable: Option<String>,
    /// Overwrite files that exist
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Describe {
    /// Only this model
    pub(crate) model: Option<String>,
    /// Print the tools with their schemas instead: `json-schema`, `openai` or `anthropic`
    #[arg(long, value_name = "FORMAT")]
    pub(crate) tools: Option<ToolFormat>,
    #[command(flatten)]
    pub(crate) principal: PrincipalArguments,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum ToolFormat {
    JsonSchema,
    Openai,
    Anthropic,
}

#[derive(Debug, Args)]
pub(crate) struct Call {
    /// `describe_schema`, `query`, `get`, `aggregate`, or a write: `create`, `update`, `delete`, `bulk_update`
    pub(crate) tool: String,
    /// The arguments as JSON, such as '{"model": "Order", "limit": 5}', or for a write
    /// '{"model": "Order", "data": {"status": "pending"}, "dry_run": true}'
    pub(crate) arguments: String,
    #[command(flatten)]
    pub(crate) principal: PrincipalArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) call: Call,
    /// Also tell which rule admits or hides the row with this key: a value, or a JSON object for
    /// a key of several parts. Asks the database, and shows no value of the row
    #[arg(long, value_name = "KEY")]
    pub(crate) row: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Rls {
    /// The role that agents' statements run as; `NAME_bypass` and `NAME_reader` are made beside it
    #[arg(long, value_name = "NAME", default_value = ormai::rls::AGENT)]
    pub(crate) role: String,
    /// Write the script to a file
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    pub(crate) output: Option<PathBuf>,
    /// Tell where the database differs from what the policy says; exit with 1 when it does
    #[arg(long)]
    pub(crate) check: bool,
}

/// Who is asking.
#[derive(Debug, Args)]
pub(crate) struct PrincipalArguments {
    /// The principal's tenant; a whole number may be given as one
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// The principal's user
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// A role of the principal; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    pub(crate) roles: Vec<String>,
    /// Metadata of the principal, as `key=JSON` or `key=text`; may be repeated
    #[arg(long = "metadata", value_name = "KEY=VALUE")]
    pub(crate) metadata: Vec<String>,
}

impl PrincipalArguments {
    pub(crate) fn principal(&self) -> Result<Principal, Failure> {
        let mut principal = match &self.tenant {
            Some(tenant) => Principal::new(tenant.as_str()),
            None => Principal::without_tenant(),
        };
        if let Some(user) = &self.user {
            principal = principal.user(user.as_str());
        }
        for role in &self.roles {
            principal = principal.role(role);
        }
        for entry in &self.metadata {
            let (key, value) = entry
                .split_once('=')
                .filter(|(key, _)| !key.is_empty())
                .ok_or_else(|| Failure::misuse(format!("`--metadata {entry}` is not of the form KEY=VALUE")))?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| Json::from(value));
            principal = principal.metadata(key, value);
        }
        Ok(principal)
    }
}
