//! One writer: it makes calls by chance, and takes down what it was told.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::time::{Duration, Instant};

use ormai::prelude::*;
use ormai::{Response, Retry, Toolset};
use serde_json::{Value as Json, json};

use super::given_up::given_up;
use super::journal::{Changes, Ending, Journal, Note};
use super::tables::{CAP, NEGATIVE, RAISES, TAKES_LONG, first_key, tenant_of};
use super::{TENANTS, WRITERS};

/// A step of a transaction.
enum Step {
    Create(i64, Note),
    Update(i64, i64),
    Delete(i64),
    /// A call that is refused, for a word that is taken; the transaction goes on without it.
    Refused(i64, Note),
    Mark(i64, i64),
    /// Calls in a transaction of their own, and whether they are kept.
    Nested(Vec<Step>, bool),
}

pub(super) struct Writer {
    pub(super) journal: Journal,
    tools: Toolset,
    number: usize,
    next: i64,
    chance: Chance,
}

impl Writer {
    pub(super) fn new(number: usize, seed: u64, ormai: &OrmAi) -> Self {
        let journal = Journal { writer: number, ..Journal::default() };
        let chance = Chance(seed.wrapping_mul(WRITERS as u64).wrapping_add(number as u64));
        Self { journal, tools: ormai.tools().clone(), number, next: first_key(number), chance }
    }

    pub(super) async fn write_until(&mut self, end: Instant) {
        while Instant::now() < end {
            // Boxed, because without optimisation each of them would have its place on the stack.
            let calls: Pin<Box<dyn Future<Output = ()> + '_>> = match self.chance.below(100) {
                0..=22 => Box::pin(self.create()),
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

    /// New rows that the database or the policy refuses, and one that is only tried.
    async fn refused_create(&mut self) {
        let (key, mut note) = self.new_note();
        let (what, expected) = match self.chance.below(12) {
            0..=2 => {
                let Some((_, taken)) = self.some_note() else { return };
                note.word = taken.word;
                ("a word that is taken", ErrorCode::Conflict)
            }
            3..=4 => {
                note.shared_id = (note.shared_id + 2) % (2 * TENANTS as i64);
                ("a stranger's row referred to", ErrorCode::ValidationError)
            }
            5..=6 => {
                note.shared_id = -1;
                ("no row referred to", ErrorCode::ValidationError)
            }
            7..=8 => {
                note.amount = NEGATIVE;
                ("a check", ErrorCode::ValidationError)
            }
            9 => {
                note.amount = RAISES;
                ("a trigger that raises", ErrorCode::ValidationError)
            }
            // Rarely: it is a second of everybody's on SQLite.
            10 if self.chance.is(20) => {
                note.amount = TAKES_LONG;
                ("a trigger that takes long", ErrorCode::Timeout)
            }
            _ => {
                let (polls, ctx) = (self.polls(), self.context());
                let call = self.tools.create(&ctx, create(self.number, key, &note).dry_run());
                let ending = ended(polls, async { call.await.map(|_| ()) }).await;
                self.journal.ended("dry run", Changes::new(), None, &ending);
                return;
            }
        };
        let (polls, ctx) = (self.polls(), self.context());
        let ending = ended(polls, async { self.tools.create(&ctx, create(self.number, key, &note)).await.map(|_| ()) });
        let ending = ending.await;
        self.refused(what, expected, ending);
    }

    /// Changes that reach no row of this tenant, or too many.
    async fn refused_change(&mut self) {
        let stranger = (self.number + 1 + self.chance.index(TENANTS - 1)) % WRITERS;
        let key = first_key(stranger) + i64::try_from(self.chance.below(20)).unwrap();
        let (polls, ctx) = (self.polls(), self.context());
        let (what, expected, ending) = match self.chance.below(4) {
            0 => {
                let call = self.tools.update(&ctx, update(key, 7));
                let ending = ended(polls, async { call.await.map(|_| ()) }).await;
                ("a stranger's row updated", ErrorCode::RecordNotFound, ending)
            }
            1 => {
                let call = self.tools.delete(&ctx, Delete::new("Note", key));
                let ending = ended(polls, async { call.await.map(|_| ()) }).await;
                ("a stranger's row deleted", ErrorCode::RecordNotFound, ending)
            }
            2 => {
                let Some((key, _)) = self.some_note() else { return };
                let call = self.tools.update(&ctx, update(key, NEGATIVE));
                let ending = ended(polls, async { call.await.map(|_| ()) }).await;
                ("an update against a check", ErrorCode::ValidationError, ending)
            }
            _ if self.journal.notes.len() > CAP => {
                let bulk = BulkUpdate::new("Note").filter(field("writer").eq(self.number)).set("amount", 7);
                let call = self.tools.bulk_update(&ctx, bulk);
                let ending = ended(polls, async { call.await.map(|_| ()) }).await;
                ("more rows than may change", ErrorCode::MaxAffectedRowsExceeded, ending)
            }
            _ => return,
        };
        self.refused(what, expected, ending);
    }

    fn refused(&mut self, what: &str, expected: ErrorCode, ending: Ending) {
        match ending {
            Ending::Done => self.journal.refused(what, expected, Ok(())),
            Ending::Refused(error) => self.journal.refused(what, expected, Err(error)),
            Ending::GivenUp => self.journal.count(&format!("{what}: given up")),
        }
    }

    fn step_create(&mut self, changes: &mut Changes) -> Step {
        let (key, note) = self.new_note();
        changes.insert(key, Some(note.clone()));
        Step::Create(key, note)
    }

    /// A change of a row that nothing else in the transaction changes.
    fn step_change(&mut self, changes: &mut Changes, touched: &mut BTreeSet<i64>) -> Option<Step> {
        let (key, note) = self.some_note()?;
        if !touched.insert(key) {
            return None;
        }
        if self.chance.is(3) {
            changes.insert(key, None);
            return Some(Step::Delete(key));
        }
        let amount = self.chance.amount();
        changes.insert(key, Some(Note { amount, ..note }));
        Some(Step::Update(key, amount))
    }

    /// A row whose word another one has, which no transaction of this writer changes.
    fn step_refused(&mut self) -> Option<Step> {
        let taken = self.journal.notes.first_key_value()?.1.word.clone();
        let (key, note) = self.new_note();
        Some(Step::Refused(key, Note { word: taken, ..note }))
    }

    fn new_note(&mut self) -> (i64, Note) {
        let key = self.next;
        self.next += 1;
        let [left, right] = self.shared();
        let shared_id = if self.chance.is(2) { left } else { right };
        (key, Note { shared_id, word: format!("word {key}"), amount: self.chance.amount() })
    }

    /// A row that is there. Never the first, whose word stays taken.
    fn some_note(&mut self) -> Option<(i64, Note)> {
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
    fn polls(&mut self) -> Option<usize> {
        self.chance.is(8).then(|| 1 + self.chance.index(30))
    }

    fn context(&self) -> RunContext<'static> {
        RunContext::new(Principal::new(tenant_of(self.number)).user("writer"))
    }
}

fn create(writer: usize, key: i64, note: &Note) -> Create {
    Create::new("Note")
        .set("id", key)
        .set("writer", writer)
        .set("shared_id", note.shared_id)
        .set("word", note.word.as_str())
        .set("amount", note.amount)
}

fn update(key: i64, amount: i64) -> Update {
    Update::new("Note", key).set("amount", amount)
}

async fn all(tools: &Toolset, tx: &RunContext<'_>, writer: usize, steps: &[Step]) -> Result<(), Error> {
    for step in steps {
        match step {
            Step::Nested(inner, is_kept) => {
                let done = tools.transaction(tx, async |tx: &RunContext<'_>| {
                    for step in inner {
                        one(tools, tx, writer, step).await?;
                    }
                    if *is_kept { Ok(()) } else { Err(on_purpose()) }
                });
                match done.await {
                    Err(error) if is_on_purpose(&error) && !is_kept => {}
                    done => done?,
                }
            }
            step => one(tools, tx, writer, step).await?,
        }
    }
    Ok(())
}

async fn one(tools: &Toolset, tx: &RunContext<'_>, writer: usize, step: &Step) -> Result<(), Error> {
    match step {
        Step::Create(key, note) => stored(tools.create(tx, create(writer, *key, note)), note.amount).await,
        Step::Update(key, amount) => stored(tools.update(tx, update(*key, *amount)), *amount).await,
        Step::Delete(key) => tools.delete(tx, Delete::new("Note", *key)).await.map(|_| ()),
        Step::Mark(id, mark) => tools.update(tx, Update::new("Shared", *id).set("mark", *mark)).await.map(|_| ()),
        Step::Refused(key, note) => match tools.create(tx, create(writer, *key, note)).await {
            Err(error) if error.code == ErrorCode::Conflict && !error.retryable => Ok(()),
            Err(error) => Err(error),
            Ok(told) => as_told(false, &serde_json::to_value(told.data).unwrap()),
        },
        Step::Nested(..) => as_told(false, &json!("no deeper")),
    }
}

/// A call that answers with a row, which has this amount.
async fn stored(call: impl Future<Output = Result<Response<Written>, Error>>, amount: i64) -> Result<(), Error> {
    let told = serde_json::to_value(call.await?.data).unwrap();
    as_told(told["amount"] == amount, &told)
}

/// An error that nobody expects, for an answer that is wrong.
fn as_told(is_right: bool, told: &Json) -> Result<(), Error> {
    if is_right { Ok(()) } else { Err(Error::new(ErrorCode::Internal, format!("a wrong answer: {told}"))) }
}

const ON_PURPOSE: &str = "undone on purpose";

fn on_purpose() -> Error {
    Error::new(ErrorCode::Internal, ON_PURPOSE)
}

fn is_on_purpose(error: &Error) -> bool {
    error.message == ON_PURPOSE
}

async fn ended(polls: Option<usize>, call: impl Future<Output = Result<(), Error>>) -> Ending {
    let outcome = match polls {
        Some(polls) => given_up(call, polls).await,
        None => Some(call.await),
    };
    match outcome {
        None => Ending::GivenUp,
        Some(Ok(())) => Ending::Done,
        Some(Err(error)) => Ending::Refused(error),
    }
}

/// Numbers by chance, the same for the same seed.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    fn index(&mut self, most: usize) -> usize {
        usize::try_from(self.below(most as u64)).unwrap()
    }

    /// Once in so many times.
    fn is(&mut self, one_of: u64) -> bool {
        self.below(one_of) == 0
    }

    /// An amount that nothing stands against.
    fn amount(&mut self) -> i64 {
        i64::try_from(self.below(600)).unwrap()
    }
}
