//! Canaries where they have no business: in answers, errors and records.

use std::collections::BTreeSet;

use ormai::catalog::{FieldId, ModelId};
use ormai::policy::{FieldAction, View};
use serde_json::Value as Json;

use super::ask::Ask;
use super::course::Course;
use super::identity::Asker;
use super::plant::key_of;
use super::values;
use crate::Violation;

impl Course<'_> {
    /// Canaries in an answer that have no business there.
    pub(super) fn strangers(&mut self, at: usize, who: &Asker, arguments: &Json, answer: &Json) -> Vec<Violation> {
        let (text, said) = (answer.to_string(), arguments.to_string());
        let is_error = answer.get("success") != Some(&Json::Bool(true));
        let view = self.view(who);
        let mut wrongs = Vec::new();
        for token in values::tokens(&text).collect::<BTreeSet<_>>() {
            let Some(canary) = self.plantation.canaries.get(&token).filter(|_| !said.contains(&values::token(token)))
            else {
                continue;
            };
            let model = self.subject.catalog.model(canary.model);
            let Some(planted) = self.plantation.rows.get(canary.row) else { continue };
            let name = &model.field(canary.field).name;
            let key = key_of(model, &planted.row);
            if is_error {
                wrongs.push(
                    Violation::new("errors_reveal_nothing", "an error holds a stored value")
                        .row(&model.name, key)
                        .field(name),
                );
                continue;
            }
            if self.is_hidden(&view, canary.model, canary.field) {
                wrongs.push(
                    Violation::new("no_denied_fields", "a value is shown that the policy hides")
                        .row(&model.name, key)
                        .field(name),
                );
                continue;
            }
            if self.keys.contains(&(canary.model.index(), canary.field.index())) {
                continue;
            }
            let sight = self.sight();
            let seen = *self
                .seen
                .entry((at, canary.row))
                .or_insert_with(|| sight.sees(&view, &who.principal, canary.model, &planted.row));
            if !seen {
                wrongs.push(
                    Violation::new("no_cross_tenant_data", "a row is shown that the principal may not see")
                        .row(&model.name, key)
                        .field(name),
                );
            }
        }
        wrongs
    }

    /// Whether nobody, or not this principal, sees a field as it is.
    fn is_hidden(&self, view: &View, model: ModelId, field: FieldId) -> bool {
        let by_view =
            view.model(model).and_then(|rules| rules.field(field)).is_none_or(|rule| rule.action != FieldAction::Allow);
        by_view || self.subject.about(model).is_none_or(|about| !about.shown.contains(&field))
    }

    /// Values of hidden fields in a record.
    pub(super) fn told(&self, who: &Asker, ask: &Ask, texts: &[String]) -> Vec<Violation> {
        let view = self.view(who);
        let mut wrongs = Vec::new();
        let found: BTreeSet<usize> = texts.iter().flat_map(|text| values::tokens(text)).collect();
        for token in found {
            let Some(canary) = self.plantation.canaries.get(&token).filter(|canary| canary.model == ask.model) else {
                continue;
            };
            if self.is_hidden(&view, canary.model, canary.field) {
                let model = self.subject.catalog.model(canary.model);
                wrongs.push(
                    Violation::new("records_hide", "the record shows a value that the policy hides")
                        .row(&model.name, Json::Null)
                        .field(&model.field(canary.field).name),
                );
            }
        }
        wrongs
    }
}
