//! What others write between the steps of a transaction.

use ormai::db::{ConnectOptions, Database};
use ormai::policy::Format;
use ormai::prelude::*;
use ormai_testkit::TestDatabase;
use serde_json::json;

use crate::support::acme;

const POLICY: &str = "
version: 1
models:
  Item:
    allowed: true
    fields: {id: allow, tenant_id: allow, word: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {update: allow}
";

/// On the servers only: on SQLite nobody else writes meanwhile.
async fn an_update_that_others_made_before_is_answered_with_the_row_as_it_is(test: &TestDatabase) {
    test.execute(
        "CREATE TABLE items (id bigint PRIMARY KEY, tenant_id varchar(20) NOT NULL, word varchar(9) NOT NULL);
        INSERT INTO items VALUES (1, 'acme-corp', 'first')",
    )
    .await;
    let database = Database::connect(test.url(), &ConnectOptions::default()).await.unwrap();
    let ormai = OrmAi::builder().database(database).policy_text(POLICY, Format::Yaml).build().await.unwrap();
    let (tools, ctx) = (ormai.tools(), RunContext::new(acme()));
    let told = tools.transaction(&ctx, async |tx: &RunContext<'_>| {
        tools.query(tx, Query::model("Item")).await?;
        tools.update(&RunContext::new(acme()), Update::new("Item", 1).set("word", "second")).await?;
        Ok(tools.update(tx, Update::new("Item", 1).set("word", "second")).await?)
    });
    let told = serde_json::to_value(told.await.unwrap().data).unwrap();
    assert_eq!(told, json!({"id": 1, "tenant_id": "acme-corp", "word": "second"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_others_made_before_is_answered_with_the_row_as_it_is_on_postgres() {
    an_update_that_others_made_before_is_answered_with_the_row_as_it_is(&TestDatabase::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_others_made_before_is_answered_with_the_row_as_it_is_on_mysql() {
    an_update_that_others_made_before_is_answered_with_the_row_as_it_is(&TestDatabase::mysql().await).await;
}
