//! The replay itself: calls in, changes out, in the order of the calls and in bounded memory.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use futures_util::stream::{self, StreamExt as _};
use ormai::CallResult;
use ormai::prelude::*;
use ormai::request::{Tool, read_arguments};
use serde::Serialize;
use serde_json::Value as Json;
use tokio::sync::Mutex;
use tokio::task::JoinError;

use super::{Change, Difference};
use crate::record::{FileError, Line, Outcome, RecordedCall, Who};

/// How many calls a task makes one after the other: what a task costs is shared by them.
const CHUNK: usize = 32;

/// Makes recorded calls again.
///
/// Each call is made as it was: by its principal, at its time. Writes are left out, or are made in a
/// transaction of their own that is rolled back; a call that read what an earlier one had written does
/// not find it. Calls of which something is not known are counted and not made.
#[derive(Clone, Debug)]
pub struct Replay {
    tools: Toolset,
    principal: Option<Principal>,
    writes: bool,
    concurrency: NonZeroUsize,
}

/// What a replay came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// The calls in the file.
    pub calls: u64,
    /// That were made again.
    pub made: u64,
    /// That ended as they did: the next three together.
    pub same: u64,
    /// Of these: whose answer is the same to the last byte.
    pub same_whole: u64,
    /// Whose status is the same, and whose rows and fields are as far as they were recorded; their values
    /// were not compared. So it is with writes, and with calls out of an audit trail.
    pub same_by_counts: u64,
    /// That were refused with the same code both times.
    pub same_refused: u64,
    /// That did not.
    pub changed: u64,
    /// Of which nobody knew how they had ended.
    pub unknown: u64,
    /// Writes that were left out.
    pub writes_left_out: u64,
    /// That cannot be made again as they were.
    pub not_exact: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Calls that were made in a second.
    pub calls_per_second: f64,
}

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The calls cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A call ended the task that it ran in.
    #[error("a call ended its task: {0}")]
    Task(#[from] JoinError),
    /// What was found cannot be told.
    #[error("what was found cannot be written: {0}")]
    Write(#[from] std::io::Error),
}

impl Replay {
    /// Makes calls with these tools: the policy and the database are theirs.
    pub fn new(tools: Toolset) -> Self {
        Self { tools, principal: None, writes: false, concurrency: NonZeroUsize::new(4).unwrap_or(NonZeroUsize::MIN) }
    }

    /// As this principal, whoever called.
    #[must_use]
    pub fn as_principal(mut self, principal: Principal) -> Self {
        self.principal = Some(principal);
        self
    }

    /// Makes writes too, each in a transaction that is rolled back.
    #[must_use]
    pub fn with_writes(mut self) -> Self {
        self.writes = true;
        self
    }

    /// How many calls are under way at once; no more than the pool has connections.
    #[must_use]
    pub fn concurrency(mut self, calls: NonZeroUsize) -> Self {
        self.concurrency = calls;
        self
    }

    /// Makes the calls, and hands over each that changed, in their order.
    ///
    /// # Errors
    ///
    /// [`ReplayError`]: the file, a broken call, or what `changed` itself returns.
    pub async fn run(
        self,
        calls: impl Iterator<Item = Result<Line, FileError>>,
        mut changed: impl FnMut(Change) -> std::io::Result<()>,
    ) -> Result<Summary, ReplayError> {
        let begun = Instant::now();
        let mut summary = Summary::default();
        let concurrency = self.concurrency.get();
        let this = Arc::new(self);
        // Writes wait for each other: two that are rolled back must not be in each other's way.
        let writing = Mutex::new(());
        let mut chunks = stream::iter(chunks(calls))
            .map(|chunk| {
                let (this, writing) = (Arc::clone(&this), &writing);
                async move {
                    let chunk = chunk?;
                    let has_writes = this.writes && chunk.iter().any(|line| line.call.writes());
                    Ok::<_, ReplayError>(match has_writes {
                        true => {
                            let _alone = writing.lock().await;
                            this.all(&own(), chunk).await
                        }
                        false => tokio::spawn(async move { this.reads(chunk).await }).await?,
                    })
                }
            })
            .buffered(concurrency);
        while let Some(ended) = chunks.next().await {
            for one in ended? {
                summary.add(one, &mut changed)?;
            }
        }
        summary.took(begun);
        Ok(summary)
    }

    /// As [`Replay::run`], one call after the other, on the connection of a context or in its transaction,
    /// which is left as it was.
    ///
    /// # Errors
    ///
    /// As [`Replay::run`].
    pub async fn run_on(
        self,
        ctx: &RunContext<'_>,
        calls: impl Iterator<Item = Result<Line, FileError>>,
        mut changed: impl FnMut(Change) -> std::io::Result<()>,
    ) -> Result<Summary, ReplayError> {
        let begun = Instant::now();
        let mut summary = Summary::default();
        for chunk in chunks(calls) {
            for one in self.all(ctx, chunk?).await {
                summary.add(one, &mut changed)?;
            }
        }
        summary.took(begun);
        Ok(summary)
    }

    /// Calls of which none writes, or no write is made.
    async fn reads(&self, lines: Vec<Line>) -> Vec<Ended> {
        let mut ended = Vec::with_capacity(lines.len());
        for line in lines {
            ended.push(match self.leaves_out(&line.call) {
                Some(left_out) => left_out,
                None => {
                    let made = read(&self.tools, &own(), &line.call, self.principal.as_ref()).await;
                    self.judge(line, made.outcome)
                }
            });
        }
        ended
    }

    /// Calls of any kind.
    async fn all(&self, on: &RunContext<'_>, lines: Vec<Line>) -> Vec<Ended> {
        let mut ended = Vec::with_capacity(lines.len());
        for line in lines {
            ended.push(match self.leaves_out(&line.call) {
                Some(left_out) => left_out,
                None => {
                    let made = make(&self.tools, on, &line.call, self.principal.as_ref()).await;
                    self.judge(line, made.outcome)
                }
            });
        }
        ended
    }

    fn leaves_out(&self, call: &RecordedCall) -> Option<Ended> {
        if !call.is_whole() {
            Some(Ended::NotExact)
        } else if call.writes() && !self.writes {
            Some(Ended::WriteLeftOut)
        } else {
            None
        }
    }

    fn judge(&self, line: Line, new: Outcome) -> Ended {
        let Line { number, call } = line;
        if call.outcome == Outcome::Unknown {
            return Ended::Unknown;
        }
        // A written row has what the database fills in, such as the next number.
        let differences = Difference::between(&call.outcome, &new, !call.writes());
        if differences.is_empty() {
            return Ended::Same(Compared::between(&call.outcome, &new, !call.writes()));
        }
        let principal = self.principal.as_ref().map_or_else(|| call.principal.clone(), Who::from);
        let model = call.model().map(str::to_owned);
        let RecordedCall { tool, outcome: old, .. } = call;
        Ended::Changed(Box::new(Change { line: number, tool, model, principal, old, new, differences }))
    }
}

/// How one call of a replay ended.
enum Ended {
    Same(Compared),
    Changed(Box<Change>),
    Unknown,
    WriteLeftOut,
    NotExact,
}

/// How far two ends of a call that are the same were compared.
enum Compared {
    /// To the last byte.
    Whole,
    /// By status, rows and fields.
    Counts,
    /// By the code of a refusal.
    Refusal,
}

impl Compared {
    fn between(old: &Outcome, new: &Outcome, exactly: bool) -> Self {
        match (old, new) {
            (Outcome::Refused { .. }, _) => Self::Refusal,
            (Outcome::Answered { digest: Some(_), .. }, Outcome::Answered { digest: Some(_), .. }) if exactly => {
                Self::Whole
            }
            _ => Self::Counts,
        }
    }
}

impl Summary {
    /// How many calls were made again and held to how they had ended. With none, a replay shows nothing.
    pub fn compared(&self) -> u64 {
        self.same + self.changed
    }

    fn took(&mut self, begun: Instant) {
        self.seconds = begun.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let made = self.made as f64;
        self.calls_per_second = made / self.seconds.max(f64::MIN_POSITIVE);
    }

    fn add(&mut self, ended: Ended, changed: &mut impl FnMut(Change) -> std::io::Result<()>) -> std::io::Result<()> {
        self.calls += 1;
        match ended {
            Ended::WriteLeftOut => self.writes_left_out += 1,
            Ended::NotExact => self.not_exact += 1,
            Ended::Unknown => {
                self.made += 1;
                self.unknown += 1;
            }
            Ended::Same(compared) => {
                self.made += 1;
                self.same += 1;
                *match compared {
                    Compared::Whole => &mut self.same_whole,
                    Compared::Counts => &mut self.same_by_counts,
                    Compared::Refusal => &mut self.same_refused,
                } += 1;
            }
            Ended::Changed(change) => {
                self.made += 1;
                self.changed += 1;
                changed(*change)?;
            }
        }
        Ok(())
    }
}

/// A call that was made, and what it came to.
pub(crate) struct Made {
    /// `None` where its transaction did not begin.
    pub(crate) result: Option<CallResult>,
    pub(crate) outcome: Outcome,
}

impl Made {
    fn of(mut result: CallResult) -> Self {
        let outcome = Outcome::of(&mut result);
        Self { result: Some(result), outcome }
    }
}

async fn read(tools: &Toolset, on: &RunContext<'_>, call: &RecordedCall, principal: Option<&Principal>) -> Made {
    Made::of(called(tools, &call.context(on, principal), call).await)
}

/// Makes a call; of a write nothing stays.
pub(crate) async fn make(
    tools: &Toolset,
    on: &RunContext<'_>,
    call: &RecordedCall,
    principal: Option<&Principal>,
) -> Made {
    if !call.writes() {
        return read(tools, on, call, principal).await;
    }
    let ctx = call.context(on, principal);
    let made = Mutex::new(None);
    let undone = tools
        .transaction(&ctx, async |tx| {
            *made.lock().await = Some(called(tools, tx, call).await);
            Err::<(), _>(Error::new(ErrorCode::Conflict, "a replay keeps nothing"))
        })
        .await;
    match made.into_inner() {
        Some(result) => Made::of(result),
        // The transaction did not begin.
        None => {
            let code = undone.map_or_else(|refused| refused.code, |()| ErrorCode::Internal).as_str().to_owned();
            Made { result: None, outcome: Outcome::Refused { code } }
        }
    }
}

/// On the toolset's own pool.
pub(crate) fn own() -> RunContext<'static> {
    RunContext::new(crate::witness::owner())
}

async fn called(tools: &Toolset, ctx: &RunContext<'_>, call: &RecordedCall) -> CallResult {
    // With its key, a write would be answered from the first time, under whatever policy that was.
    const KEY: &str = "idempotency_key";
    let is_own_write = Tool::from_name(&call.tool).is_ok_and(Tool::writes);
    let without_key = |arguments: &Json| {
        let mut arguments = arguments.as_object().filter(|_| is_own_write)?.clone();
        arguments.remove(KEY).map(|_| Json::Object(arguments))
    };
    match &call.arguments {
        Json::String(text) => match read_arguments(text.as_bytes()).ok().and_then(|read| without_key(&read)) {
            Some(arguments) => tools.call(ctx, &call.tool, &arguments).await,
            None => tools.call_json(ctx, &call.tool, text.as_bytes()).await,
        },
        arguments => match without_key(arguments) {
            Some(arguments) => tools.call(ctx, &call.tool, &arguments).await,
            None => tools.call(ctx, &call.tool, arguments).await,
        },
    }
}

/// The calls in pieces; an error is a piece of its own, and the last.
fn chunks(
    mut calls: impl Iterator<Item = Result<Line, FileError>>,
) -> impl Iterator<Item = Result<Vec<Line>, FileError>> {
    let mut failed = None;
    std::iter::from_fn(move || {
        if let Some(error) = failed.take() {
            return Some(Err(error));
        }
        let mut chunk = Vec::with_capacity(CHUNK);
        while chunk.len() < CHUNK {
            match calls.next() {
                Some(Ok(line)) => chunk.push(line),
                Some(Err(error)) => {
                    failed = Some(error);
                    break;
                }
                None => break,
            }
        }
        match (chunk.is_empty(), failed.take()) {
            (true, Some(error)) => Some(Err(error)),
            (true, None) => None,
            (false, error) => {
                failed = error;
                Some(Ok(chunk))
            }
        }
    })
}
