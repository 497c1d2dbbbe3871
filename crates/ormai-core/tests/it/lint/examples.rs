//! One example for each code, which has that finding.

use ormai_core::catalog::TableName;
use ormai_core::diagnostic::Diagnostic;
use ormai_core::policy::Format;
use ormai_core::policy::document::{ModelPolicy, Overlay, PolicyDocument};
use ormai_core::privileges::Privileges;

use super::{findings_of, of_document, restricting};

/// What the page shows, and what it gives.
pub(super) enum Example {
    /// A policy in YAML.
    Policy(&'static str),
    /// The condition of a restriction on orders.
    Condition(&'static str),
    /// Something that is too large for a page, or not text; in words.
    Made(&'static str, fn() -> Vec<Diagnostic>),
}

use Example::{Condition, Made, Policy};

impl Example {
    pub(super) fn findings(&self) -> Vec<Diagnostic> {
        match self {
            Policy(text) => findings_of(text, Format::Yaml, None),
            Condition(condition) => findings_of(&restricting(condition), Format::Yaml, None),
            Made(_, make) => make(),
        }
    }

    /// As it stands on the page.
    pub(super) fn shown(&self) -> String {
        match self {
            Policy(text) => format!("```yaml\n{text}\n```\n"),
            Condition(condition) => format!("```sql\n{condition}\n```\n"),
            Made(words, _) => format!("For example {words}.\n"),
        }
    }
}

fn connected(privileges: Privileges) -> Vec<Diagnostic> {
    let text = "models: {Order: {fields: {id: allow}, scoping: {tenant_id: principal.tenant_id}}}";
    findings_of(text, Format::Yaml, Some(&Privileges { role: "app".to_owned(), ..privileges }))
}

fn orders() -> Vec<TableName> {
    vec![TableName { schema: None, name: "orders".to_owned() }]
}

pub(super) fn example(code: &str) -> Example {
    match code {
        "missing-scoping" => Policy("models:\n  Order:\n    fields: {id: allow}"),
        "shared-model" => Policy("models:\n  Country:\n    fields: {id: allow}\n    scoping: {}"),
        "inferred-permit" => Policy(
            "models:\n  Order:\n    scoping: {tenant_id: principal.tenant_id}\n    row_policies:\n      - {name: hierarchy, condition: tenant_id IN principal.metadata.tenants}",
        ),
        "bypass-covers-writes" => Policy(
            "models:\n  Order:\n    scoping: {tenant_id: principal.tenant_id}\n    row_policies:\n      - {name: admins, condition: \"'admin' IN principal.roles\", bypass: true}\n    write_policy: {update: allow}",
        ),
        "loose-collation" => Policy(
            "models:\n  User:                        # the column login ignores case\n    scoping: {tenant_id: principal.tenant_id}\n    row_policies:\n      - {name: oneself, condition: login = principal.user_id}",
        ),
        "condition-nullable" => Condition("status <> 'draft'"),
        "condition-empty-list" => Condition("country NOT IN principal.metadata.embargoed"),
        "condition-missing" => Condition("coalesce(principal.metadata.country, 'de') = country"),
        "condition-always-true" => Policy(
            "models:\n  Order:\n    scoping: {tenant_id: principal.tenant_id}\n    row_policies:\n      - {name: owned, effect: permit, condition: tenant_id IS NOT NULL}",
        ),
        "condition-never-true" => Condition("kind = 'draft' AND kind = 'open'"),
        "condition-contradicts" => Policy(
            "models:\n  Order:\n    scoping: {tenant_id: principal.tenant_id, country: \"'de'\"}\n    row_policies:\n      - {name: french, condition: country = 'fr'}",
        ),
        "condition-redundant" => Policy(
            "models:\n  Order:\n    scoping: {tenant_id: principal.tenant_id}\n    row_policies:\n      - {name: large, condition: total > 1000}\n      - {name: not_small, condition: total > 10}",
        ),
        "unknown-role" => Policy(
            "roles: [admin, support]\nmodels:\n  Order:\n    scoping: {tenant_id: principal.tenant_id}\n    roles: {suport: {allowed: false}}",
        ),
        "similar-roles" => Policy(
            "models:\n  Order:\n    scoping: {tenant_id: principal.tenant_id}\n    roles: {support: {allowed: false}}\n    row_policies:\n      - {name: calls, condition: \"'Support' IN principal.roles OR kind = 'open'\"}",
        ),
        "open-secret" => Policy(
            "models:\n  User:\n    fields: {id: allow, password_hash: allow}\n    scoping: {tenant_id: principal.tenant_id}",
        ),
        "open-by-default" => Policy("default_field_action: allow\nmodels: {}"),
        "mask-hides-all" => Policy(
            "models:\n  User:                        # the column pin has 4 characters\n    fields: {pin: {action: mask, mask_pattern: '**{last4}'}}\n    scoping: {tenant_id: principal.tenant_id}",
        ),
        "mask-shows-most" => Policy(
            "models:\n  User:                        # the column phone has 12 characters\n    fields: {phone: {action: mask, mask_pattern: '{first4}***{last4}'}}\n    scoping: {tenant_id: principal.tenant_id}",
        ),
        "filter-gives-away" => Policy(
            "models:\n  User:                        # the column pin has 4 characters\n    fields: {pin: {action: redact, filter: equality}}\n    scoping: {tenant_id: principal.tenant_id}",
        ),
        "relation-to-closed-model" => Policy(
            "models:\n  Order:\n    scoping: {tenant_id: principal.tenant_id}\n    relations: {user: {allowed: true}}",
        ),
        "unique-spans-tenants" => Policy(
            "models:\n  User:                        # e-mail addresses are unique\n    scoping: {tenant_id: principal.tenant_id}",
        ),
        "primary-key-spans-tenants" => {
            Policy("models:\n  User:\n    scoping: {tenant_id: principal.tenant_id}\n    write_policy: {create: allow}")
        }
        "cascade-crosses-tenants" => Policy(
            "models:\n  User:\n    scoping: {tenant_id: principal.tenant_id}\n    write_policy: {delete: allow}\n  Order:                       # user_id refers to users ON DELETE CASCADE\n    scoping: {tenant_id: principal.tenant_id}",
        ),
        "scope-without-index" => Policy("models:\n  Item:\n    scoping: {tenant_id: principal.tenant_id}"),
        "permit-without-index" => Policy(
            "models:\n  Order:\n    scoping: {tenant_id: principal.tenant_id}\n    row_policies:\n      - {name: open, effect: permit, field: tenant_id, condition: kind = 'open'}",
        ),
        "no-primary-key" => {
            Policy("models:\n  Item:\n    scoping: {tenant_id: principal.tenant_id}\n    write_policy: {update: allow}")
        }
        "approval-without-approver" => Policy(
            "models:\n  Order:\n    scoping: {tenant_id: principal.tenant_id}\n    write_policy: {update: require_approval}",
        ),
        "wider-budget" => Policy(
            "budget: {max_rows: 100}\nmodels:\n  Order:\n    scoping: {tenant_id: principal.tenant_id}\n    budget: {max_rows: 5000}",
        ),
        "budget-above-default" => Policy("budget: {max_rows: 100000}\nmodels: {}"),
        "role-superuser" => Made("a connection to PostgreSQL as `postgres`", || {
            connected(Privileges { superuser: true, ..Privileges::default() })
        }),
        "role-bypasses-rls" => Made("`CREATE ROLE app LOGIN BYPASSRLS`", || {
            connected(Privileges { bypasses_row_security: true, ..Privileges::default() })
        }),
        "role-owns-tables" => Made("`ALTER TABLE orders OWNER TO app`", || {
            connected(Privileges { owned: orders(), ..Privileges::default() })
        }),
        "role-can-write" => Made("`GRANT ALL ON orders TO app`", || {
            connected(Privileges { writable: orders(), ..Privileges::default() })
        }),
        "syntax" => Policy("models: {Order: {scoping: {}"),
        "too-large" => Made("a policy with the rows of a table in it", || {
            findings_of(&format!("# {}\nmodels: {{}}", "x".repeat(1 << 20)), Format::Yaml, None)
        }),
        "too-deep" => Made("a hundred brackets, `[[[…]]]`", || {
            findings_of(&format!("models: {}{}", "[".repeat(100), "]".repeat(100)), Format::Yaml, None)
        }),
        "unsupported-yaml" => Policy("models:\n  Country: &shared {scoping: {}}"),
        "duplicate-key" => Policy("models:\n  Order:\n    scoping: {tenant_id: principal.tenant_id}\n    scoping: {}"),
        "key-not-text" => Policy("models:\n  1: {scoping: {}}"),
        "number-out-of-range" => Policy("version: 99999999999999999999\nmodels: {}"),
        "unknown-key" => Policy("models:\n  Order:\n    scopping: {tenant_id: principal.tenant_id}"),
        "unknown-word" => Policy("default_field_action: permit\nmodels: {}"),
        "wrong-type" => Policy("budget: {max_rows: many}\nmodels: {}"),
        "missing-key" => Policy("version: 1"),
        "unknown-model" => Policy("models:\n  Orders: {scoping: {}}"),
        "unknown-field" => Policy("models:\n  Order: {scoping: {tennant_id: principal.tenant_id}}"),
        "unknown-relation" => Policy(
            "models:\n  Order:\n    scoping: {tenant_id: principal.tenant_id}\n    relations: {users: {allowed: true}}",
        ),
        "empty-name" => {
            Policy("models:\n  Country:\n    scoping: {}\n    row_policies:\n      - {name: '', condition: id = 'de'}")
        }
        "duplicate-name" => Policy(
            "models:\n  Country:\n    scoping: {}\n    row_policies:\n      - {name: some, condition: id <> 'de'}\n      - {name: some, condition: id <> 'fr'}",
        ),
        "reserved-name" => Policy(
            "models:\n  Country:\n    scoping: {}\n    row_policies:\n      - {name: soft_delete, condition: id <> 'de'}",
        ),
        "scope-type" => Policy(
            "models:\n  User:                        # the column login ignores case\n    scoping: {login: principal.user_id}",
        ),
        "bad-expression" => Policy("models:\n  Order: {scoping: {tenant_id: tenant_id}}"),
        "field-type" => Policy(
            "models:\n  Order:\n    scoping: {tenant_id: principal.tenant_id}\n    fields: {details: {action: redact, filter: equality}}",
        ),
        "field-generated" => Policy(
            "models:\n  Order:\n    scoping: {tenant_id: principal.tenant_id}\n    write_policy: {create: allow, required_fields: [total_shown]}",
        ),
        "field-unused" => Policy(
            "models:\n  Order:\n    scoping: {tenant_id: principal.tenant_id}\n    row_policies:\n      - {name: large, condition: total > 1000, field: tenant_id}",
        ),
        "filter-unused" => {
            Policy("models:\n  Country:\n    scoping: {}\n    fields: {id: {action: allow, filter: equality}}")
        }
        "mask-pattern" => {
            Policy("models:\n  Country:\n    scoping: {}\n    fields: {id: {action: mask, mask_pattern: '{middle2}'}}")
        }
        "mask-pattern-unused" => Policy(
            "models:\n  Country:\n    scoping: {}\n    fields: {id: {action: redact, mask_pattern: '{first1}*'}}",
        ),
        "hash-key-missing" => Policy("models:\n  Country:\n    scoping: {}\n    fields: {id: hash}"),
        "aggregate-hidden" => Policy(
            "models:\n  Order:\n    scoping: {tenant_id: principal.tenant_id}\n    fields: {total: mask}\n    aggregations: {sum: [total]}",
        ),
        "soft-delete-type" => {
            Policy("models:\n  Order:\n    scoping: {tenant_id: principal.tenant_id}\n    soft_delete: created_at")
        }
        "soft-delete-in-overlay" => Made("a policy put together in code, whose overlay names one", || {
            let overlay = Overlay::narrowing(ModelPolicy { soft_delete: Some("id".into()), ..ModelPolicy::new() });
            of_document(&PolicyDocument::new().model("Country", ModelPolicy::new().shared().role("a", overlay)), None)
        }),
        "recursive-overlay" => Made("a policy put together in code, with an overlay in an overlay", || {
            let inner = Overlay::narrowing(ModelPolicy::new());
            let overlay = Overlay::narrowing(ModelPolicy::new().role("b", inner));
            of_document(&PolicyDocument::new().model("Country", ModelPolicy::new().shared().role("a", overlay)), None)
        }),
        "widening-overlay" => {
            Policy("models:\n  Country:\n    scoping: {}\n    roles: {support: {fields: {id: allow}}}")
        }
        "no-operations" => Policy(
            "models:\n  Country:\n    scoping: {}\n    row_policies:\n      - {name: some, condition: id <> 'de', operations: []}",
        ),
        "bypass-looks-at-rows" => Policy(
            "models:\n  Country:\n    scoping: {}\n    row_policies:\n      - {name: own, condition: id = principal.metadata.country, bypass: true}",
        ),
        "bypass-with-effect" => Policy(
            "models:\n  Country:\n    scoping: {}\n    row_policies:\n      - {name: admins, condition: \"'admin' IN principal.roles\", bypass: true, effect: permit}",
        ),
        "permit-without-scope" => Policy(
            "models:\n  Country:\n    scoping: {}\n    row_policies:\n      - {name: own, condition: id = principal.metadata.country, effect: permit, field: id}",
        ),
        "permit-without-field" => Policy(
            "models:\n  Order:\n    scoping: {tenant_id: principal.tenant_id}\n    row_policies:\n      - {name: large, condition: total > 1000, effect: permit}",
        ),
        "view-not-writable" => Policy(
            "models:\n  Report:\n    scoping: {tenant_id: principal.tenant_id}\n    write_policy: {update: allow}",
        ),
        "table-not-writable" => Policy(
            "models:\n  Tally:\n    scoping: {tenant_id: principal.tenant_id}\n    write_policy: {update: allow}",
        ),
        "condition-syntax" => Condition("total >"),
        "condition-limit" => Made("a condition of 10,001 bytes", || {
            findings_of(&restricting(&format!("kind = '{}'", "x".repeat(10_000))), Format::Yaml, None)
        }),
        "condition-type" => Condition("total = 'much'"),
        "condition-null" => Condition("status = NULL"),
        "condition-constant" => Condition("1 = 1"),
        "condition-list" => Condition("kind IN total"),
        "condition-relation" => Condition("items.sku = 'a'"),
        "condition-arguments" => Condition("nullif(status) = 'a'"),
        "unknown-attribute" => Condition("country = principal.country"),
        "unknown-function" => Condition("length(country) = 2"),
        other => panic!("`{other}` has no example"),
    }
}
