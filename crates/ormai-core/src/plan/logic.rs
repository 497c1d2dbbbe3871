//! Putting predicates together in three-valued logic, folding constants on the way.

use super::{Predicate, Truth};
use crate::fault::Fault;

impl Truth {
    /// The truth of a boolean.
    pub fn of(bool: bool) -> Self {
        if bool { Self::True } else { Self::False }
    }

    /// SQL's NOT.
    #[must_use]
    pub fn negate(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown if Fault::NotUnknownIsTrue.is_on() => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }
}

impl Predicate {
    /// The conjunction; TRUE when there are no parts.
    pub(crate) fn all(parts: Vec<Self>) -> Self {
        join(parts, Truth::True, Self::And)
    }

    /// The disjunction; FALSE when there are no parts.
    pub(crate) fn any(parts: Vec<Self>) -> Self {
        join(parts, Truth::False, Self::Or)
    }

    /// The negation.
    pub(crate) fn negate(self) -> Self {
        match self {
            Self::Const(truth) => Self::Const(truth.negate()),
            other => Self::Not(Box::new(other)),
        }
    }
}

/// Joins parts with AND (neutral: TRUE) or OR (neutral: FALSE). The opposite of the neutral
/// value decides alone; an unknown stays, since it decides when nothing else does.
fn join(parts: Vec<Predicate>, neutral: Truth, combine: fn(Vec<Predicate>) -> Predicate) -> Predicate {
    let mut kept = Vec::with_capacity(parts.len());
    let mut unknown = false;
    for part in parts {
        match part {
            Predicate::Const(truth) if truth == neutral => {}
            Predicate::Const(Truth::Unknown) => unknown = true,
            Predicate::Const(decides) => return Predicate::Const(decides),
            part => kept.push(part),
        }
    }
    if unknown {
        kept.push(Predicate::Const(Truth::Unknown));
    }
    if kept.len() > 1 {
        return combine(kept);
    }
    kept.pop().unwrap_or(Predicate::Const(neutral))
}

impl Predicate {
    /// The same where only TRUE counts (a WHERE clause): an unknown that no NOT stands above
    /// is as good as false, and folding it keeps `x OR NULL` out of statements, for which
    /// engines do not use an index.
    pub(crate) fn admitting(self) -> Self {
        match self {
            Self::Const(Truth::Unknown) => Self::Const(Truth::of(Fault::UnknownAdmits.is_on())),
            Self::And(parts) => Self::all(parts.into_iter().map(Self::admitting).collect()),
            Self::Or(parts) => Self::any(parts.into_iter().map(Self::admitting).collect()),
            other => other,
        }
    }

    /// True where this is false or unknown.
    pub(crate) fn not_true(self) -> Self {
        match self {
            Self::Const(truth) => Self::Const(Truth::of(truth != Truth::True)),
            other if Fault::AllTakesUnknown.is_on() => other.negate(),
            other => Self::NotTrue(Box::new(other)),
        }
    }
}
