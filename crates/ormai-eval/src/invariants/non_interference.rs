//! `non_interference`

use std::collections::HashSet;

use ormai::RunContext;
use ormai::catalog::{Field, FieldId, ModelId, ModelKind};
use ormai::error::ErrorCode;
use ormai::request::{BulkUpdate, Create, Delete, Request};
use ormai::value::ColumnType;
use serde_json::{Map, Value as Json, json};

use super::errors_reveal_nothing::absent_value;
use super::evidence::{Evidence, undecided};
use super::ownership::{looked_at, read_by_rules};
use super::stored::{Tables, key_of, value_of};
use super::{Checking, Invariant, Needs};
use crate::harness::{Observed, differences};
use crate::witness::owner;
use crate::{Row, Violation, WitnessError};

const NAME: &str = "non_interference";

/// Changes others' rows, and asks again.
#[derive(Debug)]
pub(super) struct NonInterference;

impl Invariant for NonInterference {
    fn name(&self) -> &str {
        NAME
    }

    fn needs(&self) -> Needs {
        Needs::Calls
    }

    fn check<'a>(&'a self, evidence: &'a Evidence<'_, '_>) -> Checking<'a> {
        Box::pin(async move { found(evidence).await.unwrap_or_else(|error| undecided(NAME, error)) })
    }
}

/// What is done to the rows of others.
#[derive(Clone, Copy, Debug)]
enum Change {
    Values,
    Fewer,
    More,
}

impl Change {
    const ALL: [Self; 3] = [Self::Values, Self::Fewer, Self::More];

    fn word(self) -> &'static str {
        match self {
            Self::Values => "change",
            Self::Fewer => "are taken away",
            Self::More => "are added",
        }
    }
}

async fn found(evidence: &Evidence<'_, '_>) -> Result<Vec<Violation>, WitnessError> {
    let (Some(request), Some(model)) = (evidence.request(), evidence.model()) else { return Ok(Vec::new()) };
    let mut models = evidence.models();
    // What a write refers to, and what refers to it, may be in its way.
    if request.tool().writes() {
        models.extend(evidence.catalog().model(model).foreign_keys.iter().map(|key| key.target));
    }
    // A row can be taken away only after those that point to it.
    let points_in = |models: &HashSet<ModelId>, of: &ModelId| {
        evidence.catalog().model(*of).foreign_keys.iter().any(|key| models.contains(&key.target))
    };
    let all: Vec<ModelId> = evidence.catalog().models().map(|(id, _)| id).collect();
    while let Some(more) = all.iter().find(|of| !models.contains(of) && points_in(&models, of)) {
        models.insert(*more);
    }
    let tables = evidence.tables(models.iter().copied()).await?;
    let others = Others::new(evidence, &tables, &models);
    let meant = comparable(evidence, &request, evidence.observed());
    let (mut violations, mut changed) = (Vec::new(), 0);
    for change in Change::ALL {
        let asked = evidence.undone(async |tx| {
            let owner = tx.for_principal(owner());
            let done = others.change(&owner, change).await;
            (done, if done == 0 { None } else { Some(evidence.again(tx, evidence.call()).await) })
        });
        let (done, again) = match asked.await {
            Ok(asked) => asked,
            Err(error) => return Ok(undecided(NAME, error)),
        };
        changed += done;
        let Some(again) = again else { continue };
        let again = comparable(evidence, &request, &again);
        if again != meant && !is_exempt(&request, &again, &meant) {
            let places = differences(&meant, &again, 3);
            let what =
                format!("the answer is another one when rows of others {}: {}", change.word(), places.join(", "));
            let violation =
                Violation::new(NAME, what).row(&evidence.catalog().model(model).name, json!(places.first()));
            violations.push(violation);
        }
    }
    // Where there are no others, nobody can interfere; where there are, the answer was to be put to the test.
    if changed == 0 && others.are_there {
        return Ok(undecided(NAME, "no row of others could be changed"));
    }
    Ok(violations)
}

/// A unique key may be another's: the one thing that a write tells.
fn is_exempt(request: &Request, one: &Json, other: &Json) -> bool {
    let conflicts =
        |result: &Json| result.pointer("/error/code").and_then(Json::as_str) == Some(ErrorCode::Conflict.as_str());
    request.tool().writes() && (conflicts(one) || conflicts(other))
}

/// A result without what the database numbers.
fn comparable(evidence: &Evidence<'_, '_>, request: &Request, observed: &Observed) -> Json {
    let mut result = observed.comparable();
    let (Request::Create(create), Some(model)) = (request, evidence.model()) else { return result };
    let described = evidence.catalog().model(model);
    for field in &described.primary_key {
        let name = &described.field(*field).name;
        if !create.data.contains_key(name) {
            for place in ["/data", "/data/after/0"] {
                result.pointer_mut(place).and_then(Json::as_object_mut).map(|row| row.remove(name));
            }
        }
    }
    result
}

/// The rows of others in the models of a call.
struct Others<'o, 'e, 'c> {
    evidence: &'o Evidence<'e, 'c>,
    tables: &'o Tables,
    /// Models with the rows that the principal may not see, children first.
    closed: Vec<(ModelId, Vec<&'o Row>)>,
    /// Whether there are such rows at all, also of what cannot be changed: views, tables without a key.
    are_there: bool,
}

/// More rows are not changed one by one.
const MOST_ROWS: usize = 200;
/// Longer lists of keys are sent in parts.
const PART: usize = 1_000;
/// So many rows are copied of each model.
const MOST_COPIES: usize = 2;

impl<'o, 'e, 'c> Others<'o, 'e, 'c> {
    fn new(evidence: &'o Evidence<'e, 'c>, tables: &'o Tables, models: &HashSet<ModelId>) -> Self {
        let catalog = evidence.catalog();
        // The rows that a condition looks at decide by the policy's own word.
        let mut decisive = HashSet::new();
        for rules in models.iter().filter_map(|model| evidence.view().model(*model)) {
            looked_at(catalog, rules.model, rules, &mut decisive);
        }
        let mut order: Vec<ModelId> = models
            .iter()
            .copied()
            .filter(|model| {
                let described = catalog.model(*model);
                !decisive.contains(model) && described.kind == ModelKind::Table && !described.primary_key.is_empty()
            })
            .collect();
        order.sort();
        // Who points somewhere goes before what it points to.
        let mut sorted: Vec<ModelId> = Vec::new();
        while let Some(at) = order.iter().position(|model| {
            let pointed_to = |other: &ModelId| {
                other != model && catalog.model(*other).foreign_keys.iter().any(|key| key.target == *model)
            };
            !order.iter().any(pointed_to)
        }) {
            sorted.push(order.remove(at));
        }
        sorted.extend(order);
        let eyes = evidence.eyes();
        let are_there = models
            .iter()
            .filter(|model| !decisive.contains(model))
            .any(|model| tables.rows(*model).iter().any(|row| !eyes.sees(tables, *model, row)));
        let closed = sorted.into_iter().map(|model| {
            let rows = tables.rows(model).iter().filter(|row| !eyes.sees(tables, model, row));
            (model, rows.collect())
        });
        Self { evidence, tables, closed: closed.collect(), are_there }
    }

    /// How many rows were changed.
    async fn change(&self, owner: &RunContext<'_>, change: Change) -> u64 {
        let mut done = 0;
        for (model, rows) in &self.closed {
            done += match change {
                Change::Values => self.values(owner, *model, rows).await,
                Change::Fewer => self.fewer(owner, *model, rows).await,
                Change::More => self.more(owner, *model, rows).await,
            };
        }
        done
    }

    /// Other values in every field that is no key, leads nowhere and decides nothing.
    async fn values(&self, owner: &RunContext<'_>, model: ModelId, rows: &[&Row]) -> u64 {
        let described = self.evidence.catalog().model(model);
        let fixed = self.fixed(model);
        let data: Map<String, Json> = described
            .field_ids()
            .filter(|(id, field)| !fixed.contains(id) && !field.generated)
            .filter_map(|(_, field)| Some((field.name.clone(), other_value(field)?)))
            .collect();
        let keys: Vec<Json> = rows.iter().filter_map(|row| key_of(described, row)).collect();
        let mut done = 0;
        for keys in keys.chunks(PART).filter(|_| !data.is_empty()) {
            done += match self.set(owner, model, keys, data.clone()).await {
                0 => {
                    // One field that takes no such value is not in the way of the others.
                    let mut done = 0;
                    for (field, value) in &data {
                        done += self.set(owner, model, keys, Map::from_iter([(field.clone(), value.clone())])).await;
                    }
                    done
                }
                done => done,
            };
        }
        done
    }

    async fn set(&self, owner: &RunContext<'_>, model: ModelId, keys: &[Json], data: Map<String, Json>) -> u64 {
        let mut bulk = BulkUpdate::new(&self.evidence.catalog().model(model).name);
        (bulk.ids, bulk.data) = (Some(keys.to_vec()), data);
        let done = self.evidence.witness().tools().bulk_update(owner, bulk).await;
        done.map(|done| done.data.affected()).unwrap_or(0)
    }

    /// The fields that are not changed: keys, what leads to other rows, and what rules read.
    fn fixed(&self, model: ModelId) -> HashSet<FieldId> {
        let (catalog, described) = (self.evidence.catalog(), self.evidence.catalog().model(model));
        let mut fixed: HashSet<FieldId> = described.primary_key.iter().copied().collect();
        fixed.extend(described.unique_keys.iter().flatten());
        fixed.extend(described.foreign_keys.iter().flat_map(|key| &key.columns).map(|(here, _)| here));
        fixed.extend(described.relations.iter().flat_map(|relation| &relation.link).map(|(here, _)| here));
        let to_here =
            catalog.models().flat_map(|(_, other)| &other.relations).filter(|relation| relation.target == model);
        fixed.extend(to_here.flat_map(|relation| &relation.link).map(|(_, there)| there));
        fixed.extend(self.evidence.view().model(model).map(read_by_rules).unwrap_or_default());
        fixed
    }

    async fn fewer(&self, owner: &RunContext<'_>, model: ModelId, rows: &[&Row]) -> u64 {
        let described = self.evidence.catalog().model(model);
        let mut done = 0;
        for key in rows.iter().filter_map(|row| key_of(described, row)).take(MOST_ROWS) {
            // A row that an own one points to stays.
            let gone = self.evidence.witness().tools().delete(owner, Delete::new(&described.name, key)).await;
            done += u64::from(gone.is_ok());
        }
        done
    }

    /// Copies of others' rows: as they are, and pointing to where own rows point.
    async fn more(&self, owner: &RunContext<'_>, model: ModelId, rows: &[&Row]) -> u64 {
        let described = self.evidence.catalog().model(model);
        let eyes = self.evidence.eyes();
        let own = self.tables.rows(model).iter().find(|row| eyes.sees(self.tables, model, row));
        let scoped: HashSet<FieldId> = self.evidence.view().model(model).map(read_by_rules).unwrap_or_default();
        let mut done = 0;
        for (place, row) in rows.iter().take(MOST_COPIES).enumerate() {
            let mut copies = vec![(*row).clone()];
            if let Some(own) = own {
                let mut copy = (*row).clone();
                for (here, _) in described.foreign_keys.iter().flat_map(|key| &key.columns) {
                    if !scoped.contains(here) {
                        copy.insert(described.field(*here).name.clone(), value_of(described, own, *here).clone());
                    }
                }
                copies.push(copy);
            }
            for (which, copy) in copies.into_iter().enumerate() {
                done += u64::from(self.copy(owner, model, copy, 2 * place + which).await);
            }
        }
        done
    }

    async fn copy(&self, owner: &RunContext<'_>, model: ModelId, mut row: Row, number: usize) -> bool {
        let described = self.evidence.catalog().model(model);
        let keys: Vec<FieldId> =
            described.unique_keys.iter().flatten().chain(&described.primary_key).copied().collect();
        for field in keys {
            let name = &described.field(field).name;
            let (mut like, mut tries) = (value_of(described, &row, field).clone(), 0);
            // A value of its own for each copy.
            while let Some(value) = absent_value(self.tables, model, field, &like).filter(|_| tries <= number) {
                like = value.as_i64().map_or(value.clone(), |value| json!(value + 1));
                row.insert(name.clone(), value);
                tries += 1;
            }
        }
        if self.evidence.eyes().sees(self.tables, model, &row) {
            return false;
        }
        for field in described.fields.iter().filter(|field| field.generated) {
            row.remove(&field.name);
        }
        let mut create = Create::new(&described.name);
        create.data = row;
        self.evidence.witness().tools().create(owner, create).await.is_ok()
    }
}

/// Another value than any that is likely to stand there.
fn other_value(field: &Field) -> Option<Json> {
    match &field.ty {
        ColumnType::Bool => Some(json!(true)),
        ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int => Some(json!(7_707)),
        ColumnType::Float => Some(json!(7_707.25)),
        ColumnType::Decimal => Some(json!("707.25")),
        ColumnType::Text => {
            let most = field.length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
            Some(json!("zzz of others".chars().take(most).collect::<String>()))
        }
        ColumnType::Timestamp => Some(json!("2001-02-03T04:05:06Z")),
        ColumnType::DateTime => Some(json!("2001-02-03T04:05:06")),
        ColumnType::Date => Some(json!("2001-02-03")),
        ColumnType::Enum(of) => of.variants.last().map(|variant| json!(variant)),
        _ => None,
    }
}
