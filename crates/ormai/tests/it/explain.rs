//! Why a row is there or not: for operators, and without a value of the row.

use insta::{assert_json_snapshot, assert_snapshot};
use ormai::catalog::{Catalog, CatalogBuilder, ModelBuilder};
use ormai::prelude::*;
use ormai::request::{Request, Tool};
use ormai::value::ColumnType::{Bool, Int, Text};
use ormai::{Did, Inspected, Kind, Operator};
use ormai_testkit::{TestDatabase, every_engine};
use serde_json::{Value as Json, json};

use crate::support::{acme, admin, ask, child, code, demo, globex, with_policy};

fn request(tool: Tool, arguments: &Json) -> Request {
    Request::from_value(tool, arguments).unwrap()
}

async fn inspect(ormai: &OrmAi, who: &Principal, query: Json, row: Json) -> Result<Inspected, ormai::Refused> {
    let ctx = RunContext::new(who.clone());
    ormai.tools().explain_row(&ctx, request(Tool::Query, &query), &row, Operator::acknowledged()).await
}

/// What is said of a row of a model.
async fn verdict(ormai: &OrmAi, who: &Principal, query: Json, row: Json) -> String {
    inspect(ormai, who, query, row).await.unwrap().verdict.to_string()
}

/// What each rule did, a line each.
fn told(ormai: &OrmAi, who: &Principal, tool: Tool, arguments: &Json) -> String {
    let tables = match ormai.tools().explain(&RunContext::new(who.clone()), request(tool, arguments)) {
        Ok(explanation) => explanation.tables,
        Err(refusal) => refusal.tables,
    };
    let lines = tables.iter().flat_map(|table| {
        table.rules.iter().map(|rule| {
            let (outcome, kind) = (rule.outcome(), rule.kind);
            format!("{} ({}), {kind} {}: {} | {outcome}", table.model, table.entered, rule.rule, rule.says)
        })
    });
    lines.collect::<Vec<_>>().join("\n")
}

const EVERYWHERE: &str = r#"{"model": "Order", "include": [{"relation": "items", "include": ["order"]}, "user"],
    "filters": [{"not": {"relation": "items", "filters": [{"relation": "order", "filters": []}]}}]}"#;

fn notes() -> Catalog {
    let note = ModelBuilder::table("Note", "notes")
        .field("tenant_id", Text)
        .field("number", Int)
        .nullable("owner_id", Text)
        .nullable("deleted", Bool)
        .nullable("folder_id", Int)
        .field("body", Text)
        .primary_key(["tenant_id", "number"])
        .to_one("folder", "Folder", [("folder_id", "id")]);
    let folder = ModelBuilder::table("Folder", "folders").field("id", Int).nullable("open", Bool).primary_key(["id"]);
    let entry = ModelBuilder::table("Entry", "entries").field("tenant_id", Text).field("words", Text);
    CatalogBuilder::new().model(note).model(folder).model(entry).build().unwrap()
}

const NOTES: &str = "
version: 1
models:
  Note:
    allowed: true
    fields: {body: allow, number: allow, owner_id: allow}
    scoping: {tenant_id: principal.tenant_id}
    row_policies:
      - {name: not_deleted, condition: deleted = false}
      - {name: open_folder, condition: folder.open = true OR folder_id IS NULL}
      - {name: in_region, condition: body = principal.metadata.region OR owner_id IS NOT NULL}
  Entry: {allowed: true, fields: {words: allow}, scoping: {tenant_id: principal.tenant_id}}
";

async fn notebook(test: &TestDatabase) -> OrmAi {
    test.execute("CREATE TABLE folders (id bigint PRIMARY KEY, open boolean);
        CREATE TABLE entries (tenant_id varchar(20), words text);
        CREATE TABLE notes (tenant_id varchar(20) NOT NULL, number bigint NOT NULL, owner_id varchar(20), deleted boolean, folder_id bigint,
            body varchar(20) NOT NULL, PRIMARY KEY (tenant_id, number));
        INSERT INTO folders VALUES (1, true), (2, false), (3, NULL);
        INSERT INTO notes VALUES ('acme', 1, 'ann', false, 1, 'seen'), ('acme', 2, 'ann', NULL, 2, 'secret'),
            ('acme', 3, 'ann', true, 9, 'secret'), ('acme', 4, NULL, false, NULL, 'secret'), ('globex', 1, 'gus', false, 1, 'secret')").await;
    with_policy(test, NOTES, notes()).await
}

fn ann() -> Principal {
    Principal::new("acme").user("ann")
}

every_engine! {
    async fn a_row_is_admitted_by_the_rule_that_opened_it(test: &TestDatabase) {
        let ormai = demo(test).await;
        let orders = || json!({"model": "Order"});
        let check = async |who: &Principal, row: u8, expected: &str| {
            assert_eq!(verdict(&ormai, who, orders(), json!(row)).await, expected);
        };
        check(&acme(), 1, "admitted by scope tenant_id").await;
        check(&child(), 8, "admitted by scope tenant_id").await;
        check(&child(), 6, "admitted by inferred permit parent_access").await;
        check(&admin(), 4, "admitted by bypass admin_bypass").await;
        check(&Principal::without_tenant().role("super_admin"), 4, "admitted by bypass admin_bypass").await;
        let document = async |row: u8| verdict(&ormai, &globex(), json!({"model": "Document"}), json!(row)).await;
        assert_eq!(document(1).await, "admitted: no rule is in its way");
        assert_eq!(document(2).await, "hidden by restrict public_or_owned");
        assert_eq!(document(5).await, "hidden by restrict public_or_owned (UNKNOWN because tenant_id is NULL)");
    }

    async fn a_row_is_hidden_by_the_rules_and_filters_in_its_way(test: &TestDatabase) {
        let ormai = demo(test).await;
        let check = async |who: &Principal, filters: Json, row: u8, expected: &str| {
            let query = json!({"model": "Order", "filters": filters});
            assert_eq!(verdict(&ormai, who, query, json!(row)).await, expected);
        };
        check(&acme(), json!([]), 4, "hidden by scope tenant_id").await;
        check(&child(), json!([]), 4, "hidden by scope tenant_id").await;
        check(&acme(), json!([]), 99, "there is no such row").await;
        check(&admin(), json!([]), 99, "there is no such row").await;
        let status = json!({"field": "status", "op": "eq", "value": "paid"});
        let note = json!({"field": "note", "op": "ne", "value": "gift"});
        check(&acme(), json!([note, status]), 1, "hidden by filter #1 (UNKNOWN because note is NULL), and by filter #2").await;
        check(&acme(), json!([status, note]), 4, "hidden by scope tenant_id, and by filter #1, and by filter #2 (UNKNOWN because note is NULL)").await;
        check(&admin(), json!([status]), 1, "hidden by filter #1").await;
        check(&admin(), json!([status]), 2, "admitted by bypass admin_bypass").await;
        // A filter over a relation reads only what the principal may see.
        let items = json!([{"relation": "items", "filters": [{"field": "sku", "op": "eq", "value": "A-1"}]}]);
        check(&acme(), items.clone(), 1, "admitted by scope tenant_id").await;
        check(&acme(), items.clone(), 4, "hidden by scope tenant_id, and by filter #1").await;
        check(&admin(), items, 4, "admitted by bypass admin_bypass").await;
    }

    async fn a_restriction_tells_what_made_it_unknown(test: &TestDatabase) {
        let ormai = notebook(test).await;
        let check = async |row: Json, expected: &str| {
            assert_eq!(verdict(&ormai, &ann(), json!({"model": "Note"}), row).await, expected);
        };
        check(json!({"tenant_id": "acme", "number": 1}), "admitted by scope tenant_id").await;
        check(json!({"tenant_id": "acme", "number": 2}), "hidden by restrict not_deleted (UNKNOWN because deleted is NULL), and by restrict open_folder").await;
        check(json!({"tenant_id": "acme", "number": 3}), "hidden by restrict not_deleted, and by restrict open_folder (UNKNOWN because Folder → open is NULL)").await;
        check(json!({"tenant_id": "acme", "number": 4}), "hidden by restrict in_region (UNKNOWN because principal.metadata.region is missing)").await;
        check(json!({"tenant_id": "globex", "number": 1}), "hidden by scope tenant_id").await;
        check(json!({"tenant_id": "globex", "number": 2}), "there is no such row").await;
    }

    async fn every_rule_tells_what_it_is_for_the_row_and_no_value_of_it(test: &TestDatabase) {
        let ormai = notebook(test).await;
        let query = json!({"model": "Note", "filters": [{"field": "owner_id", "op": "eq", "value": "bob"}], "limit": 1});
        let inspected = inspect(&ormai, &ann(), query, json!({"tenant_id": "acme", "number": 2})).await.unwrap();
        let mut shown = json!(inspected);
        shown["policy_version"] = json!("VERSION");
        assert_json_snapshot!("explain_row", shown);
        assert!(!serde_json::to_string(&inspected).unwrap().contains("secret"));
        let statements = ormai.tools().engine().compiler().cache_len();
        inspect(&ormai, &Principal::new("globex"), json!({"model": "Note"}), json!({"tenant_id": "acme", "number": 1})).await.unwrap();
        assert!(ormai.tools().engine().compiler().cache_len() <= statements + 1);
    }

    async fn a_key_that_is_none_is_refused(test: &TestDatabase) {
        let ormai = notebook(test).await;
        let check = async |model: &str, row: Json, expected: &str| {
            let error = inspect(&ormai, &ann(), json!({"model": model}), row).await.unwrap_err();
            assert_eq!(error.to_string(), format!("VALIDATION_ERROR: {expected}"));
        };
        check("Entry", json!(1), "`Entry` has no key, so no row of it can be named").await;
        check("Note", json!(1), "the key has several parts, so an object is needed (the key of `Note` is tenant_id, number)").await;
        check("Note", json!({"number": 1}), "`tenant_id` is missing (the key of `Note` is tenant_id, number)").await;
        check("Note", json!({"number": null, "tenant_id": "acme"}), "`number` is missing (the key of `Note` is tenant_id, number)").await;
        check("Note", json!({"number": "one", "tenant_id": "acme"}), "`number` does not fit: expected an integer from -9223372036854775808 to 9223372036854775807").await;
        check("Note", json!({"id": 1}), "`id` is no part of the key (the key of `Note` is tenant_id, number)").await;
    }

    async fn a_request_that_is_refused_hides_every_row(test: &TestDatabase) {
        let ormai = demo(test).await;
        let nobody = inspect(&ormai, &Principal::without_tenant(), json!({"model": "Order"}), json!(1)).await;
        assert_eq!(nobody.unwrap_err().code, ErrorCode::TenantScopeRequired);
        let ctx = RunContext::new(Principal::without_tenant());
        let include = json!({"model": "Document", "include": ["tenant"]});
        let refusal = ormai.tools().explain(&ctx, request(Tool::Query, &include)).unwrap_err();
        let by = refusal.refused_by.unwrap();
        assert_eq!((by.model.as_str(), by.entered.as_str()), ("Tenant", "include tenant"));
        assert_eq!((by.rule.rule.as_str(), by.rule.kind, by.rule.did), ("id", Kind::Scope, Did::Refused));
        assert_eq!(by.rule.missing, ["principal.tenant_id"]);
        let unknown = ormai.tools().explain(&ctx, request(Tool::Query, &json!({"model": "Nothing"}))).unwrap_err();
        assert!(unknown.refused_by.is_none() && unknown.tables.is_empty());
    }

    async fn the_statements_of_includes_are_told_whatever_the_type_of_the_key(test: &TestDatabase) {
        let ormai = demo(test).await;
        // Orders have numbers as keys, and users have text.
        let query = json!({"model": "Order", "select": ["id"], "include": [{"relation": "items", "limit": 1}, {"relation": "user", "select": ["id"]}]});
        let explained = ormai.tools().explain(&RunContext::new(acme()), request(Tool::Query, &query)).unwrap();
        assert_eq!(explained.statements.len(), 3);
        for include in &explained.statements[1..] {
            let binds = json!(include.binds).to_string();
            assert!(binds.contains(ormai::PARENT_KEY) && !binds.contains("9223372036854775808"), "{binds}");
        }
    }

    async fn each_table_of_a_plan_tells_what_each_rule_did(test: &TestDatabase) {
        let ormai = demo(test).await;
        let everywhere: Json = serde_json::from_str(EVERYWHERE).unwrap();
        let count = json!({"model": "Order", "aggregations": [{"function": "count"}]});
        let mut page = Vec::new();
        for (name, who) in [
            ("a tenant", acme()),
            ("a child of a hierarchy", child()),
            ("a hierarchy of nobody", Principal::new("acme-corp").metadata("tenant_hierarchy", json!([]))),
            ("an administrator", admin()),
            ("nobody", Principal::without_tenant()),
            ("a hierarchy of the wrong type", acme().metadata("tenant_hierarchy", "root")),
        ] {
            page.push(format!("# {name}\n{}", told(&ormai, &who, Tool::Query, &everywhere)));
        }
        page.push(format!("# figures\n{}", told(&ormai, &child(), Tool::Aggregate, &count)));
        page.push(format!("# a document\n{}", told(&ormai, &Principal::without_tenant(), Tool::Query, &json!({"model": "Document"}))));
        assert_snapshot!("explain_rules", page.join("\n\n"));
    }

    async fn an_agent_does_not_get_there(test: &TestDatabase) {
        let ormai = demo(test).await;
        for tool in ["explain", "explain_row", "inspect", "truths"] {
            let answer = ask(&ormai, &admin(), tool, json!({"model": "Order", "row": 4, "id": 4, "operator": true})).await;
            assert_eq!(code(&answer), "VALIDATION_ERROR", "{tool}");
        }
        for key in ["row", "operator", "explain", "inspect", "truths", "questions"] {
            for tool in ["query", "get", "aggregate"] {
                let answer = ask(&ormai, &acme(), tool, json!({"model": "Order", "id": 4, key: 4})).await;
                assert_eq!(code(&answer), "VALIDATION_ERROR", "{tool} {key}");
            }
        }
        let tools = ormai.tools().definitions(&RunContext::new(admin()));
        assert!(!format!("{tools:?}").contains("explain"));
    }

    async fn figures_and_single_rows_are_explained_too(test: &TestDatabase) {
        let ormai = demo(test).await;
        let ctx = RunContext::new(acme());
        let check = async |tool: Tool, arguments: Json, row: u8, expected: &str| {
            let explained = ormai.tools().explain_row(&ctx, request(tool, &arguments), &json!(row), Operator::acknowledged()).await;
            assert_eq!(explained.unwrap().verdict.to_string(), expected);
        };
        let paid = json!([{"field": "status", "op": "eq", "value": "paid"}]);
        let figures = || json!({"model": "Order", "aggregations": [{"function": "count"}], "group_by": ["status"], "filters": paid});
        check(Tool::Aggregate, figures(), 2, "admitted by scope tenant_id").await;
        check(Tool::Aggregate, figures(), 1, "hidden by filter #1").await;
        check(Tool::Aggregate, figures(), 6, "hidden by scope tenant_id").await;
        check(Tool::Get, json!({"model": "Order", "id": 1}), 1, "admitted by scope tenant_id").await;
        check(Tool::Get, json!({"model": "Order", "id": 1}), 2, "hidden by filter #1").await;
        check(Tool::Get, json!({"model": "Order", "id": 4}), 4, "hidden by scope tenant_id").await;
    }
}
