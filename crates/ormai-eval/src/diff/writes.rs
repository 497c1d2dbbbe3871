//! What two policies say of writing one model.

use ormai::catalog::{FieldId, Model};
use ormai::policy::{AutoValue, WriteAction, WriteRules};

use super::levels::{names, number, set, turned};
use super::rules::{Findings, limit_text, limits};
use super::{Direction, Part};

pub(super) fn rules(findings: &mut Findings<'_>, old: &WriteRules, new: &WriteRules) {
    for ((name, old), (_, new)) in actions(old).into_iter().zip(actions(new)) {
        findings.add(Part::Write, name, number(rank(old), rank(new)), || (word(old), word(new)));
    }
    let opens = |rules: &WriteRules| actions(rules).iter().any(|(_, action)| *action != WriteAction::Deny);
    // How something is written says nothing where it is not.
    if !opens(old) || !opens(new) {
        return;
    }
    let model = findings.model;
    let mut fields = |name, old: &[FieldId], new: &[FieldId]| {
        findings.add(Part::Write, name, turned(set(old, new)), || (names(model, old), names(model, new)));
    };
    fields("immutable_fields", &old.immutable_fields, &new.immutable_fields);
    fields("required_fields", &old.required_fields, &new.required_fields);
    let auto_set = (old.auto_set != new.auto_set).then_some(Direction::Either);
    findings.add(Part::Write, "auto_set", auto_set, || (filled(model, old), filled(model, new)));
    let rows = limits(old.max_affected_rows, new.max_affected_rows);
    let words = || (limit_text(old.max_affected_rows), limit_text(new.max_affected_rows));
    findings.add(Part::Write, "max_affected_rows", rows, words);
    let reason = turned(number(old.require_reason, new.require_reason));
    let words = || (old.require_reason.to_string(), new.require_reason.to_string());
    findings.add(Part::Write, "require_reason", reason, words);
    let approvers = set(&old.approver_roles, &new.approver_roles);
    let listed = |rules: &WriteRules| match rules.approver_roles.as_slice() {
        [] => "nobody".to_owned(),
        roles => roles.join(", "),
    };
    findings.add(Part::Write, "approver_roles", approvers, || (listed(old), listed(new)));
    let waits = number(old.approval_ttl_s, new.approval_ttl_s);
    let words = || (old.approval_ttl_s.to_string(), new.approval_ttl_s.to_string());
    findings.add(Part::Write, "approval_ttl_s", waits, words);
}

fn actions(rules: &WriteRules) -> [(&'static str, WriteAction); 4] {
    [("create", rules.create), ("update", rules.update), ("delete", rules.delete), ("bulk_update", rules.bulk_update)]
}

fn rank(action: WriteAction) -> u8 {
    match action {
        WriteAction::Deny => 0,
        WriteAction::RequireApproval => 1,
        WriteAction::Allow => 2,
    }
}

fn word(action: WriteAction) -> String {
    match action {
        WriteAction::Deny => "closed",
        WriteAction::RequireApproval => "after an approval",
        WriteAction::Allow => "open",
    }
    .to_owned()
}

fn filled(model: &Model, rules: &WriteRules) -> String {
    let filled = rules.auto_set.iter().map(|(field, value)| {
        let value = match value {
            AutoValue::Principal(path) => path.to_string(),
            AutoValue::Now => "now()".to_owned(),
            AutoValue::Literal(value) => value.to_json().to_string(),
        };
        format!("{} = {value}", model.field(*field).name)
    });
    let filled: Vec<String> = filled.collect();
    if filled.is_empty() { "nothing".to_owned() } else { filled.join(", ") }
}
