//! Why a request is answered as it is. For operators: it tells what a caller never learns.
//!
//! [`traced`](crate::authorize::traced) decides as always and leaves a [`Trace`]: what each
//! rule did for this principal. [`inspect`] asks further, about one stored row, which rule
//! admits or hides it; it takes an [`Operator`], and only truth values leave the database.

mod inspect;
mod trace;
mod verdict;

pub use inspect::{Inspection, Operator, inspect};
pub use trace::{Did, Kind, Rule, Table, Trace};
pub use verdict::{Cause, Inspected, InspectedFilter, InspectedRule, Verdict};
