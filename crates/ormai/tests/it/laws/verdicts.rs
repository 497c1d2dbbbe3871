//! The laws of explaining a row, for generated policies, principals and filters: the verdict is
//! "admitted" exactly for the rows of the answer, and each rule is for the row what the
//! reference evaluator says of it.

use std::collections::BTreeMap;

use ormai::catalog::{Catalog, CatalogBuilder, FieldId, ModelBuilder, RelationId};
use ormai::condition::{self, Condition, evaluate::Row, evaluate::evaluate, strategies};
use ormai::prelude::*;
use ormai::request::{Request, Tool};
use ormai::value::ColumnType::{Bool, Int, Text};
use ormai::value::Value;
use ormai::{Inspected, Kind, Operator, Truth, Verdict};
use ormai_testkit::{Scale, TestDatabase, every_engine};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value as Json, json};

use super::under_test::wait;
use crate::support::with_policy;

/// Each case is asked about every row.
const ROWS: usize = 20;

/// Of `cargo xtask test`.
const ASKS: usize = 800;

fn catalog() -> Catalog {
    let thing = ModelBuilder::table("Thing", "things")
        .field("id", Int)
        .nullable("tenant_id", Text)
        .nullable("word", Text)
        .nullable("number", Int)
        .nullable("flag", Bool)
        .nullable("owner_id", Int)
        .primary_key(["id"])
        .to_one("owner", "Owner", [("owner_id", "id")]);
    let owner = ModelBuilder::table("Owner", "owners")
        .field("id", Int)
        .nullable("region", Text)
        .nullable("rank", Int)
        .primary_key(["id"])
        .to_many("things", "Thing", [("id", "owner_id")]);
    CatalogBuilder::new().model(thing).model(owner).build().unwrap()
}

/// The rows, as values in the order of the columns. The same in each case: the conditions differ.
struct World {
    things: Vec<Vec<Value>>,
    owners: Vec<Vec<Value>>,
}

impl World {
    fn new() -> Self {
        let text = |text: &str| Value::Text(text.to_owned());
        let tenants = [text("acme"), text("a"), Value::Null, text("b")];
        let words = [text("a"), Value::Null, text("AB"), text(""), text("b")];
        let numbers = [Value::Int(0), Value::Null, Value::Int(-1), Value::Int(2)];
        let flags = [Value::Bool(true), Value::Null, Value::Bool(false)];
        let owners = [Value::Int(1), Value::Null, Value::Int(2), Value::Int(9), Value::Int(3)];
        let of = |values: &[Value], at: usize| values[at % values.len()].clone();
        let thing = |id: usize| {
            let number = i64::try_from(id).unwrap();
            let tenant = if id.is_multiple_of(2) { text("acme") } else { of(&tenants, id / 2) };
            vec![Value::Int(number), tenant, of(&words, id), of(&numbers, id / 3), of(&flags, id), of(&owners, id / 2)]
        };
        let owner = |id: i64, region: Value, rank: Value| vec![Value::Int(id), region, rank];
        Self {
            things: (0..ROWS).map(thing).collect(),
            owners: vec![
                owner(1, text("a"), Value::Int(0)),
                owner(2, Value::Null, Value::Int(1)),
                owner(3, text("b"), Value::Null),
            ],
        }
    }

    fn statements(&self) -> String {
        let literal = |value: &Value| match value {
            Value::Null => "NULL".to_owned(),
            Value::Text(text) => format!("'{text}'"),
            other => other.to_json().to_string(),
        };
        let mut script = "CREATE TABLE things (id bigint PRIMARY KEY, tenant_id varchar(20), word varchar(20), number bigint, flag boolean, owner_id bigint);
            CREATE TABLE owners (id bigint PRIMARY KEY, region varchar(20), rank bigint);".replace("rank", "\"rank\"");
        for (table, rows) in [("things", &self.things), ("owners", &self.owners)] {
            for row in rows {
                let values: Vec<String> = row.iter().map(literal).collect();
                script.push_str(&format!("INSERT INTO {table} VALUES ({});", values.join(", ")));
            }
        }
        script
    }
}

/// A stored row: `things` says of which table.
struct Stored<'w> {
    world: &'w World,
    things: bool,
    row: &'w [Value],
}

impl Row for Stored<'_> {
    fn value(&self, field: FieldId) -> Value {
        self.row[field.index()].clone()
    }

    /// Each table has one relation, to the other.
    fn related(&self, _: RelationId) -> Vec<Box<dyn Row + '_>> {
        let (others, here, there) = if self.things { (&self.world.owners, 5, 0) } else { (&self.world.things, 0, 5) };
        let related = others.iter().filter(|other| !self.row[here].is_null() && other[there] == self.row[here]);
        related
            .map(|row| Box::new(Stored { world: self.world, things: !self.things, row }) as Box<dyn Row + '_>)
            .collect()
    }
}

#[derive(Clone, Debug)]
struct Case {
    restrictions: Vec<String>,
    permits: Vec<String>,
    bypass: Option<String>,
    principal: Principal,
    filters: Vec<Json>,
}

impl Case {
    fn policy(&self) -> String {
        let rules = self.restrictions.iter().enumerate().map(|(index, condition)| {
            json!({"name": format!("restriction_{index}"), "condition": condition, "effect": "restrict"})
        });
        let permits = self.permits.iter().enumerate().map(|(index, condition)| {
            json!({"name": format!("permit_{index}"), "condition": condition, "effect": "permit", "field": "tenant_id"})
        });
        let bypass =
            self.bypass.iter().map(|condition| json!({"name": "bypass", "condition": condition, "bypass": true}));
        let rules: Vec<Json> = rules.chain(permits).chain(bypass).collect();
        json!({"version": 1, "models": {
            "Thing": {
                "allowed": true,
                "fields": {"id": "allow", "word": "allow", "number": "allow", "flag": "allow"},
                "relations": {"owner": {"allowed": true}},
                "scoping": {"tenant_id": "principal.tenant_id"},
                "row_policies": rules,
            },
            "Owner": {"allowed": true, "fields": {"id": "allow", "region": "allow"}, "scoping": {}},
        }})
        .to_string()
    }

    fn query(&self) -> Request {
        Request::from_value(
            Tool::Query,
            &json!({"model": "Thing", "select": ["id"], "filters": self.filters, "limit": 100}),
        )
        .unwrap()
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let catalog = catalog();
    let condition = strategies::source(&catalog, catalog.find("Thing").unwrap());
    let bypass = select(vec!["'admin' IN principal.roles", "principal.metadata.a = 'b'", "principal.user_id IS NULL"]);
    let word = || select(vec![json!("a"), json!("AB"), json!(""), json!("b"), json!("%")]);
    let number = || (-1..3_i64).prop_map(|number| json!(number));
    let compare = |field: &'static str, value: BoxedStrategy<Json>| {
        (select(vec!["eq", "ne"]), value).prop_map(move |(op, value)| json!({"field": field, "op": op, "value": value}))
    };
    let atom = prop_oneof![
        compare("word", word().boxed()),
        compare("number", number().boxed()),
        any::<bool>().prop_map(|flag| json!({"field": "flag", "op": "eq", "value": flag})),
        any::<bool>().prop_map(|empty| json!({"field": "word", "op": "is_null", "value": empty})),
        vec(number(), 0..3).prop_map(|numbers| json!({"field": "number", "op": "not_in", "value": numbers})),
        (select(vec!["any", "all", "none"]), word()).prop_map(|(matching, region)| {
            json!({"relation": "owner", "match": matching, "filters": [{"field": "region", "op": "eq", "value": region}]})
        }),
    ];
    let filter = prop_oneof![
        4 => atom.clone(),
        1 => atom.clone().prop_map(|part| json!({"not": part})),
        1 => vec(atom, 1..3).prop_map(|parts| json!({"or": parts})),
    ];
    let metadata = || option::of(select(vec![json!("a"), json!("b"), json!("")]));
    let list = option::weighted(0.6, vec(select(vec![json!("a"), json!("AB"), json!("b")]), 0..3));
    let principal = (
        option::weighted(0.95, Just("acme")),
        option::of(Just("u1")),
        option::weighted(0.2, Just("admin")),
        (metadata(), metadata(), list),
    );
    let principal = principal.prop_map(|(tenant, user, role, (a, c, list))| {
        let mut principal = tenant.map_or_else(Principal::without_tenant, Principal::new);
        principal = user.into_iter().fold(principal, Principal::user);
        principal = role.into_iter().fold(principal, Principal::role);
        principal = a.into_iter().fold(principal, |principal, a| principal.metadata("a", a));
        principal = c.into_iter().fold(principal, |principal, c| principal.metadata("b", json!({"c": c})));
        list.into_iter().fold(principal, |principal, list| principal.metadata("list", Json::from(list)))
    });
    let rules = (vec(condition.clone(), 0..3), vec(condition, 0..2), option::weighted(0.3, bypass));
    (rules, principal, vec(filter, 0..3)).prop_map(|((restrictions, permits, bypass), principal, filters)| Case {
        restrictions,
        permits,
        bypass: bypass.map(str::to_owned),
        principal,
        filters,
    })
}

/// How often what was found, to see that the cases say something.
type Tally = BTreeMap<String, usize>;

async fn inspect(ormai: &OrmAi, ctx: &RunContext<'_>, case: &Case, id: i64) -> Result<Inspected, ormai::Refused> {
    ormai.tools().explain_row(ctx, case.query(), &json!(id), Operator::acknowledged()).await
}

async fn check(test: &TestDatabase, world: &World, case: &Case, tally: &mut Tally) {
    let catalog = catalog();
    let ormai = with_policy(test, &case.policy(), catalog.clone()).await;
    let now = jiff::Timestamp::UNIX_EPOCH;
    let ctx = RunContext::new(case.principal.clone()).now(now);
    let Request::Query(query) = case.query() else { panic!("a query") };
    let page = match ormai.tools().query(&ctx, query).await {
        Ok(page) => json!(page.data),
        Err(refusal) => {
            // Who is refused is refused here too, in the same words, and a rule is to blame.
            assert_eq!(inspect(&ormai, &ctx, case, 1).await.unwrap_err(), refusal);
            let explained = ormai.tools().explain(&ctx, case.query()).unwrap_err();
            assert!(explained.error == refusal && explained.refused_by.is_some(), "{refusal}");
            *tally.entry("refused".to_owned()).or_default() += 1;
            return;
        }
    };
    let answered: Vec<&Json> = page["rows"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    let absent = inspect(&ormai, &ctx, case, 777).await.unwrap();
    assert_eq!(absent.verdict, Verdict::NoSuchRow);
    for row in &world.things {
        let id = row[0].to_json();
        let inspected = inspect(&ormai, &ctx, case, id.as_i64().unwrap()).await.unwrap();
        let admitted = matches!(inspected.verdict, Verdict::Admitted { .. });
        assert_eq!(admitted, answered.contains(&&id), "row {id}: {}", inspected.verdict);
        let stored = Stored { world, things: true, row };
        for rule in inspected.rules.iter().filter(|rule| rule.kind != Kind::Scope) {
            let Some(truth) = rule.truth else { continue };
            let expected = evaluate(&compiled(&rule.says, &catalog), &stored, &case.principal, now).unwrap();
            assert_eq!(truth, expected, "row {id}: {}", rule.says);
            if truth == Truth::Unknown {
                let known = if rule.because.is_empty() { "unexplained" } else { "explained" };
                *tally.entry(format!("unknown, {known}")).or_default() += 1;
            }
        }
        let by = match &inspected.verdict {
            Verdict::Admitted { by } => by.first(),
            Verdict::Hidden { by } => by.last(),
            _ => None,
        };
        let what = by.and_then(|by| by.what.split(' ').next()).unwrap_or("nothing");
        *tally.entry(format!("{} by {what}", if admitted { "admitted" } else { "hidden" })).or_default() += 1;
    }
}

fn compiled(source: &str, catalog: &Catalog) -> Condition {
    condition::compile(source, catalog, catalog.find("Thing").unwrap()).unwrap().condition
}

every_engine! {
    async fn the_verdict_is_what_the_query_answers_and_the_rules_are_what_the_reference_says(test: &TestDatabase) {
        let world = World::new();
        test.execute(&world.statements()).await;
        let scale = Scale::from_environment(ASKS);
        let tally = std::cell::RefCell::new(Tally::new());
        let outcome = scale.runner(ROWS).run(&cases(), |case| {
            wait(check(test, &world, &case, &mut tally.borrow_mut()));
            Ok(())
        });
        let tally = tally.into_inner();
        println!("verdicts on {}, seed {}: {tally:?}", test.engine(), scale.seed);
        outcome.unwrap_or_else(|failure| panic!("{failure}"));
        for said in ["admitted by scope", "admitted by permit", "admitted by bypass", "hidden by scope", "hidden by restrict", "hidden by filter",
            "unknown, explained", "refused"] {
            let enough = tally.get(said).is_some_and(|times| *times > 3);
            assert!(enough || scale.asks < ASKS, "too little of `{said}`: {tally:?}");
        }
    }
}
