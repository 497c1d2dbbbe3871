//! Calls, held to invariants.

mod call;
mod case;
mod observed;
mod result;
mod stage;

use std::fmt;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use ormai::diagnostic::Diagnostic;
use ormai::policy::document::PolicyDocument;
use ormai::policy::{CompileOptions, CompiledPolicy};
use ormai::request::Tool;
use ormai::{RunContext, Toolset};
use serde_json::Value as Json;
use tokio::sync::OnceCell;

pub use call::Call;
pub use case::{Case, Expect};
pub use observed::{Observed, differences};
pub use result::{Allowed, EvalResult, SuiteResult};
pub(crate) use stage::Stage;
pub use stage::{Answering, Answers};

use crate::invariants::evidence::undone;
use crate::invariants::stored::Tables;
use crate::invariants::{Evidence, Invariant, Needs, all_tables};
use crate::witness::owner;
use crate::{Violation, Witness, WitnessError};

/// Makes calls and holds them to invariants.
///
/// The policy is the one that the toolset is meant to obey, as it was written: what is visible,
/// masked and allowed is read from it once more, and from the stored rows, without the statements
/// that the toolset makes. A call that writes is made in a transaction that is rolled back, unless
/// the harness is told to keep it.
pub struct EvalHarness {
    tools: Toolset,
    answers: Arc<dyn Answers>,
    policy: Arc<CompiledPolicy>,
    document: Arc<PolicyDocument>,
    most_rows: u32,
    keeps: bool,
    stage: OnceCell<Stage>,
}

/// Why nothing can be evaluated.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HarnessError {
    /// The policy does not fit the toolset's database: every finding.
    #[error("the policy does not fit the database: {}", .0.first().map(|finding| finding.message.as_str()).unwrap_or_default())]
    Policy(Vec<Diagnostic>),
}

/// Larger tables are not read.
const MOST_ROWS: u32 = 250_000;

impl EvalHarness {
    /// A harness for a toolset and the policy that it is meant to obey.
    ///
    /// # Errors
    ///
    /// [`HarnessError::Policy`] when the policy does not fit the toolset's database.
    pub fn new(tools: &Toolset, policy: &PolicyDocument) -> Result<Self, HarnessError> {
        let catalog = Arc::clone(tools.engine().policy().catalog());
        // Whether there is a key is the business of the toolset; nothing is hashed here.
        let options = CompileOptions { has_hash_key: true };
        let document = Arc::new(policy.clone());
        let policy = CompiledPolicy::compile(policy, catalog, options).map_err(HarnessError::Policy)?;
        Ok(Self {
            tools: tools.clone(),
            answers: Arc::new(tools.clone()),
            policy: Arc::new(policy),
            document,
            most_rows: MOST_ROWS,
            keeps: false,
            stage: OnceCell::new(),
        })
    }

    /// Asks something else than the toolset itself: a layer around it, whose answers are the ones
    /// that agents get.
    #[must_use]
    pub fn through(mut self, answers: impl Answers + 'static) -> Self {
        self.answers = Arc::new(answers);
        self.stage = OnceCell::new();
        self
    }

    /// Reads no table with more rows; invariants that need it are undecided, which is no pass.
    #[must_use]
    pub fn most_rows(mut self, most: u32) -> Self {
        self.most_rows = most;
        self.stage = OnceCell::new();
        self
    }

    /// Keeps what calls write: each is made once more after it was judged and undone.
    #[must_use]
    pub fn keep_writes(mut self) -> Self {
        self.keeps = true;
        self
    }

    /// The toolset.
    pub fn tools(&self) -> &Toolset {
        &self.tools
    }

    /// Makes a call as the principal of a context, and holds it to invariants.
    pub async fn run(
        &self,
        ctx: &RunContext<'_>,
        tool: &str,
        arguments: Json,
        invariants: impl IntoIterator<Item = Arc<dyn Invariant>>,
    ) -> EvalResult {
        let call = Call::new(tool, arguments, ctx.principal().clone());
        self.run_call(ctx, tool, call, &invariants.into_iter().collect::<Vec<_>>()).await
    }

    /// Makes the calls of cases, one after the other, on the toolset's own pool.
    pub async fn run_suite(&self, cases: impl IntoIterator<Item = Case>) -> SuiteResult {
        self.run_suite_on(&RunContext::new(owner()), cases).await
    }

    /// As [`EvalHarness::run_suite`], on the connection of a context or in its transaction.
    pub async fn run_suite_on(&self, ctx: &RunContext<'_>, cases: impl IntoIterator<Item = Case>) -> SuiteResult {
        let mut results = Vec::new();
        for case in cases {
            results.push(self.run_case(ctx, case).await);
        }
        SuiteResult { results }
    }

    /// Makes the call of a case on the connection of a context.
    pub async fn run_case(&self, ctx: &RunContext<'_>, case: Case) -> EvalResult {
        let Case { name, call, invariants, expect } = case;
        let mut result = self.run_call(ctx, &name, call, &invariants.into_iter().collect::<Vec<_>>()).await;
        result.violations.extend(expect.and_then(|expect| missed(expect, &result.observed)));
        result
    }

    /// Makes a call, and looks at nothing.
    ///
    /// # Errors
    ///
    /// [`WitnessError`] when the database cannot be opened.
    pub async fn observe(&self, ctx: &RunContext<'_>, call: &Call) -> Result<Observed, WitnessError> {
        Ok(self.stage().await?.observe(&ctx.for_principal(call.principal.clone()), call).await)
    }

    /// Holds what a call came to, which was made before, to invariants. The database must be as it
    /// was for the call; what a write changed is not looked at.
    pub async fn check(
        &self,
        ctx: &RunContext<'_>,
        call: &Call,
        observed: &Observed,
        invariants: impl IntoIterator<Item = Arc<dyn Invariant>>,
    ) -> EvalResult {
        let invariants: Vec<_> = invariants.into_iter().collect();
        let now = ctx.time().unwrap_or_else(Timestamp::now);
        let ctx = ctx.for_principal(call.principal.clone()).now(now);
        match self.stage().await {
            Ok(stage) => judge(stage, (&ctx, now), &call.tool, (call, observed.clone()), &invariants, None).await,
            Err(error) => lost(&call.tool, call, &invariants, &error),
        }
    }

    async fn run_call(
        &self,
        ctx: &RunContext<'_>,
        name: &str,
        call: Call,
        invariants: &[Arc<dyn Invariant>],
    ) -> EvalResult {
        let stage = match self.stage().await {
            Ok(stage) => stage,
            Err(error) => return lost(name, &call, invariants, &error),
        };
        // All that is asked about the call is asked for the same time.
        let now = ctx.time().unwrap_or_else(Timestamp::now);
        let ctx = ctx.for_principal(call.principal.clone()).now(now);
        if Tool::from_name(&call.tool).is_ok_and(|tool| !tool.writes()) {
            let observed = stage.observe(&ctx, &call).await;
            return judge(stage, (&ctx, now), name, (&call, observed), invariants, None).await;
        }
        if self.keeps {
            let mut result = written(stage, (&ctx, now), name, &call, invariants).await;
            result.observed = stage.observe(&ctx, &call).await;
            result.answered = result.observed.success();
            return result;
        }
        let judged = undone(stage, &ctx, async |tx| written(stage, (tx, now), name, &call, invariants).await);
        match judged.await {
            Ok(result) => result,
            Err(error) => lost(name, &call, invariants, &error),
        }
    }

    async fn stage(&self) -> Result<&Stage, WitnessError> {
        let open = async || {
            Ok(Stage {
                tools: self.tools.clone(),
                answers: Arc::clone(&self.answers),
                witness: Witness::of(&self.tools).await?,
                policy: Arc::clone(&self.policy),
                document: Arc::clone(&self.document),
                most_rows: self.most_rows,
                views: Mutex::default(),
            })
        };
        self.stage.get_or_try_init(open).await
    }
}

impl fmt::Debug for EvalHarness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvalHarness").field("policy", &self.policy.version()).finish_non_exhaustive()
    }
}

/// A call that writes, in a transaction that is undone: what it left is looked at, and then it is
/// undone for the calls that are made beside it.
async fn written(
    stage: &Stage,
    (tx, now): (&RunContext<'_>, Timestamp),
    name: &str,
    call: &Call,
    invariants: &[Arc<dyn Invariant>],
) -> EvalResult {
    let before = match all_tables(stage, tx).await {
        Ok(before) => Arc::new(before),
        Err(error) => return lost(name, call, invariants, &error),
    };
    let (beside, of_rows): (Vec<_>, Vec<_>) =
        invariants.iter().cloned().partition(|invariant| invariant.needs() == Needs::Calls);
    let made = undone(stage, tx, async |tx| {
        let observed = stage.observe(tx, call).await;
        judge(stage, (tx, now), name, (call, observed), &of_rows, Some(Arc::clone(&before))).await
    });
    let mut result = match made.await {
        Ok(result) => result,
        Err(error) => return lost(name, call, invariants, &error),
    };
    let observed = result.observed.clone();
    let more = judge(stage, (tx, now), name, (call, observed), &beside, None).await;
    result.violations.extend(more.violations);
    result.invariants = names(invariants);
    result
}

async fn judge(
    stage: &Stage,
    (ctx, now): (&RunContext<'_>, Timestamp),
    name: &str,
    (call, observed): (&Call, Observed),
    invariants: &[Arc<dyn Invariant>],
    before: Option<Arc<Tables>>,
) -> EvalResult {
    let evidence = Evidence::new(stage, (ctx, now), (call, &observed), before);
    let mut violations = Vec::new();
    for invariant in invariants {
        violations.extend(invariant.check(&evidence).await);
    }
    let allowed = evidence.into_allowed();
    EvalResult {
        name: name.to_owned(),
        call: call.clone(),
        invariants: names(invariants),
        violations,
        allowed,
        answered: observed.success(),
        observed,
    }
}

fn names(invariants: &[Arc<dyn Invariant>]) -> Vec<String> {
    invariants.iter().map(|invariant| invariant.name().to_owned()).collect()
}

/// A call that was never made: that is no pass.
fn lost(name: &str, call: &Call, invariants: &[Arc<dyn Invariant>], why: &dyn fmt::Display) -> EvalResult {
    EvalResult {
        name: name.to_owned(),
        call: call.clone(),
        observed: Observed { result: Json::Null, records: None },
        answered: false,
        invariants: names(invariants),
        violations: vec![Violation::new("harness", format!("the call was not made: {why}"))],
        allowed: Vec::new(),
    }
}

fn missed(expect: Expect, observed: &Observed) -> Option<Violation> {
    let came = || match observed.code() {
        Some(code) => format!("it was refused: {code}"),
        None => "it was answered".to_owned(),
    };
    match expect {
        Expect::Success if observed.success() => None,
        Expect::Refusal(code) if observed.code() == Some(code.as_str()) => None,
        Expect::Success => Some(Violation::new("expected", format!("it was to be answered, and {}", came()))),
        Expect::Refusal(code) => {
            Some(Violation::new("expected", format!("it was to be refused with {code}, and {}", came())))
        }
    }
}
