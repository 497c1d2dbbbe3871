//! A condition as a tree over variables, and its truth in one case.

use super::domain::Domains;
use crate::catalog::{Catalog, ModelId};
use crate::condition::evaluate::compare;
use crate::condition::typed::{FieldPath, LikePattern, List, Node, Operand};
use crate::plan::{Comparison, Function, Truth};
use crate::principal::PrincipalPath;
use crate::value::{ColumnType, Value};

/// A condition in which every value is a variable or a constant.
pub(super) enum Tree {
    Const(Truth),
    And(Vec<Tree>),
    Or(Vec<Tree>),
    Not(Box<Tree>),
    Compare {
        op: Comparison,
        left: Side,
        right: Side,
    },
    /// Any one of them; nothing of the principal's.
    In {
        needle: Side,
        items: Vec<Side>,
    },
    IsNull(Side),
    /// Whether an attribute is missing.
    Missing(usize),
    /// Whatever a switch says; unknown where the operand is NULL (and the switch is on), or
    /// where one of these attributes is missing.
    Switch {
        switch: usize,
        about: Option<Side>,
        missing: Vec<usize>,
        null: WhereNull,
    },
}

/// What an operand that is NULL makes of a switch.
pub(super) enum WhereNull {
    Unknown,
    /// In an empty list nothing is, not even NULL.
    UnknownOrFalse,
}

/// One side of a comparison.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Variable(usize),
    Constant(usize),
    Null,
}

/// Something whose value varies.
pub(super) struct Variable {
    operand: Operand,
    pub(super) ty: ColumnType,
    pub(super) nullable: bool,
    /// Without these attributes it has no value.
    missing: Vec<usize>,
    /// Another variable that it is compared with, or itself.
    pub(super) with: usize,
}

/// A constant, and a variable that it is compared with.
pub(super) struct Constant {
    pub(super) value: Value,
    pub(super) with: usize,
}

/// Reads conditions, and collects what varies in them.
pub(super) struct Reader<'a> {
    catalog: &'a Catalog,
    model: ModelId,
    pub(super) variables: Vec<Variable>,
    pub(super) constants: Vec<Constant>,
    /// Attributes that may be missing: the first of the switches.
    attributes: Vec<PrincipalPath>,
    /// Parts that may come out either way, without their negation: the other switches.
    opaque: Vec<Node>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(catalog: &'a Catalog, model: ModelId) -> Self {
        let (variables, constants, attributes, opaque) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { catalog, model, variables, constants, attributes, opaque }
    }

    /// One for each attribute that may be missing and each part that may come out either way.
    pub(super) fn switches(&self) -> impl Iterator<Item = ()> {
        std::iter::repeat_n((), self.attributes.len() + self.opaque.len())
    }

    /// `None` for what cannot be followed.
    pub(super) fn node(&mut self, node: &Node) -> Option<Tree> {
        Some(match node {
            Node::Const(truth) => Tree::Const(*truth),
            Node::And(parts) => Tree::And(parts.iter().map(|part| self.node(part)).collect::<Option<_>>()?),
            Node::Or(parts) => Tree::Or(parts.iter().map(|part| self.node(part)).collect::<Option<_>>()?),
            Node::Not(inner) => Tree::Not(Box::new(self.node(inner)?)),
            Node::Compare { op, left, right } => {
                let (left, right) = self.sides(left, right)?;
                Tree::Compare { op: *op, left, right }
            }
            Node::In { needle, list: List::Literals(values), negated } => {
                let needle = self.side(needle)?;
                let Side::Variable(variable) = needle else { return None };
                let items = values.iter().map(|value| self.constant(value, variable)).collect();
                negated_if(*negated, Tree::In { needle, items })
            }
            Node::In { needle, list: List::Principal { path, ty }, negated } => {
                let bare = Node::In {
                    needle: needle.clone(),
                    list: List::Principal { path: path.clone(), ty: ty.clone() },
                    negated: false,
                };
                let switch = self.switch(bare, needle, Some(path), WhereNull::UnknownOrFalse);
                negated_if(*negated, switch)
            }
            Node::IsNull { operand: Operand::Principal { path, .. }, negated } => {
                // The list of roles is always there.
                let missing = self.attribute(path).map_or(Tree::Const(Truth::False), Tree::Missing);
                negated_if(*negated, missing)
            }
            Node::IsNull { operand, negated } => negated_if(*negated, Tree::IsNull(self.side(operand)?)),
            Node::Like { operand, pattern, negated } => {
                let path = match pattern {
                    LikePattern::Principal(path) => Some(path),
                    LikePattern::Literal(_) => None,
                };
                let bare = Node::Like { operand: operand.clone(), pattern: pattern.clone(), negated: false };
                let switch = self.switch(bare, operand, path, WhereNull::Unknown);
                negated_if(*negated, switch)
            }
            Node::Exists { .. } => {
                let switch = self.opaque(node.clone());
                Tree::Switch { switch, about: None, missing: Vec::new(), null: WhereNull::Unknown }
            }
        })
    }

    fn switch(&mut self, bare: Node, operand: &Operand, path: Option<&PrincipalPath>, null: WhereNull) -> Tree {
        let mut missing = Vec::new();
        missing.extend(path.and_then(|path| self.attribute(path)));
        let about = match operand {
            Operand::Literal(_) => None,
            operand => Some(Side::Variable(self.variable(operand))),
        };
        Tree::Switch { switch: self.opaque(bare), about, missing, null }
    }

    fn opaque(&mut self, node: Node) -> usize {
        position(&self.opaque, |known| *known == node).unwrap_or_else(|| push(&mut self.opaque, node))
    }

    /// The number of an attribute that may be missing; roles never are.
    fn attribute(&mut self, path: &PrincipalPath) -> Option<usize> {
        if *path == PrincipalPath::Roles {
            return None;
        }
        let known = position(&self.attributes, |known| known == path);
        Some(known.unwrap_or_else(|| push(&mut self.attributes, path.clone())))
    }

    fn sides(&mut self, left: &Operand, right: &Operand) -> Option<(Side, Side)> {
        Some(match (left, right) {
            (Operand::Literal(value), operand) => {
                let side = self.side(operand)?;
                (self.beside(value, side)?, side)
            }
            (operand, Operand::Literal(value)) => {
                let side = self.side(operand)?;
                (side, self.beside(value, side)?)
            }
            (left, right) => {
                let (left, right) = (self.variable(left), self.variable(right));
                self.join(left, right);
                (Side::Variable(left), Side::Variable(right))
            }
        })
    }

    fn beside(&mut self, value: &Value, side: Side) -> Option<Side> {
        match side {
            Side::Variable(variable) => Some(self.constant(value, variable)),
            // Two constants: nothing that a condition compares.
            Side::Constant(_) | Side::Null => None,
        }
    }

    fn constant(&mut self, value: &Value, with: usize) -> Side {
        match value {
            Value::Null => Side::Null,
            value => Side::Constant(push(&mut self.constants, Constant { value: value.clone(), with })),
        }
    }

    fn side(&mut self, operand: &Operand) -> Option<Side> {
        match operand {
            Operand::Literal(_) => None,
            operand => Some(Side::Variable(self.variable(operand))),
        }
    }

    fn variable(&mut self, operand: &Operand) -> usize {
        if let Some(known) = position(&self.variables, |known| known.operand == *operand) {
            return known;
        }
        let mut missing = Vec::new();
        self.attributes_of(operand, &mut missing);
        let variable = Variable {
            ty: operand.ty().cloned().unwrap_or(ColumnType::Text),
            nullable: self.is_nullable(operand),
            operand: operand.clone(),
            missing,
            with: self.variables.len(),
        };
        push(&mut self.variables, variable)
    }

    fn attributes_of(&mut self, operand: &Operand, found: &mut Vec<usize>) {
        match operand {
            Operand::Principal { path, .. } => found.extend(self.attribute(path)),
            Operand::Call(_, arguments) => {
                arguments.iter().for_each(|argument| self.attributes_of(argument, found));
            }
            Operand::Field(_) | Operand::Literal(_) | Operand::Now(_) => {}
        }
    }

    fn is_nullable(&self, operand: &Operand) -> bool {
        match operand {
            // Behind a relation there may be no row.
            Operand::Field(FieldPath { through, field, .. }) => {
                !through.is_empty() || self.catalog.model(self.model).field(*field).nullable
            }
            Operand::Literal(value) => value.is_null(),
            Operand::Principal { .. } | Operand::Now(_) => false,
            Operand::Call(Function::Coalesce, arguments) => arguments.iter().all(|part| self.is_nullable(part)),
            Operand::Call(Function::NullIf, _) => true,
            Operand::Call(Function::Lower | Function::Upper, arguments) => {
                arguments.iter().any(|part| self.is_nullable(part))
            }
        }
    }

    /// Puts two variables among those that are compared with each other.
    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.leader(one), self.leader(other));
        if let Some(variable) = self.variables.get_mut(one.max(other)) {
            variable.with = one.min(other);
        }
    }

    /// The first of the variables that are compared with this one, with those, and so on.
    pub(super) fn leader(&self, variable: usize) -> usize {
        let mut at = variable;
        // Each step leads to a smaller number.
        while let Some(next) = self.variables.get(at).map(|variable| variable.with).filter(|next| *next < at) {
            at = next;
        }
        at
    }
}

fn negated_if(negated: bool, tree: Tree) -> Tree {
    if negated { Tree::Not(Box::new(tree)) } else { tree }
}

fn position<T>(known: &[T], is: impl Fn(&T) -> bool) -> Option<usize> {
    known.iter().position(is)
}

fn push<T>(to: &mut Vec<T>, item: T) -> usize {
    to.push(item);
    to.len() - 1
}

/// One case: a value for each variable, a position for each switch.
pub(super) struct Moment<'a> {
    values: &'a [usize],
    switches: &'a [usize],
    domains: &'a Domains,
    reader: &'a Reader<'a>,
}

impl<'a> Moment<'a> {
    pub(super) fn new(digits: &'a [usize], domains: &'a Domains, reader: &'a Reader<'a>) -> Self {
        let (values, switches) = digits.split_at(reader.variables.len().min(digits.len()));
        Self { values, switches, domains, reader }
    }

    pub(super) fn truth(&self, tree: &Tree) -> Truth {
        match tree {
            Tree::Const(truth) => *truth,
            Tree::And(parts) => parts.iter().map(|part| self.truth(part)).min().unwrap_or(Truth::True),
            Tree::Or(parts) => parts.iter().map(|part| self.truth(part)).max().unwrap_or(Truth::False),
            Tree::Not(inner) => self.truth(inner).negate(),
            Tree::Compare { op, left, right } => match (self.value(*left), self.value(*right)) {
                (Some(left), Some(right)) => compare(*op, &left, &right, &ColumnType::Int),
                _ => Truth::Unknown,
            },
            Tree::In { needle, items } => {
                let Some(value) = self.value(*needle) else { return Truth::Unknown };
                let equal = |item: &Side| {
                    self.value(*item)
                        .map_or(Truth::Unknown, |item| compare(Comparison::Eq, &value, &item, &ColumnType::Int))
                };
                items.iter().map(equal).max().unwrap_or(Truth::False)
            }
            Tree::IsNull(side) => self.value(*side).map_or(Truth::Unknown, |value| Truth::of(value.is_null())),
            Tree::Missing(attribute) => Truth::of(self.is_missing(*attribute)),
            Tree::Switch { switch, about, missing, null } => {
                if missing.iter().any(|attribute| self.is_missing(*attribute)) {
                    return Truth::Unknown;
                }
                let on = self.is_on(self.reader.attributes.len() + switch);
                match about.map(|side| self.value(side)) {
                    Some(None) => Truth::Unknown,
                    Some(Some(Value::Null)) => match null {
                        WhereNull::UnknownOrFalse if !on => Truth::False,
                        WhereNull::Unknown | WhereNull::UnknownOrFalse => Truth::Unknown,
                    },
                    Some(Some(_)) | None => Truth::of(on),
                }
            }
        }
    }

    /// Where a side stands among those that it is compared with; `None` without an attribute.
    fn value(&self, side: Side) -> Option<Value> {
        match side {
            Side::Null => Some(Value::Null),
            Side::Constant(constant) => Some(self.domains.constant(constant)),
            Side::Variable(variable) => {
                let missing = self.reader.variables.get(variable).map(|variable| &variable.missing);
                if missing.is_none_or(|missing| missing.iter().any(|attribute| self.is_missing(*attribute))) {
                    return None;
                }
                Some(self.domains.value(variable, self.values.get(variable).copied().unwrap_or_default()))
            }
        }
    }

    fn is_missing(&self, attribute: usize) -> bool {
        self.is_on(attribute)
    }

    fn is_on(&self, switch: usize) -> bool {
        self.switches.get(switch).is_some_and(|position| *position == 1)
    }
}
