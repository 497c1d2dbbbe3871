//! MariaDB and MySQL.
//!
//! What is to be read as text has two writings here. [`bytes`] compares exactly and is one
//! string of bytes; [`characters`] knows where a character ends, which LIKE needs, but takes
//! blanks at the end for nothing where it compares.

use ormai_core::catalog::Collation;
use ormai_core::plan::{Direction, ListSlot, OrderKey, Truth};
use ormai_core::value::ColumnType;
use sea_query::{
    BinOper, DynIden, Expr, ExprTrait, Func, FunctionCall, LockType, MysqlQueryBuilder, NullOrdering, QuotedBuilder,
    SelectStatement, Values,
};

use super::{Engine, TextUse, collate, padded, quoted};
use crate::built::Built;
use crate::error::CompileError;
use crate::places::Places;
use crate::printer::Printer;
use crate::term::Typed;

/// Not a backslash: whether that begins an escape in a text literal is the session's affair.
pub(super) const ESCAPE: char = '|';

pub(super) struct MySql;

impl Engine for MySql {
    fn build(&self, built: &Built) -> Result<(String, Values), CompileError> {
        let (mut sql, values) = built.text(MysqlQueryBuilder);
        if let Built::Insert(_, row) = built {
            sql.push_str(&returning(&row.key)?);
        }
        Ok((sql, values))
    }

    fn max_places(&self) -> usize {
        65_535
    }

    /// A row that is found by a unique key is read while the statement is planned, and then
    /// its conditions are tested in any order.
    fn computes_views_early(&self) -> bool {
        true
    }

    fn fence(&self, table: &mut SelectStatement, places: &mut Places) {
        table.limit(places.most());
    }

    /// A prepared UPDATE that runs for the second time no longer knows the columns around a derived
    /// table within another (MariaDB).
    fn derives_in_changes(&self) -> bool {
        false
    }

    /// Within: a lock that is said outside does not reach into a derived table. It is merged all
    /// the same, so that no more rows are locked than the conditions around it find.
    fn lock(&self, _: &mut SelectStatement, table: &mut SelectStatement, _: &str) {
        table.lock(LockType::Update);
    }

    fn truth(&self, truth: Truth) -> Expr {
        match truth {
            Truth::True => Expr::Constant(true.into()),
            Truth::False => Expr::Constant(false.into()),
            Truth::Unknown => Expr::null(),
        }
    }

    fn distinct(&self, left: Expr, right: Expr) -> Expr {
        self.not_distinct(left, right).not()
    }

    fn not_distinct(&self, left: Expr, right: Expr) -> Expr {
        left.binary(BinOper::Custom("<=>"), right)
    }

    fn finds_first(&self, collation: &Collation) -> bool {
        matches!(collation, Collation::Binary | Collation::Folded(_)) && !is_exact(collation)
    }

    /// A character that the column cannot hold would be an error. Converted it becomes a `?`,
    /// and then its bytes are others.
    fn to_be_found(&self, value: Expr, collation: &Collation) -> Expr {
        let Collation::Folded(collation) = collation else { return value };
        match collation.split('_').next() {
            None | Some("utf8mb4" | "utf16" | "utf16le" | "utf32") => value,
            Some(charset) => collate(convert(value, charset), collation),
        }
    }

    fn by_bytes(&self, text: Expr, _: &ColumnType, collation: &Collation, usage: TextUse) -> Expr {
        if is_exact(collation) || usage == TextUse::Pattern { text } else { bytes(text) }
    }

    fn calls_with_bytes(&self, collation: &Collation) -> bool {
        !is_exact(collation)
    }

    /// As text of `tis620`, whose only letters with a case are A–Z and a–z and in which every
    /// byte is a character.
    fn ascii(&self, case: fn(Expr) -> FunctionCall, text: Expr, _: Option<&Collation>) -> Expr {
        as_binary(case(convert(bytes(text), "tis620")).into())
    }

    /// A UUID is ordered by the computer that made it, and then by time.
    fn sortable(&self, term: Expr, ty: &ColumnType) -> Expr {
        if *ty == ColumnType::Uuid { Func::cast_as(term, "CHAR").into() } else { term }
    }

    /// In a comparison an enum is its word; in ORDER BY it is the position already.
    fn ranked(&self, places: &mut Places, word: Expr, ty: &ColumnType) -> Expr {
        let ColumnType::Enum(words) = ty else { return word };
        let words: Vec<_> = words.variants.iter().map(|word| places.word(word)).collect();
        let position = Func::cust("FIELD").args([as_binary(word)].into_iter().chain(words));
        // FIELD has no NULL: what is not found is at 0.
        Func::cust("NULLIF").arg(position).arg(Expr::Constant(0.into())).into()
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

    fn rows(&self, rows: Vec<Vec<u64>>) -> Expr {
        Expr::tuple(rows.into_iter().map(|row| Expr::tuple(row.into_iter().map(Expr::val))))
    }

    fn matches(&self, text: Typed, pattern: Expr, negated: bool) -> Expr {
        let text = if text.collation.as_ref().is_some_and(is_exact) { text.expr } else { characters(text.expr) };
        let escaped = pattern.binary(BinOper::Escape, Expr::Constant(ESCAPE.into()));
        text.binary(if negated { BinOper::NotLike } else { BinOper::Like }, escaped)
    }

    /// The builder writes it as a key of its own, `… IS NULL`.
    fn nulls(&self, key: &OrderKey) -> Option<NullOrdering> {
        key.nullable.then_some(match key.direction {
            Direction::Asc => NullOrdering::Last,
            Direction::Desc => NullOrdering::First,
        })
    }

    fn sum(&self, column: Expr, _: &ColumnType) -> Expr {
        Func::sum(column).into()
    }

    /// AVG of exact numbers ends after four more decimals.
    fn avg(&self, column: Expr) -> Expr {
        Expr::from(Func::cast_as(Func::sum(column.clone()), "DOUBLE")).div(column.count())
    }

    fn takes_array(&self, _: &ColumnType) -> bool {
        false
    }

    fn has_lateral(&self) -> bool {
        false
    }
}

/// Whether text of this collation compares by bytes and does not pad. What a catalog does not
/// name is not exact: `Binary` is also what is said of text of which nothing was said, and
/// with the collations that this engine gives by itself, `ACME` would be `acme`.
fn is_exact(collation: &Collation) -> bool {
    matches!(collation, Collation::Folded(name) if ["utf8mb4_nopad_bin", "utf8mb4_0900_bin"].contains(&&**name))
}

/// A text as the bytes of its UTF-8, whatever its character set and collation.
fn bytes(text: Expr) -> Expr {
    as_binary(convert(text, "utf8mb4"))
}

/// A text, or its bytes, as characters that differ when their code points do.
fn characters(text: Expr) -> Expr {
    collate(convert(text, "utf8mb4"), "utf8mb4_bin")
}

fn as_binary(text: Expr) -> Expr {
    Func::cast_as(text, "BINARY").into()
}

/// `CONVERT(text USING charset)`: of text it changes the bytes, of bytes the reading.
fn convert(text: Expr, charset: &str) -> Expr {
    Func::cust("CONVERT").arg(text.binary(BinOper::Custom("USING"), quoted(charset))).into()
}

/// The key of a new row comes back. The builder says no RETURNING here, because MySQL has none;
/// MariaDB runs the comment, and MySQL skips it, up to the first sign of its end.
fn returning(key: &[DynIden]) -> Result<String, CompileError> {
    let mut names = String::new();
    for column in key {
        if !names.is_empty() {
            names.push_str(", ");
        }
        MysqlQueryBuilder.prepare_iden(column, &mut names);
    }
    if names.contains("*/") || names.contains("/*") {
        return Err(CompileError::Malformed("a key whose name would begin or end a comment"));
    }
    Ok(format!(" /*M!100500 RETURNING {names} */"))
}
