//! Roles that nobody has.

use super::Linter;
use crate::condition::{List, Node, Operand};
use crate::policy::document::{RowPolicy, Spanned};
use crate::principal::PrincipalPath;
use crate::suggest;
use crate::value::Value;

impl<'a> Linter<'a> {
    /// With a list of the roles that there are, every other one is a slip. Without it, one
    /// that differs from another in nothing but case or blanks is.
    pub(super) fn roles(&mut self) {
        let named = self.named_roles();
        match &self.document.roles {
            Some(known) => {
                let words: Vec<&str> = known.iter().map(|role| role.value.as_str()).collect();
                for (role, place) in named {
                    if !words.contains(&role.as_str()) {
                        let message = format!("nobody has the role `{role}`: it is not among `roles`");
                        let help = suggest::nearest(&role, words.iter().copied()).map_or_else(
                            || "add it to `roles`, or take it out".to_owned(),
                            |near| format!("did you mean `{near}`?"),
                        );
                        self.warn(&place, "unknown-role", message, help);
                    }
                }
            }
            None => {
                let mut seen: Vec<String> = Vec::new();
                for (role, place) in named {
                    let alike = seen.iter().find(|known| **known != role && folded(known) == folded(&role));
                    if let Some(known) = alike {
                        let message =
                            format!("the roles `{known}` and `{role}` are two: roles are compared by their bytes");
                        self.warn(&place, "similar-roles", message, format!("write `{known}` if it is the same"));
                    } else if role.trim() != role {
                        let message = format!("the role `{role}` begins or ends with a blank");
                        self.warn(&place, "similar-roles", message, format!("write `{}`", role.trim()));
                    }
                    seen.push(role);
                }
            }
        }
    }

    /// Every role that the policy names, and where.
    fn named_roles(&self) -> Vec<(String, Spanned<()>)> {
        let mut named = Vec::new();
        for (name, policy) in &self.document.models {
            let Some(linted) = self.find(name, policy) else { continue };
            let mut rules: Vec<_> = linted.open.rules.row_rules.iter().collect();
            let mut policies: Vec<&RowPolicy> = policy.row_policies.iter().collect();
            let overlays = policy.roles.values().map(|overlay| &overlay.policy);
            let approvers = std::iter::once(policy).chain(overlays).filter_map(|policy| policy.write_policy.as_ref());
            for role in approvers.filter_map(|write| write.approver_roles.as_ref()).flat_map(|roles| &roles.value) {
                named.push((role.value.clone(), Spanned { value: (), span: role.span.clone() }));
            }
            for (role, overlay) in &policy.roles {
                named.push((role.value.clone(), Spanned { value: (), span: role.span.clone() }));
                policies.extend(&overlay.policy.row_policies);
            }
            rules
                .extend(linted.open.overlays.iter().flat_map(|overlay| overlay.part.rows.iter().map(|row| &row.value)));
            for rule in rules {
                let mut found = Vec::new();
                roles_in(rule.condition.root(), &mut found);
                let place = policies.iter().find(|policy| policy.name.value == rule.name);
                let span = place.and_then(|policy| policy.condition.span.clone());
                named.extend(found.into_iter().map(|role| (role, Spanned { value: (), span: span.clone() })));
            }
        }
        named
    }
}

fn folded(role: &str) -> String {
    role.split_whitespace().flat_map(str::chars).flat_map(char::to_lowercase).collect()
}

/// The texts that are looked for among the principal's roles.
fn roles_in(node: &Node, found: &mut Vec<String>) {
    match node {
        Node::And(parts) | Node::Or(parts) => parts.iter().for_each(|part| roles_in(part, found)),
        Node::Not(inner) | Node::Exists { filter: inner, .. } => roles_in(inner, found),
        Node::In {
            needle: Operand::Literal(Value::Text(role)),
            list: List::Principal { path: PrincipalPath::Roles, .. },
            ..
        } => found.push(role.clone()),
        _ => {}
    }
}
