//! Calls on an OpenTelemetry meter, read back from memory.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use insta::assert_snapshot;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
use ormai::opentelemetry::KeyValue;
use ormai::opentelemetry::metrics::MeterProvider as _;
use ormai::prelude::*;
use ormai_testkit::{TestDatabase, every_engine};
use serde_json::json;

use super::{principals, system, tells_nothing_of_anybody, with_secrets, writable};
use crate::support::acme;

struct Meters {
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
}

impl Meters {
    fn new() -> Self {
        let exporter = InMemoryMetricExporter::default();
        Self { provider: SdkMeterProvider::builder().with_periodic_exporter(exporter.clone()).build(), exporter }
    }

    async fn measured(&self, test: &TestDatabase) -> OrmAi {
        writable(test, |builder| builder.meter(self.provider.meter("ormai"))).await
    }

    /// What was measured, a line for each series; of times only how many.
    fn series(&self) -> BTreeMap<String, String> {
        self.provider.force_flush().unwrap();
        let mut lines = BTreeMap::new();
        // Nothing is exported where nothing was measured.
        let Some(last) = self.exporter.get_finished_metrics().unwrap().pop() else { return lines };
        for metric in last.scope_metrics().flat_map(|scope| scope.metrics()) {
            let named = |attributes: Box<dyn Iterator<Item = &KeyValue> + '_>| {
                let attributes: BTreeMap<_, _> =
                    attributes.map(|pair| (pair.key.to_string(), pair.value.to_string())).collect();
                let name = format!("{} [{}]", metric.name(), metric.unit());
                attributes.iter().fold(name, |mut name, (key, value)| {
                    write!(name, " {key}={value}").unwrap();
                    name
                })
            };
            match metric.data() {
                AggregatedMetrics::U64(MetricData::Sum(sum)) => lines.extend(
                    sum.data_points().map(|point| (named(Box::new(point.attributes())), point.value().to_string())),
                ),
                AggregatedMetrics::I64(MetricData::Sum(sum)) => lines.extend(
                    sum.data_points().map(|point| (named(Box::new(point.attributes())), point.value().to_string())),
                ),
                AggregatedMetrics::F64(MetricData::Histogram(times)) => {
                    lines.extend(times.data_points().map(|point| {
                        assert!(point.sum() > 0.0 && point.sum() < 600.0, "not in seconds");
                        (named(Box::new(point.attributes())), format!("{} times", point.count()))
                    }));
                }
                other => panic!("{other:?}"),
            }
        }
        lines
    }
}

every_engine! {
    async fn calls_are_counted_and_timed_by_tool_model_and_outcome(test: &TestDatabase) {
        let meters = Meters::new();
        let ormai = meters.measured(test).await;
        let ctx = RunContext::new(acme());
        for (tool, arguments) in [
            ("query", json!({"model": "Order", "limit": 2})),
            ("query", json!({"model": "Order", "limit": 1})),
            ("query", json!({"model": "Ordr"})),
            ("qery", json!({})),
            ("get", json!({"model": "Order", "id": 4_444})),
            ("update", json!({"model": "Order", "id": 1, "data": {"status": "shipped"}})),
            ("describe_schema", json!({})),
        ] {
            ormai.tools().call(&ctx, tool, &arguments).await;
        }
        ormai.tools().query(&ctx, Query::model("User").limit(1)).await.unwrap();
        ormai.tools().get(&ctx, Get::model("User", "nobody")).await.unwrap_err();
        let series = meters.series();
        let calls = series.iter().filter(|(name, _)| name.starts_with("ormai."));
        let lines: Vec<String> = calls.map(|(name, value)| format!("{name}: {value}")).collect();
        assert_snapshot!("metrics", lines.join("\n"));
    }

    async fn the_connections_of_the_pool_are_counted(test: &TestDatabase) {
        let meters = Meters::new();
        let ormai = meters.measured(test).await;
        ormai.tools().query(&RunContext::new(acme()), Query::model("Order")).await.unwrap();
        let series = meters.series();
        let pool = "db.client.connection.pool.name=ormai";
        let system = format!("db.system.name={}", system(test));
        let count = |state: &str| -> u64 {
            let name = format!("db.client.connection.count [{{connection}}] {pool} db.client.connection.state={state} {system}");
            series.get(&name).unwrap_or_else(|| panic!("{series:#?}")).parse().unwrap()
        };
        let status = database_of(test).pool_status();
        assert_eq!(count("used") + count("idle"), status.open());
        assert!(status.open() > 0);
        assert_eq!(series[&format!("db.client.connection.max [{{connection}}] {pool} {system}")], status.max.to_string());
    }

    async fn no_value_and_no_tenant_is_in_a_series(test: &TestDatabase) {
        let meters = Meters::new();
        let ormai = meters.measured(test).await;
        for who in principals() {
            for (tool, arguments) in with_secrets() {
                ormai.tools().call(&RunContext::new(who.clone()), tool, &arguments).await;
            }
        }
        let series = meters.series();
        assert!(series.len() > 10, "{series:#?}");
        tells_nothing_of_anybody(&format!("{series:#?}"));
    }
}

fn database_of(test: &TestDatabase) -> ormai::db::Database {
    crate::support::database(test)
}

#[tokio::test]
async fn the_meter_does_not_keep_a_database_open_that_nobody_has() {
    let test = TestDatabase::sqlite().await;
    let meters = Meters::new();
    let ormai = meters.measured(&test).await;
    let pools = |meters: &Meters| meters.series().keys().filter(|name| name.starts_with("db.client")).count();
    assert_eq!(pools(&meters), 3);
    drop(ormai);
    meters.exporter.reset();
    assert_eq!(pools(&meters), 0);
}
