//! The script as a whole: what it takes away, makes, grants and says of itself.

use std::fmt;
use std::sync::Arc;

use ormai_core::catalog::{Catalog, TableName};
use ormai_core::policy::CompiledPolicy;

use super::condition::table;
use super::grants::columns;
use super::made::Made;
use super::policies;
use super::text::{MAX_NAME, Sql};
use crate::error::CompileError;

/// Native row-level security as PostgreSQL installs it.
///
/// Displays as a script that runs as one transaction. It can be run again: it takes away what
/// an earlier one made.
#[derive(Clone, Debug)]
pub struct Script {
    header: Sql,
    statements: Vec<Sql>,
    body: Arc<str>,
    roles: [String; 3],
    tables: Vec<TableName>,
}

/// The roles of a script, as quoted names.
pub(super) struct Roles {
    /// Which agents' statements run as.
    pub(super) agent: Sql,
    /// The same for principals whom a bypass lets pass.
    pub(super) bypass: Sql,
    /// Which conditions read other tables as.
    reader: Sql,
}

/// Why names are sought in PostgreSQL's own schema alone, where every table is named with its own.
const PATH: &str = "Else an operator that somebody made for just these types, where anybody may make one, would be\n\
                    taken for PostgreSQL's own, and decide.";

const NARROW: &str = "DO $body$
BEGIN
  PERFORM set_config('ormai_rls.search_path', current_setting('search_path'), true);
  PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
END
$body$";

/// For who goes on in the same transaction.
const WIDEN: &str = "DO $body$
BEGIN
  PERFORM set_config('search_path', current_setting('ormai_rls.search_path'), true);
END
$body$";

/// What is said about one model.
pub(super) struct Section {
    title: Sql,
    table: TableName,
    statements: Vec<Sql>,
    /// Comments that wait for the statement that they are about.
    comments: Sql,
    pub(super) has_policies: bool,
    pub(super) has_bypass: bool,
}

impl Section {
    pub(super) fn new(model: &str, table: &TableName) -> Self {
        Self {
            title: Sql::comment(&format!("---- {model}: {table} ----")),
            table: table.clone(),
            statements: Vec::new(),
            comments: Sql::default(),
            has_policies: false,
            has_bypass: false,
        }
    }

    pub(super) fn note(&mut self, words: &'static str) {
        self.comment(words);
    }

    pub(super) fn comment(&mut self, words: &str) {
        self.comments = std::mem::take(&mut self.comments).and(&Sql::comment(words));
    }

    pub(super) fn say(&mut self, before: &'static str, name: &Sql, after: &'static str) {
        self.push(Sql::of(before).and(name).then(after));
    }

    pub(super) fn push(&mut self, sql: Sql) {
        self.statements.push(std::mem::take(&mut self.comments).and(&sql));
    }
}

/// The whole script for a policy, with the agents' role named `agent`.
///
/// # Errors
///
/// [`CompileError::Identifier`] for a name that PostgreSQL cannot hold, and for a role's name
/// that leaves no room for the names made from it.
pub fn script(policy: &CompiledPolicy, agent: &str) -> Result<Script, CompileError> {
    let catalog: &Catalog = policy.catalog();
    let names = [agent.to_owned(), format!("{agent}_bypass"), format!("{agent}_reader")];
    if names.iter().any(|name| name.len() > MAX_NAME) || agent.is_empty() {
        return Err(CompileError::Identifier { name: agent.to_owned() });
    }
    let [_, bypass, reader] = &names;
    let roles = Roles { agent: Sql::name(agent)?, bypass: Sql::name(bypass)?, reader: Sql::name(reader)? };
    let mut made = Made::new(catalog);
    let mut sections = Vec::new();
    for (id, _) in catalog.models() {
        if let Some(layers) = policy.layers(id) {
            sections.extend(policies::section(catalog, &layers, &roles, &mut made)?);
        }
    }
    let has_bypass = sections.iter().any(|section| section.has_bypass);
    let has_reader = !made.functions.is_empty();
    let tables = sections.iter().filter(|section| section.has_policies).map(|section| section.table.clone()).collect();

    let is_everywhere_named = policy.catalog().models().all(|(_, model)| model.table.schema.is_some());
    let mut statements = begin(&names, has_bypass, has_reader)?;
    if is_everywhere_named {
        statements.insert(0, Sql::comment(PATH).then(NARROW));
    }
    let about = Sql::value(&format!("Row-level security made by OrmAI from policy {}", policy.version()))?;
    statements.push(Sql::of("COMMENT ON SCHEMA ormai_rls IS ").and(&about));
    statements.extend(access(&sections, &roles, has_bypass)?);
    if has_reader {
        statements.extend(reading(catalog, &made, &roles.reader)?);
    }
    for section in sections {
        let mut title = Some(section.title);
        let trailing = section.comments;
        for sql in section.statements {
            statements.push(title.take().unwrap_or_default().and(&sql));
        }
        // Only a model without any statement ends in words alone.
        if let Some(title) = title {
            statements.push(title.and(&trailing).then("SELECT WHERE false"));
        }
    }
    statements.push(
        Sql::comment("A role that owns a table could lift its policies.").then(include_str!("owners.sql").trim_end()),
    );
    if is_everywhere_named {
        statements.push(Sql::of(WIDEN));
    }
    let body = Sql::join(statements.iter().cloned(), ";\n").then(";\n");
    let header = header(policy.version(), agent, has_bypass.then_some(bypass.as_str()));
    Ok(Script { header, statements, body: body.as_str().into(), roles: names, tables })
}

/// Settings, what an earlier script made, roles, and the functions that read the principal.
fn begin(names: &[String; 3], has_bypass: bool, has_reader: bool) -> Result<Vec<Sql>, CompileError> {
    let [agent, bypass, reader] = names;
    let set = |words: &'static str, name: &str| Ok::<_, CompileError>(Sql::of(words).and(&Sql::value(name)?));
    let unless = |is_there: bool, name: &str| if is_there { name.to_owned() } else { String::new() };
    let mut statements = vec![
        Sql::of("SET LOCAL standard_conforming_strings = on"),
        Sql::of("SET LOCAL client_min_messages = warning"),
        Sql::of("SET LOCAL check_function_bodies = on"),
        set("SET LOCAL ormai_rls.agent = ", agent)?,
        set("SET LOCAL ormai_rls.bypass = ", &unless(has_bypass, bypass))?,
        set("SET LOCAL ormai_rls.reader = ", &unless(has_reader, reader))?,
        Sql::comment("What an earlier script made. Names that begin with `ormai_` are its own.")
            .then(include_str!("earlier.sql").trim_end()),
        Sql::of("DROP SCHEMA IF EXISTS ormai_rls CASCADE"),
        Sql::comment("The roles: nobody logs in as them, and none passes a policy.")
            .then(include_str!("roles.sql").trim_end()),
        Sql::of("CREATE SCHEMA ormai_rls"),
    ];
    let functions = include_str!("functions.sql").trim_end().trim_end_matches(';');
    statements.push(
        Sql::comment(
            "The principal, read exactly or not at all. None of these can fail: what is missing or does\n\
             not fit is NULL, and a policy admits no row for it.",
        )
        .then(functions),
    );
    Ok(statements)
}

/// Who may name what, before any table.
fn access(sections: &[Section], roles: &Roles, has_bypass: bool) -> Result<Vec<Sql>, CompileError> {
    let mut statements = Vec::new();
    let mut schemas: Vec<&str> = Vec::new();
    for section in sections.iter().filter(|section| section.has_policies) {
        schemas.extend(section.table.schema.as_deref().filter(|schema| !schemas.contains(schema)));
    }
    for schema in schemas {
        let sql = Sql::of("GRANT USAGE ON SCHEMA ").and(&Sql::name(schema)?);
        statements.push(sql.then(" TO ").and(&roles.agent));
    }
    if has_bypass {
        let sql = Sql::of("GRANT ").and(&roles.agent).then(" TO ").and(&roles.bypass);
        statements
            .push(Sql::comment("It may do what the agents' role may, and is scoped unless a bypass holds.").and(&sql));
    }
    Ok(statements)
}

/// The functions that look at other tables, and the role that they read as.
fn reading(catalog: &Catalog, made: &Made<'_>, reader: &Sql) -> Result<Vec<Sql>, CompileError> {
    let mut statements = Vec::new();
    let mut schemas: Vec<&str> = Vec::new();
    for (id, fields) in &made.conditions.reads {
        let model = catalog.model(*id);
        let name = table(model)?;
        if let Some(schema) = model.table.schema.as_deref().filter(|schema| !schemas.contains(schema)) {
            schemas.push(schema);
            let sql = Sql::of("GRANT USAGE ON SCHEMA ").and(&Sql::name(schema)?);
            statements.push(sql.then(" TO ").and(reader));
        }
        let sql = Sql::of("GRANT SELECT ").and(&columns(model, fields.iter())?).then(" ON ").and(&name);
        statements.push(sql.then(" TO ").and(reader));
        if model.kind == ormai_core::catalog::ModelKind::Table {
            let sql = Sql::of("CREATE POLICY ormai_stored ON ").and(&name).then(" AS PERMISSIVE FOR SELECT TO ");
            statements.push(sql.and(reader).then(" USING (true)"));
        }
    }
    if let Some(first) = statements.first_mut() {
        let words = "Conditions read related tables as stored, as this role, and only these columns of them.";
        *first = Sql::comment(words).and(first);
    }
    // Who makes a function can give it away only to a role that it belongs to.
    statements.push(Sql::of("GRANT USAGE, CREATE ON SCHEMA ormai_rls TO ").and(reader));
    statements.push(Sql::of("GRANT ").and(reader).then(" TO CURRENT_USER"));
    for (create, signature) in &made.functions {
        statements.push(create.clone());
        statements.push(Sql::of("ALTER FUNCTION ").and(signature).then(" OWNER TO ").and(reader));
    }
    statements.push(Sql::of("REVOKE ").and(reader).then(" FROM CURRENT_USER"));
    statements.push(Sql::of("REVOKE USAGE, CREATE ON SCHEMA ormai_rls FROM ").and(reader));
    Ok(statements)
}

fn header(version: &str, agent: &str, bypass: Option<&str>) -> Sql {
    let mut lines = vec![
        format!("Row-level security for PostgreSQL 14 or later, made by `ormai rls` from policy {version}."),
        "Do not edit it: make it anew. `ormai rls --check` tells what differs in a database.".to_owned(),
    ];
    let mut paragraph = |of: &[&str]| lines.extend([""].iter().chain(of).map(|line| (*line).to_owned()));
    paragraph(&[
        "Install it with `psql --set ON_ERROR_STOP=1 --file THIS`, as a superuser, or as the owner of the",
        "tables with CREATEROLE. It is one transaction and locks each table for a moment. From then on",
        "policies hold everybody but superusers and roles with BYPASSRLS, the owner of the tables too: a",
        "role that is not named here sees no row of them until it gets a policy of its own.",
    ]);
    paragraph(&[
        "Make the application's role a member of the agents' role. In each transaction it says who is asking:",
    ]);
    paragraph(&[
        &format!("    SET LOCAL ROLE \"{}\";", agent.replace('"', "\"\"")),
        "    SELECT set_config('ormai.principal', $1, true);",
    ]);
    paragraph(&[
        "where $1 is the verified principal as JSON, such as",
        "{\"tenant_id\": \"acme\", \"user_id\": \"u1\", \"roles\": [\"support\"], \"metadata\": {}}.",
        "Without it, or with anything else in it, there are no rows.",
    ]);
    if let Some(bypass) = bypass {
        paragraph(&[
            &format!(
                "A principal whom a bypass lets pass uses the role \"{}\" instead. Others may use",
                bypass.replace('"', "\"\"")
            ),
            "it too: they are scoped, but no index serves their scope.",
        ]);
    }
    paragraph(&[
        "Not in it: masks, hashes, redaction, budgets, aggregation, approvals, and whose rows a reference",
        "may point to. Who can write SQL of their own under the role can also set another principal:",
        "this is a wall behind OrmAI, not instead of it.",
    ]);
    Sql::comment(&lines.join("\n"))
}

impl Script {
    /// What makes it, without BEGIN and COMMIT.
    pub fn body(&self) -> &Arc<str> {
        &self.body
    }

    /// The roles that are its own: the agents', that of bypasses, and that of conditions.
    /// Not every policy needs the last two.
    pub fn roles(&self) -> &[String; 3] {
        &self.roles
    }

    /// The tables that get policies.
    pub fn tables(&self) -> &[TableName] {
        &self.tables
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nBEGIN;\n\n", self.header.as_str())?;
        for statement in &self.statements {
            write!(f, "{};\n\n", statement.as_str())?;
        }
        f.write_str("COMMIT;\n")
    }
}
