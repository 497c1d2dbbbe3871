//! Which columns a role may name. Whose rows they are is for policies.

use std::collections::BTreeSet;

use ormai_core::catalog::{FieldId, Model};
use ormai_core::policy::{Layers, ModelRules};

use super::text::Sql;
use crate::error::CompileError;

/// The columns of an open model that OrmAI's own statements name, whoever asks.
pub(super) struct Columns {
    /// Those that some principal is shown, be it masked.
    pub(super) open: BTreeSet<FieldId>,
    /// Those that statements need beside them: keys, scopes, links, and what conditions look at.
    pub(super) needed: BTreeSet<FieldId>,
    pub(super) created: BTreeSet<FieldId>,
    pub(super) updated: BTreeSet<FieldId>,
}

impl Columns {
    pub(super) fn of(model: &Model, layers: &Layers<'_>) -> Self {
        let rules: &ModelRules = layers.rules;
        let mut open: BTreeSet<FieldId> = rules.open_fields().map(|(field, _)| field).collect();
        for overlay in layers.overlays.iter().filter(|overlay| overlay.grants) {
            open.extend(overlay.fields.iter().filter(|(_, rule)| rule.is_some()).map(|(field, _)| *field));
        }
        let mut needed: BTreeSet<FieldId> = model.primary_key.iter().copied().collect();
        let scopes = layers.overlays.iter().flat_map(|overlay| overlay.scoping).chain(&rules.scoping);
        needed.extend(scopes.map(|scope| scope.field));
        let overlaid = layers.overlays.iter().flat_map(|overlay| overlay.row_rules.iter().copied());
        for rule in rules.row_rules.iter().chain(overlaid) {
            needed.extend(rule.condition.fields());
        }
        let links = model.relations.iter().flat_map(|relation| relation.link.iter().map(|(here, _)| *here));
        needed.extend(links);
        let can_be_written = |field: &FieldId| !model.field(*field).generated;
        let set = rules.write.auto_set.iter().map(|(field, _)| *field);
        let written = open.iter().copied().chain(set).filter(can_be_written);
        let created: BTreeSet<FieldId> = written.collect();
        let updated = created.iter().copied().filter(|field| !rules.write.immutable_fields.contains(field)).collect();
        let is_read = |field: &FieldId| model.field(*field).ty.is_supported();
        needed.retain(|field| is_read(field) && !open.contains(field));
        Self { open, needed, created, updated }
    }
}

/// `("a", "b")`
pub(super) fn columns<'f>(model: &Model, fields: impl Iterator<Item = &'f FieldId>) -> Result<Sql, CompileError> {
    let names = fields.map(|field| Sql::name(&model.field(*field).column)).collect::<Result<Vec<_>, _>>()?;
    Ok(Sql::join(names, ", ").grouped())
}
