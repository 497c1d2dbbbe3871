//! Attack 27: policies that do not say what their author means, and policies changed while
//! calls run.

use std::sync::Arc;

use ormai::BuildError;
use ormai::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};
use ormai::prelude::*;
use ormai_testkit::{Dataset, TestDatabase, every_engine, guide_catalog, guide_policy};
use serde_json::json;

use crate::support::{acme, ask, code, column, database, demo, findings, rows, with_policy};

const ORDER: &str = "version: 1\nmodels:\n  Order:\n    allowed: true\n    fields: {id: allow}\n    scoping: {tenant_id: principal.tenant_id}\n";

fn compile(text: &str) -> Result<CompiledPolicy, Vec<ormai::diagnostic::Diagnostic>> {
    let document = PolicyDocument::parse(text, Format::Yaml)?;
    CompiledPolicy::compile(&document, Arc::new(guide_catalog()), CompileOptions::default())
}

async fn builds(test: &TestDatabase, text: &str, format: Format) -> Vec<&'static str> {
    let built =
        OrmAi::builder().database(database(test)).policy_text(text, format).catalog(guide_catalog()).build().await;
    match built {
        Ok(_) => Vec::new(),
        Err(BuildError::Policy(findings)) => findings.into_iter().map(|finding| finding.code).collect(),
        Err(error) => panic!("{error}"),
    }
}

every_engine! {
    async fn attack_27_a_policy_with_a_slip_does_not_load(test: &TestDatabase) {
        assert!(findings(test, ORDER, guide_catalog()).await.is_empty());
        for (line, expected) in [
            ("    scopping: {}\n", "unknown-key"),
            ("    alowed: true\n", "unknown-key"),
            ("    scoping: {}\n", "duplicate-key"),
            ("    allowed: false\n", "duplicate-key"),
            ("    \"allowed\": true\n", "duplicate-key"),
            ("    relations: [user]\n", "wrong-type"),
            ("    row_policies: {}\n", "wrong-type"),
            ("    row_policies: [{name: a, condition: 1 = 1, bypass: yes please}]\n", "wrong-type"),
            ("    row_policies: [{name: a}]\n", "missing-key"),
            ("    budget: {max_rows: many}\n", "wrong-type"),
            ("    budget: {max_rows: -1}\n", "wrong-type"),
            ("    budget: {max_rows: 5000000000}\n", ""),
            ("    roles: {support: {roles: {support: {fields: {id: deny}}}}}\n", "unknown-key"),
            ("    roles: {support: {fields: {status: allow}}}\n", "widening-overlay"),
            ("    roles: {support: &anchor {fields: {id: deny}}, other: *anchor}\n", "unsupported-yaml"),
        ] {
            let found = findings(test, &format!("{ORDER}{line}"), guide_catalog()).await;
            assert!(!found.is_empty() && (expected.is_empty() || found.contains(&expected)), "{line}: {found:?}");
        }
        for text in ["", "[]", "null", "models", "models: 1", "version: 1", "models: {Order: true}", "models: {Ordr: {allowed: true, scoping: {}}}", "\0", "{", "a: b: c"] {
            let found = builds(test, text, Format::Yaml).await;
            let open = PolicyDocument::parse(text, Format::Yaml).is_ok_and(|document| !document.models.is_empty());
            assert!(!found.is_empty() || !open, "{text:?}");
        }
        let twice = r#"{"version": 1, "models": {"Order": {"allowed": true, "fields": {"id": "allow"}, "scoping": {"tenant_id": "principal.tenant_id"}, "scoping": {}}}}"#;
        assert_eq!(builds(test, twice, Format::Json).await, ["duplicate-key"]);
        let toml = "version = 1\n[models.Order]\nallowed = true\nscoping = {tenant_id = \"principal.tenant_id\"}\nscoping = {}\n";
        assert_eq!(builds(test, toml, Format::Toml).await, ["duplicate-key"]);
    }

    async fn attack_27_all_findings_come_at_once(test: &TestDatabase) {
        let text = "version: 1\nmodels:\n  Order:\n    allowed: true\n    fields: {idd: allow}\n    scoping: {tenant: principal.tenant_id}\n  User: {allowed: true}\n";
        let found = findings(test, text, guide_catalog()).await;
        assert_eq!(found, ["unknown-field", "unknown-field", "missing-scoping"]);
    }

    async fn attack_27_a_broken_policy_leaves_the_old_one_in_force(test: &TestDatabase) {
        let ormai = demo(test).await;
        let version = ormai.tools().engine().policy().version().to_owned();
        for text in ["models: {Order: {allowed: true}}", "nonsense", "version: 1\nmodels: {Order: {allowed: true, scoping: {tenant_idd: principal.tenant_id}}}"] {
            match ormai.reload_text(text, Format::Yaml).await {
                Err(BuildError::Policy(findings)) => assert!(findings.iter().any(|finding| finding.is_error()), "{text}"),
                other => panic!("{text}: {other:?}"),
            }
            assert_eq!(column(&ask(&ormai, &acme(), "query", json!({"model": "Order"})).await, "id"), [json!(1), json!(2), json!(3)]);
            assert_eq!(ormai.tools().engine().policy().version(), version);
        }
    }

    async fn attack_27_a_good_reload_takes_effect_at_once_and_ends_old_cursors(test: &TestDatabase) {
        let ormai = demo(test).await;
        let clone = ormai.clone();
        let request = json!({"model": "Order", "limit": 1});
        let page = ask(&ormai, &acme(), "query", request.clone()).await;
        let mut next = request.clone();
        next["cursor"] = page["data"]["next_cursor"].clone();
        assert_eq!(rows(&ask(&ormai, &acme(), "query", next.clone()).await).len(), 1);
        ormai.reload(compile(ORDER).unwrap()).await.unwrap();
        for ormai in [&ormai, &clone] {
            assert_eq!(code(&ask(ormai, &acme(), "query", next.clone()).await), "INVALID_CURSOR");
            let page = ask(ormai, &acme(), "query", request.clone()).await;
            assert_eq!(page["data"]["rows"], json!([{"id": 1}]));
            assert_eq!(code(&ask(ormai, &acme(), "query", json!({"model": "User"})).await), "MODEL_NOT_ALLOWED");
        }
        ormai.reload(compile(guide_policy()).unwrap()).await.unwrap();
        assert_eq!(rows(&ask(&clone, &acme(), "query", next).await).len(), 1);
    }

    async fn attack_27_an_overlay_narrows_for_its_role_alone(test: &TestDatabase) {
        test.load(&Dataset::demo()).await;
        let text = format!("{ORDER}    roles: {{support: {{fields: {{id: redact}}}}, boss: {{grants: true, fields: {{status: allow}}}}}}\n");
        let ormai = with_policy(test, &text, guide_catalog()).await;
        for (who, first) in [
            (acme(), json!({"id": 1})),
            (acme().role("Support"), json!({"id": 1})),
            (acme().role("support"), json!({"id": "[REDACTED]"})),
            (acme().role("boss"), json!({"id": 1, "status": "pending"})),
            (acme().role("boss").role("support"), json!({"id": "[REDACTED]", "status": "pending"})),
        ] {
            let page = ask(&ormai, &who, "query", json!({"model": "Order"})).await;
            assert_eq!(rows(&page)[0], first, "{who:?}");
        }
        let lifted = format!("{ORDER}    roles: {{support: {{scoping: {{}}}}}}\n");
        let ormai = with_policy(test, &lifted, guide_catalog()).await;
        let page = ask(&ormai, &acme().role("support"), "query", json!({"model": "Order"})).await;
        assert_eq!(rows(&page).len(), 3, "an overlay without `grants` lifts no scope");
    }
}
