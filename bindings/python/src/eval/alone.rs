//! Work that stays on the thread that began it, as transactions inside of an evaluation do.

use std::pin::Pin;
use std::task::{Context as Poller, Poll};

use ormai::error::Error;
use send_wrapper::SendWrapper;

use crate::context::Context;
use crate::failure::internal;
use crate::native::Native;
use crate::running::{Outcome, Running};

type Work = Pin<Box<dyn Future<Output = Result<Outcome, Error>>>>;

/// Polled by the thread that made it; another one is refused.
struct Alone(SendWrapper<Work>);

impl Future for Alone {
    type Output = Result<Outcome, Error>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        if !self.0.valid() {
            return Poll::Ready(Err(internal("an evaluation is gone on with by the thread that began it")));
        }
        self.0.as_mut().poll(poller)
    }
}

/// An evaluation on the connection of a context.
pub(super) fn evaluating(
    native: &Native,
    context: &Context,
    work: impl Future<Output = Result<Outcome, Error>> + 'static,
) -> Running {
    Running::of(Alone(SendWrapper::new(Box::pin(work))), native.runtime.clone()).within(context)
}
