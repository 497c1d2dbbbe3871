//! `ormai rls` on each engine: printed, installed, checked, and refused where there is none.

use std::fs;

use ormai_testkit::{Dataset, Engine, every_engine, guide_policy};
use serde_json::Value as Json;

use crate::command::{ormai, settled};

every_engine! {
    async fn row_level_security_is_printed_installed_and_checked(database: &TestDatabase) {
        database.load(&Dataset::demo()).await;
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path();
        let models = "models: {OrderItem: {relations: {}}, Order: {relations: {order_items: items}}}";
        fs::write(here.join("ormai.yaml"), format!("database: {{url: '{}'}}\n{models}\npolicy: policy.yaml\n", database.url())).unwrap();
        fs::write(here.join("policy.yaml"), guide_policy()).unwrap();
        let run = |arguments: &[&str], code: i32| {
            let ran = ormai(here, arguments);
            assert_eq!(ran.code, code, "{arguments:?}\n{}{}", ran.out, ran.err);
            format!("{}{}", ran.out, ran.err)
        };
        if database.engine() != Engine::Postgres {
            let said = run(&["rls"], 2);
            insta::assert_snapshot!("not_postgres", settled(&said, here));
            return;
        }
        let role = database.role();
        let check = ["rls", "--role", &role, "--check"];
        assert!(run(&check, 1).contains("missing policy ormai_scope_select on orders"));

        run(&["rls", "--role", &role, "--output", "rls.sql"], 0);
        let script = fs::read_to_string(here.join("rls.sql")).unwrap();
        assert_eq!(run(&["rls", "--role", &role], 0), script);
        database.execute(script.replace("\nBEGIN;\n", "").trim_end().trim_end_matches("COMMIT;")).await;
        assert_eq!(run(&check, 0), "row-level security is installed as the policy says\n");

        database.execute("ALTER TABLE orders DISABLE ROW LEVEL SECURITY").await;
        let said = run(&check, 1);
        insta::assert_snapshot!("changed", settled(&said, here));
        let said: Json = serde_json::from_str(&run(&["rls", "--role", &role, "--check", "--json"], 1)).unwrap();
        assert_eq!((&said["ok"], &said["differences"][0]["kind"]), (&false.into(), &"changed".into()));

        let long = "x".repeat(60);
        assert!(run(&["rls", "--role", &long], 1).contains("longer than PostgreSQL keeps"));
        run(&["rls", "--check", "--output", "x.sql"], 2);
    }
}
