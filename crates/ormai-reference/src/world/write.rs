//! Requests that change something, as data that prints as JSON.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::policy::Operation;
use super::request::Filter;

/// A request to one of the tools that write.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// The model.
    pub model: String,
    /// What is done.
    pub act: Act,
    /// Why.
    pub reason: Option<String>,
    /// Whether it is only tried.
    pub dry_run: bool,
}

/// Values by the names of their fields.
pub type Data = BTreeMap<String, Json>;

/// What a write does.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// `create`
    Create {
        /// The new row.
        data: Data,
    },
    /// `update`
    Update {
        /// The key.
        id: Json,
        /// What changes.
        data: Data,
    },
    /// `delete`
    Delete {
        /// The key.
        id: Json,
    },
    /// `bulk_update`
    BulkUpdate {
        /// Which rows.
        chosen: Chosen,
        /// What changes.
        data: Data,
    },
}

/// Which rows are changed at once.
#[derive(Clone, Debug, PartialEq)]
pub enum Chosen {
    /// Those of which all filters are true.
    Filters(Vec<Filter>),
    /// Those with these keys.
    Ids(Vec<Json>),
}

impl Write {
    /// The tool.
    pub fn tool(&self) -> &'static str {
        match self.act {
            Act::Create { .. } => "create",
            Act::Update { .. } => "update",
            Act::Delete { .. } => "delete",
            Act::BulkUpdate { .. } => "bulk_update",
        }
    }

    /// The operation that row policies name.
    pub fn operation(&self) -> Operation {
        match self.act {
            Act::Create { .. } => Operation::Create,
            Act::Update { .. } | Act::BulkUpdate { .. } => Operation::Update,
            Act::Delete { .. } => Operation::Delete,
        }
    }

    /// What is written into rows; a `delete` says nothing.
    pub fn data(&self) -> Option<&Data> {
        match &self.act {
            Act::Create { data } | Act::Update { data, .. } | Act::BulkUpdate { data, .. } => Some(data),
            Act::Delete { .. } => None,
        }
    }

    /// The arguments of the tool.
    pub fn to_json(&self) -> Json {
        let chosen = match &self.act {
            Act::Create { .. } => None,
            Act::Update { id, .. } | Act::Delete { id } => Some(("id", id.clone())),
            Act::BulkUpdate { chosen: Chosen::Ids(ids), .. } => Some(("ids", json!(ids))),
            Act::BulkUpdate { chosen: Chosen::Filters(filters), .. } => {
                Some(("filters", filters.iter().map(Filter::to_json).collect()))
            }
        };
        let said = [
            Some(("model", json!(self.model))),
            chosen,
            self.data().map(|data| ("data", json!(data))),
            self.reason.as_ref().map(|reason| ("reason", json!(reason))),
            self.dry_run.then_some(("dry_run", Json::Bool(true))),
        ];
        Json::Object(said.into_iter().flatten().map(|(key, value)| (key.to_owned(), value)).collect())
    }
}
