//! What differs between engines: one file each, with the same items in the same order.

mod mysql;
mod postgres;
mod sqlite;

use ormai_core::catalog::Collation;
use ormai_core::plan::{ListSlot, OrderKey, Truth};
use ormai_core::value::ColumnType;
use sea_query::{
    Alias, BinOper, Expr, ExprTrait, FunctionCall, IntoIden, NullOrdering, SelectStatement, TypeRef, Values,
};

use crate::built::Built;
use crate::error::CompileError;
use crate::places::Places;
use crate::printer::Printer;
use crate::term::Typed;

/// An SQL dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
    /// MariaDB and MySQL.
    MySql,
}

impl Dialect {
    pub(crate) fn engine(self) -> &'static dyn Engine {
        match self {
            Self::Postgres => &postgres::Postgres,
            Self::Sqlite => &sqlite::Sqlite,
            Self::MySql => &mysql::MySql,
        }
    }

    /// The character that takes the next one of a LIKE pattern as itself; the statements say
    /// so. `None` where patterns are not written for LIKE.
    pub fn like_escape(self) -> Option<char> {
        match self {
            Self::Postgres => Some(postgres::ESCAPE),
            Self::Sqlite => None,
            Self::MySql => Some(mysql::ESCAPE),
        }
    }

    /// Whether a row is locked before the conditions of a statement are looked at. InnoDB locks
    /// what an index finds, and waits for it, whatever else the statement says of the row.
    pub fn locks_first(self) -> bool {
        match self {
            Self::Postgres | Self::Sqlite => false,
            Self::MySql => true,
        }
    }
}

/// For what a text is compared; engines differ in what their collations touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextUse {
    /// `=`, IN, GROUP BY.
    Equality,
    /// `<`, ORDER BY, MIN, MAX.
    Order,
    /// LIKE or GLOB.
    Pattern,
}

/// An engine's own way of saying things.
pub(crate) trait Engine {
    /// The text with the engine's placeholders.
    fn build(&self, built: &Built) -> Result<(String, Values), CompileError>;

    /// How many placeholders a statement may have.
    fn max_places(&self) -> usize;

    /// Whether the engine may compute a view's columns for rows that the scope leaves out.
    fn computes_views_early(&self) -> bool;

    /// Keeps a derived table by itself, so that conditions around it are not tested within.
    fn fence(&self, table: &mut SelectStatement, places: &mut Places);

    /// Whether the conditions of a change can read derived tables.
    fn derives_in_changes(&self) -> bool;

    /// Locks the rows of a derived table, which stands in a query under an alias.
    fn lock(&self, query: &mut SelectStatement, table: &mut SelectStatement, alias: &str);

    /// A truth value.
    fn truth(&self, truth: Truth) -> Expr;

    /// `IS DISTINCT FROM`
    fn distinct(&self, left: Expr, right: Expr) -> Expr;

    /// `IS NOT DISTINCT FROM`
    fn not_distinct(&self, left: Expr, right: Expr) -> Expr;

    /// Whether equality of such text is said twice: as the engine compares, which an index
    /// serves and which all equal bytes pass, and by bytes, which decides.
    fn finds_first(&self, collation: &Collation) -> bool;

    /// A value as it stands beside such text in the first of the two.
    fn to_be_found(&self, value: Expr, collation: &Collation) -> Expr;

    /// Text of a collation, so that this use of it is by bytes.
    fn by_bytes(&self, text: Expr, ty: &ColumnType, collation: &Collation, usage: TextUse) -> Expr;

    /// Whether such text enters functions as its bytes, because no function takes text of
    /// two collations.
    fn calls_with_bytes(&self, collation: &Collation) -> bool;

    /// LOWER or UPPER, so that only A–Z and a–z change.
    fn ascii(&self, case: fn(Expr) -> FunctionCall, text: Expr, collation: Option<&Collation>) -> Expr;

    /// Something that is not text, so that `<` and ORDER BY mean the same on every engine.
    fn sortable(&self, term: Expr, ty: &ColumnType) -> Expr;

    /// The position of a word in its enum, where `<` does not go by it.
    fn ranked(&self, places: &mut Places, word: Expr, ty: &ColumnType) -> Expr;

    /// Membership in a list. A list is never NULL and never empty.
    fn member(
        &self,
        printer: &mut Printer<'_>,
        term: Typed,
        list: ListSlot,
        negated: bool,
    ) -> Result<Expr, CompileError>;

    /// Rows of placeholders, to the right of `(…, …) IN`.
    fn rows(&self, rows: Vec<Vec<u64>>) -> Expr;

    /// A match with a pattern, where case matters.
    fn matches(&self, text: Typed, pattern: Expr, negated: bool) -> Expr;

    /// What must be said so that NULL counts as greater than every value.
    fn nulls(&self, key: &OrderKey) -> Option<NullOrdering>;

    /// The sum of a column: exact, unless the column is a float.
    fn sum(&self, column: Expr, ty: &ColumnType) -> Expr;

    /// The mean of a column, as a float.
    fn avg(&self, column: Expr) -> Expr;

    /// Whether a list of this type can be bound as one array.
    fn takes_array(&self, ty: &ColumnType) -> bool;

    /// Whether a derived table can refer to the one beside it.
    fn has_lateral(&self) -> bool;
}

/// `text COLLATE "name"`. The builder has no COLLATE; a static operator keeps the text free
/// of anything that is not written here, and the name is quoted like every other.
fn collate(text: Expr, name: &str) -> Expr {
    text.binary(BinOper::Custom("COLLATE"), quoted(name))
}

/// A name of a collation or character set.
fn quoted(name: &str) -> Expr {
    Expr::TypeName(TypeRef::from(Alias::new(name).into_iden()))
}

/// `term IN (…)` with a placeholder for each place of the list.
fn padded(printer: &mut Printer<'_>, term: Typed, list: ListSlot, negated: bool) -> Result<Expr, CompileError> {
    let items = printer.places.items(list)?;
    let found = (!negated && printer.finds_first(&term)).then(|| {
        let items = items.iter().map(|item| printer.to_be_found(item.clone(), &term));
        term.expr.clone().binary(BinOper::In, Expr::tuple(items))
    });
    let operator = if negated { BinOper::NotIn } else { BinOper::In };
    let exact = printer.by_bytes(term, TextUse::Equality).binary(operator, Expr::tuple(items));
    Ok(match found {
        Some(found) => found.and(exact),
        None => exact,
    })
}
