//! The runtime of the module's own connections: made when the first of them is, and never otherwise.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use tokio::runtime::{Builder, EnterGuard, Handle};

/// The runtime of this process. A process that was forked has the other's without its threads, so it makes
/// one of its own, and leaves the other one as it is: nobody could end it.
static RUNTIME: Mutex<Option<Arc<Made>>> = Mutex::new(None);

/// Threads of the runtime; they wait for sockets most of the time.
const THREADS: usize = 2;

struct Made {
    process: u32,
    runtime: tokio::runtime::Runtime,
}

/// The runtime that connections belong to.
#[derive(Clone)]
pub(crate) struct Runtime(Arc<Made>);

impl Runtime {
    /// The runtime of this process, which is made when there is none.
    pub(crate) fn get() -> PyResult<Self> {
        let mut slot = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if let Some(made) = slot.as_ref().filter(|made| made.process == process) {
            return Ok(Self(Arc::clone(made)));
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("ormai")
            .enable_all()
            .build()
            .map_err(|error| PyOSError::new_err(format!("no threads can be started: {error}")))?;
        let made = Arc::new(Made { process, runtime });
        // Its threads are those of another process, and ending it would wait for them.
        std::mem::forget(slot.replace(Arc::clone(&made)));
        Ok(Self(made))
    }

    /// Refuses in a process that was forked after the connections were opened: nothing would ever come back
    /// over them, and both processes would read from the same sockets.
    pub(crate) fn check(&self) -> PyResult<()> {
        if self.0.process == std::process::id() {
            return Ok(());
        }
        Err(PyRuntimeError::new_err(
            "the connections were opened before this process was forked: connect again in this one",
        ))
    }

    /// Has what is polled find the runtime, as long as the guard lives.
    pub(crate) fn enter(&self) -> EnterGuard<'_> {
        self.handle().enter()
    }

    fn handle(&self) -> &Handle {
        self.0.runtime.handle()
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("process", &self.0.process).finish_non_exhaustive()
    }
}
