//! Running the command.

use std::path::Path;
use std::process::Command;

/// What a run printed, and its exit code.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `ormai` in a directory.
pub(crate) fn ormai(directory: &Path, arguments: &[&str]) -> Ran {
    ormai_with(directory, arguments, &[])
}

/// The same with variables of the environment.
pub(crate) fn ormai_with(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_ormai"))
        .args(arguments)
        .current_dir(directory)
        .env_remove("ORMAI_HASH_KEY")
        .env_remove("ORMAI_LOG")
        .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT")
        .env_remove("ORMAI_AUDIT_KEY")
        .env_remove("ORMAI_AUDIT_SIGNING_KEY")
        .env("ORMAI_CURSOR_KEY", "one key for all runs of a test")
        .env("NO_COLOR", "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The same text whatever the clock, the keys of the process and the temporary directory.
pub(crate) fn settled(text: &str, directory: &Path) -> String {
    let text = text.replace(&directory.display().to_string(), "DIR");
    let lines = text.lines().map(|line| {
        let line = match line.split_once(" rows in ") {
            Some((before, after)) => {
                let after = after.split_once(" ms").map_or(after, |(_, after)| after);
                format!("{before} rows in T ms{after}")
            }
            None => line.to_owned(),
        };
        match line.split_once("next_cursor: ") {
            Some((before, _)) => format!("{before}next_cursor: CURSOR"),
            None => line,
        }
    });
    lines.map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
