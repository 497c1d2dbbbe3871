//! Canary rows: of two tenants and more, in every table.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use ormai::catalog::{FieldId, Model, ModelId, ModelKind};
use ormai::prelude::*;
use ormai::principal::PrincipalPath;
use ormai::value::ColumnType;
use serde_json::{Map, Value as Json, json};

use super::dice::Dice;
use super::identity::{OWNERS, Owner};
use super::subject::{About, Subject};
use super::values::{self, values};
use crate::{Row, Witness};

/// A text that stands in one place: which.
#[derive(Clone, Debug)]
pub(super) struct Canary {
    pub(super) model: ModelId,
    pub(super) field: FieldId,
    /// The position of its row among the planted ones.
    pub(super) row: usize,
}

/// A row that was planted.
#[derive(Clone, Debug)]
pub(super) struct Planted {
    pub(super) model: ModelId,
    pub(super) owner: Owner,
    /// As it is stored.
    pub(super) row: Row,
}

/// All that was planted.
#[derive(Debug, Default)]
pub(super) struct Plantation {
    pub(super) rows: Vec<Planted>,
    /// By the number of their token.
    pub(super) canaries: BTreeMap<usize, Canary>,
    /// Models in which rows could not be planted, with the reason.
    pub(super) barren: BTreeMap<String, String>,
    pub(super) next_number: usize,
}

impl Plantation {
    /// The planted rows of a model.
    pub(super) fn of(&self, model: ModelId) -> impl Iterator<Item = &Planted> {
        self.rows.iter().filter(move |planted| planted.model == model)
    }
}

/// Plants rows through the tools of a witness.
pub(super) struct Planter<'a> {
    pub(super) subject: &'a Subject,
    pub(super) existing: &'a BTreeMap<String, Vec<Row>>,
    pub(super) dice: Dice,
    pub(super) now: Timestamp,
    pub(super) planted: Plantation,
    keys: HashSet<String>,
}

/// How a row is made, should the database not take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Manner {
    Telling,
    /// What the database can fill is left to it.
    Bare,
    /// As a row that is there already.
    Copied,
}

impl<'a> Planter<'a> {
    pub(super) fn new(
        subject: &'a Subject,
        existing: &'a BTreeMap<String, Vec<Row>>,
        seed: u64,
        now: Timestamp,
    ) -> Self {
        let planted = Plantation { next_number: 1, ..Plantation::default() };
        Self { subject, existing, dice: Dice::new(seed), now, planted, keys: HashSet::new() }
    }

    /// Plants rows in every table, those that others refer to first.
    pub(super) async fn plant(mut self, ctx: &RunContext<'_>, witness: &Witness) -> Plantation {
        for id in self.in_order() {
            let model = self.subject.catalog.model(id);
            if model.kind != ModelKind::Table || model.primary_key.is_empty() {
                self.planted.barren.insert(model.name.clone(), "rows of it cannot be written".to_owned());
                continue;
            }
            let Some(about) = self.subject.about(id) else { continue };
            let mut trouble = None;
            let mut taken = 0;
            for owner in OWNERS {
                for number in 0..many(about, owner) {
                    match self.row(ctx, witness, model, about, owner, number).await {
                        Ok(true) => taken += 1,
                        Ok(false) => {}
                        Err(why) => trouble = Some(why),
                    }
                }
            }
            if let Some(why) = trouble.filter(|_| taken == 0) {
                self.planted.barren.insert(model.name.clone(), why);
            }
        }
        self.planted
    }

    /// The models, those that foreign keys point to before those that have them.
    fn in_order(&self) -> Vec<ModelId> {
        let mut left: Vec<(ModelId, &Model)> = self.subject.catalog.models().collect();
        let mut order = Vec::new();
        while !left.is_empty() {
            let waits = |(id, model): &(ModelId, &Model)| {
                model
                    .foreign_keys
                    .iter()
                    .any(|key| key.target != *id && left.iter().any(|(other, _)| *other == key.target))
            };
            // Of a circle any one comes first.
            let at = left.iter().position(|model| !waits(model)).unwrap_or(0);
            order.push(left.remove(at).0);
        }
        order
    }

    /// Whether a row was planted; an error when none of its kind can be.
    async fn row(
        &mut self,
        ctx: &RunContext<'_>,
        witness: &Witness,
        model: &Model,
        about: &About,
        owner: Owner,
        number: usize,
    ) -> Result<bool, String> {
        let mut trouble = String::new();
        for manner in [Manner::Telling, Manner::Bare, Manner::Copied] {
            let mut used = Vec::new();
            let data = match self.data(model, about, owner, number, manner, &mut used) {
                Ok(data) => data,
                Err(why) => {
                    trouble = why;
                    continue;
                }
            };
            let key = format!("{} {}", model.name, key_of(model, &data));
            if self.keys.contains(&key)
                && model.primary_key.iter().all(|field| data.contains_key(&model.field(*field).name))
            {
                return Ok(false);
            }
            let ctx = ctx.for_principal(Principal::new("the owner of the database"));
            let result = witness.tools().call(&ctx, "create", &json!({"model": model.name, "data": data})).await;
            let mut result = serde_json::to_value(result).unwrap_or_default();
            if let Some(Json::Object(row)) = result.get_mut("data").map(Json::take) {
                let position = self.planted.rows.len();
                for (token, field) in used {
                    self.planted.canaries.insert(token, Canary { model: about.id, field, row: position });
                }
                self.keys.insert(key);
                self.planted.rows.push(Planted { model: about.id, owner, row });
                return Ok(true);
            }
            trouble = result.pointer("/error/message").and_then(Json::as_str).unwrap_or("no row came back").to_owned();
        }
        Err(trouble)
    }

    fn data(
        &mut self,
        model: &Model,
        about: &About,
        owner: Owner,
        number: usize,
        manner: Manner,
        used: &mut Vec<(usize, FieldId)>,
    ) -> Result<Map<String, Json>, String> {
        let mut data = Map::new();
        for (field, path) in &about.identity {
            let column = model.field(*field);
            let is_nobodys = column.nullable && number % 7 == 6 && !model.primary_key.contains(field);
            // A user of one tenant may stand in another's rows.
            let mixed = *path == PrincipalPath::UserId && owner == Owner::stranger() && number % 3 == 1;
            let value = match (is_nobodys, mixed) {
                (true, _) => Json::Null,
                (false, true) => Owner::first().value(self.subject, path),
                (false, false) => owner.value(self.subject, path),
            };
            data.insert(column.name.clone(), value);
        }
        self.references(model, owner, number, &mut data)?;
        let unique: BTreeSet<FieldId> =
            model.primary_key.iter().chain(model.unique_keys.iter().flatten()).copied().collect();
        let existing = self.existing.get(&model.name).map_or(&[][..], Vec::as_slice);
        let sample = if existing.is_empty() { None } else { existing.get(number % existing.len()) };
        for (field, column) in model.field_ids() {
            let is_given = data.contains_key(&column.name);
            let is_left = manner != Manner::Telling && column.has_default;
            let is_left = is_left || self.subject.is_counted(about.id, field);
            if is_given || column.generated || is_left {
                continue;
            }
            let token = self.planted.next_number;
            self.planted.next_number += 1;
            let text = values::token(token);
            let value = if unique.contains(&field) {
                self.unique(column, &text)
            } else if manner == Manner::Copied {
                sample.and_then(|row| row.get(&column.name)).cloned().unwrap_or_default()
            } else {
                self.value(about, field, column, number, &text)
            };
            if value.is_null() && !column.nullable {
                if column.has_default {
                    continue;
                }
                return Err(format!("no value is known for `{}`, which is of type {}", column.name, column.ty));
            }
            if value.as_str().is_some_and(|value| value.contains(&text)) {
                used.push((token, field));
            }
            data.insert(column.name.clone(), value);
        }
        Ok(data)
    }

    /// Chooses rows to refer to: the owner's own mostly, now and then somebody else's.
    fn references(
        &mut self,
        model: &Model,
        owner: Owner,
        number: usize,
        data: &mut Map<String, Json>,
    ) -> Result<(), String> {
        for key in &model.foreign_keys {
            let target = self.subject.catalog.model(key.target);
            let open = |data: &Map<String, Json>| {
                key.columns.iter().any(|(here, _)| !data.contains_key(&model.field(*here).name))
            };
            if !open(data) {
                continue;
            }
            let fits = |row: &Row| {
                key.columns.iter().all(|(here, there)| {
                    data.get(&model.field(*here).name)
                        .is_none_or(|known| row.get(&target.field(*there).name) == Some(known))
                })
            };
            let rows: Vec<(&Owner, &Row)> = self
                .planted
                .of(key.target)
                .filter(|planted| fits(&planted.row))
                .map(|planted| (&planted.owner, &planted.row))
                .collect();
            let is_foreign = number % 4 == 3;
            let wanted: Vec<&Row> =
                rows.iter().filter(|(of, _)| (**of == owner) != is_foreign).map(|(_, row)| *row).collect();
            let any = || rows.iter().map(|(_, row)| *row).collect::<Vec<_>>();
            let choice = if wanted.is_empty() { any() } else { wanted };
            let nullable = key
                .columns
                .iter()
                .all(|(here, _)| model.field(*here).nullable || data.contains_key(&model.field(*here).name));
            let skewed = self.dice.below(choice.len()).min(self.dice.below(choice.len()));
            let chosen = match choice.get(skewed) {
                Some(_) if nullable && number % 5 == 4 => None,
                Some(row) => Some((*row).clone()),
                None => self.existing.get(&target.name).and_then(|rows| rows.iter().find(|row| fits(row))).cloned(),
            };
            if chosen.is_none() && !nullable {
                return Err(format!("there is no row of `{}` to refer to", target.name));
            }
            for (here, there) in &key.columns {
                let value =
                    chosen.as_ref().and_then(|row| row.get(&target.field(*there).name)).cloned().unwrap_or_default();
                data.entry(model.field(*here).name.clone()).or_insert(value);
            }
        }
        Ok(())
    }

    /// A value that no other row has.
    fn unique(&mut self, column: &ormai::catalog::Field, text: &str) -> Json {
        let number = self.planted.next_number;
        match &column.ty {
            ColumnType::Int16 => (31_000 + number % 1_000).into(),
            ty if ty.is_number() => (991_000_000 + number).into(),
            ColumnType::Uuid => format!("0ca0a702-0000-4000-8000-{number:012}").into(),
            ColumnType::Text | ColumnType::Char => {
                let length = column.length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
                if text.len() <= length { text.into() } else { format!("{number:x}").into() }
            }
            ty => values::time(self.now, i64::try_from(number).unwrap_or(0), ty)
                .filter(|_| matches!(ty, ColumnType::Timestamp | ColumnType::DateTime | ColumnType::Date))
                .unwrap_or_else(|| values(column, &[], text, self.now).first().cloned().unwrap_or_default()),
        }
    }

    /// A value for a field of which nothing is asked. Few values often, so that there are ties and groups.
    pub(super) fn value(
        &mut self,
        about: &About,
        field: FieldId,
        column: &ormai::catalog::Field,
        number: usize,
        text: &str,
    ) -> Json {
        let is_hidden = !about.shown.contains(&field);
        if is_hidden && column.ty.is_text() && column.length.is_none_or(|length| length >= 40) {
            let shape = if column.name.contains("mail") { format!("{text}@canary.example") } else { text.to_owned() };
            // The same in rows of several tenants: what is made of it must differ.
            let shared = format!("canary shared {}", column.name);
            return if number % 4 == 2 { shared.into() } else { shape.into() };
        }
        let mut literals = about.literals.get(&field).cloned().unwrap_or_default();
        // What a principal's attribute may say of it.
        for (path, used) in &self.subject.paths {
            if used.fields.contains(&(about.id, field)) && !about.identity.contains_key(&field) {
                literals.extend(
                    OWNERS.map(|owner| owner.value(self.subject, path)).into_iter().filter(|value| !value.is_null()),
                );
                literals.extend(used.literals.iter().cloned());
            }
        }
        if column.nullable && number % 4 == 1 {
            return Json::Null;
        }
        let values = values(column, &literals, text, self.now);
        // Each literal is met, and the first values are met most.
        let at = if number < literals.len() * 3 && self.dice.chance(60) {
            number
        } else {
            self.dice.below(values.len()).min(self.dice.below(values.len()))
        };
        values.get(at).cloned().unwrap_or_default()
    }
}

/// How many rows an owner has.
fn many(about: &About, owner: Owner) -> usize {
    let cap = about.caps.iter().filter(|cap| **cap <= 40).max().map_or(0, |cap| usize::try_from(*cap).unwrap_or(0) + 3);
    let group = usize::try_from(about.smallest_group.min(20)).unwrap_or(0);
    match OWNERS.iter().position(|known| *known == owner) {
        Some(0) => 12.max(cap).max(group * 3),
        Some(1) => 6,
        Some(2) => 8.max(group + 2),
        _ => 3,
    }
}

/// A row's key as JSON: a value, or an object of several.
pub(super) fn key_of(model: &Model, row: &Map<String, Json>) -> Json {
    let part = |field: &FieldId| {
        let name = &model.field(*field).name;
        (name.clone(), row.get(name).cloned().unwrap_or_default())
    };
    match model.primary_key.as_slice() {
        [only] => part(only).1,
        parts => Json::Object(parts.iter().map(part).collect()),
    }
}
