//! The same answer as text, by way of OrmAI and by hand, on the same pool.

use std::str::FromStr;

use ormai::catalog::Catalog;
use ormai::policy::Format;
use ormai::prelude::*;
use ormai_testkit::{Engine, TestDatabase, guide_policy};
use serde::Serialize;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Executor as _, MySqlPool, PgPool, Row as _, SqlitePool};

use crate::timing::{Samples, print_ratio};

const ROUNDS: usize = 3_000;

pub(crate) async fn run(database: &TestDatabase, catalog: Catalog) {
    match database.engine() {
        Engine::Postgres => {
            let options = PgConnectOptions::from_str(database.url()).unwrap().options([("statement_timeout", "5000")]);
            let pool = PgPoolOptions::new().max_connections(4).connect_with(options).await.unwrap();
            compare(&Hand::Postgres(pool.clone()), build(pool.clone().into(), catalog).await, "PostgreSQL", 1.05).await;
            pool.close().await;
        }
        Engine::MySql => {
            let options = MySqlConnectOptions::from_str(database.url()).unwrap();
            // What whoever writes SQL by hand has on each connection as well.
            let pool = MySqlPoolOptions::new().max_connections(4).after_connect(|connection, _| {
                Box::pin(async move { connection.execute("SET max_statement_time = 5").await.map(|_| ()) })
            });
            let pool = pool.connect_with(options).await.unwrap();
            compare(&Hand::MySql(pool.clone()), build(pool.clone().into(), catalog).await, "MariaDB", 1.10).await;
            pool.close().await;
        }
        Engine::Sqlite => {
            let options = SqliteConnectOptions::from_str(database.url()).unwrap();
            let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await.unwrap();
            compare(&Hand::Sqlite(pool.clone()), build(pool.clone().into(), catalog).await, "SQLite file", 1.25).await;
            pool.close().await;
        }
    }
}

async fn build(database: ormai::db::Database, catalog: Catalog) -> OrmAi {
    OrmAi::builder()
        .database(database)
        .catalog(catalog)
        .policy_text(guide_policy(), Format::Yaml)
        .build()
        .await
        .unwrap()
}

#[derive(Serialize)]
struct Order {
    id: i64,
    tenant_id: String,
    user_id: String,
    status: String,
}

#[derive(Serialize)]
struct OrderWithItems {
    id: i64,
    status: String,
    items: Items,
}

#[derive(Serialize)]
struct Items {
    rows: Vec<Item>,
    has_more: bool,
}

#[derive(Serialize)]
struct Item {
    sku: String,
    quantity: i64,
}

/// The pools that SQL is written for by hand.
enum Hand {
    Postgres(PgPool),
    MySql(MySqlPool),
    Sqlite(SqlitePool),
}

async fn compare(hand: &Hand, ormai: OrmAi, name: &str, limit: f64) {
    let tenants: Vec<String> = hand.tenants().await;
    let ctx = |round: usize| {
        let tenant = tenants.get(round % tenants.len()).unwrap();
        (tenant.as_str(), RunContext::new(Principal::new(tenant.as_str()).user("user-123")))
    };
    println!("(b) the order query, 100,000 orders of 100 tenants, 10 rows back: {name} (limit {limit})");
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for round in 0..ROUNDS + 100 {
        if round == 100 {
            (ours, theirs) = (Samples::default(), Samples::default());
        }
        let (tenant, ctx) = ctx(round);
        // Whoever goes second finds the pages of the database warm, so they take turns.
        let (left, right) = if round % 2 == 0 {
            let left = ours.time_async(orders(&ormai, &ctx)).await;
            (left, theirs.time_async(hand.orders(tenant)).await)
        } else {
            let right = theirs.time_async(hand.orders(tenant)).await;
            (ours.time_async(orders(&ormai, &ctx)).await, right)
        };
        assert_eq!(left, right, "both ways must give the same text");
    }
    ours.print("ormai");
    theirs.print("by hand");
    print_ratio(&format!("{name}: ormai / by hand"), &ours, &theirs);

    println!("(c) a page of 10 orders with their items: {name}");
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for round in 0..ROUNDS / 2 {
        let (tenant, ctx) = ctx(round);
        let left = ours.time_async(orders_with_items(&ormai, &ctx)).await;
        let right = theirs.time_async(hand.orders_with_items(tenant)).await;
        assert_eq!(left, right, "both ways must give the same text");
    }
    ours.print("ormai");
    theirs.print("by hand");
    print_ratio(&format!("{name}: ormai / by hand"), &ours, &theirs);
}

fn order_query() -> Query {
    Query::model("Order")
        .filter(field("status").eq("pending"))
        .select(["id", "tenant_id", "user_id", "status"])
        .limit(10)
}

async fn orders(ormai: &OrmAi, ctx: &RunContext<'_>) -> String {
    let page = ormai.tools().query(ctx, order_query()).await.unwrap();
    serde_json::to_string(&page.data.rows).unwrap()
}

async fn orders_with_items(ormai: &OrmAi, ctx: &RunContext<'_>) -> String {
    let items = Include::relation("items").select(["sku", "quantity"]).limit(5);
    let query = Query::model("Order").select(["id", "status"]).include(items).limit(10);
    let page = ormai.tools().query(ctx, query).await.unwrap();
    serde_json::to_string(&page.data.rows).unwrap()
}

/// What is written by hand for an engine: what a careful engineer writes who promises the
/// same, that a tenant sees its own rows and no others.
struct Texts {
    orders: &'static str,
    page: &'static str,
    items: &'static str,
}

const POSTGRES: Texts = Texts {
    orders: "SELECT id, tenant_id, user_id, status FROM orders WHERE tenant_id = $1 AND status = $2 ORDER BY id LIMIT $3",
    page: "SELECT id, status FROM orders WHERE tenant_id = $1 ORDER BY id LIMIT $2",
    items: "SELECT k.id, i.sku, i.quantity FROM unnest($1::bigint[]) AS k (id) CROSS JOIN LATERAL \
            (SELECT id, sku, quantity FROM order_items WHERE tenant_id = $2 AND order_id = k.id ORDER BY id LIMIT 6) i \
            ORDER BY k.id, i.id",
};

const SQLITE: Texts = Texts {
    orders: "SELECT id, tenant_id, user_id, status FROM orders WHERE tenant_id = ? AND status = ? ORDER BY id LIMIT ?",
    page: "SELECT id, status FROM orders WHERE tenant_id = ? ORDER BY id LIMIT ?",
    items: "SELECT order_id, sku, quantity FROM (SELECT id, order_id, sku, quantity, \
            row_number() OVER (PARTITION BY order_id ORDER BY id) AS n FROM order_items \
            WHERE tenant_id = ? AND order_id IN (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)) WHERE n <= 6 ORDER BY order_id, id",
};

/// The tables have the collation that a database has when nobody chooses one. To it `acme` and
/// `ACME` are one tenant, so that a text is compared twice: once to find it by the index, and
/// once by its bytes. There is no LATERAL.
const MARIADB: Texts = Texts {
    orders: "SELECT id, tenant_id, user_id, status FROM orders WHERE tenant_id = ? AND BINARY tenant_id = ? \
             AND status = ? AND BINARY status = ? ORDER BY id LIMIT ?",
    page: "SELECT id, status FROM orders WHERE tenant_id = ? AND BINARY tenant_id = ? ORDER BY id LIMIT ?",
    items: "SELECT order_id, sku, quantity FROM (SELECT id, order_id, sku, quantity, \
            row_number() OVER (PARTITION BY order_id ORDER BY id) AS n FROM order_items \
            WHERE tenant_id = ? AND BINARY tenant_id = ? AND order_id IN (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)) AS i \
            WHERE n <= 6 ORDER BY order_id, id",
};

impl Hand {
    async fn tenants(&self) -> Vec<String> {
        let sql = "SELECT DISTINCT tenant_id FROM orders ORDER BY tenant_id";
        match self {
            Self::Postgres(pool) => sqlx::query_scalar(sql).fetch_all(pool).await.unwrap(),
            Self::MySql(pool) => sqlx::query_scalar(sql).fetch_all(pool).await.unwrap(),
            Self::Sqlite(pool) => sqlx::query_scalar(sql).fetch_all(pool).await.unwrap(),
        }
    }

    async fn orders(&self, tenant: &str) -> String {
        macro_rules! fetch {
            ($query:expr, $pool:expr) => {{
                // One row more than is shown tells whether there is another page.
                let rows = $query.bind(11_i64).fetch_all($pool).await.unwrap();
                rows.iter()
                    .take(10)
                    .map(|row| Order { id: row.get(0), tenant_id: row.get(1), user_id: row.get(2), status: row.get(3) })
                    .collect::<Vec<Order>>()
            }};
        }
        let status = "pending";
        let rows = match self {
            Self::Postgres(pool) => fetch!(sqlx::query(POSTGRES.orders).bind(tenant).bind(status), pool),
            Self::MySql(pool) => {
                fetch!(sqlx::query(MARIADB.orders).bind(tenant).bind(tenant).bind(status).bind(status), pool)
            }
            Self::Sqlite(pool) => fetch!(sqlx::query(SQLITE.orders).bind(tenant).bind(status), pool),
        };
        serde_json::to_string(&rows).unwrap()
    }

    async fn orders_with_items(&self, tenant: &str) -> String {
        macro_rules! fetch {
            ($query:expr, $pool:expr) => {{
                let rows = $query.bind(11_i64).fetch_all($pool).await.unwrap();
                rows.iter().take(10).map(|row| (row.get::<i64, _>(0), row.get::<String, _>(1))).collect::<Vec<_>>()
            }};
        }
        let orders = match self {
            Self::Postgres(pool) => fetch!(sqlx::query(POSTGRES.page).bind(tenant), pool),
            Self::MySql(pool) => fetch!(sqlx::query(MARIADB.page).bind(tenant).bind(tenant), pool),
            Self::Sqlite(pool) => fetch!(sqlx::query(SQLITE.page).bind(tenant), pool),
        };
        macro_rules! items {
            ($rows:expr) => {
                $rows
                    .iter()
                    .map(|row| (row.get::<i64, _>(0), row.get::<String, _>(1), row.get::<i64, _>(2)))
                    .collect::<Vec<_>>()
            };
        }
        let ids: Vec<i64> = orders.iter().map(|(id, _)| *id).collect();
        let items = match self {
            Self::Postgres(pool) => {
                items!(sqlx::query(POSTGRES.items).bind(&ids).bind(tenant).fetch_all(pool).await.unwrap())
            }
            Self::MySql(pool) => {
                let query = sqlx::query(MARIADB.items).bind(tenant).bind(tenant);
                items!(ids.iter().fold(query, |query, id| query.bind(id)).fetch_all(pool).await.unwrap())
            }
            Self::Sqlite(pool) => {
                let query = sqlx::query(SQLITE.items).bind(tenant);
                items!(ids.iter().fold(query, |query, id| query.bind(id)).fetch_all(pool).await.unwrap())
            }
        };
        let mut items = items.into_iter().peekable();
        let rows: Vec<OrderWithItems> = orders
            .into_iter()
            .map(|(id, status)| {
                let mut rows = Vec::new();
                while let Some((_, sku, quantity)) = items.next_if(|(order, _, _)| *order == id) {
                    rows.push(Item { sku, quantity });
                }
                let has_more = rows.len() > 5;
                rows.truncate(5);
                OrderWithItems { id, status, items: Items { rows, has_more } }
            })
            .collect();
        serde_json::to_string(&rows).unwrap()
    }
}
