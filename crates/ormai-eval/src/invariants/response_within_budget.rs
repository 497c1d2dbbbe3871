//! `response_within_budget`

use ormai::catalog::{ModelId, RelationKind};
use ormai::policy::Budget;
use ormai::request::{Include, Request};
use serde_json::Value as Json;

use super::evidence::{Evidence, undecided};
use super::shown::{self, Shown};
use super::{Checking, Invariant, Needs, aggregates};
use crate::{Violation, WitnessError};

const NAME: &str = "response_within_budget";

/// Counts what an answer has, and holds it to the policy's limits and to what was asked for.
#[derive(Debug)]
pub(super) struct ResponseWithinBudget;

impl Invariant for ResponseWithinBudget {
    fn name(&self) -> &str {
        NAME
    }

    fn needs(&self) -> Needs {
        Needs::Rows
    }

    fn check<'a>(&'a self, evidence: &'a Evidence<'_, '_>) -> Checking<'a> {
        Box::pin(async move {
            let mut violations = found(evidence);
            violations.extend(small_groups(evidence).await.unwrap_or_else(|error| undecided(NAME, error)));
            violations
        })
    }
}

async fn small_groups(evidence: &Evidence<'_, '_>) -> Result<Vec<Violation>, WitnessError> {
    let (Some(Request::Aggregate(aggregate)), Some(model)) = (evidence.request(), evidence.model()) else {
        return Ok(Vec::new());
    };
    let rules = evidence.view().model(model).and_then(|rules| rules.aggregations.as_ref());
    match (rules.and_then(|rules| rules.min_group_size), evidence.observed().data()) {
        (Some(least), Some(data)) => aggregates::too_small(evidence, &aggregate, model, (data, least)).await,
        _ => Ok(Vec::new()),
    }
}

/// The most rows where a request does not say.
const DEFAULT_LIMIT: u32 = 50;

fn found(evidence: &Evidence<'_, '_>) -> Vec<Violation> {
    let (Some(request), Some(model)) = (evidence.request(), evidence.model()) else { return Vec::new() };
    let Some(data) = evidence.observed().data() else { return Vec::new() };
    let Some(rules) = evidence.view().model(model) else {
        let name = &evidence.catalog().model(model).name;
        return vec![Violation::new(NAME, "was answered, and the model is not open").row(name, Json::Null)];
    };
    let mut count = Count { evidence, budget: rules.budget, violations: Vec::new() };
    let rows = data.get("rows").and_then(Json::as_array).map_or(0, Vec::len);
    match &request {
        Request::Query(query) => {
            count.rows(model, "rows", rows, most(query.limit, rules.budget.max_rows));
            count.answer(model, &request, data, &query.include);
        }
        Request::Get(get) => count.answer(model, &request, data, &get.include),
        Request::Aggregate(aggregate) => {
            count.rows(model, "rows", rows, most(aggregate.limit, rules.budget.max_rows));
            let groups = data.get("rows").and_then(Json::as_array).into_iter().flatten();
            let widest = groups.filter_map(Json::as_object).map(serde_json::Map::len).max().unwrap_or(0);
            count.fields(model, widest);
        }
        Request::BulkUpdate(_) => {
            let updated = data.get("updated_count").or(data.get("affected_count")).and_then(Json::as_u64);
            if let (Some(updated), Some(cap)) = (updated, rules.write.max_affected_rows)
                && updated > u64::from(cap)
            {
                count.say(model, "updated_count", format!("changes {updated} rows, and {cap} are the most"));
            }
        }
        other => count.answer(model, other, data, &[]),
    }
    count.violations
}

fn most(asked: Option<u64>, max: u32) -> u64 {
    asked.unwrap_or(u64::from(DEFAULT_LIMIT)).min(u64::from(max))
}

struct Count<'c, 'e, 'x> {
    evidence: &'c Evidence<'e, 'x>,
    budget: Budget,
    violations: Vec<Violation>,
}

impl Count<'_, '_, '_> {
    fn answer(&mut self, model: ModelId, request: &Request, data: &Json, includes: &[Include]) {
        let catalog = self.evidence.catalog();
        let shown = shown::rows(catalog, model, request.tool(), data);
        let selected = shown.iter().filter(|row| row.parent.is_none()).map(|row| width(&shown, row)).max();
        self.fields(model, selected.unwrap_or(0));
        if let Some(deepest) = shown.iter().max_by_key(|row| row.depth)
            && deepest.depth > self.budget.max_include_depth
        {
            let max = self.budget.max_include_depth;
            let what = format!("includes rows {} levels deep, and {max} are the most", deepest.depth);
            self.say(deepest.model, &deepest.place, what);
        }
        for row in &shown {
            self.included(row, &path(&shown, row), includes);
        }
    }

    /// The rows under one row, by relation.
    fn included(&mut self, row: &Shown<'_>, path: &[&str], includes: &[Include]) {
        let catalog = self.evidence.catalog();
        let described = catalog.model(row.model);
        for included in &row.includes {
            let relation = described.relation(included.relation);
            let place = format!("{}.{}", row.place, relation.name);
            let Some(rule) = self.evidence.view().model(row.model).and_then(|rules| rules.relation(included.relation))
            else {
                self.say(row.model, &place, format!("includes `{}`, which is not open", relation.name));
                continue;
            };
            let depth = row.depth + 1;
            if let Some(max) = rule.max_depth.filter(|max| depth > *max) {
                self.say(
                    row.model,
                    &place,
                    format!("includes `{}` at depth {depth}, and {max} is the most", relation.name),
                );
            }
            let asked = asked(includes, path, &relation.name);
            let Some(target) = self.evidence.view().model(relation.target) else {
                self.say(relation.target, &place, "includes rows of a model that is not open".to_owned());
                continue;
            };
            let max = self.budget.max_rows.min(target.budget.max_rows);
            let limit = match (relation.kind, asked) {
                (RelationKind::One, _) => 1,
                (RelationKind::Many, Some(include)) => most(include.limit, max),
                (RelationKind::Many, None) => {
                    self.say(relation.target, &place, format!("includes `{}`, which was not asked for", relation.name));
                    continue;
                }
            };
            self.rows(relation.target, &place, included.rows.len(), limit);
        }
    }

    fn rows(&mut self, model: ModelId, place: &str, rows: usize, most: u64) {
        if rows as u64 > most {
            self.say(model, place, format!("has {rows} rows, and {most} are the most"));
        }
    }

    fn fields(&mut self, model: ModelId, fields: usize) {
        let max = self.budget.max_selected_fields;
        if fields as u64 > u64::from(max) {
            self.say(model, "rows", format!("has {fields} fields, and {max} are the most"));
        }
    }

    fn say(&mut self, model: ModelId, place: &str, what: String) {
        let name = &self.evidence.catalog().model(model).name;
        self.violations.push(Violation::new(NAME, what).row(name, place.trim_start_matches('.').into()));
    }
}

/// How many fields a row shows, those of the widest row of each include counted.
fn width(all: &[Shown<'_>], row: &Shown<'_>) -> usize {
    let below = row.includes.iter().map(|included| {
        let rows = included.rows.iter().filter_map(|index| all.get(*index));
        rows.map(|row| width(all, row)).max().unwrap_or(0)
    });
    row.fields.len() + row.unknown.len() + below.sum::<usize>()
}

/// The relations from the root to a row.
fn path<'a>(all: &'a [Shown<'_>], row: &'a Shown<'_>) -> Vec<&'a str> {
    let mut words = Vec::new();
    let mut at = row;
    while let Some((_, above)) = at.parent {
        let last = at.place.rsplit('.').next().unwrap_or_default();
        words.push(last.split('[').next().unwrap_or_default());
        match all.get(above) {
            Some(above) => at = above,
            None => break,
        }
    }
    words.reverse();
    words
}

/// What was asked of a relation under a path of relations.
fn asked<'a>(includes: &'a [Include], path: &[&str], relation: &str) -> Option<&'a Include> {
    match path.split_first() {
        None => includes.iter().find(|include| include.relation == relation),
        Some((first, rest)) => {
            let include = includes.iter().find(|include| include.relation == *first)?;
            asked(&include.include, rest, relation)
        }
    }
}
