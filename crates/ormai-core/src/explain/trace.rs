//! What each rule did.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::catalog::FieldId;
use crate::plan::Predicate;

/// What each rule did for a principal, table by table, in the order in which tables entered the plan.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Trace {
    /// The tables; up to the refusing rule when the request was refused.
    pub tables: Vec<Table>,
    /// The filters of the root.
    pub(crate) filters: Vec<Predicate>,
}

impl Trace {
    /// The rule that refused, with its table.
    pub fn refused(&self) -> Option<(&Table, &Rule)> {
        let table = self.tables.last()?;
        let rule = table.rules.iter().find(|rule| rule.did == Did::Refused)?;
        Some((table, rule))
    }
}

/// A table of a plan with every rule on it.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Table {
    /// The model.
    pub model: String,
    /// How it entered: `root`, `include items`, `filter items`, or several of them in a row.
    pub entered: String,
    /// Every rule of the model for this principal's roles.
    pub rules: Vec<Rule>,
}

/// A rule, and what it did.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Rule {
    /// Its name; the field of a scope.
    pub rule: String,
    /// What it is.
    pub kind: Kind,
    /// What it says; a scope with the principal's own value.
    pub says: String,
    /// What it did.
    pub did: Did,
    /// The attributes that it names and the principal lacks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Of a scope and of a permit: the scoped field.
    #[serde(skip)]
    pub(crate) field: Option<FieldId>,
    /// What is left of it for a row to decide; `None` when it was not decided.
    #[serde(skip)]
    pub(crate) predicate: Option<Predicate>,
}

/// What a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `scoping`
    Scope,
    /// `effect: permit`
    Permit,
    /// A permit by its form.
    InferredPermit,
    /// `effect: restrict`
    Restrict,
    /// `bypass: true`
    Bypass,
}

/// What a rule did for a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Did {
    /// It is part of the statement: each row decides.
    TookPart,
    /// True for this principal, whatever the row.
    AlwaysTrue,
    /// False for this principal, whatever the row.
    AlwaysFalse,
    /// Unknown for this principal, whatever the row.
    AlwaysUnknown,
    /// Nothing: a bypass lifted it.
    Lifted,
    /// Nothing: it is about other operations.
    OtherOperations,
    /// It could not be decided, so the request was refused.
    Refused,
}

impl Kind {
    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::Permit => "permit",
            Self::InferredPermit => "inferred permit",
            Self::Restrict => "restrict",
            Self::Bypass => "bypass",
        }
    }

    pub(crate) fn permits(self) -> bool {
        matches!(self, Self::Permit | Self::InferredPermit)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Rule {
    /// Whether it let the principal past every other rule of its table.
    pub fn bypassed(&self) -> bool {
        self.kind == Kind::Bypass && self.did == Did::AlwaysTrue
    }

    /// Whether it made a difference to this principal: anything but a bypass that does not
    /// bypass, a permit that opens nothing, a restriction that takes nothing away.
    pub fn made_a_difference(&self) -> bool {
        match (self.kind, self.did) {
            (_, Did::TookPart) => true,
            (Kind::Bypass | Kind::Permit | Kind::InferredPermit, did) => did == Did::AlwaysTrue,
            (Kind::Scope | Kind::Restrict, did) => matches!(did, Did::AlwaysFalse | Did::AlwaysUnknown),
        }
    }

    /// What it did, in words.
    pub fn outcome(&self) -> String {
        let constant = match self.did {
            Did::TookPart => return format!("takes part: each row decides{}", self.lacking(", ")),
            Did::Lifted => return "lifted by the bypass".to_owned(),
            Did::OtherOperations => return "not about reads".to_owned(),
            Did::Refused => return format!("REFUSED the request{}", self.lacking(": ")),
            Did::AlwaysTrue => "TRUE",
            Did::AlwaysFalse => "FALSE",
            Did::AlwaysUnknown => "UNKNOWN",
        };
        let effect = match (self.kind, self.did) {
            (Kind::Bypass, Did::AlwaysTrue) => "BYPASSES every scope, permit and restriction",
            (Kind::Bypass, _) => "does not bypass",
            (Kind::Permit | Kind::InferredPermit, Did::AlwaysTrue) => "opens every row to its field's scope",
            (Kind::Permit | Kind::InferredPermit, _) => "opens nothing",
            (Kind::Scope | Kind::Restrict, Did::AlwaysTrue) => "takes nothing away",
            (Kind::Scope | Kind::Restrict, _) => "hides every row",
        };
        format!("{effect}: {constant} for this principal{}", self.lacking(", "))
    }

    /// What the principal lacks, in words; nothing when it lacks nothing.
    fn lacking(&self, before: &str) -> String {
        match self.missing.as_slice() {
            [] => String::new(),
            missing => {
                let are = if missing.len() == 1 { "is" } else { "are" };
                format!("{before}{} {are} missing", missing.join(", "))
            }
        }
    }
}
