//! The database that scenarios run on: tables that are made, filled, and taken away again.

use std::sync::Arc;

use ormai::approvals::MemoryApprovals;
use ormai::audit::MemoryStore;
use ormai::db::{ConnectOptions, Database, DbError, MadeTables, OwnTable};
use ormai::diagnostic::Diagnostic;
use ormai::policy::document::PolicyDocument;
use ormai::policy::{CompileOptions, CompiledPolicy};
use ormai::prelude::*;
use ormai::{CallResult, Dialect, Engine, Keys};
use serde_json::json;

use super::finding::error;
use super::page::Ground;
use crate::Witness;

/// The secret of the hashes and cursors of scenarios. It is no secret: what it makes stands on pages.
const SECRET: &[u8] = b"scenarios hash by this, openly";

/// Where scenarios run.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// On an SQLite database in memory, of their own.
    Memory,
    /// On a database that is given. Tables that are there are not touched.
    Given(Database),
}

/// A database with the tables and rows of a ground.
pub(super) struct Laid {
    database: Database,
    made: MadeTables,
    ground: Ground,
}

impl Place {
    /// Makes the tables and plants the rows.
    ///
    /// # Errors
    ///
    /// What is wrong, with its place in the page where it has one.
    pub(super) async fn lay(&self, ground: &Ground) -> Result<Laid, Vec<Diagnostic>> {
        let database = match self {
            Self::Memory => Database::connect("sqlite::memory:", &ConnectOptions::default()).await.map_err(unlaid)?,
            Self::Given(database) => database.clone(),
        };
        let made = database.create_tables(&ground.catalog, &[OwnTable::Idempotency]).await.map_err(unlaid)?;
        let laid = Laid { database, made, ground: ground.clone() };
        match laid.plant().await {
            Ok(()) => Ok(laid),
            Err(wrong) => {
                let removed = laid.remove().await.err();
                Err([wrong].into_iter().chain(removed).collect())
            }
        }
    }
}

fn unlaid(wrong: DbError) -> Vec<Diagnostic> {
    let said = format!("the tables cannot be made: {}", wrong.operator_detail());
    let help = "scenarios need a database without these tables, in which tables may be made".to_owned();
    vec![error("database", said).help(help)]
}

impl Laid {
    async fn plant(&self) -> Result<(), Diagnostic> {
        let ormai = self.under(&self.ground.policy).await.map_err(|wrong| error("database", wrong))?;
        let witness = Witness::of(ormai.tools()).await.map_err(|wrong| error("database", wrong.to_string()))?;
        let ctx = RunContext::new(Principal::new("the owner of the database"));
        for row in self.ground.rows.iter().flat_map(|rows| rows.iter()) {
            let arguments = json!({"model": row.model, "data": row.data});
            if let CallResult::Refused { error: wrong, .. } = witness.tools().call(&ctx, "create", &arguments).await {
                let said = format!("the row cannot be planted: {}", *wrong);
                return Err(error("rows", said).at(row.span.clone(), ""));
            }
        }
        Ok(())
    }

    /// The tools under a policy.
    pub(super) async fn under(&self, policy: &Arc<PolicyDocument>) -> Result<OrmAi, String> {
        let ormai = OrmAi::builder()
            .database(self.database.clone())
            .catalog(self.ground.catalog.as_ref().clone())
            .policy(policy.as_ref().clone())
            .hash_key(SECRET)
            .cursor_secret(SECRET)
            .approvals(Arc::new(MemoryApprovals::new()))
            .audit(Arc::new(MemoryStore::new()))
            .build()
            .await;
        ormai.map_err(|wrong| wrong.to_string())
    }

    /// Takes the tables away.
    pub(super) async fn remove(self) -> Result<(), Diagnostic> {
        let gone = self.made.remove().await;
        gone.map_err(|wrong| error("database", format!("the tables cannot be removed: {}", wrong.operator_detail())))
    }
}

/// A policy in force on an engine, for the SQL that pages show: no database takes part.
pub(super) fn engine(ground: &Ground, dialect: Dialect) -> Result<Arc<Engine>, String> {
    let options = CompileOptions { has_hash_key: true };
    let policy = CompiledPolicy::compile(&ground.policy, Arc::clone(&ground.catalog), options);
    let policy = policy.map_err(|_| "the policy does not load".to_owned())?;
    let keys = Keys::of(SECRET, SECRET).ok_or_else(|| "the secret is too short".to_owned())?;
    Ok(Arc::new(Engine::new(policy, dialect, keys)))
}

impl Laid {
    /// Whether it is the tables and rows of a ground.
    pub(super) fn is_for(&self, ground: &Ground) -> bool {
        let (mine, theirs) = (&self.ground.rows, &ground.rows);
        Arc::ptr_eq(&self.ground.catalog, &ground.catalog)
            && mine.len() == theirs.len()
            && mine.iter().zip(theirs).all(|(mine, theirs)| Arc::ptr_eq(mine, theirs))
    }
}
