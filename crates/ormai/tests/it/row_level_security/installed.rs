//! What an installed script admits and refuses.

use ormai::prelude::*;
use ormai_testkit::{Dataset, TestDatabase, guide_catalog, guide_policy};

use super::{answered, on_postgres, script, seen, seen_passing, world};
use crate::support::{acme, admin, child, globex, guided, with_policy};

/// Every model with its table, for every principal: as the role of bypasses the rows that OrmAI
/// answers, as the agents' role the same or, where a bypass holds, some of them. Gives how many
/// comparisons had none, some and all of the rows.
async fn compare(test: &TestDatabase, ormai: &OrmAi, principals: &[Principal], models: &[(&str, &str)]) -> [usize; 3] {
    let mut counts = [0; 3];
    for who in principals {
        for (model, table) in models {
            let expected = answered(ormai, who, model).await;
            let sql = format!("SELECT id::text FROM {table} ORDER BY id::text COLLATE \"C\"");
            let passing: Vec<_> = seen_passing(test, who, &sql).await.unwrap().into_iter().flatten().collect();
            assert_eq!(passing, expected, "{who:?} {model} {:?}", who.all_metadata());
            let scoped: Vec<_> = seen(test, who, &sql).await.unwrap().into_iter().flatten().collect();
            let may_pass = who.roles().iter().any(|role| role == "root" || role == "super_admin");
            assert!(scoped == expected || may_pass && scoped.iter().all(|id| expected.contains(id)), "{who:?} {model}");
            let all = usize::try_from(test.count(table).await).unwrap();
            counts[if expected.is_empty() { 0 } else { 1 + usize::from(expected.len() == all) }] += 1;
        }
    }
    counts
}

#[test]
fn the_guides_rows_are_those_that_ormai_answers() {
    on_postgres(async |test| {
        test.load(&Dataset::demo()).await;
        test.execute(script(guide_policy(), guide_catalog(), &test.role()).body()).await;
        let ormai = guided(test).await;
        let models = [
            ("Tenant", "tenants"),
            ("User", "users"),
            ("Order", "orders"),
            ("OrderItem", "order_items"),
            ("Document", "documents"),
        ];
        let principals = [acme(), globex(), child(), admin(), Principal::without_tenant(), Principal::new("ACME-CORP")];
        let counts = compare(test, &ormai, &principals, &models).await;
        assert!(counts.iter().all(|count| *count >= 4), "{counts:?}");
    });
}

#[test]
fn whatever_a_policy_says_and_whoever_asks_the_rows_are_those_that_ormai_answers() {
    on_postgres(async |test| {
        test.execute(&world::statements()).await;
        test.execute(script(world::POLICY, world::catalog(), &test.role()).body()).await;
        let ormai = with_policy(test, world::POLICY, world::catalog()).await;
        let models = [("Region", "regions"), ("Account", "accounts"), ("Ticket", "tickets"), ("Note", "notes")];
        let counts = compare(test, &ormai, &world::principals(), &models).await;
        assert!(counts.iter().all(|count| *count >= 3), "{counts:?}");
        println!("{counts:?}");
    });
}
