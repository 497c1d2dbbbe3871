//! Which rows become visible, and to whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use ormai::catalog::Model;
use ormai::db::Database;
use ormai::policy::PolicyDocument;
use ormai::prelude::*;
use serde::Serialize;
use serde_json::Value as Json;

use super::keyed::keyed;
use super::{DiffError, PolicyDiff, Versions, Which};
use crate::record::Who;
use crate::replay::own;
use crate::{Row, Witness};

/// How many keys are named of each change.
pub const MOST_KEYS: usize = 10;

/// How many rows of one model are compared for a principal, without more.
const MOST_ROWS: u64 = 100_000;

/// For how many tenants principals are made where none are given.
const TENANTS: usize = 2;

/// In how many rows of each model principals are looked for.
const SAMPLE: u64 = 1_000;

/// The codes by which a policy closes a model to a principal. With any other, nobody knows what they see.
const CLOSED: [ErrorCode; 4] = [
    ErrorCode::ModelNotAllowed,
    ErrorCode::FieldNotAllowed,
    ErrorCode::TenantScopeRequired,
    ErrorCode::PrincipalIncomplete,
];

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
    /// comes behind them was not looked at; or one of the policies was not what refused them (`TIMEOUT`).
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

/// For how many principals the rows of a model were compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ModelRows {
    /// The model.
    pub model: String,
    /// For whom they were compared: one of the policies let them ask.
    pub compared: usize,
    /// Of these: who saw rows under either policy. With none, the rows show nothing of a change.
    pub saw_rows: usize,
    /// Who was refused by both.
    pub refused: usize,
}

impl ModelRows {
    fn of(model: &str) -> Self {
        Self { model: model.to_owned(), ..Self::default() }
    }

    /// Whether anything was compared.
    fn add(&mut self, found: &RowsDiff) -> bool {
        let is_refused = found.old_refusal.is_some() && found.new_refusal.is_some();
        self.refused += usize::from(is_refused);
        self.compared += usize::from(!is_refused);
        self.saw_rows += usize::from(found.old + found.new > 0);
        !is_refused
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
        heard: impl FnMut(&str),
    ) -> Result<(), DiffError> {
        self.compare_rows_on(&own(), diff, database, options, heard).await
    }

    /// As [`Versions::compare_rows`], on the connection of a context or in its transaction.
    ///
    /// # Errors
    ///
    /// [`DiffError::Database`]
    pub async fn compare_rows_on(
        &self,
        ctx: &RunContext<'_>,
        diff: &mut PolicyDiff,
        database: &Database,
        options: RowsOptions,
        mut heard: impl FnMut(&str),
    ) -> Result<(), DiffError> {
        let old = self.tools(database, Which::Old, keyed(&self.old.document, &self.catalog)).await?;
        let new = self.tools(database, Which::New, keyed(&self.new.document, &self.catalog)).await?;
        let principals = match options.principals.is_empty() {
            true => self.sampled(ctx, &old).await?,
            false => options.principals,
        };
        diff.principals_asked = principals.len();
        let mut models: IndexMap<String, ModelRows> = IndexMap::new();
        for who in principals {
            let mut is_compared = false;
            let roles = &who.roles;
            let (old_view, new_view) = (self.old.compiled.view(roles), self.new.compiled.view(roles));
            for (id, model) in self.catalog.models() {
                let (old_rules, new_rules) = (old_view.model(id), new_view.model(id));
                if old_rules.is_none() && new_rules.is_none() {
                    continue;
                }
                let ctx = ctx.for_principal(who.principal());
                let seen = [
                    seen(&old, &ctx, model, options.most_rows).await,
                    seen(&new, &ctx, model, options.most_rows).await,
                ];
                let mut found = compared(seen);
                let of_model = models.entry(model.name.clone()).or_insert_with(|| ModelRows::of(&model.name));
                is_compared |= of_model.add(&found);
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
            diff.principals += usize::from(is_compared);
        }
        diff.models = models.into_values().collect();
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
    async fn sampled(&self, ctx: &RunContext<'_>, tools: &Toolset) -> Result<Vec<Who>, DiffError> {
        let failed = |error: crate::WitnessError| DiffError::Database(error.to_string());
        let witness = Witness::of(tools).await.map_err(failed)?;
        let mut rows = BTreeMap::new();
        for (_, model) in self.catalog.models() {
            let ctx = ctx.for_principal(crate::witness::owner());
            let query = Query::model(model.name.as_str()).limit(SAMPLE);
            // What cannot be read holds nobody; how many saw rows is said in the end.
            let Ok(page) = witness.tools().query(&ctx, query).await else { continue };
            let some = page.rows.iter().map(crate::witness::row).collect::<Result<Vec<Row>, _>>().map_err(failed)?;
            rows.insert(model.name.clone(), some);
        }
        let documents = [&self.old.document, &self.new.document];
        let found = crate::isolation::principals_of(Arc::clone(&self.catalog), documents, &rows, TENANTS);
        let mut found: Vec<Who> = found.iter().map(Who::from).collect();
        if found.is_empty() {
            found.push(Who { tenant_id: Json::from("a tenant"), ..Who::default() });
        }
        let (sets, _) = super::roles::combinations(&self.roles());
        let principals = sets
            .into_iter()
            .take(MOST_SETS)
            .flat_map(|roles| found.iter().map(move |who| Who { roles: roles.clone(), ..who.clone() }));
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
    let complete = |seen: &Seen| match seen {
        Seen::Keys(_, complete) => *complete,
        Seen::Count(_) => true,
        Seen::Refused(code) => CLOSED.iter().any(|closed| closed.as_str() == code),
    };
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
