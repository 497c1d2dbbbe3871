//! Which rows become visible, and to whom.

use std::collections::BTreeSet;

use ormai::catalog::Model;
use ormai::db::Database;
use ormai::policy::{PolicyDocument, ScopeValue};
use ormai::prelude::*;
use ormai::principal::PrincipalPath;
use serde::Serialize;
use serde_json::Value as Json;

use super::keyed::keyed;
use super::{DiffError, PolicyDiff, Versions, Which};
use crate::record::Who;
use crate::{Row, Witness};

/// How many keys are named of each change.
pub const MOST_KEYS: usize = 10;

/// How many rows of one model are compared for a principal, without more.
const MOST_ROWS: u64 = 100_000;

/// For how many tenants principals are made where none are given.
const TENANTS: usize = 2;

/// For how many sets of roles principals are made.
const MOST_SETS: usize = 8;

/// What becomes of the rows of a model, for one principal.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RowsDiff {
    /// For whom.
    pub principal: Who,
    /// The model.
    pub model: String,
    /// How many rows they see under the old policy.
    pub old: u64,
    /// How many under the new one.
    pub new: u64,
    /// Rows that they did not see. Of a model without a key, how many more there are.
    pub newly: u64,
    /// Keys of some of them, the smallest first.
    pub newly_keys: Vec<Json>,
    /// Rows that they see no more.
    pub no_longer: u64,
    /// Keys of some of them.
    pub no_longer_keys: Vec<Json>,
    /// The code with which the old policy refuses to show any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_refusal: Option<String>,
    /// The code with which the new one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_refusal: Option<String>,
    /// Whether all rows were compared. Where it is false, there were more than were asked for, and what
    /// comes behind them was not looked at.
    pub complete: bool,
    /// Fields that these rows show now and did not.
    pub fields: Vec<String>,
}

impl RowsDiff {
    /// Whether rows or fields become visible, or it was not looked at all of them.
    pub fn is_wider(&self) -> bool {
        self.newly > 0 || !self.fields.is_empty() || !self.complete
    }
}

/// How rows are compared.
#[derive(Clone, Debug)]
pub struct RowsOptions {
    /// For whom; by default for principals of two tenants of the database, with each combination of the
    /// roles that the policies name.
    pub principals: Vec<Who>,
    /// The most rows of a model that are compared for each.
    pub most_rows: u64,
}

impl Default for RowsOptions {
    fn default() -> Self {
        Self { principals: Vec::new(), most_rows: MOST_ROWS }
    }
}

impl Versions {
    /// Compares which rows of each model are seen under both, and adds that to a diff. `heard` is told of
    /// each model that is done with.
    ///
    /// # Errors
    ///
    /// [`DiffError::Database`]
    pub async fn compare_rows(
        &self,
        diff: &mut PolicyDiff,
        database: &Database,
        options: RowsOptions,
        mut heard: impl FnMut(&str),
    ) -> Result<(), DiffError> {
        let old = self.tools(database, Which::Old, keyed(&self.old.document, &self.catalog)).await?;
        let new = self.tools(database, Which::New, keyed(&self.new.document, &self.catalog)).await?;
        let principals = match options.principals.is_empty() {
            true => self.sampled(&old).await?,
            false => options.principals,
        };
        diff.principals = principals.len();
        for who in principals {
            let roles = &who.roles;
            let (old_view, new_view) = (self.old.compiled.view(roles), self.new.compiled.view(roles));
            for (id, model) in self.catalog.models() {
                let (old_rules, new_rules) = (old_view.model(id), new_view.model(id));
                if old_rules.is_none() && new_rules.is_none() {
                    continue;
                }
                let ctx = RunContext::new(who.principal());
                let seen = [
                    seen(&old, &ctx, model, options.most_rows).await,
                    seen(&new, &ctx, model, options.most_rows).await,
                ];
                let mut found = compared(seen);
                if found.new > 0 {
                    let newly = model.field_ids().filter(|(field, _)| {
                        let open = |rules: Option<&ormai::policy::ModelRules>| {
                            rules.and_then(|rules| rules.field(*field)).cloned()
                        };
                        super::levels::level(open(new_rules).as_ref()) > super::levels::level(open(old_rules).as_ref())
                    });
                    found.fields = newly.map(|(_, field)| field.name.clone()).collect();
                }
                let refused_alike = found.old_refusal == found.new_refusal;
                if found.newly > 0
                    || found.no_longer > 0
                    || !found.fields.is_empty()
                    || !refused_alike
                    || !found.complete
                {
                    diff.rows.push(RowsDiff { principal: who.clone(), model: model.name.clone(), ..found });
                }
                heard(&model.name);
            }
        }
        Ok(())
    }

    /// The tools of a policy over the catalog of both.
    pub(super) async fn tools(
        &self,
        database: &Database,
        which: Which,
        document: PolicyDocument,
    ) -> Result<Toolset, DiffError> {
        let builder =
            OrmAi::builder().database(database.clone()).policy(document).catalog(self.catalog.as_ref().clone());
        // Both hash and seal alike, so that what differs is the policies' doing; nothing of it leaves this place.
        let built = builder.hash_key(*b"compared, never shown").cursor_key([7; 32]).unrecorded().build().await;
        match built {
            Ok(ormai) => Ok(ormai.tools().clone()),
            Err(ormai::BuildError::Policy(findings)) => Err(DiffError::Policy(which, findings)),
            Err(error) => Err(DiffError::Database(error.to_string())),
        }
    }

    /// Principals of some tenants that there are, with each set of roles.
    async fn sampled(&self, tools: &Toolset) -> Result<Vec<Who>, DiffError> {
        let failed = |error: crate::WitnessError| DiffError::Database(error.to_string());
        let witness = Witness::of(tools).await.map_err(failed)?;
        let mut tenants: BTreeSet<String> = BTreeSet::new();
        let mut found = Vec::new();
        for (id, model) in self.catalog.models() {
            let layers = [self.old.compiled.layers(id), self.new.compiled.layers(id)];
            let scopes = layers.iter().flatten().flat_map(|layers| &layers.rules.scoping);
            let scope = scopes.into_iter().find(|scope| scope.value == ScopeValue::Principal(PrincipalPath::TenantId));
            let Some(field) = scope.map(|scope| model.field(scope.field).name.as_str()) else { continue };
            let ctx = RunContext::new(Principal::without_tenant());
            let query = Query::model(model.name.as_str()).select([field]).limit(1_000);
            let Ok(page) = witness.tools().query(&ctx, query).await else { continue };
            for tenant in page.rows.iter().filter_map(|row| row.value(field)).map(ormai::value::Value::to_json) {
                if found.len() < TENANTS && !tenant.is_null() && tenants.insert(tenant.to_string()) {
                    found.push(tenant);
                }
            }
            if found.len() == TENANTS {
                break;
            }
        }
        if found.is_empty() {
            found.push(Json::from("a tenant"));
        }
        let (sets, _) = super::roles::combinations(&self.roles());
        let principals = sets.into_iter().take(MOST_SETS).flat_map(|roles| {
            found.iter().map(move |tenant| Who { tenant_id: tenant.clone(), roles: roles.clone(), ..Who::default() })
        });
        Ok(principals.collect())
    }
}

/// What of a model is seen.
enum Seen {
    /// The keys as JSON, and whether they are all.
    Keys(BTreeSet<String>, bool),
    /// How many, where there is no key.
    Count(u64),
    Refused(String),
}

async fn seen(tools: &Toolset, ctx: &RunContext<'_>, model: &Model, most: u64) -> Seen {
    let refused = |error: ormai::Refused| Seen::Refused(error.code.as_str().to_owned());
    let key: Vec<&str> = model.primary_key.iter().map(|field| model.field(*field).name.as_str()).collect();
    if key.is_empty() {
        return match tools.query(ctx, Query::model(model.name.as_str()).limit(1).with_total()).await {
            Ok(page) => Seen::Count(page.total.unwrap_or(0)),
            Err(error) => refused(error),
        };
    }
    let (mut keys, mut after) = (BTreeSet::new(), None);
    loop {
        let mut query = Query::model(model.name.as_str()).select(key.iter().copied()).limit(10_000);
        if let Some(cursor) = after.take() {
            query = query.after(cursor);
        }
        let page = match tools.query(ctx, query).await {
            Ok(page) => page.data,
            Err(error) => return refused(error),
        };
        for row in &page.rows {
            let values: Row =
                row.cells().filter_map(|(name, _)| Some((name.to_owned(), row.value(name)?.to_json()))).collect();
            let key = match key.as_slice() {
                [one] => values.get(*one).cloned().unwrap_or_default(),
                _ => Json::Object(values),
            };
            keys.insert(key.to_string());
        }
        let count = u64::try_from(keys.len()).unwrap_or(u64::MAX);
        match page.next_cursor {
            Some(_) if count >= most => return Seen::Keys(keys, false),
            Some(cursor) => after = Some(cursor),
            None => return Seen::Keys(keys, true),
        }
    }
}

fn compared([old, new]: [Seen; 2]) -> RowsDiff {
    let mut found = RowsDiff { complete: true, ..RowsDiff::default() };
    let (old_keys, new_keys) = (keys(&old), keys(&new));
    let complete = |seen: &Seen| !matches!(seen, Seen::Keys(_, false));
    found.complete = complete(&old) && complete(&new);
    found.old = count(&old);
    found.new = count(&new);
    match (&old, &new) {
        (Seen::Count(_), _) | (_, Seen::Count(_)) => {
            found.newly = found.new.saturating_sub(found.old);
            found.no_longer = found.old.saturating_sub(found.new);
        }
        _ => {
            (found.newly, found.newly_keys) = beyond(new_keys, old_keys);
            (found.no_longer, found.no_longer_keys) = beyond(old_keys, new_keys);
        }
    }
    let code = |seen: Seen| if let Seen::Refused(code) = seen { Some(code) } else { None };
    found.old_refusal = code(old);
    found.new_refusal = code(new);
    found
}

fn keys(seen: &Seen) -> Option<&BTreeSet<String>> {
    if let Seen::Keys(keys, _) = seen { Some(keys) } else { None }
}

fn count(seen: &Seen) -> u64 {
    match seen {
        Seen::Keys(keys, _) => u64::try_from(keys.len()).unwrap_or(u64::MAX),
        Seen::Count(count) => *count,
        Seen::Refused(_) => 0,
    }
}

/// How many keys are in one and not in the other, and some of them.
fn beyond(one: Option<&BTreeSet<String>>, other: Option<&BTreeSet<String>>) -> (u64, Vec<Json>) {
    let (mut count, mut some) = (0, Vec::new());
    for key in one.into_iter().flatten().filter(|key| other.is_none_or(|other| !other.contains(*key))) {
        count += 1;
        if some.len() < MOST_KEYS {
            some.push(serde_json::from_str(key).unwrap_or_default());
        }
    }
    (count, some)
}
