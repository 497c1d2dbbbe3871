//! Asking the database which conditions hold for one stored row.
//!
//! What comes back are truth values and nothing else, so that an operator learns why a row is
//! hidden and not what it holds. The conditions are those of the request's own plan.

use serde_json::Value as Json;

use super::trace::{Rule, Trace};
use super::verdict::{self, Inspected};
use crate::answer::Fetched;
use crate::authorize::{Authority, traced};
use crate::catalog::{Catalog, ModelId};
use crate::error::{Error, ErrorCode, Result};
use crate::plan::{Binds, Comparison, Predicate, ScopedPlan, Shape, Source, Step, Term, Truth, Truths};
use crate::resolve::{Resolved, key_values};
use crate::value::Value;

/// The word of a host program that an operator is asking, and nobody on a tenant's behalf.
///
/// No request holds one and no tool takes one: it can be written in a program and not be sent.
///
/// ```
/// use ormai_core::explain::Operator;
/// let operator = Operator::acknowledged();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Operator(());

impl Operator {
    /// Says that what follows is for the eyes of somebody who runs the system: it tells
    /// whether a row of any tenant exists, and which conditions it satisfies.
    pub fn acknowledged() -> Self {
        Self(())
    }
}

/// The question about one row on its way to the database and back.
#[derive(Debug)]
pub struct Inspection {
    step: Option<Step>,
    timeout_ms: u32,
    pub(super) asked: Asked,
}

/// What was asked, and where its answer stands.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) model: String,
    pub(super) policy_version: String,
    /// Whether the key is that of the row: the first column of the answer.
    pub(super) key: Answer,
    /// The scope of the plan as a whole.
    pub(super) scope: Answer,
    /// The filter of the plan as a whole.
    pub(super) filter: Answer,
    pub(super) rules: Vec<AskedRule>,
    pub(super) filters: Vec<AskedFilter>,
}

/// A rule of the root's table.
#[derive(Debug)]
pub(super) struct AskedRule {
    pub(super) rule: Rule,
    /// `None` when it was lifted or is about other operations.
    pub(super) answer: Option<Answer>,
    pub(super) nulls: Vec<(String, Answer)>,
}

/// A filter of the request's root.
#[derive(Debug)]
pub(super) struct AskedFilter {
    pub(super) says: String,
    pub(super) answer: Answer,
    pub(super) nulls: Vec<(String, Answer)>,
}

/// The answer to a question.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// Known without the row.
    Known(Truth),
    /// In this column.
    Column(usize),
}

/// Prepares the question which rules admit or hide the row with a key in the request's model.
///
/// # Errors
///
/// Those of [`authorize`](crate::authorize::authorize): a request that is refused hides every
/// row alike. `VALIDATION_ERROR` for a key that does not fit, and for a model without a key.
pub fn inspect(request: Resolved, id: &Json, authority: Authority<'_>, _: Operator) -> Result<Inspection> {
    let (trace, plan) = traced(request, authority);
    let plan = plan?;
    let catalog = authority.catalog;
    let model = root(&plan)?.0.model;
    let described = catalog.model(model);
    if described.primary_key.is_empty() {
        return Err(Error::invalid("row", format!("`{}` has no key, so no row of it can be named", described.name)));
    }
    let values = key_values(described, id, "row")?;
    let (source, filter) = root(&plan)?;
    let mut questions = Questions { binds: Binds::beside(plan.root().binds().to_vec()), asked: Vec::new() };
    let mut key = Vec::with_capacity(values.len());
    for (field, value) in described.primary_key.iter().zip(values) {
        let right = Term::Bind(questions.binds.push(value)?);
        key.push(Predicate::Compare { op: Comparison::Eq, left: Term::Column(*field), right });
    }
    let key = Predicate::all(key);
    let asked = Asked {
        model: described.name.clone(),
        policy_version: authority.view.policy_version().to_owned(),
        key: questions.ask(&key),
        scope: questions.ask(&source.scope),
        filter: questions.ask(filter),
        rules: questions.rules(&trace, plan.root(), catalog, model),
        filters: questions.filters(&trace, plan.root(), catalog, model),
    };
    let Questions { binds, asked: questions } = questions;
    let shape = Shape::Truths(Truths { row: Source { model, scope: key }, questions });
    let step = Step { shape, binds: binds.into_values() };
    Ok(Inspection { step: Some(step), timeout_ms: plan.timeout_ms(), asked })
}

/// The table and the filter of a plan's root.
fn root(plan: &ScopedPlan) -> Result<(&Source, &Predicate)> {
    match plan.root().shape() {
        Shape::Select(select) => Ok((&select.source, &select.filter)),
        Shape::Aggregate(aggregate) => Ok((&aggregate.source, &aggregate.filter)),
        _ => Err(Error::new(ErrorCode::Internal, "a plan for reading begins with rows or figures")),
    }
}

/// The questions of one statement, each once.
struct Questions {
    binds: Binds,
    asked: Vec<Predicate>,
}

impl Questions {
    fn ask(&mut self, predicate: &Predicate) -> Answer {
        if let Predicate::Const(truth) = predicate {
            return Answer::Known(*truth);
        }
        let known = self.asked.iter().position(|asked| asked == predicate);
        Answer::Column(known.unwrap_or_else(|| {
            self.asked.push(predicate.clone());
            self.asked.len() - 1
        }))
    }

    fn rules(&mut self, trace: &Trace, step: &Step, catalog: &Catalog, model: ModelId) -> Vec<AskedRule> {
        // The root's table enters the plan first.
        let rules = trace.tables.first().map(|table| table.rules.as_slice()).unwrap_or_default();
        rules
            .iter()
            .map(|rule| AskedRule {
                rule: rule.clone(),
                answer: rule.predicate.as_ref().map(|predicate| self.ask(predicate)),
                nulls: rule.predicate.iter().flat_map(|part| self.nulls(part, step, catalog, model)).collect(),
            })
            .collect()
    }

    fn filters(&mut self, trace: &Trace, step: &Step, catalog: &Catalog, model: ModelId) -> Vec<AskedFilter> {
        trace
            .filters
            .iter()
            .map(|filter| AskedFilter {
                says: step.shown(catalog, model, filter),
                answer: self.ask(filter),
                nulls: self.nulls(filter, step, catalog, model),
            })
            .collect()
    }

    /// Asks which terms of a predicate are NULL: one of them makes it unknown.
    fn nulls(
        &mut self,
        predicate: &Predicate,
        step: &Step,
        catalog: &Catalog,
        model: ModelId,
    ) -> Vec<(String, Answer)> {
        let mut terms = Vec::new();
        terms_of(predicate, &mut terms);
        terms.retain(|term| match term {
            Term::Column(field) => catalog.model(model).field(*field).nullable,
            _ => true,
        });
        terms
            .into_iter()
            .map(|term| {
                let shown = step.shown_term(catalog, model, &term);
                (shown, self.ask(&Predicate::IsNull { term, negated: false }))
            })
            .collect()
    }
}

/// The terms that a predicate compares, each once. EXISTS and IS NULL are never unknown.
fn terms_of(predicate: &Predicate, found: &mut Vec<Term>) {
    let mut add = |term: &Term| {
        if !matches!(term, Term::Bind(_)) && !found.contains(term) {
            found.push(term.clone());
        }
    };
    match predicate {
        Predicate::And(parts) | Predicate::Or(parts) => parts.iter().for_each(|part| terms_of(part, found)),
        Predicate::Not(part) => terms_of(part, found),
        Predicate::Compare { left, right, .. } => {
            add(left);
            add(right);
        }
        Predicate::In { term, .. } | Predicate::Matches { term, .. } => add(term),
        Predicate::Const(_) | Predicate::NotTrue(_) | Predicate::IsNull { .. } | Predicate::Exists(_) => {}
    }
}

impl Inspection {
    /// The statement to be run, once.
    pub fn take_step(&mut self) -> Option<Step> {
        self.step.take()
    }

    /// The model of the row.
    pub fn model(&self) -> &str {
        &self.asked.model
    }

    /// How long it may run, in milliseconds.
    pub fn timeout_ms(&self) -> u32 {
        self.timeout_ms
    }

    /// What the rows of the statement say.
    ///
    /// # Errors
    ///
    /// `VALIDATION_ERROR` when the key is that of several rows, as it can be in a view;
    /// `INTERNAL` when the answers contradict each other.
    pub fn conclude(self, rows: &Fetched) -> Result<Inspected> {
        let mut rows = rows.rows();
        let row = rows.next();
        if rows.next().is_some() {
            return Err(Error::invalid("row", format!("the key is that of several rows of `{}`", self.asked.model)));
        }
        verdict::conclude(self.asked, row)
    }
}

impl Answer {
    /// The truth that a row gives. Anything but a truth value is none of ours.
    pub(super) fn read(self, row: &[Value]) -> Result<Truth> {
        match self {
            Self::Known(truth) => Ok(truth),
            Self::Column(column) => match row.get(column) {
                Some(Value::Bool(bool)) => Ok(Truth::of(*bool)),
                Some(Value::Null) => Ok(Truth::Unknown),
                _ => Err(Error::new(ErrorCode::Internal, "an answer about a row is no truth value")),
            },
        }
    }
}
