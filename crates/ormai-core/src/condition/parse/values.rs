//! Values, names and lists.

use super::{MAX_ITEMS, Parser, keep, spelling};
use crate::condition::ast::{InList, Item, Literal, Name, Scalar, ScalarKind};
use crate::condition::lex::{Symbol, Token, is_reserved};
use crate::diagnostic::Diagnostic;

impl Parser {
    pub(super) fn list(&mut self) -> Option<InList> {
        let open = self.here();
        let close = match self.peek() {
            Token::Symbol(Symbol::Open) => Symbol::Close,
            Token::Symbol(Symbol::OpenBracket) => Symbol::CloseBracket,
            _ => return self.scalar().map(InList::Scalar),
        };
        self.bump();
        if self.eat_symbol(close) {
            return Some(InList::Literals(Vec::new()));
        }
        let mut items = Some(Vec::new());
        let mut length = 0_usize;
        loop {
            length += 1;
            if length > MAX_ITEMS {
                return self.limit(format!("the list has more than {MAX_ITEMS} items"));
            }
            let item = self.item();
            let ended = self.is_symbol(Symbol::Comma) || self.is_symbol(close) || *self.peek() == Token::End;
            if item.is_some() && !ended {
                items = self.expected("`,` or the end of the list", None);
            }
            keep(&mut items, item);
            self.skip_item(close);
            if self.eat_symbol(close) {
                return items.map(InList::Literals);
            }
            if !self.eat_symbol(Symbol::Comma) {
                let finding = Diagnostic::error("condition-syntax", "a list is not closed").at(open, "opened here");
                self.report(finding.help(format!("close it with `{}`", spelling(close))));
                return None;
            }
        }
    }

    fn item(&mut self) -> Option<Item> {
        let span = self.here();
        let literal = match self.literal() {
            Some(literal) => literal,
            None => {
                let help = match self.peek() {
                    Token::Word(word) if word == "principal" => {
                        "write `IN principal.…` without parentheses for a list of the principal's"
                    }
                    Token::Quoted(_) => "text stands in single quotes",
                    _ => "write a comparison for each value that is not a literal, joined with OR",
                };
                return self.expected("a literal in the list", Some(help));
            }
        };
        Some(Item { literal, span })
    }

    /// Goes on to the next comma or the end of the list.
    fn skip_item(&mut self, close: Symbol) {
        let mut open = 0_usize;
        loop {
            match self.peek() {
                Token::End => return,
                Token::Symbol(symbol) if open == 0 && (*symbol == Symbol::Comma || *symbol == close) => return,
                // Only where brackets are mixed up: the parenthesis belongs to somebody else.
                Token::Symbol(Symbol::Close) if open == 0 => return,
                Token::Symbol(Symbol::Open) => open += 1,
                Token::Symbol(Symbol::Close) => open -= 1,
                _ => {}
            }
            self.bump();
        }
    }

    /// Reads a literal, or nothing.
    fn literal(&mut self) -> Option<Literal> {
        let literal = match self.peek() {
            Token::Text(text) => Literal::Text(text.clone()),
            Token::Integer(digits) => Literal::Integer(digits.clone()),
            Token::Decimal(digits) => Literal::Decimal(digits.clone()),
            Token::Word(word) if word.eq_ignore_ascii_case("TRUE") => Literal::Bool(true),
            Token::Word(word) if word.eq_ignore_ascii_case("FALSE") => Literal::Bool(false),
            Token::Word(word) if word.eq_ignore_ascii_case("NULL") => Literal::Null,
            _ => return None,
        };
        self.bump();
        Some(literal)
    }

    pub(super) fn scalar(&mut self) -> Option<Scalar> {
        self.count()?;
        let start = self.here().start;
        if let Some(literal) = self.literal() {
            return Some(Scalar { kind: ScalarKind::Literal(literal), span: self.since(start) });
        }
        if self.is_symbol(Symbol::Open) {
            let open = self.here();
            self.bump();
            let inner = self.deeper(Self::scalar);
            if inner.is_some() && !self.is_symbol(Symbol::Close) && *self.peek() != Token::End {
                self.expected::<()>("`)`", Some("only a single value may stand in parentheses here"));
                return self.abandon();
            }
            if inner.is_none() {
                return self.abandon();
            }
            self.close(open)?;
            return inner;
        }
        let unquoted = matches!(self.peek(), Token::Word(_));
        let first = self.name("a value")?;
        if unquoted && self.is_symbol(Symbol::Open) {
            return self.call(first);
        }
        let principal = unquoted && first.text == "principal";
        let mut names = vec![first];
        while self.eat_symbol(Symbol::Dot) {
            // Behind a point every word is a name.
            let name = match self.peek() {
                Token::Word(text) | Token::Quoted(text) => Some(Name { text: text.clone(), span: self.here() }),
                _ => None,
            };
            match name {
                Some(name) => names.push(name),
                None => return self.expected("a name after `.`", None),
            }
            self.bump();
        }
        let span = self.since(start);
        if !principal {
            return Some(Scalar { kind: ScalarKind::Path(names), span });
        }
        names.remove(0);
        if names.is_empty() {
            let help = "name an attribute, such as `principal.tenant_id`; a field of this name needs double quotes";
            let finding = Diagnostic::error("condition-syntax", "`principal` alone has no value").at(span, "");
            self.report(finding.help(help.to_owned()));
            return None;
        }
        Some(Scalar { kind: ScalarKind::Principal(names), span })
    }

    pub(super) fn name(&mut self, what: &str) -> Option<Name> {
        let text = match self.peek() {
            Token::Word(word) if !is_reserved(word) => word.clone(),
            Token::Quoted(word) => word.clone(),
            Token::Word(word) if !["AND", "OR", "NOT"].iter().any(|keyword| keyword.eq_ignore_ascii_case(word)) => {
                let help = format!("put a field of this name in double quotes: \"{word}\"");
                return self.expected(what, Some(&help));
            }
            _ => return self.expected(what, None),
        };
        let span = self.here();
        self.bump();
        Some(Name { text, span })
    }

    fn call(&mut self, name: Name) -> Option<Scalar> {
        let start = name.span.start;
        let open = self.here();
        self.bump();
        let mut arguments = Vec::new();
        if !self.is_symbol(Symbol::Close) {
            loop {
                match self.deeper(Self::scalar) {
                    Some(argument) => arguments.push(argument),
                    None => return self.abandon(),
                }
                if !self.eat_symbol(Symbol::Comma) {
                    break;
                }
            }
        }
        if !self.is_symbol(Symbol::Close) && *self.peek() != Token::End {
            self.expected::<()>("`,` or `)`", None);
            return self.abandon();
        }
        self.close(open)?;
        let function = Name { text: name.text.to_ascii_lowercase(), span: name.span };
        Some(Scalar { kind: ScalarKind::Call { function, arguments }, span: self.since(start) })
    }
}
