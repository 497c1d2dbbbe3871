//! The syntax tree: what was written and where, before any name is resolved.
//!
//! Equality disregards spans: two trees are equal when they say the same.

use std::ops::Range;

use crate::plan::Comparison;

/// A condition.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it says.
    pub kind: ExprKind,
    /// Byte offsets into the source.
    pub span: Range<usize>,
}

/// The kinds of conditions.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `a AND b …`; at least two, none of them an AND.
    And(Vec<Expr>),
    /// `a OR b …`; at least two, none of them an OR.
    Or(Vec<Expr>),
    /// `NOT a`
    Not(Box<Expr>),
    /// A value that stands as a condition, such as `is_public` or `TRUE`.
    Bare(Scalar),
    /// `a = b`, `a IS DISTINCT FROM b` and the like.
    Compare {
        /// The operator.
        op: Comparison,
        /// The left side.
        left: Scalar,
        /// The right side.
        right: Scalar,
    },
    /// `operand [NOT] BETWEEN low AND high`
    Between {
        /// What is compared.
        operand: Scalar,
        /// The least that is in.
        low: Scalar,
        /// The greatest that is in.
        high: Scalar,
        /// NOT BETWEEN.
        negated: bool,
    },
    /// `needle [NOT] IN list`
    In {
        /// What is looked for.
        needle: Scalar,
        /// Where.
        list: InList,
        /// NOT IN.
        negated: bool,
    },
    /// `operand IS [NOT] NULL`
    IsNull {
        /// What is tested.
        operand: Scalar,
        /// IS NOT NULL.
        negated: bool,
    },
    /// `operand [NOT] LIKE pattern`
    Like {
        /// The text.
        operand: Scalar,
        /// The pattern.
        pattern: Scalar,
        /// NOT LIKE.
        negated: bool,
    },
    /// `EXISTS (relation WHERE filter)`
    Exists {
        /// A relation of the model at hand.
        relation: Name,
        /// What must be true of one related row.
        filter: Option<Box<Expr>>,
    },
}

/// The right side of IN.
#[derive(Clone, Debug, PartialEq)]
pub enum InList {
    /// `('a', 'b')`, also written `['a', 'b']`.
    Literals(Vec<Item>),
    /// `principal.roles`; anything else is refused by the check.
    Scalar(Scalar),
}

/// One literal of a list.
#[derive(Clone, Debug)]
pub struct Item {
    /// The literal.
    pub literal: Literal,
    /// Byte offsets into the source.
    pub span: Range<usize>,
}

/// Something with a value.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// What it is.
    pub kind: ScalarKind,
    /// Byte offsets into the source.
    pub span: Range<usize>,
}

/// The kinds of values.
#[derive(Clone, Debug, PartialEq)]
pub enum ScalarKind {
    /// `field` or `relation.field`; at least one name.
    Path(Vec<Name>),
    /// `principal.` and at least one name.
    Principal(Vec<Name>),
    /// A literal.
    Literal(Literal),
    /// `name(arguments)`; the name in lower case.
    Call {
        /// The function.
        function: Name,
        /// Its arguments.
        arguments: Vec<Scalar>,
    },
}

/// A name.
#[derive(Clone, Debug)]
pub struct Name {
    /// The name without quotes.
    pub text: String,
    /// Byte offsets into the source, quotes included.
    pub span: Range<usize>,
}

/// A literal. Numbers stay as they were written: what they are is decided by the column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// `NULL`
    Null,
    /// `TRUE` or `FALSE`
    Bool(bool),
    /// `-12`
    Integer(String),
    /// `12.50`
    Decimal(String),
    /// `'text'`, without the quotes and their doubling.
    Text(String),
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.literal == other.literal
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
