//! Values of a condition while their types are being found.

use std::ops::Range;

use serde_json::{Number, Value as Json};

use super::ast::Literal;
use super::typed::{FieldPath, Operand};
use crate::diagnostic::Diagnostic;
use crate::plan::Function;
use crate::principal::PrincipalPath;
use crate::value::{ColumnType, Value};

/// A value whose names are resolved and whose type may come from the other side.
pub(super) struct Open<'a> {
    pub(super) kind: OpenKind<'a>,
    pub(super) span: Range<usize>,
}

pub(super) enum OpenKind<'a> {
    Field { path: FieldPath, nullable: bool },
    Literal(&'a Literal),
    Principal(PrincipalPath),
    Now,
    Call(Function, Vec<Open<'a>>),
}

impl Open<'_> {
    /// The type that the fields in it give it.
    pub(super) fn own_type(&self) -> Option<ColumnType> {
        match &self.kind {
            OpenKind::Field { path, .. } => Some(path.ty.clone()),
            OpenKind::Call(Function::Lower | Function::Upper, _) => Some(ColumnType::Text),
            OpenKind::Call(_, arguments) => {
                let mut types = arguments.iter().filter_map(Self::own_type);
                let first = types.next()?;
                Some(types.fold(first, |ty, other| common(&ty, &other).unwrap_or(ty)))
            }
            _ => None,
        }
    }

    /// The type to fall back to where no field gives one.
    pub(super) fn literal_type(&self) -> Option<ColumnType> {
        match &self.kind {
            OpenKind::Literal(Literal::Text(_)) => Some(ColumnType::Text),
            OpenKind::Literal(Literal::Bool(_)) => Some(ColumnType::Bool),
            OpenKind::Literal(Literal::Integer(_)) => Some(ColumnType::Int),
            OpenKind::Literal(Literal::Decimal(_)) => Some(ColumnType::Decimal),
            OpenKind::Now => Some(ColumnType::Timestamp),
            OpenKind::Call(_, arguments) => arguments.iter().find_map(Self::literal_type),
            _ => None,
        }
    }

    /// Whether it is the same for every row, principal and time.
    pub(super) fn is_constant(&self) -> bool {
        match &self.kind {
            OpenKind::Literal(_) => true,
            OpenKind::Call(_, arguments) => arguments.iter().all(Self::is_constant),
            _ => false,
        }
    }

    /// Whether it is the literal NULL.
    pub(super) fn is_null(&self) -> bool {
        matches!(self.kind, OpenKind::Literal(Literal::Null))
    }

    /// Whether a stored NULL makes it NULL.
    pub(super) fn is_nullable(&self) -> bool {
        match &self.kind {
            OpenKind::Field { nullable, .. } => *nullable,
            OpenKind::Literal(literal) => **literal == Literal::Null,
            OpenKind::Principal(_) | OpenKind::Now => false,
            OpenKind::Call(Function::Coalesce, arguments) => arguments.iter().all(Self::is_nullable),
            OpenKind::Call(Function::NullIf, _) => true,
            OpenKind::Call(_, arguments) => arguments.iter().any(Self::is_nullable),
        }
    }

    /// Makes it a value of a type, reporting everything in it that does not fit.
    pub(super) fn close(self, ty: &ColumnType, findings: &mut Vec<Diagnostic>) -> Option<Operand> {
        match self.kind {
            OpenKind::Field { path, .. } => Some(Operand::Field(path)),
            OpenKind::Literal(literal) => fit(literal, &self.span, ty, findings).map(Operand::Literal),
            OpenKind::Principal(PrincipalPath::Roles) => {
                findings.push(
                    Diagnostic::error("condition-list", "`principal.roles` is a list")
                        .at(self.span, "a single value is needed here")
                        .help("write `'role' IN principal.roles`".to_owned()),
                );
                None
            }
            OpenKind::Principal(path) => Some(Operand::Principal { path, ty: ty.clone() }),
            OpenKind::Now if matches!(ty, ColumnType::Timestamp | ColumnType::DateTime | ColumnType::Date) => {
                Some(Operand::Now(ty.clone()))
            }
            OpenKind::Now => {
                findings.push(
                    Diagnostic::error("condition-type", format!("`now()` does not fit {ty}"))
                        .at(self.span, "")
                        .help("compare it with a timestamp, datetime or date".to_owned()),
                );
                None
            }
            OpenKind::Call(function, arguments) => {
                let inner = match function {
                    Function::Lower | Function::Upper => &ColumnType::Text,
                    _ => ty,
                };
                if inner != ty && !ty.is_text() {
                    findings.push(
                        Diagnostic::error("condition-type", format!("this call gives text, and {ty} is needed"))
                            .at(self.span, "gives text"),
                    );
                    return None;
                }
                let closed: Vec<_> = arguments.into_iter().map(|argument| argument.close(inner, findings)).collect();
                closed.into_iter().collect::<Option<_>>().map(|arguments| Operand::Call(function, arguments))
            }
        }
    }
}

/// The type in which values of two types can be compared, if there is one.
pub(super) fn common(one: &ColumnType, other: &ColumnType) -> Option<ColumnType> {
    if one == other {
        Some(one.clone())
    } else if one.is_integer() && other.is_integer() {
        let either = |ty: ColumnType| *one == ty || *other == ty;
        Some(if either(ColumnType::Int) { ColumnType::Int } else { ColumnType::Int32 })
    } else {
        None
    }
}

/// A literal as a value of a type.
pub(super) fn fit(
    literal: &Literal,
    span: &Range<usize>,
    ty: &ColumnType,
    findings: &mut Vec<Diagnostic>,
) -> Option<Value> {
    match Value::from_json(&json(literal, ty), ty) {
        Ok(value) => Some(value),
        Err(misfit) => {
            findings.push(
                Diagnostic::error("condition-type", format!("expected {}", misfit.expected))
                    .at(span.clone(), format!("does not fit {ty}")),
            );
            None
        }
    }
}

/// The JSON value that says the same, so that one set of rules decides what fits.
fn json(literal: &Literal, ty: &ColumnType) -> Json {
    match literal {
        Literal::Null => Json::Null,
        Literal::Bool(bool) => Json::Bool(*bool),
        Literal::Text(text) => Json::String(text.clone()),
        // As text a decimal keeps all its digits.
        Literal::Integer(digits) | Literal::Decimal(digits) if *ty == ColumnType::Decimal => {
            Json::String(digits.clone())
        }
        Literal::Integer(digits) if *ty != ColumnType::Float => {
            digits.parse::<i64>().map_or_else(|_| float(digits), Json::from)
        }
        Literal::Integer(digits) | Literal::Decimal(digits) => float(digits),
    }
}

fn float(digits: &str) -> Json {
    // What is too large for a float becomes an empty list, which fits no column here.
    let number = digits.parse::<f64>().ok().and_then(Number::from_f64);
    number.map_or_else(|| Json::Array(Vec::new()), Json::Number)
}
