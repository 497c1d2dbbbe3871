//! Which stored row each row of an answer is.
//!
//! A row that shows its key is the one with that key. To rows that do not, the same request is put
//! once more with the keys selected; where that cannot be (a key may be denied), what remains are the
//! values: of the stored rows that would show like this, the principal may see so many, and an answer
//! that has more of them shows others'.

use std::collections::HashMap;

use ormai::catalog::{Catalog, FieldId, ModelId};
use ormai::policy::{FieldAction, View};
use ormai::request::{Get, Include, Query, Request, Tool};
use serde_json::Value as Json;

use super::evidence::Evidence;
use super::shown::{self, Shown};
use super::stored::{Tables, value_of};
use crate::Row;
use crate::harness::{Call, Observed};

/// The stored rows that a shown one may be.
pub(crate) enum Source<'t> {
    /// This one, by its key.
    Row(&'t Row),
    /// No row has its key.
    Nothing,
    /// One of these, by what it shows.
    Like(Vec<&'t Row>),
}

/// The fields of a model's key that a principal sees as they are; `None` when one is not.
pub(crate) fn open_key<'c>(catalog: &'c Catalog, view: &View, model: ModelId) -> Option<&'c [FieldId]> {
    let (key, rules) = (catalog.model(model).primary_key.as_slice(), view.model(model)?);
    let open = |field: &FieldId| rules.field(*field).is_some_and(|rule| rule.action == FieldAction::Allow);
    (!key.is_empty() && key.iter().all(open)).then_some(key)
}

/// The stored row of each shown one, in their order.
pub(crate) fn sources<'t>(evidence: &Evidence<'_, '_>, tables: &'t Tables, shown: &[Shown<'_>]) -> Vec<Source<'t>> {
    let mut sources: Vec<Source<'t>> = Vec::with_capacity(shown.len());
    for row in shown {
        let above = row.parent.and_then(|(relation, above)| Some((relation, shown.get(above)?, sources.get(above)?)));
        let source = by_key(evidence, tables, row).unwrap_or_else(|| {
            let among: Vec<&Row> = match above {
                Some((relation, above, Source::Row(parent))) => tables.related(above.model, parent, relation).1,
                _ => tables.rows(row.model).iter().collect(),
            };
            Source::Like(among.into_iter().filter(|stored| looks_like(evidence, tables, row, stored)).collect())
        });
        sources.push(source);
    }
    sources
}

fn by_key<'t>(evidence: &Evidence<'_, '_>, tables: &'t Tables, row: &Shown<'_>) -> Option<Source<'t>> {
    let key = open_key(evidence.catalog(), evidence.view(), row.model)?;
    let values: Vec<&Json> = key.iter().map(|field| row.value(*field)).collect::<Option<_>>()?;
    Some(tables.with_key(row.model, &values).map_or(Source::Nothing, Source::Row))
}

/// Whether a stored row would show what a row shows, as far as that is shown as it is.
fn looks_like(evidence: &Evidence<'_, '_>, tables: &Tables, row: &Shown<'_>, stored: &Row) -> bool {
    let model = tables.catalog.model(row.model);
    let rules = evidence.view().model(row.model);
    let as_it_is = |field: FieldId| {
        let rule = rules.and_then(|rules| rules.field(field));
        rule.is_none_or(|rule| rule.action == FieldAction::Allow)
    };
    row.fields.iter().all(|(field, value)| !as_it_is(*field) || value_of(model, stored, *field) == *value)
}

/// What two rows that cannot be told apart have in common: their model, the row above, and what they show.
pub(crate) type Looks = (ModelId, Option<(usize, usize)>, String);

/// The looks of a row.
pub(crate) fn looks(row: &Shown<'_>) -> Looks {
    let shown: String = row.fields.iter().map(|(field, value)| format!("{}={value},", field.index())).collect();
    (row.model, row.parent.map(|(relation, above)| (relation.index(), above)), shown)
}

/// The rows that cannot be told apart, by their places in the answer.
pub(crate) fn alike(shown: &[Shown<'_>], sources: &[Source<'_>]) -> Vec<Vec<usize>> {
    let mut groups: HashMap<Looks, Vec<usize>> = HashMap::new();
    for (index, (row, source)) in shown.iter().zip(sources).enumerate() {
        if matches!(source, Source::Like(_)) {
            groups.entry(looks(row)).or_default().push(index);
        }
    }
    let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
    groups.sort();
    groups
}

/// The same answer with the keys of its rows, from the same request put once more; `None` when all keys
/// are there, cannot be had, or the answer came out otherwise.
pub(crate) async fn with_keys(evidence: &Evidence<'_, '_>) -> Option<Observed> {
    let (request, data) = (evidence.request()?, evidence.observed().data()?);
    let (catalog, view) = (evidence.catalog(), evidence.view());
    let model = evidence.model()?;
    let asked = match &request {
        Request::Query(query) => {
            let mut keyed: Query = query.clone();
            select_key(catalog, view, model, &mut keyed.select);
            keyed.include.iter_mut().for_each(|include| include_key(catalog, view, model, include));
            Request::Query(keyed)
        }
        Request::Get(get) => {
            let mut keyed: Get = get.clone();
            select_key(catalog, view, model, &mut keyed.select);
            keyed.include.iter_mut().for_each(|include| include_key(catalog, view, model, include));
            Request::Get(keyed)
        }
        _ => return None,
    };
    if asked == request {
        return None;
    }
    let (tool, arguments) = (asked.tool(), arguments(&asked)?);
    let call = Call::new(tool.name(), arguments, evidence.call().principal.clone());
    let again = evidence.again(evidence.ctx(), &call).await;
    is_wider(catalog, (model, tool), again.data()?, data).then_some(again)
}

/// The arguments of a request, as a call takes them.
pub(crate) fn arguments(request: &Request) -> Option<Json> {
    let mut written = serde_json::to_value(request).ok()?;
    written.as_object_mut()?.remove("tool");
    Some(written)
}

fn select_key(catalog: &Catalog, view: &View, model: ModelId, select: &mut Option<Vec<String>>) {
    let (Some(select), Some(key)) = (select, open_key(catalog, view, model)) else { return };
    for field in key {
        let name = &catalog.model(model).field(*field).name;
        if !select.contains(name) {
            select.push(name.clone());
        }
    }
}

fn include_key(catalog: &Catalog, view: &View, model: ModelId, include: &mut Include) {
    let described = catalog.model(model);
    let Some(relation) = described.find_relation(&include.relation) else { return };
    let opened = view.model(model).and_then(|rules| rules.relation(relation)).and_then(|rule| rule.fields.as_ref());
    let target = described.relation(relation).target;
    // A relation may open fewer fields than its target.
    let key = &catalog.model(target).primary_key;
    if opened.is_none_or(|fields| key.iter().all(|field| fields.contains(field))) {
        select_key(catalog, view, target, &mut include.select);
    }
    include.include.iter_mut().for_each(|include| include_key(catalog, view, target, include));
}

/// Whether an answer has the same rows as another one, with more fields.
fn is_wider(catalog: &Catalog, (model, tool): (ModelId, Tool), wide: &Json, narrow: &Json) -> bool {
    let (wide, narrow) = (shown::rows(catalog, model, tool, wide), shown::rows(catalog, model, tool, narrow));
    let same = |(wide, narrow): (&Shown<'_>, &Shown<'_>)| {
        wide.place == narrow.place && narrow.fields.iter().all(|(field, value)| wide.value(*field) == Some(*value))
    };
    wide.len() == narrow.len() && wide.iter().zip(&narrow).all(same)
}
