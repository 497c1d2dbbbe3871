//! A condition that has been checked against a catalog: every name resolved, every value
//! of its column's type.

use crate::catalog::{FieldId, ModelId, RelationId};
use crate::plan::{Comparison, Function, Truth};
use crate::principal::PrincipalPath;
use crate::value::{ColumnType, Pattern, Value};

/// A checked condition on the rows of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The text as its author wrote it.
    pub(crate) source: String,
    /// The model it is about.
    pub(crate) model: ModelId,
    /// What it says.
    pub(crate) root: Node,
}

impl Condition {
    /// The text as its author wrote it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The model it is about.
    pub fn model(&self) -> ModelId {
        self.model
    }

    /// What it says.
    pub fn root(&self) -> &Node {
        &self.root
    }
}

/// A boolean expression in three-valued logic.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `TRUE` or `FALSE`.
    Const(Truth),
    /// `a AND b …`; at least two.
    And(Vec<Node>),
    /// `a OR b …`; at least two.
    Or(Vec<Node>),
    /// `NOT a`
    Not(Box<Node>),
    /// A comparison; `BETWEEN` has become two of them.
    Compare {
        /// The operator.
        op: Comparison,
        /// The left side.
        left: Operand,
        /// The right side.
        right: Operand,
    },
    /// `needle [NOT] IN list`
    In {
        /// What is looked for.
        needle: Operand,
        /// Where.
        list: List,
        /// NOT IN.
        negated: bool,
    },
    /// `operand IS [NOT] NULL`; on a principal's attribute, whether it is missing.
    IsNull {
        /// What is tested.
        operand: Operand,
        /// IS NOT NULL.
        negated: bool,
    },
    /// `operand [NOT] LIKE pattern`
    Like {
        /// The text.
        operand: Operand,
        /// The pattern.
        pattern: LikePattern,
        /// NOT LIKE.
        negated: bool,
    },
    /// `EXISTS (relation WHERE filter)`; the filter is about the relation's target.
    Exists {
        /// A relation of the model at hand.
        relation: RelationId,
        /// What must be true of one related row; `Const(True)` when no WHERE was written.
        filter: Box<Node>,
    },
}

/// Something with a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A field of the model at hand, or behind relations to one row.
    Field(FieldPath),
    /// A literal of the other side's type. `Value::Null` only inside `coalesce`/`nullif`
    /// and beside IS [NOT] DISTINCT FROM.
    Literal(Value),
    /// An attribute of the principal, read as a type.
    Principal {
        /// Which attribute.
        path: PrincipalPath,
        /// The type of the other side; text when that has none.
        ty: ColumnType,
    },
    /// `now()`, as the other side's type (timestamp, datetime or date).
    Now(ColumnType),
    /// A call of a total function.
    Call(Function, Vec<Operand>),
}

/// A field, reached through relations to one row.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldPath {
    /// The relations to follow, first first; often none.
    pub through: Vec<RelationId>,
    /// The field of the last model.
    pub field: FieldId,
    /// Its type.
    pub ty: ColumnType,
}

/// The right side of IN.
#[derive(Clone, Debug, PartialEq)]
pub enum List {
    /// Literals of the needle's type; may be empty; never NULL.
    Literals(Vec<Value>),
    /// A list of the principal's.
    Principal {
        /// Which attribute.
        path: PrincipalPath,
        /// The type of its items.
        ty: ColumnType,
    },
}

/// The right side of LIKE.
#[derive(Clone, Debug, PartialEq)]
pub enum LikePattern {
    /// A literal pattern.
    Literal(Pattern),
    /// A pattern of the principal's (text).
    Principal(PrincipalPath),
}
