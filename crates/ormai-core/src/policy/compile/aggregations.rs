//! What may be aggregated.

use super::part::AggregationPart;
use super::subject::{Checker, Subject, type_name};
use crate::catalog::FieldId;
use crate::plan::AggregateFunction;
use crate::policy::document::{AggregationPolicy, Spanned};
use crate::policy::rules::{FieldAction, FieldRule};
use crate::value::ColumnType;

/// The word for a function in a policy.
pub(super) fn name(function: AggregateFunction) -> &'static str {
    match function {
        AggregateFunction::Count => "count",
        AggregateFunction::Sum => "sum",
        AggregateFunction::Avg => "avg",
        AggregateFunction::Min => "min",
        AggregateFunction::Max => "max",
    }
}

impl Checker<'_> {
    /// `shown` are the rules of all fields of the model.
    pub(super) fn aggregations(
        &mut self,
        subject: Subject<'_>,
        policy: Option<&AggregationPolicy>,
        shown: &[Option<FieldRule>],
    ) -> Option<AggregationPart> {
        let policy = policy?;
        let number: fn(&ColumnType) -> bool = ColumnType::is_number;
        let ordered: fn(&ColumnType) -> bool = ColumnType::has_extremes;
        let mut functions = Vec::new();
        for (function, names, fits) in [
            (AggregateFunction::Sum, &policy.sum, number),
            (AggregateFunction::Avg, &policy.avg, number),
            (AggregateFunction::Min, &policy.min, ordered),
            (AggregateFunction::Max, &policy.max, ordered),
        ] {
            let Some(names) = names else { continue };
            let fields = self.aggregated(subject, name(function), names, shown, fits);
            let span = names.first().and_then(|name| name.span.clone());
            functions.push(Spanned { value: (function, fields), span });
        }
        let group_by = policy.group_by.as_ref().map(|names| Spanned {
            value: self.aggregated(subject, "group_by", names, shown, ColumnType::has_equality),
            span: names.first().and_then(|name| name.span.clone()),
        });
        if let Some(size) = policy.min_group_size.as_ref().filter(|size| size.value == 0) {
            self.error(size, "wrong-type", format!("`min_group_size` of {subject} must be at least 1"), "");
        }
        let (count, min_group_size) = (policy.count.clone(), policy.min_group_size.clone());
        Some(AggregationPart { count, functions, group_by, min_group_size })
    }

    fn aggregated(
        &mut self,
        subject: Subject<'_>,
        key: &str,
        names: &[Spanned<String>],
        shown: &[Option<FieldRule>],
        fits: fn(&ColumnType) -> bool,
    ) -> Vec<FieldId> {
        for name in names {
            let Some(field) = subject.model.find_field(&name.value) else { continue };
            let ty = &subject.model.field(field).ty;
            let rule = shown.get(field.index()).and_then(Option::as_ref);
            if !fits(ty) {
                let message = format!("`{}` has {}, which `{key}` does not take", subject.field(field), type_name(ty));
                self.error(name, "field-type", message, "");
            } else if rule.is_none_or(|rule| rule.action != FieldAction::Allow) {
                let message = format!("`{}` is not shown as it is, and `{key}` would tell it", subject.field(field));
                self.error(name, "aggregate-hidden", message, "allow the field, or take it out here");
            }
        }
        self.field_list(subject.model, names)
    }
}
