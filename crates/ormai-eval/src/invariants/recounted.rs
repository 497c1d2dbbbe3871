//! The rows that a page is made of, found again: the same filters over the rows that the policy lets the
//! principal see, chosen by their keys, past any policy.

use std::cmp::Ordering;
use std::collections::HashSet;

use ormai::catalog::ModelId;
use ormai::policy::ScopeValue;
use ormai::request::{Filter, Match, Operator, Query, Tool};
use serde_json::Value as Json;

use super::attributed::open_key;
use super::evidence::Evidence;
use super::no_cross_tenant_data::NAME;
use super::shown;
use super::stored::{Tables, key_of, value_of};
use crate::{Row, Violation, WitnessError};

/// Longer lists are not sent.
const MOST_KEYS: usize = 10_000;
/// More rows of one answer are not named.
const MOST_NAMED: usize = 5;

/// What a page says of rows that are not in it, and rows that are in it because of others.
pub(super) async fn found(
    evidence: &Evidence<'_, '_>,
    query: &Query,
    model: ModelId,
    data: &Json,
) -> Result<Vec<Violation>, WitnessError> {
    let described = evidence.catalog().model(model);
    let tables = evidence.tables(evidence.models()).await?;
    let asks_of_others = query.filters.iter().any(is_about_relations);
    let (total, has_more) = (data.get("total").and_then(Json::as_u64), data.get("has_more") == Some(&Json::Bool(true)));
    if total.is_none() && !has_more && !asks_of_others {
        return Ok(Vec::new());
    }
    let Some(filters) = only_open(evidence, &tables, model, &query.filters) else {
        return Ok(vec![Violation::new(NAME, "could not be decided: the rows are too many to be named one by one")]);
    };
    let mut again = Query::model(&described.name).limit(u64::from(u32::MAX));
    again.filters = filters;
    let ctx = evidence.ctx().for_principal(crate::witness::owner());
    let page = evidence.witness().tools().query(&ctx, again).await;
    let page = page.map_err(|refused| WitnessError::Failed(Box::new(refused.into_error())))?.data;
    let rows = page.rows.iter().map(crate::witness::row).collect::<Result<Vec<Row>, _>>()?;
    let mut violations = Vec::new();
    let count = rows.len() as u64;
    if let Some(total) = total.filter(|total| *total != count) {
        let what = format!("counts {total} rows, and the principal may see {count} of those that were asked for");
        violations.push(Violation::new(NAME, what).row(&described.name, "total".into()).field("total"));
    }
    let shown = data.get("rows").and_then(Json::as_array).map_or(0, Vec::len) as u64;
    if has_more && query.cursor.is_none() && count <= shown {
        let what = format!("says that there are more rows, and the principal may see {count}");
        violations.push(Violation::new(NAME, what).row(&described.name, "has_more".into()).field("has_more"));
    }
    if asks_of_others {
        violations.extend(chosen_by_others(evidence, query, model, (data, has_more), &rows).await);
    }
    Ok(violations)
}

/// Rows that are there, or missing, because of related rows that the principal may not see.
async fn chosen_by_others(
    evidence: &Evidence<'_, '_>,
    query: &Query,
    model: ModelId,
    (data, has_more): (&Json, bool),
    rows: &[Row],
) -> Vec<Violation> {
    let (catalog, described) = (evidence.catalog(), evidence.catalog().model(model));
    let Some(key) = open_key(catalog, evidence.view(), model) else { return Vec::new() };
    let data = evidence.keyed_data().await.unwrap_or(data);
    let shown = shown::rows(catalog, model, Tool::Query, data);
    let mut there = HashSet::new();
    for row in shown.iter().filter(|row| row.parent.is_none()) {
        let Some(values) = key.iter().map(|field| row.value(*field)).collect::<Option<Vec<&Json>>>() else {
            return Vec::new();
        };
        there.insert(format!("{values:?}"));
    }
    let of = |row: &Row| format!("{:?}", key.iter().map(|field| value_of(described, row, *field)).collect::<Vec<_>>());
    let meant: HashSet<String> = rows.iter().map(of).collect();
    let mut violations = Vec::new();
    for row in shown.iter().filter(|row| row.parent.is_none()) {
        let values: Vec<&Json> = key.iter().filter_map(|field| row.value(*field)).collect();
        if !meant.contains(&format!("{values:?}")) {
            let what = "is in the answer because of related rows that the principal may not see";
            let row = values.first().map_or(Json::Null, |value| (*value).clone());
            violations.push(Violation::new(NAME, what).row(&described.name, row));
        }
    }
    if !has_more && query.cursor.is_none() {
        for row in rows.iter().filter(|row| !there.contains(&of(row))) {
            let what = "is missing because of related rows that the principal may not see";
            let key = key_of(described, row).unwrap_or(Json::Null);
            violations.push(Violation::new(NAME, what).row(&described.name, key));
        }
    }
    violations.truncate(MOST_NAMED);
    violations
}

fn is_about_relations(filter: &Filter) -> bool {
    match filter {
        Filter::And { and: parts } | Filter::Or { or: parts } => parts.iter().any(is_about_relations),
        Filter::Not { not } => is_about_relations(not),
        Filter::Relation { .. } => true,
        _ => false,
    }
}

/// Filters that mean, past any policy, what they mean over the rows that the principal may see. `None`
/// where those cannot be named.
pub(super) fn only_open(
    evidence: &Evidence<'_, '_>,
    tables: &Tables,
    model: ModelId,
    filters: &[Filter],
) -> Option<Vec<Filter>> {
    let mut open = open_rows(evidence, tables, model)?;
    for filter in filters {
        open.push(over_open(evidence, tables, model, filter)?);
    }
    Some(open)
}

fn over_open(evidence: &Evidence<'_, '_>, tables: &Tables, model: ModelId, filter: &Filter) -> Option<Filter> {
    let each = |parts: &[Filter]| -> Option<Vec<Filter>> {
        parts.iter().map(|part| over_open(evidence, tables, model, part)).collect()
    };
    Some(match filter {
        Filter::And { and } => Filter::And { and: each(and)? },
        Filter::Or { or } => Filter::Or { or: each(or)? },
        Filter::Not { not } => Filter::Not { not: Box::new(over_open(evidence, tables, model, not)?) },
        Filter::Relation { relation, matching, filters } => {
            let described = evidence.catalog().model(model);
            let target = described.relation(described.find_relation(relation)?).target;
            let open = open_rows(evidence, tables, target)?;
            let asked = filters.iter().map(|filter| over_open(evidence, tables, target, filter));
            let asked: Vec<Filter> = asked.collect::<Option<_>>()?;
            let filters = match matching {
                Match::Any | Match::None => open.into_iter().chain(asked).collect(),
                // All of the rows that may be seen: the others satisfy anything.
                Match::All if open.is_empty() || asked.is_empty() => asked,
                Match::All => {
                    let closed = Filter::Not { not: Box::new(Filter::And { and: open }) };
                    vec![Filter::Or { or: vec![closed, Filter::And { and: asked }] }]
                }
            };
            Filter::Relation { relation: relation.clone(), matching: *matching, filters }
        }
        other => other.clone(),
    })
}

/// Filters that admit the rows of a model that the principal may see, and no other.
fn open_rows(evidence: &Evidence<'_, '_>, tables: &Tables, model: ModelId) -> Option<Vec<Filter>> {
    let (eyes, described, rows) = (evidence.eyes(), evidence.catalog().model(model), tables.rows(model));
    let (open, closed): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| eyes.sees(tables, model, row));
    if closed.is_empty() {
        return Some(Vec::new());
    }
    if let (true, Some(key)) = (open.is_empty(), described.primary_key.first()) {
        return Some(vec![compared(&described.field(*key).name, Operator::In, Json::Array(Vec::new()))]);
    }
    if let [key] = described.primary_key.as_slice() {
        let name = &described.field(*key).name;
        let listed = |rows: &[&Row]| rows.iter().map(|row| value_of(described, row, *key).clone()).collect::<Json>();
        if open.len() <= MOST_KEYS {
            return Some(vec![compared(name, Operator::In, listed(&open))]);
        }
        if closed.len() <= MOST_KEYS {
            return Some(vec![compared(name, Operator::NotIn, listed(&closed))]);
        }
    } else if !described.primary_key.is_empty() && open.len() <= MOST_KEYS / 10 {
        return Some(vec![one_of(open.iter().map(|row| keyed(described, row)).collect())]);
    }
    by_columns(evidence, model, rows, &open)
}

fn compared(field: &str, op: Operator, value: Json) -> Filter {
    Filter::Field { field: field.to_owned(), op, value }
}

/// One of several; of none, nothing.
fn one_of(mut parts: Vec<Filter>) -> Filter {
    match parts.len() {
        1 => parts.remove(0),
        _ => Filter::Or { or: parts },
    }
}

fn keyed(model: &ormai::catalog::Model, row: &Row) -> Filter {
    let part = |field: &ormai::catalog::FieldId| {
        compared(&model.field(*field).name, Operator::Eq, value_of(model, row, *field).clone())
    };
    Filter::And { and: model.primary_key.iter().map(part).collect() }
}

/// By the scoped columns alone, where they say all.
fn by_columns(evidence: &Evidence<'_, '_>, model: ModelId, rows: &[Row], open: &[&Row]) -> Option<Vec<Filter>> {
    let (eyes, described) = (evidence.eyes(), evidence.catalog().model(model));
    let rules = evidence.view().model(model)?;
    let (mut filters, mut scopes) = (Vec::new(), Vec::new());
    for scope in rules.scoping.iter().filter(|scope| !matches!(scope.value, ScopeValue::Literal(_))) {
        let field = described.field(scope.field);
        let values = eyes.own_values(scope, &field.ty);
        filters.push(compared(&field.name, Operator::In, values.iter().map(ormai::value::Value::to_json).collect()));
        scopes.push((scope.field, &field.ty, values));
    }
    let own = |row: &&Row| {
        scopes.iter().all(|(field, ty, values)| {
            let stored = super::stored::read(described, row, *field);
            let same = |value| ormai::condition::evaluate::compare_values(&stored, value, ty) == Some(Ordering::Equal);
            values.iter().any(same)
        })
    };
    let own: Vec<&Row> = rows.iter().filter(own).collect();
    // All of these may be seen, and no others; both stand in the order of the table.
    let same = own.len() == open.len() && own.iter().zip(open).all(|(own, open)| std::ptr::eq(*own, *open));
    (same && !filters.is_empty()).then_some(filters)
}
