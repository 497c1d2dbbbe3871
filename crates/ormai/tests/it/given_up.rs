//! Calls that are given up half way.

use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that is dropped after it was polled so often and was not done.
pub(crate) struct GivenUp<F> {
    inner: Pin<Box<F>>,
    polls: usize,
}

/// Polls a future so often at most; `None` when it was not done by then.
pub(crate) fn given_up<F: Future>(inner: F, polls: usize) -> GivenUp<F> {
    GivenUp { inner: Box::pin(inner), polls }
}

impl<F: Future> Future for GivenUp<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(output) = self.inner.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        self.polls = self.polls.saturating_sub(1);
        if self.polls == 0 { Poll::Ready(None) } else { Poll::Pending }
    }
}
