//! A thread that polls tasks, does work and knows the time.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::{PerProcess, Process};

static WORKER: PerProcess<Arc<Worker>> = PerProcess::new();

/// The worker of this process.
pub(super) fn worker() -> &'static Arc<Worker> {
    WORKER.here(Arc::default)
}

type Work = Box<dyn FnOnce() + Send>;

/// What a thread of its own does, one thing after the other.
#[derive(Default)]
pub(super) struct Worker {
    due: Mutex<Due>,
    woken: Condvar,
}

#[derive(Default)]
struct Due {
    ready: VecDeque<Job>,
    /// Who is to be woken when; the number tells apart what is due at the same time.
    timers: BTreeMap<(Instant, u64), Waker>,
    timed: u64,
    has_thread: bool,
}

enum Job {
    Poll(Arc<Task>),
    Work(Work),
}

struct Task {
    worker: Arc<Worker>,
    /// The process whose thread polls it; in another one nobody does.
    process: Process,
    /// `None` once it is over.
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    is_ready: AtomicBool,
}

impl Worker {
    pub(super) fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        self.push(Job::Poll(Arc::new(Task {
            worker: Arc::clone(self),
            process: Process::this(),
            future: Mutex::new(Some(Box::pin(task))),
            is_ready: AtomicBool::new(true),
        })))
    }

    pub(super) fn work(self: &Arc<Self>, work: Work) -> io::Result<()> {
        self.push(Job::Work(work))
    }

    pub(super) async fn sleep(&self, pause: Duration) {
        let Some(until) = Instant::now().checked_add(pause) else { return std::future::pending().await };
        std::future::poll_fn(|context| {
            if Instant::now() >= until {
                return Poll::Ready(());
            }
            let mut due = lock(&self.due);
            due.timed = due.timed.wrapping_add(1);
            let timed = due.timed;
            due.timers.insert((until, timed), context.waker().clone());
            drop(due);
            self.woken.notify_one();
            Poll::Pending
        })
        .await;
    }

    fn push(self: &Arc<Self>, job: Job) -> io::Result<()> {
        let mut due = lock(&self.due);
        if !due.has_thread {
            let worker = Arc::clone(self);
            thread::Builder::new().name("audit aside".to_owned()).spawn(move || worker.run())?;
            due.has_thread = true;
        }
        due.ready.push_back(job);
        drop(due);
        self.woken.notify_one();
        Ok(())
    }

    fn run(&self) {
        loop {
            // What panics has told nobody what came of it, and those who wait for it are told so by its end.
            let _ = match self.next() {
                Job::Poll(task) => catch_unwind(AssertUnwindSafe(|| task.poll())),
                Job::Work(work) => catch_unwind(AssertUnwindSafe(work)),
            };
        }
    }

    /// What is to be done next; waits for it.
    fn next(&self) -> Job {
        let mut due = lock(&self.due);
        loop {
            let now = Instant::now();
            if due.timers.first_key_value().is_some_and(|((until, _), _)| *until <= now) {
                let woken = due.timers.pop_first();
                // Waking takes the lock.
                drop(due);
                woken.into_iter().for_each(|(_, waker)| waker.wake());
                due = lock(&self.due);
            } else if let Some(job) = due.ready.pop_front() {
                return job;
            } else if let Some(((until, _), _)) = due.timers.first_key_value() {
                let pause = until.saturating_duration_since(now);
                due = self.woken.wait_timeout(due, pause).unwrap_or_else(PoisonError::into_inner).0;
            } else {
                due = self.woken.wait(due).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

impl Task {
    fn poll(self: Arc<Self>) {
        self.is_ready.store(false, Ordering::Release);
        // Taken out, so that one that panics is dropped.
        let Some(mut future) = lock(&self.future).take() else { return };
        let waker = Waker::from(Arc::clone(&self));
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            *lock(&self.future) = Some(future);
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if self.process.is_this() && !self.is_ready.swap(true, Ordering::AcqRel) {
            let worker = Arc::clone(&self.worker);
            // Its thread is there: it has been polled.
            let _ = worker.push(Job::Poll(self));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is done under these locks that could leave them half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use super::Worker;

    /// A task that waits for work waits for nobody but that: one thread does both.
    #[test]
    fn one_thread_polls_tasks_and_does_the_work_that_they_wait_for() {
        let worker: Arc<Worker> = Arc::default();
        let (said, says) = mpsc::channel();
        for number in 0..3 {
            let (said, of) = (said.clone(), Arc::clone(&worker));
            let task = async move {
                let (told, tells) = tokio::sync::oneshot::channel();
                of.work(Box::new(move || told.send(std::thread::current().id()).unwrap())).unwrap();
                let done_by = tells.await.unwrap();
                said.send((number, done_by == std::thread::current().id())).unwrap();
            };
            worker.spawn(task).unwrap();
        }
        let mut seen: Vec<(i32, bool)> = says.iter().take(3).collect();
        seen.sort_unstable();
        assert_eq!(seen, [(0, true), (1, true), (2, true)]);
    }

    #[test]
    fn what_panics_stops_nothing_else() {
        let worker: Arc<Worker> = Arc::default();
        let (said, says) = mpsc::channel();
        let dropped = said.clone();
        worker
            .spawn(async move {
                let _dropped = dropped;
                panic!("a store panics");
            })
            .unwrap();
        worker.work(Box::new(|| panic!("a store panics"))).unwrap();
        worker.work(Box::new(move || said.send(1).unwrap())).unwrap();
        assert_eq!(says.iter().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn who_sleeps_shorter_wakes_first() {
        let worker: Arc<Worker> = Arc::default();
        let (said, says) = mpsc::channel();
        let begun = Instant::now();
        for pause in [40, 1, 20] {
            let (said, of) = (said.clone(), Arc::clone(&worker));
            let task = async move {
                of.sleep(Duration::from_millis(pause)).await;
                said.send((pause, begun.elapsed() >= Duration::from_millis(pause))).unwrap();
            };
            worker.spawn(task).unwrap();
        }
        let seen: Vec<(u64, bool)> = says.iter().take(3).collect();
        assert_eq!(seen, [(1, true), (20, true), (40, true)]);
    }
}
