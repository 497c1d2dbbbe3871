//! `ormai audit`: the trail, for operators. They see all tenants: the command line is theirs.

mod export;
mod filter;
mod keygen;
mod prove;
mod prune;
mod query;
mod records;
mod stats;
mod tail;
mod verify;

use std::path::Path;
use std::sync::Arc;

pub(super) use records::word;

use ormai::audit::{AuditStore, StoreError};

use super::progress;
use crate::args::audit::{Audit, AuditCommand};
use crate::config::Config;
use crate::failure::Failure;

pub(crate) async fn run(config: &Path, audit: Audit, as_json: bool) -> Result<(), Failure> {
    let Audit { store, command } = audit;
    let trail = Stores { config, number: store, as_json };
    match command {
        AuditCommand::Query(query) => query::run(&trail, query, as_json).await,
        AuditCommand::Tail(tail) => tail::run(&trail, tail, as_json).await,
        AuditCommand::Verify(verify) => verify::run(&trail, verify, as_json).await,
        AuditCommand::Prove(prove) => prove::run(&trail, prove, as_json).await,
        AuditCommand::Export(export) => export::run(&trail, export, as_json).await,
        AuditCommand::Prune(prune) => prune::run(&trail, prune, as_json).await,
        AuditCommand::Stats(stats) => stats::run(&trail, stats, as_json).await,
        AuditCommand::Keygen => keygen::run(as_json),
    }
}

/// Where the stores are named, and which of them is asked.
struct Stores<'a> {
    config: &'a Path,
    number: Option<usize>,
    as_json: bool,
}

impl Stores<'_> {
    fn config(&self) -> Result<Config, Failure> {
        Config::read(self.config, self.as_json)
    }

    /// The store that is asked.
    async fn one(&self) -> Result<Arc<dyn AuditStore>, Failure> {
        let stores = self.config()?.audit_stores().await?;
        self.chosen(&stores).cloned()
    }

    fn chosen<'s>(&self, stores: &'s [Arc<dyn AuditStore>]) -> Result<&'s Arc<dyn AuditStore>, Failure> {
        let number = self.number.unwrap_or(1);
        if stores.is_empty() {
            return Err(Failure::failed("there is no audit trail: `audit` is off in the configuration"));
        }
        number.checked_sub(1).and_then(|at| stores.get(at)).ok_or_else(|| {
            Failure::misuse(format!("there is no store number {number}; the configuration names {}", stores.len()))
        })
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotInstalled => Self::failed("the audit trail is not set up: run `ormai install`"),
            error => Self::failed(error.to_string()),
        }
    }
}
