//! Requests that write.

use std::collections::BTreeSet;

use ormai::catalog::{Field, FieldId, ModelId};
use ormai::policy::WriteAction;
use ormai::value::ColumnType;
use serde_json::{Map, Value as Json, json};

use super::{Ask, Asking};
use crate::isolation::identity::{OWNERS, Owner};
use crate::isolation::plant::key_of;
use crate::isolation::values::{self, values};

impl Asking<'_> {
    /// Any request that writes; those that are open mostly.
    pub(in crate::isolation) fn write(&mut self, id: ModelId) -> Ask {
        let mut tools = Vec::new();
        if let Some(rules) = self.rules(id) {
            let write = &rules.write;
            let all = [
                ("create", write.create, 4),
                ("update", write.update, 5),
                ("delete", write.delete, 2),
                ("bulk_update", write.bulk_update, 4),
            ];
            for (tool, action, many) in all {
                let many = if action == WriteAction::Deny { 1 } else { many * 4 };
                tools.extend(std::iter::repeat_n(tool, many));
            }
        }
        let tool = self.dice.pick(&tools).unwrap_or("update");
        let mut ask = match tool {
            "create" => self.create(id),
            "delete" => self.delete(id),
            "bulk_update" => self.bulk_update(id),
            _ => self.update(id),
        };
        let name = &self.model(id).name;
        ask.tries.push(format!("{name} {tool}"));
        let given = self.dice.chance(88);
        if self.rules(id).is_some_and(|rules| rules.write.require_reason) {
            ask.tries.push(format!("{name} require_reason"));
        }
        ask.is_unrecorded = self.dice.chance(35);
        let dry = self.dice.chance(20);
        if let Some(arguments) = ask.arguments.as_object_mut() {
            if given {
                arguments.insert("reason".to_owned(), json!("isolation"));
            }
            if dry {
                arguments.insert("dry_run".to_owned(), json!(true));
            }
        }
        ask
    }

    fn create(&mut self, id: ModelId) -> Ask {
        let model = self.model(id);
        let mut ask = Ask::new("create", id, Json::Null);
        let template = if self.dice.chance(80) { self.own_row(id) } else { self.any_row(id) };
        let mut data = template.cloned().unwrap_or_default();
        let (open, auto): (BTreeSet<FieldId>, BTreeSet<FieldId>) = match self.rules(id) {
            Some(rules) => (
                rules.open_fields().map(|(field, _)| field).collect(),
                rules.write.auto_set.iter().map(|(field, _)| *field).collect(),
            ),
            None => (BTreeSet::new(), BTreeSet::new()),
        };
        let unique: BTreeSet<FieldId> =
            model.primary_key.iter().chain(model.unique_keys.iter().flatten()).copied().collect();
        let refers: BTreeSet<FieldId> =
            model.foreign_keys.iter().flat_map(|key| key.columns.iter().map(|(here, _)| *here)).collect();
        let identity: BTreeSet<FieldId> =
            self.subject.about(id).into_iter().flat_map(|about| about.identity.keys().copied()).collect();
        let stays: BTreeSet<FieldId> = identity.union(&refers).copied().collect();
        for (field, column) in model.field_ids() {
            let is_fresh = unique.contains(&field) && !stays.contains(&field);
            let is_counted = is_fresh && self.subject.is_counted(id, field);
            if column.generated || !open.contains(&field) || auto.contains(&field) || is_counted {
                data.remove(&column.name);
            } else if is_fresh {
                let value = self.fresh(column);
                data.insert(column.name.clone(), value);
            }
        }
        match self.dice.below(10) {
            0 | 1 => self.point_elsewhere(id, &mut data, &mut ask),
            2 | 9 => self.give_away(id, &mut data, &mut ask, true),
            3 => {
                for field in self.dice.some(&auto.iter().copied().collect::<Vec<_>>(), 1) {
                    ask.tries.push(format!("{}.{} auto_set", model.name, self.name(id, field)));
                    let value = self.other_value(id, field);
                    data.insert(self.name(id, field).to_owned(), value);
                }
            }
            4 => {
                let required: Vec<FieldId> =
                    self.rules(id).map(|rules| rules.write.required_fields.clone()).unwrap_or_default();
                let names: Vec<String> = data.keys().cloned().collect();
                let left = match self.dice.pick(&required) {
                    Some(field) => Some(self.name(id, field).to_owned()),
                    None => self.dice.pick(&names),
                };
                if let Some(left) = left {
                    ask.tries.push(format!("{} required_fields", model.name));
                    data.remove(&left);
                }
            }
            5 | 6 => self.change(id, &mut data, &mut ask, 1),
            _ => {}
        }
        ask.arguments = json!({"model": model.name, "data": data});
        ask
    }

    fn update(&mut self, id: ModelId) -> Ask {
        let model = self.model(id);
        let mut ask = Ask::new("update", id, Json::Null);
        let row = if self.dice.chance(60) { self.own_row(id) } else { self.any_row(id) };
        let key = row.map_or_else(|| json!(1), |row| key_of(model, row));
        let mut data = Map::new();
        let is_own = row.is_some_and(|row| {
            self.plantation.of(id).any(|planted| planted.row == *row && Some(planted.owner) == self.asker.owner)
        });
        match self.dice.below(10) {
            0 | 1 => self.point_elsewhere(id, &mut data, &mut ask),
            2 | 3 => self.give_away(id, &mut data, &mut ask, is_own),
            4 => {
                let fixed = self.rules(id).map(|rules| rules.write.immutable_fields.clone()).unwrap_or_default();
                if let Some(field) = self.dice.pick(&fixed) {
                    ask.tries.push(format!("{}.{} immutable", model.name, self.name(id, field)));
                    let value = self.other_value(id, field);
                    data.insert(self.name(id, field).to_owned(), value);
                }
            }
            _ => {}
        }
        if data.is_empty() {
            self.change(id, &mut data, &mut ask, 2);
        }
        ask.arguments = json!({"model": model.name, "id": key, "data": data});
        ask
    }

    fn delete(&mut self, id: ModelId) -> Ask {
        let row = if self.dice.chance(60) { self.own_row(id) } else { self.any_row(id) };
        let key = row.map_or_else(|| json!(1), |row| key_of(self.model(id), row));
        let mut ask = Ask::new("delete", id, json!({"model": self.model(id).name, "id": key}));
        if self.rules(id).is_some_and(|rules| rules.soft_delete.is_some()) {
            ask.tries.push(format!("{} soft_delete", self.model(id).name));
        }
        ask
    }

    fn bulk_update(&mut self, id: ModelId) -> Ask {
        let model = self.model(id);
        let mut ask = Ask::new("bulk_update", id, Json::Null);
        let cap = self.rules(id).and_then(|rules| rules.write.max_affected_rows);
        let mut data = Map::new();
        if self.dice.chance(15) {
            self.give_away(id, &mut data, &mut ask, true);
        }
        if data.is_empty() {
            self.change(id, &mut data, &mut ask, 1);
        }
        let own: Vec<Json> = self.seen_rows(id).into_iter().map(|row| key_of(model, row)).collect();
        let around = cap.map_or(3, |cap| usize::try_from(cap).unwrap_or(3));
        // Just as many as are allowed, one more, and a few.
        let many = [around, around + 1, 2, 1, around + 2];
        let many = self.dice.pick(&many).unwrap_or(1).min(own.len());
        if cap.is_some() {
            ask.tries.push(format!("{} max_affected_rows", model.name));
        }
        ask.arguments = match self.dice.chance(50) {
            true if many > 0 => {
                let mut ids = self.dice.some(&own, many);
                if self.dice.chance(15)
                    && let Some(other) = self.any_row(id)
                {
                    ids.push(key_of(model, other));
                }
                json!({"model": model.name, "ids": ids, "data": data})
            }
            _ => {
                let filter =
                    self.few(id, many.max(1)).or_else(|| self.filter(id, 1)).unwrap_or_else(|| json!({"and": []}));
                json!({"model": model.name, "filters": [filter], "data": data})
            }
        };
        ask
    }

    /// A filter that some rows of the principal's own satisfy, and a few others.
    fn few(&mut self, id: ModelId, many: usize) -> Option<Json> {
        let shown = self.shown(id);
        let keys: Vec<FieldId> =
            self.model(id).primary_key.iter().copied().filter(|field| shown.contains(field)).collect();
        if let [key] = keys.as_slice()
            && self.dice.chance(70)
        {
            let name = self.name(id, *key);
            let own: Vec<Json> = self.seen_rows(id).into_iter().filter_map(|row| row.get(name).cloned()).collect();
            return Some(json!({"field": name, "op": "in", "value": self.dice.some(&own, many)}));
        }
        let field = self.dice.pick(&shown)?;
        Some(json!({"field": self.name(id, field), "op": "eq", "value": self.value_of(id, field)}))
    }

    /// Other values in some open fields, also in such as are not shown.
    fn change(&mut self, id: ModelId, data: &mut Map<String, Json>, ask: &mut Ask, most: usize) {
        let model = self.model(id);
        let Some(rules) = self.rules(id) else {
            data.insert("id".to_owned(), json!(1));
            return;
        };
        let fixed = rules.write.immutable_fields.clone();
        let is_free = |field: &FieldId| {
            let refers = model.foreign_keys.iter().any(|key| key.columns.iter().any(|(here, _)| here == field));
            !model.primary_key.contains(field) && !refers && !fixed.contains(field) && !model.field(*field).generated
        };
        let mut fields: Vec<FieldId> = rules.open_fields().map(|(field, _)| field).filter(is_free).collect();
        if self.dice.chance(8) {
            fields = self.hidden(id);
        }
        let many = 1 + self.dice.below(most);
        for field in self.dice.some(&fields, many) {
            let value = self.other_value(id, field);
            let mut value = value;
            if !self.shown(id).contains(&field)
                && model.field(field).ty.is_text()
                && model.field(field).length.is_none_or(|length| length >= 40)
            {
                let secret = self.secret();
                ask.secrets.push(secret.clone());
                value = secret.into();
            }
            data.insert(self.name(id, field).to_owned(), value);
        }
    }

    /// Names another owner in a field that says whose a row is: a stranger in a row of one's own, and
    /// oneself in a stranger's.
    fn give_away(&mut self, id: ModelId, data: &mut Map<String, Json>, ask: &mut Ask, is_own: bool) {
        let Some(about) = self.subject.about(id) else { return };
        let fields: Vec<FieldId> = about
            .identity
            .keys()
            .copied()
            .filter(|field| self.rules(id).is_some_and(|rules| rules.field(*field).is_some()))
            .collect();
        let Some(field) = self.dice.pick(&fields) else { return };
        let Some(path) = about.identity.get(&field) else { return };
        ask.tries.push(format!("{}.{} check", self.model(id).name, self.name(id, field)));
        let owner = if is_own { Owner::stranger() } else { self.asker.owner.unwrap_or(Owner::first()) };
        data.insert(self.name(id, field).to_owned(), owner.value(self.subject, path));
    }

    /// Refers to a row that may be somebody else's, or nobody's.
    fn point_elsewhere(&mut self, id: ModelId, data: &mut Map<String, Json>, ask: &mut Ask) {
        let model = self.model(id);
        let is_open = |field: &FieldId| {
            self.rules(id).is_some_and(|rules| {
                rules.field(*field).is_some() && !rules.write.auto_set.iter().any(|(auto, _)| auto == field)
            })
        };
        let keys: Vec<_> = model
            .foreign_keys
            .iter()
            .filter(|key| key.columns.iter().any(|(here, _)| is_open(here)))
            .cloned()
            .collect();
        let keys: Vec<_> = keys
            .into_iter()
            .map(|key| (key.target, key.columns.into_iter().filter(|(here, _)| is_open(here)).collect::<Vec<_>>()))
            .collect();
        let Some((key_target, open)) = self.dice.pick(&keys) else { return };
        ask.tries.push(format!("{} references", model.name));
        let target = self.any_row(key_target).cloned();
        let nothing = self.dice.chance(20);
        for (here, there) in open {
            let column = model.field(here);
            let value = match &target {
                Some(row) if !nothing => row.get(self.name(key_target, there)).cloned().unwrap_or_default(),
                _ => self.fresh(column),
            };
            data.insert(column.name.clone(), value);
        }
    }

    /// A value that a field could have.
    fn other_value(&mut self, id: ModelId, field: FieldId) -> Json {
        let column = self.model(id).field(field);
        let about = self.subject.about(id);
        if let Some(path) = about.and_then(|about| about.identity.get(&field)) {
            let owner = self.dice.pick(&OWNERS).unwrap_or(Owner::stranger());
            return owner.value(self.subject, path);
        }
        if column.nullable && self.dice.chance(15) {
            return Json::Null;
        }
        let literals = about.and_then(|about| about.literals.get(&field)).cloned().unwrap_or_default();
        let number = *self.next_number;
        *self.next_number += 1;
        let now = self.now;
        let values = values(column, &literals, &values::token(number), now);
        self.dice.pick(&values).unwrap_or_default()
    }

    /// A value that no row has.
    fn fresh(&mut self, column: &Field) -> Json {
        let number = *self.next_number;
        *self.next_number += 1;
        match &column.ty {
            ColumnType::Int16 => (29_000 + number % 1_000).into(),
            ty if ty.is_number() => (992_000_000 + number).into(),
            ColumnType::Uuid => format!("0ca0a703-0000-4000-8000-{number:012}").into(),
            _ => {
                let text = values::token(number);
                let length = column.length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
                if text.len() <= length { text.into() } else { format!("{number:x}").into() }
            }
        }
    }
}
