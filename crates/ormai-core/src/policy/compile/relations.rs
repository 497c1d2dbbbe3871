//! Which relations may be followed.

use indexmap::IndexMap;

use super::subject::{Checker, Subject};
use crate::catalog::RelationId;
use crate::diagnostic::Diagnostic;
use crate::policy::document::{RelationPolicy, Spanned};
use crate::policy::rules::RelationRule;
use crate::suggest;

impl Checker<'_> {
    pub(super) fn relations(
        &mut self,
        subject: Subject<'_>,
        policies: &IndexMap<Spanned<String>, RelationPolicy>,
    ) -> Vec<Spanned<(RelationId, Option<RelationRule>)>> {
        let mut rules = Vec::with_capacity(policies.len());
        for (name, policy) in policies {
            let Some(id) = subject.model.find_relation(&name.value) else {
                let message = format!("`{}` has no relation `{}`", subject.model.name, name.value);
                let known = subject.model.relations.iter().map(|relation| relation.name.as_str());
                let finding = name.blame(Diagnostic::error("unknown-relation", message));
                self.findings.push(finding.help(suggest::help(&name.value, known)));
                continue;
            };
            let target = self.catalog.model(subject.model.relation(id).target);
            let fields = policy.fields.as_ref().map(|names| self.field_list(target, names));
            if let Some(depth) = policy.max_depth.as_ref().filter(|depth| depth.value == 0) {
                let message = format!("`max_depth` of `{}.{}` must be at least 1", subject.model.name, name.value);
                self.error(depth, "wrong-type", message, "write `deny` to close the relation");
            }
            let open = policy.allowed.as_ref().is_none_or(|allowed| allowed.value);
            let max_depth = policy.max_depth.as_ref().map(|depth| depth.value);
            let rule = open.then_some(RelationRule { max_depth, fields });
            rules.push(Spanned { value: (id, rule), span: name.span.clone() });
        }
        rules
    }
}
