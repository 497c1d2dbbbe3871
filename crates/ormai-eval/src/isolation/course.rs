//! Asks, and judges what comes back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use ormai::catalog::ModelId;
use ormai::policy::{Effect, View, WriteAction};
use ormai::prelude::*;
use ormai::{Did, Kind, Table, Truth};
use serde_json::{Value as Json, json};

use super::ask::{Ask, Asking};
use super::changes::{Changes, Writer};
use super::coverage::{Coverage, Deciding, course_of, tables};
use super::dice::Dice;
use super::identity::Asker;
use super::ledger::Ledger;
use super::plant::Plantation;
use super::records;
use super::report::Leak;
use super::sight::{Rows, Sight};
use super::subject::Subject;
use crate::expected::Expected;
use crate::{Row, Violation, Witness, WitnessError};

/// How many leaks are told in full.
const TOLD: usize = 50;

/// How many pages of an answer are read.
const PAGES: usize = 12;

/// Models with more rows are large.
const LARGE: usize = 10_000;

/// Models with no more rows are compared as a whole after a write.
const WHOLE: usize = 600;

/// How many planted rows are looked at to tell whether they differ by a rule.
const LOOKED_AT: usize = 60;

/// The suite while it asks.
pub(super) struct Course<'a> {
    pub(super) tools: Toolset,
    /// The same without an audit trail.
    pub(super) unrecorded: Toolset,
    pub(super) ledger: Arc<Ledger>,
    pub(super) witness: &'a Witness,
    pub(super) subject: &'a Subject,
    pub(super) rows: &'a Rows,
    pub(super) plantation: &'a Plantation,
    pub(super) askers: &'a [Asker],
    pub(super) now: Timestamp,
    pub(super) coverage: Coverage,
    pub(super) leaks: Vec<Leak>,
    pub(super) more_leaks: usize,
    pub(super) requests: usize,
    pub(super) stops: bool,
    /// Whether the transaction cannot be gone on with.
    pub(super) broken: Option<String>,
    /// Reads that were answered, for asking them again: who, what, and the first page.
    pub(super) answered: Vec<(usize, Ask, Json)>,
    /// A write that was made.
    pub(super) written: Option<(usize, Ask)>,
    /// Why the specification does not know the policy at all.
    pub(super) unread: Option<String>,
    /// What the specification does not know of single answers, and of how many.
    pub(super) unknown: BTreeMap<String, usize>,
    /// What was not tried.
    pub(super) untouched: Vec<String>,
    pub(super) expected: Option<&'a Expected>,
    pub(super) seen: HashMap<(usize, usize), bool>,
    /// The rows of large models, by the first part of their key.
    by_key: HashMap<ModelId, HashMap<String, Vec<usize>>>,
    /// The planted rows that each principal sees.
    visible: HashMap<usize, Arc<[usize]>>,
    /// Fields that say which row, and stand in other rows too.
    pub(super) keys: BTreeSet<(usize, usize)>,
    calls: usize,
    /// By principal, model and rule: whether planted rows differ by it.
    splits: HashMap<(usize, (String, String)), bool>,
}

/// An answer to one call.
pub(super) struct Answered {
    /// Without what differs from call to call.
    pub(super) json: Json,
    pub(super) wrongs: Vec<Violation>,
}

impl<'a> Course<'a> {
    #[expect(clippy::too_many_arguments, reason = "it is put together in one place")]
    pub(super) fn new(
        (tools, unrecorded): (Toolset, Toolset),
        ledger: Arc<Ledger>,
        witness: &'a Witness,
        subject: &'a Subject,
        rows: &'a Rows,
        plantation: &'a Plantation,
        askers: &'a [Asker],
        now: Timestamp,
        coverage: Coverage,
        stops: bool,
        expected: Option<&'a Expected>,
    ) -> Self {
        let mut keys = BTreeSet::new();
        for (id, model) in subject.catalog.models() {
            keys.extend(model.primary_key.iter().map(|field| (id.index(), field.index())));
            for relation in &model.relations {
                keys.extend(relation.link.iter().map(|(here, _)| (id.index(), here.index())));
                keys.extend(relation.link.iter().map(|(_, there)| (relation.target.index(), there.index())));
            }
        }
        Self {
            tools,
            unrecorded,
            ledger,
            witness,
            subject,
            rows,
            plantation,
            askers,
            now,
            coverage,
            leaks: Vec::new(),
            more_leaks: 0,
            requests: 0,
            stops,
            broken: None,
            answered: Vec::new(),
            written: None,
            unread: None,
            unknown: BTreeMap::new(),
            untouched: Vec::new(),
            expected,
            seen: HashMap::new(),
            by_key: HashMap::new(),
            visible: HashMap::new(),
            keys,
            calls: 0,
            splits: HashMap::new(),
        }
    }

    /// Whether enough is known.
    pub(super) fn is_over(&self) -> bool {
        self.broken.is_some() || (self.stops && !self.leaks.is_empty())
    }

    pub(super) fn asker(&self, at: usize) -> Option<&'a Asker> {
        self.askers.get(at)
    }

    pub(super) fn view(&self, asker: &Asker) -> Arc<View> {
        self.tools.engine().view(asker.principal.roles())
    }

    pub(super) fn sight(&self) -> Sight<'a> {
        Sight { catalog: &self.subject.catalog, rows: self.rows, now: self.now }
    }

    /// Makes requests of one principal about one model.
    pub(super) fn asked(
        &mut self,
        (at, asker): (usize, &'a Asker),
        dice: &mut Dice,
        next_number: &mut usize,
        make: impl FnOnce(&mut Asking<'_>) -> Vec<Ask>,
    ) -> Vec<Ask> {
        let (view, sight) = (self.view(asker), self.sight());
        let plantation = self.plantation;
        let seen = self.visible.entry(at).or_insert_with(|| {
            let rows = plantation.rows.iter().enumerate();
            rows.filter(|(_, planted)| sight.sees(&view, &asker.principal, planted.model, &planted.row))
                .map(|(at, _)| at)
                .collect()
        });
        let seen = Arc::clone(seen);
        let mut asking = Asking {
            seen,
            subject: self.subject,
            asker,
            view,
            rows: self.rows,
            plantation: self.plantation,
            dice,
            now: self.now,
            next_number,
        };
        make(&mut asking)
    }

    /// One call, with its record.
    pub(super) async fn call(&mut self, tx: &RunContext<'_>, asker: usize, ask: &Ask, arguments: &Json) -> Answered {
        self.calls += 1;
        let Some(who) = self.asker(asker) else { return Answered { json: Json::Null, wrongs: Vec::new() } };
        let request_id = format!("isolation-{}", self.calls);
        let ctx = tx.for_principal(who.principal.clone()).request_id(&request_id).now(self.now);
        self.ledger.take();
        let tools = if ask.is_unrecorded { &self.unrecorded } else { &self.tools };
        let result = tools.call(&ctx, ask.tool, arguments).await;
        let lines = self.ledger.take();
        let mut json = serde_json::to_value(&result).unwrap_or_default();
        let told = tables(&self.tools, &ctx, ask);
        let mut wrongs = match ask.is_unrecorded {
            true => Vec::new(),
            false => records::wrongs(&lines, &request_id, ask, &told, &json),
        };
        // What differs from call to call, and says nothing.
        if let Some(metadata) = json.get_mut("metadata").and_then(Json::as_object_mut) {
            for volatile in ["request_id", "audit_id", "execution_time_ms"] {
                metadata.remove(volatile);
            }
        }
        let deciding = Deciding {
            roles: who.principal.roles(),
            view: &self.view(who),
            tables: &told,
            decided: self.decided(asker, who, &told),
            turning: self.turning(&ctx, who, ask, &told),
        };
        self.coverage.count(self.subject, ask, &deciding, &json);
        let code = json.pointer("/error/code").and_then(Json::as_str).unwrap_or_default().to_owned();
        if code == "TIMEOUT" {
            // That says nothing of isolation, and ends the transaction.
            self.broken("a request took too long; ask of a smaller copy".to_owned());
        }
        if matches!(code.as_str(), "INTERNAL" | "DATABASE_UNAVAILABLE" | "AUDIT_UNAVAILABLE") {
            wrongs.push(Violation::new("answers", format!("the call failed in the database ({code})")));
            // On PostgreSQL nothing can be asked in the transaction any more.
            self.broken(format!("`{}` failed with {code}", ask.tool));
        }
        wrongs.extend(self.strangers(asker, who, arguments, &json));
        let recorded = records::texts(&lines, &request_id);
        wrongs.extend(self.told(who, ask, &recorded));
        let cursor = arguments.get("cursor").and_then(Json::as_str);
        if cursor.is_some_and(|cursor| recorded.iter().any(|text| text.contains(cursor))) {
            wrongs.push(Violation::new("records_hide", "the record shows the cursor of a page"));
        }
        Answered { json, wrongs }
    }

    /// The rules of some tables that make a difference to a principal: by which planted rows differ, where each row
    /// decides.
    fn decided(&mut self, at: usize, who: &Asker, tables: &[Table]) -> BTreeSet<(String, String)> {
        let view = self.view(who);
        let mut decided = BTreeSet::new();
        for table in tables {
            let Some(rules) = self.subject.catalog.find(&table.model).and_then(|id| view.model(id)) else { continue };
            for rule in table.rules.iter().filter(|rule| rule.made_a_difference()) {
                let named = (table.model.clone(), rule.rule.clone());
                let row_rule = rules.row_rules.iter().find(|known| known.name == rule.rule);
                let splits = match row_rule.filter(|_| rule.did == Did::TookPart && rule.kind != Kind::Scope) {
                    None => true,
                    Some(row_rule) => {
                        let (sight, plantation) = (self.sight(), self.plantation);
                        *self.splits.entry((at, named.clone())).or_insert_with(|| {
                            let wanted = matches!(row_rule.effect, Effect::Restrict);
                            let of = plantation.of(rules.model).take(LOOKED_AT);
                            let is_true = |row| sight.truth(row_rule, &who.principal, row) == Some(Truth::True);
                            of.into_iter().any(|planted| is_true(&planted.row) != wanted)
                        })
                    }
                };
                if splits {
                    decided.insert(named);
                }
            }
        }
        decided
    }

    /// The roles without which the same would be done in another way, of those with an overlay.
    fn turning(&self, ctx: &RunContext<'_>, who: &Asker, ask: &Ask, tables: &[Table]) -> BTreeSet<String> {
        let overlaid: Vec<&String> =
            who.principal.roles().iter().filter(|role| self.subject.roles.contains(*role)).collect();
        if overlaid.is_empty() {
            return BTreeSet::new();
        }
        let (with, view) = (course_of(&self.tools, ctx, ask), self.view(who));
        let turns = |role: &&String| {
            let without = without(&who.principal, role);
            let other = self.tools.engine().view(without.roles());
            let shows_otherwise = || {
                tables.iter().filter_map(|table| self.subject.catalog.find(&table.model)).any(|id| {
                    let fields = self.subject.catalog.model(id).field_ids().map(|(field, _)| field);
                    let action = |view: &View, field| Some(view.model(id)?.field(field)?.action.clone());
                    // Fields that are open to one of the two only stand in the statements.
                    fields.into_iter().any(|field| match (action(&view, field), action(&other, field)) {
                        (Some(one), Some(another)) => one != another,
                        _ => false,
                    })
                })
            };
            with != course_of(&self.tools, &ctx.for_principal(without), ask) || shows_otherwise()
        };
        overlaid.into_iter().filter(turns).cloned().collect()
    }

    /// Whether a principal is past every scope of a large database: what looks for related rows of all of its
    /// rows takes minutes.
    fn sees_too_much(&self, asker: usize) -> bool {
        let Some(who) = self.asker(asker).filter(|_| self.rows.values().any(|rows| rows.len() > LARGE)) else {
            return false;
        };
        let (view, sight, nothing) = (self.view(who), self.sight(), Row::default());
        let rules = view.models().flat_map(|rules| &rules.row_rules);
        let mut bypasses = rules.filter(|rule| rule.effect == Effect::Bypass);
        bypasses.any(|rule| sight.truth(rule, &who.principal, &nothing) == Some(Truth::True))
    }

    /// A request that reads, with all of its pages.
    pub(super) async fn read(&mut self, tx: &RunContext<'_>, asker: usize, ask: &Ask, dice: &mut Dice) {
        self.requests += 1;
        if ask.arguments.to_string().contains("\"match\"") && self.sees_too_much(asker) {
            let what =
                "filters on related rows, of a principal who sees all rows of a large database: they take minutes";
            if !self.untouched.iter().any(|known| known == what) {
                self.untouched.push(what.to_owned());
            }
            return;
        }
        let first = self.call(tx, asker, ask, &ask.arguments).await;
        self.judge(asker, ask, &ask.arguments, &first);
        let mut pages = vec![first.json];
        while pages.len() < PAGES && !self.is_over() {
            let Some(cursor) = pages
                .last()
                .and_then(|page| page.pointer("/data/next_cursor"))
                .and_then(Json::as_str)
                .map(str::to_owned)
            else {
                break;
            };
            if pages.len() == 1 && dice.chance(25) {
                self.misuse(tx, asker, ask, &cursor, dice).await;
            }
            let arguments = with(&ask.arguments, "cursor", json!(cursor));
            let next = self.call(tx, asker, ask, &arguments).await;
            self.judge(asker, ask, &arguments, &next);
            pages.push(next.json);
        }
        let wrongs = self.unspecified(asker, ask, &pages);
        let Some(json) = pages.into_iter().next() else { return };
        if json.get("success") == Some(&Json::Bool(true)) && ask.tool != "describe_schema" {
            self.answered.push((asker, ask.clone(), json.clone()));
        }
        self.judge(asker, ask, &ask.arguments, &Answered { json, wrongs });
    }

    /// Where the answer is not the one that the specification gives.
    fn unspecified(&mut self, asker: usize, ask: &Ask, pages: &[Json]) -> Vec<Violation> {
        let (Some(expected), Some(who)) = (self.expected, self.asker(asker)) else { return Vec::new() };
        // What took too long tells nothing.
        let is_slow = pages.iter().any(|page| page.pointer("/error/code").and_then(Json::as_str) == Some("TIMEOUT"));
        if ask.tool == "describe_schema" || is_slow {
            return Vec::new();
        }
        let answer = match expected.answer(&who.principal, self.now, ask.tool, &ask.arguments) {
            Ok(answer) => answer,
            Err(unknown) => {
                *self.unknown.entry(unknown.to_string()).or_default() += 1;
                return Vec::new();
            }
        };
        // Without OrmAI's own tables, or a user, a write that needs an approval is refused before its rows are looked
        // at, also such as would be refused for them; never one that needs none.
        let needs_approval = |page: &Json| {
            let code = page.pointer("/error/code").and_then(Json::as_str);
            matches!(code, Some("APPROVAL_REQUIRED" | "PRINCIPAL_INCOMPLETE"))
        };
        if answer.refused().is_some() && self.opens_on_approval(who, ask) && pages.iter().any(needs_approval) {
            return Vec::new();
        }
        let Err(difference) = expected.agrees(&answer, pages) else { return Vec::new() };
        let mut violation = Violation::new("as_specified", difference.to_string());
        (violation.model, violation.row, violation.field) = (difference.model, difference.row, difference.field);
        vec![violation]
    }

    /// Whether the policy opens a write once somebody has approved it.
    fn opens_on_approval(&self, who: &Asker, ask: &Ask) -> bool {
        let view = self.view(who);
        let Some(write) = view.model(ask.model).map(|rules| &rules.write) else { return false };
        let action = match ask.tool {
            "create" => write.create,
            "update" => write.update,
            "delete" => write.delete,
            "bulk_update" => write.bulk_update,
            _ => return false,
        };
        action == WriteAction::RequireApproval
    }

    /// A cursor is good for its principal and its request.
    async fn misuse(&mut self, tx: &RunContext<'_>, asker: usize, ask: &Ask, cursor: &str, dice: &mut Dice) {
        let arguments = with(&ask.arguments, "cursor", json!(cursor));
        let other = dice.below(self.askers.len());
        let is_another =
            self.asker(other).map(|other| &other.principal) != self.asker(asker).map(|asker| &asker.principal);
        if is_another {
            let answer = self.call(tx, other, ask, &arguments).await;
            let mut wrongs = answer.wrongs;
            if answer.json.get("success") == Some(&Json::Bool(true)) {
                wrongs.push(Violation::new("no_cross_tenant_data", "a cursor of one principal served another"));
            }
            self.judge(other, ask, &arguments, &Answered { json: answer.json, wrongs });
        }
        let changed = with(&arguments, "filters", json!([{"and": [{"not": {"and": []}}]}]));
        let answer = self.call(tx, asker, ask, &changed).await;
        let mut wrongs = answer.wrongs;
        if answer.json.get("success") == Some(&Json::Bool(true)) {
            wrongs.push(Violation::new("answers", "a cursor of one request served another"));
        }
        self.judge(asker, ask, &changed, &Answered { json: answer.json, wrongs });
    }

    /// A request that writes; what it has changed is undone.
    pub(super) async fn write(&mut self, tx: &RunContext<'_>, asker: usize, ask: &Ask) {
        self.requests += 1;
        let model = self.subject.catalog.model(ask.model);
        let witness = self.witness;
        let this = tokio::sync::Mutex::new(&mut *self);
        let outcome = tokio::sync::Mutex::new(None);
        let undone = witness
            .tools()
            .transaction(tx, async |inner| {
                let mut this = this.lock().await;
                let answer = this.call(inner, asker, ask, &ask.arguments).await;
                let after = this.state(inner, ask.model, &answer.json).await;
                *outcome.lock().await = Some((answer, after));
                Err::<(), Error>(Error::new(ErrorCode::Internal, "undone"))
            })
            .await;
        let Some((mut answer, after)) = outcome.into_inner() else {
            let why = undone.err().map_or_else(String::new, |error| error.to_string());
            return self.broken(format!("a write could not be tried: {why}"));
        };
        answer.wrongs.extend(self.unspecified(asker, ask, std::slice::from_ref(&answer.json)));
        match after {
            Ok((before, after)) => {
                let changes = Changes::between(model, &before, &after);
                if let Some(who) = self.asker(asker) {
                    let view = self.view(who);
                    let writer = Writer { sight: self.sight(), view: &view, principal: &who.principal };
                    answer.wrongs.extend(writer.wrongs(ask, &answer.json, &changes));
                    if !changes.is_empty() && self.written.is_none() && !ask.is_unrecorded {
                        self.written = Some((asker, ask.clone()));
                    }
                }
            }
            Err(error) => self.broken(format!(
                "the rows of `{}` could not be read after `{}` {}: {error}; {}",
                model.name, ask.tool, ask.arguments, answer.json
            )),
        }
        self.judge(asker, ask, &ask.arguments, &answer);
    }

    /// The rows of a model before a write, and now: all of them, or the canaries of a large one.
    pub(super) async fn state(
        &mut self,
        ctx: &RunContext<'_>,
        model: ModelId,
        answer: &Json,
    ) -> Result<(Vec<Row>, Vec<Row>), WitnessError> {
        let described = self.subject.catalog.model(model);
        let before = self.rows.get(&described.name).map_or(&[][..], Vec::as_slice);
        if before.len() <= WHOLE {
            let after = self.witness.rows(ctx, &described.name, u32::MAX).await?;
            return Ok((before.to_vec(), after));
        }
        let Some(part) = described.primary_key.first() else { return Ok((Vec::new(), Vec::new())) };
        let part = &described.field(*part).name;
        let mut keys: BTreeMap<String, Json> = BTreeMap::new();
        let planted = self.plantation.of(model).map(|planted| &planted.row);
        let answered = answer.get("data").and_then(Json::as_object);
        for key in planted.chain(answered).filter_map(|row| row.get(part)) {
            keys.insert(key.to_string(), key.clone());
        }
        let index = self.by_key.entry(model).or_insert_with(|| {
            let mut index: HashMap<String, Vec<usize>> = HashMap::new();
            for (at, row) in before.iter().enumerate() {
                index.entry(row.get(part).unwrap_or(&Json::Null).to_string()).or_default().push(at);
            }
            index
        });
        let positions = keys.keys().filter_map(|key| index.get(key)).flatten();
        let looked_at: Vec<Row> = positions.filter_map(|at| before.get(*at)).cloned().collect();
        let keys: Vec<Json> = keys.into_values().collect();
        let arguments = json!({"model": described.name, "limit": u32::MAX, "filters": [{"field": part, "op": "in", "value": keys}]});
        let owner = ctx.for_principal(Principal::new("the owner of the database"));
        let found =
            serde_json::to_value(self.witness.tools().call(&owner, "query", &arguments).await).unwrap_or_default();
        match found.pointer("/data/rows").and_then(Json::as_array) {
            Some(rows) => Ok((looked_at, rows.iter().filter_map(Json::as_object).cloned().collect())),
            None => Err(WitnessError::Unread),
        }
    }

    /// Ends the run, and says why.
    pub(super) fn broken(&mut self, why: String) {
        self.broken.get_or_insert(why);
    }

    /// Keeps what is wrong.
    pub(super) fn judge(&mut self, asker: usize, ask: &Ask, arguments: &Json, answer: &Answered) {
        let Some(who) = self.asker(asker) else { return };
        for violation in &answer.wrongs {
            if self.leaks.len() >= TOLD {
                self.more_leaks += 1;
                continue;
            }
            self.leaks.push(Leak::new(violation.clone(), ask.tool, arguments, &who.principal, &answer.json));
        }
    }
}

/// The same principal without a role.
fn without(principal: &Principal, role: &str) -> Principal {
    let mut other = Principal::new(principal.tenant_id().clone()).user(principal.user_id().clone());
    for kept in principal.roles().iter().filter(|kept| *kept != role) {
        other = other.role(kept);
    }
    for (key, value) in principal.all_metadata() {
        other = other.metadata(key, value.clone());
    }
    other
}

pub(super) fn with(arguments: &Json, key: &str, value: Json) -> Json {
    let mut arguments = arguments.clone();
    if let Some(object) = arguments.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
    arguments
}
