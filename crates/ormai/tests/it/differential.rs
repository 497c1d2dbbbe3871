//! The first law: an interpreter that walks all rows in plain Rust gives the same answer as
//! the compiled SQL, row by row and in order, for random rows and random requests.

use std::cmp::Ordering;

use ormai::catalog::{Catalog, CatalogBuilder, ModelBuilder};
use ormai::prelude::*;
use ormai::value::ColumnType::{Bool, Int, Text};
use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};

use crate::support::{ask, rows, with_policy};

const REQUESTS: usize = 400;

const POLICY: &str = "
version: 1
budget: {max_complexity_score: 10000, max_filter_depth: 20}
models:
  Parent:
    allowed: true
    fields: {id: allow, word: allow, note: allow, number: allow, amount: allow, flag: allow}
    relations: {children: {allowed: true}}
    scoping: {tenant_id: principal.tenant_id}
    row_policies: [{name: not_hidden, condition: number IS NULL OR number != 13}]
  Child:
    allowed: true
    fields: {id: allow, parent_id: allow, sku: allow, quantity: allow}
    relations: {parent: {allowed: true}}
    scoping: {tenant_id: principal.tenant_id}
";

fn catalog() -> Catalog {
    let parent = ModelBuilder::table("Parent", "parents")
        .field("id", Int)
        .field("tenant_id", Text)
        .field("word", Text)
        .nullable("note", Text)
        .nullable("number", Int)
        .field("amount", Int)
        .nullable("flag", Bool)
        .primary_key(["id"])
        .to_many("children", "Child", [("id", "parent_id")]);
    let child = ModelBuilder::table("Child", "children")
        .field("id", Int)
        .field("tenant_id", Text)
        .nullable("parent_id", Int)
        .field("sku", Text)
        .nullable("quantity", Int)
        .primary_key(["id"])
        .to_one("parent", "Parent", [("parent_id", "id")]);
    CatalogBuilder::new().model(parent).model(child).build().unwrap()
}

/// A step of a linear congruential generator, so that a failure comes back.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % u64::try_from(sides).unwrap()).unwrap()
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())].clone()
    }
}

const WORDS: [&str; 18] = [
    "a", "A", "\u{e4}", "\u{c4}", "a\u{308}", "%", "_", "\\", "a%", "a_b", "a\\", "ab", "aB", "", " a", "a ", "paid",
    "Paid",
];

/// A row is an object; a column that is not there is NULL.
struct World {
    parents: Vec<Json>,
    children: Vec<Json>,
}

impl World {
    fn new(dice: &mut Dice) -> Self {
        let tenants = ["acme", "ACME", "globex"];
        let maybe = |dice: &mut Dice, value: Json| if dice.roll(4) == 0 { Json::Null } else { value };
        let parents = (0..60).map(|id| {
            let (note, number, flag) = (json!(dice.pick(&WORDS)), json!(dice.roll(15)), json!(dice.roll(2) == 0));
            json!({
                "id": id, "tenant_id": dice.pick(&["acme", "acme", tenants[1], tenants[2]]), "word": dice.pick(&WORDS), "note": maybe(dice, note),
                "number": maybe(dice, number), "amount": dice.roll(6), "flag": maybe(dice, flag),
            })
        }).collect();
        let children = (0..120).map(|id| {
            let (parent, quantity) = (json!(dice.roll(70)), json!(dice.roll(5)));
            let parent = maybe(dice, parent);
            let parent = if parent.as_u64().is_some_and(|parent| parent >= 60) { Json::Null } else { parent };
            json!({"id": id, "tenant_id": dice.pick(&["acme", "acme", tenants[1], tenants[2]]), "parent_id": parent, "sku": dice.pick(&WORDS), "quantity": maybe(dice, quantity)})
        }).collect();
        Self { parents, children }
    }

    fn statements(&self) -> String {
        let literal = |value: &Json| match value {
            Json::String(text) => format!("'{text}'"),
            Json::Null => "NULL".to_owned(),
            other => other.to_string(),
        };
        let mut script = "CREATE TABLE parents (id bigint PRIMARY KEY, tenant_id text NOT NULL, word text NOT NULL, note text, number bigint, amount bigint NOT NULL, flag boolean);
            CREATE TABLE children (id bigint PRIMARY KEY, tenant_id text NOT NULL, parent_id bigint, sku text NOT NULL, quantity bigint);".to_owned();
        for (table, columns, rows) in [
            ("parents", &["id", "tenant_id", "word", "note", "number", "amount", "flag"][..], &self.parents),
            ("children", &["id", "tenant_id", "parent_id", "sku", "quantity"][..], &self.children),
        ] {
            for row in rows {
                let values: Vec<String> = columns.iter().map(|column| literal(&row[*column])).collect();
                script.push_str(&format!("INSERT INTO {table} VALUES ({});", values.join(", ")));
            }
        }
        script
    }

    /// The rows of a model that a tenant may see.
    fn visible<'w>(&'w self, model: &str, tenant: &'w str) -> impl Iterator<Item = &'w Json> {
        let rows = if model == "Parent" { &self.parents } else { &self.children };
        rows.iter().filter(move |row| row["tenant_id"] == tenant && row["number"] != 13)
    }

    /// Whether a row satisfies a filter: true, false or unknown.
    fn admits(&self, model: &str, tenant: &str, row: &Json, filter: &Json) -> Option<bool> {
        if let Some(parts) = filter["and"].as_array() {
            return self.every(model, tenant, row, parts);
        }
        if let Some(parts) = filter["or"].as_array() {
            let parts: Vec<_> = parts.iter().map(|part| self.admits(model, tenant, row, part)).collect();
            return if parts.contains(&Some(true)) {
                Some(true)
            } else if parts.contains(&None) {
                None
            } else {
                Some(false)
            };
        }
        if !filter["not"].is_null() {
            return self.admits(model, tenant, row, &filter["not"]).map(|holds| !holds);
        }
        if let Some(relation) = filter["relation"].as_str() {
            let (target, here, there) =
                if relation == "children" { ("Child", "id", "parent_id") } else { ("Parent", "parent_id", "id") };
            let filters = filter["filters"].as_array().unwrap();
            let mut related =
                self.visible(target, tenant).filter(|other| !row[here].is_null() && other[there] == row[here]);
            let holds = |other: &Json| self.every(target, tenant, other, filters) == Some(true);
            return Some(match filter["match"].as_str().unwrap() {
                "any" => related.any(holds),
                "all" => related.all(holds),
                _ => !related.any(holds),
            });
        }
        compare(&row[filter["field"].as_str().unwrap()], filter["op"].as_str().unwrap(), &filter["value"])
    }

    fn every(&self, model: &str, tenant: &str, row: &Json, parts: &[Json]) -> Option<bool> {
        let parts: Vec<_> = parts.iter().map(|part| self.admits(model, tenant, row, part)).collect();
        if parts.contains(&Some(false)) {
            Some(false)
        } else if parts.contains(&None) {
            None
        } else {
            Some(true)
        }
    }

    /// What a query answers: all rows, in order.
    fn answer(&self, tenant: &str, query: &Json) -> Vec<Json> {
        let model = query["model"].as_str().unwrap();
        let filters = query["filters"].as_array().unwrap();
        let mut rows: Vec<&Json> =
            self.visible(model, tenant).filter(|row| self.every(model, tenant, row, filters) == Some(true)).collect();
        let mut keys: Vec<(String, bool)> = query["order"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| (key["field"].as_str().unwrap().to_owned(), key["direction"] == "desc"))
            .collect();
        let last = keys.last().is_some_and(|key| key.1);
        keys.push(("id".to_owned(), last));
        rows.sort_by(|one, other| {
            keys.iter().fold(Ordering::Equal, |so_far, (field, descending)| {
                so_far.then_with(|| {
                    let ordering = match (one[field].is_null(), other[field].is_null()) {
                        (false, false) => order(&one[field], &other[field]),
                        (one, other) => one.cmp(&other),
                    };
                    if *descending { ordering.reverse() } else { ordering }
                })
            })
        });
        let mut rows: Vec<Json> = rows.into_iter().cloned().collect();
        rows.iter_mut().filter_map(Json::as_object_mut).for_each(|row| {
            row.remove("tenant_id");
        });
        rows
    }
}

/// Text by bytes, false before true.
fn order(one: &Json, other: &Json) -> Ordering {
    match (one, other) {
        (Json::String(one), Json::String(other)) => one.as_bytes().cmp(other.as_bytes()),
        (Json::Bool(one), Json::Bool(other)) => one.cmp(other),
        (one, other) => one.as_i64().unwrap().cmp(&other.as_i64().unwrap()),
    }
}

fn compare(stored: &Json, op: &str, value: &Json) -> Option<bool> {
    if op == "is_null" {
        return Some(stored.is_null() == value.as_bool().unwrap());
    }
    // A list without values decides for NULL too.
    match (op, value.as_array().map(Vec::len)) {
        ("in", Some(0)) => return Some(false),
        ("not_in", Some(0)) => return Some(true),
        _ => {}
    }
    if stored.is_null() {
        return None;
    }
    let word = || (stored.as_str().unwrap(), value.as_str().unwrap());
    Some(match op {
        "eq" => stored == value,
        "ne" => stored != value,
        "lt" => order(stored, value).is_lt(),
        "lte" => order(stored, value).is_le(),
        "gt" => order(stored, value).is_gt(),
        "gte" => order(stored, value).is_ge(),
        "in" => value.as_array().unwrap().contains(stored),
        "not_in" => !value.as_array().unwrap().contains(stored),
        "between" => order(stored, &value[0]).is_ge() && order(stored, &value[1]).is_le(),
        "contains" => word().0.contains(word().1),
        "starts_with" => word().0.starts_with(word().1),
        _ => word().0.ends_with(word().1),
    })
}

fn value(dice: &mut Dice, field: &str) -> Json {
    match field {
        "word" | "note" | "sku" => json!(dice.pick(&WORDS)),
        "flag" => json!(dice.roll(2) == 0),
        "id" | "parent_id" => json!(dice.roll(60)),
        _ => json!(dice.roll(15)),
    }
}

fn filter(dice: &mut Dice, model: &str, depth: usize) -> Json {
    let kinds = if depth == 0 { 5 } else { 10 };
    match dice.roll(kinds) {
        5 => json!({"not": filter(dice, model, depth - 1)}),
        6 => json!({"and": filters(dice, model, depth - 1, 1)}),
        7 => json!({"or": filters(dice, model, depth - 1, 1)}),
        8 | 9 => {
            let (relation, target) = if model == "Parent" { ("children", "Child") } else { ("parent", "Parent") };
            json!({"relation": relation, "match": dice.pick(&["any", "all", "none"]), "filters": filters(dice, target, depth - 1, 0)})
        }
        _ => {
            let fields: &[&str] = if model == "Parent" {
                &["id", "word", "note", "number", "amount", "flag"]
            } else {
                &["id", "parent_id", "sku", "quantity"]
            };
            let field = dice.pick(fields);
            let op = match field {
                "word" | "note" | "sku" => dice.pick(&[
                    "eq",
                    "ne",
                    "lt",
                    "lte",
                    "gt",
                    "gte",
                    "in",
                    "not_in",
                    "between",
                    "is_null",
                    "contains",
                    "starts_with",
                    "ends_with",
                    "contains",
                ]),
                "flag" => dice.pick(&["eq", "ne", "is_null", "in", "not_in"]),
                _ => dice.pick(&["eq", "ne", "lt", "lte", "gt", "gte", "in", "not_in", "between", "is_null"]),
            };
            let value = match op {
                "is_null" => json!(dice.roll(2) == 0),
                "in" | "not_in" => (0..dice.roll(6)).map(|_| value(dice, field)).collect(),
                "between" => json!([value(dice, field), value(dice, field)]),
                _ => value(dice, field),
            };
            json!({"field": field, "op": op, "value": value})
        }
    }
}

fn filters(dice: &mut Dice, model: &str, depth: usize, least: usize) -> Vec<Json> {
    (0..least + dice.roll(3)).map(|_| filter(dice, model, depth)).collect()
}

fn query(dice: &mut Dice) -> Json {
    let (model, fields): (_, &[&str]) = if dice.roll(3) > 0 {
        ("Parent", &["word", "note", "number", "amount", "id"])
    } else {
        ("Child", &["parent_id", "sku", "quantity", "id"])
    };
    let mut order: Vec<Json> = Vec::new();
    for _ in 0..dice.roll(3) {
        let field = dice.pick(fields);
        if !order.iter().any(|key| key["field"] == field) {
            order.push(json!({"field": field, "direction": dice.pick(&["asc", "desc"])}));
        }
    }
    json!({"model": model, "filters": filters(dice, model, 3, 0), "order": order, "limit": 1 + dice.roll(80), "with_total": true})
}

every_engine! {
    async fn law_1_the_statement_answers_as_the_interpreter_does(test: &TestDatabase) {
        let mut dice = Dice(20_260_301);
        let world = World::new(&mut dice);
        test.execute(&world.statements()).await;
        let ormai = with_policy(test, POLICY, catalog()).await;
        let mut telling = 0;
        for _ in 0..REQUESTS {
            let tenant = dice.pick(&["acme", "acme", "acme", "ACME", "globex", "nobody"]);
            let query = query(&mut dice);
            let expected = world.answer(tenant, &query);
            let all = world.visible(query["model"].as_str().unwrap(), tenant).count();
            telling += usize::from(!expected.is_empty() && expected.len() < all);
            let limit = usize::try_from(query["limit"].as_u64().unwrap()).unwrap();
            let page = ask(&ormai, &Principal::new(tenant), "query", query.clone()).await;
            assert_eq!(rows(&page)[..], expected[..limit.min(expected.len())], "{tenant}: {query}");
            assert_eq!(page["data"]["total"], expected.len(), "{tenant}: {query}");
            assert_eq!(page["data"]["has_more"], expected.len() > limit, "{tenant}: {query}");
        }
        assert!(telling * 10 > REQUESTS, "only {telling} of {REQUESTS} requests return some rows and not all");
    }
}
