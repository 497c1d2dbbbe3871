//! What a column's declaration says. SQLite takes any words for a type; here the well-known
//! ones have their well-known meaning, and the others that of their affinity.

use ormai_core::value::ColumnType;

/// The type that a declaration names.
pub(super) fn column_type(declared: &str) -> ColumnType {
    let upper = declared.to_ascii_uppercase();
    let bare = upper.split('(').next().unwrap_or_default().trim();
    match bare {
        "INT" | "INTEGER" | "BIGINT" | "SMALLINT" | "TINYINT" | "MEDIUMINT" | "INT2" | "INT4" | "INT8" => {
            ColumnType::Int
        }
        "BOOL" | "BOOLEAN" => ColumnType::Bool,
        "TEXT" | "VARCHAR" | "CHAR" | "CHARACTER" | "NVARCHAR" | "NCHAR" | "CLOB" => ColumnType::Text,
        "REAL" | "DOUBLE" | "DOUBLE PRECISION" | "FLOAT" => ColumnType::Float,
        "DECIMAL" | "NUMERIC" | "NUM" => ColumnType::Decimal,
        "BLOB" | "BYTEA" | "BINARY" | "VARBINARY" => ColumnType::Bytes,
        "UUID" | "GUID" => ColumnType::Uuid,
        "TIMESTAMP" | "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" => ColumnType::Timestamp,
        "DATETIME" | "TIMESTAMP WITHOUT TIME ZONE" => ColumnType::DateTime,
        "DATE" => ColumnType::Date,
        "TIME" => ColumnType::Time,
        "JSON" | "JSONB" => ColumnType::Json,
        // It reads like text and has the affinity of a number: '007' is stored as 7.
        "STRING" => ColumnType::Unsupported("STRING".to_owned()),
        // An expression of a view; a CAST there gives it a type.
        "" => ColumnType::Unsupported("without a declared type".to_owned()),
        other if other.contains("INT") => ColumnType::Int,
        other if ["CHAR", "CLOB", "TEXT"].iter().any(|part| other.contains(part)) => ColumnType::Text,
        other if other.contains("BLOB") => ColumnType::Bytes,
        other if ["REAL", "FLOA", "DOUB"].iter().any(|part| other.contains(part)) => ColumnType::Float,
        _ => ColumnType::Decimal,
    }
}

/// The length that a declaration names: 20 of `VARCHAR(20)`. SQLite stores longer text all the
/// same, but its author expects none.
pub(super) fn length(declared: &str) -> Option<u32> {
    let (_, rest) = declared.split_once('(')?;
    let (digits, _) = rest.split_once(')')?;
    digits.trim().parse().ok().filter(|length| *length > 0)
}

/// The columns that are declared with another collation than BINARY; `None` when the text
/// cannot be followed although it speaks of collations.
pub(super) fn loose_columns(ddl: &str) -> Option<Vec<String>> {
    let tokens = tokens(ddl);
    let is_collate = |token: &Token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("collate"));
    if !tokens.iter().any(is_collate) {
        return Some(Vec::new());
    }
    let mut loose = Vec::new();
    let mut depth = 0_u32;
    let mut column: Option<String> = None;
    let mut begins = false;
    let mut expects_collation = false;
    for token in &tokens {
        match token {
            Token::Mark('(') => {
                depth += 1;
                begins |= depth == 1;
            }
            Token::Mark(')') => depth = depth.checked_sub(1)?,
            Token::Mark(',') if depth == 1 => begins = true,
            Token::Word(word) | Token::Quoted(word) if begins => {
                column = Some(word.clone());
                begins = false;
            }
            Token::Word(word) | Token::Quoted(word) if expects_collation => {
                expects_collation = false;
                if !word.eq_ignore_ascii_case("binary") {
                    loose.push(column.clone()?);
                }
            }
            token if is_collate(token) && depth >= 1 => expects_collation = true,
            _ => {}
        }
    }
    Some(loose)
}

enum Token {
    Word(String),
    Quoted(String),
    Mark(char),
}

/// SQL in words, quoted names and marks; texts and comments left out.
fn tokens(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = sql.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' | '`' | '[' | '\'' => {
                let end = if char == '[' { ']' } else { char };
                let mut name = String::new();
                while let Some(next) = chars.next() {
                    // A doubled quote stands for itself.
                    if next == end && (end == ']' || chars.next_if_eq(&end).is_none()) {
                        break;
                    }
                    name.push(next);
                }
                // SQLite takes a text for a name too.
                tokens.push(Token::Quoted(name));
            }
            '-' if chars.next_if_eq(&'-').is_some() => while chars.next_if(|next| *next != '\n').is_some() {},
            '/' if chars.next_if_eq(&'*').is_some() => {
                let mut before = ' ';
                for next in chars.by_ref() {
                    if before == '*' && next == '/' {
                        break;
                    }
                    before = next;
                }
            }
            char if char.is_alphanumeric() || char == '_' || char == '$' => {
                let mut word = String::from(char);
                while let Some(next) = chars.next_if(|next| next.is_alphanumeric() || matches!(next, '_' | '$')) {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
            char if !char.is_whitespace() => tokens.push(Token::Mark(char)),
            _ => {}
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_type_means_what_its_name_says() {
        let check = |declared: &str, expected: ColumnType| assert_eq!(column_type(declared), expected, "{declared}");
        check("integer", ColumnType::Int);
        check("UNSIGNED BIG INT", ColumnType::Int);
        check("varchar(20)", ColumnType::Text);
        check("native character(70)", ColumnType::Text);
        check("DECIMAL (10, 2)", ColumnType::Decimal);
        check("double precision", ColumnType::Float);
        check("timestamp with time zone", ColumnType::Timestamp);
        check("datetime", ColumnType::DateTime);
        check("", ColumnType::Unsupported("without a declared type".to_owned()));
        check("whatever", ColumnType::Decimal);
    }

    #[test]
    fn a_declared_length_is_one_number_in_parentheses() {
        let check = |declared: &str, expected: Option<u32>| assert_eq!(length(declared), expected, "{declared}");
        check("varchar(20)", Some(20));
        check("native character ( 70 )", Some(70));
        check("TEXT", None);
        check("VARCHAR(0)", None);
        check("VARCHAR(20", None);
        check("VARCHAR(max)", None);
        check("DECIMAL(10, 2)", None);
    }

    #[test]
    fn collations_are_found_where_columns_are_declared() {
        let check = |ddl: &str, expected: Option<&[&str]>| {
            let expected = expected.map(|columns| columns.iter().map(ToString::to_string).collect::<Vec<_>>());
            assert_eq!(loose_columns(ddl), expected, "{ddl}");
        };
        check("CREATE TABLE t (a TEXT, b TEXT)", Some(&[]));
        check("CREATE TABLE t (a TEXT COLLATE NOCASE, b TEXT)", Some(&["a"]));
        check(
            "CREATE TABLE t (a TEXT COLLATE binary, \"b \"\"c\" VARCHAR(9) NOT NULL collate [RTRIM])",
            Some(&["b \"c"]),
        );
        check("CREATE TABLE t (a TEXT DEFAULT 'x, collate nocase', b TEXT)", Some(&[]));
        check("CREATE TABLE t (a TEXT, -- collate, nocase\n b TEXT /* , collate */ COLLATE nocase)", Some(&["b"]));
        check("CREATE TABLE t (a TEXT CHECK (a <> 'b' COLLATE NOCASE), b TEXT)", Some(&["a"]));
        check("CREATE TABLE [odd (] (a TEXT COLLATE NOCASE)", Some(&["a"]));
        check("CREATE TABLE t ) COLLATE", None);
    }
}
