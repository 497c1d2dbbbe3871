//! Whether rows are there.

use ormai_core::plan::{Present, Sought};
use ormai_core::value::ColumnType;
use sea_query::{Expr, SelectStatement};

use crate::built::Built;
use crate::error::CompileError;
use crate::printer::{Printed, Printer};

impl Printer<'_> {
    /// `SELECT EXISTS (SELECT 1 FROM source WHERE filter), …`: what comes back is truth values,
    /// and a row that is not there is told by the same one as a row of somebody else.
    pub(crate) fn present(&mut self, present: &Present) -> Result<Printed, CompileError> {
        if present.rows.is_empty() {
            return Err(CompileError::Malformed("nothing is looked for"));
        }
        let mut query = SelectStatement::new();
        for sought in &present.rows {
            query.expr(self.sought(sought)?);
        }
        Ok(Printed { built: Built::Select(query), columns: vec![ColumnType::Bool; present.rows.len()] })
    }

    fn sought(&mut self, sought: &Sought) -> Result<Expr, CompileError> {
        let mut row = self.row(sought.source.model);
        let mut query = SelectStatement::new();
        query.expr(Expr::Constant(1.into()));
        query.and_where_option(self.condition(&mut row, &sought.filter)?);
        self.scoped(&mut query, &sought.source, row)?;
        Ok(Expr::exists(query))
    }
}
