//! Which rows a principal sees:
//!
//! ```text
//! visible = bypass  OR  ( AND over scoped fields f of (scope_f OR permit_f)  AND  restrict )
//! ```

use std::sync::Arc;

use super::Code;
use super::attribute::{self, Given};
use super::condition::{Reading, Truth, admits, all, any, compare};
use super::found::{Links, Seen, Visible};
use super::rules::{Rule, Rules, View};
use crate::world::{Attribute, Cell, Comparison, Expression, Model, Operation, Relation, RowEffect, Who, World};

/// What a row is looked at for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum For {
    /// To be found by an operation.
    Finding(Operation),
    /// To stay after an operation has written it.
    Staying(Operation),
}

impl For {
    /// Whether a row policy takes part. A bypass is no check, and lifts all of them.
    fn minds(self, rule: &Rule) -> bool {
        match self {
            Self::Finding(operation) => rule.is_about(operation),
            Self::Staying(operation) => rule.is_about(operation) && (rule.check || rule.effect == RowEffect::Bypass),
        }
    }
}

/// A principal looking at a world through a policy.
pub struct Eye<'w> {
    pub(super) world: &'w World,
    pub(super) view: &'w View,
    pub(super) who: &'w Who,
    pub(super) now: &'w str,
    links: Arc<Links>,
    seen: Arc<Seen>,
}

impl<'w> Eye<'w> {
    /// A principal's eye.
    pub fn new(world: &'w World, view: &'w View, who: &'w Who, now: &'w str) -> Self {
        Self::remembering(world, view, who, now, Arc::default(), Arc::default())
    }

    /// The eye of a principal who has looked before: at this very world, and through this view at this time.
    pub fn remembering(
        world: &'w World,
        view: &'w View,
        who: &'w Who,
        now: &'w str,
        links: Arc<Links>,
        seen: Arc<Seen>,
    ) -> Self {
        Self { world, view, who, now, links, seen }
    }

    /// What it looks at.
    pub fn world(&self) -> &'w World {
        self.world
    }

    /// Through what.
    pub fn view(&self) -> &'w View {
        self.view
    }

    /// What `now()` means to it.
    pub fn now_is(&self) -> &'w str {
        self.now
    }

    /// What an attribute of the principal's names for a field; `None` when it names nothing that fits.
    pub fn own_values(&self, model: &Model, field: &str, attribute: &Attribute) -> Option<Vec<Cell>> {
        self.scope_values(model, field, attribute)
    }

    fn reading(&self, rules: &Rules) -> Reading<'w> {
        let max_list = usize::try_from(rules.limits.max_list_length).unwrap_or(usize::MAX);
        Reading { world: self.world, links: Arc::clone(&self.links), who: self.who, now: self.now, max_list }
    }

    fn seen(&self, model: &'w Model) -> Arc<Visible> {
        let rules = self.view.models.get(&model.name);
        let sees =
            |row: &[Cell]| rules.is_some_and(|rules| self.admits(model, rules, row, For::Finding(Operation::Read)));
        self.seen.of(model, sees)
    }

    /// The rows of a model that the principal sees, in no order.
    pub fn visible(&self, model: &'w Model) -> Vec<&'w [Cell]> {
        self.seen(model).places.iter().filter_map(|place| Some(model.rows.get(*place)?.as_slice())).collect()
    }

    /// The rows that a relation leads to from a row, as far as the principal sees them.
    pub(super) fn related(&self, model: &Model, relation: &Relation, row: &[Cell]) -> Vec<&'w [Cell]> {
        let Some(target) = self.world.model(&relation.target) else { return Vec::new() };
        let seen = self.seen(target);
        let related = self.links.related(self.world, model, relation, row).into_iter();
        related.filter(|place| seen.has(*place)).filter_map(|place| Some(target.rows.get(place)?.as_slice())).collect()
    }

    /// The rows of a model that the principal sees and that an operation finds.
    pub fn reached(&self, model: &'w Model, operation: Operation) -> Vec<&'w [Cell]> {
        let Some(rules) = self.view.models.get(&model.name) else { return Vec::new() };
        let visible = self.visible(model);
        visible.iter().copied().filter(|row| self.admits(model, rules, row, For::Finding(operation))).collect()
    }

    /// Whether the rules admit a row to the principal; only TRUE admits.
    pub(super) fn admits(&self, model: &'w Model, rules: &Rules, row: &[Cell], wanted: For) -> bool {
        let reading = self.reading(rules);
        let holds = |rule: &Rule| reading.holds(&rule.condition, model, row);
        let of = |effect: RowEffect| rules.rows.iter().filter(move |rule| rule.effect == effect && wanted.minds(rule));
        if of(RowEffect::Bypass).any(|rule| admits(holds(rule))) {
            return true;
        }
        let scoped = rules.scoping.iter().map(|(field, expression)| {
            let scope = self.scope(model.cell(row, field), model, field, expression);
            let permits = of(RowEffect::Permit(field.clone())).map(holds);
            any([scope].into_iter().chain(permits))
        });
        let restricted = of(RowEffect::Restrict).map(holds);
        admits(all(scoped.chain(restricted)))
    }

    /// The field equals the value of the scoping expression; of a list, one of its values.
    fn scope(&self, cell: &Cell, model: &Model, field: &str, expression: &Expression) -> Truth {
        let values = match expression {
            Expression::Literal(value) => vec![value.clone()],
            Expression::Principal(attribute) => self.scope_values(model, field, attribute)?,
        };
        any(values.iter().map(|value| compare(Comparison::Eq, cell, value)))
    }

    /// What a scoping attribute names: at least one value, or `None` when it is missing or does
    /// not fit.
    fn scope_values(&self, model: &Model, field: &str, attribute: &Attribute) -> Option<Vec<Cell>> {
        let kind = &model.column(field)?.kind;
        let given = match attribute::is_list(self.who, attribute) {
            true => attribute::list(self.who, attribute, kind),
            false => match attribute::scalar(self.who, attribute, kind) {
                Given::Is(value) => Given::Is(vec![value]),
                Given::Missing => Given::Missing,
                Given::Misfit => Given::Misfit,
            },
        };
        match given {
            Given::Is(values) if !values.is_empty() => Some(values),
            _ => None,
        }
    }

    /// Whether nothing is asked of a row of a model by an operation of the principal's.
    pub fn passes(&self, model: &'w Model, rules: &Rules, operation: Operation) -> bool {
        let reading = self.reading(rules);
        let mut bypasses =
            rules.rows.iter().filter(|rule| rule.effect == RowEffect::Bypass && rule.is_about(operation));
        bypasses.any(|rule| admits(reading.holds(&rule.condition, model, &[])))
    }

    /// What the principal lacks to look at a model at all.
    pub(super) fn lacks(&self, model: &'w Model) -> Vec<Code> {
        self.lacks_for(model, For::Finding(Operation::Read))
    }

    /// What the principal lacks for the rules to be decided.
    pub(super) fn lacks_for(&self, model: &'w Model, wanted: For) -> Vec<Code> {
        let Some(rules) = self.view.models.get(&model.name) else { return Vec::new() };
        let reading = self.reading(rules);
        // Bypasses are decided one after the other, without a row, and the first ends it.
        let minded = || rules.rows.iter().filter(|rule| wanted.minds(rule));
        for rule in minded().filter(|rule| rule.effect == RowEffect::Bypass) {
            if reading.misfits(&rule.condition, model) {
                return vec!["PRINCIPAL_INCOMPLETE"];
            }
            if admits(reading.holds(&rule.condition, model, &[])) {
                return Vec::new();
            }
        }
        let mut found = Vec::new();
        for (field, expression) in &rules.scoping {
            let Expression::Principal(attribute) = expression else { continue };
            let fits = self
                .scope_values(model, field, attribute)
                .is_some_and(|values| values.len() <= reading.max_list || !attribute::is_list(self.who, attribute));
            if !fits {
                found.push(if *attribute == Attribute::Tenant {
                    "TENANT_SCOPE_REQUIRED"
                } else {
                    "PRINCIPAL_INCOMPLETE"
                });
            }
        }
        let mut others = minded().filter(|rule| rule.effect != RowEffect::Bypass);
        if others.any(|rule| reading.misfits(&rule.condition, model)) {
            found.push("PRINCIPAL_INCOMPLETE");
        }
        found
    }
}
