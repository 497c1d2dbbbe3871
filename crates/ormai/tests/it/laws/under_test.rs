//! The engine under test, with a world in its database.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::sync::Arc;

use ormai::audit::AuditStore;
use ormai::prelude::*;
use ormai_testkit::world::{
    AsCatalog as _, AsDocument as _, AsPrincipal as _, AsTables as _, Ask, Case, Cases, Policy, World,
};
use ormai_testkit::{Scale, TestDatabase};
use proptest::test_runner::TestCaseError;
use serde_json::{Value as Json, json};

use crate::support::{build, building};

/// Whether a law holds.
pub(super) type Checked = Result<(), TestCaseError>;

/// How much of a law is tried.
#[derive(Clone, Copy)]
pub(super) struct Size {
    /// What is drawn for a world.
    pub(super) cases: Cases,
    /// How many asks the law puts to each of them, about.
    pub(super) asks_per_case: usize,
    /// How many asks `cargo xtask test` has time for.
    pub(super) asks: usize,
}

/// Tries a law on generated cases, each in tables of its own. What the run met is shown, and, unless
/// the run was asked to be smaller, held to what it has to meet.
#[expect(clippy::print_stdout, reason = "what a run met is for whoever proves the laws")]
pub(super) fn prove<M: Debug + Default>(
    test: &TestDatabase,
    law: &str,
    size: Size,
    holds: impl AsyncFn(&mut Loaded<'_>, &Case, &RefCell<M>) -> Checked,
    is_enough: impl FnOnce(&M),
) {
    let met = RefCell::new(M::default());
    let scale = Scale::from_environment(size.asks);
    let tried = async |case: Case| {
        let mut loaded = Loaded::new(test, &case.world).await;
        let outcome = holds(&mut loaded, &case, &met).await;
        loaded.leave().await;
        outcome
    };
    let outcome = scale.runner(size.asks_per_case).run(&size.cases, |case| wait(tried(case)));
    let met = met.into_inner();
    println!("{law} on {}, seed {}: {met:?}", test.engine(), scale.seed);
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    if scale.asks >= size.asks {
        is_enough(&met);
    }
}

/// A world in a database, in tables of its own names: a statement that a connection remembers
/// never meets another table under its name.
pub(super) struct Loaded<'t> {
    pub(super) test: &'t TestDatabase,
    world: World,
    /// Begins the names of its tables.
    pub(super) prefix: String,
}

thread_local! {
    static LOADED: Cell<usize> = const { Cell::new(0) };
}

impl<'t> Loaded<'t> {
    async fn new(test: &'t TestDatabase, world: &World) -> Self {
        let number = LOADED.replace(LOADED.get() + 1);
        let prefix = format!("w{number}_");
        test.execute(&world.statements(test.engine(), &prefix)).await;
        Self { test, world: world.clone(), prefix }
    }

    /// Puts a policy over it. A policy that does not load is no trial: only while a case is made
    /// simpler does that happen.
    pub(super) async fn under(&self, policy: &Policy) -> Result<OrmAi, TestCaseError> {
        let catalog = self.world.catalog(self.test.engine(), &self.prefix).unwrap();
        build(self.test, &policy.to_yaml(), catalog).await.map_err(|error| TestCaseError::reject(error.to_string()))
    }

    /// As [`Loaded::under`], with calls recorded in a store.
    pub(super) async fn recorded(&self, policy: &Policy, store: Arc<dyn AuditStore>) -> Result<OrmAi, TestCaseError> {
        let catalog = self.world.catalog(self.test.engine(), &self.prefix).unwrap();
        let built = building(self.test, &policy.to_yaml(), catalog).audit(store).build().await;
        built.map_err(|error| TestCaseError::reject(error.to_string()))
    }

    /// Replaces all rows.
    pub(super) async fn refill(&mut self, world: &World) {
        self.test.execute(&world.refill(self.test.engine(), &self.prefix)).await;
        self.world = world.clone();
    }

    async fn leave(self) {
        self.test.execute(&self.world.drop_statements(&self.prefix)).await;
    }
}

/// The answer to one call, with the time that it took left out.
pub(super) async fn call(ormai: &OrmAi, ask: &Ask, cursor: Option<&str>) -> Json {
    called(ormai, ask, RunContext::new(ask.who.principal()), cursor).await
}

/// The answer to one call on a connection of the caller's.
pub(super) async fn call_in(ormai: &OrmAi, ask: &Ask, ctx: RunContext<'_>) -> Json {
    called(ormai, ask, ctx, None).await
}

async fn called(ormai: &OrmAi, ask: &Ask, ctx: RunContext<'_>, cursor: Option<&str>) -> Json {
    let ctx = ctx.request_id("law").now(Case::now().parse().unwrap());
    let mut arguments = ask.request.to_json();
    if let Some(cursor) = cursor {
        arguments["cursor"] = json!(cursor);
    }
    let result = ormai.tools().call(&ctx, ask.request.tool(), &arguments).await;
    let mut result = serde_json::to_value(result).unwrap();
    if let Some(time) = result["metadata"].get_mut("execution_time_ms") {
        *time = json!(0);
    }
    result
}

/// All pages of an ask; one answer where there are no pages.
pub(super) async fn pages(ormai: &OrmAi, ask: &Ask) -> Vec<Json> {
    pages_in(ormai, ask, || RunContext::new(ask.who.principal())).await
}

/// The same, each page in a context.
pub(super) async fn pages_in(ormai: &OrmAi, ask: &Ask, ctx: impl Fn() -> RunContext<'static>) -> Vec<Json> {
    const MOST: usize = 200;
    let mut all = vec![called(ormai, ask, ctx(), None).await];
    while all.len() < MOST {
        let Some(cursor) = all.last().and_then(|page| page["data"]["next_cursor"].as_str()) else { break };
        let next = called(ormai, ask, ctx(), Some(cursor)).await;
        all.push(next);
    }
    all
}

/// Runs a future inside a property, which is not asynchronous.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}
