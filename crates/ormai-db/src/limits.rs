//! What a connection to a database is given.

use std::time::Duration;

/// How [`Database::connect`](crate::Database::connect) opens its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectOptions {
    /// How many connections may be open at once; at least one.
    pub max_connections: u32,
    /// The time limit that connections start with, in milliseconds. Statements with the
    /// same limit cost nothing extra; another limit costs one round trip when it changes.
    pub statement_timeout_ms: u64,
    /// How long a session waits for a connection.
    pub acquire_timeout: Duration,
    /// Whether the database refuses writes on these connections.
    pub read_only: bool,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            max_connections: 10,
            statement_timeout_ms: 5_000,
            acquire_timeout: Duration::from_secs(5),
            read_only: false,
        }
    }
}

/// A limit in whole milliseconds as databases take it: never 0, which would mean no limit.
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) fn milliseconds(limit: Duration) -> u64 {
    const LONGEST: u64 = 2_147_483_647;
    u64::try_from(limit.as_millis()).unwrap_or(LONGEST).clamp(1, LONGEST)
}

#[cfg(all(test, any(feature = "mysql", feature = "postgres")))]
mod tests {
    use super::*;

    #[test]
    fn no_limit_can_be_asked_for_by_accident() {
        assert_eq!(milliseconds(Duration::ZERO), 1);
        assert_eq!(milliseconds(Duration::from_micros(1)), 1);
        assert_eq!(milliseconds(Duration::from_millis(250)), 250);
        assert_eq!(milliseconds(Duration::MAX), 2_147_483_647);
    }
}
