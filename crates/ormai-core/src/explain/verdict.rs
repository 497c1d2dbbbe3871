//! What is said about one row.

use std::fmt;

use serde::Serialize;

use super::inspect::{Answer, Asked, AskedRule};
use super::trace::{Did, Kind};
use crate::error::{Error, ErrorCode, Result};
use crate::plan::Truth;
use crate::value::Value;

/// Why a row is in the answer to a request, or is not. The place of the page (cursor, limit)
/// and the size of groups do not count.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Inspected {
    /// The model of the row.
    pub model: String,
    /// The version of the policy that decided.
    pub policy_version: String,
    /// What it comes to.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Every rule on the request's root.
    pub rules: Vec<InspectedRule>,
    /// Every filter of the request's root, in its order.
    pub filters: Vec<InspectedFilter>,
}

/// What it comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
#[non_exhaustive]
pub enum Verdict {
    /// No row has this key, whosoever asks.
    NoSuchRow,
    /// The principal gets it.
    Admitted {
        /// The rules that let it through: for each scoped field one, or a bypass. None where
        /// nothing stood in the way.
        by: Vec<Cause>,
    },
    /// The principal does not get it.
    Hidden {
        /// Everything that is in its way.
        by: Vec<Cause>,
    },
}

/// A rule or a filter that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Cause {
    /// `scope tenant_id`, `restrict not_deleted`, `filter #2`.
    pub what: String,
    /// What it is for the row.
    pub truth: Truth,
    /// Of UNKNOWN: the fields that are NULL and the attributes that are missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
}

/// A rule with what it is for the row.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct InspectedRule {
    /// Its name; the field of a scope.
    pub rule: String,
    /// What it is.
    pub kind: Kind,
    /// What it says.
    pub says: String,
    /// What it did for the principal.
    pub did: Did,
    /// What it is for the row; `None` when there is no row, a bypass lifted it, or it is about
    /// other operations.
    pub truth: Option<Truth>,
    /// Of UNKNOWN: the fields that are NULL and the attributes that are missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
}

/// A filter with what it is for the row.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct InspectedFilter {
    /// What it asks.
    pub says: String,
    /// What it is for the row; `None` when there is no row.
    pub truth: Option<Truth>,
    /// Of UNKNOWN: the fields that are NULL.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
}

impl Truth {
    /// The name in SQL.
    pub fn as_sql(self) -> &'static str {
        match self {
            Self::True => "TRUE",
            Self::False => "FALSE",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match (self.truth, self.because.as_slice()) {
            (Truth::Unknown, []) => f.write_str(" (UNKNOWN)"),
            (Truth::Unknown, because) => write!(f, " (UNKNOWN because {})", because.join(" and ")),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, causes) = match self {
            Self::NoSuchRow => return f.write_str("there is no such row"),
            Self::Admitted { by } if by.is_empty() => return f.write_str("admitted: no rule is in its way"),
            Self::Admitted { by } => ("admitted", by),
            Self::Hidden { by } => ("hidden", by),
        };
        for (index, cause) in causes.iter().enumerate() {
            let before = if index == 0 { format!("{word} by ") } else { ", and by ".to_owned() };
            write!(f, "{before}{cause}")?;
        }
        Ok(())
    }
}

/// Puts the answers of the database together. They are held against the plan's own scope and
/// filter, which were asked beside their parts.
pub(super) fn conclude(asked: Asked, row: Option<&[Value]>) -> Result<Inspected> {
    let Asked { model, policy_version, key, scope, filter, rules, filters } = asked;
    let Some(row) = row else {
        return Ok(Inspected {
            model,
            policy_version,
            verdict: Verdict::NoSuchRow,
            rules: rules.into_iter().map(|rule| inspected(rule, None, Vec::new())).collect(),
            filters: filters
                .into_iter()
                .map(|filter| InspectedFilter { says: filter.says, truth: None, because: Vec::new() })
                .collect(),
        });
    };
    let mut told = Vec::with_capacity(rules.len());
    for rule in rules {
        let truth = rule.answer.map(|answer| answer.read(row)).transpose()?;
        let mut because = nulls(truth, &rule.nulls, row)?;
        if truth == Some(Truth::Unknown) {
            because.extend(rule.rule.missing.iter().map(|missing| format!("{missing} is missing")));
        }
        told.push((rule, truth, because));
    }
    let (admits, mut hides) = weigh(&told);
    let admitted = hides.is_empty();
    let mut asked_for = true;
    let mut told_filters = Vec::with_capacity(filters.len());
    for (index, filter) in filters.into_iter().enumerate() {
        let truth = filter.answer.read(row)?;
        let because = nulls(Some(truth), &filter.nulls, row)?;
        if truth != Truth::True {
            asked_for = false;
            hides.push(Cause { what: format!("filter #{}", index + 1), truth, because: because.clone() });
        }
        told_filters.push(InspectedFilter { says: filter.says, truth: Some(truth), because });
    }
    let as_planned = (key.read(row)?, scope.read(row)? == Truth::True, filter.read(row)? == Truth::True);
    if as_planned != (Truth::True, admitted, asked_for) {
        return Err(Error::new(ErrorCode::Internal, "the rules and the plan do not agree about the row"));
    }
    let verdict = if hides.is_empty() { Verdict::Admitted { by: admits } } else { Verdict::Hidden { by: hides } };
    let rules = told.into_iter().map(|(rule, truth, because)| inspected(rule, truth, because)).collect();
    Ok(Inspected { model, policy_version, verdict, rules, filters: told_filters })
}

/// A rule, what it is for the row, and why it is unknown.
type Told = (AskedRule, Option<Truth>, Vec<String>);

/// `bypass OR ( AND over scoped fields f of (scope_f OR permit_f) AND restrict )`: what
/// admits, and what is in the way.
fn weigh(told: &[Told]) -> (Vec<Cause>, Vec<Cause>) {
    let (mut admits, mut hides) = (Vec::new(), Vec::new());
    if let Some(bypass) = told.iter().find(|(asked, _, _)| asked.rule.bypassed()) {
        return (vec![cause(bypass)], hides);
    }
    for one in told {
        let (asked, truth, _) = one;
        match asked.rule.kind {
            Kind::Scope => {
                let permits = told
                    .iter()
                    .filter(|(other, _, _)| other.rule.kind.permits() && other.rule.field == asked.rule.field);
                let opens = |one: &&Told| one.1 == Some(Truth::True);
                match [one].into_iter().chain(permits).find(opens) {
                    Some(opening) => admits.push(cause(opening)),
                    None => hides.push(cause(one)),
                }
            }
            Kind::Restrict if truth.is_some_and(|truth| truth != Truth::True) => hides.push(cause(one)),
            Kind::Restrict | Kind::Permit | Kind::InferredPermit | Kind::Bypass => {}
        }
    }
    (admits, hides)
}

fn cause((asked, truth, because): &Told) -> Cause {
    let what = format!("{} {}", asked.rule.kind, asked.rule.rule);
    // A scope without an answer admits nothing.
    Cause { what, truth: truth.unwrap_or(Truth::Unknown), because: because.clone() }
}

fn inspected(asked: AskedRule, truth: Option<Truth>, because: Vec<String>) -> InspectedRule {
    let rule = asked.rule;
    InspectedRule { rule: rule.rule, kind: rule.kind, says: rule.says, did: rule.did, truth, because }
}

/// The terms that are NULL, when that is what makes a condition unknown.
fn nulls(truth: Option<Truth>, terms: &[(String, Answer)], row: &[Value]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    if truth == Some(Truth::Unknown) {
        for (term, answer) in terms {
            if answer.read(row)? == Truth::True {
                found.push(format!("{term} is NULL"));
            }
        }
    }
    Ok(found)
}
