//! Tokens to a syntax tree, by recursive descent.
//!
//! After an error the parser goes on behind the broken part (at the next AND, OR or closing
//! parenthesis of the same level), so that one reading reports everything.

mod values;

use std::ops::Range;

use super::ast::{Expr, ExprKind, Scalar};
use super::lex::{Lexeme, Symbol, Token, is_reserved, lex};
use crate::diagnostic::Diagnostic;
use crate::plan::Comparison;

/// The longest source, in bytes.
pub const MAX_SOURCE: usize = 10_000;
/// How deep parentheses, NOT, EXISTS and calls nest.
pub const MAX_DEPTH: usize = 64;
/// How many conditions and values a condition consists of; list items are counted apart.
pub const MAX_NODES: usize = 1_000;
/// How many literals a list holds.
pub const MAX_ITEMS: usize = 1_000;
/// After so many findings the rest is not looked at.
const MAX_FINDINGS: usize = 32;

/// Reads a condition without looking at any catalog.
///
/// # Errors
///
/// All syntax errors, in the order of the source; never an empty list.
///
/// ```
/// let expr = ormai_core::condition::parse("status!='draft' or (owner_id = principal.user_id)").unwrap();
/// assert_eq!(expr.to_string(), "status <> 'draft' OR owner_id = principal.user_id");
/// ```
pub fn parse(source: &str) -> Result<Expr, Vec<Diagnostic>> {
    if source.len() > MAX_SOURCE {
        let message = format!("the condition is longer than {MAX_SOURCE} bytes");
        let finding = Diagnostic::error("condition-limit", message).at(0..source.len(), "");
        return Err(vec![finding.help("split it into several row policies".to_owned())]);
    }
    let (tokens, mut findings) = lex(source);
    findings.truncate(MAX_FINDINGS);
    let mut parser = Parser { tokens, at: 0, depth: 0, nodes: 0, findings, stopped: false };
    let expr = parser.whole();
    let mut findings = parser.findings;
    match expr {
        Some(expr) if findings.is_empty() => Ok(expr),
        _ => {
            if findings.is_empty() {
                findings.push(
                    Diagnostic::error("condition-syntax", "the condition cannot be read").at(0..source.len(), ""),
                );
            }
            findings.sort_by_key(|finding| finding.labels.first().map_or(0, |label| label.span.start));
            Err(findings)
        }
    }
}

/// `None` from a method below means: an error was reported.
struct Parser {
    tokens: Vec<Lexeme>,
    at: usize,
    depth: usize,
    nodes: usize,
    findings: Vec<Diagnostic>,
    /// A bound was reached: nothing further is read or reported.
    stopped: bool,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &Token {
        self.tokens.get(self.at + ahead).map_or(&Token::End, |lexeme| &lexeme.token)
    }

    /// The place of the token at hand; the end of the source behind the last one.
    fn here(&self) -> Range<usize> {
        let end = || self.tokens.last().map_or(0..0, |lexeme| lexeme.span.clone());
        self.tokens.get(self.at).map_or_else(end, |lexeme| lexeme.span.clone())
    }

    /// From a start to the end of the token before the one at hand.
    fn since(&self, start: usize) -> Range<usize> {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        start..before.map_or(start, |lexeme| lexeme.span.end.max(start))
    }

    fn bump(&mut self) {
        // The last token is the end, and nothing is behind it.
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
    }

    fn is_symbol(&self, symbol: Symbol) -> bool {
        *self.peek() == Token::Symbol(symbol)
    }

    fn eat_symbol(&mut self, symbol: Symbol) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.bump();
        }
        found
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        self.is_keyword_at(0, keyword)
    }

    fn is_keyword_at(&self, ahead: usize, keyword: &str) -> bool {
        matches!(self.peek_at(ahead), Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn eat_keyword(&mut self, keyword: &str) -> bool {
        let found = self.is_keyword(keyword);
        if found {
            self.bump();
        }
        found
    }

    fn report(&mut self, finding: Diagnostic) {
        if !self.stopped {
            self.findings.push(finding);
            if self.findings.len() >= MAX_FINDINGS {
                self.stop();
            }
        }
    }

    fn stop(&mut self) {
        self.stopped = true;
        self.at = self.tokens.len().saturating_sub(1);
    }

    /// Reports what stands here instead of something else; silent where the lexer has spoken.
    fn expected<T>(&mut self, what: &str, help: Option<&str>) -> Option<T> {
        let found = match self.peek() {
            Token::Invalid => return None,
            Token::End => "the end".to_owned(),
            Token::Word(word) if is_reserved(word) => word.to_ascii_uppercase(),
            Token::Word(word) | Token::Quoted(word) => format!("`{word}`"),
            Token::Text(_) => "text".to_owned(),
            Token::Integer(digits) | Token::Decimal(digits) => format!("`{digits}`"),
            Token::Symbol(symbol) => format!("`{}`", spelling(*symbol)),
        };
        let help = help.map(str::to_owned).or_else(|| foreign_word(self.peek()).map(str::to_owned));
        let finding = Diagnostic::error("condition-syntax", format!("expected {what}, found {found}"));
        self.report(finding.at(self.here(), "").help(help));
        None
    }

    fn limit<T>(&mut self, message: String) -> Option<T> {
        let finding = Diagnostic::error("condition-limit", message).at(self.here(), "");
        self.report(finding.help("split the condition into several row policies".to_owned()));
        self.stop();
        None
    }

    fn deeper<T>(&mut self, inside: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth == MAX_DEPTH {
            return self.limit(format!("the condition nests more than {MAX_DEPTH} deep"));
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    fn count(&mut self) -> Option<()> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return self.limit(format!("the condition has more than {MAX_NODES} parts"));
        }
        Some(())
    }

    fn expr(&mut self, start: usize, kind: ExprKind) -> Option<Expr> {
        self.count()?;
        Some(Expr { kind, span: self.since(start) })
    }

    fn whole(&mut self) -> Option<Expr> {
        if *self.peek() == Token::End {
            let finding = Diagnostic::error("condition-syntax", "the condition is empty").at(self.here(), "");
            self.report(finding.help("write TRUE for a condition that always holds".to_owned()));
            return None;
        }
        let expr = self.or();
        while self.is_symbol(Symbol::Close) {
            let finding = Diagnostic::error("condition-syntax", "a `)` closes nothing");
            self.report(finding.at(self.here(), "").help("leave it out, or open it with `(`".to_owned()));
            self.bump();
            self.skip();
            if self.eat_keyword("AND") || self.eat_keyword("OR") {
                self.or();
            }
        }
        expr
    }

    /// Ends at a closing parenthesis or at the end, whatever happened.
    fn or(&mut self) -> Option<Expr> {
        let start = self.here().start;
        let mut parts = Some(Vec::new());
        loop {
            keep(&mut parts, self.and());
            if !self.eat_keyword("OR") {
                break;
            }
        }
        let parts = parts?.into_iter().flat_map(|part| match part.kind {
            ExprKind::Or(inner) => inner,
            _ => vec![part],
        });
        self.join(start, parts.collect(), ExprKind::Or)
    }

    fn and(&mut self) -> Option<Expr> {
        let start = self.here().start;
        let mut parts = Some(Vec::new());
        loop {
            keep(&mut parts, self.part());
            if !self.eat_keyword("AND") {
                break;
            }
        }
        let parts = parts?.into_iter().flat_map(|part| match part.kind {
            ExprKind::And(inner) => inner,
            _ => vec![part],
        });
        self.join(start, parts.collect(), ExprKind::And)
    }

    fn join(&mut self, start: usize, mut parts: Vec<Expr>, kind: fn(Vec<Expr>) -> ExprKind) -> Option<Expr> {
        if parts.len() == 1 { parts.pop() } else { self.expr(start, kind(parts)) }
    }

    /// One part of an AND; behind it stands AND, OR, a closing parenthesis or the end.
    fn part(&mut self) -> Option<Expr> {
        let part = self.not();
        if self.at_boundary() {
            return part;
        }
        if part.is_some() {
            let help = match self.peek() {
                Token::Symbol(symbol) if comparison(*symbol).is_some() => {
                    Some("comparisons do not chain: write `a < b AND b < c`")
                }
                _ => None,
            };
            self.expected::<()>("AND, OR or the end", help);
        }
        self.skip();
        None
    }

    fn at_boundary(&self) -> bool {
        matches!(self.peek(), Token::End | Token::Symbol(Symbol::Close))
            || self.is_keyword("AND")
            || self.is_keyword("OR")
    }

    /// Goes on to the next boundary of this level.
    fn skip(&mut self) {
        let mut open = 0_usize;
        loop {
            match self.peek() {
                Token::End => return,
                Token::Symbol(Symbol::Open) => open += 1,
                Token::Symbol(Symbol::Close) if open > 0 => open -= 1,
                _ if open == 0 && self.at_boundary() => return,
                _ => {}
            }
            self.bump();
        }
    }

    /// Gives up on what stands in the parentheses at hand and goes on behind them.
    fn abandon<T>(&mut self) -> Option<T> {
        self.skip();
        while self.eat_keyword("AND") || self.eat_keyword("OR") {
            self.skip();
        }
        self.eat_symbol(Symbol::Close);
        None
    }

    fn not(&mut self) -> Option<Expr> {
        let start = self.here().start;
        if self.eat_keyword("NOT") {
            let inner = self.deeper(Self::not)?;
            self.expr(start, ExprKind::Not(Box::new(inner)))
        } else {
            self.predicate()
        }
    }

    fn predicate(&mut self) -> Option<Expr> {
        if self.is_keyword("EXISTS") {
            return self.exists();
        }
        if !self.is_symbol(Symbol::Open) {
            let left = self.scalar()?;
            return self.comparison(left);
        }
        let open = self.here();
        self.bump();
        let inner = self.deeper(Self::or);
        self.close(open)?;
        let inner = inner?;
        if !self.at_operator() {
            return Some(inner);
        }
        match inner.kind {
            // `(status) = 'open'`
            ExprKind::Bare(scalar) => self.comparison(scalar),
            _ => {
                let finding = Diagnostic::error("condition-syntax", "a condition cannot be compared");
                self.report(
                    finding
                        .at(inner.span, "this is true or false, not a value")
                        .help("join conditions with AND, OR and NOT".to_owned()),
                );
                None
            }
        }
    }

    fn at_operator(&self) -> bool {
        matches!(self.peek(), Token::Symbol(symbol) if comparison(*symbol).is_some())
            || ["NOT", "IN", "IS", "BETWEEN", "LIKE"].iter().any(|keyword| self.is_keyword(keyword))
    }

    fn close(&mut self, open: Range<usize>) -> Option<()> {
        if self.eat_symbol(Symbol::Close) {
            return Some(());
        }
        let finding = Diagnostic::error("condition-syntax", "a `(` is not closed").at(open, "opened here");
        self.report(finding.help("close it with `)`".to_owned()));
        None
    }

    fn exists(&mut self) -> Option<Expr> {
        let start = self.here().start;
        self.bump();
        let open = self.here();
        if !self.eat_symbol(Symbol::Open) {
            return self.expected("`(` and a relation after EXISTS", Some("write `EXISTS (relation WHERE …)`"));
        }
        let alone = *self.peek_at(1) == Token::Symbol(Symbol::Close) || self.is_keyword_at(1, "WHERE");
        let relation = match self.peek() {
            Token::Word(word) if word.eq_ignore_ascii_case("SELECT") && !alone => {
                self.expected("a relation", Some("there are no subqueries: write `EXISTS (relation WHERE …)`"))
            }
            _ => self.name("a relation"),
        };
        if relation.is_none() {
            return self.abandon();
        }
        let filter = if self.eat_keyword("WHERE") {
            self.deeper(Self::or).map(|filter| Some(Box::new(filter)))
        } else if self.is_symbol(Symbol::Close) || *self.peek() == Token::End {
            Some(None)
        } else {
            let help = match self.peek() {
                Token::Symbol(Symbol::Dot) => "nest: `EXISTS (one WHERE EXISTS (two))`",
                _ => "write `EXISTS (relation WHERE …)`",
            };
            self.expected::<()>("WHERE or `)`", Some(help));
            self.skip();
            None
        };
        self.close(open)?;
        self.expr(start, ExprKind::Exists { relation: relation?, filter: filter? })
    }

    /// What follows the left side.
    fn comparison(&mut self, left: Scalar) -> Option<Expr> {
        let start = left.span.start;
        if let Token::Symbol(symbol) = *self.peek()
            && let Some(op) = comparison(symbol)
        {
            self.bump();
            let right = self.scalar()?;
            return self.expr(start, ExprKind::Compare { op, left, right });
        }
        if self.eat_keyword("IS") {
            return self.is(left);
        }
        let negated = self.eat_keyword("NOT");
        if self.eat_keyword("IN") {
            let list = self.list()?;
            self.expr(start, ExprKind::In { needle: left, list, negated })
        } else if self.eat_keyword("BETWEEN") {
            self.between(left, negated)
        } else if self.eat_keyword("LIKE") {
            let pattern = self.scalar()?;
            self.expr(start, ExprKind::Like { operand: left, pattern, negated })
        } else if negated {
            self.expected("IN, BETWEEN or LIKE after NOT", None)
        } else {
            self.expr(start, ExprKind::Bare(left))
        }
    }

    fn is(&mut self, left: Scalar) -> Option<Expr> {
        let start = left.span.start;
        let negated = self.eat_keyword("NOT");
        if self.eat_keyword("NULL") {
            return self.expr(start, ExprKind::IsNull { operand: left, negated });
        }
        if self.is_keyword("DISTINCT") && self.is_keyword_at(1, "FROM") {
            self.bump();
            self.bump();
            let right = self.scalar()?;
            let op = if negated { Comparison::NotDistinct } else { Comparison::Distinct };
            return self.expr(start, ExprKind::Compare { op, left, right });
        }
        let truth = self.is_keyword("TRUE") || self.is_keyword("FALSE");
        let help = truth.then_some("write `= TRUE`, or `IS NOT DISTINCT FROM TRUE` where NULL counts as false");
        self.expected("NULL or DISTINCT FROM", help)
    }

    fn between(&mut self, operand: Scalar, negated: bool) -> Option<Expr> {
        let start = operand.span.start;
        let low = self.scalar();
        if low.is_none() && !self.is_keyword("AND") {
            return None;
        }
        if !self.eat_keyword("AND") {
            return self.expected("AND and the upper end of BETWEEN", None);
        }
        let high = self.scalar()?;
        self.expr(start, ExprKind::Between { operand, low: low?, high, negated })
    }
}

/// Adds an item, or forgets all when there is none.
fn keep<T>(items: &mut Option<Vec<T>>, item: Option<T>) {
    match (items.as_mut(), item) {
        (Some(items), Some(item)) => items.push(item),
        _ => *items = None,
    }
}

fn comparison(symbol: Symbol) -> Option<Comparison> {
    Some(match symbol {
        Symbol::Eq => Comparison::Eq,
        Symbol::Ne => Comparison::Ne,
        Symbol::Lt => Comparison::Lt,
        Symbol::Le => Comparison::Le,
        Symbol::Gt => Comparison::Gt,
        Symbol::Ge => Comparison::Ge,
        _ => return None,
    })
}

fn spelling(symbol: Symbol) -> &'static str {
    match symbol {
        Symbol::Eq => "=",
        Symbol::Ne => "<>",
        Symbol::Lt => "<",
        Symbol::Le => "<=",
        Symbol::Gt => ">",
        Symbol::Ge => ">=",
        Symbol::Open => "(",
        Symbol::Close => ")",
        Symbol::OpenBracket => "[",
        Symbol::CloseBracket => "]",
        Symbol::Comma => ",",
        Symbol::Dot => ".",
    }
}

/// What to write instead of parts of SQL that are not here.
fn foreign_word(token: &Token) -> Option<&'static str> {
    let Token::Word(word) = token else { return None };
    Some(match word.to_ascii_uppercase().as_str() {
        "ILIKE" => "write `lower(field) LIKE 'pattern'`",
        "SIMILAR" | "REGEXP" | "RLIKE" | "GLOB" => "there are no regular expressions: use LIKE",
        "ESCAPE" => "in a pattern `\\` takes the next character as itself",
        "SELECT" | "WHEN" | "AS" | "COLLATE" => "this part of SQL is not in the condition language",
        _ => return None,
    })
}
