//! The policies and grants of one model.

use ormai_core::catalog::{Catalog, ModelKind};
use ormai_core::policy::{Layers, Operation};

use super::condition::table;
use super::gate::Gate;
use super::grants::{Columns, columns};
use super::made::Made;
use super::rows::{Rows, Side};
use super::script::{Roles, Section};
use super::text::{MAX_NAME, Sql};
use crate::error::CompileError;

/// An operation as PostgreSQL names it, and which of its rows a policy is about.
struct Command {
    operation: Operation,
    word: &'static str,
    prefix: [&'static str; 3],
    sides: &'static [Side],
}

const COMMANDS: [Command; 4] = [
    Command {
        operation: Operation::Read,
        word: "SELECT",
        prefix: ["ormai_scope_select", "ormai_bypass_select", "ormai_restrict_select_"],
        sides: &[Side::Using],
    },
    Command {
        operation: Operation::Create,
        word: "INSERT",
        prefix: ["ormai_scope_insert", "ormai_bypass_insert", "ormai_restrict_insert_"],
        sides: &[Side::Check],
    },
    Command {
        operation: Operation::Update,
        word: "UPDATE",
        prefix: ["ormai_scope_update", "ormai_bypass_update", "ormai_restrict_update_"],
        sides: &[Side::Using, Side::Check],
    },
    Command {
        operation: Operation::Delete,
        word: "DELETE",
        prefix: ["ormai_scope_delete", "ormai_bypass_delete", "ormai_restrict_delete_"],
        sides: &[Side::Using],
    },
];

/// Everything about one model; `None` where nobody may see it.
pub(super) fn section(
    catalog: &Catalog,
    layers: &Layers<'_>,
    roles: &Roles,
    to: &mut Made<'_>,
) -> Result<Option<Section>, CompileError> {
    let rows = Rows::new(catalog, layers);
    let model = rows.model;
    if rows.open(Operation::Read)? == Gate::Never {
        return Ok(None);
    }
    let mut section = Section::new(&model.name, &model.table);
    if model.kind == ModelKind::View {
        section.note("A view carries no policy of its own, so it is not opened here.");
        return Ok(Some(section));
    }
    let table = table(model)?;
    section.has_policies = true;
    section.say("ALTER TABLE ", &table, " ENABLE ROW LEVEL SECURITY");
    section.say("ALTER TABLE ", &table, " FORCE ROW LEVEL SECURITY");
    if layers.rules.soft_delete.is_some() {
        section.note(
            "A soft delete is an update that hides its row, and PostgreSQL refuses an update whose row can\n\
             no longer be read. So deletes are not opened here.",
        );
    }
    let columns_of = Columns::of(model, layers);
    for command in &COMMANDS {
        let open = rows.open(command.operation)?;
        if open == Gate::Never {
            continue;
        }
        let policy = Policy { table: &table, command };
        grant(&mut section, model, &columns_of, command, &table, &roles.agent)?;
        let door = rows.door(command.operation, &open)?;
        let bypass = rows.bypass(command.operation, to)?;

        let scope = |side: Side, to: &mut Made<'_>| {
            let mut all = vec![door.clone().once()];
            all.extend(rows.scoped(command.operation, side, to)?);
            Ok(Sql::join(all.into_iter().map(Sql::grouped), "\n    AND "))
        };
        section.push(policy.create(Sql::of(command.prefix[0]), "PERMISSIVE", &roles.agent, |side| scope(side, to))?);
        if let Some(bypass) = &bypass {
            section.has_bypass = true;
            let passes = {
                let mut all = vec![Sql::of("ormai_rls.principal() IS NOT NULL")];
                all.extend(open.condition());
                all.push(bypass.clone());
                Sql::join(all.into_iter().map(Sql::grouped), "\n      AND ").once()
            };
            let name = Sql::of(command.prefix[1]);
            section.push(policy.create(name, "PERMISSIVE", &roles.bypass, |_| Ok(passes.clone()))?);
        }
        for (number, (role, rule)) in rows.restrictions(command.operation).enumerate() {
            if command.sides == [Side::Check] && !rule.check {
                continue;
            }
            let condition = to.condition(model, rule)?;
            let lifted = match Gate::role(role)? {
                Gate::When(has) => Some(Sql::of("NOT ").and(&has)),
                _ => None,
            };
            let lifted = Sql::any(bypass.iter().cloned().chain(lifted).collect()).map(Sql::once);
            let restricted = Sql::any(lifted.into_iter().chain([condition]).collect()).unwrap_or(Sql::of("false"));
            let name = restriction_name(command.prefix[2], &rule.name, number)?;
            section.comment(&format!("{}: {}", rule.name, rule.condition.source()));
            section.push(policy.create(name, "RESTRICTIVE", &roles.agent, |side| {
                let is_checked = side == Side::Using || rule.check;
                Ok(if is_checked { restricted.clone() } else { Sql::of("true") })
            })?);
        }
    }
    Ok(Some(section))
}

/// A policy's place.
struct Policy<'a> {
    table: &'a Sql,
    command: &'a Command,
}

impl Policy<'_> {
    fn create(
        &self,
        name: Sql,
        kind: &'static str,
        role: &Sql,
        mut says: impl FnMut(Side) -> Result<Sql, CompileError>,
    ) -> Result<Sql, CompileError> {
        let mut sql = Sql::of("CREATE POLICY ")
            .and(&name)
            .then(" ON ")
            .and(self.table)
            .then(" AS ")
            .then(kind)
            .then(" FOR ")
            .then(self.command.word)
            .then(" TO ")
            .and(role);
        for side in self.command.sides {
            sql = sql.then(if *side == Side::Using { "\n  USING (\n    " } else { "\n  WITH CHECK (\n    " });
            sql = sql.and(&says(*side)?).then("\n  )");
        }
        Ok(sql)
    }
}

/// `ormai_restrict_select_name`, cut where PostgreSQL would cut it, and then told apart by
/// a number.
fn restriction_name(prefix: &str, rule: &str, number: usize) -> Result<Sql, CompileError> {
    let name = format!("{prefix}{rule}");
    if name.len() <= MAX_NAME {
        return Sql::name(&name);
    }
    let number = format!("_{number}");
    let mut cut = MAX_NAME - number.len();
    while !name.is_char_boundary(cut) {
        cut -= 1;
    }
    Sql::name(&format!("{}{number}", name.get(..cut).unwrap_or(prefix)))
}

fn grant(
    section: &mut Section,
    model: &ormai_core::catalog::Model,
    known: &Columns,
    command: &Command,
    table: &Sql,
    agent: &Sql,
) -> Result<(), CompileError> {
    let what = match command.operation {
        Operation::Read => {
            if !known.needed.is_empty() {
                let names: Vec<&str> = known.needed.iter().map(|field| model.field(*field).column.as_str()).collect();
                section
                    .comment(&format!("Not shown, but keys, scopes, links and conditions name: {}", names.join(", ")));
            }
            columns(model, known.open.iter().chain(&known.needed))?
        }
        Operation::Create => columns(model, known.created.iter())?,
        Operation::Update => columns(model, known.updated.iter())?,
        Operation::Delete => Sql::default(),
    };
    if what.as_str() == "()" {
        return Ok(());
    }
    let what = Sql::of(command.word).then(if what.as_str().is_empty() { "" } else { " " }).and(&what);
    section.push(Sql::of("GRANT ").and(&what).then(" ON ").and(table).then(" TO ").and(agent));
    Ok(())
}
