//! Checked rules: what requests meet. Nothing here can refer to something that is missing.

use crate::catalog::{FieldId, ModelId};
use crate::condition::Condition;
use crate::plan::AggregateFunction;
use crate::principal::PrincipalPath;
use crate::value::Value;

/// What the principals of one set of roles may do: the catalog as it exists for them.
///
/// A model, field or relation that is not in here does not exist for them: requests are
/// resolved against the view, so forbidden and unknown cannot be told apart.
#[derive(Clone, Debug)]
pub struct View {
    /// By [`ModelId::index`]; `None` where the model is not open.
    pub(crate) models: Vec<Option<ModelRules>>,
    /// The version of the policy that it was made from.
    pub(crate) policy_version: String,
}

impl View {
    /// The rules of a model, if it is open.
    pub fn model(&self, id: ModelId) -> Option<&ModelRules> {
        self.models.get(id.index())?.as_ref()
    }

    /// All open models.
    pub fn models(&self) -> impl Iterator<Item = &ModelRules> {
        self.models.iter().flatten()
    }

    /// The version of the policy that it was made from.
    pub fn policy_version(&self) -> &str {
        &self.policy_version
    }
}

/// The rules of one open model.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ModelRules {
    /// The model.
    pub model: ModelId,
    /// By field; `None` where the field is denied.
    pub fields: Vec<Option<FieldRule>>,
    /// By relation; `None` where the relation is denied or its target not open.
    pub relations: Vec<Option<RelationRule>>,
    /// Whose the rows are; empty for a model shared by all tenants.
    pub scoping: Vec<ScopeRule>,
    /// Further conditions, in the order of the document.
    pub row_rules: Vec<RowRule>,
    /// Limits.
    pub budget: Budget,
    /// What may be aggregated.
    pub aggregations: Option<AggregationRules>,
    /// What may be written.
    pub write: WriteRules,
    /// Set on a soft delete; rows where it is set are hidden by an implied row rule.
    pub soft_delete: Option<FieldId>,
}

impl ModelRules {
    /// The rule of a field, if it is open.
    pub fn field(&self, id: FieldId) -> Option<&FieldRule> {
        self.fields.get(id.index())?.as_ref()
    }

    /// All open fields with their rules, in the table's order.
    pub fn open_fields(&self) -> impl Iterator<Item = (FieldId, &FieldRule)> + Clone {
        self.fields.iter().enumerate().filter_map(|(index, rule)| Some((FieldId::at(index), rule.as_ref()?)))
    }

    /// The rule of a relation, if it is open.
    pub fn relation(&self, id: crate::catalog::RelationId) -> Option<&RelationRule> {
        self.relations.get(id.index())?.as_ref()
    }
}

/// What an open field shows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldRule {
    /// How the value appears in an answer.
    pub action: FieldAction,
    /// Whether a field that is not shown as it is may be compared for equality.
    pub filter_equality: bool,
}

/// How a value appears in an answer. A denied field has no rule at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldAction {
    /// As it is.
    Allow,
    /// In part.
    Mask(Mask),
    /// As a keyed hash, the same for equal values of one tenant.
    Hash,
    /// As `[REDACTED]`.
    Redact,
}

/// What a mask lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mask {
    /// By the shape of the value: of an e-mail address the first letter, of other text nothing.
    Default,
    /// A pattern such as `****{last4}`.
    Pattern(Vec<MaskPart>),
}

/// A part of a mask pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaskPart {
    /// Text that stands for itself.
    Text(String),
    /// The first characters, `{first1}`.
    First(usize),
    /// The last characters, `{last4}`.
    Last(usize),
}

/// An open relation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelationRule {
    /// How deep an include through this relation may stand (1 is directly under the root);
    /// `None`: only the budget limits it.
    pub max_depth: Option<u32>,
    /// The fields of the target that may be used through this relation; `None`: all that
    /// the target opens.
    pub fields: Option<Vec<FieldId>>,
}

/// `scoping: {field: expression}`
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScopeRule {
    /// The field that says whose a row is.
    pub field: FieldId,
    /// Where its value comes from.
    pub value: ScopeValue,
}

/// The right side of a scope.
#[derive(Clone, Debug, PartialEq)]
pub enum ScopeValue {
    /// An attribute of the principal; a list means IN.
    Principal(PrincipalPath),
    /// A literal of the field's type.
    Literal(Value),
}

/// A row policy.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RowRule {
    /// Its name; `soft_delete` for the implied one.
    pub name: String,
    /// When it applies or holds.
    pub condition: Condition,
    /// What it does.
    pub effect: Effect,
    /// Whether a permit was inferred rather than written.
    pub inferred: bool,
    /// On which operations.
    pub operations: Operations,
    /// Whether it is also a check on written rows; decided when the policy is compiled.
    pub check: bool,
}

/// What a row rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Rows must satisfy it as well.
    Restrict,
    /// Rows that satisfy it need not satisfy the scope on this field.
    Permit(FieldId),
    /// A principal that satisfies it is not scoped, permitted or restricted at all.
    Bypass,
}

/// An operation on rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// query, get, aggregate, and every table that they touch.
    Read,
    /// create
    Create,
    /// update and bulk_update
    Update,
    /// delete
    Delete,
}

impl Operation {
    const ALL: [Self; 4] = [Self::Read, Self::Create, Self::Update, Self::Delete];
}

/// A set of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operations(u8);

impl Operations {
    /// Every operation.
    pub const ALL: Self = Self(0b1111);
    /// Reads only.
    pub const READ: Self = Self(0b0001);
    /// No operation.
    pub(crate) const NONE: Self = Self(0);

    /// One operation.
    pub const fn one(operation: Operation) -> Self {
        Self(1 << operation as u8)
    }

    /// The set with one operation more.
    #[must_use]
    pub const fn and(self, operation: Operation) -> Self {
        Self(self.0 | 1 << operation as u8)
    }

    /// The set without an operation.
    #[must_use]
    pub(crate) const fn without(self, operation: Operation) -> Self {
        Self(self.0 & !(1 << operation as u8))
    }

    /// Whether an operation is in the set.
    pub const fn contains(self, operation: Operation) -> bool {
        self.0 & (1 << operation as u8) != 0
    }

    /// Whether all operations of another set are in this one.
    pub(crate) const fn contains_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether an operation of another set is in this one.
    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether it is empty.
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The operations.
    pub(crate) fn iter(self) -> impl Iterator<Item = Operation> {
        Operation::ALL.into_iter().filter(move |operation| self.contains(*operation))
    }
}

impl FromIterator<Operation> for Operations {
    fn from_iter<I: IntoIterator<Item = Operation>>(operations: I) -> Self {
        Self(operations.into_iter().fold(0, |set, operation| set | 1 << operation as u8))
    }
}

/// Limits on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Budget {
    /// The highest `limit`, also of each include per parent.
    pub max_rows: u32,
    /// How deep includes and relation filters nest.
    pub max_include_depth: u32,
    /// How many fields a request selects, includes counted.
    pub max_selected_fields: u32,
    /// How long a statement runs, in milliseconds.
    pub statement_timeout_ms: u32,
    /// The highest complexity score; see `docs/reference/budgets.md`.
    pub max_complexity_score: u32,
    /// The longest list of values in a request, and of a principal's attribute.
    pub max_list_length: u32,
    /// How deep filters nest.
    pub max_filter_depth: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            max_rows: 1_000,
            max_include_depth: 3,
            max_selected_fields: 50,
            statement_timeout_ms: 5_000,
            max_complexity_score: 100,
            max_list_length: 1_000,
            max_filter_depth: 8,
        }
    }
}

/// What may be aggregated.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct AggregationRules {
    /// Whether rows (and values of open fields) may be counted.
    pub count: bool,
    /// The fields that each function may be applied to.
    pub functions: Vec<(AggregateFunction, Vec<FieldId>)>,
    /// The fields to group by; `None`: every field that is shown as it is.
    pub group_by: Option<Vec<FieldId>>,
    /// Smaller groups are hidden.
    pub min_group_size: Option<u32>,
}

/// What may be written, and how.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WriteRules {
    /// create
    pub create: WriteAction,
    /// update
    pub update: WriteAction,
    /// delete
    pub delete: WriteAction,
    /// bulk_update
    pub bulk_update: WriteAction,
    /// Fields that are filled, and from what.
    pub auto_set: Vec<(FieldId, AutoValue)>,
    /// Fields that an update may not name.
    pub immutable_fields: Vec<FieldId>,
    /// Fields that a create must name.
    pub required_fields: Vec<FieldId>,
    /// The most rows that one call changes.
    pub max_affected_rows: Option<u32>,
    /// Whether each write needs a reason.
    pub require_reason: bool,
    /// The roles that may approve a write of these principals; compared byte by byte.
    pub approver_roles: Vec<String>,
    /// How long a request waits for its approval, in seconds.
    pub approval_ttl_s: u32,
}

impl Default for WriteRules {
    fn default() -> Self {
        Self {
            create: WriteAction::Deny,
            update: WriteAction::Deny,
            delete: WriteAction::Deny,
            bulk_update: WriteAction::Deny,
            auto_set: Vec::new(),
            immutable_fields: Vec::new(),
            required_fields: Vec::new(),
            max_affected_rows: None,
            require_reason: false,
            approver_roles: Vec::new(),
            approval_ttl_s: 86_400,
        }
    }
}

/// Whether a write is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub enum WriteAction {
    /// It is.
    Allow,
    /// It is not.
    #[default]
    Deny,
    /// After somebody else has approved it.
    RequireApproval,
}

/// What `auto_set` fills in.
#[derive(Clone, Debug, PartialEq)]
pub enum AutoValue {
    /// An attribute of the principal.
    Principal(PrincipalPath),
    /// The time of the call.
    Now,
    /// A literal of the field's type.
    Literal(Value),
}
