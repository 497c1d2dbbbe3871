//! A small world to decide in: the guide's models, a policy, and whoever asks.

use std::sync::Arc;

use jiff::Timestamp;
use ormai_core::authorize::{Authority, authorize, authorize_write};
use ormai_core::catalog::{Catalog, CatalogBuilder, ModelBuilder};
use ormai_core::cursor::CursorKey;
use ormai_core::error::{Error, Result};
use ormai_core::plan::{ScopedPlan, WritePlan};
use ormai_core::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};
use ormai_core::principal::{CallContext, Principal};
use ormai_core::request::{Request, Tool};
use ormai_core::resolve::{resolve, resolve_write};
use ormai_core::value::ColumnType::{self, Bool, Bytes, Char, Date, Decimal, Float, Int, Int16, Text, Timestamp as At};

/// A policy over a catalog.
pub(crate) struct World {
    pub(crate) policy: CompiledPolicy,
    pub(crate) cursors: CursorKey,
}

impl World {
    /// The guide's catalog under a policy.
    pub(crate) fn new(policy: &str) -> Self {
        Self::over(catalog(true), policy)
    }

    pub(crate) fn over(catalog: Catalog, policy: &str) -> Self {
        let document = PolicyDocument::parse(policy, Format::Yaml)
            .unwrap_or_else(|findings| panic!("the policy cannot be read: {findings:?}"));
        Self::of(catalog, &document)
    }

    pub(crate) fn of(catalog: Catalog, document: &PolicyDocument) -> Self {
        let options = CompileOptions { has_hash_key: true };
        let policy = CompiledPolicy::compile(document, Arc::new(catalog), options)
            .unwrap_or_else(|findings| panic!("the policy does not compile: {findings:?}"));
        Self { policy, cursors: CursorKey::new(&[7; 32]) }
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        self.policy.catalog()
    }

    pub(crate) fn plan(&self, request: impl Into<Request>, principal: Principal) -> Result<ScopedPlan> {
        self.plan_for(request, &call(principal))
    }

    pub(crate) fn plan_for(&self, request: impl Into<Request>, call: &CallContext) -> Result<ScopedPlan> {
        let view = self.policy.view(call.principal.roles());
        let resolved = resolve(request.into(), self.catalog(), &view)?;
        authorize(
            resolved,
            Authority {
                catalog: self.catalog(),
                view: &view,
                call,
                cursors: &self.cursors,
                looks_first: false,
                snapshots: false,
            },
        )
    }

    pub(crate) fn planned(
        &self,
        request: &Request,
        call: &CallContext,
        looks_first: bool,
        snapshots: bool,
    ) -> Result<WritePlan> {
        let view = self.policy.view(call.principal.roles());
        let resolved = resolve_write(request, self.catalog(), &view)?;
        let (catalog, cursors) = (self.catalog(), &self.cursors);
        authorize_write(resolved, Authority { catalog, view: &view, call, cursors, looks_first, snapshots })
    }

    /// What comes of a request in JSON.
    pub(crate) fn plan_json(&self, tool: Tool, json: &str, principal: Principal) -> Result<ScopedPlan> {
        self.plan(Request::from_json(tool, json.as_bytes())?, principal)
    }

    /// The refusal of a request in JSON.
    pub(crate) fn refusal(&self, tool: Tool, json: &str) -> Error {
        match self.plan_json(tool, json, acme()) {
            Ok(plan) => panic!("`{json}` is not refused: {:?}", plan.root().shape()),
            Err(error) => error,
        }
    }
}

/// An error as a reader of the manual sees it.
pub(crate) fn told(error: &Error) -> String {
    let mut text = format!("{}: {}", error.code, error.message);
    if let Some(hint) = &error.hint {
        text.push_str(&format!("\n  hint: {hint}"));
    }
    for (key, value) in &error.details {
        text.push_str(&format!("\n  {key}: {value}"));
    }
    text
}

/// Each case under its own heading.
pub(crate) fn report<'a>(cases: impl IntoIterator<Item = (&'a str, String)>) -> String {
    cases.into_iter().map(|(case, outcome)| format!("{case}\n  {}\n", outcome.replace('\n', "\n  "))).collect()
}

pub(crate) fn acme() -> Principal {
    Principal::new("acme").user("u1")
}

pub(crate) fn now() -> Timestamp {
    "2024-05-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn call(principal: Principal) -> CallContext {
    CallContext { principal, request_id: "r1".to_owned(), trace_id: None, now: now() }
}

/// The guide's models, a table with a composite key and one without any. `hidden` adds a
/// model, fields and relations that no policy opens.
pub(crate) fn catalog(hidden: bool) -> Catalog {
    let tenant = ModelBuilder::table("Tenant", "tenants")
        .field("id", Text)
        .field("name", Text)
        .primary_key(["id"])
        .to_many("users", "User", [("id", "tenant_id")])
        .to_many("orders", "Order", [("id", "tenant_id")]);
    let mut user = ModelBuilder::table("User", "users")
        .field("id", Text)
        .field("tenant_id", Text)
        .field("name", Text)
        .field("email", Text)
        .nullable("ssn", Text)
        .field("phone", Text)
        .field("token", Text)
        .field("remarks", Text)
        .primary_key(["id"])
        .to_one("tenant", "Tenant", [("tenant_id", "id")])
        .to_many("orders", "Order", [("id", "user_id")]);
    let mut order = ModelBuilder::table("Order", "orders")
        .field("id", Int)
        .field("tenant_id", Text)
        .field("organization_id", Int)
        .nullable("user_id", Text)
        .field("status", Text)
        .field("total", Decimal)
        .nullable("note", Text)
        .field("created_at", At)
        .nullable("due", Date)
        .field("code", Char)
        .field("kind", ColumnType::enumeration("kind", ["draft", "open", "closed"]))
        .field("paid", Bool)
        .field("priority", Int16)
        .nullable("weight", Float)
        .field("digest", Bytes)
        .nullable("details", ColumnType::Json)
        .primary_key(["id"])
        .to_one("tenant", "Tenant", [("tenant_id", "id")])
        .to_one("user", "User", [("user_id", "id")])
        .to_many("items", "OrderItem", [("id", "order_id")]);
    let item = ModelBuilder::table("OrderItem", "order_items")
        .field("id", Int)
        .field("tenant_id", Text)
        .field("order_id", Int)
        .field("sku", Text)
        .field("price", Decimal)
        .primary_key(["id"])
        .to_one("order", "Order", [("order_id", "id")]);
    let member = ModelBuilder::table("Member", "members")
        .field("tenant_id", Text)
        .field("number", Int)
        .field("name", Text)
        .primary_key(["tenant_id", "number"]);
    let event = ModelBuilder::table("Event", "events").field("tenant_id", Text).field("what", Text);
    if hidden {
        user = user.field("password", Text).to_many("secrets", "Secret", [("id", "user_id")]);
        order = order.field("margin", Decimal).to_many("audits", "Secret", [("id", "order_id")]);
    }
    let mut catalog =
        CatalogBuilder::new().model(tenant).model(user).model(order).model(item).model(member).model(event);
    if hidden {
        let secret = ModelBuilder::table("Secret", "secrets")
            .field("id", Int)
            .field("user_id", Text)
            .field("order_id", Int)
            .primary_key(["id"]);
        catalog = catalog.model(secret);
    }
    catalog.build().unwrap()
}

/// What most tests decide under.
pub(crate) const POLICY: &str = "
version: 1
models:
  Tenant:
    fields: {id: allow, name: allow}
    relations: {users: {allowed: true}, orders: {allowed: true}}
    scoping: {id: principal.tenant_id}
  User:
    fields:
      id: allow
      name: allow
      email: mask
      ssn: {action: mask, mask_pattern: '***-**-{last4}'}
      phone: {action: mask, filter: equality}
      token: hash
      remarks: redact
    relations: {tenant: {allowed: true}, orders: {allowed: true}}
    scoping: {tenant_id: principal.tenant_id}
    aggregations: {count: true, min: [name]}
  Order:
    fields:
      {id: allow, organization_id: allow, user_id: allow, status: allow, total: allow, note: allow, created_at: allow,
       due: allow, code: allow, kind: allow, paid: allow, priority: allow, weight: allow, digest: allow, details: allow}
    relations:
      tenant: {allowed: true}
      user: {allowed: true, max_depth: 2, fields: [id, name, email]}
      items: {allowed: true}
    scoping: {tenant_id: principal.tenant_id}
    aggregations: {count: true, sum: [total], min: [total, created_at], max: [total]}
  OrderItem:
    fields: {id: allow, order_id: allow, sku: allow, price: allow}
    relations: {order: {allowed: true}}
    scoping: {tenant_id: principal.tenant_id}
  Member:
    fields: {tenant_id: allow, number: allow, name: allow}
    scoping: {tenant_id: principal.tenant_id}
  Event:
    fields: {what: allow}
    scoping: {tenant_id: principal.tenant_id}
";
