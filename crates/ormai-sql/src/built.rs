//! Statements as the builder has them, before they are text.

use sea_query::{
    DeleteStatement, DynIden, Expr, InsertStatement, QueryBuilder, Returning, SelectStatement, TableName,
    UpdateStatement, Values,
};

use crate::error::CompileError;

/// A statement of one of the kinds that there are.
pub(crate) enum Built {
    Select(SelectStatement),
    /// With what it is made of, which the builder does not show.
    Insert(InsertStatement, NewRow),
    /// With its WHERE, which the builder does not show.
    Update(UpdateStatement, Expr),
    /// With its WHERE, likewise.
    Delete(DeleteStatement, Expr),
}

/// What an INSERT says.
pub(crate) struct NewRow {
    pub(crate) columns: Vec<DynIden>,
    /// One for each column.
    pub(crate) values: Vec<Expr>,
    /// The columns that come back.
    pub(crate) key: Vec<DynIden>,
}

impl NewRow {
    /// The statement: all of the row by default where nothing is said of it.
    pub(crate) fn statement(&self, table: TableName) -> Result<InsertStatement, CompileError> {
        let mut query = InsertStatement::new();
        if self.columns.is_empty() {
            query.or_default_values();
        } else {
            let fits = query.columns(self.columns.clone()).values(self.values.clone());
            fits.map_err(|_| CompileError::Malformed("not one value for each column"))?;
        }
        // Qualified, as all columns: SQLite takes a lone quoted name that it does not know for a text.
        query.returning(Returning::new().columns(self.key.iter().map(|column| (table.1.clone(), column.clone()))));
        query.into_table(table);
        Ok(query)
    }
}

impl Built {
    /// The text, with the placeholders of a builder.
    pub(crate) fn text(&self, builder: impl QueryBuilder) -> (String, Values) {
        match self {
            Self::Select(select) => select.build(builder),
            Self::Insert(insert, _) => insert.build(builder),
            Self::Update(update, _) => update.build(builder),
            Self::Delete(delete, _) => delete.build(builder),
        }
    }
}
