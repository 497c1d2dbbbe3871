//! Native row-level security as PostgreSQL's own catalog tells it.

use ormai_sql::rls::Script;
use sqlx::postgres::PgRow;
use sqlx::{Connection as _, PgConnection, Row as _};

use super::introspect::rows;
use super::{Source, sorted};
use crate::error::DbError;
use crate::execute;
use crate::rls::{Comparison, Part, State, Thing};

/// Every fact as part, table, name, key and value. `$1` are the roles of the script.
const FACTS: &str = "
WITH RECURSIVE own AS (SELECT oid, rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = ANY($1)),
places AS (
  SELECT c.oid, c.oid::regclass::text AS name, c.relrowsecurity, c.relforcerowsecurity, c.relowner, c.relacl
  FROM pg_class c WHERE EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND starts_with(p.polname::text, 'ormai_'))
),
-- Views read them as their owner, and a partition that is named by itself has no policies.
ways AS (
  SELECT oid FROM places
  UNION
  SELECT way.oid FROM ways w CROSS JOIN LATERAL (
    SELECT r.ev_class AS oid FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = w.oid
    UNION ALL
    SELECT h.inhrelid FROM pg_inherits h WHERE h.inhparent = w.oid
  ) way
),
open_ways AS (
  SELECT c.oid, c.oid::regclass::text AS name, c.relacl FROM pg_class c JOIN ways w ON w.oid = c.oid
),
tables AS (
  SELECT c.oid, c.oid::regclass::text AS name, c.relacl FROM pg_class c
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT starts_with(c.relnamespace::regnamespace::text, 'pg_')
)
SELECT 'version', NULL, n.nspname::text, 'says', coalesce(obj_description(n.oid, 'pg_namespace'), '')
FROM pg_namespace n WHERE n.nspname = 'ormai_rls'
UNION ALL
SELECT 'version', NULL, n.nspname::text, 'may be used by', string_agg(DISTINCT coalesce(r.rolname, 'PUBLIC'), ', ')
FROM pg_namespace n CROSS JOIN aclexplode(n.nspacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee
WHERE n.nspname = 'ormai_rls' AND x.grantee <> n.nspowner GROUP BY n.nspname
UNION ALL
SELECT 'role', NULL, o.rolname::text, f.key, f.value
FROM own o CROSS JOIN LATERAL (VALUES
  ('is superuser', o.rolsuper::text),
  ('passes policies', o.rolbypassrls::text),
  ('owns', (SELECT string_agg(p.name, ', ' ORDER BY p.name) FROM places p WHERE pg_has_role(o.oid, p.relowner, 'MEMBER'))),
  ('is member of', (SELECT string_agg(m.roleid::regrole::text, ', ' ORDER BY m.roleid::regrole::text)
                    FROM pg_auth_members m WHERE m.member = o.oid))
) AS f (key, value)
UNION ALL
SELECT 'table', p.name, '', f.key, f.value
FROM places p CROSS JOIN LATERAL (VALUES
  ('row-level security', CASE WHEN p.relrowsecurity THEN 'enabled' ELSE 'disabled' END),
  ('for its owner', CASE WHEN p.relforcerowsecurity THEN 'forced' ELSE 'not forced' END)
) AS f (key, value)
UNION ALL
SELECT 'policy', y.polrelid::regclass::text, y.polname::text, f.key, f.value
FROM pg_policy y CROSS JOIN LATERAL (VALUES
  ('kind', CASE WHEN y.polpermissive THEN 'permissive' ELSE 'restrictive' END),
  ('for', CASE y.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END),
  ('to', (SELECT string_agg(coalesce(r.rolname::text, 'PUBLIC'), ', ' ORDER BY r.rolname::text)
          FROM unnest(y.polroles) AS u LEFT JOIN pg_roles r ON r.oid = u)),
  ('using', pg_get_expr(y.polqual, y.polrelid)),
  ('with check', pg_get_expr(y.polwithcheck, y.polrelid))
) AS f (key, value)
WHERE y.polrelid IN (SELECT oid FROM places)
UNION ALL
SELECT 'grant', t.name, o.rolname::text, x.privilege_type, 'every column'
FROM tables t CROSS JOIN aclexplode(t.relacl) x JOIN own o ON o.oid = x.grantee
UNION ALL
SELECT 'grant', t.name, o.rolname::text, x.privilege_type, string_agg(a.attname::text, ', ' ORDER BY a.attnum)
FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND NOT a.attisdropped
CROSS JOIN aclexplode(a.attacl) x JOIN own o ON o.oid = x.grantee
GROUP BY t.name, o.rolname, x.privilege_type
UNION ALL
SELECT 'grant', p.name, 'PUBLIC', x.privilege_type, 'every column'
FROM open_ways p CROSS JOIN aclexplode(p.relacl) x WHERE x.grantee = 0
UNION ALL
SELECT 'grant', p.name, 'PUBLIC', x.privilege_type, string_agg(a.attname::text, ', ' ORDER BY a.attnum)
FROM open_ways p JOIN pg_attribute a ON a.attrelid = p.oid AND NOT a.attisdropped
CROSS JOIN aclexplode(a.attacl) x WHERE x.grantee = 0
GROUP BY p.name, x.privilege_type
UNION ALL
SELECT 'function', NULL, p.oid::regprocedure::text, f.key, f.value
FROM pg_proc p CROSS JOIN LATERAL (VALUES
  ('definition', pg_get_functiondef(p.oid)),
  ('runs as', (SELECT coalesce(max(o.rolname::text), 'who installed it') FROM own o WHERE o.oid = p.proowner)),
  ('may be called by', (SELECT string_agg(coalesce(r.rolname::text, 'PUBLIC'), ', ' ORDER BY r.rolname::text)
                        FROM aclexplode(p.proacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee WHERE x.grantee <> p.proowner))
) AS f (key, value)
WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'ormai_rls') AND p.prokind = 'f'";

pub(crate) async fn compare(source: &Source, script: &Script) -> Result<Comparison, DbError> {
    let mut lent = source.lend().await?;
    let connection = lent.connection()?;
    // Dropped on any way out of here, and with it goes all that the script did.
    let mut transaction = connection.begin().await.map_err(|error| sorted(&error))?;
    let limit = execute::fixed::<sqlx::Postgres>("SET LOCAL lock_timeout = '5s'", Default::default());
    limit.execute(&mut *transaction).await.map_err(|error| sorted(&error))?;
    let installed = facts(&mut transaction, script).await?;
    let wanted = if passes_policies(&installed) {
        None
    } else {
        execute::script(script).execute(&mut *transaction).await.map_err(|error| sorted(&error))?;
        Some(facts(&mut transaction, script).await?)
    };
    transaction.rollback().await.map_err(|error| sorted(&error))?;
    Ok(Comparison { installed, wanted })
}

/// Whether the script would refuse to run for one of its roles.
fn passes_policies(state: &State) -> bool {
    let is_set = |says: &std::collections::BTreeMap<String, String>, key: &str| {
        says.get(key).is_some_and(|value| value != "false" && !value.is_empty())
    };
    state
        .iter()
        .filter(|(thing, _)| thing.part == Part::Role)
        .any(|(_, says)| ["is superuser", "passes policies", "owns"].iter().any(|key| is_set(says, key)))
}

async fn facts(connection: &mut PgConnection, script: &Script) -> Result<State, DbError> {
    let found = rows(connection, FACTS, Some(script.roles())).await?;
    let mut state = State::new();
    for row in &found {
        read(row, &mut state).map_err(|error| sorted(&error))?;
    }
    Ok(state)
}

fn read(row: &PgRow, state: &mut State) -> sqlx::Result<()> {
    let part = match row.try_get::<&str, _>(0)? {
        "version" => Part::Version,
        "role" => Part::Role,
        "table" => Part::Table,
        "policy" => Part::Policy,
        "grant" => Part::Grant,
        _ => Part::Function,
    };
    let thing = Thing { part, table: row.try_get(1)?, name: row.try_get(2)? };
    let says = state.entry(thing).or_default();
    if let Some(value) = row.try_get::<Option<String>, _>(4)? {
        let key: String = row.try_get(3)?;
        // A role can have both a table and some of its columns.
        let before = says.remove(&key).map(|before| before + " and ").unwrap_or_default();
        says.insert(key, before + &value);
    }
    Ok(())
}
