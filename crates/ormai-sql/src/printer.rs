//! What is common to the printing of all parts of one statement.

use std::collections::BTreeSet;

use ormai_core::catalog::{Catalog, Collation, Field, FieldId, Model, ModelId};
use ormai_core::plan::Shape;
use ormai_core::value::ColumnType;
use sea_query::{Alias, Expr, ExprTrait, IntoIden};

use crate::built::Built;
use crate::dialect::Engine;
use crate::error::CompileError;
use crate::places::Places;
use crate::term::Typed;

/// Prints one statement.
pub(crate) struct Printer<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) engine: &'a dyn Engine,
    pub(crate) places: Places,
    aliases: u32,
    /// The name by which a table that is changed stands in the statement, where it has no alias.
    pub(crate) taken: Option<&'a str>,
}

/// The row of one table reference: how its columns are addressed, and which are.
pub(crate) struct Row {
    pub(crate) model: ModelId,
    /// The number that makes the alias unique in the statement.
    pub(crate) number: u32,
    pub(crate) alias: String,
    /// The columns that were addressed, so that the derived table lists these and no others.
    pub(crate) used: BTreeSet<FieldId>,
}

/// A statement before it is turned into text.
pub(crate) struct Printed {
    pub(crate) built: Built,
    pub(crate) columns: Vec<ColumnType>,
}

impl<'a> Printer<'a> {
    pub(crate) fn new(catalog: &'a Catalog, engine: &'a dyn Engine) -> Self {
        Self { catalog, engine, places: Places::default(), aliases: 0, taken: None }
    }

    pub(crate) fn shape(&mut self, shape: &Shape) -> Result<Printed, CompileError> {
        match shape {
            Shape::Select(select) => self.select(select),
            Shape::Aggregate(aggregate) => self.aggregate(aggregate),
            Shape::Truths(truths) => self.truths(truths),
            Shape::Present(present) => self.present(present),
            Shape::Insert(insert) => self.insert(insert),
            Shape::Update(update) => self.update(update),
            Shape::Delete(delete) => self.delete(delete),
            _ => Err(CompileError::Malformed("a kind of plan that this crate does not print")),
        }
    }

    /// An alias that occurs nowhere else in the statement.
    pub(crate) fn alias(&mut self, prefix: char) -> String {
        let number = self.next_number();
        format!("{prefix}{number}")
    }

    fn next_number(&mut self) -> u32 {
        loop {
            let number = self.aliases;
            self.aliases += 1;
            if !self.taken.is_some_and(|name| is_alias(name, number)) {
                return number;
            }
        }
    }

    /// A table that is changed. It goes by its own name, which from here on is no alias.
    pub(crate) fn changed_row(&mut self, model: ModelId) -> Result<Row, CompileError> {
        let name = &self.model(model)?.table.name;
        self.taken = Some(name);
        Ok(Row { model, number: self.next_number(), alias: name.clone(), used: BTreeSet::new() })
    }

    /// A new reference to a model, to be completed by [`Self::scoped`] or [`Self::stored`].
    pub(crate) fn row(&mut self, model: ModelId) -> Row {
        let number = self.next_number();
        Row { model, number, alias: format!("a{number}"), used: BTreeSet::new() }
    }

    pub(crate) fn model(&self, id: ModelId) -> Result<&'a Model, CompileError> {
        self.catalog.models().nth(id.index()).map(|(_, model)| model).ok_or(CompileError::ForeignCatalog)
    }

    pub(crate) fn field(&self, model: ModelId, id: FieldId) -> Result<&'a Field, CompileError> {
        self.model(model)?.fields.get(id.index()).ok_or(CompileError::ForeignCatalog)
    }

    /// A field whose values are read and written.
    pub(crate) fn supported(&self, model: ModelId, id: FieldId) -> Result<&'a Field, CompileError> {
        let field = self.field(model, id)?;
        if !field.ty.is_supported() {
            let table = self.model(model)?.table.to_string();
            return Err(CompileError::UnsupportedColumn { table, column: field.column.clone() });
        }
        Ok(field)
    }

    /// A column of a row, qualified, because SQLite reads a lone quoted name that it does
    /// not know as a string.
    pub(crate) fn column(&self, row: &mut Row, id: FieldId) -> Result<Typed, CompileError> {
        let field = self.supported(row.model, id)?;
        row.used.insert(id);
        let expr = Expr::col((Alias::new(&row.alias), name(&field.column)?));
        // An enum in a column of text, whose collation nobody has looked at, is compared as text is.
        let is_enum_as_text = matches!(field.ty, ColumnType::Enum(_)) && field.collation == Collation::Ordered;
        let collation = (field.ty.is_text() || is_enum_as_text).then(|| field.collation.clone());
        if let Some(Collation::Folded(collation)) = &collation {
            name(collation)?;
        }
        Ok(Typed { expr, ty: Some(field.ty.clone()), collation })
    }
}

/// Whether a name could be taken for an alias with a number: whatever its letter, because
/// to some servers `A1` and `á1` are `a1`.
fn is_alias(name: &str, number: u32) -> bool {
    let mut signs = name.chars();
    signs.next().is_some_and(char::is_alphabetic) && signs.as_str() == number.to_string()
}

/// An identifier of the catalog, to be quoted by the builder.
pub(crate) fn name(name: &str) -> Result<sea_query::DynIden, CompileError> {
    if name.contains('\0') {
        return Err(CompileError::Identifier { name: name.to_owned() });
    }
    // An owned name is always escaped; a `&'static str` may be trusted by the builder.
    Ok(Alias::new(name).into_iden())
}

/// All of several conditions; `None` when there is none.
pub(crate) fn all(conditions: impl IntoIterator<Item = Expr>) -> Option<Expr> {
    conditions.into_iter().reduce(|left, right| left.and(right))
}

/// One of several conditions; `None` when there is none.
pub(crate) fn any(conditions: impl IntoIterator<Item = Expr>) -> Option<Expr> {
    conditions.into_iter().reduce(|left, right| left.or(right))
}
