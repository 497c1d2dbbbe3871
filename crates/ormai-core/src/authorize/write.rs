//! Plans for `create`, `update`, `delete` and `bulk_update`.
//!
//! ```text
//! using: visible for reading and for the operation, in the WHERE of the change itself
//! check: AND over scoped fields f of (scope_f OR permit_f)  AND  restrict,  of the rules that check
//! ```

use std::sync::Arc;

use super::Planner;
use super::rows::Outputs;
use super::said::fails;
use super::scope::{Side, incomplete};
use super::trace::Turn;
use crate::catalog::{FieldId, ModelId};
use crate::condition::{attribute, evaluate};
use crate::error::{Error, ErrorCode, Result};
use crate::fault::Fault;
use crate::plan::{
    Before, Change, Comparison, Delete, Direction, Insert, Keyed, Keys, Layout, MAX_KEY_VALUES, OrderKey, PerParent,
    Predicate, Select, Shape, Slot, Source, Step, Target, Term, Truth, Update, WritePlan,
};
use crate::policy::{AutoValue, FieldAction, ModelRules, Operation};
use crate::resolve::{ResolvedWrite, WrittenRows};
use crate::value::{ColumnType, Value};

impl Planner<'_> {
    pub(super) fn write(&mut self, write: ResolvedWrite) -> Result<WritePlan> {
        let ResolvedWrite { model, operation, rows, data, dry_run, needs_approval } = write;
        let rules = self.rules(model)?;
        let described = self.catalog().model(model);
        let chosen: Vec<FieldId> = data.iter().map(|(field, _)| *field).collect();
        let (set, goes) = match (operation, rules.soft_delete) {
            (Operation::Create, _) => (self.auto_set(rules, data)?, false),
            (Operation::Delete, Some(mark)) if !Fault::SoftDeleteIsHard.is_on() => {
                let deleted = match &described.field(mark).ty {
                    ColumnType::Bool => Value::Bool(true),
                    ty => evaluate::now_as(self.authority.call.now, ty),
                };
                (vec![(mark, deleted)], false)
            }
            (Operation::Delete, _) => (Vec::new(), true),
            _ => (data, false),
        };
        let (references, chosen_references) = self.references(rules, operation, &rows, &set, &chosen)?;

        let many = matches!(rows, WrittenRows::Listed(_) | WrittenRows::Filtered(_));
        let previewed = dry_run || needs_approval;
        // Of what is not kept there is nothing to record.
        let snapshots = self.authority.snapshots && !dry_run;
        let outputs = self.written_outputs(rules, !many || previewed || snapshots);
        let cap = many.then(|| cap(rules, described.primary_key.len()));
        let look = match (self.authority.looks_first, operation) {
            (false, _) | (_, Operation::Create) => None,
            (true, _) => Some(self.found(model, operation, &rows, None, cap)?),
        };
        let looks_back = snapshots && !Fault::SnapshotWithoutBefore.is_on();
        let mut before = match (operation, goes || many || previewed || looks_back) {
            (Operation::Create, _) | (_, false) => None,
            _ => Some(self.found(model, operation, &rows, Some(&outputs), cap)?),
        };
        let left_out = match operation {
            Operation::Create => self.left_out(rules, &set),
            _ => Vec::new(),
        };
        let one = match &rows {
            WrittenRows::New => said_key(&described.primary_key, &set),
            WrittenRows::One(key) => key.clone(),
            WrittenRows::Listed(_) | WrittenRows::Filtered(_) => Vec::new(),
        };
        let change = self.change(model, operation, &rows, set.clone(), goes)?;
        let after = if goes { None } else { Some(self.read_back(model, operation, &outputs)?) };
        let is_doomed = after.as_ref().is_some_and(|after| fails_check(after, &set));
        if is_doomed && before.is_none() && operation != Operation::Create {
            // Of a row that is not there for the principal nothing else is told than that.
            before = Some(self.found(model, operation, &rows, Some(&outputs), cap)?);
        }
        Ok(WritePlan {
            model,
            operation,
            timeout_ms: rules.budget.statement_timeout_ms,
            applied: std::mem::take(&mut self.applied),
            bypasses: std::mem::take(&mut self.bypasses),
            references,
            look,
            before,
            change,
            after,
            one,
            key: described.primary_key.iter().map(|field| outputs.position(*field)).collect(),
            layout: self.written_layout(model, &outputs),
            cap,
            dry_run,
            snapshots,
            needs_approval,
            chosen_references,
            left_out,
            is_doomed,
        })
    }

    /// The data with what the policy sets. A value of the request's own for such a field must be
    /// the same, unless a bypass lifts that.
    fn auto_set(&mut self, rules: &ModelRules, mut data: Vec<(FieldId, Value)>) -> Result<Vec<(FieldId, Value)>> {
        if Fault::AutoSetForgotten.is_on() {
            return Ok(data);
        }
        let lifted = self.bypassed(rules, Operation::Create)? || Fault::AutoSetOverridden.is_on();
        for (field, auto) in &rules.write.auto_set {
            let given = data.iter().find(|(known, _)| known == field).map(|(_, value)| value);
            if given.is_some() && lifted {
                continue;
            }
            let value = self.auto_value(rules.model, *field, auto)?;
            match given {
                None => data.push((*field, value)),
                Some(given) if *given == value => {}
                Some(_) => {
                    let model = self.catalog().model(rules.model);
                    let name = &model.field(*field).name;
                    let message = format!("`{name}` of `{}` is set by the policy, to another value", model.name);
                    return Err(Error::new(ErrorCode::WriteNotAllowed, message)
                        .hint(Some(format!("leave `{name}` out of `data`")))
                        .detail("path", format!("data.{name}")));
                }
            }
        }
        Ok(data)
    }

    pub(super) fn auto_value(&self, model: ModelId, field: FieldId, auto: &AutoValue) -> Result<Value> {
        let ty = &self.catalog().model(model).field(field).ty;
        match auto {
            AutoValue::Literal(value) => Ok(value.clone()),
            AutoValue::Now => Ok(evaluate::now_as(self.authority.call.now, ty)),
            AutoValue::Principal(path) => match attribute::scalar(&self.authority.call.principal, path, ty) {
                Ok(Some(value)) => Ok(value),
                Ok(None) => Err(incomplete(path, "a value")),
                Err(error) => Err(incomplete(path, &error.expected)),
            },
        }
    }

    /// The rows as they are: those columns of them, locked; or their keys, without a lock, because
    /// who waits for a row tells that it is there. Several that were looked for first are locked by
    /// the keys that were seen, which are filled in later.
    fn found(
        &mut self,
        model: ModelId,
        operation: Operation,
        rows: &WrittenRows,
        locked: Option<&Outputs>,
        cap: Option<usize>,
    ) -> Result<Before> {
        let named = match rows {
            WrittenRows::Listed(keys) => Some(keys.clone()),
            WrittenRows::Filtered(_) if locked.is_some() && self.authority.looks_first => Some(Vec::new()),
            _ => None,
        };
        let outputs = match locked {
            Some(outputs) => outputs.fields.clone(),
            None => self.catalog().model(model).primary_key.clone(),
        };
        let source = self.source(model, Side::target(operation))?.unless(Fault::BulkWithoutScope);
        // One more than may be changed, to see that there are more.
        let most = cap.map_or(1, |cap| i64::try_from(cap).unwrap_or(i64::MAX).saturating_add(1));
        let filter = match rows {
            WrittenRows::Listed(_) => Predicate::Const(Truth::True),
            rows => self.rows_filter(model, rows)?,
        };
        let filter =
            if cap.is_some() && Fault::BulkWithoutFilter.is_on() { Predicate::Const(Truth::True) } else { filter };
        let select = Select {
            source,
            filter,
            after: None,
            outputs,
            order: if cap.is_some() { self.by_key(model) } else { Vec::new() },
            limit: self.binds.push(Value::Int(most))?,
            per_parent: named.is_some().then(one_for_each),
            for_update: locked.is_some(),
        };
        let (shape, binds) = (Shape::Select(select), self.take_binds());
        Ok(match named {
            Some(keys) => Before::Named(Keyed { shape, binds }, keys),
            None => Before::Found(Step { shape, binds }),
        })
    }

    /// The statement that changes something.
    fn change(
        &mut self,
        model: ModelId,
        operation: Operation,
        rows: &WrittenRows,
        set: Vec<(FieldId, Value)>,
        goes: bool,
    ) -> Result<Change> {
        let set = set
            .into_iter()
            .map(|(field, value)| Ok((field, self.binds.push(value)?)))
            .collect::<Result<Vec<(FieldId, Slot)>>>()?;
        if matches!(rows, WrittenRows::New) {
            let key = self.catalog().model(model).primary_key.clone();
            let shape = Shape::Insert(Insert { model, set, key });
            return Ok(Change::Insert(Some(Step { shape, binds: self.take_binds() })));
        }
        let source = self.source_again(model, operation)?;
        let one = matches!(rows, WrittenRows::One(_));
        let filter = if one { self.rows_filter(model, rows)? } else { Predicate::Const(Truth::True) };
        let target = Target { source, filter, keys: None };
        let shape = if goes { Shape::Delete(Delete { target }) } else { Shape::Update(Update { target, set }) };
        let binds = self.take_binds();
        Ok(if one { Change::One(Some(Step { shape, binds })) } else { Change::Many(Some(Keyed { shape, binds })) })
    }

    /// What is to be changed, for the change itself.
    fn source_again(&mut self, model: ModelId, operation: Operation) -> Result<Source> {
        let source = self.source(model, Side::target(operation))?;
        Ok(source.unless(Fault::TargetWithoutScope).narrowed(Fault::TargetWithoutRestrictions))
    }

    /// The rows as they were written, through their check: what fails it is not there.
    fn read_back(&mut self, model: ModelId, operation: Operation, outputs: &Outputs) -> Result<Keyed> {
        self.way.push(Turn::Check);
        let source = self.source(model, Side::Check(operation))?.unless(Fault::CheckForgotten);
        self.way.pop();
        let select = Select {
            source,
            filter: Predicate::Const(Truth::True),
            after: None,
            outputs: outputs.fields.clone(),
            order: self.by_key(model),
            limit: self.binds.push(Value::Int(1))?,
            per_parent: Some(one_for_each()),
            for_update: false,
        };
        Ok(Keyed { shape: Shape::Select(select), binds: self.take_binds() })
    }

    /// The order of the primary key.
    fn by_key(&self, model: ModelId) -> Vec<OrderKey> {
        let key = self.catalog().model(model).primary_key.iter().map(|field| (*field, Direction::Asc));
        self.order_keys(model, &key.collect::<Vec<_>>())
    }

    /// Which rows the request means, as a condition.
    pub(super) fn rows_filter(&mut self, model: ModelId, rows: &WrittenRows) -> Result<Predicate> {
        match rows {
            WrittenRows::New => Ok(Predicate::Const(Truth::False)),
            WrittenRows::One(key) => self.key_filter(model, key),
            WrittenRows::Listed(keys) => {
                let keys = keys.iter().map(|key| self.key_filter(model, key)).collect::<Result<Vec<_>>>()?;
                Ok(Predicate::any(keys))
            }
            WrittenRows::Filtered(filters) => self.root_filters(filters.clone(), model),
        }
    }

    fn key_filter(&mut self, model: ModelId, key: &[Value]) -> Result<Predicate> {
        let fields = self.catalog().model(model).primary_key.iter();
        let parts = fields.zip(key).map(|(field, value)| self.equals(*field, value)).collect::<Result<Vec<_>>>()?;
        Ok(Predicate::all(parts))
    }

    pub(super) fn equals(&mut self, field: FieldId, value: &Value) -> Result<Predicate> {
        let right = Term::Bind(self.binds.push(value.clone())?);
        Ok(Predicate::Compare { op: Comparison::Eq, left: Term::Column(field), right })
    }

    /// The columns of the rows that are read: what the principal may see of them, and the key.
    fn written_outputs(&self, rules: &ModelRules, shown: bool) -> Outputs {
        let select = rules.open_fields().map(|(field, _)| field).filter(|_| shown).collect();
        let mut outputs = Outputs::new(select);
        outputs.keys(self.catalog().model(rules.model).primary_key.iter().copied());
        outputs
    }

    fn written_layout(&self, model: ModelId, outputs: &Outputs) -> Arc<Layout> {
        let layout = self.layout(model, outputs, &[]);
        if Fault::WrittenRowUnredacted.is_on() {
            let columns = layout.columns.iter().map(|(at, _)| (*at, FieldAction::Allow)).collect();
            return Arc::new(Layout { names: layout.names.clone(), columns });
        }
        layout
    }

    /// The fields that the database will miss, of those that the request could have given.
    fn left_out(&self, rules: &ModelRules, set: &[(FieldId, Value)]) -> Vec<String> {
        let model = self.catalog().model(rules.model);
        let missing = rules.open_fields().filter(|(id, _)| {
            let field = model.field(*id);
            !field.nullable && !field.has_default && !field.generated && set.iter().all(|(known, _)| known != id)
        });
        missing.map(|(id, _)| model.field(id).name.clone()).collect()
    }
}

/// Whether the values that are written fail the check of the row, whatever else is in it.
fn fails_check(after: &Keyed, set: &[(FieldId, Value)]) -> bool {
    match &after.shape {
        Shape::Select(select) => fails(&select.source.scope, set, &after.binds),
        _ => false,
    }
}

/// The key of a new row, where all of it is said.
fn said_key(key: &[FieldId], set: &[(FieldId, Value)]) -> Vec<Value> {
    let part = |field: &FieldId| set.iter().find(|(known, _)| known == field).map(|(_, value)| value.clone());
    key.iter().map(part).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// How many rows one call may change.
fn cap(rules: &ModelRules, parts: usize) -> usize {
    let said = rules.write.max_affected_rows.unwrap_or(rules.budget.max_rows) as usize;
    let said = if Fault::CapOffByOne.is_on() { said + 1 } else { said };
    let said = if Fault::CapForgotten.is_on() { usize::MAX } else { said };
    said.min(MAX_KEY_VALUES / parts.max(1))
}

/// At most one row for each key; the keys are filled in later.
fn one_for_each() -> PerParent {
    PerParent { keys: Keys { fields: Vec::new(), lists: Vec::new() }, many: false }
}
