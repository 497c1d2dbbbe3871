//! `create`, `update`, `delete` and `bulk_update`.
//!
//! Nothing here may widen: a write names its rows, and what is left out, empty or null never
//! stands for "all of them".

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::filter::{Filter, read_filters};
use super::limits;
use super::reader::{Reader, check_length, join, list, shown};
use crate::error::{Error, ErrorCode, Result};

/// A new row.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Create {
    /// The model.
    pub model: String,
    /// The values of its fields; what is left out is set by the policy or the database.
    pub data: Map<String, Json>,
    /// Why, in the caller's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Under one key the write is made once, however often it is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Whether to tell what would happen, and change nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// Other values in one row.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Update {
    /// The model.
    pub model: String,
    /// The key: a scalar, or an object with each part of a composite key.
    pub id: Json,
    /// The new values; never empty.
    pub data: Map<String, Json>,
    /// Why, in the caller's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Under one key the write is made once, however often it is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Whether to tell what would happen, and change nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// One row less.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Delete {
    /// The model.
    pub model: String,
    /// The key: a scalar, or an object with each part of a composite key.
    pub id: Json,
    /// Why, in the caller's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Under one key the write is made once, however often it is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Whether to tell what would happen, and change nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// The same values in several rows, chosen by filters or by their keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BulkUpdate {
    /// The model.
    pub model: String,
    /// What must hold of the rows, all together; empty when there are `ids`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    /// The keys of the rows; `None` when there are filters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<Json>>,
    /// The new values; never empty.
    pub data: Map<String, Json>,
    /// Why, in the caller's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Under one key the write is made once, however often it is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Whether to tell what would happen, and change nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// How a bulk update names its rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Chosen<'a> {
    /// What must hold of them; never empty.
    Filters(&'a [Filter]),
    /// Their keys; never empty.
    Ids(&'a [Json]),
}

macro_rules! data {
    ($($name:ident),+) => { $(
        impl $name {
            /// Sets a field.
            #[must_use]
            pub fn set(mut self, field: impl Into<String>, value: impl Into<Json>) -> Self {
                self.data.insert(field.into(), value.into());
                self
            }
        }
    )+ };
}

data!(Create, Update, BulkUpdate);

macro_rules! options {
    ($($name:ident),+) => { $(
        impl $name {
            /// Says why.
            #[must_use]
            pub fn reason(mut self, reason: impl Into<String>) -> Self {
                self.reason = Some(reason.into());
                self
            }

            /// Makes the write once under this key, however often it is sent.
            #[must_use]
            pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
                self.idempotency_key = Some(key.into());
                self
            }

            /// Tells what would happen, and changes nothing.
            #[must_use]
            pub fn dry_run(mut self) -> Self {
                self.dry_run = true;
                self
            }

            fn check_options(&self) -> Result<()> {
                check_options(self.reason.as_deref(), self.idempotency_key.as_deref())
            }
        }
    )+ };
}

options!(Create, Update, Delete, BulkUpdate);

impl Create {
    /// A new row of a model, without values yet.
    pub fn new(model: impl Into<String>) -> Self {
        Self { model: model.into(), ..Self::default() }
    }

    pub(crate) fn read(json: &Json) -> Result<Self> {
        let reader = Reader::new(json, "", &["model", "data", "reason", "idempotency_key", "dry_run"])?;
        let create = Self {
            model: reader.name("model")?,
            data: data(&reader)?,
            reason: text(&reader, "reason")?,
            idempotency_key: text(&reader, "idempotency_key")?,
            dry_run: reader.flag("dry_run")?,
        };
        create.check().map(|()| create)
    }

    pub(crate) fn check(&self) -> Result<()> {
        check_data(&self.data)?;
        self.check_options()
    }
}

impl Update {
    /// The row with a key: a scalar, or an object with each part of a composite key.
    pub fn new(model: impl Into<String>, id: impl Into<Json>) -> Self {
        Self { model: model.into(), id: id.into(), ..Self::default() }
    }

    pub(crate) fn read(json: &Json) -> Result<Self> {
        let reader = Reader::new(json, "", &["model", "id", "data", "reason", "idempotency_key", "dry_run"])?;
        let update = Self {
            model: reader.name("model")?,
            id: reader.required("id")?.clone(),
            data: data(&reader)?,
            reason: text(&reader, "reason")?,
            idempotency_key: text(&reader, "idempotency_key")?,
            dry_run: reader.flag("dry_run")?,
        };
        update.check().map(|()| update)
    }

    pub(crate) fn check(&self) -> Result<()> {
        check_id(&self.id, "id")?;
        check_change(&self.data)?;
        self.check_options()
    }
}

impl Delete {
    /// The row with a key: a scalar, or an object with each part of a composite key.
    pub fn new(model: impl Into<String>, id: impl Into<Json>) -> Self {
        Self { model: model.into(), id: id.into(), ..Self::default() }
    }

    pub(crate) fn read(json: &Json) -> Result<Self> {
        let reader = Reader::new(json, "", &["model", "id", "reason", "idempotency_key", "dry_run"])?;
        let delete = Self {
            model: reader.name("model")?,
            id: reader.required("id")?.clone(),
            reason: text(&reader, "reason")?,
            idempotency_key: text(&reader, "idempotency_key")?,
            dry_run: reader.flag("dry_run")?,
        };
        delete.check().map(|()| delete)
    }

    pub(crate) fn check(&self) -> Result<()> {
        check_id(&self.id, "id")?;
        self.check_options()
    }
}

impl BulkUpdate {
    /// Rows of a model, which [`BulkUpdate::filter`] or [`BulkUpdate::ids`] must choose.
    pub fn new(model: impl Into<String>) -> Self {
        Self { model: model.into(), ..Self::default() }
    }

    /// Adds a filter on the rows; all of them must hold.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Chooses the rows with these keys.
    #[must_use]
    pub fn ids<T: Into<Json>>(mut self, ids: impl IntoIterator<Item = T>) -> Self {
        self.ids.get_or_insert_default().extend(ids.into_iter().map(Into::into));
        self
    }

    pub(crate) fn read(json: &Json) -> Result<Self> {
        let known = ["model", "filters", "ids", "data", "reason", "idempotency_key", "dry_run"];
        let reader = Reader::new(json, "", &known)?;
        // An empty list says something that must not vanish, so both keys are counted as they stand.
        let (filters, ids) = (reader.present("filters"), reader.present("ids"));
        if filters.is_some() && ids.is_some() {
            return Err(chosen_twice());
        }
        if filters.and_then(Json::as_array).is_some_and(Vec::is_empty) {
            return Err(chosen_all("filters", "`filters` needs at least one filter"));
        }
        let bulk = Self {
            model: reader.name("model")?,
            filters: read_filters(&reader)?,
            ids: ids.map(|json| list(json, "ids", |id, _| Ok(id.clone()))).transpose()?,
            data: data(&reader)?,
            reason: text(&reader, "reason")?,
            idempotency_key: text(&reader, "idempotency_key")?,
            dry_run: reader.flag("dry_run")?,
        };
        bulk.check().map(|()| bulk)
    }

    /// The rows, by exactly one of the two ways to name them.
    ///
    /// # Errors
    ///
    /// `VALIDATION_ERROR` when both or neither names them, or one is empty.
    pub fn chosen(&self) -> Result<Chosen<'_>> {
        match (self.filters.as_slice(), self.ids.as_deref()) {
            ([], None) => Err(chosen_all("", "neither `filters` nor `ids` says which rows")),
            ([], Some([])) => Err(chosen_all("ids", "`ids` needs at least one key")),
            ([], Some(ids)) => Ok(Chosen::Ids(ids)),
            (filters, None) => Ok(Chosen::Filters(filters)),
            (_, Some(_)) => Err(chosen_twice()),
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        if let Chosen::Ids(ids) = self.chosen()? {
            check_length(ids.len(), "ids")?;
            ids.iter().enumerate().try_for_each(|(index, id)| check_id(id, &format!("ids[{index}]")))?;
        }
        check_change(&self.data)?;
        self.check_options()
    }
}

fn chosen_twice() -> Error {
    Error::invalid("ids", "`filters` and `ids` stand together")
        .hint(Some("leave one of the two out; a filter with `in` can name keys too".to_owned()))
}

fn chosen_all(path: &str, message: &str) -> Error {
    Error::invalid(path, message)
        .hint(Some("an update of every row must be asked for by `ids` or by a filter that says which rows".to_owned()))
}

/// The object under `data`.
fn data(reader: &Reader<'_>) -> Result<Map<String, Json>> {
    reader.required("data")?.as_object().cloned().ok_or_else(|| {
        Error::invalid(&reader.at("data"), "expected an object")
            .hint(Some("`data` is an object of fields and their values".to_owned()))
    })
}

/// A text that may be missing or null.
fn text(reader: &Reader<'_>, key: &str) -> Result<Option<String>> {
    let read = |json: &Json| {
        json.as_str().map(str::to_owned).ok_or_else(|| Error::invalid(&reader.at(key), "expected a text"))
    };
    reader.optional(key).map(read).transpose()
}

fn check_data(data: &Map<String, Json>) -> Result<()> {
    if data.len() > limits::DATA_FIELDS {
        return Err(Error::new(
            ErrorCode::QueryBudgetExceeded,
            format!("`data` has at most {} fields", limits::DATA_FIELDS),
        )
        .detail("path", "data")
        .detail("max", limits::DATA_FIELDS));
    }
    match data.keys().find(|name| name.is_empty() || name.len() > limits::NAME_BYTES) {
        None => Ok(()),
        Some(name) => Err(Error::invalid(
            &join("data", &shown(name)),
            format!("a name has from 1 to {} bytes", limits::NAME_BYTES),
        )),
    }
}

/// The data of an update: without a value there is nothing to do.
fn check_change(data: &Map<String, Json>) -> Result<()> {
    if data.is_empty() {
        return Err(Error::invalid("data", "`data` needs at least one field"));
    }
    check_data(data)
}

fn check_id(id: &Json, path: &str) -> Result<()> {
    if id.is_null() || id.is_array() {
        return Err(Error::invalid(path, "expected a key")
            .hint(Some("a key is a scalar, or an object with each of its parts".to_owned())));
    }
    Ok(())
}

fn check_options(reason: Option<&str>, key: Option<&str>) -> Result<()> {
    // A blank reason would pass for one where the policy requires it.
    if reason
        .is_some_and(|reason| reason.trim().is_empty() || reason.len() > limits::REASON_BYTES || reason.contains('\0'))
    {
        return Err(Error::invalid(
            "reason",
            format!("a reason has from 1 to {} bytes, is not blank and has no NUL in it", limits::REASON_BYTES),
        ));
    }
    if key.is_some_and(|key| {
        key.is_empty()
            || key.len() > limits::IDEMPOTENCY_KEY_BYTES
            || !key.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
    }) {
        return Err(Error::invalid(
            "idempotency_key",
            format!("an idempotency key has from 1 to {} bytes of printable ASCII", limits::IDEMPOTENCY_KEY_BYTES),
        ));
    }
    Ok(())
}
