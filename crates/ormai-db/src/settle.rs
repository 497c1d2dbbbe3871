//! Futures where nothing can be awaited: in a `drop`.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// Polls a future once: what it has to send is sent, and its answer is left to whoever uses the
/// connection next.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) fn begun<F: Future>(future: F) {
    let _ = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
}

/// Waits for a future without an executor; `None` when it takes longer than that.
pub(crate) fn settled<F: Future>(future: F, patience: Duration) -> Option<F::Output> {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let give_up = Instant::now() + patience;
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        std::thread::park_timeout(give_up.checked_duration_since(Instant::now())?);
    }
}

/// The same where another thread hears what a server answers; else [`begun`].
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) fn answered<F: Future>(future: F, patience: Duration) {
    use tokio::runtime::{Handle, RuntimeFlavor};

    let is_heard = Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    let _ = settled(future, if is_heard { patience } else { Duration::ZERO });
}
