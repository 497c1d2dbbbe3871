//! Tools of a project's own: listed, scoped and recorded like the others.

use std::sync::Arc;

use ormai::audit::{Action, Filter, MemoryStore, Outcome};
use ormai::policy::Format;
use ormai::prelude::*;
use ormai::{BuildError, CallResult, Calling, DomainTool};
use ormai_testkit::{Dataset, TestDatabase, every_engine, guide_catalog, guide_policy};
use serde_json::{Value as Json, json};

use crate::support::{acme, database, globex};

/// Reads the statuses of two orders; who has an arm in it may use it.
#[derive(Debug)]
struct Compare(&'static str);

impl DomainTool for Compare {
    fn name(&self) -> &str {
        self.0
    }

    fn description(&self) -> &str {
        "Compares two orders."
    }

    fn parameters(&self) -> Json {
        json!({"type": "object", "properties": {"left": {"type": "integer"}, "right": {"type": "integer"}}})
    }

    fn is_open(&self, principal: &Principal) -> bool {
        principal.tenant_id() == "acme-corp"
    }

    fn recorded(&self, arguments: &Json) -> Json {
        json!({"left": arguments["left"]})
    }

    fn call<'a>(&'a self, tools: &'a Toolset, ctx: &'a RunContext<'_>, arguments: &'a Json) -> Calling<'a> {
        Box::pin(async move {
            let left = tools.get(ctx, Get::model("Order", arguments["left"].clone())).await?;
            let right = tools.get(ctx, Get::model("Order", arguments["right"].clone())).await?;
            Ok(json!({"same": left.data == right.data}))
        })
    }
}

async fn with(test: &TestDatabase, tools: &[&'static str]) -> Result<(OrmAi, Arc<MemoryStore>), BuildError> {
    let store = Arc::new(MemoryStore::new());
    let builder = OrmAi::builder().database(database(test)).catalog(guide_catalog());
    let builder = builder.policy_text(guide_policy(), Format::Yaml).hash_key(*b"a hash key for tests");
    let tools = tools.iter().map(|name| Arc::new(Compare(name)) as Arc<dyn DomainTool>);
    let ormai = tools.fold(builder.audit(store.clone()), ormai::Builder::tool).build().await?;
    Ok((ormai, store))
}

every_engine! {
    async fn a_domain_tool_is_scoped_and_its_calls_name_it_as_their_parent(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let (ormai, _) = with(test, &["compare"]).await.unwrap();
        let ctx = RunContext::new(acme());
        assert!(ormai.tools().definitions(&ctx).iter().any(|tool| tool.name == "compare"));

        let answered = ormai.tools().call(&ctx, "compare", &json!({"left": 1, "right": 2})).await;
        let CallResult::Answered { data, metadata } = answered else { panic!("{answered:?}") };
        assert_eq!(serde_json::to_value(data).unwrap(), json!({"same": false}));
        let id = metadata.audit_id().unwrap().to_owned();

        // 4 is another tenant's.
        let refused = ormai.tools().call_json(&ctx, "compare", br#"{"left": 1, "right": 4}"#).await;
        let CallResult::Refused { error, .. } = refused else { panic!("{refused:?}") };
        assert_eq!(error.code, ErrorCode::RecordNotFound);

        let trail = ormai.trail().unwrap();
        let mut inner = Filter::new();
        inner.parent = Some(id.clone());
        let inner = trail.query(&inner, 10, None).await.unwrap().entries;
        assert_eq!(inner.iter().map(|entry| entry.tool_name.as_str()).collect::<Vec<_>>(), ["get", "get"]);
        let mut own = Filter::new();
        own.action = vec![Action::Tool];
        let own = trail.query(&own, 10, None).await.unwrap().entries;
        assert_eq!(own.iter().map(|entry| entry.outcome).collect::<Vec<_>>(), [Outcome::Refused, Outcome::Answered]);
        assert_eq!((own[1].id.as_str(), &own[1].inputs), (id.as_str(), &json!({"left": 1})));
    }

    async fn a_domain_tool_that_is_closed_is_as_unknown_as_one_that_there_is_none_of(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let (ormai, store) = with(test, &["compare"]).await.unwrap();
        let ctx = RunContext::new(globex());
        assert!(ormai.tools().definitions(&ctx).iter().all(|tool| tool.name != "compare"));
        let text = |outcome: CallResult, name| match outcome {
            CallResult::Refused { error, .. } => error.into_error().to_string().replace(name, "…"),
            answered => panic!("{answered:?}"),
        };
        let closed = text(ormai.tools().call(&ctx, "compare", &json!({"left": "secret-1"})).await, "compare");
        let none = text(ormai.tools().call(&ctx, "conpare", &json!({"left": "secret-1"})).await, "conpare");
        assert_eq!(closed, none);
        assert!(store.lines().iter().all(|line| !line.text().contains("secret-1")));
    }

    async fn arguments_of_a_domain_tool_are_held_to_the_door(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let (ormai, _) = with(test, &["compare"]).await.unwrap();
        let doubled = br#"{"left": 1, "left": 2}"#;
        let refused = ormai.tools().call_json(&RunContext::new(acme()), "compare", doubled).await;
        let CallResult::Refused { error, .. } = refused else { panic!("{refused:?}") };
        assert_eq!(error.code, ErrorCode::ValidationError);
    }

    async fn names_that_are_taken_do_not_build(test: &TestDatabase) {
        for names in [&["query"][..], &["compare", "compare"], &["no name"], &[""]] {
            assert!(matches!(with(test, names).await, Err(BuildError::Tool(_))), "{names:?}");
        }
    }
}
