//! Requests: what a caller asks for, in the caller's words. Nothing here is checked
//! against a policy yet; [`crate::resolve`] does that.
//!
//! Each request can be read from JSON ([`Request::from_json`]) and built in Rust:
//!
//! ```
//! use ormai_core::request::{Query, field};
//! let query = Query::model("Order").filter(field("status").eq("pending")).order_desc("created_at").limit(20);
//! # let _ = query;
//! ```

mod aggregate;
mod filter;
mod json;
mod query;
mod reader;

use serde::Serialize;
use serde_json::Value as Json;

pub use aggregate::{Aggregate, Aggregation};
pub use filter::{FieldName, Filter, Match, Operator, RelationName, field, relation};
pub use query::{Get, Include, Order, Query};

use crate::error::{Error, Result};
use crate::plan::Direction;
use crate::suggest;
use reader::Reader;

pub(crate) use reader::shown;

/// What stands at the door, before any policy: generous, and never unbounded.
pub mod limits {
    /// The longest request, in bytes.
    pub const REQUEST_BYTES: usize = 1 << 20;
    /// How deep JSON nests in a request.
    pub const JSON_DEPTH: usize = 64;
    /// The most items in any one list of a request.
    pub const LIST_ITEMS: usize = 10_000;
    /// The longest name of a model, field, relation or alias, in bytes.
    pub const NAME_BYTES: usize = 128;
    /// The longest text that a pattern operator takes, in bytes: SQLite refuses longer ones.
    pub const PATTERN_BYTES: usize = 10_000;
    /// The longest cursor, in bytes.
    pub const CURSOR_BYTES: usize = 8_192;
}

/// A tool that reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// What this principal may see and do.
    DescribeSchema,
    /// Rows of a model.
    Query,
    /// One row by its key.
    Get,
    /// Figures over rows.
    Aggregate,
}

impl Tool {
    /// All tools, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::DescribeSchema, Self::Query, Self::Get, Self::Aggregate];

    /// The name that a caller uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::DescribeSchema => "describe_schema",
            Self::Query => "query",
            Self::Get => "get",
            Self::Aggregate => "aggregate",
        }
    }

    /// The tool with a name.
    ///
    /// # Errors
    ///
    /// `VALIDATION_ERROR` that names the nearest tool.
    pub fn from_name(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name).ok_or_else(|| {
            Error::invalid("", format!("there is no tool `{}`", shown(name)))
                .hint(suggest::help(name, Self::ALL.map(Self::name)))
        })
    }
}

/// A request to one of the tools.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "tool", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Request {
    /// What this principal may see and do.
    DescribeSchema(DescribeSchema),
    /// Rows of a model.
    Query(Query),
    /// One row by its key.
    Get(Get),
    /// Figures over rows.
    Aggregate(Aggregate),
}

/// A request for the schema as it exists for the principal.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DescribeSchema {
    /// Only this model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl Request {
    /// Reads a tool's arguments from JSON text. Unknown and doubled keys are errors.
    ///
    /// # Errors
    ///
    /// `VALIDATION_ERROR` with the path of the first thing that is wrong.
    ///
    /// ```
    /// use ormai_core::request::{Request, Tool};
    /// let error = Request::from_json(Tool::Query, br#"{"model": "Order", "filter": []}"#).unwrap_err();
    /// assert_eq!(error.hint.as_deref(), Some("did you mean `filters`?"));
    /// ```
    pub fn from_json(tool: Tool, text: &[u8]) -> Result<Self> {
        Self::from_value(tool, &json::parse(text)?)
    }

    /// Reads a tool's arguments from a JSON document.
    ///
    /// # Errors
    ///
    /// As [`Request::from_json`]; doubled keys cannot be seen any more.
    pub fn from_value(tool: Tool, arguments: &Json) -> Result<Self> {
        json::check_depth(arguments)?;
        Ok(match tool {
            Tool::DescribeSchema => {
                let reader = Reader::new(arguments, "", &["model"])?;
                Self::DescribeSchema(DescribeSchema { model: reader.optional_name("model")? })
            }
            Tool::Query => Self::Query(Query::read(arguments)?),
            Tool::Get => Self::Get(Get::read(arguments)?),
            Tool::Aggregate => Self::Aggregate(Aggregate::read(arguments)?),
        })
    }

    /// The tool that it is for.
    pub fn tool(&self) -> Tool {
        match self {
            Self::DescribeSchema(_) => Tool::DescribeSchema,
            Self::Query(_) => Tool::Query,
            Self::Get(_) => Tool::Get,
            Self::Aggregate(_) => Tool::Aggregate,
        }
    }

    /// The model that it is about, as the caller named it.
    pub fn model(&self) -> Option<&str> {
        match self {
            Self::DescribeSchema(describe) => describe.model.as_deref(),
            Self::Query(query) => Some(&query.model),
            Self::Get(get) => Some(&get.model),
            Self::Aggregate(aggregate) => Some(&aggregate.model),
        }
    }
}

macro_rules! from_requests {
    ($($name:ident),+) => { $(
        impl From<$name> for Request {
            fn from(request: $name) -> Self { Self::$name(request) }
        }
    )+ };
}

from_requests!(DescribeSchema, Query, Get, Aggregate);

impl Serialize for Direction {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Asc => "asc",
            Self::Desc => "desc",
        })
    }
}
