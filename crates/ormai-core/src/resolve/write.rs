//! `create`, `update`, `delete` and `bulk_update`: what would be written, typed, and which
//! rows are meant.
//!
//! Everything is refused here that policy and request decide among themselves, so that the
//! database is not touched for it.

use serde_json::{Map, Value as Json};

use super::path::Path;
use super::{Filter, Place, Resolver, Spent, Use, find_model, key_values};
use crate::catalog::{Catalog, FieldId, Model, ModelId};
use crate::error::{Error, ErrorCode, Result, listed};
use crate::fault::Fault;
use crate::policy::{ModelRules, Operation, View, WriteAction};
use crate::request::{Chosen, Request, Tool};
use crate::value::{Value, fit};

/// A write whose every name is open to the principal and whose values fit their columns.
/// Made by [`resolve_write`] only; it holds no scope yet and cannot be run.
#[derive(Debug)]
pub struct ResolvedWrite {
    pub(crate) model: ModelId,
    pub(crate) operation: Operation,
    pub(crate) rows: Rows,
    /// What the request says of the row or rows, each field once.
    pub(crate) data: Vec<(FieldId, Value)>,
    pub(crate) dry_run: bool,
    pub(crate) needs_approval: bool,
}

/// Which rows are written.
#[derive(Debug)]
pub(crate) enum Rows {
    /// A new one.
    New,
    /// The one with a key.
    One(Vec<Value>),
    /// Those with keys, each key once.
    Listed(Vec<Vec<Value>>),
    /// Those that satisfy filters.
    Filtered(Vec<Filter>),
}

/// Resolves a write against what is open to the principal.
///
/// # Errors
///
/// `MODEL_NOT_ALLOWED` and `FIELD_NOT_ALLOWED` for names; `WRITE_NOT_ALLOWED` for what the
/// policy does not open to be written; `VALIDATION_ERROR` for values, for required fields and
/// for a reason that is missing; `QUERY_BUDGET_EXCEEDED` and `QUERY_TOO_BROAD` for limits.
pub fn resolve_write(request: &Request, catalog: &Catalog, view: &View) -> Result<ResolvedWrite> {
    request.check()?;
    let name = request.model().unwrap_or_default();
    let (model, rules) = find_model(name, catalog, view)?;
    let tool = request.tool();
    let (operation, action) = match tool {
        Tool::Create => (Operation::Create, rules.write.create),
        Tool::Update => (Operation::Update, rules.write.update),
        Tool::BulkUpdate => (Operation::Update, rules.write.bulk_update),
        Tool::Delete => (Operation::Delete, rules.write.delete),
        _ => return Err(Error::new(ErrorCode::Internal, "a request that reads is not written")),
    };
    let place = Place { model, rules, through: None };
    let mut resolver = Resolver { catalog, view, spent: Spent::new(&rules.budget) };
    resolver.check_open(place, tool, action)?;
    check_reason(rules, request.reason(), &catalog.model(model).name)?;
    let (data, rows) = match request {
        Request::Create(create) => (resolver.data(place, &create.data, operation)?, Rows::New),
        Request::Update(update) => {
            let data = resolver.data(place, &update.data, operation)?;
            (data, Rows::One(resolver.key_of(place, &update.id, "id")?))
        }
        Request::BulkUpdate(bulk) => {
            let data = resolver.data(place, &bulk.data, operation)?;
            (data, resolver.chosen(place, bulk.chosen()?)?)
        }
        Request::Delete(delete) => (Vec::new(), Rows::One(resolver.key_of(place, &delete.id, "id")?)),
        _ => return Err(Error::new(ErrorCode::Internal, "a request that reads is not written")),
    };
    resolver.spent.check_score()?;
    let needs_approval = action == WriteAction::RequireApproval;
    Ok(ResolvedWrite { model, operation, rows, data, dry_run: request.is_dry_run(), needs_approval })
}

/// A reason, where the policy wants one.
fn check_reason(rules: &ModelRules, reason: Option<&str>, model: &str) -> Result<()> {
    let given = reason.is_some_and(|reason| !reason.trim().is_empty());
    if rules.write.require_reason && !given && !Fault::ReasonForgotten.is_on() {
        return Err(Error::invalid("reason", format!("a write to `{model}` needs a reason"))
            .hint(Some("say under `reason` why the write is made".to_owned())));
    }
    Ok(())
}

impl<'a> Resolver<'a> {
    fn check_open(&self, place: Place<'a>, tool: Tool, action: WriteAction) -> Result<()> {
        let model = self.catalog.model(place.model);
        let write = &place.rules.write;
        let open = action != WriteAction::Deny || Fault::DeniedWriteOpen.is_on();
        if open && !model.primary_key.is_empty() {
            return Ok(());
        }
        let others = [
            (Tool::Create, write.create),
            (Tool::Update, write.update),
            (Tool::Delete, write.delete),
            (Tool::BulkUpdate, write.bulk_update),
        ];
        let others = others.into_iter().filter(|(_, action)| *action != WriteAction::Deny && !open);
        let others: Vec<&str> = others.map(|(tool, _)| tool.name()).collect();
        let hint = match others.as_slice() {
            [] => format!("`{}` can only be read", model.name),
            others => format!("open on it: {}", listed(others)),
        };
        Err(Error::new(ErrorCode::WriteNotAllowed, format!("`{}` of `{}` is not open to you", tool.name(), model.name))
            .hint(Some(hint)))
    }

    /// The values of a write, each for a field that is open and can be written.
    fn data(
        &mut self,
        place: Place<'a>,
        data: &Map<String, Json>,
        operation: Operation,
    ) -> Result<Vec<(FieldId, Value)>> {
        let model = self.catalog.model(place.model);
        let at = Path::root("data");
        // First every name, then every value: what is wrong with a name does not depend on a value.
        let mut fields = Vec::with_capacity(data.len());
        for name in data.keys() {
            let path = at.key(name);
            let field = self.field(place, name, Use::Select, &path)?;
            self.check_writable(place, field, operation, &path)?;
            fields.push(field);
        }
        let mut written = Vec::with_capacity(fields.len());
        for (field, json) in fields.into_iter().zip(data.values()) {
            written.push((field, self.stored(model, field, json)?));
        }
        self.check_required(place, &written, operation)?;
        Ok(written)
    }

    fn check_writable(&self, place: Place<'a>, field: FieldId, operation: Operation, path: &Path<'_>) -> Result<()> {
        let model = self.catalog.model(place.model);
        let name = &model.field(field).name;
        let fixed = operation == Operation::Update;
        let why = if model.field(field).generated {
            "computed by the database"
        } else if fixed && model.primary_key.contains(&field) {
            "part of the key, which never changes"
        } else if fixed && place.rules.write.immutable_fields.contains(&field) && !Fault::ImmutableChanged.is_on() {
            "fixed once the row is there"
        } else {
            return Ok(());
        };
        Err(Error::new(
            ErrorCode::WriteNotAllowed,
            format!("`{name}` of `{}` cannot be written: it is {why}", model.name),
        )
        .hint(Some(format!("leave `{name}` out of `data`")))
        .detail("path", path.to_string()))
    }

    /// A value as its column stores it.
    fn stored(&self, model: &Model, field: FieldId, json: &Json) -> Result<Value> {
        let described = model.field(field);
        let misfit = |why: &dyn std::fmt::Display| {
            let path = Path::root("data");
            let path = path.key(&described.name).to_string();
            Error::invalid(&path, format!("the value for `{}` does not fit: {why}", described.name))
        };
        if json.is_null() {
            if !described.nullable {
                return Err(misfit(&"it cannot be null"));
            }
            return Ok(Value::Null);
        }
        fit(json, described).map_err(|error| misfit(&error))
    }

    /// Every required field that is missing, in one error.
    fn check_required(&self, place: Place<'a>, data: &[(FieldId, Value)], operation: Operation) -> Result<()> {
        let model = self.catalog.model(place.model);
        let write = &place.rules.write;
        let missing = |field: &&FieldId| match data.iter().find(|(known, _)| known == *field) {
            Some((_, value)) => value.is_null(),
            None => operation == Operation::Create && write.auto_set.iter().all(|(known, _)| known != *field),
        };
        if Fault::RequiredForgotten.is_on() {
            return Ok(());
        }
        let missing: Vec<FieldId> = write.required_fields.iter().filter(missing).copied().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let open = missing.iter().filter(|field| place.rules.field(**field).is_some());
        let missing: Vec<&str> = open.map(|field| model.field(*field).name.as_str()).collect();
        if missing.is_empty() {
            return Err(Error::new(
                ErrorCode::WriteNotAllowed,
                format!("`{}` cannot be written without a field that is not open to you", model.name),
            ));
        }
        Err(Error::invalid("data", format!("`{}` cannot be written without {}", model.name, listed(&missing)))
            .hint(Some("give each of them a value that is not null".to_owned()))
            .detail("missing", missing))
    }

    /// The rows of a bulk update.
    fn chosen(&mut self, place: Place<'a>, chosen: Chosen<'_>) -> Result<Rows> {
        match chosen {
            Chosen::Filters(filters) => Ok(Rows::Filtered(self.filters(place, filters, &Path::root("filters"), 0)?)),
            Chosen::Ids(ids) => {
                let path = Path::root("ids");
                self.spent.list(ids.len(), &path)?;
                let mut keys: Vec<Vec<Value>> = Vec::with_capacity(ids.len());
                for (index, id) in ids.iter().enumerate() {
                    let key = self.key_of(place, id, &path.item(index).to_string())?;
                    if !keys.contains(&key) {
                        keys.push(key);
                    }
                }
                Ok(Rows::Listed(keys))
            }
        }
    }

    /// The values of a key that the principal may use.
    fn key_of(&self, place: Place<'a>, id: &Json, path: &str) -> Result<Vec<Value>> {
        self.check_key(place)?;
        key_values(self.catalog.model(place.model), id, path)
    }
}
