//! Native row-level security of PostgreSQL from the same policy: a second wall under the first.
//!
//! [`script`] prints what PostgreSQL installs; [`principal_setting`] is how an application says
//! in a transaction who is asking; [`check`] tells where a database differs from its policy.
//! What is emitted, and what it cannot hold, stands in `docs/reference/row-level-security.md`.
//!
//! ```
//! use ormai::principal::Principal;
//! use ormai::rls;
//!
//! let principal = Principal::new("acme-corp").user("user-123").role("support");
//! assert_eq!(
//!     rls::principal_setting(&principal),
//!     r#"{"metadata":{},"roles":["support"],"tenant_id":"acme-corp","user_id":"user-123"}"#
//! );
//! ```

use std::fmt;

use ormai_core::policy::CompiledPolicy;
use ormai_core::principal::Principal;
use ormai_db::rls::{Comparison, Part, State, Thing};
use ormai_db::{Database, DbError};
use ormai_sql::{CompileError, Dialect};
use serde::Serialize;
use serde_json::json;

pub use ormai_sql::rls::Script;

/// The role that agents' statements run as, unless another is named.
pub const AGENT: &str = "ormai_agent";

/// The setting that holds the principal for the length of a transaction.
pub const SETTING: &str = "ormai.principal";

/// Why there is no script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// The database is no PostgreSQL.
    #[error("row-level security is PostgreSQL's, and this database has nothing like it")]
    Engine,
    /// A part of the policy or of the database cannot be said there.
    #[error("{0}")]
    Print(String),
}

impl From<CompileError> for ScriptError {
    fn from(error: CompileError) -> Self {
        Self::Print(match error {
            CompileError::Identifier { name } => {
                format!("the name `{}` is empty, or longer than PostgreSQL keeps whole", name.escape_debug())
            }
            error => error.to_string(),
        })
    }
}

/// The script that installs a policy's rows and columns in PostgreSQL, for agents' statements
/// that run as the role `agent`.
///
/// # Errors
///
/// [`ScriptError`] when the dialect is another, or a name is too long.
pub fn script(policy: &CompiledPolicy, dialect: Dialect, agent: &str) -> Result<Script, ScriptError> {
    match dialect {
        Dialect::Postgres => Ok(ormai_sql::rls::script(policy, agent)?),
        _ => Err(ScriptError::Engine),
    }
}

/// The principal as the value of [`SETTING`], for `SELECT set_config('ormai.principal', $1, true)`.
pub fn principal_setting(principal: &Principal) -> String {
    json!({
        "tenant_id": principal.tenant_id(),
        "user_id": principal.user_id(),
        "roles": principal.roles(),
        "metadata": principal.all_metadata(),
    })
    .to_string()
}

/// Where a database is not as its policy says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// What is wrong: `missing`, `extra`, `changed` or `unsafe`.
    pub kind: DifferenceKind,
    /// `version`, `role`, `table`, `policy`, `grant` or `function`.
    pub part: &'static str,
    /// The table, where it has one.
    pub table: Option<String>,
    /// Its name.
    pub name: String,
    /// What differs, such as `using`.
    pub what: Option<String>,
    /// What is installed.
    pub installed: Option<String>,
    /// What the policy says.
    pub wanted: Option<String>,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DifferenceKind {
    /// The policy says it and the database does not have it.
    Missing,
    /// The database has it and the policy does not say it.
    Extra,
    /// Both have it, and differ.
    Changed,
    /// A role could do it without any policy.
    Unsafe,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DifferenceKind::Missing => "missing",
            DifferenceKind::Extra => "extra",
            DifferenceKind::Changed => "changed",
            DifferenceKind::Unsafe => "unsafe",
        };
        write!(f, "{kind} {}", self.part)?;
        if !self.name.is_empty() {
            write!(f, " {}", self.name)?;
        }
        if let Some(table) = &self.table {
            write!(f, "{}{table}", if self.name.is_empty() { " " } else { " on " })?;
        }
        if let Some(what) = &self.what {
            write!(f, ": {what}")?;
        }
        if let Some(installed) = &self.installed {
            write!(f, "\n    installed: {}", installed.trim())?;
        }
        if let Some(wanted) = &self.wanted {
            write!(f, "\n    policy:    {}", wanted.trim())?;
        }
        Ok(())
    }
}

/// Every difference between a database and a script; none when it is installed as it is.
///
/// The script is run in a transaction and rolled back, since PostgreSQL keeps expressions in words
/// of its own. That locks each table for a moment and needs the rights that installing needs.
///
/// # Errors
///
/// [`DbError`] when the database cannot be asked.
pub async fn check(database: &Database, script: &Script) -> Result<Vec<Difference>, DbError> {
    let Comparison { installed, wanted, .. } = ormai_db::rls::compare(database, script).await?;
    let mut found = unsafe_roles(&installed, script);
    if let Some(wanted) = wanted {
        found.extend(differences(&installed, &wanted));
    }
    Ok(found)
}

/// What the roles of the script could do without any policy.
fn unsafe_roles(installed: &State, script: &Script) -> Vec<Difference> {
    let [agent, bypass, _] = script.roles();
    let mut found = Vec::new();
    for (thing, says) in installed.iter().filter(|(thing, _)| thing.part == Part::Role) {
        for (what, value) in says {
            // The role of bypasses is the agents' role, and more; every other membership adds what
            // no policy here knows of.
            let expected = what == "is member of" && thing.name == *bypass && value == agent;
            if value != "false" && !expected {
                let mut difference = Difference::of(DifferenceKind::Unsafe, thing);
                difference.what = Some(what.clone());
                difference.installed = Some(value.clone());
                found.push(difference);
            }
        }
    }
    found
}

fn differences(installed: &State, wanted: &State) -> Vec<Difference> {
    let mut found = Vec::new();
    let nothing = std::collections::BTreeMap::new();
    for (thing, says) in wanted {
        let has = match installed.get(thing) {
            // A role or table is there or it is not; what it is allowed stands in other parts.
            None => {
                found.push(Difference::of(DifferenceKind::Missing, thing));
                continue;
            }
            Some(has) => has,
        };
        if thing.part == Part::Role {
            continue;
        }
        let keys: std::collections::BTreeSet<&String> = says.keys().chain(has.keys()).collect();
        for key in keys.into_iter().filter(|key| says.get(*key) != has.get(*key)) {
            let mut difference = Difference::of(DifferenceKind::Changed, thing);
            difference.what = Some(key.clone());
            difference.installed = has.get(key).cloned();
            difference.wanted = says.get(key).cloned();
            found.push(difference);
        }
    }
    for (thing, says) in installed {
        // What the script would leave standing, and did not make.
        let is_foreign = match thing.part {
            Part::Policy => !thing.name.starts_with("ormai_"),
            Part::Grant => thing.name == "PUBLIC",
            _ => false,
        };
        if is_foreign || !wanted.contains_key(thing) {
            let mut difference = Difference::of(DifferenceKind::Extra, thing);
            let shown: &dyn Fn(&String) -> bool = match thing.part {
                Part::Function => &|key| key != "definition",
                _ => &|_| true,
            };
            let says = if thing.part == Part::Table { &nothing } else { says };
            let told: Vec<String> =
                says.iter().filter(|(key, _)| shown(key)).map(|(key, value)| format!("{key} {value}")).collect();
            difference.installed = (!told.is_empty()).then(|| told.join("; "));
            found.push(difference);
        }
    }
    found
}

impl Difference {
    fn of(kind: DifferenceKind, thing: &Thing) -> Self {
        let part = match thing.part {
            Part::Version => "version",
            Part::Role => "role",
            Part::Table => "table",
            Part::Policy => "policy",
            Part::Grant => "grant",
            _ => "function",
        };
        let (table, name) = (thing.table.clone(), thing.name.clone());
        Self { kind, part, table, name, what: None, installed: None, wanted: None }
    }
}
