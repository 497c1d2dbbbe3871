//! Calls on connections that somebody else drives.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use ormai::Dialect;
use ormai::db::Database;
use ormai::policy::Format;
use ormai::prelude::*;
use ormai_testkit::{Dataset, every_engine, guide_catalog, writes_policy};
use serde_json::{Value as Json, json};

use crate::hosts::HostConnection;
use crate::support::{CURSOR_KEY, acme, code, globex, outcome, rows};

/// A toolset without a connection of its own.
async fn hosted(host: &HostConnection) -> OrmAi {
    speaking(host.dialect()).await
}

async fn speaking(dialect: Dialect) -> OrmAi {
    let built = OrmAi::builder()
        .database(Database::of_hosts(dialect))
        .policy_text(writes_policy(), Format::Yaml)
        .catalog(guide_catalog())
        .cursor_key(CURSOR_KEY)
        .hash_key(*b"a hash key for tests");
    built.build().await.unwrap()
}

fn on(host: &HostConnection, who: Principal) -> RunContext<'static> {
    RunContext::new(who).on_host(host.session())
}

fn order() -> Json {
    json!({"model": "Order", "data": {"id": 900, "user_id": "user-123", "total": "12.50", "status": "pending"}})
}

const ALL: fn() -> Json = || json!({"model": "Order", "select": ["id", "total"], "limit": 50});

every_engine! {
    async fn a_connection_of_another_dialect_is_refused_before_any_statement(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let wire = HostConnection::wires(test.engine())[0];
        let host = HostConnection::open(test, wire).await;
        let other = if host.dialect() == Dialect::Sqlite { Dialect::Postgres } else { Dialect::Sqlite };
        let (ormai, ctx) = (speaking(other).await, on(&host, acme()));
        for (tool, arguments) in [("query", ALL()), ("create", order())] {
            let refused = outcome(&ctx, &ormai, tool, &arguments).await;
            assert_eq!(code(&refused), "INTERNAL", "{refused}");
        }
    }

    async fn calls_are_a_part_of_the_hosts_transaction(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        for wire in HostConnection::wires(test.engine()) {
            let host = HostConnection::open(test, *wire).await;
            let ormai = hosted(&host).await;
            let ctx = on(&host, acme());
            let before = rows(&outcome(&ctx, &ormai, "query", &ALL()).await).len();
            let made = outcome(&ctx, &ormai, "create", &order()).await;
            assert_eq!(made["data"]["id"], 900, "{made}");
            // Another call in the same transaction sees it, and so does its user; nobody else does.
            let shared = ctx.shared();
            assert_eq!(rows(&outcome(&shared, &ormai, "query", &ALL()).await).len(), before + 1);
            let stored = test.count("orders").await;
            assert_eq!(host.rows("SELECT id FROM orders WHERE id = 900").await.unwrap().rows.len(), 1);
            let strangers = on(&host, globex());
            assert_eq!(code(&outcome(&strangers, &ormai, "get", &json!({"model": "Order", "id": made["data"]["id"]})).await), "RECORD_NOT_FOUND");
            let again = ctx.shared();
            let refused = outcome(&again, &ormai, "create", &json!({"model": "Order", "data": {"id": 901, "user_id": "user-201"}})).await;
            assert!(refused["error"].is_object(), "{refused}");
            host.execute("ROLLBACK").await;
            assert_eq!(test.count("orders").await, stored);
        }
    }

    async fn a_transaction_of_calls_is_kept_or_undone_in_the_hosts(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        for wire in HostConnection::wires(test.engine()) {
            let host = HostConnection::open(test, *wire).await;
            let ormai = hosted(&host).await;
            let ctx = on(&host, acme());
            let before = rows(&outcome(&ctx, &ormai, "query", &ALL()).await).len();
            for fails in [true, false] {
                let tools = ormai.tools();
                let done = tools
                    .transaction(&ctx, async |tx| {
                        tools.create(tx, Create::new("Order").set("id", 902).set("user_id", "user-123").set("status", "x").set("total", 1)).await?;
                        if fails { Err(Error::new(ErrorCode::Conflict, "no")) } else { Ok(()) }
                    })
                    .await;
                assert_eq!(done.is_err(), fails, "{done:?}");
                let after = rows(&outcome(&ctx, &ormai, "query", &ALL()).await).len();
                assert_eq!(after, before + usize::from(!fails));
            }
            host.execute("ROLLBACK").await;
        }
    }

    async fn a_call_without_a_connection_is_refused(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let host = HostConnection::open(test, HostConnection::wires(test.engine())[0]).await;
        let ormai = hosted(&host).await;
        for (tool, arguments) in [("query", ALL()), ("create", order())] {
            let refused = outcome(&RunContext::new(acme()), &ormai, tool, &arguments).await;
            assert_eq!(code(&refused), "DATABASE_UNAVAILABLE");
        }
    }

    async fn a_host_needs_no_runtime_where_the_call_is_made(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let host = HostConnection::open(test, HostConnection::wires(test.engine())[0]).await;
        let ormai = hosted(&host).await;
        let (answered, made) = std::thread::scope(|scope| {
            let calls = || {
                assert!(tokio::runtime::Handle::try_current().is_err());
                let ctx = on(&host, acme());
                let answered = waited(outcome(&ctx, &ormai, "query", &ALL()));
                (answered, waited(outcome(&ctx, &ormai, "create", &order())))
            };
            scope.spawn(calls).join().unwrap()
        });
        assert!(!rows(&answered).is_empty());
        assert!(made["data"].is_object(), "{made}");
        assert!(host.orders().iter().any(|order| order.contains("INSERT")));
        host.execute("ROLLBACK").await;
    }
}

/// Waits for a future by parking the thread.
fn waited<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        std::thread::park();
    }
}
