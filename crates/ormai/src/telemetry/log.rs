//! The log: what went wrong is told by its class and code, and in the driver's own words only where an
//! operator asked for them.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use ormai_db::DbError;

/// The target of log events that may hold values of rows. They have the level `DEBUG`, and there are
/// none before [`log_driver_text`].
pub const DETAIL: &str = "ormai::detail";

/// Whether the words of drivers are told. For the process, as its log is one.
static DRIVER_TEXT: AtomicBool = AtomicBool::new(false);

/// Lets the log tell in full what drivers and stores say of their failures, under [`DETAIL`]; or ends
/// that. Such a text may print a whole row of any tenant, so who reads the log may read the tables.
///
/// Two things have to be asked for, this and the level of the target, so that a subscriber that takes
/// everything does not take this.
pub fn log_driver_text(is_told: bool) {
    DRIVER_TEXT.store(is_told, Ordering::Relaxed);
}

/// An event about a failure in the database, without its words, and with them where that was asked for.
macro_rules! database_error {
    ($level:ident, $request_id:expr, $error:expr, $message:literal) => {{
        let (request_id, error): (&str, &ormai_db::DbError) = ($request_id, $error);
        tracing::$level!(request_id, class = error.class(), code = error.code(), $message);
        $crate::telemetry::detail(request_id, error);
    }};
}
pub(crate) use database_error;

/// The words of whoever failed.
pub(crate) fn detail(request_id: &str, words: impl Words) {
    if DRIVER_TEXT.load(Ordering::Relaxed) {
        tracing::debug!(target: DETAIL, request_id, detail = %words.words(), "in its own words");
    }
}

/// What has words for an operator.
pub(crate) trait Words {
    fn words(&self) -> impl fmt::Display;
}

impl Words for &DbError {
    fn words(&self) -> impl fmt::Display {
        self.operator_detail()
    }
}

impl Words for &crate::approvals::StoreError {
    fn words(&self) -> impl fmt::Display {
        self
    }
}
