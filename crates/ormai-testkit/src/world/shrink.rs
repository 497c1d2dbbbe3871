//! Simpler cases: what is left when a part is taken away.

use std::collections::BTreeMap;

use proptest::strategy::ValueTree;

use super::case::{Ask, Case, Trial};
use super::{Act, Budget, Chosen, Condition, Filter, Include, Model, ModelPolicy, Overlay, Request, RowPolicy, Write};

/// A case that gets simpler while the law still fails for it.
///
/// [`ValueTree::simplify`] takes the present case as the simplest that fails so far and tries
/// without one of its parts; [`ValueTree::complicate`] puts that part back and takes another.
#[derive(Clone, Debug)]
pub struct Shrinking {
    failing: Case,
    tried: Option<Case>,
    candidates: std::vec::IntoIter<Case>,
}

impl Shrinking {
    pub(super) fn new(case: Case) -> Self {
        Self { failing: case, tried: None, candidates: Vec::new().into_iter() }
    }
}

impl ValueTree for Shrinking {
    type Value = Case;

    fn current(&self) -> Case {
        self.tried.as_ref().unwrap_or(&self.failing).clone()
    }

    fn simplify(&mut self) -> bool {
        if let Some(tried) = self.tried.take() {
            self.failing = tried;
        }
        self.candidates = self.failing.simpler().into_iter();
        self.tried = self.candidates.next();
        self.tried.is_some()
    }

    fn complicate(&mut self) -> bool {
        self.tried = self.candidates.next();
        self.tried.is_some()
    }
}

/// What can lose parts.
trait Simpler: Sized {
    /// What is left when one part or another is taken away.
    fn simpler(&self) -> Vec<Self>;
}

/// The list without each of its items in turn; long lists also without a half at once.
fn without_each<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    let mut smaller = Vec::new();
    if items.len() > 3 {
        let (first, second) = items.split_at(items.len() / 2);
        smaller.extend([first.to_vec(), second.to_vec()]);
    }
    smaller.extend((0..items.len()).map(|left_out| {
        items.iter().enumerate().filter(|(index, _)| *index != left_out).map(|(_, item)| item.clone()).collect()
    }));
    smaller
}

/// The list with each of its items replaced by each simpler one.
fn with_simpler<T: Clone>(items: &[T], simpler: impl Fn(&T) -> Vec<T>) -> Vec<Vec<T>> {
    let replaced = |(index, item): (usize, &T)| {
        let replace = |simple: T| {
            let mut items = items.to_vec();
            if let Some(place) = items.get_mut(index) {
                *place = simple;
            }
            items
        };
        simpler(item).into_iter().map(replace).collect::<Vec<_>>()
    };
    items.iter().enumerate().flat_map(replaced).collect()
}

impl Case {
    /// Cases with one part less.
    fn simpler(&self) -> Vec<Self> {
        // One ask under one policy, before anything else.
        let asks: Vec<(usize, usize)> = self
            .trials
            .iter()
            .enumerate()
            .flat_map(|(trial, of)| (0..of.asks.len()).map(move |ask| (trial, ask)))
            .collect();
        if asks.len() > 1 {
            let alone = |(trial, ask): (usize, usize)| {
                let of = self.trials.get(trial)?;
                let asks = vec![of.asks.get(ask)?.clone()];
                Some(Self { trials: vec![Trial { policy: of.policy.clone(), asks }], world: self.world.clone() })
            };
            let mut cases: Vec<Self> = asks.into_iter().filter_map(alone).collect();
            // What fails only after something else has been asked.
            cases.extend(without_each(&self.trials).into_iter().map(|trials| Self { trials, ..self.clone() }));
            cases.extend(
                with_simpler(&self.trials, Trial::with_fewer_asks)
                    .into_iter()
                    .map(|trials| Self { trials, ..self.clone() }),
            );
            return cases;
        }
        let mut cases = self.with_fewer_rows();
        cases.extend(self.with_fewer_keys());
        let trials = with_simpler(&self.trials, Trial::simpler);
        cases.extend(trials.into_iter().map(|trials| Self { trials, ..self.clone() }));
        cases
    }

    fn with_fewer_keys(&self) -> Vec<Self> {
        let mut cases = Vec::new();
        for index in 0..self.world.models.len() {
            let mut add = |change: &dyn Fn(&mut Model)| {
                let mut case = self.clone();
                case.world.models.get_mut(index).into_iter().for_each(change);
                if case != *self {
                    cases.push(case);
                }
            };
            add(&|model| model.unique.clear());
            add(&|model| model.references.clear());
            add(&|model| model.columns.iter_mut().for_each(|column| column.default = None));
        }
        cases
    }

    fn with_fewer_rows(&self) -> Vec<Self> {
        let mut cases = Vec::new();
        for (index, model) in self.world.models.iter().enumerate() {
            for rows in without_each(&model.rows) {
                let mut case = self.clone();
                if let Some(model) = case.world.models.get_mut(index) {
                    model.rows = rows;
                }
                cases.push(case);
            }
        }
        // What a row refers to cannot go alone.
        cases.retain(|case| case.world.is_whole());
        cases
    }
}

impl Trial {
    fn with_fewer_asks(&self) -> Vec<Self> {
        without_each(&self.asks).into_iter().map(|asks| Self { asks, policy: self.policy.clone() }).collect()
    }

    fn simpler(&self) -> Vec<Self> {
        let asks = with_simpler(&self.asks, Ask::simpler);
        let mut trials: Vec<Self> = asks.into_iter().map(|asks| Self { asks, policy: self.policy.clone() }).collect();
        let mut with_models = |models| {
            let mut trial = self.clone();
            trial.policy.models = models;
            trials.push(trial);
        };
        let models = &self.policy.models;
        without_each(models).into_iter().for_each(&mut with_models);
        let simpler = |(name, said): &(String, ModelPolicy)| {
            said.simpler().into_iter().map(|said| (name.clone(), said)).collect()
        };
        with_simpler(models, simpler).into_iter().for_each(&mut with_models);
        let mut trial = self.clone();
        trial.policy.budget = Budget::default();
        if trial != *self {
            trials.push(trial);
        }
        trials
    }
}

impl Simpler for ModelPolicy {
    /// Some of these do not load; then the case passes and another is tried.
    fn simpler(&self) -> Vec<Self> {
        let mut simpler = Vec::new();
        let mut add = |change: &dyn Fn(&mut Self)| {
            let mut said = self.clone();
            change(&mut said);
            if said != *self {
                simpler.push(said);
            }
        };
        for roles in without_each(&self.roles) {
            add(&|said| said.roles.clone_from(&roles));
        }
        for rows in without_each(&self.rows) {
            add(&|said| said.rows.clone_from(&rows));
        }
        for fields in without_each(&self.fields) {
            add(&|said| said.fields.clone_from(&fields));
        }
        for relations in without_each(&self.relations) {
            add(&|said| said.relations.clone_from(&relations));
        }
        for scoping in without_each(&self.scoping) {
            add(&|said| said.scoping.clone_from(&scoping));
        }
        add(&|said| said.aggregations = None);
        add(&|said| said.soft_delete = None);
        add(&|said| said.writes.max_affected_rows = None);
        add(&|said| said.writes.require_reason = None);
        for auto_set in without_each(&self.writes.auto_set) {
            add(&|said| said.writes.auto_set.clone_from(&auto_set));
        }
        for immutable in without_each(&self.writes.immutable) {
            add(&|said| said.writes.immutable.clone_from(&immutable));
        }
        for required in without_each(&self.writes.required) {
            add(&|said| said.writes.required.clone_from(&required));
        }
        add(&|said| said.budget = Budget::default());
        let rows = with_simpler(&self.rows, |row| {
            let conditions = row.condition.simpler().into_iter();
            conditions.map(|condition| RowPolicy { condition, ..row.clone() }).collect()
        });
        for rows in rows {
            add(&|said| said.rows.clone_from(&rows));
        }
        let roles = with_simpler(&self.roles, |(role, overlay)| {
            let says = overlay.says.simpler().into_iter();
            says.map(|says| (role.clone(), Overlay { says, ..overlay.clone() })).collect()
        });
        for roles in roles {
            add(&|said| said.roles.clone_from(&roles));
        }
        simpler
    }
}

impl Simpler for Condition {
    fn simpler(&self) -> Vec<Self> {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                let rebuilt = |parts: Vec<Self>| match self {
                    Self::And(_) => Self::And(parts),
                    _ => Self::Or(parts),
                };
                let mut simpler = parts.clone();
                simpler.extend(without_each(parts).into_iter().filter(|parts| parts.len() > 1).map(rebuilt));
                simpler.extend(with_simpler(parts, Self::simpler).into_iter().map(rebuilt));
                simpler
            }
            Self::Not(part) => {
                let mut simpler = vec![(**part).clone()];
                simpler.extend(part.simpler().into_iter().map(|part| Self::Not(Box::new(part))));
                simpler
            }
            Self::Exists { relation, condition: Some(condition) } => {
                let exists = |condition| Self::Exists { relation: relation.clone(), condition };
                let mut simpler = vec![exists(None)];
                simpler.extend(condition.simpler().into_iter().map(|condition| exists(Some(Box::new(condition)))));
                simpler
            }
            _ => Vec::new(),
        }
    }
}

impl Ask {
    fn simpler(&self) -> Vec<Self> {
        let mut asks: Vec<Self> =
            self.request.simpler().into_iter().map(|request| Self { request, who: self.who.clone() }).collect();
        for roles in without_each(&self.who.roles) {
            let mut ask = self.clone();
            ask.who.roles = roles;
            asks.push(ask);
        }
        for key in self.who.metadata.keys() {
            let mut ask = self.clone();
            ask.who.metadata.remove(key);
            asks.push(ask);
        }
        asks
    }
}

impl Simpler for Request {
    fn simpler(&self) -> Vec<Self> {
        let mut simpler = Vec::new();
        if let Self::Write(write) = self {
            return write.simpler().into_iter().map(Self::Write).collect();
        }
        let mut add = |change: &dyn Fn(&mut Self)| {
            let mut request = self.clone();
            change(&mut request);
            if request != *self {
                simpler.push(request);
            }
        };
        let filters = match self {
            Self::Query(query) => query.filters.as_slice(),
            Self::Aggregate(aggregate) => aggregate.filters.as_slice(),
            Self::Get(_) | Self::Write(_) => &[],
        };
        for fewer in without_each(filters).into_iter().chain(with_simpler(filters, Filter::simpler)) {
            add(&|request| match request {
                Self::Query(query) => query.filters.clone_from(&fewer),
                Self::Aggregate(aggregate) => aggregate.filters.clone_from(&fewer),
                Self::Get(_) | Self::Write(_) => {}
            });
        }
        let include = match self {
            Self::Query(query) => query.include.as_slice(),
            Self::Get(get) => get.include.as_slice(),
            Self::Aggregate(_) | Self::Write(_) => &[],
        };
        for fewer in without_each(include).into_iter().chain(with_simpler(include, Include::simpler)) {
            add(&|request| match request {
                Self::Query(query) => query.include.clone_from(&fewer),
                Self::Get(get) => get.include.clone_from(&fewer),
                Self::Aggregate(_) | Self::Write(_) => {}
            });
        }
        add(&|request| match request {
            Self::Query(query) => query.order.clear(),
            Self::Aggregate(aggregate) => aggregate.order.clear(),
            Self::Get(_) | Self::Write(_) => {}
        });
        add(&|request| match request {
            Self::Query(query) => query.limit = None,
            Self::Aggregate(aggregate) => aggregate.limit = None,
            Self::Get(_) | Self::Write(_) => {}
        });
        add(&|request| match request {
            Self::Query(query) => query.select = None,
            Self::Get(get) => get.select = None,
            Self::Aggregate(aggregate) => aggregate.group_by.clear(),
            Self::Write(_) => {}
        });
        if let Self::Aggregate(aggregate) = self {
            for figures in without_each(&aggregate.figures) {
                add(&|request| {
                    if let Self::Aggregate(aggregate) = request {
                        aggregate.figures.clone_from(&figures);
                    }
                });
            }
        }
        simpler
    }
}

impl Simpler for Write {
    fn simpler(&self) -> Vec<Self> {
        let mut simpler = Vec::new();
        let mut add = |change: &dyn Fn(&mut Self)| {
            let mut write = self.clone();
            change(&mut write);
            if write != *self {
                simpler.push(write);
            }
        };
        add(&|write| write.dry_run = false);
        for name in self.data().into_iter().flat_map(BTreeMap::keys) {
            add(&|write| {
                if let Act::Create { data } | Act::Update { data, .. } | Act::BulkUpdate { data, .. } = &mut write.act {
                    data.remove(name);
                }
            });
        }
        if let Act::BulkUpdate { chosen, .. } = &self.act {
            let fewer: Vec<Chosen> = match chosen {
                Chosen::Filters(filters) => {
                    let fewer = without_each(filters).into_iter().chain(with_simpler(filters, Filter::simpler));
                    fewer.map(Chosen::Filters).collect()
                }
                Chosen::Ids(ids) => without_each(ids).into_iter().map(Chosen::Ids).collect(),
            };
            for fewer in fewer {
                add(&|write| {
                    if let Act::BulkUpdate { chosen, .. } = &mut write.act {
                        chosen.clone_from(&fewer);
                    }
                });
            }
        }
        simpler
    }
}

impl Simpler for Filter {
    fn simpler(&self) -> Vec<Self> {
        match self {
            Self::Field { .. } => Vec::new(),
            Self::And(parts) | Self::Or(parts) => {
                let rebuilt = |parts: Vec<Self>| match self {
                    Self::And(_) => Self::And(parts),
                    _ => Self::Or(parts),
                };
                let mut simpler = parts.clone();
                simpler.extend(without_each(parts).into_iter().map(rebuilt));
                simpler.extend(with_simpler(parts, Self::simpler).into_iter().map(rebuilt));
                simpler
            }
            Self::Not(part) => {
                let mut simpler = vec![(**part).clone()];
                simpler.extend(part.simpler().into_iter().map(|part| Self::Not(Box::new(part))));
                simpler
            }
            Self::Relation { relation, matching, filters } => {
                let fewer = without_each(filters).into_iter().chain(with_simpler(filters, Self::simpler));
                let rebuilt = |filters| Self::Relation { relation: relation.clone(), matching: *matching, filters };
                fewer.map(rebuilt).collect()
            }
        }
    }
}

impl Simpler for Include {
    fn simpler(&self) -> Vec<Self> {
        let mut simpler = Vec::new();
        let mut add = |change: &dyn Fn(&mut Self)| {
            let mut include = self.clone();
            change(&mut include);
            if include != *self {
                simpler.push(include);
            }
        };
        for fewer in without_each(&self.include).into_iter().chain(with_simpler(&self.include, Self::simpler)) {
            add(&|include| include.include.clone_from(&fewer));
        }
        for fewer in without_each(&self.filters).into_iter().chain(with_simpler(&self.filters, Filter::simpler)) {
            add(&|include| include.filters.clone_from(&fewer));
        }
        add(&|include| include.order.clear());
        add(&|include| include.limit = None);
        add(&|include| include.select = None);
        simpler
    }
}
