//! From a tree to a document.

use super::section::{Reader, Section};
use super::{
    Action, AggregationPolicy, BudgetPolicy, FieldPolicy, Literal, ModelPolicy, Operation, Overlay, PolicyDocument,
    RelationPolicy, RowEffect, RowPolicy, Spanned, WriteAction, WritePolicy,
};
use crate::diagnostic::Diagnostic;
use crate::policy::syntax::{Content, Node};

const POLICY_KEYS: &[&str] = &["version", "strict", "default_field_action", "roles", "budget", "models"];
const MODEL_KEYS: &[&str] = &[
    "allowed",
    "fields",
    "relations",
    "scoping",
    "row_policies",
    "write_policy",
    "aggregations",
    "budget",
    "soft_delete",
    "roles",
];
/// Those of a model, except that an overlay has no overlays and deletes like its model.
const OVERLAY_KEYS: &[&str] =
    &["grants", "allowed", "fields", "relations", "scoping", "row_policies", "write_policy", "aggregations", "budget"];
const FIELD_KEYS: &[&str] = &["action", "mask_pattern", "filter"];
const RELATION_KEYS: &[&str] = &["allowed", "max_depth", "fields"];
const ROW_POLICY_KEYS: &[&str] =
    &["name", "condition", "description", "bypass", "effect", "field", "operations", "check"];
const WRITE_KEYS: &[&str] = &[
    "create",
    "update",
    "delete",
    "bulk_update",
    "auto_set",
    "immutable_fields",
    "required_fields",
    "max_affected_rows",
    "require_reason",
    "approver_roles",
    "approval_ttl_s",
];
const AGGREGATION_KEYS: &[&str] = &["count", "sum", "avg", "min", "max", "group_by", "min_group_size"];
const BUDGET_KEYS: &[&str] = &[
    "max_rows",
    "max_include_depth",
    "max_selected_fields",
    "statement_timeout_ms",
    "max_complexity_score",
    "max_list_length",
    "max_filter_depth",
];

pub(super) const ACTIONS: &[(&str, Action)] = &[
    ("allow", Action::Allow),
    ("deny", Action::Deny),
    ("mask", Action::Mask),
    ("hash", Action::Hash),
    ("redact", Action::Redact),
];
const DEFAULT_ACTIONS: &[(&str, Action)] = &[("allow", Action::Allow), ("deny", Action::Deny)];
pub(super) const WRITE_ACTIONS: &[(&str, WriteAction)] =
    &[("allow", WriteAction::Allow), ("deny", WriteAction::Deny), ("require_approval", WriteAction::RequireApproval)];
pub(super) const EFFECTS: &[(&str, RowEffect)] = &[("restrict", RowEffect::Restrict), ("permit", RowEffect::Permit)];
pub(super) const OPERATIONS: &[(&str, Operation)] = &[
    ("read", Operation::Read),
    ("create", Operation::Create),
    ("update", Operation::Update),
    ("delete", Operation::Delete),
];

pub(super) fn document(node: &Node) -> Result<PolicyDocument, Vec<Diagnostic>> {
    let mut reader = Reader::default();
    let document = reader.policy(node);
    match document {
        Some(document) if reader.findings.is_empty() => Ok(document),
        _ => {
            reader.findings.sort_by_key(|finding| finding.labels.first().map_or(0, |label| label.span.start));
            Err(reader.findings)
        }
    }
}

impl Reader {
    fn policy(&mut self, node: &Node) -> Option<PolicyDocument> {
        if !matches!(node.content, Content::Mapping(_)) {
            let message = format!("a policy must be a mapping, and this is {}", node.content.describe());
            let finding = Diagnostic::error("wrong-type", message).at(node.span.clone(), "");
            self.findings.push(finding.help("begin with `models:`".to_owned()));
            return None;
        }
        let section = self.section(node, "", POLICY_KEYS)?;
        if section.get("models").is_none() {
            let finding = Diagnostic::error("missing-key", "the policy lacks the key `models`");
            self.findings.push(finding.at(node.span.clone(), ""));
        }
        Some(PolicyDocument {
            version: self.version(section),
            strict: self.bool(section, "strict"),
            default_field_action: section
                .get("default_field_action")
                .and_then(|node| self.word(node, "default_field_action", DEFAULT_ACTIONS)),
            roles: self.texts(section, "roles"),
            budget: self.budget(section),
            models: self.names(section, "models", Self::model).unwrap_or_default(),
            source: None,
        })
    }

    /// An integer or text; `1.10` as a number would be `1.1`.
    fn version(&mut self, section: Section<'_>) -> Option<Spanned<Literal>> {
        let node = section.get("version")?;
        match &node.content {
            Content::Int(_) => self.literal(node, "version"),
            Content::Text(text) if (1..=64).contains(&text.len()) => self.literal(node, "version"),
            _ => {
                self.wrong_type(node, "version", "an integer or text of 1 to 64 bytes");
                None
            }
        }
    }

    fn model(&mut self, node: &Node, path: &str) -> Option<ModelPolicy> {
        let section = self.section(node, path, MODEL_KEYS)?;
        let roles = self.names(section, "roles", Self::overlay).unwrap_or_default();
        Some(ModelPolicy { roles, ..self.model_keys(section) })
    }

    fn overlay(&mut self, node: &Node, path: &str) -> Option<Overlay> {
        let section = self.section(node, path, OVERLAY_KEYS)?;
        Some(Overlay { grants: self.bool(section, "grants"), policy: self.model_keys(section) })
    }

    fn model_keys(&mut self, section: Section<'_>) -> ModelPolicy {
        ModelPolicy {
            allowed: self.bool(section, "allowed"),
            fields: self.names(section, "fields", Self::field).unwrap_or_default(),
            relations: self.names(section, "relations", Self::relation).unwrap_or_default(),
            scoping: self.names(section, "scoping", Self::literal),
            row_policies: self
                .list(section, "row_policies", Self::row_policy)
                .map(|list| list.value)
                .unwrap_or_default(),
            write_policy: section.get("write_policy").and_then(|node| self.write_policy(node, section.path)),
            aggregations: section.get("aggregations").and_then(|node| self.aggregations(node, section.path)),
            budget: self.budget(section),
            soft_delete: self.text(section, "soft_delete"),
            roles: indexmap::IndexMap::new(),
        }
    }

    fn field(&mut self, node: &Node, path: &str) -> Option<FieldPolicy> {
        if matches!(node.content, Content::Text(_)) {
            let action = self.word(node, path, ACTIONS)?;
            return Some(FieldPolicy { action, mask_pattern: None, filter_equality: None });
        }
        if !matches!(node.content, Content::Mapping(_)) {
            self.wrong_type(node, path, "an action or a mapping");
            return None;
        }
        let section = self.section(node, path, FIELD_KEYS)?;
        let mask_pattern = self.text(section, "mask_pattern");
        let filter_equality =
            section.get("filter").and_then(|node| self.word(node, &format!("{path}.filter"), &[("equality", true)]));
        let Some(action) = section.get("action") else {
            self.missing(section, "action", Some("write allow, deny, mask, hash or redact".to_owned()));
            return None;
        };
        let action = self.word(action, &format!("{path}.action"), ACTIONS)?;
        Some(FieldPolicy { action, mask_pattern, filter_equality })
    }

    fn relation(&mut self, node: &Node, path: &str) -> Option<RelationPolicy> {
        let allowed = match &node.content {
            Content::Bool(allowed) => Spanned::new(*allowed, node.span.clone()),
            Content::Text(_) => self.word(node, path, &[("allow", true), ("deny", false)])?,
            Content::Mapping(_) => {
                let section = self.section(node, path, RELATION_KEYS)?;
                return Some(RelationPolicy {
                    allowed: self.bool(section, "allowed"),
                    max_depth: self.count(section, "max_depth", 1),
                    fields: self.texts(section, "fields"),
                });
            }
            _ => {
                self.wrong_type(node, path, "true, false or a mapping");
                return None;
            }
        };
        Some(RelationPolicy { allowed: Some(allowed), ..RelationPolicy::default() })
    }

    fn row_policy(&mut self, node: &Node, path: &str) -> Option<RowPolicy> {
        let section = self.section(node, path, ROW_POLICY_KEYS)?;
        let name = self.required_text(section, "name");
        let condition = self.required_text(section, "condition");
        let policy = RowPolicy {
            name: Spanned::from(""),
            condition: Spanned::from(""),
            description: self.text(section, "description"),
            bypass: self.bool(section, "bypass"),
            effect: section.get("effect").and_then(|node| self.word(node, &format!("{path}.effect"), EFFECTS)),
            field: self.text(section, "field"),
            operations: self.list(section, "operations", |reader, node, path| {
                reader.word(node, path, OPERATIONS).map(|word| word.value)
            }),
            check: self.bool(section, "check"),
        };
        Some(RowPolicy { name: name?, condition: condition?, ..policy })
    }

    fn write_policy(&mut self, node: &Node, parent: &str) -> Option<WritePolicy> {
        let path = format!("{parent}.write_policy");
        let section = self.section(node, &path, WRITE_KEYS)?;
        let mut action =
            |key: &str| section.get(key).and_then(|node| self.word(node, &format!("{path}.{key}"), WRITE_ACTIONS));
        Some(WritePolicy {
            create: action("create"),
            update: action("update"),
            delete: action("delete"),
            bulk_update: action("bulk_update"),
            auto_set: self.names(section, "auto_set", Self::literal).unwrap_or_default(),
            immutable_fields: self.texts(section, "immutable_fields").unwrap_or_default(),
            required_fields: self.texts(section, "required_fields").unwrap_or_default(),
            max_affected_rows: self.count(section, "max_affected_rows", 1),
            require_reason: self.bool(section, "require_reason"),
            approver_roles: self.list(section, "approver_roles", Self::text_of),
            approval_ttl_s: self.count(section, "approval_ttl_s", super::LEAST_APPROVAL_TTL_S),
        })
    }

    fn aggregations(&mut self, node: &Node, parent: &str) -> Option<AggregationPolicy> {
        let path = format!("{parent}.aggregations");
        let section = self.section(node, &path, AGGREGATION_KEYS)?;
        Some(AggregationPolicy {
            count: self.bool(section, "count"),
            sum: self.texts(section, "sum"),
            avg: self.texts(section, "avg"),
            min: self.texts(section, "min"),
            max: self.texts(section, "max"),
            group_by: self.texts(section, "group_by"),
            min_group_size: self.count(section, "min_group_size", 1),
        })
    }

    fn budget(&mut self, parent: Section<'_>) -> BudgetPolicy {
        let path = super::section::join(parent.path, "budget");
        let Some(section) = parent.get("budget").and_then(|node| self.section(node, &path, BUDGET_KEYS)) else {
            return BudgetPolicy::default();
        };
        BudgetPolicy {
            max_rows: self.count(section, "max_rows", 1),
            max_include_depth: self.count(section, "max_include_depth", 0),
            max_selected_fields: self.count(section, "max_selected_fields", 1),
            statement_timeout_ms: self.count(section, "statement_timeout_ms", 1),
            max_complexity_score: self.count(section, "max_complexity_score", 1),
            max_list_length: self.count(section, "max_list_length", 0),
            max_filter_depth: self.count(section, "max_filter_depth", 0),
        }
    }
}
