//! What another language's driver gives to values.

use ormai_core::answer::Fetched;
use ormai_core::value::ColumnType;

use super::decode;
use crate::error::DbError;
use crate::host::{Cell, Forms};

pub(crate) fn fetched(rows: Vec<Vec<Cell>>, columns: &[ColumnType], forms: Forms) -> Result<Fetched, DbError> {
    decode::check(columns)?;
    let mut values = Vec::with_capacity(rows.len().saturating_mul(columns.len()));
    for row in rows {
        if row.len() != columns.len() {
            return Err(DbError::failed(format!("{} columns came back instead of {}", row.len(), columns.len())));
        }
        for (cell, column) in row.into_iter().zip(columns) {
            let value = match cell {
                Cell::Value(value) => decode::fitted(value, column, forms),
                Cell::Wire { .. } => None,
            };
            values.push(value.ok_or_else(|| DbError::failed("a value is of no storage class"))?);
        }
    }
    Ok(Fetched::new(columns.len(), values))
}
