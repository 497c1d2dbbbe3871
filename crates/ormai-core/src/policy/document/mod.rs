//! What an author wrote, apart from what it means.
//!
//! A [`PolicyDocument`] is plain data: read from YAML, TOML or JSON, or put together in
//! code. Nothing in it has been compared with a database; that is
//! [`CompiledPolicy::compile`](super::CompiledPolicy::compile).
//!
//! ```
//! use ormai_core::policy::Format;
//! use ormai_core::policy::document::{ModelPolicy, PolicyDocument};
//!
//! let read = PolicyDocument::parse(
//!     "models: {Order: {fields: {id: allow}, scoping: {tenant_id: principal.tenant_id}}}",
//!     Format::Yaml,
//! );
//! let built = PolicyDocument::new()
//!     .model("Order", ModelPolicy::new().allow(["id"]).scope("tenant_id", "principal.tenant_id"));
//! assert_eq!(read, Ok(built));
//! ```

mod build;
mod read;
mod section;
mod spanned;
mod write;

use std::sync::Arc;

use indexmap::IndexMap;

pub use spanned::Spanned;

pub use super::rules::{Operation, WriteAction};
use super::syntax::{self, Format, Node};
use crate::diagnostic::Diagnostic;

/// A request that waits for less cannot be looked at.
pub(crate) const LEAST_APPROVAL_TTL_S: u32 = 60;

/// A whole policy.
#[derive(Clone, Debug, Default)]
pub struct PolicyDocument {
    /// The author's own version; `1` when missing.
    pub version: Option<Spanned<Literal>>,
    /// Whether what could be inferred must be written.
    pub strict: Option<Spanned<bool>>,
    /// What happens to fields that are not listed: `deny` (the default) or `allow`.
    pub default_field_action: Option<Spanned<Action>>,
    /// The roles that principals can have, where somebody keeps a list: any other is reported.
    pub roles: Option<Vec<Spanned<String>>>,
    /// Limits for all models.
    pub budget: BudgetPolicy,
    /// The open models by name.
    pub models: IndexMap<Spanned<String>, ModelPolicy>,
    /// The text that it was read from.
    pub(crate) source: Option<Arc<str>>,
}

/// Two documents are equal when they say the same, wherever they say it.
impl PartialEq for PolicyDocument {
    fn eq(&self, other: &Self) -> bool {
        let parts = |document: &Self| {
            let Self { version, strict, default_field_action, roles, budget, models, source: _ } = document;
            let whole = (version.clone(), strict.clone(), default_field_action.clone(), roles.clone());
            (whole, budget.clone(), models.clone())
        };
        parts(self) == parts(other)
    }
}

/// A value that a policy names: a number, a truth value, or text, which is an expression
/// (`principal.tenant_id`, `now()`, `'acme'`) where one is expected.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Another number.
    Float(f64),
    /// Text.
    Text(String),
}

/// What happens to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It is shown.
    Allow,
    /// It does not exist.
    Deny,
    /// It is shown in part.
    Mask,
    /// It is shown as a keyed hash.
    Hash,
    /// It is shown as `[REDACTED]`.
    Redact,
}

/// What is open in one model. As an [`Overlay`] it says only what differs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelPolicy {
    /// Whether the model is open; it is when nothing is said.
    pub allowed: Option<Spanned<bool>>,
    /// The fields by name.
    pub fields: IndexMap<Spanned<String>, FieldPolicy>,
    /// The relations by name.
    pub relations: IndexMap<Spanned<String>, RelationPolicy>,
    /// Whose the rows are: expressions by field. Must be there, and may be empty.
    pub scoping: Option<IndexMap<Spanned<String>, Spanned<Literal>>>,
    /// Further conditions on rows.
    pub row_policies: Vec<RowPolicy>,
    /// What may be written.
    pub write_policy: Option<WritePolicy>,
    /// What may be aggregated.
    pub aggregations: Option<AggregationPolicy>,
    /// Limits of this model.
    pub budget: BudgetPolicy,
    /// The field that marks a row as deleted.
    pub soft_delete: Option<Spanned<String>>,
    /// What differs for principals with a role. Empty in an overlay.
    pub roles: IndexMap<Spanned<String>, Overlay>,
}

/// What differs for the principals with a role.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlay {
    /// Whether it may widen what the model opens.
    pub grants: Option<Spanned<bool>>,
    /// The differences.
    pub policy: ModelPolicy,
}

/// What happens to one field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldPolicy {
    /// The action.
    pub action: Spanned<Action>,
    /// What a mask lets through, such as `****{last4}`.
    pub mask_pattern: Option<Spanned<String>>,
    /// `filter: equality`: a field that is not shown as it is may still be compared.
    pub filter_equality: Option<Spanned<bool>>,
}

/// Whether and how far a relation may be followed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RelationPolicy {
    /// Whether it is open; it is when nothing is said.
    pub allowed: Option<Spanned<bool>>,
    /// How deep an include through it may stand.
    pub max_depth: Option<Spanned<u32>>,
    /// The fields of the target that it opens.
    pub fields: Option<Vec<Spanned<String>>>,
}

/// A condition on rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowPolicy {
    /// Its name, for `explain` and the audit trail.
    pub name: Spanned<String>,
    /// The condition.
    pub condition: Spanned<String>,
    /// Why it is there.
    pub description: Option<Spanned<String>>,
    /// Whether principals that satisfy it are not scoped at all.
    pub bypass: Option<Spanned<bool>>,
    /// What it does; inferred when missing.
    pub effect: Option<Spanned<RowEffect>>,
    /// The scoped field that a permit widens.
    pub field: Option<Spanned<String>>,
    /// On which operations.
    pub operations: Option<Spanned<Vec<Operation>>>,
    /// Whether written rows must satisfy it.
    pub check: Option<Spanned<bool>>,
}

/// What a row policy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowEffect {
    /// Rows must satisfy it as well.
    Restrict,
    /// Rows that satisfy it need not satisfy one scope.
    Permit,
}

/// What may be written, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WritePolicy {
    /// create
    pub create: Option<Spanned<WriteAction>>,
    /// update
    pub update: Option<Spanned<WriteAction>>,
    /// delete
    pub delete: Option<Spanned<WriteAction>>,
    /// bulk_update
    pub bulk_update: Option<Spanned<WriteAction>>,
    /// Expressions that fill fields.
    pub auto_set: IndexMap<Spanned<String>, Spanned<Literal>>,
    /// Fields that an update may not name.
    pub immutable_fields: Vec<Spanned<String>>,
    /// Fields that a create must name.
    pub required_fields: Vec<Spanned<String>>,
    /// The most rows that one call changes.
    pub max_affected_rows: Option<Spanned<u32>>,
    /// Whether each write needs a reason.
    pub require_reason: Option<Spanned<bool>>,
    /// The roles that may approve a write which needs it; an empty list is nobody.
    pub approver_roles: Option<Spanned<Vec<Spanned<String>>>>,
    /// How long a request waits for its approval, in seconds.
    pub approval_ttl_s: Option<Spanned<u32>>,
}

/// What may be aggregated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AggregationPolicy {
    /// Whether rows may be counted.
    pub count: Option<Spanned<bool>>,
    /// Fields to add up.
    pub sum: Option<Vec<Spanned<String>>>,
    /// Fields to take the mean of.
    pub avg: Option<Vec<Spanned<String>>>,
    /// Fields to take the smallest value of.
    pub min: Option<Vec<Spanned<String>>>,
    /// Fields to take the greatest value of.
    pub max: Option<Vec<Spanned<String>>>,
    /// Fields to group by; all that are shown as they are when missing.
    pub group_by: Option<Vec<Spanned<String>>>,
    /// Smaller groups are hidden.
    pub min_group_size: Option<Spanned<u32>>,
}

/// Limits; those that are missing come from the policy, then from the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetPolicy {
    /// The highest `limit`.
    pub max_rows: Option<Spanned<u32>>,
    /// How deep includes nest.
    pub max_include_depth: Option<Spanned<u32>>,
    /// How many fields a request selects.
    pub max_selected_fields: Option<Spanned<u32>>,
    /// How long a statement runs, in milliseconds.
    pub statement_timeout_ms: Option<Spanned<u32>>,
    /// The highest complexity score.
    pub max_complexity_score: Option<Spanned<u32>>,
    /// The longest list of values.
    pub max_list_length: Option<Spanned<u32>>,
    /// How deep filters nest.
    pub max_filter_depth: Option<Spanned<u32>>,
}

impl PolicyDocument {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// Every finding: unknown and duplicate keys, wrong types, missing keys.
    pub fn parse(text: &str, format: Format) -> Result<Self, Vec<Diagnostic>> {
        Self::from_node(&syntax::read(text, format)?, text)
    }

    /// Reads a policy that stands inside another document, whose whole text is `source`.
    ///
    /// # Errors
    ///
    /// As [`PolicyDocument::parse`].
    pub fn from_node(node: &Node, source: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut document = read::document(node)?;
        document.source = Some(Arc::from(source));
        Ok(document)
    }

    /// The text that it was read from; `None` when it was put together in code.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The document as YAML, without comments: equal documents give equal texts.
    pub fn to_yaml(&self) -> String {
        write::yaml(self)
    }
}
