//! The sets of roles for which two policies are compared.

use std::collections::BTreeSet;

use ormai::condition::{List, Node, Operand};
use ormai::policy::CompiledPolicy;
use ormai::principal::PrincipalPath;
use ormai::value::Value;

use crate::record::Who;

/// With more roles than this, not every combination is looked at: there are two to the power of them.
const ALL_COMBINATIONS_OF: usize = 5;

/// The roles that make a difference under a policy.
pub(super) fn named(policy: &CompiledPolicy) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (id, _) in policy.catalog().models() {
        let Some(layers) = policy.layers(id) else { continue };
        for overlay in &layers.overlays {
            named.insert(overlay.role.to_owned());
            overlay.row_rules.iter().for_each(|rule| in_condition(rule.condition.root(), &mut named));
        }
        layers.rules.row_rules.iter().for_each(|rule| in_condition(rule.condition.root(), &mut named));
    }
    named
}

/// The texts that are looked for among the principal's roles.
fn in_condition(node: &Node, named: &mut BTreeSet<String>) {
    match node {
        Node::And(parts) | Node::Or(parts) => parts.iter().for_each(|part| in_condition(part, named)),
        Node::Not(inner) | Node::Exists { filter: inner, .. } => in_condition(inner, named),
        Node::In {
            needle: Operand::Literal(Value::Text(role)),
            list: List::Principal { path: PrincipalPath::Roles, .. },
            ..
        } => {
            named.insert(role.clone());
        }
        _ => {}
    }
}

/// Sets of roles, the smallest first, and whether they are all that there are: of many roles none, each,
/// each two, and all.
pub(super) fn combinations(roles: &[String]) -> (Vec<Vec<String>>, bool) {
    if roles.len() <= ALL_COMBINATIONS_OF {
        let mut sets: Vec<Vec<String>> = vec![Vec::new()];
        for role in roles {
            let with: Vec<_> = sets.iter().map(|set| set.iter().chain([role]).cloned().collect()).collect();
            sets.extend(with);
        }
        sets.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
        return (sets, true);
    }
    let mut sets = vec![Vec::new()];
    sets.extend(roles.iter().map(|role| vec![role.clone()]));
    for (at, one) in roles.iter().enumerate() {
        sets.extend(roles.iter().skip(at + 1).map(|other| vec![one.clone(), other.clone()]));
    }
    sets.push(roles.to_vec());
    (sets, false)
}

/// The sets of roles of principals, each once.
pub(super) fn of(principals: &[Who]) -> Vec<Vec<String>> {
    let mut sets: Vec<Vec<String>> = Vec::new();
    for who in principals {
        if !sets.contains(&who.roles) {
            sets.push(who.roles.clone());
        }
    }
    sets
}
