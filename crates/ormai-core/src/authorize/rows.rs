//! Plans for `query` and `get`.

use std::sync::Arc;

use super::Planner;
use super::scope::Side;
use super::trace::Turn;
use crate::catalog::{FieldId, ModelId, RelationKind};
use crate::error::Result;
use crate::fault::Fault;
use crate::plan::{
    Aggregate, AggregateFunction, Binds, Continuation, Direction, Figure, IncludePlan, Keys, Layout, OrderBy, OrderKey,
    PagePlan, PerParent, Predicate, Root, RowsPlan, Select, Shape, Source, Step, Truth,
};
use crate::policy::FieldAction;
use crate::resolve::{Include, Page, Rows, Selection};
use crate::value::Value;

impl Planner<'_> {
    pub(crate) fn rows(&mut self, rows: Rows) -> Result<Root> {
        let Rows { selection, page } = rows;
        let Selection { model, select, filter, order, limit, includes } = selection;
        let order = self.order_keys(model, &order);
        let mut outputs = Outputs::new(select);
        for include in &includes {
            outputs.keys(self.catalog().model(model).relation(include.relation).link.iter().map(|(here, _)| *here));
        }
        // Only a model with a primary key has a total order.
        let pages = !self.catalog().model(model).primary_key.is_empty();
        let continues = matches!(page, Page::Many { .. }) && pages;
        if continues {
            outputs.keys(order.iter().filter_map(order_field));
        }
        let fault = if matches!(page, Page::One) { Fault::GetWithoutScope } else { Fault::PageWithoutScope };
        let source = self.source(model, Side::READ)?.unless(fault);
        let filter = self.root_filters(filter, model)?;
        let (page, after) = match page {
            Page::One => (PagePlan::One, None),
            Page::Many { cursor, with_total, request } => {
                // The count takes the same scope and filter, and its values before the cursor's.
                let total = with_total.then(|| self.total(&source, &filter).map(Box::new)).transpose()?;
                let after = match &cursor {
                    None => None,
                    Some(cursor) => {
                        let authority = self.authority;
                        let binding =
                            authority.cursors.binding(authority.view.policy_version(), authority.call, &request);
                        let key = authority.cursors.open(cursor, &binding, continues.then_some(order.len()))?;
                        Some(self.after(&order, key)?)
                    }
                };
                let positions = order.iter().filter_map(order_field).map(|field| outputs.position(field)).collect();
                let continuation = continues.then_some(Continuation { positions, request });
                (PagePlan::Many { total, continuation }, after)
            }
        };
        let looks_further = !matches!(page, PagePlan::One) && !Fault::MoreRowsUnseen.is_on();
        let limit_slot = self.binds.push(Value::Int(i64::from(limit) + i64::from(looks_further)))?;
        let layout = self.layout(model, &outputs, &includes);
        let select = Select {
            source,
            filter,
            after,
            outputs: outputs.fields.clone(),
            order,
            limit: limit_slot,
            per_parent: None,
            for_update: false,
        };
        let step = Step { shape: Shape::Select(select), binds: self.take_binds() };
        let mut plans = Vec::new();
        self.includes(includes, model, &outputs, 0, &mut plans)?;
        Ok(Root::Rows(Box::new(RowsPlan { step, layout, limit: limit as usize, page, includes: plans })))
    }

    /// Counts the rows of all pages: the scope and filter of the page, without its beginning
    /// and end.
    fn total(&mut self, source: &Source, filter: &Predicate) -> Result<Step> {
        let mut binds = Binds::copy_of(&self.binds);
        let limit = binds.push(Value::Int(1))?;
        let shape = Shape::Aggregate(Aggregate {
            source: source.clone().unless(Fault::TotalWithoutScope).narrowed(Fault::TotalWithoutRestrictions),
            filter: if Fault::TotalWithoutFilter.is_on() { Predicate::Const(Truth::True) } else { filter.clone() },
            group_by: Vec::new(),
            figures: vec![Figure { function: AggregateFunction::Count, field: None }],
            min_group_size: None,
            order: Vec::new(),
            limit,
        });
        Ok(Step { shape, binds: binds.into_values() })
    }

    fn includes(
        &mut self,
        includes: Vec<Include>,
        parent_model: ModelId,
        parent_outputs: &Outputs,
        parent: usize,
        plans: &mut Vec<IncludePlan>,
    ) -> Result<()> {
        for include in includes {
            self.way.push(Turn::Include(parent_model, include.relation));
            let relation = self.catalog().model(parent_model).relation(include.relation);
            let Selection { model, select, filter, order, limit, includes } = include.selection;
            let many = relation.kind == RelationKind::Many;
            let mut outputs = Outputs::new(select);
            let child_fields: Vec<FieldId> = relation.link.iter().map(|(_, there)| *there).collect();
            outputs.keys(child_fields.iter().copied());
            for nested in &includes {
                outputs.keys(self.catalog().model(model).relation(nested.relation).link.iter().map(|(here, _)| *here));
            }
            let source = self.source(model, Side::READ)?.unless(Fault::IncludeWithoutScope);
            let filter = self.filters(filter, model)?;
            let limit_slot = self.binds.push(Value::Int(i64::from(limit) + 1))?;
            let layout = self.layout(model, &outputs, &includes);
            let child_key = child_fields.iter().map(|field| outputs.position(*field)).collect();
            let select = Select {
                source,
                filter,
                after: None,
                outputs: outputs.fields.clone(),
                order: if many { self.order_keys(model, &order) } else { Vec::new() },
                limit: limit_slot,
                // The keys are filled in once the parents are known.
                per_parent: Some(PerParent { keys: Keys { fields: child_fields, lists: Vec::new() }, many }),
                for_update: false,
            };
            plans.push(IncludePlan {
                parent,
                parent_key: relation.link.iter().map(|(here, _)| parent_outputs.position(*here)).collect(),
                child_key,
                many,
                limit: limit as usize,
                select,
                binds: self.take_binds(),
                layout,
            });
            let own = plans.len();
            self.includes(includes, model, &outputs, own, plans)?;
            self.way.pop();
        }
        Ok(())
    }

    pub(super) fn order_keys(&self, model: ModelId, order: &[(FieldId, Direction)]) -> Vec<OrderKey> {
        let model = self.catalog().model(model);
        order
            .iter()
            .map(|(field, direction)| OrderKey {
                by: OrderBy::Field(*field),
                direction: *direction,
                nullable: model.field(*field).nullable,
            })
            .collect()
    }

    /// What of the outputs appears in the answer, and how.
    pub(super) fn layout(&self, model: ModelId, outputs: &Outputs, includes: &[Include]) -> Arc<Layout> {
        let rules = self.authority.view.model(model);
        let model = self.catalog().model(model);
        let mut names = Vec::with_capacity(outputs.shown + includes.len());
        let mut columns = Vec::with_capacity(outputs.shown);
        for (position, field) in outputs.fields.iter().take(outputs.shown).enumerate() {
            names.push(model.field(*field).name.clone());
            // A field without a rule was never selected; if it were, it would not be shown.
            let action =
                rules.and_then(|rules| rules.field(*field)).map_or(FieldAction::Redact, |rule| rule.action.clone());
            columns.push((position, action));
        }
        names.extend(includes.iter().map(|include| model.relation(include.relation).name.clone()));
        Arc::new(Layout { names, columns })
    }
}

fn order_field(key: &OrderKey) -> Option<FieldId> {
    match key.by {
        OrderBy::Field(field) => Some(field),
        OrderBy::Figure(_) => None,
    }
}

/// The columns of a statement: first those that are shown, then keys that are not.
pub(super) struct Outputs {
    pub(super) fields: Vec<FieldId>,
    shown: usize,
}

impl Outputs {
    pub(super) fn new(select: Vec<FieldId>) -> Self {
        Self { shown: select.len(), fields: select }
    }

    pub(super) fn keys(&mut self, fields: impl IntoIterator<Item = FieldId>) {
        for field in fields {
            if !self.fields.contains(&field) {
                self.fields.push(field);
            }
        }
    }

    /// Where a field stands; every caller has put it in before.
    pub(super) fn position(&self, field: FieldId) -> usize {
        self.fields.iter().position(|known| *known == field).unwrap_or(usize::MAX)
    }
}
