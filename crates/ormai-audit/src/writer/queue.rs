//! What waits to be appended, and who waits for it.

use tokio::sync::oneshot;

use super::{Said, Writer};
use crate::line::Line;
use crate::store::StoreError;

/// The most lines that go to a store at once.
const BATCH: usize = 512;

/// What waits to be appended.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) waiting: Vec<Waiting>,
    /// Whether a flush is under way, which takes all that waits.
    pub(super) is_flushing: bool,
    /// Whether the chain is being ended, or has been: then nothing new is begun.
    pub(super) has_left: bool,
}

/// Something that waits to be appended.
pub(super) struct Waiting {
    pub(super) said: Said,
    pub(super) told: oneshot::Sender<Told>,
}

/// What became of a line; the line, if it is a checkpoint.
pub(super) type Told = Result<Option<Line>, StoreError>;

impl Queue {
    /// Whether nothing is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && !self.is_flushing
    }

    /// Whether something waits that nobody is about to append.
    pub(super) fn is_due(&self) -> bool {
        !self.waiting.is_empty() && !self.is_flushing
    }

    /// What is due, as much of it as goes to a store at once.
    pub(super) fn take(&mut self) -> Option<Vec<Waiting>> {
        self.is_due().then(|| self.batch())
    }

    /// As much of what waits as goes to a store at once.
    pub(super) fn batch(&mut self) -> Vec<Waiting> {
        match self.waiting.len() {
            ..=BATCH => std::mem::take(&mut self.waiting),
            _ => self.waiting.drain(..BATCH).collect(),
        }
    }
}

/// A line on its way into a store. It goes on also when nobody waits for it.
pub(crate) enum Appending<'a> {
    Done(Told),
    Queued(oneshot::Receiver<Told>),
    Gathered(Gathered<'a>),
}

/// A line of a store that appends at once. Until it is waited for, others can say theirs, and one write
/// takes all of them.
pub(crate) struct Gathered<'a> {
    writer: &'a Writer,
    tells: oneshot::Receiver<Told>,
}

impl<'a> Gathered<'a> {
    pub(super) fn new(writer: &'a Writer, tells: oneshot::Receiver<Told>) -> Self {
        Self { writer, tells }
    }
}

/// Serves at once what nobody waits for any more.
impl Drop for Gathered<'_> {
    fn drop(&mut self) {
        self.writer.serve();
    }
}

impl Appending<'_> {
    /// Sees to it that the line is on its way, whatever else is waited for before it.
    pub(crate) fn serve(&self) {
        if let Self::Gathered(gathered) = self {
            gathered.writer.serve();
        }
    }

    pub(super) async fn ended(self) -> Told {
        let told = match self {
            Self::Done(appended) => return appended,
            Self::Queued(tells) => tells.await,
            Self::Gathered(mut gathered) => {
                gathered.writer.serve();
                (&mut gathered.tells).await
            }
        };
        told.map_err(|_| StoreError::Doubtful("the runtime ended".to_owned()))?
    }
}
