//! Policies that load: whatever they say fits the world.

use super::Dice;
use super::conditions::{condition_about, condition_about_the_principal};
use super::principals::{ROLES, tenant_kind};
use super::values::{tenant, value_in};
use crate::world::{
    Action, Aggregations, Attribute, Budget, Cell, Column, Comparison, Condition, Expression, FieldPolicy, Kind, List,
    Model, ModelPolicy, Operation, Overlay, Policy, RelationPolicy, RowEffect, RowPolicy, Term, World,
};

/// A policy over a world.
pub(super) fn policy(dice: &mut Dice, world: &World) -> Policy {
    let mut policy = Policy { shows_by_default: dice.chance(45), ..Policy::default() };
    // Includes and filters of a random request cost more than people's.
    policy.budget.max_complexity_score = Some(if dice.chance(90) { 1_000 } else { 14 });
    if dice.chance(15) {
        policy.budget.max_list_length = Some(4);
    }
    if dice.chance(8) {
        policy.budget.max_include_depth = Some(1);
    }
    if dice.chance(7) {
        policy.budget.max_filter_depth = Some(2);
    }
    if dice.chance(6) {
        policy.budget.max_selected_fields = Some(12);
    }
    if dice.chance(30) {
        policy.budget.max_rows = Some(u32::try_from(3 + dice.roll(20)).unwrap_or(3));
    }
    for model in &world.models {
        if dice.chance(94) {
            let said = said(dice, world, model, policy.shows_by_default);
            policy.models.push((model.name.clone(), said));
        }
    }
    policy
}

/// Row policies of a model and its overlays have names of their own.
struct Names(usize);

impl Names {
    fn next(&mut self, word: &str) -> String {
        self.0 += 1;
        format!("{word}_{}", self.0)
    }
}

fn said(dice: &mut Dice, world: &World, model: &Model, shows: bool) -> ModelPolicy {
    let mut names = Names(0);
    let mut said = ModelPolicy { scoping: scoping(dice, world, model), ..ModelPolicy::default() };
    said.fields = fields(dice, model, shows);
    for relation in &model.relations {
        if dice.chance(88) {
            said.relations.push((relation.name.clone(), relation_policy(dice, world.model(&relation.target))));
        }
    }
    said.rows = rows(dice, world, model, &said.scoping, &mut names);
    if dice.chance(75) {
        let shown = shown(model, &said, shows);
        said.aggregations = Some(aggregations(dice, &shown));
    }
    if dice.chance(10) {
        said.budget.max_rows = Some(u32::try_from(2 + dice.roll(6)).unwrap_or(2));
    }
    if model.column("deleted_at").is_some() && dice.chance(60) {
        said.soft_delete = Some("deleted_at".to_owned());
    } else if model.column("flag").is_some() && dice.chance(20) {
        said.soft_delete = Some("flag".to_owned());
    }
    if dice.chance(4) {
        said.allowed = Some(false);
    }
    for role in ROLES {
        if dice.chance(22) {
            let overlay = overlay(dice, world, model, &said, shows, &mut names);
            said.roles.push((role.to_owned(), overlay));
        }
    }
    said
}

fn scoping(dice: &mut Dice, world: &World, model: &Model) -> Vec<(String, Expression)> {
    let mut scoping = Vec::new();
    let principal = |attribute: Attribute| Expression::Principal(attribute);
    let metadata = |key: &str| principal(Attribute::Metadata(key.to_owned()));
    if model.column("tenant_id").is_some() && dice.chance(92) {
        let expression = match dice.roll(20) {
            0 | 1 => metadata("tenants"),
            2 => Expression::Literal(tenant(dice, &tenant_kind(world))),
            _ => principal(Attribute::Tenant),
        };
        scoping.push(("tenant_id".to_owned(), expression));
    }
    if model.column("org").is_some() && dice.chance(35) {
        let expression = match dice.roll(4) {
            0 => metadata("orgs"),
            1 => Expression::Literal(Cell::Int(1)),
            _ => metadata("org"),
        };
        scoping.push(("org".to_owned(), expression));
    }
    if model.column("owner").is_some() && dice.chance(10) {
        scoping.push(("owner".to_owned(), principal(Attribute::User)));
    }
    scoping
}

fn fields(dice: &mut Dice, model: &Model, shows: bool) -> Vec<(String, FieldPolicy)> {
    let mut fields = Vec::new();
    for column in &model.columns {
        let listed = if shows { dice.chance(35) } else { dice.chance(93) };
        if !listed {
            continue;
        }
        let action = if dice.chance(72) { Action::Allow } else { action(dice, column) };
        let hidden = !matches!(action, Action::Allow | Action::Deny);
        fields.push((column.name.clone(), FieldPolicy { equality: hidden && dice.chance(40), action }));
    }
    fields
}

fn action(dice: &mut Dice, column: &Column) -> Action {
    let can_be_masked = matches!(column.kind, Kind::Text | Kind::Uuid | Kind::Int | Kind::Decimal);
    match dice.roll(5) {
        0 => Action::Deny,
        1 => Action::Redact,
        2 => Action::Hash,
        _ if !can_be_masked => Action::Redact,
        _ => {
            let pattern = dice.word(&["", "****{last4}", "{first1}***", "{first1}-{last1}", "{last2}", "xx"]);
            Action::Mask((!pattern.is_empty()).then(|| pattern.to_owned()))
        }
    }
}

fn relation_policy(dice: &mut Dice, target: Option<&Model>) -> RelationPolicy {
    let mut policy = RelationPolicy { allowed: dice.chance(95), ..RelationPolicy::default() };
    if dice.chance(15) {
        policy.max_depth = Some(u32::try_from(1 + dice.roll(2)).unwrap_or(1));
    }
    if let Some(target) = target.filter(|_| dice.chance(20)) {
        let columns: Vec<String> = target.columns.iter().map(|column| column.name.clone()).collect();
        policy.fields = Some(dice.some(70, &columns));
    }
    policy
}

fn rows(
    dice: &mut Dice,
    world: &World,
    model: &Model,
    scoping: &[(String, Expression)],
    names: &mut Names,
) -> Vec<RowPolicy> {
    let mut rows = Vec::new();
    let scoped: Vec<String> = scoping.iter().map(|(field, _)| field.clone()).collect();
    if let Some(field) = dice.pick(&scoped).filter(|_| dice.chance(35)) {
        rows.push(permit(dice, world, model, &field, names));
    }
    let count = dice.roll(3);
    for _ in 0..count {
        rows.push(restriction(dice, world, model, names));
    }
    if dice.chance(22) {
        let condition = condition_about_the_principal(dice);
        let operations = operations(dice);
        rows.push(RowPolicy {
            name: names.next("bypass"),
            condition,
            effect: RowEffect::Bypass,
            operations,
            check: None,
        });
    }
    rows
}

fn operations(dice: &mut Dice) -> Option<Vec<Operation>> {
    match dice.roll(12) {
        0 => Some(vec![Operation::Read]),
        1 => Some(vec![Operation::Read, Operation::Update]),
        2 | 3 => Some(vec![Operation::Create, Operation::Delete]),
        _ => None,
    }
}

fn permit(dice: &mut Dice, world: &World, model: &Model, field: &str, names: &mut Names) -> RowPolicy {
    let own = Term::field(field);
    let (one, list) = match field {
        "tenant_id" => ("partner", dice.word(&["tree", "tenants"])),
        "org" => ("org", "orgs"),
        _ => ("word", "words"),
    };
    let metadata = |key: &str| Attribute::Metadata(key.to_owned());
    let (condition, effect) = match dice.roll(6) {
        0 | 1 => {
            (Condition::In { term: own, list: List::Principal(metadata(list)), negated: false }, RowEffect::Inferred)
        }
        2 => {
            let (left, right) = (own, Term::Principal(metadata(one)));
            let (left, right) = if dice.chance(70) { (left, right) } else { (right, left) };
            (Condition::Compare { op: Comparison::Eq, left, right }, RowEffect::Inferred)
        }
        _ => (condition_about(dice, world, model, 2), RowEffect::Permit(field.to_owned())),
    };
    RowPolicy { name: names.next("permit"), condition, effect, operations: operations(dice), check: None }
}

/// Half of the restrictions are let off by an alternative that is often true, so that there is
/// something left to see.
fn restriction(dice: &mut Dice, world: &World, model: &Model, names: &mut Names) -> RowPolicy {
    let mut condition = condition_about(dice, world, model, 2);
    if dice.chance(60)
        && let Some(column) = dice.pick(&model.columns)
    {
        let (op, literal) = (Comparison::Distinct, Term::Literal(value_in(dice, model, &column)));
        let usual = Condition::Compare { op, left: Term::field(&column.name), right: literal };
        condition = Condition::Or(vec![condition, usual]);
    }
    let effect = if dice.chance(50) { RowEffect::Restrict } else { RowEffect::Inferred };
    RowPolicy { name: names.next("rule"), condition, effect, operations: operations(dice), check: None }
}

/// The columns that a model shows as they are.
fn shown(model: &Model, said: &ModelPolicy, shows: bool) -> Vec<Column> {
    let rule = |column: &Column| said.fields.iter().find(|(name, _)| *name == column.name);
    let shown = |column: &&Column| rule(column).map_or(shows, |(_, policy)| policy.action == Action::Allow);
    model.columns.iter().filter(shown).cloned().collect()
}

fn aggregations(dice: &mut Dice, shown: &[Column]) -> Aggregations {
    let named = |fits: fn(&Column) -> bool| -> Vec<String> {
        shown.iter().filter(|column| fits(column)).map(|column| column.name.clone()).collect()
    };
    // Keys of rows may be as wide as integers go.
    let numbers = named(|column| column.kind.is_number() && is_small(column));
    let extremes = named(|column| column.kind.has_extremes());
    let all = named(|_| true);
    Aggregations {
        count: Some(dice.chance(90)),
        sum: Some(dice.some(90, &numbers)),
        avg: Some(dice.some(85, &numbers)),
        min: Some(dice.some(85, &extremes)),
        max: Some(dice.some(85, &extremes)),
        group_by: if dice.chance(30) { Some(dice.some(70, &all)) } else { None },
        min_group_size: if dice.chance(30) { Some(u32::try_from(1 + dice.roll(4)).unwrap_or(1)) } else { None },
    }
}

/// Whether the values of a column can be added up on every engine.
fn is_small(column: &Column) -> bool {
    !column.wide && matches!(column.name.as_str(), "amount" | "level" | "org" | "price")
}

fn overlay(
    dice: &mut Dice,
    world: &World,
    model: &Model,
    base: &ModelPolicy,
    shows: bool,
    names: &mut Names,
) -> Overlay {
    let grants = dice.chance(50);
    let mut says = ModelPolicy::default();
    if grants {
        says.fields = fields(dice, model, true);
        if dice.chance(40) {
            says.rows = rows(dice, world, model, &base.scoping, names);
        }
        if dice.chance(50) {
            says.allowed = Some(true);
        }
        for relation in dice.some(25, &model.relations) {
            says.relations.push((relation.name.clone(), relation_policy(dice, world.model(&relation.target))));
        }
        if let Some((field, Expression::Principal(Attribute::Tenant))) =
            base.scoping.first().filter(|_| dice.chance(15))
        {
            let list = Expression::Principal(Attribute::Metadata("tenants".to_owned()));
            says.scoping.push((field.clone(), list));
        }
        if dice.chance(30) {
            let with_base: Vec<(String, FieldPolicy)> = base
                .fields
                .iter()
                .filter(|(name, _)| says.fields.iter().all(|(known, _)| known != name))
                .chain(&says.fields)
                .cloned()
                .collect();
            let merged = ModelPolicy { fields: with_base, ..ModelPolicy::default() };
            says.aggregations = Some(aggregations(dice, &shown(model, &merged, shows)));
        }
        if dice.chance(20) {
            says.budget = Budget { max_rows: Some(40), ..Budget::default() };
        }
        return Overlay { grants, says };
    }
    let open: Vec<&Column> = model
        .columns
        .iter()
        .filter(|column| base.fields.iter().find(|(name, _)| *name == column.name).map_or(shows, |_| true))
        .collect();
    for column in dice.some(25, &open) {
        let said = base.fields.iter().find(|(name, _)| *name == column.name).map(|(_, policy)| policy);
        let action = match said.map(|policy| &policy.action) {
            Some(Action::Deny | Action::Redact) => Action::Deny,
            Some(Action::Mask(_) | Action::Hash) => {
                if dice.chance(50) {
                    Action::Redact
                } else {
                    Action::Deny
                }
            }
            _ => action(dice, column),
        };
        let may_compare = said.is_none_or(|policy| policy.action == Action::Allow || policy.equality);
        let equality = may_compare && action != Action::Deny && action != Action::Allow && dice.chance(40);
        says.fields.push((column.name.clone(), FieldPolicy { action, equality }));
    }
    let restrictions = dice.roll(2);
    for _ in 0..restrictions {
        let rule = restriction(dice, world, model, names);
        says.rows.push(RowPolicy { effect: RowEffect::Restrict, ..rule });
    }
    if let Some((relation, _)) = base.relations.first().filter(|_| dice.chance(25)) {
        says.relations.push((relation.clone(), RelationPolicy::default()));
    }
    if model.column("org").is_some() && dice.chance(15) {
        let attribute = Attribute::Metadata(dice.word(&["org", "orgs"]).to_owned());
        says.scoping.push(("org".to_owned(), Expression::Principal(attribute)));
    }
    if dice.chance(12) {
        says.allowed = Some(false);
    }
    if let Some(open) = base.aggregations.as_ref().filter(|_| dice.chance(25)) {
        let smaller = |dice: &mut Dice, fields: &Option<Vec<String>>| {
            let hidden = |name: &String| says.fields.iter().any(|(known, _)| known == name);
            let fields: Vec<String> = fields.iter().flatten().filter(|name| !hidden(name)).cloned().collect();
            Some(dice.some(60, &fields))
        };
        says.aggregations = Some(Aggregations {
            sum: smaller(dice, &open.sum),
            min: smaller(dice, &open.min),
            min_group_size: Some(open.min_group_size.unwrap_or(1) + u32::from(dice.chance(50))),
            ..Aggregations::default()
        });
    }
    if dice.chance(20) {
        says.budget.max_rows = Some(2);
    }
    Overlay { grants, says }
}
