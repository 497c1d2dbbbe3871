//! Databases: running statements under limits, and reading a schema into a catalog.
