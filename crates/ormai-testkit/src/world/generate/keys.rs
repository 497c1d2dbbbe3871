//! Keys and defaults of a world that is written to: what the database itself holds rows to.

use super::Dice;
use super::values::value;
use crate::world::{Cell, Column, Kind, Model, Reference, World};

/// Gives a world foreign keys, unique keys and defaults, and its rows the values that they ask for.
pub(super) fn keys(dice: &mut Dice, world: &mut World) {
    for model in &mut world.models {
        let links: Vec<(String, Vec<(String, String)>)> = model
            .relations
            .iter()
            .filter(|relation| !relation.many)
            .map(|relation| (relation.target.clone(), relation.link.clone()))
            .collect();
        for (target, link) in links {
            if dice.chance(85) {
                model.references.push(Reference { target, link, enforced: dice.chance(60) });
            }
        }
        if dice.chance(40) {
            model.unique.extend(unique(dice, model));
        }
        defaults(dice, model);
    }
    compare_keys_by_bytes(world);
    for index in 0..world.models.len() {
        keep_apart(world, index);
    }
    for index in 0..world.models.len() {
        point_at_rows(dice, world, index);
    }
}

/// A column that is no key yet, often within the tenant.
fn unique(dice: &mut Dice, model: &Model) -> Option<Vec<String>> {
    let is_free = |column: &&Column| column.kind != Kind::Bool && !belongs_to_a_key(model, &column.name);
    let free: Vec<&Column> = model.columns.iter().filter(is_free).collect();
    let column = dice.pick(&free)?;
    let tenant = model.column("tenant_id").filter(|tenant| dice.chance(50) && tenant.name != column.name);
    Some(tenant.into_iter().chain([column]).map(|column| column.name.clone()).collect())
}

fn belongs_to_a_key(model: &Model, name: &str) -> bool {
    let refers = model.references.iter().any(|reference| reference.link.iter().any(|(here, _)| here == name));
    let leads =
        model.relations.iter().any(|relation| !relation.many && relation.link.iter().any(|(here, _)| here == name));
    model.key.iter().any(|part| part == name) || refers || leads
}

fn defaults(dice: &mut Dice, model: &mut Model) {
    let free: Vec<String> = model
        .columns
        .iter()
        .filter(|column| !belongs_to_a_key(model, &column.name))
        .map(|column| column.name.clone())
        .collect();
    for column in &mut model.columns {
        if !free.contains(&column.name) || !dice.chance(20) {
            continue;
        }
        column.default = Some(match (column.name.as_str(), &column.kind) {
            ("tenant_id", Kind::Text) => Cell::Text("acme".to_owned()),
            ("tenant_id", Kind::Int) => Cell::Int(7),
            (_, kind) => value(dice, kind, column.wide),
        });
    }
}

/// Text that takes part in a key, here or there, compares by bytes everywhere.
fn compare_keys_by_bytes(world: &mut World) {
    let mut exact: Vec<(String, String)> = Vec::new();
    for model in &world.models {
        let mut add = |model: &str, column: &String| exact.push((model.to_owned(), column.clone()));
        model.key.iter().chain(model.unique.iter().flatten()).for_each(|column| add(&model.name, column));
        for reference in &model.references {
            reference.link.iter().for_each(|(here, there)| {
                add(&model.name, here);
                add(&reference.target, there);
            });
        }
    }
    for model in &mut world.models {
        for column in &mut model.columns {
            column.exact = exact.iter().any(|(of, name)| *of == model.name && *name == column.name);
        }
    }
}

/// Where two rows have the same unique value one of them loses it, or goes.
fn keep_apart(world: &mut World, index: usize) {
    let Some(model) = world.models.get_mut(index) else { return };
    for key in model.unique.clone() {
        let Some(last) = key.last().cloned() else { continue };
        let nullable = model.column(&last).is_some_and(|column| column.nullable);
        let at = model.columns.iter().position(|column| column.name == last);
        let rows = std::mem::take(&mut model.rows);
        for mut row in rows {
            model.rows.push(row.clone());
            if model.holds_apart(&key) {
                continue;
            }
            model.rows.pop();
            if let Some(place) = at.and_then(|at| row.get_mut(at)).filter(|_| nullable) {
                *place = Cell::Null;
                model.rows.push(row);
            }
        }
    }
}

/// Lets every row refer to a row or to nothing where the database will ask for it; a row that can do
/// neither goes.
fn point_at_rows(dice: &mut Dice, world: &mut World, index: usize) {
    let Some(references) = world.models.get(index).map(|model| model.references.clone()) else { return };
    for reference in references.iter().filter(|reference| reference.enforced) {
        for at in (0..world.models.get(index).map_or(0, |model| model.rows.len())).rev() {
            let Some(model) = world.models.get(index) else { return };
            let Some(row) = model.rows.get(at).filter(|row| world.dangles(model, reference, row)) else { continue };
            let mended = mended(dice, world, model, reference, row);
            let Some(model) = world.models.get_mut(index) else { return };
            match (mended, model.rows.get_mut(at)) {
                (Some(row), Some(place)) => *place = row,
                _ => drop(model.rows.remove(at)),
            }
        }
    }
    // Of a row that is gone others may have spoken.
    loop {
        let Some(model) = world.models.get(index) else { return };
        let enforced = || model.references.iter().filter(|reference| reference.enforced);
        let dangles = |row: &Vec<Cell>| enforced().any(|reference| world.dangles(model, reference, row));
        let Some(at) = model.rows.iter().position(dangles) else { break };
        world.models.get_mut(index).into_iter().for_each(|model| drop(model.rows.remove(at)));
    }
    let Some(model) = world.models.get_mut(index) else { return };
    // A row that refers to itself can be deleted, or not, as each engine has it.
    let (selves, model) = (model.clone(), model);
    for reference in model.references.iter_mut().filter(|reference| reference.target == selves.name) {
        let itself = |row: &Vec<Cell>| {
            reference.link.iter().all(|(here, there)| selves.cell(row, here) == selves.cell(row, there))
        };
        reference.enforced &= !selves.rows.iter().any(itself);
    }
}

fn mended(dice: &mut Dice, world: &World, model: &Model, reference: &Reference, row: &[Cell]) -> Option<Vec<Cell>> {
    let target = world.model(&reference.target)?;
    // The tenant and the key are the row's own.
    let own = |here: &str| here == "tenant_id" || model.key.iter().any(|part| part == here);
    let may_be_nothing =
        reference.link.iter().find(|(here, _)| !own(here) && model.column(here).is_some_and(|column| column.nullable));
    let fits = |other: &&Vec<Cell>| {
        reference.link.iter().all(|(here, there)| !own(here) || model.cell(row, here) == target.cell(other, there))
    };
    let fitting: Vec<&Vec<Cell>> = target.rows.iter().filter(fits).collect();
    let mut row = row.to_vec();
    let mut set = |name: &str, cell: Cell| {
        let at = model.columns.iter().position(|column| column.name == name);
        if let Some(place) = at.and_then(|at| row.get_mut(at)) {
            *place = cell;
        }
    };
    match (dice.pick(&fitting), may_be_nothing) {
        (Some(other), nothing) if nothing.is_none() || dice.chance(70) => {
            for (here, there) in reference.link.iter().filter(|(here, _)| !own(here)) {
                set(here, target.cell(other, there).clone());
            }
        }
        (_, Some((here, _))) => set(here, Cell::Null),
        _ => return None,
    }
    Some(row)
}
