//! Cases at random, as a proptest strategy.
//!
//! A case is drawn from one number, by code that reads from top to bottom, and gets simpler by
//! taking parts of it away (`shrink`), so a failing case is small and still makes sense.

mod conditions;
mod faults;
mod keys;
mod policies;
mod principals;
mod requests;
mod tables;
mod values;
mod write_policies;
mod writes;

use proptest::prelude::any;
use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::case::{Ask, Case, Trial};
use super::shrink::Shrinking;
use crate::reference::{Eye, View};

pub use conditions::condition_about;
pub use requests::filter_about;
pub use tables::Mutations;

use principals::principal_of;
use requests::request_to;
use tables::world;

/// What is asked for in a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Rows and figures.
    Reads,
    /// Changes, in worlds with keys and under policies that open them.
    Writes,
}

/// The strategy of cases: how much is tried in each world.
#[derive(Clone, Copy, Debug)]
pub struct Cases {
    /// Policies over a world.
    pub trials: usize,
    /// Asks under each policy.
    pub asks: usize,
    /// Whether all asks under a policy are those of one principal, or each has its own.
    pub of_one: bool,
    /// What is asked for.
    pub of: Asked,
}

impl Cases {
    /// The case of a seed.
    pub fn draw(self, seed: u64) -> Case {
        let mut dice = Dice::new(seed);
        let mut world = world(&mut dice);
        let writes = self.of == Asked::Writes;
        if writes {
            keys::keys(&mut dice, &mut world);
        }
        let trials = (0..self.trials)
            .map(|_| {
                let mut policy = policies::policy(&mut dice, &world);
                if writes {
                    write_policies::open_writes(&mut dice, &world, &mut policy);
                }
                let mut one = None;
                let asks = (0..self.asks)
                    .map(|_| {
                        let who = one.take().unwrap_or_else(|| principal_of(&mut dice, &world));
                        one = self.of_one.then(|| who.clone());
                        let view = View::of(&world, &policy, &who.roles);
                        let eye = Eye::new(&world, &view, &who, Case::now());
                        let request =
                            if writes { writes::write_to(&mut dice, &eye) } else { request_to(&mut dice, &eye) };
                        Ask { who, request }
                    })
                    .collect();
                Trial { policy, asks }
            })
            .collect();
        Case { world, trials }
    }
}

impl Strategy for Cases {
    type Tree = Shrinking;
    type Value = Case;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let seed = any::<u64>().new_tree(runner)?.current();
        Ok(Shrinking::new(self.draw(seed)))
    }
}

/// Chance, the same again from the same seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall the same for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below another; 0 below 0.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let wide = mixed ^ (mixed >> 31);
        usize::try_from(wide % (sides.max(1) as u64)).unwrap_or(0)
    }

    /// Whether something happens that happens so many times of a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }

    /// One of some things.
    pub fn pick<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        let index = self.roll(of.len());
        of.get(index).cloned()
    }

    /// One of some words.
    pub fn word(&mut self, of: &[&'static str]) -> &'static str {
        self.pick(of).unwrap_or_default()
    }

    /// Each of some things with a chance.
    pub fn some<T: Clone>(&mut self, percent: usize, of: &[T]) -> Vec<T> {
        of.iter().filter(|_| self.chance(percent)).cloned().collect()
    }
}
