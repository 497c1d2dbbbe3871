//! A statement's text with placeholders of another style, for drivers that take no other.

use crate::dialect::Dialect;
use crate::error::CompileError;
use crate::statement::Statement;

/// How a driver writes a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlaceStyle {
    /// `?`
    Question,
    /// `$1`
    Dollar,
    /// `%s`; every other `%` is doubled.
    Format,
}

/// A text, and the order in which its placeholders take the values of the statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Respelled {
    /// The text.
    pub text: String,
    /// The index among [`Statement::binds`] for each placeholder; in the style of `$1` that of `$1`, `$2`, ….
    pub order: Vec<usize>,
}

impl Statement {
    /// The same text with placeholders of a style. What stands before and after a placeholder, such as a
    /// cast, follows from the index of its value.
    ///
    /// ```
    /// # use ormai_sql::{Dialect, PlaceStyle, Statement};
    /// # fn show(statement: &Statement) -> Result<(), ormai_sql::CompileError> {
    /// let respelled = statement.respelled(Dialect::MySql, PlaceStyle::Format, |_| ("CAST(", " AS DATE)"))?;
    /// // … WHERE `placed_on` = CAST(%s AS DATE)
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`CompileError::Places`] when the text is not one of the dialect, or does not use each value.
    pub fn respelled(
        &self,
        dialect: Dialect,
        style: PlaceStyle,
        around: impl FnMut(usize) -> (&'static str, &'static str),
    ) -> Result<Respelled, CompileError> {
        let respelled = respelled(&self.text.sql, dialect, style, around).ok_or(CompileError::Places)?;
        let mut used = vec![false; self.text.binds.len()];
        for value in &respelled.order {
            *used.get_mut(*value).ok_or(CompileError::Places)? = true;
        }
        if used.contains(&false) { Err(CompileError::Places) } else { Ok(respelled) }
    }
}

/// `None` for a text that does not end where it should.
fn respelled(
    text: &str,
    dialect: Dialect,
    style: PlaceStyle,
    mut around: impl FnMut(usize) -> (&'static str, &'static str),
) -> Option<Respelled> {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    let mut order = Vec::new();
    let push = |out: &mut String, sign: char| {
        out.push(sign);
        if sign == '%' && style == PlaceStyle::Format {
            out.push('%');
        }
    };
    let mut signs = text.chars().peekable();
    // The two signs before.
    let (mut last, mut before_last) = (' ', ' ');
    let mut unnumbered = 0_usize;
    while let Some(sign) = signs.next() {
        if let Some(escapes) = quote(dialect, sign, last, before_last) {
            push(&mut out, sign);
            loop {
                let inner = signs.next()?;
                push(&mut out, inner);
                if escapes && inner == '\\' {
                    push(&mut out, signs.next()?);
                } else if inner == sign {
                    // A doubled one stands for itself; what follows is read as quoted again.
                    break;
                }
            }
        } else if is_place(dialect, sign) && !is_word(last) {
            let mut number = String::new();
            while let Some(digit) = signs.next_if(char::is_ascii_digit) {
                number.push(digit);
            }
            let value = match number.parse::<usize>() {
                Ok(number) => number.checked_sub(1)?,
                Err(_) if sign == '?' && number.is_empty() => unnumbered,
                Err(_) => return None,
            };
            unnumbered = value.checked_add(1)?;
            let (before, after) = around(value);
            out.push_str(before);
            match style {
                PlaceStyle::Question => out.push('?'),
                PlaceStyle::Format => out.push_str("%s"),
                PlaceStyle::Dollar => {
                    let at = order.iter().position(|known| *known == value).unwrap_or(order.len());
                    out.push_str(&format!("${}", at + 1));
                }
            }
            out.push_str(after);
            if style != PlaceStyle::Dollar || !order.contains(&value) {
                order.push(value);
            }
        } else {
            push(&mut out, sign);
        }
        (before_last, last) = (last, sign);
    }
    Some(Respelled { text: out, order })
}

/// Whether a sign begins something quoted, and a backslash in that escapes the next sign.
fn quote(dialect: Dialect, sign: char, last: char, before_last: char) -> Option<bool> {
    match (dialect, sign) {
        (Dialect::MySql, '\'' | '"') => Some(true),
        (Dialect::MySql | Dialect::Sqlite, '`') | (Dialect::Sqlite, '\'' | '"') | (Dialect::Postgres, '"') => {
            Some(false)
        }
        // E'…' alone knows escapes.
        (Dialect::Postgres, '\'') => Some(matches!(last, 'E' | 'e') && !is_word(before_last)),
        _ => None,
    }
}

fn is_place(dialect: Dialect, sign: char) -> bool {
    match dialect {
        Dialect::Postgres => sign == '$',
        Dialect::Sqlite => matches!(sign, '?' | '$'),
        Dialect::MySql => sign == '?',
    }
}

fn is_word(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_' || sign == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dialect: Dialect, style: PlaceStyle, text: &str, expected: &str, order: &[usize]) {
        let respelled = respelled(text, dialect, style, |_| ("", "")).unwrap();
        assert_eq!((respelled.text.as_str(), respelled.order.as_slice()), (expected, order), "{text}");
    }

    #[test]
    fn placeholders_are_written_in_each_style() {
        use Dialect::{MySql, Postgres, Sqlite};
        use PlaceStyle::{Dollar, Format, Question};
        check(Postgres, Format, "a = $1 AND b = $2", "a = %s AND b = %s", &[0, 1]);
        check(Postgres, Format, "a = $2 AND b = $1 AND c = $2", "a = %s AND b = %s AND c = %s", &[1, 0, 1]);
        check(Postgres, Dollar, "a = $2 AND b = $1 AND c = $2", "a = $1 AND b = $2 AND c = $1", &[1, 0]);
        check(Postgres, Dollar, "($1,$10)", "($1,$2)", &[0, 9]);
        check(Sqlite, Question, "a = ? AND b = ?", "a = ? AND b = ?", &[0, 1]);
        check(Sqlite, Question, "a = $2 AND b = ?1", "a = ? AND b = ?", &[1, 0]);
        check(MySql, Format, "a = ? LIMIT ?", "a = %s LIMIT %s", &[0, 1]);
    }

    #[test]
    fn nothing_that_is_quoted_is_a_placeholder() {
        use Dialect::{MySql, Postgres, Sqlite};
        use PlaceStyle::{Format, Question};
        check(Postgres, Format, r#""$1" = '$1''$1' AND "a""$1" = $1"#, r#""$1" = '$1''$1' AND "a""$1" = %s"#, &[0]);
        check(Postgres, Format, r"a = '\' OR b = $1", r"a = '\' OR b = %s", &[0]);
        check(Postgres, Format, r"a = E'\'$1' OR b = $1", r"a = E'\'$1' OR b = %s", &[0]);
        check(Postgres, Format, r#""some"'\' || $1"#, r#""some"'\' || %s"#, &[0]);
        check(Postgres, Format, "a$1 = $1", "a$1 = %s", &[0]);
        check(Postgres, Format, "a ? b", "a ? b", &[]);
        check(Sqlite, Question, r#""?" = '?''?' AND `?` = ?"#, r#""?" = '?''?' AND `?` = ?"#, &[0]);
        check(Sqlite, Question, r"a = '\' OR b = ?", r"a = '\' OR b = ?", &[0]);
        check(MySql, Format, "`?` = '?''?' AND `a``?` = ?", "`?` = '?''?' AND `a``?` = %s", &[0]);
        check(MySql, Format, r"a = '\'?' OR b = ?", r"a = '\'?' OR b = %s", &[0]);
        check(MySql, Format, r#"a = "'?" OR b = ?"#, r#"a = "'?" OR b = %s"#, &[0]);
        check(MySql, Format, "a = ? /*M!100500 RETURNING `?` */", "a = %s /*M!100500 RETURNING `?` */", &[0]);
    }

    #[test]
    fn a_percent_sign_is_doubled_wherever_it_stands() {
        check(Dialect::Postgres, PlaceStyle::Format, r#""50%" LIKE '%s' % $1"#, r#""50%%" LIKE '%%s' %% %s"#, &[0]);
        check(Dialect::Postgres, PlaceStyle::Dollar, "a % $1", "a % $1", &[0]);
    }

    #[test]
    fn what_stands_around_a_placeholder_follows_from_its_value() {
        let around = |value| if value == 1 { ("CAST(", " AS int8)") } else { ("", "") };
        let respelled = respelled("$1 = $2", Dialect::Postgres, PlaceStyle::Dollar, around).unwrap();
        assert_eq!(respelled.text, "$1 = CAST($2 AS int8)");
    }

    #[test]
    fn a_text_that_is_not_understood_is_refused() {
        let is_refused = |dialect, text: &str| respelled(text, dialect, PlaceStyle::Format, |_| ("", "")).is_none();
        assert!(is_refused(Dialect::Postgres, "a = 'b"));
        assert!(is_refused(Dialect::Postgres, r"a = E'b\'"));
        assert!(is_refused(Dialect::Postgres, "a = $$b$$"));
        assert!(is_refused(Dialect::Postgres, "a = $0"));
        assert!(is_refused(Dialect::Sqlite, "a = $b"));
        assert!(is_refused(Dialect::MySql, "a = `b"));
    }
}
