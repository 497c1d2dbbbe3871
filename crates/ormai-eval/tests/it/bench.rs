//! Times are measured of what was asked, and variants in turns.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use ormai::prelude::*;
use ormai_eval::bench::{Amount, Bench, BenchError, Variant};
use ormai_testkit::every_engine;
use serde_json::json;

use crate::guide::{call, changed, guide, under};

every_engine! {
    async fn every_variant_makes_the_same_number_of_calls(test: &TestDatabase) {
        let ormai = guide(test).await;
        let other = under(test, &changed("      note: {action: allow}\n", "      note: {action: deny}\n")).await;
        let variant = |name: &str, ormai: &OrmAi| Variant { name: name.to_owned(), tools: ormai.tools().clone() };
        let asked = vec![
            call("query", json!({"model": "Order", "select": ["id", "note"]})),
            call("get", json!({"model": "Order", "id": 1, "select": ["id"]})),
            // It is left out: nothing is written here.
            call("delete", json!({"model": "Order", "id": 1})),
        ];
        let variants = vec![variant("old", &ormai), variant("new", &other)];
        let bench = Bench::new(variants, asked)
            .warm_up(Duration::ZERO)
            .amount(Amount::Calls(41))
            .callers(NonZeroUsize::new(3).unwrap())
            .rounds(NonZeroU32::new(4).unwrap());
        let mut rounds = Vec::new();
        let report = bench.run(|round| rounds.push(round)).await.unwrap();
        assert_eq!(rounds, [1, 2, 3, 4]);
        assert_eq!((report.different_calls, report.callers, report.rounds), (2, 3, 4));
        let figures: Vec<_> = report.variants.iter().map(|variant| (variant.name.as_str(), variant.calls)).collect();
        assert_eq!(figures, [("old", 41), ("new", 41)]);
        // Under the other policy one of the two calls is refused.
        let refused: Vec<u64> = report.variants.iter().map(|variant| variant.refused).collect();
        assert_eq!(refused[0], 0);
        assert!((1..41).contains(&refused[1]), "{refused:?}");
        for variant in &report.variants {
            let latency = &variant.latency;
            let order = [latency.min_us, latency.p50_us, latency.p90_us, latency.p99_us, latency.p999_us, latency.max_us];
            assert!(order.is_sorted() && latency.min_us > 0.0, "{latency:?}");
            assert!(variant.seconds > 0.0 && variant.calls_per_second > 0.0);
        }
        let [ratio] = report.ratios.as_slice() else { panic!("{:?}", report.ratios) };
        assert_eq!((ratio.name.as_str(), ratio.to.as_str()), ("new", "old"));
        assert!(ratio.lowest > 0.0 && ratio.lowest <= ratio.of_medians && ratio.of_medians <= ratio.highest);
    }

    async fn there_is_something_to_be_measured(test: &TestDatabase) {
        let ormai = guide(test).await;
        let variant = Variant { name: "only".to_owned(), tools: ormai.tools().clone() };
        let writes = Bench::new(vec![variant], [call("delete", json!({"model": "Order", "id": 1}))]);
        assert_eq!(writes.run(|_| {}).await, Err(BenchError::NoCalls));
        let nobody = Bench::new(Vec::new(), [call("query", json!({"model": "Order"}))]);
        assert_eq!(nobody.run(|_| {}).await, Err(BenchError::NoVariant));
    }
}
