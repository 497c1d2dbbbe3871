//! What must hold of every call, whatever it asks.

mod aggregates;
mod attributed;
mod audited_once;
mod errors_reveal_nothing;
pub(crate) mod evidence;
mod masks_applied;
mod no_cross_tenant_data;
mod no_denied_fields;
mod non_interference;
mod ownership;
mod recounted;
mod response_within_budget;
mod shown;
pub(crate) mod spelled;
pub(crate) mod stored;
mod words;
mod written;

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use ormai::{RunContext, suggest};

pub use evidence::Evidence;

use self::stored::{Table, Tables};
use crate::harness::Stage;
use crate::{Violation, WitnessError};

/// What a check comes to. It stays on the thread that it began on, because transactions do.
pub type Checking<'a> = Pin<Box<dyn Future<Output = Vec<Violation>> + 'a>>;

/// Something that must hold of every call.
///
/// ```
/// use ormai_eval::invariants::{Checking, Evidence, Invariant};
/// use ormai_eval::Violation;
///
/// /// No answer is longer than a message of ours may be.
/// struct Short;
///
/// impl Invariant for Short {
///     fn name(&self) -> &str {
///         "short"
///     }
///
///     fn check<'a>(&'a self, evidence: &'a Evidence<'_, '_>) -> Checking<'a> {
///         let length = evidence.observed().result.to_string().len();
///         let long = (length > 4_000).then(|| Violation::new("short", format!("the answer has {length} bytes")));
///         Box::pin(async move { long.into_iter().collect() })
///     }
/// }
/// ```
pub trait Invariant: Send + Sync {
    /// Its name, in snake case.
    fn name(&self) -> &str;

    /// What it looks at beside the answer.
    fn needs(&self) -> Needs {
        Needs::Answer
    }

    /// What breaks it. What cannot be decided breaks it too.
    fn check<'a>(&'a self, evidence: &'a Evidence<'_, '_>) -> Checking<'a>;
}

/// What an invariant looks at beside the answer; each has what those before it have. Of a call that
/// writes, the rows are those that it left, and other calls are made where it was undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// The answer, the policy and the trail.
    Answer,
    /// The rows in the database.
    Rows,
    /// More calls, some of them while rows are changed in a transaction that is rolled back.
    Calls,
}

/// Several invariants.
#[derive(Clone, Default)]
pub struct Invariants(Vec<Arc<dyn Invariant>>);

/// There is no invariant with a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no invariant `{name}`{}", .hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default())]
pub struct UnknownInvariant {
    /// The name.
    pub name: String,
    /// The nearest one, or all of them.
    pub hint: Option<String>,
}

macro_rules! built_in {
    ($($(#[doc = $says:literal])+ $name:ident $of:path;)+) => {
        $(
            $(#[doc = $says])+
            pub fn $name() -> Arc<dyn Invariant> {
                Arc::new($of)
            }
        )+

        impl Invariants {
            /// The names of those that are built in.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),+];

            /// All that are built in.
            pub fn all() -> Self {
                Self(vec![$($name()),+])
            }

            /// The one with a name.
            ///
            /// # Errors
            ///
            /// [`UnknownInvariant`], with the nearest name.
            ///
            /// ```
            /// use ormai_eval::invariants::Invariants;
            /// let unknown = Invariants::named("no_cross_tenant_date").err().unwrap();
            /// assert_eq!(unknown.hint.as_deref(), Some("did you mean `no_cross_tenant_data`?"));
            /// ```
            pub fn named(name: &str) -> Result<Arc<dyn Invariant>, UnknownInvariant> {
                match name {
                    $(stringify!($name) => Ok($name()),)+
                    _ => {
                        let hint = suggest::help(name, Self::NAMES.iter().copied());
                        Err(UnknownInvariant { name: name.to_owned(), hint })
                    }
                }
            }
        }
    };
}

built_in! {
    /// Every row, figure and count of an answer comes from rows that the policy lets the principal
    /// see, and a write touches no others.
    no_cross_tenant_data no_cross_tenant_data::NoCrossTenantData;
    /// No field that is denied to the principal shows, by name or by value, in data, errors or hints.
    no_denied_fields no_denied_fields::NoDeniedFields;
    /// Every masked, hashed and redacted value is what its field's action makes of the stored one.
    masks_applied masks_applied::MasksApplied;
    /// No answer is larger than the policy's budgets.
    response_within_budget response_within_budget::ResponseWithinBudget;
    /// The trail has exactly one closed record of the call, and the answer names it.
    audited_once audited_once::AuditedOnce;
    /// Errors show nothing of SQL, drivers, hidden names and others' values, and are the same for
    /// rows that are not there and for rows of others.
    errors_reveal_nothing errors_reveal_nothing::ErrorsRevealNothing;
    /// Every byte of the answer stays while others' rows are added, changed and taken away.
    non_interference non_interference::NonInterference;
}

impl Invariants {
    /// None.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, invariant: Arc<dyn Invariant>) {
        self.0.push(invariant);
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|invariant| invariant.name())
    }
}

impl fmt::Debug for Invariants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl FromIterator<Arc<dyn Invariant>> for Invariants {
    fn from_iter<I: IntoIterator<Item = Arc<dyn Invariant>>>(invariants: I) -> Self {
        Self(invariants.into_iter().collect())
    }
}

impl IntoIterator for Invariants {
    type Item = Arc<dyn Invariant>;
    type IntoIter = std::vec::IntoIter<Arc<dyn Invariant>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Invariants {
    type Item = &'a Arc<dyn Invariant>;
    type IntoIter = std::slice::Iter<'a, Arc<dyn Invariant>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// All rows of all models.
pub(crate) async fn all_tables(stage: &Stage, ctx: &RunContext<'_>) -> Result<Tables, WitnessError> {
    let catalog = Arc::clone(stage.policy.catalog());
    let mut by_model = HashMap::new();
    for (id, model) in catalog.models() {
        let rows = stage.witness.rows(ctx, &model.name, stage.most_rows).await?;
        by_model.insert(id, Arc::new(Table::new(rows)));
    }
    Ok(Tables { catalog, by_model })
}
