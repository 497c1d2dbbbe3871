//! The course of a write, without I/O: steps come out, rows and counts go in, and every
//! answer of the database is judged before the next step.
//!
//! ```text
//! [references] → [look] → [before] → change → [after] → conclude
//! ```
//!
//! Whoever runs it does so in one transaction, and keeps that only when [`Course::conclude`]
//! has given an answer that is no preview.

use std::collections::HashSet;

use crate::answer::{Fetched, Preview, Row, Written};
use crate::audited::{self, Snapshots};
use crate::catalog::{Catalog, FieldId};
use crate::error::{Error, ErrorCode, Result, listed};
use crate::plan::{Before, Change, Step, WritePlan};
use crate::policy::Operation;
use crate::redact::{Redactor, shown_rows};
use crate::value::{Value, bytes};

/// How many rows a preview shows, before and after.
pub const PREVIEW_ROWS: usize = 20;

/// A step of a write, to be run as what it is.
#[derive(Debug)]
pub enum WriteStep {
    /// It reads rows; they go into [`Course::read`].
    Read(Step),
    /// It changes rows; their number, and the rows that came back, go into [`Course::changed`].
    Change(Step),
}

/// A write on its way.
#[derive(Debug)]
pub struct Course {
    plan: WritePlan,
    stage: Stage,
    /// Whether a step came out that nobody has answered yet.
    is_due: bool,
    before: Fetched,
    after: Fetched,
    keys: Vec<Vec<Value>>,
    fields: Vec<FieldId>,
    model: String,
    snapshots: Option<Snapshots>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    References,
    Look,
    Before,
    Change,
    After,
    Done,
}

/// What kind of thing in the database stood against a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// A unique key has the value already.
    Taken,
    /// A reference points to no row.
    Dangling,
    /// Other rows refer to the row.
    ReferredTo,
    /// NULL where none may stand.
    Missing,
    /// A value that the database does not take.
    Unfit,
    /// Another transaction.
    Concurrent,
}

impl Course {
    /// Begins the course of a plan over a catalog, the one that it was made for.
    pub fn new(plan: WritePlan, catalog: &Catalog) -> Self {
        let model = catalog.model(plan.model);
        let fields = model.primary_key.clone();
        Self {
            plan,
            stage: Stage::References,
            is_due: false,
            before: Fetched::default(),
            after: Fetched::default(),
            keys: Vec::new(),
            fields,
            model: model.name.clone(),
            snapshots: None,
        }
    }

    /// The plan that is followed.
    pub fn plan(&self) -> &WritePlan {
        &self.plan
    }

    /// The next step, or `None` when all is done.
    ///
    /// # Errors
    ///
    /// `QUERY_TOO_BROAD` when a step needs more values than a statement takes;
    /// `WRITE_NOT_ALLOWED` when what would be written fails its check by what is said.
    pub fn step(&mut self) -> Result<Option<WriteStep>> {
        if self.is_due {
            return Err(out_of_order());
        }
        let step = self.next()?;
        self.is_due = step.is_some();
        Ok(step)
    }

    fn next(&mut self) -> Result<Option<WriteStep>> {
        loop {
            match self.stage {
                Stage::References => {
                    if let Some(references) = &mut self.plan.references {
                        return references.step.take().map(|step| Some(WriteStep::Read(step))).ok_or_else(out_of_order);
                    }
                    self.stage = Stage::Look;
                }
                Stage::Look => match self.plan.look.take() {
                    Some(look) => return look.step(&self.fields).map(|step| Some(WriteStep::Read(step))),
                    None => self.stage = Stage::Before,
                },
                Stage::Before => match self.plan.before.take() {
                    Some(before) => return before.step(&self.fields).map(|step| Some(WriteStep::Read(step))),
                    None => self.stage = Stage::Change,
                },
                Stage::Change if self.plan.is_doomed => return Err(self.check_failed()),
                Stage::Change => {
                    let step = match &mut self.plan.change {
                        Change::Insert(step) | Change::One(step) => step.take(),
                        Change::Many(keyed) => {
                            keyed.take().map(|keyed| keyed.step(&self.keys, &self.fields)).transpose()?
                        }
                    };
                    return step.map(|step| Some(WriteStep::Change(step))).ok_or_else(out_of_order);
                }
                Stage::After => match self.plan.after.take() {
                    Some(keyed) => {
                        return keyed.step(&self.keys, &self.fields).map(|step| Some(WriteStep::Read(step)));
                    }
                    None => self.stage = Stage::Done,
                },
                Stage::Done => return Ok(None),
            }
        }
    }

    /// Takes in the rows of the step that came out last.
    ///
    /// # Errors
    ///
    /// What they decide: `VALIDATION_ERROR` for a reference, `RECORD_NOT_FOUND`,
    /// `MAX_AFFECTED_ROWS_EXCEEDED`, `WRITE_NOT_ALLOWED` for a row that fails its check.
    pub fn read(&mut self, rows: Fetched) -> Result<()> {
        if !std::mem::take(&mut self.is_due) {
            return Err(out_of_order());
        }
        match self.stage {
            Stage::References => {
                self.check_references(&rows)?;
                self.stage = Stage::Look;
            }
            Stage::Look => {
                self.check_before(&rows)?;
                let key: Vec<usize> = (0..self.fields.len()).collect();
                let seen = self.keys_of(&rows, &key)?;
                self.stage = if rows.is_empty() { Stage::Done } else { Stage::Before };
                if let Some(Before::Named(_, keys)) = &mut self.plan.before {
                    *keys = seen;
                }
            }
            Stage::Before => {
                self.check_before(&rows)?;
                self.keys = self.keys_of(&rows, &self.plan.key)?;
                self.stage = if rows.is_empty() { Stage::Done } else { Stage::Change };
                self.before = rows;
            }
            Stage::After => {
                if rows.len() != self.keys.len() {
                    return Err(self.check_failed());
                }
                self.after = rows;
                self.stage = Stage::Done;
            }
            Stage::Change | Stage::Done => return Err(out_of_order()),
        }
        Ok(())
    }

    /// Takes in how many rows a change has reached, and the key that came back of a new one.
    ///
    /// # Errors
    ///
    /// `RECORD_NOT_FOUND` when it reached none; `CONFLICT` when others changed the rows
    /// meanwhile.
    pub fn changed(&mut self, affected: u64, rows: &Fetched) -> Result<()> {
        if !std::mem::take(&mut self.is_due) || self.stage != Stage::Change {
            return Err(out_of_order());
        }
        match &self.plan.change {
            Change::Insert(_) => match (affected, rows.rows().next()) {
                (1, Some(key)) if rows.len() == 1 && key.len() == self.fields.len() => self.keys = vec![key.to_vec()],
                // MySQL returns nothing; then the key is the one that was said.
                (1, None) if !self.plan.one.is_empty() => self.keys = vec![self.plan.one.clone()],
                // A trigger may keep a row out.
                (0, _) => return Err(self.obstacle(Obstacle::Unfit)),
                _ => return Err(Error::new(ErrorCode::Internal, "the new row did not come back")),
            },
            Change::One(_) => match affected {
                0 => return Err(not_found()),
                1 => self.keys = vec![self.plan.one.clone()],
                _ => return Err(Error::new(ErrorCode::Internal, "a key stands for several rows")),
            },
            Change::Many(_) if affected == self.keys.len() as u64 => {}
            Change::Many(_) => return Err(self.obstacle(Obstacle::Concurrent)),
        }
        self.stage = Stage::After;
        Ok(())
    }

    /// The answer, redacted. Nothing of the write may be kept before this.
    ///
    /// # Errors
    ///
    /// `INTERNAL` when steps are still due, or the row cannot be shown.
    pub fn conclude(&mut self, redactor: &Redactor<'_>) -> Result<Written> {
        if self.stage != Stage::Done {
            return Err(Error::new(ErrorCode::Internal, "the write was concluded before its last step"));
        }
        let layout = &self.plan.layout;
        let affected = self.keys.len() as u64;
        let (before, after) = (std::mem::take(&mut self.before), std::mem::take(&mut self.after));
        if self.plan.dry_run {
            let before = shown_rows(before, layout, PREVIEW_ROWS, redactor);
            let after = shown_rows(after, layout, PREVIEW_ROWS, redactor);
            return Ok(Written::Preview(Preview { affected, before, after }));
        }
        if self.plan.snapshots {
            self.snapshots = Some(self.snapshots_of(&before, &after, redactor));
        }
        if self.plan.cap.is_some() {
            return Ok(Written::Updated { count: affected });
        }
        // What is gone is told as it was.
        let rows = if after.is_empty() { before } else { after };
        let row: Option<Row> = shown_rows(rows, layout, 1, redactor).pop();
        row.map(Written::Stored).ok_or_else(|| Error::new(ErrorCode::Internal, "the written row was not read back"))
    }

    /// The rows as they were and as they are, redacted like the answer. There are some once
    /// [`Course::conclude`] has given an answer, where the plan was made with
    /// [`Authority::snapshots`](crate::authorize::Authority::snapshots) and is no dry run.
    pub fn take_snapshots(&mut self) -> Option<Snapshots> {
        self.snapshots.take()
    }

    fn snapshots_of(&self, before: &Fetched, after: &Fetched, redactor: &Redactor<'_>) -> Snapshots {
        let layout = &self.plan.layout;
        if self.plan.cap.is_some() {
            let of = |rows| Some(audited::of_rows(rows, layout, redactor));
            return Snapshots { before: of(before), after: of(after) };
        }
        let of = |rows| audited::of_row(rows, layout, redactor);
        Snapshots { before: of(before), after: of(after) }
    }

    /// What is said of something in the database that stood against the write. Never names a
    /// key, a value or a constraint.
    pub fn obstacle(&self, obstacle: Obstacle) -> Error {
        let model = &self.model;
        match obstacle {
            Obstacle::Taken => {
                Error::new(ErrorCode::Conflict, format!("another record has a value that must be unique in `{model}`"))
                    .hint(Some("give other values to what identifies the record".to_owned()))
            }
            Obstacle::Dangling => dangling(&self.plan.chosen_references),
            Obstacle::ReferredTo if self.plan.operation == Operation::Delete => {
                Error::new(ErrorCode::Conflict, format!("other records still refer to this one of `{model}`"))
                    .hint(Some("delete or change these first".to_owned()))
            }
            Obstacle::ReferredTo => dangling(&self.plan.chosen_references),
            Obstacle::Missing => {
                let error = Error::invalid("data", format!("a value is missing that `{model}` needs"));
                match self.plan.left_out.as_slice() {
                    [] => error,
                    names => error.hint(Some(format!("give a value to {}", listed(names)))),
                }
            }
            Obstacle::Unfit => Error::invalid("data", format!("the database does not take these values for `{model}`"))
                .hint(Some("a value is too long, out of range, or breaks a rule of the database".to_owned())),
            Obstacle::Concurrent => {
                let mut error = Error::new(ErrorCode::Conflict, "another change is in the way; nothing was changed")
                    .hint(Some("make the same call again; in a transaction, begin that again".to_owned()));
                error.retryable = true;
                error
            }
        }
    }

    /// Takes in what would let the write go on, so that all of its steps come out: to explain
    /// them. NULL stands for keys that are known only when rows are read.
    pub fn suppose(&mut self) -> Result<()> {
        let key = match self.plan.one.is_empty() {
            true => vec![Value::Null; self.fields.len()],
            false => self.plan.one.clone(),
        };
        match self.stage {
            Stage::References => {
                let expected = self.plan.references.iter().flat_map(|references| &references.expected);
                let truths: Vec<Value> = expected.map(|truth| Value::Bool(*truth)).collect();
                self.read(Fetched::new(truths.len(), truths))
            }
            Stage::Look => self.read(Fetched::new(key.len(), key)),
            Stage::Before | Stage::After => {
                let width = self.plan.key.iter().max().map_or(0, |last| last + 1);
                let mut row = vec![Value::Null; width];
                for (at, value) in self.plan.key.iter().zip(key) {
                    if let Some(cell) = row.get_mut(*at) {
                        *cell = value;
                    }
                }
                self.read(Fetched::new(width, row))
            }
            Stage::Change => self.changed(1, &Fetched::new(key.len(), key)),
            Stage::Done => Err(out_of_order()),
        }
    }

    fn check_references(&self, rows: &Fetched) -> Result<()> {
        let Some(references) = &self.plan.references else { return Err(out_of_order()) };
        let found = rows.rows().next().unwrap_or_default();
        let as_expected = found.len() == references.expected.len()
            && found.iter().zip(&references.expected).all(|(found, expected)| *found == Value::Bool(*expected));
        if as_expected { Ok(()) } else { Err(dangling(&self.plan.chosen_references)) }
    }

    fn check_before(&self, rows: &Fetched) -> Result<()> {
        match self.plan.cap {
            None if rows.is_empty() => Err(not_found()),
            None if rows.len() > 1 => Err(Error::new(ErrorCode::Internal, "a key stands for several rows")),
            Some(cap) if rows.len() > cap => {
                let error = Error::new(
                    ErrorCode::MaxAffectedRowsExceeded,
                    format!("more than {cap} rows of `{}` would change, and nothing was changed", self.model),
                );
                Err(error.hint(Some("narrow the filters, or name fewer keys".to_owned())).detail("max", cap))
            }
            _ => Ok(()),
        }
    }

    /// The keys of rows, each once, from where they stand in them.
    fn keys_of(&self, rows: &Fetched, at: &[usize]) -> Result<Vec<Vec<Value>>> {
        let mut seen = HashSet::with_capacity(rows.len());
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows.rows() {
            let key: Option<Vec<Value>> = at.iter().map(|at| row.get(*at).cloned()).collect();
            let key = key.ok_or_else(|| Error::new(ErrorCode::Internal, "a row came without its key"))?;
            if !seen.insert(bytes::encode(&key.iter().collect::<Vec<_>>())) {
                return Err(Error::new(ErrorCode::Internal, "a key stands for several rows"));
            }
            keys.push(key);
        }
        Ok(keys)
    }

    fn check_failed(&self) -> Error {
        Error::new(ErrorCode::WriteNotAllowed, format!("the record of `{}` would not be yours to write", self.model))
            .hint(Some("a written record must satisfy the policy as a read one does; nothing was changed".to_owned()))
    }
}

/// A reference to no row that the principal may see: the same, whether it is there or not.
pub(crate) fn dangling(names: &[String]) -> Error {
    let error = Error::invalid("data", "a reference points to no record that you can see");
    if names.is_empty() { error } else { error.hint(Some(format!("look at the value of {}", listed(names)))) }
}

/// The same for a row that is not there and for one that the principal may not see.
pub(crate) fn not_found() -> Error {
    Error::new(ErrorCode::RecordNotFound, "there is no such record for you")
        .hint(Some("find its key with `query`".to_owned()))
}

fn out_of_order() -> Error {
    Error::new(ErrorCode::Internal, "an answer came that was not asked for")
}
