//! Overlays by role: they narrow, and widen only where they say so.

use std::sync::Arc;

use insta::assert_snapshot;
use ormai_core::policy::{CompiledPolicy, Effect, FieldAction, Format, ModelRules, WriteAction};
use proptest::prelude::*;

use super::{findings, load, policy};

fn with_roles(roles: &str) -> String {
    let roles: String = roles.lines().map(|line| format!("      {line}\n")).collect();
    format!(
        "models:
  User:
    fields: {{id: allow, email: allow}}
    scoping: {{tenant_id: principal.tenant_id}}
  Order:
    fields: {{id: allow, total: allow, status: allow, card: mask, number: hash}}
    relations: {{user: {{max_depth: 2, fields: [id]}}}}
    scoping: {{tenant_id: principal.tenant_id}}
    write_policy: {{create: allow, update: require_approval, max_affected_rows: 10, require_reason: true, auto_set: {{status: \"'open'\"}}, approver_roles: [manager, owner], approval_ttl_s: 3600}}
    aggregations: {{count: true, sum: [total], min_group_size: 5}}
    budget: {{max_rows: 100}}
    roles:
{roles}"
    )
}

fn names(roles: &[&str]) -> Vec<String> {
    roles.iter().map(|role| (*role).to_owned()).collect()
}

/// What principals with these roles may do with orders.
fn order(policy: &CompiledPolicy, roles: &[&str]) -> Option<ModelRules> {
    policy.view(&names(roles)).model(policy.catalog().find("Order").unwrap()).cloned()
}

fn action(policy: &CompiledPolicy, roles: &[&str], field: &str) -> Option<FieldAction> {
    let model = policy.catalog().model(policy.catalog().find("Order").unwrap());
    order(policy, roles)?.field(model.find_field(field).unwrap()).map(|rule| rule.action.clone())
}

#[test]
fn an_overlay_narrows_every_part() {
    let policy = policy(&with_roles(
        "support:
  fields: {card: redact, total: deny}
  relations: {user: {max_depth: 1, fields: [id]}}
  scoping: {owner_id: principal.user_id}
  row_policies: [{name: open_only, condition: \"status = 'open'\"}]
  write_policy: {create: require_approval, update: deny, max_affected_rows: 2, immutable_fields: [status], required_fields: [status], approver_roles: [owner], approval_ttl_s: 60}
  aggregations: {min_group_size: 10}
  budget: {max_rows: 20}",
    ));
    let base = order(&policy, &[]).unwrap();
    let rules = order(&policy, &["support"]).unwrap();
    assert_eq!(action(&policy, &["support"], "card"), Some(FieldAction::Redact));
    assert_eq!(action(&policy, &["support"], "total"), None);
    assert_eq!(action(&policy, &["support"], "id"), Some(FieldAction::Allow));
    assert_eq!((base.scoping.len(), rules.scoping.len()), (1, 2));
    assert_eq!((base.row_rules.len(), rules.row_rules.len()), (0, 1));
    assert_eq!((rules.write.create, rules.write.update), (WriteAction::RequireApproval, WriteAction::Deny));
    assert_eq!(rules.write.max_affected_rows, Some(2));
    assert_eq!(base.write.approver_roles, ["manager", "owner"]);
    assert_eq!((rules.write.approver_roles, rules.write.approval_ttl_s), (vec!["owner".to_owned()], 60));
    assert_eq!((rules.write.immutable_fields.len(), rules.write.required_fields.len()), (1, 1));
    assert_eq!(rules.budget.max_rows, 20);
    let aggregations = rules.aggregations.unwrap();
    assert_eq!(aggregations.min_group_size, Some(10));
    assert!(aggregations.functions.is_empty(), "a field that is hidden cannot be added up");
    assert_eq!(rules.relations[0].as_ref().unwrap().max_depth, Some(1));
}

#[test]
fn an_overlay_takes_aggregations_away() {
    let policy = policy(&with_roles(
        "no_sums: {aggregations: {sum: []}}
none: {aggregations: {count: false, sum: []}}
groups: {aggregations: {group_by: [status]}}",
    ));
    let aggregations = |roles: &[&str]| order(&policy, roles).unwrap().aggregations;
    let base = aggregations(&[]).unwrap();
    assert_eq!((base.count, base.functions.len(), base.group_by), (true, 1, None));
    let no_sums = aggregations(&["no_sums"]).unwrap();
    assert_eq!((no_sums.count, no_sums.functions.len()), (true, 0));
    assert_eq!(aggregations(&["none"]), None);
    assert_eq!(aggregations(&["groups"]).unwrap().group_by.map(|fields| fields.len()), Some(1));
}

#[test]
fn widening_without_grants_is_refused_key_by_key() {
    let text = with_roles(
        "support:
  fields: {card: allow, total: mask, number: mask, status: allow, user_id: redact}
  relations: {user: {max_depth: 3, fields: [id, email]}, secret: allow}
  row_policies:
    - {name: all, condition: \"'x' IN principal.roles\", bypass: true}
    - {name: more, condition: tenant_id IN principal.metadata.tenants}
  write_policy: {create: allow, update: allow, delete: require_approval, max_affected_rows: 11, require_reason: false, auto_set: {status: \"'paid'\"}, approver_roles: [manager, intern], approval_ttl_s: 3601}
  aggregations: {sum: [id], avg: [total], min_group_size: 4, group_by: [status]}
  budget: {max_rows: 101, max_list_length: 5}",
    );
    assert_snapshot!("widening", findings(&text, Format::Yaml));
}

#[test]
fn a_granting_overlay_widens() {
    let policy = policy(&with_roles(
        "finance:
  grants: true
  fields: {card: allow, user_id: allow}
  write_policy: {delete: allow, require_reason: false, approver_roles: [cfo], approval_ttl_s: 7200}
  aggregations: {avg: [total]}
  budget: {max_rows: 500}
  row_policies: [{name: all, condition: \"'x' IN principal.roles\", bypass: true}]",
    ));
    assert_eq!(action(&policy, &[], "card"), Some(FieldAction::Mask(ormai_core::policy::Mask::Default)));
    assert_eq!(action(&policy, &["finance"], "card"), Some(FieldAction::Allow));
    let rules = order(&policy, &["finance"]).unwrap();
    assert_eq!(rules.write.delete, WriteAction::Allow);
    assert_eq!((rules.write.approver_roles, rules.write.approval_ttl_s), (vec!["cfo".to_owned()], 7_200));
    assert_eq!(rules.budget.max_rows, 500);
    assert_eq!(rules.aggregations.unwrap().functions.len(), 2);
    assert_eq!(rules.row_rules.len(), 1);
    assert_eq!(rules.scoping.len(), 1, "a grant never lifts a scope");
}

/// Whatever the order of the document or of the principal's roles.
#[test]
fn narrowing_has_the_last_word() {
    let narrow = "support:\n  fields: {card: deny}\n  budget: {max_rows: 10}";
    let grant = "finance:\n  grants: true\n  fields: {card: allow}\n  budget: {max_rows: 500}";
    for text in [format!("{narrow}\n{grant}"), format!("{grant}\n{narrow}")] {
        let policy = policy(&with_roles(&text));
        for roles in [["support", "finance"], ["finance", "support"]] {
            assert_eq!(action(&policy, &roles, "card"), None);
            assert_eq!(order(&policy, &roles).unwrap().budget.max_rows, 10);
        }
        assert_eq!(action(&policy, &["finance"], "card"), Some(FieldAction::Allow));
    }
}

#[test]
fn a_model_closed_by_a_role_closes_the_relations_to_it() {
    let text = "models:
  User:
    fields: {id: allow, email: allow}
    scoping: {tenant_id: principal.tenant_id}
    roles: {guest: {allowed: false}, deputy: {fields: {email: deny}}}
  Order:
    relations: {user: {fields: [id, email]}}
    scoping: {tenant_id: principal.tenant_id}
";
    let policy = policy(text);
    let through = |roles: &[&str]| order(&policy, roles).unwrap().relations[0].clone().unwrap().fields.unwrap().len();
    assert_eq!((through(&[]), through(&["deputy"])), (2, 1), "a field that is closed there is closed on the way");
    assert!(order(&policy, &[]).unwrap().relations[0].is_some());
    assert!(order(&policy, &["deputy"]).unwrap().relations[0].is_some());
    assert!(order(&policy, &["guest"]).unwrap().relations[0].is_none());
    assert_eq!(policy.view(&names(&["guest"])).models().count(), 1);
}

#[test]
fn a_model_may_be_open_to_a_role_alone() {
    let text = "models: {Order: {allowed: false, scoping: {tenant_id: principal.tenant_id}, roles: {staff: {grants: true, allowed: true}}}}";
    let policy = policy(text);
    assert!(order(&policy, &[]).is_none());
    assert!(order(&policy, &["staff"]).is_some());
    assert_snapshot!("opened_without_grants", findings(&text.replace("grants: true, ", ""), Format::Yaml));
}

/// Attack 4: a role with other letters is another role.
#[test]
fn roles_are_compared_byte_by_byte() {
    let policy = policy(&with_roles("finance:\n  grants: true\n  fields: {card: allow}"));
    for role in ["Finance", "finance ", "FINANCE", "fınance", ""] {
        assert_ne!(action(&policy, &[role], "card"), Some(FieldAction::Allow), "{role:?}");
    }
}

#[test]
fn views_are_made_once_for_the_roles_that_matter() {
    let policy = policy(&with_roles("support: {budget: {max_rows: 10}}"));
    let view = policy.view(&names(&["support"]));
    assert!(Arc::ptr_eq(&view, &policy.view(&names(&["other", "support", "support"]))));
    assert!(!Arc::ptr_eq(&view, &policy.view(&[])));
    assert_eq!(view.policy_version(), policy.version());
}

/// Roles come from outside: their subsets must not fill the memory.
#[test]
fn the_cache_of_views_is_bounded() {
    let roles: String = (0..9).map(|role| format!("r{role}: {{budget: {{max_rows: {}}}}}\n", 90 - role)).collect();
    let policy = policy(&with_roles(roles.trim_end()));
    let first = policy.view(&[]);
    for subset in 1..512 {
        let roles: Vec<String> =
            (0..9).filter(|role| subset & (1 << role) != 0).map(|role| format!("r{role}")).collect();
        policy.view(&roles);
    }
    assert!(!Arc::ptr_eq(&first, &policy.view(&[])), "the first view has been let go");
}

#[test]
fn two_actions_of_one_rank_show_nothing() {
    let policy = policy(&with_roles("a: {fields: {total: mask}}\nb: {fields: {total: hash}}"));
    assert_eq!(action(&policy, &["a", "b"], "total"), Some(FieldAction::Redact));
}

#[test]
fn the_version_tells_meanings_apart_and_nothing_else() {
    let text = "version: 3\nmodels: {Order: {scoping: {tenant_id: principal.tenant_id}}}";
    let version = policy(text).version().to_owned();
    assert!(version.starts_with("3-") && version.len() == 14, "{version}");
    assert_eq!(policy(&format!("# a comment\n{text}\n")).version(), version);
    assert_ne!(policy(&text.replace("tenant_id}", "user_id}")).version(), version);
}

/// Every field, relation, write and limit that is open in `narrow` is as open in `wide`.
fn opens_no_more(narrow: &ModelRules, wide: &ModelRules) -> bool {
    let shows = |rules: &ModelRules, index: usize| match rules.fields[index].as_ref().map(|rule| &rule.action) {
        Some(FieldAction::Allow) => 3,
        Some(FieldAction::Mask(_) | FieldAction::Hash) => 2,
        Some(FieldAction::Redact) => 1,
        _ => 0,
    };
    let opens = |action: WriteAction| match action {
        WriteAction::Allow => 2,
        WriteAction::RequireApproval => 1,
        WriteAction::Deny => 0,
    };
    let fields = (0..wide.fields.len()).all(|index| shows(narrow, index) <= shows(wide, index));
    let relations = narrow.relations.iter().zip(&wide.relations).all(|(narrow, wide)| match (narrow, wide) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(narrow), Some(wide)) => {
            let depth = wide.max_depth.is_none_or(|most| narrow.max_depth.is_some_and(|depth| depth <= most));
            let open = wide.fields.as_ref().is_none_or(|open| {
                narrow.fields.as_ref().is_some_and(|fields| fields.iter().all(|field| open.contains(field)))
            });
            depth && open
        }
    });
    let aggregations = narrow.aggregations.as_ref().is_none_or(|narrow| {
        wide.aggregations.as_ref().is_some_and(|wide| {
            narrow.count <= wide.count
                && narrow.min_group_size >= wide.min_group_size
                && narrow.functions.iter().all(|(function, fields)| {
                    wide.functions
                        .iter()
                        .any(|(known, open)| known == function && fields.iter().all(|f| open.contains(f)))
                })
        })
    });
    fields
        && relations
        && aggregations
        && opens(narrow.write.create) <= opens(wide.write.create)
        && opens(narrow.write.update) <= opens(wide.write.update)
        && narrow.budget.max_rows <= wide.budget.max_rows
        && narrow.write.require_reason >= wide.write.require_reason
        && narrow.write.approval_ttl_s <= wide.write.approval_ttl_s
        && narrow.write.approver_roles.iter().all(|role| wide.write.approver_roles.contains(role))
        && wide.scoping.iter().all(|scope| narrow.scoping.contains(scope))
        && wide.row_rules.iter().all(|rule| narrow.row_rules.contains(rule))
        && narrow.row_rules.iter().all(|rule| wide.row_rules.contains(rule) || rule.effect == Effect::Restrict)
}

/// One of the first words; of all words where an overlay may also try to widen.
fn words(narrowing: usize, all: &'static [&'static str], narrow: bool) -> impl Strategy<Value = &'static str> {
    prop::sample::select(if narrow { &all[..narrowing] } else { all })
}

/// An overlay of `with_roles`: one that narrows, or one that may also try to widen.
fn overlay(role: &'static str, narrow: bool) -> impl Strategy<Value = String> {
    let card = words(3, &["mask", "redact", "deny", "hash", "allow"], narrow);
    let total = words(5, &["allow", "mask", "hash", "redact", "deny"], narrow);
    let number = words(3, &["hash", "redact", "deny", "mask", "allow"], narrow);
    let create = words(3, &["allow", "require_approval", "deny"], narrow);
    let update = words(2, &["require_approval", "deny", "allow"], narrow);
    let approvers = words(3, &["[manager]", "[]", "[owner, manager]", "[intern]", "[Manager]"], narrow);
    let ttl = words(2, &["60", "3600", "3601"], narrow);
    let through = words(2, &["[id]", "[]", "[id, email]"], narrow);
    let sum = words(1, &["[]", "[total]", "[total, id]"], narrow);
    let scope = words(2, &["tenant_id: principal.metadata.other", "owner_id: principal.user_id"], narrow);
    let condition =
        words(2, &["total > 1", "tenant_id IS NOT NULL", "tenant_id IN principal.metadata.tenants"], narrow);
    let (depth, size, rows) = if narrow { (1..3, 5..9, 1..101) } else { (1..4, 1..9, 1..200) };
    let keys = (
        (card, total, number)
            .prop_map(|(card, total, number)| format!("fields: {{card: {card}, total: {total}, number: {number}}}")),
        (depth, through)
            .prop_map(|(depth, fields)| format!("relations: {{user: {{max_depth: {depth}, fields: {fields}}}}}")),
        (create, update, approvers, ttl).prop_map(|(create, update, approvers, ttl)| {
            format!("write_policy: {{create: {create}, update: {update}, approver_roles: {approvers}, approval_ttl_s: {ttl}}}")
        }),
        (any::<bool>(), size, sum).prop_map(|(count, size, sum)| {
            format!("aggregations: {{count: {count}, sum: {sum}, min_group_size: {size}}}")
        }),
        rows.prop_map(|rows: i32| format!("budget: {{max_rows: {rows}}}")),
        scope.prop_map(|scope| format!("scoping: {{{scope}}}")),
        condition.prop_map(move |condition| format!("row_policies: [{{name: {role}, condition: {condition}}}]")),
    );
    (keys, 1..128_u8).prop_map(move |((a, b, c, d, e, f, g), chosen)| {
        let keys = [a, b, c, d, e, f, g].into_iter().enumerate().filter(|(index, _)| chosen & (1 << index) != 0);
        format!("{role}: {{{}}}", keys.map(|(_, key)| key).collect::<Vec<_>>().join(", "))
    })
}

proptest! {
    /// The law of overlays: what loads without `grants` opens no more than its model.
    #[test]
    fn what_is_not_granted_is_not_opened(text in any::<bool>().prop_flat_map(|narrow| overlay("one", narrow))) {
        if let Ok(policy) = load(&with_roles(&text), Format::Yaml) {
            prop_assert!(opens_no_more(&order(&policy, &["one"]).unwrap(), &order(&policy, &[]).unwrap()));
        }
    }

    /// What only narrows loads, and two overlays together open no more than each alone.
    #[test]
    fn overlays_narrow_together(one in overlay("one", true), other in overlay("other", true)) {
        let policy = policy(&with_roles(&format!("{one}\n{other}")));
        let both = order(&policy, &["one", "other"]).unwrap();
        for role in ["one", "other"] {
            prop_assert!(opens_no_more(&both, &order(&policy, &[role]).unwrap()), "{}", role);
        }
    }
}
