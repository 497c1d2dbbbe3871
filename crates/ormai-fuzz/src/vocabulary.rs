//! All that may stand in a statement: a third reading of it, beside the printer's and the
//! witness's, which knows neither.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use ormai_sql::Dialect;

use crate::world::CATALOG;

/// The words of every dialect. A word that is new here is new to whoever reviews statements.
const WORDS: &[&str] = &[
    "ALL",
    "AND",
    "ANY",
    "AS",
    "ASC",
    "AVG",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "COALESCE",
    "COLLATE",
    "COUNT",
    "DESC",
    "DISTINCT",
    "ELSE",
    "END",
    "ESCAPE",
    "EXISTS",
    "FALSE",
    "FIRST",
    "FROM",
    "GLOB",
    "GROUP",
    "HAVING",
    "IN",
    "INNER",
    "IS",
    "JOIN",
    "LAST",
    "LATERAL",
    "LIKE",
    "LIMIT",
    "LOWER",
    "MAX",
    "MIN",
    "NOT",
    "NULL",
    "NULLIF",
    "NULLS",
    "ON",
    "OR",
    "ORDER",
    "OVER",
    "PARTITION",
    "ROW_NUMBER",
    "SELECT",
    "SUM",
    "THEN",
    "TRUE",
    "UNNEST",
    "UPPER",
    "VALUES",
    "WHEN",
    "WHERE",
];

/// Words in small letters: types.
const TYPES: &[&str] = &["double", "numeric", "precision", "text"];

/// Names that are not the catalog's and not numbered.
const NAMES: &[&str] = &["BINARY", "C", "keys", "rn"];

const SIGNS: &str = "(),.*=<>|";

/// The only text in a statement: the sign that escapes signs of patterns.
const ESCAPES: &[&str] = &["'\\'", "E'\\\\'"];

/// Everything that the catalog calls by a name in the database.
static CATALOG_NAMES: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let tables = CATALOG.models().map(|(_, model)| model.table.name.as_str());
    let columns = CATALOG.models().flat_map(|(_, model)| &model.fields).map(|field| field.column.as_str());
    tables.chain(columns).collect()
});

/// How many placeholders a statement has; or what in it should not be there.
pub(crate) fn check(sql: &str, dialect: Dialect) -> Result<usize, String> {
    let mut numbered = BTreeSet::new();
    let mut unnumbered = 0;
    let mut rest = sql;
    while let Some(sign) = rest.chars().next() {
        let length = match sign {
            ' ' => 1,
            '"' => {
                let (name, length) = quoted(rest, '"').ok_or("an open quote")?;
                if !is_name(&name) {
                    return Err(format!("the name {name:?}"));
                }
                length
            }
            '\'' | 'E' if escape(rest).is_some() => escape(rest).map_or(0, str::len),
            '\'' => {
                let (text, _) = quoted(rest, '\'').ok_or("an open quote")?;
                return Err(format!("the text {text:?}"));
            }
            '?' if dialect != Dialect::Postgres => {
                unnumbered += 1;
                1
            }
            '$' if dialect == Dialect::Postgres => {
                let digits = run(rest.strip_prefix('$').unwrap_or_default(), |sign| sign.is_ascii_digit());
                numbered.insert(digits.parse::<usize>().map_err(|_| "a `$` without a number")?);
                1 + digits.len()
            }
            '0'..='9' => {
                let digits = run(rest, |sign| sign.is_ascii_alphanumeric());
                if digits != "1" {
                    return Err(format!("the number {digits}"));
                }
                1
            }
            'A'..='Z' | 'a'..='z' => {
                let word = run(rest, |sign| sign.is_ascii_alphanumeric() || sign == '_');
                if !WORDS.contains(&word) && !TYPES.contains(&word) {
                    return Err(format!("the word `{word}`"));
                }
                word.len()
            }
            sign if SIGNS.contains(sign) => 1,
            sign => return Err(format!("the sign {sign:?}")),
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    if !numbered.iter().copied().eq(1..=numbered.len()) {
        return Err("placeholders that are not all there".to_owned());
    }
    Ok(unnumbered + numbered.len())
}

/// What a statement goes on with, if that is an escape and nothing more.
fn escape(rest: &str) -> Option<&'static str> {
    let ends = |escape: &str| rest.strip_prefix(escape).is_some_and(|rest| !rest.starts_with('\''));
    ESCAPES.iter().copied().find(|escape| ends(escape))
}

/// A quoted text with its quotes undone, and its length in the statement.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut inner = String::new();
    let mut signs = text.char_indices().skip(1).peekable();
    while let Some((at, sign)) = signs.next() {
        if sign != quote {
            inner.push(sign);
        } else if signs.next_if(|(_, next)| *next == quote).is_some() {
            inner.push(quote);
        } else {
            return Some((inner, at + 1));
        }
    }
    None
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    text.split(|sign| !belongs(sign)).next().unwrap_or_default()
}

/// A name of the catalog, or a letter with a number, which is an alias.
fn is_name(name: &str) -> bool {
    let is_alias = || {
        let number = name.strip_prefix(|letter: char| letter.is_ascii_lowercase());
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
    };
    CATALOG_NAMES.contains(name) || NAMES.contains(&name) || is_alias()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_words_names_and_placeholders() {
        let select = r#"SELECT "a0"."id" FROM "orders" AS "a0" WHERE "a0"."tenant_id" = "#;
        assert_eq!(check(&format!("{select}$1 LIMIT $2"), Dialect::Postgres), Ok(2));
        assert_eq!(check(&format!("{select}? LIMIT ?"), Dialect::Sqlite), Ok(2));
        for (value, told) in [
            ("'acme'", "the text \"acme\""),
            ("'it''s'", "the text \"it's\""),
            ("'", "an open quote"),
            ("acme", "the word `acme`"),
            ("7", "the number 7"),
            ("1e9", "the number 1e9"),
            ("\"acme\"", "the name \"acme\""),
            ("$1;", "the sign ';'"),
            ("$1 -- ", "the sign '-'"),
            ("$1 + $2", "the sign '+'"),
            ("$2", "placeholders that are not all there"),
            ("?", "the sign '?'"),
        ] {
            assert_eq!(check(&format!("{select}{value}"), Dialect::Postgres), Err(told.to_owned()));
        }
        assert_eq!(check(&format!("{select}$1"), Dialect::Sqlite), Err("the sign '$'".to_owned()));
    }
}
