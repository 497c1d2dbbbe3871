//! A statement: text without values, and values without text.

use std::fmt;
use std::sync::Arc;

use ormai_core::fault::Fault;
use ormai_core::plan::Slot;
use ormai_core::value::{ColumnType, Value};

use crate::error::CompileError;
use crate::kind::{Kind, is_storable};

/// A statement that can be run. Made by [`crate::Compiler`], and by [`crate::own`] from constants, only.
#[derive(Clone)]
pub struct Statement {
    pub(crate) text: Arc<Text>,
    pub(crate) values: Vec<Value>,
}

/// The text of a statement with the way in which values are bound to it. Shared by every
/// tenant whose plan has the same shape.
#[derive(Debug)]
pub struct Text {
    pub(crate) sql: Arc<str>,
    pub(crate) binds: Vec<BindPlace>,
    pub(crate) columns: Vec<ColumnType>,
    /// How many slots the placeholders reach into.
    slots: usize,
    /// The lists, with the most values that their placeholders take.
    lists: Vec<(Slot, usize)>,
    /// What the values of slots stand beside.
    kinds: Vec<(Slot, Kind)>,
    effect: Effect,
}

/// What a statement does to rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    None,
    Change {
        /// Whether its conditions read the table that it changes.
        reads_itself: bool,
    },
}

/// What stands at one placeholder.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum BindPlace {
    /// The value of a slot.
    Value(Slot),
    /// The value of a slot that is stored in a column of a type.
    Stored(Slot, ColumnType),
    /// The value of a slot that limits the rows.
    Limit(Slot),
    /// The whole list of a slot as one array of a type.
    Array(Slot, ColumnType),
    /// One item of the list in a slot; past its end the last item again.
    Item(Slot, usize),
    /// The number 0, for a part of the statement that only has to be there.
    Zero,
    /// The greatest number, likewise.
    Most,
    /// A word of the catalog, always a text; or a value of a statement about our own tables.
    Word(Value),
}

impl BindPlace {
    fn slot(&self) -> Option<Slot> {
        match self {
            Self::Value(slot)
            | Self::Stored(slot, _)
            | Self::Limit(slot)
            | Self::Array(slot, _)
            | Self::Item(slot, _) => Some(*slot),
            Self::Zero | Self::Most | Self::Word(_) => None,
        }
    }
}

impl Text {
    pub(crate) fn new(sql: Arc<str>, binds: Vec<BindPlace>, columns: Vec<ColumnType>) -> Self {
        let mut slots = 0;
        let mut lists: Vec<(Slot, usize)> = Vec::new();
        for place in &binds {
            let Some(slot) = place.slot() else { continue };
            slots = slots.max(slot.index() + 1);
            let places = match place {
                BindPlace::Value(_)
                | BindPlace::Stored(..)
                | BindPlace::Limit(_)
                | BindPlace::Zero
                | BindPlace::Most
                | BindPlace::Word(_) => continue,
                BindPlace::Array(..) => usize::MAX,
                BindPlace::Item(_, index) => index + 1,
            };
            match lists.iter_mut().find(|(known, _)| *known == slot) {
                Some((_, most)) => *most = (*most).max(places),
                None => lists.push((slot, places)),
            }
        }
        Self { sql, binds, columns, slots, lists, kinds: Vec::new(), effect: Effect::None }
    }

    /// The same, whose values have to be of kinds.
    pub(crate) fn of_kinds(self, kinds: Vec<(Slot, Kind)>) -> Self {
        Self { kinds, ..self }
    }

    /// The same, of a statement that does something.
    pub(crate) fn with_effect(self, effect: Effect) -> Self {
        Self { effect, ..self }
    }

    /// The text, with the dialect's placeholders.
    pub fn sql(&self) -> &Arc<str> {
        &self.sql
    }

    /// Whether values fit the placeholders. One of another kind than the column beside it would
    /// be made to fit by some engines, in silence. A limit that is NULL or negative would be none at
    /// all; NOT IN admits everything when its list is empty, and must not forget the end of a
    /// long one.
    pub(crate) fn admits(&self, values: &[Value]) -> Result<(), CompileError> {
        if values.len() < self.slots {
            return Err(CompileError::Values { slot: values.len() });
        }
        for (slot, places) in &self.lists {
            match values.get(slot.index()) {
                Some(Value::Array(items)) if (1..=*places).contains(&items.len()) => {}
                _ => return Err(CompileError::Values { slot: slot.index() }),
            }
        }
        for (slot, kind) in &self.kinds {
            let fits = match values.get(slot.index()) {
                Some(Value::Array(items)) => items.iter().all(|item| kind.admits(item)),
                Some(value) => kind.admits(value),
                None => false,
            };
            if !fits {
                return Err(CompileError::Values { slot: slot.index() });
            }
        }
        for place in &self.binds {
            let (slot, fits) = match place {
                BindPlace::Limit(slot) => (slot, matches!(values.get(slot.index()), Some(Value::Int(0..)))),
                BindPlace::Stored(slot, ty) => {
                    (slot, values.get(slot.index()).is_some_and(|value| is_storable(value, ty)))
                }
                _ => continue,
            };
            if !fits {
                return Err(CompileError::Values { slot: slot.index() });
            }
        }
        Ok(())
    }
}

/// What [`BindPlace::Zero`] binds.
static ZERO: Value = Value::Int(0);

/// What [`BindPlace::Most`] binds.
static MOST: Value = Value::Int(i64::MAX);

/// A value to bind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bind<'a> {
    /// One value.
    Value(&'a Value),
    /// A list as one array whose items are of a type (PostgreSQL).
    Array(&'a [Value], &'a ColumnType),
    /// A value that is stored in a column of a type, and must be read from it as the same.
    Stored(&'a Value, &'a ColumnType),
}

impl Statement {
    /// The text, with the dialect's placeholders.
    pub fn sql(&self) -> &Arc<str> {
        &self.text.sql
    }

    /// The types of the columns that come back, in order.
    pub fn columns(&self) -> &[ColumnType] {
        &self.text.columns
    }

    /// Whether it changes rows: an INSERT, UPDATE or DELETE. Of an INSERT the key comes back
    /// where the engine can say it, in the order of [`Self::columns`].
    pub fn is_change(&self) -> bool {
        self.text.effect != Effect::None
    }

    /// Whether it changes a table that its own conditions read once more.
    pub fn reads_what_it_changes(&self) -> bool {
        self.text.effect == Effect::Change { reads_itself: true }
    }

    /// Whether a derived table in it is kept by itself, as those of views are.
    pub fn is_fenced(&self) -> bool {
        self.text.binds.iter().any(|place| matches!(place, BindPlace::Zero | BindPlace::Most))
    }

    /// The values in the order of the placeholders.
    pub fn binds(&self) -> impl Iterator<Item = Bind<'_>> {
        self.text.binds.iter().map(|place| match place {
            BindPlace::Value(slot) | BindPlace::Limit(slot) => Bind::Value(self.value(*slot)),
            BindPlace::Stored(slot, ty) => Bind::Stored(self.value(*slot), ty),
            BindPlace::Zero => Bind::Value(&ZERO),
            BindPlace::Most => Bind::Value(&MOST),
            BindPlace::Word(word) => Bind::Value(word),
            BindPlace::Array(slot, ty) => Bind::Array(self.list(*slot), ty),
            BindPlace::Item(slot, index) => {
                let list = self.list(*slot);
                Bind::Value(list.get(*index).or(list.last()).unwrap_or(&Value::Null))
            }
        })
    }

    /// A slot without a value would bind NULL, which no comparison admits.
    fn value(&self, slot: Slot) -> &Value {
        self.values.get(slot.index()).unwrap_or(&Value::Null)
    }

    fn list(&self, slot: Slot) -> &[Value] {
        match self.value(slot) {
            Value::Array(items) => match items.split_last() {
                Some((_, cut)) if Fault::ListCutShort.is_on() && !cut.is_empty() => cut,
                _ => items,
            },
            _ => &[],
        }
    }
}

/// Shows the text and how many values there are, never the values.
impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement").field("sql", &self.text.sql).field("binds", &self.text.binds.len()).finish()
    }
}
