//! Why a command ended early, and with which exit code.

use std::io::Write as _;
use std::process::ExitCode;

use ormai::BuildError;
use ormai::db::DbError;

/// A command that did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    /// `None` when everything has been said already.
    message: Option<String>,
}

impl Failure {
    /// Refused or failed.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { code: 1, message: Some(message.into()) }
    }

    /// Refused, and the reason has been printed.
    pub(crate) fn told() -> Self {
        Self { code: 1, message: None }
    }

    /// Asked for in a way that cannot be.
    pub(crate) fn misuse(message: impl Into<String>) -> Self {
        Self { code: 2, message: Some(message.into()) }
    }

    /// Says why, and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        if let Some(message) = self.message {
            // Nobody is left to tell when standard error is gone.
            let _ = writeln!(std::io::stderr(), "ormai: {message}");
        }
        ExitCode::from(self.code)
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        // The command line is an operator's, who may know what the driver says.
        Self::failed(format!("{error}: {}", error.operator_detail()))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error.to_string())
    }
}
