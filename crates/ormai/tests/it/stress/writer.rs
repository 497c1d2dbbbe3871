//! One writer: it makes calls by chance, and takes down what it was told.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::time::{Duration, Instant};

use ormai::prelude::*;
use ormai::{Retry, Toolset};
use serde_json::{Value as Json, json};

use super::journal::{Changes, Ending, Journal, Note};
use super::steps::{Step, all, as_told, is_on_purpose, on_purpose, stored};
use super::tables::{CAP, first_key, tenant_of};
use super::{TENANTS, WRITERS};
use crate::chance::Chance;
use crate::given_up::given_up;

pub(super) struct Writer {
    pub(super) journal: Journal,
    pub(super) tools: Toolset,
    pub(super) number: usize,
    next: i64,
    pub(super) chance: Chance,
}

impl Writer {
    pub(super) fn new(number: usize, seed: u64, ormai: &OrmAi) -> Self {
        let journal = Journal { writer: number, ..Journal::default() };
        let chance = Chance::new(seed.wrapping_mul(WRITERS as u64).wrapping_add(number as u64));
        Self { journal, tools: ormai.tools().clone(), number, next: first_key(number), chance }
    }

    /// Makes calls until the time is over, and so many at least.
    pub(super) async fn write_until(&mut self, end: Instant, least: usize) {
        let mut made = 0;
        while Instant::now() < end || made < least {
            made += 1;
            // Boxed, because without optimisation each of them would have its place on the stack.
            let calls: Pin<Box<dyn Future<Output = ()> + '_>> = match self.chance.below(100) {
                0..=17 => Box::pin(self.create()),
                18..=22 => Box::pin(self.keyed()),
                23..=37 => Box::pin(self.update()),
                38..=43 => Box::pin(self.delete()),
                44..=55 => Box::pin(self.bulk()),
                56..=67 => Box::pin(self.transaction()),
                68..=75 => Box::pin(self.cross()),
                76..=82 => Box::pin(self.read()),
                83..=96 => Box::pin(self.refused_create()),
                _ => Box::pin(self.refused_change()),
            };
            calls.await;
        }
    }

    async fn create(&mut self) {
        let (key, note) = self.new_note();
        let (polls, ctx) = (self.polls(), self.context());
        let ending = ended(polls, stored(self.tools.create(&ctx, create(self.number, key, &note)), note.amount)).await;
        self.journal.ended("create", [(key, Some(note))].into(), None, &ending);
    }

    /// The same under a key, until it is acknowledged or given up for good.
    async fn keyed(&mut self) {
        let (token, _) = self.new_note();
        let entry = Create::new("Entry").set("token", token).idempotency_key(format!("entry {token}"));
        self.journal.open_entries.insert(token);
        for _ in 0..1 + self.chance.below(3) {
            let (polls, ctx) = (if self.chance.is(2) { self.polls() } else { None }, self.context());
            let call = self.tools.create(&ctx, entry.clone());
            let ending = ended(polls, async {
                let told = serde_json::to_value(call.await?.data).unwrap();
                as_told(told["token"] == token, &told)
            });
            let ending = ending.await;
            if matches!(ending, Ending::Done) {
                self.journal.open_entries.remove(&token);
                self.journal.entries.insert(token);
            }
            self.journal.ended("keyed", Changes::new(), None, &ending);
        }
    }

    async fn update(&mut self) {
        let Some((key, mut note)) = self.some_note() else { return };
        let (polls, ctx) = (self.polls(), self.context());
        note.amount = self.chance.amount();
        let ending = ended(polls, stored(self.tools.update(&ctx, update(key, note.amount)), note.amount)).await;
        self.journal.ended("update", [(key, Some(note))].into(), None, &ending);
    }

    async fn delete(&mut self) {
        let Some((key, note)) = self.some_note() else { return };
        let (polls, ctx) = (self.polls(), self.context());
        let ending = ended(polls, stored(self.tools.delete(&ctx, Delete::new("Note", key)), note.amount)).await;
        self.journal.ended("delete", [(key, None)].into(), None, &ending);
    }

    async fn bulk(&mut self) {
        let many = 1 + self.chance.below(CAP as u64);
        let mut changes = Changes::new();
        let amount = self.chance.amount();
        for _ in 0..many {
            if let Some((key, note)) = self.some_note() {
                changes.insert(key, Some(Note { amount, ..note }));
            }
        }
        if changes.is_empty() {
            return;
        }
        let keys: Vec<i64> = changes.keys().copied().collect();
        let bulk = BulkUpdate::new("Note").set("amount", amount);
        let bulk = match self.chance.is(2) {
            true => bulk.ids(keys.clone()),
            false => bulk.filter(field("id").is_in(keys.clone())),
        };
        let (polls, ctx) = (self.polls(), self.context());
        let call = self.tools.bulk_update(&ctx, bulk);
        let ending = ended(polls, async {
            let told = serde_json::to_value(call.await?.data).unwrap();
            as_told(told == json!({"updated_count": keys.len()}), &told)
        });
        let ending = ending.await;
        self.journal.ended("bulk_update", changes, None, &ending);
    }

    /// Several calls that are kept or undone together, some of them in a transaction inside.
    async fn transaction(&mut self) {
        let (mut steps, mut changes, mut touched) = (Vec::new(), Changes::new(), BTreeSet::new());
        for _ in 0..2 + self.chance.below(3) {
            match self.chance.below(7) {
                0..=2 => steps.push(self.step_create(&mut changes)),
                3 => steps.extend(self.step_change(&mut changes, &mut touched)),
                4 => steps.extend(self.step_refused()),
                _ => {
                    let is_kept = self.chance.is(2);
                    let mut inner = Changes::new();
                    let mut nested = vec![self.step_create(&mut inner)];
                    nested.extend(self.step_change(&mut inner, &mut touched));
                    nested.extend(self.step_refused().filter(|_| is_kept));
                    if is_kept {
                        changes.append(&mut inner);
                    }
                    steps.push(Step::Nested(nested, is_kept));
                }
            }
        }
        let is_kept = !self.chance.is(5);
        let (polls, ctx, writer) = (self.polls(), self.context(), self.number);
        let tools = &self.tools;
        let ending = ended(polls, async {
            let done = tools.transaction(&ctx, async |tx: &RunContext<'_>| {
                all(tools, tx, writer, &steps).await?;
                if is_kept { Ok(()) } else { Err(on_purpose()) }
            });
            done.await
        });
        match ending.await {
            Ending::Refused(error) if is_on_purpose(&error) && !is_kept => {
                self.journal.count("transaction: undone on purpose");
            }
            Ending::GivenUp if !is_kept => self.journal.count("transaction: undone and given up"),
            ending => self.journal.ended("transaction", changes, None, &ending),
        }
    }

    /// The shared rows of the tenant in either order, which makes deadlocks, and a row.
    async fn cross(&mut self) {
        let mut changes = Changes::new();
        let own = self.step_create(&mut changes);
        let mark = self.next;
        let mut steps: Vec<Step> = self.shared().map(|id| Step::Mark(id, mark)).into();
        if self.chance.is(2) {
            steps.reverse();
        }
        let place = self.chance.below(3);
        steps.insert(usize::try_from(place).unwrap(), own);
        let tries = 1 + u32::try_from(self.chance.below(6)).unwrap();
        let retry = Retry::times(tries).pause(Duration::from_millis(2));
        let (polls, ctx, writer) = (self.polls(), self.context().retry(retry), self.number);
        let tools = &self.tools;
        let ending = ended(polls, async {
            tools.transaction(&ctx, async |tx: &RunContext<'_>| all(tools, tx, writer, &steps).await).await
        });
        let ending = ending.await;
        self.journal.ended("crossing", changes, Some(mark), &ending);
    }

    /// What was acknowledged is seen, and nothing of another tenant.
    async fn read(&mut self) {
        let known: Vec<(i64, Note)> = (0..5).filter_map(|_| self.some_note()).collect();
        let keys: BTreeSet<i64> = known.iter().map(|(key, _)| *key).collect();
        let (polls, ctx) = (self.polls(), self.context());
        let mine = Query::model("Note").filter(field("id").is_in(keys.iter().copied().collect::<Vec<_>>())).limit(10);
        let any = Query::model("Note").limit(20);
        let reading = async {
            let any = self.tools.query(&ctx, any).await?;
            let mine = if keys.is_empty() { None } else { Some(self.tools.query(&ctx, mine).await?) };
            Ok::<_, Error>((any, mine))
        };
        let outcome = match polls {
            Some(polls) => given_up(reading, polls).await,
            None => Some(reading.await),
        };
        match outcome {
            None => self.journal.count("query: given up"),
            Some(Err(error)) => self.journal.ended("query", Changes::new(), None, &Ending::Refused(error)),
            Some(Ok((any, mine))) => {
                self.journal.count("query: done");
                let any = serde_json::to_value(any.data.rows).unwrap();
                let tenant = tenant_of(self.number);
                if any.as_array().unwrap().iter().any(|row| row["tenant_id"] != tenant.as_str()) {
                    self.journal.wrong.push(format!("{tenant} sees {any}"));
                }
                let Some(mine) = mine else { return };
                let mine = serde_json::to_value(mine.data.rows).unwrap();
                let amounts = |row: &Json| (row["id"].as_i64(), row["amount"].as_i64());
                let mine: BTreeSet<_> = mine.as_array().unwrap().iter().map(amounts).collect();
                let known: BTreeSet<_> = known.iter().map(|(key, note)| (Some(*key), Some(note.amount))).collect();
                if mine != known {
                    self.journal.wrong.push(format!("writer {} knows {known:?} and reads {mine:?}", self.number));
                }
            }
        }
    }

    pub(super) fn new_note(&mut self) -> (i64, Note) {
        let key = self.next;
        self.next += 1;
        let [left, right] = self.shared();
        let shared_id = if self.chance.is(2) { left } else { right };
        (key, Note { shared_id, word: format!("word {key}"), amount: self.chance.amount() })
    }

    /// A row that is there. Never the first, whose word stays taken.
    pub(super) fn some_note(&mut self) -> Option<(i64, Note)> {
        let written = u64::try_from(self.next - first_key(self.number)).unwrap();
        let from = first_key(self.number) + i64::try_from(self.chance.below(written.max(1))).unwrap();
        let first = *self.journal.notes.first_key_value()?.0;
        let (key, note) = self.journal.notes.range(from..).next().filter(|(key, _)| **key != first)?;
        Some((*key, note.clone()))
    }

    fn shared(&self) -> [i64; 2] {
        let left = i64::try_from(2 * (self.number % TENANTS)).unwrap();
        [left, left + 1]
    }

    /// After how many polls a call is given up; `None` for most.
    pub(super) fn polls(&mut self) -> Option<usize> {
        self.chance.is(8).then(|| 1 + self.chance.index(30))
    }

    pub(super) fn context(&self) -> RunContext<'static> {
        RunContext::new(Principal::new(tenant_of(self.number)).user("writer"))
    }
}

pub(super) fn create(writer: usize, key: i64, note: &Note) -> Create {
    Create::new("Note")
        .set("id", key)
        .set("writer", writer)
        .set("shared_id", note.shared_id)
        .set("word", note.word.as_str())
        .set("amount", note.amount)
}

pub(super) fn update(key: i64, amount: i64) -> Update {
    Update::new("Note", key).set("amount", amount)
}

pub(super) async fn ended<E: Into<Error>>(polls: Option<usize>, call: impl Future<Output = Result<(), E>>) -> Ending {
    let outcome = match polls {
        Some(polls) => given_up(call, polls).await,
        None => Some(call.await),
    };
    match outcome {
        None => Ending::GivenUp,
        Some(Ok(())) => Ending::Done,
        Some(Err(error)) => Ending::Refused(error.into()),
    }
}
