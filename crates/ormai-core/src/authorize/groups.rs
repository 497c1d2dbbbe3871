//! Plans for `aggregate`.

use std::sync::Arc;

use super::Planner;
use super::scope::Side;
use crate::error::Result;
use crate::fault::Fault;
use crate::plan::{Aggregate, Figure, GroupsPlan, Layout, OrderBy, OrderKey, Root, Shape, Step};
use crate::policy::FieldAction;
use crate::resolve::{GroupOrder, Groups};
use crate::value::Value;

impl Planner<'_> {
    pub(crate) fn groups(&mut self, groups: Groups) -> Result<Root> {
        let Groups { model, filter, group_by, figures, order, limit } = groups;
        let rules = self.rules(model)?;
        let smallest = rules.aggregations.as_ref().and_then(|open| open.min_group_size);
        let smallest = smallest.filter(|_| !Fault::SmallGroupsShown.is_on());
        let fields = self.catalog().model(model);
        let source = self.source(model, Side::READ)?.unless(Fault::AggregateWithoutScope);
        let filter = self.root_filters(filter, model)?;
        let min_group_size = smallest.map(|size| self.binds.push(Value::Int(i64::from(size)))).transpose()?;
        let limit_slot = self.binds.push(Value::Int(i64::from(limit) + 1))?;
        let order = order
            .into_iter()
            .map(|(by, direction)| match by {
                GroupOrder::Group(field) => {
                    OrderKey { by: OrderBy::Field(field), direction, nullable: fields.field(field).nullable }
                }
                // Every figure but a count may be NULL over nothing.
                GroupOrder::Figure(index) => OrderKey { by: OrderBy::Figure(index), direction, nullable: true },
            })
            .collect();
        let names: Vec<String> = group_by
            .iter()
            .map(|field| fields.field(*field).name.clone())
            .chain(figures.iter().map(|figure| figure.name.clone()))
            .collect();
        // Only fields that are shown as they are can be grouped or aggregated.
        let columns = (0..names.len()).map(|position| (position, FieldAction::Allow)).collect();
        let shape = Shape::Aggregate(Aggregate {
            source,
            filter,
            group_by,
            figures: figures.iter().map(|figure| Figure { function: figure.function, field: figure.field }).collect(),
            min_group_size,
            order,
            limit: limit_slot,
        });
        let step = Step { shape, binds: self.take_binds() };
        let layout = Arc::new(Layout { names, columns });
        Ok(Root::Groups(Box::new(GroupsPlan { step, layout, limit: limit as usize })))
    }
}
