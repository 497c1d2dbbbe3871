//! One case of a law: a world, and what is tried in it.

use std::fmt;

use super::{AsDocument as _, AsTables as _, Policy, Request, Who, World};

/// What `now()` means in every case.
pub(crate) const NOW: &str = "2024-06-01T12:00:00Z";

/// A world with policies over it, each with a few asks: loading a world costs more than an ask.
#[derive(Clone, PartialEq)]
pub struct Case {
    /// The database.
    pub world: World,
    /// What is tried.
    pub trials: Vec<Trial>,
}

/// A policy with asks under it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// The policy.
    pub policy: Policy,
    /// Who asks for what.
    pub asks: Vec<Ask>,
}

/// A principal with a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// Who.
    pub who: Who,
    /// What for.
    pub request: Request,
}

impl Case {
    /// What `now()` means in it.
    pub fn now() -> &'static str {
        NOW
    }
}

/// All of it as a person would read it: tables and rows, policies, principals, requests.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.world.statements(crate::Engine::Sqlite, ""))?;
        for model in &self.world.models {
            for relation in &model.relations {
                let kind = if relation.many { "many" } else { "one" };
                writeln!(f, "{}.{} -> {kind} {} by {:?}", model.name, relation.name, relation.target, relation.link)?;
            }
        }
        for trial in &self.trials {
            writeln!(f, "\n{}", trial.policy.to_yaml())?;
            for ask in &trial.asks {
                writeln!(f, "{ask}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Who { tenant, user, roles, metadata } = &self.who;
        let metadata = serde_json::to_value(metadata).unwrap_or_default();
        writeln!(f, "tenant {tenant}, user {user}, roles {roles:?}, metadata {metadata}")?;
        write!(f, "{} {}", self.request.tool(), self.request.to_json())
    }
}
