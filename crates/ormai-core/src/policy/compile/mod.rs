//! From what an author wrote to what requests meet, with every finding at once.

mod aggregations;
mod doubts;
mod expression;
mod fields;
mod lint;
mod mask;
mod overlay;
mod part;
mod relations;
mod rows;
mod subject;
mod view;
mod writes;

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use self::part::Part;
use self::subject::{Checker, Subject};
use self::view::{Models, OpenModel, RoleOverlay, Views};
use super::document::{BudgetPolicy, Literal, ModelPolicy, PolicyDocument, Spanned};
use super::layers::Layers;
use super::rules::{Budget, View};
use crate::catalog::{Catalog, ModelId, ModelKind};
use crate::diagnostic::Diagnostic;
use crate::fault::Fault;
use crate::suggest;

/// What a policy may rely on beside the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompileOptions {
    /// Whether there is a key for `action: hash`.
    pub has_hash_key: bool,
}

/// A policy that fits its database: every name resolved, every condition checked.
///
/// Immutable but for a bounded cache of views; shared by all requests.
#[derive(Debug)]
pub struct CompiledPolicy {
    catalog: Arc<Catalog>,
    version: String,
    diagnostics: Vec<Diagnostic>,
    models: Models,
    views: Views,
}

impl CompiledPolicy {
    /// Checks a document against a catalog.
    ///
    /// # Errors
    ///
    /// Every finding, warnings and notes among them, when one of them is an error.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use ormai_core::catalog::{CatalogBuilder, ModelBuilder};
    /// use ormai_core::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};
    /// use ormai_core::value::ColumnType;
    ///
    /// let table = ModelBuilder::table("Order", "orders").field("tenant_id", ColumnType::Text);
    /// let catalog = Arc::new(CatalogBuilder::new().model(table).build()?);
    /// let text = "models: {Order: {scoping: {tennant_id: principal.tenant_id}}}";
    /// let document = PolicyDocument::parse(text, Format::Yaml).unwrap();
    /// let findings = CompiledPolicy::compile(&document, catalog, CompileOptions::default()).unwrap_err();
    /// assert_eq!(findings[0].message, "`Order` has no field `tennant_id`");
    /// assert_eq!(findings[0].help.as_deref(), Some("did you mean `tenant_id`?"));
    /// # Ok::<(), ormai_core::catalog::CatalogError>(())
    /// ```
    pub fn compile(
        document: &PolicyDocument,
        catalog: Arc<Catalog>,
        options: CompileOptions,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut checker = Checker::new(&catalog, document, options);
        let models = checker.policy();
        let mut findings = checker.findings;
        findings.sort_by_key(|finding| finding.labels.first().map_or(0, |label| label.span.start));
        if findings.iter().any(Diagnostic::is_error) {
            return Err(findings);
        }
        Ok(Self { catalog, version: version(document), diagnostics: findings, models, views: Views::default() })
    }

    /// The catalog that it was checked against.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The author's version and a digest of what the document says: `1-9f2c4e018a7b`.
    /// Comments, layout and format do not change it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Warnings and notes.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The rules of a model before roles are known; `None` where the policy does not name it.
    pub fn layers(&self, id: ModelId) -> Option<Layers<'_>> {
        self.models.layers(id)
    }

    /// What a principal with these roles may do. Roles are compared byte by byte; those
    /// that the policy does not name make no difference.
    ///
    /// Granting overlays come first, narrowing ones after them, each in the order of the
    /// document: so narrowing has the last word.
    pub fn view(&self, principal_roles: &[String]) -> Arc<View> {
        self.views.get(&self.models, principal_roles, || self.version.clone())
    }
}

fn version(document: &PolicyDocument) -> String {
    let digest = Sha256::digest(document.to_yaml().as_bytes());
    let digest: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    match document.version.as_ref().map(|version| &version.value) {
        Some(Literal::Int(int)) => format!("{int}-{digest}"),
        Some(Literal::Float(float)) => format!("{float}-{digest}"),
        Some(Literal::Text(text)) => format!("{text}-{digest}"),
        Some(Literal::Bool(_)) | None => format!("1-{digest}"),
    }
}

impl Checker<'_> {
    fn policy(&mut self) -> Models {
        let document = self.document;
        if let Some(action) = &document.default_field_action
            && !matches!(action.value, super::document::Action::Allow | super::document::Action::Deny)
        {
            let finding = Diagnostic::error("unknown-word", "`default_field_action` is either allow or deny");
            self.findings.push(action.blame(finding));
        }
        let default = budget_over(&document.budget, Budget::default());
        let mut models = Models::new(self.catalog);
        for (name, policy) in &document.models {
            if let Some((index, model)) = self.model(name, policy, default, &mut models) {
                models.open(index, model);
            }
        }
        self.doubt_relations(&models);
        models
    }

    /// Everything about one model; `None` when it does not exist.
    fn model(
        &mut self,
        name: &Spanned<String>,
        policy: &ModelPolicy,
        default: Budget,
        models: &mut Models,
    ) -> Option<(usize, OpenModel)> {
        let catalog = self.catalog;
        let Some(id) = catalog.find(&name.value) else {
            let finding = Diagnostic::error("unknown-model", format!("the database has no model `{}`", name.value));
            let help =
                suggest::help(&name.value, catalog.models().map(|(_, model)| model.name.as_str()).collect::<Vec<_>>());
            self.findings.push(name.blame(finding).help(help));
            return None;
        };
        let subject = Subject { id, model: catalog.model(id), role: None };
        let opened_by_role =
            policy.roles.values().any(|overlay| overlay.policy.allowed.as_ref().is_some_and(|allowed| allowed.value));
        let open = policy.allowed.as_ref().is_none_or(|allowed| allowed.value);
        if policy.scoping.is_none() && (open || opened_by_role) {
            let finding =
                Diagnostic::error("missing-scoping", format!("`{}` does not say whose its rows are", name.value));
            let help = "write `scoping: {}` when its rows are shared by all tenants".to_owned();
            self.findings.push(name.blame(finding).help(help));
        }
        let mut row_names = Vec::new();
        let part = self.part(subject, policy, &[], None, &mut row_names);
        let rules = part.clone().into_rules(subject, self.shows_by_default(), default);
        self.doubt_budget(subject, &policy.budget, default);
        self.doubt_scope(subject, name, policy, &rules);
        self.check_writable(subject, name, &rules.write);
        let mut overlays = Vec::new();
        for (role, overlay) in &policy.roles {
            let subject = Subject { role: Some(&role.value), ..subject };
            if role.value.is_empty() {
                self.findings.push(role.blame(Diagnostic::error("empty-name", "a role has no name")));
            }
            let grants = overlay.grants.as_ref().is_some_and(|grants| grants.value);
            let part = self.part(subject, &overlay.policy, &rules.scoping, Some(&rules), &mut row_names);
            self.check_overlay(subject, role, overlay);
            if grants {
                let mut granted = rules.clone();
                part.grant(&mut granted);
                self.check_writable(subject, role, &granted.write);
            } else {
                self.check_narrowing(subject, role, &part, &rules, open);
            }
            overlays.push(RoleOverlay { role: models.role(&role.value), grants, part });
        }
        Some((id.index(), OpenModel { open, rules, overlays }))
    }

    /// The keys that a model and an overlay share. `base` is the model that an overlay lies on.
    fn part(
        &mut self,
        subject: Subject<'_>,
        policy: &ModelPolicy,
        base_scoping: &[super::rules::ScopeRule],
        base: Option<&super::rules::ModelRules>,
        row_names: &mut Vec<String>,
    ) -> Part {
        let mut part = Part { allowed: policy.allowed.clone(), budget: policy.budget.clone(), ..Part::default() };
        part.fields = self.fields(subject, &policy.fields);
        part.relations = self.relations(subject, &policy.relations);
        part.scoping = self.scoping(subject, policy.scoping.as_ref());
        let mut scoped: Vec<_> = part.scoping.iter().chain(base_scoping).map(|scope| scope.field).collect();
        scoped.dedup();
        part.rows = self.row_policies(subject, &policy.row_policies, &scoped, row_names);
        part.soft_delete = self.soft_delete(subject, policy.soft_delete.as_ref());
        part.write = self.write_policy(subject, policy.write_policy.as_ref());
        let shown = match base {
            Some(base) => {
                let mut granted = base.clone();
                part.grant(&mut granted);
                granted.fields
            }
            None => part.clone().into_rules(subject, self.shows_by_default(), Budget::default()).fields,
        };
        part.aggregations = self.aggregations(subject, policy.aggregations.as_ref(), &shown);
        part
    }

    fn shows_by_default(&self) -> bool {
        let default = self.document.default_field_action.as_ref();
        Fault::UnlistedFieldShown.is_on()
            || default.is_some_and(|action| action.value == super::document::Action::Allow)
    }

    fn check_writable(&mut self, subject: Subject<'_>, place: &Spanned<String>, write: &super::rules::WriteRules) {
        if !write.opens_any() {
            return;
        }
        if subject.model.kind == ModelKind::View {
            let message = format!("{subject} is a view of the database, and its policy opens writes");
            self.findings.push(place.blame(Diagnostic::error("view-not-writable", message)));
        } else if subject.model.kind == ModelKind::Untransacted {
            let message = format!("{subject} is a table without transactions, and its policy opens writes");
            self.findings.push(place.blame(Diagnostic::error("table-not-writable", message)));
        } else if subject.model.primary_key.is_empty() {
            let message = format!("{subject} has no primary key, so its rows cannot be written one by one");
            self.findings.push(place.blame(Diagnostic::warning("no-primary-key", message)));
        }
    }
}

/// A budget with some limits replaced.
fn budget_over(policy: &BudgetPolicy, mut budget: Budget) -> Budget {
    for (limit, value) in overlay::limits(policy, &mut budget) {
        if let Some(value) = value {
            *limit = value.value;
        }
    }
    budget
}
