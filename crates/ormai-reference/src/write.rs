//! What a change answers, and what it leaves behind.
//!
//! The order is that in which a refusal could be told: what can be decided from policy, principal and
//! request alone comes first and is one set of reasons; then the references, whether there is a row,
//! how many there are, the keys of the database, and the check of what was written, which comes before
//! the keys where the values that are written decide it. A write of which one of these fails leaves
//! everything as it was.

use std::collections::{BTreeMap, BTreeSet};

use super::after::After;
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
fn write_by(eye: &Eye<'_>, write: &Write) -> Written {
    let mut meant = Meant::default();
    let (world, (outcome, ending)) = match attempt(eye, write, &mut meant) {
        Err((ending, reasons)) => (eye.world.clone(), (Outcome::Refused(reasons), ending)),
        Ok(done) => {
            let world = done.world(eye);
            let (outcome, ending) = done.outcome(eye, write);
            (if ending == Ending::Done { world } else { eye.world.clone() }, (outcome, ending))
        }
    };
    Written { outcome, world, ending, meant }
}

/// The rows that a write has changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// As they were.
    pub found: Vec<Vec<Cell>>,
    /// As they are; none where they are gone.
    pub changed: Vec<Vec<Cell>>,
}

/// What a write is answered, how it ends, and which rows it changes.
pub(super) fn outcome(eye: &Eye<'_>, write: &Write) -> (Outcome, Ending, Changes) {
    match attempt(eye, write, &mut Meant::default()) {
        Err((ending, reasons)) => (Outcome::Refused(reasons), ending, Changes::default()),
        Ok(done) => {
            let found = done.found.iter().map(|row| row.to_vec()).collect();
            let changes = Changes { found, changed: done.changed.clone() };
            let (outcome, ending) = done.outcome(eye, write);
            (outcome, ending, if ending == Ending::Done { changes } else { Changes::default() })
        }
    }
}

/// A write that nothing refused: the rows as they were and are.
struct Done<'w> {
    model: &'w Model,
    found: Vec<&'w [Cell]>,
    changed: Vec<Vec<Cell>>,
}

impl Done<'_> {
    /// The whole database afterwards.
    fn world(&self, eye: &Eye<'_>) -> World {
        After { world: eye.world, model: self.model, found: &self.found, changed: &self.changed }.world()
    }

    fn outcome(self, eye: &Eye<'_>, write: &Write) -> (Outcome, Ending) {
        let Self { model, mut found, mut changed } = self;
        let Some(rules) = eye.view.models.get(&model.name) else {
            return (Outcome::Refused([].into()), Ending::Unasked);
        };
        // A preview shows them in the order of their keys.
        found.sort_by(|one, other| model.key_of(one).cmp(&model.key_of(other)));
        changed.sort_by(|one, other| model.key_of(one).cmp(&model.key_of(other)));
        let before: Vec<Row> = found.into_iter().map(|row| shown(model, rules, row)).collect();
        let after: Vec<Row> = changed.iter().map(|row| shown(model, rules, row)).collect();
        match &write.act {
            _ if write.dry_run => (Outcome::Preview { before, after }, Ending::Tried),
            _ if rules.writes.opening(write.tool()) == Opening::OnApproval => (Outcome::Held, Ending::Tried),
            Act::BulkUpdate { .. } => (Outcome::Changed(after.len()), Ending::Done),
            // Of a row that is gone the answer is what it was.
            _ => {
                let row = after.into_iter().chain(before).next();
                (row.map_or(Outcome::Refused([].into()), Outcome::Row), Ending::Done)
            }
        }
    }
}

fn attempt<'w>(eye: &Eye<'w>, write: &Write, meant: &mut Meant) -> Result<Done<'w>, Refusal> {
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
    let after = After { world: eye.world, model, found: &found, changed: &changed };
    let mut in_the_way = after.keys_in_the_way();
    // Conditions that read other rows read them as they are now.
    let world = rules.rows.iter().any(|rule| rule.condition.reads_other_rows()).then(|| after.world());
    let staying = For::Staying(write.operation());
    let all_stay = match &world {
        None => changed.iter().all(|row| eye.admits(model, rules, row, staying)),
        Some(world) => {
            let afterwards = Eye::new(world, eye.view, eye.who, eye.now);
            let model = world.model(&model.name);
            model.is_some_and(|model| changed.iter().all(|row| afterwards.admits(model, rules, row, staying)))
        }
    };
    if !in_the_way.is_empty() {
        // A row whose own values fail the check does not come as far as the keys.
        in_the_way.extend((!all_stay).then_some("WRITE_NOT_ALLOWED"));
        return Err((Ending::Keys, in_the_way));
    }
    if !all_stay {
        return Err(refused(Ending::Check, "WRITE_NOT_ALLOWED"));
    }
    Ok(Done { model, found, changed })
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

/// A row as it is answered: every open field.
fn shown(model: &Model, rules: &Rules, row: &[Cell]) -> Row {
    let field = |name: &String| {
        let rule = rules.fields.get(name)?;
        Some((name.clone(), Shown::of(&rule.action, model.cell(row, name))))
    };
    model.columns.iter().filter_map(|column| field(&column.name)).collect()
}
