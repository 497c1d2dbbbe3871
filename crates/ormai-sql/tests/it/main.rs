//! What each kind of plan looks like in each dialect.
#![expect(clippy::unwrap_used, reason = "what the tests share is a test as well")]

mod aggregate;
mod compile_fail;
mod compiler;
mod folded;
mod identifiers;
mod include;
mod predicate;
mod select;
mod tables;
mod truths;
mod write;

use std::sync::Arc;

use ormai_core::catalog::{Catalog, CatalogBuilder, Collation, Field, FieldId, ModelBuilder, ModelId};
use ormai_core::plan::testing::{self, slot};
use ormai_core::plan::{Comparison, Predicate, Select, Shape, Source, Term, Truth};
use ormai_core::value::ColumnType;
use ormai_sql::{Compiler, Dialect};

/// The guide's shop: tenants, their users and orders, and documents that may be public.
pub(crate) fn shop() -> Arc<Catalog> {
    let status = ColumnType::enumeration("order_status", ["open", "paid", "shipped"]);
    let catalog = CatalogBuilder::new()
        .model(ModelBuilder::table("Tenant", "tenants").field("id", ColumnType::Text).primary_key(["id"]))
        .model(
            ModelBuilder::table("User", "users")
                .field("id", ColumnType::Int)
                .field("tenant_id", ColumnType::Text)
                .column(text("name", Collation::Ordered))
                .column(text("email", Collation::Loose))
                .nullable("region", ColumnType::Text)
                .primary_key(["id"]),
        )
        .model(
            ModelBuilder::table("Order", "orders")
                .field("id", ColumnType::Int)
                .field("tenant_id", ColumnType::Text)
                .field("user_id", ColumnType::Int)
                .field("status", status)
                .field("total", ColumnType::Decimal)
                .field("items", ColumnType::Int32)
                .nullable("weight", ColumnType::Float)
                .nullable("placed_at", ColumnType::Timestamp)
                .field("currency", ColumnType::Char)
                .nullable("shape", ColumnType::Unsupported("geometry".to_owned()))
                .primary_key(["id"])
                .to_one("user", "User", [("user_id", "id")]),
        )
        .model(
            ModelBuilder::table("OrderItem", "order_items")
                .field("tenant_id", ColumnType::Text)
                .field("order_id", ColumnType::Int)
                .field("line", ColumnType::Int32)
                .field("sku", ColumnType::Text)
                .primary_key(["tenant_id", "order_id", "line"])
                .to_one("order", "Order", [("order_id", "id")]),
        )
        .model(
            ModelBuilder::table("Document", "documents")
                .field("id", ColumnType::Uuid)
                .field("tenant_id", ColumnType::Text)
                .field("title", ColumnType::Text)
                .field("is_public", ColumnType::Bool)
                .primary_key(["id"]),
        )
        .build();
    Arc::new(catalog.unwrap())
}

pub(crate) fn text(name: &str, collation: Collation) -> Field {
    Field {
        name: name.to_owned(),
        column: name.to_owned(),
        ty: ColumnType::Text,
        collation,
        length: None,
        nullable: false,
        has_default: false,
        generated: false,
    }
}

/// A model of a catalog with short ways to name its fields.
pub(crate) struct Of<'c> {
    pub(crate) id: ModelId,
    pub(crate) catalog: &'c Catalog,
}

pub(crate) fn of<'c>(catalog: &'c Catalog, model: &str) -> Of<'c> {
    Of { id: catalog.find(model).unwrap(), catalog }
}

impl Of<'_> {
    pub(crate) fn field(&self, name: &str) -> FieldId {
        self.catalog.model(self.id).find_field(name).unwrap()
    }

    pub(crate) fn fields<const N: usize>(&self, names: [&str; N]) -> Vec<FieldId> {
        names.iter().map(|name| self.field(name)).collect()
    }

    pub(crate) fn column(&self, name: &str) -> Term {
        Term::Column(self.field(name))
    }

    /// `field = $slot`
    pub(crate) fn is(&self, name: &str, at: u16) -> Predicate {
        self.compare(name, Comparison::Eq, at)
    }

    pub(crate) fn compare(&self, name: &str, op: Comparison, at: u16) -> Predicate {
        Predicate::Compare { op, left: self.column(name), right: Term::Bind(slot(at)) }
    }

    /// The rows of the tenant in slot 0.
    pub(crate) fn scoped(&self) -> Source {
        testing::source(self.id, self.is("tenant_id", 0))
    }

    /// `id` of the tenant's rows, limited by slot 1.
    pub(crate) fn ids(&self) -> Select {
        self.read(["id"])
    }

    /// Fields of the tenant's rows, limited by slot 1.
    pub(crate) fn read<const N: usize>(&self, outputs: [&str; N]) -> Select {
        testing::select(self.scoped(), self.fields(outputs), 1)
    }

    /// The tenant's rows for which a filter is true.
    pub(crate) fn filtered(&self, filter: Predicate) -> Shape {
        let mut select = self.ids();
        select.filter = filter;
        Shape::Select(select)
    }
}

pub(crate) const TRUE: Predicate = Predicate::Const(Truth::True);

pub(crate) const DIALECTS: [Dialect; 3] = [Dialect::Postgres, Dialect::Sqlite, Dialect::MySql];

/// The statements of a shape, with what is bound and what comes back, dialect by dialect.
pub(crate) fn each(catalog: &Arc<Catalog>, shape: &Shape) -> String {
    DIALECTS.map(|dialect| one(catalog, dialect, shape)).join("\n\n")
}

pub(crate) fn one(catalog: &Arc<Catalog>, dialect: Dialect, shape: &Shape) -> String {
    let compiler = Compiler::new(Arc::clone(catalog), dialect);
    let text = match compiler.compile_uncached(shape) {
        Ok(text) => text,
        Err(error) => return format!("{dialect:?}: {error}"),
    };
    let places =
        if dialect == Dialect::Postgres { text.sql().matches('$').count() } else { text.sql().matches('?').count() };
    format!("{dialect:?}, {places} places\n{}", text.sql())
}
