//! Conditions of row policies, as data that prints in the policy's language.

use std::fmt;

use super::cell::Cell;

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// `TRUE` or `FALSE`.
    Const(bool),
    /// `a AND b …`
    And(Vec<Condition>),
    /// `a OR b …`
    Or(Vec<Condition>),
    /// `NOT a`
    Not(Box<Condition>),
    /// A boolean that stands alone.
    Bare(Term),
    /// `left op right`
    Compare {
        /// The operator.
        op: Comparison,
        /// The left side.
        left: Term,
        /// The right side.
        right: Term,
    },
    /// `term [NOT] BETWEEN low AND high`
    Between {
        /// What is tested.
        term: Term,
        /// From.
        low: Term,
        /// To, included.
        high: Term,
        /// NOT BETWEEN.
        negated: bool,
    },
    /// `term [NOT] IN list`
    In {
        /// What is looked for.
        term: Term,
        /// Where.
        list: List,
        /// NOT IN.
        negated: bool,
    },
    /// `term IS [NOT] NULL`
    IsNull {
        /// What is tested.
        term: Term,
        /// IS NOT NULL.
        negated: bool,
    },
    /// `term [NOT] LIKE pattern`
    Like {
        /// The text.
        term: Term,
        /// The pattern.
        pattern: Pattern,
        /// NOT LIKE.
        negated: bool,
    },
    /// `EXISTS (relation WHERE condition)`
    Exists {
        /// A relation of the model at hand.
        relation: String,
        /// What must be true of one related row.
        condition: Option<Box<Condition>>,
    },
}

/// A comparing operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `=`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `IS DISTINCT FROM`
    Distinct,
    /// `IS NOT DISTINCT FROM`
    NotDistinct,
}

impl Comparison {
    /// All operators.
    pub const ALL: [Self; 8] =
        [Self::Eq, Self::Ne, Self::Lt, Self::Le, Self::Gt, Self::Ge, Self::Distinct, Self::NotDistinct];
}

/// Something with a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// A field, behind relations that lead to one row.
    Field {
        /// The relations to follow; often none.
        through: Vec<String>,
        /// The field.
        field: String,
    },
    /// A literal; NULL beside IS DISTINCT FROM only.
    Literal(Cell),
    /// An attribute of the principal.
    Principal(Attribute),
    /// `now()`
    Now,
    /// A call.
    Call(Function, Vec<Term>),
}

impl Term {
    /// A field of the row at hand.
    pub fn field(name: &str) -> Self {
        Self::Field { through: Vec::new(), field: name.to_owned() }
    }
}

/// A total function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// `coalesce`
    Coalesce,
    /// `nullif`
    NullIf,
    /// `lower`
    Lower,
    /// `upper`
    Upper,
}

/// An attribute of a principal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Attribute {
    /// `principal.tenant_id`
    Tenant,
    /// `principal.user_id`
    User,
    /// `principal.roles`
    Roles,
    /// `principal.metadata.<key>`; a key within a key stands behind a dot.
    Metadata(String),
}

/// The right side of IN.
#[derive(Clone, Debug, PartialEq)]
pub enum List {
    /// Literals.
    Literals(Vec<Cell>),
    /// A list of the principal's.
    Principal(Attribute),
}

/// The right side of LIKE.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// As written.
    Literal(String),
    /// The principal's.
    Principal(Attribute),
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = |negated: bool| if negated { "NOT " } else { "" };
        match self {
            Self::Const(truth) => f.write_str(if *truth { "TRUE" } else { "FALSE" }),
            Self::And(parts) => joined(f, parts, " AND "),
            Self::Or(parts) => joined(f, parts, " OR "),
            Self::Not(part) => write!(f, "NOT ({part})"),
            Self::Bare(term) => write!(f, "{term}"),
            Self::Compare { op, left, right } => write!(f, "{left} {op} {right}"),
            Self::Between { term, low, high, negated } => {
                write!(f, "{term} {}BETWEEN {low} AND {high}", not(*negated))
            }
            Self::In { term, list, negated } => write!(f, "{term} {}IN {list}", not(*negated)),
            Self::IsNull { term, negated } => write!(f, "{term} IS {}NULL", not(*negated)),
            Self::Like { term, pattern, negated } => write!(f, "{term} {}LIKE {pattern}", not(*negated)),
            Self::Exists { relation, condition: None } => write!(f, "EXISTS ({relation})"),
            Self::Exists { relation, condition: Some(condition) } => {
                write!(f, "EXISTS ({relation} WHERE {condition})")
            }
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Condition], word: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        write!(f, "{}({part})", if index == 0 { "" } else { word })?;
    }
    Ok(())
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Distinct => "IS DISTINCT FROM",
            Self::NotDistinct => "IS NOT DISTINCT FROM",
        })
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { through, field } => {
                through.iter().try_for_each(|relation| write!(f, "{relation}."))?;
                f.write_str(field)
            }
            Self::Literal(cell) => f.write_str(&written(cell)),
            Self::Principal(attribute) => write!(f, "{attribute}"),
            Self::Now => f.write_str("now()"),
            Self::Call(function, arguments) => {
                let arguments: Vec<String> = arguments.iter().map(Self::to_string).collect();
                write!(f, "{function}({})", arguments.join(", "))
            }
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Coalesce => "coalesce",
            Self::NullIf => "nullif",
            Self::Lower => "lower",
            Self::Upper => "upper",
        })
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant => f.write_str("principal.tenant_id"),
            Self::User => f.write_str("principal.user_id"),
            Self::Roles => f.write_str("principal.roles"),
            Self::Metadata(key) => write!(f, "principal.metadata.{key}"),
        }
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literals(cells) => {
                let cells: Vec<String> = cells.iter().map(written).collect();
                write!(f, "({})", cells.join(", "))
            }
            Self::Principal(attribute) => write!(f, "{attribute}"),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(&quoted(text)),
            Self::Principal(attribute) => write!(f, "{attribute}"),
        }
    }
}

/// A literal of the language.
fn written(cell: &Cell) -> String {
    match cell {
        Cell::Null | Cell::Unknown | Cell::Int(_) | Cell::Float(_) | Cell::Decimal(_) => cell.to_string(),
        Cell::Bool(bool) => bool.to_string().to_uppercase(),
        _ => quoted(&cell.to_string()),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
