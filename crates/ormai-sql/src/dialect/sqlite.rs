//! SQLite.

use ormai_core::catalog::Collation;
use ormai_core::plan::{Direction, ListSlot, OrderKey, Truth};
use ormai_core::value::ColumnType;
use sea_query::extension::sqlite::SqliteBinOper;
use sea_query::{
    Asterisk, BinOper, Expr, ExprTrait, Func, FunctionCall, NullOrdering, SelectStatement, SqliteQueryBuilder, Value,
    ValueTuple, Values,
};

use super::{Engine, TextUse, collate, padded};
use crate::built::Built;
use crate::error::CompileError;
use crate::places::Places;
use crate::printer::Printer;
use crate::term::Typed;

pub(super) struct Sqlite;

impl Engine for Sqlite {
    fn build(&self, built: &Built) -> Result<(String, Values), CompileError> {
        let (sql, values) = built.text(SqliteQueryBuilder);
        // A key may be declared with ON CONFLICT REPLACE: a new row with the key of another
        // tenant's would take that one's place. What a statement says itself comes first.
        let sql = match built {
            Built::Insert(..) => sql.replacen("INSERT", "INSERT OR ABORT", 1),
            Built::Update(..) => sql.replacen("UPDATE", "UPDATE OR ABORT", 1),
            Built::Select(_) | Built::Delete(..) => sql,
        };
        Ok((sql, values))
    }

    fn max_places(&self) -> usize {
        32_766
    }

    /// Terms are tested from left to right unless an index serves them, and the scope is first.
    fn computes_views_early(&self) -> bool {
        false
    }

    fn fence(&self, table: &mut SelectStatement, places: &mut Places) {
        table.limit(places.most());
    }

    fn derives_in_changes(&self) -> bool {
        true
    }

    /// There is one writer at a time, and no lock on rows.
    fn lock(&self, _: &mut SelectStatement, _: &mut SelectStatement, _: &str) {}

    /// Not the words: where a table has a column named `false`, `WHERE FALSE` reads it.
    fn truth(&self, truth: Truth) -> Expr {
        match truth {
            Truth::True => Expr::Constant(1.into()),
            Truth::False => Expr::Constant(0.into()),
            Truth::Unknown => Expr::null(),
        }
    }

    fn distinct(&self, left: Expr, right: Expr) -> Expr {
        left.binary(BinOper::IsNot, right)
    }

    fn not_distinct(&self, left: Expr, right: Expr) -> Expr {
        left.binary(BinOper::Is, right)
    }

    fn finds_first(&self, _: &Collation) -> bool {
        false
    }

    fn to_be_found(&self, value: Expr, _: &Collation) -> Expr {
        value
    }

    fn by_bytes(&self, text: Expr, _: &ColumnType, collation: &Collation, usage: TextUse) -> Expr {
        match (collation, usage) {
            // GLOB is by bytes whatever the collation.
            (Collation::Binary, _) | (_, TextUse::Pattern) => text,
            (Collation::Ordered | Collation::Loose | Collation::Folded(_), _) => collate(text, "BINARY"),
        }
    }

    fn calls_with_bytes(&self, _: &Collation) -> bool {
        false
    }

    fn ascii(&self, case: fn(Expr) -> FunctionCall, text: Expr, _: Option<&Collation>) -> Expr {
        case(text).into()
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
        padded(printer, term, list, negated)
    }

    /// A list of rows is not to be had here, only a query for them.
    fn rows(&self, rows: Vec<Vec<u64>>) -> Expr {
        let tuple = |row: Vec<u64>| ValueTuple::Many(row.into_iter().map(Value::from).collect());
        let mut query = SelectStatement::new();
        query.column(Asterisk).from_values(rows.into_iter().map(tuple), "keys");
        Expr::SubQuery(None, Box::new(query.into()))
    }

    fn matches(&self, text: Typed, pattern: Expr, negated: bool) -> Expr {
        let found = text.expr.binary(BinOper::SqliteOperator(SqliteBinOper::Glob), pattern);
        if negated { found.not() } else { found }
    }

    fn nulls(&self, key: &OrderKey) -> Option<NullOrdering> {
        key.nullable.then_some(match key.direction {
            Direction::Asc => NullOrdering::Last,
            Direction::Desc => NullOrdering::First,
        })
    }

    fn sum(&self, column: Expr, _: &ColumnType) -> Expr {
        Func::sum(column).into()
    }

    fn avg(&self, column: Expr) -> Expr {
        Func::avg(column).into()
    }

    fn takes_array(&self, _: &ColumnType) -> bool {
        false
    }

    fn has_lateral(&self) -> bool {
        false
    }
}
