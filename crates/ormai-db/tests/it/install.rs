//! OrmAI's own tables.

use ormai_db::{ConnectOptions, Database, DbError, IntrospectOptions, OwnTable, introspect};
use ormai_testkit::{Engine, TestDatabase, every_engine};

use crate::support::connect;

const TABLES: [OwnTable; 2] = [OwnTable::Idempotency, OwnTable::Approvals];

every_engine! {
    async fn own_tables_are_made_once(test: &TestDatabase) {
        let database = connect(test, 2).await;
        for table in TABLES {
            assert!(!database.has(table).await.unwrap());
            assert!(database.install(table).await.unwrap());
            assert!(database.has(table).await.unwrap());
            assert!(!database.install(table).await.unwrap());
            assert_eq!(test.count(table.name()).await, 0);
        }
    }

    /// Several processes of an application start at the same time.
    async fn own_tables_can_be_made_by_many_at_once(test: &TestDatabase) {
        let database = connect(test, 8).await;
        for table in TABLES {
            let made = tasks(8, || {
                let database = database.clone();
                async move { database.install(table).await.unwrap() }
            })
            .await;
            assert!(made.contains(&true), "{made:?}");
            assert!(database.has(table).await.unwrap());
        }
    }

    /// No policy can open them, whatever it says and however they are spelt.
    async fn own_tables_are_in_no_catalog(test: &TestDatabase) {
        let database = connect(test, 2).await;
        test.execute("CREATE TABLE orders (id int PRIMARY KEY, tenant_id varchar(20) NOT NULL)").await;
        test.execute("CREATE TABLE ormai (id int PRIMARY KEY)").await;
        test.execute("CREATE TABLE \"ORMAI_old\" (id int PRIMARY KEY, own int NOT NULL)").await;
        test.execute("CREATE VIEW ormai_shown AS SELECT id FROM orders").await;
        for table in TABLES {
            database.install(table).await.unwrap();
        }
        let catalog = introspect(&database, &IntrospectOptions::default()).await.unwrap().build().unwrap();
        let names: Vec<&str> = catalog.models().map(|(_, model)| model.table.name.as_str()).collect();
        assert_eq!(names, ["orders", "ormai"]);
    }

    async fn without_the_right_to_make_tables_the_reason_is_told(test: &TestDatabase) {
        let database = match test.engine() {
            Engine::Sqlite | Engine::Postgres => {
                let options = ConnectOptions { read_only: true, ..ConnectOptions::default() };
                test.execute("CREATE TABLE any_table (id int)").await;
                Database::connect(test.url(), &options).await.unwrap()
            }
            Engine::MySql => as_reader(test).await,
        };
        let refused = database.install(OwnTable::Idempotency).await.unwrap_err();
        assert!(matches!(refused, DbError::ReadOnly(_)), "{refused:?}");
        assert!(!database.has(OwnTable::Idempotency).await.unwrap());
    }
}

/// A user of MariaDB that may only read.
async fn as_reader(test: &TestDatabase) -> Database {
    let name = test.name();
    let user = format!("{name}_reader");
    test.execute(&format!("CREATE USER {user}; GRANT SELECT ON {name}.* TO {user}")).await;
    let (_, place) = test.url().rsplit_once('@').unwrap();
    let database = Database::connect(&format!("mysql://{user}@{place}"), &ConnectOptions::default()).await;
    // The connection goes on without its user.
    test.execute(&format!("DROP USER {user}")).await;
    database.unwrap()
}

pub(crate) async fn tasks<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    count: usize,
    task: impl Fn() -> F,
) -> Vec<T> {
    let tasks: Vec<_> = (0..count).map(|_| tokio::spawn(task())).collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.unwrap());
    }
    done
}
