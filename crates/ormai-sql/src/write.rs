//! New rows, new values in rows, and rows that go.

use std::collections::HashSet;

use ormai_core::catalog::{FieldId, ModelId};
use ormai_core::plan::{Delete, Insert, Slot, Update};
use ormai_core::value::ColumnType;
use sea_query::{DeleteStatement, DynIden, Expr, UpdateStatement};

use crate::built::{Built, NewRow};
use crate::error::CompileError;
use crate::printer::{Printed, Printer, name};

impl Printer<'_> {
    /// `INSERT INTO table (columns) VALUES (values) RETURNING key`
    pub(crate) fn insert(&mut self, insert: &Insert) -> Result<Printed, CompileError> {
        if insert.key.is_empty() {
            return Err(CompileError::Malformed("a new row of which no key comes back"));
        }
        let mut key = Vec::with_capacity(insert.key.len());
        let mut columns: Vec<ColumnType> = Vec::with_capacity(insert.key.len());
        for id in &insert.key {
            let field = self.supported(insert.model, *id)?;
            key.push(name(&field.column)?);
            columns.push(field.ty.clone());
        }
        let table = self.new_row(insert.model)?;
        let set = self.set(insert.model, &insert.set)?;
        let (names, values) = set.into_iter().unzip();
        let row = NewRow { columns: names, values, key };
        Ok(Printed { built: Built::Insert(row.statement(table)?, row), columns })
    }

    /// `UPDATE table SET columns WHERE scope AND filter AND keys`
    pub(crate) fn update(&mut self, update: &Update) -> Result<Printed, CompileError> {
        if update.set.is_empty() {
            return Err(CompileError::Malformed("nothing is changed"));
        }
        let (table, condition) = self.target(&update.target)?;
        let set = self.set(update.target.source.model, &update.set)?;
        let mut query = UpdateStatement::new();
        query.table(table).values(set).and_where(condition.clone());
        Ok(Printed { built: Built::Update(query, condition), columns: Vec::new() })
    }

    /// `DELETE FROM table WHERE scope AND filter AND keys`
    pub(crate) fn delete(&mut self, delete: &Delete) -> Result<Printed, CompileError> {
        let (table, condition) = self.target(&delete.target)?;
        let mut query = DeleteStatement::new();
        query.from_table(table).and_where(condition.clone());
        Ok(Printed { built: Built::Delete(query, condition), columns: Vec::new() })
    }

    /// Columns with the values that are stored in them.
    fn set(&mut self, model: ModelId, set: &[(FieldId, Slot)]) -> Result<Vec<(DynIden, Expr)>, CompileError> {
        let mut fields = HashSet::new();
        let mut pairs = Vec::with_capacity(set.len());
        for (id, slot) in set {
            // Of two values for one column some engines take the last.
            if !fields.insert(*id) {
                return Err(CompileError::Malformed("a column with two values"));
            }
            let field = self.supported(model, *id)?;
            pairs.push((name(&field.column)?, self.places.stored(*slot, &field.ty)));
        }
        Ok(pairs)
    }
}
