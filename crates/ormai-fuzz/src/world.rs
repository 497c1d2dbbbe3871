//! The world in which bytes are tried: a catalog with a column of every kind, and a policy
//! that opens as much of it as a policy can, so that as many requests as possible come to SQL.

use std::sync::{Arc, LazyLock};

use ormai_core::authorize::{Authority, authorize, authorize_write};
use ormai_core::catalog::{Catalog, CatalogBuilder, Collation, ForeignKeyBuilder, ModelBuilder};
use ormai_core::cursor::CursorKey;
use ormai_core::diagnostic::Diagnostic;
use ormai_core::error::Result;
use ormai_core::plan::{ScopedPlan, WritePlan};
use ormai_core::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};
use ormai_core::principal::{CallContext, Principal};
use ormai_core::request::Request;
use ormai_core::resolve::{resolve, resolve_write};
use ormai_core::value::ColumnType::{
    self, Bool, Bytes, Char, Date, DateTime, Decimal, Float, Int, Int16, Int32, Interval, Json, Text, Time, Timestamp,
    Uuid,
};
use ormai_sql::{Compiler, Dialect};

/// What all policies are compiled with.
pub(crate) const OPTIONS: CompileOptions = CompileOptions { has_hash_key: true };

/// The guide's models, with every type of column among the orders', a table with a composite
/// key and one without any. Text columns take turns with the ways to compare text; what is
/// scoped by and linked by is compared in the first way.
fn catalog(collations: &[Collation]) -> Catalog {
    let tenant = ModelBuilder::table("Tenant", "tenants")
        .field("id", Text)
        .field("name", Text)
        .primary_key(["id"])
        .to_many("users", "User", [("id", "tenant_id")])
        .to_many("orders", "Order", [("id", "tenant_id")])
        .to_many("documents", "Document", [("id", "tenant_id")]);
    let user = ModelBuilder::table("User", "users")
        .field("id", Text)
        .field("tenant_id", Text)
        .field("email", Text)
        .field("name", Text)
        .nullable("ssn", Text)
        .field("created_at", Timestamp)
        .primary_key(["id"])
        .to_one("tenant", "Tenant", [("tenant_id", "id")])
        .to_many("orders", "Order", [("id", "user_id")]);
    let order = ModelBuilder::table("Order", "orders")
        .field("id", Int)
        .field("tenant_id", Text)
        .field("user_id", Text)
        .field("status", Text)
        .field("total", Decimal)
        .nullable("note", Text)
        .field("created_at", Timestamp)
        .nullable("due", Date)
        .nullable("due_at", Time)
        .nullable("shipped_at", DateTime)
        .nullable("patience", Interval)
        .nullable("code", Char)
        .nullable("kind", ColumnType::enumeration("kind", ["draft", "open", "closed"]))
        .nullable("paid", Bool)
        .nullable("small", Int16)
        .nullable("middle", Int32)
        .nullable("weight", Float)
        .nullable("digest", Bytes)
        .nullable("reference", Uuid)
        .nullable("details", Json)
        .nullable("tags", ColumnType::array(Text))
        .primary_key(["id"])
        .foreign_key(ForeignKeyBuilder::new("User", [("user_id", "id")]))
        .to_one("tenant", "Tenant", [("tenant_id", "id")])
        .to_one("user", "User", [("user_id", "id")])
        .to_many("items", "OrderItem", [("id", "order_id")]);
    let item = ModelBuilder::table("OrderItem", "order_items")
        .field("id", Int)
        .field("tenant_id", Text)
        .field("order_id", Int)
        .field("sku", Text)
        .field("quantity", Int)
        .field("price", Decimal)
        .primary_key(["id"])
        .to_one("order", "Order", [("order_id", "id")]);
    let document = ModelBuilder::table("Document", "documents")
        .field("id", Int)
        .nullable("tenant_id", Text)
        .field("title", Text)
        .field("body", Text)
        .field("is_public", Bool)
        .primary_key(["id"])
        .to_one("tenant", "Tenant", [("tenant_id", "id")]);
    let member = ModelBuilder::table("Member", "members")
        .field("tenant_id", Text)
        .field("number", Int)
        .field("name", Text)
        .primary_key(["tenant_id", "number"])
        .to_many("tasks", "Task", [("tenant_id", "tenant_id"), ("number", "member")]);
    let task = ModelBuilder::table("Task", "tasks")
        .field("id", Uuid)
        .field("tenant_id", Text)
        .field("member", Int)
        .primary_key(["id"])
        .foreign_key(ForeignKeyBuilder::new("Member", [("tenant_id", "tenant_id"), ("member", "number")]))
        .to_one("assignee", "Member", [("tenant_id", "tenant_id"), ("member", "number")]);
    let event = ModelBuilder::table("Event", "events").field("tenant_id", Text).field("what", Text);
    let mut models = [tenant, user, order, item, document, member, task, event];
    let texts = models.iter_mut().flat_map(|model| &mut model.fields).filter(|field| field.ty.is_text());
    for (field, collation) in texts.zip(collations.iter().cycle()) {
        field.collation = if field.name.ends_with("id") { collations[0].clone() } else { collation.clone() };
    }
    models.into_iter().fold(CatalogBuilder::new(), CatalogBuilder::model).build().unwrap()
}

/// A policy over [`catalog`].
const POLICY: &str = include_str!("policy.yaml");

/// A world for each dialect, with the ways to compare text that it has.
pub(crate) static WORLDS: LazyLock<[World; 3]> = LazyLock::new(|| {
    let usual = [Collation::Ordered, Collation::Loose, Collation::Binary];
    let names = ["utf8mb4_general_ci", "utf8mb4_nopad_bin", "latin1_swedish_ci"];
    let folded = names.map(|name| Collation::Folded(name.into()));
    [World::new(Dialect::Postgres, &usual), World::new(Dialect::Sqlite, &usual), World::new(Dialect::MySql, &folded)]
});

/// The catalog of the first world, for what does not depend on dialects.
pub(crate) fn first_catalog() -> &'static Arc<Catalog> {
    WORLDS[0].policy.catalog()
}

pub(crate) struct World {
    pub(crate) policy: CompiledPolicy,
    pub(crate) compiler: Compiler,
    pub(crate) cursors: CursorKey,
}

impl World {
    fn new(dialect: Dialect, collations: &[Collation]) -> Self {
        let document = PolicyDocument::parse(POLICY, Format::Yaml).unwrap();
        let catalog = Arc::new(catalog(collations));
        let policy =
            CompiledPolicy::compile(&document, Arc::clone(&catalog), OPTIONS).unwrap_or_else(|mut findings| {
                findings.retain(Diagnostic::is_error);
                panic!("{findings:#?}")
            });
        Self { policy, compiler: Compiler::new(catalog, dialect), cursors: CursorKey::new(&[7; 32]) }
    }

    /// From a request to its plan, as far as no database is needed.
    pub(crate) fn plan(&self, request: Request, call: &CallContext) -> Result<ScopedPlan> {
        let view = self.policy.view(call.principal.roles());
        let catalog = self.policy.catalog();
        let resolved = resolve(request, catalog, &view)?;
        authorize(
            resolved,
            Authority { catalog, view: &view, call, cursors: &self.cursors, looks_first: false, snapshots: false },
        )
    }

    /// From a write to its plan.
    pub(crate) fn write(&self, request: &Request, call: &CallContext) -> Result<WritePlan> {
        let view = self.policy.view(call.principal.roles());
        let catalog = self.policy.catalog();
        let resolved = resolve_write(request, catalog, &view)?;
        authorize_write(
            resolved,
            Authority {
                catalog,
                view: &view,
                call,
                cursors: &self.cursors,
                looks_first: self.compiler.dialect().locks_first(),
                snapshots: false,
            },
        )
    }
}

pub(crate) fn call(principal: Principal) -> CallContext {
    let now = "2024-05-01T12:00:00Z".parse().unwrap();
    CallContext { principal, request_id: "fuzz".to_owned(), trace_id: None, now }
}
