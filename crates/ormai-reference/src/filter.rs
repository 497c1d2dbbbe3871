//! A request's own filters, over the rows that the principal sees.

use serde_json::Value as Json;

use super::condition::{Truth, admits, all, any, compare, not};
use super::visibility::Eye;
use crate::world::{Cell, Comparison, Filter, Matching, Model, Op};

impl<'w> Eye<'w> {
    /// The visible rows of which all filters are true.
    pub(super) fn filtered(&self, model: &'w Model, filters: &[Filter]) -> Vec<&'w [Cell]> {
        let visible = self.visible(model);
        visible.iter().copied().filter(|row| admits(self.all_hold(filters, model, row))).collect()
    }

    pub(super) fn all_hold(&self, filters: &[Filter], model: &'w Model, row: &'w [Cell]) -> Truth {
        all(filters.iter().map(|filter| self.holds(filter, model, row)))
    }

    fn holds(&self, filter: &Filter, model: &'w Model, row: &'w [Cell]) -> Truth {
        match filter {
            Filter::And(parts) => self.all_hold(parts, model, row),
            Filter::Or(parts) => any(parts.iter().map(|part| self.holds(part, model, row))),
            Filter::Not(part) => not(self.holds(part, model, row)),
            Filter::Field { field, op, value } => comparison(model, model.cell(row, field), field, *op, value),
            Filter::Relation { relation, matching, filters } => {
                let relation = model.relation(relation)?;
                let target = self.world.model(&relation.target)?;
                let mut related = self.related(model, relation, row).into_iter();
                let satisfies = |other: &'w [Cell]| admits(self.all_hold(filters, target, other));
                Some(match matching {
                    Matching::Any => related.any(satisfies),
                    Matching::All => related.all(satisfies),
                    Matching::None => !related.any(satisfies),
                })
            }
        }
    }
}

fn comparison(model: &Model, cell: &Cell, field: &str, op: Op, value: &Json) -> Truth {
    let kind = &model.column(field)?.kind;
    let read = |json: &Json| Cell::fit(json, kind).unwrap_or(Cell::Null);
    let simple = |op| compare(op, cell, &read(value));
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    let among = || any(items.iter().map(|item| compare(Comparison::Eq, cell, &read(item))));
    match op {
        Op::Eq => simple(Comparison::Eq),
        Op::Ne => simple(Comparison::Ne),
        Op::Lt => simple(Comparison::Lt),
        Op::Lte => simple(Comparison::Le),
        Op::Gt => simple(Comparison::Gt),
        Op::Gte => simple(Comparison::Ge),
        Op::In => among(),
        Op::NotIn => not(among()),
        Op::IsNull => Some(cell.is_null() == value.as_bool()?),
        Op::Between => {
            let [low, high] = items else { return None };
            all([compare(Comparison::Ge, cell, &read(low)), compare(Comparison::Le, cell, &read(high))])
        }
        Op::Contains | Op::StartsWith | Op::EndsWith => {
            let (Cell::Text(text), Json::String(part)) = (cell, value) else { return None };
            Some(match op {
                Op::StartsWith => text.starts_with(part.as_str()),
                Op::EndsWith => text.ends_with(part.as_str()),
                _ => text.contains(part.as_str()),
            })
        }
    }
}
