//! The request's own filters, over tables that are scoped already.

use super::Planner;
use super::scope::Side;
use super::trace::Turn;
use crate::catalog::{ModelId, RelationId};
use crate::error::Result;
use crate::fault::Fault;
use crate::plan::{Comparison, Exists, Predicate, RelatedRows, Term, Truth};
use crate::request::Match;
use crate::resolve::Filter;

impl Planner<'_> {
    /// Filters that must all hold.
    pub(crate) fn filters(&mut self, filters: Vec<Filter>, model: ModelId) -> Result<Predicate> {
        Ok(Predicate::all(self.each(filters, model)?))
    }

    /// The filters of the root: each of them is told when somebody wants to know.
    pub(crate) fn root_filters(&mut self, filters: Vec<Filter>, model: ModelId) -> Result<Predicate> {
        let parts = self.each(filters, model)?;
        self.trace_filters(&parts);
        Ok(Predicate::all(parts))
    }

    fn each(&mut self, filters: Vec<Filter>, model: ModelId) -> Result<Vec<Predicate>> {
        filters.into_iter().map(|filter| self.filter(filter, model)).collect()
    }

    fn filter(&mut self, filter: Filter, model: ModelId) -> Result<Predicate> {
        Ok(match filter {
            Filter::And(parts) => self.filters(parts, model)?,
            Filter::Or(parts) => Predicate::any(self.each(parts, model)?),
            Filter::Not(part) => self.filter(*part, model)?.negate(),
            Filter::Compare { field, op, value } => {
                let right = Term::Bind(self.binds.push(value)?);
                Predicate::Compare { op, left: Term::Column(field), right }
            }
            Filter::Between { field, low, high } => {
                let low = Term::Bind(self.binds.push(low)?);
                let high = Term::Bind(self.binds.push(high)?);
                Predicate::And(vec![
                    Predicate::Compare { op: Comparison::Ge, left: Term::Column(field), right: low },
                    Predicate::Compare { op: Comparison::Le, left: Term::Column(field), right: high },
                ])
            }
            Filter::In { field, values, negated } => match self.binds.push_list(values)? {
                Some(list) => Predicate::In { term: Term::Column(field), list, negated },
                None => Predicate::Const(Truth::of(negated)),
            },
            Filter::IsNull { field, negated } => Predicate::IsNull { term: Term::Column(field), negated },
            Filter::Matches { field, pattern } => {
                let pattern = self.binds.push(crate::value::Value::Pattern(pattern))?;
                Predicate::Matches { term: Term::Column(field), pattern, negated: false }
            }
            Filter::Relation { relation, matching, filters } => self.related(relation, matching, filters, model)?,
        })
    }

    /// *any*: a visible related row satisfies the filters. *none*: not one does. *all*: there
    /// is no visible related row of which they are false or unknown.
    fn related(
        &mut self,
        relation: RelationId,
        matching: Match,
        filters: Vec<Filter>,
        model: ModelId,
    ) -> Result<Predicate> {
        self.way.push(Turn::Filter(model, relation));
        let relation = self.catalog().model(model).relation(relation);
        let rows =
            RelatedRows::Scoped(self.source(relation.target, Side::READ)?.unless(Fault::RelationFilterWithoutScope));
        let filter = self.filters(filters, relation.target)?;
        self.way.pop();
        let (filter, negated) = match matching {
            Match::Any => (filter, false),
            Match::None => (filter, true),
            Match::All => (filter.not_true(), true),
        };
        Ok(Predicate::Exists(Box::new(Exists { link: relation.link.clone(), rows, filter, negated })))
    }
}
