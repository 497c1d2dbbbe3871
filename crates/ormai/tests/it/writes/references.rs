//! Attack 16: a reference to a row of somebody else's is told apart from one to no row by nothing.

use ormai::prelude::*;
use ormai_testkit::{TestDatabase, every_engine};
use serde_json::{Value as Json, json};

use super::shop::{OPEN, acme, shop, stocked};
use super::{done, filter, introspected, refused};
use crate::support::code;

/// A task with a value replaced.
fn task(more: &Json) -> Json {
    let mut data = json!({"id": 9, "team_id": 1, "code": "A-9", "title": "nine"});
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"model": "Task", "data": data})
}

fn with(base: Json, data: &Json) -> Json {
    let mut arguments = base;
    arguments["data"] = data.clone();
    arguments
}

/// Both are refused by the same bytes, each time.
async fn alike(test: &TestDatabase, ormai: &OrmAi, tool: &str, theirs: Json, nobodys: Json) {
    let (foreign, none) = (
        refused(test, ormai, &acme(), tool, theirs.clone()).await,
        refused(test, ormai, &acme(), tool, nobodys.clone()).await,
    );
    assert_eq!(foreign.to_string(), none.to_string(), "{tool} {theirs} and {nobodys}");
    assert_eq!(code(&foreign), "VALIDATION_ERROR", "{tool} {theirs}: {foreign}");
}

/// References to another tenant's row, beside those to none.
fn pairs() -> Vec<(Json, Json)> {
    vec![
        (json!({"team_id": 3}), json!({"team_id": 404})),
        (json!({"other_team_id": 3}), json!({"other_team_id": 404})),
        (json!({"other_team_id": 3, "team_id": 3}), json!({"other_team_id": 404, "team_id": 404})),
        (json!({"other_team_id": 3, "team_id": 1}), json!({"other_team_id": 404, "team_id": 1})),
        (json!({"lead_number": 7}), json!({"lead_number": 404})),
        (
            json!({"reviewer_tenant": "globex", "reviewer_number": 7}),
            json!({"reviewer_tenant": "globex", "reviewer_number": 404}),
        ),
        (
            json!({"reviewer_tenant": "globex", "reviewer_number": 7}),
            json!({"reviewer_tenant": "nobody", "reviewer_number": 7}),
        ),
        (
            json!({"reviewer_tenant": "globex", "reviewer_number": 1}),
            json!({"reviewer_tenant": "globex", "reviewer_number": 2}),
        ),
    ]
}

every_engine! {
    async fn attack_16_a_reference_of_a_new_row_to_theirs_is_one_to_none(test: &TestDatabase) {
        let ormai = shop(test).await;
        for (theirs, nobodys) in pairs() {
            alike(test, &ormai, "create", task(&theirs), task(&nobodys)).await;
            // Whatever else is wrong with the row: a key that is taken, by me or by them, a value
            // that breaks a rule, one that is missing.
            for wrong in [json!({"id": 1}), json!({"id": 3}), json!({"code": "A-1"}), json!({"code": "G-1"}), json!({"id": 3, "code": "G-1"}), json!({"share": 101})] {
                let both = |data: &Json| {
                    let mut data = data.clone();
                    data.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
                    task(&data)
                };
                alike(test, &ormai, "create", both(&theirs), both(&nobodys)).await;
            }
            for missing in ["code", "title", "id"] {
                let without = |data: &Json| {
                    let mut arguments = task(data);
                    arguments["data"].as_object_mut().unwrap().remove(missing);
                    arguments
                };
                alike(test, &ormai, "create", without(&theirs), without(&nobodys)).await;
            }
        }
    }

    async fn attack_16_a_reference_of_a_changed_row_to_theirs_is_one_to_none(test: &TestDatabase) {
        let ormai = shop(test).await;
        for (theirs, nobodys) in pairs() {
            for base in [json!({"model": "Task", "id": 1}), json!({"model": "Task", "id": 2})] {
                alike(test, &ormai, "update", with(base.clone(), &theirs), with(base, &nobodys)).await;
            }
            for base in [json!({"model": "Task", "ids": [1, 2]}), json!({"model": "Task", "ids": [1]}), json!({"model": "Task", "filters": [filter("id", "gt", 0)]})] {
                alike(test, &ormai, "bulk_update", with(base.clone(), &theirs), with(base, &nobodys)).await;
            }
            for wrong in [json!({"code": "A-2"}), json!({"code": "G-1"}), json!({"share": 101})] {
                let both = |data: &Json| {
                    let mut data = data.clone();
                    data.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
                    with(json!({"model": "Task", "id": 1}), &data)
                };
                alike(test, &ormai, "update", both(&theirs), both(&nobodys)).await;
            }
        }
    }

    async fn attack_16_a_row_that_is_not_mine_tells_nothing_of_references(test: &TestDatabase) {
        let ormai = shop(test).await;
        let answers = async |id: i64, data: Json| refused(test, &ormai, &acme(), "update", json!({"model": "Task", "id": id, "data": data})).await;
        for (theirs, nobodys) in pairs().into_iter().chain([(json!({"team_id": 2}), json!({"team_id": 1})), (json!({"reviewer_number": 7}), json!({"reviewer_number": 404}))]) {
            let all = [answers(3, theirs.clone()).await, answers(404, theirs.clone()).await, answers(3, nobodys.clone()).await, answers(404, nobodys).await];
            assert!(all.iter().all(|answer| *answer == all[0]), "{theirs}: {all:?}");
        }
    }

    async fn attack_16_a_part_of_a_reference_is_looked_at_with_the_parts_that_stand(test: &TestDatabase) {
        let ormai = shop(test).await;
        // The reviewer of task 1 is `acme 1`. `acme 7` is nobody; `globex 1` is there, and not mine.
        for (theirs, nobodys) in [
            (json!({"reviewer_tenant": "globex"}), json!({"reviewer_tenant": "nobody"})),
            (json!({"reviewer_number": 7}), json!({"reviewer_number": 404})),
        ] {
            alike(test, &ormai, "update", with(json!({"model": "Task", "id": 1}), &theirs), with(json!({"model": "Task", "id": 1}), &nobodys)).await;
            alike(test, &ormai, "bulk_update", with(json!({"model": "Task", "ids": [1, 2]}), &theirs), with(json!({"model": "Task", "ids": [2, 1]}), &nobodys)).await;
        }
        let moved = done(&ormai, &acme(), "update", json!({"model": "Task", "id": 1, "data": {"reviewer_number": 2}})).await;
        assert_eq!((&moved["reviewer_tenant"], &moved["reviewer_number"]), (&json!("acme"), &json!(2)));
        // Where the rest is NULL nothing is pointed to yet.
        let half = done(&ormai, &acme(), "update", json!({"model": "Task", "id": 2, "data": {"reviewer_tenant": "globex"}})).await;
        assert_eq!(half["reviewer_tenant"], "globex");
        // Now it would be: with the part that stands there, it is theirs or nobody's.
        let on_two = |number: i64| json!({"model": "Task", "id": 2, "data": {"reviewer_number": number}});
        alike(test, &ormai, "update", on_two(7), on_two(404)).await;
        alike(test, &ormai, "bulk_update", json!({"model": "Task", "ids": [1, 2], "data": {"reviewer_number": 1}}), json!({"model": "Task", "ids": [1, 2], "data": {"reviewer_number": 404}})).await;
    }

    async fn attack_16_a_new_row_gives_a_reference_whole(test: &TestDatabase) {
        let ormai = shop(test).await;
        // Nothing is pointed to while a part is NULL.
        let half = done(&ormai, &acme(), "create", task(&json!({"reviewer_tenant": "globex"}))).await;
        assert_eq!(half["reviewer_number"], Json::Null);
        let half = done(&ormai, &acme(), "create", task(&json!({"id": 10, "code": "A-10", "reviewer_tenant": null, "reviewer_number": 7}))).await;
        assert_eq!(half["reviewer_number"], 7);
        let whole = done(&ormai, &acme(), "create", task(&json!({"id": 11, "code": "A-11", "reviewer_tenant": "acme", "reviewer_number": 2, "lead_number": 2, "other_team_id": 2}))).await;
        assert_eq!((&whole["lead_number"], &whole["other_team_id"]), (&json!(2), &json!(2)));
        let none = done(&ormai, &acme(), "create", task(&json!({"id": 12, "code": "A-12", "lead_number": null, "other_team_id": null}))).await;
        assert_eq!((&none["lead_number"], &none["other_team_id"]), (&Json::Null, &Json::Null));
    }

    async fn attack_16_a_reference_to_a_model_that_is_not_open_leads_nowhere(test: &TestDatabase) {
        stocked(test).await;
        let start = OPEN.find("  Team:").unwrap();
        let end = OPEN.find("  Person:").unwrap();
        let ormai = introspected(test, &format!("{}{}", &OPEN[..start], &OPEN[end..])).await;
        let answer = async |team: i64| refused(test, &ormai, &acme(), "create", task(&json!({"team_id": team}))).await.to_string();
        let (mine, theirs, none) = (answer(1).await, answer(3).await, answer(404).await);
        assert!(mine == theirs && theirs == none, "{mine} {theirs} {none}");
        alike(test, &ormai, "update", json!({"model": "Task", "id": 1, "data": {"team_id": 2}}), json!({"model": "Task", "id": 1, "data": {"team_id": 404}})).await;
    }

    async fn attack_16_a_reference_to_a_row_that_only_a_row_policy_hides_leads_nowhere(test: &TestDatabase) {
        stocked(test).await;
        let policy = OPEN.replacen("scoping: {tenant_id: principal.tenant_id}", "scoping: {tenant_id: principal.tenant_id}
    row_policies: [{name: red, condition: slug != 'blue'}]", 1);
        let ormai = introspected(test, &policy).await;
        alike(test, &ormai, "create", task(&json!({"team_id": 2})), task(&json!({"team_id": 404}))).await;
        alike(test, &ormai, "update", json!({"model": "Task", "id": 1, "data": {"team_id": 2}}), json!({"model": "Task", "id": 1, "data": {"team_id": 404}})).await;
        // Task 2 points there already; saying it again is saying it.
        alike(test, &ormai, "update", json!({"model": "Task", "id": 2, "data": {"team_id": 2}}), json!({"model": "Task", "id": 2, "data": {"team_id": 404}})).await;
        assert_eq!(done(&ormai, &acme(), "update", json!({"model": "Task", "id": 2, "data": {"title": "still"}})).await["title"], "still");
    }

    async fn attack_16_a_scoped_part_of_a_reference_tells_nothing_of_tenants(test: &TestDatabase) {
        stocked(test).await;
        // Without `auto_set`, the request says whose the row is.
        let policy = OPEN.replace(", auto_set: {tenant_id: principal.tenant_id}", "");
        let ormai = introspected(test, &policy).await;
        let mine = |more: Json| {
            let mut data = json!({"tenant_id": "acme"});
            data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            task(&data)
        };
        assert_eq!(done(&ormai, &acme(), "create", mine(json!({"lead_number": 2}))).await["lead_number"], 2);
        alike(test, &ormai, "create", mine(json!({"id": 10, "code": "X", "lead_number": 7})), mine(json!({"id": 10, "code": "X", "lead_number": 404}))).await;
        // Saying another tenant is refused alike, whether the reference is there or not.
        for (first, second) in [
            (json!({"id": 10, "code": "X", "tenant_id": "globex", "lead_number": 7}), json!({"id": 10, "code": "X", "tenant_id": "globex", "lead_number": 404})),
            (json!({"id": 10, "code": "X", "tenant_id": "globex", "lead_number": 7}), json!({"id": 10, "code": "X", "tenant_id": "nobody", "lead_number": 7})),
            (json!({"id": 10, "code": "X", "tenant_id": "globex"}), json!({"id": 10, "code": "X", "tenant_id": "nobody"})),
        ] {
            let (first, second) = (refused(test, &ormai, &acme(), "create", task(&first)).await, refused(test, &ormai, &acme(), "create", task(&second)).await);
            assert_eq!(first.to_string(), second.to_string());
        }
        for (first, second) in [(json!({"tenant_id": "globex"}), json!({"tenant_id": "nobody"})), (json!({"tenant_id": "globex", "lead_number": 7}), json!({"tenant_id": "globex", "lead_number": 404}))] {
            for base in [json!({"model": "Task", "id": 1}), json!({"model": "Task", "id": 2})] {
                let (first, second) = (refused(test, &ormai, &acme(), "update", with(base.clone(), &first)).await, refused(test, &ormai, &acme(), "update", with(base, &second)).await);
                assert_eq!(first.to_string(), second.to_string());
            }
            let base = json!({"model": "Task", "ids": [1, 2]});
            let (first, second) = (refused(test, &ormai, &acme(), "bulk_update", with(base.clone(), &first)).await, refused(test, &ormai, &acme(), "bulk_update", with(base, &second)).await);
            assert_eq!(first.to_string(), second.to_string());
        }
    }

    /// Who may say something else than the policy sets chose what it points to.
    async fn attack_16_a_reference_that_a_bypass_chose_is_looked_for(test: &TestDatabase) {
        stocked(test).await;
        let bypass = "write_policy: {create: allow, auto_set: {tenant_id: principal.tenant_id, other_team_id: 1}}
    row_policies: [{name: clerks, condition: \"'clerk' IN principal.roles\", bypass: true, operations: [create]}]
  Hour:";
        let (before, after) = OPEN.split_once("  Hour:").unwrap();
        let (before, _) = before.rsplit_once("write_policy:").unwrap();
        let ormai = introspected(test, &format!("{before}{bypass}{after}")).await;
        let clerk = acme().role("clerk");
        let foreign = refused(test, &ormai, &clerk, "create", task(&json!({"other_team_id": 3}))).await;
        let none = refused(test, &ormai, &clerk, "create", task(&json!({"other_team_id": 404}))).await;
        assert_eq!((foreign.to_string(), code(&foreign)), (none.to_string(), "VALIDATION_ERROR"));
        // Its own it may choose, and for whom the row is.
        let own = done(&ormai, &clerk, "create", task(&json!({"other_team_id": 2, "tenant_id": "globex"}))).await;
        assert_eq!((&own["other_team_id"], &own["tenant_id"]), (&json!(2), &json!("globex")));
    }
}
