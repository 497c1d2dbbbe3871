//! What a policy that loads should be asked before it is in force.
//!
//! Loading asks what is quick; this also asks what takes a moment, and what only a reviewer
//! wants to know. Rules that would often be wrong have no place here.

mod approvals;
mod columns;
mod conditions;
mod connection;
mod foreign_keys;
mod indexes;
mod roles;
mod secrets;

use super::CompiledPolicy;
use super::overlay::{LIMITS, limits};
use super::subject::Subject;
use super::view::OpenModel;
use crate::catalog::{Catalog, ModelId};
use crate::diagnostic::Diagnostic;
use crate::policy::document::{Action, ModelPolicy, PolicyDocument, Spanned};
use crate::policy::rules::{Budget, WriteAction};
use crate::privileges::Privileges;

impl CompiledPolicy {
    /// Everything that there is to say about a policy: [`CompiledPolicy::diagnostics`], and
    /// what `ormai check` asks beyond. `document` is what this was compiled from, `privileges`
    /// what the database lets the connection do, where that is known.
    ///
    /// In the order of the document; what has no place in it comes first.
    pub fn lint(&self, document: &PolicyDocument, privileges: Option<&Privileges>) -> Vec<Diagnostic> {
        let mut linter = Linter { policy: self, catalog: &self.catalog, document, findings: self.diagnostics.clone() };
        linter.whole();
        for (name, policy) in &document.models {
            linter.model(name, policy);
        }
        linter.roles();
        if let Some(privileges) = privileges {
            linter.connection(privileges);
        }
        let mut findings: Vec<_> = linter.findings.into_iter().map(Diagnostic::or_mend).collect();
        findings.sort_by_key(|finding| finding.labels.first().map_or(0, |label| label.span.start));
        findings
    }
}

struct Linter<'a> {
    policy: &'a CompiledPolicy,
    catalog: &'a Catalog,
    document: &'a PolicyDocument,
    findings: Vec<Diagnostic>,
}

/// A model that the policy names, from both sides.
#[derive(Clone, Copy)]
struct Linted<'a> {
    subject: Subject<'a>,
    name: &'a Spanned<String>,
    policy: &'a ModelPolicy,
    open: &'a OpenModel,
}

impl<'a> Linter<'a> {
    fn warn<T>(&mut self, place: &Spanned<T>, code: &'static str, message: String, help: impl Into<String>) {
        self.findings.push(place.blame(Diagnostic::warning(code, message)).help(help.into()));
    }

    fn note<T>(&mut self, place: &Spanned<T>, code: &'static str, message: String, help: impl Into<String>) {
        self.findings.push(place.blame(Diagnostic::note(code, message)).help(help.into()));
    }

    /// The keys at the top.
    fn whole(&mut self) {
        let document = self.document;
        for ((limit, value), name) in limits(&document.budget, &mut Budget::default()).into_iter().zip(LIMITS) {
            if let Some(value) = value.as_ref().filter(|value| value.value > *limit) {
                let message = format!("`{name}` is wider than the default, which is {limit}");
                self.note(value, "budget-above-default", message, "widen it only for the models that need it");
            }
        }
        if let Some(action) = document.default_field_action.as_ref().filter(|action| action.value == Action::Allow) {
            let message = "a column that is added to a table later is open at once".to_owned();
            self.note(action, "open-by-default", message, "write `default_field_action: deny` and list the fields");
        }
    }

    fn model(&mut self, name: &'a Spanned<String>, policy: &'a ModelPolicy) {
        let Some(linted) = self.find(name, policy).filter(|linted| self.policy.models.may_open(linted.subject.id))
        else {
            return;
        };
        self.conditions(linted);
        self.columns(linted);
        self.secrets(linted);
        self.indexes(linted);
        self.foreign_keys(linted);
        self.bypasses(linted);
        self.approvals(linted);
    }

    fn find(&self, name: &'a Spanned<String>, policy: &'a ModelPolicy) -> Option<Linted<'a>> {
        let id = self.catalog.find(&name.value)?;
        let subject = Subject { id, model: self.catalog.model(id), role: None };
        Some(Linted { subject, name, policy, open: self.policy.models.get(id)? })
    }

    /// A model of the policy by its id.
    fn named(&self, id: ModelId) -> Option<Linted<'a>> {
        let (name, policy) = self.document.models.get_key_value(self.catalog.model(id).name.as_str())?;
        self.find(name, policy)
    }

    fn bypasses(&mut self, linted: Linted<'a>) {
        if !linted.writes().any(|_| true) {
            return;
        }
        let overlays = linted.policy.roles.values().flat_map(|overlay| &overlay.policy.row_policies);
        for policy in linted.policy.row_policies.iter().chain(overlays) {
            let bypass = policy.bypass.as_ref().filter(|bypass| bypass.value && policy.operations.is_none());
            if let Some(bypass) = bypass {
                let message = format!(
                    "the bypass `{}` of {} covers writes as well: into every tenant",
                    policy.name.value, linted.subject
                );
                let help = "write `operations: [read]` if it is for reading, or name the operations to say so";
                self.note(bypass, "bypass-covers-writes", message, help);
            }
        }
    }
}

/// The ways of writing to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Write {
    Create,
    Update,
    Delete,
}

impl Linted<'_> {
    /// The ways of writing that are open to somebody, be it after approval.
    fn writes(&self) -> impl Iterator<Item = Write> {
        let rules = &self.open.rules.write;
        let base = [
            (Write::Create, rules.create),
            (Write::Update, rules.update),
            (Write::Update, rules.bulk_update),
            (Write::Delete, rules.delete),
        ];
        let overlays = self.open.overlays.iter().filter(|overlay| overlay.grants).flat_map(|overlay| {
            let write = &overlay.part.write;
            [
                (Write::Create, &write.create),
                (Write::Update, &write.update),
                (Write::Update, &write.bulk_update),
                (Write::Delete, &write.delete),
            ]
        });
        let said = overlays.filter_map(|(write, said)| Some((write, said.as_ref()?.value)));
        base.into_iter().chain(said).filter(|(_, action)| *action != WriteAction::Deny).map(|(write, _)| write)
    }
}
