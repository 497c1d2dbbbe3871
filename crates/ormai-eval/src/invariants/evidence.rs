//! What invariants look at.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use ormai::RunContext;
use ormai::catalog::{Catalog, ModelId};
use ormai::error::{Error, ErrorCode};
use ormai::policy::View;
use ormai::request::{Filter, Include, Request, Tool};

use serde_json::Value as Json;

use super::attributed::with_keys;
use super::ownership::{Eyes, looked_at};
use super::stored::{Table, Tables};
use crate::harness::{Allowed, Call, Observed, Stage};
use crate::{Row, Violation, Witness, WitnessError};

/// A call with what it came to, and the ways to look further: into the database as it was for the
/// call (on its connection, in its transaction), and at other calls.
pub struct Evidence<'e, 'c> {
    pub(crate) stage: &'e Stage,
    ctx: &'e RunContext<'c>,
    now: Timestamp,
    call: &'e Call,
    observed: &'e Observed,
    view: Arc<View>,
    /// All rows before a call that writes.
    before: Option<Arc<Tables>>,
    tables: tokio::sync::Mutex<HashMap<ModelId, Arc<Table>>>,
    /// The same answer with the keys of its rows.
    keyed: tokio::sync::OnceCell<Option<Observed>>,
    allowed: Mutex<Vec<Allowed>>,
}

impl<'e, 'c> Evidence<'e, 'c> {
    pub(crate) fn new(
        stage: &'e Stage,
        (ctx, now): (&'e RunContext<'c>, Timestamp),
        (call, observed): (&'e Call, &'e Observed),
        before: Option<Arc<Tables>>,
    ) -> Self {
        let view = stage.view(call.principal.roles());
        let (tables, allowed) = (tokio::sync::Mutex::default(), Mutex::default());
        let keyed = tokio::sync::OnceCell::new();
        Self { stage, ctx, now, call, observed, view, before, tables, keyed, allowed }
    }

    /// The call.
    pub fn call(&self) -> &Call {
        self.call
    }

    /// What it came to.
    pub fn observed(&self) -> &Observed {
        self.observed
    }

    /// The context of the call.
    pub fn ctx(&self) -> &RunContext<'c> {
        self.ctx
    }

    /// The models.
    pub fn catalog(&self) -> &Arc<Catalog> {
        self.stage.policy.catalog()
    }

    /// What the policy opens to the principal, as the document says it.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The database past any policy.
    pub fn witness(&self) -> &Witness {
        &self.stage.witness
    }

    /// All rows of a model, of all tenants.
    ///
    /// # Errors
    ///
    /// [`WitnessError`].
    pub async fn rows(&self, model: &str) -> Result<Vec<Row>, WitnessError> {
        self.witness().rows(self.ctx, model, self.stage.most_rows).await
    }

    /// Makes another call, in a context of this call's connection.
    pub async fn again(&self, ctx: &RunContext<'_>, call: &Call) -> Observed {
        self.stage.observe(ctx, call).await
    }

    /// Does something in a transaction, and undoes it.
    ///
    /// # Errors
    ///
    /// When there can be no transaction.
    pub async fn undone<T>(&self, work: impl AsyncFn(&RunContext<'_>) -> T) -> Result<T, Error> {
        undone(self.stage, self.ctx, work).await
    }

    /// The call's arguments as a request of a tool; `None` for a tool of the project's own and for
    /// arguments that are none.
    pub fn request(&self) -> Option<Request> {
        let tool = Tool::from_name(&self.call.tool).ok()?;
        Request::from_value(tool, &self.call.arguments).ok()
    }

    /// The model that the call is about.
    pub fn model(&self) -> Option<ModelId> {
        self.catalog().find(self.request()?.model()?)
    }

    /// The answer with the keys of its rows, where those can be had; otherwise the answer.
    pub(crate) async fn keyed_data(&self) -> Option<&Json> {
        let keyed = self.keyed.get_or_init(|| with_keys(self)).await;
        keyed.as_ref().unwrap_or(self.observed).data()
    }

    pub(crate) fn eyes(&self) -> Eyes<'_> {
        Eyes { view: &self.view, principal: &self.call.principal, now: self.now }
    }

    pub(crate) fn before(&self) -> Option<&Tables> {
        self.before.as_deref()
    }

    /// The rows of some models, and of those that their rules look at.
    pub(crate) async fn tables(&self, models: impl IntoIterator<Item = ModelId>) -> Result<Tables, WitnessError> {
        let mut wanted = HashSet::new();
        for model in models {
            wanted.insert(model);
            if let Some(rules) = self.view.model(model) {
                looked_at(self.catalog(), model, rules, &mut wanted);
            }
        }
        let mut by_model = HashMap::new();
        let mut known = self.tables.lock().await;
        for model in wanted {
            let table = match known.get(&model) {
                Some(table) => Arc::clone(table),
                None => {
                    let table = Arc::new(Table::new(self.rows(&self.catalog().model(model).name).await?));
                    known.insert(model, Arc::clone(&table));
                    table
                }
            };
            by_model.insert(model, table);
        }
        Ok(Tables { catalog: Arc::clone(self.catalog()), by_model })
    }

    /// The models that the call's request leads to.
    pub(crate) fn models(&self) -> HashSet<ModelId> {
        let mut found = HashSet::new();
        let (Some(request), Some(model)) = (self.request(), self.model()) else { return found };
        found.insert(model);
        let (filters, includes): (&[Filter], &[Include]) = match &request {
            Request::Query(query) => (&query.filters, &query.include),
            Request::Get(get) => (&[], &get.include),
            Request::Aggregate(aggregate) => (&aggregate.filters, &[]),
            Request::BulkUpdate(bulk) => (&bulk.filters, &[]),
            _ => (&[], &[]),
        };
        self.led_to(model, filters, includes, &mut found);
        found
    }

    fn led_to(&self, model: ModelId, filters: &[Filter], includes: &[Include], found: &mut HashSet<ModelId>) {
        for filter in filters {
            match filter {
                Filter::And { and: parts } | Filter::Or { or: parts } => self.led_to(model, parts, &[], found),
                Filter::Not { not } => self.led_to(model, std::slice::from_ref(not), &[], found),
                Filter::Relation { relation, filters, .. } => self.led(model, relation, filters, &[], found),
                _ => {}
            }
        }
        for include in includes {
            self.led(model, &include.relation, &include.filters, &include.include, found);
        }
    }

    fn led(
        &self,
        model: ModelId,
        relation: &str,
        filters: &[Filter],
        includes: &[Include],
        found: &mut HashSet<ModelId>,
    ) {
        let described = self.catalog().model(model);
        if let Some(relation) = described.find_relation(relation) {
            let target = described.relation(relation).target;
            found.insert(target);
            self.led_to(target, filters, includes, found);
        }
    }

    /// Counts rows that are not the principal's own and that a rule lets it see.
    pub(crate) fn allow(&self, model: ModelId, rule: &str) {
        let model = &self.catalog().model(model).name;
        let mut allowed = self.allowed.lock().unwrap_or_else(PoisonError::into_inner);
        match allowed.iter_mut().find(|one| one.model == *model && one.rule == rule) {
            Some(one) => one.rows += 1,
            None => allowed.push(Allowed { model: model.clone(), rule: rule.to_owned(), rows: 1 }),
        }
    }

    pub(crate) fn into_allowed(self) -> Vec<Allowed> {
        self.allowed.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does something in a transaction, and undoes it.
pub(crate) async fn undone<T>(
    stage: &Stage,
    ctx: &RunContext<'_>,
    work: impl AsyncFn(&RunContext<'_>) -> T,
) -> Result<T, Error> {
    let done = Mutex::new(None);
    let outcome = stage.tools.transaction(ctx, async |tx| {
        let came = work(tx).await;
        *done.lock().unwrap_or_else(PoisonError::into_inner) = Some(came);
        Err::<(), _>(Error::new(ErrorCode::Internal, "what an evaluation does is undone"))
    });
    let outcome = outcome.await;
    match (done.into_inner().unwrap_or_else(PoisonError::into_inner), outcome) {
        (Some(done), _) => Ok(done),
        (None, Err(refused)) => Err(refused.into_error()),
        (None, Ok(())) => Err(Error::new(ErrorCode::Internal, "the transaction did nothing")),
    }
}

/// What cannot be decided is no pass.
pub(crate) fn undecided(invariant: &str, why: impl std::fmt::Display) -> Vec<Violation> {
    vec![Violation::new(invariant, format!("could not be decided: {why}"))]
}
