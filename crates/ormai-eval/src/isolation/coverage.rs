//! What was tried: models, tools and rules.

use std::collections::{BTreeMap, BTreeSet};

use ormai::policy::document::{Action, ModelPolicy, PolicyDocument};
use ormai::policy::{FieldAction, View};
use ormai::{Kind, Table, Toolset};
use serde_json::Value as Json;

use super::ask::Ask;
use super::report::{RuleCoverage, ToolCoverage};
use super::subject::Subject;

/// Counts.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    /// By model and tool: answered, and refused.
    tools: BTreeMap<(String, String), (usize, usize)>,
    /// By model, kind and name: exercised, and decided.
    rules: BTreeMap<(String, &'static str, String), (usize, usize)>,
}

const TOOLS: [&str; 8] = ["describe_schema", "query", "get", "aggregate", "create", "update", "delete", "bulk_update"];

impl Coverage {
    /// Every rule of the document, untried.
    pub(super) fn of(document: &PolicyDocument, subject: &Subject) -> Self {
        let mut coverage = Self::default();
        for (_, model) in subject.catalog.models() {
            if document.models.contains_key(model.name.as_str()) {
                for tool in TOOLS {
                    coverage.tools.insert((model.name.clone(), tool.to_owned()), (0, 0));
                }
            }
        }
        for (name, policy) in &document.models {
            coverage.layer(&name.value, policy);
            for (role, overlay) in &policy.roles {
                coverage.rule(&name.value, "overlay", &role.value);
                coverage.layer(&name.value, &overlay.policy);
            }
        }
        coverage
    }

    fn layer(&mut self, model: &str, policy: &ModelPolicy) {
        for (field, said) in &policy.fields {
            self.rule(model, action(said.action.value), &field.value);
        }
        for field in policy.scoping.iter().flatten().map(|(field, _)| field) {
            self.rule(model, "scope", &field.value);
        }
        for rule in &policy.row_policies {
            self.rule(model, "row policy", &rule.name.value);
        }
        if policy.soft_delete.is_some() {
            self.rule(model, "row policy", "soft_delete");
        }
        if let Some(write) = &policy.write_policy {
            let rules = [
                ("auto_set", !write.auto_set.is_empty()),
                ("immutable_fields", !write.immutable_fields.is_empty()),
                ("required_fields", !write.required_fields.is_empty()),
                ("max_affected_rows", write.max_affected_rows.is_some()),
                ("require_reason", write.require_reason.is_some()),
                ("create", write.create.is_some()),
                ("update", write.update.is_some()),
                ("delete", write.delete.is_some()),
                ("bulk_update", write.bulk_update.is_some()),
            ];
            for (rule, _) in rules.into_iter().filter(|(_, is_there)| *is_there) {
                self.rule(model, "write", rule);
            }
        }
        if policy.aggregations.as_ref().is_some_and(|open| open.min_group_size.is_some()) {
            self.rule(model, "aggregation", "min_group_size");
        }
        let budget = &policy.budget;
        if budget.max_rows.is_some() || budget.max_filter_depth.is_some() || budget.max_include_depth.is_some() {
            self.rule(model, "budget", "budget");
        }
    }

    fn rule(&mut self, model: &str, kind: &'static str, name: &str) {
        self.rules.entry((model.to_owned(), kind, name.to_owned())).or_default();
    }

    /// Counts a request with its answer.
    pub(super) fn count(&mut self, subject: &Subject, ask: &Ask, who: &Deciding<'_>, answer: &Json) {
        let model = subject.catalog.model(ask.model).name.clone();
        let is_answered = answer.get("success") == Some(&Json::Bool(true));
        if let Some(counts) = self.tools.get_mut(&(model.clone(), ask.tool.to_owned())) {
            let count = if is_answered { &mut counts.0 } else { &mut counts.1 };
            *count += 1;
        }
        let mut overlaid = BTreeSet::new();
        for table in who.tables {
            overlaid.insert(table.model.clone());
            for rule in &table.rules {
                let kind = if rule.kind == Kind::Scope { "scope" } else { "row policy" };
                self.met(
                    &table.model,
                    kind,
                    &rule.rule,
                    who.decided.contains(&(table.model.clone(), rule.rule.clone())),
                );
            }
        }
        for model in overlaid {
            for role in who.roles {
                self.met(&model, "overlay", role, who.turning.contains(role));
            }
        }
        let code = answer.pointer("/error/code").and_then(Json::as_str).unwrap_or_default();
        // A field that is not shown as it is, and was asked for all the same.
        for (model, field) in
            ask.tries.iter().filter_map(|said| said.split_once('.')).filter(|(_, field)| !field.contains(' '))
        {
            for kind in ["field deny", "field mask", "field hash", "field redact"] {
                self.met(model, kind, field, code == "FIELD_NOT_ALLOWED");
            }
        }
        for said in &ask.tries {
            let Some((rule, kind)) = tried(said) else { continue };
            self.met(rule, kind.0, kind.1, decides(kind.1, ask, is_answered, code, answer));
        }
        if is_answered {
            self.shown(&model, answer.get("data").unwrap_or(&Json::Null), subject, who.view);
        }
    }

    /// The fields of an answer.
    fn shown(&mut self, model: &str, data: &Json, subject: &Subject, view: &View) {
        let rows: Vec<&Json> = match data.get("rows").and_then(Json::as_array) {
            Some(rows) => rows.iter().collect(),
            None => vec![data],
        };
        let Some(id) = subject.catalog.find(model) else { return };
        let described = subject.catalog.model(id);
        for (name, value) in rows.first().into_iter().filter_map(|row| row.as_object()).flatten() {
            if let Some(relation) = described.find_relation(name) {
                let target = &subject.catalog.model(described.relation(relation).target).name;
                self.shown(target, value, subject, view);
                continue;
            }
            let rule = described.find_field(name).and_then(|field| view.model(id)?.field(field));
            let kind = match rule.map(|rule| &rule.action) {
                Some(FieldAction::Allow) => "field allow",
                Some(FieldAction::Mask(_)) => "field mask",
                Some(FieldAction::Hash) => "field hash",
                Some(FieldAction::Redact) => "field redact",
                None => continue,
            };
            // Of nothing there is nothing to hide.
            let is_there = rows.iter().any(|row| row.get(name).is_some_and(|value| !value.is_null()));
            self.met(model, kind, name, kind != "field allow" && is_there);
        }
    }

    fn met(&mut self, model: &str, kind: &'static str, name: &str, is_decided: bool) {
        if let Some(counts) = self.rules.get_mut(&(model.to_owned(), kind, name.to_owned())) {
            counts.0 += 1;
            counts.1 += usize::from(is_decided);
        }
    }

    pub(super) fn tools(&self) -> Vec<ToolCoverage> {
        let told = |((model, tool), (answered, refused)): (&(String, String), &(usize, usize))| ToolCoverage {
            model: model.clone(),
            tool: tool.clone(),
            answered: *answered,
            refused: *refused,
        };
        self.tools.iter().map(told).collect()
    }

    pub(super) fn rules(&self) -> Vec<RuleCoverage> {
        let told = |((model, kind, rule), (exercised, decided)): (&(String, &'static str, String), &(usize, usize))| {
            RuleCoverage {
                model: model.clone(),
                rule: rule.clone(),
                kind: (*kind).to_owned(),
                exercised: *exercised,
                decided: *decided,
            }
        };
        self.rules.iter().map(told).collect()
    }
}

/// Who asks, and which rules made a difference to what was asked.
pub(super) struct Deciding<'a> {
    pub(super) roles: &'a [String],
    pub(super) view: &'a View,
    pub(super) tables: &'a [Table],
    /// By model and name: the rules by which some rows differ, or the principal.
    pub(super) decided: BTreeSet<(String, String)>,
    /// The roles without which the same would have been done in another way.
    pub(super) turning: BTreeSet<String>,
}

/// Whether a rule of writes or of budgets has decided about a request that was made to try it.
fn decides(rule: &str, ask: &Ask, is_answered: bool, code: &str, answer: &Json) -> bool {
    match rule {
        // They open what was done, and close what was refused for them.
        "create" | "update" | "delete" | "bulk_update" => {
            is_answered || matches!(code, "WRITE_NOT_ALLOWED" | "APPROVAL_REQUIRED")
        }
        "auto_set" => is_answered || matches!(code, "WRITE_NOT_ALLOWED" | "FIELD_NOT_ALLOWED" | "VALIDATION_ERROR"),
        "immutable_fields" => code == "WRITE_NOT_ALLOWED",
        "required_fields" => code == "WRITE_NOT_ALLOWED" || answer.pointer("/error/details/missing").is_some(),
        "require_reason" => code == "VALIDATION_ERROR" && ask.arguments.get("reason").is_none(),
        "max_affected_rows" => code == "MAX_AFFECTED_ROWS_EXCEEDED",
        _ => matches!(code, "QUERY_BUDGET_EXCEEDED" | "QUERY_TOO_BROAD"),
    }
}

/// The model, kind and name in what a request says that it tries.
fn tried(said: &str) -> Option<(&str, (&'static str, &'static str))> {
    let (model, rule) = said.split_once(' ')?;
    let model = model.split('.').next().unwrap_or(model);
    let known = match rule {
        "auto_set" => ("write", "auto_set"),
        "immutable" => ("write", "immutable_fields"),
        "required_fields" => ("write", "required_fields"),
        "max_affected_rows" => ("write", "max_affected_rows"),
        "require_reason" => ("write", "require_reason"),
        "create" => ("write", "create"),
        "update" => ("write", "update"),
        "delete" => ("write", "delete"),
        "bulk_update" => ("write", "bulk_update"),
        "budget" => ("budget", "budget"),
        _ => return None,
    };
    Some((model, known))
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Allow => "field allow",
        Action::Deny => "field deny",
        Action::Mask => "field mask",
        Action::Hash => "field hash",
        Action::Redact => "field redact",
    }
}

/// The statements of a request with their values, or why it is refused.
pub(super) fn course_of(tools: &Toolset, ctx: &ormai::RunContext<'_>, ask: &Ask) -> Json {
    let request = ormai::request::Tool::from_name(ask.tool)
        .and_then(|tool| ormai::request::Request::from_value(tool, &ask.arguments));
    match request.map(|request| tools.explain(ctx, request)) {
        Ok(Ok(explanation)) => serde_json::to_value(explanation.statements).unwrap_or_default(),
        Ok(Err(refusal)) => refusal.error.code.as_str().into(),
        Err(error) => error.code.as_str().into(),
    }
}

/// What each rule did for a request; nothing where it does not come as far.
pub(super) fn tables(tools: &Toolset, ctx: &ormai::RunContext<'_>, ask: &Ask) -> Vec<Table> {
    let request = ormai::request::Tool::from_name(ask.tool)
        .and_then(|tool| ormai::request::Request::from_value(tool, &ask.arguments));
    match request.map(|request| tools.explain(ctx, request)) {
        Ok(Ok(explanation)) => explanation.tables,
        Ok(Err(refusal)) => refusal.tables,
        Err(_) => Vec::new(),
    }
}
