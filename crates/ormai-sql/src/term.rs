//! Terms: what has a value in a row.

use ormai_core::catalog::Collation;
use ormai_core::fault::Fault;
use ormai_core::plan::{Comparison, Function, Related, Term};
use ormai_core::value::ColumnType;
use sea_query::{BinOper, Expr, ExprTrait, Func, SelectStatement};

use crate::dialect::TextUse;
use crate::error::CompileError;
use crate::kind::Kind;
use crate::printer::{Printer, Row, all};

/// A printed term with what is known of its value.
#[derive(Clone)]
pub(crate) struct Typed {
    pub(crate) expr: Expr,
    /// `None` for a value, which takes the type of what stands beside it.
    pub(crate) ty: Option<ColumnType>,
    /// How the engine would compare it; `None` where it has no say of its own.
    pub(crate) collation: Option<Collation>,
}

impl Typed {
    /// Something that adds no type and no collation.
    pub(crate) fn plain(expr: Expr) -> Self {
        Self { expr, ty: None, collation: None }
    }
}

impl Printer<'_> {
    pub(crate) fn term(&mut self, row: &mut Row, term: &Term) -> Result<Typed, CompileError> {
        match term {
            Term::Column(field) => self.column(row, *field),
            Term::Bind(slot) => Ok(Typed::plain(self.places.value(*slot))),
            Term::Related(related) => self.related(row, related),
            Term::Call(function, arguments) => self.call(row, *function, arguments),
        }
    }

    /// A comparison in which text compares by bytes.
    pub(crate) fn compare(&mut self, op: Comparison, left: Typed, right: Typed) -> Result<Expr, CompileError> {
        if let (Some(left), Some(right)) = (&left.ty, &right.ty)
            && !Kind::is_one(left, right)
        {
            return Err(CompileError::Malformed("a comparison of values of two kinds"));
        }
        let usage = match op {
            Comparison::Lt | Comparison::Le | Comparison::Gt | Comparison::Ge => TextUse::Order,
            Comparison::Eq | Comparison::Ne | Comparison::Distinct | Comparison::NotDistinct => TextUse::Equality,
        };
        let engine = self.engine;
        let compared = |left: Expr, right: Expr| match op {
            Comparison::Eq => left.binary(BinOper::Equal, right),
            Comparison::Ne => left.binary(BinOper::NotEqual, right),
            Comparison::Lt => left.binary(BinOper::SmallerThan, right),
            Comparison::Le => left.binary(BinOper::SmallerThanOrEqual, right),
            Comparison::Gt => left.binary(BinOper::GreaterThan, right),
            Comparison::Ge => left.binary(BinOper::GreaterThanOrEqual, right),
            Comparison::Distinct => engine.distinct(left, right),
            Comparison::NotDistinct => engine.not_distinct(left, right),
        };
        // What equal bytes imply may stand before them only where it widens what is admitted.
        let admits_equals = matches!(op, Comparison::Eq | Comparison::NotDistinct);
        let found = if admits_equals { self.found(&left, &right) } else { None };
        let found = found.map(|(left, right)| compared(left, right));
        let collation = together(left.collation.clone(), right.collation.clone());
        let ty = left.ty.clone().or_else(|| right.ty.clone());
        let side = |term: Typed| self.by_bytes_with(term, collation.as_ref(), usage).expr;
        let (mut left, mut right) = (side(left), side(right));
        if let Some(ty) = ty
            && usage == TextUse::Order
        {
            left = engine.ranked(&mut self.places, left, &ty);
            right = engine.ranked(&mut self.places, right, &ty);
        }
        let exact = compared(left, right);
        Ok(match found {
            Some(found) => found.and(exact),
            None => exact,
        })
    }

    /// Whether an index may find a text before its bytes decide.
    pub(crate) fn finds_first(&self, term: &Typed) -> bool {
        term.collation.as_ref().is_some_and(|collation| self.engine.finds_first(collation))
    }

    /// A value as an index finds it in a column.
    pub(crate) fn to_be_found(&self, value: Expr, column: &Typed) -> Expr {
        match &column.collation {
            Some(collation) => self.engine.to_be_found(value, collation),
            None => value,
        }
    }

    /// Both sides as an index finds one in the other: a value in a column, or a column in
    /// another of the same collation.
    fn found(&self, left: &Typed, right: &Typed) -> Option<(Expr, Expr)> {
        let (one, other) = (left.expr.clone(), right.expr.clone());
        match (&left.ty, &right.ty) {
            (Some(_), None) if self.finds_first(left) => Some((one, self.to_be_found(other, left))),
            (None, Some(_)) if self.finds_first(right) => Some((self.to_be_found(one, right), other)),
            (Some(_), Some(_)) if left.collation == right.collation && self.finds_first(left) => Some((one, other)),
            _ => None,
        }
    }

    /// A term whose text compares by bytes.
    pub(crate) fn by_bytes(&self, term: Typed, usage: TextUse) -> Expr {
        let collation = term.collation.clone();
        self.by_bytes_with(term, collation.as_ref(), usage).expr
    }

    /// `collation` is that of the whole comparison. A term without one follows the other side.
    pub(crate) fn by_bytes_with(&self, term: Typed, collation: Option<&Collation>, usage: TextUse) -> Typed {
        match (&term.ty, &term.collation, collation) {
            _ if Fault::TextByCollation.is_on() => term,
            (Some(ty), Some(_), Some(collation)) => {
                Typed { expr: self.engine.by_bytes(term.expr, ty, collation, usage), ..term }
            }
            (Some(ty), None, _) if usage == TextUse::Order => {
                Typed { expr: self.engine.sortable(term.expr, ty), ..term }
            }
            _ => term,
        }
    }

    fn call(&mut self, row: &mut Row, function: Function, arguments: &[Term]) -> Result<Typed, CompileError> {
        let mut terms = arguments.iter().map(|term| self.term(row, term)).collect::<Result<Vec<_>, _>>()?;
        let ty = terms.iter().find_map(|term| term.ty.clone());
        let collation = terms.iter().map(|term| term.collation.clone()).fold(None, together);
        let with_bytes = collation.as_ref().is_some_and(|collation| self.engine.calls_with_bytes(collation));
        match function {
            Function::Coalesce if with_bytes => {
                let side = |term| self.by_bytes_with(term, collation.as_ref(), TextUse::Equality).expr;
                let expr = Func::coalesce(terms.into_iter().map(side)).into();
                Ok(Typed { expr, ty, collation: None })
            }
            Function::Coalesce if !terms.is_empty() => {
                let expr = Func::coalesce(terms.into_iter().map(|term| term.expr)).into();
                Ok(Typed { expr, ty, collation })
            }
            Function::NullIf if terms.len() == 2 => {
                let side = |term| self.by_bytes_with(term, collation.as_ref(), TextUse::Equality).expr;
                let expr = Func::cust("NULLIF").args(terms.into_iter().map(side)).into();
                let collation = collation.filter(|_| !with_bytes).map(|collation| match collation {
                    Collation::Ordered => Collation::Ordered,
                    Collation::Binary | Collation::Loose | Collation::Folded(_) => Collation::Binary,
                });
                Ok(Typed { expr, ty, collation })
            }
            Function::Lower | Function::Upper if terms.len() == 1 => {
                let text = terms.pop().ok_or(CompileError::Malformed("a function without argument"))?;
                let case = if function == Function::Lower { Func::lower::<Expr> } else { Func::upper::<Expr> };
                let expr = self.engine.ascii(case, text.expr, text.collation.as_ref());
                Ok(Typed { expr, ty: Some(ColumnType::Text), collation: None })
            }
            Function::Coalesce | Function::NullIf | Function::Lower | Function::Upper => {
                Err(CompileError::Malformed("a function with the wrong number of arguments"))
            }
        }
    }

    /// `(SELECT column FROM stored WHERE link)`: at most one row, because the link is a key there.
    fn related(&mut self, row: &mut Row, related: &Related) -> Result<Typed, CompileError> {
        let mut there = self.row(related.model);
        let link = self.link(row, &mut there, &related.link)?;
        let found = self.term(&mut there, &related.then)?;
        let mut query = SelectStatement::new();
        query.expr(found.expr).and_where(link);
        self.stored(&mut query, there)?;
        // An index leads to a column, and not to what a query finds.
        let collation = found.collation.map(|collation| match collation {
            Collation::Folded(_) => Collation::Loose,
            other => other,
        });
        Ok(Typed { expr: Expr::SubQuery(None, Box::new(query.into())), collation, ..found })
    }

    /// The equality of the fields that link two rows.
    pub(crate) fn link(
        &mut self,
        here: &mut Row,
        there: &mut Row,
        link: &[(ormai_core::catalog::FieldId, ormai_core::catalog::FieldId)],
    ) -> Result<Expr, CompileError> {
        let mut pairs = Vec::with_capacity(link.len());
        for (position, (from, to)) in link.iter().enumerate() {
            let from = match link.get(link.len() - 1 - position) {
                Some((other, _)) if Fault::LinkColumnsSwapped.is_on() => other,
                _ => from,
            };
            if position > 0 && Fault::LinkOfFirstColumn.is_on() {
                break;
            }
            let (to, from) = (self.column(there, *to)?, self.column(here, *from)?);
            pairs.push(self.compare(Comparison::Eq, to, from)?);
        }
        // Without a link every row would be related to every other.
        all(pairs).ok_or(CompileError::Malformed("a relation without linked fields"))
    }
}

/// The collation of a comparison. Two different ones have no common order (PostgreSQL
/// raises an error), so they count as the loosest, which spells the bytes out.
fn together(left: Option<Collation>, right: Option<Collation>) -> Option<Collation> {
    match (left, right) {
        (Some(left), Some(right)) if left != right => Some(Collation::Loose),
        (left, right) => left.or(right),
    }
}
