//! What may be written.

use super::part::WritePart;
use super::subject::{Checker, Subject};
use crate::policy::document::{LEAST_APPROVAL_TTL_S, Spanned, WritePolicy};
use crate::policy::rules::AutoValue;
use crate::principal::PrincipalPath;

impl Checker<'_> {
    pub(super) fn write_policy(&mut self, subject: Subject<'_>, policy: Option<&WritePolicy>) -> WritePart {
        let Some(policy) = policy else { return WritePart::default() };
        let mut auto_set = Vec::with_capacity(policy.auto_set.len());
        for (name, expression) in &policy.auto_set {
            let Some(field) = self.field(subject.model, name) else { continue };
            if subject.model.field(field).generated {
                let message = format!("`{}` is computed by the database and cannot be set", subject.field(field));
                self.error(name, "field-generated", message, "");
                continue;
            }
            match self.auto_value(subject, field, expression, "auto_set") {
                Some(AutoValue::Principal(PrincipalPath::Roles)) => {
                    let message = format!("`{}` cannot be set from a list of roles", subject.field(field));
                    self.error(expression, "bad-expression", message, "");
                }
                Some(value) => auto_set.push(Spanned { value: (field, value), span: name.span.clone() }),
                None => {}
            }
        }
        for name in &policy.required_fields {
            if let Some(field) = subject.model.find_field(&name.value)
                && subject.model.field(field).generated
            {
                let message = format!("`{}` is computed by the database and cannot be required", subject.field(field));
                self.error(name, "field-generated", message, "");
            }
        }
        if let Some(rows) = policy.max_affected_rows.as_ref().filter(|rows| rows.value == 0) {
            let message = format!("`max_affected_rows` of {subject} must be at least 1");
            self.error(rows, "wrong-type", message, "deny the write instead");
        }
        if let Some(seconds) = policy.approval_ttl_s.as_ref().filter(|ttl| ttl.value < LEAST_APPROVAL_TTL_S) {
            let message = format!("`approval_ttl_s` of {subject} must be at least {LEAST_APPROVAL_TTL_S}");
            self.error(seconds, "wrong-type", message, "give somebody the time to look at it");
        }
        for role in policy.approver_roles.iter().flat_map(|roles| &roles.value).filter(|role| role.value.is_empty()) {
            self.error(role, "empty-name", format!("a role in `approver_roles` of {subject} has no name"), "");
        }
        WritePart {
            create: policy.create.clone(),
            update: policy.update.clone(),
            delete: policy.delete.clone(),
            bulk_update: policy.bulk_update.clone(),
            auto_set,
            immutable_fields: self.field_list(subject.model, &policy.immutable_fields),
            required_fields: self.field_list(subject.model, &policy.required_fields),
            max_affected_rows: policy.max_affected_rows.clone(),
            require_reason: policy.require_reason.clone(),
            approver_roles: policy.approver_roles.as_ref().map(|roles| Spanned {
                value: roles.value.iter().map(|role| role.value.clone()).collect(),
                span: roles.span.clone(),
            }),
            approval_ttl_s: policy.approval_ttl_s.clone(),
        }
    }
}
