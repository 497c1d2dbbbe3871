//! MariaDB, from the programs that Debian installs.

use std::path::PathBuf;

use super::programs::on_path;
use super::server::Kind;

pub(crate) const MARIADB: Kind = Kind {
    name: "MariaDB",
    word: "mariadb",
    variable: "ORMAI_TEST_MYSQL_URL",
    package: "mariadb-server",
    find: programs,
    user: "mysql",
    script: include_str!("mariadb.sh"),
    // Through its socket: the driver leaves Nagle's algorithm on, and what follows the closing of a prepared statement
    // waits 40 ms on TCP for the server to acknowledge it.
    url: |port, directory| format!("mysql://ormai@127.0.0.1:{port}/ormai?socket={directory}/socket"),
};

/// The server's program is often not on the path of a user who is not root; the others are.
fn programs() -> Option<PathBuf> {
    let others = ["mariadb-install-db", "mariadb"].iter().all(|program| on_path(program).is_some());
    let beside = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let server = on_path("mariadbd").or_else(|| beside.into_iter().find(|place| place.join("mariadbd").is_file()));
    server.filter(|_| others)
}
