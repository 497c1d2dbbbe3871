//! Where requests wait: the same in memory and in a table of each engine.

use std::sync::Arc;

use ormai::approvals::{
    Approval, ApprovalFilter, ApprovalStore, Change, Decision, MemoryApprovals, Outcome, SqlApprovals, Status,
    StoreError,
};
use ormai::principal::Principal;
use ormai::request::Tool;
use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};

fn approval(id: &str, tenant: impl Into<Json>) -> Approval {
    Approval {
        id: format!("apr-{id}"),
        status: Status::Pending,
        requested_at: "2026-01-02T03:04:05.678901Z".parse().unwrap(),
        expires_at: "2026-01-03T03:04:05.678901Z".parse().unwrap(),
        requester: Principal::new(tenant).user(7).role("sup'port").metadata("depth", json!({"a": [1, "é\u{0}"]})),
        policy_version: "1-abc".to_owned(),
        tool: Tool::Update,
        model: "Order".to_owned(),
        request: json!({"model": "Order", "id": 1, "data": {"note": "a'b\"c\\d\u{0} 𝄞", "total": 1.5}, "reason": "so"}),
        preview: json!({"dry_run": true, "affected_count": 1, "before": [], "after": []}),
        decision: None,
        outcome: None,
    }
}

fn decision(note: Option<&str>) -> Decision {
    Decision {
        tenant_id: json!("acme"),
        user_id: json!("boss"),
        at: "2026-01-02T04:00:00Z".parse().unwrap(),
        note: note.map(str::to_owned),
    }
}

async fn ids(store: &dyn ApprovalStore, tenant: Option<&Json>, filter: &ApprovalFilter) -> Vec<String> {
    store.list(tenant, filter).await.unwrap().into_iter().map(|approval| approval.id).collect()
}

async fn check(store: Arc<dyn ApprovalStore>) {
    let (acme, shout) = (json!("acme"), json!("ACME"));
    let parked = [approval("1", "acme"), approval("2", "ACME"), approval("3", "acme"), approval("4", Json::Null)];
    for approval in &parked {
        store.park(approval).await.unwrap();
    }
    assert!(store.park(&parked[0]).await.is_err(), "a name stands for one request");
    assert_eq!(store.find("apr-1").await.unwrap().as_ref(), Some(&parked[0]));
    assert_eq!(store.find("apr-9").await.unwrap(), None);
    assert_eq!(store.find("APR-1").await.unwrap(), None);

    let all = ApprovalFilter::new();
    assert_eq!(ids(&*store, None, &all).await, ["apr-4", "apr-3", "apr-2", "apr-1"]);
    assert_eq!(ids(&*store, Some(&acme), &all).await, ["apr-3", "apr-1"]);
    assert_eq!(ids(&*store, Some(&shout), &all).await, ["apr-2"]);
    assert_eq!(ids(&*store, Some(&json!("acme ")), &all).await, [] as [&str; 0]);
    assert_eq!(ids(&*store, Some(&Json::Null), &all).await, ["apr-4"]);
    assert_eq!(ids(&*store, None, &ApprovalFilter::new().limit(2)).await, ["apr-4", "apr-3"]);
    assert_eq!(ids(&*store, None, &ApprovalFilter::new().before("apr-3")).await, ["apr-2", "apr-1"]);

    // Of many who decide at once, one does.
    let decisions = (0..12).map(|number| {
        let (store, decision) = (Arc::clone(&store), decision(Some(&format!("{number}"))));
        tokio::spawn(async move {
            loop {
                let decided = Change::Decided(&decision);
                match store.advance("apr-1", Status::Pending, Status::Approved, decided).await {
                    Ok(done) => return done.then_some(decision),
                    Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error}"),
                }
            }
        })
    });
    let mut won = Vec::new();
    for decision in decisions.collect::<Vec<_>>() {
        won.extend(decision.await.unwrap());
    }
    assert_eq!(won.len(), 1, "{won:?}");
    let found = store.find("apr-1").await.unwrap().unwrap();
    assert_eq!((found.status, found.decision), (Status::Approved, won.pop()));

    let outcome = Outcome::AffectedCount(3);
    assert!(store.advance("apr-1", Status::Approved, Status::Executed, Change::Tried(&outcome)).await.unwrap());
    let failed = Outcome::Error { code: "CONFLICT".to_owned(), message: "a \"word\"".to_owned() };
    assert!(!store.advance("apr-1", Status::Approved, Status::Failed, Change::Tried(&failed)).await.unwrap());
    let found = store.find("apr-1").await.unwrap().unwrap();
    assert_eq!((found.status, found.outcome), (Status::Executed, Some(outcome)));
    assert!(found.decision.is_some());

    assert!(store.advance("apr-3", Status::Pending, Status::Rejected, Change::Decided(&decision(None))).await.unwrap());
    assert!(store.advance("apr-2", Status::Pending, Status::Expired, Change::Only).await.unwrap());
    assert!(!store.advance("apr-9", Status::Pending, Status::Expired, Change::Only).await.unwrap());
    let rejected = store.find("apr-3").await.unwrap().unwrap();
    assert_eq!((rejected.status, rejected.decision), (Status::Rejected, Some(decision(None))));
    assert_eq!(ids(&*store, None, &ApprovalFilter::new().status(Status::Pending)).await, ["apr-4"]);
    assert_eq!(ids(&*store, Some(&acme), &ApprovalFilter::new().status(Status::Executed)).await, ["apr-1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_wait_in_memory() {
    let store = MemoryApprovals::new();
    assert_eq!(store.install().await.unwrap(), [] as [&str; 0]);
    check(Arc::new(store)).await;
}

every_engine! {
    async fn requests_wait_in_a_table(test: &TestDatabase) {
        let store = SqlApprovals::connect(test.url()).await.unwrap();
        assert!(matches!(store.find("apr-1").await, Err(StoreError::NotInstalled)));
        assert!(matches!(store.park(&approval("1", "acme")).await, Err(StoreError::NotInstalled)));
        assert_eq!(store.install().await.unwrap(), ["ormai_approvals"]);
        assert_eq!(store.install().await.unwrap(), [] as [&str; 0]);
        check(Arc::new(store)).await;
        assert_eq!(test.count("ormai_approvals").await, 4);
    }
}
