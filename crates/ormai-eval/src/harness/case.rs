//! Cases of a suite.

use std::sync::Arc;

use ormai::error::ErrorCode;
use ormai::principal::Principal;
use serde_json::Value as Json;

use super::Call;
use crate::invariants::{Invariant, Invariants};

/// A call of a suite, with what is expected of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Case {
    /// Its name.
    pub name: String,
    /// The call.
    pub call: Call,
    /// What must hold of it.
    pub invariants: Invariants,
    /// How it must end; `None`: either way.
    pub expect: Option<Expect>,
}

/// How a call must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Answered.
    Success,
    /// Refused with a code.
    Refusal(ErrorCode),
}

impl Case {
    /// A call by a principal, held to no invariant yet.
    pub fn new(name: impl Into<String>, principal: Principal, tool: impl Into<String>, arguments: Json) -> Self {
        let call = Call::new(tool, arguments, principal);
        Self { name: name.into(), call, invariants: Invariants::none(), expect: None }
    }

    /// Holds it to one more invariant.
    #[must_use]
    pub fn invariant(mut self, invariant: Arc<dyn Invariant>) -> Self {
        self.invariants.push(invariant);
        self
    }

    /// Holds it to these invariants.
    #[must_use]
    pub fn invariants(mut self, invariants: impl IntoIterator<Item = Arc<dyn Invariant>>) -> Self {
        self.invariants = invariants.into_iter().collect();
        self
    }

    /// It must be answered.
    #[must_use]
    pub fn answered(mut self) -> Self {
        self.expect = Some(Expect::Success);
        self
    }

    /// It must be refused with a code.
    #[must_use]
    pub fn refused(mut self, code: ErrorCode) -> Self {
        self.expect = Some(Expect::Refusal(code));
        self
    }
}
