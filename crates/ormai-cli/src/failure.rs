//! Why a command ended early, and with which exit code.

use std::io::Write as _;
use std::process::ExitCode;

use ormai::BuildError;
use ormai::audit::PruneError;
use ormai::db::DbError;
use ormai::diagnostic::Diagnostic;
use serde_json::{Value as Json, json};

use crate::output;

/// A command that did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    /// `None` when everything has been said already.
    message: Option<String>,
    /// What stands behind it, as JSON; else null.
    findings: Json,
}

impl Failure {
    /// Refused or failed.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { code: 1, message: Some(message.into()), findings: Json::Null }
    }

    /// Refused, and the reason has been printed.
    pub(crate) fn told() -> Self {
        Self { code: 1, message: None, findings: Json::Null }
    }

    /// Asked for in a way that cannot be.
    pub(crate) fn misuse(message: impl Into<String>) -> Self {
        Self { code: 2, message: Some(message.into()), findings: Json::Null }
    }

    /// Adds the findings behind it, about this text, for those who read JSON.
    pub(crate) fn because(mut self, source: &str, findings: &[Diagnostic]) -> Self {
        self.findings = output::findings_json(source, findings);
        self
    }

    /// Says why, and gives the exit code. As JSON it is said where the answer would have been.
    pub(crate) fn report(self, as_json: bool) -> ExitCode {
        if let Some(message) = self.message {
            let said = if as_json {
                let mut error = json!({"message": message});
                if let (Some(error), false) = (error.as_object_mut(), self.findings.is_null()) {
                    error.insert("findings".to_owned(), self.findings);
                }
                output::json(&json!({"success": false, "error": error}))
            } else {
                writeln!(std::io::stderr(), "ormai: {message}").map_err(Self::from)
            };
            // Nobody is left to tell when the output is gone.
            drop(said);
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

impl From<PruneError> for Failure {
    fn from(error: PruneError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error.to_string())
    }
}
