//! Keys that are declared to replace the row that has them already. SQLite alone has these.

use ormai::db::{IntrospectOptions, introspect};
use ormai::policy::Format;
use ormai::prelude::*;
use ormai_testkit::TestDatabase;
use serde_json::json;

use crate::support::{acme, ask, database, globex};

const TABLES: &str = "
CREATE TABLE notes (
    id integer NOT NULL PRIMARY KEY ON CONFLICT REPLACE,
    tenant_id text NOT NULL,
    slug text UNIQUE ON CONFLICT IGNORE,
    title text UNIQUE ON CONFLICT REPLACE
);
INSERT INTO notes VALUES (1, 'globex', 'one', 'One'), (2, 'acme-corp', 'two', 'Two')";

const POLICY: &str = "
version: 1
default_field_action: allow
models:
  Note:
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, auto_set: {tenant_id: principal.tenant_id}}
";

#[tokio::test]
async fn attack_17_a_key_that_replaces_does_not_reach_another_tenants_row() {
    let test = TestDatabase::sqlite().await;
    test.execute(TABLES).await;
    let database = database(&test);
    let catalog = introspect(&database, &IntrospectOptions::default()).await.unwrap().build().unwrap();
    let ormai =
        OrmAi::builder().database(database).policy_text(POLICY, Format::Yaml).catalog(catalog).build().await.unwrap();
    let all = || async {
        let notes = json!({"model": "Note"});
        [ask(&ormai, &acme(), "query", notes.clone()).await, ask(&ormai, &globex(), "query", notes).await]
    };
    let before = all().await;
    for (tool, arguments) in [
        ("create", json!({"model": "Note", "data": {"id": 1, "title": "Mine"}})),
        ("create", json!({"model": "Note", "data": {"id": 3, "title": "One"}})),
        ("create", json!({"model": "Note", "data": {"id": 3, "slug": "one"}})),
        ("update", json!({"model": "Note", "id": 2, "data": {"title": "One"}})),
        ("update", json!({"model": "Note", "id": 2, "data": {"slug": "one"}})),
    ] {
        let answer = ask(&ormai, &acme(), tool, arguments.clone()).await;
        assert_eq!(answer["error"]["code"], "CONFLICT", "{tool} {arguments}");
        assert_eq!(all().await, before, "{tool} {arguments}");
    }
}
