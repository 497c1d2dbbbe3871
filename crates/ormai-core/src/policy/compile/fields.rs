//! What happens to each field.

use indexmap::IndexMap;

use super::mask;
use super::subject::{Checker, Subject, type_name};
use crate::catalog::{FieldId, ModelId};
use crate::condition::{Condition, FieldPath, Node, Operand};
use crate::plan::Comparison;
use crate::policy::document::{Action, FieldPolicy, Spanned};
use crate::policy::rules::{Effect, FieldAction, FieldRule, Mask, Operations, RowRule};
use crate::value::{ColumnType, Value};

impl Checker<'_> {
    pub(super) fn fields(
        &mut self,
        subject: Subject<'_>,
        policies: &IndexMap<Spanned<String>, FieldPolicy>,
    ) -> Vec<Spanned<(FieldId, Option<FieldRule>)>> {
        let mut rules = Vec::with_capacity(policies.len());
        for (name, policy) in policies {
            if let Some(field) = self.field(subject.model, name) {
                let rule = self.field_rule(subject, field, policy);
                rules.push(Spanned { value: (field, rule), span: policy.action.span.clone() });
            }
        }
        rules
    }

    fn field_rule(&mut self, subject: Subject<'_>, field: FieldId, policy: &FieldPolicy) -> Option<FieldRule> {
        let name = subject.field(field);
        let ty = &subject.model.field(field).ty;
        let action = policy.action.value;
        if let Some(pattern) = policy.mask_pattern.as_ref().filter(|_| action != Action::Mask) {
            let message = format!("`{name}` has a `mask_pattern` and is not masked");
            self.error(pattern, "mask-pattern-unused", message, "write `action: mask`, or take the pattern out");
        }
        let compared = policy.filter_equality.as_ref().filter(|filter| filter.value);
        if let Some(filter) = compared {
            if matches!(action, Action::Allow | Action::Deny) {
                let message =
                    format!("`filter: equality` of `{name}` is for fields that are masked, hashed or redacted");
                self.error(filter, "filter-unused", message, "take it out");
            } else if !ty.has_equality() {
                let message = format!("`{name}` has {}, which cannot be compared", type_name(ty));
                self.error(filter, "field-type", message, "take `filter` out");
            }
        }
        if action != Action::Deny && !ty.is_supported() {
            let message = format!("`{name}` has {}, which cannot be read", type_name(ty));
            self.error(&policy.action, "field-type", message, "deny the field");
            return None;
        }
        let action = match action {
            Action::Deny => return None,
            Action::Allow => FieldAction::Allow,
            Action::Redact => FieldAction::Redact,
            Action::Hash => {
                self.check_hash(&name, ty, policy);
                FieldAction::Hash
            }
            Action::Mask => FieldAction::Mask(self.mask(&name, ty, policy)),
        };
        Some(FieldRule { action, filter_equality: compared.is_some() })
    }

    fn check_hash(&mut self, name: &str, ty: &ColumnType, policy: &FieldPolicy) {
        if !ty.has_equality() {
            let message = format!("`{name}` has {}, which cannot be hashed", type_name(ty));
            self.error(&policy.action, "field-type", message, "redact or deny the field");
        } else if !self.options.has_hash_key {
            let message = format!("`{name}` is hashed, and there is no key to hash with");
            let help = "set the environment variable ORMAI_HASH_KEY, or redact the field";
            self.error(&policy.action, "hash-key-missing", message, help);
        }
    }

    fn mask(&mut self, name: &str, ty: &ColumnType, policy: &FieldPolicy) -> Mask {
        if !(ty.is_text() || ty.is_number() || matches!(ty, ColumnType::Enum(_) | ColumnType::Uuid)) {
            let message = format!("`{name}` has {}, which cannot be masked", type_name(ty));
            self.error(&policy.action, "field-type", message, "redact or deny the field");
        }
        let Some(pattern) = &policy.mask_pattern else { return Mask::Default };
        mask::parse(&pattern.value).unwrap_or_else(|wrong| {
            self.error(pattern, "mask-pattern", format!("the mask pattern of `{name}` {wrong}"), "");
            Mask::Default
        })
    }

    pub(super) fn soft_delete(
        &mut self,
        subject: Subject<'_>,
        name: Option<&Spanned<String>>,
    ) -> Option<(FieldId, RowRule)> {
        let name = name?;
        let id = self.field(subject.model, name)?;
        let field = subject.model.field(id);
        let column = Operand::Field(FieldPath { through: Vec::new(), field: id, ty: field.ty.clone() });
        let (source, root) = match field.ty {
            ColumnType::Bool => {
                let right = Operand::Literal(Value::Bool(false));
                let root = Node::Compare { op: Comparison::Eq, left: column, right };
                (format!("{} = false", field.name), root)
            }
            ColumnType::Timestamp | ColumnType::DateTime | ColumnType::Date if field.nullable => {
                (format!("{} IS NULL", field.name), Node::IsNull { operand: column, negated: false })
            }
            _ => {
                let message = format!("`{}` cannot mark a row as deleted", subject.field(id));
                let help = "name a boolean, or a timestamp, datetime or date that may be NULL";
                self.error(name, "soft-delete-type", message, help);
                return None;
            }
        };
        Some((id, hidden_rows(subject.id, source, root)))
    }
}

fn hidden_rows(model: ModelId, source: String, root: Node) -> RowRule {
    RowRule {
        name: super::rows::SOFT_DELETE.to_owned(),
        condition: Condition { source, model, root },
        effect: Effect::Restrict,
        inferred: false,
        operations: Operations::ALL,
        // A soft delete is an update out of sight; it must be able to pass.
        check: false,
    }
}
