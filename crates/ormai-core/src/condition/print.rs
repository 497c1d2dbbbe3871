//! The canonical text of a syntax tree: single spaces, upper-case keywords, `<>`, no
//! needless quotes or parentheses. Reading it gives the same tree.

use std::fmt::{Display, Formatter, Result, Write as _};

use super::ast::{Expr, ExprKind, InList, Item, Literal, Name, Scalar, ScalarKind};
use super::lex::{is_plain, is_reserved};
use crate::plan::Comparison;

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.kind {
            ExprKind::And(parts) => joined(f, parts, " AND "),
            ExprKind::Or(parts) => joined(f, parts, " OR "),
            ExprKind::Not(inner) => {
                f.write_str("NOT ")?;
                grouped(f, inner, matches!(inner.kind, ExprKind::And(_) | ExprKind::Or(_)))
            }
            ExprKind::Bare(scalar) => scalar.fmt(f),
            ExprKind::Compare { op, left, right } => write!(f, "{left} {} {right}", symbol(*op)),
            ExprKind::Between { operand, low, high, negated } => {
                write!(f, "{operand} {}BETWEEN {low} AND {high}", not(*negated))
            }
            ExprKind::In { needle, list, negated } => write!(f, "{needle} {}IN {list}", not(*negated)),
            ExprKind::IsNull { operand, negated } => write!(f, "{operand} IS {}NULL", not(*negated)),
            ExprKind::Like { operand, pattern, negated } => write!(f, "{operand} {}LIKE {pattern}", not(*negated)),
            ExprKind::Exists { relation, filter: None } => write!(f, "EXISTS ({relation})"),
            ExprKind::Exists { relation, filter: Some(filter) } => write!(f, "EXISTS ({relation} WHERE {filter})"),
        }
    }
}

fn joined(f: &mut Formatter<'_>, parts: &[Expr], word: &str) -> Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        // OR binds weaker than all others, so it is the only one that ever needs them here.
        grouped(f, part, matches!(part.kind, ExprKind::Or(_)))?;
    }
    Ok(())
}

fn grouped(f: &mut Formatter<'_>, expr: &Expr, parentheses: bool) -> Result {
    if parentheses { write!(f, "({expr})") } else { expr.fmt(f) }
}

fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}

/// An operator as it is written.
pub(super) fn symbol(op: Comparison) -> &'static str {
    match op {
        Comparison::Eq => "=",
        Comparison::Ne => "<>",
        Comparison::Lt => "<",
        Comparison::Le => "<=",
        Comparison::Gt => ">",
        Comparison::Ge => ">=",
        Comparison::Distinct => "IS DISTINCT FROM",
        Comparison::NotDistinct => "IS NOT DISTINCT FROM",
    }
}

fn listed<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> Result {
    f.write_char('(')?;
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        item.fmt(f)?;
    }
    f.write_char(')')
}

impl Display for InList {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Literals(items) => listed(f, items),
            Self::Scalar(scalar) => scalar.fmt(f),
        }
    }
}

impl Display for Item {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.literal.fmt(f)
    }
}

impl Display for Scalar {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.kind {
            ScalarKind::Path(names) => {
                for (index, name) in names.iter().enumerate() {
                    match index {
                        // The word alone would be the principal.
                        0 if name.text == "principal" => f.write_str("\"principal\"")?,
                        0 => name.fmt(f)?,
                        _ => write!(f, ".{name}")?,
                    }
                }
                Ok(())
            }
            ScalarKind::Principal(names) => {
                f.write_str("principal")?;
                names.iter().try_for_each(|name| write!(f, ".{name}"))
            }
            ScalarKind::Literal(literal) => literal.fmt(f),
            ScalarKind::Call { function, arguments } => {
                f.write_str(&function.text)?;
                listed(f, arguments)
            }
        }
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if is_plain(&self.text) && !is_reserved(&self.text) {
            f.write_str(&self.text)
        } else {
            write!(f, "\"{}\"", self.text.replace('"', "\"\""))
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Bool(true) => f.write_str("TRUE"),
            Self::Bool(false) => f.write_str("FALSE"),
            Self::Integer(digits) | Self::Decimal(digits) => f.write_str(digits),
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
        }
    }
}
