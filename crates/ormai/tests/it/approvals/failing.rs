//! A store that fails between two steps.

use std::sync::Arc;
use std::sync::Mutex;

use ormai::approvals::{Approval, ApprovalFilter, ApprovalStore, Change, MemoryApprovals, Status, StoreError, Storing};
use ormai::prelude::*;
use ormai_testkit::{Dataset, every_engine};
use serde_json::Value as Json;

use super::{POLICY, after, agent, ask, by, manager, note, noted, with_store};
use crate::support::{code, outcome};

/// Fails at the steps that are named, each once.
#[derive(Debug)]
struct Failing(MemoryApprovals, Mutex<Vec<&'static str>>);

impl Failing {
    fn at(steps: &[&'static str]) -> Arc<Self> {
        Arc::new(Self(MemoryApprovals::new(), Mutex::new(steps.to_vec())))
    }

    fn step(&self, step: &str) -> Result<(), StoreError> {
        let mut steps = self.1.lock().unwrap();
        match steps.iter().position(|failing| *failing == step) {
            Some(at) => {
                steps.remove(at);
                Err(StoreError::Unavailable("it is away".to_owned()))
            }
            None => Ok(()),
        }
    }
}

impl ApprovalStore for Failing {
    fn park<'a>(&'a self, approval: &'a Approval) -> Storing<'a, ()> {
        Box::pin(async move {
            self.step("park")?;
            self.0.park(approval).await
        })
    }

    fn find<'a>(&'a self, id: &'a str) -> Storing<'a, Option<Approval>> {
        self.0.find(id)
    }

    fn list<'a>(&'a self, tenant: Option<&'a Json>, filter: &'a ApprovalFilter) -> Storing<'a, Vec<Approval>> {
        self.0.list(tenant, filter)
    }

    fn advance<'a>(&'a self, id: &'a str, from: Status, to: Status, change: Change<'a>) -> Storing<'a, bool> {
        Box::pin(async move {
            self.step(to.as_str())?;
            self.0.advance(id, from, to, change).await
        })
    }

    fn install(&self) -> Storing<'_, Vec<&'static str>> {
        self.0.install()
    }
}

every_engine! {
    async fn what_cannot_be_parked_is_no_yes_and_can_be_asked_again(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        for request in [note("plain"), note("keyed").idempotency_key("k")] {
            let ormai = with_store(test, POLICY, Failing::at(&["park"])).await;
            let arguments = ormai::request::Request::from(request.clone()).arguments().unwrap();
            let ctx = RunContext::new(agent()).now(after(0));
            let told = outcome(&ctx, &ormai, "update", &arguments).await;
            assert_eq!((code(&told), &told["error"]["retryable"]), ("DATABASE_UNAVAILABLE", &Json::Bool(true)));
            let id = ask(&ormai, agent(), request.clone()).await;
            assert_eq!(ormai.approvals().approve(&by(manager()), &id, None).await.unwrap().status, Status::Executed);
            assert_eq!(noted(&ormai, 1).await, request.data["note"]);
        }
    }

    async fn a_word_that_is_not_stored_is_not_said(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let ormai = with_store(test, POLICY, Failing::at(&["approved"])).await;
        let id = ask(&ormai, agent(), note("said")).await;
        let failed = ormai.approvals().approve(&by(manager()), &id, None).await.unwrap_err();
        assert_eq!(failed.code, ErrorCode::DatabaseUnavailable);
        assert_eq!(noted(&ormai, 1).await, Json::Null);
        let stranger = Principal::new("acme-corp").user("other").role("manager");
        assert_eq!(ormai.approvals().approve(&by(stranger), &id, None).await.unwrap().status, Status::Executed);
    }

    /// The process ends after the write and before its mark.
    async fn a_write_that_was_made_and_not_marked_is_marked_and_not_made_again(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let ormai = with_store(test, POLICY, Failing::at(&["executed"])).await;
        let id = ask(&ormai, agent(), note("made")).await;
        let failed = ormai.approvals().approve(&by(manager()), &id, None).await.unwrap_err();
        assert!(failed.retryable, "{failed}");
        assert_eq!(noted(&ormai, 1).await, "made");
        assert_eq!(ormai.approvals().show(&by(manager()), &id).await.unwrap().status, Status::Approved);
        test.execute("UPDATE orders SET note = 'since' WHERE id = 1").await;
        // Also when its time is over and another policy is in force: it was made in time.
        let later = POLICY.replace("version: 1", "version: 2");
        ormai.reload_text(&later, ormai::policy::Format::Yaml).await.unwrap();
        let marked = ormai.approvals().resume_at(&id, after(100_000)).await.unwrap();
        assert_eq!(marked.status, Status::Executed);
        assert_eq!(serde_json::to_value(marked.outcome).unwrap()["affected_count"], 1);
        assert_eq!(noted(&ormai, 1).await, "since");
    }
}
