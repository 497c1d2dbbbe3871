//! How a table enters a statement.
//!
//! Nothing else in this crate names a table. [`Printer::scoped`] is for everything that a
//! request reads, and [`Printer::target`] for rows that it changes; neither is to be had
//! without a scope. [`Printer::new_row`] is the table that a new row goes into, of which nothing
//! is read but that row's key. [`Printer::stored`] is for the conditions of a policy alone,
//! whose shape says so ([`RelatedRows::Stored`](ormai_core::plan::RelatedRows::Stored),
//! [`Term::Related`](ormai_core::plan::Term::Related)).

use std::collections::BTreeSet;

use ormai_core::catalog::{FieldId, ModelId, ModelKind};
use ormai_core::plan::{Predicate, Source, Target};
use sea_query::{Alias, Expr, SelectStatement, TableName};

use crate::error::CompileError;
use crate::printer::{Printer, Row, all, name};

impl Printer<'_> {
    /// `FROM (SELECT columns FROM table WHERE scope) AS alias`, with the columns that have
    /// been addressed in `row`: so it comes after everything that addresses them.
    pub(crate) fn scoped(
        &mut self,
        query: &mut SelectStatement,
        source: &Source,
        row: Row,
    ) -> Result<(), CompileError> {
        self.derived_scoped(query, source, row, false)
    }

    /// The same, and the rows that come back stay locked until the transaction ends, where the
    /// engine has such locks. Rows of other tables, which conditions read, are not locked.
    pub(crate) fn locked(
        &mut self,
        query: &mut SelectStatement,
        source: &Source,
        row: Row,
    ) -> Result<(), CompileError> {
        // There are no rows of its own to lock.
        self.writable(source.model)?;
        self.derived_scoped(query, source, row, true)
    }

    fn derived_scoped(
        &mut self,
        query: &mut SelectStatement,
        source: &Source,
        row: Row,
        locked: bool,
    ) -> Result<(), CompileError> {
        if source.model != row.model {
            return Err(CompileError::Malformed("a row of another model than its source"));
        }
        // The scope is about the table itself, below the alias that the request sees.
        let mut inside = Row { alias: inner_alias(&row), used: BTreeSet::new(), ..row };
        if self.model(row.model)?.kind == ModelKind::View && self.engine.computes_views_early() {
            return self.fenced(query, &source.scope, row, inside);
        }
        let scope = self.condition(&mut inside, &source.scope)?;
        self.derived(query, Row { used: row.used, alias: row.alias, ..inside }, scope, locked)
    }

    /// `table WHERE scope AND filter AND keys`, for an UPDATE or DELETE: the table whose rows are
    /// changed, and the condition under which they are. A derived table cannot be changed, so
    /// the scope stands beside the request's own conditions, which only narrow it.
    pub(crate) fn target(&mut self, target: &Target) -> Result<(TableName, Expr), CompileError> {
        let mut row = self.changed_row(target.source.model)?;
        let table = self.writable(row.model)?;
        let scope = self.condition(&mut row, &target.source.scope)?;
        let filter = self.condition(&mut row, &target.filter)?;
        let keys = match &target.keys {
            Some(keys) => Some(self.keys(&mut row, keys)?),
            None => None,
        };
        if filter.is_none() && keys.is_none() {
            return Err(CompileError::Malformed("a change of rows that nobody named"));
        }
        let condition = all(scope.into_iter().chain(filter).chain(keys));
        Ok((table, condition.ok_or(CompileError::Malformed("a change without a condition"))?))
    }

    /// The table that a new row goes into.
    pub(crate) fn new_row(&self, model: ModelId) -> Result<TableName, CompileError> {
        self.writable(model)
    }

    fn writable(&self, id: ModelId) -> Result<TableName, CompileError> {
        let model = self.model(id)?;
        match model.kind {
            ModelKind::Table => table_name(&model.table),
            ModelKind::View => Err(CompileError::Malformed("a change of a view")),
            ModelKind::Untransacted => Err(CompileError::Malformed("a change that nothing could undo")),
        }
    }

    /// `FROM (SELECT columns FROM (SELECT columns FROM view WHERE scope OFFSET 0) AS inner
    /// WHERE restrictions OFFSET 0) AS alias`
    ///
    /// A view's columns are expressions, and an expression can fail on some row. OFFSET (on
    /// MariaDB a LIMIT beyond all rows) keeps conditions from being evaluated further in than
    /// they stand, so that neither a policy's restriction nor a request's filter is ever
    /// computed for a row outside of the scope.
    fn fenced(
        &mut self,
        query: &mut SelectStatement,
        scope: &Predicate,
        row: Row,
        mut inside: Row,
    ) -> Result<(), CompileError> {
        // The scope of the first scoped field comes first in every scope.
        let (first, rest) = match scope {
            Predicate::And(parts) => {
                parts.split_first().map_or((scope, Vec::new()), |(first, rest)| (first, rest.to_vec()))
            }
            whole => (whole, Vec::new()),
        };
        let restrictions = self.condition(&mut inside, &Predicate::And(rest))?;
        let alias = inside.alias.clone();
        let wanted: BTreeSet<FieldId> = inside.used.union(&row.used).copied().collect();
        let first = self.condition(&mut inside, first)?;
        let mut innermost = self.columns(&alias, row.model, &wanted)?;
        innermost.from_as(self.table_name(&row)?, Alias::new(&alias)).and_where_option(first);
        self.engine.fence(&mut innermost, &mut self.places);
        let mut table = self.columns(&alias, row.model, &row.used)?;
        table.from_subquery(innermost, Alias::new(&alias)).and_where_option(restrictions);
        self.engine.fence(&mut table, &mut self.places);
        query.from_subquery(table, Alias::new(&row.alias));
        Ok(())
    }

    /// `SELECT columns`, or a constant when none is used.
    fn columns(&self, alias: &str, model: ModelId, used: &BTreeSet<FieldId>) -> Result<SelectStatement, CompileError> {
        let mut table = SelectStatement::new();
        for id in used {
            table.column((Alias::new(alias), name(&self.field(model, *id)?.column)?));
        }
        if used.is_empty() {
            table.expr(Expr::Constant(1.into()));
        }
        Ok(table)
    }

    /// `FROM (SELECT columns FROM table) AS alias`: the rows as they are stored, for the
    /// conditions of a policy.
    pub(crate) fn stored(&mut self, query: &mut SelectStatement, row: Row) -> Result<(), CompileError> {
        if self.taken.is_some() && !self.engine.derives_in_changes() {
            query.from_as(self.table_name(&row)?, Alias::new(&row.alias));
            return Ok(());
        }
        self.derived(query, row, None, false)
    }

    fn derived(
        &mut self,
        query: &mut SelectStatement,
        row: Row,
        scope: Option<Expr>,
        locked: bool,
    ) -> Result<(), CompileError> {
        let inner = inner_alias(&row);
        let mut table = self.columns(&inner, row.model, &row.used)?;
        table.from_as(self.table_name(&row)?, Alias::new(&inner));
        if let Some(scope) = scope {
            table.and_where(scope);
        }
        if locked {
            self.engine.lock(query, &mut table, &row.alias);
        }
        query.from_subquery(table, Alias::new(&row.alias));
        Ok(())
    }

    fn table_name(&self, row: &Row) -> Result<TableName, CompileError> {
        table_name(&self.model(row.model)?.table)
    }
}

/// A table of the catalog as the builder names it.
pub(crate) fn table_name(table: &ormai_core::catalog::TableName) -> Result<TableName, CompileError> {
    let base = name(&table.name)?;
    Ok(match &table.schema {
        Some(schema) => TableName::from((name(schema)?, base)),
        None => TableName::from(base),
    })
}

fn inner_alias(row: &Row) -> String {
    format!("t{}", row.number)
}
