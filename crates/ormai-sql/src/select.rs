//! Rows of a model, and the rows of one parent each.

use ormai_core::fault::Fault;
use ormai_core::plan::{Keys, OrderBy, OrderKey, PerParent, Select};
use ormai_core::value::ColumnType;
use sea_query::{BinOper, Expr, ExprTrait, SelectStatement};

use crate::built::Built;
use crate::dialect::TextUse;
use crate::error::CompileError;
use crate::order::Ordering;
use crate::printer::{Printed, Printer, Row, all, any};

impl Printer<'_> {
    pub(crate) fn select(&mut self, select: &Select) -> Result<Printed, CompileError> {
        if select.outputs.is_empty() {
            return Err(CompileError::Malformed("no column comes back"));
        }
        if select.for_update && select.per_parent.as_ref().is_some_and(|parents| parents.many) {
            return Err(CompileError::Malformed("rows of several parents that are locked"));
        }
        let columns = self.output_types(select)?;
        let select = match &select.per_parent {
            None => self.page(select)?,
            Some(parents) if parents.many => self.include(select, parents)?,
            Some(parents) => self.lookup(select, parents)?,
        };
        Ok(Printed { built: Built::Select(select), columns })
    }

    fn page(&mut self, select: &Select) -> Result<SelectStatement, CompileError> {
        let mut row = self.row(select.source.model);
        let mut query = SelectStatement::new();
        query.exprs(self.outputs(&mut row, select)?);
        let conditions = self.conditions(&mut row, select)?;
        let together = if Fault::ConditionsAsAlternatives.is_on() { any(conditions) } else { all(conditions) };
        if let Some(condition) = together {
            query.and_where(condition);
        }
        for key in self.orderings(&mut row, &select.order)? {
            key.add(&mut query);
        }
        query.limit(self.places.limit(select.limit));
        if select.for_update {
            self.locked(&mut query, &select.source, row)?;
        } else {
            self.scoped(&mut query, &select.source, row)?;
        }
        Ok(query)
    }

    /// The one row of each parent: the key there is unique, so nothing is cut off.
    fn lookup(&mut self, select: &Select, parents: &PerParent) -> Result<SelectStatement, CompileError> {
        let mut row = self.row(select.source.model);
        let mut query = SelectStatement::new();
        query.exprs(self.outputs(&mut row, select)?);
        let keys = self.keys(&mut row, &parents.keys)?;
        let conditions = self.conditions(&mut row, select)?;
        if let Some(condition) = all([keys].into_iter().chain(conditions)) {
            query.and_where(condition);
        }
        // In one order for all, so that two who lock the same rows do not wait for each other, and that
        // nothing shows in the order of what comes back.
        for key in self.orderings(&mut row, &select.order)? {
            key.add(&mut query);
        }
        if select.for_update {
            self.locked(&mut query, &select.source, row)?;
        } else {
            self.scoped(&mut query, &select.source, row)?;
        }
        Ok(query)
    }

    fn output_types(&self, select: &Select) -> Result<Vec<ColumnType>, CompileError> {
        select.outputs.iter().map(|id| Ok(self.field(select.source.model, *id)?.ty.clone())).collect()
    }

    pub(crate) fn outputs(&self, row: &mut Row, select: &Select) -> Result<Vec<Expr>, CompileError> {
        select.outputs.iter().map(|id| Ok(self.column(row, *id)?.expr)).collect()
    }

    /// The request's filter and the beginning of the page.
    pub(crate) fn conditions(&mut self, row: &mut Row, select: &Select) -> Result<Vec<Expr>, CompileError> {
        let filter = self.condition(row, &select.filter)?;
        let after = match &select.after {
            Some(after) => self.condition(row, after)?,
            None => None,
        };
        Ok(filter.into_iter().chain(after).collect())
    }

    pub(crate) fn orderings(&self, row: &mut Row, order: &[OrderKey]) -> Result<Vec<Ordering>, CompileError> {
        let ordering = |key: &OrderKey| {
            let OrderBy::Field(id) = &key.by else {
                return Err(CompileError::Malformed("rows ordered by a figure"));
            };
            let expr = self.by_bytes(self.column(row, *id)?, TextUse::Order);
            Ok(Ordering::new(expr, key, self.engine))
        };
        order.iter().map(ordering).collect()
    }

    /// `fields IN keys`
    pub(crate) fn keys(&mut self, row: &mut Row, keys: &Keys) -> Result<Expr, CompileError> {
        if keys.fields.len() != keys.lists.len() {
            return Err(CompileError::Malformed("not one list of keys for each field"));
        }
        for (field, list) in keys.fields.iter().zip(&keys.lists) {
            let ty = &self.field(row.model, *field)?.ty;
            self.places.expect(list.slot, ty);
        }
        if let ([field], [list]) = (keys.fields.as_slice(), keys.lists.as_slice()) {
            let field = self.column(row, *field)?;
            return self.engine.member(self, field, *list, false);
        }
        let found = keys.fields.iter().map(|id| self.column(row, *id)).collect::<Result<Vec<_>, CompileError>>()?;
        let fields: Vec<_> = found.iter().map(|field| self.by_bytes(field.clone(), TextUse::Equality)).collect();
        let rows = self.places.rows(&keys.lists)?;
        let exact = Expr::tuple(fields).binary(BinOper::In, self.engine.rows(rows.clone()));
        if found.iter().any(|field| self.finds_first(field)) {
            let keys = rows.into_iter().map(|row| {
                Expr::tuple(row.into_iter().zip(&found).map(|(key, field)| self.to_be_found(Expr::val(key), field)))
            });
            let keys = Expr::tuple(keys);
            let found = Expr::tuple(found.iter().map(|field| field.expr.clone()));
            return Ok(found.binary(BinOper::In, keys).and(exact));
        }
        Ok(exact)
    }
}
