//! Policies, as data.

use super::cell::Cell;
use super::condition::{Attribute, Condition};

/// A whole policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// Whether fields that are not listed are shown.
    pub shows_by_default: bool,
    /// Limits of all models.
    pub budget: Budget,
    /// The models that it names, in order.
    pub models: Vec<(String, ModelPolicy)>,
}

/// What is said about one model, or by an overlay of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelPolicy {
    /// Whether it is open.
    pub allowed: Option<bool>,
    /// What happens to each field.
    pub fields: Vec<(String, FieldPolicy)>,
    /// Which relations are open.
    pub relations: Vec<(String, RelationPolicy)>,
    /// Whose the rows are.
    pub scoping: Vec<(String, Expression)>,
    /// Further conditions on rows.
    pub rows: Vec<RowPolicy>,
    /// What may be aggregated.
    pub aggregations: Option<Aggregations>,
    /// Limits of the model.
    pub budget: Budget,
    /// What may be written.
    pub writes: WritePolicy,
    /// The field that marks a row as deleted. Not in overlays.
    pub soft_delete: Option<String>,
    /// What differs by role, in order. Not in overlays.
    pub roles: Vec<(String, Overlay)>,
}

/// What differs for a role.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlay {
    /// Whether it may widen.
    pub grants: bool,
    /// What it says.
    pub says: ModelPolicy,
}

/// What a field must equal.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// An attribute of the principal.
    Principal(Attribute),
    /// A literal of the field's kind.
    Literal(Cell),
}

/// What happens to a field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldPolicy {
    /// The action.
    pub action: Action,
    /// Whether a field that is not shown as it is may be compared with `eq` and `in`.
    pub equality: bool,
}

/// What is shown of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// All of it.
    Allow,
    /// Nothing; the field does not exist.
    Deny,
    /// What the mask lets through; `None` is the default mask.
    Mask(Option<String>),
    /// A keyed hash.
    Hash,
    /// That it is there.
    Redact,
}

/// Whether and how a relation may be followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelationPolicy {
    /// Whether it is open.
    pub allowed: bool,
    /// How deep it may stand.
    pub max_depth: Option<u32>,
    /// The fields of the target that may be used through it.
    pub fields: Option<Vec<String>>,
}

/// A row policy.
#[derive(Clone, Debug, PartialEq)]
pub struct RowPolicy {
    /// Its name.
    pub name: String,
    /// Its condition.
    pub condition: Condition,
    /// What it does.
    pub effect: RowEffect,
    /// What it is about; `None` is the default.
    pub operations: Option<Vec<Operation>>,
    /// Whether written rows must satisfy it; `None` is the default.
    pub check: Option<bool>,
}

/// Whether a tool that writes is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Opening {
    /// It is not.
    Closed,
    /// After somebody else has approved the write.
    OnApproval,
    /// It is.
    Open,
}

impl From<bool> for Opening {
    fn from(open: bool) -> Self {
        if open { Self::Open } else { Self::Closed }
    }
}

/// What may be written, and how; what is `None` is not said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WritePolicy {
    /// Whether rows may be created.
    pub create: Option<Opening>,
    /// Whether a row may be changed.
    pub update: Option<Opening>,
    /// Whether a row may be deleted.
    pub delete: Option<Opening>,
    /// Whether many rows may be changed at once.
    pub bulk_update: Option<Opening>,
    /// What a new row is filled with, by field.
    pub auto_set: Vec<(String, Auto)>,
    /// Fields that stay as they were created.
    pub immutable: Vec<String>,
    /// Fields that a new row must have.
    pub required: Vec<String>,
    /// The most rows that one call changes.
    pub max_affected_rows: Option<u32>,
    /// Whether a reason must be given.
    pub require_reason: Option<bool>,
}

/// What a field is filled with.
#[derive(Clone, Debug, PartialEq)]
pub enum Auto {
    /// The time of the call.
    Now,
    /// An attribute of the principal, or a literal.
    Is(Expression),
}

/// What a row policy does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowEffect {
    /// Whatever its condition makes of it: nothing is written.
    Inferred,
    /// Rows must satisfy it.
    Restrict,
    /// Rows that satisfy it need not satisfy the scope on a field.
    Permit(String),
    /// Principals of whom it is true see everything.
    Bypass,
}

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Reading.
    Read,
    /// Creating.
    Create,
    /// Changing.
    Update,
    /// Deleting.
    Delete,
}

/// What may be aggregated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aggregations {
    /// Whether rows may be counted.
    pub count: Option<bool>,
    /// Fields to add up.
    pub sum: Option<Vec<String>>,
    /// Fields to take the mean of.
    pub avg: Option<Vec<String>>,
    /// Fields to take the smallest value of.
    pub min: Option<Vec<String>>,
    /// Fields to take the greatest value of.
    pub max: Option<Vec<String>>,
    /// Fields to group by; `None` is every field that is shown as it is.
    pub group_by: Option<Vec<String>>,
    /// Smaller groups are hidden.
    pub min_group_size: Option<u32>,
}

/// Limits; what is `None` is not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// The highest limit.
    pub max_rows: Option<u32>,
    /// How deep includes and relation filters nest.
    pub max_include_depth: Option<u32>,
    /// How many fields a request selects.
    pub max_selected_fields: Option<u32>,
    /// The highest complexity score.
    pub max_complexity_score: Option<u32>,
    /// The longest list of a request or of a principal's attribute.
    pub max_list_length: Option<u32>,
    /// How deep filters nest.
    pub max_filter_depth: Option<u32>,
}

impl Policy {
    /// What it says about a model.
    pub fn model(&self, name: &str) -> Option<&ModelPolicy> {
        self.models.iter().find(|(known, _)| known == name).map(|(_, model)| model)
    }
}

impl Budget {
    /// The limits by their names.
    pub fn limits(&self) -> [(&'static str, Option<u32>); 6] {
        [
            ("max_rows", self.max_rows),
            ("max_include_depth", self.max_include_depth),
            ("max_selected_fields", self.max_selected_fields),
            ("max_complexity_score", self.max_complexity_score),
            ("max_list_length", self.max_list_length),
            ("max_filter_depth", self.max_filter_depth),
        ]
    }
}

impl Aggregations {
    /// The lists of fields by their keys.
    pub fn lists(&self) -> [(&'static str, Option<&Vec<String>>); 5] {
        [
            ("sum", self.sum.as_ref()),
            ("avg", self.avg.as_ref()),
            ("min", self.min.as_ref()),
            ("max", self.max.as_ref()),
            ("group_by", self.group_by.as_ref()),
        ]
    }
}
