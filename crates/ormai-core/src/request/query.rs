//! `query` and `get`.

use serde::Serialize;
use serde_json::Value as Json;

use super::filter::{Filter, read_filters};
use super::limits;
use super::reader::{Reader, name};
use crate::error::{Error, Result};
use crate::plan::Direction;
use crate::suggest;

/// Rows of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Query {
    /// The model.
    pub model: String,
    /// What must hold, all together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    /// The fields to return; `None`: all that are open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select: Option<Vec<String>>,
    /// The order; the primary key is appended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<Order>,
    /// Related rows to return with each row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<Include>,
    /// The most rows; `None`: the smaller of 50 and the budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Whether to count all rows of all pages.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub with_total: bool,
}

/// One row by its key.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Get {
    /// The model.
    pub model: String,
    /// The key: a scalar, or an object with each part of a composite key.
    pub id: Json,
    /// The fields to return; `None`: all that are open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select: Option<Vec<String>>,
    /// Related rows to return with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<Include>,
}

/// Related rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Include {
    /// The relation.
    pub relation: String,
    /// The fields to return; `None`: all that are open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select: Option<Vec<String>>,
    /// What must hold of the related rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    /// Their order within each parent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<Order>,
    /// The most rows per parent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Rows related to these in turn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<Include>,
}

/// One key of an order.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Order {
    /// The field (or, in an aggregate, the alias).
    pub field: String,
    /// Its direction.
    pub direction: Direction,
}

impl Query {
    /// All rows of a model that the principal may see, page by page.
    pub fn model(model: impl Into<String>) -> Self {
        Self { model: model.into(), ..Self::default() }
    }

    /// Adds a filter; all of them must hold.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Returns these fields only.
    #[must_use]
    pub fn select<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> Self {
        self.select = Some(fields.into_iter().map(Into::into).collect());
        self
    }

    /// Adds an ascending order key.
    #[must_use]
    pub fn order_asc(mut self, field: impl Into<String>) -> Self {
        self.order.push(Order { field: field.into(), direction: Direction::Asc });
        self
    }

    /// Adds a descending order key.
    #[must_use]
    pub fn order_desc(mut self, field: impl Into<String>) -> Self {
        self.order.push(Order { field: field.into(), direction: Direction::Desc });
        self
    }

    /// Returns related rows with each row.
    #[must_use]
    pub fn include(mut self, include: Include) -> Self {
        self.include.push(include);
        self
    }

    /// Returns at most this many rows.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Goes on after a page.
    #[must_use]
    pub fn after(mut self, cursor: impl Into<String>) -> Self {
        self.cursor = Some(cursor.into());
        self
    }

    /// Counts all rows of all pages too.
    #[must_use]
    pub fn with_total(mut self) -> Self {
        self.with_total = true;
        self
    }

    pub(crate) fn read(json: &Json) -> Result<Self> {
        let known = ["model", "filters", "select", "order", "include", "limit", "cursor", "with_total"];
        let reader = Reader::new(json, "", &known)?;
        let cursor = match reader.optional("cursor") {
            None => None,
            Some(Json::String(text)) if text.len() <= limits::CURSOR_BYTES => Some(text.clone()),
            Some(_) => {
                return Err(Error::invalid("cursor", "expected the `next_cursor` of the page before"));
            }
        };
        Ok(Self {
            model: reader.name("model")?,
            filters: read_filters(&reader)?,
            select: reader.names("select")?,
            order: reader.list("order", Order::read)?.unwrap_or_default(),
            include: reader.list("include", Include::read)?.unwrap_or_default(),
            limit: reader.count("limit")?,
            cursor,
            with_total: reader.flag("with_total")?,
        })
    }
}

impl Get {
    /// The row with a key: a scalar, or an object with each part of a composite key.
    pub fn model(model: impl Into<String>, id: impl Into<Json>) -> Self {
        Self { model: model.into(), id: id.into(), ..Self::default() }
    }

    /// Returns these fields only.
    #[must_use]
    pub fn select<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> Self {
        self.select = Some(fields.into_iter().map(Into::into).collect());
        self
    }

    /// Returns related rows with it.
    #[must_use]
    pub fn include(mut self, include: Include) -> Self {
        self.include.push(include);
        self
    }

    pub(crate) fn read(json: &Json) -> Result<Self> {
        let reader = Reader::new(json, "", &["model", "id", "select", "include"])?;
        Ok(Self {
            model: reader.name("model")?,
            id: reader.required("id")?.clone(),
            select: reader.names("select")?,
            include: reader.list("include", Include::read)?.unwrap_or_default(),
        })
    }
}

impl Include {
    /// The rows behind a relation.
    pub fn relation(relation: impl Into<String>) -> Self {
        Self { relation: relation.into(), ..Self::default() }
    }

    /// Returns these fields only.
    #[must_use]
    pub fn select<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> Self {
        self.select = Some(fields.into_iter().map(Into::into).collect());
        self
    }

    /// Adds a filter on the related rows.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Adds an ascending order key.
    #[must_use]
    pub fn order_asc(mut self, field: impl Into<String>) -> Self {
        self.order.push(Order { field: field.into(), direction: Direction::Asc });
        self
    }

    /// Adds a descending order key.
    #[must_use]
    pub fn order_desc(mut self, field: impl Into<String>) -> Self {
        self.order.push(Order { field: field.into(), direction: Direction::Desc });
        self
    }

    /// Returns at most this many rows per parent.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Returns rows related to these in turn.
    #[must_use]
    pub fn include(mut self, include: Include) -> Self {
        self.include.push(include);
        self
    }

    fn read(json: &Json, path: &str) -> Result<Self> {
        // The short form `"include": ["user"]`.
        if json.is_string() {
            return Ok(Self::relation(name(json, path)?));
        }
        let reader = Reader::new(json, path, &["relation", "select", "filters", "order", "limit", "include"])?;
        Ok(Self {
            relation: reader.name("relation")?,
            select: reader.names("select")?,
            filters: read_filters(&reader)?,
            order: reader.list("order", Order::read)?.unwrap_or_default(),
            limit: reader.count("limit")?,
            include: reader.list("include", Self::read)?.unwrap_or_default(),
        })
    }
}

impl Order {
    pub(crate) fn read(json: &Json, path: &str) -> Result<Self> {
        if !json.is_object() {
            let form = "an order is a list of {\"field\", \"direction\"}";
            return Err(Error::invalid(path, "expected an object").hint(Some(form.to_owned())));
        }
        let reader = Reader::new(json, path, &["field", "direction"])?;
        let direction = match reader.optional("direction").map(|json| json.as_str().unwrap_or_default()) {
            None | Some("asc") => Direction::Asc,
            Some("desc") => Direction::Desc,
            Some(word) => {
                return Err(Error::invalid(&reader.at("direction"), "expected asc or desc")
                    .hint(suggest::nearest(word, ["asc", "desc"]).map(|near| format!("did you mean `{near}`?"))));
            }
        };
        Ok(Self { field: reader.name("field")?, direction })
    }
}
