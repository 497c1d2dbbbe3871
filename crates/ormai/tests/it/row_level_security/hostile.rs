//! Names and values that try to be SQL, settings that are no principal, and what the role may not do.

use ormai::catalog::{CatalogBuilder, Field, ModelBuilder, TableName};
use ormai::db::IntrospectOptions;
use ormai::prelude::*;
use ormai::value::ColumnType::{Int, Text};
use ormai_testkit::{Dataset, Size, guide_catalog, guide_policy};

use super::{on_postgres, script, seen, world};
use crate::support::database;

/// A quote, a comment, a dollar quote, a statement, and characters of three alphabets.
const HOSTILE: &str = r#"a"b'c\d$body$;--/*é Ж漢"#;

#[test]
fn names_and_values_that_try_to_be_sql_are_names_and_values() {
    on_postgres(async |test| {
        let quoted = format!("\"{}\"", HOSTILE.replace('"', "\"\""));
        let literal = HOSTILE.replace('\'', "''");
        test.execute(&format!(
            "SET LOCAL standard_conforming_strings = on;
             CREATE SCHEMA {quoted};
             CREATE TABLE {quoted}.{quoted} (id bigint PRIMARY KEY, {quoted} text NOT NULL, other bigint);
             INSERT INTO {quoted}.{quoted} VALUES (1, '{literal}', 2), (2, 'acme', 1), (3, '{literal}', NULL)"
        ))
        .await;
        let column = |name: &str, column: &str, ty| Field {
            name: name.to_owned(),
            column: column.to_owned(),
            ty,
            collation: ormai::catalog::Collation::Binary,
            nullable: false,
            has_default: false,
            generated: false,
            length: None,
        };
        let mut model = ModelBuilder::table("Thing", HOSTILE)
            .field("id", Int)
            .column(column("owner", HOSTILE, Text))
            .nullable("other", Int)
            .primary_key(["id"])
            .to_one("twin", "Thing", [("other", "id")]);
        model.table = TableName { schema: Some(HOSTILE.to_owned()), name: HOSTILE.to_owned() };
        let catalog = CatalogBuilder::new().model(model).build().unwrap();
        let policy = format!(
            "models:\n  Thing:\n    scoping: {{owner: principal.tenant_id}}\n    fields: {{id: allow}}\n    row_policies:\n\
             \x20     - {{name: {name}, condition: {condition}}}\n      - {{name: {linked}, condition: {through}}}\n\
             \x20   roles: {{{role}: {{row_policies: [{{name: none, condition: 'false'}}]}}}}\n",
            name = serde_json::json!(format!("{HOSTILE}\nDROP TABLE x;")),
            linked = serde_json::json!(format!("{HOSTILE}{HOSTILE}{HOSTILE}")),
            condition = serde_json::json!(format!(
                "owner = '{literal}' AND\n\rowner <> principal.metadata.\"{}\" OR id = 9",
                "x"
            )),
            through = serde_json::json!(format!("twin.owner <> '{literal}'\nOR other IS NULL")),
            role = serde_json::json!(HOSTILE),
        );
        test.execute(script(&policy, catalog, &test.role()).body()).await;
        let who = Principal::new(HOSTILE).metadata("x", "y");
        let sql = format!("SELECT id::text FROM {quoted}.{quoted} ORDER BY id");
        let ids = |ids: &[&str]| Ok(ids.iter().map(|id| Some((*id).to_owned())).collect());
        assert_eq!(seen(test, &who, &sql).await, ids(&["1", "3"]));
        assert_eq!(seen(test, &who.clone().role(HOSTILE), &sql).await, ids(&[]));
        assert_eq!(seen(test, &who.metadata("x", HOSTILE), &sql).await, ids(&[]));
        assert_eq!(seen(test, &Principal::new("acme").metadata("x", "y"), &sql).await, ids(&[]));
    });
}

#[test]
fn a_setting_that_is_no_principal_shows_no_row_and_raises_no_error() {
    on_postgres(async |test| {
        test.execute(&world::statements()).await;
        test.execute(script(world::POLICY, world::catalog(), &test.role()).body()).await;
        let broken = [
            "",
            " ",
            "null",
            "acme",
            "\"acme\"",
            "[]",
            "7",
            "{",
            r#"{"tenant_id": "acme", "user_id": 7, "role": ["root"]}"#,
            r#"{"tenant_id": "acme", "user_id": 7, "roles": "contractor"}"#,
            r#"{"tenant_id": "acme", "user_id": 7, "roles": [["contractor"]]}"#,
            r#"{"tenant_id": "acme", "user_id": 7, "roles": null}"#,
            r#"{"tenant_id": "acme", "user_id": 7, "metadata": []}"#,
            r#"{"tenant_id": "ac\u0000me", "user_id": 7}"#,
            r#"{"tenant_id": "acme", "user_id": 7} {}"#,
        ];
        for setting in broken {
            for table in ["regions", "accounts", "tickets"] {
                let sql = format!("SELECT id::text FROM {table}");
                assert_eq!(test.as_role(&test.role(), setting, &sql).await, Ok(Vec::new()), "{setting} {table}");
            }
        }
        let whole = r#"{"tenant_id": "acme", "user_id": 7}"#;
        assert!(!test.as_role(&test.role(), whole, "SELECT id::text FROM tickets").await.unwrap().is_empty());
    });
}

#[test]
fn the_role_names_only_what_the_policy_opens() {
    on_postgres(async |test| {
        test.execute(&world::statements()).await;
        test.execute(script(world::POLICY, world::catalog(), &test.role()).body()).await;
        let who = Principal::new("acme").user(7).role("reader");
        for sql in [
            // Denied, and nothing needs it.
            "SELECT account_id::text, secret FROM tickets",
            "SELECT tickets::text FROM tickets",
            "UPDATE accounts SET name = 'mine'",
            "DELETE FROM notes",
            "UPDATE tickets SET tenant_id = 'globex'",
            "TRUNCATE tickets",
            "CREATE TABLE mine (id int)",
            // The functions behind the policies are not for calling, least of all those that read
            // tables as stored.
            "SELECT ormai_rls.principal()::text",
            "SELECT ormai_rls.condition_1(1)::text",
        ] {
            assert_eq!(seen(test, &who, sql).await, Err("42501".to_owned()), "{sql}");
        }
        // Denied as well, and a condition looks at it.
        assert!(seen(test, &who, "SELECT hidden::text FROM tickets").await.is_ok());
    });
}

#[test]
fn rows_of_others_are_neither_written_nor_taken_over() {
    on_postgres(async |test| {
        test.execute(&world::statements()).await;
        test.execute(script(world::POLICY, world::catalog(), &test.role()).body()).await;
        let who = Principal::new("acme").user(7).metadata("team", serde_json::json!([8]));
        let insert = |id: &str, tenant: &str, owner: &str, title: &str, ratio: &str| {
            format!(
                "INSERT INTO tickets (id, tenant_id, owner_id, title, ratio, created_at, day)
                 VALUES ({id}, {tenant}, {owner}, {title}, {ratio}, '2020-01-01Z', '2020-01-01')"
            )
        };
        let refused = Err("42501".to_owned());
        for (sql, is_open) in [
            (insert("1001", "'acme'", "7", "'new'", "0.5"), true),
            // Another tenant's, another owner's (whom the team lets read, not create), and one that
            // a condition with `check` keeps out.
            (insert("1002", "'globex'", "7", "'new'", "0.5"), false),
            (insert("1003", "'ACME'", "7", "'new'", "0.5"), false),
            (insert("1004", "'acme'", "8", "'new'", "0.5"), false),
            (insert("1005", "'acme'", "7", "'new'", "0.1"), false),
        ] {
            let done = seen(test, &who, &sql).await;
            assert_eq!(done, if is_open { Ok(Vec::new()) } else { refused.clone() }, "{sql}");
        }
        // Which rows an update or a delete reaches are those that can be read.
        let mine = seen(test, &who, "SELECT id::text FROM tickets WHERE owner_id = 7").await.unwrap();
        let reached =
            seen(test, &who, "UPDATE tickets SET score = 1 WHERE owner_id = 7 RETURNING id::text").await.unwrap();
        assert_eq!((mine.len(), mine.is_empty()), (reached.len(), false));
        assert_eq!(
            seen(test, &who, "DELETE FROM tickets WHERE tenant_id <> 'acme' RETURNING id::text").await,
            Ok(Vec::new())
        );
        // An updated row is given to nobody else.
        assert_eq!(seen(test, &who, "UPDATE tickets SET owner_id = 9 WHERE owner_id = 7").await, refused);
        // A contractor deletes nothing.
        let contractor = who.role("contractor");
        assert_eq!(seen(test, &contractor, "DELETE FROM tickets RETURNING id::text").await, Ok(Vec::new()));
    });
}

/// So many that a plan without an index would be slower.
const MANY_TENANTS: Size =
    Size { tenants: 200, users_per_tenant: 1, orders_per_tenant: 50, items_per_order: 0, documents_per_tenant: 0 };

#[test]
fn an_index_serves_the_scope_of_the_agents_role() {
    on_postgres(async |test| {
        test.load(&Dataset::generated(MANY_TENANTS)).await;
        test.execute(script(guide_policy(), guide_catalog(), &test.role()).body()).await;
        let who = Principal::new("tenant-007").user("user-007-00");
        let plan = seen(test, &who, "EXPLAIN SELECT id FROM orders").await.unwrap();
        let plan: Vec<String> = plan.into_iter().flatten().collect();
        let plan = plan.join("\n");
        assert!(plan.contains("Index Cond: (tenant_id = ANY"), "{plan}");
        assert!(!plan.contains("Seq Scan"), "{plan}");
    });
}

#[test]
fn attack_23_an_operator_that_somebody_put_beside_the_tables_decides_nothing() {
    on_postgres(async |test| {
        test.execute(
            "CREATE TABLE notes (id bigint PRIMARY KEY, tenant_id varchar(20) NOT NULL, body varchar(20) NOT NULL);
             INSERT INTO notes VALUES (1, 'acme', 'a'), (2, 'globex', 'g');
             CREATE FUNCTION yes(varchar, text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN true;
             CREATE FUNCTION lower(varchar) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'a';
             CREATE OPERATOR = (leftarg = varchar, rightarg = text, function = yes)",
        )
        .await;
        let catalog = ormai::db::introspect(&database(test), &IntrospectOptions::default()).await.unwrap();
        let policy = "models: {Note: {fields: {id: allow}, scoping: {tenant_id: principal.tenant_id},
            row_policies: [{name: a, condition: \"lower(body) = 'a' OR body = principal.user_id\", effect: restrict}]}}";
        test.execute(script(policy, catalog.build().unwrap(), &test.role()).body()).await;
        let sql = "SELECT id::text FROM notes";
        assert_eq!(seen(test, &Principal::new("acme").user("x"), sql).await, Ok(vec![Some("1".to_owned())]));
        assert_eq!(seen(test, &Principal::new("globex").user("x"), sql).await, Ok(Vec::new()));
        assert_eq!(seen(test, &Principal::new("nobody").user("x"), sql).await, Ok(Vec::new()));
    });
}
