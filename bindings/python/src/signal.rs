//! Tells that a call can go on: to a thread that waits, or to an event loop.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Wake;
use std::time::Duration;

use pyo3::prelude::*;

/// The waker of a call.
#[derive(Default)]
pub(crate) struct Signal {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Default)]
struct State {
    is_woken: bool,
    callbacks: Vec<Py<PyAny>>,
}

impl Signal {
    /// It is not woken any more.
    pub(crate) fn take(&self) {
        self.lock().is_woken = false;
    }

    /// Nobody is called any more.
    pub(crate) fn forget(&self) {
        let callbacks = std::mem::take(&mut self.lock().callbacks);
        // Letting go of one may run code of Python's.
        drop(callbacks);
    }

    /// Whether it was woken since it was last taken.
    pub(crate) fn is_woken(&self) -> bool {
        self.lock().is_woken
    }

    /// Waits until it is woken, at most so long; tells whether it was. It stays woken.
    pub(crate) fn wait(&self, most: Duration) -> bool {
        let state = self.lock();
        if state.is_woken || most.is_zero() {
            return state.is_woken;
        }
        let waited = self.bell.wait_timeout_while(state, most, |state| !state.is_woken);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_woken
    }

    /// Has something called once it is woken, from any thread; at once when it is woken already.
    pub(crate) fn on_ready(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<()> {
        {
            let mut state = self.lock();
            if !state.is_woken {
                state.callbacks.push(callback);
                return Ok(());
            }
        }
        callback.call0(py).map(drop)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is done under the lock that could leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let callbacks = {
            let mut state = self.lock();
            state.is_woken = true;
            self.bell.notify_all();
            std::mem::take(&mut state.callbacks)
        };
        if callbacks.is_empty() {
            return;
        }
        // No interpreter is left to call when it ends meanwhile.
        Python::try_attach(|py| {
            for callback in callbacks {
                if let Err(error) = callback.call0(py) {
                    error.write_unraisable(py, None);
                }
            }
        });
    }
}
