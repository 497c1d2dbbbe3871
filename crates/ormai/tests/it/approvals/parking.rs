//! What is parked, and what is refused before it is.

use std::sync::Arc;

use jiff::Timestamp;
use ormai::approvals::{MemoryApprovals, Status};
use ormai::policy::Format;
use ormai::prelude::*;
use ormai::request::{Request, Update};
use ormai_testkit::{Dataset, every_engine, guide_catalog};
use serde_json::{Value as Json, json};

use super::{ASKED, POLICY, after, agent, ask, by, is_pending, manager, note, noted, shop, with_store};
use crate::support::{CURSOR_KEY, code, database, outcome};

async fn refused(ormai: &OrmAi, who: Principal, request: impl Into<Request>) -> Json {
    let request = request.into();
    let ctx = RunContext::new(who).now(after(0));
    outcome(&ctx, ormai, request.tool().name(), &request.arguments().unwrap()).await
}

every_engine! {
    async fn the_exact_request_waits_with_what_it_would_do(test: &TestDatabase) {
        let ormai = shop(test).await;
        let ctx = RunContext::new(agent()).now(after(0));
        let asked = ormai.tools().update(&ctx, note("later").reason("the customer asked")).await.unwrap();
        assert!(is_pending(&asked.data));
        let id = serde_json::to_value(&asked.data).unwrap()["approval_id"].as_str().unwrap().to_owned();
        let parked = ormai.approvals().show(&by(manager()), &id).await.unwrap();
        assert_eq!(parked.status, Status::Pending);
        assert_eq!(parked.requested_at, ASKED.parse::<Timestamp>().unwrap());
        assert_eq!(parked.expires_at, after(3_600));
        assert_eq!(parked.requester, agent());
        assert_eq!(
            parked.request,
            json!({"model": "Order", "id": 1, "data": {"note": "later"}, "reason": "the customer asked"})
        );
        assert_eq!((&parked.preview["affected_count"], &parked.preview["after"][0]["note"]), (&json!(1), &json!("later")));
        assert_eq!(noted(&ormai, 1).await, Json::Null);
    }

    async fn what_would_be_refused_is_refused_and_not_parked(test: &TestDatabase) {
        let ormai = shop(test).await;
        for (request, expected) in [
            (Update::new("Order", 4_242).set("note", "x"), "RECORD_NOT_FOUND"),
            (Update::new("Order", 1).set("tenant_id", "globex"), "WRITE_NOT_ALLOWED"),
            (Update::new("Order", 1).set("total", "much"), "VALIDATION_ERROR"),
            (Update::new("Order", 1).set("nothing", 1), "FIELD_NOT_ALLOWED"),
        ] {
            assert_eq!(code(&refused(&ormai, agent(), request.clone()).await), expected, "{request:?}");
        }
        let waiting = ormai.approvals().list(&by(manager()), &ormai::approvals::ApprovalFilter::new()).await.unwrap();
        assert_eq!(waiting, []);
    }

    async fn a_dry_run_asks_nobody(test: &TestDatabase) {
        let ormai = shop(test).await;
        let ctx = RunContext::new(agent());
        let preview = ormai.tools().update(&ctx, note("tried").dry_run()).await.unwrap();
        assert_eq!(serde_json::to_value(&preview.data).unwrap()["dry_run"], true);
        let waiting = ormai.approvals().list(&by(manager()), &ormai::approvals::ApprovalFilter::new()).await.unwrap();
        assert_eq!(waiting, []);
    }

    /// Under an idempotency key the same request waits once.
    async fn a_request_that_waits_is_not_parked_twice_under_one_key(test: &TestDatabase) {
        let ormai = shop(test).await;
        let keyed = || note("keyed").idempotency_key("k");
        let first = ask(&ormai, agent(), keyed()).await;
        assert_eq!(ask(&ormai, agent(), keyed()).await, first);
        ormai.approvals().approve(&by(manager()), &first, None).await.unwrap();
        assert_eq!(noted(&ormai, 1).await, "keyed");
        assert_eq!(ask(&ormai, agent(), keyed()).await, first);
        assert_eq!(code(&refused(&ormai, agent(), note("other").idempotency_key("k")).await), "CONFLICT");
        ormai.reload_text(&POLICY.replace("version: 1", "version: 2"), Format::Yaml).await.unwrap();
        let told = refused(&ormai, agent(), keyed()).await;
        assert!(told["error"]["message"].as_str().unwrap().contains("approval was asked for"), "{told}");
    }

    async fn what_nobody_could_approve_is_refused_at_once(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let built = |policy: &str| {
            let builder = OrmAi::builder().database(database(test)).catalog(guide_catalog()).cursor_key(CURSOR_KEY);
            builder.policy_text(policy, Format::Yaml)
        };
        // Without a store, and without the ledger.
        let ormai = built(POLICY).build().await.unwrap();
        assert_eq!(code(&refused(&ormai, agent(), note("x")).await), "APPROVAL_REQUIRED");
        let ormai = built(POLICY).approvals(Arc::new(MemoryApprovals::new())).build().await.unwrap();
        let told = refused(&ormai, agent(), note("x")).await;
        assert_eq!(code(&told), "APPROVAL_REQUIRED");
        assert!(told["error"]["hint"].as_str().unwrap().contains("ormai install"), "{told}");
        // Without approvers, and by nobody in particular.
        let nobody = POLICY.replace("approver_roles: [manager]", "approver_roles: []");
        let ormai = with_store(test, &nobody, Arc::new(MemoryApprovals::new())).await;
        assert_eq!(code(&refused(&ormai, agent(), note("x")).await), "APPROVAL_REQUIRED");
        let ormai = with_store(test, POLICY, Arc::new(MemoryApprovals::new())).await;
        for unnamed in [Principal::new("acme-corp"), Principal::new("acme-corp").user("")] {
            assert_eq!(code(&refused(&ormai, unnamed, note("x")).await), "PRINCIPAL_INCOMPLETE");
        }
        assert_eq!(noted(&ormai, 1).await, Json::Null);
    }

    /// An overlay of the requester's role has fewer approvers.
    async fn the_requesters_roles_say_who_approves(test: &TestDatabase) {
        let policy = format!("{POLICY}    roles: {{support: {{write_policy: {{approver_roles: [director]}}}}}}\n")
            .replace("approver_roles: [manager]", "approver_roles: [manager, director]");
        test.load(&Dataset::demo()).await;
        let ormai = with_store(test, &policy, Arc::new(MemoryApprovals::new())).await;
        let id = ask(&ormai, agent(), note("director")).await;
        let unseen = ormai.approvals().approve(&by(manager()), &id, None).await.unwrap_err();
        assert_eq!(unseen.code, ErrorCode::RecordNotFound);
        let director = Principal::new("acme-corp").user("boss").role("director");
        assert_eq!(ormai.approvals().approve(&by(director), &id, None).await.unwrap().status, Status::Executed);
    }
}
