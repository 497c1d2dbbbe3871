//! The witness sees all rows of all tenants.

use ormai::prelude::*;
use ormai_eval::{Witness, WitnessError};
use ormai_testkit::{Dataset, every_engine, guide_catalog, guide_policy};

every_engine! {
    async fn it_sees_what_no_tenant_sees(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let ormai = OrmAi::builder().database_url(test.url()).catalog(guide_catalog());
        let ormai = ormai.policy_text(guide_policy(), ormai::policy::Format::Yaml).build().await.unwrap();
        let witness = Witness::of(ormai.tools()).await.unwrap();
        let ctx = RunContext::new(Principal::new("acme-corp").user("user-123"));
        let seen = ormai.tools().query(&ctx, Query::model("Order")).await.unwrap().data.rows.len();
        let all = witness.rows(&ctx, "Order", 1_000).await.unwrap();
        assert!(seen < all.len(), "{seen} of {}", all.len());
        assert_eq!(all.len(), 8);
        let refused = witness.rows(&ctx, "Order", 7).await.unwrap_err();
        assert!(matches!(refused, WitnessError::TooMany { most: 7, .. }), "{refused}");
    }
}
