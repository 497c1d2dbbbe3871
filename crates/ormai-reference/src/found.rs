//! What was found once and is asked for again: related rows, and what somebody sees.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::world::{Cell, Model, Relation, World};

/// Rows by the values that link them to others: those that [`World::related`] finds by walking. They are
/// of one world, which stays as it is.
#[derive(Debug, Default)]
pub struct Links {
    by: Mutex<HashMap<usize, Arc<Linked>>>,
}

/// The rows of a model by the values in some of its columns.
type Linked = HashMap<Vec<Cell>, Vec<usize>>;

impl Links {
    /// The places of the rows that a relation leads to from a row, in the order of the table.
    pub(crate) fn related(&self, world: &World, model: &Model, relation: &Relation, row: &[Cell]) -> Vec<usize> {
        let here = relation.link.iter().map(|(here, _)| model.cell(row, here).clone()).collect();
        let Some(key) = key(here) else { return Vec::new() };
        self.linked(world, relation).get(&key).cloned().unwrap_or_default()
    }

    fn linked(&self, world: &World, relation: &Relation) -> Arc<Linked> {
        let linked = || {
            let mut linked = Linked::new();
            let Some(target) = world.model(&relation.target) else { return linked };
            for (place, row) in target.rows.iter().enumerate() {
                let there = relation.link.iter().map(|(_, there)| target.cell(row, there).clone()).collect();
                if let Some(key) = key(there) {
                    linked.entry(key).or_default().push(place);
                }
            }
            linked
        };
        let which = std::ptr::from_ref(relation).addr();
        Arc::clone(held(&self.by).entry(which).or_insert_with(|| Arc::new(linked())))
    }
}

/// NULL links nothing, and neither does what nobody knows.
fn key(cells: Vec<Cell>) -> Option<Vec<Cell>> {
    (!cells.iter().any(|cell| cell.is_null() || *cell == Cell::Unknown)).then_some(cells)
}

/// What one principal sees of one world at one time, by model.
#[derive(Debug, Default)]
pub struct Seen {
    by: Mutex<HashMap<String, Arc<Visible>>>,
}

/// The rows of a model that somebody sees.
#[derive(Debug)]
pub(crate) struct Visible {
    /// Their places in the table, in order.
    pub(crate) places: Vec<usize>,
    /// For each row of the table, whether it is one of them.
    is: Vec<bool>,
}

impl Visible {
    /// Whether the row in a place is one of them.
    pub(crate) fn has(&self, place: usize) -> bool {
        self.is.get(place).copied().unwrap_or(false)
    }
}

impl Seen {
    /// What is seen of a model, looked at where it was not before.
    pub(crate) fn of(&self, model: &Model, sees: impl Fn(&[Cell]) -> bool) -> Arc<Visible> {
        if let Some(seen) = held(&self.by).get(&model.name) {
            return Arc::clone(seen);
        }
        let is: Vec<bool> = model.rows.iter().map(|row| sees(row)).collect();
        let places = is.iter().enumerate().filter(|(_, is)| **is).map(|(place, _)| place).collect();
        let seen = Arc::new(Visible { places, is });
        held(&self.by).insert(model.name.clone(), Arc::clone(&seen));
        seen
    }
}

/// Nothing half done is ever left in there.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
