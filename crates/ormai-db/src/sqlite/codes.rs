//! SQLite's result codes, the extended ones by their last byte where that says enough.

use crate::error::{ConflictKind, DbError};

const CHECK: u32 = 275;
const FOREIGN_KEY: u32 = 787;
const NOT_NULL: u32 = 1299;
const PRIMARY_KEY: u32 = 1555;
const TRIGGER: u32 = 1811;
const UNIQUE: u32 = 2067;
const ROW_ID: u32 = 2579;

/// What an error is, by its code and by SQLite's own words.
pub(crate) fn sorted(code: Option<&str>, words: &str) -> DbError {
    let number = code.and_then(|code| code.parse().ok()).or_else(|| code_of(words));
    let detail = || words.to_owned();
    let conflict = |kind| DbError::conflict(kind, detail());
    let Some(number) = number else { return DbError::failed(detail()) };
    let sorted = match number & 0xff {
        // SQLite has no code for it.
        1 if words.ends_with("integer overflow") => DbError::out_of_range(detail()),
        1 if words.contains("no such table: ") => DbError::not_there(detail()),
        8 => DbError::read_only(detail()),
        9 => DbError::Timeout,
        5 | 6 => conflict(ConflictKind::Concurrent),
        10 | 11 | 13 | 14 | 26 => DbError::unavailable(detail()),
        // Larger than anything may be, and not of the column's type.
        18 | 20 => DbError::refused(detail()),
        19 => match number {
            UNIQUE | PRIMARY_KEY | ROW_ID => conflict(ConflictKind::Unique),
            FOREIGN_KEY => conflict(ConflictKind::Reference),
            NOT_NULL => conflict(ConflictKind::NotNull),
            CHECK => conflict(ConflictKind::Check),
            // RESTRICT is a trigger's.
            TRIGGER if words.ends_with("FOREIGN KEY constraint failed") => conflict(ConflictKind::Reference),
            _ => DbError::refused(detail()),
        },
        _ => DbError::failed(detail()),
    };
    sorted.coded(Some(&number.to_string()))
}

/// Whether there is no such savepoint, which has no code of its own.
pub(crate) fn is_no_savepoint(words: &str) -> bool {
    words.contains("no such savepoint")
}

/// The code behind SQLite's own words, for drivers that keep it to themselves.
fn code_of(words: &str) -> Option<u32> {
    const WORDS: &[(&str, u32)] = &[
        ("UNIQUE constraint failed", UNIQUE),
        ("FOREIGN KEY constraint failed", FOREIGN_KEY),
        ("NOT NULL constraint failed", NOT_NULL),
        ("CHECK constraint failed", CHECK),
        ("database is locked", 5),
        ("database table is locked", 6),
        ("attempt to write a readonly database", 8),
        ("interrupted", 9),
        ("disk I/O error", 10),
        ("database disk image is malformed", 11),
        ("database or disk is full", 13),
        ("unable to open database file", 14),
        ("string or blob too big", 18),
        ("datatype mismatch", 20),
        ("file is not a database", 26),
        ("integer overflow", 1),
        ("no such table: ", 1),
    ];
    WORDS.iter().find(|(known, _)| words.starts_with(known)).map(|(_, code)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_the_same_by_its_code_and_by_its_words() {
        let check = |code: &str, words: &str, class: &str| {
            for code in [Some(code), None] {
                let error = sorted(code, words);
                assert_eq!((error.class(), error.operator_detail().is_empty()), (class, false), "{words}");
            }
        };
        check("2067", "UNIQUE constraint failed: users.id", "unique");
        check("787", "FOREIGN KEY constraint failed", "reference");
        check("1299", "NOT NULL constraint failed: users.name", "not_null");
        check("275", "CHECK constraint failed: total >= 0", "check");
        check("517", "database is locked", "concurrent");
        check("9", "interrupted", "timeout");
        check("1", "no such table: users", "not_there");
        check("1", "integer overflow", "out_of_range");
        check("1", "near \"FORM\": syntax error", "failed");
        check("20", "datatype mismatch", "refused");
    }

    #[test]
    fn a_primary_key_and_a_row_id_are_unique_and_a_triggers_words_refuse() {
        for code in ["1555", "2579"] {
            assert_eq!(sorted(Some(code), "UNIQUE constraint failed: users.id").class(), "unique");
        }
        assert_eq!(sorted(Some("1811"), "FOREIGN KEY constraint failed").class(), "reference");
        assert_eq!(sorted(Some("1811"), "no more orders").class(), "refused");
        assert_eq!(sorted(Some("1811"), "no more orders").code(), Some("1811"));
    }
}
