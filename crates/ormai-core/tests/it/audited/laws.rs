//! A value that is not open stands nowhere in what is recorded, and one that is open does.

use std::collections::BTreeMap;

use ormai_core::audited::{inputs, message};
use ormai_core::request::{Request, Tool};
use ormai_core::resolve::{resolve, resolve_write};
use serde_json::{Map, Value as Json, json};

use crate::world::{POLICY, World};

/// Draws the same requests in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Any of them, and every other time one of those that are open, where there is one.
    fn name(&mut self, all: &[&'static str], is_open: impl Fn(&str) -> bool) -> &'static str {
        let open: Vec<&str> = all.iter().copied().filter(|name| is_open(name)).collect();
        if open.is_empty() || self.below(2) == 0 { self.of(all) } else { self.of(&open) }
    }

    fn field(&mut self, place: &str) -> &'static str {
        self.name(FIELDS, |field| opens(place, field))
    }

    fn relation(&mut self, place: &str) -> &'static str {
        self.name(RELATIONS, |relation| !leads(place, relation).is_empty())
    }
}

/// What the policy of these tests opens, said once more: by model, or by the relation that leads
/// to it.
fn opens(place: &str, field: &str) -> bool {
    let fields: &[&str] = match place {
        "Tenant" => &["id", "name"],
        "User" => &["id", "name"],
        // Through the relation of an order the user's name is open, and a masked field.
        "Order.user" => &["id", "name"],
        "Order" => &["id", "organization_id", "user_id", "status", "total", "note", "created_at", "details"],
        "OrderItem" => &["id", "order_id", "sku", "price"],
        "Member" => &["tenant_id", "number", "name"],
        "Event" => &["what"],
        _ => &[],
    };
    fields.contains(&field)
}

/// Where a relation leads; to nowhere where it is not open.
fn leads(place: &str, relation: &str) -> &'static str {
    match (place, relation) {
        ("Tenant", "users") => "User",
        ("Tenant" | "User" | "Order.user", "orders") | ("OrderItem", "order") => "Order",
        ("User" | "Order" | "Order.user", "tenant") => "Tenant",
        ("Order", "user") => "Order.user",
        ("Order", "items") => "OrderItem",
        _ => "",
    }
}

const MODELS: &[&str] = &["Tenant", "User", "Order", "OrderItem", "Member", "Event", "Secret", "Nix"];
const RELATIONS: &[&str] = &["users", "orders", "tenant", "user", "items", "order", "secrets", "audits", "nix"];
const FIELDS: &[&str] = &[
    "id",
    "tenant_id",
    "name",
    "email",
    "ssn",
    "phone",
    "token",
    "remarks",
    "password",
    "status",
    "total",
    "note",
    "details",
    "margin",
    "sku",
    "order_id",
    "number",
    "what",
    "nix",
    "user",
];

/// A request with a text of its own as each value, and whether that may be seen.
struct Marked {
    dice: Dice,
    marks: BTreeMap<String, bool>,
}

impl Marked {
    fn mark(&mut self, is_open: bool) -> Json {
        let mark = format!("mark-{}-", self.marks.len());
        self.marks.insert(mark.clone(), is_open);
        Json::String(mark)
    }

    /// A value for a field: a text, or one in a list or a document.
    fn value(&mut self, is_open: bool) -> Json {
        match self.dice.below(4) {
            0 => json!([self.mark(is_open), self.mark(is_open)]),
            1 => json!({"a": [{"b": self.mark(is_open)}], "c": self.mark(is_open)}),
            _ => self.mark(is_open),
        }
    }

    fn filter(&mut self, place: &'static str, depth: usize) -> Json {
        match self.dice.below(if depth < 4 { 8 } else { 4 }) {
            4 => json!({"and": [self.filter(place, depth + 1), self.filter(place, depth + 1)]}),
            5 => json!({"or": [self.filter(place, depth + 1), self.filter(place, depth + 1)]}),
            6 => json!({"not": self.filter(place, depth + 1)}),
            7 => {
                let relation = self.dice.relation(place);
                let behind = leads(place, relation);
                json!({"relation": relation, "match": self.dice.of(&["any", "all", "none"]),
                       "filters": [self.filter(behind, depth + 1)]})
            }
            _ => {
                let (field, op) = (self.dice.field(place), self.dice.of(&["eq", "in", "between", "lt", "contains"]));
                json!({"field": field, "op": op, "value": self.value(opens(place, field))})
            }
        }
    }

    fn include(&mut self, place: &'static str, depth: usize) -> Json {
        let relation = self.dice.relation(place);
        let behind = leads(place, relation);
        let mut include = json!({"relation": relation, "filters": [self.filter(behind, 2)]});
        if depth < 2 {
            include["include"] = json!([self.include(behind, depth + 1)]);
        }
        include
    }

    fn id(&mut self, place: &'static str) -> Json {
        if self.dice.below(2) == 0 {
            let is_open = matches!(place, "Tenant" | "User" | "Order" | "OrderItem");
            return self.mark(is_open);
        }
        let mut parts = Map::new();
        for _ in 0..2 {
            let field = self.dice.field(place);
            let value = self.mark(opens(place, field));
            // What stands twice is lost, and not hidden.
            if let Some(Json::String(lost)) = parts.insert(field.to_owned(), value) {
                self.marks.remove(&lost);
                self.marks.insert(format!("{lost}lost"), false);
            }
        }
        Json::Object(parts)
    }

    fn data(&mut self, place: &'static str) -> Json {
        let start = self.dice.below(FIELDS.len() - 4);
        let fields = &FIELDS[start..start + 4];
        fields.iter().map(|field| ((*field).to_owned(), self.value(opens(place, field)))).collect::<Map<_, _>>().into()
    }

    /// The arguments of a tool.
    fn arguments(&mut self, tool: Tool) -> Json {
        let model = self.dice.name(MODELS, |model| opens(model, "id"));
        let mut arguments = json!({"model": model});
        match tool {
            Tool::Query => {
                arguments["filters"] = json!([self.filter(model, 0), self.filter(model, 0)]);
                arguments["include"] = json!([self.include(model, 0)]);
                arguments["cursor"] = self.mark(false);
            }
            Tool::Get => {
                arguments["id"] = self.id(model);
                arguments["include"] = json!([self.include(model, 0)]);
            }
            Tool::Aggregate => {
                arguments["aggregations"] = json!([{"function": "count"}]);
                arguments["filters"] = json!([self.filter(model, 0)]);
            }
            Tool::BulkUpdate if self.dice.below(2) == 0 => arguments["filters"] = json!([self.filter(model, 0)]),
            Tool::BulkUpdate => arguments["ids"] = json!([self.id(model), self.id(model)]),
            Tool::Update | Tool::Delete => arguments["id"] = self.id(model),
            Tool::Create | Tool::DescribeSchema => {}
        }
        if tool.writes() {
            arguments["idempotency_key"] = self.mark(false);
            arguments["reason"] = self.mark(false);
            if tool != Tool::Delete {
                arguments["data"] = self.data(model);
            }
        }
        arguments
    }
}

#[test]
fn no_value_that_is_not_open_stands_in_the_inputs_or_in_a_message() {
    let world = World::new(POLICY);
    let view = world.policy.view(&[]);
    let (mut open, mut hidden) = (0, 0);
    for seed in 0..4_000_u64 {
        let mut marked = Marked { dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)), marks: BTreeMap::new() };
        let tool = marked.dice.of(&Tool::ALL);
        let arguments = marked.arguments(tool);
        let request = Request::from_value(tool, &arguments).unwrap_or_else(|error| panic!("{arguments}: {error}"));
        let told = inputs(&request, world.catalog(), &view).to_string();
        assert!(!told.contains("oversize"), "{arguments}");
        for (mark, is_open) in &marked.marks {
            assert_eq!(told.contains(mark.as_str()), *is_open, "{mark}: {arguments}\n{told}");
            *(if *is_open { &mut open } else { &mut hidden }) += 1;
        }
        let refused = match tool.writes() {
            true => resolve_write(&request, world.catalog(), &view).err(),
            false => resolve(request, world.catalog(), &view).err(),
        };
        if let Some(error) = refused {
            assert!(!message(&error).contains("mark-"), "{arguments}\n{error}");
            assert!(!json!(error).to_string().contains("mark-"), "{arguments}\n{error}");
        }
    }
    assert!(open > 4_000 && hidden > 4_000, "{open} open, {hidden} hidden");
}
