//! Every broken document says all that is wrong with it, where, and how to mend it.

use insta::assert_snapshot;
use ormai_core::policy::Format;

use super::findings;

/// A model policy for `Order` that is fine but for what is added.
fn order(keys: &str) -> String {
    let keys: String = keys.lines().map(|line| format!("    {line}\n")).collect();
    format!("models:\n  Order:\n    scoping: {{tenant_id: principal.tenant_id}}\n{keys}")
}

/// All findings of a document, in the order of their places.
fn check(name: &str, text: &str) {
    assert_snapshot!(name, findings(text, Format::Yaml));
}

#[test]
fn unknown_keys_are_errors_wherever_they_stand() {
    check(
        "unknown_keys",
        "version: 1
budgets: {max_rows: 1}
budget: {max_row: 1}
models:
  Order:
    scopping: {tenant_id: principal.tenant_id}
    fields: {id: {action: allow, filtr: equality}}
    relations: {user: {depth: 1}}
    row_policies: [{name: a, conditon: 'true', condition: 'true'}]
    write_policy: {upsert: allow}
    aggregations: {median: [total]}
    roles: {support: {grant: true, roles: {other: {}}}}
",
    );
}

#[test]
fn wrong_types_and_words_are_errors() {
    check(
        "wrong_types",
        "version: 1.10
strict: yes
default_field_action: mask
budget: {max_rows: -1, max_include_depth: lots, max_list_length: 4294967296}
models:
  Order:
    allowed: 'true'
    fields: {id: Allow, total: 7, card: {mask_pattern: '*'}, status: null}
    relations: {user: maybe, secret: 3}
    scoping:
    row_policies: [{name: 1, condition: true}, plain, {description: none}, {name: a, condition: 'true', operations: [reed], effect: lift}]
    write_policy: {create: 'yes', immutable_fields: tenant_id, auto_set: {created_at: [1]}}
    aggregations: {count: 1, sum: total, min_group_size: 0}
    soft_delete: true
    roles: {support: deny}
",
    );
    check("not_a_mapping", "- models\n");
    check("empty", "");
    check("no_models", "version: 1\n");
    check("null_models", "models:\n");
}

#[test]
fn names_that_the_database_lacks_are_errors() {
    check(
        "unknown_names",
        "models:
  Orders: {scoping: {tenant_id: principal.tenant_id}}
  User:
    scoping: {tennant_id: principal.tenant_id}
    fields: {emial: allow}
  Order:
    scoping: {tenant_id: principal.tenant_id}
    relations: {users: allow, user: {fields: [id, nmae]}}
    row_policies:
      - {name: a, condition: 'statu = 1', effect: restrict}
      - {name: b, condition: 'tenant_id = principal.tenant_id', effect: permit, field: owner}
    write_policy: {auto_set: {tenant: principal.tenant_id}, immutable_fields: [tenantid], required_fields: [stats]}
    aggregations: {sum: [totl], group_by: [statuss]}
    soft_delete: deleted
    roles: {support: {fields: {crad: deny}}}
",
    );
}

#[test]
fn every_model_says_whose_it_is() {
    check(
        "missing_scoping",
        "models: {Order: {fields: {id: allow}}, User: {allowed: false}, Tenant: {allowed: false, roles: {a: {allowed: true, grants: true}}}}\n",
    );
}

#[test]
fn scopes_compare_byte_by_byte_or_not_at_all() {
    check(
        "scope_columns",
        "models:
  Every:
    scoping:
      padded: principal.tenant_id
      loose: principal.tenant_id
      float: principal.tenant_id
      json: principal.tenant_id
      odd: principal.tenant_id
",
    );
}

#[test]
fn expressions_are_attributes_times_or_fitting_literals() {
    check(
        "expressions",
        "models:
  Order:
    scoping:
      tenant_id: principal.tennant_id
      organization_id: acme
      user_id: principal.metadata
      owner_id: principal.roles
      status: 7
      number: \"'seven'\"
      created_at: now()
      card: principal.metadata.a-b
      deleted_at: principal.tenant_id.x
    write_policy:
      auto_set:
        number: now()
        status: \"'it's'\"
        card: principal.roles
        deleted_at: \"'yesterday'\"
  Every:
    scoping: {id: principal.tenant_id}
    write_policy: {auto_set: {computed: 1, odd: principal.user_id, date: now(), bool: 1}, required_fields: [computed]}
",
    );
}

#[test]
fn field_actions_fit_their_types() {
    check(
        "field_actions",
        "models:
  Every:
    scoping: {id: principal.tenant_id}
    fields:
      odd: allow
      bool: mask
      json: hash
      date: {action: redact, filter: equality}
      float: {action: redact, mask_pattern: '*'}
      uuid: {action: allow, filter: equality}
      bytes: {action: deny, filter: equality}
      id: {action: mask, mask_pattern: '{last0}'}
      padded: {action: mask, mask_pattern: '{middle}'}
      loose: {action: mask, mask_pattern: 'a}b'}
      computed: {action: mask, mask_pattern: '{last4'}
",
    );
}

#[test]
fn aggregates_never_tell_what_is_hidden() {
    check(
        "aggregates",
        &order(
            "fields: {total: mask, status: allow, number: allow, card: hash}
aggregations: {sum: [total, status], avg: [created_at], min: [number, card], max: [status], group_by: [card, status]}",
        ),
    );
}

#[test]
fn soft_deletes_need_a_mark() {
    check("soft_delete", &order("soft_delete: created_at\nrow_policies: [{name: soft_delete, condition: 'true'}]"));
}

#[test]
fn views_of_the_database_are_read_only() {
    check(
        "view_writes",
        "models:
  Report:
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: require_approval}
    roles: {boss: {grants: true, write_policy: {delete: allow}}}
",
    );
}

#[test]
fn row_policies_that_contradict_themselves() {
    check(
        "row_policies",
        &order(
            "row_policies:
  - {name: twice, condition: 'total > 1'}
  - {name: twice, condition: 'total > 2'}
  - {name: '', condition: 'total > 3'}
  - {name: looks, condition: \"status = 'open'\", bypass: true}
  - {name: both, condition: \"'a' IN principal.roles\", bypass: true, effect: permit, check: true, field: tenant_id}
  - {name: none, condition: 'total > 4', operations: []}
  - {name: unscoped, condition: 'owner_id = principal.user_id', effect: permit}
  - {name: elsewhere, condition: 'owner_id = principal.user_id', effect: permit, field: owner_id}
  - {name: aimless, condition: 'tenant_id = principal.tenant_id', field: tenant_id}
  - {name: wrong, condition: 'total = NULL AND nothing = 1'}
  - name: folded
    condition: >
      total = 1
      AND nothing = 2",
        ),
    );
}

#[test]
fn a_document_in_code_names_places_in_words() {
    use ormai_core::policy::document::{ModelPolicy, PolicyDocument, RowPolicy};
    use ormai_core::policy::{CompileOptions, CompiledPolicy};
    let document = PolicyDocument::new().model(
        "Order",
        ModelPolicy::new()
            .scope("tennant_id", "principal.tenant_id")
            .allow(["idd"])
            .row_policy(RowPolicy::new("broken", "statuss = 'open'")),
    );
    let findings = CompiledPolicy::compile(&document, super::catalog(), CompileOptions::default()).unwrap_err();
    assert_snapshot!("in_code", super::render("", &findings));
}

#[test]
fn hashing_needs_a_key() {
    use ormai_core::policy::{CompileOptions, CompiledPolicy, PolicyDocument};
    let text = order("fields: {card: hash}");
    let document = PolicyDocument::parse(&text, Format::Yaml).unwrap();
    let findings = CompiledPolicy::compile(&document, super::catalog(), CompileOptions::default()).unwrap_err();
    let errors: Vec<_> = findings.into_iter().filter(|finding| finding.is_error()).collect();
    assert_snapshot!(super::render(&text, &errors), @r#"
    error[hash-key-missing] `Order.card` is hashed, and there is no key to hash with
        at "hash"
        help: set the environment variable ORMAI_HASH_KEY, or redact the field
    "#);
}
