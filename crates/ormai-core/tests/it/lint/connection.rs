//! What is said of the database's role.

use insta::assert_snapshot;
use ormai_core::catalog::TableName;
use ormai_core::policy::Format;
use ormai_core::privileges::Privileges;

use super::findings_of;
use crate::policy::render;

const POLICY: &str = "
models:
  Tenant: {scoping: {id: principal.tenant_id}}
  User: {scoping: {tenant_id: principal.tenant_id}, write_policy: {update: allow}}
";

fn said(privileges: Privileges) -> String {
    let findings = findings_of(POLICY, Format::Yaml, Some(&Privileges { role: "app".to_owned(), ..privileges }));
    let of_role: Vec<_> = findings.into_iter().filter(|finding| finding.code.starts_with("role-")).collect();
    render(POLICY, &of_role)
}

fn tables(names: &[&str]) -> Vec<TableName> {
    names.iter().map(|name| TableName { schema: None, name: (*name).to_owned() }).collect()
}

#[test]
fn what_undoes_a_policy_is_said_with_its_mend() {
    let superuser = Privileges { superuser: true, bypasses_row_security: true, ..Privileges::default() };
    assert_snapshot!("superuser", said(superuser));
    let owner = Privileges {
        bypasses_row_security: true,
        owned: tables(&["users", "others"]),
        writable: tables(&["users", "tenants", "others"]),
        ..Privileges::default()
    };
    assert_snapshot!("owner", said(owner));
}

#[test]
fn what_the_policy_needs_is_no_finding() {
    let fitting = Privileges { owned: tables(&["others"]), writable: tables(&["users"]), ..Privileges::default() };
    assert_eq!(said(fitting), "");
}
