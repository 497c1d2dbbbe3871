//! Requests: most of them such as the policy allows, some that must be refused (`faults`).

use serde_json::{Value as Json, json};

use super::Dice;
use super::faults::spoil;
use super::values::{spelled, value, value_in};
use crate::reference::{Eye, View};
use crate::world::{
    Aggregate, Cell, Column, Figure, Filter, Get, Include, Kind, Matching, Model, Op, Order, Query, RelationPolicy,
    Request, World,
};

/// What is open in a place of a request, and who looks.
#[derive(Clone, Copy)]
pub(super) struct Place<'e, 'a> {
    pub(super) world: &'a World,
    pub(super) view: &'a View,
    pub(super) model: &'a Model,
    eye: &'e Eye<'a>,
    through: Option<&'a RelationPolicy>,
}

impl<'e, 'a> Place<'e, 'a> {
    fn root(eye: &'e Eye<'a>, model: &'a Model) -> Self {
        Self { world: eye.world(), view: eye.view(), model, eye, through: None }
    }

    /// A value of a column: most of the time of a row that is seen.
    fn value(self, dice: &mut Dice, column: &Column) -> Cell {
        let visible = self.eye.visible(self.model);
        let row = dice.pick(&visible).filter(|_| dice.chance(75));
        match row.map(|row| self.model.cell(row, &column.name)).filter(|cell| !cell.is_null()) {
            Some(cell) => cell.clone(),
            None => value_in(dice, self.model, column),
        }
    }

    /// A limit, most of the time one that the budget allows.
    fn limit(self, dice: &mut Dice) -> Option<u64> {
        let most = self.view.models.get(&self.model.name).map_or(1, |rules| u64::from(rules.limits.max_rows));
        match dice.roll(20) {
            0..9 => None,
            9..19 => Some((1 + dice.roll(5) as u64).min(most)),
            _ => Some(1 + dice.roll(30) as u64),
        }
    }

    /// The fields that may be selected here.
    fn open(self) -> Vec<&'a Column> {
        let through = self.through.and_then(|relation| relation.fields.as_ref());
        let rules = self.view.models.get(&self.model.name);
        let open = |column: &&Column| {
            rules.is_some_and(|rules| rules.fields.contains_key(&column.name))
                && through.is_none_or(|fields| fields.contains(&column.name))
        };
        self.model.columns.iter().filter(open).collect()
    }

    /// The fields that are shown as they are.
    fn shown(self) -> Vec<&'a Column> {
        let rules = self.view.models.get(&self.model.name);
        let mut open = self.open();
        open.retain(|column| rules.is_some_and(|rules| rules.shows(&column.name)));
        open
    }

    /// The fields that are hidden and can be compared for equality.
    fn comparable(self) -> Vec<&'a Column> {
        let rules = self.view.models.get(&self.model.name);
        let mut open = self.open();
        open.retain(|column| {
            let rule = rules.and_then(|rules| rules.fields.get(&column.name));
            rule.is_some_and(|rule| rule.equality)
        });
        open
    }

    /// The fields that the model opens, but not through the relation that led here.
    pub(super) fn behind(self) -> Vec<String> {
        let open = Self { through: None, ..self }.open();
        let through = self.open();
        let behind = |column: &&&Column| through.iter().all(|known| known.name != column.name);
        open.iter().filter(behind).map(|column| column.name.clone()).collect()
    }

    /// The relations that are open here, with where they lead.
    pub(super) fn onward(self) -> Vec<(String, Self)> {
        let Some(rules) = self.view.models.get(&self.model.name) else { return Vec::new() };
        let lead = |(name, policy): (&String, &'a RelationPolicy)| {
            let model = self.world.model(&self.model.relation(name)?.target)?;
            Some((name.clone(), Self { model, through: Some(policy), ..self }))
        };
        rules.relations.iter().filter_map(lead).collect()
    }
}

/// A request that somebody might make who looks at a world like this.
pub(super) fn request_to(dice: &mut Dice, eye: &Eye<'_>) -> Request {
    let view = eye.view();
    let open: Vec<&Model> = eye.world().models.iter().filter(|model| view.models.contains_key(&model.name)).collect();
    let Some(model) = dice.pick(&open) else {
        return Request::Query(Query { model: "Order".to_owned(), ..Query::default() });
    };
    let place = Place::root(eye, model);
    let aggregates = view.models.get(&model.name).is_some_and(|rules| rules.aggregations.is_some());
    let mut request = match dice.roll(10) {
        0..6 => Request::Query(query(dice, place)),
        6 => Request::Get(get(dice, place)),
        _ if aggregates || dice.chance(10) => Request::Aggregate(aggregate(dice, place)),
        _ => Request::Query(query(dice, place)),
    };
    if dice.chance(12) {
        spoil(dice, place, &mut request);
    }
    request
}

fn query(dice: &mut Dice, place: Place<'_, '_>) -> Query {
    Query {
        model: place.model.name.clone(),
        filters: filters(dice, place, 2, 0),
        select: select(dice, place),
        order: order(dice, place),
        include: includes(dice, place, 2),
        limit: place.limit(dice),
        with_total: dice.chance(30),
    }
}

fn get(dice: &mut Dice, place: Place<'_, '_>) -> Get {
    let model = place.model;
    let seen = place.eye.visible(model);
    let rows: Vec<&[Cell]> =
        if dice.chance(75) { seen.to_vec() } else { model.rows.iter().map(Vec::as_slice).collect() };
    let part = |dice: &mut Dice, name: &String, row: Option<&&[Cell]>| match (row, model.column(name)) {
        (Some(row), _) => spelled(dice, model.cell(row, name)),
        (None, Some(column)) => value(dice, &column.kind, column.wide).to_json(),
        (None, None) => Json::Null,
    };
    let row = dice.pick(&rows).filter(|_| dice.chance(92));
    let parts: Vec<(String, Json)> =
        model.key.iter().map(|name| (name.clone(), part(dice, name, row.as_ref()))).collect();
    let id = match parts.as_slice() {
        [(_, value)] if dice.chance(80) => value.clone(),
        _ => Json::Object(parts.into_iter().collect()),
    };
    Get { model: model.name.clone(), id, select: select(dice, place), include: includes(dice, place, 2) }
}

fn select(dice: &mut Dice, place: Place<'_, '_>) -> Option<Vec<String>> {
    let names: Vec<String> = place.open().iter().map(|column| column.name.clone()).collect();
    if dice.chance(50) {
        return None;
    }
    let mut chosen = dice.some(60, &names);
    chosen.extend(dice.pick(&names).filter(|_| chosen.is_empty() || dice.chance(10)));
    Some(chosen)
}

fn order(dice: &mut Dice, place: Place<'_, '_>) -> Vec<Order> {
    let shown = place.shown();
    let mut order: Vec<Order> = Vec::new();
    let count = dice.roll(4);
    for _ in 0..count {
        let Some(column) = dice.pick(&shown) else { break };
        if order.iter().all(|key| key.field != column.name) {
            order.push(Order { field: column.name.clone(), descending: dice.chance(50) });
        }
    }
    order
}

fn includes(dice: &mut Dice, place: Place<'_, '_>, depth: usize) -> Vec<Include> {
    if depth == 0 || dice.chance(55) {
        return Vec::new();
    }
    let onward = dice.some(50, &place.onward());
    onward
        .into_iter()
        .take(2)
        .map(|(relation, target)| Include {
            relation,
            select: select(dice, target),
            filters: if dice.chance(35) { filters(dice, target, 1, 1) } else { Vec::new() },
            order: order(dice, target),
            limit: target.limit(dice),
            include: includes(dice, target, depth - 1),
        })
        .collect()
}

fn filters(dice: &mut Dice, place: Place<'_, '_>, depth: usize, least: usize) -> Vec<Filter> {
    let count = least + dice.pick(&[0, 0, 0, 1, 1, 2]).unwrap_or(0);
    (0..count).filter_map(|_| filter(dice, place, depth)).collect()
}

/// A filter on what somebody sees of a model; `None` when nothing of it is shown.
pub fn filter_about<'a>(dice: &mut Dice, eye: &Eye<'a>, model: &'a Model, depth: usize) -> Option<Filter> {
    filter(dice, Place::root(eye, model), depth)
}

fn filter(dice: &mut Dice, place: Place<'_, '_>, depth: usize) -> Option<Filter> {
    if depth == 0 || dice.chance(50) {
        return comparison(dice, place);
    }
    let parts = |dice: &mut Dice| -> Vec<Filter> {
        let count = 1 + dice.roll(3);
        (0..count).filter_map(|_| filter(dice, place, depth - 1)).collect()
    };
    match dice.roll(10) {
        0..4 => Some(Filter::Or(parts(dice))).filter(|or| *or != Filter::Or(Vec::new())),
        4 => Some(Filter::And(parts(dice))).filter(|and| *and != Filter::And(Vec::new())),
        5 | 6 => Some(Filter::Not(Box::new(filter(dice, place, depth - 1)?))),
        _ => {
            let (relation, target) = dice.pick(&place.onward())?;
            let matching = dice.pick(&[Matching::Any, Matching::All, Matching::None])?;
            Some(Filter::Relation { relation, matching, filters: filters(dice, target, depth - 1, 0) })
        }
    }
}

fn comparison(dice: &mut Dice, place: Place<'_, '_>) -> Option<Filter> {
    let hidden = place.comparable();
    if let Some(column) = dice.pick(&hidden).filter(|_| dice.chance(15)) {
        let op = if dice.chance(60) { Op::Eq } else { Op::In };
        let value = compared_with(dice, place, column, op);
        return Some(Filter::Field { field: column.name.clone(), op, value });
    }
    let column = dice.pick(&place.shown())?;
    // Of text patterns are asked as often as everything else: they have the most to go wrong.
    let patterns = column.kind == Kind::Text && dice.chance(50);
    let ops: Vec<Op> = Op::ALL.iter().copied().filter(|op| op.is_pattern() == patterns).collect();
    let op = dice.pick(&ops)?;
    let value = compared_with(dice, place, column, op);
    Some(Filter::Field { field: column.name.clone(), op, value })
}

/// A value that an operator takes.
fn compared_with(dice: &mut Dice, place: Place<'_, '_>, column: &Column, op: Op) -> Json {
    let stored = |dice: &mut Dice| place.value(dice, column);
    let written = |dice: &mut Dice| {
        let cell = stored(dice);
        spelled(dice, &cell)
    };
    match op {
        Op::IsNull => json!(dice.chance(50)),
        Op::In | Op::NotIn => {
            // Beyond the places that the shortest statement has for them, now and then.
            let count = if dice.chance(10) { 5 + dice.roll(30) } else { dice.roll(5) };
            (0..count).map(|_| written(dice)).collect()
        }
        Op::Between => {
            let (one, other) = (stored(dice), stored(dice));
            let (low, high) = if one <= other || dice.chance(15) { (one, other) } else { (other, one) };
            json!([spelled(dice, &low), spelled(dice, &high)])
        }
        Op::Contains | Op::StartsWith | Op::EndsWith => {
            let Cell::Text(text) = stored(dice) else { return json!("a") };
            let chars: Vec<char> = text.chars().collect();
            let part = 1 + dice.roll(2);
            let part: String = match op {
                Op::EndsWith => chars.iter().skip(chars.len().saturating_sub(part)).collect(),
                _ => chars.iter().take(part).collect(),
            };
            json!(if dice.chance(60) { part } else { dice.word(&["%", "_", "\\", "", "[a]", "*", "?"]).to_owned() })
        }
        _ => written(dice),
    }
}

fn aggregate(dice: &mut Dice, place: Place<'_, '_>) -> Aggregate {
    let rules = place.view.models.get(&place.model.name);
    let open = rules.and_then(|rules| rules.aggregations.clone()).unwrap_or_default();
    let shown: Vec<String> = place.shown().iter().map(|column| column.name.clone()).collect();
    let figure = |function: &str, field: Option<String>| Figure { function: function.to_owned(), field, alias: None };
    let mut possible: Vec<Figure> = Vec::new();
    if open.count == Some(true) {
        possible.push(figure("count", None));
        possible.extend(shown.iter().map(|field| figure("count", Some(field.clone()))));
    }
    for function in ["sum", "avg", "min", "max"] {
        let fields = open.fields_of(function).iter().filter(|field| shown.contains(field));
        possible.extend(fields.map(|field| figure(function, Some(field.clone()))));
    }
    let mut figures: Vec<Figure> = Vec::new();
    let count = 1 + dice.roll(3);
    for _ in 0..count {
        let Some(mut figure) = dice.pick(&possible) else { break };
        if dice.chance(20) {
            figure.alias = Some(format!("figure_{}", figures.len()));
        }
        if figures.iter().all(|known| known.name() != figure.name()) {
            figures.push(figure);
        }
    }
    if figures.is_empty() {
        figures.push(figure("count", None));
    }
    let mut group_by = Vec::new();
    if dice.chance(65) {
        let fields: Vec<String> = open.group_by.unwrap_or_else(|| shown.clone());
        let fields: Vec<String> = fields.into_iter().filter(|field| shown.contains(field)).collect();
        let count = 1 + dice.roll(2);
        for _ in 0..count {
            group_by.extend(dice.pick(&fields).filter(|field| !group_by.contains(field)));
        }
    }
    let names: Vec<String> = figures.iter().map(Figure::name).chain(group_by.iter().cloned()).collect();
    let mut order = Vec::new();
    if dice.chance(50) {
        order.extend(dice.pick(&names).map(|field| Order { field, descending: dice.chance(50) }));
    }
    Aggregate {
        model: place.model.name.clone(),
        figures,
        filters: filters(dice, place, 1, 0),
        group_by,
        order,
        limit: place.limit(dice),
    }
}
