//! Row policies: what each one does, and on what.

use std::ops::Range;

use super::subject::{Checker, Subject};
use crate::catalog::FieldId;
use crate::condition::{self, Condition};
use crate::diagnostic::Diagnostic;
use crate::fault::Fault;
use crate::policy::document::{RowEffect, RowPolicy, Spanned};
use crate::policy::rules::{Effect, Operation, Operations, RowRule};

/// The name of the rule that hides softly deleted rows.
pub(super) const SOFT_DELETE: &str = "soft_delete";

impl Checker<'_> {
    /// `scoped` are the fields with a scope; `names` those of the model's row policies so far.
    pub(super) fn row_policies(
        &mut self,
        subject: Subject<'_>,
        policies: &[RowPolicy],
        scoped: &[FieldId],
        names: &mut Vec<String>,
    ) -> Vec<Spanned<RowRule>> {
        let mut rules = Vec::with_capacity(policies.len());
        for policy in policies {
            self.check_name(subject, &policy.name, names);
            let condition = self.condition(subject, policy);
            let Some(condition) = condition else { continue };
            if let Some(rule) = self.row_rule(subject, policy, condition, scoped) {
                rules.push(Spanned { value: rule, span: policy.name.span.clone() });
            }
        }
        rules
    }

    fn check_name(&mut self, subject: Subject<'_>, name: &Spanned<String>, names: &mut Vec<String>) {
        if name.value.is_empty() {
            self.error(name, "empty-name", format!("a row policy of {subject} has no name"), "");
        } else if name.value == SOFT_DELETE {
            let message = format!("a row policy of {subject} is named `{SOFT_DELETE}`, which the model's own rule is");
            self.error(name, "reserved-name", message, "give it another name");
        } else if names.contains(&name.value) {
            let message = format!("two row policies of `{}` are named `{}`", subject.model.name, name.value);
            self.error(name, "duplicate-name", message, "give each its own name: the audit trail names them");
        } else {
            names.push(name.value.clone());
        }
    }

    fn condition(&mut self, subject: Subject<'_>, policy: &RowPolicy) -> Option<Condition> {
        let document = self.document;
        let place = |mut finding: Diagnostic| {
            finding.message = format!("row policy `{}` of {subject}: {}", policy.name.value, finding.message);
            match (&policy.condition.span, document.source()) {
                (Some(span), Some(source)) => match verbatim(source, span, &policy.condition.value) {
                    Some(offset) => finding.shifted(offset),
                    None => {
                        finding.labels.iter_mut().for_each(|label| label.span = span.clone());
                        finding
                    }
                },
                // Nothing to point into.
                _ => {
                    finding.labels.clear();
                    finding
                }
            }
        };
        match condition::compile(&policy.condition.value, self.catalog, subject.id) {
            Ok(checked) => {
                self.findings.extend(checked.warnings.into_iter().map(place));
                Some(checked.condition)
            }
            Err(findings) => {
                self.findings.extend(findings.into_iter().map(place));
                None
            }
        }
    }

    fn row_rule(
        &mut self,
        subject: Subject<'_>,
        policy: &RowPolicy,
        condition: Condition,
        scoped: &[FieldId],
    ) -> Option<RowRule> {
        let name = policy.name.value.clone();
        let given = self.operations(subject, policy)?;
        if policy.bypass.as_ref().is_some_and(|bypass| bypass.value) {
            self.check_bypass(subject, policy, &condition)?;
            let operations = given.unwrap_or(Operations::ALL);
            return Some(RowRule {
                name,
                condition,
                effect: Effect::Bypass,
                inferred: false,
                operations,
                check: false,
            });
        }
        let mut inferred = condition.as_permit().filter(|field| policy.effect.is_none() && scoped.contains(field));
        if Fault::RestrictionInferredAsPermit.is_on() && policy.effect.is_none() {
            inferred = scoped.iter().copied().find(|field| condition.mentions_field(*field));
        }
        let effect = match (policy.effect.as_ref().map(|effect| effect.value), inferred) {
            (Some(RowEffect::Permit), _) => Effect::Permit(self.permitted_field(subject, policy, &condition, scoped)?),
            (None, Some(field)) => Effect::Permit(field),
            (Some(RowEffect::Restrict), _) | (None, None) => Effect::Restrict,
        };
        if let Some(field) = policy
            .field
            .as_ref()
            .filter(|_| policy.effect.as_ref().map(|effect| effect.value) != Some(RowEffect::Permit))
        {
            let message = format!("row policy `{name}` of {subject} names a field and permits nothing");
            self.error(field, "field-unused", message, "write `effect: permit`, or take `field` out");
        }
        let (operations, check) = match effect {
            Effect::Permit(_) => {
                let operations = given.unwrap_or(Operations::READ);
                (operations, operations.contains(Operation::Create) || operations.contains(Operation::Update))
            }
            _ => {
                let mentions =
                    condition.mentions_principal() || scoped.iter().any(|field| condition.mentions_field(*field));
                (given.unwrap_or(Operations::ALL), mentions)
            }
        };
        if let Some(field) = inferred {
            self.note_inferred(subject, policy, field, operations);
        }
        let check = policy.check.as_ref().map_or(check, |check| check.value);
        Some(RowRule { name, condition, effect, inferred: inferred.is_some(), operations, check })
    }

    /// `Some(None)` when nothing is said, `None` after an error.
    fn operations(&mut self, subject: Subject<'_>, policy: &RowPolicy) -> Option<Option<Operations>> {
        let Some(operations) = &policy.operations else { return Some(None) };
        if operations.value.is_empty() {
            let message = format!("row policy `{}` of {subject} is about no operation", policy.name.value);
            self.error(operations, "no-operations", message, "name some, or leave `operations` out");
            return None;
        }
        Some(Some(operations.value.iter().copied().collect()))
    }

    fn check_bypass(&mut self, subject: Subject<'_>, policy: &RowPolicy, condition: &Condition) -> Option<()> {
        let name = &policy.name.value;
        let before = self.findings.len();
        let help = "a bypass lifts all scopes and all row policies; take this out";
        if let Some(effect) = &policy.effect {
            self.error(
                effect,
                "bypass-with-effect",
                format!("row policy `{name}` of {subject} has a bypass and an effect"),
                help,
            );
        }
        if let Some(field) = &policy.field {
            self.error(
                field,
                "bypass-with-effect",
                format!("row policy `{name}` of {subject} has a bypass and a field"),
                help,
            );
        }
        if let Some(check) = &policy.check {
            self.error(
                check,
                "bypass-with-effect",
                format!("row policy `{name}` of {subject} has a bypass and a check"),
                help,
            );
        }
        if !condition.is_principal_only() {
            let message = format!("the bypass `{name}` of {subject} looks at rows");
            let help = "a bypass is decided before any row is read: let its condition mention only the principal";
            self.error(&policy.condition, "bypass-looks-at-rows", message, help);
        }
        (self.findings.len() == before).then_some(())
    }

    fn permitted_field(
        &mut self,
        subject: Subject<'_>,
        policy: &RowPolicy,
        condition: &Condition,
        scoped: &[FieldId],
    ) -> Option<FieldId> {
        let name = &policy.name.value;
        if let Some(written) = &policy.field {
            let field = self.field(subject.model, written)?;
            if !scoped.contains(&field) {
                let message = format!("row policy `{name}` permits on `{}`, which is not scoped", subject.field(field));
                self.error(written, "permit-without-scope", message, "name a field of `scoping`");
                return None;
            }
            return Some(field);
        }
        if let Some(field) = condition.as_permit().filter(|field| scoped.contains(field)) {
            return Some(field);
        }
        let mut mentioned = scoped.iter().copied().filter(|field| condition.mentions_field(*field));
        match (mentioned.next(), mentioned.next()) {
            (Some(field), None) => Some(field),
            _ => {
                let message = format!("row policy `{name}` of {subject} does not say which scope it widens");
                let help = "add `field:` with the scoped field that it permits on";
                let place = policy.effect.as_ref().and_then(|effect| effect.span.clone());
                self.error(&Spanned { value: (), span: place }, "permit-without-field", message, help);
                None
            }
        }
    }

    fn note_inferred(&mut self, subject: Subject<'_>, policy: &RowPolicy, field: FieldId, operations: Operations) {
        let what = if operations == Operations::READ { "reads of rows" } else { "rows" };
        let message = format!(
            "row policy `{}` of {subject} is taken to permit {what} outside the scope on `{}`",
            policy.name.value,
            subject.field(field)
        );
        let strict = self.document.strict.as_ref().is_some_and(|strict| strict.value);
        let (finding, help) = match strict {
            true => (
                Diagnostic::error("inferred-permit", format!("{message}, and a strict policy must say so")),
                "write `effect: permit` or `effect: restrict`",
            ),
            false => (
                Diagnostic::note("inferred-permit", message),
                "write `effect: permit` to say so, or `effect: restrict`",
            ),
        };
        self.findings.push(policy.condition.blame(finding).help(help.to_owned()));
    }
}

/// Where a condition begins in the document, if it stands there letter by letter.
fn verbatim(source: &str, span: &Range<usize>, condition: &str) -> Option<usize> {
    let written = source.get(span.clone())?;
    if written == condition {
        return Some(span.start);
    }
    let quoted = written.strip_prefix(['"', '\''])?.strip_suffix(['"', '\''])?;
    (quoted == condition).then(|| span.start + 1)
}
