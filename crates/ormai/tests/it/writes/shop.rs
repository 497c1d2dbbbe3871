//! Tables with every kind of key, reference and rule, and rows of two tenants in them.

use ormai::prelude::*;
use ormai_testkit::TestDatabase;

use super::introspected;

/// Teams have a key of their own and a unique slug. People are numbered in their tenant. A task
/// belongs to a team, is led by somebody of its tenant, reviewed by somebody of any, and has a code
/// of which there is one in all tenants. `team_id` may not be NULL, `reviewer_*` may.
const TABLES: &str = "
    CREATE TABLE teams (id bigint NOT NULL PRIMARY KEY, tenant_id varchar(40) NOT NULL, slug varchar(40) NOT NULL UNIQUE);
    CREATE TABLE people (tenant_id varchar(40) NOT NULL, number bigint NOT NULL, name varchar(40) NOT NULL, PRIMARY KEY (tenant_id, number));
    CREATE TABLE tasks (
        id bigint NOT NULL PRIMARY KEY, tenant_id varchar(40) NOT NULL, team_id bigint NOT NULL, other_team_id bigint,
        lead_number bigint, reviewer_tenant varchar(40), reviewer_number bigint,
        code varchar(20) NOT NULL UNIQUE, title varchar(20) NOT NULL, share smallint NOT NULL DEFAULT 0 CHECK (share <= 100),
        FOREIGN KEY (team_id) REFERENCES teams (id),
        FOREIGN KEY (other_team_id) REFERENCES teams (id),
        FOREIGN KEY (tenant_id, lead_number) REFERENCES people (tenant_id, number),
        FOREIGN KEY (reviewer_tenant, reviewer_number) REFERENCES people (tenant_id, number));
    CREATE TABLE hours (tenant_id varchar(40) NOT NULL, task_id bigint NOT NULL, day integer NOT NULL, hours integer NOT NULL,
        PRIMARY KEY (tenant_id, task_id, day), FOREIGN KEY (task_id) REFERENCES tasks (id))";

const ROWS: &str = "
    INSERT INTO teams VALUES (1, 'acme', 'red'), (2, 'acme', 'blue'), (3, 'globex', 'green');
    INSERT INTO people VALUES ('acme', 1, 'Ann'), ('acme', 2, 'Bob'), ('globex', 1, 'Gus'), ('globex', 7, 'Gil');
    INSERT INTO tasks VALUES (1, 'acme', 1, NULL, 1, 'acme', 1, 'A-1', 'one', 1), (2, 'acme', 2, 1, NULL, NULL, NULL, 'A-2', 'two', 2),
        (3, 'globex', 3, NULL, 7, 'globex', 7, 'G-1', 'three', 3);
    INSERT INTO hours VALUES ('acme', 1, 1, 8), ('acme', 1, 2, 4), ('acme', 2, 1, 2), ('globex', 3, 1, 6), ('globex', 3, 2, 6)";

/// Everything is open that can be.
pub(super) const OPEN: &str = "
models:
  Team:
    fields: {id: allow, slug: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow, auto_set: {tenant_id: principal.tenant_id}}
  Person:
    fields: {tenant_id: allow, number: allow, name: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow, auto_set: {tenant_id: principal.tenant_id}}
  Task:
    fields: {id: allow, tenant_id: allow, team_id: allow, other_team_id: allow, lead_number: allow, reviewer_tenant: allow,
        reviewer_number: allow, code: allow, title: allow, share: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow, auto_set: {tenant_id: principal.tenant_id}}
  Hour:
    fields: {tenant_id: allow, task_id: allow, day: allow, hours: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow, auto_set: {tenant_id: principal.tenant_id}}
";

pub(super) async fn stocked(test: &TestDatabase) {
    test.execute(TABLES).await;
    test.execute(ROWS).await;
}

/// The tables under a policy that opens them.
pub(super) async fn shop(test: &TestDatabase) -> OrmAi {
    stocked(test).await;
    introspected(test, OPEN).await
}

pub(super) fn acme() -> Principal {
    Principal::new("acme").user("ann")
}

pub(super) fn globex() -> Principal {
    Principal::new("globex").user("gus")
}
