//! What is tried once everything was asked: rows of strangers change, the audit trail takes nothing, and
//! callers go away half way.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ormai::audit::{Entry, Kind, Outcome, Record};
use ormai::catalog::{FieldId, Model, ModelId, ReferentialAction};
use ormai::prelude::*;
use serde_json::{Map, Value as Json, json};
use tokio::sync::Mutex;

use super::ask::Ask;
use super::changes::Changes;
use super::course::{Answered, Course};
use super::dice::Dice;
use super::ledger::Ledger;
use super::plant::key_of;
use super::values;
use crate::{Violation, Witness};

/// How often strangers' rows are changed.
const ROUNDS: usize = 6;
/// How many reads are made again each time.
const AGAIN: usize = 24;
/// How many of the strangers' rows are changed, and how many deleted, each time.
const TOUCHED: usize = 12;
/// How many calls are dropped.
const DROPS: usize = 96;
/// More often than a call is polled, mostly.
const POLLS: usize = 16;

impl Course<'_> {
    /// Changes and deletes rows that a principal does not see, and asks again: each byte is the same.
    pub(super) async fn undisturbed(&mut self, tx: &RunContext<'_>, dice: &mut Dice) {
        let askers: BTreeSet<usize> = self.answered.iter().map(|(asker, _, _)| *asker).collect();
        let askers: Vec<usize> = askers.into_iter().collect();
        let mut changed = 0;
        for asker in dice.some(&askers, ROUNDS) {
            if self.is_over() {
                return;
            }
            let reads: Vec<(Ask, Json)> = self
                .answered
                .iter()
                .filter(|(by, _, _)| *by == asker)
                .map(|(_, ask, answer)| (ask.clone(), answer.clone()))
                .collect();
            let reads = dice.some(&reads, AGAIN);
            let touched = self.strangers_rows(asker, dice);
            let witness = self.witness;
            let this = Mutex::new((&mut *self, dice.clone()));
            let outcome = Mutex::new(None);
            let undone = witness
                .tools()
                .transaction(tx, async |inner| {
                    let mut this = this.lock().await;
                    let (course, dice) = &mut *this;
                    let effective = course.touch(inner, &touched, dice).await;
                    *outcome.lock().await = Some(effective);
                    for (ask, before) in &reads {
                        let after = course.call(inner, asker, ask, &ask.arguments).await;
                        let mut wrongs = Vec::new();
                        if after.json != *before {
                            let what = "rows that the principal may not see were changed, and so did the answer";
                            wrongs.push(Violation::new("non_interference", what));
                        }
                        course.judge(asker, ask, &ask.arguments, &Answered { json: after.json, wrongs });
                    }
                    Err::<(), Error>(Error::new(ErrorCode::Internal, "undone"))
                })
                .await;
            match outcome.into_inner() {
                Some(effective) => changed += effective,
                None => {
                    let why = undone.err().map_or_else(String::new, |error| error.to_string());
                    return self.broken(format!("rows of strangers could not be changed: {why}"));
                }
            }
        }
        if changed == 0 {
            self.untouched.push("non_interference: no row of a stranger could be changed or deleted".to_owned());
        }
    }

    /// Planted rows that a principal does not see, and that no condition on other rows looks at.
    fn strangers_rows(&self, asker: usize, dice: &mut Dice) -> Vec<usize> {
        let Some(who) = self.asker(asker) else { return Vec::new() };
        let (view, sight) = (self.view(who), self.sight());
        let unseen = self.plantation.rows.iter().enumerate().filter(|(_, planted)| {
            !self.subject.looked_at.contains(&planted.model)
                && !sight.sees(&view, &who.principal, planted.model, &planted.row)
        });
        let unseen: Vec<usize> = unseen.map(|(at, _)| at).collect();
        dice.some(&unseen, TOUCHED * 2)
    }

    /// Changes what no condition looks at, and deletes what nothing refers to; tells how many of them went or
    /// are another now.
    async fn touch(&self, inner: &RunContext<'_>, rows: &[usize], dice: &mut Dice) -> usize {
        let mut effective = 0;
        let owner = inner.for_principal(Principal::new("the owner of the database"));
        for (number, at) in rows.iter().enumerate() {
            let Some(planted) = self.plantation.rows.get(*at) else { continue };
            let model = self.subject.catalog.model(planted.model);
            let id = key_of(model, &planted.row);
            if number >= TOUCHED {
                if !self.takes_along(planted.model) {
                    let gone = json!({"model": model.name, "id": id});
                    let result = self.witness.tools().call(&owner, "delete", &gone).await;
                    effective += usize::from(result.success());
                }
                continue;
            }
            let mut data = Map::new();
            for field in dice.some(&self.indifferent(planted.model, model), 2) {
                let column = model.field(field);
                if let Some(value) = dice.pick(&values::values(column, &[], "changed canary", self.now)) {
                    data.insert(column.name.clone(), value);
                }
            }
            if !data.is_empty() {
                let change = json!({"model": model.name, "id": id, "data": data});
                let result = serde_json::to_value(self.witness.tools().call(&owner, "update", &change).await);
                let now = result.unwrap_or_default().get_mut("data").map(Json::take);
                let is_another =
                    |now: &Map<String, Json>| now.iter().any(|(name, value)| planted.row.get(name) != Some(value));
                effective += usize::from(now.as_ref().and_then(Json::as_object).is_some_and(is_another));
            }
        }
        effective
    }

    /// Fields that decide about no row.
    fn indifferent(&self, id: ModelId, model: &Model) -> Vec<FieldId> {
        let Some(about) = self.subject.about(id) else { return Vec::new() };
        let links = |field: &FieldId| {
            model.relations.iter().any(|relation| relation.link.iter().any(|(here, _)| here == field))
        };
        let refers =
            |field: &FieldId| model.foreign_keys.iter().any(|key| key.columns.iter().any(|(here, _)| here == field));
        let unique = |field: &FieldId| {
            model.primary_key.contains(field) || model.unique_keys.iter().flatten().any(|part| part == field)
        };
        model
            .field_ids()
            .filter(|(field, column)| {
                let decides = about.identity.contains_key(field)
                    || about.literals.contains_key(field)
                    || about.marks.contains(field);
                !decides && !links(field) && !refers(field) && !unique(field) && !column.generated
            })
            .map(|(field, _)| field)
            .collect()
    }

    /// Whether other rows go, or change, with a row of a model.
    fn takes_along(&self, id: ModelId) -> bool {
        let keys = self.subject.catalog.models().flat_map(|(_, model)| &model.foreign_keys);
        keys.into_iter().any(|key| key.target == id && key.on_delete != ReferentialAction::Refuse)
    }

    /// While the audit trail takes nothing, nothing is done and nothing is shown.
    pub(super) async fn unrecorded(&mut self, tx: &RunContext<'_>) {
        let Some((asker, ask)) = self.written.clone() else {
            if self.subject.models.iter().any(|about| about.is_written) {
                self.untouched.push("audited_once: no write was done, so none while no record is taken".to_owned());
            }
            return;
        };
        let Some(who) = self.asker(asker) else { return };
        let witness = self.witness;
        let this = Mutex::new(&mut *self);
        let outcome = Mutex::new(None);
        let undone = witness
            .tools()
            .transaction(tx, async |inner| {
                let mut this = this.lock().await;
                this.ledger.fill(true);
                let ctx = inner.for_principal(who.principal.clone()).now(this.now);
                let answer = this.tools.call(&ctx, ask.tool, &ask.arguments).await;
                this.ledger.fill(false);
                let after = this.state(inner, ask.model, &Json::Null).await;
                *outcome.lock().await = Some((serde_json::to_value(answer).unwrap_or_default(), after));
                Err::<(), Error>(Error::new(ErrorCode::Internal, "undone"))
            })
            .await;
        let (json, (before, after)) = match outcome.into_inner() {
            Some((json, Ok(states))) => (json, states),
            Some((_, Err(error))) => {
                return self.broken(format!("rows could not be read while no record was taken: {error}"));
            }
            None => {
                let why = undone.err().map_or_else(String::new, |error| error.to_string());
                return self.broken(format!("no write could be tried while no record was taken: {why}"));
            }
        };
        let mut wrongs = Vec::new();
        if json.get("success") == Some(&Json::Bool(true)) {
            wrongs.push(Violation::new("audited_once", "a write was answered while the audit trail took no record"));
        }
        if !Changes::between(self.subject.catalog.model(ask.model), &before, &after).is_empty() {
            wrongs.push(Violation::new("audited_once", "a write was made while the audit trail took no intent"));
        }
        self.judge(asker, &ask, &ask.arguments, &Answered { json, wrongs });
    }
}

/// Callers who go away, at whatever place: each call leaves one record. It reads what was there before.
pub(super) async fn dropped(
    (ormai, witness): (&OrmAi, &Witness),
    ledger: &Arc<Ledger>,
    ctx: &RunContext<'_>,
    tool: &str,
    arguments: &Json,
) -> Option<Violation> {
    for number in 0..DROPS {
        // Where a call waits, and whether it does, is chance.
        let (polls, request_id) = (1 + number % POLLS, format!("isolation-dropped-{number}"));
        let found = match ctx.is_held() {
            false => {
                one_dropped(
                    ormai,
                    ledger,
                    (ctx.shared().request_id(&request_id), &request_id),
                    (tool, arguments),
                    polls,
                )
                .await
            }
            // What is left half way would be in the way of the transaction around it.
            true => {
                let found = Mutex::new(None);
                let undone = witness.tools().transaction(ctx, async |inner| {
                    let inner = inner.for_principal(ctx.principal().clone()).request_id(&request_id);
                    *found.lock().await =
                        one_dropped(ormai, ledger, (inner, &request_id), (tool, arguments), polls).await;
                    Err::<(), Error>(Error::new(ErrorCode::Internal, "undone"))
                });
                drop(undone.await);
                found.into_inner()
            }
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

async fn one_dropped(
    ormai: &OrmAi,
    ledger: &Arc<Ledger>,
    (ctx, request_id): (RunContext<'_>, &str),
    (tool, arguments): (&str, &Json),
    polls: usize,
) -> Option<Violation> {
    let trail = ormai.trail()?;
    let call = ormai.tools().call(&ctx, tool, arguments);
    drop(GivenUp { inner: Box::pin(call), polls }.await);
    // What is said last is written last.
    let mut last = Record::begin(jiff::Timestamp::now(), "settled", "settled");
    last.outcome = Outcome::Answered;
    if trail.note(&last).await.is_err() {
        return Some(Violation::new("audited_once", "the audit trail took no record after a call was dropped"));
    }
    let entries: Vec<Entry> = ledger.take().iter().filter_map(Entry::read).collect();
    let closed =
        entries.iter().filter(|entry| entry.place.kind == Kind::Record && entry.request_id == request_id).count();
    (closed != 1).then(|| {
        let what = format!("a call that was dropped half way left {closed} closed records instead of one");
        Violation::new("audited_once", what)
    })
}

/// A future that is dropped after it was polled so often and was not done.
struct GivenUp<F> {
    inner: Pin<Box<F>>,
    polls: usize,
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
