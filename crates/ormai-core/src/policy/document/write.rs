//! From a document back to YAML.

use super::read::{ACTIONS, EFFECTS, OPERATIONS, WRITE_ACTIONS};
use super::{
    AggregationPolicy, BudgetPolicy, FieldPolicy, Literal, ModelPolicy, Overlay, PolicyDocument, RelationPolicy,
    RowPolicy, Spanned, WritePolicy,
};
use crate::policy::syntax::{Content, Entry, Node};

pub(super) fn yaml(document: &PolicyDocument) -> String {
    let mut text = String::new();
    block(&policy(document), 0, &mut text);
    text
}

/// Entries in the making.
#[derive(Default)]
struct Section(Vec<Entry>);

impl Section {
    fn put(&mut self, key: &str, content: Content) {
        self.0.push(Entry { key: key.to_owned(), key_span: 0..0, value: node(content) });
    }

    fn put_some(&mut self, key: &str, content: Option<Content>) {
        if let Some(content) = content {
            self.put(key, content);
        }
    }

    /// Leaves out what is empty.
    fn put_full(&mut self, key: &str, content: Content) {
        let empty = match &content {
            Content::Mapping(entries) => entries.is_empty(),
            Content::Sequence(items) => items.is_empty(),
            _ => false,
        };
        if !empty {
            self.put(key, content);
        }
    }

    fn done(self) -> Content {
        Content::Mapping(self.0)
    }
}

fn node(content: Content) -> Node {
    Node { span: 0..0, content }
}

fn bool(value: &Option<Spanned<bool>>) -> Option<Content> {
    value.as_ref().map(|value| Content::Bool(value.value))
}

fn count(value: &Option<Spanned<u32>>) -> Option<Content> {
    value.as_ref().map(|value| Content::Int(i64::from(value.value)))
}

fn text(value: &Option<Spanned<String>>) -> Option<Content> {
    value.as_ref().map(|value| Content::Text(value.value.clone()))
}

fn texts(values: &[Spanned<String>]) -> Content {
    Content::Sequence(values.iter().map(|value| node(Content::Text(value.value.clone()))).collect())
}

fn word<T: PartialEq>(value: &T, words: &[(&str, T)]) -> Content {
    let word = words.iter().find(|(_, known)| known == value).map_or("", |(word, _)| word);
    Content::Text(word.to_owned())
}

fn literal(value: &Literal) -> Content {
    match value {
        Literal::Bool(bool) => Content::Bool(*bool),
        Literal::Int(int) => Content::Int(*int),
        Literal::Float(float) => Content::Float(*float),
        Literal::Text(text) => Content::Text(text.clone()),
    }
}

fn named<'a, T: 'a>(
    entries: impl IntoIterator<Item = (&'a Spanned<String>, &'a T)>,
    write: impl Fn(&T) -> Content,
) -> Content {
    let mut section = Section::default();
    for (name, value) in entries {
        section.put(&name.value, write(value));
    }
    section.done()
}

fn policy(document: &PolicyDocument) -> Content {
    let mut section = Section::default();
    section.put_some("version", document.version.as_ref().map(|version| literal(&version.value)));
    section.put_some("strict", bool(&document.strict));
    let default = document.default_field_action.as_ref();
    section.put_some("default_field_action", default.map(|action| word(&action.value, ACTIONS)));
    section.put_some("roles", document.roles.as_deref().map(texts));
    section.put_full("budget", budget(&document.budget));
    section.put("models", named(&document.models, model));
    section.done()
}

fn model(policy: &ModelPolicy) -> Content {
    let mut section = model_keys(policy);
    section.put_full("roles", named(&policy.roles, overlay));
    section.done()
}

fn overlay(overlay: &Overlay) -> Content {
    let mut section = Section::default();
    section.put_some("grants", bool(&overlay.grants));
    section.0.extend(model_keys(&overlay.policy).0);
    section.done()
}

fn model_keys(policy: &ModelPolicy) -> Section {
    let mut section = Section::default();
    section.put_some("allowed", bool(&policy.allowed));
    section.put_full("fields", named(&policy.fields, field));
    section.put_full("relations", named(&policy.relations, relation));
    section.put_some("scoping", policy.scoping.as_ref().map(|map| named(map, |value| literal(&value.value))));
    let row_policies = policy.row_policies.iter().map(|policy| node(row_policy(policy))).collect();
    section.put_full("row_policies", Content::Sequence(row_policies));
    section.put_some("write_policy", policy.write_policy.as_ref().map(write_policy));
    section.put_some("aggregations", policy.aggregations.as_ref().map(aggregations));
    section.put_full("budget", budget(&policy.budget));
    section.put_some("soft_delete", text(&policy.soft_delete));
    section
}

fn field(policy: &FieldPolicy) -> Content {
    let action = word(&policy.action.value, ACTIONS);
    if policy.mask_pattern.is_none() && policy.filter_equality.is_none() {
        return action;
    }
    let mut section = Section::default();
    section.put("action", action);
    section.put_some("mask_pattern", text(&policy.mask_pattern));
    let filter = policy.filter_equality.as_ref().filter(|filter| filter.value);
    section.put_some("filter", filter.map(|_| Content::Text("equality".to_owned())));
    section.done()
}

fn relation(policy: &RelationPolicy) -> Content {
    let mut section = Section::default();
    section.put_some("allowed", bool(&policy.allowed));
    section.put_some("max_depth", count(&policy.max_depth));
    section.put_some("fields", policy.fields.as_deref().map(texts));
    section.done()
}

fn row_policy(policy: &RowPolicy) -> Content {
    let mut section = Section::default();
    section.put("name", Content::Text(policy.name.value.clone()));
    section.put("condition", Content::Text(policy.condition.value.clone()));
    section.put_some("description", text(&policy.description));
    section.put_some("bypass", bool(&policy.bypass));
    section.put_some("effect", policy.effect.as_ref().map(|effect| word(&effect.value, EFFECTS)));
    section.put_some("field", text(&policy.field));
    let operations = policy.operations.as_ref().map(|operations| {
        Content::Sequence(operations.value.iter().map(|operation| node(word(operation, OPERATIONS))).collect())
    });
    section.put_some("operations", operations);
    section.put_some("check", bool(&policy.check));
    section.done()
}

fn write_policy(policy: &WritePolicy) -> Content {
    let mut section = Section::default();
    for (key, action) in [
        ("create", &policy.create),
        ("update", &policy.update),
        ("delete", &policy.delete),
        ("bulk_update", &policy.bulk_update),
    ] {
        section.put_some(key, action.as_ref().map(|action| word(&action.value, WRITE_ACTIONS)));
    }
    section.put_full("auto_set", named(&policy.auto_set, |value| literal(&value.value)));
    section.put_full("immutable_fields", texts(&policy.immutable_fields));
    section.put_full("required_fields", texts(&policy.required_fields));
    section.put_some("max_affected_rows", count(&policy.max_affected_rows));
    section.put_some("require_reason", bool(&policy.require_reason));
    section.put_some("approver_roles", policy.approver_roles.as_ref().map(|roles| texts(&roles.value)));
    section.put_some("approval_ttl_s", count(&policy.approval_ttl_s));
    section.done()
}

fn aggregations(policy: &AggregationPolicy) -> Content {
    let mut section = Section::default();
    section.put_some("count", bool(&policy.count));
    for (key, fields) in [
        ("sum", &policy.sum),
        ("avg", &policy.avg),
        ("min", &policy.min),
        ("max", &policy.max),
        ("group_by", &policy.group_by),
    ] {
        section.put_some(key, fields.as_deref().map(texts));
    }
    section.put_some("min_group_size", count(&policy.min_group_size));
    section.done()
}

fn budget(policy: &BudgetPolicy) -> Content {
    let mut section = Section::default();
    section.put_some("max_rows", count(&policy.max_rows));
    section.put_some("max_include_depth", count(&policy.max_include_depth));
    section.put_some("max_selected_fields", count(&policy.max_selected_fields));
    section.put_some("statement_timeout_ms", count(&policy.statement_timeout_ms));
    section.put_some("max_complexity_score", count(&policy.max_complexity_score));
    section.put_some("max_list_length", count(&policy.max_list_length));
    section.put_some("max_filter_depth", count(&policy.max_filter_depth));
    section.done()
}

/// Prints a mapping or list in block style, everything else on one line.
fn block(content: &Content, indent: usize, text: &mut String) {
    let margin = " ".repeat(indent);
    match content {
        Content::Mapping(entries) if !entries.is_empty() => {
            for entry in entries {
                text.push_str(&margin);
                text.push_str(&quoted(&entry.key));
                text.push(':');
                value(&entry.value.content, indent, text);
            }
        }
        Content::Sequence(items) if !items.is_empty() => {
            for item in items {
                text.push_str(&margin);
                text.push('-');
                value(&item.content, indent, text);
            }
        }
        other => {
            text.push_str(&line(other));
            text.push('\n');
        }
    }
}

fn value(content: &Content, indent: usize, text: &mut String) {
    let nested = match content {
        Content::Mapping(entries) => !entries.is_empty(),
        Content::Sequence(items) => items.iter().any(|item| matches!(item.content, Content::Mapping(_))),
        _ => false,
    };
    if nested {
        text.push('\n');
        block(content, indent + 2, text);
    } else {
        text.push(' ');
        text.push_str(&line(content));
        text.push('\n');
    }
}

fn line(content: &Content) -> String {
    match content {
        Content::Null => "null".to_owned(),
        Content::Bool(bool) => bool.to_string(),
        Content::Int(int) => int.to_string(),
        // Always with a point or an exponent, so that it is read as the same kind of number.
        Content::Float(float) => format!("{float:?}"),
        Content::Text(text) => quoted(text),
        Content::Sequence(items) => {
            format!("[{}]", items.iter().map(|item| line(&item.content)).collect::<Vec<_>>().join(", "))
        }
        Content::Mapping(entries) => {
            let entry = |entry: &Entry| format!("{}: {}", quoted(&entry.key), line(&entry.value.content));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Text as it is where it cannot be read as anything else, otherwise in double quotes.
fn quoted(text: &str) -> String {
    let word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && !matches!(text.to_ascii_lowercase().as_str(), "null" | "true" | "false");
    if word {
        return text.to_owned();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            char if char.is_control()
                || matches!(char, '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}') =>
            {
                quoted.push_str(&format!("\\U{:08X}", u32::from(char)));
            }
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}
