//! Figures about records.

use ormai_audit::Filter;
use ormai_audit::stats::{Bucket, Options, Statistics};
use serde_json::json;

use crate::support::{record, refused, store_of};

fn options(bucket: Bucket, top: usize) -> Options {
    let mut options = Options::default();
    options.bucket = bucket;
    options.top = top;
    options
}

#[tokio::test]
async fn calls_are_counted_by_tenant_tool_model_code_and_day() {
    let store = store_of([
        record("acme-corp", "2026-01-01T23:59:59Z", 1.0),
        record("acme-corp", "2026-01-02T00:00:00Z", 3.0),
        refused(record("acme-corp", "2026-01-02T10:00:00Z", 0.2), "FIELD_NOT_ALLOWED"),
        refused(record("globex", "2026-01-02T11:00:00Z", 5_000.0), "TIMEOUT"),
    ])
    .await;
    let mut read = 0;
    let statistics =
        Statistics::of(&*store, &Filter::new(), options(Bucket::Day, 20), &mut |lines| read = lines).await.unwrap();
    assert_eq!(read, 6, "with the line that begins the chain and the checkpoint");
    insta::assert_json_snapshot!(statistics.report());
}

#[test]
fn percentiles_hold_to_one_part_in_a_hundred() {
    let mut statistics = Statistics::new(options(Bucket::Hour, 5));
    for ms in 1..=1_000 {
        statistics.add(&record("acme-corp", "2026-01-01T00:00:00Z", f64::from(ms)));
    }
    let latency = statistics.report().all.latency;
    for (told, exact) in [(latency.p50_ms, 500.0), (latency.p90_ms, 900.0), (latency.p99_ms, 990.0)] {
        assert!((told - exact).abs() <= exact / 100.0, "{told} for {exact}");
    }
    assert_eq!(latency.max_ms, 1_000.0);
}

/// Neither many tenants nor many days take memory without end, and nothing is lost for it.
#[test]
fn the_largest_groups_are_told_and_the_rest_adds_up_to_all() {
    let mut statistics = Statistics::new(options(Bucket::Hour, 3));
    let mut calls = 0;
    for round in 0..40 {
        for tenant in 0..500 {
            let time = format!("2026-01-0{}T{:02}:00:00Z", 1 + round / 24, round % 24);
            // The first three tenants call every time, the others now and then.
            if tenant < 3 || (tenant + round) % 20 == 0 {
                let tenant = format!("tenant-{tenant}");
                statistics.add(&record(&tenant, &time, 1.0));
                calls += 1;
            }
        }
    }
    let report = statistics.report();
    let names: Vec<_> = report.tenants.groups.iter().map(|group| group.name.clone()).collect();
    assert_eq!(names, [json!("tenant-0"), json!("tenant-1"), json!("tenant-2")]);
    assert!(!report.tenants.is_exact, "there were more tenants than places for them");
    assert_eq!(report.times.groups.len(), 3);
    assert_eq!(report.times.groups[2].name, "2026-01-02T15:00:00Z");
    for ranking in [&report.tenants, &report.times] {
        let told: u64 = ranking.groups.iter().map(|group| group.figures.calls).sum();
        assert_eq!(told + ranking.others.as_ref().unwrap().calls, calls);
    }
    assert_eq!(report.all.calls, calls);
}
