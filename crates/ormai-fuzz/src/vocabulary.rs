//! All that may stand in a statement: a third reading of it, beside the printer's and the
//! witness's, which knows neither.

use std::collections::BTreeSet;

use ormai_core::catalog::{Catalog, Collation, Field};
use ormai_sql::Dialect;

/// What the statements of a dialect are made of.
struct Vocabulary {
    /// Keywords and functions, beside [`WORDS`]. A word that is new here is new to whoever
    /// reviews statements.
    words: &'static [&'static str],
    /// Names that are neither the catalog's nor aliases.
    names: &'static [&'static str],
    /// What stands around a name.
    quote: char,
    /// The only text: the sign that escapes signs of patterns.
    escape: &'static str,
}

/// The words of all dialects.
const WORDS: &[&str] = &[
    "AND",
    "AS",
    "ASC",
    "AVG",
    "BY",
    "CAST",
    "COALESCE",
    "COLLATE",
    "COUNT",
    "DELETE",
    "DESC",
    "DISTINCT",
    "EXISTS",
    "FALSE",
    "FROM",
    "GROUP",
    "HAVING",
    "IN",
    "INSERT",
    "INTO",
    "IS",
    "LIKE",
    "LIMIT",
    "LOWER",
    "MAX",
    "MIN",
    "NOT",
    "NULL",
    "NULLIF",
    "OR",
    "ORDER",
    "OVER",
    "PARTITION",
    "ROW_NUMBER",
    "SELECT",
    "SET",
    "SUM",
    "TRUE",
    "UPDATE",
    "UPPER",
    "VALUES",
    "WHERE",
    "ESCAPE",
];

const SIGNS: &str = "(),.*=<>|";

fn vocabulary(dialect: Dialect) -> Vocabulary {
    match dialect {
        Dialect::Postgres => Vocabulary {
            words: &[
                "ALL",
                "ANY",
                "DEFAULT",
                "FIRST",
                "FOR",
                "INNER",
                "JOIN",
                "LAST",
                "LATERAL",
                "NULLS",
                "OF",
                "ON",
                "RETURNING",
                "UNNEST",
                "double",
                "precision",
                "numeric",
                "text",
            ],
            names: &["C"],
            quote: '"',
            escape: "E'\\\\'",
        },
        Dialect::Sqlite => Vocabulary {
            words: &["ABORT", "DEFAULT", "FIRST", "GLOB", "LAST", "NULLS", "RETURNING"],
            names: &["BINARY", "keys"],
            quote: '"',
            escape: "'\\'",
        },
        Dialect::MySql => Vocabulary {
            words: &["BINARY", "CHAR", "CONVERT", "DOUBLE", "FIELD", "FOR", "USING"],
            names: &["utf8mb4", "utf8mb4_bin", "tis620"],
            quote: '`',
            escape: "'|'",
        },
        _ => panic!("{dialect:?} has no vocabulary"),
    }
}

/// How many placeholders a statement has; or what in it should not be there.
pub(crate) fn check(sql: &str, catalog: &Catalog, dialect: Dialect) -> Result<usize, String> {
    let Vocabulary { words, names, quote, escape } = vocabulary(dialect);
    let mut numbered = BTreeSet::new();
    let mut unnumbered = 0;
    let mut rest = sql;
    let mut before = "";
    while let Some(sign) = rest.chars().next() {
        let length = match sign {
            ' ' => 1,
            sign if sign == quote => {
                let (name, length) = quoted(rest, quote).ok_or("an open quote")?;
                if !is_alias(&name) && !names.contains(&name.as_str()) && !is_of_catalog(&name, catalog) {
                    return Err(format!("the name {name:?}"));
                }
                length
            }
            // A quote behind it would go on with the text.
            _ if rest.strip_prefix(escape).is_some_and(|rest| !rest.starts_with('\'')) => escape.len(),
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
                if !matches!(digits, "0" | "1") {
                    return Err(format!("the number {digits}"));
                }
                1
            }
            'A'..='Z' | 'a'..='z' => {
                let word = run(rest, |sign| sign.is_ascii_alphanumeric() || sign == '_');
                if !WORDS.contains(&word) && !words.contains(&word) {
                    return Err(format!("the word `{word}`"));
                }
                // What changes rows is said at the beginning; rows that are read may be locked.
                let is_lock = (before, word) == ("FOR", "UPDATE");
                if ["INSERT", "UPDATE", "DELETE"].contains(&word) && !is_lock && rest.len() != sql.len() {
                    return Err(format!("the word `{word}` behind `{before}`"));
                }
                before = word;
                word.len()
            }
            '/' if !rest.starts_with("/*") => 1,
            '/' if dialect == Dialect::MySql && sql.starts_with("INSERT ") && is_returning(rest, catalog) => rest.len(),
            sign if SIGNS.contains(sign) && !rest.starts_with("*/") => 1,
            sign => return Err(format!("the sign {sign:?}")),
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    if !numbered.iter().copied().eq(1..=numbered.len()) {
        return Err("placeholders that are not all there".to_owned());
    }
    Ok(unnumbered + numbered.len())
}

/// The end of an INSERT, which one half of the servers reads and the other takes for a comment:
/// names and nothing else, none of which ends it early.
fn is_returning(rest: &str, catalog: &Catalog) -> bool {
    let Some(mut rest) = rest.strip_prefix("/*M!100500 RETURNING ") else { return false };
    while let Some((name, length)) = quoted(rest, '`') {
        if !is_of_catalog(&name, catalog) || name.contains("*/") || name.contains("/*") {
            return false;
        }
        rest = rest.get(length..).unwrap_or_default();
        match rest.strip_prefix(", ") {
            Some(more) => rest = more,
            None => return rest == " */",
        }
    }
    false
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

/// The name of a table, a column, a collation or its character set.
fn is_of_catalog(name: &str, catalog: &Catalog) -> bool {
    let of_collation = |field: &Field| match &field.collation {
        Collation::Folded(collation) => **collation == *name || collation.split('_').next() == Some(name),
        _ => false,
    };
    let of_field = |field: &Field| field.column == name || of_collation(field);
    catalog.models().any(|(_, model)| model.table.name == name || model.fields.iter().any(of_field))
}

/// A letter with a number; `rn` numbers rows.
fn is_alias(name: &str) -> bool {
    let number = name.strip_prefix(|letter: char| letter.is_ascii_lowercase()).unwrap_or_default();
    name == "rn" || (!number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ormai_core::plan::testing::{delete, insert, keys, list, present, select, slot, source, target, update};
    use ormai_core::plan::{Comparison, Predicate, Shape, Term, Truth};

    use super::*;
    use crate::world::{WORLDS, first_catalog};

    fn check(sql: &str, dialect: Dialect) -> Result<usize, String> {
        super::check(sql, first_catalog(), dialect)
    }

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
            ("$1 /* ", "the sign '/'"),
            ("$1 + $2", "the sign '+'"),
            ("$2", "placeholders that are not all there"),
            ("?", "the sign '?'"),
        ] {
            assert_eq!(check(&format!("{select}{value}"), Dialect::Postgres), Err(told.to_owned()));
        }
        assert_eq!(check(&format!("{select}$1"), Dialect::Sqlite), Err("the sign '$'".to_owned()));
    }

    /// Statements of writes as the plan's own parts make them, in a dialect: to a model whose key
    /// has two columns.
    fn writes(at: usize) -> Vec<Arc<str>> {
        let world = &WORLDS[at];
        let catalog = world.policy.catalog();
        let member = catalog.find("Member").unwrap();
        let field = |name| catalog.model(member).find_field(name).unwrap();
        let is = |name, at| {
            let (left, right) = (Term::Column(field(name)), Term::Bind(slot(at)));
            Predicate::Compare { op: Comparison::Eq, left, right }
        };
        let scoped = || source(member, is("tenant_id", 0));
        let key = || vec![field("tenant_id"), field("number")];
        let one = || target(scoped(), is("number", 1), None);
        let some = target(scoped(), Predicate::Const(Truth::True), Some(keys(key(), vec![list(2, 1), list(3, 1)])));
        let mut locked = select(scoped(), key(), 1);
        locked.for_update = true;
        let shapes = [
            Shape::Insert(insert(member, vec![(field("name"), slot(0)), (field("number"), slot(1))], key())),
            Shape::Insert(insert(member, Vec::new(), key())),
            Shape::Update(update(one(), vec![(field("name"), slot(2))])),
            Shape::Update(update(some, vec![(field("name"), slot(1))])),
            Shape::Delete(delete(one())),
            Shape::Present(present(vec![(scoped(), is("number", 1)), (scoped(), is("number", 2))])),
            Shape::Select(locked),
        ];
        shapes.iter().map(|shape| Arc::clone(world.compiler.compile_uncached(shape).unwrap().sql())).collect()
    }

    #[test]
    fn a_write_is_words_names_and_placeholders() {
        for (at, world) in WORLDS.iter().enumerate() {
            let dialect = world.compiler.dialect();
            for sql in writes(at) {
                let places = sql.matches(if dialect == Dialect::Postgres { '$' } else { '?' }).count();
                assert_eq!(check(&sql, dialect), Ok(places), "{sql}");
            }
        }
    }

    #[test]
    fn no_value_and_no_other_change_stands_in_a_write() {
        let mut changed = 0;
        for (at, world) in WORLDS.iter().enumerate() {
            let dialect = world.compiler.dialect();
            for sql in writes(at) {
                // Whatever is put in the place of a space is more than there was.
                for (space, _) in sql.match_indices(' ') {
                    let (before, behind) = sql.split_at(space);
                    for piece in
                        [" 'acme' ", " 7 ", "; ", " -- ", " /* ", " */ ", " acme ", " DELETE FROM ", " INSERT "]
                    {
                        let mutated = [before, piece, behind].concat();
                        assert!(check(&mutated, dialect).is_err(), "{mutated}");
                        changed += 1;
                    }
                }
            }
        }
        assert!(changed > 1_000, "only {changed} mutations");
    }

    #[test]
    fn the_key_of_a_new_row_is_the_only_comment() {
        let insert = "INSERT INTO `members` (`name`) VALUES (?)";
        let returning = "/*M!100500 RETURNING `tenant_id`, `number` */";
        assert_eq!(check(&format!("{insert} {returning}"), Dialect::MySql), Ok(1));
        for comment in [
            "/*M!100500 RETURNING `acme` */",
            "/*M!100500 RETURNING `number` , `tenant_id` */",
            "/*M!100500 RETURNING `number`, */",
            "/*M!100500 RETURNING number */",
            "/*M!100500 RETURNING  */",
            "/*M!100500 RETURNING `number` */ */",
            "/*M!100500 RETURNING `number` */;",
            "/*M!100500 RETURNING `number`",
            "/*M!100500 RETURNING `number`*/",
            "/*M!100500 RETURNING ? */",
            "/*M!100501 RETURNING `number` */",
            "/*!100500 RETURNING `number` */",
            "/* RETURNING `number` */",
            "RETURNING `number`",
        ] {
            assert!(check(&format!("{insert} {comment}"), Dialect::MySql).is_err(), "{comment}");
        }
        assert!(check(&format!("DELETE FROM `members` {returning}"), Dialect::MySql).is_err());
        let returning = returning.replace('`', "\"");
        assert!(check(&format!("INSERT INTO \"members\" VALUES (DEFAULT) {returning}"), Dialect::Postgres).is_err());
    }
}
