//! A policy as a document. Keys stand in block style and leaves in JSON's, which is YAML too.

use std::fmt::{self, Write};

use serde_json::json;

use super::{
    Action, Aggregations, Auto, Budget, Cell, Expression, FieldPolicy, ModelPolicy, Opening, Operation, Policy,
    RelationPolicy, RowEffect, RowPolicy, WritePolicy,
};

/// What is written as a document.
pub trait AsDocument {
    /// The document in YAML.
    fn to_yaml(&self) -> String;
}

impl AsDocument for Policy {
    fn to_yaml(&self) -> String {
        let mut text = "version: 1\n".to_owned();
        // Writing to a string cannot fail.
        let _ = write(self, &mut text);
        text
    }
}

fn write(policy: &Policy, out: &mut String) -> fmt::Result {
    if policy.shows_by_default {
        writeln!(out, "default_field_action: allow")?;
    }
    // How fast a database answers is no matter of the laws.
    budget(out, "", &policy.budget, &["statement_timeout_ms: 60000"])?;
    writeln!(out, "models:{}", if policy.models.is_empty() { " {}" } else { "" })?;
    for (name, said) in &policy.models {
        writeln!(out, "  {name}:")?;
        model(out, "    ", said)?;
    }
    Ok(())
}

fn model(out: &mut String, indent: &str, policy: &ModelPolicy) -> fmt::Result {
    if let Some(allowed) = policy.allowed {
        writeln!(out, "{indent}allowed: {allowed}")?;
    }
    let is_overlay = indent.len() > 4;
    if !policy.scoping.is_empty() || !is_overlay {
        let scopes: Vec<String> =
            policy.scoping.iter().map(|(field, value)| format!("{field}: {}", expression(value))).collect();
        writeln!(out, "{indent}scoping: {{{}}}", scopes.join(", "))?;
    }
    if !policy.fields.is_empty() {
        writeln!(out, "{indent}fields:")?;
        for (name, rule) in &policy.fields {
            writeln!(out, "{indent}  {name}: {}", field(rule))?;
        }
    }
    if !policy.relations.is_empty() {
        writeln!(out, "{indent}relations:")?;
        for (name, rule) in &policy.relations {
            writeln!(out, "{indent}  {name}: {}", relation(rule))?;
        }
    }
    if !policy.rows.is_empty() {
        writeln!(out, "{indent}row_policies:")?;
        for rule in &policy.rows {
            writeln!(out, "{indent}  - {{{}}}", row_policy(rule))?;
        }
    }
    if let Some(open) = &policy.aggregations {
        writeln!(out, "{indent}aggregations: {{{}}}", aggregations(open))?;
    }
    let writes = write_policy(&policy.writes);
    if !writes.is_empty() {
        writeln!(out, "{indent}write_policy: {{{writes}}}")?;
    }
    budget(out, indent, &policy.budget, &[])?;
    if let Some(field) = &policy.soft_delete {
        writeln!(out, "{indent}soft_delete: {field}")?;
    }
    if !policy.roles.is_empty() {
        writeln!(out, "{indent}roles:")?;
        for (role, overlay) in &policy.roles {
            writeln!(out, "{indent}  {role}:")?;
            writeln!(out, "{indent}    grants: {}", overlay.grants)?;
            model(out, &format!("{indent}    "), &overlay.says)?;
        }
    }
    Ok(())
}

fn budget(out: &mut String, indent: &str, budget: &Budget, always: &[&str]) -> fmt::Result {
    let said = budget.limits().into_iter().filter_map(|(name, limit)| Some(format!("{name}: {}", limit?)));
    let limits: Vec<String> = always.iter().map(|limit| (*limit).to_owned()).chain(said).collect();
    if limits.is_empty() { Ok(()) } else { writeln!(out, "{indent}budget: {{{}}}", limits.join(", ")) }
}

fn expression(value: &Expression) -> String {
    match value {
        Expression::Principal(attribute) => attribute.to_string(),
        Expression::Literal(Cell::Int(int)) => int.to_string(),
        Expression::Literal(Cell::Bool(bool)) => bool.to_string(),
        Expression::Literal(cell) => json!(format!("'{}'", cell.to_string().replace('\'', "''"))).to_string(),
    }
}

fn field(rule: &FieldPolicy) -> String {
    let (action, pattern) = match &rule.action {
        Action::Allow => ("allow", None),
        Action::Deny => ("deny", None),
        Action::Mask(pattern) => ("mask", pattern.as_ref()),
        Action::Hash => ("hash", None),
        Action::Redact => ("redact", None),
    };
    let mut keys = vec![format!("action: {action}")];
    keys.extend(pattern.map(|pattern| format!("mask_pattern: {}", json!(pattern))));
    keys.extend(rule.equality.then(|| "filter: equality".to_owned()));
    if keys.len() == 1 { action.to_owned() } else { format!("{{{}}}", keys.join(", ")) }
}

fn relation(rule: &RelationPolicy) -> String {
    let mut keys = vec![format!("allowed: {}", rule.allowed)];
    keys.extend(rule.max_depth.map(|depth| format!("max_depth: {depth}")));
    keys.extend(rule.fields.as_ref().map(|fields| format!("fields: {}", json!(fields))));
    format!("{{{}}}", keys.join(", "))
}

fn row_policy(rule: &RowPolicy) -> String {
    let mut keys = vec![format!("name: {}", rule.name)];
    keys.push(format!("condition: {}", json!(rule.condition.to_string())));
    match &rule.effect {
        RowEffect::Inferred => {}
        RowEffect::Restrict => keys.push("effect: restrict".to_owned()),
        RowEffect::Permit(field) => keys.push(format!("effect: permit, field: {field}")),
        RowEffect::Bypass => keys.push("bypass: true".to_owned()),
    }
    let word = |operation: &Operation| match operation {
        Operation::Read => "read",
        Operation::Create => "create",
        Operation::Update => "update",
        Operation::Delete => "delete",
    };
    if let Some(operations) = &rule.operations {
        let words: Vec<&str> = operations.iter().map(word).collect();
        keys.push(format!("operations: [{}]", words.join(", ")));
    }
    keys.extend(rule.check.map(|check| format!("check: {check}")));
    keys.join(", ")
}

fn write_policy(writes: &WritePolicy) -> String {
    let word = |open: Opening| match open {
        Opening::Open => "allow",
        Opening::OnApproval => "require_approval",
        Opening::Closed => "deny",
    };
    let WritePolicy { create, update, delete, bulk_update, .. } = writes;
    let actions = [("create", create), ("update", update), ("delete", delete), ("bulk_update", bulk_update)];
    let said = actions.into_iter().filter_map(|(key, open)| Some((key, (*open)?)));
    let mut keys: Vec<String> = said.map(|(key, open)| format!("{key}: {}", word(open))).collect();
    let filled: Vec<String> = writes
        .auto_set
        .iter()
        .map(|(field, auto)| match auto {
            Auto::Now => format!("{field}: now()"),
            Auto::Is(value) => format!("{field}: {}", expression(value)),
        })
        .collect();
    keys.extend((!filled.is_empty()).then(|| format!("auto_set: {{{}}}", filled.join(", "))));
    for (key, fields) in [("immutable_fields", &writes.immutable), ("required_fields", &writes.required)] {
        keys.extend((!fields.is_empty()).then(|| format!("{key}: {}", json!(fields))));
    }
    keys.extend(writes.max_affected_rows.map(|rows| format!("max_affected_rows: {rows}")));
    keys.extend(writes.require_reason.map(|reason| format!("require_reason: {reason}")));
    keys.join(", ")
}

fn aggregations(open: &Aggregations) -> String {
    let mut keys: Vec<String> = open.count.iter().map(|count| format!("count: {count}")).collect();
    keys.extend(open.lists().iter().filter_map(|(key, fields)| Some(format!("{key}: {}", json!((*fields)?)))));
    keys.extend(open.min_group_size.map(|size| format!("min_group_size: {size}")));
    keys.join(", ")
}
