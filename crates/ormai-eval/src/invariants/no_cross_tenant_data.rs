//! `no_cross_tenant_data`

use std::collections::HashMap;

use ormai::catalog::ModelId;
use ormai::policy::{FieldAction, Operation};
use ormai::request::{Request, Tool};
use serde_json::Value as Json;

use super::attributed::{Source, alike, sources};
use super::evidence::{Evidence, undecided};
use super::ownership::{For, Standing, named};
use super::shown::{self, Shown};
use super::stored::{Tables, value_of};
use super::{Checking, Invariant, Needs, aggregates, recounted, written};
use crate::{Row, Violation, WitnessError};

pub(crate) const NAME: &str = "no_cross_tenant_data";

/// Looks up every row of the answer, counts every count and computes every figure again from the
/// rows that the policy lets the principal see.
#[derive(Debug)]
pub(super) struct NoCrossTenantData;

impl Invariant for NoCrossTenantData {
    fn name(&self) -> &str {
        NAME
    }

    fn needs(&self) -> Needs {
        Needs::Rows
    }

    fn check<'a>(&'a self, evidence: &'a Evidence<'_, '_>) -> Checking<'a> {
        Box::pin(async move { found(evidence).await.unwrap_or_else(|error| undecided(NAME, error)) })
    }
}

async fn found(evidence: &Evidence<'_, '_>) -> Result<Vec<Violation>, WitnessError> {
    let (Some(request), Some(model)) = (evidence.request(), evidence.model()) else { return Ok(Vec::new()) };
    let mut violations = Vec::new();
    if request.tool().writes() {
        violations.extend(written::found(evidence, &request, model).await?);
    }
    let Some(data) = evidence.observed().data() else { return Ok(violations) };
    match &request {
        Request::DescribeSchema(_) => {}
        Request::Aggregate(aggregate) => {
            violations.extend(aggregates::found(evidence, aggregate, model, data).await?);
        }
        Request::Query(query) => {
            violations.extend(rows(evidence, model, Tool::Query, data).await?);
            violations.extend(recounted::found(evidence, query, model, data).await?);
        }
        other => violations.extend(rows(evidence, model, other.tool(), data).await?),
    }
    Ok(violations)
}

/// The rows of an answer.
async fn rows(
    evidence: &Evidence<'_, '_>,
    model: ModelId,
    tool: Tool,
    data: &Json,
) -> Result<Vec<Violation>, WitnessError> {
    let data = evidence.keyed_data().await.unwrap_or(data);
    let shown = shown::rows(evidence.catalog(), model, tool, data);
    let models: Vec<ModelId> = shown.iter().map(|row| row.model).collect();
    let tables = evidence.tables(models).await?;
    let tables = shown_from(evidence, tool, model, &tables);
    let shown: Vec<Shown<'_>> = shown.into_iter().filter(|row| !row.planned).collect();
    let sources = sources(evidence, tables, &shown);
    let found = For::Finding(Operation::Read);
    let wanted = match tool {
        Tool::Create => vec![found, For::Staying(Operation::Create)],
        Tool::Update => vec![found, For::Staying(Operation::Update)],
        _ => vec![found],
    };
    let found_in = evidence.before().filter(|_| tool == Tool::Delete);
    let mut look = Look { evidence, tables, found_in, wanted, standings: HashMap::new(), violations: Vec::new() };
    for (row, source) in shown.iter().zip(&sources) {
        match source {
            Source::Row(stored) => {
                look.certain(row, stored);
                look.linked(row, stored, (&shown, &sources));
            }
            Source::Nothing => look.say(row, "the database has no such row", None),
            Source::Like(_) => {}
        }
    }
    for group in alike(&shown, &sources) {
        look.alike(&shown, &sources, &group);
    }
    look.has_more(&shown, &sources);
    Ok(look.violations)
}

/// The tables from which a tool shows rows: a row that is taken away is shown as it was, and one that is marked
/// as deleted as it is.
pub(super) fn shown_from<'t>(
    evidence: &'t Evidence<'_, '_>,
    tool: Tool,
    model: ModelId,
    after: &'t Tables,
) -> &'t Tables {
    let marked = evidence.view().model(model).is_some_and(|rules| rules.soft_delete.is_some());
    match evidence.before() {
        Some(before) if tool == Tool::Delete && !marked => before,
        _ => after,
    }
}

/// The row with the key of another one.
fn same_row<'t>(tables: &'t Tables, model: ModelId, row: &Row) -> Option<&'t Row> {
    let described = tables.catalog.model(model);
    let key: Vec<&Json> = described.primary_key.iter().map(|field| value_of(described, row, *field)).collect();
    tables.with_key(model, &key)
}

struct Look<'l, 'e, 'c> {
    evidence: &'l Evidence<'e, 'c>,
    tables: &'l Tables,
    /// Where the principal found the rows that it took away.
    found_in: Option<&'l Tables>,
    /// As what a row may be shown: as one that is found, or one that was written.
    wanted: Vec<For>,
    standings: HashMap<(ModelId, *const Row), Standing>,
    violations: Vec<Violation>,
}

impl Look<'_, '_, '_> {
    fn standing(&mut self, model: ModelId, stored: &Row) -> Standing {
        let (eyes, wanted) = (self.evidence.eyes(), &self.wanted);
        let now = (self.tables, stored);
        // A row that was marked as deleted was found as it was before.
        let (tables, row) =
            self.found_in.and_then(|before| Some((before, same_row(before, model, stored)?))).unwrap_or(now);
        let stand = || {
            let mut standings = wanted.iter().map(|wanted| eyes.standing(tables, model, row, *wanted));
            let first = standings.next().unwrap_or(Standing::Closed("nothing opens it".to_owned()));
            if first.is_open() { first } else { standings.find(Standing::is_open).unwrap_or(first) }
        };
        self.standings.entry((model, std::ptr::from_ref(stored))).or_insert_with(stand).clone()
    }

    /// A row that is known by its key.
    fn certain(&mut self, row: &Shown<'_>, stored: &Row) {
        match self.standing(row.model, stored) {
            Standing::Own => {}
            Standing::Allowed(rule) => self.evidence.allow(row.model, &rule),
            Standing::Closed(why) => {
                self.say(row, &format!("shows a row that the principal may not see: {why}"), Some(stored));
                return;
            }
        }
        let catalog = self.evidence.catalog();
        let (model, rules) = (catalog.model(row.model), self.evidence.view().model(row.model));
        for (field, value) in &row.fields {
            let rule = rules.and_then(|rules| rules.field(*field));
            let as_it_is = rule.is_some_and(|rule| rule.action == FieldAction::Allow);
            if as_it_is && value_of(model, stored, *field) != *value {
                let field = &model.field(*field).name;
                let what = "shows a value that is not the row's own";
                let key = named(catalog, row.model, stored);
                self.violations.push(Violation::new(NAME, what).row(&model.name, key).field(field));
            }
        }
    }

    /// An included row stands under the row that leads to it: elsewhere it tells of another one.
    fn linked(&mut self, row: &Shown<'_>, stored: &Row, (shown, sources): (&[Shown<'_>], &[Source<'_>])) {
        let Some((relation, above)) = row.parent else { return };
        let (Some(above), Some(Source::Row(parent))) = (shown.get(above), sources.get(above)) else { return };
        let (_, related) = self.tables.related(above.model, parent, relation);
        if !related.iter().any(|one| std::ptr::eq(*one, stored)) {
            self.say(row, "stands under a row that does not lead to it", Some(stored));
        }
    }

    /// Rows that cannot be told apart: the principal may see so many that show the same.
    fn alike(&mut self, shown: &[Shown<'_>], sources: &[Source<'_>], group: &[usize]) {
        let Some((first, row)) = group.first().and_then(|first| Some((*first, shown.get(*first)?))) else { return };
        let Some(Source::Like(candidates)) = sources.get(first) else { return };
        let (mut open, mut closed) = (0, Vec::new());
        for stored in candidates {
            match self.standing(row.model, stored) {
                Standing::Closed(why) => closed.push((*stored, why)),
                Standing::Own => open += 1,
                Standing::Allowed(rule) => {
                    if open < group.len() {
                        self.evidence.allow(row.model, &rule);
                    }
                    open += 1;
                }
            }
        }
        let mut closed = closed.into_iter();
        for row in group.iter().skip(open).filter_map(|index| shown.get(*index)) {
            match closed.next() {
                Some((stored, why)) => {
                    let what = format!("shows more rows like this than the principal may see: {why}");
                    self.say(row, &what, Some(stored));
                }
                None => self.say(row, "the database has no such row", None),
            }
        }
    }

    /// That there are more related rows is said of rows that the principal may see.
    fn has_more(&mut self, shown: &[Shown<'_>], sources: &[Source<'_>]) {
        for (row, source) in shown.iter().zip(sources) {
            let Source::Row(stored) = source else { continue };
            for included in row.includes.iter().filter(|included| included.has_more) {
                let (target, related) = self.tables.related(row.model, stored, included.relation);
                let open = related.into_iter().filter(|stored| self.standing(target, stored).is_open()).count();
                if open <= included.rows.len() {
                    let relation = &self.evidence.catalog().model(row.model).relation(included.relation).name;
                    let what = format!("says that `{relation}` has more rows, and the principal may see {open}");
                    self.say(row, &what, Some(stored));
                }
            }
        }
    }

    fn say(&mut self, row: &Shown<'_>, what: &str, stored: Option<&Row>) {
        let catalog = self.evidence.catalog();
        let place = || Json::String(row.place.clone());
        let key = stored.map_or_else(place, |stored| named(catalog, row.model, stored));
        let what = match (stored, row.place.as_str()) {
            (Some(_), place) if !place.is_empty() => format!("{place} {what}"),
            _ => what.to_owned(),
        };
        let mut violation = Violation::new(NAME, what).row(&catalog.model(row.model).name, key);
        // The one that tells whose row it is, where it shows.
        let scoped = self.evidence.view().model(row.model).into_iter().flat_map(|rules| &rules.scoping);
        let telling = scoped.map(|scope| scope.field).find(|field| row.value(*field).is_some());
        if let Some(field) = telling.or(row.fields.first().map(|(field, _)| *field)) {
            violation = violation.field(&catalog.model(row.model).field(field).name);
        }
        self.violations.push(violation);
    }
}
