//! The rows as they are after a write, without a copy of all the others.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Code;
use crate::world::{Cell, Model, Reference, World};

/// A world in which some rows of a model have changed, are new, or are gone.
#[derive(Clone, Copy)]
pub(super) struct After<'a> {
    pub(super) world: &'a World,
    pub(super) model: &'a Model,
    /// The rows as they were.
    pub(super) found: &'a [&'a [Cell]],
    /// The rows as they are: in the places of those that were found, or new.
    pub(super) changed: &'a [Vec<Cell>],
}

impl<'a> After<'a> {
    /// A copy of the whole. New rows stand at the end.
    pub(super) fn world(self) -> World {
        let mut world = self.world.clone();
        let Some(stored) = world.models.iter_mut().find(|other| other.name == self.model.name) else { return world };
        let found = self.addresses();
        let mut new = self.changed.iter();
        let mut rows = Vec::new();
        for row in &self.model.rows {
            match found.contains(&row.as_ptr()) {
                true => rows.extend(new.next().cloned()),
                false => rows.push(row.clone()),
            }
        }
        rows.extend(new.cloned());
        stored.rows = rows;
        world
    }

    /// Which rows were found; which they are, not which values they have.
    fn addresses(self) -> HashSet<*const Cell> {
        self.found.iter().map(|row| row.as_ptr()).collect()
    }

    /// The rows of a model as they are.
    fn rows(self, other: &'a Model) -> impl Iterator<Item = &'a [Cell]> {
        let is_it = other.name == self.model.name;
        let found = if is_it { self.addresses() } else { HashSet::new() };
        let changed = if is_it { self.changed } else { &[] };
        let kept = other.rows.iter().filter(move |row| !found.contains(&row.as_ptr()));
        kept.chain(changed).map(Vec::as_slice)
    }

    /// What the database says to its rows as they would be. They were whole before, so only what is written can be
    /// in the way, and rows that refer to one that is gone.
    pub(super) fn keys_in_the_way(self) -> BTreeSet<Code> {
        let mut codes = BTreeSet::new();
        let is_new = self.found.is_empty();
        let differs =
            |column: &String, was: &[Cell], is: &[Cell]| self.model.cell(was, column) != self.model.cell(is, column);
        let is_written =
            |column: &String| is_new || self.found.iter().zip(self.changed).any(|(was, is)| differs(column, was, is));
        let mut keys = std::iter::once(&self.model.key).chain(&self.model.unique);
        if keys.any(|key| key.iter().any(is_written) && !self.holds_apart(key)) {
            codes.insert("CONFLICT");
        }
        let mut references = self.model.references.iter().filter(|reference| reference.enforced);
        if references
            .any(|reference| reference.link.iter().any(|(here, _)| is_written(here)) && self.dangles(reference))
        {
            codes.insert("VALIDATION_ERROR");
        }
        // No key changes, so only where rows are gone has another lost what it referred to.
        if self.changed.is_empty() && self.world.models.iter().any(|other| self.has_lost(other)) {
            codes.insert("CONFLICT");
        }
        codes
    }

    /// Whether each changed row is the only one with its values in some columns; NULL is equal to nothing.
    fn holds_apart(self, key: &[String]) -> bool {
        let mut seen: HashMap<Vec<&Cell>, usize> = HashMap::new();
        for row in self.changed {
            seen.extend(known(key.iter().map(|column| self.model.cell(row, column))).map(|key| (key, 0)));
        }
        if seen.is_empty() {
            return true;
        }
        self.rows(self.model).all(|row| {
            let key: Vec<&Cell> = key.iter().map(|column| self.model.cell(row, column)).collect();
            seen.get_mut(&key).is_none_or(|count| {
                *count += 1;
                *count == 1
            })
        })
    }

    /// Whether a changed row refers to one that is not there. With a NULL in it, it refers to nothing.
    fn dangles(self, reference: &Reference) -> bool {
        let of = |row| known(reference.link.iter().map(|(here, _)| self.model.cell(row, here)));
        let mut missing: HashSet<Vec<&Cell>> = self.changed.iter().filter_map(|row| of(row)).collect();
        if let Some(target) = self.world.model(&reference.target).filter(|_| !missing.is_empty()) {
            for row in self.rows(target) {
                let there: Vec<&Cell> = reference.link.iter().map(|(_, there)| target.cell(row, there)).collect();
                missing.remove(&there);
            }
        }
        !missing.is_empty()
    }

    /// Whether a row of a model refers to one that is gone.
    fn has_lost(self, other: &Model) -> bool {
        let mut references = other.references.iter();
        references.any(|reference| {
            let there = |row: &'a [Cell]| -> Vec<&Cell> {
                reference.link.iter().map(|(_, there)| self.model.cell(row, there)).collect()
            };
            let mut gone: HashSet<Vec<&Cell>> = self.found.iter().map(|row| there(row)).collect();
            if !reference.enforced || reference.target != self.model.name || gone.is_empty() {
                return false;
            }
            for row in self.rows(self.model) {
                gone.remove(&there(row));
            }
            let is_kept = |row: &&Vec<Cell>| other.name != self.model.name || !self.addresses().contains(&row.as_ptr());
            let refers = |row: &Vec<Cell>| {
                let here: Vec<&Cell> = reference.link.iter().map(|(here, _)| other.cell(row, here)).collect();
                gone.contains(&here)
            };
            other.rows.iter().filter(|row| refers(row)).any(|row| is_kept(&row))
        })
    }
}

/// Values that are equal to others; NULL is not, nor is what nobody knows.
fn known<'a>(cells: impl Iterator<Item = &'a Cell>) -> Option<Vec<&'a Cell>> {
    let cells: Vec<&Cell> = cells.collect();
    (!cells.iter().any(|cell| cell.is_null() || **cell == Cell::Unknown)).then_some(cells)
}
