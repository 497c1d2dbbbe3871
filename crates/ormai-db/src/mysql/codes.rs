//! The numbers of MariaDB's and MySQL's errors; their SQLSTATEs say less.

use crate::error::{ConflictKind, DbError};

/// With it the server undoes the whole transaction.
pub(crate) const DEADLOCK: u16 = 1213;

/// There is no such savepoint: outside of a transaction it is gone at once, and with a deadlock
/// the server takes all of them away.
pub(crate) const NO_SAVEPOINT: u16 = 1305;

/// What an error is, by its number.
pub(crate) fn sorted(number: Option<u16>, words: &str) -> DbError {
    let detail = words.to_owned();
    let sorted = match number {
        // MariaDB's time limit, MySQL's, and a statement that was killed.
        Some(1969 | 3024 | 1317) => DbError::Timeout,
        // A row that changed, a lock that was not to be had in time, a deadlock, no waiting.
        Some(1020 | 1205 | DEADLOCK | 3572) => DbError::conflict(ConflictKind::Concurrent, detail),
        Some(1146) => DbError::not_there(detail),
        // A user, a transaction or a server that may only read.
        Some(1290 | 1792 | 1836) => DbError::read_only(detail),
        // A trigger's own words, and a view that would not show the row.
        Some(1369 | 1644) => DbError::refused(detail),
        Some(1022 | 1062 | 1169 | 1586 | 1859) => DbError::conflict(ConflictKind::Unique, detail),
        Some(1216 | 1217 | 1451 | 1452 | 1830 | 1834) => DbError::conflict(ConflictKind::Reference, detail),
        // A NULL, no value at all, and a NULL in a list of several rows.
        Some(1048 | 1364 | 1263) => DbError::conflict(ConflictKind::NotNull, detail),
        // MySQL's, and MariaDB's.
        Some(3819 | 4025) => DbError::conflict(ConflictKind::Check, detail),
        // In a column, in an expression, in a cast.
        Some(1264 | 1690 | 1916) => DbError::out_of_range(detail),
        // Memory, connections, rights to the database, a server that goes or went.
        Some(
            1021
            | 1037
            | 1038
            | 1040..=1045
            | 1049
            | 1053
            | 1080
            | 1129
            | 1130
            | 1135
            | 1152
            | 1153
            | 1158..=1161
            | 1184
            | 1203
            | 1226
            | 1461
            | 1698
            | 1927
            | 2006
            | 2013
            | 3159,
        ) => DbError::unavailable(detail),
        _ => DbError::failed(detail),
    };
    numbered(sorted, number)
}

/// What is said of a statement that writes: a value that cannot be computed there is one that
/// cannot be stored.
pub(crate) fn refused(number: Option<u16>, words: &str) -> DbError {
    match number {
        // Out of range, cut, not of the type, a division by zero, too long, without a meaning in a
        // character set, not JSON, not a generated value.
        Some(1264 | 1265 | 1292 | 1365 | 1366 | 1406 | 1411 | 1416 | 1690 | 1906 | 1916 | 3140 | 3988 | 4038) => {
            numbered(DbError::refused(words), number)
        }
        _ => sorted(number, words),
    }
}

fn numbered(sorted: DbError, number: Option<u16>) -> DbError {
    match number {
        Some(number) => sorted.coded(Some(&number.to_string())),
        None => sorted,
    }
}
