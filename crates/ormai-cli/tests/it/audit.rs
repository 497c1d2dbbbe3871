//! `ormai audit`: what operators are told of a trail, and what they take out of it.

mod configured;
mod exported;
mod found;
mod kept;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ormai::audit::{
    Action, JsonlOptions, JsonlStore, MacKey, Outcome, Record, RecordedError, SigningKey, Trail, TrailKeys,
    TrailOptions,
};
use serde_json::{Value as Json, json};

use crate::command::{ormai, ormai_with, settled};

const MAC_KEY: &str = "a secret of enough bytes";
const SEED: &str = "0707070707070707070707070707070707070707070707070707070707070707";

/// The keys of every run, as an operator would have them.
const KEYS: [(&str, &str); 2] = [("ORMAI_AUDIT_KEY", MAC_KEY), ("ORMAI_AUDIT_SIGNING_KEY", SEED)];

fn keys() -> TrailKeys {
    TrailKeys { mac: MacKey::new(MAC_KEY), signing: SigningKey::parse(SEED) }
}

fn public_key() -> String {
    SigningKey::parse(SEED).unwrap().public().to_string()
}

/// A directory with a configuration, and with a trail in its file.
struct Place {
    directory: tempfile::TempDir,
    records: Vec<Record>,
}

impl Place {
    /// Five records of two tenants.
    async fn with_records() -> Self {
        let place = Self::empty();
        let records = records();
        place.write(&records).await;
        Self { records, ..place }
    }

    fn empty() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("policy.yaml"), "version: 1\nmodels: {}\n").unwrap();
        fs::write(
            directory.path().join("ormai.yaml"),
            "database: {url: 'sqlite:shop.db?mode=rwc'}\npolicy: policy.yaml\n",
        )
        .unwrap();
        Self { directory, records: Vec::new() }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn file(&self) -> PathBuf {
        self.path().join("audit.jsonl")
    }

    async fn open(&self) -> Trail {
        let store = JsonlStore::open(self.file(), JsonlOptions::default()).unwrap();
        ormai::audit::AuditStore::install(&store).await.unwrap();
        Trail::open(vec![Arc::new(store)], keys(), TrailOptions::default()).await.unwrap()
    }

    async fn write(&self, records: &[Record]) {
        let trail = self.open().await;
        for record in records {
            trail.note(record).await.unwrap();
        }
        trail.end().await.unwrap();
    }

    /// What a run prints and says, when it exits with this code.
    fn run(&self, arguments: &[&str], code: i32) -> String {
        let ran = ormai_with(self.path(), &[&["audit"], arguments].concat(), &KEYS);
        assert_eq!(ran.code, code, "{arguments:?}: {}{}", ran.out, ran.err);
        format!("{}{}", ran.out, ran.err)
    }

    /// The same with the names that are new each time replaced.
    fn told(&self, arguments: &[&str], code: i32) -> String {
        let mut told = settled(&self.run(arguments, code), self.path());
        for (number, record) in self.records.iter().enumerate() {
            told = told.replace(&record.id, &format!("aud-{number:0>36}"));
        }
        told
    }

    fn json(&self, arguments: &[&str], code: i32) -> Json {
        serde_json::from_str(&self.run(&[arguments, &["--json"]].concat(), code)).unwrap()
    }
}

fn record(number: usize, tenant: &str, tool: &str) -> Record {
    let time = format!("2026-01-0{}T09:00:0{number}Z", 1 + number / 3);
    let mut record = Record::begin(time.parse().unwrap(), format!("req-{number}"), tool);
    record.tenant_id = tenant.into();
    record.user_id = "user-123".into();
    record.model = Some("Order".to_owned());
    record.action = Action::Read;
    record.inputs = json!({"model": "Order", "limit": 5});
    record.scopes_injected = vec![format!("tenant_id = '{tenant}'")];
    record.outcome = Outcome::Answered;
    record.success = true;
    record.row_count = Some(number as u64);
    record.execution_time_ms = 1.5;
    record
}

fn records() -> Vec<Record> {
    let tenants = ["acme-corp", "globex", "acme-corp", "globex", "acme-corp"];
    let mut records: Vec<Record> =
        tenants.iter().enumerate().map(|(number, tenant)| record(number, tenant, "query")).collect();
    let refused = &mut records[2];
    refused.tool_name = "get".to_owned();
    refused.outcome = Outcome::Refused;
    refused.success = false;
    refused.row_count = None;
    refused.error =
        Some(RecordedError { code: "FIELD_NOT_ALLOWED".to_owned(), message: "`card` is not allowed".to_owned() });
    records[3].bypass = vec!["admin_bypass".to_owned()];
    records[4].user_id = "\u{1b}[31mred\u{202e}".into();
    records
}
