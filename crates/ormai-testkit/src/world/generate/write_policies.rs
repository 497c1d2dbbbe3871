//! What a policy says about writes: laid over one that was drawn for reads.

use super::Dice;
use super::principals::tenant_kind;
use super::values::value;
use crate::world::{
    Action, Attribute, Auto, Budget, Column, Condition, Expression, FieldPolicy, Kind, Model, ModelPolicy, Opening,
    Operation, Policy, RowEffect, RowPolicy, Term, World, WritePolicy,
};

/// Opens writes, most of them.
pub(super) fn open_writes(dice: &mut Dice, world: &World, policy: &mut Policy) {
    // What is chosen by filters costs what a query costs, and that is the other laws'.
    let Budget { max_rows, max_list_length, .. } = policy.budget;
    policy.budget = Budget { max_rows, max_list_length, max_complexity_score: Some(1_000), ..Budget::default() };
    let shows = policy.shows_by_default;
    for (name, said) in &mut policy.models {
        let Some(model) = world.model(name) else { continue };
        show_the_key(dice, model, said);
        said.writes = writes(dice, world, model, said, shows);
        said.rows.iter_mut().for_each(|row| redraw(dice, row, false));
        if dice.chance(15) {
            let trusted = Term::Principal(Attribute::Metadata("trusted".to_owned()));
            let mut row = RowPolicy {
                name: "trusted".to_owned(),
                condition: Condition::Bare(trusted),
                effect: RowEffect::Bypass,
                operations: None,
                check: None,
            };
            redraw(dice, &mut row, false);
            said.rows.push(row);
        }
        let base = said.writes.clone();
        for (_, overlay) in &mut said.roles {
            overlay.says.budget.max_rows = overlay.says.budget.max_rows.filter(|_| overlay.grants);
            overlay.says.rows.iter_mut().for_each(|row| redraw(dice, row, true));
            if dice.chance(45) {
                overlay.says.writes = match overlay.grants {
                    true => granted(dice, model),
                    false => narrowed(dice, model, &base),
                };
            }
        }
    }
}

/// A row that cannot be named cannot be changed, most of the time it can.
fn show_the_key(dice: &mut Dice, model: &Model, said: &mut ModelPolicy) {
    if dice.chance(92) {
        said.fields.retain(|(field, _)| !model.key.contains(field));
        let shown = |field: &String| (field.clone(), FieldPolicy { action: Action::Allow, equality: false });
        said.fields.extend(model.key.iter().map(shown));
    }
}

fn writes(dice: &mut Dice, world: &World, model: &Model, said: &ModelPolicy, shows: bool) -> WritePolicy {
    let mut writes = WritePolicy {
        create: Some(dice.chance(90).into()),
        update: Some(dice.chance(90).into()),
        delete: Some(dice.chance(85).into()),
        bulk_update: Some(dice.chance(85).into()),
        ..WritePolicy::default()
    };
    for (field, expression) in &said.scoping {
        let is_list = matches!(expression, Expression::Principal(Attribute::Metadata(key)) if key.ends_with('s'));
        if dice.chance(if is_list { 5 } else { 50 }) {
            writes.auto_set.push((field.clone(), Auto::Is(expression.clone())));
        }
    }
    let is_open = |column: &Column| {
        let rule = said.fields.iter().find(|(field, _)| *field == column.name);
        rule.map_or(shows, |(_, policy)| policy.action != Action::Deny)
    };
    for (index, column) in model.columns.iter().enumerate() {
        let known = writes.auto_set.iter().any(|(field, _)| *field == column.name);
        let refers =
            model.references.iter().any(|reference| reference.link.iter().any(|(here, _)| *here == column.name));
        if known || is_own(model, said, column) || refers && !dice.chance(20) {
            continue;
        }
        // What nobody can say and the table asks for has to come from the policy.
        let needed = !column.nullable && column.default.is_none() && !is_open(column);
        if dice.chance(if needed {
            85
        } else if index % 2 == 0 {
            14
        } else {
            0
        }) {
            writes.auto_set.push((column.name.clone(), auto(dice, world, column)));
        }
    }
    restrict(dice, model, &mut writes);
    if dice.chance(45) {
        writes.max_affected_rows = Some(u32::try_from(1 + dice.roll(4)).unwrap_or(1));
    }
    writes.require_reason = dice.chance(25).then(|| dice.chance(80));
    writes
}

/// Fields whose value says which row it is, or whose.
fn is_own(model: &Model, said: &ModelPolicy, column: &Column) -> bool {
    model.key.contains(&column.name) || said.scoping.iter().any(|(field, _)| *field == column.name)
}

fn auto(dice: &mut Dice, world: &World, column: &Column) -> Auto {
    let principal = |attribute| Auto::Is(Expression::Principal(attribute));
    match &column.kind {
        kind if kind.is_time() && dice.chance(70) => Auto::Now,
        kind if *kind == tenant_kind(world) && dice.chance(15) => principal(Attribute::Tenant),
        Kind::Text if dice.chance(50) => principal(Attribute::User),
        Kind::Text if dice.chance(20) => principal(Attribute::Metadata("word".to_owned())),
        Kind::Int if dice.chance(50) => principal(Attribute::Metadata("level".to_owned())),
        kind => Auto::Is(Expression::Literal(value(dice, kind, column.wide))),
    }
}

/// Immutable and required fields; what is required is never filled, so that it can be missing.
fn restrict(dice: &mut Dice, model: &Model, writes: &mut WritePolicy) {
    for (index, column) in model.columns.iter().enumerate() {
        if model.key.contains(&column.name) {
            continue;
        }
        if dice.chance(if column.name == "tenant_id" { 35 } else { 10 }) {
            writes.immutable.push(column.name.clone());
        }
        let filled = writes.auto_set.iter().any(|(field, _)| *field == column.name);
        if index % 2 == 1 && !filled && column.name != "tenant_id" && dice.chance(15) {
            writes.required.push(column.name.clone());
        }
    }
}

fn granted(dice: &mut Dice, model: &Model) -> WritePolicy {
    let mut writes = WritePolicy {
        create: dice.chance(50).then_some(Opening::Open),
        update: dice.chance(50).then_some(Opening::Open),
        delete: dice.chance(50).then(|| dice.chance(80).into()),
        bulk_update: dice.chance(50).then(|| dice.chance(80).into()),
        require_reason: dice.chance(20).then(|| dice.chance(50)),
        ..WritePolicy::default()
    };
    if dice.chance(30) {
        restrict(dice, model, &mut writes);
        writes.required.clear();
    }
    if dice.chance(30) {
        writes.max_affected_rows = Some(10);
    }
    writes
}

fn narrowed(dice: &mut Dice, model: &Model, base: &WritePolicy) -> WritePolicy {
    let mut writes = WritePolicy {
        create: dice.chance(15).then_some(Opening::Closed),
        update: dice.chance(15).then_some(Opening::Closed),
        delete: dice.chance(20).then_some(Opening::Closed),
        bulk_update: dice.chance(20).then_some(Opening::Closed),
        require_reason: dice.chance(25).then_some(true),
        ..WritePolicy::default()
    };
    if dice.chance(40) {
        restrict(dice, model, &mut writes);
        writes.required.retain(|field| base.auto_set.iter().all(|(known, _)| known != field));
    }
    if dice.chance(35) {
        writes.max_affected_rows = Some(base.max_affected_rows.unwrap_or(4).min(2));
    }
    writes
}

/// What a row policy is about, and whether it is a check. An overlay that narrows has restrictions only.
fn redraw(dice: &mut Dice, row: &mut RowPolicy, of_overlay: bool) {
    use Operation::{Create, Delete, Read, Update};
    let all = vec![Read, Create, Update, Delete];
    row.operations = match row.effect {
        RowEffect::Bypass => match dice.roll(10) {
            0..4 => None,
            4 | 5 => Some(vec![Read]),
            6 => Some(vec![Create]),
            7 => Some(vec![Update, Delete]),
            8 => Some(vec![Read, Update]),
            _ => Some(vec![Create, Update]),
        },
        // Without a word a permit is about reads alone.
        RowEffect::Permit(_) | RowEffect::Inferred if !of_overlay => match dice.roll(10) {
            0..3 => None,
            3..6 => Some(all),
            6 => Some(vec![Read, Update]),
            7 => Some(vec![Create, Update]),
            8 => Some(vec![Read, Delete]),
            _ => Some(vec![Read, Create]),
        },
        _ => match dice.roll(10) {
            0..4 => None,
            4 | 5 => Some(vec![Read]),
            6 => Some(vec![Create, Update]),
            7 => Some(vec![Update]),
            8 => Some(vec![Delete]),
            _ => Some(vec![Create]),
        },
    };
    row.check = match (&row.effect, dice.roll(10)) {
        (RowEffect::Bypass, _) | (_, 0..5) => None,
        (_, 5..8) => Some(true),
        _ => Some(false),
    };
}
