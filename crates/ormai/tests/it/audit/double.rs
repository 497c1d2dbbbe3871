//! A store that fails when it is told to, and sees in what order things come.

use std::sync::{Mutex, MutexGuard};

use ormai::audit::{
    AuditStore, Filter, Head, Kind, Line, MemoryStore, Orphan, Position, Records, Scanned, StoreError, Storing,
};
use ormai::db::Database;
use uuid::Uuid;

/// Keeps lines in memory, and fails at some steps: an appending is one, and so is a sync.
#[derive(Debug)]
pub(crate) struct Double {
    pub(crate) lines: MemoryStore,
    is_immediate: bool,
    steps: Mutex<Steps>,
}

#[derive(Debug, Default)]
struct Steps {
    taken: usize,
    fails: Option<Fails>,
    log: Vec<String>,
    /// Of which nobody may have taken a connection before an intent is on stable storage.
    database: Option<Database>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fails {
    /// At one step, the first being 0.
    At(usize),
    /// At one step and all that follow.
    From(usize),
}

impl Double {
    /// A store of files is immediate, one in a database is not.
    pub(crate) fn new(is_immediate: bool) -> Self {
        Self { lines: MemoryStore::new(), is_immediate, steps: Mutex::default() }
    }

    /// Fails from now on as it is told, and counts and logs anew.
    pub(crate) fn fails(&self, fails: Option<Fails>) {
        let mut steps = self.lock();
        *steps = Steps { fails, database: steps.database.take(), ..Steps::default() };
    }

    /// Logs the connections of a database that are in use at each step.
    pub(crate) fn watches(&self, database: Database) {
        self.lock().database = Some(database);
    }

    /// How many steps there were.
    pub(crate) fn taken(&self) -> usize {
        self.lock().taken
    }

    /// Each step.
    pub(crate) fn log(&self) -> Vec<String> {
        self.lock().log.clone()
    }

    fn step(&self, what: &str) -> Result<(), StoreError> {
        let mut steps = self.lock();
        let at = steps.taken;
        steps.taken += 1;
        let in_use = steps
            .database
            .as_ref()
            .map_or_else(String::new, |database| format!(" with {} connections in use", database.pool_status().in_use));
        steps.log.push(format!("{what}{in_use}"));
        match steps.fails {
            Some(Fails::At(failing)) if failing == at => Err(StoreError::Unavailable("it is full".to_owned())),
            Some(Fails::From(first)) if first <= at => Err(StoreError::Unavailable("it is full".to_owned())),
            _ => Ok(()),
        }
    }

    fn take(&self, lines: &[Line]) -> Result<(), StoreError> {
        let kinds: Vec<&str> =
            lines.iter().map(|line| line.place().kind).filter(|kind| *kind != Kind::Begin).map(Kind::as_str).collect();
        if !kinds.is_empty() {
            self.step(&kinds.join(" "))?;
        }
        self.lines.append_now(lines)
    }

    fn lock(&self) -> MutexGuard<'_, Steps> {
        self.steps.lock().unwrap()
    }
}

impl AuditStore for Double {
    fn name(&self) -> String {
        "double".to_owned()
    }

    fn install(&self) -> Storing<'_, Vec<&'static str>> {
        self.lines.install()
    }

    fn enter(&self, chain: Uuid) -> Storing<'_, Vec<Orphan>> {
        self.lines.enter(chain)
    }

    fn settle(&self, chain: Uuid) -> Storing<'_, ()> {
        self.lines.settle(chain)
    }

    fn leave(&self, chain: Uuid) -> Storing<'_, ()> {
        self.lines.leave(chain)
    }

    fn append<'a>(&'a self, lines: &'a [Line]) -> Storing<'a, ()> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.take(lines)
        })
    }

    fn is_immediate(&self) -> bool {
        self.is_immediate
    }

    fn append_now(&self, lines: &[Line]) -> Result<(), StoreError> {
        self.take(lines)
    }

    fn sync(&self) -> Storing<'_, ()> {
        Box::pin(async {
            tokio::task::yield_now().await;
            self.step("sync")
        })
    }

    fn heads<'a>(&'a self, since: Option<&'a Position>) -> Storing<'a, (Vec<Head>, Position)> {
        self.lines.heads(since)
    }

    fn scan<'a>(&'a self, after: Option<&'a Position>, most: usize) -> Storing<'a, Scanned> {
        self.lines.scan(after, most)
    }

    fn query<'a>(&'a self, filter: &'a Filter, limit: usize, cursor: Option<&'a str>) -> Storing<'a, Records> {
        self.lines.query(filter, limit, cursor)
    }
}
