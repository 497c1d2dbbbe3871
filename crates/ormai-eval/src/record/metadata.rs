//! Which calls depend on the metadata of their principal.

use std::collections::BTreeSet;

use ormai::policy::PolicyDocument;
use ormai::policy::document::{Literal, ModelPolicy};
use ormai::request::Tool;
use serde_json::Value as Json;

/// The models whose rules read `principal.metadata`.
///
/// An audit trail has no metadata, so that calls that depend on it are not known whole. The parsed rules
/// decide, not the text of the policy, where comments and descriptions may name it.
#[derive(Clone, Debug, Default)]
pub struct MetadataReaders {
    models: BTreeSet<String>,
}

impl MetadataReaders {
    /// Those of a policy.
    pub fn of(policy: &PolicyDocument) -> Self {
        let reading = policy.models.iter().filter(|(_, model)| {
            let mut layers = std::iter::once(*model).chain(model.roles.values().map(|overlay| &overlay.policy));
            layers.any(reads)
        });
        Self { models: reading.map(|(name, _)| name.value.clone()).collect() }
    }

    /// Whether a call may depend on it. A read of one model depends on that model's rules; where related
    /// models may have a part in it, and of any other call, those of all models count.
    pub fn decide(&self, tool: &str, arguments: &Json) -> bool {
        let is_read = Tool::from_name(tool).is_ok_and(|tool| !tool.writes());
        match arguments.get("model").and_then(Json::as_str) {
            Some(model) if is_read && is_of_one_model(arguments) => {
                // Names of models that differ in nothing but the case of their letters are taken for one.
                self.models.iter().any(|reader| reader.to_lowercase() == model.to_lowercase())
            }
            _ => !self.models.is_empty(),
        }
    }
}

/// Whether some rule of a layer reads it: scopes, conditions on rows, values that are set.
fn reads(layer: &ModelPolicy) -> bool {
    let scopes = layer.scoping.iter().flatten().map(|(_, value)| &value.value);
    let set = layer.write_policy.iter().flat_map(|write| write.auto_set.values()).map(|value| &value.value);
    let texts = scopes.chain(set).filter_map(|value| if let Literal::Text(text) = value { Some(text) } else { None });
    texts.chain(layer.row_policies.iter().map(|rule| &rule.condition.value)).any(|text| {
        let plain: String = text.chars().filter(|char| !char.is_whitespace()).collect();
        plain.to_lowercase().contains("principal.metadata")
    })
}

/// Whether a request names fields of its model and nothing behind a relation.
fn is_of_one_model(arguments: &Json) -> bool {
    const NAMES: [&str; 19] = [
        "model",
        "filters",
        "field",
        "op",
        "and",
        "or",
        "not",
        "select",
        "order",
        "direction",
        "limit",
        "cursor",
        "with_total",
        "aggregations",
        "function",
        "alias",
        "group_by",
        "include",
        "nulls",
    ];
    match arguments {
        Json::Object(entries) => entries.iter().all(|(name, value)| match name.as_str() {
            // Values say nothing of models.
            "value" | "id" => true,
            "include" => value.is_null() || value.as_array().is_some_and(Vec::is_empty),
            name => NAMES.contains(&name) && is_of_one_model(value),
        }),
        Json::Array(items) => items.iter().all(is_of_one_model),
        Json::String(text) => !text.contains('.'),
        _ => true,
    }
}
