//! The reference: what a request is answered, found by walking all rows.
//!
//! This is the specification of OrmAI in a form that runs. It was written from the documentation, apart
//! from the engine, and shares no code with it: where the two differ, one of them is wrong. It
//! is short on purpose, and knows nothing of SQL.
//!
//! - [`world`]: what it is about, as plain data,
//! - `rules`: what a policy opens to a principal's roles,
//! - `attribute`, `condition`: the language of row policies, in three-valued logic,
//! - `visibility`: which rows a principal sees,
//! - `asked`: whether a request may be asked, and what it costs,
//! - `filter`, `page`, `groups`: what it is answered,
//! - `write`: what a change leaves behind,
//! - `shown`: what is shown of a value, and whether an answer shows just that.

mod after;
mod asked;
mod attribute;
mod condition;
mod data;
mod filter;
mod found;
mod groups;
mod page;
mod rules;
mod shown;
mod visibility;
pub mod world;
mod write;

use std::collections::BTreeSet;

pub use found::{Links, Seen};
pub use rules::{Rule, Rules, View, Writes, permitted};
pub use shown::{Hashes, Row, Shown, agrees};
pub use visibility::Eye;
pub use write::{Changes, Ending, Meant, Written, write, write_under};

use crate::world::{Cell, Policy, Request, Who, World, Write};

/// An error code, as it stands in answers.
pub type Code = &'static str;

/// What a request is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is refused, for any of these reasons: which is told first is not specified.
    Refused(BTreeSet<Code>),
    /// A query: the rows of all its pages, in order.
    Page {
        /// The rows.
        rows: Vec<Row>,
        /// How many stand on a page.
        limit: usize,
        /// How many there are.
        total: usize,
    },
    /// A get: its row. A write to one row: the row that it leaves, or that is gone.
    Row(Row),
    /// A write to many rows: how many have changed.
    Changed(usize),
    /// A write that waits for somebody's approval: it could be made, and nothing has changed.
    Held,
    /// A write that was only tried.
    Preview {
        /// The rows as they are.
        before: Vec<Row>,
        /// The rows as they would be.
        after: Vec<Row>,
    },
    /// An aggregate: all groups, in order.
    Groups {
        /// The groups.
        rows: Vec<Row>,
        /// How many are answered.
        limit: usize,
    },
}

/// Answers a request.
pub fn answer(world: &World, policy: &Policy, who: &Who, now: &str, request: &Request) -> Outcome {
    let view = View::of(world, policy, &who.roles);
    Eye::new(world, &view, who, now).answer(request, usize::MAX)
}

impl Eye<'_> {
    /// Answers a request. Of the rows of a query no more than `most` are written down.
    pub fn answer(&self, request: &Request, most: usize) -> Outcome {
        if let Request::Write(write) = request {
            return self.write(write).0;
        }
        let reasons = asked::reasons(self.world, self.view, request);
        if !reasons.is_empty() {
            return Outcome::Refused(reasons);
        }
        // Every table that takes part needs its scope, whether or not a row leads there.
        let incomplete: BTreeSet<Code> =
            asked::models(self.world, request).into_iter().flat_map(|model| self.lacks(model)).collect();
        if !incomplete.is_empty() {
            return Outcome::Refused(incomplete);
        }
        match request {
            Request::Query(query) => page::query(self, query, most),
            Request::Get(get) => page::get(self, get),
            Request::Aggregate(aggregate) => groups::aggregate(self, aggregate),
            Request::Write(write) => self.write(write).0,
        }
    }

    /// What a write is answered, how it ends, and which rows it changes.
    pub fn write(&self, write: &Write) -> (Outcome, Ending, Changes) {
        write::outcome(self, write)
    }
}

/// The keys of the rows of its model that a request's filters admit. Of a request that is not
/// refused: a `get` admits its one row.
pub fn admitted(world: &World, policy: &Policy, who: &Who, now: &str, request: &Request) -> Vec<Vec<Cell>> {
    let view = View::of(world, policy, &who.roles);
    let eye = Eye::new(world, &view, who, now);
    let Some(model) = world.model(request.model()) else { return Vec::new() };
    let rows = match request {
        Request::Query(query) => eye.filtered(model, &query.filters),
        Request::Aggregate(aggregate) => eye.filtered(model, &aggregate.filters),
        Request::Get(get) => page::row(&eye, model, &get.id).into_iter().collect(),
        Request::Write(write) => write::chosen(&eye, model, &write.act),
    };
    rows.into_iter().map(|row| model.key_of(row).into_iter().cloned().collect()).collect()
}
