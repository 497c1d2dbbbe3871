//! `aggregate`.

use serde::Serialize;
use serde_json::Value as Json;

use super::filter::{Filter, read_filters};
use super::query::Order;
use super::reader::{Reader, shown};
use crate::error::{Error, Result};
use crate::plan::{AggregateFunction, Direction};
use crate::suggest;

/// Figures over the rows of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Aggregate {
    /// The model.
    pub model: String,
    /// What is computed; at least one.
    pub aggregations: Vec<Aggregation>,
    /// Which rows take part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    /// The fields that make a group.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group_by: Vec<String>,
    /// The order of the groups, by group fields and aliases; the group fields are appended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<Order>,
    /// The most groups; `None`: the smaller of 50 and the budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Aggregation {
    /// What is computed.
    pub function: AggregateFunction,
    /// Over which field; only `count` goes without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Its name in the answer; `None`: `sum_total`, `count`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
}

impl Aggregation {
    /// Its name in the answer.
    pub fn name(&self) -> String {
        match (&self.alias, &self.field) {
            (Some(alias), _) => alias.clone(),
            (None, Some(field)) => format!("{}_{field}", self.function.as_str()),
            (None, None) => self.function.as_str().to_owned(),
        }
    }

    fn read(json: &Json, path: &str) -> Result<Self> {
        let reader = Reader::new(json, path, &["function", "field", "alias"])?;
        let word = reader.name("function")?;
        let function =
            AggregateFunction::ALL.into_iter().find(|function| function.as_str() == word).ok_or_else(|| {
                Error::invalid(&reader.at("function"), format!("unknown function `{}`", shown(&word)))
                    .hint(suggest::help(&word, AggregateFunction::ALL.map(AggregateFunction::as_str)))
            })?;
        let field = reader.optional_name("field")?;
        if field.is_none() && function != AggregateFunction::Count {
            return Err(Error::invalid(&reader.at("field"), format!("`{}` needs a field", function.as_str())));
        }
        Ok(Self { function, field, alias: reader.optional_name("alias")? })
    }
}

impl AggregateFunction {
    /// All functions.
    pub const ALL: [Self; 5] = [Self::Count, Self::Sum, Self::Avg, Self::Min, Self::Max];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

impl Serialize for AggregateFunction {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Aggregate {
    /// Figures over a model; add at least one.
    pub fn model(model: impl Into<String>) -> Self {
        Self { model: model.into(), ..Self::default() }
    }

    fn figure(mut self, function: AggregateFunction, field: Option<String>, alias: impl Into<String>) -> Self {
        self.aggregations.push(Aggregation { function, field, alias: Some(alias.into()) });
        self
    }

    /// Counts the rows.
    #[must_use]
    pub fn count(self, alias: impl Into<String>) -> Self {
        self.figure(AggregateFunction::Count, None, alias)
    }

    /// Adds up a field.
    #[must_use]
    pub fn sum(self, field: impl Into<String>, alias: impl Into<String>) -> Self {
        self.figure(AggregateFunction::Sum, Some(field.into()), alias)
    }

    /// The mean of a field.
    #[must_use]
    pub fn avg(self, field: impl Into<String>, alias: impl Into<String>) -> Self {
        self.figure(AggregateFunction::Avg, Some(field.into()), alias)
    }

    /// The smallest value of a field.
    #[must_use]
    pub fn min(self, field: impl Into<String>, alias: impl Into<String>) -> Self {
        self.figure(AggregateFunction::Min, Some(field.into()), alias)
    }

    /// The greatest value of a field.
    #[must_use]
    pub fn max(self, field: impl Into<String>, alias: impl Into<String>) -> Self {
        self.figure(AggregateFunction::Max, Some(field.into()), alias)
    }

    /// Adds a filter; all of them must hold.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Groups by these fields.
    #[must_use]
    pub fn group_by<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> Self {
        self.group_by.extend(fields.into_iter().map(Into::into));
        self
    }

    /// Adds a descending order key: a group field or an alias.
    #[must_use]
    pub fn order_desc(mut self, name: impl Into<String>) -> Self {
        self.order.push(Order { field: name.into(), direction: Direction::Desc });
        self
    }

    /// Returns at most this many groups.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    pub(crate) fn read(json: &Json) -> Result<Self> {
        let known = ["model", "aggregations", "filters", "group_by", "order", "limit"];
        let reader = Reader::new(json, "", &known)?;
        reader.required("aggregations")?;
        Ok(Self {
            model: reader.name("model")?,
            aggregations: reader.list("aggregations", Aggregation::read)?.unwrap_or_default(),
            filters: read_filters(&reader)?,
            group_by: reader.names("group_by")?.unwrap_or_default(),
            order: reader.list("order", Order::read)?.unwrap_or_default(),
            limit: reader.count("limit")?,
        })
    }
}
