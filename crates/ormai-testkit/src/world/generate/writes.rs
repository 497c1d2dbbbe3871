//! Requests that change something: most of them such as the policy allows.

use serde_json::{Value as Json, json};

use super::Dice;
use super::requests::filter_about;
use super::values::{spelled, tenant, value, value_in};
use crate::reference::{Eye, Rules};
use crate::world::{
    Act, Auto, Cell, Chosen, Column, Data, Expression, Kind, Model, Operation, Reference, Request, Write,
};

/// A model that somebody writes to.
struct Desk<'e, 'a> {
    eye: &'e Eye<'a>,
    model: &'a Model,
    rules: &'a Rules,
}

/// A write that somebody might ask for who looks at a world like this.
pub(super) fn write_to(dice: &mut Dice, eye: &Eye<'_>) -> Request {
    let (world, view) = (eye.world(), eye.view());
    let tool =
        ["create", "create", "create", "update", "update", "update", "delete", "delete", "bulk_update", "bulk_update"];
    let tool = dice.word(&tool);
    let open = |model: &&Model| view.models.get(&model.name).is_some_and(|rules| rules.writes.allows(tool));
    let open: Vec<&Model> = world.models.iter().filter(|model| open(model) || dice.chance(4)).collect();
    let chosen = dice.pick(&open).or_else(|| dice.pick(&world.models.iter().collect::<Vec<_>>()));
    let desk = chosen.and_then(|model| Some(Desk { eye, model, rules: view.models.get(&model.name)? }));
    let Some(desk) = desk else {
        let act = Act::Create { data: Data::new() };
        let model = if dice.chance(50) { "Nothing" } else { chosen.map_or("Order", |model| model.name.as_str()) };
        return Request::Write(Write { model: model.to_owned(), act, reason: None, dry_run: false });
    };
    let act = match tool {
        "create" => Act::Create { data: desk.new_row(dice) },
        "update" => Act::Update { id: desk.id(dice), data: desk.changes(dice) },
        "delete" => Act::Delete { id: desk.id(dice) },
        _ => Act::BulkUpdate { chosen: desk.chosen(dice), data: desk.changes(dice) },
    };
    let wanted = if desk.rules.writes.require_reason { 92 } else { 30 };
    let reason = if dice.chance(4) { dice.word(&["", " "]) } else { dice.word(&["a reason", "o'k"]) };
    let reason = dice.chance(wanted).then(|| reason.to_owned());
    Request::Write(Write { model: desk.model.name.clone(), act, reason, dry_run: dice.chance(18) })
}

impl<'a> Desk<'_, 'a> {
    fn is_open(&self, column: &Column) -> bool {
        self.rules.fields.contains_key(&column.name)
    }

    fn is_scoped(&self, column: &str) -> bool {
        self.rules.scoping.iter().any(|(field, _)| field == column)
    }

    /// The references whose columns are not all the row's own.
    fn refers(&self, column: &str) -> bool {
        self.model.references.iter().any(|reference| reference.link.iter().any(|(here, _)| here == column))
            && !self.is_scoped(column)
            && column != "tenant_id"
            && !self.model.key.iter().any(|part| part == column)
    }

    /// The value of a scope: in so many of a hundred the principal's own.
    fn scoped(&self, dice: &mut Dice, column: &Column, own_ones: usize) -> Json {
        let scope = self.rules.scoping.iter().find(|(field, _)| *field == column.name);
        if let Some((field, Expression::Principal(attribute))) = scope
            && dice.chance(own_ones)
            && let Some(own) = self.eye.own_values(self.model, field, attribute).and_then(|own| dice.pick(&own))
        {
            return spelled(dice, &own);
        }
        if let Some((_, Expression::Literal(own))) = scope
            && dice.chance(own_ones)
        {
            return own.to_json();
        }
        if dice.chance(25) {
            return Json::Null;
        }
        if column.name == "tenant_id" { tenant(dice, &column.kind).to_json() } else { self.value(dice, column) }
    }

    fn value(&self, dice: &mut Dice, column: &Column) -> Json {
        let cell =
            if dice.chance(75) { value_in(dice, self.model, column) } else { value(dice, &column.kind, column.wide) };
        spelled(dice, &cell)
    }

    /// A value that does not fit a column, if there is one that no engine takes.
    fn misfit(dice: &mut Dice, column: &Column) -> Option<Json> {
        let of_text = [json!(7), json!("a\0b"), json!(["a"]), json!({"a": 1})];
        let of_others = [json!("yes"), json!([1]), json!({"a": 1}), json!("")];
        if column.kind == Kind::Text { dice.pick(&of_text) } else { dice.pick(&of_others) }
    }

    /// All that a new row needs, most of the time.
    fn new_row(&self, dice: &mut Dice) -> Data {
        let mut data = Data::new();
        let passes = self.eye.passes(self.model, self.rules, Operation::Create);
        for column in &self.model.columns {
            let is_key = self.model.key.contains(&column.name);
            let filled = self.rules.writes.auto_set.get(&column.name);
            let needed = is_key
                || self.rules.writes.required.contains(&column.name)
                || !column.nullable && column.default.is_none();
            let value = if !self.is_open(column) {
                continue;
            } else if let Some(auto) = filled {
                if dice.chance(if passes { 50 } else { 72 }) {
                    continue;
                }
                self.filled(dice, column, auto, if passes { 30 } else { 60 })
            } else if self.is_scoped(&column.name) || column.name == "tenant_id" {
                if dice.chance(6) {
                    continue;
                }
                self.scoped(dice, column, 82)
            } else if is_key {
                self.new_key(dice, column)
            } else if self.refers(&column.name) || dice.chance(if needed { 2 } else { 40 }) {
                continue;
            } else if column.nullable && dice.chance(15) {
                Json::Null
            } else {
                self.value(dice, column)
            };
            data.insert(column.name.clone(), value);
        }
        for reference in &self.model.references {
            self.point(dice, reference, &mut data);
        }
        if dice.chance(6) {
            // A key that is taken, also by a row that nobody sees.
            let row = dice.pick(&self.model.rows);
            for part in row.iter().flat_map(|_| &self.model.key) {
                if data.contains_key(part) {
                    let taken = row.as_ref().map_or(Json::Null, |row| self.model.cell(row, part).to_json());
                    data.insert(part.clone(), taken);
                }
            }
        }
        self.spoil(dice, &mut data);
        data
    }

    fn new_key(&self, dice: &mut Dice, column: &Column) -> Json {
        match column.kind {
            Kind::Int => json!(100 + dice.roll(1_000)),
            Kind::Text => json!(format!("{}{}", dice.word(&["k", "K", "\u{e4}", "n ", "%"]), dice.roll(1_000))),
            Kind::Uuid => json!(format!("0a1b2c3d-0000-4000-8000-{:012x}", dice.roll(1_000_000))),
            _ => self.value(dice, column),
        }
    }

    /// What a filled field is filled with, or something else.
    fn filled(&self, dice: &mut Dice, column: &Column, auto: &Auto, same: usize) -> Json {
        let same = dice.chance(same);
        let own = match auto {
            Auto::Now if column.kind == Kind::Date => self.eye.now_is().split('T').next().map(Json::from),
            Auto::Now => Some(json!(self.eye.now_is())),
            Auto::Is(Expression::Literal(cell)) => Some(cell.to_json()),
            Auto::Is(Expression::Principal(attribute)) => {
                let own = self.eye.own_values(self.model, &column.name, attribute);
                own.and_then(|own| dice.pick(&own)).map(|cell| cell.to_json())
            }
        };
        match own.filter(|_| same) {
            Some(own) => own,
            None if column.name == "tenant_id" => tenant(dice, &column.kind).to_json(),
            None => self.value(dice, column),
        }
    }

    /// Lets a row refer to one that is seen, to a stranger's, to none, or to nothing.
    fn point(&self, dice: &mut Dice, reference: &Reference, data: &mut Data) {
        let world = self.eye.world();
        let Some(target) = world.model(&reference.target) else { return };
        let visible = self.eye.visible(target);
        let strangers: Vec<&[Cell]> =
            target.rows.iter().map(Vec::as_slice).filter(|row| !visible.contains(row)).collect();
        let row = match dice.roll(20) {
            0..13 => dice.pick(&visible),
            13..16 => dice.pick(&strangers),
            _ => None,
        };
        let is_nothing = row.is_none() && dice.chance(75);
        for (here, there) in &reference.link {
            let Some(column) = self.model.column(here).filter(|column| self.is_open(column)) else { continue };
            if !self.refers(here) {
                // The tenant goes along, where it can.
                if let Some(row) = row.filter(|_| data.contains_key(here) && dice.chance(50)) {
                    data.insert(here.clone(), target.cell(row, there).to_json());
                }
                continue;
            }
            let value = match row {
                Some(row) => spelled(dice, target.cell(row, there)),
                None if is_nothing && column.nullable => Json::Null,
                None => value(dice, &column.kind, column.wide).to_json(),
            };
            data.insert(here.clone(), value);
        }
    }

    /// The key of a row that is seen, of another, or of none.
    fn id(&self, dice: &mut Dice) -> Json {
        let seen = self.eye.visible(self.model);
        let rows: Vec<&[Cell]> =
            if dice.chance(78) { seen.to_vec() } else { self.model.rows.iter().map(Vec::as_slice).collect() };
        let row = dice.pick(&rows).filter(|_| dice.chance(92));
        if dice.chance(2) {
            return json!({"nothing": 1});
        }
        self.id_of(dice, row)
    }

    fn id_of(&self, dice: &mut Dice, row: Option<&[Cell]>) -> Json {
        let part = |dice: &mut Dice, name: &String| match (row, self.model.column(name)) {
            (Some(row), _) => spelled(dice, self.model.cell(row, name)),
            (None, Some(column)) => value(dice, &column.kind, column.wide).to_json(),
            (None, None) => Json::Null,
        };
        let parts: Vec<(String, Json)> = self.model.key.iter().map(|name| (name.clone(), part(dice, name))).collect();
        match parts.as_slice() {
            [(_, value)] if dice.chance(80) => value.clone(),
            _ => Json::Object(parts.into_iter().collect()),
        }
    }

    fn chosen(&self, dice: &mut Dice) -> Chosen {
        if dice.chance(55) {
            let filters: Vec<_> = filter_about(dice, self.eye, self.model, 2).into_iter().collect();
            if !filters.is_empty() {
                return Chosen::Filters(filters);
            }
        }
        let most = self.rules.writes.max_affected_rows.unwrap_or(self.rules.limits.max_rows).min(8) as usize;
        // Below the cap, at it, and over it.
        let count = (most + dice.roll(4)).saturating_sub(2).max(1);
        let own = self.eye.reached(self.model, Operation::Update);
        if own.len() > most && dice.chance(50) {
            let (first, count) = (dice.roll(own.len()), most + dice.roll(2));
            return Chosen::Ids(
                own.iter().cycle().skip(first).take(count).map(|row| self.id_of(dice, Some(row))).collect(),
            );
        }
        let seen = self.eye.visible(self.model);
        let mut ids = Vec::new();
        let first = dice.roll(seen.len());
        for turn in 0..count {
            let own = seen.get((first + turn) % seen.len().max(1)).copied();
            let other = dice.pick(&self.model.rows);
            let row = if dice.chance(80) { own } else { other.as_deref() };
            ids.push(self.id_of(dice, row));
        }
        Chosen::Ids(ids)
    }

    /// Some fields that may change, and now and then one that may not.
    fn changes(&self, dice: &mut Dice) -> Data {
        let mut data = Data::new();
        let changes = |column: &&&Column| {
            self.is_open(column)
                && !self.model.key.contains(&column.name)
                && !self.rules.writes.immutable.contains(&column.name)
                && !self.refers(&column.name)
        };
        let all: Vec<&Column> = self.model.columns.iter().collect();
        let free: Vec<&Column> = all.iter().filter(changes).copied().collect();
        let scoped: Vec<&Column> = free.iter().filter(|column| self.is_scoped(&column.name)).copied().collect();
        let count = 1 + dice.roll(3);
        for _ in 0..count {
            let from = if dice.chance(25) && !scoped.is_empty() { &scoped } else { &free };
            let Some(column) = dice.pick(from) else { break };
            let value = if self.is_scoped(&column.name) || column.name == "tenant_id" {
                self.scoped(dice, column, 40)
            } else if column.nullable && dice.chance(12) {
                Json::Null
            } else {
                self.value(dice, column)
            };
            data.insert(column.name.clone(), value);
        }
        if let Some(reference) = dice.pick(&self.model.references).filter(|_| dice.chance(45)) {
            self.point(dice, &reference, &mut data);
        }
        if dice.chance(5)
            && let Some(column) = dice.pick(&all)
        {
            let value = self.value(dice, column);
            data.insert(column.name.clone(), value);
        }
        self.spoil(dice, &mut data);
        data
    }

    /// Now and then one thing that is wrong.
    fn spoil(&self, dice: &mut Dice, data: &mut Data) {
        match dice.roll(60) {
            0 => drop(data.insert("nothing".to_owned(), json!(1))),
            1 | 2 => {
                // Any column, open or not.
                if let Some(column) = dice.pick(&self.model.columns) {
                    let value = self.value(dice, &column);
                    data.insert(column.name, value);
                }
            }
            3 | 4 => {
                let names: Vec<String> = data.keys().cloned().collect();
                let column = dice.pick(&names).and_then(|name| self.model.column(&name));
                if let Some((column, value)) = column.and_then(|column| Some((column, Self::misfit(dice, column)?))) {
                    data.insert(column.name.clone(), value);
                }
            }
            5 | 6 => {
                let names: Vec<String> = data.keys().cloned().collect();
                dice.pick(&names).into_iter().for_each(|name| drop(data.insert(name, Json::Null)));
            }
            _ => {}
        }
    }
}
