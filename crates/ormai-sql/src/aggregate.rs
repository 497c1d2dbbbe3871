//! Figures over the rows of a model.

use ormai_core::fault::Fault;
use ormai_core::plan::{Aggregate, AggregateFunction, Figure, OrderBy};
use ormai_core::value::ColumnType;
use sea_query::{Asterisk, Expr, ExprTrait, Func, SelectStatement};

use crate::built::Built;
use crate::dialect::TextUse;
use crate::error::CompileError;
use crate::order::Ordering;
use crate::printer::{Printed, Printer, Row};

impl Printer<'_> {
    pub(crate) fn aggregate(&mut self, aggregate: &Aggregate) -> Result<Printed, CompileError> {
        let mut row = self.row(aggregate.source.model);
        let mut query = SelectStatement::new();
        let mut columns = Vec::with_capacity(aggregate.group_by.len() + aggregate.figures.len());
        for id in &aggregate.group_by {
            let key = self.column(&mut row, *id)?;
            columns.extend(key.ty.clone());
            let key = self.by_bytes(key, TextUse::Equality);
            query.expr(key.clone()).add_group_by([key]);
        }
        let mut figures = Vec::with_capacity(aggregate.figures.len());
        for figure in &aggregate.figures {
            let (expr, ty) = self.figure(&mut row, *figure)?;
            query.expr(expr.clone());
            figures.push(expr);
            columns.push(ty);
        }
        if figures.is_empty() {
            return Err(CompileError::Malformed("an aggregate without figures"));
        }
        if let Some(condition) = self.condition(&mut row, &aggregate.filter)? {
            query.and_where(condition);
        }
        if let Some(slot) = aggregate.min_group_size {
            query.and_having(count_rows().gte(self.places.value(slot)));
        }
        // Without groups there is one row: nothing to order and nothing to cut off.
        if !aggregate.group_by.is_empty() {
            for key in &aggregate.order {
                let expr = match &key.by {
                    OrderBy::Field(id) if aggregate.group_by.contains(id) => {
                        self.by_bytes(self.column(&mut row, *id)?, TextUse::Order)
                    }
                    OrderBy::Field(_) => {
                        return Err(CompileError::Malformed("groups ordered by a field of single rows"));
                    }
                    OrderBy::Figure(index) => {
                        figures.get(*index).cloned().ok_or(CompileError::Malformed("an order by a missing figure"))?
                    }
                };
                Ordering::new(expr, key, self.engine).add(&mut query);
            }
            query.limit(self.places.limit(aggregate.limit));
        }
        self.scoped(&mut query, &aggregate.source, row)?;
        Ok(Printed { built: Built::Select(query), columns })
    }

    fn figure(&self, row: &mut Row, figure: Figure) -> Result<(Expr, ColumnType), CompileError> {
        let Some(id) = figure.field else {
            return match figure.function {
                AggregateFunction::Count => Ok((count_rows(), ColumnType::Int)),
                _ => Err(CompileError::Malformed("a figure without a field")),
            };
        };
        let field = self.column(row, id)?;
        let ty = field.ty.clone().ok_or(CompileError::ForeignCatalog)?;
        Ok(match figure.function {
            AggregateFunction::Count if Fault::CountCountsNulls.is_on() => (count_rows(), ColumnType::Int),
            AggregateFunction::Count => (field.expr.count(), ColumnType::Int),
            AggregateFunction::Sum if ty == ColumnType::Float => (self.engine.sum(field.expr, &ty), ColumnType::Float),
            AggregateFunction::Sum => (self.engine.sum(field.expr, &ty), ColumnType::Decimal),
            AggregateFunction::Avg => (self.engine.avg(field.expr), ColumnType::Float),
            AggregateFunction::Min => (Func::min(self.by_bytes(field, TextUse::Order)).into(), ty),
            AggregateFunction::Max => (Func::max(self.by_bytes(field, TextUse::Order)).into(), ty),
        })
    }
}

fn count_rows() -> Expr {
    Func::count(Expr::col(Asterisk)).into()
}
