//! Fixtures and throw-away databases for tests.
