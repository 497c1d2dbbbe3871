//! What differs between what two policies say.

use std::fmt;

use serde::Serialize;

use crate::plain::plain;

/// Which way something changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More is open.
    Wider,
    /// It cannot be told from the rules: it may be wider.
    Either,
    /// Less is open.
    Narrower,
}

impl Direction {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wider => "wider",
            Self::Either => "may be wider",
            Self::Narrower => "narrower",
        }
    }

    /// Two changes at once.
    pub(super) fn and(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other != self => Self::Either,
            _ => self,
        }
    }
}

/// The part of a policy that something belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Whether a tool can be used at all.
    Tool,
    /// Whether a model is open.
    Model,
    /// What a field shows.
    Field,
    /// Whether and how far a relation may be followed.
    Relation,
    /// Whose rows are seen.
    Scope,
    /// A further condition on rows.
    RowPolicy,
    /// What may be aggregated.
    Aggregation,
    /// What may be written.
    Write,
    /// A limit.
    Budget,
}

impl Part {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Model => "model",
            Self::Field => "field",
            Self::Relation => "relation",
            Self::Scope => "scope",
            Self::RowPolicy => "row policy",
            Self::Aggregation => "aggregation",
            Self::Write => "write",
            Self::Budget => "budget",
        }
    }
}

/// Something that a policy says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Change {
    /// Which way.
    pub direction: Direction,
    /// The model; `None` for what is about no model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The part of the policy.
    pub part: Part,
    /// The name in it: of the field, the relation, the limit.
    pub name: String,
    /// What the old policy says.
    pub old: String,
    /// What the new one says.
    pub new: String,
}

impl Change {
    pub(super) fn order(&self) -> impl Ord + use<'_> {
        (self.direction, &self.model, self.part, &self.name)
    }

    /// What it is about: `Order.card`, `Order`, `create`.
    pub fn subject(&self) -> String {
        match &self.model {
            Some(model) if *model == self.name => plain(model),
            Some(model) => plain(&format!("{model}.{}", self.name)),
            None => plain(&self.name),
        }
    }
}

/// `wider: field User.ssn: closed → shown`
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (direction, part) = (self.direction.as_str(), self.part.as_str());
        write!(f, "{direction}: {part} {}: {} → {}", self.subject(), plain(&self.old), plain(&self.new))
    }
}

/// What differs for the principals with a set of roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RolesDiff {
    /// The roles; none for a principal without any.
    pub roles: Vec<String>,
    /// What differs, widenings first.
    pub changes: Vec<Change>,
    /// What each model shows under both, also where nothing differs.
    pub models: Vec<ModelPicture>,
}

/// What a model shows, for a picture of it. Models that are closed under both are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelPicture {
    /// The model.
    pub model: String,
    /// Its fields, in the order of the table.
    pub fields: Vec<FieldPicture>,
}

/// What a field shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldPicture {
    /// The field.
    pub field: String,
    /// Under the old policy.
    pub old: Level,
    /// Under the new one.
    pub new: Level,
    /// Which way that changes; `None` where it is the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
}

/// How much a field shows, from nothing to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It does not exist.
    Closed,
    /// That it is there.
    Redacted,
    /// Whether two are equal.
    Hashed,
    /// A part of it.
    Masked,
    /// All of it.
    Shown,
}

impl Level {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Redacted => "redacted",
            Self::Hashed => "hashed",
            Self::Masked => "masked",
            Self::Shown => "shown",
        }
    }
}
