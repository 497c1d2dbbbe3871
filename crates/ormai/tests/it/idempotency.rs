//! A write that is sent twice is made once.

use ormai::policy::Format;
use ormai::prelude::*;
use ormai::request::{BulkUpdate, Create, Delete, Request, Update};
use ormai_testkit::{Dataset, TestDatabase, every_engine, guide_catalog};
use serde_json::{Value as Json, json};

use crate::support::{CURSOR_KEY, acme, code, database, globex, outcome};

/// Orders are open to writes; a note is masked, so that what is recorded is what was shown.
const POLICY: &str = "
version: 1
models:
  User: {fields: {id: allow, name: allow}, scoping: {tenant_id: principal.tenant_id}}
  Order:
    fields: {id: allow, tenant_id: allow, user_id: allow, status: allow, total: allow, note: mask, created_at: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy:
      create: allow
      update: allow
      delete: allow
      bulk_update: allow
      auto_set: {tenant_id: principal.tenant_id, created_at: now()}
      immutable_fields: [tenant_id]
";

async fn shop(test: &TestDatabase) -> OrmAi {
    test.load(&Dataset::demo()).await;
    let ormai = uninstalled(test).await;
    ormai.install().await.unwrap();
    ormai
}

async fn uninstalled(test: &TestDatabase) -> OrmAi {
    OrmAi::builder()
        .database(database(test))
        .policy_text(POLICY, Format::Yaml)
        .catalog(guide_catalog())
        .cursor_key(CURSOR_KEY)
        .build()
        .await
        .unwrap()
}

fn new(id: i64) -> Create {
    let create =
        Create::new("Order").set("id", id).set("status", "new").set("total", "1.10").set("note", "s\"ec ret\\");
    create.set("user_id", "user-123")
}

async fn send(ormai: &OrmAi, who: &Principal, request: impl Into<Request>) -> Json {
    let request = request.into();
    outcome(&RunContext::new(who.clone()), ormai, request.tool().name(), &request.arguments().unwrap()).await
}

/// The bytes of the answer alone.
async fn bytes(ormai: &OrmAi, who: &Principal, request: impl Into<Request>) -> String {
    let request = request.into();
    let arguments = request.arguments().unwrap().to_string();
    let result =
        ormai.tools().call_json(&RunContext::new(who.clone()), request.tool().name(), arguments.as_bytes()).await;
    match result {
        ormai::CallResult::Answered { data, .. } => serde_json::to_string(&data).unwrap(),
        other => panic!("{other:?}"),
    }
}

every_engine! {
    async fn a_write_that_is_sent_again_has_its_first_answer_byte_for_byte(test: &TestDatabase) {
        let ormai = shop(test).await;
        let orders = test.count("orders").await;
        let writes: [Request; 4] = [
            new(900).idempotency_key("create").into(),
            Update::new("Order", 900).set("status", "é").set("total", "2.20").idempotency_key("update").into(),
            BulkUpdate::new("Order").ids([1, 900]).set("status", "both").idempotency_key("bulk").into(),
            Delete::new("Order", 900).idempotency_key("delete").into(),
        ];
        let mut first = Vec::new();
        for write in &writes {
            first.push(bytes(&ormai, &acme(), write.clone()).await);
        }
        // What happens since makes no difference.
        test.execute("UPDATE orders SET status = 'since', total = 9").await;
        for (write, first) in writes.iter().zip(&first) {
            assert_eq!(bytes(&ormai, &acme(), write.clone()).await, *first);
        }
        assert!(first[0].starts_with("{\"id\":900,"), "{}", first[0]);
        assert_eq!(first[2], "{\"updated_count\":2}");
        assert_eq!(test.count("orders").await, orders);
        assert_eq!(test.count("ormai_idempotency").await, 4);
        test.execute("CREATE VIEW written_again AS SELECT id FROM orders WHERE status <> 'since'").await;
        assert_eq!(test.count("written_again").await, 0);
    }

    async fn of_sixteen_who_send_the_same_at_once_one_writes(test: &TestDatabase) {
        let ormai = shop(test).await;
        let orders = test.count("orders").await;
        let senders = (0..16).map(|_| {
            let ormai = ormai.clone();
            tokio::spawn(async move {
                loop {
                    let told = send(&ormai, &acme(), new(900).idempotency_key("k")).await;
                    if told["error"]["retryable"] != json!(true) {
                        return told;
                    }
                }
            })
        });
        let mut answers = Vec::new();
        for sender in senders.collect::<Vec<_>>() {
            answers.push(sender.await.unwrap());
        }
        assert_eq!(answers[0]["data"]["id"], 900, "{}", answers[0]);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        assert_eq!(test.count("orders").await, orders + 1);
        assert_eq!(test.count("ormai_idempotency").await, 1);
    }

    async fn a_key_is_for_one_request(test: &TestDatabase) {
        let ormai = shop(test).await;
        send(&ormai, &acme(), new(900).idempotency_key("k")).await;
        let others: [Request; 4] = [
            new(901).idempotency_key("k").into(),
            new(900).set("status", "other").idempotency_key("k").into(),
            new(900).reason("why").idempotency_key("k").into(),
            Delete::new("Order", 900).idempotency_key("k").into(),
        ];
        for other in others {
            let told = send(&ormai, &acme(), other).await;
            assert_eq!(told["error"]["message"], "the idempotency key was used for another request");
            assert_eq!(code(&told), "CONFLICT");
        }
        test.execute("CREATE VIEW made AS SELECT id FROM orders WHERE id >= 900").await;
        test.execute("CREATE VIEW as_first AS SELECT id FROM orders WHERE id >= 900 AND status = 'new'").await;
        assert_eq!((test.count("made").await, test.count("as_first").await), (1, 1));
    }

    async fn a_key_is_one_users_of_one_tenant(test: &TestDatabase) {
        let ormai = shop(test).await;
        let theirs = new(901).set("user_id", "user-201").idempotency_key("k");
        assert_eq!(send(&ormai, &acme(), new(900).idempotency_key("k")).await["data"]["id"], 900);
        assert_eq!(send(&ormai, &globex(), theirs).await["data"]["id"], 901);
        let unnamed = Principal::new("acme-corp");
        assert_eq!(send(&ormai, &unnamed, new(902).idempotency_key("k")).await["data"]["id"], 902);
        assert_eq!(send(&ormai, &unnamed, new(902).idempotency_key("k")).await["data"]["id"], 902);
        assert_eq!(code(&send(&ormai, &unnamed, new(900).idempotency_key("k")).await), "CONFLICT");
        assert_eq!(test.count("ormai_idempotency").await, 3);
    }

    async fn a_write_that_fails_does_not_use_its_key_up(test: &TestDatabase) {
        let ormai = shop(test).await;
        let late = || Update::new("Order", 900).set("status", "late").idempotency_key("k");
        assert_eq!(code(&send(&ormai, &acme(), late()).await), "RECORD_NOT_FOUND");
        assert_eq!(test.count("ormai_idempotency").await, 0);
        // One that the database refuses.
        assert_eq!(code(&send(&ormai, &acme(), new(1).idempotency_key("l")).await), "CONFLICT");
        assert_eq!(test.count("ormai_idempotency").await, 0);
        send(&ormai, &acme(), new(900)).await;
        assert_eq!(send(&ormai, &acme(), late()).await["data"]["status"], "late");
        assert_eq!(send(&ormai, &acme(), new(902).idempotency_key("l")).await["data"]["id"], 902);
    }

    async fn a_dry_run_uses_no_key(test: &TestDatabase) {
        let ormai = shop(test).await;
        let dry = send(&ormai, &acme(), new(900).idempotency_key("k").dry_run()).await;
        assert_eq!(dry["data"]["dry_run"], true);
        assert_eq!(test.count("ormai_idempotency").await, 0);
        assert_eq!(send(&ormai, &acme(), new(900).idempotency_key("k")).await["data"]["id"], 900);
        let dry = send(&ormai, &acme(), new(901).idempotency_key("k").dry_run()).await;
        assert_eq!(dry["data"]["dry_run"], true);
    }

    /// What was shown then might not be shown now.
    async fn an_answer_of_another_policy_is_not_given_again(test: &TestDatabase) {
        let ormai = shop(test).await;
        send(&ormai, &acme(), new(900).idempotency_key("k")).await;
        ormai.reload_text(&POLICY.replace("total: allow, ", ""), Format::Yaml).await.unwrap();
        let told = send(&ormai, &acme(), Update::new("Order", 900).set("status", "x").idempotency_key("k")).await;
        assert_eq!(told["error"]["message"], "the idempotency key was used for another request");
        ormai.reload_text(&POLICY.replace("version: 1", "version: 2"), Format::Yaml).await.unwrap();
        let told = send(&ormai, &acme(), new(900).idempotency_key("k")).await;
        assert_eq!(code(&told), "CONFLICT");
        assert!(told["error"]["message"].as_str().unwrap().contains("before the policy changed"), "{told}");
        ormai.reload_text(POLICY, Format::Yaml).await.unwrap();
        assert_eq!(send(&ormai, &acme(), new(900).idempotency_key("k")).await["data"]["id"], 900);
    }

    /// Those without a user are one user of their tenant, and may see different rows of it.
    async fn law_2_an_answer_is_not_given_again_to_who_sees_other_rows(test: &TestDatabase) {
        let ormai = shop(test).await;
        let scoping = "scoping: {tenant_id: principal.tenant_id, user_id: principal.metadata.owner}";
        let (user, order) = POLICY.split_once("  Order:").unwrap();
        let order = order.replace("scoping: {tenant_id: principal.tenant_id}", scoping);
        ormai.reload_text(&format!("{user}  Order:{order}"), Format::Yaml).await.unwrap();
        let agent = |owner: &str| Principal::new("acme-corp").metadata("owner", owner);
        let (one, other) = (agent("user-123"), agent("user-124"));
        send(&ormai, &one, new(900)).await;
        let update = || Update::new("Order", 900).set("status", "x");
        assert_eq!(code(&send(&ormai, &other, update()).await), "RECORD_NOT_FOUND");
        let first = bytes(&ormai, &one, update().idempotency_key("k")).await;
        assert_eq!(bytes(&ormai, &one, update().idempotency_key("k")).await, first);
        assert_eq!(code(&send(&ormai, &other, update().idempotency_key("k")).await), "CONFLICT");
    }

    /// A right that is gone is gone for answers too.
    async fn an_answer_is_not_given_again_to_who_may_not_write_any_more(test: &TestDatabase) {
        let ormai = shop(test).await;
        send(&ormai, &acme(), new(900).idempotency_key("k")).await;
        let closed = Principal::new("acme-corp").user("user-123").role("reader");
        let policy = format!("{POLICY}    roles: {{reader: {{write_policy: {{create: deny}}}}}}\n");
        ormai.reload_text(&policy, Format::Yaml).await.unwrap();
        assert_eq!(code(&send(&ormai, &closed, new(900).idempotency_key("k")).await), "WRITE_NOT_ALLOWED");
    }

    async fn without_the_ledger_a_key_is_refused_and_never_ignored(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let ormai = uninstalled(test).await;
        let orders = test.count("orders").await;
        let told = send(&ormai, &acme(), new(900).idempotency_key("k")).await;
        assert_eq!(code(&told), "INTERNAL");
        assert!(told["error"]["hint"].as_str().unwrap().contains("ormai install"), "{told}");
        assert_eq!(test.count("orders").await, orders);
        assert_eq!(send(&ormai, &acme(), new(900)).await["data"]["id"], 900);
        assert_eq!(ormai.install().await.unwrap(), ["ormai_idempotency"]);
        assert_eq!(ormai.install().await.unwrap(), [] as [&str; 0]);
        assert_eq!(send(&ormai, &acme(), new(901).idempotency_key("k")).await["data"]["id"], 901);
    }

    /// In the caller's transaction a key is used when that commits.
    async fn a_key_goes_with_the_transaction_around_it(test: &TestDatabase) {
        let ormai = shop(test).await;
        let tools = ormai.tools();
        let ctx = RunContext::new(acme());
        let refused = tools
            .transaction(&ctx, async |tx| {
                tools.create(tx, new(900).idempotency_key("k")).await?;
                // Inside of it the key is used already.
                let again = tools.create(tx, new(900).idempotency_key("k")).await?;
                assert_eq!(again.data.affected(), 1);
                Err::<(), Error>(Error::new(ErrorCode::Conflict, "no"))
            })
            .await;
        assert!(refused.is_err());
        assert_eq!(test.count("ormai_idempotency").await, 0);
        assert_eq!(send(&ormai, &acme(), new(900).idempotency_key("k")).await["data"]["id"], 900);
    }

    async fn no_key_and_no_name_stands_in_the_ledger(test: &TestDatabase) {
        let ormai = shop(test).await;
        send(&ormai, &acme(), new(900).idempotency_key("the-key-itself")).await;
        let like = |word: &str| {
            let parts = ["id", "fingerprint", "answer"].map(|column| format!("{column} LIKE '%{word}%'"));
            format!("SELECT id FROM ormai_idempotency WHERE {}", parts.join(" OR "))
        };
        // Nor does the value that is masked in the answer.
        for (view, word, found) in [("keys", "the-key-itself", 0), ("masked", "ec ret", 0), ("shown", "user-123", 1)] {
            test.execute(&format!("CREATE VIEW {view}_told AS {}", like(word))).await;
            assert_eq!(test.count(&format!("{view}_told")).await, found, "{word}");
        }
    }
}
