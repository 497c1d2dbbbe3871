//! Foreign keys: what the database does by itself to rows that point to others.

use std::collections::HashMap;

use super::{CatalogError, FieldId, Model, ModelId};

/// A foreign key of a [`Model`]. Relations say what can be followed; this says what the
/// database does when the other row goes or changes its key, past every policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// The model that it points to.
    pub target: ModelId,
    /// Pairs of (field here, field there); never empty.
    pub columns: Vec<(FieldId, FieldId)>,
    /// When the row there is deleted.
    pub on_delete: ReferentialAction,
    /// When the key of the row there changes.
    pub on_update: ReferentialAction,
}

/// What happens to the rows that point to one that goes, or whose key changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReferentialAction {
    /// Nothing: the change is refused (`NO ACTION`, `RESTRICT`).
    #[default]
    Refuse,
    /// They go too, or follow the key (`CASCADE`).
    Cascade,
    /// They point to nothing any more (`SET NULL`).
    SetNull,
    /// They point to what the column's default names (`SET DEFAULT`).
    SetDefault,
}

/// Describes one foreign key to a [`CatalogBuilder`](super::CatalogBuilder).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKeyBuilder {
    /// The target model's name.
    pub target: String,
    /// Pairs of (field name here, field name there).
    pub columns: Vec<(String, String)>,
    /// When the row there is deleted.
    pub on_delete: ReferentialAction,
    /// When the key of the row there changes.
    pub on_update: ReferentialAction,
}

impl ForeignKeyBuilder {
    /// A foreign key that refuses deletions and changes of the row there.
    pub fn new<'a>(target: impl Into<String>, columns: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let columns = columns.into_iter().map(|(here, there)| (here.to_owned(), there.to_owned())).collect();
        let refuse = ReferentialAction::Refuse;
        Self { target: target.into(), columns, on_delete: refuse, on_update: refuse }
    }

    /// Says what happens when the row there is deleted.
    #[must_use]
    pub fn on_delete(mut self, action: ReferentialAction) -> Self {
        self.on_delete = action;
        self
    }

    /// Says what happens when the key of the row there changes.
    #[must_use]
    pub fn on_update(mut self, action: ReferentialAction) -> Self {
        self.on_update = action;
        self
    }

    pub(super) fn resolve(
        &self,
        here: &Model,
        models: &[Model],
        by_name: &HashMap<String, ModelId>,
    ) -> Result<ForeignKey, CatalogError> {
        let name = || self.columns.first().map_or_else(String::new, |(column, _)| column.clone());
        let unknown =
            || CatalogError::UnknownTarget { model: here.name.clone(), relation: name(), target: self.target.clone() };
        let target = *by_name.get(&self.target).ok_or_else(unknown)?;
        let there = models.get(target.index()).ok_or_else(unknown)?;
        if self.columns.is_empty() {
            return Err(CatalogError::EmptyLink { model: here.name.clone(), relation: self.target.clone() });
        }
        let columns = self.columns.iter().map(|(from, to)| Ok((here.named(from)?, there.named(to)?)));
        let columns = columns.collect::<Result<_, CatalogError>>()?;
        Ok(ForeignKey { target, columns, on_delete: self.on_delete, on_update: self.on_update })
    }
}

impl Model {
    fn named(&self, name: &str) -> Result<FieldId, CatalogError> {
        let unknown = || CatalogError::UnknownField { model: self.name.clone(), name: name.to_owned() };
        self.find_field(name).ok_or_else(unknown)
    }
}
