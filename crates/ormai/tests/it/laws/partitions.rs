//! Logic partitions: laws between answers of the engine itself, which need no interpreter.
//!
//! A condition is true, false or unknown of each row. So the rows without it are those with it,
//! those with its negation and those of which it is unknown, each row once; and the same
//! predicate touches the same rows wherever it stands.

use std::cell::RefCell;

use ormai::prelude::*;
use ormai_testkit::reference::{Eye, View};
use ormai_testkit::world::{
    Aggregate, Aggregations, Ask, Asked, Case, Cases, Condition, Dice, Figure, Filter, Include, Matching, Model,
    ModelPolicy, Policy, Query, RelationPolicy, Request, RowEffect, RowPolicy, Trial, Who, World, condition_about,
    filter_about,
};
use ormai_testkit::{TestDatabase, every_engine};
use proptest::test_runner::TestCaseError;
use serde_json::{Value as Json, json};

use super::under_test::{Checked, Loaded, Size, call, pages, prove};

const CASES: Cases = Cases { trials: 3, asks: 1, of_one: false, of: Asked::Reads };

/// How many calls one trial comes to, about.
const CALLS: usize = 10;

const SIZE: Size = Size { cases: CASES, asks_per_case: CASES.trials * CALLS, asks: 500 };

/// How many partitions were tried, and in how many each of the three parts had rows.
#[derive(Debug, Default)]
struct Met {
    tried: usize,
    of_true: usize,
    of_false: usize,
    of_unknown: usize,
    refused: usize,
}

impl Met {
    fn check(&self) {
        let enough = |count: usize| count * 20 > self.tried;
        let all = enough(self.of_true) && enough(self.of_false) && enough(self.of_unknown);
        assert!(all, "a part is almost always empty: {self:?}");
        assert!(self.refused * 4 < self.tried, "too much is refused: {self:?}");
    }
}

every_engine! {
    async fn a_condition_parts_the_rows_in_three(test: &TestDatabase) {
        run(test, "conditions", async |trial: Tried<'_>, met| trial.condition(met).await);
    }

    async fn a_filter_parts_the_rows_in_three(test: &TestDatabase) {
        run(test, "filters", async |trial: Tried<'_>, met| trial.filter(met).await);
    }

    async fn a_predicate_touches_the_same_rows_wherever_it_stands(test: &TestDatabase) {
        run(test, "places", async |trial: Tried<'_>, met| trial.places(met).await);
    }
}

/// A trial in a loaded world.
struct Tried<'c> {
    loaded: &'c Loaded<'c>,
    world: &'c World,
    trial: &'c Trial,
    who: &'c Who,
    dice: Dice,
}

fn run(test: &TestDatabase, what: &str, check: impl AsyncFn(Tried<'_>, &RefCell<Met>) -> Checked) {
    let holds = async |loaded: &mut Loaded<'_>, case: &Case, met: &RefCell<Met>| {
        for (index, trial) in case.trials.iter().enumerate() {
            let Some(ask) = trial.asks.first() else { continue };
            let (world, who, dice) = (&case.world, &ask.who, Dice::new(index as u64));
            check(Tried { loaded, world, trial, who, dice }, met).await?;
        }
        Ok(())
    };
    prove(test, &format!("partitions by {what}"), SIZE, holds, Met::check);
}

impl Tried<'_> {
    /// A row policy φ: rows without it = φ ⊎ ¬φ ⊎ (φ unknown).
    async fn condition(mut self, met: &RefCell<Met>) -> Checked {
        let Some(model) = self.dice.pick(&self.world.models) else { return Ok(()) };
        let condition = condition_about(&mut self.dice, self.world, &model, 2);
        let unknown = condition.unknown(self.who);
        let parts = [None, Some(condition.clone()), Some(Condition::Not(Box::new(condition.clone()))), Some(unknown)];
        let mut ids = Vec::new();
        for part in parts {
            let ormai = self.loaded.under(&shared(&model, part)).await?;
            ids.push(self.ids(&ormai, &model, Vec::new()).await);
        }
        if let [Some(_), None, None, _] = ids.as_slice() {
            // An attribute does not fit: then the condition is refused, and so is its negation.
            met.borrow_mut().refused += 1;
            return Ok(());
        }
        let ids: Option<Vec<_>> = ids.into_iter().collect();
        let ids = ids.ok_or_else(|| TestCaseError::fail(format!("some parts are refused: {condition}")))?;
        parted(&ids, &condition.to_string(), met)
    }

    /// A filter, under the trial's own policy.
    async fn filter(mut self, met: &RefCell<Met>) -> Checked {
        let policy = opened(self.world, &self.trial.policy);
        let view = View::of(self.world, &policy, &self.who.roles);
        let eye = Eye::new(self.world, &view, self.who, Case::now());
        let Some(model) = self.dice.pick(&self.world.models.iter().collect::<Vec<_>>()) else { return Ok(()) };
        let filter = filter_about(&mut self.dice, &eye, model, 2);
        let around = filter_about(&mut self.dice, &eye, model, 1).filter(|_| self.dice.chance(40));
        let Some(filter) = filter else { return Ok(()) };
        let ormai = self.loaded.under(&policy).await?;
        let not = Filter::Not(Box::new(filter.clone()));
        let mut ids = Vec::new();
        for part in [None, Some(filter.clone()), Some(not), Some(filter.unknown())] {
            let filters = [around.clone(), part].into_iter().flatten().collect();
            match self.ids(&ormai, model, filters).await {
                Some(found) => ids.push(found),
                None => {
                    met.borrow_mut().refused += 1;
                    return Ok(());
                }
            }
        }
        parted(&ids, &format!("{filter:?}"), met)
    }

    /// The same filter in a query, a total, a count, an include and a relation filter.
    async fn places(mut self, met: &RefCell<Met>) -> Checked {
        let policy = opened(self.world, &self.trial.policy);
        let view = View::of(self.world, &policy, &self.who.roles);
        let eye = Eye::new(self.world, &view, self.who, Case::now());
        let models: Vec<&Model> = self.world.models.iter().filter(|model| !model.relations.is_empty()).collect();
        let Some(model) = self.dice.pick(&models) else { return Ok(()) };
        let Some(relation) = self.dice.pick(&model.relations) else { return Ok(()) };
        let Some(target) = self.world.model(&relation.target) else { return Ok(()) };
        let Some(filter) = filter_about(&mut self.dice, &eye, target, 1) else { return Ok(()) };
        let ormai = self.loaded.under(&policy).await?;
        let Some(ids) = self.ids(&ormai, target, vec![filter.clone()]).await else {
            met.borrow_mut().refused += 1;
            return Ok(());
        };
        let figures = vec![Figure { function: "count".to_owned(), field: None, alias: None }];
        let filters = vec![filter.clone()];
        let count = Aggregate { model: target.name.clone(), figures, filters, ..Aggregate::default() };
        let count = self.ask(&ormai, Request::Aggregate(count)).await;
        let counted = count["data"]["rows"][0]["count"].as_u64();
        let query = Query { filters: vec![filter.clone()], with_total: true, ..self.query(target) };
        let total = self.ask(&ormai, Request::Query(query)).await["data"]["total"].as_u64();
        let expected = u64::try_from(ids.len()).ok();
        let same = counted == expected && total == expected;
        prop(same, || format!("{} rows, count {counted:?}, total {total:?}: {filter:?}", ids.len()))?;

        let all = self.related(&ormai, model, &relation.name, Vec::new()).await;
        let some = self.related(&ormai, model, &relation.name, vec![filter.clone()]).await;
        let (Some(all), Some(some)) = (all, some) else {
            met.borrow_mut().refused += 1;
            return Ok(());
        };
        let of = |fits: &dyn Fn(usize, usize) -> bool| -> Vec<String> {
            let rows = all.iter().zip(&some).filter(|((_, all), (_, some))| fits(*all, *some));
            rows.map(|((id, _), _)| id.clone()).collect()
        };
        let parts = [
            (Matching::Any, of(&|_, some| some > 0)),
            (Matching::None, of(&|_, some| some == 0)),
            (Matching::All, of(&|all, some| all == some)),
        ];
        for (matching, mut expected) in parts {
            let filters = vec![filter.clone()];
            let by = Filter::Relation { relation: relation.name.clone(), matching, filters };
            let found = self.ids(&ormai, model, vec![by]).await;
            expected.sort();
            prop(found.as_ref() == Some(&expected), || {
                format!("{}.{} {matching:?} {filter:?}: {found:?}, and not {expected:?}", model.name, relation.name)
            })?;
            let mut met = met.borrow_mut();
            match matching {
                Matching::Any => met.of_true += usize::from(!expected.is_empty()),
                Matching::None => met.of_false += usize::from(!expected.is_empty()),
                Matching::All => met.of_unknown += usize::from(!expected.is_empty()),
            }
        }
        met.borrow_mut().tried += 1;
        Ok(())
    }

    async fn ask(&self, ormai: &OrmAi, request: Request) -> Json {
        call(ormai, &Ask { who: self.who.clone(), request }, None).await
    }

    /// All rows of a model by their keys.
    fn query(&self, model: &Model) -> Query {
        Query { model: model.name.clone(), select: Some(model.key.clone()), limit: Some(7), ..Query::default() }
    }

    /// The keys of all rows that satisfy filters, in order; `None` when it is refused.
    async fn ids(&self, ormai: &OrmAi, model: &Model, filters: Vec<Filter>) -> Option<Vec<String>> {
        let request = Request::Query(Query { filters, ..self.query(model) });
        let pages = pages(ormai, &Ask { who: self.who.clone(), request }).await;
        let rows = pages.iter().map(|page| page["data"]["rows"].as_array());
        let rows: Vec<&Vec<Json>> = rows.collect::<Option<_>>()?;
        let mut ids: Vec<String> = rows.into_iter().flatten().map(Json::to_string).collect();
        ids.sort();
        Some(ids)
    }

    /// The keys of all rows with how many related rows each has that satisfy filters.
    async fn related(
        &self,
        ormai: &OrmAi,
        model: &Model,
        relation: &str,
        filters: Vec<Filter>,
    ) -> Option<Vec<(String, usize)>> {
        let target = self.world.model(&model.relation(relation)?.target)?;
        let (select, limit) = (Some(target.key.clone()), Some(100));
        let include = Include { relation: relation.to_owned(), select, filters, limit, ..Include::default() };
        let request = Request::Query(Query { include: vec![include], ..self.query(model) });
        let pages = pages(ormai, &Ask { who: self.who.clone(), request }).await;
        let mut counts = Vec::new();
        for page in &pages {
            for row in page["data"]["rows"].as_array()? {
                let related = &row[relation];
                let count = related["rows"].as_array().map_or(usize::from(!related.is_null()), Vec::len);
                let id: serde_json::Map<String, Json> =
                    model.key.iter().map(|part| (part.clone(), row[part].clone())).collect();
                counts.push((json!(id).to_string(), count));
            }
        }
        Some(counts)
    }
}

fn prop(holds: bool, why: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(TestCaseError::fail(why())) }
}

/// The first list is the disjoint union of the others.
fn parted(ids: &[Vec<String>], predicate: &str, met: &RefCell<Met>) -> Checked {
    let [all, of_true, of_false, of_unknown] = ids else { return Ok(()) };
    let mut union: Vec<String> = [of_true, of_false, of_unknown].into_iter().flatten().cloned().collect();
    union.sort();
    let mut met = met.borrow_mut();
    met.tried += 1;
    met.of_true += usize::from(!of_true.is_empty());
    met.of_false += usize::from(!of_false.is_empty());
    met.of_unknown += usize::from(!of_unknown.is_empty());
    prop(union == *all, || {
        format!("{predicate}\nall: {all:?}\ntrue: {of_true:?}\nfalse: {of_false:?}\nunknown: {of_unknown:?}")
    })
}

/// One model, open to all, with at most one restriction.
fn shared(model: &Model, restriction: Option<Condition>) -> Policy {
    let rule = |condition| RowPolicy {
        name: "rule".to_owned(),
        condition,
        effect: RowEffect::Restrict,
        operations: None,
        check: None,
    };
    let said = ModelPolicy { rows: restriction.into_iter().map(rule).collect(), ..ModelPolicy::default() };
    Policy { shows_by_default: true, models: vec![(model.name.clone(), said)], ..Policy::default() }
}

/// The rows of a policy as they are, and everything else open: so that keys can be told.
fn opened(world: &World, policy: &Policy) -> Policy {
    let mut opened = Policy { shows_by_default: true, ..Policy::default() };
    for (name, said) in &policy.models {
        let Some(model) = world.model(name) else { continue };
        let open = |relation: &ormai_testkit::world::Relation| {
            (relation.name.clone(), RelationPolicy { allowed: true, ..RelationPolicy::default() })
        };
        let said = ModelPolicy {
            relations: model.relations.iter().map(open).collect(),
            scoping: said.scoping.clone(),
            rows: said.rows.clone(),
            aggregations: Some(Aggregations { count: Some(true), ..Aggregations::default() }),
            soft_delete: said.soft_delete.clone(),
            ..ModelPolicy::default()
        };
        opened.models.push((name.clone(), said));
    }
    opened
}
