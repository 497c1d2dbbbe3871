//! When a predicate is unknown, as a predicate of its own: a row is in exactly one of the
//! predicate, its negation, and this.

use serde_json::{Value as Json, json};

use super::cell::Cell;
use super::condition::{Attribute, Comparison, Condition, List, Pattern, Term};
use super::principal::Who;
use super::request::{Filter, Op};

impl Condition {
    /// A condition that is true where this one is unknown, and else false, for somebody.
    pub fn unknown(&self, who: &Who) -> Self {
        let either = |parts: Vec<Self>| match parts.len() {
            0 => Self::Const(false),
            _ => Self::Or(parts),
        };
        match self {
            Self::Const(_) | Self::Exists { .. } | Self::IsNull { term: Term::Principal(_), .. } => Self::Const(false),
            Self::Not(part) => part.unknown(who),
            // No part is false, and one is unknown.
            Self::And(parts) => partly(parts, who, |part| part.clone()),
            // No part is true, and one is unknown.
            Self::Or(parts) => partly(parts, who, |part| Self::Not(Box::new(part.clone()))),
            Self::Bare(term) => either(term.nulls()),
            Self::Compare { op: Comparison::Distinct | Comparison::NotDistinct, left, right } => {
                either([left, right].into_iter().flat_map(Term::missing).collect())
            }
            Self::Compare { left, right, .. } => either([left, right].into_iter().flat_map(Term::nulls).collect()),
            Self::Between { term, low, high, .. } => {
                let side = |op, bound: &Term| Self::Compare { op, left: term.clone(), right: bound.clone() };
                Self::And(vec![side(Comparison::Ge, low), side(Comparison::Le, high)]).unknown(who)
            }
            Self::IsNull { term, .. } => either(term.missing()),
            Self::In { term, list, .. } => {
                let (missing, is_empty) = match list {
                    List::Literals(cells) => (None, cells.is_empty()),
                    List::Principal(attribute) => (Some(attribute.is_null()), attribute.is_empty_list(who)),
                };
                let of_term = if is_empty { term.missing() } else { term.nulls() };
                either(of_term.into_iter().chain(missing).collect())
            }
            Self::Like { term, pattern, .. } => {
                let missing = match pattern {
                    Pattern::Literal(_) => None,
                    Pattern::Principal(attribute) => Some(attribute.is_null()),
                };
                either(term.nulls().into_iter().chain(missing).collect())
            }
        }
    }

    /// Whether the principal takes part, also behind EXISTS.
    pub fn mentions_principal(&self) -> bool {
        self.any_term(&|term| term.mentions_principal())
            || match self {
                Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::mentions_principal),
                Self::Not(part) => part.mentions_principal(),
                Self::Exists { condition, .. } => condition.as_ref().is_some_and(|part| part.mentions_principal()),
                Self::In { list, .. } => matches!(list, List::Principal(_)),
                Self::Like { pattern, .. } => matches!(pattern, Pattern::Principal(_)),
                _ => false,
            }
    }

    /// Whether a field of the row at hand takes part.
    pub fn mentions_field(&self, field: &str) -> bool {
        self.any_term(&|term| term.mentions_field(field))
            || match self {
                Self::And(parts) | Self::Or(parts) => parts.iter().any(|part| part.mentions_field(field)),
                Self::Not(part) => part.mentions_field(field),
                // The fields in there are another row's.
                _ => false,
            }
    }

    /// Whether something is so of a term that stands directly in the condition.
    fn any_term(&self, is_so: &dyn Fn(&Term) -> bool) -> bool {
        match self {
            Self::Const(_) | Self::Exists { .. } | Self::And(_) | Self::Or(_) | Self::Not(_) => false,
            Self::Bare(term) | Self::In { term, .. } | Self::IsNull { term, .. } | Self::Like { term, .. } => {
                is_so(term)
            }
            Self::Compare { left, right, .. } => [left, right].into_iter().any(is_so),
            Self::Between { term, low, high, .. } => [term, low, high].into_iter().any(is_so),
        }
    }

    /// Whether other rows than the one at hand are read.
    pub fn reads_other_rows(&self) -> bool {
        let reads = |terms: &[&Term]| terms.iter().any(|term| term.reads_other_rows());
        match self {
            Self::Const(_) => false,
            Self::Exists { .. } => true,
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::reads_other_rows),
            Self::Not(part) => part.reads_other_rows(),
            Self::Bare(term) | Self::In { term, .. } | Self::IsNull { term, .. } | Self::Like { term, .. } => {
                reads(&[term])
            }
            Self::Compare { left, right, .. } => reads(&[left, right]),
            Self::Between { term, low, high, .. } => reads(&[term, low, high]),
        }
    }
}

/// Each part is unknown or as it may be, and one is unknown.
fn partly(parts: &[Condition], who: &Who, may_be: impl Fn(&Condition) -> Condition) -> Condition {
    let mut all: Vec<Condition> =
        parts.iter().map(|part| Condition::Or(vec![may_be(part), part.unknown(who)])).collect();
    all.push(Condition::Or(parts.iter().map(|part| part.unknown(who)).collect()));
    Condition::And(all)
}

impl Term {
    /// When it is NULL or one of its attributes is missing.
    fn nulls(&self) -> Vec<Condition> {
        let is_null = || Condition::IsNull { term: self.clone(), negated: false };
        match self {
            Self::Literal(Cell::Null) => vec![Condition::Const(true)],
            Self::Literal(_) | Self::Now => Vec::new(),
            Self::Field { .. } | Self::Principal(_) => vec![is_null()],
            Self::Call(..) => std::iter::once(is_null()).chain(self.missing()).collect(),
        }
    }

    /// When one of its attributes is missing.
    fn missing(&self) -> Vec<Condition> {
        match self {
            Self::Principal(attribute) => vec![attribute.is_null()],
            Self::Call(_, arguments) => arguments.iter().flat_map(Self::missing).collect(),
            Self::Field { .. } | Self::Literal(_) | Self::Now => Vec::new(),
        }
    }

    fn mentions_principal(&self) -> bool {
        match self {
            Self::Principal(_) => true,
            Self::Call(_, arguments) => arguments.iter().any(Self::mentions_principal),
            Self::Field { .. } | Self::Literal(_) | Self::Now => false,
        }
    }

    fn mentions_field(&self, name: &str) -> bool {
        match self {
            Self::Field { through, field } => through.is_empty() && field == name,
            Self::Call(_, arguments) => arguments.iter().any(|argument| argument.mentions_field(name)),
            Self::Principal(_) | Self::Literal(_) | Self::Now => false,
        }
    }

    fn reads_other_rows(&self) -> bool {
        match self {
            Self::Field { through, .. } => !through.is_empty(),
            Self::Call(_, arguments) => arguments.iter().any(Self::reads_other_rows),
            Self::Literal(_) | Self::Principal(_) | Self::Now => false,
        }
    }
}

impl Attribute {
    fn is_null(&self) -> Condition {
        Condition::IsNull { term: Term::Principal(self.clone()), negated: false }
    }

    fn is_empty_list(&self, who: &Who) -> bool {
        match self {
            Self::Roles => who.roles.is_empty(),
            Self::Metadata(path) => who.attribute(path).and_then(Json::as_array).is_some_and(Vec::is_empty),
            Self::Tenant | Self::User => false,
        }
    }
}

impl Filter {
    /// A filter that is true where this one is unknown, and else false.
    pub fn unknown(&self) -> Self {
        // In an empty list is nothing; `and` and `or` need at least one filter.
        let either = |parts: Vec<Self>| Self::Or(parts);
        match self {
            Self::Field { field, op, value } => {
                let field = field.clone();
                let never = *op == Op::IsNull || value.as_array().is_some_and(Vec::is_empty);
                match never {
                    true => Self::Field { field, op: Op::In, value: json!([]) },
                    false => Self::Field { field, op: Op::IsNull, value: json!(true) },
                }
            }
            Self::Not(part) => part.unknown(),
            Self::And(parts) => {
                let mut all: Vec<Self> = parts.iter().map(|part| either(vec![part.clone(), part.unknown()])).collect();
                all.push(either(parts.iter().map(Self::unknown).collect()));
                Self::And(all)
            }
            Self::Or(parts) => {
                let is_false = |part: &Self| Self::Not(Box::new(part.clone()));
                let mut all: Vec<Self> =
                    parts.iter().map(|part| either(vec![is_false(part), part.unknown()])).collect();
                all.push(either(parts.iter().map(Self::unknown).collect()));
                Self::And(all)
            }
            // It is true or false, and `x AND NOT x` of what is never unknown is false.
            Self::Relation { .. } => Self::And(vec![self.clone(), Self::Not(Box::new(self.clone()))]),
        }
    }
}
