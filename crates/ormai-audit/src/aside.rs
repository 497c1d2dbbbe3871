//! What is done while nobody waits for it, or where it is in nobody's way.
//!
//! On a runtime it is done there. A process without one, such as one whose connections belong to a host
//! of another language, has one thread for all of it, which is made when it is first needed.

mod worker;

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use self::worker::worker;
use crate::store::StoreError;

/// Goes on with something by itself.
///
/// # Errors
///
/// [`StoreError::Unavailable`] where there is no thread for it; then it has been dropped.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Result<(), StoreError> {
    match Handle::try_current() {
        Ok(runtime) => {
            runtime.spawn(task);
            Ok(())
        }
        Err(_) => worker().spawn(task).map_err(|error| no_thread(&error)),
    }
}

/// Waits; of use in what was spawned.
pub(crate) async fn sleep(pause: Duration) {
    match Handle::try_current() {
        Ok(_) => tokio::time::sleep(pause).await,
        Err(_) => worker().sleep(pause).await,
    }
}

/// Does something that takes long enough to be in the way of whoever polls.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    if Handle::try_current().is_ok() {
        let done = tokio::task::spawn_blocking(work).await;
        return done.map_err(|error| StoreError::Failed(error.to_string()))?;
    }
    let (told, tells) = oneshot::channel();
    // Nobody may be waiting any more.
    let work = Box::new(move || drop(told.send(work())));
    worker().work(work).map_err(|error| no_thread(&error))?;
    tells.await.map_err(|_| StoreError::Failed("what was done aside panicked".to_owned()))?
}

/// Whether there is a runtime, which drivers of databases do not do without.
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub(crate) fn has_runtime() -> bool {
    Handle::try_current().is_ok()
}

fn no_thread(error: &std::io::Error) -> StoreError {
    StoreError::Unavailable(format!("no thread to write in: {error}"))
}
