//! Whose a key is, and when a request is the same one.

use ormai_core::idempotency::{Claim, Standing, tenant_digest};
use ormai_core::principal::Principal;
use ormai_core::request::{Create, Query, Request, Update};
use serde_json::{Value as Json, json};

fn order() -> Request {
    Create::new("Order").set("status", "open").set("total", 5).into()
}

fn id(principal: &Principal, key: &str) -> String {
    Claim::of_key(principal, key, &order(), "1-abc").unwrap().id().to_owned()
}

#[test]
fn a_key_is_one_users_of_one_tenant() {
    let acme = || Principal::new("acme");
    let mut ids: Vec<String> = [
        id(&acme(), "k"),
        id(&acme().user("u"), "k"),
        id(&acme().user("v"), "k"),
        id(&acme().user(""), "k"),
        id(&acme().user("null"), "k"),
        id(&acme().user(7), "k"),
        id(&acme().user("7"), "k"),
        id(&Principal::new("ACME").user("u"), "k"),
        id(&Principal::new("acme ").user("u"), "k"),
        id(&Principal::without_tenant().user("u"), "k"),
        id(&acme().user("u"), "K"),
        // Nothing moves from one part to the next.
        id(&acme().user("u"), "\"u\"k"),
        id(&Principal::new("acme\"\"u").user("u"), "k"),
    ]
    .to_vec();
    assert_eq!(id(&acme().user("u").role("admin").metadata("a", 1), "k"), ids[1], "roles make no other user");
    assert!(ids.iter().all(|id| id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())), "{ids:?}");
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[test]
fn no_key_is_an_approvals() {
    let approval = Claim::of_approval("apr-1", &order(), "1-abc").unwrap();
    assert_eq!(approval.id(), "approval:apr-1");
    assert_ne!(id(&Principal::new("acme"), "approval:apr-1"), "approval:apr-1");
}

#[test]
fn a_request_is_the_same_when_it_writes_the_same() {
    let principal = Principal::new("acme").user("u");
    let claim = |request: Request| Claim::of_key(&principal, "k", &request, "1-abc").unwrap();
    let first = claim(order()).fingerprint();
    let same: [Request; 3] = [
        Create::new("Order").set("total", 5).set("status", "open").into(),
        Create::new("Order").set("status", "open").set("total", 5).idempotency_key("k").into(),
        Create::new("Order").set("status", "open").set("total", 5).dry_run().into(),
    ];
    for request in same {
        assert_eq!(claim(request).standing(&first), Standing::Same);
    }
    let other: [Request; 6] = [
        Create::new("Order").set("status", "open").set("total", "5").into(),
        Create::new("Order").set("status", "open").into(),
        Create::new("Orders").set("status", "open").set("total", 5).into(),
        Create::new("Order").set("status", "open").set("total", 5).reason("why").into(),
        Create::new("Order").set("status", "open").set("total", 5).set("note", Json::Null).into(),
        Update::new("Order", 1).set("status", "open").set("total", 5).into(),
    ];
    for request in other {
        assert_eq!(claim(request.clone()).standing(&first), Standing::OtherRequest, "{request:?}");
    }
    let later = Claim::of_key(&principal, "k", &order(), "2-abc").unwrap();
    assert_eq!(later.standing(&first), Standing::OtherPolicy);
    for other in [principal.clone().role("clerk"), principal.clone().metadata("region", "eu")] {
        let claim = Claim::of_key(&other, "k", &order(), "1-abc").unwrap();
        assert_eq!((claim.id(), claim.standing(&first)), (later.id(), Standing::OtherPolicy), "{other:?}");
    }
    for broken in ["", ":", "abc", first.get(..64).unwrap(), &format!("{first}x")] {
        assert_ne!(later.standing(broken), Standing::Same, "{broken}");
    }
}

#[test]
fn what_lies_deeper_is_compared_whatever_the_order_of_its_keys() {
    let principal = Principal::new("acme");
    let claim = |details: &str| {
        let details: Json = serde_json::from_str(details).unwrap();
        let request = Create::new("Order").set("details", details).into();
        Claim::of_key(&principal, "k", &request, "1-abc").unwrap().fingerprint()
    };
    assert_eq!(claim(r#"{"a": {"x": 1, "y": [1, 2]}, "b": 2}"#), claim(r#"{"b": 2, "a": {"y": [1, 2], "x": 1}}"#));
    assert_ne!(claim(r#"{"a": [1, 2]}"#), claim(r#"{"a": [2, 1]}"#));
    assert_ne!(claim(r#"{"a": "1,2"}"#), claim(r#"{"a": ["1", "2"]}"#));
}

#[test]
fn reads_are_not_claimed() {
    let read = Query::model("Order").into();
    assert!(Claim::of_key(&Principal::new("acme"), "k", &read, "1-abc").is_err());
}

#[test]
fn tenants_have_digests_of_their_own() {
    let tenants = [json!("acme"), json!("ACME"), json!(7), json!("7"), json!(null), json!(["acme"])];
    let mut digests: Vec<String> = tenants.iter().map(tenant_digest).collect();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), tenants.len());
}
