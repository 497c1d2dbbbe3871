//! The same write, by way of OrmAI and by hand: in one transaction of the same steps, on the
//! same pool, with the same answer as text.

use std::str::FromStr;

use ormai::catalog::Catalog;
use ormai::policy::Format;
use ormai::prelude::*;
use ormai_testkit::{Engine, TestDatabase, writes_policy};
use serde::Serialize;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Executor as _, MySqlPool, PgPool, Row as _, SqlitePool};

use crate::timing::{Samples, print_ratio};

/// Tenants of the rows that the benchmark has loaded, and orders of each.
const TENANTS: usize = 100;
const ORDERS: usize = 1_000;

/// The first key of a new row; those that are loaded have lower ones.
const FIRST: usize = 10_000_000;

/// Whether a commit waits until the disk has it. Where it does not, nothing hides what the
/// statements cost.
#[derive(Clone, Copy, Debug)]
enum Commit {
    Waits,
    DoesNotWait,
}

pub(crate) async fn run(database: &TestDatabase, catalog: &Catalog, rounds: usize) {
    let mut runs = Runs { rounds, next: FIRST };
    match database.engine() {
        Engine::Postgres => {
            for (commit, setting) in [(Commit::Waits, "on"), (Commit::DoesNotWait, "off")] {
                let options = PgConnectOptions::from_str(database.url())
                    .unwrap()
                    .options([("statement_timeout", "5000"), ("synchronous_commit", setting)]);
                let pool = PgPoolOptions::new().max_connections(4).connect_with(options).await.unwrap();
                let ormai = build(pool.clone().into(), catalog).await;
                runs.compare(&Hand::Postgres(pool.clone()), &ormai, "PostgreSQL", commit, "limit 1.15").await;
                pool.close().await;
            }
        }
        Engine::MySql => {
            let options = MySqlConnectOptions::from_str(database.url()).unwrap();
            let pool = MySqlPoolOptions::new().max_connections(4).after_connect(|connection, _| {
                Box::pin(async move { connection.execute("SET max_statement_time = 5").await.map(|_| ()) })
            });
            let pool = pool.connect_with(options).await.unwrap();
            let ormai = build(pool.clone().into(), catalog).await;
            runs.compare(&Hand::MySql(pool.clone()), &ormai, "MariaDB", Commit::Waits, "no limit").await;
            pool.close().await;
        }
        Engine::Sqlite => {
            for (commit, setting) in
                [(Commit::Waits, SqliteSynchronous::Full), (Commit::DoesNotWait, SqliteSynchronous::Normal)]
            {
                let options = SqliteConnectOptions::from_str(database.url()).unwrap().synchronous(setting);
                let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await.unwrap();
                let ormai = build(pool.clone().into(), catalog).await;
                runs.compare(&Hand::Sqlite(pool.clone()), &ormai, "SQLite file", commit, "limit 1.3").await;
                pool.close().await;
            }
        }
    }
}

async fn build(database: ormai::db::Database, catalog: &Catalog) -> OrmAi {
    let builder = OrmAi::builder().database(database).catalog(catalog.clone());
    builder.policy_text(writes_policy(), Format::Yaml).build().await.unwrap()
}

/// A new item of an order.
#[derive(Clone)]
struct New {
    id: usize,
    tenant: String,
    order: usize,
}

/// As many runs as are wanted, and the key of the next row.
struct Runs {
    rounds: usize,
    next: usize,
}

impl Runs {
    async fn compare(&mut self, hand: &Hand, ormai: &OrmAi, name: &str, commit: Commit, limit: &str) {
        let items: Vec<(New, New)> = (0..self.rounds)
            .map(|round| {
                let tenant = round % TENANTS;
                let order = tenant + 1 + TENANTS * (round / TENANTS % ORDERS);
                let id = self.next + 2 * round;
                let item = New { id, tenant: format!("tenant-{tenant:03}"), order };
                (item.clone(), New { id: id + 1, ..item })
            })
            .collect();
        self.next += 2 * self.rounds;

        println!("(d) a new item of an order: {name}, a commit that {commit:?} ({limit})");
        let (mut ours, mut theirs) = (Samples::default(), Samples::default());
        for (round, (left, right)) in items.iter().enumerate() {
            ours.forget_before(round, self.rounds);
            theirs.forget_before(round, self.rounds);
            let (left_text, right_text) = if round % 2 == 0 {
                let text = ours.time_async(create(ormai, left)).await;
                (text, theirs.time_async(hand.write(right, None)).await)
            } else {
                let text = theirs.time_async(hand.write(right, None)).await;
                (ours.time_async(create(ormai, left)).await, text)
            };
            assert_eq!(left_text, renamed(&right_text, right, left), "both ways must give the same text");
        }
        ours.print("ormai");
        theirs.print("by hand");
        print_ratio(&format!("{name}, create: ormai / by hand"), &ours, &theirs);

        println!("(e) another quantity in an item: {name}, a commit that {commit:?} ({limit})");
        let (mut ours, mut theirs) = (Samples::default(), Samples::default());
        for (round, (left, right)) in items.iter().enumerate() {
            ours.forget_before(round, self.rounds);
            theirs.forget_before(round, self.rounds);
            let quantity = i64::try_from(round).unwrap() + 2;
            let (left_text, right_text) = if round % 2 == 0 {
                let text = ours.time_async(update(ormai, left, quantity)).await;
                (text, theirs.time_async(hand.write(right, Some(quantity))).await)
            } else {
                let text = theirs.time_async(hand.write(right, Some(quantity))).await;
                (ours.time_async(update(ormai, left, quantity)).await, text)
            };
            assert_eq!(left_text, renamed(&right_text, right, left), "both ways must give the same text");
        }
        ours.print("ormai");
        theirs.print("by hand");
        print_ratio(&format!("{name}, update: ormai / by hand"), &ours, &theirs);
    }
}

/// The text of a row with the key of the other one; each way writes a row of its own.
fn renamed(text: &str, from: &New, to: &New) -> String {
    text.replacen(&from.id.to_string(), &to.id.to_string(), 1)
}

fn context(item: &New) -> RunContext<'static> {
    RunContext::new(Principal::new(item.tenant.as_str()).user("user-123"))
}

async fn create(ormai: &OrmAi, item: &New) -> String {
    let request = Create::new("OrderItem")
        .set("id", item.id)
        .set("order_id", item.order)
        .set("sku", SKU)
        .set("quantity", 1)
        .set("price", PRICE)
        .reason("measured");
    let written = ormai.tools().create(&context(item), request).await.unwrap();
    serde_json::to_string(&written.data).unwrap()
}

async fn update(ormai: &OrmAi, item: &New, quantity: i64) -> String {
    let request = Update::new("OrderItem", item.id).set("quantity", quantity).reason("measured");
    let written = ormai.tools().update(&context(item), request).await.unwrap();
    serde_json::to_string(&written.data).unwrap()
}

const SKU: &str = "A-17";
const PRICE: &str = "12.34";

/// The row as it is shown.
#[derive(Serialize)]
struct Item {
    id: i64,
    order_id: i64,
    sku: String,
    quantity: i64,
    price: String,
}

/// The pools that SQL is written for by hand.
enum Hand {
    Postgres(PgPool),
    MySql(MySqlPool),
    Sqlite(SqlitePool),
}

/// What a careful engineer writes for an engine who promises the same: a reference leads to a
/// row of the tenant, only rows of the tenant change, and what is shown is read back as stored.
struct Texts {
    is_there: &'static str,
    insert: &'static str,
    update: &'static str,
    stored: &'static str,
}

const POSTGRES: Texts = Texts {
    is_there: "SELECT EXISTS (SELECT 1 FROM orders WHERE id = $1 AND tenant_id = $2)",
    insert: "INSERT INTO order_items (id, tenant_id, order_id, sku, quantity, price) \
             VALUES ($1, $2, $3, $4, $5, CAST($6 AS text)::numeric) RETURNING id",
    update: "UPDATE order_items SET quantity = $1 WHERE id = $2 AND tenant_id = $3",
    stored: "SELECT id, order_id, sku, quantity, price::text FROM order_items WHERE id = $1 AND tenant_id = $2",
};

const SQLITE: Texts = Texts {
    is_there: "SELECT EXISTS (SELECT 1 FROM orders WHERE id = ? AND tenant_id = ?)",
    insert: "INSERT INTO order_items (id, tenant_id, order_id, sku, quantity, price) VALUES (?, ?, ?, ?, ?, ?) \
             RETURNING id",
    update: "UPDATE order_items SET quantity = ? WHERE id = ? AND tenant_id = ?",
    stored: "SELECT id, order_id, sku, quantity, CAST(price AS text) FROM order_items WHERE id = ? AND tenant_id = ?",
};

/// To the collation of the tables `acme` and `ACME` are one tenant, hence the second comparison.
const MARIADB: Texts = Texts {
    is_there: "SELECT EXISTS (SELECT 1 FROM orders WHERE id = ? AND tenant_id = ? AND BINARY tenant_id = ?)",
    insert: "INSERT INTO order_items (id, tenant_id, order_id, sku, quantity, price) VALUES (?, ?, ?, ?, ?, ?) \
             RETURNING id",
    update: "UPDATE order_items SET quantity = ? WHERE id = ? AND tenant_id = ? AND BINARY tenant_id = ?",
    stored: "SELECT id, order_id, sku, quantity, CAST(price AS char) FROM order_items \
             WHERE id = ? AND tenant_id = ? AND BINARY tenant_id = ?",
};

impl Hand {
    /// A new item, or another quantity in the one that is there.
    async fn write(&self, item: &New, quantity: Option<i64>) -> String {
        let New { id, tenant, order } = item;
        let (id, order) = (i64::try_from(*id).unwrap(), i64::try_from(*order).unwrap());
        macro_rules! in_transaction {
            ($begun:expr, $texts:expr, $truth:ty, [$($tenant:expr),+]) => {{
                let mut transaction = $begun.await.unwrap();
                let id: i64 = if let Some(quantity) = quantity {
                    let update = sqlx::query($texts.update).bind(quantity).bind(id)$(.bind($tenant))+;
                    let updated = update.execute(&mut *transaction).await.unwrap();
                    assert_eq!(updated.rows_affected(), 1, "there is such a row");
                    id
                } else {
                    let is_there = sqlx::query_scalar($texts.is_there).bind(order)$(.bind($tenant))+;
                    let is_there: $truth = is_there.fetch_one(&mut *transaction).await.unwrap();
                    assert_eq!(is_there, <$truth>::from(true), "there is such an order");
                    let insert = sqlx::query_scalar($texts.insert);
                    let insert = insert.bind(id).bind(tenant).bind(order).bind(SKU).bind(1_i64).bind(PRICE);
                    insert.fetch_one(&mut *transaction).await.unwrap()
                };
                let stored = sqlx::query($texts.stored).bind(id)$(.bind($tenant))+;
                let row = stored.fetch_one(&mut *transaction).await.unwrap();
                let item = Item {
                    id: row.get(0),
                    order_id: row.get(1),
                    sku: row.get(2),
                    quantity: row.get(3),
                    price: row.get(4),
                };
                transaction.commit().await.unwrap();
                item
            }};
        }
        let item = match self {
            Self::Postgres(pool) => in_transaction!(pool.begin(), POSTGRES, bool, [tenant]),
            Self::MySql(pool) => in_transaction!(pool.begin(), MARIADB, i64, [tenant, tenant]),
            Self::Sqlite(pool) => in_transaction!(pool.begin_with("BEGIN IMMEDIATE"), SQLITE, i64, [tenant]),
        };
        serde_json::to_string(&item).unwrap()
    }
}
