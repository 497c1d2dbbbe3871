//! The engines that tests run on.

/// An engine, as a test's name has it.
pub(crate) struct Engine {
    /// The last part of a test's name, as in `…::sqlite`.
    pub(crate) suffix: &'static str,
    /// Its own name.
    pub(crate) name: &'static str,
}

/// Every engine, the quickest first.
pub(crate) const ENGINES: [Engine; 3] = [
    Engine { suffix: "sqlite", name: "SQLite" },
    Engine { suffix: "postgres", name: "PostgreSQL" },
    Engine { suffix: "mysql", name: "MariaDB" },
];

/// What makes a test binary leave out the tests of every engine but one.
pub(crate) fn only(suffix: &str) -> Vec<String> {
    let others = ENGINES.iter().filter(|engine| engine.suffix != suffix);
    others.flat_map(|other| ["--skip".to_owned(), format!("::{}", other.suffix)]).collect()
}
