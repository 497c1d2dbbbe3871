//! An approval used twice, for another request, by the requester, after expiry, after the policy
//! changed, by a stranger; and nobody's word is no.

use std::sync::Arc;

use ormai::approvals::{ApprovalFilter, SqlApprovals, Status};
use ormai::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};
use ormai::prelude::*;
use ormai::principal::CallContext;
use ormai::request::{BulkUpdate, Create, Delete, Request, Update};
use ormai::{Dialect, Engine, Keys, WriteCall};
use ormai_core::cursor::CursorKey;
use ormai_testkit::{Dataset, every_engine, guide_catalog};
use serde_json::{Value as Json, json};

use super::{POLICY, after, agent, ask, by, manager, note, noted, refused, shop, with_store};

every_engine! {
    async fn attack_20_an_approval_is_good_for_one_write(test: &TestDatabase) {
        let ormai = shop(test).await;
        let id = ask(&ormai, agent(), note("once")).await;
        assert_eq!(noted(&ormai, 1).await, Json::Null);
        let approved = ormai.approvals().approve(&by(manager()), &id, Some("fine")).await.unwrap();
        assert_eq!(approved.status, Status::Executed);
        assert_eq!(noted(&ormai, 1).await, "once");
        test.execute("UPDATE orders SET note = 'since' WHERE id = 1").await;
        assert_eq!(refused(ormai.approvals().approve(&by(manager()), &id, None).await), (ErrorCode::Conflict, json!("executed")));
        assert_eq!(refused(ormai.approvals().reject(&by(manager()), &id, None).await), (ErrorCode::Conflict, json!("executed")));
        assert_eq!(ormai.approvals().resume(&id).await.unwrap().status, Status::Executed);
        assert_eq!(noted(&ormai, 1).await, "since");
    }

    /// What is approved is what was asked: the next request waits for its own word.
    async fn attack_20_an_approval_is_for_one_request(test: &TestDatabase) {
        let ormai = shop(test).await;
        let first = ask(&ormai, agent(), note("first")).await;
        let second = ask(&ormai, agent(), note("second")).await;
        assert_ne!(first, second);
        ormai.approvals().approve(&by(manager()), &first, None).await.unwrap();
        assert_eq!(noted(&ormai, 1).await, "first");
        assert_eq!(ormai.approvals().show(&by(manager()), &second).await.unwrap().status, Status::Pending);
    }

    async fn attack_20_the_requester_approves(test: &TestDatabase) {
        let ormai = shop(test).await;
        // Whatever the roles are by then, the user is the same.
        let id = ask(&ormai, agent().role("manager"), note("own")).await;
        for role in ["manager", "super_admin"] {
            let itself = agent().role("manager").role(role);
            let outcome = ormai.approvals().approve(&by(itself.clone()), &id, None).await;
            assert_eq!(refused(outcome), (ErrorCode::WriteNotAllowed, Json::Null));
            let outcome = ormai.approvals().reject(&by(itself), &id, None).await;
            assert_eq!(refused(outcome), (ErrorCode::WriteNotAllowed, Json::Null));
        }
        assert_eq!(noted(&ormai, 1).await, Json::Null);
        assert_eq!(ormai.approvals().show(&by(agent()), &id).await.unwrap().status, Status::Pending);
    }

    async fn attack_20_an_approval_after_its_time(test: &TestDatabase) {
        let ormai = shop(test).await;
        let (late, last) = (ask(&ormai, agent(), note("late")).await, ask(&ormai, agent(), note("last")).await);
        let at = |second| RunContext::new(manager()).now(after(second));
        assert_eq!(refused(ormai.approvals().approve(&at(3_600), &late, None).await), (ErrorCode::Conflict, json!("expired")));
        // Turning the clock back does not help it.
        assert_eq!(refused(ormai.approvals().approve(&at(60), &late, None).await), (ErrorCode::Conflict, json!("expired")));
        assert_eq!(refused(ormai.approvals().resume_at(&late, after(60)).await), (ErrorCode::Conflict, json!("expired")));
        assert_eq!(noted(&ormai, 1).await, Json::Null);
        assert_eq!(ormai.approvals().show(&at(3_600), &last).await.unwrap().status, Status::Expired);
        let expired = ormai.approvals().list(&at(3_600), &ApprovalFilter::new().status(Status::Expired)).await.unwrap();
        assert_eq!(expired.len(), 2);
        assert_eq!(ormai.approvals().approve(&at(3_599), &last, None).await.unwrap().status, Status::Executed);
    }

    async fn attack_20_an_approval_under_another_policy(test: &TestDatabase) {
        let ormai = shop(test).await;
        let id = ask(&ormai, agent(), note("before")).await;
        ormai.reload_text(&POLICY.replace("version: 1", "version: 2"), Format::Yaml).await.unwrap();
        assert_eq!(refused(ormai.approvals().approve(&by(manager()), &id, None).await), (ErrorCode::Conflict, json!("void")));
        // The first policy comes back, and the request does not.
        ormai.reload_text(POLICY, Format::Yaml).await.unwrap();
        assert_eq!(refused(ormai.approvals().approve(&by(manager()), &id, None).await), (ErrorCode::Conflict, json!("void")));
        assert_eq!(noted(&ormai, 1).await, Json::Null);
    }

    /// For everybody but approvers and the requester there is no such request.
    async fn attack_20_a_stranger_approves(test: &TestDatabase) {
        let ormai = shop(test).await;
        let id = ask(&ormai, agent(), note("mine")).await;
        let acme = || Principal::new("acme-corp").user("boss");
        let strangers = [
            ("another tenant's manager", Principal::new("globex").user("boss").role("manager")),
            ("a tenant spelt alike", Principal::new("ACME-CORP").user("boss").role("manager")),
            ("another letter case", acme().role("Manager")),
            ("a blank", acme().role("manager ")),
            ("no role", acme()),
            ("another role", acme().role("support")),
            ("a bypass alone", acme().role("super_admin")),
            ("a bypass of another tenant alone", Principal::new("system").user("root").role("super_admin")),
            ("no tenant", Principal::without_tenant().user("boss").role("manager")),
            ("an empty tenant", Principal::new("").user("boss").role("manager")),
            ("no user", Principal::new("acme-corp").role("manager")),
            ("the requester by another tenant", Principal::new("system").user("user-123").role("manager").role("super_admin")),
            ("an empty user", Principal::new("acme-corp").user("").role("manager")),
            ("metadata that imitates", acme().metadata("roles", json!(["manager"]))),
        ];
        let missing = ormai.approvals().show(&by(manager()), "apr-nothing").await.unwrap_err();
        for (who, principal) in strangers {
            let ctx = by(principal);
            for outcome in [
                ormai.approvals().show(&ctx, &id).await,
                ormai.approvals().approve(&ctx, &id, None).await,
                ormai.approvals().reject(&ctx, &id, None).await,
            ] {
                assert_eq!(outcome.unwrap_err(), missing, "{who}");
            }
            assert_eq!(ormai.approvals().list(&ctx, &ApprovalFilter::new()).await.unwrap(), [], "{who}");
        }
        assert_eq!(noted(&ormai, 1).await, Json::Null);
        assert_eq!(ormai.approvals().show(&by(manager()), &id).await.unwrap().status, Status::Pending);
    }

    /// `7` and `"7"` are one user where a column of integers makes them so.
    async fn attack_20_the_requester_spelt_as_another_type(test: &TestDatabase) {
        let ormai = shop(test).await;
        let seven = |user: Json| Principal::new("acme-corp").user(user).role("manager");
        for (asks, approves) in [(json!(7), json!("7")), (json!("7"), json!(7)), (json!("null"), Json::Null)] {
            let id = ask(&ormai, seven(asks), note("own")).await;
            assert!(ormai.approvals().approve(&by(seven(approves)), &id, None).await.is_err());
            assert_eq!(ormai.approvals().show(&by(manager()), &id).await.unwrap().status, Status::Pending);
        }
    }

    async fn attack_20_what_is_no_approvals_name_is_not_there(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let store = Arc::new(SqlApprovals::connect(test.url()).await.unwrap());
        let ormai = with_store(test, POLICY, store).await;
        let id = ask(&ormai, agent(), note("x")).await;
        let missing = ormai.approvals().show(&by(manager()), "apr-1").await.unwrap_err();
        assert_eq!(missing.code, ErrorCode::RecordNotFound);
        let upper = id.to_uppercase();
        let long = format!("apr-{}", "a".repeat(100_000));
        for name in ["", "apr-", "apr-é", "apr-\0", "apr-%", "apr-' OR 1 = 1 --", " ", &upper, &format!("{id} "), &long] {
            assert_eq!(ormai.approvals().approve(&by(manager()), name, None).await.unwrap_err(), missing, "{name}");
        }
        let filter = ApprovalFilter::new().before("' OR 1 = 1");
        assert_eq!(ormai.approvals().list(&by(manager()), &filter).await.unwrap_err().code, ErrorCode::ValidationError);
        let long = "a".repeat(100_000);
        let refused = ormai.approvals().approve(&by(manager()), &id, Some(&long)).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::ValidationError);
        // What a note says is kept as it is.
        let note = "'; \0 \\ \" é 𝄞";
        let approved = ormai.approvals().approve(&by(manager()), &id, Some(note)).await.unwrap();
        assert_eq!(approved.decision.unwrap().note.as_deref(), Some(note));
    }

    async fn attack_20_another_tenants_approver_needs_a_bypass_too(test: &TestDatabase) {
        let ormai = shop(test).await;
        let id = ask(&ormai, agent(), note("from above")).await;
        let above = Principal::new("system").user("root").role("super_admin").role("manager");
        assert_eq!(ormai.approvals().list(&by(above.clone()), &ApprovalFilter::new()).await.unwrap().len(), 1);
        assert_eq!(ormai.approvals().approve(&by(above), &id, None).await.unwrap().status, Status::Executed);
        assert_eq!(noted(&ormai, 1).await, "from above");
    }

    /// An approver who says nothing, fails, or says no.
    async fn attack_20_whoever_does_not_say_yes_says_no(test: &TestDatabase) {
        let ormai = shop(test).await;
        let id = ask(&ormai, agent(), note("no")).await;
        assert_eq!(refused(ormai.approvals().resume_at(&id, after(60)).await), (ErrorCode::Conflict, json!("pending")));
        // A word that was dropped before it was said.
        drop(ormai.approvals().approve(&by(manager()), &id, None));
        assert_eq!(noted(&ormai, 1).await, Json::Null);
        let rejected = ormai.approvals().reject(&by(manager()), &id, Some("too late")).await.unwrap();
        assert_eq!((rejected.status, rejected.decision.unwrap().note.as_deref()), (Status::Rejected, Some("too late")));
        assert_eq!(refused(ormai.approvals().approve(&by(manager()), &id, None).await), (ErrorCode::Conflict, json!("rejected")));
        assert_eq!(refused(ormai.approvals().resume_at(&id, after(60)).await), (ErrorCode::Conflict, json!("rejected")));
        assert_eq!(noted(&ormai, 1).await, Json::Null);
    }

    /// A yes says nothing about the row as it is by then.
    async fn attack_20_what_is_approved_is_authorised_again(test: &TestDatabase) {
        let ormai = shop(test).await;
        let id = ask(&ormai, agent(), note("moved")).await;
        test.execute("UPDATE orders SET tenant_id = 'globex', user_id = 'user-201' WHERE id = 1").await;
        let failed = ormai.approvals().approve(&by(manager()), &id, None).await.unwrap();
        assert_eq!(failed.status, Status::Failed);
        let outcome = serde_json::to_value(failed.outcome).unwrap();
        assert_eq!(outcome["error"]["code"], "RECORD_NOT_FOUND");
        // It came back; a new word is needed.
        test.execute("UPDATE orders SET tenant_id = 'acme-corp', user_id = 'user-123' WHERE id = 1").await;
        assert_eq!(ormai.approvals().resume_at(&id, after(60)).await.unwrap().status, Status::Failed);
        assert_eq!(refused(ormai.approvals().approve(&by(manager()), &id, None).await), (ErrorCode::Conflict, json!("failed")));
        assert_eq!(noted(&ormai, 1).await, Json::Null);
    }

    async fn every_kind_of_write_can_wait(test: &TestDatabase) {
        let ormai = shop(test).await;
        let create = Create::new("Order").set("id", 900).set("user_id", "user-123").set("status", "new").set("total", "1.00");
        let bulk = BulkUpdate::new("Order").ids([1, 2]).set("note", "both");
        let writes: [Request; 3] = [create.into(), bulk.into(), Delete::new("Order", 900).into()];
        let mut counts = Vec::new();
        for write in writes {
            let id = ask(&ormai, agent(), write).await;
            let made = ormai.approvals().approve(&by(manager()), &id, None).await.unwrap();
            counts.push(serde_json::to_value(made.outcome).unwrap());
        }
        assert_eq!(counts, [1, 2, 1].map(|count| json!({"affected_count": count})));
        assert_eq!(noted(&ormai, 2).await, "both");
    }
}

/// Who drives a write by hand gets no statement of one that somebody else has to approve.
#[test]
fn attack_20_no_statement_comes_out_before_the_approval() {
    let catalog = Arc::new(guide_catalog());
    let document = PolicyDocument::parse(POLICY, Format::Yaml).unwrap();
    let policy = CompiledPolicy::compile(&document, catalog, CompileOptions { has_hash_key: false }).unwrap();
    let keys = Keys { cursor: CursorKey::new(&[7; 32]), hash: None };
    let engine = Arc::new(Engine::new(policy, Dialect::Postgres, keys));
    let context = CallContext { principal: agent(), request_id: "1".to_owned(), trace_id: None, now: after(0) };
    let create = Create::new("Order").set("id", 9).set("user_id", "user-123").set("status", "a").set("total", 1);
    let writes: [Request; 4] = [
        create.into(),
        Update::new("Order", 1).set("note", "x").into(),
        Delete::new("Order", 1).into(),
        BulkUpdate::new("Order").ids([1]).set("note", "x").into(),
    ];
    for write in writes {
        let begun = WriteCall::begin(Arc::clone(&engine), context.clone(), &write);
        assert_eq!(begun.unwrap_err().code, ErrorCode::ApprovalRequired, "{write:?}");
        let mut dry = WriteCall::begin(Arc::clone(&engine), context.clone(), &write.into_dry_run()).unwrap();
        assert!(dry.statement().unwrap().is_some());
    }
}
