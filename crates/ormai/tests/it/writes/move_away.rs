//! Attack 15: a row that is made for somebody else, or given away.

use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};

use super::{done, filter, introspected, refused, under, writable};
use crate::support::{acme, ask, code, globex};

/// Whose a row is is said by the request here, and by nothing else.
const SAID: &str = "
models:
  Order:
    fields: {id: allow, tenant_id: allow, user_id: allow, status: allow, total: allow, created_at: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow}
  User: {fields: {id: allow}, scoping: {tenant_id: principal.tenant_id}}
  Tenant: {fields: {id: allow}, scoping: {id: principal.tenant_id}}
";

const OWNED: &str = "
models:
  Note:
    fields: {id: allow, tenant_id: allow, owner_id: allow, body: allow}
    scoping: {tenant_id: principal.tenant_id, owner_id: principal.user_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow}
";

const FILLED: &str = "
models:
  Note:
    fields: {id: allow, tenant_id: allow, owner_id: allow, body: allow}
    scoping: {tenant_id: principal.tenant_id, owner_id: principal.user_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow,
        auto_set: {tenant_id: principal.tenant_id, owner_id: principal.user_id}}
";

const NOTES: &str = "CREATE TABLE notes (id bigint NOT NULL PRIMARY KEY, tenant_id varchar(40), owner_id varchar(40), body varchar(40));
    INSERT INTO notes VALUES (1, 'acme-corp', 'user-123', 'mine'), (2, 'acme-corp', 'user-124', 'bob''s'), (3, 'globex', 'user-123', 'theirs')";

fn with(more: &Json) -> Json {
    let mut data =
        json!({"id": 9, "user_id": "user-123", "status": "x", "total": "1.25", "created_at": "2026-02-01T00:00:00Z"});
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"model": "Order", "data": data})
}

/// Everything that is not `acme-corp`, byte for byte.
fn others() -> Vec<Json> {
    [
        "globex",
        "system",
        "nobody",
        "ACME-CORP",
        "Acme-Corp",
        "acme-corp ",
        " acme-corp",
        "\u{e1}cme-corp",
        "acme_corp",
        "acme-corp\t",
        "%",
        "",
        "'acme-corp'",
        "acme-corp,globex",
    ]
    .map(Json::from)
    .to_vec()
}

every_engine! {
    async fn attack_15_a_new_row_belongs_to_nobody_else(test: &TestDatabase) {
        let ormai = under(test, SAID).await;
        let first = refused(test, &ormai, &acme(), "create", with(&json!({"tenant_id": "globex"}))).await;
        assert_eq!(code(&first), "WRITE_NOT_ALLOWED");
        for tenant in others() {
            let answer = refused(test, &ormai, &acme(), "create", with(&json!({"tenant_id": tenant}))).await;
            assert_eq!(answer, first, "{tenant}");
        }
        for tenant in [json!(null), json!(0), json!(["acme-corp"]), json!({"eq": "acme-corp"}), json!(true), json!("acme-corp\0")] {
            let answer = refused(test, &ormai, &acme(), "create", with(&json!({"tenant_id": tenant}))).await;
            assert_eq!(code(&answer), "VALIDATION_ERROR", "{tenant}");
        }
        // Without one the database misses it.
        assert_eq!(code(&refused(test, &ormai, &acme(), "create", with(&json!({}))).await), "VALIDATION_ERROR");
        assert_eq!(done(&ormai, &acme(), "create", with(&json!({"tenant_id": "acme-corp"}))).await["tenant_id"], "acme-corp");
    }

    async fn attack_15_what_the_policy_sets_is_said_otherwise_by_nobody(test: &TestDatabase) {
        let ormai = writable(test).await;
        for tenant in others() {
            let data = json!({"id": 9, "user_id": "user-123", "status": "x", "total": 1, "tenant_id": tenant});
            let answer = refused(test, &ormai, &acme(), "create", json!({"model": "Order", "data": data})).await;
            assert_eq!((code(&answer), &answer["error"]["details"]["path"]), ("WRITE_NOT_ALLOWED", &json!("data.tenant_id")), "{tenant}");
            let data = json!({"id": "user-9", "name": "x", "email": "x", "tenant_id": tenant});
            assert_eq!(code(&refused(test, &ormai, &acme(), "create", json!({"model": "User", "data": data})).await), "WRITE_NOT_ALLOWED");
        }
        // A denied one does not exist.
        let data = json!({"id": 9, "order_id": 1, "sku": "x", "quantity": 1, "price": 1, "tenant_id": "acme-corp"});
        assert_eq!(code(&refused(test, &ormai, &acme(), "create", json!({"model": "OrderItem", "reason": "x", "data": data})).await), "FIELD_NOT_ALLOWED");
    }

    async fn attack_15_a_row_is_given_to_nobody(test: &TestDatabase) {
        let ormai = under(test, SAID).await;
        let first = refused(test, &ormai, &acme(), "update", json!({"model": "Order", "id": 1, "data": {"tenant_id": "globex"}})).await;
        assert_eq!(code(&first), "WRITE_NOT_ALLOWED");
        for tenant in others() {
            for data in [json!({"tenant_id": tenant}), json!({"tenant_id": tenant, "status": "y"})] {
                assert_eq!(refused(test, &ormai, &acme(), "update", json!({"model": "Order", "id": 1, "data": data})).await, first, "{tenant}");
                assert_eq!(refused(test, &ormai, &acme(), "bulk_update", json!({"model": "Order", "ids": [1, 2], "data": data})).await, first, "{tenant}");
                assert_eq!(refused(test, &ormai, &acme(), "bulk_update", json!({"model": "Order", "filters": [filter("id", "lt", 3)], "data": data})).await, first, "{tenant}");
            }
        }
        assert_eq!(done(&ormai, &acme(), "update", json!({"model": "Order", "id": 1, "data": {"tenant_id": "acme-corp"}})).await["tenant_id"], "acme-corp");
        // Nor is one taken.
        for (tool, arguments, expected) in [
            ("update", json!({"model": "Order", "id": 4, "data": {"tenant_id": "acme-corp"}}), "RECORD_NOT_FOUND"),
            ("update", json!({"model": "Order", "id": 404, "data": {"tenant_id": "acme-corp"}}), "RECORD_NOT_FOUND"),
        ] {
            assert_eq!(code(&refused(test, &ormai, &acme(), tool, arguments).await), expected);
        }
        let before = test.contents().await;
        assert_eq!(done(&ormai, &acme(), "bulk_update", json!({"model": "Order", "ids": [4, 5], "data": {"tenant_id": "acme-corp"}})).await, json!({"updated_count": 0}));
        assert_eq!(test.contents().await, before);
    }

    async fn attack_15_an_owner_is_the_caller(test: &TestDatabase) {
        test.execute(NOTES).await;
        let ormai = introspected(test, OWNED).await;
        for (tenant, owner) in [("acme-corp", json!("user-124")), ("acme-corp", json!("USER-123")), ("acme-corp", json!("user-123 ")), ("acme-corp", json!("")), ("acme-corp", json!(null)),
            ("globex", json!("user-123")), ("globex", json!("user-124"))] {
            let data = json!({"id": 9, "tenant_id": tenant, "owner_id": owner, "body": "x"});
            assert_eq!(code(&refused(test, &ormai, &acme(), "create", json!({"model": "Note", "data": data})).await), "WRITE_NOT_ALLOWED", "{tenant} {owner}");
            let data = json!({"tenant_id": tenant, "owner_id": owner});
            assert_eq!(code(&refused(test, &ormai, &acme(), "update", json!({"model": "Note", "id": 1, "data": data})).await), "WRITE_NOT_ALLOWED", "{tenant} {owner}");
        }
        // Left out they are NULL, which is nobody's.
        for data in [json!({"id": 9}), json!({"id": 9, "tenant_id": "acme-corp"}), json!({"id": 9, "owner_id": "user-123"}), json!({"id": 9, "tenant_id": null, "owner_id": null})] {
            assert_eq!(code(&refused(test, &ormai, &acme(), "create", json!({"model": "Note", "data": data})).await), "WRITE_NOT_ALLOWED", "{data}");
        }
        let data = json!({"id": 9, "tenant_id": "acme-corp", "owner_id": "user-123"});
        assert_eq!(done(&ormai, &acme(), "create", json!({"model": "Note", "data": data})).await["owner_id"], "user-123");
        // The notes of a colleague, and of one with the same name elsewhere.
        for id in [2, 3] {
            for (tool, arguments) in [("update", json!({"model": "Note", "id": id, "data": {"body": "x"}})), ("delete", json!({"model": "Note", "id": id}))] {
                assert_eq!(code(&refused(test, &ormai, &acme(), tool, arguments).await), "RECORD_NOT_FOUND");
            }
        }
    }

    async fn attack_15_tenant_and_owner_are_filled_in(test: &TestDatabase) {
        test.execute(NOTES).await;
        let ormai = introspected(test, FILLED).await;
        let note = done(&ormai, &acme(), "create", json!({"model": "Note", "data": {"id": 9, "body": "x"}})).await;
        assert_eq!(note, json!({"id": 9, "tenant_id": "acme-corp", "owner_id": "user-123", "body": "x"}));
        for data in [json!({"owner_id": "user-124"}), json!({"owner_id": null}), json!({"tenant_id": null}), json!({"tenant_id": "globex"}), json!({"tenant_id": "globex", "owner_id": "user-201"})] {
            let mut whole = json!({"id": 10, "body": "x"});
            whole.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
            assert_eq!(code(&refused(test, &ormai, &acme(), "create", json!({"model": "Note", "data": whole})).await), "WRITE_NOT_ALLOWED", "{data}");
        }
    }

    async fn attack_15_metadata_and_reason_say_nothing_of_whose_a_row_is(test: &TestDatabase) {
        let ormai = writable(test).await;
        ormai.install().await.unwrap();
        let imitation = acme().metadata("tenant_id", "globex").metadata("user_id", "user-201").metadata("roles", json!(["super_admin"])).metadata("principal", json!({"tenant_id": "globex"}));
        let data = json!({"id": 9, "user_id": "user-123", "status": "x", "total": 1});
        let order = ask(&ormai, &imitation, "create", json!({"model": "Order", "data": data, "reason": "as globex", "idempotency_key": "globex"})).await;
        assert_eq!(order["data"]["tenant_id"], "acme-corp");
        assert_eq!(code(&ask(&ormai, &globex(), "get", json!({"model": "Order", "id": 9})).await), "RECORD_NOT_FOUND");
        for key in ["tenant_id", "principal", "user_id", "roles", "tenant", "as"] {
            let mut arguments = json!({"model": "Order", "id": 1, "data": {"status": "y"}});
            arguments[key] = json!("globex");
            assert_eq!(code(&refused(test, &ormai, &acme(), "update", arguments).await), "VALIDATION_ERROR", "{key}");
        }
    }
}
