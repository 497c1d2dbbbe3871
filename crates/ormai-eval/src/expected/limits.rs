//! Whether the reference knows all that takes part in a call.

use std::collections::BTreeSet;

use ormai_reference::View;
use ormai_reference::world::{Act, Cell, Chosen, Filter, Include, Kind, Model, Op, Order, Request, Write};
use serde_json::Value as Json;

use super::Expected;
use super::covered::NotCovered;
use super::reads::Place;

type Checked = Result<(), NotCovered>;

impl Expected {
    /// Whether a request can be answered as the reference does.
    pub(super) fn check(&self, view: &View, request: &Request) -> Checked {
        // What does not exist takes no part in anything.
        let Some(model) = self.world.model(request.model()) else { return Ok(()) };
        let mut looked = Looked { expected: self, models: BTreeSet::new() };
        looked.visit(model)?;
        match request {
            Request::Query(query) => {
                looked.order(model, &query.order)?;
                looked.filters(model, &query.filters)?;
                looked.includes(model, &query.include)?;
            }
            Request::Get(get) => {
                looked.key(model, &get.id)?;
                looked.includes(model, &get.include)?;
            }
            Request::Aggregate(aggregate) => {
                looked.filters(model, &aggregate.filters)?;
                let figures = aggregate.figures.iter().filter(|figure| figure.function != "count");
                let fields = figures.filter_map(|figure| figure.field.as_ref()).chain(&aggregate.group_by);
                fields.into_iter().try_for_each(|field| looked.used(model, field))?;
            }
            Request::Write(write) => looked.write(view, model, write)?,
        }
        Ok(())
    }

    /// Whether the order of a model's rows is known: by a key, of which every part is.
    pub(super) fn has_order(&self, model: &Model) -> bool {
        let known = |part: &String| !self.odd.contains(&(model.name.clone(), part.clone()));
        !model.key.is_empty() && model.key.iter().all(known)
    }
}

/// A walk through a request.
struct Looked<'e> {
    expected: &'e Expected,
    models: BTreeSet<String>,
}

impl<'e> Looked<'e> {
    fn visit(&mut self, model: &Model) -> Checked {
        if !self.models.insert(model.name.clone()) {
            return Ok(());
        }
        let reads = &self.expected.reads;
        let given = |name: &String| match self.expected.given.contains(name) {
            true => Ok(()),
            false => Err(NotCovered::of(name, "its rows were not given")),
        };
        given(&model.name)?;
        reads.models.get(&model.name).into_iter().flatten().try_for_each(given)?;
        let odd = reads.fields.get(&model.name).into_iter().flatten().find(|place| self.expected.odd.contains(place));
        if let Some((model, field)) = odd {
            return Err(odd_values(model, field));
        }
        let read = reads.fields.get(&model.name).into_iter().flatten();
        let documents = read.into_iter().find(|place| self.expected.documents.contains(place));
        documents.map_or(Ok(()), |(model, field)| Err(document(model, field)))
    }

    /// A field whose values are compared.
    fn used(&self, model: &Model, field: &str) -> Checked {
        match self.expected.odd.contains(&(model.name.clone(), field.to_owned())) {
            true => Err(odd_values(&model.name, field)),
            false => Ok(()),
        }
    }

    fn order(&self, model: &Model, order: &[Order]) -> Checked {
        order.iter().try_for_each(|key| self.used(model, &key.field))
    }

    fn key(&self, model: &Model, id: &Json) -> Checked {
        model.key.iter().try_for_each(|part| {
            self.used(model, part)?;
            self.value(model, part, id.get(part).unwrap_or(id))
        })
    }

    fn filters(&mut self, model: &Model, filters: &[Filter]) -> Checked {
        filters.iter().try_for_each(|filter| self.filter(model, filter))
    }

    fn filter(&mut self, model: &Model, filter: &Filter) -> Checked {
        match filter {
            Filter::Field { field, op: Op::IsNull, .. } => {
                match self.expected.documents.contains(&(model.name.clone(), field.clone())) {
                    true => Err(document(&model.name, field)),
                    false => Ok(()),
                }
            }
            Filter::Field { field, value, .. } => {
                self.used(model, field)?;
                let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                values.iter().try_for_each(|value| self.value(model, field, value))
            }
            Filter::And(parts) | Filter::Or(parts) => self.filters(model, parts),
            Filter::Not(part) => self.filter(model, part),
            Filter::Relation { relation, filters, .. } => match self.target(model, relation) {
                Some(target) => {
                    self.visit(target)?;
                    self.filters(target, filters)
                }
                None => Ok(()),
            },
        }
    }

    fn includes(&mut self, model: &Model, includes: &[Include]) -> Checked {
        for include in includes {
            let Some(target) = self.target(model, &include.relation) else { continue };
            self.visit(target)?;
            if !self.expected.has_order(target) {
                return Err(NotCovered::of(
                    &target.name,
                    "its rows have no order, so which of them are included is open",
                ));
            }
            self.order(target, &include.order)?;
            self.filters(target, &include.filters)?;
            self.includes(target, &include.include)?;
        }
        Ok(())
    }

    fn target(&self, model: &Model, relation: &str) -> Option<&'e Model> {
        self.expected.world.model(&model.relation(relation)?.target)
    }

    fn write(&mut self, view: &View, model: &Model, write: &Write) -> Checked {
        match &write.act {
            Act::Create { .. } => {}
            Act::Update { id, .. } | Act::Delete { id } => self.key(model, id)?,
            Act::BulkUpdate { chosen: Chosen::Ids(ids), .. } => ids.iter().try_for_each(|id| self.key(model, id))?,
            Act::BulkUpdate { chosen: Chosen::Filters(filters), .. } => self.filters(model, filters)?,
        }
        for (field, value) in write.data().into_iter().flatten() {
            let Some(column) = model.column(field) else { continue };
            if column.kind == Kind::Opaque && !value.is_null() {
                return Err(NotCovered::field(&model.name, field, "what its column takes is not known"));
            }
            self.value(model, field, value)?;
        }
        for reference in &model.references {
            if let Some(target) = self.expected.world.model(&reference.target) {
                self.visit(target)?;
            }
        }
        if matches!(write.act, Act::Delete { .. }) {
            let others = self.expected.world.models.iter();
            others
                .filter(|other| other.references.iter().any(|reference| reference.target == model.name))
                .try_for_each(|other| match self.expected.given.contains(&other.name) {
                    true => Ok(()),
                    false => {
                        Err(NotCovered::of(&other.name, "its rows were not given, and may refer to what is deleted"))
                    }
                })?;
            if self.expected.follows.contains(&model.name) {
                return Err(NotCovered::of(
                    &model.name,
                    "what the database does to rows that refer to it is not known",
                ));
            }
        }
        let unknown = self.filled_by_the_database(view, model, write);
        let reads = self.expected.reads.fields.get(&model.name);
        let decides = reads.into_iter().flatten().find(|place| unknown.contains(*place));
        decides.map_or(Ok(()), |(model, field)| {
            Err(NotCovered::field(model, field, "the policy looks at what the database puts there by itself"))
        })
    }

    fn filled_by_the_database(&self, view: &View, model: &Model, write: &Write) -> BTreeSet<Place> {
        let creates = matches!(write.act, Act::Create { .. });
        let filled = view.models.get(&model.name).map(|rules| &rules.writes.auto_set);
        let said = |name: &String| {
            write.data().is_some_and(|data| data.contains_key(name))
                || filled.is_some_and(|filled| filled.contains_key(name))
        };
        let by_the_database = |column: &&ormai_reference::world::Column| {
            column.computed || creates && column.default == Some(Cell::Unknown) && !said(&column.name)
        };
        let columns = model.columns.iter().filter(by_the_database);
        let columns = columns.filter(|_| !matches!(write.act, Act::Delete { .. }));
        columns.map(|column| (model.name.clone(), column.name.clone())).collect()
    }

    /// A value that the reference takes for none, and the engine may take for one.
    fn value(&self, model: &Model, field: &str, value: &Json) -> Checked {
        let Some(column) = model.column(field) else { return Ok(()) };
        let has_zone = |text: &str| text.get(10..).is_some_and(|time| time.contains(['Z', 'z', '+', '-', '[']));
        let is_dated = |text: &str| text.len() > 10 && text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
        let may_be = match (&column.kind, value) {
            (Kind::Time, Json::String(text)) => text.get(2..3) == Some(":"),
            (Kind::DateTime, Json::String(text)) => is_dated(text) && !has_zone(text),
            (Kind::Timestamp, Json::String(text)) => is_dated(text) && has_zone(text),
            (Kind::Decimal, Json::String(text)) => {
                let plain = text.trim_start_matches('-');
                let known = |char: char| char.is_ascii_digit() || matches!(char, '.' | 'e' | 'E' | '+' | '-');
                plain.starts_with(|first: char| first.is_ascii_digit()) && plain.chars().all(known)
            }
            (Kind::Decimal, Json::Number(_)) => true,
            _ => false,
        };
        match may_be && Cell::fit(value, &column.kind).is_none() {
            true => Err(NotCovered::field(&model.name, field, "a value of it is in a form that is not known")),
            false => Ok(()),
        }
    }
}

fn document(model: &str, field: &str) -> NotCovered {
    NotCovered::field(model, field, "a document that is null looks like none")
}

fn odd_values(model: &str, field: &str) -> NotCovered {
    NotCovered::field(model, field, "values stand in it that are not of its type, or that are too long")
}
