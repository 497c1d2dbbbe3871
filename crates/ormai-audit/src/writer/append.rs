//! Lines at the end of a chain, and in the store.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::queue::Waiting;
use super::{End, Inner, Said, lock, unwritten};
use crate::chain::Chain;
use crate::checkpoint::Checkpoint;
use crate::filter::Filter;
use crate::line::{Body, Kind, Line};
use crate::store::{Head, StoreError};

/// How many records that are owed go to a store at once: a store that is full takes few.
const OWED_AT_ONCE: usize = 64;

/// The first line of a chain.
#[derive(Serialize)]
struct Begin<'a> {
    at: Timestamp,
    version: u32,
    keyed: bool,
    public_key: Option<String>,
    heads: &'a [Head],
}

/// Lines that go into the store together.
struct Linked {
    lines: Vec<Line>,
    /// How many of what is owed.
    owed: usize,
    /// How many before what is said: the first line of a chain.
    before: usize,
    /// Where the chain ends with them.
    end: End,
}

impl Inner {
    /// Appends at once. Whoever does has the chain, and nothing owed is in doubt. The lines of what
    /// was said, without what comes before.
    pub(super) fn append_now(&self, end: &mut End, batch: &[Waiting]) -> Result<Vec<Line>, StoreError> {
        let append_now = |end: &mut End, linked: Linked| {
            let appended = self.store.append_now(&linked.lines);
            self.settled(end, linked, appended)
        };
        loop {
            let owed: Vec<Said> =
                lock(&self.owed).iter().take(OWED_AT_ONCE).map(|owed| Said::Closing(owed.closing.clone())).collect();
            if owed.is_empty() {
                break;
            }
            let linked = self.linked(end, owed.iter(), owed.len())?;
            append_now(end, linked)?;
        }
        let linked = self.linked(end, batch.iter().map(|waiting| &waiting.said), 0)?;
        append_now(end, linked)
    }

    /// Appends as [`Inner::append_now`], and first enters a chain that the store does not know, and
    /// asks after what is in doubt. Only one flush is under way at a time, so that nobody else moves
    /// the chain.
    pub(super) async fn append_all(&self, batch: &[Waiting]) -> Result<Vec<Line>, StoreError> {
        let unknown = Some(lock(&self.end)).filter(|end| !end.is_entered).map(|end| end.chain.id());
        if let Some(chain) = unknown {
            // It repairs what is in doubt, so it comes before the question what is there. Of orphans
            // the next process hears.
            let entered = self.store.enter(chain).await;
            let mut end = lock(&self.end);
            if let Err(error) = entered {
                // It may know the chain all the same, and takes none twice.
                end.chain = Chain::new(Uuid::now_v7());
                return Err(error);
            }
            end.is_entered = true;
        }
        loop {
            let owed = self.still_owed().await?;
            if owed.is_empty() {
                break;
            }
            let linked = self.linked(&lock(&self.end), owed.iter(), owed.len())?;
            self.append(linked).await?;
        }
        let linked = self.linked(&lock(&self.end), batch.iter().map(|waiting| &waiting.said), 0)?;
        self.append(linked).await
    }

    async fn append(&self, linked: Linked) -> Result<Vec<Line>, StoreError> {
        let appended = self.store.append(&linked.lines).await;
        self.settled(&mut lock(&self.end), linked, appended)
    }

    /// Whether it is not known of something owed whether it is there.
    pub(super) fn is_in_doubt(&self) -> bool {
        lock(&self.owed).iter().any(|owed| owed.is_doubtful)
    }

    /// The lines of what is owed or said, at the end of the chain.
    fn linked<'s>(
        &self,
        end: &End,
        said: impl ExactSizeIterator<Item = &'s Said>,
        owed: usize,
    ) -> Result<Linked, StoreError> {
        let mut end = end.clone();
        let mut lines = Vec::with_capacity(said.len() + 1);
        if end.chain.seq() == 0 {
            let begin = self.begin(&end.heads)?;
            lines.push(end.chain.link(&begin, &self.keys));
        }
        let before = lines.len();
        for said in said {
            lines.push(self.link(&mut end.chain, said)?);
        }
        Ok(Linked { lines, owed, before, end })
    }

    /// The line of what is said.
    fn link(&self, chain: &mut Chain, said: &Said) -> Result<Line, StoreError> {
        Ok(match said {
            Said::Body(body) => chain.link(body, &self.keys),
            Said::Note(closing) | Said::Closing(closing) => chain.link(&closing.body, &self.keys),
            Said::Seal(heads) => {
                let body = Checkpoint::body(chain, heads, Timestamp::now(), &self.keys);
                chain.link(&body.ok_or_else(unwritten)?, &self.keys)
            }
        })
    }

    /// Moves the end of the chain behind what was appended.
    fn settled(
        &self,
        end: &mut End,
        mut linked: Linked,
        appended: Result<(), StoreError>,
    ) -> Result<Vec<Line>, StoreError> {
        match appended {
            Ok(()) => {
                *end = linked.end;
                lock(&self.owed).drain(..linked.owed);
                Ok(linked.lines.split_off(linked.before))
            }
            Err(error) => {
                if matches!(error, StoreError::Doubtful(_)) {
                    self.begin_anew(end);
                }
                Err(error)
            }
        }
    }

    /// What was appended in doubt ends its chain, wherever that is.
    pub(super) fn begin_anew(&self, end: &mut End) {
        if end.chain.seq() > 0 {
            end.heads = vec![Head { chain: end.chain.id(), seq: end.chain.seq(), hash: end.chain.last() }];
        }
        end.chain = Chain::new(Uuid::now_v7());
        end.is_entered = false;
        lock(&self.owed).iter_mut().for_each(|owed| owed.is_doubtful = true);
    }

    /// The first of what is owed, without what is there all the same. Only a flush takes anything
    /// away.
    async fn still_owed(&self) -> Result<Vec<Said>, StoreError> {
        let mut still = Vec::new();
        while still.len() < OWED_AT_ONCE {
            let Some(owed) = lock(&self.owed).get(still.len()).cloned() else { break };
            let is_there = owed.is_doubtful && {
                let named = Filter { id: Some(owed.closing.id.clone()), ..Filter::new() };
                !self.store.query(&named, 1, None).await?.entries.is_empty()
            };
            if is_there {
                lock(&self.owed).remove(still.len());
            } else {
                still.push(Said::Closing(owed.closing));
            }
        }
        Ok(still)
    }

    fn begin(&self, heads: &[Head]) -> Result<Body, StoreError> {
        let begin = Begin {
            at: Timestamp::now(),
            version: 1,
            keyed: self.keys.mac.is_some(),
            public_key: self.keys.signing.as_ref().map(|key| key.public().to_string()),
            heads,
        };
        Body::new(Kind::Begin, &begin).ok_or_else(unwritten)
    }
}
