//! What reaches a collector.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use ormai_testkit::{Dataset, TestDatabase};

use crate::command::ormai;

/// A collector that takes so many requests: the path of each with what it holds.
fn collector(requests: usize) -> (String, thread::JoinHandle<Vec<(String, String)>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let taken = thread::spawn(move || {
        (0..requests)
            .map(|_| {
                let mut stream = BufReader::new(listener.accept().unwrap().0);
                let head: Vec<String> =
                    stream.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
                let length =
                    head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                let mut body = vec![0; length.unwrap()];
                stream.read_exact(&mut body).unwrap();
                stream
                    .get_mut()
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                    .unwrap();
                let path = head[0].split(' ').nth(1).unwrap().to_owned();
                (path, String::from_utf8_lossy(&body).into_owned())
            })
            .collect()
    });
    (endpoint, taken)
}

#[tokio::test]
async fn a_call_reaches_the_collector_as_spans_and_figures_without_a_value() {
    let test = TestDatabase::sqlite().await;
    test.load(&Dataset::demo()).await;
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    fs::write(here.join("ormai.yaml"), format!("database: {{url: '{}'}}\npolicy: policy.yaml\n", test.url())).unwrap();
    let policy = "models: {Order: {scoping: {tenant_id: principal.tenant_id}, fields: {id: allow, status: allow}}}";
    fs::write(here.join("policy.yaml"), policy).unwrap();
    let (endpoint, taken) = collector(2);
    let query = r#"{"model": "Order", "filters": [{"field": "status", "op": "eq", "value": "opensesame"}]}"#;
    let ran = ormai(here, &["call", "query", query, "--tenant", "acme-corp", "--otlp-endpoint", &endpoint]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let mut taken = taken.join().unwrap();
    taken.sort();
    let [(metrics_at, metrics), (spans_at, spans)] = &taken[..] else { panic!("{taken:?}") };
    assert_eq!((metrics_at.as_str(), spans_at.as_str()), ("/v1/metrics", "/v1/traces"));
    for name in ["ormai.call", "ormai.resolve", "ormai.run", "db.system.name", "Order"] {
        assert!(spans.contains(name), "`{name}` is not in {spans}");
    }
    for name in ["ormai.calls", "ormai.call.duration", "Order"] {
        assert!(metrics.contains(name), "`{name}` is not in {metrics}");
    }
    for word in ["opensesame", "acme-corp", "SELECT"] {
        assert!(!spans.contains(word) && !metrics.contains(word), "`{word}` in {spans}\n{metrics}");
    }
}

#[tokio::test]
async fn a_collector_that_is_not_there_fails_no_command() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let ran = ormai(directory.path(), &["demo", "--json", "--otlp-endpoint", &format!("http://{gone}")]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("the collector was not reached"), "{}", ran.err);
}
