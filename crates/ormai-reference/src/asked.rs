//! Whether a request may be asked at all: names, values and budget. Nothing here looks at a row.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::Code;
use super::rules::{Rules, View};
use crate::world::{
    Act, Action, Aggregate, Cell, Chosen, Column, Figure, Filter, Get, Include, Kind, Model, Op, Order, Query,
    RelationPolicy, Request, World, Write,
};

/// The most rows that an include follows.
const MAX_PARENTS: u64 = 16_384;

/// The longest text of a pattern, in bytes.
const MAX_PATTERN: usize = 10_000;

/// `limit` where the request names none and the budget allows as many.
pub(super) const DEFAULT_LIMIT: u32 = 50;

/// Every reason to refuse a request, whoever asks.
pub(super) fn reasons(world: &World, view: &View, request: &Request) -> BTreeSet<Code> {
    let mut reasons = BTreeSet::new();
    if is_malformed(request) {
        reasons.insert("VALIDATION_ERROR");
    }
    let open = world.model(request.model()).zip(view.models.get(request.model()));
    let Some((model, rules)) = open else {
        reasons.insert("MODEL_NOT_ALLOWED");
        return reasons;
    };
    let mut asked = Asked { world, view, root: rules, score: 1, fields: 0, reasons };
    let place = Place { model, rules, through: None };
    match request {
        Request::Query(query) => asked.query(place, query),
        Request::Get(get) => asked.get(place, get),
        Request::Aggregate(aggregate) => asked.aggregate(place, aggregate),
        Request::Write(write) => asked.write(place, write),
    }
    if asked.score > u64::from(rules.limits.max_complexity_score) {
        asked.reasons.insert("QUERY_TOO_BROAD");
    }
    asked.reasons
}

/// What is wrong with a request whatever the database holds.
fn is_malformed(request: &Request) -> bool {
    fn no_rows(includes: &[Include]) -> bool {
        includes.iter().any(|include| include.limit == Some(0) || no_rows(&include.include))
    }
    match request {
        Request::Query(query) => query.limit == Some(0) || no_rows(&query.include),
        Request::Get(get) => get.id.is_null() || no_rows(&get.include),
        Request::Aggregate(aggregate) => {
            let unknown = |figure: &Figure| {
                let known = matches!(figure.function.as_str(), "count" | "sum" | "avg" | "min" | "max");
                !known || figure.field.is_none() && figure.function != "count"
            };
            aggregate.limit == Some(0) || aggregate.figures.iter().any(unknown)
        }
        Request::Write(write) => {
            let names_no_row = match &write.act {
                Act::Create { .. } => false,
                Act::Update { id, .. } | Act::Delete { id } => id.is_null(),
                Act::BulkUpdate { chosen: Chosen::Filters(filters), .. } => filters.is_empty(),
                Act::BulkUpdate { chosen: Chosen::Ids(ids), .. } => ids.is_empty(),
            };
            let creates = matches!(write.act, Act::Create { .. });
            let says_nothing = !creates && write.data().is_some_and(|data| data.is_empty());
            // A blank reason would pass for one.
            let is_blank = write.reason.as_ref().is_some_and(|reason| reason.trim().is_empty());
            names_no_row || says_nothing || is_blank
        }
    }
}

/// The models whose tables take part in a request.
pub(super) fn models<'w>(world: &'w World, request: &Request) -> Vec<&'w Model> {
    let Some(root) = world.model(request.model()) else { return Vec::new() };
    let mut found = vec![root];
    match request {
        Request::Query(query) => {
            filtered(world, root, &query.filters, &mut found);
            included(world, root, &query.include, &mut found);
        }
        Request::Get(get) => included(world, root, &get.include, &mut found),
        Request::Aggregate(aggregate) => filtered(world, root, &aggregate.filters, &mut found),
        Request::Write(Write { act: Act::BulkUpdate { chosen: Chosen::Filters(filters), .. }, .. }) => {
            filtered(world, root, filters, &mut found);
        }
        Request::Write(_) => {}
    }
    found
}

fn included<'w>(world: &'w World, model: &Model, includes: &[Include], found: &mut Vec<&'w Model>) {
    for include in includes {
        let target = model.relation(&include.relation).and_then(|relation| world.model(&relation.target));
        let Some(target) = target else { continue };
        found.push(target);
        filtered(world, target, &include.filters, found);
        included(world, target, &include.include, found);
    }
}

fn filtered<'w>(world: &'w World, model: &Model, filters: &[Filter], found: &mut Vec<&'w Model>) {
    for filter in filters {
        match filter {
            Filter::Field { .. } => {}
            Filter::And(parts) | Filter::Or(parts) => filtered(world, model, parts, found),
            Filter::Not(part) => filtered(world, model, std::slice::from_ref(part), found),
            Filter::Relation { relation, filters, .. } => {
                let target = model.relation(relation).and_then(|relation| world.model(&relation.target));
                let Some(target) = target else { continue };
                found.push(target);
                filtered(world, target, filters, found);
            }
        }
    }
}

/// Where in the graph of models a part of a request stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    model: &'a Model,
    rules: &'a Rules,
    through: Option<&'a RelationPolicy>,
}

/// What a field is wanted for.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    Select,
    Equality,
    Reveal,
}

/// A request on its way; the budget in force is the root's.
struct Asked<'a> {
    world: &'a World,
    view: &'a View,
    root: &'a Rules,
    score: u64,
    fields: u64,
    reasons: BTreeSet<Code>,
}

/// The same words at the root and in includes.
struct Selection<'a> {
    select: Option<&'a Vec<String>>,
    filters: &'a [Filter],
    order: &'a [Order],
    include: &'a [Include],
    limit: Option<u64>,
    many: bool,
}

impl<'a> Asked<'a> {
    fn refuse(&mut self, when: bool, code: Code) {
        if when {
            self.reasons.insert(code);
        }
    }

    fn query(&mut self, place: Place<'a>, query: &Query) {
        self.score += if query.with_total { 5 } else { 0 };
        let Query { select, filters, order, include, limit, .. } = query;
        self.selection(
            place,
            &Selection { select: select.as_ref(), filters, order, include, limit: *limit, many: true },
            0,
            1,
        );
    }

    fn get(&mut self, place: Place<'a>, get: &Get) {
        let selection = Selection {
            select: get.select.as_ref(),
            filters: &[],
            order: &[],
            include: &get.include,
            limit: None,
            many: false,
        };
        self.selection(place, &selection, 0, 1);
        self.by_key(place, std::slice::from_ref(&get.id));
    }

    /// Rows are named by their keys.
    fn by_key(&mut self, place: Place<'a>, ids: &[Json]) {
        let usable = |field: &String| {
            place.rules.fields.get(field).is_some_and(|rule| rule.action == Action::Allow || rule.equality)
        };
        let key = &place.model.key;
        self.refuse(key.is_empty() || !key.iter().all(usable), "FIELD_NOT_ALLOWED");
        let names_a_row = |id: &Json| super::page::key(place.model, id).is_some();
        self.refuse(!ids.iter().all(names_a_row), "VALIDATION_ERROR");
    }

    /// The part of a write that chooses rows.
    fn write(&mut self, place: Place<'a>, write: &Write) {
        match &write.act {
            Act::Create { .. } => {}
            Act::Update { id, .. } | Act::Delete { id } => self.by_key(place, std::slice::from_ref(id)),
            Act::BulkUpdate { chosen: Chosen::Filters(filters), .. } => self.filters(place, filters, 0, 1),
            Act::BulkUpdate { chosen: Chosen::Ids(ids), .. } => {
                self.by_key(place, ids);
                let most = u64::from(self.root.limits.max_list_length);
                self.refuse(ids.len() as u64 > most, "QUERY_BUDGET_EXCEEDED");
            }
        }
    }

    fn selection(&mut self, place: Place<'a>, selection: &Selection<'_>, depth: u32, parents: u64) {
        let max = place.rules.limits.max_rows.min(self.root.limits.max_rows);
        let limit = self.limit(selection.limit, max);
        match selection.select {
            None => {
                let open = open_fields(place).count();
                self.count_fields(open);
                self.refuse(open == 0, "FIELD_NOT_ALLOWED");
            }
            Some(names) => {
                self.count_fields(names.len());
                self.refuse(names.is_empty(), "VALIDATION_ERROR");
                names.iter().for_each(|name| {
                    self.field(place, name, Use::Select);
                });
            }
        }
        self.filters(place, selection.filters, depth, 1);
        self.order(place, selection.order);
        let rows = parents.saturating_mul(if selection.many { limit } else { 1 });
        self.score += rows / 1_000;
        self.refuse(!selection.include.is_empty() && rows > MAX_PARENTS, "QUERY_TOO_BROAD");
        for (index, include) in selection.include.iter().enumerate() {
            let twice = selection.include.iter().take(index).any(|other| other.relation == include.relation);
            self.refuse(twice, "VALIDATION_ERROR");
            self.include(place, include, depth + 1, rows);
        }
    }

    fn include(&mut self, place: Place<'a>, include: &Include, depth: u32, parents: u64) {
        self.score += 5 * u64::from(depth);
        let Some((target, many)) = self.relation(place, &include.relation, depth) else { return };
        let Include { select, filters, order, include, limit, .. } = include;
        let selection = Selection { select: select.as_ref(), filters, order, include, limit: *limit, many };
        self.selection(target, &selection, depth, parents);
    }

    fn limit(&mut self, asked: Option<u64>, max: u32) -> u64 {
        self.refuse(asked.is_some_and(|asked| asked > u64::from(max)), "QUERY_BUDGET_EXCEEDED");
        asked.unwrap_or(u64::from(DEFAULT_LIMIT.min(max)))
    }

    fn count_fields(&mut self, count: usize) {
        self.fields += count as u64;
        self.refuse(self.fields > u64::from(self.root.limits.max_selected_fields), "QUERY_BUDGET_EXCEEDED");
    }

    fn order(&mut self, place: Place<'a>, order: &[Order]) {
        for (index, key) in order.iter().enumerate() {
            self.score += 1;
            let column = self.field(place, &key.field, Use::Reveal);
            self.refuse(column.is_some_and(|column| !column.kind.has_order()), "VALIDATION_ERROR");
            let twice = order.iter().take(index).any(|other| other.field == key.field);
            self.refuse(twice, "VALIDATION_ERROR");
        }
    }

    /// A field that is open here and may be used in this way; a denied one does not exist.
    fn field(&mut self, place: Place<'a>, name: &str, wanted: Use) -> Option<&'a Column> {
        let rule = open_fields(place).find(|column| column.name == name).zip(place.rules.fields.get(name));
        let fit = rule.filter(|(_, rule)| match wanted {
            Use::Select => true,
            Use::Equality => rule.action == Action::Allow || rule.equality,
            Use::Reveal => rule.action == Action::Allow,
        });
        self.refuse(fit.is_none(), "FIELD_NOT_ALLOWED");
        fit.map(|(column, _)| column)
    }

    fn relation(&mut self, place: Place<'a>, name: &str, depth: u32) -> Option<(Place<'a>, bool)> {
        let found = place.rules.relations.get(name).and_then(|through| {
            let relation = place.model.relation(name)?;
            let model = self.world.model(&relation.target)?;
            let rules = self.view.models.get(&relation.target)?;
            Some((Place { model, rules, through: Some(through) }, relation.many))
        });
        self.refuse(found.is_none(), "RELATION_NOT_ALLOWED");
        let (target, _) = found?;
        let own = target.through.and_then(|through| through.max_depth).unwrap_or(u32::MAX);
        self.refuse(depth > own.min(self.root.limits.max_include_depth), "QUERY_BUDGET_EXCEEDED");
        found
    }

    fn filters(&mut self, place: Place<'a>, filters: &[Filter], depth: u32, level: u32) {
        for filter in filters {
            self.filter(place, filter, depth, level);
        }
    }

    fn filter(&mut self, place: Place<'a>, filter: &Filter, depth: u32, level: u32) {
        self.refuse(level > self.root.limits.max_filter_depth, "QUERY_BUDGET_EXCEEDED");
        match filter {
            Filter::Field { field, op, value } => self.comparison(place, field, *op, value),
            Filter::And(parts) | Filter::Or(parts) => {
                self.refuse(parts.is_empty(), "VALIDATION_ERROR");
                self.filters(place, parts, depth, level + 1);
            }
            Filter::Not(part) => self.filter(place, part, depth, level + 1),
            Filter::Relation { relation, filters, .. } => {
                self.score += 5 * u64::from(depth + 1);
                if let Some((target, _)) = self.relation(place, relation, depth + 1) {
                    self.filters(target, filters, depth + 1, level + 1);
                }
            }
        }
    }

    fn comparison(&mut self, place: Place<'a>, field: &str, op: Op, value: &Json) {
        self.score += 1;
        let wanted = if matches!(op, Op::Eq | Op::In) { Use::Equality } else { Use::Reveal };
        let Some(column) = self.field(place, field, wanted) else { return };
        let kind = &column.kind;
        let fits = |json: &Json| Cell::fit(json, kind).is_some();
        let compares = match op {
            Op::IsNull => true,
            Op::Eq | Op::Ne | Op::In | Op::NotIn => kind.has_equality(),
            Op::Lt | Op::Lte | Op::Gt | Op::Gte | Op::Between => kind.has_order(),
            Op::Contains | Op::StartsWith | Op::EndsWith => kind.is_text(),
        };
        self.refuse(!compares, "VALIDATION_ERROR");
        let valid = match op {
            Op::IsNull => value.is_boolean(),
            Op::In | Op::NotIn => {
                let length = value.as_array().map_or(0, Vec::len);
                self.score += length as u64 / 100;
                self.refuse(length as u64 > u64::from(self.root.limits.max_list_length), "QUERY_BUDGET_EXCEEDED");
                value.as_array().is_some_and(|items| items.iter().all(fits))
            }
            Op::Between => value.as_array().is_some_and(|items| items.len() == 2 && items.iter().all(fits)),
            // A pattern is text, of whatever length its column has.
            _ if op.is_pattern() => {
                Cell::fit(value, &Kind::Text).is_some_and(|text| text.to_string().len() <= MAX_PATTERN)
            }
            _ => fits(value),
        };
        self.refuse(!valid, "VALIDATION_ERROR");
    }

    fn aggregate(&mut self, place: Place<'a>, aggregate: &Aggregate) {
        let Some(open) = place.rules.open_aggregations() else {
            self.refuse(true, "AGGREGATION_NOT_ALLOWED");
            return;
        };
        self.refuse(aggregate.figures.is_empty(), "VALIDATION_ERROR");
        self.count_fields(aggregate.figures.len() + aggregate.group_by.len());
        self.score += 2 * (aggregate.figures.len() + aggregate.group_by.len()) as u64;
        let mut names: Vec<String> = Vec::new();
        for (index, field) in aggregate.group_by.iter().enumerate() {
            let twice = aggregate.group_by.iter().take(index).any(|other| other == field);
            self.refuse(twice, "VALIDATION_ERROR");
            let column = self.field(place, field, Use::Reveal);
            self.refuse(column.is_some_and(|column| !column.kind.has_order()), "VALIDATION_ERROR");
            let known = column.is_some();
            let closed = open.group_by.as_ref().is_some_and(|fields| !fields.contains(field));
            self.refuse(known && closed, "AGGREGATION_NOT_ALLOWED");
            names.push(field.clone());
        }
        for figure in &aggregate.figures {
            self.figure(place, open, figure);
            self.refuse(names.contains(&figure.name()), "VALIDATION_ERROR");
            names.push(figure.name());
        }
        for key in &aggregate.order {
            self.score += 1;
            self.refuse(!names.contains(&key.field), "VALIDATION_ERROR");
        }
        self.filters(place, &aggregate.filters, 0, 1);
        self.limit(aggregate.limit, self.root.limits.max_rows);
    }

    fn figure(&mut self, place: Place<'a>, open: &crate::world::Aggregations, figure: &Figure) {
        let count = figure.function == "count";
        let counts = open.count == Some(true);
        let Some(field) = &figure.field else {
            self.refuse(!counts, "AGGREGATION_NOT_ALLOWED");
            return;
        };
        if self.field(place, field, Use::Reveal).is_some() {
            let opened = if count { counts } else { open.fields_of(&figure.function).contains(field) };
            self.refuse(!opened, "AGGREGATION_NOT_ALLOWED");
        }
    }
}

/// The fields that are open in a place, in the table's order.
fn open_fields<'a>(place: Place<'a>) -> impl Iterator<Item = &'a Column> {
    place.model.columns.iter().filter(move |column| is_open(place.rules, place.through, &column.name))
}

/// Whether a field is open through a relation, or at the root.
pub(super) fn is_open(rules: &Rules, through: Option<&RelationPolicy>, field: &str) -> bool {
    let through = through.and_then(|relation| relation.fields.as_ref());
    rules.fields.contains_key(field) && through.is_none_or(|fields| fields.iter().any(|known| known == field))
}

impl Rules {
    /// What may be aggregated, if anything may; only fields that are shown as they are count.
    fn open_aggregations(&self) -> Option<&crate::world::Aggregations> {
        let open = self.aggregations.as_ref()?;
        let functions = ["sum", "avg", "min", "max"];
        let any = functions.iter().any(|function| open.fields_of(function).iter().any(|field| self.shows(field)));
        (open.count == Some(true) || any).then_some(open)
    }
}
