//! What `ormai check` asks of a policy that loads.

mod connection;
mod examples;
mod page;
mod rules;

use std::sync::Arc;

use ormai_core::catalog::{
    Catalog, CatalogBuilder, Collation, Field, ForeignKeyBuilder, ModelBuilder, ModelKind, ReferentialAction,
};
use ormai_core::diagnostic::Diagnostic;
use ormai_core::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};
use ormai_core::privileges::Privileges;
use ormai_core::value::ColumnType::{self, Bool, Decimal, Int, Int32, Text, Timestamp, Uuid};

fn column(name: &str, ty: ColumnType, length: Option<u32>) -> Field {
    let (collation, length) = match length {
        Some(0) => (Collation::Loose, None),
        length => (Collation::Binary, length),
    };
    let generated = name == "total_shown";
    let (column, name) = (name.to_owned(), name.to_owned());
    Field { name, column, ty, collation, length, nullable: false, has_default: false, generated }
}

/// A shop with everything in it that may be doubted.
pub(super) fn catalog() -> Arc<Catalog> {
    let (cascade, refuse) = (ReferentialAction::Cascade, ReferentialAction::Refuse);
    let key = |target: &str, here: &str| ForeignKeyBuilder::new(target, [(here, "id")]);
    let tenant = ModelBuilder::table("Tenant", "tenants").field("id", Text).field("name", Text).primary_key(["id"]);
    let country = ModelBuilder::table("Country", "countries").field("id", Text).primary_key(["id"]);
    let mut user = ModelBuilder::table("User", "users")
        .field("id", Int)
        .field("tenant_id", Text)
        .field("email", Text)
        .column(column("phone", Text, Some(12)))
        .column(column("pin", Text, Some(4)))
        .field("token", Uuid)
        .field("password_hash", Text)
        .field("password_changed_at", Timestamp)
        .field("active", Bool)
        .column(column("login", Text, Some(0)))
        .primary_key(["id"])
        .unique(["email"])
        .foreign_key(key("Tenant", "tenant_id").on_delete(cascade));
    user.indexes = vec![vec!["tenant_id".to_owned()]];
    let mut order = ModelBuilder::table("Order", "orders")
        .field("id", Int)
        .field("tenant_id", Text)
        .nullable("status", Text)
        .field("total", Decimal)
        .column(column("total_shown", Decimal, None))
        .field("created_at", Timestamp)
        .nullable("deleted_at", Timestamp)
        .field("user_id", Int)
        .field("country", Text)
        .field("kind", ColumnType::enumeration("kind", ["draft", "open", "closed"]))
        .field("details", ColumnType::Json)
        .primary_key(["tenant_id", "id"])
        .to_one("user", "User", [("user_id", "id")])
        .to_many("items", "Item", [("tenant_id", "tenant_id"), ("id", "order_id")])
        .foreign_key(key("Tenant", "tenant_id").on_delete(cascade).on_update(cascade))
        .foreign_key(key("User", "user_id").on_delete(cascade))
        .foreign_key(key("Country", "country").on_update(ReferentialAction::SetNull));
    order.indexes = vec![vec!["tenant_id".to_owned(), "id".to_owned()]];
    let item = ModelBuilder::table("Item", "items")
        .field("tenant_id", Text)
        .field("order_id", Int)
        .field("number", Int32)
        .field("sku", Text)
        .foreign_key(
            ForeignKeyBuilder::new("Order", [("tenant_id", "tenant_id"), ("order_id", "id")])
                .on_delete(cascade)
                .on_update(refuse),
        );
    let mut report = ModelBuilder::table("Report", "reports").field("tenant_id", Text);
    report.kind = ModelKind::View;
    let mut tally = ModelBuilder::table("Tally", "tallies").field("tenant_id", Text);
    tally.kind = ModelKind::Untransacted;
    let models = [tenant, country, user, order, item, report, tally];
    Arc::new(models.into_iter().fold(CatalogBuilder::new(), CatalogBuilder::model).build().unwrap())
}

/// Every finding about a text, whether it loads or not.
pub(super) fn findings_of(text: &str, format: Format, privileges: Option<&Privileges>) -> Vec<Diagnostic> {
    match PolicyDocument::parse(text, format) {
        Err(findings) => findings,
        Ok(document) => of_document(&document, privileges),
    }
}

pub(super) fn of_document(document: &PolicyDocument, privileges: Option<&Privileges>) -> Vec<Diagnostic> {
    match CompiledPolicy::compile(document, catalog(), CompileOptions::default()) {
        Err(findings) => findings,
        Ok(policy) => policy.lint(document, privileges),
    }
}

/// A policy in which one condition restricts the orders.
pub(super) fn restricting(condition: &str) -> String {
    format!(
        "models:\n  Order:\n    scoping: {{tenant_id: principal.tenant_id}}\n    row_policies:\n      - name: it\n        condition: |-\n          {condition}\n"
    )
}
