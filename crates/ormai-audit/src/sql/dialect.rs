//! What the databases say in words of their own.

/// The texts of a database.
#[derive(Debug)]
pub(super) struct Dialect {
    /// What to call the database.
    pub(super) name: &'static str,
    /// Begins a transaction that writes.
    pub(super) begin: &'static str,
    /// Begins to make what is missing, and waits for whoever does so at the same time.
    pub(super) begin_install: &'static str,
    /// What comes after the commit of that.
    pub(super) end_install: &'static str,
    /// In a transaction: has the database let rows be changed by it alone.
    pub(super) open: &'static [&'static str],
    /// In the same transaction, at its end: has it refuse that again.
    pub(super) close: &'static [&'static str],
    /// The names of what is there.
    pub(super) present: &'static str,
    /// What has to be there, in the order of making it.
    pub(super) objects: &'static [Object],
}

/// A table, an index or a trigger.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) name: &'static str,
    pub(super) make: &'static str,
}
