//! A call under way, which Python steps.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::task::{Context as Poller, Poll, Waker};
use std::time::{Duration, Instant};

use ormai::db::host::{HostError, Opened};
use ormai::error::{Error, ErrorCode};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::convert::{error_of, json, rows, to_python};
use crate::failure::{internal, raised};
use crate::mailbox::{Answer, Mailbox, Order};
use crate::orders;
use crate::runtime::Runtime;
use crate::signal::Signal;

/// What a call came to, to be made a Python object of.
pub(crate) type Outcome = Box<dyn for<'py> FnOnce(Python<'py>) -> PyResult<Bound<'py, PyAny>> + Send>;

/// A call that can be polled.
pub(crate) type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// How often a thread that waits looks for a signal such as that of Ctrl-C.
const LOOK: Duration = Duration::from_millis(50);

/// How long a step waits itself for what its own connections are about to answer, as long as no other call
/// waits: waking another thread, or an event loop, takes as long as a fast statement.
const LINGER: Duration = Duration::from_micros(500);

/// How often a call is polled again at once when it asks for that, before it is said to wait.
const AT_ONCE: usize = 64;

/// A call under way.
///
/// `step` goes on with it until it wants something of its host, waits, or is done. Whoever steps carries out
/// what is wanted and steps again with what came of it.
#[pyclass(frozen, module = "ormai._ormai")]
pub(crate) struct Running {
    inner: Mutex<Inner>,
    mailbox: Mailbox,
    signal: Arc<Signal>,
}

struct Inner {
    /// `None` once it is done or given up.
    work: Option<Work>,
    out: Out,
    runtime: Option<Runtime>,
    waits: Option<Waits>,
    /// What it leaves open on a host's connection when it is given up.
    opened: Option<Opened>,
    /// What is said when it fails by a fault of its own.
    fault: fn(Error) -> Outcome,
}

/// How many calls wait for connections of the module's own.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Stands for one of them.
struct Waits;

impl Waits {
    fn begin() -> Self {
        WAITING.fetch_add(1, Ordering::Relaxed);
        Self
    }

    fn any() -> bool {
        WAITING.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What was handed out last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Out {
    Nothing,
    Waiting,
    Control,
    Statement,
    Tool,
    Inside,
}

/// Where a poll ended.
enum Turn {
    Done(Outcome),
    Asked(Order),
    Waits,
}

impl Running {
    /// A call whose outcome is what `work` comes to; what it fails with is raised.
    pub(crate) fn of(
        work: impl Future<Output = Result<Outcome, Error>> + Send + 'static,
        runtime: Option<Runtime>,
    ) -> Self {
        let work = async move { work.await.unwrap_or_else(raising) };
        Self::with(Box::pin(work), runtime, raising)
    }

    /// A call whose refusals are outcomes, also that of a fault of its own.
    pub(crate) fn answering(
        work: impl Future<Output = Outcome> + Send + 'static,
        runtime: Option<Runtime>,
        fault: fn(Error) -> Outcome,
    ) -> Self {
        Self::with(Box::pin(work), runtime, fault)
    }

    fn with(work: Work, runtime: Option<Runtime>, fault: fn(Error) -> Outcome) -> Self {
        let inner = Inner { work: Some(work), out: Out::Nothing, runtime, waits: None, opened: None, fault };
        Self { inner: Mutex::new(inner), mailbox: Mailbox::default(), signal: Arc::default() }
    }

    /// Says who is asked: where the calls of a tool of the project's own run.
    pub(crate) fn within(mut self, context: &crate::context::Context) -> Self {
        self.mailbox = Mailbox::of(Arc::clone(&context.run));
        if let Ok(inner) = self.inner.get_mut() {
            inner.opened = context.opened.clone();
        }
        self
    }

    /// For one step; there is no other at the same time.
    fn claim(&self) -> PyResult<MutexGuard<'_, Inner>> {
        match self.inner.try_lock() {
            Ok(inner) => Ok(inner),
            // Nothing under the lock panics but what is caught.
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {
                Err(PyRuntimeError::new_err("the call is being stepped by another thread"))
            }
        }
    }

    fn go_on<'py>(&self, py: Python<'py>, inner: &mut Inner) -> PyResult<Bound<'py, PyTuple>> {
        if let Some(runtime) = &inner.runtime {
            runtime.check()?;
        }
        let turn = py.detach(|| inner.turn(&self.mailbox, &self.signal));
        let (out, order) = match turn {
            Turn::Done(outcome) => (Out::Nothing, orders::done(py, outcome(py)?)?),
            Turn::Waits => (Out::Waiting, orders::wait(py)?),
            Turn::Asked(order) => {
                let out = match &order {
                    Order::Control(_) => Out::Control,
                    Order::Fixed(_) | Order::Statement(_) => Out::Statement,
                    Order::Tool { .. } => Out::Tool,
                    Order::Inside(_) => Out::Inside,
                };
                (out, orders::asked(py, order)?)
            }
        };
        inner.out = out;
        Ok(order)
    }
}

impl Inner {
    fn ensure_live(&self) -> PyResult<()> {
        match self.work {
            Some(_) => Ok(()),
            None => Err(PyRuntimeError::new_err("the call has come to its end")),
        }
    }

    /// Polls until it is done, wants something or has to wait.
    fn turn(&mut self, mailbox: &Mailbox, signal: &Arc<Signal>) -> Turn {
        self.waits = None;
        let Some(work) = &mut self.work else { return Turn::Waits };
        let until = match &self.runtime {
            Some(_) if !Waits::any() => Some(Instant::now() + LINGER),
            _ => None,
        };
        let entered = self.runtime.as_ref().map(Runtime::enter);
        let open = mailbox.open();
        let waker = Waker::from(Arc::clone(signal));
        let mut poller = Poller::from_waker(&waker);
        for _ in 0..AT_ONCE {
            signal.take();
            match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(&mut poller))) {
                Ok(Poll::Pending) => {}
                Ok(Poll::Ready(outcome)) => {
                    self.work = None;
                    return Turn::Done(outcome);
                }
                Err(_) => {
                    let work = self.work.take();
                    // What panicked once may do so again when it goes.
                    let _ = catch_unwind(AssertUnwindSafe(|| drop(work)));
                    return Turn::Done((self.fault)(internal("the call failed by a fault of its own")));
                }
            }
            if let Some(order) = mailbox.take() {
                return Turn::Asked(order);
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now())).unwrap_or_default();
            if !signal.is_woken() && !signal.wait(left) {
                break;
            }
        }
        drop((open, entered));
        self.waits = self.runtime.is_some().then(Waits::begin);
        Turn::Waits
    }

    /// Lets go of the work, where what it holds of a runtime can be let go of.
    fn let_go(&mut self) {
        let entered = self.runtime.as_ref().filter(|runtime| runtime.check().is_ok()).map(Runtime::enter);
        let work = self.work.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(work)));
        self.waits = None;
        drop(entered);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.work.is_some() {
            self.let_go();
        }
    }
}

#[pymethods]
impl Running {
    /// Goes on with the call: `answer` is what came of the order before.
    #[pyo3(signature = (answer=None))]
    fn step<'py>(&self, py: Python<'py>, answer: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyTuple>> {
        let mut inner = self.claim()?;
        inner.ensure_live()?;
        let given = match (inner.out, answer) {
            (Out::Nothing | Out::Waiting, None) => None,
            (Out::Nothing | Out::Waiting, Some(_)) => {
                return Err(PyRuntimeError::new_err("an answer was given, and nothing was asked"));
            }
            (Out::Control, None) => Some(Answer::Rows(crate::host::nothing())),
            (Out::Control, Some(_)) => return Err(PyTypeError::new_err("the answer to a control is None")),
            (Out::Statement, Some(answer)) => Some(Answer::Rows(rows(answer)?)),
            (Out::Statement, None) => {
                return Err(PyTypeError::new_err("the answer to a statement is (rows, rowcount, lastrowid, oids)"));
            }
            (Out::Tool, answer) => {
                let told = match answer {
                    None => Ok(serde_json::Value::Null),
                    Some(answer) => json(answer).map_err(|misfit| misfit.into_py_err(py)),
                };
                Some(Answer::Told(Ok(told?)))
            }
            (Out::Inside, Some(answer)) => Some(Answer::Kept(Ok(answer.extract::<bool>()?))),
            (Out::Inside, None) => {
                return Err(PyTypeError::new_err("the answer to what was done inside is True (keep) or False (undo)"));
            }
        };
        if let Some(given) = given {
            self.mailbox.answer(given);
        }
        self.go_on(py, &mut inner)
    }

    /// Goes on with the call after the driver could not carry out the order before.
    #[pyo3(signature = (code, message, lost=false))]
    fn fail<'py>(
        &self,
        py: Python<'py>,
        code: Option<String>,
        message: String,
        lost: bool,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let mut inner = self.claim()?;
        inner.ensure_live()?;
        if !matches!(inner.out, Out::Control | Out::Statement) {
            return Err(PyRuntimeError::new_err("nothing was asked of a driver"));
        }
        let error = if lost { HostError::Lost(message) } else { HostError::Refused { code, message } };
        self.mailbox.answer(Answer::Failed(error));
        self.go_on(py, &mut inner)
    }

    /// Goes on with the call after a tool refused, or what was done inside of a transaction failed.
    fn refuse<'py>(&self, py: Python<'py>, error: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyTuple>> {
        let mut inner = self.claim()?;
        inner.ensure_live()?;
        let error = error_of(error)?;
        self.mailbox.answer(match inner.out {
            Out::Tool => Answer::Told(Err(error)),
            Out::Inside => Answer::Kept(Err(error)),
            _ => return Err(PyRuntimeError::new_err("nothing was asked that can be refused")),
        });
        self.go_on(py, &mut inner)
    }

    /// Blocks until stepping makes sense, without holding the interpreter.
    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        {
            let inner = self.claim()?;
            inner.ensure_live()?;
            if inner.out != Out::Waiting {
                return Err(PyRuntimeError::new_err("the call does not wait"));
            }
        }
        loop {
            if py.detach(|| self.signal.wait(LOOK)) {
                return Ok(());
            }
            py.check_signals()?;
        }
    }

    /// Has `callback` called once when stepping makes sense, from any thread.
    fn on_ready(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<()> {
        {
            let inner = self.claim()?;
            inner.ensure_live()?;
            if inner.out != Out::Waiting {
                return Err(PyRuntimeError::new_err("the call does not wait"));
            }
        }
        self.signal.on_ready(py, callback)
    }

    /// Gives the call up. The texts undo, one by one and each also when one before it failed, what is open
    /// on the host's connection.
    fn cancel(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let mut inner = self.claim()?;
        let Some(_) = inner.work else { return Ok(Vec::new()) };
        let inner = &mut *inner;
        py.detach(|| inner.let_go());
        inner.out = Out::Nothing;
        self.signal.forget();
        let undo = inner.opened.as_ref().map(Opened::undo).unwrap_or_default();
        Ok(undo.into_iter().map(String::from).collect())
    }

    fn __repr__(&self) -> &'static str {
        match self.claim().map(|inner| (inner.work.is_some(), inner.out)) {
            Ok((false, _)) => "<Running: done>",
            Ok((true, Out::Nothing)) => "<Running: not begun>",
            Ok((true, Out::Waiting)) => "<Running: waits>",
            Ok((true, _)) => "<Running: wants something of its host>",
            Err(_) => "<Running: being stepped>",
        }
    }
}

/// An outcome that raises an error.
pub(crate) fn raising(error: Error) -> Outcome {
    Box::new(move |py| Err(raised(py, &error)))
}

/// An outcome that is written down as a Python object.
pub(crate) fn written(value: impl serde::Serialize + Send + 'static) -> Outcome {
    Box::new(move |py| to_python(py, &value))
}

/// What is said of a transaction that its caller undoes without saying why.
pub(crate) fn undone() -> Error {
    Error::new(ErrorCode::Internal, "what was done in the transaction failed; nothing of it was kept")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stepped(py: Python<'_>, running: &Running) -> PyResult<String> {
        running.step(py, None).map(|order| order.to_string())
    }

    #[test]
    fn a_panic_is_a_fault_and_nothing_of_it_is_told() {
        Python::initialize();
        Python::attach(|py| {
            let running = Running::of(async { panic!("a secret") }, None);
            let error = stepped(py, &running).unwrap_err().to_string();
            assert!(error.contains("INTERNAL"), "{error}");
            assert!(!error.contains("secret"), "{error}");
            assert!(stepped(py, &running).unwrap_err().to_string().contains("come to its end"));

            let running = Running::answering(async { panic!("a secret") }, None, crate::calls::refused);
            let outcome = stepped(py, &running).unwrap();
            assert!(outcome.contains("'success': False") && outcome.contains("INTERNAL"), "{outcome}");
            assert!(!outcome.contains("secret"), "{outcome}");
        });
    }

    #[test]
    fn what_panics_when_it_goes_harms_nobody() {
        struct Bomb;

        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("on purpose");
            }
        }

        Python::initialize();
        Python::attach(|py| {
            let work = async {
                let _bomb = Bomb;
                std::future::pending::<Result<Outcome, Error>>().await
            };
            let running = Running::of(work, None);
            assert_eq!(stepped(py, &running).unwrap(), "('wait',)");
            assert_eq!(running.cancel(py).unwrap(), Vec::<String>::new());
        });
    }

    #[test]
    fn work_that_yields_is_gone_on_with_and_does_not_spin_for_ever() {
        Python::initialize();
        Python::attach(|py| {
            let work = async {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
                Ok(written(7))
            };
            assert_eq!(stepped(py, &Running::of(work, None)).unwrap(), "('done', 7)");
            let endless = async {
                loop {
                    tokio::task::yield_now().await;
                }
            };
            let running = Running::of(endless, None);
            assert_eq!(stepped(py, &running).unwrap(), "('wait',)");
            running.wait(py).unwrap();
            assert_eq!(stepped(py, &running).unwrap(), "('wait',)");
        });
    }
}
