//! A database that was changed by hand is told from one that was not, by what was changed.

use ormai::rls::{self, Difference};
use ormai_testkit::TestDatabase;

use super::{on_postgres, script, world};
use crate::support::database;

async fn told(test: &TestDatabase) -> Vec<Difference> {
    rls::check(&database(test), &script(world::POLICY, world::catalog(), &test.role())).await.unwrap()
}

#[test]
fn what_was_installed_is_found_as_it_was_installed_and_again() {
    on_postgres(async |test| {
        test.execute(&world::statements()).await;
        let script = script(world::POLICY, world::catalog(), &test.role());
        assert!(told(test).await.len() > 20);
        for _ in 0..2 {
            test.execute(script.body()).await;
            assert_eq!(told(test).await, []);
        }
        // Asking changes nothing.
        assert_eq!(told(test).await, []);
    });
}

#[test]
fn each_change_by_hand_is_told() {
    on_postgres(async |test| {
        test.execute(&world::statements()).await;
        let script = script(world::POLICY, world::catalog(), &test.role());
        let agent = test.role();
        for (change, expected) in [
            ("DROP POLICY ormai_scope_select ON tickets", "missing policy ormai_scope_select on tickets"),
            ("CREATE POLICY mine ON tickets USING (true)", "extra policy mine on tickets"),
            ("CREATE POLICY ormai_mine ON tickets USING (true)", "extra policy ormai_mine on tickets"),
            (
                "ALTER POLICY ormai_scope_select ON tickets USING (true)",
                "changed policy ormai_scope_select on tickets: using",
            ),
            (
                "ALTER POLICY ormai_scope_insert ON tickets WITH CHECK (true)",
                "changed policy ormai_scope_insert on tickets: with check",
            ),
            (
                "ALTER POLICY ormai_scope_select ON tickets TO PUBLIC",
                "changed policy ormai_scope_select on tickets: to",
            ),
            (
                "DROP POLICY ormai_restrict_select_not_the_second ON accounts;
                 CREATE POLICY ormai_restrict_select_not_the_second ON accounts FOR SELECT USING (id <> 2)",
                "changed policy ormai_restrict_select_not_the_second on accounts: kind",
            ),
            ("ALTER TABLE tickets DISABLE ROW LEVEL SECURITY", "changed table tickets: row-level security"),
            ("ALTER TABLE tickets NO FORCE ROW LEVEL SECURITY", "changed table tickets: for its owner"),
            ("GRANT SELECT ON tickets TO AGENT", "changed grant AGENT on tickets: SELECT"),
            ("GRANT SELECT (secret) ON tickets TO AGENT", "changed grant AGENT on tickets: SELECT"),
            ("CREATE TABLE other (id int); GRANT INSERT ON other TO AGENT", "extra grant AGENT on other"),
            ("GRANT TRUNCATE ON tickets TO AGENT", "changed grant AGENT on tickets: TRUNCATE"),
            ("REVOKE SELECT (id) ON regions FROM AGENT", "changed grant AGENT on regions: SELECT"),
            ("GRANT SELECT ON tickets TO PUBLIC", "extra grant PUBLIC on tickets"),
            // As its owner a view reads every row, and so does a view of it.
            (
                "CREATE VIEW seen AS SELECT title FROM tickets; CREATE VIEW shown AS SELECT * FROM seen;
                 GRANT SELECT ON shown TO PUBLIC",
                "extra grant PUBLIC on shown",
            ),
            // No policy holds for a table that is read through none.
            (
                "CREATE TABLE heirs () INHERITS (tickets); GRANT SELECT (title) ON heirs TO PUBLIC",
                "extra grant PUBLIC on heirs",
            ),
            ("ALTER ROLE AGENT BYPASSRLS", "unsafe role AGENT: passes policies"),
            ("ALTER ROLE AGENT SUPERUSER", "unsafe role AGENT: is superuser"),
            ("ALTER TABLE tickets OWNER TO AGENT", "unsafe role AGENT: owns"),
            ("GRANT pg_read_all_data TO AGENT", "unsafe role AGENT: is member of"),
            (
                "CREATE OR REPLACE FUNCTION ormai_rls.has_role(role text) RETURNS boolean LANGUAGE sql STABLE RETURN true",
                "changed function ormai_rls.has_role(text): definition",
            ),
            (
                "ALTER FUNCTION ormai_rls.condition_1(bigint) OWNER TO CURRENT_USER",
                "changed function ormai_rls.condition_1(bigint): runs as",
            ),
            ("GRANT USAGE ON SCHEMA ormai_rls TO AGENT", "changed version ormai_rls: may be used by"),
            ("COMMENT ON SCHEMA ormai_rls IS 'of another policy'", "changed version ormai_rls: says"),
        ] {
            test.execute(script.body()).await;
            assert_eq!(told(test).await, [], "before {change}");
            test.execute(&change.replace("AGENT", &agent)).await;
            let told: Vec<String> = told(test).await.iter().map(ToString::to_string).collect();
            let expected = expected.replace("AGENT", &agent);
            assert!(told.iter().any(|line| line.starts_with(&expected)), "{change}: {told:#?}");
            assert!(told.len() <= 3, "{change}: {told:#?}");
            let undo = "ALTER ROLE AGENT NOSUPERUSER NOBYPASSRLS; ALTER TABLE tickets OWNER TO CURRENT_USER;
                REVOKE pg_read_all_data FROM AGENT; REVOKE ALL ON tickets FROM PUBLIC; DROP POLICY IF EXISTS mine ON tickets;
                DROP VIEW IF EXISTS shown; DROP VIEW IF EXISTS seen; DROP TABLE IF EXISTS heirs";
            test.execute(&undo.replace("AGENT", &agent)).await;
        }
    });
}

#[test]
fn a_role_that_passes_policies_is_not_installed_for() {
    on_postgres(async |test| {
        test.execute(&world::statements()).await;
        let agent = test.role();
        test.execute(&format!("CREATE ROLE {agent} BYPASSRLS")).await;
        let told = told(test).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].what.as_deref(), Some("passes policies"));
    });
}
