//! Where a call under way and its host meet: orders out, answers in.
//!
//! One order is out at a time. Each has a number, so that the answer to an order that nobody waits for any
//! more is never taken for the answer to the next.

use std::borrow::Cow;
use std::cell::RefCell;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ormai::RunContext;
use ormai::db::host::{Answered, Bound, HostError};
use ormai::error::Error;
use ormai::value::ColumnType;
use serde_json::Value as Json;

/// What the host is to do.
pub(crate) enum Order {
    /// Texts to run one after the other, without parameters and rows.
    Control(Vec<Cow<'static, str>>),
    /// A text without parameters, whose rows are wanted.
    Fixed(&'static str),
    /// A statement with its parameters.
    Statement(Box<Asked>),
    /// A tool of the project's own is to be called.
    Tool { name: String, arguments: Json, context: Box<RunContext<'static>> },
    /// A transaction has begun: the calls in it are to be made now.
    Inside(Box<RunContext<'static>>),
}

/// A statement for a driver.
pub(crate) struct Asked {
    pub(crate) bound: Bound,
    pub(crate) limit: Duration,
    pub(crate) is_change: bool,
    pub(crate) columns: Vec<ColumnType>,
    /// Texts that are run before it and after it, in the same round trip.
    pub(crate) before: Vec<Cow<'static, str>>,
    pub(crate) after: Vec<Cow<'static, str>>,
}

/// What came of an order.
pub(crate) enum Answer {
    /// Rows, or nothing at all for a control.
    Rows(Answered),
    /// The driver did not do it.
    Failed(HostError),
    /// What a tool answered, or why it refused.
    Told(Result<Json, Error>),
    /// Whether what was done inside is to be kept.
    Kept(Result<bool, Error>),
}

/// The place itself; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Mailbox {
    state: Arc<Mutex<State>>,
    /// Where the call runs, for the calls that are made for it.
    context: Option<Arc<RunContext<'static>>>,
}

#[derive(Default)]
struct State {
    number: u64,
    at: Option<(u64, Stage)>,
    /// Who waits for the answer, or for their turn.
    waiting: Vec<Waker>,
}

enum Stage {
    /// The order is there to be taken.
    Asked(Order),
    /// It was taken.
    Out,
    /// It was taken, and nobody waits for what comes of it.
    Abandoned,
    Answered(Answer),
}

thread_local! {
    /// The mailbox of the call that is polled on this thread. A connection is shared by several calls, so
    /// it cannot know whose order it hands out.
    static CURRENT: RefCell<Option<Mailbox>> = const { RefCell::new(None) };
}

/// Makes a mailbox the current one of this thread, as long as it lives.
pub(crate) struct Open(Option<Mailbox>);

impl Drop for Open {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

impl Mailbox {
    /// That of a call in a context.
    pub(crate) fn of(context: Arc<RunContext<'static>>) -> Self {
        Self { state: Arc::default(), context: Some(context) }
    }

    /// The same for what is done in another context.
    pub(crate) fn moved_to(&self, context: Arc<RunContext<'static>>) -> Self {
        Self { state: Arc::clone(&self.state), context: Some(context) }
    }

    /// Where the call runs.
    pub(crate) fn context(&self) -> Option<&RunContext<'static>> {
        self.context.as_deref()
    }

    /// Makes it the one that is asked on this thread.
    pub(crate) fn open(&self) -> Open {
        Open(CURRENT.replace(Some(self.clone())))
    }

    /// The one that is asked on this thread.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Hands out an order and waits for what comes of it.
    pub(crate) fn ask(self, order: Order) -> Asking {
        Asking { mailbox: self, order: Some(order), number: None }
    }

    /// The order that waits to be taken.
    pub(crate) fn take(&self) -> Option<Order> {
        let mut state = self.lock();
        match state.at.take() {
            Some((number, Stage::Asked(order))) => {
                state.at = Some((number, Stage::Out));
                Some(order)
            }
            other => {
                state.at = other;
                None
            }
        }
    }

    /// Gives the answer to the order that was taken.
    pub(crate) fn answer(&self, answer: Answer) {
        let waiting = {
            let mut state = self.lock();
            state.at = match state.at.take() {
                Some((number, Stage::Out)) => Some((number, Stage::Answered(answer))),
                Some((_, Stage::Abandoned)) => None,
                other => other,
            };
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is done under the lock that could leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An order on its way.
pub(crate) struct Asking {
    mailbox: Mailbox,
    order: Option<Order>,
    number: Option<u64>,
}

impl Future for Asking {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let this = &mut *self;
        let mut state = this.mailbox.lock();
        match this.number {
            None if state.at.is_none() => {
                if let Some(order) = this.order.take() {
                    state.number += 1;
                    let number = state.number;
                    this.number = Some(number);
                    state.at = Some((number, Stage::Asked(order)));
                }
            }
            Some(mine) => match state.at.take() {
                Some((number, Stage::Answered(answer))) if number == mine => {
                    let waiting = std::mem::take(&mut state.waiting);
                    drop(state);
                    this.number = None;
                    waiting.into_iter().for_each(Waker::wake);
                    return Poll::Ready(answer);
                }
                other => state.at = other,
            },
            None => {}
        }
        let waker = context.waker();
        if !state.waiting.iter().any(|known| known.will_wake(waker)) {
            state.waiting.push(waker.clone());
        }
        Poll::Pending
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let Some(mine) = self.number else { return };
        let waiting = {
            let mut state = self.mailbox.lock();
            state.at = match state.at.take() {
                Some((number, Stage::Out)) if number == mine => Some((number, Stage::Abandoned)),
                Some((number, _)) if number == mine => None,
                other => other,
            };
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(asking: &mut Asking) -> Option<bool> {
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(asking).poll(&mut context) {
            Poll::Ready(Answer::Kept(Ok(kept))) => Some(kept),
            Poll::Ready(_) => panic!("an answer of another kind"),
            Poll::Pending => None,
        }
    }

    fn taken(mailbox: &Mailbox) -> Option<&'static str> {
        mailbox.take().map(|order| match order {
            Order::Fixed(text) => text,
            _ => panic!("an order of another kind"),
        })
    }

    fn kept(answer: bool) -> Answer {
        Answer::Kept(Ok(answer))
    }

    #[test]
    fn an_order_is_taken_once_and_answered_once() {
        let mailbox = Mailbox::default();
        let mut asking = mailbox.clone().ask(Order::Fixed("a"));
        assert_eq!(taken(&mailbox), None);
        assert_eq!(poll(&mut asking), None);
        assert_eq!(taken(&mailbox), Some("a"));
        assert_eq!(taken(&mailbox), None);
        assert_eq!(poll(&mut asking), None);
        mailbox.answer(kept(true));
        assert_eq!(poll(&mut asking), Some(true));
    }

    #[test]
    fn an_answer_that_comes_too_late_is_not_that_of_the_next_order() {
        let mailbox = Mailbox::default();
        let mut given_up = mailbox.clone().ask(Order::Fixed("a"));
        assert_eq!(poll(&mut given_up), None);
        assert_eq!(taken(&mailbox), Some("a"));
        drop(given_up);
        let mut next = mailbox.clone().ask(Order::Fixed("b"));
        assert_eq!(poll(&mut next), None);
        assert_eq!(taken(&mailbox), None, "the connection is still busy with the first");
        mailbox.answer(kept(false));
        assert_eq!(poll(&mut next), None);
        assert_eq!(taken(&mailbox), Some("b"));
        mailbox.answer(kept(true));
        assert_eq!(poll(&mut next), Some(true));
    }

    #[test]
    fn an_order_that_is_given_up_before_it_was_taken_is_gone() {
        let mailbox = Mailbox::default();
        let mut given_up = mailbox.clone().ask(Order::Fixed("a"));
        assert_eq!(poll(&mut given_up), None);
        drop(given_up);
        assert_eq!(taken(&mailbox), None);
        let mut answered = mailbox.clone().ask(Order::Fixed("b"));
        assert_eq!(poll(&mut answered), None);
        assert_eq!(taken(&mailbox), Some("b"));
    }

    #[test]
    fn an_answer_to_nothing_is_forgotten() {
        let mailbox = Mailbox::default();
        mailbox.answer(kept(true));
        let mut asking = mailbox.clone().ask(Order::Fixed("a"));
        assert_eq!(poll(&mut asking), None);
        mailbox.answer(kept(true));
        assert_eq!(taken(&mailbox), Some("a"), "an answer before the order was taken is none");
        assert_eq!(poll(&mut asking), None);
    }

    #[test]
    fn the_mailbox_of_a_thread_is_that_of_the_call_that_is_polled() {
        assert!(Mailbox::current().is_none());
        let (outer, inner) = (Mailbox::default(), Mailbox::default());
        let is = |mailbox: &Mailbox| Mailbox::current().is_some_and(|it| Arc::ptr_eq(&it.state, &mailbox.state));
        let opened = outer.open();
        {
            let _within = inner.open();
            assert!(is(&inner));
        }
        assert!(is(&outer));
        drop(opened);
        assert!(Mailbox::current().is_none());
    }
}
