//! Tables that are made from a catalog are read back as it, and go again.

use std::collections::HashMap;

use ormai_core::catalog::{Catalog, CatalogBuilder, ForeignKeyBuilder, ModelBuilder, ReferentialAction};
use ormai_core::value::ColumnType;
use ormai_db::{IntrospectOptions, OwnTable, introspect};
use ormai_testkit::every_engine;

use crate::support::connect;

fn shop() -> Catalog {
    let mut order = ModelBuilder::table("Order", "orders")
        .field("id", ColumnType::Int)
        .field("tenant_id", ColumnType::Text)
        .field("paid", ColumnType::Bool)
        .field("total", ColumnType::Decimal)
        .field("made_at", ColumnType::Timestamp)
        .field("changed_at", ColumnType::Timestamp)
        .nullable("rate", ColumnType::Float)
        .nullable("note", ColumnType::Text)
        .nullable("token", ColumnType::Uuid)
        .nullable("seen_at", ColumnType::Timestamp)
        .nullable("planned", ColumnType::DateTime)
        .nullable("due", ColumnType::Date)
        .nullable("at", ColumnType::Time)
        .nullable("more", ColumnType::Json)
        .nullable("scan", ColumnType::Bytes)
        .primary_key(["id"])
        .unique(["tenant_id", "total"])
        .to_one("tenant", "Tenant", [("tenant_id", "id")])
        .foreign_key(ForeignKeyBuilder::new("Tenant", [("tenant_id", "id")]).on_delete(ReferentialAction::Cascade));
    order.fields[0].has_default = true;
    let tenant = ModelBuilder::table("Tenant", "tenants").field("id", ColumnType::Text).primary_key(["id"]);
    let tenant = tenant.to_many("orders", "Order", [("id", "tenant_id")]);
    CatalogBuilder::new().model(order).model(tenant).build().unwrap()
}

/// What is held to of a catalog: collations are each engine's own, and so are indexes.
fn told(catalog: &Catalog) -> HashMap<String, String> {
    let model = |model: &ormai_core::catalog::Model| {
        let fields: Vec<_> = model.fields.iter().map(|field| (&field.name, &field.ty, field.nullable)).collect();
        let relations: Vec<_> = model.relations.iter().map(|relation| (&relation.name, relation.kind)).collect();
        let keys: Vec<_> = model.foreign_keys.iter().map(|key| (key.columns.len(), key.on_delete)).collect();
        format!("{fields:?} {:?} {:?} {relations:?} {keys:?}", model.primary_key, model.unique_keys)
    };
    catalog.models().map(|(_, one)| (one.name.clone(), model(one))).collect()
}

every_engine! {
    async fn what_is_made_is_read_back_and_goes_again(test: &TestDatabase) {
        let database = connect(test, 2).await;
        let made = database.create_tables(&shop(), &[OwnTable::Idempotency]).await.unwrap();
        let read = async || introspect(&database, &IntrospectOptions::default()).await.unwrap().build().unwrap();
        assert_eq!(told(&read().await), told(&shop()));
        assert!(database.has(OwnTable::Idempotency).await.unwrap());
        made.remove().await.unwrap();
        assert_eq!(read().await.models().count(), 0);
        assert!(!database.has(OwnTable::Idempotency).await.unwrap());
    }

    async fn the_database_counts_up_past_rows_that_have_numbers(test: &TestDatabase) {
        let database = connect(test, 2).await;
        let made = database.create_tables(&shop(), &[]).await.unwrap();
        test.execute("INSERT INTO tenants VALUES ('acme');
            INSERT INTO orders (id, tenant_id, paid, total, made_at, changed_at)
            VALUES (1, 'acme', true, 1, '2026-01-01', '2026-01-01');
            INSERT INTO orders (tenant_id, paid, total, made_at, changed_at)
            VALUES ('acme', true, 2, '2026-01-01', '2026-01-01')").await;
        assert_eq!(test.count("orders").await, 2);
        made.remove().await.unwrap();
    }

    async fn a_table_that_is_there_refuses_the_whole(test: &TestDatabase) {
        test.execute("CREATE TABLE orders (id integer); INSERT INTO orders VALUES (7)").await;
        let database = connect(test, 2).await;
        let refused = database.create_tables(&shop(), &[]).await.unwrap_err();
        assert_eq!(refused.operator_detail(), "the table `orders` is there already");
        assert_eq!(test.count("orders").await, 1);
        let left = introspect(&database, &IntrospectOptions::default()).await.unwrap().build().unwrap();
        assert_eq!(left.models().count(), 1, "nothing is left of what was made before");
    }

    async fn an_own_table_that_was_there_stays(test: &TestDatabase) {
        let database = connect(test, 2).await;
        database.install(OwnTable::Idempotency).await.unwrap();
        let made = database.create_tables(&shop(), &[OwnTable::Idempotency]).await.unwrap();
        made.remove().await.unwrap();
        assert!(database.has(OwnTable::Idempotency).await.unwrap());
    }
}
