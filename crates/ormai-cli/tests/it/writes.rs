//! Writes on the command line.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use ormai::request::Tool;
use ormai_testkit::{Dataset, every_engine};

use crate::command::{ormai, settled};

const POLICY: &str = "
models:
  Order:
    scoping: {tenant_id: principal.tenant_id}
    fields: {id: allow, tenant_id: allow, status: allow, total: allow, created_at: allow}
    write_policy:
      create: allow
      update: require_approval
      auto_set: {tenant_id: principal.tenant_id, created_at: now()}
      immutable_fields: [tenant_id, created_at]
      required_fields: [status]
      max_affected_rows: 10
      require_reason: true
  User:
    scoping: {tenant_id: principal.tenant_id}
    fields: {id: allow, name: allow}
";

fn run(here: &Path, arguments: &[&str], code: i32) -> String {
    let ran = ormai(here, arguments);
    assert_eq!(ran.code, code, "{arguments:?}\n{}{}", ran.out, ran.err);
    settled(&format!("{}{}", ran.out, ran.err), here)
}

#[test]
fn the_help_of_a_call_names_every_tool() {
    let help = run(Path::new("."), &["call", "--help"], 0);
    for tool in Tool::ALL {
        assert!(help.contains(&format!("`{}`", tool.name())), "`{}` is not in {help}", tool.name());
    }
}

every_engine! {
    async fn what_may_be_written_is_told_and_what_is_no_write_is_refused(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path();
        fs::write(here.join("ormai.yaml"), format!("database: {{url: '{}'}}\npolicy: policy.yaml\n", test.url())).unwrap();
        fs::write(here.join("policy.yaml"), POLICY).unwrap();
        let described = run(here, &["describe", "--tenant", "acme-corp"], 0);
        let told = |tool: &str, arguments: &str| {
            format!("{tool} {arguments}\n{}", run(here, &["call", tool, arguments, "--tenant", "acme-corp"], 1))
        };
        let refused = [
            told("create", r#"{"model": "Order"}"#),
            told("create", r#"{"model": "Order", "data": {"status": "a", "status": "b"}}"#),
            told("update", r#"{"model": "Order", "id": null, "data": {"status": "paid"}}"#),
            told("delete", r#"{"model": "Order", "ids": [1]}"#),
            told("bulk_update", r#"{"model": "Order", "data": {"status": "paid"}, "filters": []}"#),
            told("upsert", r#"{"model": "Order", "data": {"status": "paid"}}"#),
        ];
        assert_snapshot!("writes", format!("{described}\n{}", refused.join("\n\n")));
    }
}
