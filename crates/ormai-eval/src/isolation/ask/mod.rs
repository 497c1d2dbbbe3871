//! Requests of all kinds, made from the catalog, the view of a principal and the rows that are there.

mod filters;
mod reads;
mod writes;

use std::sync::Arc;

use ormai::catalog::{FieldId, Model, ModelId, RelationId};
use ormai::policy::{FieldAction, ModelRules, View};
use serde_json::{Value as Json, json};

use super::dice::Dice;
use super::identity::Asker;
use super::plant::Plantation;
use super::sight::Rows;
use super::subject::Subject;
use super::values;
use crate::Row;

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) tool: &'static str,
    pub(super) model: ModelId,
    pub(super) arguments: Json,
    /// What no record may show of it.
    pub(super) secrets: Vec<String>,
    /// Whether it is made without an audit trail, which has a write look at its rows first.
    pub(super) is_unrecorded: bool,
    /// The rules that it is made to try, as the coverage names them.
    pub(super) tries: Vec<String>,
}

impl Ask {
    fn new(tool: &'static str, model: ModelId, arguments: Json) -> Self {
        Self { tool, model, arguments, secrets: Vec::new(), is_unrecorded: false, tries: Vec::new() }
    }
}

/// Makes requests of one principal.
pub(super) struct Asking<'a> {
    pub(super) subject: &'a Subject,
    pub(super) asker: &'a Asker,
    pub(super) view: Arc<View>,
    pub(super) rows: &'a Rows,
    pub(super) plantation: &'a Plantation,
    /// The planted rows that the principal sees, by position.
    pub(super) seen: Arc<[usize]>,
    pub(super) dice: &'a mut Dice,
    pub(super) now: jiff::Timestamp,
    /// Numbers new texts.
    pub(super) next_number: &'a mut usize,
}

impl<'a> Asking<'a> {
    fn model(&self, id: ModelId) -> &'a Model {
        self.subject.catalog.model(id)
    }

    fn rules(&self, id: ModelId) -> Option<&ModelRules> {
        self.view.model(id)
    }

    /// The fields of a model that the principal sees as they are, with equality.
    fn shown(&self, id: ModelId) -> Vec<FieldId> {
        let Some(rules) = self.rules(id) else { return Vec::new() };
        let model = self.model(id);
        let is_plain = |(field, rule): &(FieldId, &ormai::policy::FieldRule)| {
            rule.action == FieldAction::Allow && model.field(*field).ty.has_equality()
        };
        rules.open_fields().filter(is_plain).map(|(field, _)| field).collect()
    }

    /// The others.
    fn hidden(&self, id: ModelId) -> Vec<FieldId> {
        let shown = self.shown(id);
        self.model(id).field_ids().map(|(field, _)| field).filter(|field| !shown.contains(field)).collect()
    }

    /// The relations that the principal may follow.
    fn relations(&self, id: ModelId) -> Vec<RelationId> {
        let Some(rules) = self.rules(id) else { return Vec::new() };
        self.model(id)
            .relation_ids()
            .map(|(relation, _)| relation)
            .filter(|relation| rules.relation(*relation).is_some())
            .collect()
    }

    fn target(&self, id: ModelId, relation: RelationId) -> ModelId {
        self.model(id).relation(relation).target
    }

    fn name(&self, id: ModelId, field: FieldId) -> &'a str {
        &self.model(id).field(field).name
    }

    /// Any stored row, a canary mostly.
    fn any_row(&mut self, id: ModelId) -> Option<&'a Row> {
        let planted: Vec<&'a Row> = self.plantation.of(id).map(|planted| &planted.row).collect();
        let stored = self.rows.get(&self.model(id).name).map_or(&[][..], Vec::as_slice);
        if !planted.is_empty() && self.dice.chance(75) {
            return self.dice.pick(&planted);
        }
        let at = self.dice.below(stored.len());
        stored.get(at)
    }

    /// The planted rows of a model that the principal sees.
    fn seen_rows(&self, id: ModelId) -> Vec<&'a Row> {
        let seen = self.seen.iter().filter_map(|at| self.plantation.rows.get(*at));
        seen.filter(|planted| planted.model == id).map(|planted| &planted.row).collect()
    }

    /// A row of the principal's own, if it has any: one that it sees, mostly.
    fn own_row(&mut self, id: ModelId) -> Option<&'a Row> {
        let seen = self.seen_rows(id);
        if !seen.is_empty() && self.dice.chance(75) {
            return self.dice.pick(&seen);
        }
        let own: Vec<&'a Row> = self
            .plantation
            .of(id)
            .filter(|planted| Some(planted.owner) == self.asker.owner)
            .map(|planted| &planted.row)
            .collect();
        if own.is_empty() { self.any_row(id) } else { self.dice.pick(&own) }
    }

    /// A value that stands in a field, or nearly.
    fn value_of(&mut self, id: ModelId, field: FieldId) -> Json {
        let name = self.name(id, field);
        for _ in 0..4 {
            let row = if self.dice.chance(60) { self.own_row(id) } else { self.any_row(id) };
            let Some(value) = row.and_then(|row| row.get(name)).filter(|value| !value.is_null()).cloned() else {
                continue;
            };
            if self.dice.chance(15)
                && let Some(near) = self.dice.pick(&values::neighbours(&value))
            {
                return near;
            }
            return value;
        }
        json!("canary")
    }

    /// A text that stands nowhere.
    fn secret(&mut self) -> String {
        let number = *self.next_number;
        *self.next_number += 1;
        format!("hidden{}", values::token(number))
    }
}
