//! Filters.

use serde_json::Value as Json;

use super::path::Path;
use super::{Filter, Place, Resolver, Use};
use crate::catalog::Field;
use crate::error::{Error, Result};
use crate::plan::Comparison;
use crate::request::{self, Operator, limits};
use crate::value::{ColumnType, Pattern, Value};

impl<'a> Resolver<'a> {
    /// A list of filters, all of which must hold. `depth` counts relations from the root.
    pub(crate) fn filters(
        &mut self,
        place: Place<'a>,
        filters: &[request::Filter],
        path: &Path<'_>,
        depth: u32,
    ) -> Result<Vec<Filter>> {
        self.filter_list(place, filters, path, depth, 1)
    }

    fn filter_list(
        &mut self,
        place: Place<'a>,
        filters: &[request::Filter],
        path: &Path<'_>,
        depth: u32,
        level: u32,
    ) -> Result<Vec<Filter>> {
        filters
            .iter()
            .enumerate()
            .map(|(index, filter)| self.filter(place, filter, &path.item(index), depth, level))
            .collect()
    }

    fn filter(
        &mut self,
        place: Place<'a>,
        filter: &request::Filter,
        path: &Path<'_>,
        depth: u32,
        level: u32,
    ) -> Result<Filter> {
        self.spent.filter_depth(level, path)?;
        match filter {
            request::Filter::Field { field, op, value } => self.comparison(place, field, *op, value, path),
            request::Filter::And { and } => {
                let parts = self.filter_list(place, and, &path.key("and"), depth, level + 1)?;
                if parts.is_empty() { Err(empty(path, "and")) } else { Ok(Filter::And(parts)) }
            }
            request::Filter::Or { or } => {
                let parts = self.filter_list(place, or, &path.key("or"), depth, level + 1)?;
                if parts.is_empty() { Err(empty(path, "or")) } else { Ok(Filter::Or(parts)) }
            }
            request::Filter::Not { not } => {
                let part = self.filter(place, not, &path.key("not"), depth, level + 1)?;
                Ok(Filter::Not(Box::new(part)))
            }
            request::Filter::Relation { relation, matching, filters } => {
                let (relation, target) = self.relation(place, relation, &path.key("relation"))?;
                let depth = depth + 1;
                self.spent.depth(depth, target.through.and_then(|rule| rule.max_depth), path)?;
                self.spent.score(5 * u64::from(depth));
                let filters = self.filter_list(target, filters, &path.key("filters"), depth, level + 1)?;
                Ok(Filter::Relation { relation, matching: *matching, filters })
            }
        }
    }

    fn comparison(
        &mut self,
        place: Place<'a>,
        name: &str,
        op: Operator,
        value: &Json,
        path: &Path<'_>,
    ) -> Result<Filter> {
        let wanted = match op {
            Operator::Eq | Operator::In => Use::Equality,
            _ => Use::Reveal,
        };
        let id = self.field(place, name, wanted, &path.key("field"))?;
        let field = self.catalog.model(place.model).field(id);
        check_operator(field, op, path)?;
        let compare = |op: Comparison| Ok(Filter::Compare { field: id, op, value: scalar(field, value, path)? });
        match op {
            Operator::In | Operator::NotIn => {
                let values = self.list(field, value, path)?;
                return Ok(Filter::In { field: id, values, negated: op == Operator::NotIn });
            }
            _ => self.spent.score(1),
        }
        match op {
            Operator::Eq => compare(Comparison::Eq),
            Operator::Ne => compare(Comparison::Ne),
            Operator::Lt => compare(Comparison::Lt),
            Operator::Lte => compare(Comparison::Le),
            Operator::Gt => compare(Comparison::Gt),
            Operator::Gte => compare(Comparison::Ge),
            Operator::IsNull => match value.as_bool() {
                Some(null) => Ok(Filter::IsNull { field: id, negated: !null }),
                None => Err(misfit(field, path, "expected true or false")),
            },
            Operator::Contains => {
                Ok(Filter::Matches { field: id, pattern: Pattern::contains(text(field, value, path)?) })
            }
            Operator::StartsWith => {
                Ok(Filter::Matches { field: id, pattern: Pattern::starts_with(text(field, value, path)?) })
            }
            Operator::EndsWith => {
                Ok(Filter::Matches { field: id, pattern: Pattern::ends_with(text(field, value, path)?) })
            }
            Operator::Between => match value.as_array().map(Vec::as_slice) {
                Some([low, high]) => {
                    Ok(Filter::Between { field: id, low: scalar(field, low, path)?, high: scalar(field, high, path)? })
                }
                _ => Err(misfit(field, path, "expected a list of two values, the lower one first")),
            },
            Operator::In | Operator::NotIn => Err(misfit(field, path, "expected a list of values")),
        }
    }

    fn list(&mut self, field: &Field, value: &Json, path: &Path<'_>) -> Result<Vec<Value>> {
        let items = value.as_array().ok_or_else(|| misfit(field, path, "expected a list of values"))?;
        self.spent.list(items.len(), path)?;
        items.iter().map(|item| scalar(field, item, path)).collect()
    }
}

/// What an operator needs and a type does not have; `None` when they fit.
fn lacking(ty: &ColumnType, op: Operator) -> Option<&'static str> {
    let (fits, needs) = match op {
        Operator::IsNull => (true, ""),
        Operator::Eq | Operator::Ne | Operator::In | Operator::NotIn => {
            (ty.has_equality(), "values that can be compared")
        }
        Operator::Lt | Operator::Lte | Operator::Gt | Operator::Gte | Operator::Between => {
            (ty.has_order(), "values that have an order")
        }
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => (ty.is_text(), "text"),
    };
    (!fits).then_some(needs)
}

fn check_operator(field: &Field, op: Operator, path: &Path<'_>) -> Result<()> {
    let ty = &field.ty;
    let Some(needs) = lacking(ty, op) else { return Ok(()) };
    let usable = Operator::ALL.iter().filter(|other| lacking(ty, **other).is_none()).map(|other| other.as_str());
    Err(Error::invalid(&path.to_string(), format!("`{op}` needs {needs}, and `{}` is {ty}", field.name))
        .hint(Some(format!("use one of {}", usable.collect::<Vec<_>>().join(", ")))))
}

fn scalar(field: &Field, json: &Json, path: &Path<'_>) -> Result<Value> {
    if json.is_null() {
        return Err(misfit(field, path, "null equals nothing")
            .hint(Some("use the operator is_null with true or false".to_owned())));
    }
    Value::from_json(json, &field.ty).map_err(|error| misfit(field, path, &error.to_string()))
}

fn text<'j>(field: &Field, json: &'j Json, path: &Path<'_>) -> Result<&'j str> {
    json.as_str().filter(|text| text.len() <= limits::PATTERN_BYTES && !text.contains('\0')).ok_or_else(|| {
        misfit(
            field,
            path,
            &format!("expected text without NUL characters, of at most {} bytes", limits::PATTERN_BYTES),
        )
    })
}

fn misfit(field: &Field, path: &Path<'_>, why: &str) -> Error {
    Error::invalid(&path.key("value").to_string(), format!("the value for `{}` does not fit: {why}", field.name))
}

fn empty(path: &Path<'_>, key: &str) -> Error {
    Error::invalid(&path.key(key).to_string(), format!("`{key}` needs at least one filter"))
}
