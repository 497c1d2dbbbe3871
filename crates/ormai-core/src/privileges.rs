//! What the database lets its role do, past every policy.

use crate::catalog::TableName;

/// What a connection's role may do in the database, as far as it undoes what a policy or the
/// database's own row-level security holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privileges {
    /// The role, as the database names it.
    pub role: String,
    /// Whether the database refuses it nothing (a superuser; `SUPER` or `ALL PRIVILEGES` on
    /// everything).
    pub superuser: bool,
    /// Whether row-level security does not apply to it (`BYPASSRLS`).
    pub bypasses_row_security: bool,
    /// The tables that it owns, itself or as a member of their owner.
    pub owned: Vec<TableName>,
    /// The tables that it may insert into, update or delete from.
    pub writable: Vec<TableName>,
}
