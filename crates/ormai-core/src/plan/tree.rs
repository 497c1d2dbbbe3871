//! The whole plan of a request: its steps, and how their rows become an answer.

use std::sync::Arc;

use super::{Binds, Select, Shape, Step};
use crate::catalog::{FieldId, ModelId};
use crate::error::Result;
use crate::policy::FieldAction;
use crate::request;
use crate::value::Value;

/// What a principal may have of what was asked: every table in it carries its scope.
///
/// Made by [`crate::authorize::authorize`] only. There is no other way to a [`Step`], and
/// a statement is made from a step.
#[derive(Debug)]
pub struct ScopedPlan {
    pub(crate) root: Root,
    pub(crate) timeout_ms: u32,
    pub(crate) applied: Vec<Applied>,
    pub(crate) bypasses: Vec<Applied>,
}

/// What the plan answers.
#[derive(Debug)]
pub(crate) enum Root {
    Rows(Box<RowsPlan>),
    Groups(Box<GroupsPlan>),
}

/// `query` and `get`.
#[derive(Debug)]
pub(crate) struct RowsPlan {
    pub(crate) step: Step,
    pub(crate) layout: Arc<Layout>,
    pub(crate) limit: usize,
    pub(crate) page: PagePlan,
    /// Every include of the request, each after its parent.
    pub(crate) includes: Vec<IncludePlan>,
}

#[derive(Debug)]
pub(crate) enum PagePlan {
    One,
    Many {
        total: Option<Box<Step>>,
        /// Positions of the order's fields in the root's outputs; `None` without a total order.
        continuation: Option<Continuation>,
    },
}

#[derive(Debug)]
pub(crate) struct Continuation {
    pub(crate) positions: Vec<usize>,
    pub(crate) request: Box<request::Query>,
}

/// One include: its statement waits for the keys of its parents.
#[derive(Debug)]
pub(crate) struct IncludePlan {
    /// 0 is the root; `i + 1` the include at `i`.
    pub(crate) parent: usize,
    /// Where the key stands in the parent's outputs.
    pub(crate) parent_key: Vec<usize>,
    /// Where the parent's key stands in this include's outputs.
    pub(crate) child_key: Vec<usize>,
    pub(crate) many: bool,
    pub(crate) limit: usize,
    pub(crate) select: Select,
    pub(crate) binds: Vec<Value>,
    pub(crate) layout: Arc<Layout>,
}

/// `aggregate`.
#[derive(Debug)]
pub(crate) struct GroupsPlan {
    pub(crate) step: Step,
    pub(crate) layout: Arc<Layout>,
    pub(crate) limit: usize,
}

/// How a raw row becomes a row of the answer.
#[derive(Debug, PartialEq)]
pub(crate) struct Layout {
    /// The names in the answer, relations last.
    pub(crate) names: Vec<String>,
    /// Where each value stands in the raw row, and how it appears.
    pub(crate) columns: Vec<(usize, FieldAction)>,
}

impl Layout {
    /// The names of fields that do not appear as they are, each behind the way to its row.
    pub(crate) fn name_redacted(&self, way: &str, names: &mut Vec<String>) {
        let redacted = self.columns.iter().zip(&self.names).filter(|((_, action), _)| *action != FieldAction::Allow);
        names.extend(redacted.map(|(_, name)| format!("{way}{name}")));
    }

    /// The names of relations, in the order of the includes.
    fn relations(&self) -> &[String] {
        self.names.get(self.columns.len()..).unwrap_or_default()
    }
}

/// A rule that took part in the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// The model whose table it governs.
    pub model: ModelId,
    /// The rule.
    pub rule: AppliedRule,
}

/// Which rule took part, and as what.
#[derive(Clone, Debug, PartialEq)]
pub enum AppliedRule {
    /// The scope on a field, with the value that it took (a list for IN).
    Scope(FieldId, Value),
    /// The row policy at a position of the model's rules.
    Row(usize),
}

impl ScopedPlan {
    /// How long each statement may run, in milliseconds.
    pub fn timeout_ms(&self) -> u32 {
        self.timeout_ms
    }

    /// The rules that took part, each once, in the order in which tables entered the plan.
    pub fn applied(&self) -> &[Applied] {
        &self.applied
    }

    /// The row policies among them that lifted a scope, of whichever table of the plan. They are
    /// known before any of it runs.
    pub fn bypasses(&self) -> &[Applied] {
        &self.bypasses
    }

    /// The model that was asked for.
    pub fn model(&self) -> Option<ModelId> {
        self.root().source().map(|source| source.model)
    }

    /// The fields that the answer shows masked, hashed or redacted, by their names; those of an
    /// include behind its relation: `user.email`.
    pub fn fields_redacted(&self) -> Vec<String> {
        let mut redacted = Vec::new();
        match &self.root {
            Root::Rows(rows) => {
                rows.layout.name_redacted("", &mut redacted);
                // Where each include stands, to say what stands below it.
                let mut ways: Vec<String> = Vec::with_capacity(rows.includes.len());
                for (index, include) in rows.includes.iter().enumerate() {
                    let (way, layout) = match include.parent.checked_sub(1) {
                        None => ("", Some(&rows.layout)),
                        Some(parent) => (
                            ways.get(parent).map_or("", String::as_str),
                            rows.includes.get(parent).map(|parent| &parent.layout),
                        ),
                    };
                    let siblings = rows.includes.iter().take(index);
                    let nth = siblings.filter(|known| known.parent == include.parent).count();
                    let name = layout.and_then(|layout| layout.relations().get(nth)).map_or("", String::as_str);
                    let way = format!("{way}{name}.");
                    include.layout.name_redacted(&way, &mut redacted);
                    ways.push(way);
                }
            }
            Root::Groups(groups) => groups.layout.name_redacted("", &mut redacted),
        }
        redacted
    }

    /// The first step, taken out of the plan: it is run once.
    pub fn take_root(&mut self) -> Step {
        let step = match &mut self.root {
            Root::Rows(rows) => &mut rows.step,
            Root::Groups(groups) => &mut groups.step,
        };
        Step { shape: step.shape.clone(), binds: std::mem::take(&mut step.binds) }
    }

    /// The first step as it stands, to explain it.
    pub fn root(&self) -> &Step {
        match &self.root {
            Root::Rows(rows) => &rows.step,
            Root::Groups(groups) => &groups.step,
        }
    }

    /// The step that counts all rows, when that was asked for.
    pub fn take_total(&mut self) -> Option<Step> {
        match &mut self.root {
            Root::Rows(rows) => match &mut rows.page {
                PagePlan::Many { total, .. } => total.take().map(|step| *step),
                PagePlan::One => None,
            },
            Root::Groups(_) => None,
        }
    }

    /// How many includes there are, at all depths.
    pub fn includes(&self) -> usize {
        match &self.root {
            Root::Rows(rows) => rows.includes.len(),
            Root::Groups(_) => 0,
        }
    }

    pub(crate) fn include(&self, index: usize) -> Option<&IncludePlan> {
        match &self.root {
            Root::Rows(rows) => rows.includes.get(index),
            Root::Groups(_) => None,
        }
    }
}

impl IncludePlan {
    /// The statement for the rows of these parents: one list of values per key field.
    pub(crate) fn step(&self, keys: Vec<Vec<Value>>) -> Result<Step> {
        let mut select = self.select.clone();
        let mut binds = Binds::beside(self.binds.clone());
        let lists = binds.push_keys(keys)?;
        if let Some(per_parent) = &mut select.per_parent {
            per_parent.keys.lists = lists;
        }
        Ok(Step { shape: Shape::Select(select), binds: binds.into_values() })
    }
}
