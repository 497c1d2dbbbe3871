//! What a predicate of a plan means, on rows in memory: written a second time, so that the
//! first can be held against it.

use ormai_core::catalog::{Catalog, FieldId, ModelId, RelationId};
use ormai_core::condition::evaluate::{Row, compare_values};
use ormai_core::plan::{Comparison, Function, Predicate, RelatedRows, Term, Truth};
use ormai_core::value::{ColumnType, Value};

/// A plan's values, and the catalog that its ids are of.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) binds: &'a [Value],
}

impl Reading<'_> {
    pub(crate) fn truth(self, predicate: &Predicate, model: ModelId, row: &dyn Row) -> Truth {
        let not_if = |negated: bool, truth: Truth| if negated { truth.negate() } else { truth };
        match predicate {
            Predicate::Const(truth) => *truth,
            Predicate::And(parts) => {
                assert!(!parts.is_empty(), "a conjunction of nothing");
                let truths: Vec<Truth> = parts.iter().map(|part| self.truth(part, model, row)).collect();
                if truths.contains(&Truth::False) {
                    Truth::False
                } else if truths.contains(&Truth::Unknown) {
                    Truth::Unknown
                } else {
                    Truth::True
                }
            }
            Predicate::Or(parts) => {
                assert!(!parts.is_empty(), "a disjunction of nothing");
                let truths: Vec<Truth> = parts.iter().map(|part| self.truth(part, model, row)).collect();
                if truths.contains(&Truth::True) {
                    Truth::True
                } else if truths.contains(&Truth::Unknown) {
                    Truth::Unknown
                } else {
                    Truth::False
                }
            }
            Predicate::Not(part) => self.truth(part, model, row).negate(),
            Predicate::NotTrue(part) => Truth::of(self.truth(part, model, row) != Truth::True),
            Predicate::Compare { op, left, right } => {
                let ty = self.ty(left, model).or_else(|| self.ty(right, model));
                self.compare(*op, &self.term(left, model, row), &self.term(right, model, row), ty.as_ref())
            }
            Predicate::In { term, list, negated } => {
                let Some(Value::Array(items)) = self.binds.get(list.slot.index()) else {
                    panic!("a list slot without a list");
                };
                assert!(!items.is_empty() && items.len() <= list.places(), "{} in {}", items.len(), list.places());
                let (value, ty) = (self.term(term, model, row), self.ty(term, model));
                if value.is_null() {
                    return Truth::Unknown;
                }
                let found =
                    items.iter().any(|item| self.compare(Comparison::Eq, &value, item, ty.as_ref()) == Truth::True);
                Truth::of(found != *negated)
            }
            Predicate::IsNull { term, negated } => Truth::of(self.term(term, model, row).is_null() != *negated),
            Predicate::Matches { term, pattern, negated } => {
                let Some(Value::Pattern(pattern)) = self.binds.get(pattern.index()) else {
                    panic!("a pattern slot without a pattern");
                };
                match (self.term(term, model, row), self.ty(term, model)) {
                    (Value::Text(text), Some(ColumnType::Char)) => {
                        not_if(*negated, Truth::of(pattern.matches(text.trim_end_matches(' '))))
                    }
                    (Value::Text(text), _) => not_if(*negated, Truth::of(pattern.matches(&text))),
                    _ => Truth::Unknown,
                }
            }
            Predicate::Exists(exists) => {
                let (target, scope) = match &exists.rows {
                    RelatedRows::Scoped(source) => (source.model, Some(&source.scope)),
                    RelatedRows::Stored(model) => (*model, None),
                };
                let related = row.related(self.relation(model, target, &exists.link));
                let found = related.iter().any(|row| {
                    scope.is_none_or(|scope| self.truth(scope, target, row.as_ref()) == Truth::True)
                        && self.truth(&exists.filter, target, row.as_ref()) == Truth::True
                });
                Truth::of(found != exists.negated)
            }
        }
    }

    fn compare(self, op: Comparison, a: &Value, b: &Value, ty: Option<&ColumnType>) -> Truth {
        let order = compare_values(a, b, ty.unwrap_or(&ColumnType::Text));
        let same = (a.is_null() && b.is_null()) || order.is_some_and(|order| order.is_eq());
        match op {
            Comparison::Distinct => return Truth::of(!same),
            Comparison::NotDistinct => return Truth::of(same),
            _ => {}
        }
        let Some(order) = order else { return Truth::Unknown };
        Truth::of(match op {
            Comparison::Eq | Comparison::NotDistinct => order.is_eq(),
            Comparison::Ne | Comparison::Distinct => order.is_ne(),
            Comparison::Lt => order.is_lt(),
            Comparison::Le => order.is_le(),
            Comparison::Gt => order.is_gt(),
            Comparison::Ge => order.is_ge(),
        })
    }

    fn term(self, term: &Term, model: ModelId, row: &dyn Row) -> Value {
        match term {
            Term::Column(field) => row.value(*field),
            Term::Bind(slot) => self.binds.get(slot.index()).cloned().unwrap(),
            Term::Related(related) => {
                let rows = row.related(self.relation(model, related.model, &related.link));
                rows.first().map_or(Value::Null, |row| self.term(&related.then, related.model, row.as_ref()))
            }
            Term::Call(function, arguments) => {
                let values: Vec<Value> = arguments.iter().map(|argument| self.term(argument, model, row)).collect();
                let ty = arguments.iter().find_map(|argument| self.ty(argument, model));
                let text = |turn: fn(&str) -> String| match (values.first(), &ty) {
                    (Some(Value::Text(text)), Some(ColumnType::Char)) => Value::Text(turn(text.trim_end_matches(' '))),
                    (Some(Value::Text(text)), _) => Value::Text(turn(text)),
                    _ => Value::Null,
                };
                match function {
                    Function::Coalesce => values.iter().find(|value| !value.is_null()).cloned().unwrap_or(Value::Null),
                    Function::NullIf => {
                        let [a, b] = values.as_slice() else { panic!("nullif takes two") };
                        let same = self.compare(Comparison::Eq, a, b, ty.as_ref()) == Truth::True;
                        if same { Value::Null } else { a.clone() }
                    }
                    Function::Lower => text(str::to_ascii_lowercase),
                    Function::Upper => text(str::to_ascii_uppercase),
                }
            }
        }
    }

    fn ty(self, term: &Term, model: ModelId) -> Option<ColumnType> {
        match term {
            Term::Column(field) => Some(self.catalog.model(model).field(*field).ty.clone()),
            Term::Bind(_) => None,
            Term::Related(related) => self.ty(&related.then, related.model),
            Term::Call(Function::Lower | Function::Upper, _) => Some(ColumnType::Text),
            Term::Call(_, arguments) => arguments.iter().find_map(|argument| self.ty(argument, model)),
        }
    }

    fn relation(self, model: ModelId, target: ModelId, link: &[(FieldId, FieldId)]) -> RelationId {
        let mut relations = self.catalog.model(model).relation_ids();
        let found = relations.find(|(_, relation)| relation.target == target && relation.link == link);
        found.map(|(id, _)| id).unwrap()
    }
}
