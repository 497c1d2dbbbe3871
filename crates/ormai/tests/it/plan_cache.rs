//! Attack 26: a statement's text made for one principal and used for another.

use ormai::prelude::*;
use ormai::request::{Request, Tool};
use ormai_testkit::every_engine;
use serde_json::{Value as Json, json};

use crate::support::{acme, admin, ask, child, column, demo, globex};

fn texts(ormai: &OrmAi, who: &Principal, arguments: &Json) -> Vec<String> {
    let request = Request::from_value(Tool::Query, arguments).unwrap();
    let explained = ormai.tools().explain(&RunContext::new(who.clone()), request).unwrap();
    explained.statements.into_iter().map(|statement| statement.sql).collect()
}

every_engine! {
    async fn attack_26_interleaved_principals_each_get_their_own_rows(test: &TestDatabase) {
        let ormai = demo(test).await;
        let hierarchy = |tenants: Json| Principal::new("child-tenant").metadata("tenant_hierarchy", tenants);
        let principals = [
            (acme(), vec![1, 2, 3]),
            (admin(), vec![1, 2, 3, 4, 5, 6, 7, 8]),
            (globex(), vec![4, 5]),
            (child(), vec![6, 7, 8]),
            (Principal::new("system"), vec![]),
            (hierarchy(json!([])), vec![8]),
            (hierarchy(json!(["root"])), vec![6, 8]),
            (hierarchy(json!(["root", "parent-tenant"])), vec![6, 7, 8]),
            (Principal::new(json!(["acme-corp", "globex"])), vec![1, 2, 3, 4, 5]),
            (Principal::new(json!(["globex"])), vec![4, 5]),
            (Principal::new("acme-corp").role("admin"), vec![1, 2, 3]),
            (Principal::new("globex").role("super_admin"), vec![1, 2, 3, 4, 5, 6, 7, 8]),
        ];
        for round in 0..3 {
            for (number, _) in principals.iter().enumerate() {
                // Another order in each round, so that each comes after each.
                let (who, orders) = &principals[(number * [1, 5, 7][round]) % principals.len()];
                let ids: Vec<Json> = orders.iter().map(|id| json!(id)).collect();
                let page = ask(&ormai, who, "query", json!({"model": "Order", "limit": 20, "with_total": true})).await;
                assert_eq!((column(&page, "id"), &page["data"]["total"]), (ids, &json!(orders.len())), "{who:?}");
                let pending = ask(&ormai, who, "query", json!({"model": "Order", "filters": [{"field": "id", "op": "in", "value": (1..=number + 1).collect::<Vec<_>>()}]})).await;
                let expected: Vec<Json> = orders.iter().filter(|id| **id <= number + 1).map(|id| json!(id)).collect();
                assert_eq!(column(&pending, "id"), expected, "{who:?}");
            }
        }
    }

    async fn attack_26_tenants_share_a_text_and_a_bypass_does_not(test: &TestDatabase) {
        let ormai = demo(test).await;
        for arguments in [
            json!({"model": "Order"}),
            json!({"model": "Order", "with_total": true, "filters": [{"field": "status", "op": "eq", "value": "paid"}]}),
            json!({"model": "User", "filters": [{"relation": "orders", "filters": [{"field": "total", "op": "gt", "value": 5}]}]}),
        ] {
            let mine = texts(&ormai, &acme(), &arguments);
            assert_eq!(mine, texts(&ormai, &globex(), &arguments));
            assert_eq!(mine, texts(&ormai, &Principal::new("' OR 1=1 --"), &arguments));
            let unscoped = texts(&ormai, &admin(), &arguments);
            assert!(mine.iter().zip(&unscoped).all(|(mine, unscoped)| mine != unscoped));
            assert!(mine.iter().all(|text| text.replace('`', "\"").contains("\"tenant_id\" = ")), "{mine:?}");
            let kept = ormai.tools().engine().compiler().cache_len();
            for tenant in 0..50 {
                texts(&ormai, &Principal::new(format!("tenant-{tenant}")), &arguments);
            }
            assert_eq!(ormai.tools().engine().compiler().cache_len(), kept);
        }
        for text in texts(&ormai, &acme(), &json!({"model": "Order", "filters": [{"field": "note", "op": "eq", "value": "needle"}]})) {
            assert!(!text.contains("needle") && !text.contains("acme"), "{text}");
        }
    }
}
