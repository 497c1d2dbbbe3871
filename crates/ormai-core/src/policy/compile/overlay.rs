//! Laying one part over rules: replacing (a model's own keys, a granting overlay) or
//! narrowing. What "narrower" means is said once, by the functions named `narrower_*`; an
//! overlay without `grants` is refused wherever they do not give what its author wrote.

use super::part::{AggregationPart, Part, WritePart};
use super::subject::{Checker, Subject};
use crate::catalog::FieldId;
use crate::diagnostic::Diagnostic;
use crate::plan::AggregateFunction;
use crate::policy::document::{BudgetPolicy, Overlay, Spanned};
use crate::policy::rules::{
    AggregationRules, Budget, Effect, FieldAction, FieldRule, ModelRules, RelationRule, WriteAction, WriteRules,
};

/// Pairs each limit of a budget with what a document says about it.
pub(super) fn limits<'a, 'p>(
    policy: &'p BudgetPolicy,
    budget: &'a mut Budget,
) -> [(&'a mut u32, &'p Option<Spanned<u32>>); 7] {
    [
        (&mut budget.max_rows, &policy.max_rows),
        (&mut budget.max_include_depth, &policy.max_include_depth),
        (&mut budget.max_selected_fields, &policy.max_selected_fields),
        (&mut budget.statement_timeout_ms, &policy.statement_timeout_ms),
        (&mut budget.max_complexity_score, &policy.max_complexity_score),
        (&mut budget.max_list_length, &policy.max_list_length),
        (&mut budget.max_filter_depth, &policy.max_filter_depth),
    ]
}

fn rank(action: &FieldAction) -> u8 {
    match action {
        FieldAction::Allow => 0,
        FieldAction::Mask(_) | FieldAction::Hash => 1,
        FieldAction::Redact => 2,
    }
}

fn narrower_field(one: Option<&FieldRule>, other: Option<&FieldRule>) -> Option<FieldRule> {
    let (one, other) = (one?, other?);
    let action = match rank(&one.action).cmp(&rank(&other.action)) {
        std::cmp::Ordering::Less => other.action.clone(),
        std::cmp::Ordering::Greater => one.action.clone(),
        std::cmp::Ordering::Equal if one.action == other.action => one.action.clone(),
        // A mask and a hash, or two masks: neither shows less than the other, so nothing is shown.
        std::cmp::Ordering::Equal => FieldAction::Redact,
    };
    // A field that is shown can always be compared.
    let compared = |rule: &FieldRule| rule.filter_equality || rule.action == FieldAction::Allow;
    let filter_equality = action != FieldAction::Allow && compared(one) && compared(other);
    Some(FieldRule { action, filter_equality })
}

fn narrower_relation(one: Option<&RelationRule>, other: Option<&RelationRule>) -> Option<RelationRule> {
    let (one, other) = (one?, other?);
    let fields = narrower_list(one.fields.as_deref(), other.fields.as_deref());
    Some(RelationRule { max_depth: smaller(one.max_depth, other.max_depth), fields })
}

/// `None` is no limit.
fn smaller(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// `None` is everything. In the order of the second.
fn narrower_list(one: Option<&[FieldId]>, other: Option<&[FieldId]>) -> Option<Vec<FieldId>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(other.iter().copied().filter(|field| one.contains(field)).collect()),
        (one, other) => one.or(other).map(<[FieldId]>::to_vec),
    }
}

fn narrower_write(one: WriteAction, other: WriteAction) -> WriteAction {
    match (one, other) {
        (WriteAction::Deny, _) | (_, WriteAction::Deny) => WriteAction::Deny,
        (WriteAction::RequireApproval, _) | (_, WriteAction::RequireApproval) => WriteAction::RequireApproval,
        (WriteAction::Allow, WriteAction::Allow) => WriteAction::Allow,
    }
}

fn add_all(to: &mut Vec<FieldId>, fields: &[FieldId]) {
    for field in fields {
        if !to.contains(field) {
            to.push(*field);
        }
    }
}

fn fields_of(rules: &AggregationRules, function: AggregateFunction) -> &[FieldId] {
    rules.functions.iter().find(|(known, _)| *known == function).map_or(&[], |(_, fields)| fields.as_slice())
}

impl WritePart {
    fn actions<'a>(
        &'a self,
        rules: &'a mut WriteRules,
    ) -> [(&'static str, &'a Option<Spanned<WriteAction>>, &'a mut WriteAction); 4] {
        [
            ("create", &self.create, &mut rules.create),
            ("update", &self.update, &mut rules.update),
            ("delete", &self.delete, &mut rules.delete),
            ("bulk_update", &self.bulk_update, &mut rules.bulk_update),
        ]
    }
}

impl Part {
    /// Replaces what it says. Lists of conditions and of immutable or required fields only grow.
    pub(super) fn grant(&self, rules: &mut ModelRules) {
        for Spanned { value: (field, rule), .. } in &self.fields {
            if let Some(place) = rules.fields.get_mut(field.index()) {
                place.clone_from(rule);
            }
        }
        for Spanned { value: (relation, rule), .. } in &self.relations {
            if let Some(place) = rules.relations.get_mut(relation.index()) {
                place.clone_from(rule);
            }
        }
        for scope in &self.scoping {
            rules.scoping.retain(|known| known.field != scope.field);
            rules.scoping.push(scope.clone());
        }
        rules.row_rules.extend(self.rows.iter().map(|row| row.value.clone()));
        for (limit, value) in limits(&self.budget, &mut rules.budget) {
            if let Some(value) = value {
                *limit = value.value;
            }
        }
        for (_, said, action) in self.write.actions(&mut rules.write) {
            if let Some(said) = said {
                *action = said.value;
            }
        }
        for Spanned { value, .. } in &self.write.auto_set {
            rules.write.auto_set.retain(|(field, _)| *field != value.0);
            rules.write.auto_set.push(value.clone());
        }
        add_all(&mut rules.write.immutable_fields, &self.write.immutable_fields);
        add_all(&mut rules.write.required_fields, &self.write.required_fields);
        if let Some(rows) = &self.write.max_affected_rows {
            rules.write.max_affected_rows = Some(rows.value);
        }
        if let Some(reason) = &self.write.require_reason {
            rules.write.require_reason = reason.value;
        }
        if let Some(roles) = &self.write.approver_roles {
            rules.write.approver_roles.clone_from(&roles.value);
        }
        if let Some(seconds) = &self.write.approval_ttl_s {
            rules.write.approval_ttl_s = seconds.value;
        }
        if let Some(part) = &self.aggregations {
            part.grant(rules.aggregations.get_or_insert_default());
        }
    }

    /// Takes away what it does not open.
    pub(super) fn narrow(&self, rules: &mut ModelRules) {
        for Spanned { value: (field, rule), .. } in &self.fields {
            if let Some(place) = rules.fields.get_mut(field.index()) {
                *place = narrower_field(place.as_ref(), rule.as_ref());
            }
        }
        for Spanned { value: (relation, rule), .. } in &self.relations {
            if let Some(place) = rules.relations.get_mut(relation.index()) {
                *place = narrower_relation(place.as_ref(), rule.as_ref());
            }
        }
        for scope in &self.scoping {
            // Another expression for the same field must hold as well.
            if !rules.scoping.contains(scope) {
                rules.scoping.push(scope.clone());
            }
        }
        let restricting = self.rows.iter().filter(|row| row.value.effect == Effect::Restrict);
        rules.row_rules.extend(restricting.map(|row| row.value.clone()));
        for (limit, value) in limits(&self.budget, &mut rules.budget) {
            if let Some(value) = value {
                *limit = value.value.min(*limit);
            }
        }
        for (_, said, action) in self.write.actions(&mut rules.write) {
            if let Some(said) = said {
                *action = narrower_write(*action, said.value);
            }
        }
        for Spanned { value, .. } in &self.write.auto_set {
            if rules.write.auto_set.iter().all(|(field, _)| *field != value.0) {
                rules.write.auto_set.push(value.clone());
            }
        }
        add_all(&mut rules.write.immutable_fields, &self.write.immutable_fields);
        add_all(&mut rules.write.required_fields, &self.write.required_fields);
        let rows = self.write.max_affected_rows.as_ref().map(|rows| rows.value);
        rules.write.max_affected_rows = smaller(rules.write.max_affected_rows, rows);
        rules.write.require_reason |= self.write.require_reason.as_ref().is_some_and(|reason| reason.value);
        if let Some(roles) = &self.write.approver_roles {
            rules.write.approver_roles.retain(|role| roles.value.contains(role));
        }
        if let Some(seconds) = &self.write.approval_ttl_s {
            rules.write.approval_ttl_s = seconds.value.min(rules.write.approval_ttl_s);
        }
        if let (Some(part), Some(rules)) = (&self.aggregations, &mut rules.aggregations) {
            part.narrow(rules);
        }
    }
}

impl AggregationPart {
    fn grant(&self, rules: &mut AggregationRules) {
        if let Some(count) = &self.count {
            rules.count = count.value;
        }
        for Spanned { value, .. } in &self.functions {
            rules.functions.retain(|(function, _)| *function != value.0);
            rules.functions.push(value.clone());
        }
        if let Some(group_by) = &self.group_by {
            rules.group_by = Some(group_by.value.clone());
        }
        if let Some(size) = &self.min_group_size {
            rules.min_group_size = Some(size.value);
        }
    }

    fn narrow(&self, rules: &mut AggregationRules) {
        rules.count &= self.count.as_ref().is_none_or(|count| count.value);
        for Spanned { value: (function, fields), .. } in &self.functions {
            for (_, open) in rules.functions.iter_mut().filter(|(known, _)| known == function) {
                open.retain(|field| fields.contains(field));
            }
        }
        if let Some(group_by) = &self.group_by {
            rules.group_by = narrower_list(rules.group_by.as_deref(), Some(&group_by.value));
        }
        let size = self.min_group_size.as_ref().map(|size| size.value);
        rules.min_group_size = rules.min_group_size.max(size);
    }
}

impl Checker<'_> {
    /// What cannot stand in any overlay. In text these are unknown keys.
    pub(super) fn check_overlay(&mut self, subject: Subject<'_>, role: &Spanned<String>, overlay: &Overlay) {
        if !overlay.policy.roles.is_empty() {
            self.error(role, "recursive-overlay", format!("an overlay of {subject} has overlays itself"), "");
        }
        if overlay.policy.soft_delete.is_some() {
            let message = format!("`soft_delete` of {subject} belongs to the model, not to an overlay");
            self.error(role, "soft-delete-in-overlay", message, "");
        }
    }

    /// Refuses whatever an overlay without `grants` opens beyond its model.
    pub(super) fn check_narrowing(
        &mut self,
        subject: Subject<'_>,
        role: &Spanned<String>,
        part: &Part,
        base: &ModelRules,
        base_open: bool,
    ) {
        let mut widens = Widening { subject, role, found: Vec::new() };
        if let Some(allowed) = part.allowed.as_ref().filter(|allowed| allowed.value && !base_open) {
            widens.report(allowed, "allowed");
        }
        for said in &part.fields {
            let (field, rule) = &said.value;
            if narrower_field(base.field(*field), rule.as_ref()) != *rule {
                widens.report(said, &format!("fields.{}", subject.model.field(*field).name));
            }
        }
        for said in &part.relations {
            let (relation, rule) = &said.value;
            if narrower_relation(base.relation(*relation), rule.as_ref()) != *rule {
                widens.report(said, &format!("relations.{}", subject.model.relation(*relation).name));
            }
        }
        for row in part.rows.iter().filter(|row| row.value.effect != Effect::Restrict) {
            widens.report(row, &format!("row_policies.{}", row.value.name));
        }
        let mut budget = base.budget;
        for ((limit, value), name) in limits(&part.budget, &mut budget).into_iter().zip(LIMITS) {
            if let Some(value) = value.as_ref().filter(|value| value.value > *limit) {
                widens.report(value, &format!("budget.{name}"));
            }
        }
        widens.writes(&part.write, &base.write);
        if let Some(part) = &part.aggregations {
            widens.aggregations(part, base.aggregations.as_ref());
        }
        self.findings.extend(widens.found);
    }
}

/// The names of a budget's limits, in the order of [`limits`].
pub(super) const LIMITS: [&str; 7] = [
    "max_rows",
    "max_include_depth",
    "max_selected_fields",
    "statement_timeout_ms",
    "max_complexity_score",
    "max_list_length",
    "max_filter_depth",
];

struct Widening<'a> {
    subject: Subject<'a>,
    role: &'a Spanned<String>,
    found: Vec<Diagnostic>,
}

impl Widening<'_> {
    fn report<T>(&mut self, place: &Spanned<T>, key: &str) {
        let message = format!("`{key}` of {} opens more than the model does", self.subject);
        let finding = Diagnostic::error("widening-overlay", message);
        let finding = if place.span.is_some() { place.blame(finding) } else { self.role.blame(finding) };
        self.found.push(finding.help("write `grants: true` in the overlay if it may widen".to_owned()));
    }

    fn writes(&mut self, part: &WritePart, base: &WriteRules) {
        for (name, said, action) in part.actions(&mut base.clone()) {
            if let Some(said) = said.as_ref().filter(|said| narrower_write(*action, said.value) != said.value) {
                self.report(said, &format!("write_policy.{name}"));
            }
        }
        for said in &part.auto_set {
            let (field, value) = &said.value;
            if base.auto_set.iter().any(|(known, other)| known == field && other != value) {
                self.report(said, &format!("write_policy.auto_set.{}", self.subject.model.field(*field).name));
            }
        }
        if let Some(rows) = &part.max_affected_rows
            && base.max_affected_rows.is_some_and(|most| rows.value > most)
        {
            self.report(rows, "write_policy.max_affected_rows");
        }
        if let Some(reason) = part.require_reason.as_ref().filter(|reason| !reason.value && base.require_reason) {
            self.report(reason, "write_policy.require_reason");
        }
        if let Some(roles) = &part.approver_roles
            && roles.value.iter().any(|role| !base.approver_roles.contains(role))
        {
            self.report(roles, "write_policy.approver_roles");
        }
        if let Some(seconds) = part.approval_ttl_s.as_ref().filter(|ttl| ttl.value > base.approval_ttl_s) {
            self.report(seconds, "write_policy.approval_ttl_s");
        }
    }

    fn aggregations(&mut self, part: &AggregationPart, base: Option<&AggregationRules>) {
        let closed = AggregationRules { group_by: Some(Vec::new()), ..AggregationRules::default() };
        let base = base.unwrap_or(&closed);
        if let Some(count) = part.count.as_ref().filter(|count| count.value && !base.count) {
            self.report(count, "aggregations.count");
        }
        for said in &part.functions {
            let (function, fields) = &said.value;
            let open = fields_of(base, *function);
            if !fields.iter().all(|field| open.contains(field)) {
                self.report(said, &format!("aggregations.{}", super::aggregations::name(*function)));
            }
        }
        if let Some(said) = &part.group_by
            && narrower_list(base.group_by.as_deref(), Some(&said.value)).as_ref() != Some(&said.value)
        {
            self.report(said, "aggregations.group_by");
        }
        if let Some(size) = part.min_group_size.as_ref()
            && base.min_group_size.is_some_and(|least| size.value < least)
        {
            self.report(size, "aggregations.min_group_size");
        }
    }
}
