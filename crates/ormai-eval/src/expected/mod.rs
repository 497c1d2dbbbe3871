//! What a call must be answered.
//!
//! A user's catalog, policy document and rows become a world of [`ormai_reference`], which answers requests by
//! walking all rows. Of the engine only readers of text take part: of the document, of conditions, of requests.
//! What they mean, which rows somebody sees and what is shown of them is decided a second time, apart from the
//! engine.
//!
//! What the reference does not know is never guessed: see [`NotCovered`].

mod catalog;
mod compare;
mod condition;
mod covered;
mod document;
mod left;
mod limits;
mod reads;
mod request;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use ormai::catalog::Catalog;
use ormai::policy::document::PolicyDocument;
use ormai::principal::Principal;
use ormai_reference::world::{Cell, Kind, Policy, Request, Who, World};
use ormai_reference::{Changes, Code, Ending, Eye, Hashes, Links, Outcome, Seen, View};
use serde_json::Value as Json;

pub use compare::{Difference, Wrong};
pub use covered::NotCovered;

use crate::witness::Row;

/// Says what calls must be answered, for one policy over one state of the rows.
///
/// What each principal sees is found once and kept, so that many calls cost little; other rows, given with
/// [`Expected::with_rows`], begin anew.
pub struct Expected {
    world: World,
    policy: Policy,
    reads: reads::Reads,
    /// The models whose rows are known.
    given: BTreeSet<String>,
    /// Columns in which something stands that is not of their kind.
    odd: BTreeSet<reads::Place>,
    /// Columns of JSON, in which a document that is null looks like none.
    documents: BTreeSet<reads::Place>,
    /// Models to which others refer by keys that make them go along, or be changed.
    follows: BTreeSet<String>,
    /// The most rows of a query that are written down.
    most: usize,
    links: Arc<Links>,
    askers: Mutex<HashMap<String, Arc<Asker>>>,
    hashes: Mutex<Hashes>,
}

/// Somebody who has asked before.
struct Asker {
    who: Who,
    view: View,
    now: String,
    seen: Arc<Seen>,
}

/// What a call must be answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The rows, or every reason for which the call may be refused.
    pub outcome: Outcome,
    /// What was asked; `None` where it could not even be read.
    pub request: Option<Request>,
    tenant: String,
    /// Whether it is for the database alone to refuse it: it may hold its rows to fewer keys than the catalog
    /// tells of, or to more.
    by_the_database: bool,
    changes: Changes,
}

impl Answer {
    /// The codes of the refusal; `None` where the call is answered.
    pub fn refused(&self) -> Option<&BTreeSet<Code>> {
        match &self.outcome {
            Outcome::Refused(codes) => Some(codes),
            _ => None,
        }
    }

    /// How many rows are answered on all pages, where it is rows that are asked for.
    pub fn rows(&self) -> Option<usize> {
        match &self.outcome {
            Outcome::Page { total, .. } => Some(*total),
            Outcome::Row(_) => Some(1),
            _ => None,
        }
    }
}

impl Expected {
    /// Reads a catalog and a policy, as they were written.
    ///
    /// # Errors
    ///
    /// Where the policy says something that the reference does not know.
    pub fn new(catalog: &Catalog, document: &PolicyDocument) -> Result<Self, NotCovered> {
        let world = catalog::world(catalog);
        let policy = document::policy(&world, document)?;
        let reads = reads::Reads::of(&world, &policy);
        Ok(Self {
            world,
            policy,
            reads,
            given: BTreeSet::new(),
            odd: BTreeSet::new(),
            documents: catalog::documents(catalog),
            follows: catalog::follows(catalog),
            most: 5_000,
            links: Arc::default(),
            askers: Mutex::default(),
            hashes: Mutex::default(),
        })
    }

    /// Gives a model the rows that it has, as [`Witness::rows`](crate::Witness::rows) reads them.
    #[must_use]
    pub fn with_rows(mut self, model: &str, rows: Vec<Row>) -> Self {
        let Some(target) = self.world.models.iter_mut().find(|known| known.name == model) else { return self };
        // A witness does not read what nobody can.
        for (at, column) in target.columns.iter_mut().enumerate() {
            let known = |row: &Row| row.get(&column.name).is_none_or(|json| Cell::stored(json, &column.kind).is_some());
            if !rows.iter().all(known) {
                column.kind = Kind::Opaque;
                self.odd.insert((model.to_owned(), column.name.clone()));
            }
            let cell = |row: &Row| {
                let json = row.get(&column.name).unwrap_or(&Json::Null);
                Cell::stored(json, &column.kind).unwrap_or(Cell::Null)
            };
            if at == 0 {
                target.rows = rows.iter().map(|row| vec![cell(row)]).collect();
            } else {
                target.rows.iter_mut().zip(&rows).for_each(|(cells, row)| cells.push(cell(row)));
            }
        }
        self.given.insert(model.to_owned());
        (self.links, self.askers) = (Arc::default(), Mutex::default());
        self
    }

    /// Writes down no more than so many rows of a query: those that are compared. It is 5,000 at first.
    #[must_use]
    pub fn most_rows(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// What a call must be answered. A query is answered with the rows of all its pages.
    ///
    /// # Errors
    ///
    /// Where something takes part that the reference does not know, or rows that were not given.
    pub fn answer(
        &self,
        principal: &Principal,
        now: Timestamp,
        tool: &str,
        arguments: &Json,
    ) -> Result<Answer, NotCovered> {
        let tenant = principal.tenant_id().to_string();
        let request = match request::read(tool, arguments)? {
            Ok(request) => request,
            Err(code) => {
                let outcome = Outcome::Refused([code].into());
                let changes = Changes::default();
                return Ok(Answer { outcome, request: None, tenant, by_the_database: false, changes });
            }
        };
        let asker = self.asker(principal, now);
        self.check(&asker.view, &request)?;
        let (links, seen) = (Arc::clone(&self.links), Arc::clone(&asker.seen));
        let eye = Eye::remembering(&self.world, &asker.view, &asker.who, &asker.now, links, seen);
        let (outcome, by_the_database, changes) = match &request {
            Request::Write(write) => {
                let (outcome, ending, changes) = eye.write(write);
                (outcome, ending == Ending::Keys, changes)
            }
            read => (eye.answer(read, self.most), false, Changes::default()),
        };
        Ok(Answer { outcome, request: Some(request), tenant, by_the_database, changes })
    }

    /// Whether a call was answered as it must be. `pages` are the results of [`Toolset::call`] as JSON: one for each
    /// page of a query, from the first to the last that was read, and else one.
    ///
    /// # Errors
    ///
    /// The first difference.
    ///
    /// [`Toolset::call`]: ormai::Toolset::call
    pub fn agrees(&self, answer: &Answer, pages: &[Json]) -> Result<(), Box<Difference>> {
        compare::agrees(self, answer, pages, &mut held(&self.hashes))
    }

    /// Whether a call has left the rows of a model as it must: `rows` are all of them, read behind it where it was made.
    /// A call that is refused, that is only tried, or that waits for an approval leaves them as they were.
    ///
    /// # Errors
    ///
    /// The first row that differs.
    pub fn leaves(&self, answer: &Answer, page: &Json, model: &str, rows: &[Row]) -> Result<(), Box<Difference>> {
        left::leaves(self, answer, page, model, rows)
    }

    fn asker(&self, principal: &Principal, now: Timestamp) -> Arc<Asker> {
        let (tenant, user) = (principal.tenant_id().clone(), principal.user_id().clone());
        let (roles, metadata) = (principal.roles().to_vec(), principal.all_metadata().clone());
        let time = self.reads.time.then_some(now);
        let key = serde_json::json!([tenant, user, roles, metadata, time.map(|time| time.to_string())]).to_string();
        let asker = || {
            let view = View::of(&self.world, &self.policy, &roles);
            let who = Who { tenant, user, roles, metadata };
            Arc::new(Asker { who, view, now: now.to_string(), seen: Arc::default() })
        };
        Arc::clone(held(&self.askers).entry(key).or_insert_with(asker))
    }
}

impl fmt::Debug for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expected").field("given", &self.given).field("odd", &self.odd).finish_non_exhaustive()
    }
}

/// Nothing half done is ever left in there.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
