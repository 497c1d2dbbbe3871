//! What is recorded of a call shows nothing that the call would not: no value of a field that is
//! not shown as it is, and each bypass that took part. Decided without a database, for any policy,
//! principal and request; the interpreter's own view says what is open.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use ormai_core::answer::Fetched;
use ormai_core::audited::{self, Decided, HIDDEN, Snapshots};
use ormai_core::authorize::{Authority, authorize_write, traced};
use ormai_core::catalog::Catalog;
use ormai_core::cursor::CursorKey;
use ormai_core::explain::{Did, Kind};
use ormai_core::plan::{Shape, Step};
use ormai_core::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};
use ormai_core::principal::CallContext;
use ormai_core::redact::{HashKey, Redactor};
use ormai_core::request::{Request, Tool};
use ormai_core::resolve::{resolve, resolve_write};
use ormai_core::value::Value;
use ormai_core::write::{Course, WriteStep};
use ormai_testkit::reference::{Rules, View};
use ormai_testkit::world::{
    Action, AsCatalog as _, AsDocument as _, AsPrincipal as _, Ask, Asked, Case, Cases, Model, Trial, World,
};
use ormai_testkit::{Scale, every_engine};
use proptest::test_runner::TestCaseError;
use serde_json::{Map, Value as Json, json};

use super::under_test::Checked;

const READS: Cases = Cases { trials: 4, asks: 15, of_one: false, of: Asked::Reads };
const WRITES: Cases = Cases { of: Asked::Writes, ..READS };

/// How many asks `cargo xtask test` has time for.
const ASKS: usize = 2_400;

/// What a run has met.
#[derive(Debug, Default)]
struct Met {
    inputs: usize,
    hidden: usize,
    /// Plans, and how many of them tell of a bypass, also of one behind a relation.
    plans: usize,
    bypassed: usize,
    behind: usize,
    /// Writes that were followed to their end.
    written: usize,
    before: usize,
    after: usize,
    redacted: usize,
}

every_engine! {
    async fn a_record_of_a_read_shows_nothing_hidden_and_every_bypass(test: &TestDatabase) {
        prove("a record of a read", READS, test.engine(), |met| {
            assert!(met.hidden * 20 > met.inputs, "too little is hidden: {met:?}");
            assert!(met.bypassed * 20 > met.plans && met.behind > 0, "too little is bypassed: {met:?}");
        });
    }

    async fn a_record_of_a_write_shows_nothing_hidden_and_the_rows_before_and_after(test: &TestDatabase) {
        prove("a record of a write", WRITES, test.engine(), |met| {
            assert!(met.hidden * 20 > met.inputs, "too little is hidden: {met:?}");
            assert!(met.before * 4 > met.written && met.after * 4 > met.written, "too little is written: {met:?}");
            assert!(met.redacted * 20 > met.written, "too little is redacted: {met:?}");
        });
    }
}

#[expect(clippy::print_stdout, reason = "what a run met is for whoever proves the laws")]
fn prove(law: &str, cases: Cases, engine: ormai_testkit::Engine, is_enough: impl FnOnce(&Met)) {
    let (scale, met) = (Scale::from_environment(ASKS), RefCell::new(Met::default()));
    let outcome = scale.runner(cases.trials * cases.asks).run(&cases, |case| {
        let catalog = Arc::new(case.world.catalog(engine, "").unwrap());
        case.trials.iter().try_for_each(|trial| holds(&case.world, &catalog, trial, &mut met.borrow_mut()))
    });
    let met = met.into_inner();
    println!("{law} on {engine}, seed {}: {met:?}", scale.seed);
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    if scale.asks >= ASKS {
        is_enough(&met);
    }
}

fn holds(world: &World, catalog: &Arc<Catalog>, trial: &Trial, met: &mut Met) -> Checked {
    let reject = |_| TestCaseError::reject("the policy does not load");
    let document = PolicyDocument::parse(&trial.policy.to_yaml(), Format::Yaml).map_err(reject)?;
    let options = CompileOptions { has_hash_key: true };
    let policy = CompiledPolicy::compile(&document, Arc::clone(catalog), options).map_err(reject)?;
    for ask in &trial.asks {
        let open = View::of(world, &trial.policy, &ask.who.roles);
        recorded(world, &policy, &open, ask, met).map_err(|why| TestCaseError::fail(format!("{why}\n{ask}")))?;
    }
    Ok(())
}

/// Whether the record of one ask says what it may.
fn recorded(world: &World, policy: &CompiledPolicy, open: &View, ask: &Ask, met: &mut Met) -> Result<(), String> {
    let tool = Tool::from_name(ask.request.tool()).map_err(|error| error.to_string())?;
    let mut arguments = ask.request.to_json();
    if tool == Tool::Query {
        arguments["cursor"] = json!("a cursor");
    } else if tool.writes() {
        arguments["idempotency_key"] = json!("a key");
    }
    let Ok(request) = Request::from_value(tool, &arguments) else { return Ok(()) };
    let view = policy.view(&ask.who.roles);
    let said = request.arguments().map_err(|error| error.to_string())?;
    let expected = Told { world, open }.request(&said);
    let inputs = audited::inputs(&request, policy.catalog(), &view);
    met.inputs += 1;
    // A cursor and a key of the request always are.
    let values = inputs
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !["cursor", "idempotency_key"].contains(&key.as_str()));
    met.hidden += usize::from(values.into_iter().any(|(_, told)| told.to_string().contains(HIDDEN)));
    if inputs != expected {
        return Err(format!("the inputs are {inputs}\ninstead of {expected}"));
    }
    let call = CallContext {
        principal: ask.who.principal(),
        request_id: "law".to_owned(),
        trace_id: None,
        now: Case::now().parse().unwrap(),
    };
    let cursors = CursorKey::new(&[7; 32]);
    let authority = Authority {
        catalog: policy.catalog(),
        view: &view,
        call: &call,
        cursors: &cursors,
        looks_first: false,
        snapshots: true,
    };
    let Some(rules) = open.models.get(ask.request.model()) else { return Ok(()) };
    if tool.writes() {
        return match resolve_write(&request, policy.catalog(), &view)
            .and_then(|write| authorize_write(write, authority))
        {
            Ok(plan) => written(Course::new(plan, policy.catalog()), &request, authority, rules, met),
            Err(_) => Ok(()),
        };
    }
    // The first page: nobody has made the cursor.
    let mut first = arguments;
    if let Some(first) = first.as_object_mut() {
        first.remove("cursor");
    }
    let Ok(resolved) = Request::from_value(tool, &first).and_then(|first| resolve(first, policy.catalog(), &view))
    else {
        return Ok(());
    };
    let (trace, plan) = traced(resolved, authority);
    let Ok(plan) = plan else { return Ok(()) };
    let decided = Decided::of_read(&plan, policy.catalog(), &view);
    let lifting = trace.tables.iter().flat_map(|table| {
        let bypasses = table.rules.iter().filter(|rule| rule.kind == Kind::Bypass && rule.did == Did::AlwaysTrue);
        bypasses.map(|rule| (format!("{}:{}", table.model, rule.rule), table.entered != "root"))
    });
    let lifting: Vec<(String, bool)> = lifting.collect();
    met.plans += 1;
    met.bypassed += usize::from(!lifting.is_empty());
    met.behind += usize::from(lifting.iter().any(|(_, behind)| *behind));
    let lifting: BTreeSet<String> = lifting.into_iter().map(|(name, _)| name).collect();
    let named: BTreeSet<String> = decided.bypass.into_iter().collect();
    if lifting == named { Ok(()) } else { Err(format!("lifted by {lifting:?}, and the record tells of {named:?}")) }
}

/// The arguments of a request as they should be told.
#[derive(Clone, Copy)]
struct Told<'a> {
    world: &'a World,
    open: &'a View,
}

/// Where names are looked up.
type Place<'a> = Option<(&'a Model, &'a Rules, Option<&'a Vec<String>>)>;

impl<'a> Told<'a> {
    fn request(self, said: &Json) -> Json {
        let name = said["model"].as_str().unwrap_or_default();
        let place = self.place(name, None);
        let entries = said.as_object().into_iter().flatten().filter(|(key, _)| *key != "reason");
        let told = entries.map(|(key, json)| {
            let told = match key.as_str() {
                "cursor" | "idempotency_key" => json!(HIDDEN),
                "id" => key_of(place, json),
                "ids" => each(json, |id| key_of(place, id)),
                "data" => fields(place, json),
                _ => self.part(place, key, json),
            };
            (key.clone(), told)
        });
        Json::Object(told.collect())
    }

    fn part(self, place: Place<'a>, key: &str, json: &Json) -> Json {
        match key {
            "filters" | "and" | "or" => each(json, |filter| self.filter(place, filter)),
            "include" => each(json, |include| {
                let behind = self.behind(place, include);
                entries(include, |key, json| self.part(behind, key, json))
            }),
            _ => json.clone(),
        }
    }

    fn filter(self, place: Place<'a>, filter: &Json) -> Json {
        let place = if filter.get("relation").is_some() { self.behind(place, filter) } else { place };
        entries(filter, |key, json| match (key, filter["field"].as_str()) {
            ("value", Some(field)) if !shows(place, field) => json!(HIDDEN),
            ("value", _) => json.clone(),
            ("not", _) => self.filter(place, json),
            _ => self.part(place, key, json),
        })
    }

    fn place(self, model: &str, through: Option<&'a Vec<String>>) -> Place<'a> {
        Some((self.world.model(model)?, self.open.models.get(model)?, through))
    }

    fn behind(self, place: Place<'a>, said: &Json) -> Place<'a> {
        let (model, rules, _) = place?;
        let name = said["relation"].as_str()?;
        let policy = rules.relations.get(name)?;
        self.place(&model.relation(name)?.target, policy.fields.as_ref())
    }
}

fn shows(place: Place<'_>, field: &str) -> bool {
    place.is_some_and(|(_, rules, through)| {
        let led_to = through.is_none_or(|fields| fields.iter().any(|name| name == field));
        led_to && rules.fields.get(field).is_some_and(|rule| rule.action == Action::Allow)
    })
}

fn key_of(place: Place<'_>, id: &Json) -> Json {
    if id.is_object() {
        return fields(place, id);
    }
    let is_open = place.is_some_and(|(model, ..)| match model.key.as_slice() {
        [only] => shows(place, only),
        _ => false,
    });
    if is_open { id.clone() } else { json!(HIDDEN) }
}

fn fields(place: Place<'_>, values: &Json) -> Json {
    entries(values, |name, value| if shows(place, name) { value.clone() } else { json!(HIDDEN) })
}

fn entries(json: &Json, told: impl Fn(&str, &Json) -> Json) -> Json {
    let entries = json.as_object().into_iter().flatten();
    Json::Object(entries.map(|(key, json)| (key.clone(), told(key, json))).collect::<Map<_, _>>())
}

fn each(json: &Json, told: impl Fn(&Json) -> Json) -> Json {
    json.as_array().into_iter().flatten().map(told).collect()
}

/// Follows a write to its end over one row, in which each field holds a text of its own.
fn written(
    mut course: Course,
    request: &Request,
    authority: Authority<'_>,
    rules: &Rules,
    met: &mut Met,
) -> Result<(), String> {
    let model = authority.catalog.model(course.plan().model());
    let stored = |field: &str| format!("stored {field}");
    let of = |fields: &[ormai_core::catalog::FieldId]| {
        let values = fields.iter().map(|field| Value::Text(stored(&model.field(*field).name)));
        Fetched::new(fields.len(), values.collect())
    };
    let selected = |step: &Step| match step.shape() {
        Shape::Select(select) => Some(of(&select.outputs)),
        _ => None,
    };
    // What the values themselves refuse is written by no course.
    while let Ok(Some(step)) = course.step() {
        let taken = match step {
            WriteStep::Read(step) => match selected(&step) {
                Some(row) => course.read(row),
                None => course.suppose(),
            },
            WriteStep::Change(step) if matches!(step.shape(), Shape::Insert(_)) => {
                course.changed(1, &of(&model.primary_key))
            }
            WriteStep::Change(_) => course.changed(1, &Fetched::default()),
        };
        if taken.is_err() {
            return Ok(());
        }
    }
    let key = HashKey::new([1; 32]).unwrap();
    if course.conclude(&Redactor::new(Some(&key), &authority.call.principal)).is_err() {
        return Ok(());
    }
    let snapshots = course.take_snapshots();
    if request.is_dry_run() {
        return if snapshots.is_none() { Ok(()) } else { Err("a dry run has changed nothing".to_owned()) };
    }
    let Some(Snapshots { before, after, .. }) = snapshots else { return Err("there are no snapshots".to_owned()) };
    let goes = request.tool() == Tool::Delete && rules.soft_delete.is_none();
    if (before.is_some(), after.is_some()) != (request.tool() != Tool::Create, !goes) {
        return Err(format!("before: {before:?}, after: {after:?}"));
    }
    met.written += 1;
    met.before += usize::from(before.is_some());
    met.after += usize::from(after.is_some());
    let hides = rules.fields.values().any(|rule| rule.action != Action::Allow);
    met.redacted += usize::from(hides);
    for snapshot in [before, after].into_iter().flatten() {
        let row = if request.tool() == Tool::BulkUpdate { &snapshot["rows"][0] } else { &snapshot };
        let told = row.as_object().ok_or("a snapshot is no row")?;
        if !told.keys().eq(rules.fields.keys()) {
            return Err(format!("a snapshot has other fields: {row}"));
        }
        for (name, value) in told {
            let is_open = rules.fields.get(name).is_some_and(|rule| rule.action == Action::Allow);
            if (*value == json!(stored(name))) != is_open {
                return Err(format!("a snapshot shows `{name}` as {value}"));
            }
        }
    }
    Ok(())
}
