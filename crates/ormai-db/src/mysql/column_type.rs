//! What the types of MariaDB and MySQL are here.

use ormai_core::value::ColumnType;

/// A column's type as `information_schema` says it: in a word, and in full.
pub(super) struct Declared<'t> {
    pub(super) word: &'t str,
    pub(super) full: &'t str,
    /// What an enum is called, which has no name of its own.
    pub(super) enum_name: &'t str,
    /// Whether a constraint lets nothing but JSON stand in it: MariaDB has no other JSON.
    pub(super) holds_json: bool,
}

impl Declared<'_> {
    pub(super) fn column_type(&self) -> ColumnType {
        let is_unsigned = self.full.contains(" unsigned");
        let unsupported = || ColumnType::Unsupported(self.full.to_owned());
        match self.word {
            "tinyint" if self.full == "tinyint(1)" => ColumnType::Bool,
            "tinyint" => ColumnType::Int16,
            "smallint" if !is_unsigned => ColumnType::Int16,
            "smallint" | "mediumint" => ColumnType::Int32,
            "int" if !is_unsigned => ColumnType::Int32,
            "int" | "bigint" => ColumnType::Int,
            "float" | "double" => ColumnType::Float,
            "decimal" => ColumnType::Decimal,
            "char" | "varchar" => ColumnType::Text,
            "tinytext" | "text" | "mediumtext" | "longtext" if self.holds_json => ColumnType::Json,
            "tinytext" | "text" | "mediumtext" | "longtext" => ColumnType::Text,
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => ColumnType::Bytes,
            "enum" => words(self.full).map_or_else(unsupported, |words| ColumnType::enumeration(self.enum_name, words)),
            "uuid" => ColumnType::Uuid,
            "timestamp" => ColumnType::Timestamp,
            "datetime" => ColumnType::DateTime,
            "date" => ColumnType::Date,
            "time" => ColumnType::Time,
            "json" => ColumnType::Json,
            // `year` compares 24 as 2024, `bit` is neither a number nor bytes, and `set` is
            // several words in one.
            _ => unsupported(),
        }
    }
}

/// The words of `enum('open','it''s')`.
fn words(full: &str) -> Option<Vec<String>> {
    let mut rest = full.strip_prefix("enum(")?;
    let mut words = Vec::new();
    loop {
        let mut word = String::new();
        let mut chars = rest.strip_prefix('\'')?.chars();
        loop {
            match (chars.next()?, chars.as_str()) {
                ('\'', after) if after.starts_with('\'') => {
                    chars.next();
                    word.push('\'');
                }
                ('\'', _) => break,
                ('\\', _) => word.push(match chars.next()? {
                    'n' => '\n',
                    'r' => '\r',
                    '0' => '\0',
                    'Z' => '\u{1a}',
                    other => other,
                }),
                (char, _) => word.push(char),
            }
        }
        words.push(word);
        rest = chars.as_str();
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None => return (rest == ")").then_some(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_an_enum_are_what_can_be_stored() {
        let check = |full: &str, expected: &[&str]| assert_eq!(words(full).unwrap(), expected, "{full}");
        check("enum('open')", &["open"]);
        check("enum('a','b,c','')", &["a", "b,c", ""]);
        check(r"enum('it''s','back\\slash','two\nlines',''')')", &["it's", r"back\slash", "two\nlines", "')"]);
        for broken in ["enum()", "enum('a'", "enum('a", "enum('a',)", "set('a')", "enum('a') x"] {
            assert_eq!(words(broken), None, "{broken}");
        }
    }

    #[test]
    fn integers_are_wide_enough_for_what_has_no_sign() {
        let check = |word: &str, full: &str, expected: ColumnType| {
            let declared = Declared { word, full, enum_name: "", holds_json: false };
            assert_eq!(declared.column_type(), expected, "{full}");
        };
        check("tinyint", "tinyint(1)", ColumnType::Bool);
        check("tinyint", "tinyint(1) unsigned", ColumnType::Int16);
        check("tinyint", "tinyint(4)", ColumnType::Int16);
        check("smallint", "smallint(5) unsigned", ColumnType::Int32);
        check("int", "int(10) unsigned", ColumnType::Int);
        check("int", "int", ColumnType::Int32);
        check("year", "year(4)", ColumnType::Unsupported("year(4)".to_owned()));
    }
}
