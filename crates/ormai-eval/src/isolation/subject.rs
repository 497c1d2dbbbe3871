//! What a policy says of a database, as far as it tells which rows and principals are worth having:
//! which fields hold an attribute of the principal, and what conditions compare them with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use ormai::catalog::{Catalog, FieldId, Model, ModelId};
use ormai::condition::{self, LikePattern, List, Node, Operand};
use ormai::policy::document::{Action, Literal, ModelPolicy, PolicyDocument, WriteAction};
use ormai::principal::PrincipalPath;
use ormai::value::ColumnType;
use serde_json::Value as Json;

use crate::Row;

/// The models of a catalog with what a policy says of them.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) catalog: Arc<Catalog>,
    /// By position in the catalog.
    pub(super) models: Vec<About>,
    /// The attributes that matter.
    pub(super) paths: BTreeMap<PrincipalPath, PathUse>,
    /// The roles that matter.
    pub(super) roles: BTreeSet<String>,
    /// The models that conditions on rows of others look at.
    pub(super) looked_at: BTreeSet<ModelId>,
    /// Whether the database counts keys up from the largest that was ever given, for good: MariaDB and MySQL do,
    /// whatever is rolled back.
    pub(super) counts_on: bool,
    /// Where the numbers of owners begin, where that is not far above any other.
    pub(super) numbers: OnceLock<usize>,
}

/// A model.
#[derive(Debug)]
pub(super) struct About {
    pub(super) id: ModelId,
    /// Whether the policy names it.
    pub(super) is_named: bool,
    /// Whether the policy opens it to any write.
    pub(super) is_written: bool,
    /// The fields that hold an attribute of the principal, by scope or by reference.
    pub(super) identity: BTreeMap<FieldId, PrincipalPath>,
    /// What conditions compare fields with.
    pub(super) literals: BTreeMap<FieldId, Vec<Json>>,
    /// The fields that some principal may see as they are.
    pub(super) shown: BTreeSet<FieldId>,
    /// The fields that mark rows as deleted.
    pub(super) marks: BTreeSet<FieldId>,
    /// The most rows of one write, of all layers.
    pub(super) caps: BTreeSet<u32>,
    /// The smallest group, of all layers.
    pub(super) smallest_group: u32,
}

/// Where an attribute of the principal is used.
#[derive(Clone, Debug, Default)]
pub(super) struct PathUse {
    /// The types of what it is compared with.
    pub(super) types: Vec<ColumnType>,
    /// Whether a list of it is looked into.
    pub(super) is_list: bool,
    /// The literals that it is compared with.
    pub(super) literals: Vec<Json>,
    /// The fields that it is compared with.
    pub(super) fields: Vec<(ModelId, FieldId)>,
}

impl Subject {
    /// Whether a field is a number that is left to the database, lest its counter never comes down again.
    pub(super) fn is_counted(&self, id: ModelId, field: FieldId) -> bool {
        let model = self.catalog.model(id);
        let is_key = model.primary_key.iter().chain(model.unique_keys.iter().flatten()).any(|part| *part == field);
        self.counts_on && is_key && model.field(field).ty.is_integer() && model.field(field).has_default
    }

    /// Has the numbers of owners begin just above those that are stored, where a counter would follow them.
    pub(super) fn keep_near(&self, rows: &BTreeMap<String, Vec<Row>>) {
        let identities = || self.models.iter().flat_map(|about| about.identity.keys().map(|field| (about.id, *field)));
        if !identities().any(|(id, field)| self.is_counted(id, field)) {
            return;
        }
        let stored = identities().flat_map(|(id, field)| {
            let model = self.catalog.model(id);
            let rows = rows.get(&model.name).map_or(&[][..], Vec::as_slice);
            rows.iter().filter_map(move |row| row.get(&model.field(field).name)?.as_u64())
        });
        let largest = stored.max().and_then(|largest| usize::try_from(largest).ok()).unwrap_or(0);
        let _ = self.numbers.set(largest.saturating_add(1));
    }

    pub(super) fn new(catalog: Arc<Catalog>, document: &PolicyDocument) -> Self {
        let mut subject = Self::bare(catalog, document);
        subject.read(document);
        subject.follow_references();
        subject
    }

    /// What two policies say together of attributes and roles.
    pub(super) fn of_both(catalog: Arc<Catalog>, documents: [&PolicyDocument; 2]) -> Self {
        let mut subject = Self::bare(catalog, documents[1]);
        documents.into_iter().for_each(|document| subject.read(document));
        subject.follow_references();
        subject
    }

    fn bare(catalog: Arc<Catalog>, document: &PolicyDocument) -> Self {
        let shows_all = document.default_field_action.as_ref().is_some_and(|action| action.value == Action::Allow);
        let models =
            catalog.models().map(|(id, model)| About::new(id, model, document.models.get(&*model.name), shows_all));
        let models = models.collect();
        Self {
            catalog,
            models,
            paths: BTreeMap::new(),
            roles: BTreeSet::new(),
            looked_at: BTreeSet::new(),
            counts_on: false,
            numbers: OnceLock::new(),
        }
    }

    fn read(&mut self, document: &PolicyDocument) {
        for (name, policy) in &document.models {
            let Some(id) = self.catalog.find(&name.value) else { continue };
            self.layer(id, policy);
            for (role, overlay) in &policy.roles {
                self.roles.insert(role.value.clone());
                self.layer(id, &overlay.policy);
            }
        }
    }

    pub(super) fn about(&self, id: ModelId) -> Option<&About> {
        self.models.get(id.index())
    }

    fn layer(&mut self, id: ModelId, policy: &ModelPolicy) {
        let catalog = Arc::clone(&self.catalog);
        let model = catalog.model(id);
        for (name, expression) in policy.scoping.iter().flatten() {
            let Some(field) = model.find_field(&name.value) else { continue };
            match path_of(&expression.value) {
                Some(path) => {
                    self.used(path.clone(), &model.field(field).ty, false, &[(id, field)], &[]);
                    if let Some(about) = self.models.get_mut(id.index()) {
                        about.identity.insert(field, path);
                    }
                }
                None => self.compared(&[(id, field)], &[literal(&expression.value)]),
            }
        }
        for rule in &policy.row_policies {
            if let Ok(checked) = condition::compile(&rule.condition.value, &catalog, id) {
                self.node(checked.condition.root(), id);
            }
        }
        if let Some(write) = &policy.write_policy {
            self.roles
                .extend(write.approver_roles.iter().flat_map(|roles| &roles.value).map(|role| role.value.clone()));
            for (name, expression) in &write.auto_set {
                let Some(field) = model.find_field(&name.value) else { continue };
                if let Some(path) = path_of(&expression.value) {
                    self.used(path, &model.field(field).ty, false, &[(id, field)], &[]);
                }
            }
            if let (Some(about), Some(cap)) = (self.models.get_mut(id.index()), &write.max_affected_rows) {
                about.caps.insert(cap.value);
            }
        }
        if let (Some(about), Some(smallest)) = (
            self.models.get_mut(id.index()),
            policy.aggregations.as_ref().and_then(|aggregations| aggregations.min_group_size.as_ref()),
        ) {
            about.smallest_group = about.smallest_group.max(smallest.value);
        }
    }

    fn node(&mut self, node: &Node, model: ModelId) {
        match node {
            Node::Const(_) => {}
            Node::And(parts) | Node::Or(parts) => parts.iter().for_each(|part| self.node(part, model)),
            Node::Not(part) => self.node(part, model),
            Node::Compare { left, right, .. } => {
                let (mut left, right) = (self.parts(left, model), self.parts(right, model));
                left.add(right);
                self.related(left, false);
            }
            Node::In { needle, list, .. } => {
                let mut parts = self.parts(needle, model);
                match list {
                    List::Literals(values) => {
                        parts.literals.extend(values.iter().map(|value| value.to_json()));
                        self.related(parts, false);
                    }
                    List::Principal { path: PrincipalPath::Roles, .. } => {
                        let roles = parts.literals.iter().filter_map(|role| role.as_str().map(str::to_owned));
                        self.roles.extend(roles);
                    }
                    List::Principal { path, ty } => {
                        parts.paths.push((path.clone(), ty.clone()));
                        self.related(parts, true);
                    }
                }
            }
            Node::IsNull { operand, .. } => {
                let parts = self.parts(operand, model);
                self.related(parts, false);
            }
            Node::Like { operand, pattern, .. } => {
                let mut parts = self.parts(operand, model);
                match pattern {
                    // A text of which it is true, more or less.
                    LikePattern::Literal(pattern) => {
                        parts.literals.push(pattern.to_like().replace('%', "x").replace('_', "y").into());
                    }
                    LikePattern::Principal(path) => parts.paths.push((path.clone(), ColumnType::Text)),
                }
                self.related(parts, false);
            }
            Node::Exists { relation, filter } => {
                let target = self.catalog.model(model).relation(*relation).target;
                self.looked_at.insert(target);
                self.node(filter, target);
            }
        }
    }

    fn parts(&self, operand: &Operand, model: ModelId) -> Parts {
        let mut parts = Parts::default();
        match operand {
            Operand::Field(path) => {
                let end = path
                    .through
                    .iter()
                    .fold(model, |model, relation| self.catalog.model(model).relation(*relation).target);
                parts.behind.extend((end != model || !path.through.is_empty()).then_some(end));
                parts.fields.push((end, path.field));
            }
            Operand::Literal(value) => parts.literals.push(value.to_json()),
            Operand::Principal { path, ty } => parts.paths.push((path.clone(), ty.clone())),
            Operand::Now(_) => {}
            Operand::Call(_, arguments) => arguments.iter().for_each(|argument| parts.add(self.parts(argument, model))),
        }
        parts
    }

    /// These stand in one comparison.
    fn related(&mut self, parts: Parts, is_list: bool) {
        self.looked_at.extend(&parts.behind);
        let literals: Vec<Json> = parts.literals.into_iter().filter(|literal| !literal.is_null()).collect();
        self.compared(&parts.fields, &literals);
        for (path, ty) in parts.paths {
            self.used(path, &ty, is_list, &parts.fields, &literals);
        }
    }

    fn compared(&mut self, fields: &[(ModelId, FieldId)], literals: &[Json]) {
        for (model, field) in fields {
            let Some(about) = self.models.get_mut(model.index()) else { continue };
            let known = about.literals.entry(*field).or_default();
            for literal in literals {
                if !known.contains(literal) {
                    known.push(literal.clone());
                }
            }
        }
    }

    fn used(
        &mut self,
        path: PrincipalPath,
        ty: &ColumnType,
        is_list: bool,
        fields: &[(ModelId, FieldId)],
        literals: &[Json],
    ) {
        let known = self.paths.entry(path).or_default();
        if !known.types.contains(ty) {
            known.types.push(ty.clone());
        }
        known.is_list |= is_list;
        known
            .literals
            .extend(literals.iter().filter(|literal| !known.literals.contains(literal)).cloned().collect::<Vec<_>>());
        known.fields.extend(fields);
    }

    /// What a scoped field refers to holds the same attribute.
    fn follow_references(&mut self) {
        let catalog = Arc::clone(&self.catalog);
        // A chain of references is no longer than there are models.
        for _ in 0..catalog.models().count() {
            for (id, model) in catalog.models() {
                for (here, there) in model
                    .foreign_keys
                    .iter()
                    .flat_map(|key| key.columns.iter().map(move |pair| (key.target, pair)))
                    .map(|(target, (here, there))| (*here, (target, *there)))
                {
                    let path = self.models.get(id.index()).and_then(|about| about.identity.get(&here)).cloned();
                    if let (Some(path), Some(about)) = (path, self.models.get_mut(there.0.index())) {
                        about.identity.entry(there.1).or_insert(path);
                    }
                }
            }
        }
    }
}

impl About {
    fn new(id: ModelId, model: &Model, policy: Option<&ModelPolicy>, shows_all: bool) -> Self {
        let mut shown = BTreeSet::new();
        if let Some(policy) = policy {
            let layers = || std::iter::once(policy).chain(policy.roles.values().map(|overlay| &overlay.policy));
            for (field, column) in model.field_ids() {
                let said = |layer: &ModelPolicy| layer.fields.get(column.name.as_str()).map(|field| field.action.value);
                let by_default = shows_all && said(policy).is_none();
                if by_default || layers().any(|layer| said(layer) == Some(Action::Allow)) {
                    shown.insert(field);
                }
            }
        }
        Self {
            id,
            is_named: policy.is_some(),
            is_written: policy.is_some_and(is_written),
            identity: BTreeMap::new(),
            literals: BTreeMap::new(),
            shown,
            marks: policy
                .and_then(|policy| model.find_field(&policy.soft_delete.as_ref()?.value))
                .into_iter()
                .collect(),
            caps: BTreeSet::new(),
            smallest_group: 0,
        }
    }
}

/// Whether some layer opens a write.
fn is_written(policy: &ModelPolicy) -> bool {
    let layers = std::iter::once(policy).chain(policy.roles.values().map(|overlay| &overlay.policy));
    layers.filter_map(|layer| layer.write_policy.as_ref()).any(|write| {
        let actions = [&write.create, &write.update, &write.delete, &write.bulk_update];
        actions.into_iter().flatten().any(|action| action.value != WriteAction::Deny)
    })
}

/// What stands in a comparison.
#[derive(Default)]
struct Parts {
    fields: Vec<(ModelId, FieldId)>,
    literals: Vec<Json>,
    paths: Vec<(PrincipalPath, ColumnType)>,
    /// The models of fields behind relations.
    behind: Vec<ModelId>,
}

impl Parts {
    fn add(&mut self, other: Self) {
        self.behind.extend(other.behind);
        self.fields.extend(other.fields);
        self.literals.extend(other.literals);
        self.paths.extend(other.paths);
    }
}

/// `principal.…` of a scoping expression.
fn path_of(expression: &Literal) -> Option<PrincipalPath> {
    let Literal::Text(text) = expression else { return None };
    let segments: Vec<&str> = text.trim().strip_prefix("principal.")?.split('.').collect();
    PrincipalPath::from_segments(&segments)
}

fn literal(expression: &Literal) -> Json {
    match expression {
        Literal::Bool(bool) => (*bool).into(),
        Literal::Int(int) => (*int).into(),
        Literal::Float(float) => (*float).into(),
        Literal::Text(text) => text.trim().trim_matches('\'').into(),
    }
}
