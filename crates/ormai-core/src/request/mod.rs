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
mod write;

use serde::Serialize;
use serde_json::Value as Json;

pub use aggregate::{Aggregate, Aggregation};
pub use filter::{FieldName, Filter, Match, Operator, RelationName, field, relation};
pub use query::{Get, Include, Order, Query};
pub use write::{BulkUpdate, Chosen, Create, Delete, Update};

use crate::error::{Error, ErrorCode, Result};
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
    /// The most fields in the data of a write: no engine's tables are as wide.
    pub const DATA_FIELDS: usize = 4_096;
    /// The longest reason of a write, in bytes.
    pub const REASON_BYTES: usize = 2_000;
    /// The longest idempotency key, in bytes.
    pub const IDEMPOTENCY_KEY_BYTES: usize = 200;
}

/// Reads the arguments of a tool that is none of [`Tool`]: within the limits at the door, and no key
/// stands twice.
///
/// # Errors
///
/// `VALIDATION_ERROR`.
pub fn read_arguments(text: &[u8]) -> Result<Json> {
    json::parse(text)
}

/// Holds such arguments to the depth at the door, that were read elsewhere.
///
/// # Errors
///
/// `VALIDATION_ERROR`.
pub fn check_arguments(arguments: &Json) -> Result<()> {
    json::check_depth(arguments)
}

/// What a caller can ask for.
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
    /// A new row.
    Create,
    /// Other values in one row.
    Update,
    /// One row less.
    Delete,
    /// The same values in several rows.
    BulkUpdate,
}

impl Tool {
    /// All tools, in the order in which they are listed.
    pub const ALL: [Self; 8] = [
        Self::DescribeSchema,
        Self::Query,
        Self::Get,
        Self::Aggregate,
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::BulkUpdate,
    ];

    /// The name that a caller uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::DescribeSchema => "describe_schema",
            Self::Query => "query",
            Self::Get => "get",
            Self::Aggregate => "aggregate",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::BulkUpdate => "bulk_update",
        }
    }

    /// Whether it changes rows.
    pub fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete | Self::BulkUpdate)
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
    /// A new row.
    Create(Create),
    /// Other values in one row.
    Update(Update),
    /// One row less.
    Delete(Delete),
    /// The same values in several rows.
    BulkUpdate(BulkUpdate),
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
            Tool::Create => Self::Create(Create::read(arguments)?),
            Tool::Update => Self::Update(Update::read(arguments)?),
            Tool::Delete => Self::Delete(Delete::read(arguments)?),
            Tool::BulkUpdate => Self::BulkUpdate(BulkUpdate::read(arguments)?),
        })
    }

    /// Holds a write that was built in Rust to what one read from JSON has passed: it names its
    /// rows, changes something, and its texts are within the limits.
    ///
    /// # Errors
    ///
    /// `VALIDATION_ERROR` with the path of the first thing that is wrong.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Create(create) => create.check(),
            Self::Update(update) => update.check(),
            Self::Delete(delete) => delete.check(),
            Self::BulkUpdate(bulk) => bulk.check(),
            Self::DescribeSchema(_) | Self::Query(_) | Self::Get(_) | Self::Aggregate(_) => Ok(()),
        }
    }

    /// The arguments of its tool, as [`Request::from_value`] reads them.
    ///
    /// # Errors
    ///
    /// `INTERNAL` when they cannot be written down.
    pub fn arguments(&self) -> Result<Json> {
        match self {
            Self::DescribeSchema(describe) => serde_json::to_value(describe),
            Self::Query(query) => serde_json::to_value(query),
            Self::Get(get) => serde_json::to_value(get),
            Self::Aggregate(aggregate) => serde_json::to_value(aggregate),
            Self::Create(create) => serde_json::to_value(create),
            Self::Update(update) => serde_json::to_value(update),
            Self::Delete(delete) => serde_json::to_value(delete),
            Self::BulkUpdate(bulk) => serde_json::to_value(bulk),
        }
        .map_err(|_| Error::new(ErrorCode::Internal, "the request cannot be written down"))
    }

    /// The tool that it is for.
    pub fn tool(&self) -> Tool {
        match self {
            Self::DescribeSchema(_) => Tool::DescribeSchema,
            Self::Query(_) => Tool::Query,
            Self::Get(_) => Tool::Get,
            Self::Aggregate(_) => Tool::Aggregate,
            Self::Create(_) => Tool::Create,
            Self::Update(_) => Tool::Update,
            Self::Delete(_) => Tool::Delete,
            Self::BulkUpdate(_) => Tool::BulkUpdate,
        }
    }

    /// The model that it is about, as the caller named it.
    pub fn model(&self) -> Option<&str> {
        match self {
            Self::DescribeSchema(describe) => describe.model.as_deref(),
            Self::Query(query) => Some(&query.model),
            Self::Get(get) => Some(&get.model),
            Self::Aggregate(aggregate) => Some(&aggregate.model),
            Self::Create(create) => Some(&create.model),
            Self::Update(update) => Some(&update.model),
            Self::Delete(delete) => Some(&delete.model),
            Self::BulkUpdate(bulk) => Some(&bulk.model),
        }
    }

    /// Why a write is asked for, in the caller's words.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Create(create) => create.reason.as_deref(),
            Self::Update(update) => update.reason.as_deref(),
            Self::Delete(delete) => delete.reason.as_deref(),
            Self::BulkUpdate(bulk) => bulk.reason.as_deref(),
            Self::DescribeSchema(_) | Self::Query(_) | Self::Get(_) | Self::Aggregate(_) => None,
        }
    }

    /// The key under which a write is made once.
    pub fn idempotency_key(&self) -> Option<&str> {
        match self {
            Self::Create(create) => create.idempotency_key.as_deref(),
            Self::Update(update) => update.idempotency_key.as_deref(),
            Self::Delete(delete) => delete.idempotency_key.as_deref(),
            Self::BulkUpdate(bulk) => bulk.idempotency_key.as_deref(),
            Self::DescribeSchema(_) | Self::Query(_) | Self::Get(_) | Self::Aggregate(_) => None,
        }
    }

    /// The same write, only to tell what it would do.
    #[must_use]
    pub fn into_dry_run(mut self) -> Self {
        match &mut self {
            Self::Create(create) => create.dry_run = true,
            Self::Update(update) => update.dry_run = true,
            Self::Delete(delete) => delete.dry_run = true,
            Self::BulkUpdate(bulk) => bulk.dry_run = true,
            Self::DescribeSchema(_) | Self::Query(_) | Self::Get(_) | Self::Aggregate(_) => {}
        }
        self
    }

    /// Whether a write is only to tell what it would do.
    pub fn is_dry_run(&self) -> bool {
        match self {
            Self::Create(create) => create.dry_run,
            Self::Update(update) => update.dry_run,
            Self::Delete(delete) => delete.dry_run,
            Self::BulkUpdate(bulk) => bulk.dry_run,
            Self::DescribeSchema(_) | Self::Query(_) | Self::Get(_) | Self::Aggregate(_) => false,
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

from_requests!(DescribeSchema, Query, Get, Aggregate, Create, Update, Delete, BulkUpdate);

impl Direction {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asc => "asc",
            Self::Desc => "desc",
        }
    }
}

impl Serialize for Direction {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
