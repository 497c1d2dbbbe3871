//! Whether conditions hold for one row.

use ormai_core::plan::Truths;
use ormai_core::value::ColumnType;
use sea_query::SelectStatement;

use crate::built::Built;
use crate::error::CompileError;
use crate::printer::{Printed, Printer};

impl Printer<'_> {
    /// Each column that comes back is a condition, never a column of the table.
    pub(crate) fn truths(&mut self, truths: &Truths) -> Result<Printed, CompileError> {
        if truths.questions.is_empty() {
            return Err(CompileError::Malformed("nothing is asked"));
        }
        let mut row = self.row(truths.row.model);
        let mut query = SelectStatement::new();
        for question in &truths.questions {
            query.expr(self.predicate(&mut row, question)?);
        }
        self.scoped(&mut query, &truths.row, row)?;
        Ok(Printed { built: Built::Select(query), columns: vec![ColumnType::Bool; truths.questions.len()] })
    }
}
