//! Requests, as data that prints as JSON.

use serde_json::{Value as Json, json};

use super::write::Write;

/// A request to one of the tools.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Rows, page by page.
    Query(Query),
    /// One row.
    Get(Get),
    /// Figures.
    Aggregate(Aggregate),
    /// A change.
    Write(Write),
}

/// `query`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// The model.
    pub model: String,
    /// All must hold.
    pub filters: Vec<Filter>,
    /// The fields to return.
    pub select: Option<Vec<String>>,
    /// The order.
    pub order: Vec<Order>,
    /// Related rows.
    pub include: Vec<Include>,
    /// The most rows.
    pub limit: Option<u64>,
    /// Whether to count the rows of all pages.
    pub with_total: bool,
}

/// `get`
#[derive(Clone, Debug, PartialEq)]
pub struct Get {
    /// The model.
    pub model: String,
    /// The key.
    pub id: Json,
    /// The fields to return.
    pub select: Option<Vec<String>>,
    /// Related rows.
    pub include: Vec<Include>,
}

/// `aggregate`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aggregate {
    /// The model.
    pub model: String,
    /// The figures.
    pub figures: Vec<Figure>,
    /// Which rows take part.
    pub filters: Vec<Filter>,
    /// The fields that make a group.
    pub group_by: Vec<String>,
    /// The order of groups.
    pub order: Vec<Order>,
    /// The most groups.
    pub limit: Option<u64>,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// `count`, `sum`, `avg`, `min`, `max`, or a word that is none of them.
    pub function: String,
    /// Over which field.
    pub field: Option<String>,
    /// Its name in the answer.
    pub alias: Option<String>,
}

/// A key of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The field, or the alias of a figure.
    pub field: String,
    /// From the greatest down.
    pub descending: bool,
}

/// Related rows to return with each row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Include {
    /// The relation.
    pub relation: String,
    /// The fields to return.
    pub select: Option<Vec<String>>,
    /// All must hold.
    pub filters: Vec<Filter>,
    /// The order.
    pub order: Vec<Order>,
    /// The most rows for each row above.
    pub limit: Option<u64>,
    /// Related rows of these.
    pub include: Vec<Include>,
}

/// A filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// A comparison of a field.
    Field {
        /// The field.
        field: String,
        /// The operator.
        op: Op,
        /// What it is compared with.
        value: Json,
    },
    /// All must hold.
    And(Vec<Filter>),
    /// One must hold.
    Or(Vec<Filter>),
    /// The filter is false.
    Not(Box<Filter>),
    /// About related rows.
    Relation {
        /// The relation.
        relation: String,
        /// How many of the rows.
        matching: Matching,
        /// All must hold.
        filters: Vec<Filter>,
    },
}

/// How many related rows a filter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matching {
    /// At least one.
    Any,
    /// Every one.
    All,
    /// Not one.
    None,
}

/// An operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    /// `eq`
    Eq,
    /// `ne`
    Ne,
    /// `lt`
    Lt,
    /// `lte`
    Lte,
    /// `gt`
    Gt,
    /// `gte`
    Gte,
    /// `in`
    In,
    /// `not_in`
    NotIn,
    /// `is_null`
    IsNull,
    /// `contains`
    Contains,
    /// `starts_with`
    StartsWith,
    /// `ends_with`
    EndsWith,
    /// `between`
    Between,
}

impl Op {
    /// All operators.
    pub const ALL: [Self; 13] = [
        Self::Eq,
        Self::Ne,
        Self::Lt,
        Self::Lte,
        Self::Gt,
        Self::Gte,
        Self::In,
        Self::NotIn,
        Self::IsNull,
        Self::Contains,
        Self::StartsWith,
        Self::EndsWith,
        Self::Between,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::In => "in",
            Self::NotIn => "not_in",
            Self::IsNull => "is_null",
            Self::Contains => "contains",
            Self::StartsWith => "starts_with",
            Self::EndsWith => "ends_with",
            Self::Between => "between",
        }
    }

    /// Whether it takes text without wildcards.
    pub fn is_pattern(self) -> bool {
        matches!(self, Self::Contains | Self::StartsWith | Self::EndsWith)
    }
}

impl Matching {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::All => "all",
            Self::None => "none",
        }
    }
}

impl Request {
    /// The tool.
    pub fn tool(&self) -> &'static str {
        match self {
            Self::Query(_) => "query",
            Self::Get(_) => "get",
            Self::Aggregate(_) => "aggregate",
            Self::Write(write) => write.tool(),
        }
    }

    /// The model that it names.
    pub fn model(&self) -> &str {
        match self {
            Self::Query(query) => &query.model,
            Self::Get(get) => &get.model,
            Self::Aggregate(aggregate) => &aggregate.model,
            Self::Write(write) => &write.model,
        }
    }

    /// The arguments of the tool.
    pub fn to_json(&self) -> Json {
        if let Self::Write(write) = self {
            return write.to_json();
        }
        let mut object = serde_json::Map::new();
        let mut put = |key: &str, value: Json| {
            object.insert(key.to_owned(), value);
        };
        put("model", json!(self.model()));
        match self {
            Self::Query(query) => {
                list(&mut put, "filters", &query.filters, Filter::to_json);
                list(&mut put, "order", &query.order, Order::to_json);
                list(&mut put, "include", &query.include, Include::to_json);
                some(&mut put, "select", query.select.as_ref().map(|names| json!(names)));
                some(&mut put, "limit", query.limit.map(Json::from));
                some(&mut put, "with_total", query.with_total.then_some(Json::Bool(true)));
            }
            Self::Get(get) => {
                put("id", get.id.clone());
                list(&mut put, "include", &get.include, Include::to_json);
                some(&mut put, "select", get.select.as_ref().map(|names| json!(names)));
            }
            Self::Aggregate(aggregate) => {
                put("aggregations", aggregate.figures.iter().map(Figure::to_json).collect());
                list(&mut put, "filters", &aggregate.filters, Filter::to_json);
                list(&mut put, "group_by", &aggregate.group_by, |name| json!(name));
                list(&mut put, "order", &aggregate.order, Order::to_json);
                some(&mut put, "limit", aggregate.limit.map(Json::from));
            }
            Self::Write(_) => {}
        }
        Json::Object(object)
    }
}

fn some(put: &mut impl FnMut(&str, Json), key: &str, value: Option<Json>) {
    if let Some(value) = value {
        put(key, value);
    }
}

fn list<T>(put: &mut impl FnMut(&str, Json), key: &str, items: &[T], to_json: impl Fn(&T) -> Json) {
    if !items.is_empty() {
        put(key, items.iter().map(to_json).collect());
    }
}

impl Filter {
    pub(super) fn to_json(&self) -> Json {
        let all = |filters: &[Self]| filters.iter().map(Self::to_json).collect::<Json>();
        match self {
            Self::Field { field, op, value } => json!({"field": field, "op": op.as_str(), "value": value}),
            Self::And(parts) => json!({"and": all(parts)}),
            Self::Or(parts) => json!({"or": all(parts)}),
            Self::Not(part) => json!({"not": part.to_json()}),
            Self::Relation { relation, matching, filters } => {
                json!({"relation": relation, "match": matching.as_str(), "filters": all(filters)})
            }
        }
    }
}

impl Order {
    fn to_json(&self) -> Json {
        json!({"field": self.field, "direction": if self.descending { "desc" } else { "asc" }})
    }
}

impl Include {
    fn to_json(&self) -> Json {
        let mut object = serde_json::Map::new();
        let mut put = |key: &str, value: Json| {
            object.insert(key.to_owned(), value);
        };
        put("relation", json!(self.relation));
        list(&mut put, "filters", &self.filters, Filter::to_json);
        list(&mut put, "order", &self.order, Order::to_json);
        list(&mut put, "include", &self.include, Self::to_json);
        some(&mut put, "select", self.select.as_ref().map(|names| json!(names)));
        some(&mut put, "limit", self.limit.map(Json::from));
        Json::Object(object)
    }
}

impl Figure {
    /// Its name in the answer.
    pub fn name(&self) -> String {
        match (&self.alias, &self.field) {
            (Some(alias), _) => alias.clone(),
            (None, Some(field)) => format!("{}_{field}", self.function),
            (None, None) => self.function.clone(),
        }
    }

    fn to_json(&self) -> Json {
        let mut object = serde_json::Map::new();
        object.insert("function".to_owned(), json!(self.function));
        for (key, value) in [("field", &self.field), ("alias", &self.alias)] {
            if let Some(value) = value {
                object.insert(key.to_owned(), json!(value));
            }
        }
        Json::Object(object)
    }
}
