//! Requests that read.

use ormai::catalog::{FieldId, ModelId, RelationId, RelationKind};
use serde_json::{Map, Value as Json, json};

use super::{Ask, Asking};
use crate::isolation::plant::key_of;

impl Asking<'_> {
    /// What is asked of every model by everybody: all rows, pages of them, and what is related.
    pub(in crate::isolation) fn round(&mut self, id: ModelId) -> Vec<Ask> {
        let name = self.model(id).name.clone();
        let Some(rules) = self.rules(id) else {
            return vec![
                Ask::new("query", id, json!({"model": name})),
                Ask::new("describe_schema", id, json!({"model": name})),
            ];
        };
        let most = u64::from(rules.budget.max_rows.min(500));
        let mut asks = vec![
            Ask::new("query", id, json!({"model": name, "limit": most, "with_total": true})),
            Ask::new("describe_schema", id, json!({"model": name})),
        ];
        // Ties and nothing at all, in both directions, over several pages.
        let fields: Vec<FieldId> =
            self.shown(id).into_iter().filter(|field| self.model(id).field(*field).ty.has_order()).collect();
        for field in self.dice.some(&fields, 2) {
            let direction = self.dice.pick(&["asc", "desc"]).unwrap_or("desc");
            let mut query = json!({"model": name, "limit": 3, "with_total": true, "order": [{"field": self.name(id, field), "direction": direction}]});
            if self.dice.chance(50)
                && let (Some(filter), Some(query)) = (self.filter(id, 0), query.as_object_mut())
            {
                query.insert("filters".to_owned(), json!([filter]));
            }
            asks.push(Ask::new("query", id, query));
        }
        for relation in self.relations(id) {
            let word = self.model(id).relation(relation).name.clone();
            let mut include = json!({"relation": word});
            if self.model(id).relation(relation).kind == RelationKind::Many
                && let Some(include) = include.as_object_mut()
            {
                include.insert("limit".to_owned(), json!(1 + self.dice.below(3)));
            }
            asks.push(Ask::new("query", id, json!({"model": name, "limit": 12, "include": [include]})));
            for matching in ["any", "all", "none"] {
                let filter = self.related(id, relation, matching, 0);
                asks.push(Ask::new(
                    "query",
                    id,
                    json!({"model": name, "limit": most.min(50), "with_total": true, "filters": [filter]}),
                ));
            }
        }
        for _ in 0..3 {
            let row = if asks.len() % 2 == 0 { self.own_row(id) } else { self.any_row(id) };
            if let Some(row) = row {
                asks.push(Ask::new("get", id, json!({"model": name, "id": key_of(self.model(id), row)})));
            }
        }
        let many = if self.rules(id).is_some_and(|rules| rules.aggregations.is_some()) { 3 } else { 1 };
        asks.extend((0..many).map(|_| self.aggregate(id)));
        asks
    }

    /// Any request that reads.
    pub(in crate::isolation) fn read(&mut self, id: ModelId) -> Ask {
        match self.dice.below(20) {
            0..=9 => self.query(id),
            10..=12 => self.get(id),
            13..=15 => self.aggregate(id),
            _ => self.spoiled(id),
        }
    }

    fn query(&mut self, id: ModelId) -> Ask {
        let mut query = Map::new();
        query.insert("model".to_owned(), json!(self.model(id).name));
        put(&mut query, "filters", self.filters(id, 3, 2));
        put(&mut query, "order", self.order(id));
        if self.dice.chance(35) {
            put(&mut query, "include", self.includes(id, 2));
        }
        if self.dice.chance(30) {
            let fields = self.open(id);
            put(
                &mut query,
                "select",
                self.dice.some(&fields, 3).into_iter().map(|field| json!(self.name(id, field))).collect(),
            );
        }
        if self.dice.chance(70) {
            query.insert("limit".to_owned(), json!(1 + self.dice.below(6)));
        }
        if self.dice.chance(50) {
            query.insert("with_total".to_owned(), json!(true));
        }
        Ask::new("query", id, Json::Object(query))
    }

    fn get(&mut self, id: ModelId) -> Ask {
        let mut get = Map::new();
        get.insert("model".to_owned(), json!(self.model(id).name));
        let row = if self.dice.chance(50) { self.own_row(id) } else { self.any_row(id) };
        let key = row.map_or_else(|| json!(1), |row| key_of(self.model(id), row));
        get.insert("id".to_owned(), key);
        if self.dice.chance(40) {
            put(&mut get, "include", self.includes(id, 2));
        }
        Ask::new("get", id, Json::Object(get))
    }

    pub(super) fn aggregate(&mut self, id: ModelId) -> Ask {
        let mut aggregate = Map::new();
        aggregate.insert("model".to_owned(), json!(self.model(id).name));
        let mut figures = vec![json!({"function": "count"})];
        let shown = self.shown(id);
        if let Some(open) = self.rules(id).and_then(|rules| rules.aggregations.clone()) {
            for (function, fields) in &open.functions {
                if let Some(field) = self.dice.pick(fields).filter(|_| self.dice.chance(70)) {
                    figures.push(json!({"function": function.as_str(), "field": self.name(id, field)}));
                }
            }
        }
        if let Some(field) = self.dice.pick(&shown).filter(|_| self.dice.chance(60)) {
            figures.push(json!({"function": "count", "field": self.name(id, field), "alias": "filled"}));
        }
        put(&mut aggregate, "aggregations", figures);
        if self.dice.chance(65) {
            let groups = match self
                .rules(id)
                .and_then(|rules| rules.aggregations.as_ref())
                .and_then(|open| open.group_by.clone())
            {
                Some(open) => open,
                None => shown,
            };
            let most = 1 + self.dice.below(2);
            put(
                &mut aggregate,
                "group_by",
                self.dice.some(&groups, most).into_iter().map(|field| json!(self.name(id, field))).collect(),
            );
        }
        put(&mut aggregate, "filters", self.filters(id, 1, 1));
        Ask::new("aggregate", id, Json::Object(aggregate))
    }

    fn order(&mut self, id: ModelId) -> Vec<Json> {
        let fields: Vec<FieldId> =
            self.shown(id).into_iter().filter(|field| self.model(id).field(*field).ty.has_order()).collect();
        let most = self.dice.below(3);
        let chosen = self.dice.some(&fields, most);
        chosen
            .into_iter()
            .map(|field| json!({"field": self.name(id, field), "direction": self.dice.pick(&["asc", "desc"])}))
            .collect()
    }

    fn open(&self, id: ModelId) -> Vec<FieldId> {
        self.rules(id).into_iter().flat_map(|rules| rules.open_fields().map(|(field, _)| field)).collect()
    }

    fn includes(&mut self, id: ModelId, depth: usize) -> Vec<Json> {
        let relations = self.relations(id);
        let chosen = self.dice.some(&relations, 2);
        chosen.into_iter().map(|relation| self.include(id, relation, depth)).collect()
    }

    fn include(&mut self, id: ModelId, relation: RelationId, depth: usize) -> Json {
        let (target, kind) = (self.target(id, relation), self.model(id).relation(relation).kind);
        let through = self.rules(id).and_then(|rules| rules.relation(relation)).and_then(|rule| rule.fields.clone());
        let mut include = Map::new();
        include.insert("relation".to_owned(), json!(self.model(id).relation(relation).name));
        if through.is_none() {
            if self.dice.chance(30) {
                put(&mut include, "filters", self.filters(target, 1, 0));
            }
            if kind == RelationKind::Many && self.dice.chance(40) {
                put(&mut include, "order", self.order(target));
            }
        }
        if kind == RelationKind::Many && self.dice.chance(60) {
            include.insert("limit".to_owned(), json!(1 + self.dice.below(3)));
        }
        if depth > 1 && self.dice.chance(40) {
            put(&mut include, "include", self.includes(target, depth - 1));
        }
        Json::Object(include)
    }

    /// A request with one thing in it that is not open to the principal, or not at all.
    fn spoiled(&mut self, id: ModelId) -> Ask {
        let name = self.model(id).name.clone();
        let hidden = self.hidden(id);
        let field = self.dice.pick(&hidden);
        let budget = self.rules(id).map(|rules| rules.budget).unwrap_or_default();
        let secret = self.secret();
        let (mut tries, mut secrets) = (Vec::new(), Vec::new());
        let query = match (self.dice.below(9), field) {
            (0 | 1, Some(field)) => {
                let value = self.value_of(id, field);
                tries.push(format!("{name}.{}", self.name(id, field)));
                json!({"model": name, "filters": [{"field": self.name(id, field), "op": self.dice.pick(&["eq", "in", "is_null", "gt", "contains"]).map(|op| if op == "in" || op == "is_null" { "eq" } else { op }), "value": value}]})
            }
            (2, Some(field)) => json!({"model": name, "order": [{"field": self.name(id, field), "direction": "desc"}]}),
            (3, Some(field)) => {
                let group =
                    json!({"model": name, "aggregations": [{"function": "count"}], "group_by": [self.name(id, field)]});
                let figure = json!({"model": name, "aggregations": [{"function": self.dice.pick(&["max", "min", "count"]), "field": self.name(id, field)}]});
                let arguments = if self.dice.chance(50) { group } else { figure };
                return Ask::new("aggregate", id, arguments);
            }
            (4, Some(field)) => json!({"model": name, "select": [self.name(id, field)]}),
            (5, _) => {
                secrets.push(secret.clone());
                json!({"model": name, "filters": [{"field": "no_such_field", "op": "eq", "value": secret}]})
            }
            (6, _) => match self.behind(id, &secret) {
                Some(query) => {
                    secrets.push(secret);
                    query
                }
                None => json!({"model": name, "limit": u64::from(budget.max_rows) + 1}),
            },
            (7, _) => {
                tries.push(format!("{name} budget"));
                json!({"model": name, "limit": u64::from(budget.max_rows) + 1})
            }
            _ => {
                tries.push(format!("{name} budget"));
                let depth = usize::try_from(budget.max_filter_depth.min(40)).unwrap_or(0) + 2;
                let filter = self.filter(id, 0).unwrap_or_else(|| json!({"and": []}));
                json!({"model": name, "filters": [(0..depth).fold(filter, |inner, _| json!({"not": inner}))]})
            }
        };
        Ask { secrets, tries, ..Ask::new("query", id, query) }
    }

    /// A field that a relation does not open, though its model does.
    fn behind(&mut self, id: ModelId, secret: &str) -> Option<Json> {
        let closed = |asking: &Self, relation: RelationId| -> Vec<FieldId> {
            let target = asking.target(id, relation);
            let through =
                asking.rules(id).and_then(|rules| rules.relation(relation)).and_then(|rule| rule.fields.clone());
            match through {
                Some(open) => asking
                    .model(target)
                    .field_ids()
                    .map(|(field, _)| field)
                    .filter(|field| !open.contains(field))
                    .collect(),
                None => asking.hidden(target),
            }
        };
        let relations: Vec<(RelationId, Vec<FieldId>)> = self
            .relations(id)
            .into_iter()
            .map(|relation| (relation, closed(self, relation)))
            .filter(|(_, fields)| !fields.is_empty())
            .collect();
        let narrow: Vec<_> = relations
            .iter()
            .filter(|(relation, _)| {
                self.rules(id).and_then(|rules| rules.relation(*relation)).is_some_and(|rule| rule.fields.is_some())
            })
            .cloned()
            .collect();
        let (relation, fields) = self.dice.pick(if narrow.is_empty() { &relations } else { &narrow })?;
        let (target, word) = (self.target(id, relation), &self.model(id).relation(relation).name);
        // A text is compared with a text; what does not fit would be refused for that.
        let texts: Vec<FieldId> =
            fields.iter().copied().filter(|field| self.model(target).field(*field).ty.is_text()).collect();
        let field = self.dice.pick(if texts.is_empty() { &fields } else { &texts })?;
        let field = self.name(target, field);
        let name = &self.model(id).name;
        Some(match self.dice.below(3) {
            0 => json!({"model": name, "include": [{"relation": word, "select": [field]}]}),
            1 => {
                json!({"model": name, "include": [{"relation": word, "filters": [{"field": field, "op": "eq", "value": secret}]}]})
            }
            _ => {
                json!({"model": name, "filters": [{"relation": word, "match": "any", "filters": [{"field": field, "op": "eq", "value": secret}]}]})
            }
        })
    }
}

fn put(object: &mut Map<String, Json>, key: &str, items: Vec<Json>) {
    if !items.is_empty() {
        object.insert(key.to_owned(), Json::Array(items));
    }
}
