//! Own tables, and writes that wait for somebody's word, on the command line.

use std::fs;
use std::path::Path;

use ormai_testkit::{Dataset, Engine, TestDatabase, every_engine};
use serde_json::Value as Json;

use crate::command::ormai;

const POLICY: &str = "
version: 1
models:
  Order:
    fields: {id: allow, status: allow, note: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {update: require_approval, approver_roles: [manager]}
";

/// A shop's configuration, with the approvals in the same database.
fn shop(database: &TestDatabase, here: &Path) {
    let (url, store) = (database.url(), database.url().split(':').next().unwrap());
    let configuration =
        format!("database: {{url: '{url}'}}\npolicy: policy.yaml\napprovals: {{store: {store}, url: '{url}'}}\n");
    fs::write(here.join("ormai.yaml"), configuration).unwrap();
    fs::write(here.join("policy.yaml"), POLICY).unwrap();
}

fn run(here: &Path, arguments: &[&str], code: i32) -> String {
    let ran = ormai(here, arguments);
    assert_eq!(ran.code, code, "{arguments:?}\n{}{}", ran.out, ran.err);
    format!("{}{}", ran.out, ran.err)
}

fn json(here: &Path, arguments: &[&str], code: i32) -> Json {
    let said = run(here, &[arguments, &["--json"]].concat(), code);
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"))
}

const AGENT: [&str; 4] = ["--tenant", "acme-corp", "--user", "user-123"];
const MANAGER: [&str; 6] = ["--tenant", "acme-corp", "--user", "boss", "--role", "manager"];

/// Asks for an update, and gives the name of what waits.
fn ask(here: &Path, note: &str) -> String {
    let update = format!(r#"{{"model": "Order", "id": 1, "data": {{"note": "{note}"}}, "reason": "asked"}}"#);
    let told = json(here, &[&["call", "update", &update], &AGENT[..]].concat(), 0);
    assert_eq!(told["data"]["status"], "pending_approval", "{told}");
    told["data"]["approval_id"].as_str().unwrap().to_owned()
}

fn noted(here: &Path) -> Json {
    let get = r#"{"model": "Order", "id": 1, "select": ["note"]}"#;
    json(here, &[&["call", "get", get], &AGENT[..]].concat(), 0)["data"]["note"].clone()
}

every_engine! {
    async fn a_write_waits_for_a_word_on_the_command_line(database: &TestDatabase) {
        database.load(&Dataset::demo()).await;
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path();
        shop(database, here);
        let made = json(here, &["install"], 0);
        let tables: Vec<_> = made["tables"].as_array().unwrap().iter().map(|made| (&made["table"], &made["made"])).collect();
        assert_eq!(tables, [(&"ormai_idempotency".into(), &true.into()), (&"ormai_approvals".into(), &true.into())]);
        assert!(run(here, &["install"], 0).contains("was there"));

        let (first, second) = (ask(here, "first"), ask(here, "second"));
        let approvals = |command: &[&str], who: &[&str], code| json(here, &[&["approvals"], command, who].concat(), code);
        let waiting = approvals(&["list", "--status", "pending"], &MANAGER, 0);
        let waiting: Vec<_> = waiting["data"]["approvals"].as_array().unwrap().iter().map(|waiting| &waiting["id"]).collect();
        assert_eq!(waiting, [second.as_str(), first.as_str()]);
        let shown = approvals(&["show", &first], &MANAGER, 0);
        assert_eq!(shown["data"]["request"]["reason"], "asked");
        assert_eq!(shown["data"]["preview"]["after"][0]["note"], "first");
        assert_eq!(shown["data"]["requester"]["user_id"], "user-123");

        let own = approvals(&["approve", &first], &[&AGENT[..], &["--role", "manager"]].concat(), 1);
        assert_eq!(own["error"]["code"], "WRITE_NOT_ALLOWED");
        let stranger = approvals(&["show", &first], &["--tenant", "globex", "--user", "boss", "--role", "manager"], 1);
        assert_eq!(stranger["error"]["code"], "RECORD_NOT_FOUND");
        assert_eq!(noted(here), Json::Null);

        let approved = approvals(&["approve", &first, "--note", "fine"], &MANAGER, 0);
        assert_eq!((&approved["data"]["status"], &approved["data"]["decision"]["note"]), (&"executed".into(), &"fine".into()));
        assert_eq!(noted(here), "first");
        assert_eq!(approvals(&["approve", &first], &MANAGER, 1)["error"]["details"]["status"], "executed");
        assert_eq!(approvals(&["reject", &second], &MANAGER, 0)["data"]["status"], "rejected");
        assert_eq!(json(here, &["approvals", "resume", &second], 1)["error"]["code"], "CONFLICT");
        assert_eq!(json(here, &["approvals", "resume", &first], 0)["data"]["status"], "executed");
        assert_eq!(noted(here), "first");

        let shown = run(here, &[&["approvals", "show", &first], &MANAGER[..]].concat(), 0);
        for word in ["executed", "update Order", "user-123 of acme-corp", "boss of acme-corp", "fine"] {
            assert!(shown.contains(word), "{word} in {shown}");
        }
        let listed = run(here, &[&["approvals", "list"], &AGENT[..]].concat(), 0);
        assert!(listed.contains(&first) && listed.contains("rejected"), "{listed}");
    }

    /// A write that is approved and cannot be made any more.
    async fn a_write_that_is_refused_after_its_word_is_told(database: &TestDatabase) {
        database.load(&Dataset::demo()).await;
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path();
        shop(database, here);
        run(here, &["install"], 0);
        let id = ask(here, "gone");
        database.execute("UPDATE orders SET tenant_id = 'globex', user_id = 'user-201' WHERE id = 1").await;
        let told = json(here, &[&["approvals", "approve", &id], &MANAGER[..]].concat(), 1);
        assert_eq!(told["error"]["code"], "RECORD_NOT_FOUND", "{told}");
        let shown = json(here, &[&["approvals", "show", &id], &MANAGER[..]].concat(), 0);
        assert_eq!(shown["data"]["status"], "failed");
    }

    async fn old_keys_are_pruned(database: &TestDatabase) {
        database.load(&Dataset::demo()).await;
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path();
        shop(database, here);
        assert!(run(here, &["idempotency", "prune", "--older-than", "1d"], 1).contains("ormai install"));
        run(here, &["install"], 0);
        assert_eq!(json(here, &["idempotency", "prune", "--older-than", "30d"], 0)["forgotten"], 0);
        for misuse in ["30", "d", "-1d", "1w", "1.5d", "99999999999999999999d"] {
            run(here, &["idempotency", "prune", &format!("--older-than={misuse}")], 2);
        }
    }

    async fn own_tables_are_in_no_starter(database: &TestDatabase) {
        database.load(&Dataset::demo()).await;
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path();
        shop(database, here);
        run(here, &["install"], 0);
        let said = run(here, &["init", database.url(), "--dir", "new", "--url-variable", "URL"], 0);
        let policy = fs::read_to_string(here.join("new/policy.yaml")).unwrap();
        assert!(policy.contains("Order:"), "{policy}");
        // Nor does row-level security open them.
        let script = match database.engine() {
            Engine::Postgres => run(here, &["rls"], 0).replace("ormai_", "ormai-").replace("ormai-approvals", "ormai_"),
            _ => String::new(),
        };
        for text in [said, policy, script] {
            assert!(!text.to_lowercase().contains("idempotency") && !text.to_lowercase().contains("ormai_"), "{text}");
        }
    }
}

#[test]
fn a_store_of_approvals_is_checked() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    fs::write(here.join("policy.yaml"), POLICY).unwrap();
    for (approvals, expected) in [
        ("{store: jsonl}", "unknown store `jsonl`"),
        ("{store: sqlit, url: 'sqlite:a'}", "did you mean `sqlite`?"),
        ("{store: postgres}", "`approvals.url` is missing"),
        ("{url: 'sqlite:a'}", "`approvals.store` is missing"),
        ("{store: postgres, url: 'mysql://h/d'}", "`approvals.url` is none of the store `postgres`"),
        ("{store: memory, url: 'sqlite:a'}", "`approvals.url` is none of the store `memory`"),
        ("{store: sqlite, url: 'sqlite:a', pool: 1}", "unknown key `pool`"),
        ("sqlite", "`approvals` must be a mapping"),
    ] {
        let text =
            format!("database: {{url: 'sqlite:shop.db?mode=rwc'}}\npolicy: policy.yaml\napprovals: {approvals}\n");
        fs::write(here.join("ormai.yaml"), text).unwrap();
        let said = run(here, &["install"], 2);
        assert!(said.contains(expected), "{approvals}: {said}");
    }
}

/// Every command, and every option of the commands that decide, is on the page.
#[test]
fn the_page_of_the_command_line_names_every_command() {
    let page =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/command-line.md")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let commands = |of: &[&str]| -> Vec<String> {
        let help = run(directory.path(), &[of, &["--help"]].concat(), 0);
        let (_, listed) = help.split_once("Commands:\n").unwrap_or_default();
        // What is indented further goes on with the line before.
        let lines = listed.lines().take_while(|line| line.starts_with("  ")).filter(|line| !line.starts_with("   "));
        let names = lines.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
        names.map(|name| [of, &[name]].concat().join(" ")).collect()
    };
    let mut all = commands(&[]);
    assert!(all.len() > 8, "{all:?}");
    for parent in ["approvals", "audit", "idempotency"] {
        let children = commands(&[parent]);
        assert!(!children.is_empty());
        all.retain(|command| command != parent);
        all.extend(children);
    }
    for command in all {
        assert!(
            page.contains(&format!("| `ormai {command}")),
            "`ormai {command}` is not in docs/reference/command-line.md"
        );
    }
}
