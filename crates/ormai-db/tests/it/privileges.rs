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
    // A role belongs to the whole server, so it is named after the database.
    let name = test.url().rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
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
