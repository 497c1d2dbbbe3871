//! What differs between engines: one file each, with the same items in the same order.

mod postgres;
mod sqlite;

use ormai_core::catalog::Collation;
use ormai_core::plan::{ListSlot, OrderKey, Truth};
use ormai_core::value::ColumnType;
use sea_query::{BinOper, Expr, ExprTrait, NullOrdering, SelectStatement, TypeRef, Values};

use crate::error::CompileError;
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
}

impl Dialect {
    pub(crate) fn engine(self) -> &'static dyn Engine {
        match self {
            Self::Postgres => &postgres::Postgres,
            Self::Sqlite => &sqlite::Sqlite,
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
    fn build(&self, select: &SelectStatement) -> (String, Values);

    /// How many placeholders a statement may have.
    fn max_places(&self) -> usize;

    /// Whether the engine may compute a view's columns for rows that the scope leaves out.
    fn computes_views_early(&self) -> bool;

    /// A truth value.
    fn truth(&self, truth: Truth) -> Expr;

    /// `IS DISTINCT FROM`
    fn distinct(&self) -> BinOper;

    /// `IS NOT DISTINCT FROM`
    fn not_distinct(&self) -> BinOper;

    /// Text of a collation, so that this use of it is by bytes.
    fn by_bytes(&self, text: Expr, ty: &ColumnType, collation: Collation, usage: TextUse) -> Expr;

    /// The argument of LOWER or UPPER, so that only A–Z and a–z change.
    fn ascii(&self, text: Expr, collation: Option<Collation>) -> Expr;

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
    fn matches(&self, text: Expr, pattern: Expr, negated: bool) -> Expr;

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
fn collate(text: Expr, name: &'static str) -> Expr {
    text.binary(BinOper::Custom("COLLATE"), Expr::TypeName(TypeRef::from(name)))
}

/// `term IN (…)` with a placeholder for each place of the list.
fn padded(printer: &mut Printer<'_>, term: Typed, list: ListSlot, negated: bool) -> Result<Expr, CompileError> {
    let items = Expr::tuple(printer.places.items(list)?);
    let operator = if negated { BinOper::NotIn } else { BinOper::In };
    Ok(printer.by_bytes(term, TextUse::Equality).binary(operator, items))
}
