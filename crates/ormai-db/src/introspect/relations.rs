//! Relations from foreign keys, and their names.

use std::collections::HashMap;

use ormai_core::catalog::{RelationBuilder, RelationKind, TableName};

use super::naming::{numbered, plural, snake};
use super::{ForeignKey, Table};

/// The relations of each table, in the order of the tables. First the keys' own side, then
/// the other one, so that a name is never taken from a table by one that points to it.
pub(super) fn all(
    tables: &[Table],
    models: &[String],
    overrides: &HashMap<String, String>,
) -> Vec<Vec<RelationBuilder>> {
    let by_table: HashMap<&TableName, usize> = tables.iter().enumerate().map(|(at, table)| (&table.name, at)).collect();
    let mut relations: Vec<Vec<RelationBuilder>> = tables.iter().map(|_| Vec::new()).collect();
    let mut others = Vec::new();
    for ((table, model), at) in tables.iter().zip(models).zip(0..) {
        for key in &table.foreign_keys {
            // A key to a table that was not read leads nowhere.
            let Some((target, target_model, there)) =
                by_table.get(&key.target).and_then(|there| Some((tables.get(*there)?, models.get(*there)?, *there)))
            else {
                continue;
            };
            let stem = stem(key).unwrap_or_else(|| snake(target_model));
            if target.is_key(key.columns.iter().map(|(_, there)| there)) {
                let wanted = overridden(model, stem.clone(), overrides);
                let relation = RelationBuilder {
                    name: free(table, relations.get(at), wanted, &stem),
                    target: target_model.clone(),
                    kind: RelationKind::One,
                    link: key.columns.clone(),
                };
                relations.extend_at(at, relation);
            }
            others.push((at, there, key, stem));
        }
    }
    for (child, parent, key, stem) in &others {
        let (Some(table), Some(model), Some(target), Some(target_model)) =
            (tables.get(*child), models.get(*child), tables.get(*parent), models.get(*parent))
        else {
            continue;
        };
        let is_one = table.is_key(key.columns.iter().map(|(here, _)| here));
        let base = if is_one { snake(model) } else { plural(&snake(model)) };
        let several = others.iter().filter(|(c, p, ..)| c == child && p == parent).count() > 1;
        let name = if child == parent || several { format!("{base}_by_{stem}") } else { base };
        let wanted = overridden(target_model, name, overrides);
        let relation = RelationBuilder {
            name: free(target, relations.get(*parent), wanted, stem),
            target: model.clone(),
            kind: if is_one { RelationKind::One } else { RelationKind::Many },
            link: key.columns.iter().map(|(here, there)| (there.clone(), here.clone())).collect(),
        };
        relations.extend_at(*parent, relation);
    }
    relations
}

trait ExtendAt {
    fn extend_at(&mut self, at: usize, relation: RelationBuilder);
}

impl ExtendAt for Vec<Vec<RelationBuilder>> {
    fn extend_at(&mut self, at: usize, relation: RelationBuilder) {
        if let Some(relations) = self.get_mut(at) {
            relations.push(relation);
        }
    }
}

/// `user` for a key of the one column `user_id`.
fn stem(key: &ForeignKey) -> Option<String> {
    let [(column, _)] = key.columns.as_slice() else { return None };
    let stem = ["_id", "_ID", "Id"].iter().find_map(|end| column.strip_suffix(end))?;
    (!stem.is_empty()).then(|| snake(stem))
}

fn overridden(model: &str, name: String, overrides: &HashMap<String, String>) -> String {
    overrides.get(&format!("{model}.{name}")).cloned().unwrap_or(name)
}

/// The name, or with the key's name behind it when a field or relation has it already.
fn free(table: &Table, relations: Option<&Vec<RelationBuilder>>, wanted: String, stem: &str) -> String {
    let taken = |name: &str| {
        table.fields.iter().any(|field| field.name == name)
            || relations.is_some_and(|relations| relations.iter().any(|relation| relation.name == name))
    };
    if !taken(&wanted) {
        return wanted;
    }
    let name = format!("{wanted}_by_{stem}");
    if taken(&name) { numbered(&name, taken) } else { name }
}
