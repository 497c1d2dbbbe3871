//! Row policies on what is written: permits, restrictions with and without a check, and conditions
//! that look at other rows.

use ormai::prelude::*;
use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};

use super::{done, filter, introspected, refused, writable};
use crate::support::{acme, ask, child, code, column, globex};

const NOTES: &str = "CREATE TABLE notes (id bigint NOT NULL PRIMARY KEY, tenant_id varchar(40) NOT NULL, state varchar(20) NOT NULL DEFAULT 'open', level integer, deleted boolean NOT NULL DEFAULT false);
    INSERT INTO notes (id, tenant_id, state, level) VALUES (1, 'acme-corp', 'open', 1), (2, 'acme-corp', 'closed', 2), (3, 'globex', 'open', 3), (4, 'root', 'open', NULL)";

fn policy(rows: &str) -> String {
    format!(
        "
models:
  Note:
    fields: {{id: allow, tenant_id: allow, state: allow, level: allow, deleted: allow}}
    scoping: {{tenant_id: principal.tenant_id}}
    row_policies:
{rows}
    write_policy: {{create: allow, update: allow, delete: allow, bulk_update: allow}}
"
    )
}

async fn notes(test: &ormai_testkit::TestDatabase, rows: &str) -> OrmAi {
    test.execute(NOTES).await;
    introspected(test, &policy(rows)).await
}

fn update(id: i64, data: Json) -> Json {
    json!({"model": "Note", "id": id, "data": data})
}

fn create(data: Json) -> Json {
    json!({"model": "Note", "data": data})
}

/// Somebody of acme's who is named a tenant beside.
fn beside(tenant: &str) -> Principal {
    acme().metadata("also", json!([tenant]))
}

every_engine! {
    async fn permit_of_reads_opens_no_write(test: &TestDatabase) {
        let ormai = notes(test, "      - {name: also, condition: tenant_id IN principal.metadata.also}").await;
        let who = beside("globex");
        assert_eq!(column(&ask(&ormai, &who, "query", json!({"model": "Note"})).await, "id"), [json!(1), json!(2), json!(3)]);
        for (tool, arguments, expected) in [
            ("update", update(3, json!({"state": "x"})), "RECORD_NOT_FOUND"), ("delete", json!({"model": "Note", "id": 3}), "RECORD_NOT_FOUND"),
            ("update", update(1, json!({"tenant_id": "globex"})), "WRITE_NOT_ALLOWED"), ("create", create(json!({"id": 9, "tenant_id": "globex"})), "WRITE_NOT_ALLOWED"),
        ] {
            assert_eq!(code(&refused(test, &ormai, &who, tool, arguments).await), expected);
        }
    }

    async fn permit_of_updates_lets_rows_be_changed_moved_and_not_deleted(test: &TestDatabase) {
        let ormai = notes(test, "      - {name: also, condition: tenant_id IN principal.metadata.also, operations: [read, update]}").await;
        let who = beside("globex");
        assert_eq!(done(&ormai, &who, "update", update(3, json!({"state": "x"}))).await["state"], "x");
        assert_eq!(done(&ormai, &who, "bulk_update", json!({"model": "Note", "filters": [filter("id", "gt", 0)], "data": {"level": 7}})).await, json!({"updated_count": 3}));
        assert_eq!(done(&ormai, &who, "update", update(1, json!({"tenant_id": "globex"}))).await["tenant_id"], "globex");
        assert_eq!(done(&ormai, &who, "update", update(1, json!({"tenant_id": "acme-corp"}))).await["tenant_id"], "acme-corp");
        for (tool, arguments, expected) in [
            ("delete", json!({"model": "Note", "id": 3}), "RECORD_NOT_FOUND"), ("create", create(json!({"id": 9, "tenant_id": "globex"})), "WRITE_NOT_ALLOWED"),
            ("update", update(1, json!({"tenant_id": "root"})), "WRITE_NOT_ALLOWED"), ("update", update(4, json!({"state": "x"})), "RECORD_NOT_FOUND"),
            ("update", update(3, json!({"tenant_id": "root"})), "WRITE_NOT_ALLOWED"),
        ] {
            assert_eq!(code(&refused(test, &ormai, &who, tool, arguments).await), expected);
        }
        // Nobody else has it.
        assert_eq!(code(&refused(test, &ormai, &acme(), "update", update(3, json!({"state": "x"}))).await), "RECORD_NOT_FOUND");
    }

    async fn permit_of_updates_alone_reaches_no_row_that_cannot_be_read(test: &TestDatabase) {
        let ormai = notes(test, "      - {name: also, condition: tenant_id IN principal.metadata.also, effect: permit, operations: [update]}").await;
        let who = beside("globex");
        assert_eq!(code(&refused(test, &ormai, &who, "update", update(3, json!({"state": "x"}))).await), "RECORD_NOT_FOUND");
        // What is given away may be out of sight afterwards.
        assert_eq!(done(&ormai, &who, "update", update(1, json!({"tenant_id": "globex"}))).await["tenant_id"], "globex");
        assert_eq!(code(&ask(&ormai, &who, "get", json!({"model": "Note", "id": 1})).await), "RECORD_NOT_FOUND");
    }

    async fn permit_without_a_check_admits_no_written_row(test: &TestDatabase) {
        let ormai = notes(test, "      - {name: also, condition: tenant_id IN principal.metadata.also, operations: [read, create, update], check: false}").await;
        let who = beside("globex");
        for (tool, arguments) in [("update", update(3, json!({"state": "x"}))), ("update", update(1, json!({"tenant_id": "globex"}))), ("create", create(json!({"id": 9, "tenant_id": "globex"})))] {
            assert_eq!(code(&refused(test, &ormai, &who, tool, arguments).await), "WRITE_NOT_ALLOWED");
        }
        // It may take a row over.
        assert_eq!(done(&ormai, &who, "update", update(3, json!({"tenant_id": "acme-corp"}))).await["tenant_id"], "acme-corp");
    }

    async fn restriction_on_the_state_hides_and_does_not_check(test: &TestDatabase) {
        let ormai = notes(test, "      - {name: open, condition: state = 'open'}").await;
        assert_eq!(code(&refused(test, &ormai, &acme(), "update", update(2, json!({"state": "open"}))).await), "RECORD_NOT_FOUND");
        // It leaves the writer's sight, and the answer is what was written.
        assert_eq!(done(&ormai, &acme(), "update", update(1, json!({"state": "closed"}))).await["state"], "closed");
        assert_eq!(code(&ask(&ormai, &acme(), "get", json!({"model": "Note", "id": 1})).await), "RECORD_NOT_FOUND");
        assert_eq!(done(&ormai, &acme(), "create", create(json!({"id": 9, "tenant_id": "acme-corp", "state": "closed"}))).await["state"], "closed");
    }

    async fn restriction_with_a_check_holds_for_what_is_written(test: &TestDatabase) {
        let ormai = notes(test, "      - {name: open, condition: state = 'open', check: true}").await;
        for (tool, arguments) in [
            ("update", update(1, json!({"state": "closed"}))), ("create", create(json!({"id": 9, "tenant_id": "acme-corp", "state": "closed"}))),
            ("bulk_update", json!({"model": "Note", "ids": [1], "data": {"state": "OPEN"}})), ("update", update(1, json!({"state": "open "}))),
        ] {
            assert_eq!(code(&refused(test, &ormai, &acme(), tool, arguments).await), "WRITE_NOT_ALLOWED");
        }
        // The default of the database satisfies it.
        assert_eq!(done(&ormai, &acme(), "create", create(json!({"id": 9, "tenant_id": "acme-corp"}))).await["state"], "open");
        assert_eq!(done(&ormai, &acme(), "update", update(1, json!({"level": 5}))).await["level"], 5);
    }

    async fn restriction_that_is_unknown_of_a_written_row_refuses_it(test: &TestDatabase) {
        let ormai = notes(test, "      - {name: low, condition: level < 5, check: true}").await;
        for level in [json!(null), json!(5), json!(100)] {
            assert_eq!(code(&refused(test, &ormai, &acme(), "update", update(1, json!({"level": level}))).await), "WRITE_NOT_ALLOWED");
            assert_eq!(code(&refused(test, &ormai, &acme(), "create", create(json!({"id": 9, "tenant_id": "acme-corp", "level": level}))).await), "WRITE_NOT_ALLOWED");
        }
        assert_eq!(done(&ormai, &acme(), "update", update(1, json!({"level": 4}))).await["level"], 4);
    }

    async fn restriction_on_the_principal_checks_unless_told_otherwise(test: &TestDatabase) {
        for (check, expected) in [("", false), (", check: false", true)] {
            test.execute(if check.is_empty() { NOTES } else { "UPDATE notes SET level = 1 WHERE id = 1" }).await;
            let ormai = introspected(test, &policy(&format!("      - {{name: level, condition: level <= principal.metadata.level{check}}}"))).await;
            let who = acme().metadata("level", 3);
            let arguments = update(1, json!({"level": 4}));
            if expected {
                assert_eq!(done(&ormai, &who, "update", arguments).await["level"], 4);
            } else {
                assert_eq!(code(&refused(test, &ormai, &who, "update", arguments).await), "WRITE_NOT_ALLOWED");
                // Without the attribute nothing is known, and nothing admitted.
                assert_eq!(code(&refused(test, &ormai, &acme(), "update", update(1, json!({"level": 1}))).await), "RECORD_NOT_FOUND");
            }
        }
    }

    async fn restriction_of_one_operation_is_none_of_another(test: &TestDatabase) {
        let ormai = notes(test, "      - {name: closed, condition: state = 'closed', operations: [delete]}\n      - {name: high, condition: level > 1, operations: [update]}").await;
        for (tool, arguments, expected) in [
            ("delete", json!({"model": "Note", "id": 1}), "RECORD_NOT_FOUND"), ("update", update(1, json!({"level": 9})), "RECORD_NOT_FOUND"),
        ] {
            assert_eq!(code(&refused(test, &ormai, &acme(), tool, arguments).await), expected);
        }
        assert_eq!(done(&ormai, &acme(), "bulk_update", json!({"model": "Note", "ids": [1, 2], "data": {"level": 3}})).await, json!({"updated_count": 1}));
        assert_eq!(done(&ormai, &acme(), "delete", json!({"model": "Note", "id": 2})).await["id"], 2);
        assert_eq!(done(&ormai, &acme(), "create", create(json!({"id": 9, "tenant_id": "acme-corp", "level": 0}))).await["level"], 0);
    }

    async fn condition_through_a_relation_holds_for_the_written_row(test: &TestDatabase) {
        test.execute("CREATE TABLE boards (id bigint NOT NULL PRIMARY KEY, tenant_id varchar(40) NOT NULL, locked boolean NOT NULL);
            CREATE TABLE cards (id bigint NOT NULL PRIMARY KEY, board_id bigint NOT NULL, words varchar(40), FOREIGN KEY (board_id) REFERENCES boards (id));
            INSERT INTO boards VALUES (1, 'acme-corp', false), (2, 'acme-corp', true), (3, 'globex', false);
            INSERT INTO cards VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')").await;
        let policy = |check: &str| format!("
models:
  Board: {{fields: {{id: allow}}, scoping: {{tenant_id: principal.tenant_id}}}}
  Card:
    fields: {{id: allow, board_id: allow, words: allow}}
    scoping: {{}}
    row_policies:
      - {{name: whose, condition: board.tenant_id = principal.tenant_id}}
      - {{name: unlocked, condition: board.locked = false, operations: [create, update, delete]{check}}}
    write_policy: {{create: allow, update: allow, delete: allow, bulk_update: allow}}
");
        let ormai = introspected(test, &policy(", check: true")).await;
        let card = |id: i64, data: Json| json!({"model": "Card", "id": id, "data": data});
        for (tool, arguments, expected) in [
            ("update", card(3, json!({"words": "x"})), "RECORD_NOT_FOUND"), ("update", card(2, json!({"words": "x"})), "RECORD_NOT_FOUND"), ("delete", json!({"model": "Card", "id": 2}), "RECORD_NOT_FOUND"),
            ("update", card(1, json!({"board_id": 3})), "VALIDATION_ERROR"), ("update", card(1, json!({"board_id": 404})), "VALIDATION_ERROR"), ("update", card(1, json!({"board_id": 2})), "WRITE_NOT_ALLOWED"),
            ("create", json!({"model": "Card", "data": {"id": 9, "board_id": 3}}), "VALIDATION_ERROR"), ("create", json!({"model": "Card", "data": {"id": 9, "board_id": 2}}), "WRITE_NOT_ALLOWED"),
            ("bulk_update", json!({"model": "Card", "ids": [1], "data": {"board_id": 2}}), "WRITE_NOT_ALLOWED"),
        ] {
            assert_eq!(code(&refused(test, &ormai, &acme(), tool, arguments.clone()).await), expected, "{arguments}");
        }
        assert_eq!(done(&ormai, &acme(), "create", json!({"model": "Card", "data": {"id": 9, "board_id": 1}})).await["board_id"], 1);
        let filters = json!([filter("id", "gt", 0)]);
        assert_eq!(done(&ormai, &acme(), "bulk_update", json!({"model": "Card", "filters": filters, "data": {"words": "y"}})).await, json!({"updated_count": 2}));
        // Without the check a card may go where it cannot be changed any more.
        let ormai = introspected(test, &policy("")).await;
        assert_eq!(done(&ormai, &acme(), "update", card(1, json!({"board_id": 2}))).await["board_id"], 2);
    }

    async fn a_document_of_everybodys_is_changed_by_its_owner_alone(test: &TestDatabase) {
        let ormai = writable(test).await;
        let document = |id: i64, data: Json| json!({"model": "Document", "id": id, "data": data});
        for (who, id) in [(acme(), 1), (acme(), 4), (acme(), 5), (globex(), 3), (globex(), 1), (child(), 3)] {
            assert_eq!(code(&refused(test, &ormai, &who, "update", document(id, json!({"title": "x"}))).await), "RECORD_NOT_FOUND");
            assert_eq!(code(&refused(test, &ormai, &who, "delete", json!({"model": "Document", "id": id})).await), "RECORD_NOT_FOUND");
        }
        for data in [json!({"tenant_id": "globex"}), json!({"tenant_id": "nobody"})] {
            assert_eq!(code(&refused(test, &ormai, &acme(), "update", document(3, data)).await), "VALIDATION_ERROR");
        }
        assert_eq!(code(&refused(test, &ormai, &acme(), "update", document(3, json!({"tenant_id": null}))).await), "WRITE_NOT_ALLOWED");
        assert_eq!(done(&ormai, &acme(), "update", document(2, json!({"is_public": true}))).await["is_public"], true);
        let created = refused(test, &ormai, &acme(), "create", json!({"model": "Document", "data": {"id": 9, "title": "x", "body": "x", "is_public": true}})).await;
        assert_eq!(code(&created), "WRITE_NOT_ALLOWED");
        // The cap of a list of everybody's counts my own.
        assert_eq!(done(&ormai, &acme(), "bulk_update", json!({"model": "Document", "filters": [filter("id", "gt", 0)], "data": {"body": "x"}})).await, json!({"updated_count": 2}));
    }
}
