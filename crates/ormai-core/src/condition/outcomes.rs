//! Which truths conditions can have together, over every row that fits the catalog and
//! every principal.
//!
//! A condition only ever compares. So of all the values that a field or an attribute can
//! have, few differ: the constants that it is compared with, and what lies between two
//! neighbours of them. Between two neighbours as many values are tried as there are fields
//! and attributes that could lie there side by side; so each way in which real values can
//! stand to each other and to the constants is among those that are tried. What does more than
//! compare (a function, LIKE, EXISTS, a principal's list) may come out either way.
//!
//! What is tried is therefore at least what can happen: what is not found never happens. The
//! reverse does not hold, so "possible" is no claim, and "impossible" is.

mod domain;
mod tree;

use std::collections::BTreeSet;

use self::domain::Domains;
use self::tree::{Moment, Reader};
use super::typed::Node;
use crate::catalog::{Catalog, ModelId};
use crate::plan::Truth;

/// Beyond so many cases nothing is said.
const MAX_CASES: usize = 1 << 12;

/// The truths that some conditions on the rows of one model can have together; at least
/// those that they do have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcomes(BTreeSet<Vec<Truth>>);

impl Outcomes {
    /// Tries conditions on one model together; `None` where that would take too long.
    ///
    /// Columns are taken to hold what their types say, and NULL only where they may.
    pub fn of(conditions: &[&Node], catalog: &Catalog, model: ModelId) -> Option<Self> {
        let mut reader = Reader::new(catalog, model);
        let trees: Vec<_> = conditions.iter().map(|condition| reader.node(condition)).collect::<Option<_>>()?;
        let domains = Domains::new(&reader)?;
        let sizes: Vec<usize> = domains.sizes().chain(reader.switches().map(|()| 2)).collect();
        let cases = sizes.iter().try_fold(1_usize, |cases, size| cases.checked_mul(*size))?;
        if cases > MAX_CASES {
            return None;
        }
        let mut seen = BTreeSet::new();
        let mut digits = vec![0; sizes.len()];
        for _ in 0..cases {
            let moment = Moment::new(&digits, &domains, &reader);
            seen.insert(trees.iter().map(|tree| moment.truth(tree)).collect());
            // Counts up, each digit in its own base.
            for (digit, size) in digits.iter_mut().zip(&sizes) {
                *digit += 1;
                if *digit < *size {
                    break;
                }
                *digit = 0;
            }
        }
        Some(Self(seen))
    }

    /// Whether a combination of truths can occur, in the order of the conditions.
    pub fn contains(&self, truths: &[Truth]) -> bool {
        self.0.contains(truths)
    }

    /// Whether a condition is true in no case.
    pub fn never(&self, condition: usize) -> bool {
        self.0.iter().all(|truths| !is_true(truths, condition))
    }

    /// Whether a condition is true in every case.
    pub fn always(&self, condition: usize) -> bool {
        self.0.iter().all(|truths| is_true(truths, condition))
    }

    /// Whether one condition is true wherever another is.
    pub fn implies(&self, condition: usize, other: usize) -> bool {
        self.0.iter().all(|truths| !is_true(truths, condition) || is_true(truths, other))
    }

    /// Whether two conditions are never true together.
    pub fn exclude(&self, condition: usize, other: usize) -> bool {
        self.0.iter().all(|truths| !is_true(truths, condition) || !is_true(truths, other))
    }
}

fn is_true(truths: &[Truth], condition: usize) -> bool {
    truths.get(condition) == Some(&Truth::True)
}
