//! What the kills met.

use std::collections::BTreeMap;

use super::FEW;

#[derive(Debug, Default)]
pub(super) struct Met {
    /// How the program was killed.
    pub(super) kills: BTreeMap<String, usize>,
    /// What its callers were told of.
    pub(super) told: usize,
    /// Writes that were committed.
    pub(super) kept: usize,
    pub(super) records: u64,
    pub(super) chains: usize,
    pub(super) checkpoints: u64,
    /// Calls that somebody let go of.
    pub(super) dropped: usize,
    /// Intents that a program left open which was killed before it committed, and after.
    pub(super) open_undone: usize,
    pub(super) open_done: usize,
    /// Transactions that a program left open.
    pub(super) open_transactions: usize,
    /// Lines that were cut off because they had no end.
    pub(super) torn: usize,
    /// Files that were closed.
    pub(super) rotations: usize,
}

impl Met {
    #[expect(clippy::print_stdout, reason = "what a run met is for whoever runs it long")]
    pub(super) fn print(&self, run: &str) {
        println!("{run}: {} kills", self.kills.values().sum::<usize>());
        for (how, times) in &self.kills {
            println!("    {times:>6} killed {how}");
        }
        for (count, what) in [
            (self.told, "answers and refusals that somebody was told of"),
            (self.kept, "writes committed"),
            (self.dropped, "calls let go of"),
            (self.open_undone, "intents left open before the commit"),
            (self.open_done, "intents left open after the commit"),
            (self.open_transactions, "transactions left open"),
            (self.torn, "torn lines cut off"),
            (self.rotations, "files closed"),
            (self.chains, "chains"),
        ] {
            println!("    {count:>6} {what}");
        }
        println!("    {:>6} records, {} checkpoints", self.records, self.checkpoints);
    }

    /// A run that met too little shows nothing.
    pub(super) fn assert_enough(&self) {
        let kills: usize = self.kills.values().sum();
        let least = kills / FEW;
        for (met, what) in [
            (self.open_undone, "intents left open before the commit"),
            (self.open_done, "intents left open after the commit"),
            (self.torn, "torn lines"),
            (self.rotations, "closed files"),
            (self.dropped, "calls let go of"),
        ] {
            assert!(met >= least, "{what}: {met} were met in {kills} kills, and {least} are wanted");
        }
        let places = ["in the middle of", "behind", "between", "while", "beside", "at any time"];
        for place in places.iter().take(if kills < FEW { 0 } else { places.len() }) {
            assert!(self.kills.keys().any(|how| how.starts_with(place)), "nothing was killed {place}");
        }
    }
}
