//! A database with a policy in force: what is done about it as a whole.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use ormai_core::error::{Error, ErrorCode};
use ormai_core::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};
use ormai_core::principal::Principal;
use ormai_db::OwnTable;

use crate::approvals::Approvals;
use crate::audit::{Action, Attempt, Trail, TrailError};
use crate::toolset::{Toolset, failed};
use crate::{BuildError, Builder, Engine, RunContext};

/// Time enough for a ledger that was never pruned.
const FORGETTING: Duration = Duration::from_secs(600);

/// A database with a policy in force.
#[derive(Clone, Debug)]
pub struct OrmAi {
    tools: Toolset,
}

impl OrmAi {
    /// Starts to build one.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(tools: Toolset) -> Self {
        Self { tools }
    }

    /// The audit trail; `None` where no store was given.
    pub fn trail(&self) -> Option<&Trail> {
        self.tools.trail()
    }

    /// Seals the audit trail and ends it in order. Calls that come afterwards are refused
    /// (`AUDIT_UNAVAILABLE`), also those of clones: end what calls first.
    ///
    /// # Errors
    ///
    /// [`TrailError`] when a store does not take the last checkpoint.
    pub async fn close(&self) -> Result<(), TrailError> {
        match self.trail() {
            Some(trail) => trail.end().await,
            None => Ok(()),
        }
    }

    /// The tools.
    pub fn tools(&self) -> &Toolset {
        &self.tools
    }

    /// The writes that wait for an approval.
    pub fn approvals(&self) -> Approvals<'_> {
        Approvals::new(&self.tools)
    }

    /// Makes OrmAI's own tables where they are missing: the ledger of idempotency keys in the
    /// database, and what the store of approvals needs. The names of those that were made; it may
    /// be called again, and by many at once.
    ///
    /// # Errors
    ///
    /// [`BuildError::Database`] and [`BuildError::Approvals`], with
    /// [`ormai_db::DbError::ReadOnly`] when the database does not let its user make tables.
    pub async fn install(&self) -> Result<Vec<&'static str>, BuildError> {
        let ledger = OwnTable::Idempotency;
        let made = self.tools.database.install(ledger).await.map_err(BuildError::Database)?;
        let mut names: Vec<&'static str> = made.then(|| ledger.name()).into_iter().collect();
        if let Some(store) = self.tools.approval_store() {
            names.extend(store.install().await.map_err(BuildError::Approvals)?);
        }
        Ok(names)
    }

    /// Forgets the idempotency keys that were used before a time, and tells how many: under them
    /// the same writes would be made again. The records of approved requests stay.
    ///
    /// # Errors
    ///
    /// [`BuildError::Database`], with [`ormai_db::DbError::NotThere`] when the ledger is not installed.
    pub async fn forget_idempotency(&self, before: Timestamp) -> Result<u64, BuildError> {
        let call = RunContext::new(Principal::without_tenant()).call();
        let mut attempt = self.tools.attempt_of(&call, "forget_idempotency", Action::Administration);
        attempt.tell(|record| record.inputs = serde_json::json!({"before": before.to_string()}));
        if let Err(error) = attempt.intend().await {
            let recorded = attempt.close_as(Err::<(), _>(error)).await;
            return recorded.map(|_| 0).map_err(BuildError::Recording);
        }
        attempt.keep();
        let forgotten = self.tools.database.forget_idempotency(before, FORGETTING).await;
        attempt.tell(|record| record.row_count = forgotten.as_ref().ok().copied());
        let outcome = forgotten.as_ref().map(|_| ()).map_err(|error| failed(error, &call.request_id));
        match (attempt.close_as(outcome).await, forgotten) {
            (_, Err(error)) => Err(BuildError::Database(error)),
            (Err(refused), _) => Err(BuildError::Recording(refused)),
            (Ok(_), Ok(forgotten)) => Ok(forgotten),
        }
    }

    /// Puts another policy in force, from its text. One that does not load leaves the old one
    /// in force, and says so in the log too. Either is recorded.
    ///
    /// # Errors
    ///
    /// [`BuildError::Policy`] with every finding; [`BuildError::Recording`] when it cannot be recorded:
    /// then the old one stays.
    pub async fn reload_text(&self, text: &str, format: Format) -> Result<(), BuildError> {
        let engine = self.tools.engine();
        let options = CompileOptions { has_hash_key: engine.keys().hash.is_some() };
        let catalog = Arc::clone(engine.policy().catalog());
        let compiled = PolicyDocument::parse(text, format)
            .and_then(|document| CompiledPolicy::compile(&document, catalog, options));
        match compiled {
            Ok(policy) => self.reload(policy).await,
            Err(findings) => {
                let errors = findings.iter().filter(|finding| finding.is_error()).count();
                tracing::error!(
                    errors,
                    kept = engine.policy().version(),
                    "the new policy does not load; the old one stays"
                );
                let refused = Error::new(ErrorCode::PolicyInvalid, "the new policy does not load; the old one stays");
                let recorded = self.reloading(&engine, None).close_as(Err::<(), _>(refused)).await;
                match recorded {
                    Err(refused) if refused.code == ErrorCode::AuditUnavailable => Err(BuildError::Recording(refused)),
                    _ => Err(BuildError::Policy(findings)),
                }
            }
        }
    }

    /// Puts another policy in force, and records it. Calls under way end under the one they began
    /// with.
    ///
    /// The policy was compiled against the same catalog; one that does not compile never
    /// gets here, so the one in force stays.
    ///
    /// # Errors
    ///
    /// [`BuildError::Recording`] when it cannot be recorded: then the old one stays. Only where the audit
    /// store fails in the middle of it, the new one is in force, which the error says.
    pub async fn reload(&self, policy: CompiledPolicy) -> Result<(), BuildError> {
        let mut attempt = self.reloading(&self.tools.engine(), Some(policy.version()));
        let outcome = attempt.intend().await.map(|()| {
            let mut engine = self.tools.engine.write().unwrap_or_else(PoisonError::into_inner);
            let next = Engine::new(policy, engine.compiler().dialect(), engine.keys().clone());
            tracing::info!(
                from = engine.policy().version(),
                to = next.policy().version(),
                "another policy is in force"
            );
            *engine = Arc::new(next);
            attempt.keep();
        });
        attempt.close_as(outcome).await.map(|((), _)| ()).map_err(BuildError::Recording)
    }

    /// The record of a reload, to the version of the new policy if there is one.
    fn reloading(&self, engine: &Engine, to: Option<&str>) -> Attempt {
        let call = RunContext::new(Principal::without_tenant()).call();
        let mut attempt = self.tools.attempt_of(&call, "reload_policy", Action::Administration);
        attempt.tell(|record| {
            record.inputs = serde_json::json!({"from": engine.policy().version(), "to": to});
            record.policy_version = to.unwrap_or_else(|| engine.policy().version()).to_owned();
        });
        attempt
    }
}
