//! PostgreSQL.

use ormai_core::catalog::Collation;
use ormai_core::plan::{ListSlot, OrderKey, Truth};
use ormai_core::value::ColumnType;
use sea_query::{
    Alias, BinOper, Expr, ExprTrait, Func, FunctionCall, LockType, NullOrdering, PostgresQueryBuilder, SelectStatement,
    Values,
};

use super::{Engine, TextUse, collate, padded};
use crate::built::Built;
use crate::error::CompileError;
use crate::places::Places;
use crate::printer::Printer;
use crate::term::Typed;

/// LIKE's own.
pub(super) const ESCAPE: char = '\\';

pub(super) struct Postgres;

impl Engine for Postgres {
    fn build(&self, built: &Built) -> Result<(String, Values), CompileError> {
        Ok(built.text(PostgresQueryBuilder))
    }

    fn max_places(&self) -> usize {
        65_535
    }

    /// Conditions go by their cost: a cheap one on a computed column comes before the scope,
    /// and the expression behind it can fail on a stranger's row.
    fn computes_views_early(&self) -> bool {
        true
    }

    fn fence(&self, table: &mut SelectStatement, places: &mut Places) {
        table.offset(places.zero());
    }

    fn derives_in_changes(&self) -> bool {
        true
    }

    /// Outside, where the LIMIT has been: within, all rows of the scope would be locked.
    fn lock(&self, query: &mut SelectStatement, _: &mut SelectStatement, alias: &str) {
        query.lock_with_tables(LockType::Update, [Alias::new(alias)]);
    }

    fn truth(&self, truth: Truth) -> Expr {
        match truth {
            Truth::True => Expr::Constant(true.into()),
            Truth::False => Expr::Constant(false.into()),
            Truth::Unknown => Expr::null(),
        }
    }

    fn distinct(&self, left: Expr, right: Expr) -> Expr {
        left.binary(BinOper::Custom("IS DISTINCT FROM"), right)
    }

    fn not_distinct(&self, left: Expr, right: Expr) -> Expr {
        left.binary(BinOper::Custom("IS NOT DISTINCT FROM"), right)
    }

    fn finds_first(&self, _: &Collation) -> bool {
        false
    }

    fn to_be_found(&self, value: Expr, _: &Collation) -> Expr {
        value
    }

    /// As `text`, for which PostgreSQL's own operators and functions fit exactly: for `varchar`,
    /// a domain or `citext` somebody may have put others into a schema of the search path, which
    /// would be taken before them. An index serves the column all the same. A cast of char(n)
    /// would take its blanks away.
    fn by_bytes(&self, text: Expr, ty: &ColumnType, collation: &Collation, usage: TextUse) -> Expr {
        let text = if *ty == ColumnType::Text { as_text(text) } else { text };
        match (collation, usage) {
            (Collation::Binary, _) | (Collation::Ordered, TextUse::Equality | TextUse::Pattern) => text,
            (Collation::Ordered, TextUse::Order) | (Collation::Loose | Collation::Folded(_), _) => collate(text, "C"),
        }
    }

    fn calls_with_bytes(&self, _: &Collation) -> bool {
        false
    }

    fn ascii(&self, case: fn(Expr) -> FunctionCall, text: Expr, _: Option<&Collation>) -> Expr {
        case(collate(as_text(text), "C")).into()
    }

    fn sortable(&self, term: Expr, _: &ColumnType) -> Expr {
        term
    }

    fn ranked(&self, _: &mut Places, word: Expr, _: &ColumnType) -> Expr {
        word
    }

    fn member(
        &self,
        printer: &mut Printer<'_>,
        term: Typed,
        list: ListSlot,
        negated: bool,
    ) -> Result<Expr, CompileError> {
        let Some(ty) = term.ty.clone().filter(|ty| self.takes_array(ty)) else {
            return padded(printer, term, list, negated);
        };
        let array = printer.places.array(list, &ty);
        let term = printer.by_bytes(term, TextUse::Equality);
        Ok(if negated { term.ne(Func::cust("ALL").arg(array)) } else { term.eq(Func::cust("ANY").arg(array)) })
    }

    fn rows(&self, rows: Vec<Vec<u64>>) -> Expr {
        Expr::tuple(rows.into_iter().map(|row| Expr::tuple(row.into_iter().map(Expr::val))))
    }

    fn matches(&self, text: Typed, pattern: Expr, negated: bool) -> Expr {
        let escaped = pattern.binary(BinOper::Escape, Expr::Constant(ESCAPE.into()));
        text.expr.binary(if negated { BinOper::NotLike } else { BinOper::Like }, escaped)
    }

    fn nulls(&self, _: &OrderKey) -> Option<NullOrdering> {
        None
    }

    fn sum(&self, column: Expr, ty: &ColumnType) -> Expr {
        match ty {
            // A sum of `real` is a `real`, and loses digits on the way.
            ColumnType::Float => Func::sum(Func::cast_as(column, "double precision")).into(),
            // A sum of small integers is a bigint.
            _ => Func::cast_as(Func::sum(column), "numeric").into(),
        }
    }

    fn avg(&self, column: Expr) -> Expr {
        Func::cast_as(Func::avg(column), "double precision").into()
    }

    /// Not for enums and char(n): an array of them cannot be bound as text, while a single
    /// placeholder takes the column's own type.
    fn takes_array(&self, ty: &ColumnType) -> bool {
        matches!(
            ty,
            ColumnType::Bool
                | ColumnType::Int16
                | ColumnType::Int32
                | ColumnType::Int
                | ColumnType::Float
                | ColumnType::Decimal
                | ColumnType::Text
                | ColumnType::Bytes
                | ColumnType::Uuid
                | ColumnType::Timestamp
                | ColumnType::DateTime
                | ColumnType::Date
                | ColumnType::Time
        )
    }

    fn has_lateral(&self) -> bool {
        true
    }
}

fn as_text(text: Expr) -> Expr {
    Func::cast_as(text, "text").into()
}
