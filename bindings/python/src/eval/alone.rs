//! Work that stays on the thread that began it, as transactions inside of an evaluation do.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as Poller, Poll};

use ormai::error::{Error, ErrorCode};
use ormai::{RunContext, Toolset};
use send_wrapper::SendWrapper;

use crate::context::Context;
use crate::failure::internal;
use crate::mailbox::Mailbox;
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

/// Does something on one connection: that of the context, where it has one, or else in a transaction on one of
/// the toolset's own, where it is undone unless it is to be kept. What tools of the project's own call runs there
/// too.
pub(super) async fn on_one<T>(
    tools: &Toolset,
    run: &RunContext<'static>,
    keeps: bool,
    work: impl AsyncFn(&RunContext<'static>) -> T,
) -> Result<T, Error> {
    if run.is_held() {
        return Ok(work(run).await);
    }
    let (done, work) = (RefCell::new(None), &work);
    let outcome = tools.transaction_with(run, |inner| {
        let done = &done;
        async move {
            let came = moved_to(Arc::new(inner.shared()), work(&inner)).await?;
            *done.borrow_mut() = Some(came);
            if keeps { Ok(()) } else { Err(Error::new(ErrorCode::Internal, "what an evaluation does is undone")) }
        }
    });
    let outcome = outcome.await;
    match (done.into_inner(), outcome) {
        (Some(came), Ok(())) => Ok(came),
        (Some(came), Err(_)) if !keeps => Ok(came),
        (_, Err(refused)) => Err(refused.into_error()),
        (None, Ok(())) => Err(internal("the transaction did nothing")),
    }
}

/// Does something whose orders for tools of the project's own are handed out for another context.
async fn moved_to<T>(context: Arc<RunContext<'static>>, work: impl Future<Output = T>) -> Result<T, Error> {
    let mailbox = Mailbox::current().ok_or_else(|| internal("an evaluation was made outside of a step"))?;
    let (mailbox, mut work) = (mailbox.moved_to(context), pin!(work));
    Ok(poll_fn(|poller| {
        let _open = mailbox.open();
        work.as_mut().poll(poller)
    })
    .await)
}
