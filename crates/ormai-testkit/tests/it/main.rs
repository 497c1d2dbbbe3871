//! The fixtures hold what they promise, on each engine, and the interpreter says what is expected of it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, also in the functions that tests share"
)]

mod worlds;
mod writes;

use ormai_testkit::{Dataset, Size, TestDatabase, every_engine, guide_catalog, guide_policy};

every_engine! {
    async fn the_demo_is_the_same_on_every_engine(database: &TestDatabase) {
        database.load(&Dataset::demo()).await;
        let mut counts = Vec::new();
        for table in ["tenants", "users", "orders", "order_items", "documents"] {
            counts.push(database.count(table).await);
        }
        assert_eq!(counts, [6, 7, 8, 9, 5]);
    }

    async fn generated_rows_are_as_many_as_asked_for(database: &TestDatabase) {
        let size = Size { tenants: 7, users_per_tenant: 2, orders_per_tenant: 150, items_per_order: 3, documents_per_tenant: 5 };
        database.load(&Dataset::generated(size)).await;
        let mut counts = Vec::new();
        for table in ["tenants", "users", "orders", "order_items", "documents"] {
            counts.push(database.count(table).await);
        }
        assert_eq!(counts, [7, 14, 1_050, 3_150, 35]);
    }

    async fn every_model_of_the_catalog_has_its_table(database: &TestDatabase) {
        database.load(&Dataset::empty()).await;
        for (_, model) in guide_catalog().models() {
            let columns: Vec<String> = model.fields.iter().map(|field| format!("\"{}\"", field.column)).collect();
            database.execute(&format!("SELECT {} FROM {}", columns.join(", "), model.table)).await;
        }
    }

    async fn no_item_belongs_to_another_tenant_than_its_order(database: &TestDatabase) {
        database.load(&Dataset::generated(Size::SMALL)).await;
        database
            .execute(
                "CREATE TABLE strays AS SELECT i.id FROM order_items i JOIN orders o ON o.id = i.order_id \
                 JOIN users u ON u.id = o.user_id WHERE i.tenant_id <> o.tenant_id OR u.tenant_id <> o.tenant_id",
            )
            .await;
        assert_eq!(database.count("strays").await, 0);
    }
}

/// The server's database is gone when the test's value is.
#[test]
fn a_dropped_database_is_gone_from_postgres() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let gone = runtime.block_on(async {
        let url = TestDatabase::postgres().await.url().to_owned();
        sqlx::PgPool::connect(&url).await.unwrap_err()
    });
    assert!(gone.to_string().contains("does not exist"), "{gone}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the transaction is the test's own")]
fn a_dropped_database_is_gone_from_mariadb_also_while_a_transaction_is_open() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let gone = runtime.block_on(async {
        let database = TestDatabase::mysql().await;
        database.load(&Dataset::empty()).await;
        let mut transaction = database.mysql_pool().unwrap().begin().await.unwrap();
        sqlx::query("INSERT INTO tenants VALUES ('t', 'T')").execute(&mut *transaction).await.unwrap();
        let url = database.url().to_owned();
        drop(database);
        sqlx::MySqlPool::connect(&url).await.unwrap_err()
    });
    assert!(gone.to_string().contains("Unknown database"), "{gone}");
}

#[test]
fn a_database_in_memory_keeps_its_rows() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let database = TestDatabase::sqlite_in_memory().await;
        database.load(&Dataset::demo()).await;
        assert_eq!(database.count("orders").await, 8);
    });
}

/// Every model of the policy is in the catalog, and the other way round.
#[test]
fn the_policy_names_the_catalogs_models() {
    let mut models: Vec<&str> = guide_policy()
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
        .filter(|name| name.starts_with(|first: char| first.is_ascii_uppercase()))
        .collect();
    models.sort_unstable();
    let catalog = guide_catalog();
    let mut known: Vec<&str> = catalog.models().map(|(_, model)| model.name.as_str()).collect();
    known.sort_unstable();
    assert_eq!(models, known);
}
