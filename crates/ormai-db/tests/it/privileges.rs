//! What the database lets its role do.

use ormai_core::catalog::TableName;
use ormai_core::privileges::Privileges;
use ormai_db::{ConnectOptions, Database, privileges};
use ormai_testkit::TestDatabase;

fn tables(names: &[&str]) -> Vec<TableName> {
    names.iter().map(|name| TableName { schema: Some("public".to_owned()), name: (*name).to_owned() }).collect()
}

#[tokio::test]
async fn sqlite_has_no_roles() {
    let test = TestDatabase::sqlite().await;
    let database = Database::connect(test.url(), &ConnectOptions::default()).await.unwrap();
    assert_eq!(privileges(&database).await.unwrap(), None);
}

#[tokio::test]
async fn a_role_of_postgres_is_read_with_what_it_inherits() {
    let test = TestDatabase::postgres().await;
    let name = test.name();
    let (role, group) = (format!("{name}_role"), format!("{name}_group"));
    test.execute(&format!(
        "CREATE TABLE owned (id int); CREATE TABLE inherited (id int); CREATE TABLE one_column (id int, name text);
         CREATE TABLE \"only read\" (id int); CREATE TABLE others (id int);
         CREATE ROLE {group}; CREATE ROLE {role} BYPASSRLS IN ROLE {group};
         ALTER TABLE owned OWNER TO {role}; GRANT DELETE ON inherited TO {group};
         GRANT UPDATE (name) ON one_column TO {role}; GRANT SELECT ON \"only read\" TO {role};"
    ))
    .await;
    let join = if test.url().contains('?') { '&' } else { '?' };
    let url = format!("{}{join}options=-c%20role%3D{role}", test.url());
    let database = Database::connect(&url, &ConnectOptions::default()).await.unwrap();
    let found = privileges(&database).await.unwrap();
    let own = Database::connect(test.url(), &ConnectOptions::default()).await.unwrap();
    let of_server = privileges(&own).await.unwrap().unwrap();
    drop(database);
    test.execute(&format!("DROP OWNED BY {role}, {group}; DROP ROLE {role}; DROP ROLE {group};")).await;
    let expected = Privileges {
        role,
        superuser: false,
        bypasses_row_security: true,
        owned: tables(&["owned"]),
        writable: tables(&["inherited", "one_column", "owned"]),
    };
    assert_eq!(found, Some(expected));
    // Whoever makes databases owns what is in them, whether or not it is a superuser.
    assert!(of_server.owned.contains(&tables(&["others"])[0]), "{of_server:?}");
}

#[tokio::test]
async fn a_user_of_mariadb_is_read_with_what_its_role_may_do() {
    let test = TestDatabase::mysql().await;
    let name = test.name();
    let (user, role) = (format!("{name}_user"), format!("{name}_role"));
    test.execute(&format!(
        "CREATE TABLE inherited (id int); CREATE TABLE one_column (id int, name text);
         CREATE TABLE \"only read\" (id int); CREATE TABLE others (id int);
         CREATE ROLE {role}; CREATE USER {user}@'%'; CREATE USER {user}@localhost;
         GRANT DELETE ON inherited TO {role};
         GRANT {role} TO {user}@'%'; GRANT {role} TO {user}@localhost;
         SET DEFAULT ROLE {role} FOR {user}@'%'; SET DEFAULT ROLE {role} FOR {user}@localhost;
         GRANT UPDATE (name), SELECT ON one_column TO {user}@'%'; GRANT SELECT ON \"only read\" TO {user}@'%';
         GRANT UPDATE (name), SELECT ON one_column TO {user}@localhost; GRANT SELECT ON \"only read\" TO {user}@localhost"
    ))
    .await;
    let (scheme, rest) = test.url().split_once("://").unwrap();
    let url = format!("{scheme}://{user}@{}", rest.split_once('@').map_or(rest, |(_, host)| host));
    let database = Database::connect(&url, &ConnectOptions::default()).await;
    let found = match &database {
        Ok(database) => privileges(database).await,
        Err(error) => panic!("{}", error.operator_detail()),
    };
    drop(database);
    let own = Database::from(test.mysql_pool().unwrap().clone());
    let of_server = privileges(&own).await.unwrap().unwrap();
    test.execute(&format!("DROP USER {user}@'%'; DROP USER {user}@localhost; DROP ROLE {role}")).await;
    let found = found.unwrap().unwrap();
    let here = |name: &str| TableName { schema: None, name: name.to_owned() };
    assert!(found.role.starts_with(&user) && !found.superuser && found.owned.is_empty(), "{found:?}");
    assert_eq!(found.writable, [here("inherited"), here("one_column")]);
    assert!(of_server.superuser && of_server.writable.contains(&here("others")), "{of_server:?}");
}
