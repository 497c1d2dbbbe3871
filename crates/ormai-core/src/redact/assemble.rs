//! Rows and their related rows, put together.

use std::collections::HashMap;
use std::sync::Arc;

use super::Redactor;
use crate::answer::{Answer, Cell, Fetched, Groups, Included, Page, Row};
use crate::cursor::CursorKey;
use crate::error::{Error, ErrorCode, Result};
use crate::fault::Fault;
use crate::plan::{IncludePlan, Layout, MAX_KEY_VALUES, PagePlan, Root, RowsPlan, ScopedPlan, Step};
use crate::principal::CallContext;
use crate::value::{Value, bytes};
use crate::write::not_found;

/// The raw rows of a plan while they come in.
#[derive(Debug, Default)]
pub struct Harvest {
    root: Fetched,
    includes: Vec<Fetched>,
    total: Option<u64>,
}

impl Harvest {
    /// Takes in the rows of the root.
    pub fn root(&mut self, rows: Fetched) {
        self.root = rows;
    }

    /// Takes in the rows of the next include.
    pub fn include(&mut self, rows: Fetched) {
        self.includes.push(rows);
    }

    /// Takes in the count of all rows.
    pub fn total(&mut self, rows: &Fetched) {
        self.total = match rows.rows().next() {
            Some([Value::Int(count)]) => u64::try_from(*count).ok(),
            _ => None,
        };
    }

    /// The step of the next include, or `None` when its parents are not there: then there
    /// is nothing to ask for.
    ///
    /// # Errors
    ///
    /// `QUERY_TOO_BROAD` when the keys are too many for one statement.
    pub fn next_include(&self, plan: &ScopedPlan) -> Result<Option<Step>> {
        let Some(include) = plan.include(self.includes.len()) else { return Ok(None) };
        let (parents, limit) = match (include.parent.checked_sub(1), &plan.root) {
            (None, Root::Rows(rows)) => (&self.root, rows.limit),
            (Some(index), _) => (self.includes.get(index).unwrap_or(&self.root), usize::MAX),
            (None, Root::Groups(_)) => return Ok(None),
        };
        let keys = distinct_keys(parents, limit, &include.parent_key);
        let (columns, parents) = (keys.len(), keys.first().map_or(0, Vec::len));
        if columns.saturating_mul(parents) > MAX_KEY_VALUES {
            return Err(Error::new(
                ErrorCode::QueryTooBroad,
                format!("an include would follow {parents} rows, and {} are the most", MAX_KEY_VALUES / columns),
            )
            .hint(Some("lower the limits of the request and of its includes".to_owned())));
        }
        if parents == 0 { Ok(None) } else { include.step(keys).map(Some) }
    }

    /// How many includes have come in.
    pub fn includes_done(&self) -> usize {
        self.includes.len()
    }
}

/// The keys of the parents: one list per key field, without doubles and without NULLs
/// (a key with a NULL in it leads nowhere).
fn distinct_keys(parents: &Fetched, limit: usize, positions: &[usize]) -> Vec<Vec<Value>> {
    let mut seen = std::collections::HashSet::new();
    let mut keys = vec![Vec::new(); positions.len()];
    for row in parents.rows().take(limit) {
        let Some(key) = key_of(row, positions) else { continue };
        if seen.insert(bytes::encode(&key)) {
            for (list, value) in keys.iter_mut().zip(key) {
                list.push(value.clone());
            }
        }
    }
    keys
}

fn key_of<'r>(row: &'r [Value], positions: &[usize]) -> Option<Vec<&'r Value>> {
    positions.iter().map(|position| row.get(*position).filter(|value| !value.is_null())).collect()
}

/// The answer to a plan from all its rows.
///
/// # Errors
///
/// `RECORD_NOT_FOUND` when a `get` found nothing.
pub fn answer(
    plan: ScopedPlan,
    harvest: Harvest,
    redactor: &Redactor<'_>,
    cursors: &CursorKey,
    policy_version: &str,
    call: &CallContext,
) -> Result<Answer> {
    match plan.root {
        Root::Rows(rows) => page(*rows, harvest, redactor, cursors, policy_version, call),
        Root::Groups(groups) => {
            let mut fetched = harvest.root;
            let has_more = fetched.len() > groups.limit;
            let rows = fetched
                .rows_mut()
                .take(groups.limit)
                .map(|raw| row(&groups.layout, raw, redactor, Vec::new()))
                .collect();
            Ok(Answer::Groups(Groups { rows, has_more }))
        }
    }
}

fn page(
    plan: RowsPlan,
    harvest: Harvest,
    redactor: &Redactor<'_>,
    cursors: &CursorKey,
    policy_version: &str,
    call: &CallContext,
) -> Result<Answer> {
    let Harvest { mut root, includes, total } = harvest;
    let related = Related::assemble(&plan.includes, includes, redactor);
    let continuation = match plan.page {
        PagePlan::One => {
            let found = root.rows_mut().next().map(|raw| {
                let cells = related.of(0, raw);
                row(&plan.layout, raw, redactor, cells)
            });
            return found.map(Answer::Row).ok_or_else(not_found);
        }
        PagePlan::Many { continuation, .. } => continuation,
    };
    let has_more = root.len() > plan.limit;
    let next_cursor = match (has_more, continuation, root.rows().nth(plan.limit.saturating_sub(1))) {
        (true, Some(continuation), Some(last)) => {
            let key: Vec<&Value> =
                continuation.positions.iter().map(|position| last.get(*position).unwrap_or(&Value::Null)).collect();
            let binding = cursors.binding(policy_version, call, &continuation.request);
            Some(cursors.seal(&binding, &key)?)
        }
        _ => None,
    };
    let rows = root
        .rows_mut()
        .take(plan.limit)
        .map(|raw| {
            let cells = related.of(0, raw);
            row(&plan.layout, raw, redactor, cells)
        })
        .collect();
    Ok(Answer::Page(Page { rows, has_more, next_cursor, total }))
}

/// The first rows of what was written, without relations.
pub(crate) fn shown_rows(mut raw: Fetched, layout: &Arc<Layout>, most: usize, redactor: &Redactor<'_>) -> Vec<Row> {
    raw.rows_mut().take(most).map(|raw| row(layout, raw, redactor, Vec::new())).collect()
}

/// One row: each value taken out of the raw row and shown as its field's action says.
fn row(layout: &Arc<Layout>, raw: &mut [Value], redactor: &Redactor<'_>, related: Vec<Cell>) -> Row {
    let mut cells = Vec::with_capacity(layout.names.len());
    for (position, action) in &layout.columns {
        let value = raw.get_mut(*position).map_or(Value::Null, |value| std::mem::replace(value, Value::Null));
        cells.push(Cell::Value(redactor.apply(action, value)));
    }
    cells.extend(related);
    Row { layout: Arc::clone(layout), cells }
}

/// The related rows of every include, by the key of their parent.
struct Related<'p> {
    plans: &'p [IncludePlan],
    rows: Vec<HashMap<Vec<u8>, Included>>,
}

impl<'p> Related<'p> {
    /// Puts the includes together from the deepest up: each stands after its parent in the
    /// plan, so going backwards finds its own related rows ready.
    fn assemble(plans: &'p [IncludePlan], fetched: Vec<Fetched>, redactor: &Redactor<'_>) -> Self {
        let mut related = Self { plans, rows: plans.iter().map(|_| HashMap::new()).collect() };
        for (index, (plan, mut fetched)) in plans.iter().zip(fetched).enumerate().rev() {
            let mut by_parent: HashMap<Vec<u8>, Included> = HashMap::with_capacity(fetched.len());
            for raw in fetched.rows_mut() {
                let Some(key) = key_of(raw, &plan.child_key) else { continue };
                let included = by_parent.entry(bytes::encode(&key)).or_default();
                if included.rows.len() == plan.limit && plan.many {
                    included.has_more = true;
                    continue;
                }
                let cells = related.of(index + 1, raw);
                included.rows.push(row(&plan.layout, raw, redactor, cells));
            }
            if let Some(place) = related.rows.get_mut(index) {
                *place = by_parent;
            }
        }
        related
    }

    /// The cells of all relations of one raw row. Several rows may lead to the same related
    /// row, so each gets its own copy.
    fn of(&self, parent: usize, raw: &[Value]) -> Vec<Cell> {
        self.plans
            .iter()
            .zip(&self.rows)
            .filter(|(plan, _)| plan.parent == parent)
            .map(|(plan, rows)| {
                let found = match key_of(raw, &plan.parent_key) {
                    Some(_) if Fault::IncludeOfAnotherParent.is_on() => rows.values().next(),
                    key => key.and_then(|key| rows.get(&bytes::encode(&key))),
                };
                if plan.many {
                    Cell::Many(found.cloned().unwrap_or_default())
                } else {
                    Cell::One(found.and_then(|included| included.rows.first()).cloned())
                }
            })
            .collect()
    }
}
