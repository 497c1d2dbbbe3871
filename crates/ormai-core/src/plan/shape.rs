//! The parts of a plan. Everything here is without values.

use crate::catalog::{FieldId, ModelId};
use crate::value::Value;
use serde::Serialize;

/// A value of the plan, by its position in [`Step::binds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot(pub(crate) u16);

impl Slot {
    /// The position in [`Step::binds`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// One statement's worth of a plan: a shape with its values.
#[derive(Clone, Debug)]
pub struct Step {
    pub(crate) shape: Shape,
    pub(crate) binds: Vec<Value>,
}

impl Step {
    /// What is read, without values.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The values, by slot. A list stands in one slot as `Value::Array`.
    pub fn binds(&self) -> &[Value] {
        &self.binds
    }

    /// Takes the values out, to bind them without a copy.
    pub fn into_binds(self) -> Vec<Value> {
        self.binds
    }
}

/// What one statement does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shape {
    /// Rows of a model.
    Select(Select),
    /// Figures over the rows of a model.
    Aggregate(Aggregate),
    /// Whether conditions hold for one row; for operators only.
    Truths(Truths),
    /// Whether rows are there that this principal may see.
    Present(Present),
    /// A new row.
    Insert(Insert),
    /// New values in rows.
    Update(Update),
    /// Rows that go.
    Delete(Delete),
}

/// A table as this principal may see it: the only way in which rows that are there enter a
/// statement, as `(SELECT columns FROM table WHERE scope) AS alias`, or with the scope in the
/// statement's own WHERE where they are changed ([`Target`]).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Source {
    /// The model.
    pub model: ModelId,
    /// What the policy admits. `TRUE` stands here only under a bypass or for a shared model.
    /// In [`Truths`] the whole key of one row stands here instead.
    pub scope: Predicate,
}

/// Rows of a model.
///
/// `SELECT outputs FROM source WHERE filter AND after [AND child keys IN keys] ORDER BY order LIMIT limit`;
/// with `per_parent`, the order and the limit count within each parent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Select {
    /// The scoped table.
    pub source: Source,
    /// The request's own filter, over the scoped table.
    pub filter: Predicate,
    /// Where the page begins: rows after the cursor's key.
    pub after: Option<Predicate>,
    /// The columns that come back, in order. Never empty.
    pub outputs: Vec<FieldId>,
    /// A total order, except for a model without a primary key.
    pub order: Vec<OrderKey>,
    /// How many rows (per parent), one more than the page shows.
    pub limit: Slot,
    /// Set on an include: whose rows these are.
    pub per_parent: Option<PerParent>,
    /// Whether the rows stay locked until the transaction ends, because they will be changed.
    pub for_update: bool,
}

/// Several keys: rows whose fields have the values of one of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Keys {
    /// The fields of a key. Never empty.
    pub fields: Vec<FieldId>,
    /// One list of values per field, all of the same length: the i-th values together are
    /// the i-th key.
    pub lists: Vec<ListSlot>,
}

/// Restricts an include to the rows of given parents.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PerParent {
    /// The parents, by the fields of this model that name them; the fields are part of `outputs`.
    pub keys: Keys,
    /// Whether more than `limit` rows of one parent are possible. `false` on a relation to
    /// one row, which then needs neither order nor limit.
    pub many: bool,
}

/// One key of an order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct OrderKey {
    /// What is compared.
    pub by: OrderBy,
    /// Ascending or descending.
    pub direction: Direction,
    /// Whether NULL can occur. NULL counts as greater than every value: last in
    /// ascending order, first in descending.
    pub nullable: bool,
}

/// What an order compares.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OrderBy {
    /// A field.
    Field(FieldId),
    /// A figure of an [`Aggregate`], by its position in `figures`.
    Figure(usize),
}

/// A direction of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Smallest first.
    Asc,
    /// Greatest first.
    Desc,
}

/// Figures over the rows of a model, one row per group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Aggregate {
    /// The scoped table.
    pub source: Source,
    /// The request's own filter.
    pub filter: Predicate,
    /// The fields that make a group, first in every row. Empty: one group of all rows.
    pub group_by: Vec<FieldId>,
    /// The figures, after the group fields in every row. Never empty.
    pub figures: Vec<Figure>,
    /// Groups with fewer rows than this do not come back (`HAVING COUNT(*) >= …`).
    pub min_group_size: Option<Slot>,
    /// The order of the groups.
    pub order: Vec<OrderKey>,
    /// How many groups, one more than the answer shows.
    pub limit: Slot,
}

/// One figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Figure {
    /// What is computed.
    pub function: AggregateFunction,
    /// Over which field; `None` counts rows.
    pub field: Option<FieldId>,
}

/// An aggregate function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AggregateFunction {
    /// Rows, or values that are not NULL. An integer.
    Count,
    /// The sum; NULL over nothing. Exact (a decimal) unless the field is a float.
    Sum,
    /// The mean; NULL over nothing. A float.
    Avg,
    /// The smallest value, of the field's type.
    Min,
    /// The greatest value, of the field's type.
    Max,
}

/// Whether conditions hold for one row, wherever it belongs: truth values come back, and no
/// value of the row.
///
/// `SELECT question, … FROM source`; made by [`crate::explain::inspect`] only, at the word of
/// an [`Operator`](crate::explain::Operator). No request becomes one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Truths {
    /// The table, reduced to one row by its whole key, which stands in the place of a scope.
    pub row: Source,
    /// What is asked. Never empty.
    pub questions: Vec<Predicate>,
}

/// Whether rows are there that this principal may see: a truth value for each, in one row.
///
/// `SELECT EXISTS (SELECT 1 FROM source WHERE filter), …`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Present {
    /// The rows that are looked for. Never empty.
    pub rows: Vec<Sought>,
}

/// A row that is looked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Sought {
    /// The scoped table.
    pub source: Source,
    /// Which row of it.
    pub filter: Predicate,
}

/// A new row.
///
/// `INSERT INTO table (fields) VALUES (values)`, and the key comes back as it was stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Insert {
    /// The model.
    pub model: ModelId,
    /// What is said of the row; the database fills the rest. May be empty.
    pub set: Vec<(FieldId, Slot)>,
    /// The primary key. Never empty.
    pub key: Vec<FieldId>,
}

/// Rows that are changed: those of the scoped table that the filter admits, and of these the
/// ones with the keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Target {
    /// The table with what the policy admits. It stands in the statement's own WHERE, so that
    /// the database decides about the row as it is when it is changed.
    pub source: Source,
    /// The request's own filter: the key of one row, or `TRUE` beside `keys`.
    pub filter: Predicate,
    /// Set when several rows are changed.
    pub keys: Option<Keys>,
}

/// New values in rows.
///
/// `UPDATE table SET fields WHERE filter AND keys AND scope`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Update {
    /// The rows.
    pub target: Target,
    /// The new values. Never empty.
    pub set: Vec<(FieldId, Slot)>,
}

/// Rows that go.
///
/// `DELETE FROM table WHERE filter AND keys AND scope`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Delete {
    /// The rows.
    pub target: Target,
}

/// A condition on a row, in SQL's three-valued logic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Predicate {
    /// A constant.
    Const(Truth),
    /// True when all are; an empty list does not occur.
    And(Vec<Predicate>),
    /// True when one is; an empty list does not occur.
    Or(Vec<Predicate>),
    /// SQL's NOT: unknown stays unknown.
    Not(Box<Predicate>),
    /// True where the inner predicate is false or unknown, else false (`IS NOT TRUE`).
    NotTrue(Box<Predicate>),
    /// A comparison. Text compares by bytes on every engine.
    Compare {
        /// The operator.
        op: Comparison,
        /// The left side; at least one side is a column.
        left: Term,
        /// The right side.
        right: Term,
    },
    /// Membership in a list of values, none of them NULL and at least one.
    In {
        /// What is looked for.
        term: Term,
        /// The list.
        list: ListSlot,
        /// NOT IN.
        negated: bool,
    },
    /// A test for NULL; never unknown.
    IsNull {
        /// What is tested.
        term: Term,
        /// IS NOT NULL.
        negated: bool,
    },
    /// Text that matches a pattern; case matters on every engine.
    Matches {
        /// The text.
        term: Term,
        /// A `Value::Pattern`.
        pattern: Slot,
        /// NOT LIKE.
        negated: bool,
    },
    /// Whether a related row exists; never unknown.
    Exists(Box<Exists>),
}

/// SQL's three truth values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Truth {
    /// False.
    False,
    /// Neither; NULL.
    Unknown,
    /// True.
    True,
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Comparison {
    /// `=`
    Eq,
    /// `<>`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `IS DISTINCT FROM`; never unknown.
    Distinct,
    /// `IS NOT DISTINCT FROM`; never unknown.
    NotDistinct,
}

/// A list of values in one slot (a `Value::Array`), known to hold between one value and
/// `2^bucket`. The bucket is part of the shape because some dialects print a placeholder
/// for each place of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ListSlot {
    /// Where the list stands.
    pub slot: Slot,
    /// The binary logarithm of the number of places.
    pub bucket: u8,
}

impl ListSlot {
    /// The number of places: at least the length of the list.
    pub fn places(self) -> usize {
        1_usize << self.bucket
    }
}

/// Something that has a value in a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Term {
    /// A column of the row at hand.
    Column(FieldId),
    /// A value.
    Bind(Slot),
    /// A column of the one row to which relations lead; NULL where there is none. Only
    /// conditions of a policy make these: they read the related table as it is stored.
    Related(Box<Related>),
    /// A function that cannot fail.
    Call(Function, Vec<Term>),
}

/// A column behind one relation (several nest through `then`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Related {
    /// The relation's target.
    pub model: ModelId,
    /// Pairs of (field of the row at hand, field of `model`).
    pub link: Vec<(FieldId, FieldId)>,
    /// What is read there: a column, or the next relation.
    pub then: Term,
}

/// A function of the condition language; total, and the same on every engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Function {
    /// The first argument that is not NULL.
    Coalesce,
    /// NULL when both arguments are equal, else the first.
    NullIf,
    /// Text with A–Z made lower case; other letters stay.
    Lower,
    /// Text with a–z made upper case; other letters stay.
    Upper,
}

/// A test for related rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Exists {
    /// Pairs of (field of the row at hand, field of the related model).
    pub link: Vec<(FieldId, FieldId)>,
    /// The related rows.
    pub rows: RelatedRows,
    /// What must be true of one of them.
    pub filter: Predicate,
    /// NOT EXISTS.
    pub negated: bool,
}

/// Which rows a relation reaches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RelatedRows {
    /// Asked by a request: only the rows that this principal may see.
    Scoped(Source),
    /// Asked by a condition of the policy itself: the rows as they are stored. Policy
    /// conditions would otherwise depend on each other in circles, and their author means
    /// the data, not somebody's view of it.
    Stored(ModelId),
}
