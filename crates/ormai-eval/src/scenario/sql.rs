//! SQL as pages show it: broken into lines where people break it, and compared without regard to that.

/// Statements word by word: blanks between words make no difference, and neither does a `;` at the end.
pub(super) fn words(sql: &str) -> Vec<String> {
    tokens(sql).into_iter().map(|token| token.text).filter(|text| text != ";").collect()
}

/// Statements as a page shows them, each with a `;`.
pub(super) fn pretty(statements: &[String]) -> String {
    statements.iter().map(|sql| broken(sql) + ";").collect::<Vec<_>>().join("\n\n")
}

/// Clauses that begin a line.
const CLAUSES: &[&str] = &[
    "FROM",
    "WHERE",
    "ORDER",
    "GROUP",
    "HAVING",
    "LIMIT",
    "VALUES",
    "SET",
    "RETURNING",
    "UNION",
    "FOR",
    "LEFT",
    "INNER",
    "JOIN",
    "ON",
];
/// Behind these `JOIN` stays on the line.
const BEFORE_JOIN: &[&str] = &["LEFT", "INNER", "RIGHT", "CROSS"];
/// Before these a clause word is none.
const NO_CLAUSE_AFTER: &[(&str, &str)] = &[("DISTINCT", "FROM"), ("IS", "FROM"), ("CONFLICT", "ON")];

fn broken(sql: &str) -> String {
    let (mut out, mut nested): (String, Vec<bool>) = (String::new(), Vec::new());
    let tokens = tokens(sql);
    let mut before = "";
    for (at, Token { text, spaced }) in tokens.iter().enumerate() {
        let opens_query = text == "(" && tokens.get(at + 1).is_some_and(|next| next.text == "SELECT");
        let line = |out: &mut String, depth: usize| {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth));
        };
        let depth = nested.iter().filter(|query| **query).count();
        let begins = nested.last().is_none_or(|query| *query) && is_clause(before, text);
        if text == ")" {
            if nested.pop() == Some(true) {
                line(&mut out, depth.saturating_sub(1));
            }
        } else if at > 0 && (begins || (before == "(" && text == "SELECT")) {
            line(&mut out, depth);
        } else if at > 0 && *spaced {
            out.push(' ');
        }
        out.push_str(text);
        if text == "(" {
            nested.push(opens_query);
        }
        before = text;
    }
    out
}

fn is_clause(before: &str, word: &str) -> bool {
    CLAUSES.contains(&word)
        && !NO_CLAUSE_AFTER.contains(&(before, word))
        && !(word == "JOIN" && BEFORE_JOIN.contains(&before))
}

/// A word, and whether a blank stands before it.
struct Token {
    text: String,
    spaced: bool,
}

/// Words, numbers, quoted names and values, and signs.
fn tokens(sql: &str) -> Vec<Token> {
    let (mut tokens, mut spaced) = (Vec::new(), false);
    let mut chars = sql.chars().peekable();
    while let Some(char) = chars.next() {
        if char.is_whitespace() {
            spaced = true;
            continue;
        }
        let mut token = String::from(char);
        if matches!(char, '"' | '\'' | '`') {
            // A doubled quote stands for itself.
            while let Some(next) = chars.next() {
                token.push(next);
                if next == char {
                    match chars.next_if_eq(&char) {
                        Some(again) => token.push(again),
                        None => break,
                    }
                }
            }
        } else if is_word(char) {
            while let Some(next) = chars.next_if(|next| is_word(*next)) {
                token.push(next);
            }
        } else if is_sign(char) {
            while let Some(next) = chars.next_if(|next| is_sign(*next)) {
                token.push(next);
            }
        }
        tokens.push(Token { text: token, spaced: std::mem::take(&mut spaced) });
    }
    tokens
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '$' | '?' | '@')
}

fn is_sign(char: char) -> bool {
    matches!(char, '<' | '>' | '=' | '!' | '|' | '&' | ':' | '+' | '-' | '*' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_make_no_difference_and_words_do() {
        assert_eq!(words("SELECT  a\n FROM t;"), words("SELECT a FROM t"));
        assert_ne!(words("SELECT 'a  b'"), words("SELECT 'a b'"));
        assert_ne!(words("SELECT \"a\""), words("SELECT a"));
        assert_eq!(words("count(*)"), words("count ( * )"));
    }

    #[test]
    fn clauses_begin_lines_and_queries_are_indented() {
        let sql = r#"SELECT "a"."id" FROM (SELECT "id" FROM "t" WHERE "t"."x" = ? AND "t"."y" IS DISTINCT FROM ?) AS "a" WHERE EXISTS(SELECT 1 FROM "u") ORDER BY "a"."id" ASC LIMIT ?"#;
        insta::assert_snapshot!(pretty(&[sql.to_owned()]), @r#"
        SELECT "a"."id"
        FROM (
          SELECT "id"
          FROM "t"
          WHERE "t"."x" = ? AND "t"."y" IS DISTINCT FROM ?
        ) AS "a"
        WHERE EXISTS(
          SELECT 1
          FROM "u"
        )
        ORDER BY "a"."id" ASC
        LIMIT ?;
        "#);
        assert_eq!(words(&pretty(&[sql.to_owned()])), words(sql));
    }
}
