//! Which writers are alive: each holds a lock that goes with its process.
//!
//! On PostgreSQL and MariaDB it is a lock of a session, so it needs a connection to the server
//! itself, or a pooler that gives out sessions. For SQLite it is a locked file beside the database.

#[cfg(feature = "sqlite")]
use std::collections::BTreeMap;
use std::collections::BTreeSet;
#[cfg(feature = "sqlite")]
use std::fs::File;
#[cfg(feature = "sqlite")]
use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "mysql")]
use sqlx::MySqlConnection;
#[cfg(feature = "postgres")]
use sqlx::PgConnection;
use uuid::Uuid;

use super::fault::Fault;
use super::pool::{Connection, Pool};
use super::statement::{Run, Statement};

/// A lock is had at once or not at all; the network may be slow.
const LOCKING: Duration = Duration::from_secs(5);

/// The locks that this process holds in a store.
#[derive(Default)]
pub(super) struct Locks {
    held: BTreeSet<Uuid>,
    /// `None` until the first is taken, and after the connection was lost.
    by: Option<By>,
}

/// What holds them.
enum By {
    /// Files, by their chains.
    #[cfg(feature = "sqlite")]
    Files(PathBuf, BTreeMap<Uuid, File>),
    /// Nothing: a database in memory has no other process.
    #[cfg(feature = "sqlite")]
    Nothing,
    #[cfg(feature = "postgres")]
    Postgres(PgConnection),
    #[cfg(feature = "mysql")]
    MySql(MySqlConnection),
}

impl Locks {
    /// Takes the lock of a chain, if nobody else has it.
    pub(super) async fn take(&mut self, chain: Uuid, pool: &Pool) -> Result<bool, Fault> {
        if self.by.is_none() {
            self.by = Some(By::open(pool).await?);
            // What was held is taken anew on the new connection.
            for held in std::mem::take(&mut self.held) {
                if self.take_one(held).await? {
                    self.held.insert(held);
                }
            }
        }
        // A session that takes a lock twice would have to give it back twice.
        if self.held.contains(&chain) {
            return Ok(true);
        }
        let is_taken = self.take_one(chain).await?;
        if is_taken {
            self.held.insert(chain);
        }
        Ok(is_taken)
    }

    async fn take_one(&mut self, chain: Uuid) -> Result<bool, Fault> {
        let Some(by) = &mut self.by else { return Ok(false) };
        let taken = tokio::time::timeout(LOCKING, by.take(chain)).await;
        self.seen(taken.unwrap_or_else(|_| Err(Fault::Lost("the lock was not answered in time".to_owned()))))
    }

    /// Gives a lock back.
    pub(super) async fn give(&mut self, chain: Uuid) -> Result<(), Fault> {
        let was_held = self.held.remove(&chain);
        match &mut self.by {
            Some(by) if was_held => {
                let given = tokio::time::timeout(LOCKING, by.give(chain)).await;
                self.seen(given.unwrap_or_else(|_| Err(Fault::Lost("the lock was not given back in time".to_owned()))))
            }
            _ => Ok(()),
        }
    }

    /// Whether other processes can be writers at all.
    pub(super) fn are_shared(&self) -> bool {
        #[cfg(feature = "sqlite")]
        if matches!(self.by, Some(By::Nothing)) {
            return false;
        }
        true
    }

    /// Whether the lock of each of some chains is held, as far as is known here.
    pub(super) fn hold(&self, chains: &[Uuid]) -> bool {
        self.by.is_some() && chains.iter().all(|chain| self.held.contains(chain))
    }

    /// Asks whether they are still held.
    pub(super) async fn look_after(&mut self) {
        let is_alive = match &mut self.by {
            Some(by) => tokio::time::timeout(LOCKING, by.is_alive()).await.unwrap_or(false),
            None => false,
        };
        if !is_alive {
            self.by = None;
        }
    }

    fn seen<T>(&mut self, done: Result<T, Fault>) -> Result<T, Fault> {
        if matches!(done, Err(Fault::Lost(_))) {
            self.by = None;
        }
        done
    }
}

impl By {
    async fn open(pool: &Pool) -> Result<Self, Fault> {
        let connection = pool.acquire().await?;
        Ok(match connection {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite(mut connection) => {
                let rows = connection.run(&Statement::new("SELECT name, file FROM pragma_database_list")).await?;
                let mut file = String::new();
                for row in &rows {
                    if row.text(0)? == "main" {
                        file = row.text(1)?;
                    }
                }
                if file.is_empty() {
                    Self::Nothing
                } else {
                    Self::Files(format!("{file}.writers").into(), BTreeMap::new())
                }
            }
            // Not given back: its locks would stay on it.
            #[cfg(feature = "postgres")]
            Connection::Postgres(connection) => {
                let mut connection = connection.detach();
                // Older servers do not know it, and do not end idle sessions.
                let _ = connection.run_text(super::postgres::KEEP_IDLE).await;
                Self::Postgres(connection)
            }
            #[cfg(feature = "mysql")]
            Connection::MySql(connection) => {
                let mut connection = connection.detach();
                // Where it is not taken the server's own setting holds.
                let _ = connection.run_text(super::mysql::KEEP_IDLE).await;
                Self::MySql(connection)
            }
        })
    }

    async fn take(&mut self, chain: Uuid) -> Result<bool, Fault> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Files(directory, files) => {
                let file = lock_file(directory, chain)?;
                let is_taken = file.is_some();
                files.extend(file.map(|file| (chain, file)));
                Ok(is_taken)
            }
            #[cfg(feature = "sqlite")]
            Self::Nothing => Ok(true),
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => {
                let lock = Statement::new(super::postgres::LOCK).value(key(chain)).text(")");
                connection.run(&lock).await?.first().map_or(Ok(false), |row| row.boolean(0))
            }
            #[cfg(feature = "mysql")]
            Self::MySql(connection) => {
                let lock = Statement::new(super::mysql::LOCK).value(name(chain)).text(super::mysql::LOCK_END);
                Ok(connection.run(&lock).await?.first().map_or(Ok(0), |row| row.integer(0))? == 1)
            }
        }
    }

    async fn give(&mut self, chain: Uuid) -> Result<(), Fault> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Files(directory, files) => {
                // Removed while it is locked: whoever has opened it meanwhile locks a file that
                // is none any more, and finds that the writer has left.
                let removed = std::fs::remove_file(directory.join(chain.to_string()));
                files.remove(&chain);
                match removed {
                    // Whoever held it before has removed it, and this one was opened just before.
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        Err(Fault::Unavailable(format!("the lock of a writer: {error}")))
                    }
                    _ => Ok(()),
                }
            }
            #[cfg(feature = "sqlite")]
            Self::Nothing => Ok(()),
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => {
                let unlock = Statement::new(super::postgres::UNLOCK).value(key(chain)).text(")");
                connection.run(&unlock).await.map(drop)
            }
            #[cfg(feature = "mysql")]
            Self::MySql(connection) => {
                let unlock = Statement::new(super::mysql::UNLOCK).value(name(chain)).text(super::mysql::UNLOCK_END);
                connection.run(&unlock).await.map(drop)
            }
        }
    }

    async fn is_alive(&mut self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Files(..) | Self::Nothing => true,
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => connection.run(&Statement::new("SELECT 1")).await.is_ok(),
            #[cfg(feature = "mysql")]
            Self::MySql(connection) => connection.run(&Statement::new("SELECT 1")).await.is_ok(),
        }
    }
}

/// The lock of a chain as PostgreSQL names it: a number in this database.
#[cfg(feature = "postgres")]
fn key(chain: Uuid) -> i64 {
    let digest = crate::hash::sha256(&[b"ormai_audit", chain.as_bytes()]);
    let [a, b, c, d, e, f, g, h, ..] = *digest.bytes();
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// The lock of a chain as MariaDB names it, for all of its databases.
#[cfg(feature = "mysql")]
fn name(chain: Uuid) -> String {
    format!("ormai_audit.{chain}")
}

/// The locked file of a chain; `None` when somebody else has locked it.
#[cfg(feature = "sqlite")]
fn lock_file(directory: &std::path::Path, chain: Uuid) -> Result<Option<File>, Fault> {
    use std::fs::{OpenOptions, TryLockError};

    let unavailable = |error| Fault::Unavailable(format!("the lock of a writer: {error}"));
    std::fs::create_dir_all(directory).map_err(unavailable)?;
    let path = directory.join(chain.to_string());
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(path).map_err(unavailable)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(unavailable(error)),
    }
}
