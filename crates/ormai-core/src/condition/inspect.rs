//! What a condition is about.

use super::typed::{Condition, LikePattern, List, Node, Operand};
use crate::catalog::FieldId;
use crate::plan::{Comparison, Function};
use crate::principal::PrincipalPath;
use crate::value::ColumnType;

impl Condition {
    /// Whether no row is looked at: it mentions neither a field nor a relation.
    pub fn is_principal_only(&self) -> bool {
        self.root.is_principal_only()
    }

    /// Whether an attribute of the principal takes part.
    pub fn mentions_principal(&self) -> bool {
        let mut found = false;
        walk(&self.root, &mut |part| found |= matches!(part, Part::Principal(_)));
        found
    }

    /// The attributes of the principal that take part, each once, in the order of the source.
    pub fn attributes(&self) -> Vec<PrincipalPath> {
        let mut paths = Vec::new();
        walk(&self.root, &mut |part| {
            if let Part::Principal(path) = part
                && !paths.contains(path)
            {
                paths.push(path.clone());
            }
        });
        paths
    }

    /// Whether a field of the condition's own model takes part; fields behind a relation,
    /// or inside EXISTS, belong to another row and do not count.
    pub fn mentions_field(&self, field: FieldId) -> bool {
        self.fields().contains(&field)
    }

    /// The fields of the condition's own model, each once, in the order of the source.
    pub fn fields(&self) -> Vec<FieldId> {
        let mut fields = Vec::new();
        walk(&self.root, &mut |part| {
            if let Part::Field(Some(field)) = part
                && !fields.contains(&field)
            {
                fields.push(field);
            }
        });
        fields
    }

    /// The field, when the whole condition is one atom `field = principal.…` (either way
    /// round) or `field IN principal.…`: as a restriction it could only change nothing or
    /// deny everything, so it is meant to permit.
    pub fn as_permit(&self) -> Option<FieldId> {
        let field = match &self.root {
            Node::Compare { op: Comparison::Eq, left: Operand::Field(field), right: Operand::Principal { .. } }
            | Node::Compare { op: Comparison::Eq, left: Operand::Principal { .. }, right: Operand::Field(field) }
            | Node::In { needle: Operand::Field(field), list: List::Principal { .. }, negated: false } => field,
            _ => return None,
        };
        field.through.is_empty().then_some(field.field)
    }
}

impl Node {
    /// Whether no row is looked at: it mentions neither a field nor a relation.
    pub fn is_principal_only(&self) -> bool {
        let mut alone = true;
        walk(self, &mut |part| alone &= !matches!(part, Part::Field(_) | Part::Relation));
        alone
    }
}

static TEXT: ColumnType = ColumnType::Text;

impl Operand {
    /// Its type; a literal takes the other side's.
    pub fn ty(&self) -> Option<&ColumnType> {
        match self {
            Self::Field(path) => Some(&path.ty),
            Self::Principal { ty, .. } | Self::Now(ty) => Some(ty),
            Self::Literal(_) => None,
            Self::Call(Function::Lower | Function::Upper, _) => Some(&TEXT),
            Self::Call(_, arguments) => arguments.iter().find_map(Self::ty),
        }
    }
}

/// What a walk meets.
enum Part<'a> {
    /// A field; named where it is the condition's own model's.
    Field(Option<FieldId>),
    Relation,
    Principal(&'a PrincipalPath),
}

fn walk<'a>(node: &'a Node, visit: &mut dyn FnMut(Part<'a>)) {
    match node {
        Node::Const(_) => {}
        Node::And(parts) | Node::Or(parts) => parts.iter().for_each(|part| walk(part, visit)),
        Node::Not(inner) => walk(inner, visit),
        Node::Compare { left, right, .. } => {
            operand(left, visit);
            operand(right, visit);
        }
        Node::In { needle, list, .. } => {
            operand(needle, visit);
            if let List::Principal { path, .. } = list {
                visit(Part::Principal(path));
            }
        }
        Node::IsNull { operand: tested, .. } => operand(tested, visit),
        Node::Like { operand: text, pattern, .. } => {
            operand(text, visit);
            if let LikePattern::Principal(path) = pattern {
                visit(Part::Principal(path));
            }
        }
        Node::Exists { filter, .. } => {
            visit(Part::Relation);
            walk(filter, &mut |part| match part {
                Part::Field(_) => visit(Part::Field(None)),
                other => visit(other),
            });
        }
    }
}

fn operand<'a>(part: &'a Operand, visit: &mut dyn FnMut(Part<'a>)) {
    match part {
        Operand::Field(path) => visit(Part::Field(path.through.is_empty().then_some(path.field))),
        Operand::Principal { path, .. } => visit(Part::Principal(path)),
        Operand::Literal(_) | Operand::Now(_) => {}
        Operand::Call(_, arguments) => arguments.iter().for_each(|argument| operand(argument, visit)),
    }
}
