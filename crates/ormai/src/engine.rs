//! What all calls share: the policy in force, the catalog, the statement cache and the keys.

use std::fmt;
use std::sync::Arc;

use ormai_core::cursor::{CursorKey, derive_key};
use ormai_core::error::{Error, ErrorCode, Result};
use ormai_core::plan::Step;
use ormai_core::policy::{CompiledPolicy, View};
use ormai_core::redact::HashKey;
use ormai_sql::{Compiler, Dialect, Statement};

use crate::telemetry;

/// The secrets of a process: read once, at start-up, and never shown.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Seals cursors. Servers that answer each other's pages share it.
    pub cursor: CursorKey,
    /// Hashes values for `action: hash`.
    pub hash: Option<HashKey>,
}

impl Keys {
    /// Secrets that are given: that of cursors, of any length, and that behind `action: hash`. `None` when
    /// the latter is shorter than sixteen bytes.
    pub fn of(cursor: &[u8], hash: &[u8]) -> Option<Self> {
        let cursor = CursorKey::new(&derive_key(cursor.iter().copied()));
        Some(Self { cursor, hash: Some(HashKey::new(hash)?) })
    }
}

/// One policy in force, immutable. A reload makes another one.
pub struct Engine {
    policy: CompiledPolicy,
    compiler: Compiler,
    keys: Keys,
}

impl Engine {
    /// Puts a policy in force over a dialect.
    pub fn new(policy: CompiledPolicy, dialect: Dialect, keys: Keys) -> Self {
        let compiler = Compiler::new(Arc::clone(policy.catalog()), dialect);
        Self { policy, compiler, keys }
    }

    /// The policy.
    pub fn policy(&self) -> &CompiledPolicy {
        &self.policy
    }

    /// What is open to the principals of these roles.
    pub fn view(&self, roles: &[String]) -> Arc<View> {
        self.policy.view(roles)
    }

    /// Makes statements.
    pub fn compiler(&self) -> &Compiler {
        &self.compiler
    }

    /// The statement of a step; what is wrong with it goes to the log.
    pub(crate) fn compile(&self, step: Step, request_id: &str) -> Result<Statement> {
        telemetry::compile().in_scope(|| self.compiler.compile(step)).map_err(|error| {
            tracing::error!(request_id, %error, "a plan could not be printed");
            Error::new(ErrorCode::Internal, "the request could not be prepared")
        })
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("policy_version", &self.policy.version()).finish_non_exhaustive()
    }
}
