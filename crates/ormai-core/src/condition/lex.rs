//! Text to tokens. What cannot be read becomes one finding and one [`Token::Invalid`], so
//! that the parser goes on behind it without a second finding.

use std::ops::Range;

use crate::diagnostic::Diagnostic;

/// Words that are not names unless quoted.
const RESERVED: &[&str] = &[
    "AND", "OR", "NOT", "IN", "IS", "NULL", "TRUE", "FALSE", "BETWEEN", "LIKE", "EXISTS", "DISTINCT", "FROM", "WHERE",
];

/// Whether a word is not a name unless quoted.
pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word))
}

/// Whether a word can be written without quotes, were it not reserved.
pub(super) fn is_plain(word: &str) -> bool {
    word.starts_with(starts_word) && word.chars().all(continues_word)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    Quoted(String),
    Text(String),
    Integer(String),
    Decimal(String),
    Symbol(Symbol),
    Invalid,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Open,
    Close,
    OpenBracket,
    CloseBracket,
    Comma,
    Dot,
}

#[derive(Clone, Debug)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    pub(super) span: Range<usize>,
}

/// All tokens, the last of them [`Token::End`].
pub(super) fn lex(source: &str) -> (Vec<Lexeme>, Vec<Diagnostic>) {
    let mut lexer = Lexer { source, at: 0, diagnostics: Vec::new() };
    let mut lexemes = Vec::new();
    loop {
        lexer.eat_while(char::is_whitespace);
        let start = lexer.at;
        let token = lexer.token();
        let end = token == Token::End;
        lexemes.push(Lexeme { token, span: start..lexer.at });
        if end {
            return (lexemes, lexer.diagnostics);
        }
    }
}

fn starts_word(char: char) -> bool {
    char.is_ascii_alphabetic() || char == '_'
}

fn continues_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_'
}

/// Whether no token begins with this character.
fn is_foreign(char: char) -> bool {
    !continues_word(char) && !char.is_whitespace() && !"'\"=<>()[],.".contains(char)
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += char.len_utf8();
        Some(char)
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn eat_while(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|char| !accept(char)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn invalid(&mut self, start: usize, message: &str, label: &str, help: Option<&str>) -> Token {
        let finding = Diagnostic::error("condition-syntax", message).at(start..self.at, label);
        self.diagnostics.push(finding.help(help.map(str::to_owned)));
        Token::Invalid
    }

    fn token(&mut self) -> Token {
        const SYMBOLS: &[(&str, Symbol)] = &[
            ("<>", Symbol::Ne),
            ("!=", Symbol::Ne),
            ("<=", Symbol::Le),
            (">=", Symbol::Ge),
            ("=", Symbol::Eq),
            ("<", Symbol::Lt),
            (">", Symbol::Gt),
            ("(", Symbol::Open),
            (")", Symbol::Close),
            ("[", Symbol::OpenBracket),
            ("]", Symbol::CloseBracket),
            (",", Symbol::Comma),
            (".", Symbol::Dot),
        ];
        let start = self.at;
        let Some(first) = self.peek() else { return Token::End };
        if starts_word(first) {
            return Token::Word(self.eat_while(continues_word).to_owned());
        }
        if first.is_ascii_digit() || (first == '-' && self.after_first().is_some_and(|next| next.is_ascii_digit())) {
            return self.number();
        }
        if first == '\'' || first == '"' {
            return self.quoted(first);
        }
        if self.eat("==") {
            self.invalid(start, "`==` is not an operator", "", Some("equality is written `=`"));
            return Token::Symbol(Symbol::Eq);
        }
        match SYMBOLS.iter().find(|(text, _)| self.eat(text)) {
            Some((_, symbol)) => Token::Symbol(*symbol),
            None => self.foreign(),
        }
    }

    fn after_first(&self) -> Option<char> {
        self.rest().chars().nth(1)
    }

    fn number(&mut self) -> Token {
        let start = self.at;
        self.eat("-");
        let whole = self.eat_while(|char| char.is_ascii_digit());
        let fraction = if self.peek() == Some('.') {
            self.bump();
            Some(self.eat_while(|char| char.is_ascii_digit()))
        } else {
            None
        };
        if !self.eat_while(continues_word).is_empty() {
            let help = "put names in double quotes and text in single quotes; numbers have no exponent";
            return self.invalid(start, "a number runs into a word", "neither a number nor a name", Some(help));
        }
        if whole.len() > 1 && whole.starts_with('0') {
            let help = "leave the zeros out, or quote the number when it is text";
            return self.invalid(start, "a number begins with a needless zero", "", Some(help));
        }
        let text = self.source.get(start..self.at).unwrap_or_default().to_owned();
        match fraction {
            None => Token::Integer(text),
            Some("") => self.invalid(start, "a number ends in a point", "digits are missing", None),
            Some(_) => Token::Decimal(text),
        }
    }

    /// Text or a quoted name; a doubled quote stands for one.
    fn quoted(&mut self, quote: char) -> Token {
        let start = self.at;
        self.bump();
        let mut text = String::new();
        loop {
            text.push_str(self.eat_while(|char| char != quote));
            if self.bump().is_none() {
                let help = format!("end it with {quote}; inside, a quote is written twice");
                return self.invalid(start, "a quote is not closed", "begins here", Some(&help));
            }
            if self.peek() != Some(quote) {
                break;
            }
            self.bump();
            text.push(quote);
        }
        match quote {
            '\'' => Token::Text(text),
            _ if text.is_empty() => self.invalid(start, "a name is empty", "", Some("text stands in single quotes")),
            _ => Token::Quoted(text),
        }
    }

    fn foreign(&mut self) -> Token {
        let start = self.at;
        self.bump();
        let help = match self.source.get(start..) {
            Some(rest) if rest.starts_with("--") || rest.starts_with("/*") => Some("there are no comments"),
            Some(rest) if rest.starts_with("||") => Some("write OR; texts cannot be joined"),
            Some(rest) if rest.starts_with("&&") => Some("write AND"),
            Some(rest) if rest.starts_with("::") => Some("there are no casts: a literal takes its column's type"),
            Some(rest) if rest.starts_with('!') => Some("write NOT"),
            Some(rest) if rest.starts_with(['+', '-', '*', '/', '%', '^']) => Some("there is no arithmetic"),
            Some(rest) if rest.starts_with(['$', ':', '?', '@', '{']) => {
                Some("there are no parameters: write `principal.` and the name of an attribute")
            }
            Some(rest) if rest.starts_with(['‘', '’', '“', '”', '`', '´']) => {
                Some("text stands in straight single quotes, a name in straight double quotes")
            }
            Some(rest) if rest.starts_with(';') => Some("a condition is one expression"),
            Some(rest) if rest.starts_with(|char: char| char.is_alphabetic()) => {
                Some("put a name with other letters than a to z in double quotes")
            }
            _ => None,
        };
        self.eat_while(is_foreign);
        let found = self.source.get(start..self.at).unwrap_or_default().escape_debug().to_string();
        self.invalid(start, &format!("`{found}` is not part of the condition language"), "", help)
    }
}
