//! Writes that somebody else approves.
//!
//! A write that the policy opens with `require_approval` is tried as a dry run and parked with
//! its principal and the version of the policy. An approver releases it; then it goes through
//! the whole pipeline again under the requester, and a record in its own transaction says that
//! the approval is used:
//!
//! ```text
//! pending ──▶ approved ──▶ executed
//!    │            └──────▶ failed
//!    └──▶ rejected, expired, void
//! ```

mod decide;
mod parking;
mod record;
mod rights;
mod store;

pub use decide::Approvals;
pub(crate) use parking::{Parking, Wait, engine_of};
pub use record::{Approval, Decision, Outcome, Status};
pub use store::{ApprovalFilter, ApprovalStore, Change, MemoryApprovals, SqlApprovals, StoreError, Storing};
