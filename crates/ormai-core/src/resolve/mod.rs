//! Requests against the [`View`]: names become ids, values take their column's type, and
//! every limit of the budget is applied.
//!
//! What is not in the view does not exist: an unknown name and a forbidden one give the
//! same error, and hints name only what is open.

mod aggregate;
mod budget;
mod filter;
mod path;
mod rows;
mod write;

use crate::catalog::{Catalog, FieldId, ModelId, RelationId};
use crate::error::{Error, ErrorCode, Result};
use crate::fault::Fault;
use crate::plan::{AggregateFunction, Comparison, Direction};
use crate::policy::{FieldAction, FieldRule, ModelRules, RelationRule, View};
use crate::request::{self, Match, Request};
use crate::suggest;
use crate::value::{Pattern, Value};
use budget::Spent;
use path::Path;
pub(crate) use rows::key_values;
pub(crate) use write::Rows as WrittenRows;
pub use write::{ResolvedWrite, resolve_write};

/// A request whose every name is open to the principal and whose values fit their columns.
/// Made by [`resolve`] only; it holds no scope yet and cannot be run.
#[derive(Debug)]
pub struct Resolved {
    pub(crate) body: Body,
}

#[derive(Debug)]
pub(crate) enum Body {
    Rows(Rows),
    Groups(Groups),
}

/// `query` and `get`.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) selection: Selection,
    pub(crate) page: Page,
}

#[derive(Debug)]
pub(crate) enum Page {
    /// The one row with a key.
    One,
    /// A page, and what it takes to find the next.
    Many { cursor: Option<String>, with_total: bool, request: Box<request::Query> },
}

/// Rows of one model, at the root or under an include.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) model: ModelId,
    pub(crate) select: Vec<FieldId>,
    pub(crate) filter: Vec<Filter>,
    /// Total, unless the model has no primary key.
    pub(crate) order: Vec<(FieldId, Direction)>,
    pub(crate) limit: u32,
    pub(crate) includes: Vec<Include>,
}

#[derive(Debug)]
pub(crate) struct Include {
    pub(crate) relation: RelationId,
    pub(crate) selection: Selection,
}

/// `aggregate`.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(crate) model: ModelId,
    pub(crate) filter: Vec<Filter>,
    pub(crate) group_by: Vec<FieldId>,
    pub(crate) figures: Vec<Figure>,
    pub(crate) order: Vec<(GroupOrder, Direction)>,
    pub(crate) limit: u32,
}

#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) function: AggregateFunction,
    pub(crate) field: Option<FieldId>,
    pub(crate) name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupOrder {
    Group(FieldId),
    Figure(usize),
}

/// A filter of the request, typed. Lists in it are conjunctions.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare { field: FieldId, op: Comparison, value: Value },
    Between { field: FieldId, low: Value, high: Value },
    In { field: FieldId, values: Vec<Value>, negated: bool },
    IsNull { field: FieldId, negated: bool },
    Matches { field: FieldId, pattern: Pattern },
    Relation { relation: RelationId, matching: Match, filters: Vec<Filter> },
}

/// Resolves a request for rows or figures against what is open to the principal.
///
/// # Errors
///
/// `MODEL_NOT_ALLOWED`, `FIELD_NOT_ALLOWED`, `RELATION_NOT_ALLOWED`, `AGGREGATION_NOT_ALLOWED`
/// for names; `VALIDATION_ERROR` for values; `QUERY_BUDGET_EXCEEDED` and `QUERY_TOO_BROAD` for limits.
pub fn resolve(request: Request, catalog: &Catalog, view: &View) -> Result<Resolved> {
    request.check()?;
    let name = request.model().unwrap_or_default();
    let (model, rules) = find_model(name, catalog, view)?;
    let mut resolver = Resolver { catalog, view, spent: Spent::new(&rules.budget) };
    let body = match request {
        Request::Query(query) => Body::Rows(resolver.query(query, model, rules)?),
        Request::Get(get) => Body::Rows(resolver.get(&get, model, rules)?),
        Request::Aggregate(aggregate) => Body::Groups(resolver.aggregate(&aggregate, model, rules)?),
        Request::DescribeSchema(_) => {
            return Err(Error::new(ErrorCode::Internal, "a description of the schema needs no plan"));
        }
        Request::Create(_) | Request::Update(_) | Request::Delete(_) | Request::BulkUpdate(_) => {
            return Err(Error::new(ErrorCode::Internal, "a write has no plan"));
        }
    };
    Ok(Resolved { body })
}

/// An open model by its name.
///
/// # Errors
///
/// `MODEL_NOT_ALLOWED`, the same for a model that is not open and one that does not exist.
pub fn find_model<'a>(name: &str, catalog: &Catalog, view: &'a View) -> Result<(ModelId, &'a ModelRules)> {
    catalog.find(name).and_then(|id| Some((id, view.model(id)?))).ok_or_else(|| {
        let known: Vec<&str> = view.models().map(|rules| catalog.model(rules.model).name.as_str()).collect();
        Error::new(ErrorCode::ModelNotAllowed, format!("there is no model `{}` for you", request::shown(name)))
            .hint(suggest::help(name, known.iter().copied()))
            .detail("path", "model")
    })
}

pub(crate) struct Resolver<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) view: &'a View,
    pub(crate) spent: Spent,
}

/// What a field is wanted for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// To appear in the answer, as its action says.
    Select,
    /// To be compared for equality.
    Equality,
    /// To be filtered otherwise, ordered, grouped or aggregated.
    Reveal,
}

/// A model as a request meets it: its rules, and the relation that led there.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) model: ModelId,
    pub(crate) rules: &'a ModelRules,
    pub(crate) through: Option<&'a RelationRule>,
}

impl<'a> Place<'a> {
    /// The fields that are open here.
    pub(crate) fn open_fields(self) -> impl Iterator<Item = (FieldId, &'a FieldRule)> + Clone {
        let through = self.through.and_then(|relation| relation.fields.as_ref());
        self.rules.open_fields().filter(move |(id, _)| through.is_none_or(|allowed| allowed.contains(id)))
    }
}

impl<'a> Resolver<'a> {
    /// An open field by its name, fit for a use.
    pub(crate) fn field(&self, place: Place<'a>, name: &str, wanted: Use, path: &Path<'_>) -> Result<FieldId> {
        let model = self.catalog.model(place.model);
        let found = model.find_field(name).and_then(|id| {
            let rule = place.rules.field(id)?;
            let open = place.through.and_then(|relation| relation.fields.as_ref()).is_none_or(|all| all.contains(&id))
                || Fault::RelationOpensAllFields.is_on();
            open.then_some((id, rule))
        });
        let Some((id, rule)) = found else {
            let known: Vec<&str> = place.open_fields().map(|(id, _)| model.field(id).name.as_str()).collect();
            let mut hint = suggest::help(name, known.iter().copied());
            if self.relation_rule(place, name).is_some() {
                hint = Some(format!("`{name}` is a relation: use it under `include`, or as a relation filter"));
            }
            return Err(Error::new(
                ErrorCode::FieldNotAllowed,
                format!("`{}` has no field `{}` for you", model.name, request::shown(name)),
            )
            .hint(hint)
            .detail("path", path.to_string()));
        };
        let shown_as_it_is = rule.action == FieldAction::Allow;
        let fit = match wanted {
            Use::Select => true,
            Use::Equality => shown_as_it_is || rule.filter_equality,
            Use::Reveal => shown_as_it_is,
        };
        if fit || Fault::HiddenFieldFiltered.is_on() {
            return Ok(id);
        }
        let equality = if rule.filter_equality { "; only eq and in are open on it" } else { "" };
        Err(Error::new(
            ErrorCode::FieldNotAllowed,
            format!("`{}` of `{}` is not shown as it is, so it can only be selected{equality}", name, model.name),
        )
        .hint(Some("filter, sort and aggregate by other fields".to_owned()))
        .detail("path", path.to_string()))
    }

    fn relation_rule(&self, place: Place<'a>, name: &str) -> Option<(RelationId, &'a RelationRule)> {
        let id = self.catalog.model(place.model).find_relation(name)?;
        Some((id, place.rules.relation(id)?))
    }

    /// An open relation by its name, and where it leads.
    pub(crate) fn relation(&self, place: Place<'a>, name: &str, path: &Path<'_>) -> Result<(RelationId, Place<'a>)> {
        let model = self.catalog.model(place.model);
        self.relation_rule(place, name)
            .and_then(|(id, rule)| {
                let target = model.relation(id).target;
                let rules = self.view.model(target)?;
                Some((id, Place { model: target, rules, through: Some(rule) }))
            })
            .ok_or_else(|| {
                let known: Vec<&str> = model
                    .relation_ids()
                    .filter(|(id, relation)| {
                        place.rules.relation(*id).is_some() && self.view.model(relation.target).is_some()
                    })
                    .map(|(_, relation)| relation.name.as_str())
                    .collect();
                Error::new(
                    ErrorCode::RelationNotAllowed,
                    format!("`{}` has no relation `{}` for you", model.name, request::shown(name)),
                )
                .hint(suggest::help(name, known.iter().copied()))
                .detail("path", path.to_string())
            })
    }
}
