//! The writers of a store: those that have not left stand in a table, and each holds its lock.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::alive::Locks;
use super::fault::Fault;
use super::pool::Pool;
use super::statement::Statement;
use crate::line::Line;
use crate::record::Entry;
use crate::store::Orphan;

/// How often the locks are looked after, while lines are written.
const KEEPING: Duration = Duration::from_secs(15);

const INSERT: &str = "INSERT INTO ormai_audit_writers (chain) VALUES (";
const DELETE: &str = "DELETE FROM ormai_audit_writers WHERE chain = ";
const OTHERS: &str = "SELECT chain FROM ormai_audit_writers WHERE chain <> ";
const ONE: &str = "SELECT chain FROM ormai_audit_writers WHERE chain = ";
const OPEN: &str = "SELECT entry FROM ormai_audit WHERE kind = 'intent' AND chain = ";
const WITHOUT_RECORD: &str = " AND NOT EXISTS (SELECT 1 FROM ormai_audit closed \
                              WHERE closed.id = ormai_audit.id AND closed.kind = 'record') ORDER BY seq";

/// The chains that this process writes to a store.
#[derive(Default)]
pub(super) struct Writers {
    own: Vec<Uuid>,
    locks: Locks,
    kept: Option<Instant>,
}

impl Writers {
    /// Lets a writer begin. The first one of a process hears of those that are gone, and holds
    /// their locks until they are settled: nobody else settles them meanwhile.
    pub(super) async fn enter(&mut self, chain: Uuid, pool: &Pool) -> Result<Vec<Orphan>, Fault> {
        if !self.locks.take(chain, pool).await? {
            return Err(Fault::Failed(format!("another process writes the chain {chain}")));
        }
        if let Err(fault) = list(chain, pool).await {
            let _ = self.locks.give(chain).await;
            return Err(fault);
        }
        let is_first = self.own.is_empty();
        self.own.push(chain);
        if !is_first || !self.locks.are_shared() {
            return Ok(Vec::new());
        }
        let others = pool.read(Statement::new(OTHERS).value(chain.to_string()).text(" ORDER BY chain")).await?;
        let mut orphans = Vec::new();
        for row in others {
            let Ok(other) = Uuid::try_parse(&row.text(0)?) else { continue };
            if !self.locks.take(other, pool).await? {
                continue;
            }
            // Somebody else may have settled it just now.
            if pool.read(Statement::new(ONE).value(other.to_string())).await?.is_empty() {
                self.locks.give(other).await?;
                continue;
            }
            orphans.push(Orphan { chain: other, open: open_intents(other, pool).await? });
        }
        Ok(orphans)
    }

    /// Nothing of a chain is open any more.
    pub(super) async fn leave(&mut self, chain: Uuid, pool: &Pool) -> Result<(), Fault> {
        pool.write(vec![Statement::new(DELETE).value(chain.to_string())]).await?;
        self.own.retain(|own| *own != chain);
        self.locks.give(chain).await
    }

    /// Whether it is time to look after the locks.
    pub(super) fn are_due(&mut self) -> bool {
        let is_due = self.kept.is_none_or(|kept| kept.elapsed() >= KEEPING);
        if is_due {
            self.kept = Some(Instant::now());
        }
        is_due
    }

    /// Sees to it that this process counts as alive.
    pub(super) async fn keep(&mut self, pool: &Pool) {
        if let Err(fault) = self.keep_locks(pool).await {
            tracing::warn!(?fault, "this process may not count as alive in the audit store");
        }
    }

    async fn keep_locks(&mut self, pool: &Pool) -> Result<(), Fault> {
        self.locks.look_after().await;
        if self.locks.hold(&self.own) {
            return Ok(());
        }
        tracing::warn!("the connection that held the locks of the audit chains was lost; they are taken anew");
        for chain in &self.own {
            if !self.locks.take(*chain, pool).await? {
                tracing::warn!(%chain, "another process takes this one for gone, and closes what it has open");
                continue;
            }
            // Whoever held it meanwhile may have settled it.
            list(*chain, pool).await?;
        }
        Ok(())
    }
}

/// Lists a writer; one that is listed stays so.
async fn list(chain: Uuid, pool: &Pool) -> Result<(), Fault> {
    match pool.write(vec![Statement::new(INSERT).value(chain.to_string()).text(")")]).await {
        Ok(()) | Err(Fault::Duplicate(_)) => Ok(()),
        Err(fault) => Err(fault),
    }
}

async fn open_intents(chain: Uuid, pool: &Pool) -> Result<Vec<crate::record::Record>, Fault> {
    let rows = pool.read(Statement::new(OPEN).value(chain.to_string()).text(WITHOUT_RECORD)).await?;
    let mut open = Vec::with_capacity(rows.len());
    for row in rows {
        let line = String::from_utf8(row.bytes(0)?).ok().and_then(Line::read);
        match line.as_ref().and_then(Entry::read) {
            Some(entry) => open.push(entry.record),
            None => tracing::error!(%chain, "an intent in the audit store cannot be read, and stays open"),
        }
    }
    Ok(open)
}

#[cfg(test)]
mod tests {
    use ormai_testkit::{Engine, TestDatabase};
    use uuid::Uuid;

    use super::Writers;
    use crate::sql::SqlStore;
    use crate::store::AuditStore as _;

    #[tokio::test]
    async fn a_writer_whose_lock_was_lost_takes_it_again() {
        for engine in [Engine::Postgres, Engine::MySql] {
            let database = TestDatabase::on(engine).await;
            let store = SqlStore::connect(database.url()).await.unwrap();
            store.install().await.unwrap();
            let (chain, mut writers) = (Uuid::now_v7(), Writers::default());
            writers.enter(chain, &store.pool).await.unwrap();
            let kill = match engine {
                Engine::MySql => format!("KILL IS_USED_LOCK('ormai_audit.{chain}')"),
                _ => "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory'
                      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                    .to_owned(),
            };
            database.execute(&kill).await;
            // Somebody takes it for gone, and settles it.
            let mut other = Writers::default();
            while !other.locks.take(chain, &store.pool).await.unwrap() {}
            other.leave(chain, &store.pool).await.unwrap();
            assert_eq!(database.count("ormai_audit_writers").await, 0, "{engine}");

            writers.keep(&store.pool).await;
            while !writers.locks.hold(&[chain]) {
                writers.keep(&store.pool).await;
            }
            assert_eq!(database.count("ormai_audit_writers").await, 1, "{engine}: it is listed again");
            assert!(!Writers::default().locks.take(chain, &store.pool).await.unwrap(), "{engine}: it is alive");
        }
    }
}
