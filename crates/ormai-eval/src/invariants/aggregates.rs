//! Figures, computed again from the rows that the policy lets the principal see.

use std::collections::BTreeMap;

use ormai::catalog::ModelId;
use ormai::request::Aggregate;
use serde_json::Value as Json;

use super::evidence::Evidence;
use super::no_cross_tenant_data::NAME;
use super::recounted::only_open;
use crate::{Violation, WitnessError};

/// Each group of an answer, held to what it is without the rows of others.
pub(super) async fn found(
    evidence: &Evidence<'_, '_>,
    aggregate: &Aggregate,
    model: ModelId,
    data: &Json,
) -> Result<Vec<Violation>, WitnessError> {
    let described = evidence.catalog().model(model);
    let tables = evidence.tables(evidence.models()).await?;
    let Some(filters) = only_open(evidence, &tables, model, &aggregate.filters) else {
        return Ok(vec![Violation::new(NAME, "could not be decided: the rows are too many to be named one by one")]);
    };
    let mut again = aggregate.clone();
    again.filters = filters;
    again.order.clear();
    // Which groups are shown, and which are too small, is another question.
    again.limit = Some(u64::from(u32::MAX));
    let ctx = evidence.ctx().for_principal(crate::witness::owner());
    let groups = evidence.witness().tools().aggregate(&ctx, again).await;
    let groups = groups.map_err(|refused| WitnessError::Failed(Box::new(refused.into_error())))?.data;
    let groups = groups.rows.iter().map(crate::witness::row).collect::<Result<Vec<_>, _>>()?;
    let key = |group: &serde_json::Map<String, Json>| {
        aggregate.group_by.iter().map(|field| group.get(field).cloned().unwrap_or_default()).collect::<Json>()
    };
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
