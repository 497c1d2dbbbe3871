//! What MariaDB or MySQL lets the connection's user do.

use std::collections::HashSet;

use ormai_core::catalog::TableName;
use ormai_core::privileges::Privileges;
use ormai_core::value::Pattern;
use sqlx::MySqlConnection;
use sqlx::mysql::MySqlRow;

use super::Source;
use super::introspect::{connected, name, rows, word};
use crate::error::DbError;

/// Who acts, as the tables of privileges write it, and where.
const USER: &str = "
SELECT current_user(), database(),
       CONCAT('''', LEFT(current_user(), CHAR_LENGTH(current_user()) - LOCATE('@', REVERSE(current_user()))), '''@''',
              SUBSTRING_INDEX(current_user(), '@', -1), '''')";

const ROLES: &str = "SELECT role_name FROM information_schema.enabled_roles WHERE role_name IS NOT NULL";

/// A privilege on one column is one on the table.
const GRANTS: &str = "
SELECT grantee, privilege_type, NULL, NULL FROM information_schema.user_privileges
UNION SELECT grantee, privilege_type, table_schema, NULL FROM information_schema.schema_privileges
UNION SELECT grantee, privilege_type, table_schema, table_name FROM information_schema.table_privileges
UNION SELECT grantee, privilege_type, table_schema, table_name FROM information_schema.column_privileges";

const TABLES: &str = "
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
ORDER BY CAST(table_schema AS BINARY), CAST(table_name AS BINARY)";

pub(crate) async fn read(source: &Source) -> Result<Privileges, DbError> {
    connected(source, async |connection: &mut MySqlConnection| {
        let user = rows(connection, USER, None).await?;
        let roles = rows(connection, ROLES, None).await?;
        let grants = rows(connection, GRANTS, None).await?;
        let tables = rows(connection, TABLES, None).await?;
        assemble(&user, &roles, &grants, &tables)
    })
    .await
}

/// A privilege: on everything, on the databases of a pattern, or on one table.
struct Grant {
    privilege: String,
    schema: Option<String>,
    table: Option<String>,
}

impl Grant {
    fn covers(&self, schema: &str, table: &str) -> bool {
        match (&self.schema, &self.table) {
            (None, _) => true,
            (Some(pattern), None) => Pattern::like(pattern).matches(schema),
            (Some(granted), Some(name)) => granted == schema && name == table,
        }
    }
}

fn assemble(
    user: &[MySqlRow],
    roles: &[MySqlRow],
    grants: &[MySqlRow],
    tables: &[MySqlRow],
) -> Result<Privileges, DbError> {
    let mut privileges = Privileges::default();
    let mut grantees = HashSet::new();
    let mut current = None;
    for row in user {
        privileges.role = name(row, 0)?;
        current = word(row, 1)?;
        grantees.insert(name(row, 2)?);
    }
    for row in roles {
        // Nowhere is it said how a role is written there, so it is known in each of the ways.
        let role = name(row, 0)?;
        grantees.extend([format!("'{role}'@''"), format!("'{role}'@'%'"), format!("'{role}'"), role]);
    }
    let mut held = Vec::new();
    for row in grants {
        if grantees.contains(&name(row, 0)?) {
            held.push(Grant { privilege: name(row, 1)?, schema: word(row, 2)?, table: word(row, 3)? });
        }
    }
    privileges.superuser = held.iter().any(|grant| grant.privilege == "SUPER");
    let writes: Vec<&Grant> =
        held.iter().filter(|grant| ["INSERT", "UPDATE", "DELETE"].contains(&grant.privilege.as_str())).collect();
    for row in tables {
        let (schema, table) = (name(row, 0)?, name(row, 1)?);
        if writes.iter().any(|grant| grant.covers(&schema, &table)) {
            let schema = (Some(&schema) != current.as_ref()).then_some(schema);
            privileges.writable.push(TableName { schema, name: table });
        }
    }
    Ok(privileges)
}
