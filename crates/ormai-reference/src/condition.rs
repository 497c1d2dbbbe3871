//! The condition language, in three-valued logic.

use std::sync::Arc;

use super::attribute::{self, Given};
use super::found::Links;
use crate::world::{
    Attribute, Cell, Comparison, Condition, Function, Kind, List, Model, Pattern, Relation, Term, Who, World,
};

/// True, false or (`None`) unknown.
pub(super) type Truth = Option<bool>;

/// Whether something is true, not merely not false.
pub(super) fn admits(truth: Truth) -> bool {
    truth == Some(true)
}

pub(super) fn not(truth: Truth) -> Truth {
    truth.map(|truth| !truth)
}

pub(super) fn all(parts: impl IntoIterator<Item = Truth>) -> Truth {
    let parts: Vec<Truth> = parts.into_iter().collect();
    if parts.contains(&Some(false)) {
        Some(false)
    } else if parts.contains(&None) {
        None
    } else {
        Some(true)
    }
}

pub(super) fn any(parts: impl IntoIterator<Item = Truth>) -> Truth {
    not(all(parts.into_iter().map(not)))
}

fn negated_if(negated: bool, truth: Truth) -> Truth {
    if negated { not(truth) } else { truth }
}

/// A comparison of two values of one kind.
pub(super) fn compare(op: Comparison, left: &Cell, right: &Cell) -> Truth {
    match op {
        Comparison::Distinct => return Some(left != right),
        Comparison::NotDistinct => return Some(left == right),
        _ if left.is_null() || right.is_null() => return None,
        _ => {}
    }
    Some(match op {
        Comparison::Eq | Comparison::NotDistinct => left == right,
        Comparison::Ne | Comparison::Distinct => left != right,
        Comparison::Lt => left < right,
        Comparison::Le => left <= right,
        Comparison::Gt => left > right,
        Comparison::Ge => left >= right,
    })
}

/// SQL's LIKE: `%` is any text, `_` one character, `\` takes the next character as itself.
pub(super) fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skipped| like(text.get(skipped..).unwrap_or_default(), rest)),
        ['_', rest @ ..] => text.split_first().is_some_and(|(_, text)| like(text, rest)),
        ['\\', literal, rest @ ..] | [literal, rest @ ..] => {
            text.split_first().is_some_and(|(first, text)| first == literal && like(text, rest))
        }
    }
}

/// What a condition is read with: everything but the row.
pub(super) struct Reading<'w> {
    pub(super) world: &'w World,
    pub(super) links: Arc<Links>,
    pub(super) who: &'w Who,
    pub(super) now: &'w str,
    /// The longest list of an attribute.
    pub(super) max_list: usize,
}

/// What a term comes to; `None` when an attribute in it is missing.
type Value = Option<Cell>;

impl<'w> Reading<'w> {
    /// Whether a condition is true of a row. Attributes that do not fit are the business of
    /// [`Reading::misfits`]; here they are as good as missing.
    pub(super) fn holds(&self, condition: &Condition, model: &'w Model, row: &[Cell]) -> Truth {
        match condition {
            Condition::Const(truth) => Some(*truth),
            Condition::And(parts) => all(parts.iter().map(|part| self.holds(part, model, row))),
            Condition::Or(parts) => any(parts.iter().map(|part| self.holds(part, model, row))),
            Condition::Not(part) => not(self.holds(part, model, row)),
            Condition::Bare(term) => {
                let value = self.value(term, &Kind::Bool, model, row)?;
                compare(Comparison::Eq, &value, &Cell::Bool(true))
            }
            Condition::Compare { op, left, right } => {
                let kind = self.kind(&[left, right], model);
                let (left, right) = (self.value(left, &kind, model, row)?, self.value(right, &kind, model, row)?);
                compare(*op, &left, &right)
            }
            Condition::Between { term, low, high, negated } => {
                let kind = self.kind(&[term, low, high], model);
                let side = |op, bound: &Term| {
                    let (value, bound) = (self.value(term, &kind, model, row)?, self.value(bound, &kind, model, row)?);
                    compare(op, &value, &bound)
                };
                negated_if(*negated, all([side(Comparison::Ge, low), side(Comparison::Le, high)]))
            }
            Condition::In { term, list, negated } => {
                let kind = self.kind_in(term, list, model);
                let value = self.value(term, &kind, model, row)?;
                let items = self.list(list, &kind)?;
                negated_if(*negated, any(items.iter().map(|item| compare(Comparison::Eq, &value, item))))
            }
            Condition::IsNull { term: Term::Principal(attribute), negated } => {
                Some(attribute::is_missing(self.who, attribute) != *negated)
            }
            Condition::IsNull { term, negated } => {
                let value = self.value(term, &self.kind(&[term], model), model, row)?;
                Some(value.is_null() != *negated)
            }
            Condition::Like { term, pattern, negated } => {
                let value = self.value(term, &Kind::Text, model, row)?;
                let pattern: Vec<char> = self.pattern(pattern)?.chars().collect();
                let Cell::Text(text) = value else { return None };
                let text: Vec<char> = text.chars().collect();
                Some(like(&text, &pattern) != *negated)
            }
            Condition::Exists { relation, condition } => {
                let relation = model.relation(relation)?;
                let target = self.world.model(&relation.target)?;
                let satisfies = |other: &[Cell]| match condition {
                    None => true,
                    Some(condition) => admits(self.holds(condition, target, other)),
                };
                Some(self.related(model, relation, row).any(satisfies))
            }
        }
    }

    /// Related rows as they are stored, whoever sees them.
    fn related(&self, model: &Model, relation: &Relation, row: &[Cell]) -> impl Iterator<Item = &'w [Cell]> {
        let places = self.links.related(self.world, model, relation, row).into_iter();
        let target = self.world.model(&relation.target);
        places.filter_map(move |place| Some(target?.rows.get(place)?.as_slice()))
    }

    fn value(&self, term: &Term, kind: &Kind, model: &'w Model, row: &[Cell]) -> Value {
        Some(match term {
            Term::Field { through, field } => self.field(through, field, model, row),
            Term::Literal(cell) => cell.clone(),
            Term::Principal(attribute) => match attribute::scalar(self.who, attribute, kind) {
                Given::Is(cell) => cell,
                Given::Missing | Given::Misfit => return None,
            },
            Term::Now => Cell::now(self.now, kind),
            Term::Call(function, arguments) => {
                let values: Vec<Cell> =
                    arguments.iter().map(|argument| self.value(argument, kind, model, row)).collect::<Option<_>>()?;
                call(*function, values)
            }
        })
    }

    /// The field of the row at hand, or of the one row that relations lead to; NULL where there
    /// is no such row.
    fn field(&self, through: &[String], field: &str, model: &'w Model, row: &[Cell]) -> Cell {
        let Some((first, rest)) = through.split_first() else { return model.cell(row, field).clone() };
        let next = model.relation(first).and_then(|relation| {
            let target = self.world.model(&relation.target)?;
            let other = self.related(model, relation, row).next()?;
            Some(self.field(rest, field, target, other))
        });
        next.unwrap_or(Cell::Null)
    }

    fn list(&self, list: &List, kind: &Kind) -> Option<Vec<Cell>> {
        match list {
            List::Literals(cells) => Some(cells.clone()),
            List::Principal(attribute) => match attribute::list(self.who, attribute, kind) {
                Given::Is(cells) => Some(cells),
                Given::Missing | Given::Misfit => None,
            },
        }
    }

    fn pattern(&self, pattern: &Pattern) -> Option<String> {
        match pattern {
            Pattern::Literal(text) => Some(text.clone()),
            Pattern::Principal(attribute) => match attribute::scalar(self.who, attribute, &Kind::Text) {
                Given::Is(Cell::Text(text)) => Some(text),
                _ => None,
            },
        }
    }

    /// The kind of what is compared: that of a field in it, or else of a literal, or else text.
    fn kind(&self, terms: &[&Term], model: &Model) -> Kind {
        let own = terms.iter().find_map(|term| self.own_kind(term, model));
        own.or_else(|| terms.iter().find_map(|term| literal_kind(term))).unwrap_or(Kind::Text)
    }

    fn kind_in(&self, term: &Term, list: &List, model: &Model) -> Kind {
        let of_list = match list {
            List::Literals(cells) => cells.iter().find_map(Cell::kind),
            List::Principal(_) => None,
        };
        self.own_kind(term, model).or_else(|| literal_kind(term)).or(of_list).unwrap_or(Kind::Text)
    }

    fn own_kind(&self, term: &Term, model: &Model) -> Option<Kind> {
        match term {
            Term::Field { through, field } => {
                let mut names = through.iter();
                let last = names.try_fold(model, |model, name| self.world.model(&model.relation(name)?.target))?;
                Some(last.column(field)?.kind.clone())
            }
            Term::Call(Function::Lower | Function::Upper, _) => Some(Kind::Text),
            Term::Call(_, arguments) => arguments.iter().find_map(|argument| self.own_kind(argument, model)),
            Term::Literal(_) | Term::Principal(_) | Term::Now => None,
        }
    }

    /// Whether an attribute in the condition is there and does not fit. Then the whole call
    /// fails, whether or not its part of the condition would have mattered.
    pub(super) fn misfits(&self, condition: &Condition, model: &'w Model) -> bool {
        let scalar =
            |attribute: &Attribute, kind: &Kind| matches!(attribute::scalar(self.who, attribute, kind), Given::Misfit);
        let terms = |terms: &[&Term], kind: &Kind| terms.iter().any(|term| self.term_misfits(term, kind));
        match condition {
            Condition::Const(_) | Condition::IsNull { term: Term::Principal(_), .. } => false,
            Condition::And(parts) | Condition::Or(parts) => parts.iter().any(|part| self.misfits(part, model)),
            Condition::Not(part) => self.misfits(part, model),
            Condition::Bare(term) => terms(&[term], &Kind::Bool),
            Condition::Compare { left, right, .. } => terms(&[left, right], &self.kind(&[left, right], model)),
            Condition::Between { term, low, high, .. } => {
                terms(&[term, low, high], &self.kind(&[term, low, high], model))
            }
            Condition::IsNull { term, .. } => terms(&[term], &self.kind(&[term], model)),
            Condition::In { term, list, .. } => {
                let kind = self.kind_in(term, list, model);
                let in_list = match list {
                    List::Literals(_) => false,
                    List::Principal(attribute) => match attribute::list(self.who, attribute, &kind) {
                        Given::Missing => false,
                        Given::Is(cells) => cells.len() > self.max_list,
                        Given::Misfit => true,
                    },
                };
                in_list || terms(&[term], &kind)
            }
            Condition::Like { term, pattern, .. } => {
                let in_pattern = match pattern {
                    Pattern::Literal(_) => false,
                    Pattern::Principal(attribute) => scalar(attribute, &Kind::Text),
                };
                in_pattern || terms(&[term], &Kind::Text)
            }
            Condition::Exists { relation, condition } => {
                let target = model.relation(relation).and_then(|relation| self.world.model(&relation.target));
                match (target, condition) {
                    (Some(target), Some(condition)) => self.misfits(condition, target),
                    _ => false,
                }
            }
        }
    }

    fn term_misfits(&self, term: &Term, kind: &Kind) -> bool {
        match term {
            Term::Principal(attribute) => matches!(attribute::scalar(self.who, attribute, kind), Given::Misfit),
            Term::Call(_, arguments) => arguments.iter().any(|argument| self.term_misfits(argument, kind)),
            Term::Field { .. } | Term::Literal(_) | Term::Now => false,
        }
    }
}

fn literal_kind(term: &Term) -> Option<Kind> {
    match term {
        Term::Literal(cell) => cell.kind(),
        Term::Now => Some(Kind::Timestamp),
        Term::Call(_, arguments) => arguments.iter().find_map(literal_kind),
        Term::Field { .. } | Term::Principal(_) => None,
    }
}

fn call(function: Function, values: Vec<Cell>) -> Cell {
    let text = |change: fn(&str) -> String| match values.first() {
        Some(Cell::Text(text)) => Cell::Text(change(text)),
        _ => Cell::Null,
    };
    match (function, values.as_slice()) {
        (Function::Coalesce, values) => values.iter().find(|value| !value.is_null()).cloned().unwrap_or(Cell::Null),
        (Function::NullIf, [one, other]) if admits(compare(Comparison::Eq, one, other)) => Cell::Null,
        (Function::NullIf, values) => values.first().cloned().unwrap_or(Cell::Null),
        // The letters A to Z only.
        (Function::Lower, _) => text(str::to_ascii_lowercase),
        (Function::Upper, _) => text(str::to_ascii_uppercase),
    }
}
