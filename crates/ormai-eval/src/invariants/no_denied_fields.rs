//! `no_denied_fields`

use std::collections::{BTreeMap, HashMap, HashSet};

use ormai::catalog::{FieldId, Model, ModelId};
use ormai::policy::FieldAction;
use ormai::request::{Filter, Order, Request};
use serde_json::Value as Json;

use super::attributed::{Source, sources};
use super::evidence::{Evidence, undecided};
use super::masks_applied::shows;
use super::no_cross_tenant_data::shown_from;
use super::shown::{self, Shown};
use super::stored::{Tables, value_of};
use super::words::{Known, Said, telling};
use super::{Checking, Invariant, Needs};
use crate::{Row, Violation, WitnessError};

const NAME: &str = "no_denied_fields";

/// Looks for the names of denied fields and for their stored values.
#[derive(Debug)]
pub(super) struct NoDeniedFields;

impl Invariant for NoDeniedFields {
    fn name(&self) -> &str {
        NAME
    }

    fn needs(&self) -> Needs {
        Needs::Rows
    }

    fn check<'a>(&'a self, evidence: &'a Evidence<'_, '_>) -> Checking<'a> {
        Box::pin(async move {
            let mut violations = names(evidence);
            violations.extend(values(evidence).await.unwrap_or_else(|error| undecided(NAME, error)));
            violations
        })
    }
}

fn names(evidence: &Evidence<'_, '_>) -> Vec<Violation> {
    let observed = evidence.observed();
    match (evidence.request(), evidence.model(), observed.data(), observed.error()) {
        (_, _, _, Some(error)) => in_error(evidence, error),
        (Some(Request::DescribeSchema(_)), _, Some(data), _) => in_schema(evidence, data),
        (Some(request), Some(model), Some(data), _) => in_answer(evidence, &request, model, data),
        _ => Vec::new(),
    }
}

fn in_answer(evidence: &Evidence<'_, '_>, request: &Request, model: ModelId, data: &Json) -> Vec<Violation> {
    let mut found: BTreeMap<(String, String), Violation> = BTreeMap::new();
    let mut say = |violation: Violation| {
        let key = (violation.model.clone().unwrap_or_default(), violation.field.clone().unwrap_or_default());
        found.entry(key).or_insert(violation);
    };
    let described = evidence.catalog().model(model);
    let place = |row: &Shown<'_>| Json::String(row.place.clone());
    let shown = shown::rows(evidence.catalog(), model, request.tool(), data);
    for row in &shown {
        let model = evidence.catalog().model(row.model);
        for name in &row.unknown {
            say(Violation::new(NAME, "shows what is no field").row(&model.name, place(row)).field(*name));
        }
        for (field, _) in row.fields.iter().filter(|(field, _)| !is_open(evidence, &shown, row, *field)) {
            let violation = Violation::new(NAME, "shows a field that is denied");
            say(violation.row(&model.name, place(row)).field(&model.field(*field).name));
        }
        for included in &row.includes {
            let rule = evidence.view().model(row.model).and_then(|rules| rules.relation(included.relation));
            if rule.is_none() {
                let relation = &model.relation(included.relation).name;
                say(Violation::new(NAME, "shows a relation that is denied")
                    .row(&model.name, place(row))
                    .field(relation));
            }
        }
    }
    for (field, how) in used(evidence, request, model) {
        say(Violation::new(NAME, format!("was answered, and {how}"))
            .row(&described.name, "request".into())
            .field(field));
    }
    if let Request::Aggregate(aggregate) = request {
        let aliases: Vec<String> = aggregate.aggregations.iter().map(ormai::request::Aggregation::name).collect();
        let rows = data.get("rows").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_object);
        for name in rows
            .flat_map(|row| row.keys())
            .filter(|name| !aggregate.group_by.contains(*name) && !aliases.contains(*name))
        {
            say(Violation::new(NAME, "shows what was not asked for").row(&described.name, "rows".into()).field(name));
        }
    }
    found.into_values().collect()
}

fn is_open(evidence: &Evidence<'_, '_>, all: &[Shown<'_>], row: &Shown<'_>, field: FieldId) -> bool {
    let through = row.parent.and_then(|(relation, above)| {
        let rule = evidence.view().model(all.get(above)?.model)?.relation(relation)?;
        rule.fields.as_ref()
    });
    let rule = evidence.view().model(row.model).and_then(|rules| rules.field(field));
    rule.is_some() && through.is_none_or(|fields| fields.contains(&field))
}

/// The fields that a request that was answered used as it may not, and how.
fn used(evidence: &Evidence<'_, '_>, request: &Request, model: ModelId) -> Vec<(String, &'static str)> {
    let mut uses = Uses { evidence, found: Vec::new() };
    match request {
        Request::Query(query) => {
            uses.filters(model, &query.filters);
            uses.order(model, &query.order, &[]);
        }
        Request::Aggregate(aggregate) => {
            uses.filters(model, &aggregate.filters);
            let aliases: Vec<String> = aggregate.aggregations.iter().map(ormai::request::Aggregation::name).collect();
            uses.order(model, &aggregate.order, &aliases);
            let figures = aggregate.aggregations.iter().filter_map(|figure| figure.field.as_ref());
            figures.chain(&aggregate.group_by).for_each(|field| uses.shown(model, field, "computes with it"));
        }
        Request::BulkUpdate(bulk) => uses.filters(model, &bulk.filters),
        _ => {}
    }
    uses.found
}

struct Uses<'u, 'e, 'c> {
    evidence: &'u Evidence<'e, 'c>,
    found: Vec<(String, &'static str)>,
}

impl Uses<'_, '_, '_> {
    fn model(&self, model: ModelId) -> &Model {
        self.evidence.catalog().model(model)
    }

    fn filters(&mut self, model: ModelId, filters: &[Filter]) {
        for filter in filters {
            match filter {
                Filter::And { and: parts } | Filter::Or { or: parts } => self.filters(model, parts),
                Filter::Not { not } => self.filters(model, std::slice::from_ref(not)),
                Filter::Relation { relation, filters, .. } => {
                    let described = self.model(model);
                    let Some(relation) = described.find_relation(relation) else { continue };
                    let target = described.relation(relation).target;
                    let open =
                        self.evidence.view().model(model).is_some_and(|rules| rules.relation(relation).is_some());
                    if !open {
                        self.found.push((described.relation(relation).name.clone(), "filters by a denied relation"));
                    }
                    self.filters(target, filters);
                }
                Filter::Field { field, .. } => {
                    let rule = self.model(model).find_field(field);
                    let rule = rule.and_then(|id| self.evidence.view().model(model)?.field(id));
                    if !rule.is_some_and(|rule| rule.action == FieldAction::Allow || rule.filter_equality) {
                        self.found.push((field.clone(), "filters by a field that is not shown as it is"));
                    }
                }
                _ => {}
            }
        }
    }

    fn order(&mut self, model: ModelId, order: &[Order], aliases: &[String]) {
        for key in order.iter().filter(|key| !aliases.contains(&key.field)) {
            self.shown(model, &key.field, "orders by a field that is not shown as it is");
        }
    }

    fn shown(&mut self, model: ModelId, field: &str, how: &'static str) {
        let rule = self.model(model).find_field(field).and_then(|id| self.evidence.view().model(model)?.field(id));
        if rule.is_none_or(|rule| rule.action != FieldAction::Allow) {
            self.found.push((field.to_owned(), how));
        }
    }
}

fn in_schema(evidence: &Evidence<'_, '_>, data: &Json) -> Vec<Violation> {
    let (catalog, view) = (evidence.catalog(), evidence.view());
    let name_of = |json: &Json| json.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
    let list = |json: &Json, key: &str| json.get(key).and_then(Json::as_array).cloned().unwrap_or_default();
    let mut violations = Vec::new();
    for model in list(data, "models") {
        let name = name_of(&model);
        let Some((described, rules)) = catalog.find(&name).and_then(|id| Some((catalog.model(id), view.model(id)?)))
        else {
            violations.push(Violation::new(NAME, "describes a model that is not open").row(name, Json::Null));
            continue;
        };
        for field in list(&model, "fields").iter().map(name_of) {
            if described.find_field(&field).and_then(|id| rules.field(id)).is_none() {
                let violation = Violation::new(NAME, "describes a field that is denied");
                violations.push(violation.row(&name, Json::Null).field(field));
            }
        }
        for relation in list(&model, "relations").iter().map(name_of) {
            if described.find_relation(&relation).and_then(|id| rules.relation(id)).is_none() {
                let violation = Violation::new(NAME, "describes a relation that is denied");
                violations.push(violation.row(&name, Json::Null).field(relation));
            }
        }
    }
    violations
}

/// Names that the principal does not know, in an error.
fn in_error(evidence: &Evidence<'_, '_>, error: &Json) -> Vec<Violation> {
    let (said, known) = (Said::by(error), Known::to(evidence.call()));
    let open: HashSet<&str> = open_names(evidence).collect();
    let mut violations = Vec::new();
    for (id, model) in evidence.catalog().models() {
        let rules = evidence.view().model(id);
        let hidden = |name: &str| !open.contains(name) && !known.has(name) && said.names(name);
        if rules.is_none() && hidden(&model.name) {
            violations
                .push(Violation::new(NAME, "an error names a model that is not open").row(&model.name, Json::Null));
        }
        for (field, described) in model.field_ids() {
            if rules.and_then(|rules| rules.field(field)).is_none() && hidden(&described.name) {
                let violation = Violation::new(NAME, "an error names a field that is denied");
                violations.push(violation.row(&model.name, Json::Null).field(&described.name));
            }
        }
    }
    violations
}

/// The names of all that is open to the principal.
pub(super) fn open_names<'e>(evidence: &'e Evidence<'_, '_>) -> impl Iterator<Item = &'e str> {
    evidence.view().models().flat_map(move |rules| {
        let model = evidence.catalog().model(rules.model);
        let fields = rules.open_fields().map(|(field, _)| model.field(field).name.as_str());
        let relations = model.relation_ids().filter(|(id, _)| rules.relation(*id).is_some());
        let relations = relations.map(|(_, relation)| relation.name.as_str());
        [model.name.as_str()].into_iter().chain(fields).chain(relations)
    })
}

/// Stored values of denied fields, wherever they stand.
async fn values(evidence: &Evidence<'_, '_>) -> Result<Vec<Violation>, WitnessError> {
    let (observed, known) = (evidence.observed(), Known::to(evidence.call()));
    let said = observed.error().map(Said::by);
    let tables = evidence.tables(evidence.models()).await?;
    let unexplained = match (evidence.request(), evidence.model(), observed.data()) {
        (Some(request), Some(model), Some(data)) => unexplained(evidence, &tables, (&request, model), data),
        _ => HashMap::new(),
    };
    if unexplained.is_empty() && said.is_none() {
        return Ok(Vec::new());
    }
    let mut suspects: BTreeMap<String, (ModelId, FieldId)> = BTreeMap::new();
    let mut innocent = HashSet::new();
    for model in tables.by_model.keys().copied() {
        let (described, rules) = (evidence.catalog().model(model), evidence.view().model(model));
        for row in tables.rows(model) {
            for (field, one) in described.field_ids() {
                let Some(value) = row.get(&one.name).and_then(telling) else { continue };
                if !unexplained.contains_key(&value) && !said.as_ref().is_some_and(|said| said.names(&value)) {
                    continue;
                }
                match rules.and_then(|rules| rules.field(field)) {
                    None => drop(suspects.insert(value, (model, field))),
                    Some(_) => drop(innocent.insert(value)),
                }
            }
        }
    }
    let guilty = suspects.into_iter().filter(|(value, _)| !innocent.contains(value) && !known.has(value));
    let violation = |(value, (model, field)): (String, (ModelId, FieldId))| {
        let model = evidence.catalog().model(model);
        let what =
            format!("the answer tells the stored value of {}.{}, which is denied", model.name, model.field(field).name);
        match unexplained.get(&value) {
            Some((shown, place, field)) => Violation::new(NAME, what).row(shown, place.clone()).field(field),
            None => Violation::new(NAME, what).field("message"),
        }
    };
    Ok(guilty.map(violation).collect())
}

/// The values of an answer that are not those of their own rows and fields, with the model, the place and the
/// field where each stands.
fn unexplained(
    evidence: &Evidence<'_, '_>,
    tables: &Tables,
    (request, model): (&Request, ModelId),
    data: &Json,
) -> HashMap<String, (String, Json, String)> {
    let shown = shown::rows(evidence.catalog(), model, request.tool(), data);
    let tables = shown_from(evidence, request.tool(), model, tables);
    let sources = sources(evidence, tables, &shown);
    let mut found = HashMap::new();
    for (row, source) in shown.iter().zip(&sources).filter(|(row, _)| !row.planned) {
        let described = evidence.catalog().model(row.model);
        let rules = evidence.view().model(row.model);
        for (field, value) in &row.fields {
            let action = rules.and_then(|rules| rules.field(*field)).map_or(&FieldAction::Allow, |rule| &rule.action);
            let own = |stored: &Row| shows(action, value_of(described, stored, *field), value);
            let explained = match source {
                Source::Row(stored) => own(stored),
                Source::Like(candidates) => candidates.iter().any(|stored| own(stored)),
                Source::Nothing => false,
            };
            if let Some(value) = telling(value).filter(|_| !explained) {
                let place = (described.name.clone(), row.place.clone().into(), described.field(*field).name.clone());
                found.insert(value, place);
            }
        }
    }
    found
}
