//! Isolation for agents on multi-tenant databases.
