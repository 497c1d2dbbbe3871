//! The first rows of each of several parents, in one statement.
//!
//! Two forms. Where the engine can, each parent's rows are found on their own, so that an
//! index on (key, order) reads no more than the limit; else a window numbers all of them.

use ormai_core::fault::Fault;
use ormai_core::plan::{Comparison, ListSlot, PerParent, Select};
use ormai_core::value::ColumnType;
use sea_query::{Alias, Expr, ExprTrait, Func, JoinType, OverStatement, SelectStatement, WindowStatement};

use crate::dialect::TextUse;
use crate::error::CompileError;
use crate::printer::{Printer, all};
use crate::term::Typed;

impl Printer<'_> {
    pub(crate) fn include(&mut self, select: &Select, parents: &PerParent) -> Result<SelectStatement, CompileError> {
        if let ([field], [list]) = (parents.keys.fields.as_slice(), parents.keys.lists.as_slice()) {
            let ty = &self.field(select.source.model, *field)?.ty;
            if self.engine.has_lateral() && self.engine.takes_array(ty) {
                return self.lateral(select, *field, *list, ty);
            }
        }
        self.window(select, parents)
    }

    /// `SELECT … FROM (keys) AS p JOIN LATERAL (SELECT … WHERE key = p.key ORDER BY … LIMIT …) AS w ON TRUE`
    fn lateral(
        &mut self,
        select: &Select,
        field: ormai_core::catalog::FieldId,
        list: ListSlot,
        ty: &ColumnType,
    ) -> Result<SelectStatement, CompileError> {
        // A set-returning function with one column names it after its own alias.
        self.places.expect(list.slot, ty);
        let (key, parent, rows) = (self.alias('k'), self.alias('p'), self.alias('w'));
        let keys = Func::cust("UNNEST").arg(self.places.array(list, ty));
        let mut distinct = SelectStatement::new();
        // Two parents may share a key; its rows must still come once.
        distinct.distinct().column((Alias::new(&key), Alias::new(&key))).from_function(keys, Alias::new(&key));

        let mut row = self.row(select.source.model);
        let mut inner = SelectStatement::new();
        let mut outer = SelectStatement::new();
        outer.from_subquery(distinct, Alias::new(&parent));
        for (index, expr) in self.outputs(&mut row, select)?.into_iter().enumerate() {
            let column = format!("c{index}");
            inner.expr_as(expr, Alias::new(&column));
            outer.column((Alias::new(&rows), Alias::new(&column)));
        }
        let theirs = Typed::plain(Expr::col((Alias::new(&parent), Alias::new(&key))));
        let field = self.column(&mut row, field)?;
        let same = self.compare(Comparison::Eq, field, theirs)?;
        let conditions = self.conditions(&mut row, select)?;
        if let Some(condition) = all([same].into_iter().chain(conditions)) {
            inner.and_where(condition);
        }
        for (index, key) in self.orderings(&mut row, &select.order)?.into_iter().enumerate() {
            // A join keeps no order by right, so the outer query repeats it.
            let column = format!("o{index}");
            inner.expr_as(key.expr.clone(), Alias::new(&column));
            key.of(Expr::col((Alias::new(&rows), Alias::new(&column)))).add(&mut outer);
            key.add(&mut inner);
        }
        inner.limit(self.places.limit(select.limit));
        if Fault::IncludeLimitShared.is_on() {
            outer.limit(self.places.limit(select.limit));
        }
        self.scoped(&mut inner, &select.source, row)?;
        outer.join_lateral(JoinType::InnerJoin, inner, Alias::new(&rows), Expr::Constant(true.into()));
        Ok(outer)
    }

    /// `SELECT … FROM (SELECT …, ROW_NUMBER() OVER (PARTITION BY key ORDER BY …) AS rn …) AS w WHERE rn <= … ORDER BY rn`
    fn window(&mut self, select: &Select, parents: &PerParent) -> Result<SelectStatement, CompileError> {
        let rows = self.alias('w');
        let mut row = self.row(select.source.model);
        let mut inner = SelectStatement::new();
        let mut outer = SelectStatement::new();
        for (index, expr) in self.outputs(&mut row, select)?.into_iter().enumerate() {
            let column = format!("c{index}");
            inner.expr_as(expr, Alias::new(&column));
            outer.column((Alias::new(&rows), Alias::new(&column)));
        }
        let mut window = WindowStatement::new();
        for id in parents.keys.fields.iter().filter(|_| !Fault::IncludeLimitShared.is_on()) {
            window.add_partition_by(self.by_bytes(self.column(&mut row, *id)?, TextUse::Equality));
        }
        for key in self.orderings(&mut row, &select.order)? {
            key.add(&mut window);
        }
        inner.expr_window_as(Func::cust("ROW_NUMBER"), window, "rn");
        let keys = self.keys(&mut row, &parents.keys)?;
        let conditions = self.conditions(&mut row, select)?;
        if let Some(condition) = all([keys].into_iter().chain(conditions)) {
            inner.and_where(condition);
        }
        self.scoped(&mut inner, &select.source, row)?;
        let number = Expr::col((Alias::new(&rows), "rn"));
        outer
            .from_subquery(inner, Alias::new(&rows))
            .and_where(number.clone().lte(self.places.value(select.limit)))
            .order_by_expr(number, sea_query::Order::Asc);
        Ok(outer)
    }
}
