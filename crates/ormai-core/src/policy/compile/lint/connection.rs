//! A role of the database that could do more than any policy lets it.

use super::{Linted, Linter};
use crate::catalog::TableName;
use crate::diagnostic::Diagnostic;
use crate::privileges::Privileges;

/// How many tables a text names.
const NAMED: usize = 5;

impl<'a> Linter<'a> {
    pub(super) fn connection(&mut self, privileges: &Privileges) {
        let role = &privileges.role;
        let models: Vec<Linted<'a>> =
            self.document.models.iter().filter_map(|(name, policy)| self.find(name, policy)).collect();
        if privileges.superuser {
            let message = format!("the database refuses nothing to the role `{role}`");
            let help = format!(
                "connect as a role that has what the policy needs: {}",
                grants(models.iter().map(|linted| &linted.subject.model.table))
            );
            self.findings.push(Diagnostic::warning("role-superuser", message).help(help));
            // All that follows is part of it.
            return;
        }
        if privileges.bypasses_row_security {
            let message = format!("row-level security does not apply to the role `{role}`");
            let help = format!("take it away: ALTER ROLE {role} NOBYPASSRLS");
            self.findings.push(Diagnostic::warning("role-bypasses-rls", message).help(help));
        }
        let owned: Vec<&TableName> = models
            .iter()
            .map(|linted| &linted.subject.model.table)
            .filter(|table| privileges.owned.contains(table))
            .collect();
        if !owned.is_empty() {
            let message = format!("the role `{role}` owns {}, so it can change and drop them", list(&owned));
            let help = format!("let another role own them, and connect as one with {}", grants(owned.into_iter()));
            self.findings.push(Diagnostic::warning("role-owns-tables", message).help(help));
        }
        let writable: Vec<&TableName> = models
            .iter()
            .filter(|linted| linted.writes().next().is_none())
            .map(|linted| &linted.subject.model.table)
            .filter(|table| privileges.writable.contains(table) && !privileges.owned.contains(table))
            .collect();
        if !writable.is_empty() {
            let message = format!("the role `{role}` may write to {}, which the policy only reads", list(&writable));
            let tables: Vec<String> = writable.iter().map(ToString::to_string).collect();
            let help = format!("REVOKE INSERT, UPDATE, DELETE ON {} FROM {role}", tables.join(", "));
            self.findings.push(Diagnostic::note("role-can-write", message).help(help));
        }
    }
}

fn list(tables: &[&TableName]) -> String {
    let mut names: Vec<String> = tables.iter().take(NAMED).map(|table| format!("`{table}`")).collect();
    let more = tables.len().saturating_sub(NAMED);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

/// What a role needs that only reads.
fn grants<'t>(tables: impl Iterator<Item = &'t TableName>) -> String {
    let tables: Vec<String> = tables.map(ToString::to_string).collect();
    format!("GRANT SELECT ON {}", tables.join(", "))
}
