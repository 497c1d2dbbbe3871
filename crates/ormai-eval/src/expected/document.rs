//! A policy document, read as the reference reads policies: names and expressions as they are written, and
//! nothing of what the engine made of them.

use ormai::policy::document::{self, Literal, PolicyDocument, Spanned, WriteAction};
use ormai_reference::world::{
    Action, Aggregations, Auto, Budget, Cell, Column, Condition, Expression, FieldPolicy, Model, ModelPolicy, Opening,
    Operation, Overlay, Policy, RelationPolicy, RowEffect, RowPolicy, World, WritePolicy,
};
use serde_json::Value as Json;

use super::condition::{self, Read};
use super::covered::NotCovered;

/// Reads a document.
pub(super) fn policy(world: &World, document: &PolicyDocument) -> Result<Policy, NotCovered> {
    let shows = document.default_field_action.as_ref().is_some_and(|action| action.value == document::Action::Allow);
    let model = |(name, said): (&Spanned<String>, &document::ModelPolicy)| {
        let model =
            world.model(&name.value).ok_or_else(|| NotCovered::of(&name.value, "the catalog does not have it"))?;
        Ok((name.value.clone(), Reader { world, model }.whole(said)?))
    };
    Ok(Policy {
        shows_by_default: shows,
        budget: budget(&document.budget),
        models: document.models.iter().map(model).collect::<Result<_, _>>()?,
    })
}

struct Reader<'w> {
    world: &'w World,
    model: &'w Model,
}

impl Reader<'_> {
    fn whole(&self, said: &document::ModelPolicy) -> Result<ModelPolicy, NotCovered> {
        let scoped: Vec<&str> = said.scoping.iter().flatten().map(|(field, _)| field.value.as_str()).collect();
        let mut policy = self.says(said, &scoped)?;
        for (role, overlay) in &said.roles {
            let own = overlay.policy.scoping.iter().flatten().map(|(field, _)| field.value.as_str());
            let scoped: Vec<&str> = scoped.iter().copied().chain(own).collect();
            let says = self.says(&overlay.policy, &scoped)?;
            policy.roles.push((role.value.clone(), Overlay { grants: is(overlay.grants.as_ref()), says }));
        }
        Ok(policy)
    }

    fn says(&self, said: &document::ModelPolicy, scoped: &[&str]) -> Result<ModelPolicy, NotCovered> {
        let scope = |(field, value): (&Spanned<String>, &Spanned<Literal>)| {
            Ok((field.value.clone(), self.of_field(field, |column| expression(&value.value, column))?))
        };
        Ok(ModelPolicy {
            allowed: value(said.allowed.as_ref()),
            fields: said.fields.iter().map(|(name, rule)| (name.value.clone(), field(rule))).collect(),
            relations: said.relations.iter().map(|(name, rule)| (name.value.clone(), relation(rule))).collect(),
            scoping: said.scoping.iter().flatten().map(scope).collect::<Result<_, _>>()?,
            rows: said.row_policies.iter().map(|row| self.row(row, scoped)).collect::<Result<_, _>>()?,
            aggregations: said.aggregations.as_ref().map(aggregations),
            budget: budget(&said.budget),
            writes: said.write_policy.as_ref().map(|writes| self.writes(writes)).transpose()?.unwrap_or_default(),
            soft_delete: said.soft_delete.as_ref().map(|field| field.value.clone()),
            roles: Vec::new(),
        })
    }

    fn row(&self, row: &document::RowPolicy, scoped: &[&str]) -> Result<RowPolicy, NotCovered> {
        let not_covered = |why| NotCovered::field(&self.model.name, &row.name.value, why);
        let condition = condition::read(self.world, self.model, &row.condition.value).map_err(not_covered)?;
        let effect = match (row.effect.as_ref().map(|effect| effect.value), is(row.bypass.as_ref())) {
            (_, true) => RowEffect::Bypass,
            (None, _) => RowEffect::Inferred,
            (Some(document::RowEffect::Restrict), _) => RowEffect::Restrict,
            (Some(document::RowEffect::Permit), _) => {
                let field = row.field.as_ref().map(|field| field.value.clone());
                let widened = field.or_else(|| permitted(&condition, scoped));
                RowEffect::Permit(widened.ok_or_else(|| not_covered("it does not say what it widens".to_owned()))?)
            }
        };
        let operation = |operation: &document::Operation| match operation {
            document::Operation::Read => Operation::Read,
            document::Operation::Create => Operation::Create,
            document::Operation::Update => Operation::Update,
            document::Operation::Delete => Operation::Delete,
        };
        Ok(RowPolicy {
            name: row.name.value.clone(),
            condition,
            effect,
            operations: row.operations.as_ref().map(|operations| operations.value.iter().map(operation).collect()),
            check: value(row.check.as_ref()),
        })
    }

    fn writes(&self, said: &document::WritePolicy) -> Result<WritePolicy, NotCovered> {
        let opening = |action: &Option<Spanned<WriteAction>>| {
            action.as_ref().map(|action| match action.value {
                WriteAction::Allow => Opening::Open,
                WriteAction::RequireApproval => Opening::OnApproval,
                WriteAction::Deny => Opening::Closed,
            })
        };
        let filled = |(field, said): (&Spanned<String>, &Spanned<Literal>)| {
            let auto = self.of_field(field, |column| match &said.value {
                Literal::Text(text) if text == "now()" => Ok(Auto::Now),
                other => expression(other, column).map(Auto::Is),
            })?;
            Ok((field.value.clone(), auto))
        };
        Ok(WritePolicy {
            create: opening(&said.create),
            update: opening(&said.update),
            delete: opening(&said.delete),
            bulk_update: opening(&said.bulk_update),
            auto_set: said.auto_set.iter().map(filled).collect::<Result<_, _>>()?,
            immutable: names(&said.immutable_fields),
            required: names(&said.required_fields),
            max_affected_rows: value(said.max_affected_rows.as_ref()),
            require_reason: value(said.require_reason.as_ref()),
        })
    }

    fn of_field<T>(&self, name: &Spanned<String>, read: impl FnOnce(&Column) -> Read<T>) -> Result<T, NotCovered> {
        let not_covered = |why| NotCovered::field(&self.model.name, &name.value, why);
        let column = self.model.column(&name.value);
        read(column.ok_or_else(|| not_covered("the catalog does not have it".to_owned()))?).map_err(not_covered)
    }
}

fn value<T: Copy>(said: Option<&Spanned<T>>) -> Option<T> {
    said.map(|said| said.value)
}

fn is(said: Option<&Spanned<bool>>) -> bool {
    value(said).unwrap_or(false)
}

fn names(said: &[Spanned<String>]) -> Vec<String> {
    said.iter().map(|name| name.value.clone()).collect()
}

/// `principal.…`, or a literal of the column's kind.
fn expression(said: &Literal, column: &Column) -> Read<Expression> {
    let json = match said {
        Literal::Bool(bool) => Json::from(*bool),
        Literal::Int(int) => Json::from(*int),
        Literal::Float(float) => Json::from(*float),
        Literal::Text(text) => match text.strip_prefix("principal.") {
            Some(path) => {
                return condition::attribute(&path.split('.').collect::<Vec<_>>()).map(Expression::Principal);
            }
            None => {
                let inner = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
                Json::from(inner.ok_or("its expression cannot be read")?.replace("''", "'"))
            }
        },
    };
    let cell = Cell::fit(&json, &column.kind).ok_or("its literal is in a form that is not known")?;
    Ok(Expression::Literal(cell))
}

/// The scoped field that a permit widens where it names none: the one that it compares with the principal, or
/// else the only one that it mentions.
fn permitted(condition: &Condition, scoped: &[&str]) -> Option<String> {
    let whole = ormai_reference::permitted(condition).filter(|field| scoped.contains(&field.as_str()));
    let mut mentioned: Vec<&str> = scoped.iter().copied().filter(|field| condition.mentions_field(field)).collect();
    mentioned.sort_unstable();
    mentioned.dedup();
    let only = if let [field] = mentioned.as_slice() { Some((*field).to_owned()) } else { None };
    whole.cloned().or(only)
}

fn field(rule: &document::FieldPolicy) -> FieldPolicy {
    let action = match rule.action.value {
        document::Action::Allow => Action::Allow,
        document::Action::Deny => Action::Deny,
        document::Action::Mask => Action::Mask(rule.mask_pattern.as_ref().map(|pattern| pattern.value.clone())),
        document::Action::Hash => Action::Hash,
        document::Action::Redact => Action::Redact,
    };
    FieldPolicy { action, equality: is(rule.filter_equality.as_ref()) }
}

fn relation(rule: &document::RelationPolicy) -> RelationPolicy {
    RelationPolicy {
        allowed: value(rule.allowed.as_ref()).unwrap_or(true),
        max_depth: value(rule.max_depth.as_ref()),
        fields: rule.fields.as_ref().map(|fields| names(fields)),
    }
}

fn aggregations(said: &document::AggregationPolicy) -> Aggregations {
    let list = |fields: &Option<Vec<Spanned<String>>>| fields.as_ref().map(|fields| names(fields));
    Aggregations {
        count: value(said.count.as_ref()),
        sum: list(&said.sum),
        avg: list(&said.avg),
        min: list(&said.min),
        max: list(&said.max),
        group_by: list(&said.group_by),
        min_group_size: value(said.min_group_size.as_ref()),
    }
}

fn budget(said: &document::BudgetPolicy) -> Budget {
    Budget {
        max_rows: value(said.max_rows.as_ref()),
        max_include_depth: value(said.max_include_depth.as_ref()),
        max_selected_fields: value(said.max_selected_fields.as_ref()),
        max_complexity_score: value(said.max_complexity_score.as_ref()),
        max_list_length: value(said.max_list_length.as_ref()),
        max_filter_depth: value(said.max_filter_depth.as_ref()),
    }
}
