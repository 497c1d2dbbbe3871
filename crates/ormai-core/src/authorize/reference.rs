//! References: what a written row points to must be visible to the principal.
//!
//! The database would take any row that is there, also another tenant's, and then a refusal
//! would tell that none is. So it is looked for before anything is written, through its scope.

use super::Planner;
use super::scope::Side;
use super::trace::Turn;
use crate::catalog::{FieldId, ForeignKey, Model};
use crate::error::{Error, Result, listed};
use crate::fault::Fault;
use crate::plan::{Exists, Predicate, Present, References, RelatedRows, Shape, Sought, Step, Term};
use crate::policy::{ModelRules, Operation};
use crate::resolve::WrittenRows;
use crate::value::Value;
use crate::write::dangling;

impl Planner<'_> {
    /// The references that the request chose, looked for, and the names of their fields.
    ///
    /// A scoped field is none of them: the check says what may stand in it. Nor is what the
    /// policy sets.
    pub(super) fn references(
        &mut self,
        rules: &ModelRules,
        operation: Operation,
        rows: &WrittenRows,
        set: &[(FieldId, Value)],
        chosen: &[FieldId],
    ) -> Result<(Option<References>, Vec<String>)> {
        let model = self.catalog().model(rules.model);
        let free = |field: &FieldId| {
            chosen.contains(field)
                && rules.scoping.iter().all(|scope| scope.field != *field)
                && (operation != Operation::Create || !self.is_filled(rules, *field, set))
        };
        let keys: Vec<&ForeignKey> =
            model.foreign_keys.iter().filter(|key| key.columns.iter().any(|(here, _)| free(here))).collect();
        let mut names: Vec<String> = Vec::new();
        for (here, _) in keys.iter().flat_map(|key| &key.columns).filter(|(here, _)| free(here)) {
            let name = &model.field(*here).name;
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        if Fault::ReferencesUnchecked.is_on() {
            return Ok((None, names));
        }
        let (mut sought, mut expected) = (Vec::new(), Vec::new());
        for key in keys {
            if let Some((found, is_there)) = self.reference(rules, operation, rows, set, key, &names)? {
                sought.push(found);
                expected.push(is_there);
            }
        }
        if sought.is_empty() {
            return Ok((None, names));
        }
        let step = Some(Step { shape: Shape::Present(Present { rows: sought }), binds: self.take_binds() });
        Ok((Some(References { step, expected }), names))
    }

    /// Whether a field of a new row has the value that the policy sets. Who passes all rules may say another.
    fn is_filled(&self, rules: &ModelRules, field: FieldId, set: &[(FieldId, Value)]) -> bool {
        let given = set.iter().find(|(known, _)| *known == field).map(|(_, value)| value);
        let auto = rules.write.auto_set.iter().find(|(known, _)| *known == field);
        let Some((value, (_, auto))) = given.zip(auto) else { return false };
        self.auto_value(rules.model, field, auto).is_ok_and(|filled| filled == *value)
    }

    /// What is looked for, and whether it must be there; `None` where NULL points nowhere.
    fn reference(
        &mut self,
        rules: &ModelRules,
        operation: Operation,
        rows: &WrittenRows,
        set: &[(FieldId, Value)],
        key: &ForeignKey,
        names: &[String],
    ) -> Result<Option<(Sought, bool)>> {
        let model = self.catalog().model(rules.model);
        let given = |here: &FieldId| set.iter().find(|(field, _)| field == here).map(|(_, value)| value);
        if key.columns.iter().any(|(here, _)| given(here).is_some_and(Value::is_null)) {
            return Ok(None);
        }
        let rest: Vec<(FieldId, FieldId)> =
            key.columns.iter().filter(|(here, _)| given(here).is_none()).copied().collect();
        if operation == Operation::Create && !rest.is_empty() {
            return if rest.iter().any(|(here, _)| becomes_null(model, *here)) {
                Ok(None)
            } else {
                Err(Error::invalid("data", "a reference of several parts must be given whole")
                    .hint(Some(format!("give every part of it beside {}", listed(names)))))
            };
        }
        // A model that is not open has no row that the principal could see.
        if self.authority.view.model(key.target).is_none() && !Fault::ReferenceWithoutScope.is_on() {
            return Err(dangling(names));
        }
        self.way.push(Turn::Reference(key.target));
        let source = self.source(key.target, Side::READ)?.unless(Fault::ReferenceWithoutScope);
        self.way.pop();
        let parts = key.columns.iter().filter_map(|(here, there)| Some((*there, given(here)?)));
        let parts = parts.map(|(there, value)| self.equals(there, value)).collect::<Result<Vec<_>>>()?;
        let filter = Predicate::all(parts);
        if rest.is_empty() {
            return Ok(Some((Sought { source, filter }, true)));
        }
        // The other parts stand in the rows that are changed: none of these may point elsewhere.
        let own = self.source(rules.model, Side::target(operation))?;
        let mut all = vec![self.rows_filter(rules.model, rows)?];
        all.extend(rest.iter().map(|(here, _)| Predicate::IsNull { term: Term::Column(*here), negated: true }));
        let there = Exists { link: rest, rows: RelatedRows::Scoped(source), filter, negated: true };
        all.push(Predicate::Exists(Box::new(there)));
        Ok(Some((Sought { source: own, filter: Predicate::all(all) }, false)))
    }
}

/// Whether a column is NULL in a new row that does not say it.
fn becomes_null(model: &Model, field: FieldId) -> bool {
    let field = model.field(field);
    field.nullable && !field.has_default && !field.generated
}
