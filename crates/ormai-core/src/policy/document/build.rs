//! Policies put together in code.

use super::{
    Action, AggregationPolicy, FieldPolicy, Literal, ModelPolicy, Operation, Overlay, PolicyDocument, RelationPolicy,
    RowEffect, RowPolicy, Spanned, WritePolicy,
};

impl PolicyDocument {
    /// A policy that opens nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a model.
    #[must_use]
    pub fn model(mut self, name: impl Into<String>, policy: ModelPolicy) -> Self {
        self.models.insert(Spanned::from(name.into()), policy);
        self
    }
}

impl ModelPolicy {
    /// A model policy that says nothing yet; it does not load before its scoping is said.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows fields as they are.
    #[must_use]
    pub fn allow<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> Self {
        for name in fields {
            self = self.field(name, FieldPolicy::new(Action::Allow));
        }
        self
    }

    /// Says what happens to a field.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, policy: FieldPolicy) -> Self {
        self.fields.insert(Spanned::from(name.into()), policy);
        self
    }

    /// Says whether and how far a relation may be followed.
    #[must_use]
    pub fn relation(mut self, name: impl Into<String>, policy: RelationPolicy) -> Self {
        self.relations.insert(Spanned::from(name.into()), policy);
        self
    }

    /// Scopes rows: `.scope("tenant_id", "principal.tenant_id")`.
    #[must_use]
    pub fn scope(mut self, field: impl Into<String>, expression: impl Into<Literal>) -> Self {
        let scoping = self.scoping.get_or_insert_default();
        scoping.insert(Spanned::from(field.into()), Spanned::from(expression.into()));
        self
    }

    /// Says that the rows are shared by all tenants.
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.scoping.get_or_insert_default();
        self
    }

    /// Adds a condition on rows.
    #[must_use]
    pub fn row_policy(mut self, policy: RowPolicy) -> Self {
        self.row_policies.push(policy);
        self
    }

    /// Says what may be written.
    #[must_use]
    pub fn write(mut self, policy: WritePolicy) -> Self {
        self.write_policy = Some(policy);
        self
    }

    /// Says what may be aggregated.
    #[must_use]
    pub fn aggregations(mut self, policy: AggregationPolicy) -> Self {
        self.aggregations = Some(policy);
        self
    }

    /// Says what differs for principals with a role.
    #[must_use]
    pub fn role(mut self, role: impl Into<String>, overlay: Overlay) -> Self {
        self.roles.insert(Spanned::from(role.into()), overlay);
        self
    }
}

impl Overlay {
    /// An overlay that only narrows.
    pub fn narrowing(policy: ModelPolicy) -> Self {
        Self { grants: None, policy }
    }

    /// An overlay that may widen.
    pub fn granting(policy: ModelPolicy) -> Self {
        Self { grants: Some(true.into()), policy }
    }
}

impl FieldPolicy {
    /// A field policy with an action.
    pub fn new(action: Action) -> Self {
        Self { action: action.into(), mask_pattern: None, filter_equality: None }
    }

    /// A mask with a pattern such as `****{last4}`.
    pub fn mask(pattern: impl Into<String>) -> Self {
        Self { mask_pattern: Some(pattern.into().into()), ..Self::new(Action::Mask) }
    }
}

impl RelationPolicy {
    /// An open relation without limits of its own.
    pub fn new() -> Self {
        Self::default()
    }
}

impl RowPolicy {
    /// A row policy whose effect is inferred.
    pub fn new(name: impl Into<String>, condition: impl Into<String>) -> Self {
        Self { name: name.into().into(), condition: condition.into().into(), ..Self::default() }
    }

    /// Principals that satisfy it are not scoped.
    #[must_use]
    pub fn bypass(mut self) -> Self {
        self.bypass = Some(true.into());
        self
    }

    /// Says what it does.
    #[must_use]
    pub fn effect(mut self, effect: RowEffect) -> Self {
        self.effect = Some(effect.into());
        self
    }

    /// Says on which operations.
    #[must_use]
    pub fn operations(mut self, operations: impl IntoIterator<Item = Operation>) -> Self {
        self.operations = Some(operations.into_iter().collect::<Vec<_>>().into());
        self
    }
}

impl From<&str> for Literal {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Literal {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Literal {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl From<i64> for Literal {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl From<f64> for Literal {
    fn from(float: f64) -> Self {
        Self::Float(float)
    }
}
