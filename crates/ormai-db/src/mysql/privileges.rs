//! What MariaDB or MySQL lets the connection's user do.

use ormai_core::catalog::TableName;
use ormai_core::privileges::Privileges;
use ormai_core::value::Pattern;
use sqlx::MySqlConnection;
use sqlx::mysql::MySqlRow;

use super::Source;
use super::introspect::{connected, name, rows, word};
use crate::error::DbError;

const USER: &str = "SELECT current_user(), database()";

/// Those of the roles that the user has taken, too: `information_schema` leaves them out.
const GRANTS: &str = "SHOW GRANTS";

const TABLES: &str = "
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
ORDER BY CAST(table_schema AS BINARY), CAST(table_name AS BINARY)";

pub(crate) async fn read(source: &Source) -> Result<Privileges, DbError> {
    connected(source, async |connection: &mut MySqlConnection| {
        let user = rows(connection, USER, None).await?;
        let grants = rows(connection, GRANTS, None).await?;
        let tables = rows(connection, TABLES, None).await?;
        assemble(&user, &grants, &tables)
    })
    .await
}

fn assemble(user: &[MySqlRow], grants: &[MySqlRow], tables: &[MySqlRow]) -> Result<Privileges, DbError> {
    let mut privileges = Privileges::default();
    let mut current = None;
    for row in user {
        privileges.role = name(row, 0)?;
        current = word(row, 1)?;
    }
    let mut held = Vec::new();
    for row in grants {
        held.extend(Grant::parse(&name(row, 0)?));
    }
    privileges.superuser = held.iter().any(Grant::is_everything);
    for row in tables {
        let (schema, table) = (name(row, 0)?, name(row, 1)?);
        if held.iter().any(|grant| grant.writes() && grant.covers(&schema, &table)) {
            let schema = (Some(&schema) != current.as_ref()).then_some(schema);
            privileges.writable.push(TableName { schema, name: table });
        }
    }
    Ok(privileges)
}

/// A line of `SHOW GRANTS`: words, and on what they are granted.
#[derive(Debug, PartialEq)]
struct Grant {
    words: Vec<String>,
    /// A pattern; `None` for every database.
    schema: Option<String>,
    /// `None` for every table.
    table: Option<String>,
}

impl Grant {
    /// `GRANT SELECT, UPDATE (name) ON db.table TO user`, with names in backticks. Lines that
    /// grant something else than privileges (a role, a proxy) are `None`.
    fn parse(line: &str) -> Option<Self> {
        let mut words = vec![String::new()];
        let mut rest = line.strip_prefix("GRANT ")?;
        loop {
            // A privilege on columns is followed by their names.
            if let Some(names) = rest.strip_prefix('`') {
                rest = quoted(names)?.1;
            } else if let Some(target) = rest.strip_prefix(" ON ") {
                let (schema, target) = part(target)?;
                let (table, _) = part(target.strip_prefix('.')?)?;
                let words = words.iter().map(|word| word.split('(').next().unwrap_or(word).trim().to_owned()).collect();
                return Some(Self { words, schema, table });
            } else if let Some(next) = rest.strip_prefix(", ").filter(|_| !is_open(&words)) {
                words.push(String::new());
                rest = next;
            } else {
                let mut chars = rest.chars();
                words.last_mut()?.push(chars.next()?);
                rest = chars.as_str();
            }
        }
    }

    fn is_everything(&self) -> bool {
        self.schema.is_none() && self.words.iter().any(|word| ["SUPER", "ALL PRIVILEGES"].contains(&word.as_str()))
    }

    fn writes(&self) -> bool {
        self.words.iter().any(|word| ["INSERT", "UPDATE", "DELETE", "ALL PRIVILEGES"].contains(&word.as_str()))
    }

    fn covers(&self, schema: &str, table: &str) -> bool {
        match (&self.schema, &self.table) {
            (None, _) => true,
            (Some(pattern), None) => Pattern::like(pattern).matches(schema),
            (Some(granted), Some(name)) => granted == schema && name == table,
        }
    }
}

/// Whether the last word is in the middle of its list of columns.
fn is_open(words: &[String]) -> bool {
    words.last().is_some_and(|word| word.contains('(') && !word.contains(')'))
}

/// A name in backticks, or the asterisk for all.
fn part(text: &str) -> Option<(Option<String>, &str)> {
    if let Some(rest) = text.strip_prefix('*') {
        return Some((None, rest));
    }
    let (name, rest) = quoted(text.strip_prefix('`')?)?;
    Some((Some(name), rest))
}

/// The rest of a name behind its first backtick, and what follows the last.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('`')?;
        name.push_str(before);
        match after.strip_prefix('`') {
            Some(more) => {
                name.push('`');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read_as_they_are_shown() {
        let check = |line: &str, words: &[&str], schema: Option<&str>, table: Option<&str>| {
            let words = words.iter().map(|&word| word.to_owned()).collect();
            let expected = Grant { words, schema: schema.map(str::to_owned), table: table.map(str::to_owned) };
            assert_eq!(Grant::parse(line), Some(expected), "{line}");
        };
        check("GRANT ALL PRIVILEGES ON *.* TO `root`@`%` WITH GRANT OPTION", &["ALL PRIVILEGES"], None, None);
        check("GRANT SELECT, INSERT ON `shop`.* TO `u`@`%`", &["SELECT", "INSERT"], Some("shop"), None);
        let columns = "GRANT SELECT, UPDATE (`a, b`, `c ON ``d`), DELETE ON `s``x`.`t.t` TO `u`@`%`";
        check(columns, &["SELECT", "UPDATE", "DELETE"], Some("s`x"), Some("t.t"));
        for other in ["GRANT `role` TO `u`@`%`", "GRANT PROXY ON ''@'%' TO 'u'@'%'", "SET DEFAULT ROLE `r` FOR `u`"] {
            assert_eq!(Grant::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_grant_on_databases_is_a_pattern() {
        let grant = |line: &str| Grant::parse(line).unwrap();
        let pattern = grant(r"GRANT INSERT ON `shop\_%`.* TO `u`@`%`");
        assert!(pattern.covers("shop_1", "orders") && !pattern.covers("shops", "orders"));
        assert!(pattern.writes() && !pattern.is_everything());
        assert!(!grant("GRANT ALL PRIVILEGES ON `shop`.* TO `u`@`%`").is_everything());
        assert!(!grant("GRANT USAGE ON *.* TO `u`@`%`").writes());
        assert!(grant("GRANT SELECT, SUPER ON *.* TO `u`@`%`").is_everything());
    }
}
