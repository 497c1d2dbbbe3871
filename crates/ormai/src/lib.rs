//! Let agents, and any code, use a multi-tenant database without one tenant ever seeing
//! another's data.
//!
//! A principal, a policy and a request go in; one scoped, parameterised statement runs; a
//! redacted answer comes out.
//!
//! ```no_run
//! use ormai::prelude::*;
//!
//! # async fn example(pool: ormai::sqlx::SqlitePool) -> Result<(), Box<dyn std::error::Error>> {
//! let ormai = OrmAi::builder().database(pool).policy_file("policy.yaml").build().await?;
//! let ctx = RunContext::new(Principal::new("acme-corp").user("user-123").role("support"));
//! let page = ormai
//!     .tools()
//!     .query(&ctx, Query::model("Order").filter(field("status").eq("pending")).limit(20))
//!     .await?;
//! println!("{}", serde_json::to_string(&page.data)?);
//! # Ok(())
//! # }
//! ```

pub mod approvals;
pub mod audit;
mod builder;
mod call;
mod context;
mod domain;
mod engine;
mod explain;
mod instance;
mod once;
mod response;
mod retry;
pub mod rls;
pub mod schema;
pub mod telemetry;
mod toolset;
mod write;
mod writes;

pub use audit::Refused;
pub use builder::{BuildError, Builder};
pub use call::Call;
pub use context::{Held, RunContext};
pub use domain::{Calling, DomainTool};
pub use engine::{Engine, Keys};
pub use explain::{ExplainedStatement, Explanation, PARENT_KEY, Refusal, RefusedBy};
pub use instance::OrmAi;
pub use response::{CallResult, Concluded, Data, Metadata, Response};
pub use retry::Retry;
pub use toolset::Toolset;
pub use write::{WriteCall, WriteStatement};

#[cfg(feature = "opentelemetry")]
pub use opentelemetry;
pub use ormai_core::explain::{
    Cause, Did, Inspected, InspectedFilter, InspectedRule, Kind, Operator, Rule, Table, Verdict,
};
pub use ormai_core::plan::{AggregateFunction, Comparison, Direction, Truth};
pub use ormai_core::{
    answer, catalog, condition, diagnostic, error, policy, principal, privileges, request, suggest, value,
};
pub use ormai_db as db;
pub use ormai_sql::Dialect;
pub use sqlx;

/// What most programs need.
pub mod prelude {
    pub use crate::{OrmAi, RunContext, Toolset};
    pub use ormai_core::answer::Written;
    pub use ormai_core::error::{Error, ErrorCode};
    pub use ormai_core::principal::Principal;
    pub use ormai_core::request::{
        Aggregate, BulkUpdate, Create, Delete, Get, Include, Query, Update, field, relation,
    };
}

/// The README's example is compiled with the documentation's tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}

/// So is that of the page about telemetry.
#[cfg(all(doctest, feature = "opentelemetry", feature = "sqlite"))]
#[doc = include_str!("../../../docs/reference/telemetry.md")]
mod telemetry_page {}
