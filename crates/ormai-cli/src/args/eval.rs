//! What `ormai eval` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct Eval {
    #[command(subcommand)]
    pub(crate) command: EvalCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EvalCommand {
    /// Run scenarios: pages of Markdown with requests and what should come of them
    Run(Run),
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
