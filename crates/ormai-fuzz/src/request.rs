//! Requests: from any bytes to a statement, or to a refusal.

use ormai_core::answer::Fetched;
use ormai_core::error::ErrorCode;
use ormai_core::plan::{ScopedPlan, Step};
use ormai_core::principal::{CallContext, Principal};
use ormai_core::redact::{Harvest, HashKey, Redactor, answer};
use ormai_core::request::{Filter, Include, Request, Tool, limits};
use ormai_core::value::{ColumnType, Value};
use ormai_sql::{CompileError, Statement};
use serde_json::{Value as Json, json};

use crate::world::{WORLDS, World, call};
use crate::{vocabulary, write};

/// What no statement says on its own, with what ends a string or a name in some dialect.
const MARKER: &str = "xq7'\"`\\;--";

/// Whatever the bytes, as arguments of each tool they are refused by name or come to
/// statements, in each dialect, for each kind of principal; nothing panics. A statement is
/// made of the words of its dialect and the names of the catalog alone, it holds no string,
/// and it has a placeholder for each of its values. Where the text values of the request are
/// marked, and those of the principal always are, no mark is in a statement. What is read is
/// written as it was read, and a write names its rows.
///
/// # Panics
///
/// When that does not hold.
pub fn law(bytes: &[u8]) {
    tried(bytes);
    write::tried(bytes);
}

/// How many statements a law's bytes come to; for tests, whose corpus must come to some.
///
/// # Panics
///
/// As [`law`] does.
pub fn tried(bytes: &[u8]) -> usize {
    let mut statements = 0;
    for tool in Tool::ALL.into_iter().filter(|tool| !tool.writes()) {
        let Ok(request) = Request::from_json(tool, bytes) else { continue };
        read_again(&request);
        if tool == Tool::DescribeSchema {
            continue; // answered from the view, without a plan
        }
        for principal in principals() {
            let call = call(principal);
            statements += calls(&request, &call);
            statements += calls(&marked(request.clone()), &call);
        }
    }
    statements
}

/// A request is read as it is written, unless it has grown too long: short forms are written out.
pub(crate) fn read_again(request: &Request) {
    let text = request.arguments().unwrap().to_string();
    if text.len() <= limits::REQUEST_BYTES {
        assert_eq!(Request::from_json(request.tool(), text.as_bytes()).as_ref(), Ok(request), "{text}");
    }
}

/// A plain one, one with attributes and an overlay, and one who bypasses.
pub(crate) fn principals() -> [Principal; 3] {
    let tenant = format!("acme{MARKER}");
    let plain = Principal::new(tenant.as_str()).user(format!("user{MARKER}"));
    let tenants = json!([tenant, format!("parent{MARKER}")]);
    [plain.clone(), plain.clone().role("support").metadata("tenants", tenants), plain.role("super_admin")]
}

/// Runs a call in each dialect, against a database that answers every statement.
fn calls(request: &Request, call: &CallContext) -> usize {
    let mut statements = 0;
    for world in WORLDS.iter() {
        match world.plan(request.clone(), call) {
            Ok(plan) => statements += answered(world, plan, call),
            Err(error) => assert_ne!(error.code, ErrorCode::Internal, "{error:?}"),
        }
    }
    statements
}

fn answered(world: &World, mut plan: ScopedPlan, call: &CallContext) -> usize {
    let mut statements = 0;
    let mut run = |step: Step| {
        statements += 1;
        match world.compiler.compile(step) {
            Ok(statement) => {
                hold(&statement, world);
                rows(&statement)
            }
            // The only refusal that comes from the size of a request.
            Err(CompileError::TooManyPlaces { .. }) => Fetched::default(),
            Err(error) => panic!("{error}"),
        }
    };
    let mut harvest = Harvest::default();
    harvest.root(run(plan.take_root()));
    while harvest.includes_done() < plan.includes() {
        let fetched = match harvest.next_include(&plan) {
            Ok(step) => step.map(&mut run).unwrap_or_default(),
            Err(error) => {
                assert_eq!(error.code, ErrorCode::QueryTooBroad, "{error:?}");
                return statements;
            }
        };
        harvest.include(fetched);
    }
    if let Some(step) = plan.take_total() {
        harvest.total(&run(step));
    }
    let key = HashKey::new([7; 16]).unwrap();
    let redactor = Redactor::new(Some(&key), &call.principal);
    let answer = answer(plan, harvest, &redactor, &world.cursors, world.policy.version(), call).unwrap();
    serde_json::to_string(&answer).unwrap();
    statements
}

/// What holds of every statement.
pub(crate) fn hold(statement: &Statement, world: &World) {
    let sql = statement.sql();
    let (catalog, dialect) = (world.policy.catalog(), world.compiler.dialect());
    let placeholders = vocabulary::check(sql, catalog, dialect).unwrap_or_else(|word| panic!("{word} stands in {sql}"));
    assert_eq!(placeholders, statement.binds().count(), "placeholders and values of {sql}");
    assert!(!sql.contains("xq7"), "a value stands in {sql}");
}

/// Two rows that fit a statement's columns.
pub(crate) fn rows(statement: &Statement) -> Fetched {
    let row: Vec<Value> = statement.columns().iter().map(value).collect();
    Fetched::new(row.len(), [row.clone(), row].concat())
}

fn value(ty: &ColumnType) -> Value {
    match ty {
        ColumnType::Bool => Value::Bool(true),
        ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int => Value::Int(1),
        ColumnType::Float => Value::Float(0.5),
        ColumnType::Decimal => Value::Decimal(1.into()),
        ColumnType::Text | ColumnType::Char | ColumnType::Enum(_) => Value::Text(MARKER.to_owned()),
        ColumnType::Bytes => Value::Bytes(MARKER.into()),
        // Of the rest, NULL is enough: none of it links rows but the UUID, and that is nothing then.
        _ => Value::Null,
    }
}

/// The request with a mark in each text value. Names and words stay as they are.
fn marked(mut request: Request) -> Request {
    match &mut request {
        Request::Query(query) => {
            query.filters.iter_mut().for_each(mark_filter);
            query.include.iter_mut().for_each(mark_include);
        }
        Request::Get(get) => {
            mark(&mut get.id);
            get.include.iter_mut().for_each(mark_include);
        }
        Request::Aggregate(aggregate) => aggregate.filters.iter_mut().for_each(mark_filter),
        _ => {}
    }
    request
}

fn mark_include(include: &mut Include) {
    include.filters.iter_mut().for_each(mark_filter);
    include.include.iter_mut().for_each(mark_include);
}

pub(crate) fn mark_filter(filter: &mut Filter) {
    match filter {
        Filter::Field { value, .. } => mark(value),
        Filter::And { and: parts } | Filter::Or { or: parts } | Filter::Relation { filters: parts, .. } => {
            parts.iter_mut().for_each(mark_filter);
        }
        Filter::Not { not } => mark_filter(not),
        _ => {}
    }
}

pub(crate) fn mark(value: &mut Json) {
    match value {
        // With digits it may be a number, a date or bytes, which the mark would spoil.
        Json::String(text) if !text.bytes().any(|byte| byte.is_ascii_digit()) => text.push_str(MARKER),
        Json::Array(items) => items.iter_mut().for_each(mark),
        Json::Object(entries) => entries.values_mut().for_each(mark),
        _ => {}
    }
}
