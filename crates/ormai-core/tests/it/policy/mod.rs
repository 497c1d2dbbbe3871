//! Policy documents: what loads, what does not and why, and what it then means.

mod broken;
mod effects;
mod guide;
mod overlays;
mod reference;
mod syntax;

use std::sync::Arc;

use ormai_core::catalog::{Catalog, CatalogBuilder, Collation, Field, ModelBuilder};
use ormai_core::diagnostic::{Diagnostic, Severity};
use ormai_core::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};
use ormai_core::value::ColumnType;

/// The guide's models, and a model with every type.
pub(crate) fn catalog() -> Arc<Catalog> {
    let tenant_table =
        |name: &str, table: &str| ModelBuilder::table(name, table).field("id", ColumnType::Text).primary_key(["id"]);
    let mut order = ModelBuilder::table("Order", "orders")
        .field("id", ColumnType::Int)
        .field("tenant_id", ColumnType::Text)
        .field("organization_id", ColumnType::Text)
        .field("user_id", ColumnType::Text)
        .field("owner_id", ColumnType::Text)
        .nullable("status", ColumnType::Text)
        .field("total", ColumnType::Decimal)
        .field("card", ColumnType::Text)
        .field("created_at", ColumnType::Timestamp)
        .nullable("deleted_at", ColumnType::Timestamp)
        .field("number", ColumnType::Int)
        .primary_key(["id"])
        .unique(["number"])
        .to_one("user", "User", [("user_id", "id")])
        .to_one("secret", "Secret", [("user_id", "id")]);
    order.indexes = vec![vec!["tenant_id".to_owned(), "status".to_owned()]];
    let text = |name: &str, ty: ColumnType, collation: Collation| Field {
        name: name.to_owned(),
        column: name.to_owned(),
        ty,
        collation,
        length: None,
        nullable: false,
        has_default: false,
        generated: name == "computed",
    };
    let every = ["bool", "float", "json", "bytes", "uuid", "date", "odd"]
        .into_iter()
        .zip([
            ColumnType::Bool,
            ColumnType::Float,
            ColumnType::Json,
            ColumnType::Bytes,
            ColumnType::Uuid,
            ColumnType::Date,
            ColumnType::Unsupported("tsvector".to_owned()),
        ])
        .fold(tenant_table("Every", "everything"), |model, (name, ty)| model.field(name, ty))
        .column(text("padded", ColumnType::Char, Collation::Binary))
        .column(text("loose", ColumnType::Text, Collation::Loose))
        .column(text("computed", ColumnType::Int, Collation::Binary));
    let mut report = tenant_table("Report", "reports").field("tenant_id", ColumnType::Text);
    report.kind = ormai_core::catalog::ModelKind::View;
    let catalog = CatalogBuilder::new()
        .model(tenant_table("Tenant", "tenants").field("name", ColumnType::Text))
        .model(
            tenant_table("User", "users")
                .field("tenant_id", ColumnType::Text)
                .field("email", ColumnType::Text)
                .to_many("orders", "Order", [("id", "user_id")]),
        )
        .model(order)
        .model(
            tenant_table("Document", "documents")
                .field("tenant_id", ColumnType::Text)
                .field("is_public", ColumnType::Bool),
        )
        .model(tenant_table("Secret", "secrets").field("tenant_id", ColumnType::Text))
        .model(every)
        .model(report)
        .build();
    Arc::new(catalog.unwrap())
}

pub(crate) fn load(text: &str, format: Format) -> Result<CompiledPolicy, Vec<Diagnostic>> {
    let document = PolicyDocument::parse(text, format)?;
    CompiledPolicy::compile(&document, catalog(), CompileOptions { has_hash_key: true })
}

/// A policy in YAML that must load.
pub(crate) fn policy(text: &str) -> CompiledPolicy {
    load(text, Format::Yaml).unwrap_or_else(|findings| panic!("{}", render(text, &findings)))
}

/// One line for each finding: `severity[code] message | "the source it points to" text | help`.
pub(crate) fn render(source: &str, findings: &[Diagnostic]) -> String {
    let mut lines = String::new();
    for finding in findings {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        lines.push_str(&format!("{severity}[{}] {}\n", finding.code, finding.message));
        for label in &finding.labels {
            let excerpt = source.get(label.span.clone()).expect("a label lies in the source, between characters");
            let excerpt = excerpt.lines().next().unwrap_or_default();
            lines.push_str(&format!("    at {excerpt:?} {}\n", label.text).replace(" \n", "\n"));
        }
        if let Some(help) = &finding.help {
            lines.push_str(&format!("    help: {help}\n"));
        }
    }
    lines
}

/// The findings of a document, whether it loads or not.
pub(crate) fn findings(text: &str, format: Format) -> String {
    match load(text, format) {
        Ok(policy) => format!("loads\n{}", render(text, policy.diagnostics())),
        Err(findings) => {
            assert!(findings.iter().any(Diagnostic::is_error), "a policy is refused for an error");
            render(text, &findings)
        }
    }
}
