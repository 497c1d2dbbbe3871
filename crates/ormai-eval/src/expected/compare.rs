//! Whether a call was answered as it must be, and what differs.

use std::fmt;

use ormai_reference::world::{Cell, Model, Request};
use ormai_reference::{Hashes, Outcome, Row, Shown};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::request::OF_THE_DATABASE;
use super::{Answer, Expected};

/// What differs between an answer and what it must be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// In which way.
    pub wrong: Wrong,
    /// One sentence, lower case.
    pub what: String,
    /// The model of the row.
    pub model: Option<String>,
    /// The key of the row where it is known, or else as much of the row as was answered.
    pub row: Option<Json>,
    /// Where in the answer it stands, such as `rows[3].items`.
    pub path: Option<String>,
    /// The field.
    pub field: Option<String>,
    /// What it must be.
    pub expected: Option<Json>,
    /// What it is.
    pub got: Option<Json>,
}

/// The ways in which an answer can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// What must be refused is answered.
    NotRefused,
    /// What must be answered is refused.
    Refused,
    /// It is refused for a reason that is none.
    Code,
    /// A row is there that must not be.
    Row,
    /// A row is missing.
    Missing,
    /// The rows are in another order.
    Order,
    /// A value is another.
    Value,
    /// A count, a total or a mark that there is more is another.
    Count,
    /// It has not the form of an answer.
    Form,
}

impl Difference {
    pub(super) fn new(wrong: Wrong, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { wrong, what, model: None, row: None, path: None, field: None, expected: None, got: None }
    }

    fn between(mut self, expected: impl Into<Json>, got: impl Into<Json>) -> Self {
        (self.expected, self.got) = (Some(expected.into()), Some(got.into()));
        self
    }

    /// Where in the answer the part stands in which it was found.
    fn within(mut self, path: &str) -> Self {
        let inner = self.path.take().unwrap_or_default();
        let dot = if path.is_empty() || inner.is_empty() || inner.starts_with('[') { "" } else { "." };
        self.path = Some(format!("{path}{dot}{inner}")).filter(|path| !path.is_empty());
        self
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(model) = &self.model {
            write!(f, " ({model}")?;
            self.row.iter().try_for_each(|row| write!(f, " {row}"))?;
            f.write_str(")")?;
        }
        self.path.iter().try_for_each(|path| write!(f, " at `{path}`"))?;
        self.field.iter().try_for_each(|field| write!(f, ", field `{field}`"))?;
        match (&self.expected, &self.got) {
            (Some(expected), Some(got)) => write!(f, ": {got}, and not {expected}"),
            (None, Some(got)) => write!(f, ": {got}"),
            (_, None) => Ok(()),
        }
    }
}

impl std::error::Error for Difference {}

pub(super) type Compared = Result<(), Box<Difference>>;

fn differs(difference: Difference) -> Compared {
    Err(Box::new(difference))
}

pub(super) fn agrees(expected: &Expected, answer: &Answer, pages: &[Json], hashes: &mut Hashes) -> Compared {
    let first = pages.first().ok_or_else(|| Box::new(Difference::new(Wrong::Form, "there is no answer")))?;
    let (data, code) = (&first["data"], at(first, "/error/code").as_str());
    let request = match (&answer.outcome, &answer.request) {
        (Outcome::Refused(_), _) if answer.by_the_database && code.is_none() => return Ok(()),
        (Outcome::Refused(reasons), _) => {
            let codes = || reasons.iter().copied().map(Json::from).collect::<Vec<_>>();
            return match code {
                Some(code) if reasons.contains(code) => Ok(()),
                Some(code) => {
                    differs(Difference::new(Wrong::Code, "refused for another reason").between(codes(), code))
                }
                None => differs(
                    Difference::new(Wrong::NotRefused, "answered, and must be refused").between(codes(), data.clone()),
                ),
            };
        }
        (_, None) => return differs(Difference::new(Wrong::Form, "answered, and could not be read")),
        (_, Some(request)) => request,
    };
    if let Some(code) = code {
        let of_the_database = OF_THE_DATABASE.iter().any(|known| known.as_str() == code);
        let unapproved =
            answer.outcome == Outcome::Held && matches!(code, "APPROVAL_REQUIRED" | "PRINCIPAL_INCOMPLETE");
        return match matches!(request, Request::Write(_)) && of_the_database || unapproved {
            true => Ok(()),
            false => {
                let wrong = Difference::new(Wrong::Refused, "refused, and must be answered");
                differs(Difference { got: Some(code.into()), ..wrong })
            }
        };
    }
    if first["success"] != true {
        return differs(Difference::new(Wrong::Form, "neither answered nor refused"));
    }
    let Some(model) = expected.world.model(request.model()) else { return Ok(()) };
    let mut comparing = Comparing { expected, tenant: &answer.tenant, hashes };
    let count = |what: &str, must: Json, is: &Json| match *is == must {
        true => Ok(()),
        false => differs(Difference::new(Wrong::Count, what).between(must, is.clone())),
    };
    match &answer.outcome {
        Outcome::Refused(_) => Ok(()),
        Outcome::Row(row) => comparing.rows(model, std::slice::from_ref(row), std::slice::from_ref(data), ""),
        Outcome::Changed(changed) => {
            count("another number of rows was changed", json!(changed), &data["updated_count"])
        }
        Outcome::Held => count("it does not wait for its approval", json!("pending_approval"), &data["status"]),
        Outcome::Preview { before, after } => {
            let affected = before.len().max(after.len());
            count("another number of rows would be changed", json!(affected), &data["affected_count"])?;
            for (key, rows) in [("before", before), ("after", after)] {
                let got = list(&data[key]);
                // The first ones are shown.
                let first = rows.get(..got.len()).unwrap_or(rows);
                comparing.rows(model, first, got, key)?;
            }
            Ok(())
        }
        Outcome::Groups { rows, limit } => {
            count("it is not told whether there are more groups", json!(rows.len() > *limit), &data["has_more"])?;
            comparing.rows(model, rows.get(..*limit).unwrap_or(rows), list(&data["rows"]), "rows")
        }
        Outcome::Page { rows, limit, total } => {
            let mut so_far = 0;
            for page in pages {
                if page["success"] != true {
                    let wrong = Difference::new(Wrong::Refused, "a page is refused");
                    return differs(Difference { got: Some(at(page, "/error/code").clone()), ..wrong });
                }
                let on_page = list(at(page, "/data/rows"));
                so_far += on_page.len();
                let more = so_far < *total;
                if on_page.len() > *limit || more && on_page.len() < *limit {
                    // Which row is missing or too much says more than how many.
                    comparing.all(model, rows, pages)?;
                    let wrong = Difference::new(Wrong::Count, "a page has another number of rows");
                    return differs(wrong.between(json!(limit), json!(on_page.len())));
                }
            }
            comparing.all(model, rows, pages)?;
            if so_far < *total && pages.last().is_some_and(|page| at(page, "/data/has_more") == &Json::Bool(false)) {
                let wrong = Difference::new(Wrong::Missing, "rows are missing at the end");
                return differs(
                    Difference { model: Some(model.name.clone()), ..wrong }.between(json!(total), json!(so_far)),
                );
            }
            let with_total = matches!(request, Request::Query(query) if query.with_total);
            let mut so_far = 0;
            for page in pages {
                let data = &page["data"];
                so_far += list(&data["rows"]).len();
                let more = so_far < *total;
                count("it is not told whether there are more rows", json!(more), &data["has_more"])?;
                if !model.key.is_empty() && data["next_cursor"].is_null() == more {
                    return differs(Difference::new(Wrong::Count, "a cursor is missing, or leads nowhere"));
                }
                let told = if with_total { json!(total) } else { Json::Null };
                count("the total is another", told, &data["total"])?;
            }
            Ok(())
        }
    }
}

/// A part of an answer; null where it is not there.
fn at<'j>(json: &'j Json, path: &str) -> &'j Json {
    json.pointer(path).unwrap_or(&Json::Null)
}

fn list(json: &Json) -> &[Json] {
    json.as_array().map_or(&[], Vec::as_slice)
}

struct Comparing<'e> {
    expected: &'e Expected,
    tenant: &'e str,
    hashes: &'e mut Hashes,
}

impl Comparing<'_> {
    /// The rows of all pages, as far as they were read and are written down.
    fn all(&mut self, model: &Model, rows: &[Row], pages: &[Json]) -> Compared {
        let got: Vec<Json> = pages.iter().flat_map(|page| list(at(page, "/data/rows"))).cloned().collect();
        let is_whole = pages.last().is_some_and(|page| at(page, "/data/has_more") == &Json::Bool(false));
        let got = if got.len() > rows.len() && rows.len() >= self.expected.most {
            got.get(..rows.len()).unwrap_or(&got)
        } else {
            &got
        };
        let first = if is_whole { rows } else { rows.get(..got.len()).unwrap_or(rows) };
        let first = if rows.len() >= self.expected.most { rows.get(..got.len()).unwrap_or(rows) } else { first };
        match self.expected.has_order(model) {
            true => self.rows(model, first, got, "rows"),
            // Any rows will do, as long as they are some of them.
            false => self.unordered(model, rows, got, is_whole),
        }
    }

    fn rows(&mut self, model: &Model, rows: &[Row], got: &[Json], path: &str) -> Compared {
        let mut pairs = rows.iter().zip(got);
        let different = pairs.position(|(row, got)| !ormai_reference::agrees(row, got, self.tenant, self.hashes));
        if different.is_none() && rows.len() == got.len() {
            return Ok(());
        }
        self.unordered(model, rows, got, true).map_err(|wrong| Box::new(wrong.within(path)))?;
        // The same rows, each somewhere.
        let Some((row, got, at)) = different.and_then(|at| Some((rows.get(at)?, got.get(at)?, at))) else {
            return Ok(());
        };
        let place = format!("{path}[{at}]");
        let place = if path.is_empty() { path } else { &place };
        let order = || Difference::new(Wrong::Order, "the rows are in another order");
        let wrong = match self.value(model, row, got) {
            // Which hash belongs to which value was not looked at so far.
            Err(wrong) if wrong.field.as_ref().is_some_and(|field| is_hash(row, field)) => *wrong,
            _ => order(),
        };
        differs(wrong.within(place))
    }

    /// Each row that was answered is one of those that must be, and, where all were read, the other way round.
    fn unordered(&mut self, model: &Model, rows: &[Row], got: &[Json], is_whole: bool) -> Compared {
        // Which hash belongs to which value is seen where rows are known to be the same.
        let same = |row: &Row, got: &Json| ormai_reference::agrees(row, got, self.tenant, &mut Hashes::default());
        let mut left: Vec<&Row> = rows.iter().collect();
        let mut strange: Vec<(usize, &Json)> = Vec::new();
        for (at, got) in got.iter().enumerate() {
            // Most stand where they should.
            let found = match left.first() {
                Some(row) if same(row, got) => Some(0),
                _ => left.iter().position(|row| same(row, got)),
            };
            match found {
                Some(found) => drop(left.remove(found)),
                None => strange.push((at, got)),
            }
        }
        match (strange.first(), left.first().filter(|_| is_whole)) {
            (None, None) => Ok(()),
            (None, Some(row)) => {
                let missing = Difference::new(Wrong::Missing, "a row is missing");
                differs(Difference { model: Some(model.name.clone()), row: Some(written(row)), ..missing })
            }
            (Some((at, got)), _) => {
                let twin = left.iter().find(|row| is_twin(model, row, got)).copied();
                // Rows without a key in them are taken for those in whose places they stand.
                let has_key = model.key.iter().all(|part| got.get(part).is_some());
                let is_one_for_one = !has_key && strange.len() == left.len();
                let in_its_place = || rows.get(*at).filter(|row| is_one_for_one && left.contains(row));
                if let Some(row) = twin.or_else(in_its_place) {
                    let place = if got.is_object() && rows.len() == 1 { String::new() } else { format!("[{at}]") };
                    self.value(model, row, got).map_err(|wrong| Box::new(wrong.within(&place)))?;
                }
                let wrong = Difference::new(Wrong::Row, "a row is there that must not be");
                differs(Difference { model: Some(model.name.clone()), row: Some(key(model, got)), ..wrong })
            }
        }
    }

    /// The first value of a row that differs.
    fn value(&mut self, model: &Model, row: &Row, got: &Json) -> Compared {
        let about =
            |wrong: Difference| Difference { model: Some(model.name.clone()), row: Some(key(model, got)), ..wrong };
        let Some(fields) = got.as_object() else { return differs(Difference::new(Wrong::Form, "a row is no object")) };
        if let Some((name, value)) = fields.iter().find(|(name, _)| !row.iter().any(|(known, _)| known == *name)) {
            let wrong = about(Difference::new(Wrong::Value, "a field is shown that must not be"));
            return differs(Difference { field: Some(name.clone()), got: Some(value.clone()), ..wrong });
        }
        for (name, shown) in row {
            let Some(value) = fields.get(name) else {
                let wrong = about(Difference::new(Wrong::Value, "a field is missing"));
                return differs(Difference { field: Some(name.clone()), ..wrong });
            };
            let one = vec![(name.clone(), shown.clone())];
            let alone = Json::Object(Map::from_iter([(name.clone(), value.clone())]));
            if ormai_reference::agrees(&one, &alone, self.tenant, self.hashes) {
                continue;
            }
            let target = model.relation(name).and_then(|relation| self.expected.world.model(&relation.target));
            match (target, shown) {
                (Some(target), Shown::Many { rows, has_more }) => {
                    self.rows(target, rows, list(&value["rows"]), name)?;
                    let wrong = Difference::new(Wrong::Count, "it is not told whether there are more").within(name);
                    return differs(wrong.between(*has_more, value["has_more"].clone()));
                }
                (Some(target), Shown::One(Some(row))) if value.is_object() => {
                    self.rows(target, std::slice::from_ref(row), std::slice::from_ref(value), name)?;
                }
                (Some(target), Shown::One(None)) => {
                    let wrong = Difference::new(Wrong::Row, "a related row is there that must not be").within(name);
                    let row = Some(key(target, value));
                    return differs(Difference { model: Some(target.name.clone()), row, ..wrong });
                }
                _ => {}
            }
            let wrong = about(Difference::new(Wrong::Value, "a value is another"));
            return differs(Difference { field: Some(name.clone()), ..wrong.between(said(shown), value.clone()) });
        }
        Ok(())
    }
}

/// The key of a row that was answered: as far as it is in the answer, or that of the stored row which it shows.
fn key(model: &Model, got: &Json) -> Json {
    let named = |row: &[Cell]| -> Json {
        model.key.iter().map(|part| (part.clone(), model.cell(row, part).to_json())).collect::<Map<_, _>>().into()
    };
    let shows = |row: &&Vec<Cell>| {
        let mut columns = model.columns.iter().filter(|column| got.get(&column.name).is_some());
        columns.clone().next().is_some()
            && columns.all(|column| model.cell(row, &column.name).to_json() == got[&column.name])
    };
    let has_key = !model.key.is_empty() && model.key.iter().all(|part| got.get(part).is_some());
    match model.rows.iter().find(shows) {
        _ if has_key => model.key.iter().map(|part| (part.clone(), got[part].clone())).collect::<Map<_, _>>().into(),
        Some(row) if !model.key.is_empty() => named(row),
        _ => got.clone(),
    }
}

/// Whether two rows have the same key, or as much of it as is shown.
fn is_twin(model: &Model, row: &Row, got: &Json) -> bool {
    let of_key = |name: &String| model.key.contains(name);
    let mut key = row.iter().filter(|(name, _)| of_key(name)).peekable();
    key.peek().is_some() && key.all(|(name, shown)| got.get(name).is_some_and(|got| said(shown) == *got))
}

fn is_hash(row: &Row, field: &str) -> bool {
    row.iter().any(|(name, shown)| name == field && matches!(shown, Shown::Hash(_)))
}

/// What must be shown, for a reader.
fn said(shown: &Shown) -> Json {
    match shown {
        Shown::Cell(cell) => cell.to_json(),
        Shown::Text(text) => json!(text),
        Shown::Hash(_) => json!("(a hash)"),
        Shown::Count(count) => json!(count),
        Shown::Sum(_) | Shown::Mean { .. } | Shown::About(_) => json!(shown.to_string()),
        Shown::One(row) => row.as_ref().map_or(Json::Null, written),
        Shown::Many { rows, has_more } => {
            json!({"rows": rows.iter().map(written).collect::<Vec<_>>(), "has_more": has_more})
        }
    }
}

fn written(row: &Row) -> Json {
    row.iter().map(|(name, shown)| (name.clone(), said(shown))).collect::<Map<_, _>>().into()
}
