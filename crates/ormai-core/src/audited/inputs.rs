//! A request as its record may tell it.

use serde_json::{Map, Value as Json, json};

use super::bounds::{Room, cut};
use super::{HIDDEN, limits};
use crate::catalog::{Catalog, FieldId, Model};
use crate::fault::Fault;
use crate::policy::{FieldAction, ModelRules, View};
use crate::request::{self, Filter, Include, Order, Request};

/// The arguments of a request, without any value that the principal may not read.
///
/// They have the shape in which the request is sent. A value stands as [`HIDDEN`] unless its field
/// is open to this principal and shown as it is ([`FieldAction::Allow`]), also through the relation
/// that leads to it; so it is hidden under a name that is not known. A cursor and an idempotency
/// key are hidden; `reason` is left out, because a record has a field for it.
///
/// A text is cut at [`limits::TEXT_BYTES`] with `…[+N bytes]` behind it, a name at
/// [`limits::NAME_BYTES`]; a list is cut at [`limits::LIST_ITEMS`] with a last item `"[+N items]"`.
/// What comes to more than [`limits::BYTES`] is `{"model": …, "oversize": true}`.
///
/// `view` must be the one that decides the request.
pub fn inputs(request: &Request, catalog: &Catalog, view: &View) -> Json {
    let mut room = Room::new();
    let told = Teller { catalog, view }.request(&mut room, request);
    if !room.is_over() {
        return told;
    }
    match request.model() {
        Some(model) => json!({"model": cut(model, limits::NAME_BYTES), "oversize": true}),
        None => json!({"oversize": true}),
    }
}

/// What is told of a request that cannot be read: how long it is, and nothing of what it says.
///
/// ```
/// assert_eq!(ormai_core::audited::unread(17).to_string(), r#"{"bytes":17,"unread":true}"#);
/// ```
pub fn unread(bytes: usize) -> Json {
    json!({"unread": true, "bytes": bytes})
}

/// Where names are looked up: a model as the principal may see it. `None` where it is not open or
/// not there, and then everything is hidden.
type Place<'a> = Option<OpenModel<'a>>;

#[derive(Clone, Copy)]
struct OpenModel<'a> {
    model: &'a Model,
    rules: &'a ModelRules,
    /// The fields that the relation which leads here opens; `None`: all.
    through: Option<&'a [FieldId]>,
}

impl OpenModel<'_> {
    /// Whether the values of a field are shown as they are.
    fn shows(self, field: FieldId) -> bool {
        let led_to = self.through.is_none_or(|open| open.contains(&field)) || Fault::AuditForgetsRelation.is_on();
        match self.rules.field(field) {
            Some(rule) => led_to && (rule.action == FieldAction::Allow || Fault::AuditShowsHidden.is_on()),
            None => false,
        }
    }
}

/// Whether the values under a name are shown as they are.
fn shows(place: Place<'_>, name: &str) -> bool {
    let found = place.and_then(|place| Some((place, place.model.find_field(name)?)));
    found.map_or(Fault::AuditShowsUnknown.is_on(), |(place, field)| place.shows(field))
}

/// Tells one request to one principal.
#[derive(Clone, Copy)]
struct Teller<'a> {
    catalog: &'a Catalog,
    view: &'a View,
}

impl<'a> Teller<'a> {
    fn request(self, room: &mut Room, request: &Request) -> Json {
        let place = request.model().and_then(|name| self.root(name));
        let mut told = Map::new();
        if let Some(model) = request.model() {
            let model = room.name(model);
            room.put(&mut told, "model", model);
        }
        match request {
            Request::DescribeSchema(_) => {}
            Request::Query(query) => {
                self.filters(room, &mut told, place, &query.filters);
                names(room, &mut told, "select", query.select.as_deref());
                order(room, &mut told, &query.order);
                self.includes(room, &mut told, place, &query.include, 0);
                limit(room, &mut told, query.limit);
                if let Some(cursor) = &query.cursor {
                    hidden(room, &mut told, "cursor", cursor);
                }
                flag(room, &mut told, "with_total", query.with_total);
            }
            Request::Get(get) => {
                id(room, &mut told, place, &get.id);
                names(room, &mut told, "select", get.select.as_deref());
                self.includes(room, &mut told, place, &get.include, 0);
            }
            Request::Aggregate(aggregate) => {
                let figures = room.list(&aggregate.aggregations, figure);
                room.put(&mut told, "aggregations", figures);
                self.filters(room, &mut told, place, &aggregate.filters);
                let groups = Some(aggregate.group_by.as_slice()).filter(|groups| !groups.is_empty());
                names(room, &mut told, "group_by", groups);
                order(room, &mut told, &aggregate.order);
                limit(room, &mut told, aggregate.limit);
            }
            Request::Create(create) => data(room, &mut told, place, &create.data),
            Request::Update(update) => {
                id(room, &mut told, place, &update.id);
                data(room, &mut told, place, &update.data);
            }
            Request::Delete(delete) => id(room, &mut told, place, &delete.id),
            Request::BulkUpdate(bulk) => {
                self.filters(room, &mut told, place, &bulk.filters);
                if let Some(ids) = &bulk.ids {
                    let ids = room.list(ids, |room, id| key(room, place, id));
                    room.put(&mut told, "ids", ids);
                }
                data(room, &mut told, place, &bulk.data);
            }
        }
        if let Some(key) = request.idempotency_key() {
            hidden(room, &mut told, "idempotency_key", key);
        }
        flag(room, &mut told, "dry_run", request.is_dry_run());
        Json::Object(told)
    }

    /// The model of a request, if it is open.
    fn root(self, name: &str) -> Place<'a> {
        let id = self.catalog.find(name)?;
        Some(OpenModel { model: self.catalog.model(id), rules: self.view.model(id)?, through: None })
    }

    /// Where a relation leads, if it is open.
    fn behind(self, place: Place<'a>, name: &str) -> Place<'a> {
        let place = place?;
        let relation = place.model.find_relation(name)?;
        let rule = place.rules.relation(relation)?;
        let target = place.model.relation(relation).target;
        let (model, rules) = (self.catalog.model(target), self.view.model(target)?);
        Some(OpenModel { model, rules, through: rule.fields.as_deref() })
    }

    fn filters(self, room: &mut Room, told: &mut Map<String, Json>, place: Place<'a>, filters: &[Filter]) {
        if !filters.is_empty() {
            let filters = self.filter_list(room, place, filters, 0);
            room.put(told, "filters", filters);
        }
    }

    fn filter_list(self, room: &mut Room, place: Place<'a>, filters: &[Filter], depth: usize) -> Json {
        room.list(filters, |room, filter| self.filter(room, place, filter, depth))
    }

    fn filter(self, room: &mut Room, place: Place<'a>, filter: &Filter, depth: usize) -> Json {
        // One that was built in Rust may nest deeper than any that is read.
        if depth >= request::limits::JSON_DEPTH {
            return room.word(HIDDEN);
        }
        let mut told = Map::new();
        match filter {
            Filter::Field { field, op, value } => {
                let value = value_of(room, place, field, value);
                let (field, op) = (room.name(field), room.word(op.as_str()));
                room.put(&mut told, "field", field);
                room.put(&mut told, "op", op);
                room.put(&mut told, "value", value);
            }
            Filter::And { and } => {
                let parts = self.filter_list(room, place, and, depth + 1);
                room.put(&mut told, "and", parts);
            }
            Filter::Or { or } => {
                let parts = self.filter_list(room, place, or, depth + 1);
                room.put(&mut told, "or", parts);
            }
            Filter::Not { not } => {
                let part = self.filter(room, place, not, depth + 1);
                room.put(&mut told, "not", part);
            }
            Filter::Relation { relation, matching, filters } => {
                let behind = self.behind(place, relation);
                let (relation, matching) = (room.name(relation), room.word(matching.as_str()));
                let filters = self.filter_list(room, behind, filters, depth + 1);
                room.put(&mut told, "relation", relation);
                room.put(&mut told, "match", matching);
                room.put(&mut told, "filters", filters);
            }
        }
        Json::Object(told)
    }

    fn includes(
        self,
        room: &mut Room,
        told: &mut Map<String, Json>,
        place: Place<'a>,
        includes: &[Include],
        depth: usize,
    ) {
        if !includes.is_empty() {
            let includes = room.list(includes, |room, include| self.include(room, place, include, depth));
            room.put(told, "include", includes);
        }
    }

    fn include(self, room: &mut Room, place: Place<'a>, include: &Include, depth: usize) -> Json {
        if depth >= request::limits::JSON_DEPTH {
            return room.word(HIDDEN);
        }
        let behind = self.behind(place, &include.relation);
        let mut told = Map::new();
        let relation = room.name(&include.relation);
        room.put(&mut told, "relation", relation);
        names(room, &mut told, "select", include.select.as_deref());
        self.filters(room, &mut told, behind, &include.filters);
        order(room, &mut told, &include.order);
        limit(room, &mut told, include.limit);
        self.includes(room, &mut told, behind, &include.include, depth + 1);
        Json::Object(told)
    }
}

fn names(room: &mut Room, told: &mut Map<String, Json>, key: &str, names: Option<&[String]>) {
    if let Some(names) = names {
        let names = room.list(names, |room, name| room.name(name));
        room.put(told, key, names);
    }
}

fn order(room: &mut Room, told: &mut Map<String, Json>, order: &[Order]) {
    if order.is_empty() {
        return;
    }
    let order = room.list(order, |room, key| {
        let mut told = Map::new();
        let (field, direction) = (room.name(&key.field), room.word(key.direction.as_str()));
        room.put(&mut told, "field", field);
        room.put(&mut told, "direction", direction);
        Json::Object(told)
    });
    room.put(told, "order", order);
}

fn limit(room: &mut Room, told: &mut Map<String, Json>, limit: Option<u64>) {
    if let Some(limit) = limit {
        let limit = room.scalar(limit.into());
        room.put(told, "limit", limit);
    }
}

fn flag(room: &mut Room, told: &mut Map<String, Json>, key: &str, is_set: bool) {
    if is_set {
        let flag = room.scalar(true.into());
        room.put(told, key, flag);
    }
}

/// What nobody needs to read, and what lets whoever reads it act in the caller's place.
fn hidden(room: &mut Room, told: &mut Map<String, Json>, key: &str, text: &str) {
    let shown = room.word(if Fault::AuditShowsCursor.is_on() { text } else { HIDDEN });
    room.put(told, key, shown);
}

fn data(room: &mut Room, told: &mut Map<String, Json>, place: Place<'_>, data: &Map<String, Json>) {
    let data = named(room, place, data);
    room.put(told, "data", data);
}

fn id(room: &mut Room, told: &mut Map<String, Json>, place: Place<'_>, id: &Json) {
    let id = key(room, place, id);
    room.put(told, "id", id);
}

/// A value under the name of a field.
fn value_of(room: &mut Room, place: Place<'_>, name: &str, value: &Json) -> Json {
    if shows(place, name) { room.value(value, 0) } else { room.word(HIDDEN) }
}

/// Values by the names of their fields.
fn named(room: &mut Room, place: Place<'_>, values: &Map<String, Json>) -> Json {
    let mut told = Map::new();
    for (name, value) in values {
        if room.is_over() {
            break;
        }
        let value = value_of(room, place, name, value);
        let name = room.key(name);
        room.put(&mut told, &name, value);
    }
    Json::Object(told)
}

/// A key: each part by its name, or the only one.
fn key(room: &mut Room, place: Place<'_>, id: &Json) -> Json {
    if let Json::Object(parts) = id {
        return named(room, place, parts);
    }
    let shown = place.is_some_and(|place| match place.model.primary_key.as_slice() {
        [only] => place.shows(*only),
        _ => false,
    });
    if shown || Fault::AuditShowsKey.is_on() { room.value(id, 0) } else { room.word(HIDDEN) }
}

fn figure(room: &mut Room, figure: &request::Aggregation) -> Json {
    let mut told = Map::new();
    let function = room.word(figure.function.as_str());
    room.put(&mut told, "function", function);
    if let Some(field) = &figure.field {
        let field = room.name(field);
        room.put(&mut told, "field", field);
    }
    if let Some(alias) = &figure.alias {
        let alias = room.name(alias);
        room.put(&mut told, "alias", alias);
    }
    Json::Object(told)
}
