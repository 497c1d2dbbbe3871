//! SQL as pages show it: broken into lines where people break it, and compared without regard to that.

/// Statements word by word: blanks between words make no difference, and neither does a `;` at the end.
pub(super) fn words(sql: &str) -> Vec<String> {
    let words = tokens(sql).into_iter().filter(|token| token != ";");
    words.collect()
}

/// Statements as a page shows them, each with a `;`.
pub(super) fn pretty(statements: &[String]) -> String {
    statements.iter().map(|sql| broken(sql) + ";").collect::<Vec<_>>().join("\n\n")
}

/// Clauses that begin a line.
const CLAUSES: &[&str] = &[
    "FROM", "WHERE", "ORDER", "GROUP", "HAVING", "LIMIT", "VALUES", "SET", "RETURNING", "UNION", "FOR", "LEFT", "INNER",
    "JOIN", "ON",
];
/// Behind these `JOIN` stays on the line.
const BEFORE_JOIN: &[&str] = &["LEFT", "INNER", "RIGHT", "CROSS"];
/// Before these a clause word is none.
const NO_CLAUSE_AFTER: &[(&str, &str)] = &[("DISTINCT", "FROM"), ("IS", "FROM"), ("CONFLICT", "ON")];

fn broken(sql: &str) -> String {
    let (mut out, mut nested, mut before): (String, Vec<bool>, String) = (String::new(), Vec::new(), String::new());
    let tokens = tokens(sql);
    for (at, token) in tokens.iter().enumerate() {
        let opens_query = token == "(" && tokens.get(at + 1).is_some_and(|next| next == "SELECT");
        let line = |out: &mut String, depth: usize| {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth));
        };
        let depth = nested.iter().filter(|query| **query).count();
        let in_query = nested.last().is_none_or(|query| *query);
        let closes_query = token == ")" && nested.last() == Some(&true);
        let clause = in_query
            && CLAUSES.contains(&token.as_str())
            && !NO_CLAUSE_AFTER.iter().any(|(first, second)| before == *first && token == second)
            && !(token == "JOIN" && BEFORE_JOIN.contains(&before.as_str()));
        if closes_query {
            nested.pop();
            line(&mut out, depth.saturating_sub(1));
        } else if token == ")" {
            nested.pop();
        } else if at > 0 && (clause || (before == "(" && token == "SELECT")) {
            line(&mut out, depth);
        } else if at > 0 && spaced(&before, token) {
            out.push(' ');
        }
        out.push_str(token);
        if token == "(" {
            nested.push(opens_query);
        }
        before.clone_from(token);
    }
    out
}

/// Whether a blank stands between two words.
fn spaced(before: &str, token: &str) -> bool {
    let tight_after = ["(", ".", "["].contains(&before) || before.ends_with('.');
    let tight_before = [")", ",", ".", ";", "]", "["].contains(&token) || token.starts_with("::") || before == "::";
    // A function's name keeps its parenthesis.
    let call = token == "(" && before.chars().all(|char| char.is_ascii_lowercase() || char == '_');
    let call = call || token == "(" && ["COUNT", "SUM", "AVG", "MIN", "MAX", "CAST", "EXISTS", "ANY"].contains(&before);
    !(tight_after || tight_before || call)
}

/// Words, numbers, quoted names and values, and signs.
fn tokens(sql: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut chars = sql.chars().peekable();
    while let Some(char) = chars.next() {
        if char.is_whitespace() {
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
        tokens.push(token);
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
