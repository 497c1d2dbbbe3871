//! The user that a server runs as. Servers refuse to run as root.

use std::process::Command;

use super::programs::on_path;
use super::server::Kind;
use crate::Failure;
use crate::project::output;

/// A user, and how to become it.
pub(super) struct Account {
    /// Empty: who we are.
    pub(super) owner: String,
    pub(super) run_as: Vec<String>,
}

impl Account {
    pub(super) fn of_server(kind: &Kind) -> Result<Self, Failure> {
        if !is_root()? {
            return Ok(Self { owner: String::new(), run_as: Vec::new() });
        }
        let (name, user) = (kind.name, kind.user);
        let (owner, group) = [user, "nobody"]
            .into_iter()
            .find_map(|user| Some((user.to_owned(), output(Command::new("id").args(["-g", user])).ok()?)))
            .ok_or_else(|| format!("{name} does not run as root, and there is neither a user `{user}` nor `nobody`"))?;
        let group = group.trim();
        let run_as = if on_path("setpriv").is_some() {
            ["setpriv".to_owned(), format!("--reuid={owner}"), format!("--regid={group}"), "--clear-groups".to_owned()]
                .to_vec()
        } else if on_path("runuser").is_some() {
            ["runuser", "-u", &owner, "--"].map(str::to_owned).to_vec()
        } else if on_path("su").is_some() {
            ["su", &owner, "-s", "/bin/sh", "-c", "exec \"$@\"", "--", "sh"].map(str::to_owned).to_vec()
        } else {
            return Err(format!("{name} does not run as root, and there is no `setpriv`, `runuser` or `su`"));
        };
        Ok(Self { owner, run_as })
    }
}

pub(super) fn is_root() -> Result<bool, Failure> {
    Ok(output(Command::new("id").arg("-u"))?.trim() == "0")
}
