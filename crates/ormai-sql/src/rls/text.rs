//! The text of native row-level security, made only of words of this crate, quoted names and
//! quoted values. Nothing else in `rls` puts characters of a policy or a catalog into SQL.

use crate::error::CompileError;

/// The longest name that PostgreSQL keeps whole.
pub(super) const MAX_NAME: usize = 63;

/// A piece of SQL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sql(String);

impl Sql {
    /// Words of this crate.
    pub(super) fn of(words: &'static str) -> Self {
        Self(words.to_owned())
    }

    /// A quoted name.
    pub(super) fn name(name: &str) -> Result<Self, CompileError> {
        // PostgreSQL cuts a longer name off without an error, and another table may have that name.
        if name.is_empty() || name.contains('\0') || name.len() > MAX_NAME {
            return Err(CompileError::Identifier { name: name.to_owned() });
        }
        Ok(Self(format!("\"{}\"", name.replace('"', "\"\""))))
    }

    /// A quoted value. A backslash is one whatever `standard_conforming_strings` says.
    pub(super) fn value(text: &str) -> Result<Self, CompileError> {
        if text.contains('\0') {
            return Err(CompileError::Malformed("a value with a NUL character"));
        }
        let quoted = text.replace('\'', "''");
        Ok(Self(match quoted.contains('\\') {
            true => format!("E'{}'", quoted.replace('\\', "\\\\")),
            false => format!("'{quoted}'"),
        }))
    }

    /// Lines that the server does not read.
    pub(super) fn comment(text: &str) -> Self {
        // What ends a line anywhere ends it here: nothing can stand outside of its comment.
        let ends = |char: char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}');
        Self(text.split(ends).map(|line| format!("-- {line}").trim_end().to_owned() + "\n").collect())
    }

    /// A whole number.
    pub(super) fn number(number: usize) -> Self {
        Self(number.to_string())
    }

    #[must_use]
    pub(super) fn then(mut self, words: &'static str) -> Self {
        self.0.push_str(words);
        self
    }

    #[must_use]
    pub(super) fn and(mut self, sql: &Self) -> Self {
        self.0.push_str(&sql.0);
        self
    }

    /// The same in parentheses.
    #[must_use]
    pub(super) fn grouped(self) -> Self {
        Self::of("(").and(&self).then(")")
    }

    /// Decided once for a statement, however many rows it looks at.
    #[must_use]
    pub(super) fn once(self) -> Self {
        Self::of("(SELECT ").and(&self).then(")")
    }

    /// Read as a type.
    #[must_use]
    pub(super) fn cast(self, ty: &'static str) -> Self {
        self.then("::").then(ty)
    }

    /// Pieces with words between them.
    pub(super) fn join(parts: impl IntoIterator<Item = Self>, between: &'static str) -> Self {
        parts.into_iter().enumerate().fold(Self::default(), |sql, (at, part)| {
            let sql = if at == 0 { sql } else { sql.then(between) };
            sql.and(&part)
        })
    }

    /// `(a) AND (b)`; `None` when there is nothing.
    pub(super) fn all(parts: Vec<Self>) -> Option<Self> {
        Self::combine(parts, " AND ")
    }

    /// `(a) OR (b)`; `None` when there is nothing.
    pub(super) fn any(parts: Vec<Self>) -> Option<Self> {
        Self::combine(parts, " OR ")
    }

    fn combine(mut parts: Vec<Self>, between: &'static str) -> Option<Self> {
        match parts.len() {
            0 => None,
            1 => parts.pop(),
            _ => Some(Self::join(parts.into_iter().map(Self::grouped), between)),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Sql;

    #[test]
    fn a_name_ends_where_it_ends() {
        let check = |name: &str, expected: &str| assert_eq!(Sql::name(name).unwrap().as_str(), expected);
        check("orders", "\"orders\"");
        check("a\" ON t USING (true); --", "\"a\"\" ON t USING (true); --\"");
        check("\\'$$", "\"\\'$$\"");
        for impossible in ["", "a\0b", &"x".repeat(64)] {
            assert!(Sql::name(impossible).is_err(), "{impossible:?}");
        }
    }

    #[test]
    fn a_value_ends_where_it_ends() {
        let check = |value: &str, expected: &str| assert_eq!(Sql::value(value).unwrap().as_str(), expected);
        check("it's", "'it''s'");
        check("\\", "E'\\\\'");
        check("\\' OR true --", "E'\\\\'' OR true --'");
        check("$ormai$; DROP TABLE t", "'$ormai$; DROP TABLE t'");
        assert!(Sql::value("a\0b").is_err());
    }

    #[test]
    fn a_comment_stays_one() {
        let said = Sql::comment("one\ntwo\r\nthree\u{2028}DROP TABLE t;\u{85}four\u{b}five\0six");
        assert!(said.as_str().lines().all(|line| line.starts_with("--")), "{said:?}");
        assert!(!said.as_str().contains(['\r', '\u{2028}', '\u{85}', '\u{b}', '\0']));
    }
}
