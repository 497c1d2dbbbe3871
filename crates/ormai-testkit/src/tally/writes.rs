//! What a run of a law about writes has met.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::reference::{Ending, Outcome, Rules, View, Written, write_under};
use crate::world::{
    Act, Ask, Auto, Case, Cell, Chosen, Condition, Expression, Model, Operation, RowEffect, World, Write,
};

/// Counts of writes by how they ended, and of the rules that made a difference.
#[derive(Clone, Default)]
pub struct WriteTally {
    asked: usize,
    done: usize,
    found: BTreeMap<String, usize>,
}

/// What every run has to meet, so many times. What nothing draws is not tested.
const FEATURES: &[(&str, usize)] = &[
    ("create done", 20),
    ("create tried", 4),
    ("create refused by the check", 8),
    ("create refused by a reference", 4),
    ("create refused by the database's keys", 2),
    ("update done", 20),
    ("update tried", 4),
    ("update of no row", 10),
    ("update refused by the check", 4),
    ("update refused by a reference", 3),
    ("update refused by the database's keys", 1),
    ("delete done", 10),
    ("delete tried", 2),
    ("delete of no row", 6),
    ("delete refused by the database's keys", 1),
    ("delete of a row that is only marked", 3),
    ("bulk_update done", 10),
    ("bulk_update tried", 2),
    ("bulk_update of no row", 3),
    ("bulk_update of some rows", 6),
    ("bulk_update of too many rows", 4),
    ("bulk_update of one row too many", 1),
    ("bulk_update of as many rows as may be", 1),
    ("bulk_update refused by the check", 2),
    ("bulk_update by filters", 6),
    ("bulk_update by ids", 6),
    ("bulk_update by ids of which some are a stranger's", 3),
    ("refused with FIELD_NOT_ALLOWED", 3),
    ("refused with PRINCIPAL_INCOMPLETE", 3),
    ("refused with TENANT_SCOPE_REQUIRED", 1),
    ("refused with VALIDATION_ERROR", 10),
    ("refused with WRITE_NOT_ALLOWED", 5),
    ("a composite key", 4),
    ("a default", 4),
    ("a filled field", 5),
    ("a filled field that the client says too", 1),
    ("a filled field that the client says otherwise", 2),
    ("a filled field that a bypass leaves to the client", 1),
    ("a reference to a stranger's row", 3),
    ("a reference that is not followed", 3),
    ("a row that moves out of its scope", 3),
    ("an immutable field", 1),
    ("a required field that is missing", 1),
    ("a reason that is missing", 2),
    ("a scope that hides from the write", 3),
    ("a restriction that hides from the write", 2),
    ("a restriction of reads alone that hides from the write", 1),
    ("a permit that finds", 1),
    ("a permit for reads alone that is no check", 1),
    ("a scope that checks", 6),
    ("a restriction that checks", 2),
    ("a restriction that says that it checks", 1),
    ("a bypass that lifts", 2),
    ("a bypass of reads alone that does not lift", 1),
];

impl WriteTally {
    /// Counts a write and what took part in it.
    pub fn write(&mut self, world: &World, view: &View, ask: &Ask, write: &Write, written: &Written) {
        self.asked += 1;
        self.done += usize::from(written.ending == Ending::Done);
        let mut met = Met { found: BTreeSet::new(), world, view, ask, write, written };
        met.ending();
        if let Some((model, rules)) = world.model(&write.model).zip(view.models.get(&write.model)) {
            met.fields(model, rules);
            met.references(model);
            met.effects(rules);
        }
        for feature in met.found {
            *self.found.entry(feature).or_default() += 1;
        }
    }

    /// What every run has to meet and this one did not.
    pub fn shortcomings(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.done * 4 < self.asked {
            found.push(format!("only {} of {} writes are done", self.done, self.asked));
        }
        for (feature, least) in FEATURES {
            let count = self.found.get(*feature).copied().unwrap_or(0);
            if count < *least {
                found.push(format!("only {count} times, and not {least}: {feature}"));
            }
        }
        found
    }
}

/// The features of one write.
struct Met<'a> {
    found: BTreeSet<String>,
    world: &'a World,
    view: &'a View,
    ask: &'a Ask,
    write: &'a Write,
    written: &'a Written,
}

impl Met<'_> {
    fn meet(&mut self, when: bool, feature: &str) {
        if when {
            self.found.insert(feature.to_owned());
        }
    }

    fn ending(&mut self) {
        let tool = self.write.tool();
        let count = match &self.written.outcome {
            Outcome::Changed(count) => Some(*count),
            Outcome::Preview { before, .. } => Some(before.len()),
            _ => None,
        };
        let is_bulk = tool == "bulk_update";
        match self.written.ending {
            Ending::Done => self.meet(true, &format!("{tool} done")),
            Ending::Tried => self.meet(true, &format!("{tool} tried")),
            Ending::Check => self.meet(true, &format!("{tool} refused by the check")),
            Ending::Reference => self.meet(true, &format!("{tool} refused by a reference")),
            Ending::Keys => self.meet(true, &format!("{tool} refused by the database's keys")),
            Ending::NotFound => self.meet(true, &format!("{tool} of no row")),
            Ending::TooMany => self.meet(true, &format!("{tool} of too many rows")),
            Ending::Unasked => {
                if let Outcome::Refused(codes) = &self.written.outcome
                    && let [code] = codes.iter().collect::<Vec<_>>()[..]
                {
                    self.meet(true, &format!("refused with {code}"));
                }
            }
        }
        self.meet(is_bulk && count == Some(0), "bulk_update of no row");
        self.meet(is_bulk && count.is_some_and(|count| count > 1), "bulk_update of some rows");
        let most = self.view.models.get(&self.write.model).map(most_rows);
        let at_the_cap = |more: usize| {
            let mut wider = self.view.clone();
            wider.models.values_mut().for_each(|rules| rules.writes.max_affected_rows = Some(u32::MAX));
            let outcome = self.under(&wider).outcome;
            let found = match outcome {
                Outcome::Changed(count) => Some(count),
                Outcome::Preview { before, .. } => Some(before.len()),
                _ => None,
            };
            found.is_some() && found == most.map(|most| most + more)
        };
        let (at, over) = (is_bulk && at_the_cap(0), is_bulk && at_the_cap(1));
        self.meet(at, "bulk_update of as many rows as may be");
        self.meet(over, "bulk_update of one row too many");
        if let (Act::BulkUpdate { chosen, .. }, Some(count)) = (&self.write.act, count) {
            match chosen {
                Chosen::Filters(_) => self.meet(count > 0, "bulk_update by filters"),
                Chosen::Ids(ids) => {
                    let distinct: BTreeSet<String> = ids.iter().map(ToString::to_string).collect();
                    self.meet(count > 0, "bulk_update by ids");
                    self.meet(count > 0 && count < distinct.len(), "bulk_update by ids of which some are a stranger's");
                }
            }
        }
    }

    fn is_done(&self) -> bool {
        matches!(self.written.ending, Ending::Done | Ending::Tried)
    }

    fn fields(&mut self, model: &Model, rules: &Rules) {
        let (done, alone) = (self.is_done(), self.is_refused_alone());
        self.meet(done && model.key.len() > 1, "a composite key");
        let creates = matches!(self.write.act, Act::Create { .. });
        let data = self.write.data().cloned().unwrap_or_default();
        let says = |name: &String| data.contains_key(name);
        if creates {
            let defaulted = model.columns.iter().any(|column| column.default.is_some() && !says(&column.name));
            self.meet(done && defaulted, "a default");
            for (field, auto) in &rules.writes.auto_set {
                let said = data.get(field);
                self.meet(done && said.is_none(), "a filled field");
                self.meet(
                    alone == Some("WRITE_NOT_ALLOWED") && said.is_some(),
                    "a filled field that the client says otherwise",
                );
                let of_literal = match auto {
                    Auto::Is(Expression::Literal(cell)) => said.map(|said| *said == cell.to_json()),
                    _ => None,
                };
                self.meet(
                    done && said.is_some() && of_literal != Some(false),
                    "a filled field that the client says too",
                );
            }
            let missing =
                rules.writes.required.iter().any(|name| data.get(name).is_none_or(serde_json::Value::is_null));
            self.meet(alone == Some("VALIDATION_ERROR") && missing, "a required field that is missing");
        } else {
            let names_immutable = rules.writes.immutable.iter().any(says);
            self.meet(alone == Some("WRITE_NOT_ALLOWED") && names_immutable, "an immutable field");
        }
        let given = self.write.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty());
        self.meet(
            alone == Some("VALIDATION_ERROR") && rules.writes.require_reason && !given,
            "a reason that is missing",
        );
        let marked = rules.soft_delete.is_some() && matches!(self.write.act, Act::Delete { .. });
        self.meet(done && marked, "delete of a row that is only marked");
    }

    /// The one code of a refusal that nothing stored has to do with.
    fn is_refused_alone(&self) -> Option<&'static str> {
        match (&self.written.outcome, self.written.ending) {
            (Outcome::Refused(codes), Ending::Unasked) if codes.len() == 1 => codes.iter().next().copied(),
            _ => None,
        }
    }

    fn references(&mut self, model: &Model) {
        let Some(data) = self.write.data() else { return };
        let said =
            |reference: &&crate::world::Reference| reference.link.iter().any(|(here, _)| data.contains_key(here));
        let row: Vec<Cell> = model
            .columns
            .iter()
            .map(|column| {
                let json = data.get(&column.name);
                let same = |cell: &&Cell| json.is_some_and(|json| cell.to_json() == *json);
                let stored = self.world.models.iter().flat_map(|model| model.rows.iter().flatten());
                stored.filter(|cell| cell.kind() == Some(column.kind.clone())).find(same).cloned().unwrap_or(Cell::Null)
            })
            .collect();
        let points = |reference: &crate::world::Reference| {
            reference.link.iter().all(|(here, _)| !model.cell(&row, here).is_null())
        };
        let (mut strangers, mut nothing) = (false, false);
        for reference in model.references.iter().filter(said) {
            let there = points(reference) && !self.world.dangles(model, reference, &row);
            strangers |= there && self.written.ending == Ending::Reference;
            nothing |= self.is_done()
                && reference.link.iter().any(|(here, _)| data.get(here).is_some_and(|json| json.is_null()));
        }
        self.meet(strangers, "a reference to a stranger's row");
        self.meet(nothing, "a reference that is not followed");
    }

    fn under(&self, view: &View) -> Written {
        write_under(self.world, view, &self.ask.who, Case::now(), self.write)
    }

    /// Rules without which the write would have ended otherwise: that one stands there does not say
    /// that it did something.
    fn effects(&mut self, rules: &Rules) {
        let operation = self.write.operation();
        let ending = self.written.ending;
        let hidden = ending == Ending::NotFound || matches!(self.write.act, Act::BulkUpdate { .. });
        let checked = ending == Ending::Check;
        let done = self.is_done();
        let says_check: Vec<Condition> = rules
            .rows
            .iter()
            .filter(|rule| {
                let condition = &rule.condition;
                let mentions = condition.mentions_principal()
                    || rules.scoping.iter().any(|(field, _)| condition.mentions_field(field));
                rule.effect == RowEffect::Restrict && rule.check && !mentions
            })
            .map(|rule| rule.condition.clone())
            .collect();
        let mut try_otherwise = |when: bool, feature: &str, change: &dyn Fn(&mut Rules)| {
            if !when {
                return;
            }
            let mut other = self.view.clone();
            other.models.get_mut(&self.write.model).into_iter().for_each(change);
            let other = self.under(&other);
            let differs = other.ending != ending || other.outcome != self.written.outcome;
            self.meet(differs, feature);
        };
        let is_restriction = |rule: &crate::reference::Rule| rule.effect == RowEffect::Restrict;
        let is_permit = |rule: &crate::reference::Rule| matches!(rule.effect, RowEffect::Permit(_));
        try_otherwise(hidden, "a scope that hides from the write", &|rules| rules.scoping.clear());
        try_otherwise(hidden, "a restriction that hides from the write", &|rules| {
            rules.rows.retain(|rule| !is_restriction(rule));
        });
        try_otherwise(hidden, "a restriction of reads alone that hides from the write", &|rules| {
            rules.rows.retain(|rule| !is_restriction(rule) || rule.is_about(operation));
        });
        try_otherwise(done, "a permit that finds", &|rules| rules.rows.retain(|rule| !is_permit(rule)));
        try_otherwise(checked, "a permit for reads alone that is no check", &|rules| {
            for rule in rules.rows.iter_mut().filter(|rule| is_permit(rule)) {
                rule.operations.push(operation);
                rule.check = true;
            }
        });
        try_otherwise(checked, "a scope that checks", &|rules| rules.scoping.clear());
        try_otherwise(checked, "a restriction that checks", &|rules| rules.rows.retain(|rule| !is_restriction(rule)));
        try_otherwise(checked, "a restriction that says that it checks", &|rules| {
            for rule in rules.rows.iter_mut().filter(|rule| says_check.contains(&rule.condition)) {
                rule.check = false;
            }
        });
        try_otherwise(done, "a bypass that lifts", &|rules| rules.rows.retain(|rule| rule.effect != RowEffect::Bypass));
        try_otherwise(!done, "a bypass of reads alone that does not lift", &|rules| {
            let reads = |rule: &&mut crate::reference::Rule| {
                rule.effect == RowEffect::Bypass && rule.is_about(Operation::Read) && !rule.is_about(operation)
            };
            rules.rows.iter_mut().filter(reads).for_each(|rule| rule.operations.push(operation));
        });
        if let (true, Act::Create { data }) = (done, &self.write.act)
            && rules.writes.auto_set.keys().any(|field| data.contains_key(field))
        {
            let mut other = self.view.clone();
            let rules = other.models.get_mut(&self.write.model);
            rules.into_iter().for_each(|rules| rules.rows.retain(|rule| rule.effect != RowEffect::Bypass));
            let other = self.under(&other);
            let refused = matches!(&other.outcome, Outcome::Refused(codes) if codes.contains("WRITE_NOT_ALLOWED"));
            self.meet(refused && other.ending == Ending::Unasked, "a filled field that a bypass leaves to the client");
        }
        let moves =
            self.write.data().is_some_and(|data| rules.scoping.iter().any(|(field, _)| data.contains_key(field)));
        self.meet(checked && moves && operation == Operation::Update, "a row that moves out of its scope");
    }
}

fn most_rows(rules: &Rules) -> usize {
    usize::try_from(rules.writes.max_affected_rows.unwrap_or(rules.limits.max_rows)).unwrap_or(usize::MAX)
}

impl fmt::Display for WriteTally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} writes: {} done", self.asked, self.done)?;
        for (feature, count) in &self.found {
            writeln!(f, "  {count:>7} {feature}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for WriteTally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
