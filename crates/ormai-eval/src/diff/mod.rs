//! What a change of a policy changes: which calls, which rows and which fields, for whom.
//!
//! Two levels. The policies themselves are compared for each set of roles, without a database: whatever
//! is open under the new one and was not, or less so, is *wider*. Where that cannot be told from the
//! rules, such as that of a condition that reads differently, it counts as a widening: the rows tell
//! more. On a database, both policies are asked for all rows of each model as each principal, and the
//! rows are compared by their keys; and calls are made under both.

mod calls;
mod change;
mod keyed;
mod levels;
mod roles;
mod rows;
mod rules;
mod writes;

use std::sync::Arc;

use indexmap::IndexMap;
use ormai::catalog::Catalog;
use ormai::diagnostic::Diagnostic;
use ormai::policy::{CompileOptions, CompiledPolicy, PolicyDocument};
use serde::Serialize;

pub use calls::{CallChange, CallsDiff};
pub use change::{Change, Direction, FieldPicture, Level, ModelPicture, Part, RolesDiff};
pub use rows::{MOST_KEYS, ModelRows, RowsDiff, RowsOptions};

use crate::record::Who;

/// What differs between two policies. Plain data: each part can be read by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PolicyDiff {
    /// The version of the old policy.
    pub old: String,
    /// The version of the new one.
    pub new: String,
    /// What the policies say, by set of roles.
    pub roles: Vec<RolesDiff>,
    /// Whether `roles` has every combination of the roles that the policies name.
    pub all_combinations: bool,
    /// What becomes of rows, by principal and model; only where something does.
    pub rows: Vec<RowsDiff>,
    /// For how many principals rows were compared, of one model at least; 0 where they were not. Who is
    /// refused by both policies everywhere is not counted.
    pub principals: usize,
    /// As how many principals both policies were asked.
    pub principals_asked: usize,
    /// For how many of them rows were compared and seen, by model.
    pub models: Vec<ModelRows>,
    /// What becomes of calls; `None` where none were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<CallsDiff>,
}

impl PolicyDiff {
    /// Whether somebody can do or see something under the new policy that they could not under the old
    /// one, or may be able to.
    pub fn is_wider(&self) -> bool {
        self.roles.iter().flat_map(|roles| &roles.changes).any(|change| change.direction != Direction::Narrower)
            || self.rows.iter().any(RowsDiff::is_wider)
            || self.calls.as_ref().is_some_and(|calls| calls.wider > 0)
    }

    /// Each change of a rule once, widenings first, with the sets of roles that it is for.
    pub fn changes(&self) -> Vec<(&Change, Vec<&[String]>)> {
        let mut changes: IndexMap<&Change, Vec<&[String]>> = IndexMap::new();
        for roles in &self.roles {
            for change in &roles.changes {
                changes.entry(change).or_default().push(&roles.roles);
            }
        }
        let mut changes: Vec<_> = changes.into_iter().collect();
        changes.sort_by(|(one, _), (other, _)| one.order().cmp(&other.order()));
        changes
    }

    /// Whether nothing differs at all.
    pub fn is_empty(&self) -> bool {
        self.roles.iter().all(|roles| roles.changes.is_empty())
            && self.rows.is_empty()
            && self.calls.as_ref().is_none_or(|calls| calls.changes.is_empty())
    }
}

/// Which of the two policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The old one.
    Old,
    /// The new one.
    New,
}

/// Why two policies could not be compared.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiffError {
    /// One of them does not fit the database: every finding.
    #[error("the {} policy does not load", match .0 { Which::Old => "old", Which::New => "new" })]
    Policy(Which, Vec<Diagnostic>),
    /// The database cannot be asked.
    #[error("{0}")]
    Database(String),
    /// The calls cannot be read.
    #[error("{0}")]
    Calls(String),
}

/// Two versions of a policy over one catalog.
#[derive(Debug)]
pub struct Versions {
    catalog: Arc<Catalog>,
    old: Version,
    new: Version,
}

#[derive(Debug)]
struct Version {
    document: PolicyDocument,
    compiled: CompiledPolicy,
}

impl Versions {
    /// Compiles both.
    ///
    /// # Errors
    ///
    /// [`DiffError::Policy`], with the findings of the first that does not load.
    pub fn new(old: PolicyDocument, new: PolicyDocument, catalog: Catalog) -> Result<Self, DiffError> {
        let catalog = Arc::new(catalog);
        let version = |document: PolicyDocument, which: Which| {
            // Nothing is hashed here: whether there is a key is for those who serve.
            let options = CompileOptions { has_hash_key: true };
            let compiled = CompiledPolicy::compile(&document, Arc::clone(&catalog), options)
                .map_err(|findings| DiffError::Policy(which, findings))?;
            Ok(Version { document, compiled })
        };
        Ok(Self { old: version(old, Which::Old)?, new: version(new, Which::New)?, catalog: Arc::clone(&catalog) })
    }

    /// What the policies say, for the roles of these principals; without any, for the combinations of
    /// the roles that the policies name.
    pub fn diff(&self, principals: &[Who]) -> PolicyDiff {
        let (roles, all_combinations) = match principals {
            [] => roles::combinations(&self.roles()),
            principals => (roles::of(principals), false),
        };
        let roles = roles.into_iter().map(|roles| self.roles_diff(roles)).collect();
        let (old, new) = (self.old.compiled.version().to_owned(), self.new.compiled.version().to_owned());
        PolicyDiff { old, new, roles, all_combinations, ..PolicyDiff::default() }
    }

    /// The roles that the policies name, in the order of their names.
    pub fn roles(&self) -> Vec<String> {
        let mut named = roles::named(&self.old.compiled);
        named.extend(roles::named(&self.new.compiled));
        named.into_iter().collect()
    }

    fn roles_diff(&self, roles: Vec<String>) -> RolesDiff {
        let (old, new) = (self.old.compiled.view(&roles), self.new.compiled.view(&roles));
        let (mut changes, mut models) = (Vec::new(), Vec::new());
        rules::tools(&self.catalog, &old, &new, &mut changes);
        for (id, model) in self.catalog.models() {
            rules::model(&self.catalog, model, (old.model(id), new.model(id)), &mut changes);
            models.extend(rules::picture(model, (old.model(id), new.model(id))));
        }
        changes.sort_by(|one, other| one.order().cmp(&other.order()));
        RolesDiff { roles, changes, models }
    }
}
