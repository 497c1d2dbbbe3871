//! Those who append what waits, and what becomes of what a store did not take.

use std::sync::atomic::Ordering;
use std::sync::{Arc, TryLockError, Weak};
use std::time::Duration;

use super::queue::Waiting;
use super::{Closing, Inner, Owed, Said, Writer, lock};
use crate::aside;
use crate::line::Line;
use crate::store::StoreError;

/// The most records that are owed to a store. What is more stays an open intent, and is closed by the
/// next start.
const MOST_OWED: usize = 1_000;
/// How long a store is left alone that owes records, unless something else is appended to it.
const AGAIN: Duration = Duration::from_secs(5);

/// How many batches one caller appends for others before it lets somebody else go on.
const BATCHES_FOR_OTHERS: usize = 4;

impl Writer {
    /// Begins to append what waits in a task of its own, unless one does.
    pub(super) fn start_flush(&self) {
        {
            let mut queue = lock(&self.0.queue);
            if queue.is_flushing {
                return;
            }
            queue.is_flushing = true;
        }
        // From here on whatever becomes of the task is told.
        let flushing = Flushing { writer: self.clone(), batch: Vec::new(), is_over: false };
        if let Err(error) = aside::spawn(flushing.run()) {
            tracing::error!(%error, store = self.0.store.name(), "audit records could not be written");
        }
    }

    /// Appends at once what waits, unless somebody else is about to. Whoever has the chain looks
    /// again after giving it back, so that no thread waits for another one.
    pub(super) fn serve(&self) {
        if !self.0.process.is_this() {
            // The process that began it goes on with it.
            return;
        }
        let mut batches = 0;
        while lock(&self.0.queue).is_due() {
            let mut end = match self.0.end.try_lock() {
                Ok(end) => end,
                Err(TryLockError::Poisoned(end)) => {
                    // A store that panicked has told nobody what it wrote.
                    let mut end = end.into_inner();
                    self.0.end.clear_poison();
                    self.0.begin_anew(&mut end);
                    end
                }
                Err(TryLockError::WouldBlock) => return,
            };
            loop {
                if !end.is_entered || self.0.is_in_doubt() {
                    // The store is asked first, and that takes a while.
                    drop(end);
                    return self.start_flush();
                }
                let Some(batch) = lock(&self.0.queue).take() else { break };
                let appended = self.0.append_now(&mut end, &batch);
                self.tell(batch, appended);
                batches += 1;
                if batches >= BATCHES_FOR_OTHERS {
                    drop(end);
                    let writer = self.clone();
                    if aside::spawn(async move { writer.serve() }).is_ok() {
                        return;
                    }
                    break;
                }
            }
        }
    }

    /// Keeps a record that was not taken, for the next time.
    fn owe(&self, closing: Arc<Closing>, error: &StoreError) {
        let (store, id) = (self.0.store.name(), closing.id.as_str());
        let mut owed = lock(&self.0.owed);
        if owed.len() >= MOST_OWED {
            tracing::error!(%error, store, id, "a record was not taken, and too many are owed: the next start closes it");
            return;
        }
        tracing::error!(%error, store, id, "a record was not taken; it will be tried again");
        let is_first = owed.is_empty();
        owed.push_back(Owed { closing, is_doubtful: matches!(error, StoreError::Doubtful(_)) });
        drop(owed);
        if is_first {
            self.try_again();
        }
    }

    /// Appends what is owed, should nothing else be appended before.
    fn try_again(&self) {
        let weak = Arc::downgrade(&self.0);
        // Without a thread for it the next line brings it.
        let _ = aside::spawn(async move {
            loop {
                aside::sleep(AGAIN).await;
                let Some(inner) = weak.upgrade() else { return };
                if lock(&inner.owed).is_empty() {
                    return;
                }
                // What fails is tried again as long as the process lives.
                let _ = Self(inner).pay().await;
            }
        });
    }

    /// Appends what is owed, with a checkpoint behind it.
    pub(super) async fn pay(&self) -> Result<(), StoreError> {
        self.0.unsealed.fetch_add(1, Ordering::Relaxed);
        self.seal().await.map(|_| ())
    }

    /// Tells what became of lines, to those who still wait for them.
    fn tell(&self, batch: Vec<Waiting>, appended: Result<Vec<Line>, StoreError>) {
        let mut appended = appended.map(Vec::into_iter);
        for Waiting { said, told } in batch {
            let line = match &mut appended {
                Ok(lines) => Ok(lines.next()),
                Err(error) => Err(error.clone()),
            };
            match (line, said) {
                (Ok(line), Said::Seal(_)) => drop(told.send(Ok(line))),
                (Ok(_), Said::Body(_) | Said::Note(_) | Said::Closing(_)) => {
                    self.count();
                    drop(told.send(Ok(None)));
                }
                (Err(error), Said::Closing(closing)) => {
                    // First, so that it goes before whatever is said by who hears of it.
                    self.owe(closing, &error);
                    drop(told.send(Err(error)));
                }
                (Err(error), Said::Note(closing)) => {
                    if told.send(Err(error.clone())).is_err() {
                        self.owe(closing, &error);
                    }
                }
                (Err(error), Said::Body(_) | Said::Seal(_)) => drop(told.send(Err(error))),
            }
        }
    }

    /// Tells all who wait that nothing of theirs was written.
    fn give_up(&self, error: &StoreError) {
        let waiting = std::mem::take(&mut lock(&self.0.queue).waiting);
        self.tell(waiting, Err(error.clone()));
    }

    /// Counts a line, and sees to it that it is sealed in time.
    fn count(&self) {
        let inner = &self.0;
        let unsealed = inner.unsealed.fetch_add(1, Ordering::Relaxed) + 1;
        if unsealed.is_multiple_of(inner.options.checkpoint_every.max(1)) {
            let writer = self.clone();
            // Without a thread for it, and when it fails, the next one seals these lines too.
            let _ = aside::spawn(async move {
                if let Err(error) = writer.seal().await {
                    tracing::warn!(%error, "a checkpoint could not be made; it will be tried again");
                }
            });
        }
        if inner.is_timed.swap(true, Ordering::AcqRel) {
            return;
        }
        let (timed, pause) = (Timed(Arc::downgrade(inner)), inner.options.checkpoint_after);
        // Without a thread for it the next line begins it.
        let _ = aside::spawn(async move {
            let mut wait = pause;
            loop {
                aside::sleep(wait).await;
                let Some(inner) = timed.0.upgrade() else { return };
                wait = match Self(Arc::clone(&inner)).seal().await {
                    Ok(_) => {
                        inner.is_timed.store(false, Ordering::Release);
                        // What was counted before that began no timer of its own.
                        if inner.unsealed.load(Ordering::Acquire) == 0 || inner.is_timed.swap(true, Ordering::AcqRel) {
                            return;
                        }
                        pause
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a checkpoint could not be made; it will be tried again");
                        pause.max(AGAIN)
                    }
                };
            }
        });
    }
}

/// Stands for a checkpoint that will be made in time. Without one, the next line begins one.
struct Timed(Weak<Inner>);

impl Drop for Timed {
    fn drop(&mut self) {
        if let Some(inner) = self.0.upgrade() {
            inner.is_timed.store(false, Ordering::Release);
        }
    }
}

/// A flush that is under way: it appends what waits, all that came meanwhile at once, until nothing
/// does. Nobody waits for ever for one that a runtime drops half way.
struct Flushing {
    writer: Writer,
    /// What is being appended.
    batch: Vec<Waiting>,
    is_over: bool,
}

impl Flushing {
    async fn run(mut self) {
        while self.next() {
            let appended = self.writer.0.append_all(&self.batch).await;
            self.writer.tell(std::mem::take(&mut self.batch), appended);
        }
    }

    /// Takes the next batch; whether there is one.
    fn next(&mut self) -> bool {
        let mut queue = lock(&self.writer.0.queue);
        self.batch = queue.batch();
        // Said under the same lock as seen, so that nobody is overlooked.
        self.is_over = self.batch.is_empty();
        queue.is_flushing = !self.is_over;
        !self.is_over
    }
}

impl Drop for Flushing {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        lock(&self.writer.0.queue).is_flushing = false;
        if !self.batch.is_empty() {
            self.writer.0.begin_anew(&mut lock(&self.writer.0.end));
            let error = StoreError::Doubtful("the runtime ended".to_owned());
            self.writer.tell(std::mem::take(&mut self.batch), Err(error));
        }
        self.writer.give_up(&StoreError::Unavailable("the runtime ended".to_owned()));
    }
}
