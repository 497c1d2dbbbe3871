//! What a change answers, and what it leaves behind.
//!
//! The order is that in which a refusal could be told: what can be decided from policy, principal and
//! request alone comes first and is one set of reasons; then the references, whether there is a row,
//! how many there are, the keys of the database, and the check of what was written, which comes before
//! the keys where the values that are written decide it. A write of which one of these fails leaves
//! everything as it was.

use std::collections::{BTreeMap, BTreeSet};

use super::data::{self, Values};
use super::page;
use super::rules::Rules;
use super::shown::{Row, Shown};
use super::visibility::{Eye, For};
use super::{Code, Outcome, View, asked};
use crate::world::{Act, Cell, Chosen, Kind, Model, Opening, Operation, Policy, Reference, Request, Who, World, Write};

/// What a write comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The answer.
    pub outcome: Outcome,
    /// The whole database afterwards.
    pub world: World,
    /// How it ended.
    pub ending: Ending,
    /// What was to be written, and into the rows with which keys: as far as the request names them, and
    /// only where it was not refused before.
    pub meant: Meant,
}

/// What a write means to do, before any row is looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meant {
    /// Values by field, those among them that the policy fills.
    pub values: BTreeMap<String, Cell>,
    /// The keys that the request names.
    pub keys: Vec<Vec<Cell>>,
}

/// How a write ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// Refused whatever is stored.
    Unasked,
    /// It refers to a row that is not there for the principal.
    Reference,
    /// There is no such row for the principal.
    NotFound,
    /// Too many rows.
    TooMany,
    /// The database's own keys are in the way.
    Keys,
    /// What was written is not the principal's to write.
    Check,
    /// Done.
    Done,
    /// Could be done.
    Tried,
}

/// Why a write is refused, and how far it came.
type Refusal = (Ending, BTreeSet<Code>);

fn refused(ending: Ending, code: Code) -> Refusal {
    (ending, [code].into())
}

/// Does a write.
pub fn write(world: &World, policy: &Policy, who: &Who, now: &str, write: &Write) -> Written {
    write_under(world, &View::of(world, policy, &who.roles), who, now, write)
}

/// Does a write under rules of whatever origin.
pub fn write_under(world: &World, view: &View, who: &Who, now: &str, write: &Write) -> Written {
    write_by(&Eye::new(world, view, who, now), write)
}

/// Does a write of a principal who has looked at the world.
pub(super) fn write_by(eye: &Eye<'_>, write: &Write) -> Written {
    let (world, view) = (eye.world, eye.view);
    let mut meant = Meant::default();
    match attempt(eye, write, &mut meant) {
        Err((ending, reasons)) => Written { outcome: Outcome::Refused(reasons), world: world.clone(), ending, meant },
        Ok(Done { before, after, .. }) if write.dry_run => {
            Written { outcome: Outcome::Preview { before, after }, world: world.clone(), ending: Ending::Tried, meant }
        }
        Ok(_) if needs_approval(view, write) => {
            Written { outcome: Outcome::Held, world: world.clone(), ending: Ending::Tried, meant }
        }
        Ok(Done { before, after, world }) => {
            let outcome = match &write.act {
                Act::BulkUpdate { .. } => Outcome::Changed(after.len()),
                // Of a row that is gone the answer is what it was.
                _ => after.into_iter().chain(before).next().map_or(Outcome::Refused([].into()), Outcome::Row),
            };
            Written { outcome, world, ending: Ending::Done, meant }
        }
    }
}

fn needs_approval(view: &View, write: &Write) -> bool {
    let rules = view.models.get(&write.model);
    rules.is_some_and(|rules| rules.writes.opening(write.tool()) == Opening::OnApproval)
}

/// A write that nothing refused: the rows as they were and are, as they are shown.
struct Done {
    before: Vec<Row>,
    after: Vec<Row>,
    world: World,
}

fn attempt(eye: &Eye<'_>, write: &Write, meant: &mut Meant) -> Result<Done, Refusal> {
    let mut reasons = asked::reasons(eye.world, eye.view, &Request::Write(write.clone()));
    let Some((model, rules)) = eye.open(&write.model) else {
        return Err((Ending::Unasked, reasons));
    };
    if !rules.writes.allows(write.tool()) {
        reasons.insert("WRITE_NOT_ALLOWED");
    }
    if rules.writes.require_reason && write.reason.is_none() {
        reasons.insert("VALIDATION_ERROR");
    }
    // The answer is a row.
    if rules.fields.is_empty() {
        reasons.insert("FIELD_NOT_ALLOWED");
    }
    let values = data::values(eye, model, rules, write, &mut reasons);
    reasons.extend(incomplete(eye, model, write, &values));
    if !reasons.is_empty() {
        // What the database misses in a row is told by it, where the values alone do not fail the check.
        let created = || matches!(write.act, Act::Create { .. }) && reasons.contains("VALIDATION_ERROR");
        if created() && !eye.admits(model, rules, &values.row(model, None), For::Staying(Operation::Create)) {
            reasons.insert("WRITE_NOT_ALLOWED");
        }
        return Err((Ending::Unasked, reasons));
    }
    let ids = match &write.act {
        Act::Update { id, .. } | Act::Delete { id } => std::slice::from_ref(id),
        Act::BulkUpdate { chosen: Chosen::Ids(ids), .. } => ids,
        Act::Create { .. } | Act::BulkUpdate { .. } => &[],
    };
    meant.keys = ids.iter().filter_map(|id| page::key(model, id)).collect();
    meant.values = values.by_field().clone();
    // A reference that the request says whole is looked at before there is a row.
    let said = values.row(model, None);
    for reference in values.references(model) {
        let whole = matches!(write.act, Act::Create { .. }) || values.say_all_of(reference);
        if whole && !refers_to_a_visible_row(eye, model, reference, &said) {
            return Err(refused(Ending::Reference, "VALIDATION_ERROR"));
        }
    }
    let found = match &write.act {
        Act::Create { .. } => Vec::new(),
        act => chosen(eye, model, act),
    };
    let changed = changed(eye, model, rules, write, &values, &found);
    // The parts that the request does not say stand in the rows.
    for row in &changed {
        let dangling = |reference: &Reference| {
            !values.say_all_of(reference) && !refers_to_a_visible_row(eye, model, reference, row)
        };
        if values.references(model).any(dangling) {
            return Err(refused(Ending::Reference, "VALIDATION_ERROR"));
        }
    }
    let is_of_one = matches!(write.act, Act::Update { .. } | Act::Delete { .. });
    if is_of_one && found.is_empty() {
        return Err(refused(Ending::NotFound, "RECORD_NOT_FOUND"));
    }
    let most = rules.writes.max_affected_rows.unwrap_or(rules.limits.max_rows);
    if found.len() as u64 > u64::from(most) {
        return Err(refused(Ending::TooMany, "MAX_AFFECTED_ROWS_EXCEEDED"));
    }
    let mut world = eye.world.clone();
    if let Some(stored) = world.models.iter_mut().find(|other| other.name == model.name) {
        replace(stored, model, &found, &changed);
    }
    let mut in_the_way = keys_in_the_way(&world, model, &values, &found, &changed);
    // Conditions that read other rows read them as they are now.
    let afterwards = Eye::new(&world, eye.view, eye.who, eye.now);
    let stays = |row: &Vec<Cell>| {
        world
            .model(&model.name)
            .is_some_and(|model| afterwards.admits(model, rules, row, For::Staying(write.operation())))
    };
    let all_stay = changed.iter().all(stays);
    if !in_the_way.is_empty() {
        // A row whose own values fail the check does not come as far as the keys.
        in_the_way.extend((!all_stay).then_some("WRITE_NOT_ALLOWED"));
        return Err((Ending::Keys, in_the_way));
    }
    if !all_stay {
        return Err(refused(Ending::Check, "WRITE_NOT_ALLOWED"));
    }
    // A preview shows them in the order of their keys.
    let (mut before, mut after) = (found, changed);
    before.sort_by(|one, other| model.key_of(one).cmp(&model.key_of(other)));
    after.sort_by(|one, other| model.key_of(one).cmp(&model.key_of(other)));
    let before = before.into_iter().map(|row| shown(model, rules, row)).collect();
    let after = after.iter().map(|row| shown(model, rules, row)).collect();
    Ok(Done { before, after, world })
}

/// What the principal lacks: for finding the row, for the check of what is written, and for every model
/// that is referred to.
fn incomplete<'w>(eye: &Eye<'w>, model: &'w Model, write: &Write, values: &Values) -> BTreeSet<Code> {
    let operation = write.operation();
    let mut lacks = eye.lacks_for(model, For::Staying(operation));
    if operation != Operation::Create {
        lacks.extend(eye.lacks(model));
        lacks.extend(eye.lacks_for(model, For::Finding(operation)));
    }
    lacks.extend(
        asked::models(eye.world, &Request::Write(write.clone())).into_iter().skip(1).flat_map(|model| eye.lacks(model)),
    );
    for reference in values.references(model) {
        let nothing = reference.link.iter().any(|(here, _)| values.get(here).is_some_and(Cell::is_null));
        if nothing || write.operation() == Operation::Create && !refers(model, reference, &values.row(model, None)) {
            continue;
        }
        // Of a model that is not open no row is there, whichever is meant.
        if !eye.view.models.contains_key(&reference.target) {
            lacks.push("VALIDATION_ERROR");
        }
        if let Some(target) = eye.world.model(&reference.target) {
            lacks.extend(eye.lacks(target));
        }
    }
    lacks.into_iter().collect()
}

/// The rows that a write is about: the principal sees them, and may do this to them.
pub(super) fn chosen<'w>(eye: &Eye<'w>, model: &'w Model, act: &Act) -> Vec<&'w [Cell]> {
    let operation = match act {
        Act::Create { .. } => return Vec::new(),
        Act::Update { .. } | Act::BulkUpdate { .. } => Operation::Update,
        Act::Delete { .. } => Operation::Delete,
    };
    let Some(rules) = eye.view.models.get(&model.name) else { return Vec::new() };
    let by_ids = |ids: &[serde_json::Value]| -> Vec<&'w [Cell]> {
        let keys: Vec<Vec<Cell>> = ids.iter().filter_map(|id| page::key(model, id)).collect();
        let is_named = |row: &&'w [Cell]| keys.iter().any(|key| model.key_of(row).into_iter().eq(key));
        eye.visible(model).iter().copied().filter(is_named).collect()
    };
    let mut rows = match act {
        Act::Create { .. } => Vec::new(),
        Act::Update { id, .. } | Act::Delete { id } => by_ids(std::slice::from_ref(id)),
        Act::BulkUpdate { chosen: Chosen::Ids(ids), .. } => by_ids(ids),
        Act::BulkUpdate { chosen: Chosen::Filters(filters), .. } => eye.filtered(model, filters),
    };
    rows.retain(|row| eye.admits(model, rules, row, For::Finding(operation)));
    rows
}

/// The rows as they are written; none where they are deleted.
fn changed(
    eye: &Eye<'_>,
    model: &Model,
    rules: &Rules,
    write: &Write,
    values: &Values,
    found: &[&[Cell]],
) -> Vec<Vec<Cell>> {
    match &write.act {
        Act::Create { .. } => vec![values.row(model, None)],
        Act::Update { .. } | Act::BulkUpdate { .. } => found.iter().map(|row| values.row(model, Some(row))).collect(),
        Act::Delete { .. } => {
            let Some(mark) = rules.soft_delete.as_ref().and_then(|field| model.column(field)) else {
                return Vec::new();
            };
            let set = match mark.kind {
                Kind::Bool => Cell::Bool(true),
                _ => Cell::now(eye.now, &mark.kind),
            };
            let values = Values::of([(mark.name.clone(), set)]);
            found.iter().map(|row| values.row(model, Some(row))).collect()
        }
    }
}

/// Puts changed rows in the places of those that were found; new rows go to the end, and what has no
/// change is gone.
fn replace(stored: &mut Model, model: &Model, found: &[&[Cell]], changed: &[Vec<Cell>]) {
    let mut new = changed.iter();
    let mut rows = Vec::new();
    for row in &model.rows {
        match found.iter().any(|found| std::ptr::eq(*found, row.as_slice())) {
            true => rows.extend(new.next().cloned()),
            false => rows.push(row.clone()),
        }
    }
    rows.extend(new.cloned());
    stored.rows = rows;
}

/// Whether nothing is wrong with a reference.
fn refers_to_a_visible_row(eye: &Eye<'_>, model: &Model, reference: &Reference, row: &[Cell]) -> bool {
    if !refers(model, reference, row) {
        return true;
    }
    let Some(target) = eye.world.model(&reference.target) else { return false };
    let is_it =
        |other: &&[Cell]| reference.link.iter().all(|(here, there)| target.cell(other, there) == model.cell(row, here));
    eye.visible(target).iter().any(is_it)
}

/// With a NULL in it a reference refers to nothing.
fn refers(model: &Model, reference: &Reference, row: &[Cell]) -> bool {
    !reference.link.iter().any(|(here, _)| model.cell(row, here).is_null())
}

/// What the database says to its rows as they would be. They were whole before, so only what is written can be in
/// the way, and rows that refer to one that is gone.
fn keys_in_the_way(
    world: &World,
    model: &Model,
    values: &Values,
    found: &[&[Cell]],
    changed: &[Vec<Cell>],
) -> BTreeSet<Code> {
    let mut codes = BTreeSet::new();
    let Some(stored) = world.model(&model.name) else { return codes };
    let is_new = found.is_empty();
    let is_written = |column: &String| is_new || values.get(column).is_some();
    let mut keys = std::iter::once(&stored.key).chain(&stored.unique);
    if !changed.is_empty() && !keys.all(|key| !key.iter().any(is_written) || stored.holds_apart(key)) {
        codes.insert("CONFLICT");
    }
    let mut written = stored
        .references
        .iter()
        .filter(|reference| reference.enforced && reference.link.iter().any(|(here, _)| is_written(here)));
    if written.any(|reference| changed.iter().any(|row| world.dangles(stored, reference, row))) {
        codes.insert("VALIDATION_ERROR");
    }
    // No key changes, so only where rows are gone has another lost what it referred to.
    let lost = |other: &Model, reference: &Reference, row: &[Cell]| {
        let refers_to = |gone: &&[Cell]| {
            reference.link.iter().all(|(here, there)| other.cell(row, here) == model.cell(gone, there))
        };
        found.iter().any(refers_to) && world.dangles(other, reference, row)
    };
    let has_lost = |other: &Model| {
        let mut references = other.references.iter();
        references.any(|reference| {
            let leads_here = reference.enforced && reference.target == model.name;
            leads_here && other.rows.iter().any(|row| lost(other, reference, row))
        })
    };
    if changed.is_empty() && world.models.iter().any(has_lost) {
        codes.insert("CONFLICT");
    }
    codes
}

/// A row as it is answered: every open field.
fn shown(model: &Model, rules: &Rules, row: &[Cell]) -> Row {
    let field = |name: &String| {
        let rule = rules.fields.get(name)?;
        Some((name.clone(), Shown::of(&rule.action, model.cell(row, name))))
    };
    model.columns.iter().filter_map(|column| field(&column.name)).collect()
}
