//! The architecture as data: who may depend on whom, and what must not be there.

/// Every crate of the workspace with the crates of the workspace that it may depend on.
pub(super) const ARROWS: &[(&str, &[&str])] = &[
    ("ormai-core", &[]),
    ("ormai-sql", &["ormai-core"]),
    ("ormai-db", &["ormai-core", "ormai-sql"]),
    ("ormai-audit", &["ormai-core"]),
    // The specification that runs knows nothing of what it is held against.
    ("ormai-reference", &[]),
    ("ormai", &["ormai-audit", "ormai-core", "ormai-db", "ormai-sql"]),
    // The edges see the public interface and nothing behind it.
    ("ormai-eval", &["ormai", "ormai-reference"]),
    ("ormai-cli", &["ormai", "ormai-eval"]),
    // Users of Python prove their isolation too.
    ("ormai-python", &["ormai", "ormai-eval"]),
    ("ormai-sea-orm", &["ormai"]),
    ("ormai-server", &["ormai"]),
    // The laws of the fuzz targets reach from bytes to statements, and no further.
    ("ormai-fuzz", &["ormai-core", "ormai-sql"]),
    ("ormai-testkit", &["ormai-core", "ormai-reference"]),
    ("xtask", &[]),
];

/// What tests may use beside the arrows; nothing that ships may.
pub(super) const FOR_TESTS: &str = "ormai-testkit";

/// Crates whose tree is free of I/O, and the words that end that: no async runtime, no
/// database, no clock, no network, no randomness.
pub(super) const WITHOUT_IO: &[&str] = &["ormai-core", "ormai-fuzz", "ormai-reference", "ormai-sql"];
pub(super) const IO: &[&str] = &[
    "async-io",
    "async-std",
    "chrono",
    "diesel",
    "futures-executor",
    "getrandom",
    "hyper",
    "libsqlite3-sys",
    "mariadb",
    "mio",
    "mysql",
    "mysql_async",
    "mysql_common",
    "postgres",
    "rand",
    "reqwest",
    "rusqlite",
    "rustls",
    "sea-orm",
    "smol",
    "socket2",
    "sqlx",
    "sqlx-core",
    "sqlx-mysql",
    "sqlx-postgres",
    "sqlx-sqlite",
    "time",
    "tokio",
    "tokio-postgres",
    "ureq",
];

/// What ships, and the features that it must not be built with: they open constructors to tests, or
/// break guarantees on purpose.
pub(super) const SHIPPED: &[&str] = &["ormai-cli", "ormai-python"];
pub(super) const FEATURES_FOR_TESTS: &[&str] = &["faults", "strategies", "testing"];

/// The longest file of Rust.
pub(super) const MOST_LINES: usize = 600;

/// The type that lets text into a driver, and how many files of shipped code may name it.
pub(super) const TEXT_TO_DRIVER: &str = "AssertSqlSafe";
/// The one file where it stands.
pub(super) const TEXT_TO_DRIVER_FILE: &str = "crates/ormai-db/src/execute.rs";

/// Paths of somebody's machine.
pub(super) const MACHINE_PATHS: &[&str] = &["/home/", "/Users/", "/root/", "/work/"];

/// The file that names them in order to forbid them.
pub(super) const THIS_FILE: &str = "xtask/src/test/rules.rs";
