//! What PostgreSQL lets the connection's role do.

use ormai_core::catalog::TableName;
use ormai_core::privileges::Privileges;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{PgConnection, Postgres, Row as _};

use super::{Source, sorted};
use crate::error::DbError;
use crate::execute;

/// The role that acts, which `SET ROLE` may have changed, and what it can become.
const ROLE: &str = "
SELECT current_user::text,
       EXISTS (SELECT FROM pg_roles r WHERE r.rolsuper AND pg_has_role(r.oid, 'MEMBER')),
       EXISTS (SELECT FROM pg_roles r WHERE r.rolbypassrls AND pg_has_role(r.oid, 'MEMBER'))";

/// Its privileges are those of the roles that it is a member of, too. A privilege on one
/// column is one on the table.
const TABLES: &str = "
SELECT n.nspname::text, c.relname::text, pg_has_role(c.relowner, 'USAGE'),
       has_any_column_privilege(c.oid, 'INSERT') OR has_any_column_privilege(c.oid, 'UPDATE')
       OR has_table_privilege(c.oid, 'DELETE')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\"";

pub(crate) async fn read(source: &Source) -> Result<Privileges, DbError> {
    let mut lent = source.lend().await?;
    let connection = lent.connection()?;
    let role = rows(connection, ROLE).await?;
    let tables = rows(connection, TABLES).await?;
    assemble(&role, &tables).map_err(|error| sorted(&error))
}

async fn rows(connection: &mut PgConnection, sql: &'static str) -> Result<Vec<PgRow>, DbError> {
    let query = execute::fixed::<Postgres>(sql, PgArguments::default());
    query.fetch_all(connection).await.map_err(|error| sorted(&error))
}

fn assemble(role: &[PgRow], tables: &[PgRow]) -> sqlx::Result<Privileges> {
    let mut privileges = Privileges::default();
    for row in role {
        privileges.role = row.try_get(0)?;
        privileges.superuser = row.try_get(1)?;
        privileges.bypasses_row_security = row.try_get(2)?;
    }
    for row in tables {
        let table = TableName { schema: Some(row.try_get(0)?), name: row.try_get(1)? };
        if row.try_get(2)? {
            privileges.owned.push(table.clone());
        }
        if row.try_get(3)? {
            privileges.writable.push(table);
        }
    }
    Ok(privileges)
}
