//! What the database does to rows by itself, past every scope.

use super::{Linted, Linter, Write};
use crate::catalog::{FieldId, ForeignKey, ReferentialAction};

impl<'a> Linter<'a> {
    pub(super) fn foreign_keys(&mut self, child: Linted<'a>) {
        if child.open.rules.scoping.is_empty() {
            return;
        }
        for key in &child.subject.model.foreign_keys {
            if let Some(parent) = self.named(key.target).filter(|parent| !stays_inside(key, child, *parent)) {
                self.cascade(child, parent, key);
            }
        }
    }

    fn cascade(&mut self, child: Linted<'a>, parent: Linted<'a>, key: &ForeignKey) {
        let (rows, model) = (&child.subject.model.name, &parent.subject.model.name);
        let does = |action: ReferentialAction| match action {
            ReferentialAction::Refuse => None,
            ReferentialAction::Cascade => Some("changes"),
            ReferentialAction::SetNull | ReferentialAction::SetDefault => Some("detaches"),
        };
        let on_delete = match key.on_delete {
            ReferentialAction::Cascade => Some("deletes"),
            other => does(other),
        };
        let cases =
            [(Write::Delete, "deleting", on_delete), (Write::Update, "changing the key of", does(key.on_update))];
        let names = |of: fn(&(FieldId, FieldId)) -> FieldId, model: &crate::catalog::Model| {
            key.columns.iter().map(|pair| model.field(of(pair)).name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let (here, there) = (names(|pair| pair.0, child.subject.model), names(|pair| pair.1, parent.subject.model));
        for (write, doing, done) in cases {
            let Some(done) = done else { continue };
            let message =
                format!("{doing} a row of `{model}` {done} rows of `{rows}` by the key ({here}), of whatever tenant");
            let help = match common_scope(child, parent) {
                Some((own, theirs)) => format!(
                    "let the foreign key take in the scope, ({own}, {here}) to `{model}` ({theirs}, {there}), or let it refuse"
                ),
                None => "let the foreign key refuse (`RESTRICT`)".to_owned(),
            };
            // Without an open write it takes another program to set it off.
            if parent.writes().any(|open| open == write) {
                self.warn(child.name, "cascade-crosses-tenants", message, help);
            } else {
                self.note(child.name, "cascade-crosses-tenants", message, help);
            }
        }
    }
}

/// Whether rows on both sides of a key are the same principal's: it links a scoped field to
/// one with the same scope.
fn stays_inside(key: &ForeignKey, child: Linted<'_>, parent: Linted<'_>) -> bool {
    let scope = |linted: Linted<'_>, field: FieldId| {
        linted.open.rules.scoping.iter().find(|scope| scope.field == field).map(|scope| scope.value.clone())
    };
    key.columns.iter().any(|(here, there)| scope(child, *here).is_some_and(|own| scope(parent, *there) == Some(own)))
}

/// The fields with the same scope on both sides.
fn common_scope<'a>(child: Linted<'a>, parent: Linted<'a>) -> Option<(&'a str, &'a str)> {
    let name = |linted: Linted<'a>, field: FieldId| linted.subject.model.field(field).name.as_str();
    child.open.rules.scoping.iter().find_map(|own| {
        let theirs = parent.open.rules.scoping.iter().find(|theirs| theirs.value == own.value)?;
        Some((name(child, own.field), name(parent, theirs.field)))
    })
}
