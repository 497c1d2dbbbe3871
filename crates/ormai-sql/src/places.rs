//! The numbers that stand for values while a text is built.
//!
//! The builder wants a value at each placeholder and a shape has none, so each placeholder
//! gets the number of a [`BindPlace`]. The numbers come back in the order of the text.

use ormai_core::fault::Fault;
use ormai_core::plan::{ListSlot, Slot};
use ormai_core::value::ColumnType;
use sea_query::{Expr, Value, Values};

use crate::error::CompileError;
use crate::kind::Kind;
use crate::statement::BindPlace;

/// No engine takes more placeholders in a statement than this.
const MOST: usize = 65_535;

/// The places that were handed out so far, in the order of printing.
#[derive(Default)]
pub(crate) struct Places {
    places: Vec<BindPlace>,
    kinds: Vec<(Slot, Kind)>,
}

impl Places {
    /// A placeholder for the value of a slot.
    pub(crate) fn value(&mut self, slot: Slot) -> Expr {
        Expr::val(self.number(BindPlace::Value(slot)))
    }

    /// A placeholder for the value of a slot that is stored in a column of a type.
    pub(crate) fn stored(&mut self, slot: Slot, ty: &ColumnType) -> Expr {
        Expr::val(self.number(BindPlace::Stored(slot, ty.clone())))
    }

    /// The number itself, for the one part of a statement (LIMIT) that takes no expression.
    pub(crate) fn limit(&mut self, slot: Slot) -> u64 {
        self.number(BindPlace::Limit(slot))
    }

    /// The greatest number, for a LIMIT that only has to be there.
    pub(crate) fn most(&mut self) -> u64 {
        self.number(BindPlace::Most)
    }

    /// The number 0, for an OFFSET that only has to be there.
    pub(crate) fn zero(&mut self) -> u64 {
        self.number(BindPlace::Zero)
    }

    /// A placeholder for a word of the catalog, which no caller chose.
    pub(crate) fn word(&mut self, word: &str) -> Expr {
        Expr::val(self.number(BindPlace::Word(word.into())))
    }

    /// A placeholder for a whole list as one array.
    pub(crate) fn array(&mut self, list: ListSlot, ty: &ColumnType) -> Expr {
        Expr::val(self.number(BindPlace::Array(list.slot, ty.clone())))
    }

    /// A placeholder for each place of a list.
    pub(crate) fn items(&mut self, list: ListSlot) -> Result<Vec<Expr>, CompileError> {
        Ok((0..places(list)?).map(|index| Expr::val(self.number(BindPlace::Item(list.slot, index)))).collect())
    }

    /// A row of placeholders for each place of several lists side by side.
    pub(crate) fn rows(&mut self, lists: &[ListSlot]) -> Result<Vec<Vec<u64>>, CompileError> {
        let (first, rest) = lists.split_first().ok_or(CompileError::Malformed("no list of keys"))?;
        if rest.iter().any(|list| list.bucket != first.bucket) {
            return Err(CompileError::Malformed("lists of keys with different numbers of places"));
        }
        let row = |places: &mut Self, index| {
            lists.iter().map(|list| places.number(BindPlace::Item(list.slot, index))).collect()
        };
        Ok((0..places(*first)?).map(|index| row(self, index)).collect())
    }

    fn number(&mut self, place: BindPlace) -> u64 {
        self.places.push(place);
        // The count of a vector in memory always fits.
        u64::try_from(self.places.len() - 1).unwrap_or(u64::MAX)
    }

    /// Says beside what the value or list of a slot stands.
    pub(crate) fn expect(&mut self, slot: Slot, ty: &ColumnType) {
        let kind = Kind::of(ty);
        if !self.kinds.contains(&(slot, kind)) {
            self.kinds.push((slot, kind));
        }
    }

    /// What was expected so far.
    pub(crate) fn kinds(&mut self) -> Vec<(Slot, Kind)> {
        std::mem::take(&mut self.kinds)
    }

    /// The places in the order of the built text. Each value there must be a number from
    /// here, and each number must have got there: anything else was not asked for.
    pub(crate) fn in_text_order(self, built: &Values, max: usize) -> Result<Vec<BindPlace>, CompileError> {
        if built.0.len() > max {
            return Err(CompileError::TooManyPlaces { max });
        }
        let mut printed = vec![false; self.places.len()];
        let mut binds = Vec::with_capacity(built.0.len());
        for value in &built.0 {
            let Value::BigUnsigned(Some(number)) = value else { return Err(CompileError::Places) };
            let index = usize::try_from(*number).map_err(|_| CompileError::Places)?;
            let (Some(place), Some(seen)) = (self.places.get(index), printed.get_mut(index)) else {
                return Err(CompileError::Places);
            };
            *seen = true;
            binds.push(place.clone());
        }
        if let [BindPlace::Value(one), BindPlace::Value(other), ..] = binds.as_mut_slice()
            && Fault::BindsCrossed.is_on()
        {
            std::mem::swap(one, other);
        }
        if printed.contains(&false) { Err(CompileError::Places) } else { Ok(binds) }
    }
}

/// The number of places of a list, within what any engine takes.
pub(crate) fn places(list: ListSlot) -> Result<usize, CompileError> {
    if u32::from(list.bucket) > MOST.ilog2() {
        return Err(CompileError::TooManyPlaces { max: MOST });
    }
    Ok(list.places())
}

#[cfg(test)]
mod tests {
    use ormai_core::plan::testing::slot;
    use sea_query::{Value, Values};

    use super::{BindPlace, Places};
    use crate::error::CompileError;

    fn check(built: Vec<Value>, expected: Result<Vec<BindPlace>, CompileError>) {
        let mut places = Places::default();
        places.value(slot(7));
        places.value(slot(3));
        assert_eq!(places.in_text_order(&Values(built), 4), expected);
    }

    #[test]
    fn numbers_come_back_in_the_order_of_the_text() {
        let (seven, three) = (BindPlace::Value(slot(7)), BindPlace::Value(slot(3)));
        check(vec![1_u64.into(), 0_u64.into()], Ok(vec![three.clone(), seven.clone()]));
        check(vec![0_u64.into(), 1_u64.into(), 0_u64.into()], Ok(vec![seven.clone(), three, seven]));
    }

    #[test]
    fn a_value_that_was_not_asked_for_is_refused() {
        check(vec![0_u64.into(), 1_u64.into(), "acme".into()], Err(CompileError::Places));
        check(vec![0_u64.into(), 1_u64.into(), 1_i64.into()], Err(CompileError::Places));
        check(vec![0_u64.into(), 1_u64.into(), 2_u64.into()], Err(CompileError::Places));
        check(vec![0_u64.into(), 1_u64.into(), Value::BigUnsigned(None)], Err(CompileError::Places));
    }

    #[test]
    fn a_condition_that_got_lost_on_the_way_is_noticed() {
        check(vec![0_u64.into()], Err(CompileError::Places));
    }

    #[test]
    fn an_engine_is_not_asked_for_more_than_it_takes() {
        check(vec![0_u64.into(); 5], Err(CompileError::TooManyPlaces { max: 4 }));
    }
}
