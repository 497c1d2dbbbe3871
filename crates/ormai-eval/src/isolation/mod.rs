//! The generated isolation suite: from policy, catalog and principals to requests of all kinds, with
//! canary rows of other tenants around them, in one transaction that is rolled back.
//!
//! - `subject`: what the policy says that tells which rows and principals are worth having,
//! - `identity`: owners of canary rows, and the principals who ask,
//! - `values`, `plant`: canary rows, through the tools of a witness,
//! - `ask`: requests, of every tool and kind,
//! - `course`: asks, and keeps what is wrong,
//! - `aftermath`: rows of strangers that change, a trail that takes nothing, callers who go away,
//! - `sight`, `changes`, `records`: what may be seen, changed and recorded, decided apart from any statement,
//! - `ledger`: an audit store of the suite's own,
//! - `coverage`, `report`: what was tried, and what was found.

mod aftermath;
mod ask;
mod canaries;
mod changes;
mod course;
mod coverage;
mod dice;
mod identity;
mod ledger;
mod plant;
mod records;
mod report;
mod sight;
mod subject;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use ormai::approvals::MemoryApprovals;
use ormai::catalog::{Catalog, ModelId};
use ormai::policy::PolicyDocument;
use ormai::prelude::*;
use ormai::{Builder, Dialect};
use tokio::sync::Mutex;

use course::Course;
use coverage::Coverage;
use dice::Dice;
use identity::{Asker, askers, sampled};
use ledger::Ledger;
use plant::Planter;
pub use report::{IsolationReport, IsolationVerdict, Leak, RuleCoverage, ToolCoverage};
use sight::Rows;
use subject::Subject;

use crate::expected::Expected;
use crate::{Row, Witness, WitnessError};

/// Principals of so many tenants whose attributes stand in these rows, by model: with a user, and with a value
/// for all that one of two policies reads of their metadata.
pub(crate) fn principals_of(
    catalog: Arc<Catalog>,
    documents: [&PolicyDocument; 2],
    rows: &BTreeMap<String, Vec<Row>>,
    most: usize,
) -> Vec<Principal> {
    let subject = Subject::of_both(catalog, documents);
    sampled(&subject, rows, most).into_iter().map(|asker| asker.principal).collect()
}

/// How many requests are made when nothing is said.
pub const DEFAULT_REQUESTS: usize = 3_000;
/// The most rows of a model when nothing is said.
pub const DEFAULT_MAX_ROWS: u32 = 500_000;
/// Databases with no more rows are read once more after the canaries were planted.
const READ_AGAIN: usize = 20_000;
/// How many rows of an answer are compared with the specification's.
const COMPARED: usize = 2_000;
/// How many tenants of the database are sampled.
const SAMPLED: usize = 2;

/// The suite, before it runs.
#[derive(Clone, Debug)]
pub struct Isolation {
    tools: Toolset,
    document: PolicyDocument,
    seed: u64,
    requests: usize,
    max_rows: u32,
    principals: Vec<Principal>,
    stops: bool,
}

/// Why the suite could not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IsolationError {
    /// The policy does not load over the database.
    #[error("{0}")]
    Build(String),
    /// The database could not be looked at.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// A model is too large to be read.
    #[error("`{model}` has more than {most} rows; read more with `--max-rows`, or point the suite at a smaller copy")]
    TooLarge {
        /// The model.
        model: String,
        /// How many rows are read.
        most: u32,
    },
    /// The transaction could not be had or ended.
    #[error("{0}")]
    Database(String),
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IsolationProgress {
    /// Requests that were made.
    pub requests: usize,
    /// Requests that will be made.
    pub of: usize,
    /// Leaks so far.
    pub leaks: usize,
}

impl Isolation {
    /// A suite for the database and catalog of a toolset under a policy. The calls run on a toolset of
    /// the suite's own with that policy, with an audit trail and approvals in memory.
    pub fn new(tools: &Toolset, policy: &PolicyDocument) -> Self {
        Self {
            tools: tools.clone(),
            document: policy.clone(),
            seed: 0,
            requests: DEFAULT_REQUESTS,
            max_rows: DEFAULT_MAX_ROWS,
            principals: Vec::new(),
            stops: false,
        }
    }

    /// Chooses rows and requests. The same seed chooses the same.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many requests are made.
    #[must_use]
    pub fn requests(mut self, requests: usize) -> Self {
        self.requests = requests;
        self
    }

    /// The most rows of a model that are read.
    #[must_use]
    pub fn max_rows(mut self, rows: u32) -> Self {
        self.max_rows = rows;
        self
    }

    /// A principal who asks too, beside those that the policy tells apart; instead of those that would be
    /// sampled from the database.
    #[must_use]
    pub fn principal(mut self, principal: Principal) -> Self {
        self.principals.push(principal);
        self
    }

    /// Ends with the first leak.
    #[must_use]
    pub fn stop_at_first(mut self) -> Self {
        self.stops = true;
        self
    }

    /// Runs the suite.
    ///
    /// # Errors
    ///
    /// [`IsolationError`] when it cannot run; a leak is no error.
    pub async fn run(&self, progress: &dyn Fn(IsolationProgress)) -> Result<IsolationReport, IsolationError> {
        self.run_on(&RunContext::new(crate::witness::owner()), progress).await
    }

    /// As [`Isolation::run`], on the connection of a context or in its transaction, which is left as it was.
    /// Nobody else's changes may come in between.
    ///
    /// # Errors
    ///
    /// As [`Isolation::run`].
    pub async fn run_on(
        &self,
        ctx: &RunContext<'_>,
        progress: &dyn Fn(IsolationProgress),
    ) -> Result<IsolationReport, IsolationError> {
        let began = Instant::now();
        // Whole seconds, which every engine keeps.
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
        let catalog = Arc::clone(self.tools.engine().policy().catalog());
        let mut subject = Subject::new(Arc::clone(&catalog), &self.document);
        subject.counts_on = self.tools.database().dialect() == Dialect::MySql;
        let (ormai, ledger) = self.recorded(false).await?;
        let witness = Witness::of(&self.tools).await?;
        let within = ctx.for_principal(Principal::without_tenant()).now(now);
        let outcome = Mutex::new(None);
        let (witness, subject) = (&witness, &subject);
        let undone = witness
            .tools()
            .transaction(&within, async |tx| {
                let done = self.within(tx, witness, subject, &ormai, &ledger, now, progress).await;
                *outcome.lock().await = Some(done);
                Err::<(), Error>(Error::new(ErrorCode::Internal, "the suite keeps nothing"))
            })
            .await;
        let mut report = match outcome.into_inner() {
            Some(done) => done?,
            None => {
                let why = undone.err().map_or_else(String::new, |error| error.to_string());
                return Err(IsolationError::Database(why));
            }
        };
        if !self.stops || report.leaks.is_empty() {
            self.dropped(ctx, (witness, subject), &mut report).await?;
        }
        report.decide();
        report.engine = format!("{:?}", self.tools.database().dialect()).to_lowercase();
        report.milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        // What the ledger holds is nobody's any more.
        drop(ormai.close().await);
        Ok(report)
    }

    fn builder(&self) -> Builder {
        OrmAi::builder()
            .database(self.tools.database().clone())
            .catalog(self.tools.engine().policy().catalog().as_ref().clone())
            .policy(self.document.clone())
            .hash_key(*b"of the isolation suite alone")
            .cursor_key([7; 32])
            .approvals(Arc::new(MemoryApprovals::new()))
    }

    /// A toolset under the policy, with an audit trail of its own.
    async fn recorded(&self, is_slow: bool) -> Result<(OrmAi, Arc<Ledger>), IsolationError> {
        let ledger = Arc::new(Ledger::new(is_slow));
        let built = self.builder().audit(Arc::clone(&ledger) as _).build().await;
        let ormai = built.map_err(|error| IsolationError::Build(error.to_string()))?;
        Ok((ormai, ledger))
    }

    /// Tries what callers leave behind who go away, outside of the transaction, over what is stored.
    async fn dropped(
        &self,
        ctx: &RunContext<'_>,
        (witness, subject): (&Witness, &Subject),
        report: &mut IsolationReport,
    ) -> Result<(), IsolationError> {
        let Some(asker) = askers(subject).into_iter().nth(2) else { return Ok(()) };
        let named = subject.models.iter().find(|about| about.is_named);
        let Some(model) = named.map(|about| subject.catalog.model(about.id).name.clone()) else { return Ok(()) };
        let (ormai, ledger) = self.recorded(true).await?;
        let arguments = serde_json::json!({"model": model, "limit": 1});
        let ctx = ctx.for_principal(asker.principal.clone());
        if let Some(violation) = aftermath::dropped((&ormai, witness), &ledger, &ctx, "query", &arguments).await {
            report.leaks.push(Leak::new(violation, "query", &arguments, &asker.principal, &serde_json::Value::Null));
        }
        drop(ormai.close().await);
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "called in one place, inside of the transaction")]
    async fn within(
        &self,
        tx: &RunContext<'_>,
        witness: &Witness,
        subject: &Subject,
        ormai: &OrmAi,
        ledger: &Arc<Ledger>,
        now: Timestamp,
        progress: &dyn Fn(IsolationProgress),
    ) -> Result<IsolationReport, IsolationError> {
        let existing = self.read_all(tx, witness, subject).await?;
        subject.keep_near(&existing);
        let stored_rows: usize = existing.values().map(Vec::len).sum();
        let plantation = Planter::new(subject, &existing, self.seed, now).plant(tx, witness).await;
        let mut askers = askers(subject);
        match self.principals.is_empty() {
            true => askers.extend(sampled(subject, &existing, SAMPLED)),
            false => askers
                .extend(self.principals.iter().map(|principal| Asker { principal: principal.clone(), owner: None })),
        }
        let rows = if stored_rows <= READ_AGAIN {
            self.read_all(tx, witness, subject).await?
        } else {
            let mut rows = existing;
            for planted in &plantation.rows {
                rows.entry(subject.catalog.model(planted.model).name.clone()).or_default().push(planted.row.clone());
            }
            rows
        };
        let coverage = Coverage::of(&self.document, subject);
        let unrecorded = self.builder().build().await.map_err(|error| IsolationError::Build(error.to_string()))?;
        let (expected, unread) = match Expected::new(&subject.catalog, &self.document) {
            Ok(expected) => {
                let given = rows.iter().fold(expected.most_rows(COMPARED), |expected, (model, rows)| {
                    expected.with_rows(model, rows.clone())
                });
                (Some(given), None)
            }
            Err(unknown) => (None, Some(unknown.to_string())),
        };
        let mut course = Course::new(
            (ormai.tools().clone(), unrecorded.tools().clone()),
            Arc::clone(ledger),
            witness,
            subject,
            &rows,
            &plantation,
            &askers,
            now,
            coverage,
            self.stops,
            expected.as_ref(),
        );
        course.unread = unread;
        self.ask(tx, &mut course, &askers, progress).await?;
        Ok(self.report(course, &plantation, stored_rows, askers.len()))
    }

    async fn read_all(
        &self,
        tx: &RunContext<'_>,
        witness: &Witness,
        subject: &Subject,
    ) -> Result<Rows, IsolationError> {
        let mut all: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for (_, model) in subject.catalog.models() {
            let rows = witness.rows(tx, &model.name, self.max_rows).await.map_err(|error| match error {
                WitnessError::TooMany { model, most } => IsolationError::TooLarge { model, most },
                error => IsolationError::Witness(error),
            })?;
            all.insert(model.name.clone(), rows);
        }
        Ok(all)
    }

    /// Reads first, over rows that stay as they are; then writes, each undone.
    async fn ask<'a>(
        &self,
        tx: &RunContext<'_>,
        course: &mut Course<'a>,
        askers: &'a [Asker],
        progress: &dyn Fn(IsolationProgress),
    ) -> Result<(), IsolationError> {
        let mut dice = Dice::new(self.seed ^ 0x15_0A7E);
        let mut next_number = course.plantation.next_number + 100_000;
        let named: Vec<ModelId> =
            course.subject.models.iter().filter(|about| about.is_named).map(|about| about.id).collect();
        // What everybody asks of everything, in another order each time; then anything.
        let mut round: Vec<(usize, ask::Ask)> = Vec::new();
        for (at, asker) in askers.iter().enumerate() {
            for model in &named {
                let asks = course.asked((at, asker), &mut dice, &mut next_number, |asking| asking.round(*model));
                round.extend(asks.into_iter().map(|ask| (at, ask)));
            }
        }
        let reads = self.requests * 2 / 5;
        let many = round.len().min(reads * 2 / 3);
        let round = dice.some(&round, many);
        let tell = |course: &Course<'_>| {
            progress(IsolationProgress {
                requests: course.requests,
                of: self.requests,
                leaks: course.leaks.len() + course.more_leaks,
            });
        };
        for (at, ask) in &round {
            if course.is_over() {
                return Ok(());
            }
            course.read(tx, *at, ask, &mut dice).await;
            tell(course);
        }
        let writable: Vec<ModelId> =
            course.subject.models.iter().filter(|about| about.is_written).map(|about| about.id).collect();
        while course.requests < self.requests && !named.is_empty() && !course.is_over() {
            let at = dice.below(askers.len());
            let is_read = course.requests < reads;
            // Where nothing can be written, that is soon known.
            let models = if is_read || writable.is_empty() || dice.chance(5) { &named } else { &writable };
            let (Some(asker), Some(model)) = (askers.get(at), dice.pick(models)) else { break };
            let asks = course.asked((at, asker), &mut dice, &mut next_number, |asking| {
                vec![if is_read { asking.read(model) } else { asking.write(model) }]
            });
            for ask in &asks {
                match is_read {
                    true => course.read(tx, at, ask, &mut dice).await,
                    false => course.write(tx, at, ask).await,
                }
            }
            tell(course);
        }
        if !course.is_over() {
            course.undisturbed(tx, &mut dice).await;
        }
        if !course.is_over() {
            course.unrecorded(tx).await;
        }
        Ok(())
    }

    fn report(
        &self,
        course: Course<'_>,
        plantation: &plant::Plantation,
        stored_rows: usize,
        principals: usize,
    ) -> IsolationReport {
        let rules = course.coverage.rules();
        let named = |rule: &RuleCoverage| format!("{}: {} `{}`", rule.model, rule.kind, rule.rule);
        IsolationReport {
            seed: self.seed,
            policy_version: self.tools.engine().policy().version().to_owned(),
            principals,
            requests: course.requests,
            planted_rows: plantation.rows.len(),
            stored_rows,
            never_decided: rules
                .iter()
                .filter(|rule| rule.exercised > 0 && rule.decided == 0 && rule.kind != "field allow")
                .map(named)
                .collect(),
            never_tested: rules.iter().filter(|rule| rule.exercised == 0).map(named).collect(),
            undecided: undecided(&course),
            not_covered: plantation
                .barren
                .iter()
                .map(|(model, why)| format!("{model}: no rows were planted: {why}"))
                .chain(course.unread.iter().map(|why| format!("the specification does not know the policy: {why}")))
                .chain(course.unknown.iter().map(|(why, answers)| match answers {
                    1 => format!("the specification does not know: {why} (1 answer)"),
                    _ => format!("the specification does not know: {why} ({answers} answers)"),
                }))
                .chain(course.untouched.iter().cloned())
                .chain(course.broken.iter().map(|why| format!("the rest of the requests: {why}")))
                .collect(),
            tools: course.coverage.tools(),
            rules,
            leaks: course.leaks,
            more_leaks: course.more_leaks,
            ..IsolationReport::default()
        }
    }
}

/// Why it means little that nothing leaked.
fn undecided(course: &Course<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    let named: Vec<ModelId> =
        course.subject.models.iter().filter(|about| about.is_named).map(|about| about.id).collect();
    if named.is_empty() {
        reasons.push("the policy names no model of the database".to_owned());
    }
    reasons.extend(course.broken.iter().map(|why| format!("the run broke off: {why}")));
    reasons.extend(course.unread.iter().map(|why| {
        format!("answers were compared with nothing, since the specification does not know the policy: {why}")
    }));
    for model in named.iter().filter(|model| course.plantation.of(**model).next().is_none()) {
        let name = &course.subject.catalog.model(*model).name;
        reasons.push(match course.plantation.barren.get(name) {
            Some(why) => format!("no row of a stranger could be planted in `{name}`: {why}"),
            None => format!("no row of a stranger could be planted in `{name}`"),
        });
    }
    if course.requests == 0 {
        reasons.push("no request was made".to_owned());
    } else if course.answered.is_empty() {
        reasons.push("no read was answered".to_owned());
    }
    reasons
}
