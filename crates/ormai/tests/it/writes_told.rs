//! What a principal is told of writes: what is open to it, and nothing of what is not.

use std::sync::Arc;

use ormai::catalog::{Catalog, CatalogBuilder, Collation, Field, ModelBuilder};
use ormai::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};
use ormai::request::Tool;
use ormai::schema::{DEFAULT_BYTE_BUDGET, Definition, definitions, describe};
use ormai::value::ColumnType::{self, Bool, Bytes, Date, Decimal, Int, Interval, Text, Timestamp, Uuid};
use serde_json::{Value as Json, json};

const POLICY: &str = r#"
models:
  Order:
    scoping: {tenant_id: principal.tenant_id}
    fields:
      id: allow
      tenant_id: allow
      status: allow
      kind: allow
      total: allow
      card: mask
      paid: allow
      due: allow
      extra: allow
      tags: allow
      receipt: redact
      token: hash
      patience: allow
      weight: allow
      created_at: allow
    write_policy:
      create: allow
      update: require_approval
      delete: deny
      bulk_update: allow
      auto_set: {tenant_id: principal.tenant_id, created_at: now()}
      immutable_fields: [kind, tenant_id]
      required_fields: [status, total]
      max_affected_rows: 25
      require_reason: true
    roles:
      clerk: {write_policy: {create: deny, bulk_update: deny}, fields: {status: deny}}
      reader: {write_policy: {create: deny, update: deny, bulk_update: deny}}
  Note:
    scoping: {tenant_id: principal.tenant_id}
    fields: {id: allow, status: allow, total: allow}
    write_policy: {create: deny, update: deny, delete: deny, bulk_update: deny}
    roles:
      editor: {grants: true, write_policy: {create: allow, delete: require_approval}}
  Tag:
    scoping: {tenant_id: principal.tenant_id}
    fields: {id: hash, tenant_id: allow, name: allow}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow, auto_set: {name: "'new'"}, immutable_fields: [name]}
  Log:
    scoping: {tenant_id: principal.tenant_id}
    fields: {line: allow}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow}
"#;

fn computed(name: &str) -> Field {
    Field {
        name: name.to_owned(),
        column: name.to_owned(),
        ty: Decimal,
        collation: Collation::Binary,
        length: None,
        nullable: true,
        has_default: true,
        generated: true,
    }
}

fn catalog() -> Catalog {
    let order = ModelBuilder::table("Order", "orders")
        .field("id", Int)
        .field("tenant_id", Text)
        .field("status", Text)
        .field("kind", ColumnType::enumeration("kind", ["draft", "open"]))
        .field("total", Decimal)
        .nullable("card", Text)
        .nullable("paid", Bool)
        .nullable("due", Date)
        .nullable("extra", ColumnType::Json)
        .nullable("tags", ColumnType::array(Text))
        .nullable("receipt", Bytes)
        .nullable("token", Uuid)
        .nullable("patience", Interval)
        .column(computed("weight"))
        .nullable("margin", Decimal)
        .field("created_at", Timestamp)
        .primary_key(["id"]);
    let note = ModelBuilder::table("Note", "notes")
        .field("id", Int)
        .field("tenant_id", Text)
        .nullable("status", Text)
        .field("total", Decimal)
        .primary_key(["id"]);
    let tag = ModelBuilder::table("Tag", "tags")
        .field("id", Int)
        .field("tenant_id", Text)
        .field("name", Text)
        .primary_key(["id"]);
    let log = ModelBuilder::table("Log", "logs").field("tenant_id", Text).field("line", Text);
    [order, note, tag, log].into_iter().fold(CatalogBuilder::default(), CatalogBuilder::model).build().unwrap()
}

fn policy() -> CompiledPolicy {
    let document = PolicyDocument::parse(POLICY, Format::Yaml).unwrap();
    CompiledPolicy::compile(&document, Arc::new(catalog()), CompileOptions { has_hash_key: true }).unwrap()
}

fn tools(roles: &[&str], byte_budget: usize) -> Vec<Definition> {
    let policy = policy();
    let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
    definitions(policy.catalog(), &policy.view(&roles), byte_budget)
}

fn writes(roles: &[&str], byte_budget: usize) -> Vec<Definition> {
    tools(roles, byte_budget)
        .into_iter()
        .filter(|definition| Tool::from_name(&definition.name).unwrap().writes())
        .collect()
}

fn told(roles: &[&str]) -> Json {
    let policy = policy();
    let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
    json!(describe(policy.catalog(), &policy.view(&roles), None).unwrap())
}

#[test]
fn what_may_be_written_is_described() {
    let writes = |roles: &[&str]| {
        let models = told(roles)["models"].as_array().unwrap().clone();
        Json::Object(
            models.iter().map(|model| (model["name"].as_str().unwrap().to_owned(), model["writes"].clone())).collect(),
        )
    };
    insta::assert_json_snapshot!(
        "described_writes",
        json!({
            "everybody": writes(&[]), "clerk": writes(&["clerk"]), "reader": writes(&["reader"]), "editor": writes(&["editor"]),
        })
    );
}

#[test]
fn the_tools_that_write_are_told_with_the_fields_they_take() {
    let schemas: Vec<Json> = writes(&[], 100_000).iter().map(Definition::to_json_schema).collect();
    insta::assert_json_snapshot!("defined_writes", schemas);
}

#[test]
fn a_write_that_is_open_on_no_model_is_not_listed() {
    let names = |roles: &[&str]| -> Vec<(&str, Vec<String>)> {
        let models = |parameters: &Json| {
            let models = parameters["properties"]["model"]["enum"].as_array().unwrap().clone();
            models.iter().map(|model| model.as_str().unwrap().to_owned()).collect()
        };
        writes(roles, 100_000)
            .iter()
            .map(|tool| (Tool::from_name(&tool.name).unwrap().name(), models(&tool.parameters)))
            .collect()
    };
    let of = |models: &[&str]| models.iter().map(|model| (*model).to_owned()).collect::<Vec<_>>();
    // A tag is known by a hash of its key and has nothing that an update may change; a log has no key.
    assert_eq!(
        names(&[]),
        [("create", of(&["Order", "Tag"])), ("update", of(&["Order"])), ("bulk_update", of(&["Order"]))]
    );
    assert_eq!(names(&["clerk"]), [("create", of(&["Tag"])), ("update", of(&["Order"]))]);
    assert_eq!(names(&["reader"]), [("create", of(&["Tag"]))]);
    assert_eq!(
        names(&["editor"]),
        [
            ("create", of(&["Order", "Note", "Tag"])),
            ("update", of(&["Order"])),
            ("delete", of(&["Note"])),
            ("bulk_update", of(&["Order"]))
        ]
    );
}

#[test]
fn no_field_is_told_that_a_caller_does_not_set() {
    for roles in [&[][..], &["clerk"], &["reader"], &["editor"], &["clerk", "editor"]] {
        for byte_budget in [0, DEFAULT_BYTE_BUDGET, 100_000] {
            for tool in writes(roles, byte_budget) {
                let text = tool.to_anthropic().to_string();
                for word in ["tenant_id", "margin", "weight", "patience", "orders", "'new'"] {
                    assert!(!text.contains(word), "`{word}` for {roles:?} in {text}");
                }
            }
        }
        for model in told(roles)["models"].as_array().unwrap() {
            let text = model["writes"].to_string();
            assert!(!text.contains("tenant_id") && !text.contains("margin"), "{text}");
        }
    }
    assert!(
        !json!(writes(&["clerk"], 100_000).iter().map(Definition::to_openai).collect::<Vec<_>>())
            .to_string()
            .contains("status")
    );
}

#[test]
fn fields_of_the_data_are_left_out_last() {
    let bytes = |list: &[Definition]| {
        serde_json::to_string(&list.iter().map(Definition::to_anthropic).collect::<Vec<_>>()).unwrap().len()
    };
    let data = |list: &[Definition], tool: Tool| {
        let tool = list.iter().find(|definition| definition.name == tool.name()).unwrap();
        tool.parameters["properties"]["data"].clone()
    };
    let select = |list: &[Definition]| list[1].parameters["properties"]["select"]["items"].clone();
    let all = tools(&[], 100_000);
    assert!(data(&all, Tool::Update)["properties"].is_object() && select(&all)["enum"].is_array());
    let typed = tools(&[], bytes(&all) - 1);
    assert!(data(&typed, Tool::Update)["properties"].is_object() && select(&typed)["enum"].is_null());
    assert_eq!(tools(&[], bytes(&all)), all, "what just fits is within the budget");
    let least = tools(&[], bytes(&typed) - 1);
    assert_eq!(data(&least, Tool::Update), json!({"type": "object"}));
    assert!(bytes(&least) < bytes(&typed));
    assert_eq!(least.len(), all.len(), "no tool is left out");
    assert!(bytes(&least) <= DEFAULT_BYTE_BUDGET, "all eight but one have {} bytes", bytes(&least));
}
