//! `errors_reveal_nothing`

use std::collections::HashSet;

use ormai::catalog::{FieldId, ModelId};
use ormai::policy::FieldAction;
use ormai::request::Request;
use ormai::value::ColumnType;
use serde_json::{Map, Value as Json, json};

use super::evidence::{Evidence, undecided};
use super::no_denied_fields::open_names;
use super::stored::{Tables, key_of, value_of};
use super::words::{Known, Said, telling};
use super::{Checking, Invariant, Needs};
use crate::harness::{Observed, differences};
use crate::{Row, Violation, WitnessError};

const NAME: &str = "errors_reveal_nothing";

/// Reads errors, and asks again for rows of others and for rows that are not there.
#[derive(Debug)]
pub(super) struct ErrorsRevealNothing;

impl Invariant for ErrorsRevealNothing {
    fn name(&self) -> &str {
        NAME
    }

    fn needs(&self) -> Needs {
        Needs::Calls
    }

    fn check<'a>(&'a self, evidence: &'a Evidence<'_, '_>) -> Checking<'a> {
        Box::pin(async move {
            let mut violations = Vec::new();
            if let Some(error) = evidence.observed().error() {
                violations.extend(words(evidence, error));
                violations.extend(values(evidence, error).await.unwrap_or_else(|error| undecided(NAME, error)));
            }
            violations.extend(twins(evidence).await.unwrap_or_else(|error| undecided(NAME, error)));
            violations
        })
    }
}

/// What SQL, drivers and programs say, in small letters.
const FOREIGN_WORDS: &[&str] = &[
    "select ",
    "insert into",
    "delete from",
    "where ",
    " join ",
    "sqlstate",
    "sqlite",
    "sqlx",
    "postgres",
    "mysql",
    "mariadb",
    "constraint",
    "syntax error",
    "duplicate entry",
    "duplicate key",
    "foreign key",
    "violates",
    "panicked",
    "backtrace",
    "no such table",
    "no such column",
    "unknown column",
    "does not exist",
    "deadlock",
    "lock wait",
    "connection refused",
    "broken pipe",
    "os error",
];

fn words(evidence: &Evidence<'_, '_>, error: &Json) -> Vec<Violation> {
    let (said, known) = (Said::by(error), Known::to(evidence.call()));
    let small = said.text().to_lowercase();
    let mut violations = Vec::new();
    for word in FOREIGN_WORDS.iter().filter(|word| small.contains(**word) && !known.has(word.trim())) {
        violations.push(Violation::new(NAME, format!("an error says `{}`", word.trim())).field("message"));
    }
    let open: HashSet<&str> = open_names(evidence).collect();
    for (_, model) in evidence.catalog().models() {
        let names = std::iter::once(&model.table.name).chain(model.fields.iter().map(|field| &field.column));
        for name in names.filter(|name| !open.contains(name.as_str()) && !known.has(name)) {
            if said.names(name) {
                violations.push(Violation::new(NAME, format!("an error names the table or column `{name}`")));
            }
        }
    }
    violations
}

/// Values of rows and fields that the principal may not see.
async fn values(evidence: &Evidence<'_, '_>, error: &Json) -> Result<Vec<Violation>, WitnessError> {
    let (said, known) = (Said::by(error), Known::to(evidence.call()));
    let tables = evidence.tables(evidence.catalog().models().map(|(id, _)| id)).await?;
    let (mut innocent, mut found) = (HashSet::new(), Vec::new());
    for (model, described) in evidence.catalog().models() {
        let rules = evidence.view().model(model);
        for row in tables.rows(model) {
            let mut seen = None;
            for (field, one) in described.field_ids() {
                let Some(value) = row.get(&one.name).and_then(telling) else { continue };
                if !said.names(&value) {
                    continue;
                }
                let sees = *seen.get_or_insert_with(|| evidence.eyes().sees(&tables, model, row));
                let shown =
                    rules.and_then(|rules| rules.field(field)).is_some_and(|rule| rule.action == FieldAction::Allow);
                if sees && shown {
                    innocent.insert(value);
                } else {
                    let key = key_of(described, row).unwrap_or(Json::Null);
                    found.push((value, (described.name.clone(), key, one.name.clone())));
                }
            }
        }
    }
    found.retain(|(value, _)| !innocent.contains(value) && !known.has(value));
    let violation = |(_, (model, key, field)): (String, (String, Json, String))| {
        Violation::new(NAME, "an error tells a value that the principal may not see").row(model, key).field(field)
    };
    Ok(found.into_iter().map(violation).collect())
}

/// The most rows of others that are asked for.
const MOST_TWINS: usize = 3;

/// A row of others, and one that is not there, in the same place of a call.
struct Twin {
    what: String,
    model: ModelId,
    others: Json,
    place: Place,
}

enum Place {
    Id,
    Data(String),
}

/// The same call about a row of others, and about one that is not there: both say the same.
async fn twins(evidence: &Evidence<'_, '_>) -> Result<Vec<Violation>, WitnessError> {
    let (Some(request), Some(model)) = (evidence.request(), evidence.model()) else { return Ok(Vec::new()) };
    let catalog = evidence.catalog();
    let mut targets = vec![model];
    targets.extend(catalog.model(model).foreign_keys.iter().map(|key| key.target));
    let tables = evidence.tables(targets).await?;
    let mut twins = Vec::new();
    if matches!(request, Request::Get(_) | Request::Update(_) | Request::Delete(_)) {
        for key in closed(evidence, &tables, model).filter_map(|row| key_of(catalog.model(model), row)).take(MOST_TWINS)
        {
            twins.push(Twin { what: "id".to_owned(), model, others: key, place: Place::Id });
        }
    }
    if let Request::Create(_) | Request::Update(_) = request {
        twins.extend(references(evidence, &tables, model));
    }
    let mut violations = Vec::new();
    for twin in twins {
        let Some(absent) = absent(&tables, &twin) else { continue };
        let (Some(of_others), Some(of_nobody)) = (
            put(&evidence.call().arguments, &twin.place, &twin.others),
            put(&evidence.call().arguments, &twin.place, &absent),
        ) else {
            continue;
        };
        let (mut of_others, of_nobody) = (ask(evidence, of_others).await, ask(evidence, of_nobody).await);
        if let (Ok(one), Ok(other)) = (&of_others, &of_nobody)
            && one.comparable() != other.comparable()
        {
            // An error may repeat what was asked for.
            of_others = Ok(Observed { result: without(&one.result, &twin.others, &absent), records: None });
        }
        match (of_others, of_nobody) {
            (Ok(one), Ok(other)) if one.comparable() == other.comparable() => {}
            (Ok(one), Ok(other)) => {
                let places = differences(&one.comparable(), &other.comparable(), 3).join(", ");
                let what = format!("a row of others is answered otherwise than one that is not there, in {places}");
                let name = &catalog.model(twin.model).name;
                violations.push(Violation::new(NAME, what).row(name, twin.others).field(twin.what));
            }
            (Err(error), _) | (_, Err(error)) => violations.extend(undecided(NAME, error)),
        }
    }
    Ok(violations)
}

fn closed<'t>(evidence: &'t Evidence<'_, '_>, tables: &'t Tables, model: ModelId) -> impl Iterator<Item = &'t Row> {
    tables.rows(model).iter().filter(move |row| !evidence.eyes().sees(tables, model, row))
}

/// The references that a write chose, each to a row of others.
fn references(evidence: &Evidence<'_, '_>, tables: &Tables, model: ModelId) -> Vec<Twin> {
    let (catalog, described) = (evidence.catalog(), evidence.catalog().model(model));
    let Some(data) = evidence.call().arguments.get("data").and_then(Json::as_object) else { return Vec::new() };
    let mut twins = Vec::new();
    for key in &described.foreign_keys {
        let [(here, there)] = key.columns.as_slice() else { continue };
        let name = &described.field(*here).name;
        let scoped =
            evidence.view().model(model).is_some_and(|rules| rules.scoping.iter().any(|one| one.field == *here));
        // Another's tenant is refused before it is looked for.
        if !data.contains_key(name) || scoped || evidence.view().model(key.target).is_none() {
            continue;
        }
        if !catalog.model(key.target).primary_key.iter().eq([there]) {
            continue;
        }
        let target = catalog.model(key.target);
        for row in closed(evidence, tables, key.target).take(MOST_TWINS) {
            let others = value_of(target, row, *there).clone();
            twins.push(Twin { what: name.clone(), model: key.target, others, place: Place::Data(name.clone()) });
        }
    }
    twins
}

/// A key like another one that no row has.
fn absent(tables: &Tables, twin: &Twin) -> Option<Json> {
    let model = tables.catalog.model(twin.model);
    let Json::Object(parts) = &twin.others else {
        let [field] = model.primary_key.as_slice() else { return None };
        return absent_value(tables, twin.model, *field, &twin.others);
    };
    // One part is enough to be nobody's.
    let field = model.primary_key.first()?;
    let mut other = parts.clone();
    let name = &model.field(*field).name;
    other.insert(name.clone(), absent_value(tables, twin.model, *field, parts.get(name)?)?);
    Some(Json::Object(other))
}

/// A value like another one that stands in no row.
pub(super) fn absent_value(tables: &Tables, model: ModelId, field: FieldId, like: &Json) -> Option<Json> {
    let described = tables.catalog.model(model);
    let taken: HashSet<String> =
        tables.rows(model).iter().map(|row| value_of(described, row, field).to_string()).collect();
    let free = |candidate: &Json| !taken.contains(&candidate.to_string());
    let ty = &described.field(field).ty;
    match (ty, like) {
        (ty, Json::Number(number)) if ty.is_integer() => {
            let most = if *ty == ColumnType::Int16 { 30_000 } else { 2_000_000_000 };
            (number.as_i64()?.max(0)..most).map(Json::from).find(free)
        }
        (ColumnType::Uuid, _) => {
            (1..u64::MAX).map(|tail| json!(format!("00000000-0000-4000-8000-{tail:012x}"))).find(free)
        }
        (ty, Json::String(text)) if ty.is_text() && !matches!(ty, ColumnType::Enum(_)) => {
            let kept: String = text.chars().take(text.chars().count().saturating_sub(4)).collect();
            (0..u32::from(u16::MAX)).map(|tail| json!(format!("{kept}{tail:04x}"))).find(free)
        }
        _ => None,
    }
}

/// The arguments with another key or reference.
fn put(arguments: &Json, place: &Place, value: &Json) -> Option<Json> {
    let mut arguments: Map<String, Json> = arguments.as_object()?.clone();
    match place {
        Place::Id => drop(arguments.insert("id".to_owned(), value.clone())),
        Place::Data(field) => {
            arguments.get_mut("data")?.as_object_mut()?.insert(field.clone(), value.clone());
        }
    }
    Some(Json::Object(arguments))
}

async fn ask(evidence: &Evidence<'_, '_>, arguments: Json) -> Result<Observed, ormai::error::Error> {
    let call = evidence.call().with(arguments);
    evidence.undone(async |tx| evidence.again(tx, &call).await).await
}

/// A result with another key in the place of one.
fn without(result: &Json, one: &Json, other: &Json) -> Json {
    match result {
        same if same == one => other.clone(),
        Json::String(text) => {
            let plain = |key: &Json| key.as_str().map_or_else(|| key.to_string(), str::to_owned);
            Json::String(text.replace(&plain(one), &plain(other)))
        }
        Json::Array(items) => items.iter().map(|item| without(item, one, other)).collect(),
        Json::Object(entries) => {
            entries.iter().map(|(key, value)| (key.clone(), without(value, one, other))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}
