//! Where requests wait for their approval.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use ormai_core::idempotency::tenant_digest;
use ormai_db::approvals::{Added, Chosen, Parked};
use ormai_db::{ConnectOptions, Database, DbError, OwnTable};
use serde_json::Value as Json;

use super::record::{Approval, Decision, Outcome, Status};

/// What a store comes to.
pub type Storing<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Why a store did not do what it was asked. The words are for the operator's log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Its table was never made.
    #[error("the store of approvals is not installed")]
    NotInstalled,
    /// It cannot be reached; trying again later may help.
    #[error("the store of approvals is not available: {0}")]
    Unavailable(String),
    /// It holds or answered what cannot be read.
    #[error("the store of approvals failed: {0}")]
    Failed(String),
}

/// Which approvals a list holds.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ApprovalFilter {
    /// Only those with this status.
    pub status: Option<Status>,
    /// Only those before this one.
    pub before: Option<String>,
    /// The most of them; 50 when it is not said, and never more than 500.
    pub limit: Option<u32>,
}

/// What is added with a change of status.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change<'a> {
    /// To another status, and no more.
    Only,
    /// Somebody decided.
    Decided(&'a Decision),
    /// It was tried.
    Tried(&'a Outcome),
}

/// Where requests wait for their approval. Each change of status names the status that it
/// leaves, and is made at once or not at all: of two who decide, one finds it gone.
pub trait ApprovalStore: fmt::Debug + Send + Sync {
    /// Stores a new request.
    fn park<'a>(&'a self, approval: &'a Approval) -> Storing<'a, ()>;

    /// A stored request.
    fn find<'a>(&'a self, id: &'a str) -> Storing<'a, Option<Approval>>;

    /// Stored requests of a tenant, or of all where it is `None`, the newest first.
    fn list<'a>(&'a self, tenant: Option<&'a Json>, filter: &'a ApprovalFilter) -> Storing<'a, Vec<Approval>>;

    /// Takes a request from one status to another, if it has the one; tells whether.
    fn advance<'a>(&'a self, id: &'a str, from: Status, to: Status, change: Change<'a>) -> Storing<'a, bool>;

    /// Makes what the store needs, where it is missing; the names of what was made.
    fn install(&self) -> Storing<'_, Vec<&'static str>>;
}

impl StoreError {
    /// Which kind of error it is, in a word for the log.
    pub(crate) fn class(&self) -> &'static str {
        match self {
            Self::NotInstalled => "not_installed",
            Self::Unavailable(_) => "unavailable",
            Self::Failed(_) => "failed",
        }
    }
}

impl ApprovalFilter {
    /// Everything, the newest first.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only those with this status.
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// Only those before this one: the next page.
    #[must_use]
    pub fn before(mut self, id: impl Into<String>) -> Self {
        self.before = Some(id.into());
        self
    }

    /// At most so many.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The most that are read.
    pub fn most(&self) -> u32 {
        self.limit.unwrap_or(50).clamp(1, 500)
    }
}

/// In memory: gone with the process. For tests, and for programs of one process that may forget.
#[derive(Debug, Default)]
pub struct MemoryApprovals(Mutex<BTreeMap<String, Approval>>);

impl MemoryApprovals {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Approval>> {
        // Nothing is done under the lock that could leave a record half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ApprovalStore for MemoryApprovals {
    fn park<'a>(&'a self, approval: &'a Approval) -> Storing<'a, ()> {
        Box::pin(async move {
            let mut all = self.lock();
            if all.contains_key(&approval.id) {
                return Err(StoreError::Failed("the name of a request was given twice".to_owned()));
            }
            all.insert(approval.id.clone(), approval.clone());
            Ok(())
        })
    }

    fn find<'a>(&'a self, id: &'a str) -> Storing<'a, Option<Approval>> {
        Box::pin(async move { Ok(self.lock().get(id).cloned()) })
    }

    fn list<'a>(&'a self, tenant: Option<&'a Json>, filter: &'a ApprovalFilter) -> Storing<'a, Vec<Approval>> {
        Box::pin(async move {
            let all = self.lock();
            let chosen = all.values().rev().filter(|approval| {
                filter.status.is_none_or(|status| approval.status == status)
                    && filter.before.as_ref().is_none_or(|before| approval.id < *before)
                    && tenant.is_none_or(|tenant| approval.requester.tenant_id() == tenant)
            });
            Ok(chosen.take(filter.most() as usize).cloned().collect())
        })
    }

    fn advance<'a>(&'a self, id: &'a str, from: Status, to: Status, change: Change<'a>) -> Storing<'a, bool> {
        Box::pin(async move {
            let mut all = self.lock();
            let Some(approval) = all.get_mut(id).filter(|approval| approval.status == from) else {
                return Ok(false);
            };
            approval.status = to;
            match change {
                Change::Only => {}
                Change::Decided(decision) => approval.decision = Some(decision.clone()),
                Change::Tried(outcome) => approval.outcome = Some(outcome.clone()),
            }
            Ok(true)
        })
    }

    fn install(&self) -> Storing<'_, Vec<&'static str>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// In the table `ormai_approvals` of a database, with connections of its own.
#[derive(Clone, Debug)]
pub struct SqlApprovals(Database);

impl SqlApprovals {
    /// In a database that is connected to.
    pub fn new(database: impl Into<Database>) -> Self {
        Self(database.into())
    }

    /// In the database at a URL: `sqlite:…`, `postgres:…` or `mysql:…`.
    ///
    /// # Errors
    ///
    /// As [`Database::connect`].
    pub async fn connect(url: &str) -> Result<Self, DbError> {
        let options = ConnectOptions { max_connections: 4, ..ConnectOptions::default() };
        Ok(Self(Database::connect(url, &options).await?))
    }
}

impl ApprovalStore for SqlApprovals {
    fn park<'a>(&'a self, approval: &'a Approval) -> Storing<'a, ()> {
        Box::pin(async move {
            let tenant = tenant_digest(approval.requester.tenant_id());
            let words = [approval.id.as_str(), approval.status.as_str(), tenant.as_str()];
            let times = [approval.requested_at.as_millisecond(), approval.expires_at.as_millisecond()];
            self.0.park(words, times, &approval.to_stored().request).await.map_err(stored)
        })
    }

    fn find<'a>(&'a self, id: &'a str) -> Storing<'a, Option<Approval>> {
        Box::pin(async move { self.0.parked(id).await.map_err(stored)?.as_ref().map(read).transpose() })
    }

    fn list<'a>(&'a self, tenant: Option<&'a Json>, filter: &'a ApprovalFilter) -> Storing<'a, Vec<Approval>> {
        Box::pin(async move {
            let chosen = Chosen {
                before: filter.before.clone(),
                status: filter.status.map(|status| status.as_str().to_owned()),
                tenant: tenant.map(tenant_digest),
                limit: filter.most(),
            };
            self.0.all_parked(&chosen).await.map_err(stored)?.iter().map(read).collect()
        })
    }

    fn advance<'a>(&'a self, id: &'a str, from: Status, to: Status, change: Change<'a>) -> Storing<'a, bool> {
        Box::pin(async move {
            let text = match change {
                Change::Only => String::new(),
                Change::Decided(decision) => decision.stored(),
                Change::Tried(outcome) => outcome.stored(),
            };
            let added = match change {
                Change::Only => Added::Nothing,
                Change::Decided(_) => Added::Decision(&text),
                Change::Tried(_) => Added::Outcome(&text),
            };
            self.0.advance(id, from.as_str(), to.as_str(), added).await.map_err(stored)
        })
    }

    fn install(&self) -> Storing<'_, Vec<&'static str>> {
        Box::pin(async {
            let made = self.0.install(OwnTable::Approvals).await.map_err(stored)?;
            Ok(if made { vec![OwnTable::Approvals.name()] } else { Vec::new() })
        })
    }
}

fn read(parked: &Parked) -> Result<Approval, StoreError> {
    Approval::from_stored(parked)
        .ok_or_else(|| StoreError::Failed(format!("the request `{}` is not in its form", parked.id)))
}

fn stored(error: DbError) -> StoreError {
    match error {
        DbError::NotThere(_) => StoreError::NotInstalled,
        error if error.is_retryable() => StoreError::Unavailable(error.operator_detail().to_owned()),
        error => StoreError::Failed(error.operator_detail().to_owned()),
    }
}
