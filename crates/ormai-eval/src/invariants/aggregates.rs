//! Figures, computed again from the rows that the policy lets the principal see.

use std::collections::BTreeMap;

use ormai::catalog::ModelId;
use ormai::request::Aggregate;
use serde_json::Value as Json;

use super::evidence::{Evidence, undecided};
use super::no_cross_tenant_data::NAME;
use super::recounted::only_open;
use crate::{Row, Violation, WitnessError};

const WITHIN_BUDGET: &str = "response_within_budget";

/// The groups of a request over the rows that the principal may see, however small; `None` where these cannot
/// be named.
async fn again(
    evidence: &Evidence<'_, '_>,
    mut aggregate: Aggregate,
    model: ModelId,
) -> Result<Option<Vec<Row>>, WitnessError> {
    let tables = evidence.tables(evidence.models()).await?;
    let Some(filters) = only_open(evidence, &tables, model, &aggregate.filters) else { return Ok(None) };
    aggregate.filters = filters;
    aggregate.order.clear();
    // Which groups are shown is another question.
    aggregate.limit = Some(u64::from(u32::MAX));
    let ctx = evidence.ctx().for_principal(crate::witness::owner());
    let groups = evidence.witness().tools().aggregate(&ctx, aggregate).await;
    let groups = groups.map_err(|refused| WitnessError::Failed(Box::new(refused.into_error())))?.data;
    groups.rows.iter().map(crate::witness::row).collect::<Result<_, _>>().map(Some)
}

/// What makes a group.
fn key_of(aggregate: &Aggregate, group: &Row) -> Json {
    aggregate.group_by.iter().map(|field| group.get(field).cloned().unwrap_or_default()).collect()
}

/// The groups of an answer that are smaller than the policy lets them show.
pub(super) async fn too_small(
    evidence: &Evidence<'_, '_>,
    aggregate: &Aggregate,
    model: ModelId,
    (data, least): (&Json, u32),
) -> Result<Vec<Violation>, WitnessError> {
    const COUNT: &str = "how_many";
    let mut counting = aggregate.clone();
    counting.aggregations.clear();
    let Some(groups) = again(evidence, counting.count(COUNT), model).await? else {
        return Ok(undecided(WITHIN_BUDGET, "the rows are too many to be named one by one"));
    };
    let small = |group: &&Row| group.get(COUNT).and_then(Json::as_u64).is_some_and(|count| count < u64::from(least));
    let small: Vec<Json> = groups.iter().filter(small).map(|group| key_of(aggregate, group)).collect();
    let shown = data.get("rows").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_object);
    let shown = shown.map(|group| key_of(aggregate, group)).filter(|key| small.contains(key));
    let name = &evidence.catalog().model(model).name;
    let what = format!("is a group of fewer than {least} rows, which the policy hides");
    Ok(shown.map(|key| Violation::new(WITHIN_BUDGET, what.clone()).row(name, key)).collect())
}

/// Each group of an answer, held to what it is without the rows of others.
pub(super) async fn found(
    evidence: &Evidence<'_, '_>,
    aggregate: &Aggregate,
    model: ModelId,
    data: &Json,
) -> Result<Vec<Violation>, WitnessError> {
    let described = evidence.catalog().model(model);
    let Some(groups) = again(evidence, aggregate.clone(), model).await? else {
        return Ok(vec![Violation::new(NAME, "could not be decided: the rows are too many to be named one by one")]);
    };
    let key = |group: &Row| key_of(aggregate, group);
    let own: BTreeMap<String, _> = groups.iter().map(|group| (key(group).to_string(), group)).collect();
    let mut violations = Vec::new();
    for (index, group) in data.get("rows").and_then(Json::as_array).into_iter().flatten().enumerate() {
        let Some(group) = group.as_object() else { continue };
        let named = if aggregate.group_by.is_empty() { Json::from(format!("rows[{index}]")) } else { key(group) };
        let Some(meant) = own.get(&key(group).to_string()) else {
            let what = "is a group of rows that the principal may not see";
            let violation = Violation::new(NAME, what).row(&described.name, named);
            violations.push(match aggregate.group_by.first() {
                Some(field) => violation.field(field),
                None => violation,
            });
            continue;
        };
        for figure in aggregate.aggregations.iter().map(ormai::request::Aggregation::name) {
            let (shown, meant) = (group.get(&figure), meant.get(&figure));
            if shown != meant {
                let show = |value: Option<&Json>| value.cloned().unwrap_or_default();
                let what =
                    format!("is {}, and of the rows that the principal may see it is {}", show(shown), show(meant));
                violations.push(Violation::new(NAME, what).row(&described.name, named.clone()).field(&figure));
            }
        }
    }
    Ok(violations)
}
