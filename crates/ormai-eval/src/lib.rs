//! Evaluation of users' own isolation: their policy, their models, their data.
//!
//! An [`EvalHarness`] makes calls and holds them to [`invariants`]:
//!
//! ```
//! use ormai::prelude::*;
//! use ormai::policy::document::{ModelPolicy, PolicyDocument};
//! use ormai_eval::EvalHarness;
//! use ormai_eval::invariants::no_cross_tenant_data;
//! # use ormai::catalog::{CatalogBuilder, ModelBuilder};
//! # use ormai::policy::document::{Literal, WriteAction, WritePolicy};
//! # use ormai::value::ColumnType::{Int, Text};
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let order = ModelBuilder::table("Order", "orders").field("id", Int).field("tenant_id", Text).field("status", Text);
//! # let catalog = CatalogBuilder::new().model(order.primary_key(["id"])).build()?;
//! # let mut orders = ModelPolicy::new().allow(["id", "status"]).scope("tenant_id", "principal.tenant_id");
//! # let mut write = WritePolicy { create: Some(WriteAction::Allow.into()), ..WritePolicy::default() };
//! # write.auto_set.insert("tenant_id".into(), Literal::Text("principal.tenant_id".into()).into());
//! # orders.write_policy = Some(write);
//! # let policy = PolicyDocument::new().model("Order", orders);
//! # let test = ormai_testkit::TestDatabase::sqlite().await;
//! # test.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, tenant_id TEXT NOT NULL, status TEXT NOT NULL)").await;
//! # let pool = test.sqlite_pool().unwrap().clone();
//! let ormai = OrmAi::builder().database(pool).policy(policy.clone()).catalog(catalog).build().await?;
//! let tools = ormai.tools();
//!
//! // Contexts for different tenants.
//! let tenant_a = RunContext::new(Principal::new("tenant-a").user("user-1"));
//! let tenant_b = RunContext::new(Principal::new("tenant-b").user("user-2"));
//!
//! // What tenant A makes, tenant B does not see.
//! tools.create(&tenant_a, Create::new("Order").set("id", 1).set("status", "pending")).await?;
//! let page = tools.query(&tenant_b, Query::model("Order")).await?;
//! assert!(page.rows.is_empty());
//!
//! // And no other call shows it either.
//! let harness = EvalHarness::new(tools, &policy)?;
//! let result = harness.run(&tenant_b, "query", json!({"model": "Order"}), [no_cross_tenant_data()]).await;
//! assert!(result.passed(), "{result}");
//! # Ok(())
//! # }
//! ```

pub mod bench;
mod determinism;
pub mod diff;
pub mod expected;
pub mod harness;
pub mod invariants;
pub mod isolation;
mod plain;
pub mod record;
pub mod replay;
pub mod report;
pub mod scenario;
mod violation;
mod witness;

pub use determinism::{Determinism, DeterminismReport, FirstDifference, IGNORED};
pub use harness::{Call, Case, EvalHarness, EvalResult, Observed, SuiteResult};
pub use isolation::{Isolation, IsolationError, IsolationProgress, IsolationReport, IsolationVerdict};
pub use violation::Violation;
pub use witness::{Row, Witness, WitnessError};
