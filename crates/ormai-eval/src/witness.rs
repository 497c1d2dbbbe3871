//! What is really in the database.

use std::fmt;

use ormai::catalog::Catalog;
use ormai::policy::document::{
    Action, AggregationPolicy, BudgetPolicy, ModelPolicy, PolicyDocument, RelationPolicy, WriteAction, WritePolicy,
};
use ormai::prelude::*;
use ormai::value::ColumnType;
use serde_json::{Map, Value as Json};

/// Looks at the database as its owner does, past any policy, on the connection of the calls that it
/// bears witness of: it reads whole tables, and nothing that the policy under test decides takes part.
///
/// It is for tests. What it returns belongs to all tenants.
#[derive(Clone)]
pub struct Witness {
    tools: Toolset,
}

/// Why the database could not be looked at.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// The catalog cannot be opened as a whole.
    #[error("the models cannot be opened: {0}")]
    Unopened(String),
    /// A call failed.
    #[error("{0}")]
    Failed(Box<Error>),
    /// A row cannot be written as JSON.
    #[error("a row cannot be written down")]
    Unread,
    /// A table has more rows than were asked for.
    #[error("`{model}` has more than {most} rows")]
    TooMany {
        /// The model.
        model: String,
        /// How many were asked for.
        most: u32,
    },
}

/// A row: its fields with their values, as answers write them.
pub type Row = Map<String, Json>;

impl Witness {
    /// One who looks at the database of a toolset, through its catalog.
    ///
    /// # Errors
    ///
    /// [`WitnessError::Unopened`].
    pub async fn of(tools: &Toolset) -> Result<Self, WitnessError> {
        let catalog = tools.engine().policy().catalog().as_ref().clone();
        let ormai = OrmAi::builder()
            .database(tools.database().clone())
            .policy(everything(&catalog))
            .catalog(catalog)
            .unrecorded();
        let ormai = ormai.build().await.map_err(|error| WitnessError::Unopened(error.to_string()))?;
        Ok(Self { tools: ormai.tools().clone() })
    }

    /// The tools without any rule: for rows that a test plants.
    pub fn tools(&self) -> &Toolset {
        &self.tools
    }

    /// All rows of a model, in the order of their keys, as the connection of a context sees them.
    ///
    /// # Errors
    ///
    /// [`WitnessError::TooMany`] when there are more than `most`.
    pub async fn rows(&self, ctx: &RunContext<'_>, model: &str, most: u32) -> Result<Vec<Row>, WitnessError> {
        let page = self.tools.query(&ctx.for_principal(owner()), Query::model(model).limit(most.into())).await;
        let page = page.map_err(|refused| WitnessError::Failed(Box::new(refused.into_error())))?.data;
        if page.has_more {
            return Err(WitnessError::TooMany { model: model.to_owned(), most });
        }
        page.rows.iter().map(row).collect()
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness").finish_non_exhaustive()
    }
}

pub(crate) fn row(row: &ormai::answer::Row) -> Result<Row, WitnessError> {
    match serde_json::to_value(row) {
        Ok(Json::Object(row)) => Ok(row),
        Ok(_) | Err(_) => Err(WitnessError::Unread),
    }
}

pub(crate) fn owner() -> Principal {
    Principal::new("the owner of the database")
}

/// A policy that opens everything.
fn everything(catalog: &Catalog) -> PolicyDocument {
    let most = Some(u32::MAX.into());
    let mut document = PolicyDocument::new();
    document.default_field_action = Some(Action::Allow.into());
    document.budget = BudgetPolicy {
        max_rows: most.clone(),
        max_selected_fields: most.clone(),
        max_complexity_score: most.clone(),
        max_list_length: most.clone(),
        max_include_depth: most.clone(),
        max_filter_depth: most.clone(),
        statement_timeout_ms: Some(600_000.into()),
    };
    let write = WritePolicy {
        create: Some(WriteAction::Allow.into()),
        update: Some(WriteAction::Allow.into()),
        delete: Some(WriteAction::Allow.into()),
        bulk_update: Some(WriteAction::Allow.into()),
        max_affected_rows: most,
        ..WritePolicy::default()
    };
    for (_, model) in catalog.models() {
        let named = |fits: fn(&ColumnType) -> bool| {
            let fields = model.fields.iter().filter(|field| fits(&field.ty));
            Some(fields.map(|field| field.name.clone().into()).collect())
        };
        let mut policy = ModelPolicy::new().shared().write(write.clone());
        policy.relations =
            model.relations.iter().map(|relation| (relation.name.clone().into(), RelationPolicy::default())).collect();
        policy.aggregations = Some(AggregationPolicy {
            count: Some(true.into()),
            sum: named(ColumnType::is_number),
            avg: named(ColumnType::is_number),
            min: named(ColumnType::has_extremes),
            max: named(ColumnType::has_extremes),
            ..AggregationPolicy::default()
        });
        document = document.model(&*model.name, policy);
    }
    document
}
