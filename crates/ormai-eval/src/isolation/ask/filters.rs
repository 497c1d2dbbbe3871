//! Filters of every kind.

use ormai::catalog::{FieldId, ModelId, RelationId};
use ormai::value::ColumnType;
use serde_json::{Value as Json, json};

use super::Asking;

const PATTERNS: [&str; 3] = ["contains", "starts_with", "ends_with"];
const ORDERED: [&str; 5] = ["lt", "lte", "gt", "gte", "between"];
const PLAIN: [&str; 5] = ["eq", "ne", "in", "not_in", "is_null"];

impl Asking<'_> {
    /// Some filters on a model; `depth` says how deep they may still nest.
    pub(super) fn filters(&mut self, id: ModelId, most: usize, depth: usize) -> Vec<Json> {
        let many = self.dice.below(most + 1);
        (0..many).filter_map(|_| self.filter(id, depth)).collect()
    }

    pub(super) fn filter(&mut self, id: ModelId, depth: usize) -> Option<Json> {
        let relations = self.relations(id);
        match self.dice.below(10) {
            0 if depth > 0 => {
                let parts: Vec<Json> = (0..2).filter_map(|_| self.filter(id, depth - 1)).collect();
                Some(json!({"or": parts}))
            }
            1 if depth > 0 => Some(json!({"not": self.filter(id, depth - 1)?})),
            2 if depth > 0 => {
                let parts: Vec<Json> = (0..2).filter_map(|_| self.filter(id, depth - 1)).collect();
                Some(json!({"and": parts}))
            }
            3 | 4 if depth > 0 && !relations.is_empty() => {
                let relation = self.dice.pick(&relations)?;
                let matching = self.dice.pick(&["any", "all", "none"])?;
                Some(self.related(id, relation, matching, depth - 1))
            }
            _ => {
                let field = self.dice.pick(&self.shown(id))?;
                Some(self.comparison(id, field))
            }
        }
    }

    /// A filter on the related rows.
    pub(super) fn related(&mut self, id: ModelId, relation: RelationId, matching: &str, depth: usize) -> Json {
        let target = self.target(id, relation);
        let through = self.rules(id).and_then(|rules| rules.relation(relation)).and_then(|rule| rule.fields.clone());
        let open: Vec<FieldId> = self
            .shown(target)
            .into_iter()
            .filter(|field| through.as_ref().is_none_or(|open| open.contains(field)))
            .collect();
        let filters: Vec<Json> = match self.dice.below(5) {
            0 => Vec::new(),
            1 if through.is_none() && depth > 0 => self.filter(target, depth).into_iter().collect(),
            _ => self.dice.pick(&open).map(|field| self.comparison(target, field)).into_iter().collect(),
        };
        json!({"relation": self.model(id).relation(relation).name, "match": matching, "filters": filters})
    }

    /// A comparison of a field.
    pub(super) fn comparison(&mut self, id: ModelId, field: FieldId) -> Json {
        let column = self.model(id).field(field);
        let mut words: Vec<&str> = PLAIN.to_vec();
        if column.ty.is_text() {
            words.extend(PATTERNS);
            words.extend(PATTERNS);
        }
        if column.ty.has_order() && !matches!(column.ty, ColumnType::Bool | ColumnType::Uuid) {
            words.extend(ORDERED);
        }
        let op = self.dice.pick(&words).unwrap_or("eq");
        let value = match op {
            "is_null" => json!(self.dice.chance(50)),
            "in" | "not_in" => {
                let many = 1 + self.dice.below(5);
                (0..many).map(|_| self.value_of(id, field)).collect()
            }
            "between" => json!([self.value_of(id, field), self.value_of(id, field)]),
            op if PATTERNS.contains(&op) => self.part(id, field, op),
            _ => self.value_of(id, field),
        };
        json!({"field": column.name, "op": op, "value": value})
    }

    /// A part of a text, with wildcards that are none.
    fn part(&mut self, id: ModelId, field: FieldId, op: &str) -> Json {
        if self.dice.chance(45) {
            return json!(self.dice.pick(&["%", "_", "\\", "canary_", "canary\\", "0%", "c%y", "CANARY", "\\x", "_x"]));
        }
        let value = self.value_of(id, field);
        let text: Vec<char> = value.as_str().unwrap_or("canary").chars().collect();
        let many = 1 + self.dice.below(5).min(text.len().saturating_sub(1));
        let part: String = match op {
            "ends_with" => text.iter().skip(text.len().saturating_sub(many)).collect(),
            "starts_with" => text.iter().take(many).collect(),
            _ => text.iter().skip(text.len() / 2).take(many).collect(),
        };
        if part.is_empty() { json!("c") } else { json!(part) }
    }
}
