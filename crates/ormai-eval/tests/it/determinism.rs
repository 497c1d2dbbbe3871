//! The same calls are answered the same, and what is not is named to its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ormai::policy::Format;
use ormai::prelude::*;
use ormai::{Calling, DomainTool};
use ormai_eval::Determinism;
use ormai_testkit::{Dataset, every_engine, guide_catalog, guide_policy};
use serde_json::{Value as Json, json};

use crate::guide::{ann, call, calls, guide, lines, reads, recorded};

every_engine! {
    async fn reads_are_answered_the_same_byte_for_byte(test: &TestDatabase) {
        let ormai = guide(test).await;
        let text = recorded(&ormai, &ann(), &reads()).await;
        let report = Determinism::new(ormai.tools().clone(), 3).run(calls(&text)).await.unwrap();
        assert_eq!((report.calls, report.made, report.differing), (10, 9, 0), "{report:?}");
    }
}

/// Answers with a number that goes on.
#[derive(Debug, Default)]
struct Counting(AtomicU64);

impl DomainTool for Counting {
    fn name(&self) -> &str {
        "count_on"
    }

    fn description(&self) -> &str {
        "Counts its own calls."
    }

    fn parameters(&self) -> Json {
        json!({"type": "object"})
    }

    fn call<'a>(&'a self, _: &'a Toolset, _: &'a RunContext<'_>, _: &'a Json) -> Calling<'a> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { Ok(json!({"same": [1, 2], "list": [{"n": 0}, {"n": number / 2}], "time": number})) })
    }
}

every_engine! {
    async fn the_first_difference_is_named_to_its_place(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let builder = OrmAi::builder().database_url(test.url()).catalog(guide_catalog()).tool(Arc::new(Counting::default()));
        let ormai = builder.policy_text(guide_policy(), Format::Yaml).build().await.unwrap();
        let asked = || lines(vec![call("query", json!({"model": "Order"})), call("count_on", json!({}))]);
        let work = || Determinism::new(ormai.tools().clone(), 3).with_writes();
        let all = work().ignore("data.time").run(asked()).await.unwrap();
        let first = all.first.unwrap();
        assert_eq!((all.made, all.differing), (2, 1));
        assert_eq!((first.line, first.run, first.path.as_str()), (3, 3, "$.data.list[1].n"));
        assert_eq!((first.first, first.other), (json!(0), json!(1)));
        let ignored = work().ignore("data.time").ignore("data.list.n").run(asked()).await.unwrap();
        assert_eq!((ignored.differing, ignored.first), (0, None));
    }
}
