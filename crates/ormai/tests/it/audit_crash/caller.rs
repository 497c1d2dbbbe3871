//! One of many who call at once, some of whom let go half way.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ormai::prelude::*;
use ormai::{Refused, Response, Toolset};

use super::life::{TOLD, say};
use super::tables::CAP;
use crate::chance::Chance;
use crate::given_up::given_up;

const TENANTS: usize = 4;

pub(super) struct Caller {
    number: usize,
    tools: Toolset,
    /// The next mark or key, for all callers.
    next: Arc<AtomicI64>,
    /// Rows of its own that it was told of.
    rows: Vec<i64>,
    chance: Chance,
}

impl Caller {
    pub(super) fn new(number: usize, seed: u64, tools: Toolset, next: Arc<AtomicI64>) -> Self {
        let chance = Chance::new(seed.wrapping_mul(1_000).wrapping_add(number as u64));
        Self { number, tools, next, rows: Vec::new(), chance }
    }

    /// Makes so many calls, and says which of them it was told of.
    pub(super) async fn call(&mut self, calls: usize) {
        for _ in 0..calls {
            // Boxed, because without optimisation each of them would have its place on the stack.
            let call: Pin<Box<dyn Future<Output = ()> + '_>> = match self.chance.below(20) {
                0..=4 => Box::pin(self.create()),
                5..=7 => Box::pin(self.update()),
                8 | 9 => Box::pin(self.delete()),
                10 | 11 => Box::pin(self.bulk()),
                12..=14 => Box::pin(self.transaction()),
                15 | 16 => Box::pin(self.read()),
                17 | 18 => Box::pin(self.read_past_its_tenant()),
                _ => Box::pin(self.refused()),
            };
            call.await;
        }
    }

    async fn create(&mut self) {
        let (key, mark, ctx, polls) = (self.next(), self.next(), self.context(), self.polls());
        let made = ended(self.tools.create(&ctx, create(key, mark)), polls).await;
        if made {
            self.rows.push(key);
        }
    }

    async fn update(&mut self) {
        let Some(key) = self.some_row() else { return self.create().await };
        let (mark, ctx, polls) = (self.next(), self.context(), self.polls());
        ended(self.tools.update(&ctx, Update::new("Note", key).set("mark", mark)), polls).await;
    }

    async fn delete(&mut self) {
        let Some(key) = self.some_row() else { return self.create().await };
        let (ctx, polls) = (self.context(), self.polls());
        // Whatever comes of it, the row is left alone.
        self.rows.retain(|row| *row != key);
        ended(self.tools.delete(&ctx, Delete::new("Note", key)), polls).await;
    }

    async fn bulk(&mut self) {
        let mut keys: Vec<i64> = (0..CAP).filter_map(|_| self.some_row()).collect();
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return self.create().await;
        }
        let (mark, ctx, polls) = (self.next(), self.context(), self.polls());
        let bulk = BulkUpdate::new("Note").set("mark", mark).ids(keys);
        ended(self.tools.bulk_update(&ctx, bulk), polls).await;
    }

    /// Two rows and a change of a third, kept or undone together.
    async fn transaction(&mut self) {
        let [one, other] = [(self.next(), self.next()), (self.next(), self.next())];
        let changed = self.some_row().map(|key| Update::new("Note", key).set("mark", self.next()));
        let (is_kept, ctx, polls) = (!self.chance.is(4), self.context(), self.polls());
        let tools = &self.tools;
        let call = tools.transaction(&ctx, async |tx: &RunContext<'_>| {
            for (key, mark) in [one, other] {
                told(tools.create(tx, create(key, mark)).await)?;
            }
            if let Some(changed) = changed.clone() {
                told(tools.update(tx, changed).await)?;
            }
            if is_kept { Ok(()) } else { Err(Error::new(ErrorCode::Internal, "undone on purpose")) }
        });
        let done = match polls {
            Some(polls) => given_up(call, polls).await,
            None => Some(call.await),
        };
        match done {
            Some(Ok(())) => self.rows.extend([one.0, other.0]),
            Some(Err(refused)) => tell_refused(&refused),
            None => {}
        }
    }

    async fn read(&mut self) {
        let (ctx, polls) = (self.context(), self.polls());
        ended(self.tools.query(&ctx, Query::model("Note").limit(5)), polls).await;
    }

    /// As somebody whose scope is lifted, which needs an intent as well.
    async fn read_past_its_tenant(&mut self) {
        let polls = self.polls();
        let ctx = RunContext::new(Principal::new("system").user("eve").role("auditor"));
        ended(self.tools.query(&ctx, Query::model("Note").limit(5)), polls).await;
    }

    /// By the table, and for a row that is not there.
    async fn refused(&mut self) {
        let (key, ctx) = (self.next(), self.context());
        ended(self.tools.create(&ctx, create(key, -5)), None).await;
        ended(self.tools.update(&ctx, Update::new("Note", key).set("mark", key)), None).await;
    }

    fn next(&self) -> i64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn some_row(&mut self) -> Option<i64> {
        let many = self.rows.len();
        (many > 0).then(|| self.rows[self.chance.index(many)])
    }

    /// After how many polls a call is given up; `None` for most.
    fn polls(&mut self) -> Option<usize> {
        self.chance.is(8).then(|| 1 + self.chance.index(30))
    }

    fn context(&self) -> RunContext<'static> {
        RunContext::new(Principal::new(format!("tenant-{}", self.number % TENANTS)).user("writer"))
    }
}

fn create(key: i64, mark: i64) -> Create {
    Create::new("Note").set("id", key).set("mark", mark)
}

/// Whether a call was answered; whoever was told anything says so.
async fn ended<T>(call: impl Future<Output = Result<Response<T>, Refused>>, polls: Option<usize>) -> bool {
    let outcome = match polls {
        Some(polls) => given_up(call, polls).await,
        None => Some(call.await),
    };
    outcome.is_some_and(|outcome| told(outcome).is_ok())
}

fn told<T>(outcome: Result<Response<T>, Refused>) -> Result<(), Refused> {
    match outcome {
        Ok(response) => {
            tell(response.metadata.audit_id());
            Ok(())
        }
        Err(refused) => {
            tell_refused(&refused);
            Err(refused)
        }
    }
}

fn tell(id: Option<&str>) {
    say(format!("{TOLD}{}", id.unwrap_or("nothing")));
}

/// Of a record that no store takes, nobody is told that it is there.
fn tell_refused(refused: &Refused) {
    if refused.code != ErrorCode::AuditUnavailable {
        tell(refused.audit_id());
    }
}
