//! PostgreSQL's error codes.

use crate::error::{ConflictKind, DbError};

/// Statements that belong into a transaction, where there is none.
pub(crate) const OUTSIDE: &str = "25P01";

/// A transaction that failed before, and takes nothing but its end.
pub(crate) const FAILED: &str = "25P02";

/// There is no such savepoint.
pub(crate) const NO_SAVEPOINT: &str = "3B001";

/// What an error is, by its SQLSTATE.
pub(crate) fn sorted(code: Option<&str>, words: &str) -> DbError {
    let detail = words.to_owned();
    let sorted = match code.unwrap_or_default() {
        "57014" => DbError::Timeout,
        // A prepared statement that somebody else let go of is there again the next time.
        "40001" | "40P01" | "55P03" | "26000" => DbError::conflict(ConflictKind::Concurrent, detail),
        "42P01" => DbError::not_there(detail),
        "22003" => DbError::out_of_range(detail),
        "25006" => DbError::read_only(detail),
        "23502" => DbError::conflict(ConflictKind::NotNull, detail),
        // RESTRICT has a code of its own since PostgreSQL 18.
        "23001" | "23503" => DbError::conflict(ConflictKind::Reference, detail),
        "23505" => DbError::conflict(ConflictKind::Unique, detail),
        "23514" | "23P01" => DbError::conflict(ConflictKind::Check, detail),
        // Raised by a function, or by a view that would not show the row.
        "P0001" | "44000" => DbError::refused(detail),
        code if code.starts_with("23") => DbError::refused(detail),
        code if ["08", "53", "57", "28", "3D"].iter().any(|class| code.starts_with(class)) => {
            DbError::unavailable(detail)
        }
        _ => DbError::failed(detail),
    };
    sorted.coded(code)
}

/// What is said of a statement that writes: a value that cannot be computed there is one that
/// cannot be stored.
pub(crate) fn refused(code: Option<&str>, words: &str) -> DbError {
    match code {
        Some(code) if code.starts_with("22") => DbError::refused(words).coded(Some(code)),
        _ => sorted(code, words),
    }
}
