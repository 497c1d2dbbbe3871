//! Checked rules of which only some are said: a model's own keys, or an overlay's.

use super::Subject;
use crate::catalog::{FieldId, RelationId};
use crate::plan::AggregateFunction;
use crate::policy::document::{BudgetPolicy, Spanned};
use crate::policy::rules::{
    AggregationRules, AutoValue, Budget, FieldAction, FieldRule, ModelRules, RelationRule, RowRule, ScopeRule,
    WriteAction, WriteRules,
};

/// What a model's policy or an overlay says, and where.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    pub(super) allowed: Option<Spanned<bool>>,
    pub(super) fields: Vec<Spanned<(FieldId, Option<FieldRule>)>>,
    pub(super) relations: Vec<Spanned<(RelationId, Option<RelationRule>)>>,
    pub(super) scoping: Vec<ScopeRule>,
    pub(super) rows: Vec<Spanned<RowRule>>,
    pub(super) write: WritePart,
    pub(super) aggregations: Option<AggregationPart>,
    pub(super) budget: BudgetPolicy,
    pub(super) soft_delete: Option<(FieldId, RowRule)>,
}

/// What may be written, as far as it is said.
#[derive(Clone, Debug, Default)]
pub(super) struct WritePart {
    pub(super) create: Option<Spanned<WriteAction>>,
    pub(super) update: Option<Spanned<WriteAction>>,
    pub(super) delete: Option<Spanned<WriteAction>>,
    pub(super) bulk_update: Option<Spanned<WriteAction>>,
    pub(super) auto_set: Vec<Spanned<(FieldId, AutoValue)>>,
    pub(super) immutable_fields: Vec<FieldId>,
    pub(super) required_fields: Vec<FieldId>,
    pub(super) max_affected_rows: Option<Spanned<u32>>,
    pub(super) require_reason: Option<Spanned<bool>>,
    pub(super) approver_roles: Option<Spanned<Vec<String>>>,
    pub(super) approval_ttl_s: Option<Spanned<u32>>,
}

/// What may be aggregated, as far as it is said.
#[derive(Clone, Debug, Default)]
pub(super) struct AggregationPart {
    pub(super) count: Option<Spanned<bool>>,
    pub(super) functions: Vec<Spanned<(AggregateFunction, Vec<FieldId>)>>,
    pub(super) group_by: Option<Spanned<Vec<FieldId>>>,
    pub(super) min_group_size: Option<Spanned<u32>>,
}

impl Part {
    /// The rules of a model that says this much.
    pub(super) fn into_rules(self, subject: Subject<'_>, shows_by_default: bool, default: Budget) -> ModelRules {
        let shown = FieldRule { action: FieldAction::Allow, filter_equality: false };
        let fields = subject
            .model
            .fields
            .iter()
            .map(|field| (shows_by_default && field.ty.is_supported()).then(|| shown.clone()))
            .collect();
        let mut rules = ModelRules {
            model: subject.id,
            fields,
            relations: vec![None; subject.model.relations.len()],
            scoping: Vec::new(),
            row_rules: Vec::new(),
            budget: default,
            aggregations: None,
            write: WriteRules::default(),
            soft_delete: None,
        };
        self.grant(&mut rules);
        if let Some((field, hides)) = self.soft_delete {
            rules.soft_delete = Some(field);
            rules.row_rules.push(hides);
        }
        rules
    }
}

impl WriteRules {
    /// Whether any write is open, be it after approval.
    pub(super) fn opens_any(&self) -> bool {
        [self.create, self.update, self.delete, self.bulk_update].iter().any(|action| *action != WriteAction::Deny)
    }
}

impl AggregationRules {
    /// Whether nothing can be aggregated.
    pub(super) fn is_closed(&self) -> bool {
        !self.count && self.functions.iter().all(|(_, fields)| fields.is_empty())
    }
}
