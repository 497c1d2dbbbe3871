//! Conditions of the policy, decided as far as the principal decides them. What is left
//! over is about the row, and becomes part of the plan.

use super::Planner;
use crate::catalog::{FieldId, ModelId, RelationId};
use crate::condition::evaluate::{compare, now_as};
use crate::condition::{Condition, FieldPath, LikePattern, List, Node, Operand, attribute};
use crate::error::{Error, ErrorCode, Result};
use crate::fault::Fault;
use crate::plan::{Comparison, Exists, Function, Predicate, Related, RelatedRows, Term, Truth};
use crate::policy::Budget;
use crate::value::{ColumnType, Pattern, Value};

/// An operand as far as it is decided.
enum Decided {
    /// An attribute of the principal is missing: its atom is unknown, whatever else it says.
    Missing,
    /// A value; NULL from a literal.
    Value(Value),
    /// Something of the row.
    Row(Term),
}

impl Planner<'_> {
    /// The residual of a condition.
    pub(crate) fn residual(&mut self, condition: &Condition) -> Result<Predicate> {
        self.node(condition.root(), condition.model())
    }

    fn node(&mut self, node: &Node, model: ModelId) -> Result<Predicate> {
        Ok(match node {
            Node::Const(truth) => Predicate::Const(*truth),
            Node::And(parts) => Predicate::all(self.nodes(parts, model)?),
            Node::Or(parts) => Predicate::any(self.nodes(parts, model)?),
            Node::Not(part) => self.node(part, model)?.negate(),
            Node::Compare { op, left, right } => self.compare(*op, left, right, model)?,
            Node::In { needle, list, negated } => self.membership(needle, list, *negated, model)?,
            // Only whether it is there is asked, so its type does not matter.
            Node::IsNull { operand: Operand::Principal { path, .. }, negated } => {
                let missing = attribute::is_missing(&self.authority.call.principal, path);
                Predicate::Const(Truth::of(missing != *negated))
            }
            Node::IsNull { operand, negated } => match self.operand(operand, model)? {
                // An attribute inside another value: not the attribute is tested, so nothing is known.
                Decided::Missing => Predicate::Const(Truth::Unknown),
                Decided::Value(value) => Predicate::Const(Truth::of(value.is_null() != *negated)),
                Decided::Row(term) => Predicate::IsNull { term, negated: *negated },
            },
            Node::Like { operand, pattern, negated } => self.like(operand, pattern, *negated, model)?,
            Node::Exists { relation, filter } => self.exists(*relation, filter, model)?,
        })
    }

    fn nodes(&mut self, nodes: &[Node], model: ModelId) -> Result<Vec<Predicate>> {
        nodes.iter().map(|node| self.node(node, model)).collect()
    }

    fn compare(&mut self, op: Comparison, left: &Operand, right: &Operand, model: ModelId) -> Result<Predicate> {
        let ty = left.ty().or(right.ty());
        let left = self.operand(left, model)?;
        let right = self.operand(right, model)?;
        let (op, term, value) = match (left, right) {
            (Decided::Missing, _) | (_, Decided::Missing) => return Ok(Predicate::Const(Truth::Unknown)),
            (Decided::Value(left), Decided::Value(right)) => {
                return Ok(Predicate::Const(fold(op, &left, &right, ty)));
            }
            (Decided::Row(left), Decided::Row(right)) => return Ok(Predicate::Compare { op, left, right }),
            (Decided::Row(term), Decided::Value(value)) => (op, term, value),
            (Decided::Value(value), Decided::Row(term)) => (flip(op), term, value),
        };
        if value.is_null() {
            return Ok(match op {
                Comparison::Distinct => Predicate::IsNull { term, negated: true },
                Comparison::NotDistinct => Predicate::IsNull { term, negated: false },
                _ => Predicate::Const(Truth::Unknown),
            });
        }
        let op = if op == Comparison::Distinct && Fault::DistinctAsUnequal.is_on() { Comparison::Ne } else { op };
        let right = Term::Bind(self.binds.push(value)?);
        Ok(Predicate::Compare { op, left: term, right })
    }

    fn membership(&mut self, needle: &Operand, list: &List, negated: bool, model: ModelId) -> Result<Predicate> {
        let principal = &self.authority.call.principal;
        let (values, ty) = match list {
            List::Literals(values) => (Some(values.clone()), None),
            List::Principal { path, ty } => {
                let values = attribute::list(principal, path, ty).map_err(incomplete)?;
                // A condition may look at a model that is not open, which then has no budget of its own.
                let budget = self.rules(model).map_or_else(|_| Budget::default(), |rules| rules.budget);
                let max = budget.max_list_length as usize;
                if values.as_ref().is_some_and(|values| values.len() > max) {
                    return Err(Error::new(
                        ErrorCode::PrincipalIncomplete,
                        format!("`{path}` must be a list of at most {max} values"),
                    ));
                }
                (values, Some(ty))
            }
        };
        let needle_type = needle.ty().or(ty);
        let needle = self.operand(needle, model)?;
        let Some(values) = values else { return Ok(Predicate::Const(Truth::Unknown)) };
        match needle {
            // A missing attribute decides before the list does.
            Decided::Missing => Ok(Predicate::Const(Truth::Unknown)),
            _ if values.is_empty() => Ok(Predicate::Const(Truth::of(negated || Fault::EmptyListHoldsAll.is_on()))),
            Decided::Value(value) if value.is_null() => Ok(Predicate::Const(Truth::Unknown)),
            Decided::Value(value) => {
                let found = values.iter().any(|item| fold(Comparison::Eq, &value, item, needle_type) == Truth::True);
                Ok(Predicate::Const(Truth::of(found != negated)))
            }
            Decided::Row(term) => Ok(match self.binds.push_list(values)? {
                Some(list) => Predicate::In { term, list, negated },
                None => Predicate::Const(Truth::of(negated)),
            }),
        }
    }

    fn like(&mut self, operand: &Operand, pattern: &LikePattern, negated: bool, model: ModelId) -> Result<Predicate> {
        let pattern = match pattern {
            LikePattern::Literal(pattern) => Some(pattern.clone()),
            LikePattern::Principal(path) => {
                let text = attribute::scalar(&self.authority.call.principal, path, &ColumnType::Text);
                match text.map_err(incomplete)? {
                    Some(Value::Text(text)) => Some(Pattern::like(&text)),
                    _ => None,
                }
            }
        };
        let operand = self.operand(operand, model)?;
        let Some(pattern) = pattern else { return Ok(Predicate::Const(Truth::Unknown)) };
        Ok(match operand {
            Decided::Value(Value::Text(text)) => Predicate::Const(Truth::of(pattern.matches(&text) != negated)),
            Decided::Missing | Decided::Value(_) => Predicate::Const(Truth::Unknown),
            Decided::Row(term) => {
                let pattern = self.binds.push(Value::Pattern(pattern))?;
                Predicate::Matches { term, pattern, negated }
            }
        })
    }

    fn exists(&mut self, relation: RelationId, filter: &Node, model: ModelId) -> Result<Predicate> {
        let relation = self.catalog().model(model).relation(relation);
        let filter = self.node(filter, relation.target)?.admitting();
        if filter == Predicate::Const(Truth::False) {
            return Ok(Predicate::Const(Truth::False));
        }
        Ok(Predicate::Exists(Box::new(Exists {
            link: relation.link.clone(),
            rows: RelatedRows::Stored(relation.target),
            filter,
            negated: false,
        })))
    }

    fn operand(&mut self, operand: &Operand, model: ModelId) -> Result<Decided> {
        let call = self.authority.call;
        Ok(match operand {
            Operand::Field(path) => Decided::Row(self.field(path, model)),
            Operand::Literal(value) => Decided::Value(value.clone()),
            Operand::Principal { path, ty } => {
                match attribute::scalar(&call.principal, path, ty).map_err(incomplete)? {
                    Some(value) => Decided::Value(value),
                    None if Fault::MissingAttributeIsNull.is_on() => Decided::Value(Value::Null),
                    None => Decided::Missing,
                }
            }
            Operand::Now(ty) => Decided::Value(now_as(call.now, ty)),
            Operand::Call(function, arguments) => self.call(*function, arguments, model)?,
        })
    }

    fn call(&mut self, function: Function, arguments: &[Operand], model: ModelId) -> Result<Decided> {
        let ty = arguments.iter().find_map(Operand::ty);
        let arguments = arguments.iter().map(|argument| self.operand(argument, model)).collect::<Result<Vec<_>>>()?;
        if arguments.iter().any(|argument| matches!(argument, Decided::Missing)) {
            return Ok(Decided::Missing);
        }
        let of_row = arguments.iter().any(|argument| matches!(argument, Decided::Row(_)));
        if of_row {
            let mut terms = Vec::with_capacity(arguments.len());
            for argument in arguments {
                match argument {
                    Decided::Row(term) => terms.push(term),
                    Decided::Value(value) => terms.push(Term::Bind(self.binds.push(value)?)),
                    Decided::Missing => return Ok(Decided::Missing),
                }
            }
            return Ok(Decided::Row(Term::Call(function, terms)));
        }
        let values: Vec<Value> = arguments
            .into_iter()
            .map(|argument| match argument {
                Decided::Value(value) => value,
                Decided::Missing | Decided::Row(_) => Value::Null,
            })
            .collect();
        Ok(Decided::Value(apply(function, values, ty)))
    }

    /// A field of the row at hand, or behind relations to one row.
    fn field(&self, path: &FieldPath, model: ModelId) -> Term {
        self.behind(&path.through, path.field, model)
    }

    fn behind(&self, through: &[RelationId], field: FieldId, model: ModelId) -> Term {
        let Some((first, rest)) = through.split_first() else { return Term::Column(field) };
        let relation = self.catalog().model(model).relation(*first);
        Term::Related(Box::new(Related {
            model: relation.target,
            link: relation.link.clone(),
            then: self.behind(rest, field, relation.target),
        }))
    }
}

fn incomplete(error: attribute::AttributeError) -> Error {
    Error::new(ErrorCode::PrincipalIncomplete, format!("`{}` must be {}", error.path, error.expected))
}

/// A comparison of two known values.
fn fold(op: Comparison, left: &Value, right: &Value, ty: Option<&ColumnType>) -> Truth {
    compare(op, left, right, ty.unwrap_or(&ColumnType::Text))
}

/// The operator with its sides exchanged.
fn flip(op: Comparison) -> Comparison {
    match op {
        _ if Fault::ComparisonNotFlipped.is_on() => op,
        Comparison::Lt => Comparison::Gt,
        Comparison::Le => Comparison::Ge,
        Comparison::Gt => Comparison::Lt,
        Comparison::Ge => Comparison::Le,
        Comparison::Eq | Comparison::Ne | Comparison::Distinct | Comparison::NotDistinct => op,
    }
}

/// A function of known values.
fn apply(function: Function, values: Vec<Value>, ty: Option<&ColumnType>) -> Value {
    let mut values = values.into_iter();
    match function {
        Function::Coalesce => values.find(|value| !value.is_null()).unwrap_or(Value::Null),
        Function::NullIf => {
            let first = values.next().unwrap_or(Value::Null);
            let second = values.next().unwrap_or(Value::Null);
            if fold(Comparison::Eq, &first, &second, ty) == Truth::True { Value::Null } else { first }
        }
        Function::Lower | Function::Upper => match values.next() {
            Some(Value::Text(text)) if function == Function::Lower => Value::Text(text.to_ascii_lowercase()),
            Some(Value::Text(text)) => Value::Text(text.to_ascii_uppercase()),
            _ => Value::Null,
        },
    }
}
