//! Conditions as they are written, as the reference reads them.
//!
//! The parser is the engine's; what its tree means is not.

use ormai::Comparison;
use ormai::condition::ast::{Expr, ExprKind, InList, Literal, Name, Scalar, ScalarKind};
use ormai_reference::world::{Attribute, Cell, Condition, Decimal, Function, Kind, List, Model, Pattern, Term, World};
use serde_json::Value as Json;

/// Why a condition is not covered.
pub(super) type Read<T> = Result<T, String>;

/// Reads a condition on the rows of a model.
pub(super) fn read(world: &World, model: &Model, source: &str) -> Read<Condition> {
    let parsed = ormai::condition::parse(source).map_err(|_| "its condition cannot be read".to_owned())?;
    Reader { world }.condition(model, &parsed)
}

/// An attribute by its names behind `principal`.
pub(super) fn attribute(names: &[&str]) -> Read<Attribute> {
    match names {
        ["tenant_id"] => Ok(Attribute::Tenant),
        ["user_id"] => Ok(Attribute::User),
        ["roles"] => Ok(Attribute::Roles),
        ["metadata", keys @ ..] if !keys.is_empty() && !keys.iter().any(|key| key.contains('.')) => {
            Ok(Attribute::Metadata(keys.join(".")))
        }
        _ => Err(format!("the attribute `{}` is not known", names.join("."))),
    }
}

struct Reader<'w> {
    world: &'w World,
}

impl<'w> Reader<'w> {
    fn condition(&self, model: &'w Model, expr: &Expr) -> Read<Condition> {
        let all = |parts: &[Expr]| parts.iter().map(|part| self.condition(model, part)).collect::<Read<_>>();
        Ok(match &expr.kind {
            ExprKind::And(parts) => Condition::And(all(parts)?),
            ExprKind::Or(parts) => Condition::Or(all(parts)?),
            ExprKind::Not(part) => Condition::Not(Box::new(self.condition(model, part)?)),
            ExprKind::Bare(Scalar { kind: ScalarKind::Literal(Literal::Bool(truth)), .. }) => Condition::Const(*truth),
            ExprKind::Bare(scalar) => Condition::Bare(term(scalar, &Kind::Bool)?),
            ExprKind::Compare { op, left, right } => {
                let kind = self.kind(model, &[left, right])?;
                let (left, right) = (term(left, &kind)?, term(right, &kind)?);
                Condition::Compare { op: comparison(*op), left, right }
            }
            ExprKind::Between { operand, low, high, negated } => {
                let kind = self.kind(model, &[operand, low, high])?;
                Condition::Between {
                    term: term(operand, &kind)?,
                    low: term(low, &kind)?,
                    high: term(high, &kind)?,
                    negated: *negated,
                }
            }
            ExprKind::In { needle, list, negated } => self.within(model, needle, list, *negated)?,
            ExprKind::IsNull { operand, negated } => {
                let kind = self.kind(model, &[operand])?;
                Condition::IsNull { term: term(operand, &kind)?, negated: *negated }
            }
            ExprKind::Like { operand, pattern, negated } => Condition::Like {
                term: term(operand, &Kind::Text)?,
                pattern: match &pattern.kind {
                    ScalarKind::Literal(Literal::Text(text)) => Pattern::Literal(text.clone()),
                    ScalarKind::Principal(names) => Pattern::Principal(named(names)?),
                    _ => return Err("its pattern is neither text nor an attribute".to_owned()),
                },
                negated: *negated,
            },
            ExprKind::Exists { relation, filter } => {
                let target = self.follow(model, &relation.text)?;
                let condition = filter.as_ref().map(|filter| self.condition(target, filter)).transpose()?;
                Condition::Exists { relation: relation.text.clone(), condition: condition.map(Box::new) }
            }
        })
    }

    fn within(&self, model: &'w Model, needle: &Scalar, list: &InList, negated: bool) -> Read<Condition> {
        let items: Vec<Scalar> = match list {
            InList::Literals(items) => items.iter().map(|item| literal_of(&item.literal, item.span.clone())).collect(),
            InList::Scalar(_) => Vec::new(),
        };
        let kind = self.kind(model, &std::iter::once(needle).chain(&items).collect::<Vec<_>>())?;
        let list = match list {
            InList::Scalar(Scalar { kind: ScalarKind::Principal(names), .. }) => List::Principal(named(names)?),
            InList::Scalar(_) => return Err("it looks into something that is no list".to_owned()),
            InList::Literals(items) => {
                List::Literals(items.iter().map(|item| literal(&item.literal, &kind)).collect::<Read<_>>()?)
            }
        };
        Ok(Condition::In { term: term(needle, &kind)?, list, negated })
    }

    /// The kind of what is compared: a field says it, or else a literal, or else it is text.
    fn kind(&self, model: &'w Model, scalars: &[&Scalar]) -> Read<Kind> {
        for scalar in scalars {
            if let Some(kind) = self.own_kind(model, scalar)? {
                return Ok(kind);
            }
        }
        Ok(scalars.iter().find_map(|scalar| literal_kind(scalar)).unwrap_or(Kind::Text))
    }

    fn own_kind(&self, model: &'w Model, scalar: &Scalar) -> Read<Option<Kind>> {
        match &scalar.kind {
            ScalarKind::Path(names) => {
                let (field, through) = names.split_last().ok_or("it names nothing")?;
                let target = through.iter().try_fold(model, |model, name| self.follow(model, &name.text))?;
                let column = target.column(&field.text);
                Ok(Some(column.ok_or_else(|| format!("there is no field `{}`", field.text))?.kind.clone()))
            }
            ScalarKind::Call { function, .. } if matches!(function.text.as_str(), "lower" | "upper") => {
                Ok(Some(Kind::Text))
            }
            ScalarKind::Call { arguments, .. } => {
                for argument in arguments {
                    if let Some(kind) = self.own_kind(model, argument)? {
                        return Ok(Some(kind));
                    }
                }
                Ok(None)
            }
            ScalarKind::Principal(_) | ScalarKind::Literal(_) => Ok(None),
        }
    }

    fn follow(&self, model: &'w Model, relation: &str) -> Read<&'w Model> {
        let target = model.relation(relation).and_then(|relation| self.world.model(&relation.target));
        target.ok_or_else(|| format!("there is no relation `{relation}`"))
    }
}

fn term(scalar: &Scalar, kind: &Kind) -> Read<Term> {
    Ok(match &scalar.kind {
        ScalarKind::Path(names) => {
            let (field, through) = names.split_last().ok_or("it names nothing")?;
            Term::Field { through: through.iter().map(|name| name.text.clone()).collect(), field: field.text.clone() }
        }
        ScalarKind::Principal(names) => Term::Principal(named(names)?),
        ScalarKind::Literal(value) => Term::Literal(literal(value, kind)?),
        ScalarKind::Call { function, arguments } => {
            let all = |kind: &Kind| arguments.iter().map(|argument| term(argument, kind)).collect::<Read<_>>();
            match function.text.as_str() {
                "now" => Term::Now,
                "coalesce" => Term::Call(Function::Coalesce, all(kind)?),
                "nullif" => Term::Call(Function::NullIf, all(kind)?),
                "lower" => Term::Call(Function::Lower, all(&Kind::Text)?),
                "upper" => Term::Call(Function::Upper, all(&Kind::Text)?),
                other => return Err(format!("the function `{other}` is not known")),
            }
        }
    })
}

fn literal_of(literal: &Literal, span: std::ops::Range<usize>) -> Scalar {
    Scalar { kind: ScalarKind::Literal(literal.clone()), span }
}

fn named(names: &[Name]) -> Read<Attribute> {
    attribute(&names.iter().map(|name| name.text.as_str()).collect::<Vec<_>>())
}

fn literal_kind(scalar: &Scalar) -> Option<Kind> {
    match &scalar.kind {
        ScalarKind::Literal(Literal::Null) | ScalarKind::Path(_) | ScalarKind::Principal(_) => None,
        ScalarKind::Literal(Literal::Bool(_)) => Some(Kind::Bool),
        ScalarKind::Literal(Literal::Integer(_)) => Some(Kind::Int),
        ScalarKind::Literal(Literal::Decimal(_)) => Some(Kind::Decimal),
        ScalarKind::Literal(Literal::Text(_)) => Some(Kind::Text),
        ScalarKind::Call { function, .. } if function.text == "now" => Some(Kind::Timestamp),
        ScalarKind::Call { arguments, .. } => arguments.iter().find_map(literal_kind),
    }
}

fn literal(literal: &Literal, kind: &Kind) -> Read<Cell> {
    let cell = match literal {
        Literal::Null => Some(Cell::Null),
        Literal::Bool(bool) => Cell::fit(&Json::from(*bool), kind),
        Literal::Text(text) => Cell::fit(&Json::from(text.as_str()), kind),
        Literal::Integer(text) | Literal::Decimal(text) => match kind {
            Kind::Decimal => Decimal::read(text).map(Cell::Decimal),
            _ => serde_json::from_str(text).ok().and_then(|json| Cell::fit(&json, kind)),
        },
    };
    cell.ok_or_else(|| "one of its literals is in a form that is not known".to_owned())
}

fn comparison(op: Comparison) -> ormai_reference::world::Comparison {
    use ormai_reference::world::Comparison as Known;
    match op {
        Comparison::Eq => Known::Eq,
        Comparison::Ne => Known::Ne,
        Comparison::Lt => Known::Lt,
        Comparison::Le => Known::Le,
        Comparison::Gt => Known::Gt,
        Comparison::Ge => Known::Ge,
        Comparison::Distinct => Known::Distinct,
        Comparison::NotDistinct => Known::NotDistinct,
    }
}
