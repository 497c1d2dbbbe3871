//! Which of two is wider.

use ormai::catalog::{FieldId, Model};
use ormai::policy::{AggregationRules, FieldAction, FieldRule, Mask, MaskPart, RelationRule};

use super::{Direction, Level};

/// Which way a number goes of which more is wider; `None` where it is the same.
pub(super) fn number<T: Ord>(old: T, new: T) -> Option<Direction> {
    match new.cmp(&old) {
        std::cmp::Ordering::Greater => Some(Direction::Wider),
        std::cmp::Ordering::Less => Some(Direction::Narrower),
        std::cmp::Ordering::Equal => None,
    }
}

/// Which way a set goes of which more is wider.
pub(super) fn set<T: PartialEq>(old: &[T], new: &[T]) -> Option<Direction> {
    let adds = new.iter().any(|item| !old.contains(item));
    let removes = old.iter().any(|item| !new.contains(item));
    match (adds, removes) {
        (true, true) => Some(Direction::Either),
        (true, false) => Some(Direction::Wider),
        (false, true) => Some(Direction::Narrower),
        (false, false) => None,
    }
}

/// The same of which more is narrower.
pub(super) fn turned(direction: Option<Direction>) -> Option<Direction> {
    direction.map(|direction| match direction {
        Direction::Wider => Direction::Narrower,
        Direction::Narrower => Direction::Wider,
        Direction::Either => Direction::Either,
    })
}

/// A limit that may be missing, which is none at all.
pub(super) fn limit(limit: Option<u32>) -> u64 {
    limit.map_or(u64::MAX, u64::from)
}

/// Two directions at once.
pub(super) fn both(one: Option<Direction>, other: Option<Direction>) -> Option<Direction> {
    match one {
        Some(one) => Some(one.and(other)),
        None => other,
    }
}

pub(super) fn level(rule: Option<&FieldRule>) -> Level {
    match rule.map(|rule| &rule.action) {
        None => Level::Closed,
        Some(FieldAction::Redact) => Level::Redacted,
        Some(FieldAction::Hash) => Level::Hashed,
        Some(FieldAction::Mask(_)) => Level::Masked,
        Some(FieldAction::Allow) => Level::Shown,
    }
}

/// Which way a field goes.
pub(super) fn field(old: Option<&FieldRule>, new: Option<&FieldRule>) -> Option<Direction> {
    let action = match (old.map(|rule| &rule.action), new.map(|rule| &rule.action)) {
        (Some(FieldAction::Mask(old)), Some(FieldAction::Mask(new))) => mask(old, new),
        // A hash tells which are equal, a mask how a part of them reads: neither is in the other.
        (Some(FieldAction::Mask(_)), Some(FieldAction::Hash))
        | (Some(FieldAction::Hash), Some(FieldAction::Mask(_))) => Some(Direction::Either),
        _ => number(level(old), level(new)),
    };
    // A field that is shown as it is can be compared in any case.
    let compares =
        |rule: Option<&FieldRule>| rule.is_some_and(|rule| rule.filter_equality || rule.action == FieldAction::Allow);
    both(action, number(compares(old), compares(new)))
}

fn mask(old: &Mask, new: &Mask) -> Option<Direction> {
    match (old, new) {
        _ if old == new => None,
        (Mask::Pattern(old), Mask::Pattern(new)) => {
            let ((old_first, old_last), (new_first, new_last)) = (reach(old), reach(new));
            both(number(old_first, new_first), number(old_last, new_last)).or(Some(Direction::Either))
        }
        _ => Some(Direction::Either),
    }
}

/// How many characters from the beginning and from the end a mask lets through.
fn reach(parts: &[MaskPart]) -> (usize, usize) {
    parts.iter().fold((0, 0), |(first, last), part| match part {
        MaskPart::Text(_) => (first, last),
        MaskPart::First(count) => (first.max(*count), last),
        MaskPart::Last(count) => (first, last.max(*count)),
    })
}

/// What a field shows, in words.
pub(super) fn field_text(rule: Option<&FieldRule>) -> String {
    let Some(rule) = rule else { return Level::Closed.as_str().to_owned() };
    let mut text = level(Some(rule)).as_str().to_owned();
    if let FieldAction::Mask(Mask::Pattern(parts)) = &rule.action {
        text.push_str(" `");
        for part in parts {
            match part {
                MaskPart::Text(part) => text.push_str(part),
                MaskPart::First(count) => text.push_str(&format!("{{first{count}}}")),
                MaskPart::Last(count) => text.push_str(&format!("{{last{count}}}")),
            }
        }
        text.push('`');
    }
    if rule.filter_equality && rule.action != FieldAction::Allow {
        text.push_str(", may be compared for equality");
    }
    text
}

/// Which way a relation goes.
pub(super) fn relation(old: Option<&RelationRule>, new: Option<&RelationRule>) -> Option<Direction> {
    let (Some(old), Some(new)) = (old, new) else { return number(old.is_some(), new.is_some()) };
    let fields = match (&old.fields, &new.fields) {
        (Some(old), Some(new)) => set(old, new),
        (old, new) => number(old.is_none(), new.is_none()),
    };
    both(number(limit(old.max_depth), limit(new.max_depth)), fields)
}

pub(super) fn relation_text(target: &Model, rule: Option<&RelationRule>) -> String {
    let Some(rule) = rule else { return "closed".to_owned() };
    let mut text = "open".to_owned();
    if let Some(depth) = rule.max_depth {
        text.push_str(&format!(" to depth {depth}"));
    }
    if let Some(fields) = &rule.fields {
        text.push_str(&format!(" for {}", names(target, fields)));
    }
    text
}

/// The names of fields; `nothing` for none.
pub(super) fn names(model: &Model, fields: &[FieldId]) -> String {
    let names: Vec<&str> = fields.iter().map(|field| model.field(*field).name.as_str()).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// The fields that each function may be applied to.
pub(super) fn functions(rules: &AggregationRules) -> Vec<(&'static str, Vec<FieldId>)> {
    ["count", "sum", "avg", "min", "max"]
        .into_iter()
        .map(|word| {
            let open = rules.functions.iter().filter(|(function, _)| function.as_str() == word);
            (word, open.flat_map(|(_, fields)| fields.iter().copied()).collect())
        })
        .collect()
}
