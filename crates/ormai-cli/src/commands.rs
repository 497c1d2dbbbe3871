//! The commands, a file each.

pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod call;
pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod describe;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod idempotency;
pub(crate) mod init;
pub(crate) mod install;
mod progress;
pub(crate) mod rls;
