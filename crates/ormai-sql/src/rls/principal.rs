//! What a policy asks of the principal, as calls of the functions in `functions.sql`.

use ormai_core::condition::{LikePattern, List, Node, Operand};
use ormai_core::principal::PrincipalPath;
use ormai_core::value::ColumnType;

use super::text::Sql;
use super::value::spelled;
use crate::error::CompileError;

/// An attribute as JSON.
pub(super) fn attribute(path: &PrincipalPath) -> Result<Sql, CompileError> {
    let keys: Vec<&str> = match path {
        PrincipalPath::TenantId => vec!["tenant_id"],
        PrincipalPath::UserId => vec!["user_id"],
        PrincipalPath::Roles => vec!["roles"],
        PrincipalPath::Metadata(keys) => ["metadata"].into_iter().chain(keys.iter().map(String::as_str)).collect(),
    };
    keys.into_iter().try_fold(Sql::of("ormai_rls.principal()"), |sql, key| Ok(sql.then(" -> ").and(&Sql::value(key)?)))
}

/// `ormai_rls.function(attribute, 'type')`
fn reading(function: &'static str, path: &PrincipalPath, ty: &ColumnType) -> Result<Sql, CompileError> {
    let spelled = spelled(ty).ok_or(CompileError::Malformed("an attribute of a type that no value has"))?;
    let call =
        Sql::of("ormai_rls.").then(function).then("(").and(&attribute(path)?).then(", '").then(spelled.kind).then("'");
    let words = match ty {
        ColumnType::Enum(of) => {
            let words = of.variants.iter().map(|word| Sql::value(word)).collect::<Result<Vec<_>, _>>()?;
            Sql::of(", ARRAY[").and(&Sql::join(words, ", ")).then("]::text[]")
        }
        _ => Sql::default(),
    };
    Ok(call.and(&words).then(")"))
}

/// An attribute as a value of a type; NULL when it is missing or does not fit.
pub(super) fn scalar(path: &PrincipalPath, ty: &ColumnType) -> Result<Sql, CompileError> {
    let spelled = spelled(ty).ok_or(CompileError::Malformed("an attribute of a type that no value has"))?;
    Ok(reading("read", path, ty)?.once().cast(spelled.cast))
}

/// An attribute as a list; NULL when it is missing or does not fit.
pub(super) fn list(path: &PrincipalPath, ty: &ColumnType) -> Result<Sql, CompileError> {
    let spelled = spelled(ty).ok_or(CompileError::Malformed("an attribute of a type that no value has"))?;
    Ok(reading("read_list", path, ty)?.once().cast(spelled.array))
}

/// What a scope compares with, as text: the attribute's one value, or its several. NULL
/// when there is none.
pub(super) fn scope(path: &PrincipalPath, ty: &ColumnType) -> Result<Sql, CompileError> {
    // Roles are no value of a scope, and a principal is refused for them.
    if *path == PrincipalPath::Roles {
        return Ok(Sql::of("NULL::text[]"));
    }
    reading("read_scope", path, ty)
}

/// Whether an attribute is missing.
pub(super) fn is_missing(path: &PrincipalPath) -> Result<Sql, CompileError> {
    // The list of roles is there even when it is empty.
    if *path == PrincipalPath::Roles {
        return Ok(Sql::of("false"));
    }
    Ok(Sql::of("ormai_rls.is_missing(").and(&attribute(path)?).then(")"))
}

/// `ormai_rls.has_role('role')`
pub(super) fn has_role(role: &str) -> Result<Sql, CompileError> {
    Ok(Sql::of("ormai_rls.has_role(").and(&Sql::value(role)?).then(")"))
}

/// What the attributes of a condition must be for it to be decided at all: missing, or of
/// the type that the condition reads. Each once.
pub(super) fn demands(node: &Node, found: &mut Vec<Sql>) -> Result<(), CompileError> {
    match node {
        Node::Const(_) | Node::IsNull { operand: Operand::Principal { .. }, .. } => Ok(()),
        Node::And(parts) | Node::Or(parts) => parts.iter().try_for_each(|part| demands(part, found)),
        Node::Not(inner) | Node::Exists { filter: inner, .. } => demands(inner, found),
        Node::Compare { left, right, .. } => {
            demanded(left, found)?;
            demanded(right, found)
        }
        Node::In { needle, list, .. } => {
            demanded(needle, found)?;
            match list {
                List::Literals(_) => Ok(()),
                List::Principal { path, ty } => add(found, reading("fits_list", path, ty)?),
            }
        }
        Node::IsNull { operand, .. } => demanded(operand, found),
        Node::Like { operand, pattern, .. } => {
            demanded(operand, found)?;
            match pattern {
                LikePattern::Literal(_) => Ok(()),
                LikePattern::Principal(path) => add(found, reading("fits", path, &ColumnType::Text)?),
            }
        }
    }
}

fn demanded(operand: &Operand, found: &mut Vec<Sql>) -> Result<(), CompileError> {
    match operand {
        Operand::Principal { path, ty } => add(found, reading("fits", path, ty)?),
        Operand::Call(_, arguments) => arguments.iter().try_for_each(|argument| demanded(argument, found)),
        Operand::Field(_) | Operand::Literal(_) | Operand::Now(_) => Ok(()),
    }
}

pub(super) fn add(found: &mut Vec<Sql>, demand: Sql) -> Result<(), CompileError> {
    if !found.contains(&demand) {
        found.push(demand);
    }
    Ok(())
}

/// The attributes that stand in an operand.
pub(super) fn attributes<'o>(operand: &'o Operand, found: &mut Vec<&'o PrincipalPath>) {
    match operand {
        Operand::Principal { path, .. } => found.push(path),
        Operand::Call(_, arguments) => arguments.iter().for_each(|argument| attributes(argument, found)),
        Operand::Field(_) | Operand::Literal(_) | Operand::Now(_) => {}
    }
}
