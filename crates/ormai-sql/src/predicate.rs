//! Predicates, in SQL's three-valued logic.

use ormai_core::fault::Fault;
use ormai_core::plan::{Exists, Predicate, RelatedRows, Term, Truth};
use sea_query::{BinOper, Expr, ExprTrait, SelectStatement};

use crate::dialect::TextUse;
use crate::error::CompileError;
use crate::printer::{Printer, Row, all, any};
use crate::term::Typed;

impl Printer<'_> {
    /// A condition for a WHERE; `None` when it is TRUE.
    pub(crate) fn condition(&mut self, row: &mut Row, predicate: &Predicate) -> Result<Option<Expr>, CompileError> {
        match predicate {
            Predicate::Const(Truth::True) => Ok(None),
            Predicate::And(parts) => {
                let mut conditions = Vec::with_capacity(parts.len());
                for part in parts {
                    conditions.extend(self.condition(row, part)?);
                }
                Ok(all(conditions))
            }
            other => self.predicate(row, other).map(Some),
        }
    }

    pub(crate) fn predicate(&mut self, row: &mut Row, predicate: &Predicate) -> Result<Expr, CompileError> {
        Ok(match predicate {
            Predicate::Const(truth) => self.engine.truth(*truth),
            Predicate::And(_) => match self.condition(row, predicate)? {
                Some(condition) => condition,
                None => self.engine.truth(Truth::True),
            },
            Predicate::Or(parts) => {
                let parts = parts.iter().map(|part| self.predicate(row, part)).collect::<Result<Vec<_>, _>>()?;
                any(parts).unwrap_or_else(|| self.engine.truth(Truth::False))
            }
            // In parentheses, because a mode of MySQL lets NOT bind more closely than `=`.
            Predicate::Not(inner) => Expr::tuple([self.predicate(row, inner)?]).not(),
            Predicate::NotTrue(inner) => {
                self.predicate(row, inner)?.binary(BinOper::IsNot, self.engine.truth(Truth::True))
            }
            Predicate::Compare { op, left, right } => {
                let (one, other) = (self.term(row, left)?, self.term(row, right)?);
                self.expect(left, &other);
                self.expect(right, &one);
                self.compare(*op, one, other)?
            }
            Predicate::In { term, list, negated } => {
                let term = self.term(row, term)?;
                self.expect(&Term::Bind(list.slot), &term);
                self.engine.member(self, term, *list, *negated)?
            }
            Predicate::IsNull { term, negated } => {
                let term = self.term(row, term)?.expr;
                if *negated { term.is_not_null() } else { term.is_null() }
            }
            Predicate::Matches { term, pattern, negated } => {
                let term = self.term(row, term)?;
                let collation = term.collation.clone();
                let text = self.by_bytes_with(term, collation.as_ref(), TextUse::Pattern);
                self.engine.matches(text, self.places.value(*pattern), *negated)
            }
            Predicate::Exists(exists) => self.exists(row, exists)?,
        })
    }

    /// Says beside what the value or list of a term stands.
    fn expect(&mut self, value: &Term, beside: &Typed) {
        if let (Term::Bind(slot), Some(ty)) = (value, &beside.ty) {
            self.places.expect(*slot, ty);
        }
    }

    fn exists(&mut self, row: &mut Row, exists: &Exists) -> Result<Expr, CompileError> {
        let mut there = self.row(match &exists.rows {
            RelatedRows::Scoped(source) => source.model,
            RelatedRows::Stored(model) => *model,
        });
        let link = self.link(row, &mut there, &exists.link)?;
        let filter = self.condition(&mut there, &exists.filter)?;
        let mut query = SelectStatement::new();
        query.expr(Expr::Constant(1.into()));
        if let Some(condition) = all([link].into_iter().chain(filter)) {
            query.and_where(condition);
        }
        match &exists.rows {
            RelatedRows::Scoped(source) => self.scoped(&mut query, source, there)?,
            RelatedRows::Stored(_) => self.stored(&mut query, there)?,
        }
        let found = Expr::exists(query);
        Ok(if exists.negated && !Fault::ExistsNotNegated.is_on() { found.not() } else { found })
    }
}
