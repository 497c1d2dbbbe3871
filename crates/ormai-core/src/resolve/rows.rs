//! `query`, `get` and includes.

use serde_json::Value as Json;

use super::path::Path;
use super::{Filter, Include, Page, Place, Resolver, Rows, Selection, Use};
use crate::catalog::{FieldId, Model, ModelId, RelationKind};
use crate::error::{Error, ErrorCode, Result};
use crate::fault::Fault;
use crate::plan::{Comparison, Direction};
use crate::policy::{FieldAction, ModelRules};
use crate::request;
use crate::value::Value;

/// What a request says about one selection; the same words at the root and in includes.
struct Wanted<'r> {
    select: Option<&'r [String]>,
    filters: &'r [request::Filter],
    order: &'r [request::Order],
    include: &'r [request::Include],
    limit: Option<u64>,
    /// Whether more than one row per parent is possible, whatever the limit.
    many: bool,
}

impl<'a> Resolver<'a> {
    pub(crate) fn query(&mut self, query: request::Query, model: ModelId, rules: &'a ModelRules) -> Result<Rows> {
        let wanted = Wanted {
            select: query.select.as_deref(),
            filters: &query.filters,
            order: &query.order,
            include: &query.include,
            limit: query.limit,
            many: true,
        };
        let place = Place { model, rules, through: None };
        let selection = self.selection(place, &wanted, None, 0, 1)?;
        if query.with_total {
            self.spent.score(5);
        }
        self.spent.check_score()?;
        let mut request = Box::new(query);
        let cursor = request.cursor.take();
        // A page may be larger or smaller than the one before it.
        request.limit = None;
        let with_total = std::mem::take(&mut request.with_total);
        Ok(Rows { selection, page: Page::Many { cursor, with_total, request } })
    }

    pub(crate) fn get(&mut self, get: &request::Get, model: ModelId, rules: &'a ModelRules) -> Result<Rows> {
        let place = Place { model, rules, through: None };
        let wanted = Wanted {
            select: get.select.as_deref(),
            filters: &[],
            order: &[],
            include: &get.include,
            limit: Some(1),
            many: false,
        };
        let mut selection = self.selection(place, &wanted, None, 0, 1)?;
        selection.filter = self.key(place, &get.id)?;
        selection.order.clear();
        self.spent.check_score()?;
        Ok(Rows { selection, page: Page::One })
    }

    /// `path` is where the selection stands; `None` at the root. `depth` counts relations
    /// from the root; `parents` is how many rows may lead here.
    fn selection(
        &mut self,
        place: Place<'a>,
        wanted: &Wanted<'_>,
        path: Option<&Path<'_>>,
        depth: u32,
        parents: u64,
    ) -> Result<Selection> {
        let at = |key: &'static str| match path {
            Some(path) => path.key(key),
            None => Path::root(key),
        };
        let max_rows = self.spent.budget().max_rows.min(place.rules.budget.max_rows);
        let limit = self.spent.limit(wanted.limit, max_rows, &at("limit"))?;
        let select = self.select(place, wanted.select, &at("select"))?;
        let filter = self.filters(place, wanted.filters, &at("filters"), depth)?;
        let order = self.order(place, wanted.order, &at("order"))?;
        let per_parent = if wanted.many { limit } else { 1 };
        let rows = self.spent.rows(parents, per_parent, !wanted.include.is_empty())?;
        let includes = self.includes(place, wanted.include, &at("include"), depth + 1, rows)?;
        Ok(Selection { model: place.model, select, filter, order, limit, includes })
    }

    fn select(&mut self, place: Place<'a>, names: Option<&[String]>, path: &Path<'_>) -> Result<Vec<FieldId>> {
        let Some(names) = names else {
            let all: Vec<FieldId> = place.open_fields().map(|(id, _)| id).collect();
            self.spent.fields(all.len(), path)?;
            return if all.is_empty() { Err(self.nothing_to_select(place)) } else { Ok(all) };
        };
        // Before any name is looked up: a list of ten thousand names costs nothing.
        self.spent.fields(names.len(), path)?;
        let mut fields = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            let field = self.field(place, name, Use::Select, &path.item(index))?;
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        if fields.is_empty() {
            return Err(Error::invalid(&path.to_string(), "`select` needs at least one field")
                .hint(Some("leave `select` out to get every open field".to_owned())));
        }
        Ok(fields)
    }

    fn nothing_to_select(&self, place: Place<'a>) -> Error {
        let model = &self.catalog.model(place.model).name;
        Error::new(ErrorCode::FieldNotAllowed, format!("`{model}` has no fields for you"))
    }

    /// The order asked for, made total by the primary key.
    fn order(
        &mut self,
        place: Place<'a>,
        wanted: &[request::Order],
        path: &Path<'_>,
    ) -> Result<Vec<(FieldId, Direction)>> {
        let model = self.catalog.model(place.model);
        let mut order: Vec<(FieldId, Direction)> = Vec::with_capacity(wanted.len() + model.primary_key.len());
        for (index, key) in wanted.iter().enumerate() {
            self.spent.score(1);
            let path = path.item(index);
            let field = self.field(place, &key.field, Use::Reveal, &path.key("field"))?;
            let ty = &model.field(field).ty;
            if !ty.has_order() {
                return Err(Error::invalid(&path.to_string(), format!("`{}` has no order: it is {ty}", key.field)));
            }
            if order.iter().any(|(known, _)| *known == field) {
                return Err(Error::invalid(&path.to_string(), format!("`{}` stands twice in `order`", key.field)));
            }
            order.push((field, key.direction));
        }
        let direction = order.last().map_or(Direction::Asc, |(_, direction)| *direction);
        for field in &model.primary_key {
            if !order.iter().any(|(known, _)| known == field) && !Fault::OrderNotTotal.is_on() {
                order.push((*field, direction));
            }
        }
        Ok(order)
    }

    fn includes(
        &mut self,
        place: Place<'a>,
        wanted: &[request::Include],
        path: &Path<'_>,
        depth: u32,
        parents: u64,
    ) -> Result<Vec<Include>> {
        let mut includes: Vec<Include> = Vec::with_capacity(wanted.len());
        for (index, include) in wanted.iter().enumerate() {
            let path = path.item(index);
            let (relation, target) = self.relation(place, &include.relation, &path.key("relation"))?;
            self.spent.depth(depth, target.through.and_then(|rule| rule.max_depth), &path)?;
            self.spent.score(5 * u64::from(depth));
            if includes.iter().any(|known| known.relation == relation) {
                return Err(Error::invalid(
                    &path.to_string(),
                    format!("`{}` stands twice in `include`", include.relation),
                ));
            }
            let wanted = Wanted {
                select: include.select.as_deref(),
                filters: &include.filters,
                order: &include.order,
                include: &include.include,
                limit: include.limit,
                many: self.catalog.model(place.model).relation(relation).kind == RelationKind::Many,
            };
            let selection = self.selection(target, &wanted, Some(&path), depth, parents)?;
            includes.push(Include { relation, selection });
        }
        Ok(includes)
    }

    /// The key of a `get` as a filter on every part of the primary key.
    fn key(&self, place: Place<'a>, id: &Json) -> Result<Vec<Filter>> {
        self.check_key(place)?;
        let model = self.catalog.model(place.model);
        let parts = model.primary_key.iter().zip(key_values(model, id, "id")?);
        Ok(parts.map(|(field, value)| Filter::Compare { field: *field, op: Comparison::Eq, value }).collect())
    }

    /// Whether rows can be named by their key.
    pub(crate) fn check_key(&self, place: Place<'a>) -> Result<()> {
        let model = self.catalog.model(place.model);
        let usable = |field: &FieldId| {
            place.rules.field(*field).is_some_and(|rule| rule.action == FieldAction::Allow || rule.filter_equality)
        };
        if model.primary_key.is_empty() || !model.primary_key.iter().all(usable) {
            return Err(Error::new(
                ErrorCode::FieldNotAllowed,
                format!("`{}` has no key that you may use", model.name),
            )
            .hint(Some("find the row with `query`".to_owned())));
        }
        Ok(())
    }
}

/// The value of each part of a key, from a scalar or from an object with all parts. `path` is
/// where the key stands.
pub(crate) fn key_values(model: &Model, id: &Json, path: &str) -> Result<Vec<Value>> {
    let names: Vec<&str> = model.primary_key.iter().map(|field| model.field(*field).name.as_str()).collect();
    if let Some(parts) = id.as_object() {
        if let Some(unknown) = parts.keys().find(|key| !names.contains(&key.as_str())) {
            return Err(Error::invalid(path, format!("`{}` is no part of the key", request::shown(unknown)))
                .hint(Some(format!("the key of `{}` is {}", model.name, names.join(", ")))));
        }
    } else if names.len() > 1 {
        return Err(Error::invalid(path, "the key has several parts, so an object is needed").hint(Some(format!(
            "the key of `{}` is {}",
            model.name,
            names.join(", ")
        ))));
    }
    model
        .primary_key
        .iter()
        .zip(&names)
        .map(|(field, name)| {
            let part = match id.as_object() {
                Some(parts) => parts.get(*name),
                None => Some(id),
            };
            let part = part.filter(|json| !json.is_null()).ok_or_else(|| {
                Error::invalid(path, format!("`{name}` is missing")).hint(Some(format!(
                    "the key of `{}` is {}",
                    model.name,
                    names.join(", ")
                )))
            })?;
            Value::from_json(part, &model.field(*field).ty)
                .map_err(|misfit| Error::invalid(path, format!("`{name}` does not fit: {misfit}")))
        })
        .collect()
}
