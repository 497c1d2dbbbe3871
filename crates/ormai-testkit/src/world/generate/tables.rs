//! Worlds: a few related models with rows, and what happens to rows that somebody does not see.

use super::Dice;
use super::values::{tenant, value};
use crate::world::{Cell, Column, Kind, Model, Relation, World};

const NAMES: [&str; 4] = ["Account", "Order", "Item", "Note"];

/// Columns beside keys and tenants: name, kind, whether integers are wide.
const MENU: [(&str, Kind, bool); 12] = [
    ("flag", Kind::Bool, false),
    ("amount", Kind::Int, false),
    ("level", Kind::Int, false),
    ("serial_no", Kind::Int, true),
    ("price", Kind::Decimal, false),
    ("status", Kind::Text, false),
    ("word", Kind::Text, false),
    ("owner", Kind::Text, false),
    ("token", Kind::Uuid, false),
    ("due", Kind::Date, false),
    ("made_at", Kind::Timestamp, false),
    ("deleted_at", Kind::Timestamp, false),
];

/// A world of two to four models.
pub(super) fn world(dice: &mut Dice) -> World {
    let tenants = match dice.roll(10) {
        0..6 => Kind::Text,
        6..9 => Kind::Int,
        _ => Kind::Uuid,
    };
    let count = 2 + dice.roll(3);
    let mut world = World { models: Vec::new() };
    for name in NAMES.iter().take(count) {
        let model = model(dice, name, &tenants, &world);
        world.models.push(model);
    }
    name_back(&mut world);
    for index in 0..world.models.len() {
        fill(dice, &mut world, index);
    }
    world
}

fn column(name: &str, kind: Kind, nullable: bool) -> Column {
    Column {
        name: name.to_owned(),
        kind,
        nullable,
        wide: false,
        exact: false,
        default: None,
        length: None,
        computed: false,
    }
}

fn model(dice: &mut Dice, name: &str, tenants: &Kind, world: &World) -> Model {
    // A child table without a tenant of its own is a classic.
    let has_tenant = dice.chance(90);
    let (key, mut columns) = match dice.roll(20) {
        0..10 => (vec!["id"], vec![column("id", Kind::Int, false)]),
        10..13 => (vec!["code"], vec![column("code", Kind::Text, false)]),
        13..15 => (vec!["uid"], vec![column("uid", Kind::Uuid, false)]),
        _ if has_tenant => (
            vec!["tenant_id", "number"],
            vec![column("tenant_id", tenants.clone(), false), column("number", Kind::Int, false)],
        ),
        _ => (vec!["id"], vec![column("id", Kind::Int, false)]),
    };
    if has_tenant && columns.iter().all(|column| column.name != "tenant_id") {
        let nullable = dice.chance(25);
        columns.push(column("tenant_id", tenants.clone(), nullable));
    }
    if dice.chance(35) {
        let nullable = dice.chance(40);
        columns.push(column("org", Kind::Int, nullable));
    }
    for (name, kind, wide) in MENU {
        if dice.chance(33) {
            let nullable = dice.chance(60) || name == "deleted_at";
            columns.push(Column { wide, ..column(name, kind, nullable) });
        }
    }
    let mut model = Model {
        name: name.to_owned(),
        columns,
        key: key.into_iter().map(str::to_owned).collect(),
        relations: Vec::new(),
        unique: Vec::new(),
        references: Vec::new(),
        rows: Vec::new(),
    };
    let mut targets: Vec<&Model> = Vec::new();
    if let Some(last) = world.models.last() {
        targets.push(last);
        if dice.chance(30) {
            targets.extend(dice.pick(&world.models.iter().collect::<Vec<_>>()).filter(|other| other.name != last.name));
        }
    }
    for target in targets {
        refer(dice, &mut model, target, &target.name.to_lowercase());
    }
    if dice.chance(30) {
        let own = model.clone();
        refer(dice, &mut model, &own, "upper");
    }
    model
}

/// Adds the columns and the relation that lead from one model to another.
fn refer(dice: &mut Dice, model: &mut Model, target: &Model, relation: &str) {
    let nullable = dice.chance(70);
    let mut link = Vec::new();
    for part in &target.key {
        let Some(there) = target.column(part) else { continue };
        // Both parts of a composite key: the tenant, and the number within it.
        if part == "tenant_id" && model.column("tenant_id").is_some() {
            link.push((part.clone(), part.clone()));
            continue;
        }
        let here = format!("{relation}_{part}");
        model.columns.push(Column { name: here.clone(), nullable, ..there.clone() });
        link.push((here, part.clone()));
    }
    model.relations.push(Relation { name: relation.to_owned(), target: target.name.clone(), many: false, link });
}

/// Gives every relation to one row its other side.
fn name_back(world: &mut World) {
    let forward: Vec<(String, Relation)> = world
        .models
        .iter()
        .flat_map(|model| model.relations.iter().map(|relation| (model.name.clone(), relation.clone())))
        .collect();
    for (from, relation) in forward {
        let own = from == relation.target;
        let name = if own { "lower_ones".to_owned() } else { format!("{}s", from.to_lowercase()) };
        let link = relation.link.into_iter().map(|(here, there)| (there, here)).collect();
        if let Some(target) = world.models.iter_mut().find(|model| model.name == relation.target) {
            target.relations.push(Relation { name, target: from, many: true, link });
        }
    }
}

fn fill(dice: &mut Dice, world: &mut World, index: usize) {
    let count = match dice.roll(20) {
        0 => 0,
        1 => 1,
        2 => 40,
        _ => 6 + dice.roll(14),
    };
    for _ in 0..count {
        add_row(dice, world, index);
    }
}

/// Adds a row, unless its key is taken.
fn add_row(dice: &mut Dice, world: &mut World, index: usize) {
    let Some(model) = world.models.get(index) else { return };
    let row = row(dice, world, model);
    let taken = model.rows.iter().any(|other| model.key_of(other) == model.key_of(&row));
    if !taken && let Some(model) = world.models.get_mut(index) {
        model.rows.push(row);
    }
}

fn row(dice: &mut Dice, world: &World, model: &Model) -> Vec<Cell> {
    let mut row: Vec<Cell> = model.columns.iter().map(|column| cell(dice, model, column)).collect();
    for relation in model.relations.iter().filter(|relation| !relation.many) {
        point(dice, world, model, relation, &mut row);
    }
    row
}

fn cell(dice: &mut Dice, model: &Model, column: &Column) -> Cell {
    if column.nullable && dice.chance(20) {
        return Cell::Null;
    }
    match column.name.as_str() {
        // One tenant has more than the others, so that there is something to see.
        "tenant_id" => match (&column.kind, dice.chance(35)) {
            (Kind::Int, true) => Cell::Int(7),
            (Kind::Text, true) => Cell::Text("acme".to_owned()),
            (kind, _) => tenant(dice, kind),
        },
        "org" => Cell::Int(i64::try_from(1 + dice.roll(3)).unwrap_or(1)),
        "owner" => Cell::Text(dice.word(&["ann", "Ann", "bob", "ann ", ""]).to_owned()),
        "status" => Cell::Text(dice.word(&["open", "Open", "closed", "a%", ""]).to_owned()),
        "deleted_at" if column.nullable && dice.chance(60) => Cell::Null,
        "id" | "number" if model.key.contains(&column.name) && dice.chance(95) => {
            Cell::Int(i64::try_from(dice.roll(60)).unwrap_or(0))
        }
        name if model.key.iter().any(|part| part == name) && column.kind == Kind::Int => value(dice, &Kind::Int, true),
        _ => value(dice, &column.kind, column.wide),
    }
}

/// Lets a row refer to one of another model: most of the time to one that is there, often of
/// the same tenant, and now and then to one of another tenant or to none.
fn point(dice: &mut Dice, world: &World, model: &Model, relation: &Relation, row: &mut [Cell]) {
    let Some(target) = world.model(&relation.target) else { return };
    let mine = model.cell(row, "tenant_id").clone();
    let close: Vec<&Vec<Cell>> = target.rows.iter().filter(|other| *target.cell(other, "tenant_id") == mine).collect();
    let any: Vec<&Vec<Cell>> = target.rows.iter().collect();
    let from = if dice.chance(65) && !close.is_empty() { &close } else { &any };
    let Some(other) = dice.pick(from).filter(|_| dice.chance(85)) else { return };
    for (here, there) in &relation.link {
        let position = model.columns.iter().position(|column| column.name == *here);
        let own = here == "tenant_id" || model.key.contains(here);
        let is_null = position.and_then(|position| row.get(position)).is_none_or(Cell::is_null);
        if let Some(place) = position.and_then(|position| row.get_mut(position))
            && !own
            && !is_null
        {
            *place = target.cell(other, there).clone();
        }
    }
}

/// What happens to rows that somebody does not see.
#[derive(Clone, Copy, Debug)]
pub struct Mutations {
    /// How much happens to each model.
    pub count: usize,
}

impl Mutations {
    /// Deletes, changes and adds rows of each model; `hidden` says which may be touched, before
    /// and after. What is added may not take the key of a row that stays.
    pub fn apply(self, dice: &mut Dice, world: &World, hidden: impl Fn(&World, &Model, &[Cell]) -> bool) -> World {
        let mut changed = world.clone();
        for index in 0..changed.models.len() {
            for _ in 0..self.count {
                let mut next = changed.clone();
                match dice.roll(3) {
                    0 => add_row(dice, &mut next, index),
                    kind => {
                        let Some(model) = next.models.get_mut(index) else { continue };
                        let at = dice.roll(model.rows.len());
                        let Some(row) = model.rows.get(at).cloned() else { continue };
                        if !hidden(&changed, model, &row) {
                            continue;
                        }
                        model.rows.remove(at);
                        if kind == 1 {
                            add_row(dice, &mut next, index);
                        }
                    }
                }
                let known = changed.models.get(index).map(|model| &model.rows);
                let fits = next.models.get(index).is_some_and(|model| {
                    let new = model.rows.iter().filter(|row| !known.is_some_and(|known| known.contains(row)));
                    new.into_iter().all(|row| hidden(&next, model, row))
                });
                // What others refer to does not go alone.
                if fits && next.is_whole() {
                    changed = next;
                }
            }
        }
        changed
    }
}
