//! `aggregate`.

use super::path::Path;
use super::{Figure, GroupOrder, Groups, Place, Resolver, Use};
use crate::catalog::{FieldId, ModelId};
use crate::error::{Error, ErrorCode, Result};
use crate::plan::{AggregateFunction, Direction};
use crate::policy::{AggregationRules, ModelRules};
use crate::request;
use crate::suggest;

impl<'a> Resolver<'a> {
    pub(crate) fn aggregate(
        &mut self,
        request: &request::Aggregate,
        model: ModelId,
        rules: &'a ModelRules,
    ) -> Result<Groups> {
        let place = Place { model, rules, through: None };
        let name = &self.catalog.model(model).name;
        let open = rules.aggregations.as_ref().ok_or_else(|| {
            Error::new(ErrorCode::AggregationNotAllowed, format!("`{name}` has no aggregations for you"))
                .hint(Some("read the rows with `query`".to_owned()))
        })?;
        let path = Path::root("aggregations");
        if request.aggregations.is_empty() {
            return Err(Error::invalid("aggregations", "`aggregations` needs at least one figure"));
        }
        self.spent.fields(request.aggregations.len() + request.group_by.len(), &path)?;
        let figures = request
            .aggregations
            .iter()
            .enumerate()
            .map(|(index, figure)| self.figure(place, open, figure, &path.item(index)))
            .collect::<Result<Vec<_>>>()?;
        let group_by = self.group_by(place, open, &request.group_by)?;
        self.check_names(place, &figures, &group_by)?;
        let order = self.group_order(place, request, &figures, &group_by)?;
        let filter = self.filters(place, &request.filters, &Path::root("filters"), 0)?;
        let max_rows = self.spent.budget().max_rows;
        let limit = self.spent.limit(request.limit, max_rows, &Path::root("limit"))?;
        self.spent.score(2 * (figures.len() + group_by.len()) as u64);
        self.spent.check_score()?;
        Ok(Groups { model, filter, group_by, figures, order, limit })
    }

    fn figure(
        &self,
        place: Place<'a>,
        open: &AggregationRules,
        figure: &request::Aggregation,
        path: &Path<'_>,
    ) -> Result<Figure> {
        let function = figure.function;
        let name = figure.name();
        if name.is_empty() || name.len() > request::limits::NAME_BYTES {
            return Err(Error::invalid(&path.to_string(), "an alias has from 1 to 128 bytes"));
        }
        let Some(field_name) = &figure.field else {
            if function != AggregateFunction::Count {
                return Err(Error::invalid(&path.to_string(), format!("`{}` needs a field", function.as_str())));
            }
            return if open.count {
                Ok(Figure { function, field: None, name })
            } else {
                Err(self.not_open(place, open, function, path))
            };
        };
        let field = self.field(place, field_name, Use::Reveal, &path.key("field"))?;
        let allowed = match function {
            AggregateFunction::Count => open.count,
            _ => open.functions.iter().any(|(known, fields)| *known == function && fields.contains(&field)),
        };
        if allowed {
            Ok(Figure { function, field: Some(field), name })
        } else {
            Err(self.not_open(place, open, function, path))
        }
    }

    fn not_open(
        &self,
        place: Place<'a>,
        open: &AggregationRules,
        function: AggregateFunction,
        path: &Path<'_>,
    ) -> Error {
        let model = self.catalog.model(place.model);
        let mut known: Vec<String> = open
            .functions
            .iter()
            .flat_map(|(function, fields)| fields.iter().map(move |field| (function, field)))
            .filter(|(_, field)| place.rules.field(**field).is_some())
            .map(|(function, field)| format!("{}({})", function.as_str(), model.field(*field).name))
            .collect();
        if open.count {
            known.insert(0, "count".to_owned());
        }
        Error::new(
            ErrorCode::AggregationNotAllowed,
            format!("`{}` is not open on this field of `{}`", function.as_str(), model.name),
        )
        .hint((!known.is_empty()).then(|| format!("open: {}", known.join(", "))))
        .detail("path", path.to_string())
    }

    fn group_by(&self, place: Place<'a>, open: &AggregationRules, names: &[String]) -> Result<Vec<FieldId>> {
        let model = self.catalog.model(place.model);
        let path = Path::root("group_by");
        let mut fields: Vec<FieldId> = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            let path = path.item(index);
            let field = self.field(place, name, Use::Reveal, &path)?;
            if open.group_by.as_ref().is_some_and(|allowed| !allowed.contains(&field)) {
                return Err(Error::new(
                    ErrorCode::AggregationNotAllowed,
                    format!("`{}` cannot be grouped by `{name}`", model.name),
                )
                .detail("path", path.to_string()));
            }
            let ty = &model.field(field).ty;
            if !ty.has_order() {
                return Err(Error::invalid(&path.to_string(), format!("`{name}` makes no groups: it is {ty}")));
            }
            if fields.contains(&field) {
                return Err(Error::invalid(&path.to_string(), format!("`{name}` stands twice in `group_by`")));
            }
            fields.push(field);
        }
        Ok(fields)
    }

    /// Each name in a row of the answer stands once.
    fn check_names(&self, place: Place<'a>, figures: &[Figure], group_by: &[FieldId]) -> Result<()> {
        let model = self.catalog.model(place.model);
        for (index, figure) in figures.iter().enumerate() {
            let twice = figures.iter().take(index).any(|other| other.name == figure.name)
                || group_by.iter().any(|field| model.field(*field).name == figure.name);
            if twice {
                return Err(Error::invalid(
                    &Path::root("aggregations").item(index).key("alias").to_string(),
                    format!("the name `{}` stands twice in the answer", request::shown(&figure.name)),
                )
                .hint(Some("give each figure an alias of its own".to_owned())));
            }
        }
        Ok(())
    }

    /// The order asked for, made total by the group fields.
    fn group_order(
        &mut self,
        place: Place<'a>,
        request: &request::Aggregate,
        figures: &[Figure],
        group_by: &[FieldId],
    ) -> Result<Vec<(GroupOrder, Direction)>> {
        let model = self.catalog.model(place.model);
        let mut order: Vec<(GroupOrder, Direction)> = Vec::new();
        for (index, key) in request.order.iter().enumerate() {
            self.spent.score(1);
            let figure = figures.iter().position(|figure| figure.name == key.field).map(GroupOrder::Figure);
            let group = || {
                group_by
                    .iter()
                    .find(|field| model.field(**field).name == key.field)
                    .map(|field| GroupOrder::Group(*field))
            };
            let Some(by) = figure.or_else(group) else {
                let known: Vec<&str> = figures
                    .iter()
                    .map(|figure| figure.name.as_str())
                    .chain(group_by.iter().map(|field| model.field(*field).name.as_str()))
                    .collect();
                return Err(Error::invalid(
                    &Path::root("order").item(index).to_string(),
                    format!("`{}` is neither a group field nor an alias", request::shown(&key.field)),
                )
                .hint(suggest::help(&key.field, known.iter().copied())));
            };
            if !order.iter().any(|(known, _)| *known == by) {
                order.push((by, key.direction));
            }
        }
        for field in group_by {
            let by = GroupOrder::Group(*field);
            if !order.iter().any(|(known, _)| *known == by) {
                order.push((by, Direction::Asc));
            }
        }
        Ok(order)
    }
}
