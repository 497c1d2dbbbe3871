//! Rows that are changed, and the ones that are not: plans' own statements on each engine.

use std::time::Duration;

use ormai_core::catalog::TableName;
use ormai_core::plan::testing::{self, exists, list, related, slot, target};
use ormai_core::plan::{Comparison, Direction, OrderBy, Predicate, RelatedRows, Select, Shape, Target, Term};
use ormai_core::value::Value;
use ormai_db::{DbError, IntrospectOptions};
use ormai_testkit::{Engine, TestDatabase, every_engine};

use crate::support::{LONG, connect};
use crate::table::{ALL, Table};

/// Nobody waits longer for a lock that somebody keeps.
const SHORT: Duration = Duration::from_millis(300);

/// Rows with parents among themselves: 1 and its descendants 2, 3, 4 of tenant `a`, and 5 of `b`.
async fn family(test: &TestDatabase, name: &str) {
    let quote = if test.engine() == Engine::MySql { '`' } else { '"' };
    let table = format!("{quote}{}{quote}", name.replace(quote, &format!("{quote}{quote}")));
    let sql = format!(
        "CREATE TABLE {table} (id int PRIMARY KEY, tenant varchar(9), parent int, word varchar(9));
        INSERT INTO {table} VALUES (1, 'a', NULL, 'x'), (2, 'a', 1, 'x'), (3, 'a', 2, 'x'), (4, 'a', 3, 'x'), (5, 'b', 3, 'x')"
    );
    test.execute(&sql).await;
}

/// A table under the name of one model, whatever it is called.
async fn open<'d>(test: &'d TestDatabase, name: &str) -> Table<'d> {
    let model_names = [(name.to_owned(), "It".to_owned())].into();
    let options = IntrospectOptions { model_names, ..IntrospectOptions::default() };
    Table::read_with(&connect(test, 1).await, "It", &options).await
}

/// The tenant's rows (slot 0) whose parents have parents, which a condition of the policy says.
fn grandchildren(it: &Table<'_>, filter: Predicate) -> Target {
    let up = || vec![(it.field("parent"), it.field("id"))];
    let their_parents = exists(up(), RelatedRows::Stored(it.model), ALL, false);
    let scope = Predicate::And(vec![
        it.is("tenant", 0),
        exists(up(), RelatedRows::Stored(it.model), their_parents, false),
        Predicate::IsNull { term: related(it.model, up(), Term::Column(it.field("word"))), negated: true },
    ]);
    let visible = exists(up(), RelatedRows::Scoped(testing::source(it.model, it.is("tenant", 0))), ALL, false);
    target(testing::source(it.model, scope), Predicate::And(vec![filter, visible]), None)
}

every_engine! {
    async fn a_change_under_conditions_on_its_own_table_sees_it_as_it_was(test: &TestDatabase) {
        // Also where the table is called as an alias or a part of a statement would be.
        for name in ["orders", "a1", "A1", "t2", "keys", "we\"ird` -- \u{e9}"] {
            family(test, name).await;
            let mut it = open(test, name).await;
            let all = Predicate::Compare {
                op: Comparison::Gt,
                left: Term::Column(it.field("id")),
                right: Term::Bind(slot(1)),
            };
            // Each is a grandchild for its parent's sake, which is changed by the same statement.
            let orphans = testing::update(grandchildren(&it, all.clone()), vec![(it.field("parent"), slot(2))]);
            let values = || vec!["a".into(), Value::Int(0), Value::Null];
            assert_eq!(it.change(Shape::Update(orphans.clone()), values()).await.unwrap().affected, 2, "{name}");
            assert_eq!(it.change(Shape::Update(orphans), values()).await.unwrap().affected, 0, "{name}");
            it.session.rollback().await.unwrap();

            it.begin().await;
            let gone = testing::delete(grandchildren(&it, all));
            assert_eq!(it.change(Shape::Delete(gone), values()).await.unwrap().affected, 2, "{name}");
            let left = it.select("id", ALL, Value::Null).await;
            assert_eq!(left.len(), 3, "{name}");
            it.session.rollback().await.unwrap();
            it.session.finish().await.unwrap();
            test.execute(&format!("DROP TABLE {}", if test.engine() == Engine::MySql {
                format!("`{}`", name.replace('`', "``"))
            } else {
                format!("\"{}\"", name.replace('"', "\"\""))
            })).await;
        }
    }

    async fn a_strangers_row_is_not_changed_and_keys_of_two_columns_are(test: &TestDatabase) {
        test.execute("CREATE TABLE keys_of (tenant varchar(9), number int, word varchar(9), PRIMARY KEY (tenant, number));
            INSERT INTO keys_of VALUES ('a', 1, 'x'), ('a', 2, 'x'), ('a', 3, 'x'), ('b', 1, 'x')").await;
        let mut it = Table::of(&connect(test, 1).await, "KeysOf").await;
        let keys = testing::keys(vec![it.field("tenant"), it.field("number")], vec![list(1, 2), list(2, 2)]);
        let mine = target(testing::source(it.model, it.is("tenant", 0)), ALL, Some(keys));
        let update = testing::update(mine, vec![(it.field("word"), slot(3))]);
        let tenants = Value::Array(vec!["a".into(), "b".into(), "A".into()]);
        let numbers = Value::Array(vec![Value::Int(1), Value::Int(1), Value::Int(2)]);
        let values = vec!["a".into(), tenants, numbers, "y".into()];
        assert_eq!(it.change(Shape::Update(update), values).await.unwrap().affected, 1);
        assert_eq!(it.select("tenant", it.is("word", 0), "y".into()).await, [Value::from("a")]);
        it.session.finish().await.unwrap();
    }

    async fn a_row_that_will_be_changed_waits_for_nobody_else(test: &TestDatabase) {
        test.execute("CREATE TABLE users (id int PRIMARY KEY, region varchar(9));
            CREATE TABLE orders (id int PRIMARY KEY, tenant varchar(9), user_id int, total int,
                FOREIGN KEY (user_id) REFERENCES users (id));
            INSERT INTO users VALUES (1, 'eu'), (2, 'us');
            INSERT INTO orders VALUES (1, 'a', 1, 30), (2, 'a', 2, 20), (3, 'a', 1, 10), (4, 'b', 1, 5)").await;
        let (one, other) = (connect(test, 1).await, connect(test, 1).await);
        let mut holder = Table::of(&one, "Order").await;
        let users = holder.catalog.find("User").unwrap();
        let user = |name| holder.catalog.model(users).find_field(name).unwrap();
        let region = |at| Predicate::Compare {
            op: Comparison::Eq,
            left: related(users, vec![(holder.field("user_id"), user("id"))], Term::Column(user("region"))),
            right: Term::Bind(slot(at)),
        };
        let plain = testing::source(holder.model, holder.is("tenant", 0));
        let linked = testing::source(holder.model, Predicate::And(vec![holder.is("tenant", 0), region(3)]));
        let small = |source| {
            let mut select = locked(&holder, source);
            // Without an index to find it by; the first of several in an order.
            select.filter = Predicate::Compare {
                op: Comparison::Lt,
                left: Term::Column(holder.field("total")),
                right: Term::Bind(slot(2)),
            };
            select
        };
        let mut by_key = locked(&holder, plain.clone());
        by_key.filter = holder.is("id", 2);
        let eu = || Value::from("eu");
        let cases = [
            (by_key.clone(), vec!["a".into(), Value::Int(2), Value::Int(1)], 1),
            (small(plain), vec!["a".into(), Value::Int(1), Value::Int(25)], 3),
            (small(linked.clone()), vec!["a".into(), Value::Int(1), Value::Int(99), eu()], 3),
        ];
        for (select, values, found) in cases {
            let read = holder.read(Shape::Select(select.clone()), values).await;
            assert_eq!(read, [Value::Int(found)]);
            // On SQLite there is one writer at a time, who gets in first.
            if test.engine() != Engine::Sqlite {
                // What only conditions read is not locked, and with a key no stranger's row.
                let mut related = Table::of(&other, "User").await;
                assert_eq!(set(&mut related, "region", 1, eu(), LONG).await.unwrap(), 1);
                related.session.finish().await.unwrap();
                let mut waiting = Table::of(&other, "Order").await;
                if select == by_key {
                    assert_eq!(set(&mut waiting, "total", 4, Value::Int(6), LONG).await.unwrap(), 1);
                }
                let stopped = set(&mut waiting, "total", found, Value::Int(7), SHORT).await.unwrap_err();
                assert!(stopped.is_retryable(), "{}", stopped.operator_detail());
                waiting.session.finish().await.unwrap();
            }
            holder.session.rollback().await.unwrap();
            let mut waiting = Table::of(&other, "Order").await;
            assert_eq!(set(&mut waiting, "total", found, Value::Int(7), LONG).await.unwrap(), 1);
            waiting.session.finish().await.unwrap();
            holder.begin().await;
        }
        holder.session.finish().await.unwrap();
    }
}

/// Rows in the order of their totals that stay locked; the tenant stands in slot 0, the limit in 1.
fn locked(table: &Table<'_>, source: ormai_core::plan::Source) -> Select {
    let mut select = testing::select(source, vec![table.field("id")], 1);
    select.order = vec![testing::order(OrderBy::Field(table.field("total")), Direction::Asc, true)];
    select.for_update = true;
    select
}

/// Sets a field of a row by its id, within a time.
async fn set(table: &mut Table<'_>, field: &str, id: i64, value: Value, limit: Duration) -> Result<u64, DbError> {
    let by_id = target(testing::source(table.model, ALL), table.is("id", 0), None);
    let shape = Shape::Update(testing::update(by_id, vec![(table.field(field), slot(1))]));
    table.change_within(shape, vec![Value::Int(id), value], limit).await.map(|changed| changed.affected)
}

#[tokio::test]
async fn a_table_of_another_schema_is_changed_where_it_is() {
    let test = TestDatabase::postgres().await;
    test.execute(
        "CREATE SCHEMA north; CREATE TABLE north.orders (id int PRIMARY KEY, parent int, tenant text, word text);
        CREATE TABLE orders (id int PRIMARY KEY, parent int, tenant text, word text);
        INSERT INTO orders VALUES (1, NULL, 'a', 'x'), (2, 1, 'a', 'x'), (3, 2, 'a', 'x')",
    )
    .await;
    let options = IntrospectOptions { schemas: vec!["north".to_owned()], ..IntrospectOptions::default() };
    let mut it = Table::read_with(&connect(&test, 1).await, "Order", &options).await;
    let table = TableName { schema: Some("north".to_owned()), name: "orders".to_owned() };
    assert_eq!(it.catalog.model(it.model).table, table);
    for (id, parent) in [(1, Value::Null), (2, Value::Int(1)), (3, Value::Int(2))] {
        let row = [("id", Value::Int(id)), ("parent", parent), ("tenant", "a".into()), ("word", "x".into())];
        assert_eq!(it.insert(&row).await.unwrap(), Value::Int(id));
    }
    let update = testing::update(grandchildren(&it, it.is("id", 1)), vec![(it.field("word"), slot(2))]);
    let values = vec!["a".into(), Value::Int(3), "y".into()];
    assert_eq!(it.change(Shape::Update(update), values.clone()).await.unwrap().affected, 1);
    let gone = testing::delete(grandchildren(&it, it.is("id", 1)));
    assert_eq!(it.change(Shape::Delete(gone), values).await.unwrap().affected, 1);
    it.session.commit().await.unwrap();
    it.session.finish().await.unwrap();
    assert_eq!(test.count("orders").await, 3);
    test.execute("CREATE VIEW northern AS SELECT * FROM north.orders").await;
    assert_eq!(test.count("northern").await, 2);
}

#[tokio::test]
async fn a_number_that_sqlite_would_round_is_refused() {
    let test = TestDatabase::sqlite().await;
    test.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, total DECIMAL, doc JSON, wide REAL)").await;
    let mut it = Table::of(&connect(&test, 1).await, "Order").await;
    let exact = || Value::Decimal("12345678901234567890.5".parse().unwrap());
    let lost = [("total", exact()), ("doc", Value::Json(u64::MAX.into())), ("wide", Value::Float(f64::NAN))];
    for (name, value) in lost {
        let refused = it.insert(&[(name, value)]).await.unwrap_err();
        it.session.rollback().await.unwrap();
        it.begin().await;
        assert!(matches!(refused, DbError::Refused(_)), "{name}: {}", refused.operator_detail());
    }
    // To compare with it is another matter.
    assert!(it.select("id", it.is("total", 0), exact()).await.is_empty());
    it.session.finish().await.unwrap();
    assert_eq!(test.count("orders").await, 0);
}

#[tokio::test]
async fn a_day_that_mariadb_does_not_have_is_refused() {
    let test = TestDatabase::mysql().await;
    test.execute("CREATE TABLE orders (id int PRIMARY KEY AUTO_INCREMENT, day date, total decimal(65,0))").await;
    let mut it = Table::of(&connect(&test, 1).await, "Order").await;
    let total = Value::Decimal("1e80".parse().unwrap());
    for (name, value) in [("day", Value::Date("0000-12-31".parse().unwrap())), ("total", total)] {
        let refused = it.insert(&[(name, value)]).await.unwrap_err();
        it.session.rollback().await.unwrap();
        it.begin().await;
        assert!(matches!(refused, DbError::Refused(_)), "{name}: {}", refused.operator_detail());
    }
    it.session.finish().await.unwrap();
    assert_eq!(test.count("orders").await, 0);
}

#[tokio::test]
async fn one_prepared_statement_serves_every_value_of_its_column() {
    let test = TestDatabase::postgres().await;
    test.execute("CREATE TABLE orders (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, total numeric, tags int[])")
        .await;
    let mut it = Table::of(&connect(&test, 1).await, "Order").await;
    let half = || Value::Decimal("0.5".parse().unwrap());
    for value in [Value::Null, Value::Int(7), half(), Value::Null, Value::Int(8), half()] {
        let key = it.insert(&[("total", value.clone())]).await.unwrap();
        let read = it.select("total", it.is("id", 0), key).await;
        let expected = if let Value::Int(int) = value { Value::Decimal(int.into()) } else { value };
        assert_eq!(read, [expected]);
    }
    for value in
        [Value::Array(Vec::new()), Value::Null, Value::Array(vec![Value::Null]), Value::Array(vec![Value::Int(1)])]
    {
        let key = it.insert(&[("tags", value.clone())]).await.unwrap();
        assert_eq!(it.select("tags", it.is("id", 0), key).await, [value]);
    }
    it.session.finish().await.unwrap();
}

#[tokio::test]
async fn an_array_whose_type_only_the_server_knows_is_refused() {
    let test = TestDatabase::postgres().await;
    test.execute("CREATE TYPE status AS ENUM ('open'); CREATE TABLE orders (id int PRIMARY KEY, states status[])")
        .await;
    let mut it = Table::of(&connect(&test, 1).await, "Order").await;
    for value in [Value::Array(vec!["open".into()]), Value::Array(Vec::new()), Value::Null] {
        let refused = it.insert(&[("id", Value::Int(1)), ("states", value)]).await.unwrap_err();
        assert!(matches!(refused, DbError::Refused(_)), "{}", refused.operator_detail());
        it.session.rollback().await.unwrap();
        it.begin().await;
    }
    it.session.finish().await.unwrap();
}
