//! What would be done for a request, and why. For operators: it holds SQL and values.

use std::fmt;
use std::sync::Arc;

use jiff::civil;
use ormai_core::answer::Fetched;
use ormai_core::error::{Error, Result};
use ormai_core::explain::{Rule, Table, Trace};
use ormai_core::request::Request;
use ormai_core::value::{ColumnType, Value};
use ormai_sql::{Bind, Statement};
use serde::Serialize;
use serde_json::Value as Json;

use crate::{Call, Engine, RunContext, WriteCall, WriteStatement};

/// What stands for the keys of parents in the statements of includes: they are known only
/// once the rows above have been read.
pub const PARENT_KEY: &str = "<key of a row above>";

/// A decision laid open.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The version of the policy that decided.
    pub policy_version: String,
    /// How long each statement may run, in milliseconds.
    pub timeout_ms: u32,
    /// The tables in the order in which they entered the plan, with what each of their rules did.
    pub tables: Vec<Table>,
    /// What the policy admits of the root's table, in words.
    pub scope: String,
    /// What the request asks of it, in words.
    pub filter: String,
    /// What a written row must satisfy, in words; `None` where nothing is written that stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// The statements in their order: the root, one for each include (in which
    /// [`PARENT_KEY`] stands for the keys of the rows above), and the count. Of a write: the
    /// references, the rows before, the change, and the rows after; null stands for keys that
    /// are known only when rows are read.
    pub statements: Vec<ExplainedStatement>,
}

/// A refusal laid open.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Refusal {
    /// What the caller is told.
    pub error: Error,
    /// The rule that refused; `None` when the request did not come as far as the rules.
    pub refused_by: Option<RefusedBy>,
    /// The tables up to the refusing rule.
    pub tables: Vec<Table>,
}

/// The rule that refused.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RefusedBy {
    /// The model that it is on.
    pub model: String,
    /// How the model's table entered the plan.
    pub entered: String,
    /// The rule, with the attributes that the principal lacks.
    #[serde(flatten)]
    pub rule: Rule,
}

/// A statement with its values.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ExplainedStatement {
    /// The text.
    pub sql: String,
    /// The values, in the order of the placeholders.
    pub binds: Vec<Json>,
}

impl Engine {
    /// What would be done for a request, and why, in this engine's dialect: there need not be a database
    /// that speaks it. For operators, as [`Toolset::explain`](crate::Toolset::explain).
    ///
    /// # Errors
    ///
    /// The refusal, when the request would be refused, with the rule that refused.
    pub fn explain(
        self: &Arc<Self>,
        ctx: &RunContext<'_>,
        request: Request,
    ) -> std::result::Result<Explanation, Box<Refusal>> {
        let (engine, context) = (Arc::clone(self), ctx.call());
        if request.tool().writes() {
            let (trace, call) = WriteCall::traced(engine, context, &request);
            return Explanation::of_write(trace, call);
        }
        let (trace, call) = Call::traced(engine, context, request);
        Explanation::of(trace, call)
    }
}

impl Explanation {
    pub(crate) fn of(trace: Trace, call: Result<Call>) -> std::result::Result<Self, Box<Refusal>> {
        let tables = trace.tables.clone();
        call.and_then(|call| Self::permitted(tables, call)).map_err(|error| Refusal::of(error, trace))
    }

    fn permitted(tables: Vec<Table>, mut call: Call) -> Result<Self> {
        let policy_version = call.engine().policy().version().to_owned();
        let catalog = call.engine().policy().catalog().clone();
        let (scope, filter) = (call.plan().root().show_scope(&catalog), call.plan().root().show_filter(&catalog));
        let timeout_ms = call.plan().timeout_ms();
        let mut statements = Vec::new();
        while let Some(statement) = call.statement()? {
            statements.push(ExplainedStatement::of(&statement));
            // A parent that stands for any, so that the statements of includes come out too.
            let parent = statement.columns().iter().map(stand_in).collect();
            call.feed(Fetched::new(statement.columns().len(), parent));
        }
        Ok(Self { policy_version, timeout_ms, tables, scope, filter, check: None, statements })
    }

    pub(crate) fn of_write(trace: Trace, call: Result<WriteCall>) -> std::result::Result<Self, Box<Refusal>> {
        let tables = trace.tables.clone();
        call.and_then(|call| Self::permitted_write(tables, call)).map_err(|error| Refusal::of(error, trace))
    }

    fn permitted_write(tables: Vec<Table>, mut call: WriteCall) -> Result<Self> {
        let policy_version = call.engine().policy().version().to_owned();
        let catalog = call.engine().policy().catalog().clone();
        let plan = call.plan();
        let (scope, filter) = (plan.show_using(&catalog), plan.show_filter(&catalog));
        let check = Some(plan.show_check(&catalog)).filter(|check| !check.is_empty());
        let timeout_ms = plan.timeout_ms();
        let mut statements = Vec::new();
        while let Some(WriteStatement::Read(statement) | WriteStatement::Change(statement)) = call.statement()? {
            statements.push(ExplainedStatement::of(&statement));
            call.suppose()?;
        }
        Ok(Self { policy_version, timeout_ms, tables, scope, filter, check, statements })
    }
}

impl ExplainedStatement {
    fn of(statement: &Statement) -> Self {
        let binds = statement.binds().map(|bind| match bind {
            Bind::Value(value) | Bind::Stored(value, _) => shown(value),
            Bind::Array(values, _) => values.iter().map(shown).collect(),
        });
        Self { sql: statement.sql().to_string(), binds: binds.collect() }
    }
}

impl Refusal {
    pub(crate) fn of(error: Error, trace: Trace) -> Box<Self> {
        let refused_by = trace.refused().map(|(table, rule)| RefusedBy {
            model: table.model.clone(),
            entered: table.entered.clone(),
            rule: rule.clone(),
        });
        Box::new(Self { error, refused_by, tables: trace.tables })
    }
}

/// A refusal before any rule was looked at.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, refused_by: None, tables: Vec::new() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Refusal {}

/// What stands for any key in a column. It is of the column's kind, because no other gets into a statement.
fn stand_in(ty: &ColumnType) -> Value {
    match ty {
        ty if ty.is_number() => Value::Int(i64::MIN),
        ColumnType::Bytes => Value::Bytes(PARENT_KEY.as_bytes().to_vec()),
        ColumnType::Uuid => Value::Uuid(uuid::Uuid::max()),
        ColumnType::Timestamp => Value::Timestamp(jiff::Timestamp::MIN),
        ColumnType::DateTime => Value::DateTime(civil::DateTime::MIN),
        ColumnType::Date => Value::Date(civil::Date::MIN),
        ColumnType::Time => Value::Time(civil::Time::MAX),
        _ => Value::Text(PARENT_KEY.to_owned()),
    }
}

fn is_stand_in(value: &Value) -> bool {
    match value {
        Value::Int(number) => *number == i64::MIN,
        Value::Bytes(bytes) => bytes.as_slice() == PARENT_KEY.as_bytes(),
        Value::Uuid(id) => id.is_max(),
        Value::Timestamp(time) => *time == jiff::Timestamp::MIN,
        Value::DateTime(time) => *time == civil::DateTime::MIN,
        Value::Date(date) => *date == civil::Date::MIN,
        Value::Time(time) => *time == civil::Time::MAX,
        _ => false,
    }
}

/// A bound value for people; a pattern as LIKE would write it, whatever the dialect binds.
fn shown(value: &Value) -> Json {
    match value {
        Value::Pattern(pattern) => pattern.to_like().into(),
        value if is_stand_in(value) => PARENT_KEY.into(),
        value => value.to_json(),
    }
}
