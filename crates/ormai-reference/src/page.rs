//! Rows, in order, with their related rows.

use std::cmp::Ordering;

use serde_json::Value as Json;

use super::asked::{DEFAULT_LIMIT, is_open};
use super::condition::admits;
use super::rules::Rules;
use super::shown::{Row, Shown};
use super::visibility::Eye;
use super::{Code, Outcome};
use crate::world::{Cell, Get, Include, Model, Order, Query, RelationPolicy};

const NOT_FOUND: Code = "RECORD_NOT_FOUND";

pub(super) fn query(eye: &Eye<'_>, query: &Query, most: usize) -> Outcome {
    let Some((model, rules)) = eye.open(&query.model) else { return Outcome::Refused([].into()) };
    let mut found = eye.filtered(model, &query.filters);
    sort(model, &mut found, &query.order);
    let selection = Selection { eye, model, rules, through: None, root: rules };
    let total = found.len();
    let rows =
        found.into_iter().take(most).map(|row| selection.row(row, query.select.as_ref(), &query.include)).collect();
    Outcome::Page { rows, limit: limit(query.limit, rules.limits.max_rows), total }
}

pub(super) fn get(eye: &Eye<'_>, get: &Get) -> Outcome {
    let found = eye.open(&get.model).and_then(|(model, rules)| {
        let row = row(eye, model, &get.id)?;
        Some(Selection { eye, model, rules, through: None, root: rules }.row(row, get.select.as_ref(), &get.include))
    });
    found.map_or_else(|| Outcome::Refused([NOT_FOUND].into()), Outcome::Row)
}

/// The visible row that an `id` names.
pub(super) fn row<'w>(eye: &Eye<'w>, model: &'w Model, id: &Json) -> Option<&'w [Cell]> {
    let key = key(model, id)?;
    eye.visible(model).iter().copied().find(|row| model.key_of(row).into_iter().eq(&key))
}

/// The key that an `id` names: a value, or an object with every part. `None` when it is not valid.
pub(super) fn key(model: &Model, id: &Json) -> Option<Vec<Cell>> {
    let kind = |part: &String| model.column(part).map(|column| &column.kind);
    match (id, model.key.as_slice()) {
        (Json::Object(parts), names) => {
            let known = parts.keys().all(|part| names.contains(part));
            names.iter().map(|name| Cell::fit(parts.get(name)?, kind(name)?)).collect::<Option<_>>().filter(|_| known)
        }
        (value, [name]) => Some(vec![Cell::fit(value, kind(name)?)?]),
        _ => None,
    }
}

fn limit(asked: Option<u64>, max: u32) -> usize {
    let limit = asked.unwrap_or(u64::from(DEFAULT_LIMIT.min(max)));
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// By the keys asked for, then by the primary key in the direction of the last of them. NULL is
/// the greatest.
fn sort(model: &Model, rows: &mut [&[Cell]], order: &[Order]) {
    let last = order.last().is_some_and(|key| key.descending);
    let asked = order.iter().map(|key| (&key.field, key.descending));
    let keys = asked.chain(model.key.iter().map(|field| (field, last)));
    let place = |name: &String| model.columns.iter().position(|column| column.name == *name);
    let keys: Vec<(usize, bool)> = keys.filter_map(|(name, descending)| Some((place(name)?, descending))).collect();
    rows.sort_by(|one, other| {
        keys.iter().fold(Ordering::Equal, |so_far, (place, descending)| {
            let by = one.get(*place).cmp(&other.get(*place));
            so_far.then(if *descending { by.reverse() } else { by })
        })
    });
}

/// Rows of one model as a principal may see them, at the root or through a relation.
struct Selection<'e, 'w> {
    eye: &'e Eye<'w>,
    model: &'w Model,
    rules: &'w Rules,
    through: Option<&'w RelationPolicy>,
    root: &'w Rules,
}

impl<'w> Selection<'_, 'w> {
    fn row(&self, row: &'w [Cell], select: Option<&Vec<String>>, includes: &[Include]) -> Row {
        let all = self.model.columns.iter().map(|column| &column.name);
        let mut names: Vec<&String> = match select {
            None => all.filter(|name| is_open(self.rules, self.through, name)).collect(),
            Some(names) => names.iter().collect(),
        };
        let mut seen: Vec<&String> = Vec::new();
        names.retain(|name| {
            !seen.contains(name) && {
                seen.push(*name);
                true
            }
        });
        let field = |name: &String| {
            let rule = self.rules.fields.get(name)?;
            Some((name.clone(), Shown::of(&rule.action, self.model.cell(row, name))))
        };
        let mut shown: Row = names.into_iter().filter_map(field).collect();
        shown.extend(includes.iter().filter_map(|include| self.related(row, include)));
        shown
    }

    fn related(&self, row: &'w [Cell], include: &Include) -> Option<(String, Shown)> {
        let relation = self.model.relation(&include.relation)?;
        let (model, rules) = self.eye.open(&relation.target)?;
        let through = self.rules.relations.get(&include.relation);
        let target = Selection { eye: self.eye, model, rules, through, root: self.root };
        let mut found = self.eye.related(self.model, relation, row);
        found.retain(|other| admits(self.eye.all_hold(&include.filters, model, other)));
        sort(model, &mut found, &include.order);
        let limit = limit(include.limit, rules.limits.max_rows.min(self.root.limits.max_rows));
        let has_more = found.len() > limit;
        let mut rows =
            found.into_iter().take(limit).map(|row| target.row(row, include.select.as_ref(), &include.include));
        let shown = match relation.many {
            true => Shown::Many { rows: rows.collect(), has_more },
            false => Shown::One(rows.next()),
        };
        Some((include.relation.clone(), shown))
    }
}

impl<'w> Eye<'w> {
    /// An open model with its rules.
    pub(super) fn open(&self, name: &str) -> Option<(&'w Model, &'w Rules)> {
        self.world.model(name).zip(self.view.models.get(name))
    }
}
