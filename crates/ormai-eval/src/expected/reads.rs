//! What a policy looks at to decide about the rows of a model.

use std::collections::{BTreeMap, BTreeSet};

use ormai_reference::world::{Auto, Condition, Kind, Model, ModelPolicy, Policy, Term, World};

/// A field of a model.
pub(super) type Place = (String, String);

/// What is looked at, by model, whatever the role.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    /// Fields, those of related models among them.
    pub(super) fields: BTreeMap<String, BTreeSet<Place>>,
    /// Models whose rows are looked at beside its own.
    pub(super) models: BTreeMap<String, BTreeSet<String>>,
    /// Whether the time of the call takes part anywhere.
    pub(super) time: bool,
}

impl Reads {
    pub(super) fn of(world: &World, policy: &Policy) -> Self {
        let mut reads = Self::default();
        for (name, said) in &policy.models {
            let Some(model) = world.model(name) else { continue };
            let mut reader = Reader { world, fields: BTreeSet::new(), models: BTreeSet::new(), time: false };
            let overlays = said.roles.iter().map(|(_, overlay)| &overlay.says);
            std::iter::once(said).chain(overlays).for_each(|said| reader.says(model, said));
            reads.fields.insert(name.clone(), reader.fields);
            reads.models.insert(name.clone(), reader.models);
            reads.time |= reader.time;
        }
        reads
    }
}

struct Reader<'w> {
    world: &'w World,
    fields: BTreeSet<Place>,
    models: BTreeSet<String>,
    time: bool,
}

impl<'w> Reader<'w> {
    fn says(&mut self, model: &'w Model, said: &ModelPolicy) {
        let scoped = said.scoping.iter().map(|(field, _)| field);
        let fields: Vec<&String> = scoped.chain(&said.soft_delete).collect();
        fields.into_iter().for_each(|field| self.field(model, field));
        said.rows.iter().for_each(|row| self.condition(model, &row.condition));
        // What is filled in with the time differs from call to call.
        self.time |= said.writes.auto_set.iter().any(|(_, auto)| matches!(auto, Auto::Now));
        self.time |= said.soft_delete.is_some();
    }

    fn field(&mut self, model: &Model, field: &str) {
        self.fields.insert((model.name.clone(), field.to_owned()));
    }

    fn condition(&mut self, model: &'w Model, condition: &Condition) {
        match condition {
            Condition::Const(_) => {}
            Condition::And(parts) | Condition::Or(parts) => parts.iter().for_each(|part| self.condition(model, part)),
            Condition::Not(part) => self.condition(model, part),
            Condition::Compare { left, right, .. } => [left, right].into_iter().for_each(|term| self.term(model, term)),
            Condition::Between { term, low, high, .. } => {
                [term, low, high].into_iter().for_each(|term| self.term(model, term));
            }
            // That a value is there is seen whatever it is, but for a document.
            Condition::IsNull { term: Term::Field { through, field }, .. } => {
                let target = self.follow(model, through);
                let is_opaque =
                    |target: &&Model| target.column(field).is_some_and(|column| column.kind == Kind::Opaque);
                if let Some(target) = target.filter(is_opaque) {
                    self.field(target, field);
                }
            }
            Condition::Bare(term)
            | Condition::In { term, .. }
            | Condition::IsNull { term, .. }
            | Condition::Like { term, .. } => self.term(model, term),
            Condition::Exists { relation, condition } => {
                let target = self.follow(model, std::slice::from_ref(relation));
                if let (Some(target), Some(condition)) = (target, condition) {
                    self.condition(target, condition);
                }
            }
        }
    }

    fn term(&mut self, model: &'w Model, term: &Term) {
        match term {
            Term::Field { through, field } => {
                if let Some(target) = self.follow(model, through) {
                    self.field(target, field);
                }
            }
            Term::Now => self.time = true,
            Term::Call(_, arguments) => arguments.iter().for_each(|argument| self.term(model, argument)),
            Term::Literal(_) | Term::Principal(_) => {}
        }
    }

    fn follow(&mut self, model: &'w Model, through: &[String]) -> Option<&'w Model> {
        through.iter().try_fold(model, |model, name| {
            let target = self.world.model(&model.relation(name)?.target)?;
            self.models.insert(target.name.clone());
            Some(target)
        })
    }
}
