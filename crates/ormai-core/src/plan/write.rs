//! The plan of a write: what is looked at before, the change, and how it is read back.

use std::sync::Arc;

use super::show::shown;
use super::{Applied, Binds, Delete, Keys, Layout, Select, Shape, Step, Target, Update};
use crate::catalog::{Catalog, FieldId, ModelId};
use crate::error::{Error, ErrorCode, Result};
use crate::policy::Operation;
use crate::value::Value;

/// What a principal may write of what was asked: the rows that are changed carry their scope,
/// and what is written is read back through its check.
///
/// Made by [`crate::authorize::authorize_write`] only; [`crate::write::Course`] takes it through.
#[derive(Debug)]
pub struct WritePlan {
    pub(crate) model: ModelId,
    pub(crate) operation: Operation,
    pub(crate) timeout_ms: u32,
    pub(crate) applied: Vec<Applied>,
    pub(crate) bypasses: Vec<Applied>,
    pub(crate) references: Option<References>,
    /// The keys of the rows, without a lock: where the database locks a row before it looks at
    /// the conditions. What follows is about the rows that were seen, under the same conditions.
    pub(crate) look: Option<Before>,
    /// The rows as they are, locked: read where the answer or the change needs them.
    pub(crate) before: Option<Before>,
    pub(crate) change: Change,
    /// The rows as they were written, through their check; `None` when they are gone.
    pub(crate) after: Option<Keyed>,
    /// The key of the one row that is meant, as far as the request or the policy says it; else
    /// empty.
    pub(crate) one: Vec<Value>,
    /// Where the key stands in the rows of `before` and `after`.
    pub(crate) key: Vec<usize>,
    pub(crate) layout: Arc<Layout>,
    /// How many rows may be changed; `None` where one is meant.
    pub(crate) cap: Option<usize>,
    pub(crate) dry_run: bool,
    /// Whether the rows before and after are kept for a record.
    pub(crate) snapshots: bool,
    pub(crate) needs_approval: bool,
    /// The references that the request chose, by the names of their fields.
    pub(crate) chosen_references: Vec<String>,
    /// The fields without a default that the request could have given and did not.
    pub(crate) left_out: Vec<String>,
    /// Whether what is written fails its check already by the values that are said.
    pub(crate) is_doomed: bool,
}

/// Whether the references of a write lead to rows that the principal may see.
#[derive(Debug)]
pub(crate) struct References {
    /// Taken out when it is run.
    pub(crate) step: Option<Step>,
    /// What must come back, in order.
    pub(crate) expected: Vec<bool>,
}

/// How rows are looked at before they change.
#[derive(Debug)]
pub(crate) enum Before {
    /// Chosen by filters, or the one with a key.
    Found(Step),
    /// Named by their keys.
    Named(Keyed, Vec<Vec<Value>>),
}

/// The statement that changes something; taken out when it is run.
#[derive(Debug)]
pub(crate) enum Change {
    /// A new row.
    Insert(Option<Step>),
    /// One row.
    One(Option<Step>),
    /// Rows whose keys come from looking at them before.
    Many(Option<Keyed>),
}

/// A step that waits for keys.
#[derive(Debug)]
pub(crate) struct Keyed {
    pub(crate) shape: Shape,
    pub(crate) binds: Vec<Value>,
}

impl WritePlan {
    /// How long each statement may run, in milliseconds.
    pub fn timeout_ms(&self) -> u32 {
        self.timeout_ms
    }

    /// The rules that took part, each once.
    pub fn applied(&self) -> &[Applied] {
        &self.applied
    }

    /// The row policies among them that lifted a scope, of whichever table of the plan. They are
    /// known before any of it runs.
    pub fn bypasses(&self) -> &[Applied] {
        &self.bypasses
    }

    /// The fields that the answer or a snapshot shows masked, hashed or redacted, by their names.
    pub fn fields_redacted(&self) -> Vec<String> {
        let mut redacted = Vec::new();
        self.layout.name_redacted("", &mut redacted);
        redacted
    }

    /// The model that is written.
    pub fn model(&self) -> ModelId {
        self.model
    }

    /// What is done to it.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// Whether nothing is kept.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Whether somebody else has to approve it before it is done.
    pub fn needs_approval(&self) -> bool {
        self.needs_approval
    }

    /// What the policy admits of the rows that are changed, in words; empty for a new row.
    pub fn show_using(&self, catalog: &Catalog) -> String {
        let Some((target, binds)) = self.target() else { return String::new() };
        shown(catalog, self.model, &target.source.scope, binds)
    }

    /// Which rows the request itself means, in words; empty for a new row, and where a bulk update
    /// finds its rows first.
    pub fn show_filter(&self, catalog: &Catalog) -> String {
        let found = match (self.look.as_ref().or(self.before.as_ref()), self.target()) {
            (Some(Before::Found(Step { shape: Shape::Select(select), binds })), _) => {
                Some((&select.filter, binds.as_slice()))
            }
            (_, target) => target.map(|(target, binds)| (&target.filter, binds)),
        };
        found.map(|(filter, binds)| shown(catalog, self.model, filter, binds)).unwrap_or_default()
    }

    /// What a written row must satisfy, in words; empty where it goes.
    pub fn show_check(&self, catalog: &Catalog) -> String {
        match &self.after {
            Some(Keyed { shape: Shape::Select(select), binds }) => {
                shown(catalog, self.model, &select.source.scope, binds)
            }
            _ => String::new(),
        }
    }

    fn target(&self) -> Option<(&Target, &[Value])> {
        let (shape, binds) = match &self.change {
            Change::Insert(_) | Change::One(None) | Change::Many(None) => return None,
            Change::One(Some(step)) => (&step.shape, &step.binds),
            Change::Many(Some(keyed)) => (&keyed.shape, &keyed.binds),
        };
        match shape {
            Shape::Update(update) => Some((&update.target, binds)),
            Shape::Delete(delete) => Some((&delete.target, binds)),
            _ => None,
        }
    }
}

impl Before {
    /// The step that looks at the rows.
    pub(crate) fn step(self, fields: &[FieldId]) -> Result<Step> {
        match self {
            Self::Found(step) => Ok(step),
            Self::Named(keyed, keys) => keyed.step(&keys, fields),
        }
    }
}

impl Keyed {
    /// The step for the rows with these keys: each key with all of its parts.
    pub(crate) fn step(mut self, keys: &[Vec<Value>], fields: &[FieldId]) -> Result<Step> {
        let part = |part: usize| keys.iter().map(|key| key.get(part).cloned()).collect::<Option<Vec<Value>>>();
        let parts: Option<Vec<Vec<Value>>> = (0..fields.len()).map(part).collect();
        let parts = parts.ok_or_else(|| Error::new(ErrorCode::Internal, "a key lacks a part"))?;
        let mut binds = Binds::beside(self.binds);
        let lists = binds.push_keys(parts)?;
        let keys = Keys { fields: fields.to_vec(), lists };
        match &mut self.shape {
            Shape::Select(Select { per_parent: Some(parents), .. }) => parents.keys = keys,
            Shape::Update(Update { target: Target { keys: known, .. }, .. })
            | Shape::Delete(Delete { target: Target { keys: known, .. } }) => *known = Some(keys),
            _ => return Err(Error::new(ErrorCode::Internal, "a step takes no keys")),
        }
        Ok(Step { shape: self.shape, binds: binds.into_values() })
    }
}
