//! What a transaction is made of.

use std::collections::BTreeSet;

use ormai::prelude::*;
use ormai::{Response, Toolset};
use serde_json::{Value as Json, json};

use super::journal::{Changes, Note};
use super::writer::{Writer, create, update};

/// A step of a transaction.
pub(super) enum Step {
    Create(i64, Note),
    Update(i64, i64),
    Delete(i64),
    /// A call that is refused, for a word that is taken; the transaction goes on without it.
    Refused(i64, Note),
    Mark(i64, i64),
    /// Calls in a transaction of their own, and whether they are kept.
    Nested(Vec<Step>, bool),
}

impl Writer {
    pub(super) fn step_create(&mut self, changes: &mut Changes) -> Step {
        let (key, note) = self.new_note();
        changes.insert(key, Some(note.clone()));
        Step::Create(key, note)
    }

    /// A change of a row that nothing else in the transaction changes.
    pub(super) fn step_change(&mut self, changes: &mut Changes, touched: &mut BTreeSet<i64>) -> Option<Step> {
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
    pub(super) fn step_refused(&mut self) -> Option<Step> {
        let taken = self.journal.notes.first_key_value()?.1.word.clone();
        let (key, note) = self.new_note();
        Some(Step::Refused(key, Note { word: taken, ..note }))
    }
}

pub(super) async fn all(tools: &Toolset, tx: &RunContext<'_>, writer: usize, steps: &[Step]) -> Result<(), Error> {
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
        Step::Delete(key) => Ok(tools.delete(tx, Delete::new("Note", *key)).await.map(|_| ())?),
        Step::Mark(id, mark) => {
            Ok(tools.update(tx, Update::new("Shared", *id).set("mark", *mark)).await.map(|_| ())?)
        }
        Step::Refused(key, note) => match tools.create(tx, create(writer, *key, note)).await {
            Err(error) if error.code == ErrorCode::Conflict && !error.retryable => Ok(()),
            Err(error) => Err(error.into()),
            Ok(told) => as_told(false, &serde_json::to_value(told.data).unwrap()),
        },
        Step::Nested(..) => as_told(false, &json!("no deeper")),
    }
}

/// A call that answers with a row, which has this amount.
pub(super) async fn stored(
    call: impl Future<Output = Result<Response<Written>, ormai::Refused>>,
    amount: i64,
) -> Result<(), Error> {
    let told = serde_json::to_value(call.await?.data).unwrap();
    as_told(told["amount"] == amount, &told)
}

/// An error that nobody expects, for an answer that is wrong.
pub(super) fn as_told(is_right: bool, told: &Json) -> Result<(), Error> {
    if is_right { Ok(()) } else { Err(Error::new(ErrorCode::Internal, format!("a wrong answer: {told}"))) }
}

const ON_PURPOSE: &str = "undone on purpose";

pub(super) fn on_purpose() -> Error {
    Error::new(ErrorCode::Internal, ON_PURPOSE)
}

pub(super) fn is_on_purpose(error: &Error) -> bool {
    error.message == ON_PURPOSE
}
