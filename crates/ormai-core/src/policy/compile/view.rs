//! The view of a set of roles: a model's rules with its overlays laid over.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use super::part::Part;
use crate::catalog::{Catalog, FieldId, ModelId};
use crate::fault::Fault;
use crate::policy::layers::{Layer, Layers};
use crate::policy::rules::{FieldAction, ModelRules, View};

/// All models, by [`ModelId::index`], and the roles that change them.
#[derive(Debug)]
pub(super) struct Models {
    models: Vec<Option<OpenModel>>,
    roles: HashMap<String, usize>,
    /// Where the relations of each model lead.
    targets: Vec<Vec<ModelId>>,
}

/// A model that the policy names.
#[derive(Debug)]
pub(super) struct OpenModel {
    /// Whether it is open without any role.
    pub(super) open: bool,
    pub(super) rules: ModelRules,
    /// In the order of the document.
    pub(super) overlays: Vec<RoleOverlay>,
}

/// What differs for a role.
#[derive(Debug)]
pub(super) struct RoleOverlay {
    pub(super) role: usize,
    pub(super) grants: bool,
    pub(super) part: Part,
}

impl Models {
    pub(super) fn new(catalog: &Catalog) -> Self {
        let targets =
            catalog.models().map(|(_, model)| model.relations.iter().map(|relation| relation.target).collect());
        Self { models: catalog.models().map(|_| None).collect(), roles: HashMap::new(), targets: targets.collect() }
    }

    pub(super) fn open(&mut self, index: usize, model: OpenModel) {
        if let Some(place) = self.models.get_mut(index) {
            *place = Some(model);
        }
    }

    /// The number of a role.
    pub(super) fn role(&mut self, name: &str) -> usize {
        let next = self.roles.len();
        *self.roles.entry(name.to_owned()).or_insert(next)
    }

    /// A model that the policy names.
    pub(super) fn get(&self, id: ModelId) -> Option<&OpenModel> {
        self.models.get(id.index()).and_then(Option::as_ref)
    }

    /// The number of a role that makes a difference.
    fn numbered(&self, role: &str) -> Option<usize> {
        if Fault::RolesComparedLoosely.is_on() {
            return self.roles.iter().find(|(name, _)| name.eq_ignore_ascii_case(role)).map(|(_, number)| *number);
        }
        self.roles.get(role).copied()
    }

    /// Whether some principal may see a model.
    pub(super) fn may_open(&self, id: ModelId) -> bool {
        let granted = |overlay: &RoleOverlay| {
            overlay.grants && overlay.part.allowed.as_ref().is_some_and(|allowed| allowed.value)
        };
        let model = self.models.get(id.index()).and_then(Option::as_ref);
        model.is_some_and(|model| model.open || model.overlays.iter().any(granted))
    }

    /// The rules of a model before roles are known; `None` where the policy does not name it.
    pub(super) fn layers(&self, id: ModelId) -> Option<Layers<'_>> {
        let model = self.models.get(id.index())?.as_ref()?;
        let mut overlays = Vec::with_capacity(model.overlays.len());
        for overlay in &model.overlays {
            let (role, _) = self.roles.iter().find(|(_, number)| **number == overlay.role)?;
            overlays.push(overlay.layer(role));
        }
        Some(Layers { open: model.open, rules: &model.rules, overlays })
    }

    fn view(&self, roles: &BTreeSet<usize>, policy_version: String) -> View {
        let mut models: Vec<_> = self.models.iter().map(|model| model.as_ref()?.for_roles(roles)).collect();
        // A relation is as open as its target, and opens no field that is closed there.
        let open: Vec<Option<Vec<bool>>> =
            models.iter().map(|rules| Some(rules.as_ref()?.fields.iter().map(Option::is_some).collect())).collect();
        for (rules, targets) in models.iter_mut().zip(&self.targets) {
            for (relation, target) in rules.iter_mut().flat_map(|rules| &mut rules.relations).zip(targets) {
                match open.get(target.index()).and_then(Option::as_ref) {
                    None => *relation = None,
                    Some(open) => {
                        let fields = relation.as_mut().and_then(|relation| relation.fields.as_mut());
                        if let Some(fields) = fields {
                            fields.retain(|field| open.get(field.index()).is_some_and(|open| *open));
                        }
                    }
                }
            }
        }
        View { models, policy_version }
    }
}

impl OpenModel {
    fn for_roles(&self, roles: &BTreeSet<usize>) -> Option<ModelRules> {
        let (mut open, mut rules) = (self.open, self.rules.clone());
        let overlays = || self.overlays.iter().filter(|overlay| roles.contains(&overlay.role));
        for overlay in overlays().filter(|overlay| overlay.grants) {
            open = overlay.part.allowed.as_ref().map_or(open, |allowed| allowed.value);
            overlay.part.grant(&mut rules);
        }
        for overlay in overlays().filter(|overlay| !overlay.grants && !Fault::NarrowingOverlayIgnored.is_on()) {
            open &= overlay.part.allowed.as_ref().is_none_or(|allowed| allowed.value);
            overlay.part.narrow(&mut rules);
        }
        hide_from_aggregation(&mut rules);
        open.then_some(rules)
    }
}

impl RoleOverlay {
    fn layer<'a>(&'a self, role: &'a str) -> Layer<'a> {
        let part = &self.part;
        Layer {
            role,
            grants: self.grants,
            allowed: part.allowed.as_ref().map(|allowed| allowed.value),
            fields: part.fields.iter().map(|said| (said.value.0, said.value.1.as_ref())).collect(),
            scoping: &part.scoping,
            row_rules: part.rows.iter().map(|row| &row.value).collect(),
            create: part.write.create.as_ref().map(|action| action.value),
            update: part.write.update.as_ref().map(|action| action.value),
            delete: part.write.delete.as_ref().map(|action| action.value),
            bulk_update: part.write.bulk_update.as_ref().map(|action| action.value),
        }
    }
}

/// An overlay may hide a field that the model aggregates.
fn hide_from_aggregation(rules: &mut ModelRules) {
    let Some(mut aggregations) = rules.aggregations.take() else { return };
    let shown = |field: &FieldId| rules.field(*field).is_some_and(|rule| rule.action == FieldAction::Allow);
    for (_, fields) in &mut aggregations.functions {
        fields.retain(shown);
    }
    if let Some(fields) = &mut aggregations.group_by {
        fields.retain(shown);
    }
    aggregations.functions.retain(|(_, fields)| !fields.is_empty());
    if !aggregations.is_closed() {
        rules.aggregations = Some(aggregations);
    }
}

/// The views that have been asked for, by the roles that make a difference.
#[derive(Debug, Default)]
pub(super) struct Views {
    made: RwLock<HashMap<Vec<usize>, Arc<View>>>,
}

/// Views beyond this many are made anew: subsets of roles grow without bound.
const MAX_VIEWS: usize = 256;

impl Views {
    pub(super) fn get(&self, models: &Models, roles: &[String], version: impl FnOnce() -> String) -> Arc<View> {
        let relevant: BTreeSet<usize> = roles.iter().filter_map(|role| models.numbered(role)).collect();
        let key: Vec<usize> = relevant.iter().copied().filter(|_| !Fault::ViewOfOtherRoles.is_on()).collect();
        // A poisoned cache is still a whole one: each view is put in when it is complete.
        if let Some(view) = self.made.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(view);
        }
        let view = Arc::new(models.view(&relevant, version()));
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= MAX_VIEWS {
            made.clear();
        }
        made.insert(key, Arc::clone(&view));
        view
    }
}
