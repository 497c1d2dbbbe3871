//! Writes that wait for an approval which nobody can give.

use super::{Linted, Linter};
use crate::policy::document::{Spanned, WritePolicy};
use crate::policy::rules::{WriteAction, WriteRules};

impl<'a> Linter<'a> {
    /// Whoever approves must be named; without a name each of these writes waits until it expires.
    pub(super) fn approvals(&mut self, linted: Linted<'a>) {
        let base = &linted.open.rules;
        if waits_for_nobody(&base.write) {
            let message = format!("a write on {} needs an approval, and `approver_roles` names nobody", linted.subject);
            self.nobody(linted.policy.write_policy.as_ref(), linted.name, message);
        }
        for (overlay, (role, said)) in linted.open.overlays.iter().zip(&linted.policy.roles) {
            let mut rules = base.clone();
            if overlay.grants {
                overlay.part.grant(&mut rules);
            } else {
                overlay.part.narrow(&mut rules);
            }
            let is_new = rules.write != base.write || !waits_for_nobody(&base.write);
            if is_new && said.policy.write_policy.is_some() && waits_for_nobody(&rules.write) {
                let message = format!(
                    "a write on {} by the role `{}` needs an approval, and `approver_roles` names nobody",
                    linted.subject, role.value
                );
                self.nobody(said.policy.write_policy.as_ref(), role, message);
            }
        }
    }

    /// At the word that asks for the approval, or else at the name.
    fn nobody(&mut self, said: Option<&WritePolicy>, name: &Spanned<String>, message: String) {
        let help = "name the roles that may approve: `approver_roles: [manager]`";
        let actions = said.into_iter().flat_map(|said| [&said.create, &said.update, &said.delete, &said.bulk_update]);
        match actions.flatten().find(|action| action.value == WriteAction::RequireApproval) {
            Some(action) => self.warn(action, "approval-without-approver", message, help),
            None => self.warn(name, "approval-without-approver", message, help),
        }
    }
}

fn waits_for_nobody(write: &WriteRules) -> bool {
    write.approver_roles.is_empty()
        && [write.create, write.update, write.delete, write.bulk_update].contains(&WriteAction::RequireApproval)
}
