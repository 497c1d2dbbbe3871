//! What lines say: of their chain, of others, and of what was pruned.

use std::collections::HashMap;

use serde::Deserialize;
use uuid::Uuid;

use super::VerifyOptions;
use super::chain::{Broken, ChainState, Gap, Pending};
use super::report::{Report, Tampering};
use super::spot::{Found, Known, Spot, id};
use super::survey::{TiedBy, signed};
use super::verifier::{Seen, changed};
use crate::checkpoint::{Checkpoint, Signed};
use crate::hash::Hash;
use crate::line::{Kind, Line};
use crate::prune::{Pruned, Tombstone};
use crate::tree::leaf;

/// What is kept beside the chains.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) options: VerifyOptions,
    pub(super) found: Found,
    pub(super) report: Report,
    /// Intents without a record, by the name of it.
    pub(super) open: HashMap<Box<[u8]>, (Uuid, u64)>,
    /// By tombstone.
    pub(super) pruned: HashMap<Uuid, StubsSeen>,
    pub(super) tombstones: HashMap<Uuid, (Hash, u64)>,
    /// Stubs of which the one before does not tell.
    pub(super) untold: Vec<(Spot, Known)>,
    pub(super) more_untold: u64,
    /// Checkpoints and tombstones that nobody signed.
    pub(super) unsigned: u64,
}

/// The stubs of a tombstone.
#[derive(Clone, Debug)]
pub(super) struct StubsSeen {
    pub(super) first: Hash,
    pub(super) spot: Spot,
    pub(super) known: Known,
    pub(super) many: u64,
    next: Option<Hash>,
}

#[derive(Deserialize)]
struct Begun {
    public_key: Option<String>,
}

impl Content {
    pub(super) fn new(options: VerifyOptions, found: Found) -> Self {
        Self {
            options,
            found,
            report: Report::default(),
            open: HashMap::new(),
            pruned: HashMap::new(),
            tombstones: HashMap::new(),
            untold: Vec::new(),
            more_untold: 0,
            unsigned: 0,
        }
    }

    /// Takes a line as the next of its chain.
    pub(super) fn take(&mut self, chain: &mut ChainState, seen: &Seen<'_>) {
        let place = &seen.place;
        if (place.seq == 1) != (place.kind == Kind::Begin) {
            self.bad(seen, "a chain begins with a line of kind `begin`, and with no other");
        }
        self.count(chain, seen);
        let (mut seq, mut last) = (place.seq, place.hash);
        match place.kind {
            Kind::Begin => self.begin(chain, seen),
            Kind::Checkpoint => self.checkpoint(chain, seen),
            Kind::Tombstone => self.tombstone(chain, seen),
            Kind::Pruned => match self.stub(chain, seen) {
                Some(pruned) => {
                    chain.lines += pruned.to - pruned.from;
                    (seq, last) = (pruned.to, pruned.last_hash);
                }
                None => chain.tree = None,
            },
            Kind::Intent | Kind::Record => {}
        }
        if let Some(tree) = chain.tree.as_mut().filter(|_| place.kind != Kind::Pruned) {
            tree.push(leaf(&seen.digest));
        }
        chain.lines += 1;
        if place.kind == Kind::Checkpoint {
            chain.unsealed = 0;
            chain.sealed = place.seq;
            chain.after_sealed = None;
        } else {
            chain.unsealed += seq - place.seq + 1;
            chain.after_sealed.get_or_insert(seen.spot);
        }
        chain.seq = seq;
        chain.last = last;
        chain.prev_hash = place.prev_hash;
        chain.last_spot = Some(seen.spot);
        chain.is_last_tied = false;
        if chain.is_tied_further() {
            self.ties(chain, seen);
        }
    }

    /// Counts a line, and what it opens or closes.
    pub(super) fn count(&mut self, chain: &ChainState, seen: &Seen<'_>) {
        let counted = match seen.place.kind {
            Kind::Begin => return,
            Kind::Intent => {
                if let Some(id) = id(seen.text) {
                    self.open.insert(id.into(), (chain.id, seen.place.seq));
                }
                &mut self.report.intents
            }
            Kind::Record => {
                if !self.open.is_empty()
                    && let Some(id) = id(seen.text)
                {
                    self.open.remove(id);
                }
                &mut self.report.records
            }
            Kind::Checkpoint => &mut self.report.checkpoints,
            Kind::Tombstone => &mut self.report.tombstones,
            Kind::Pruned => &mut self.report.stubs,
        };
        *counted += 1;
    }

    fn bad(&mut self, seen: &Seen<'_>, why: &str) {
        let place = &seen.place;
        self.found.add(Tampering::Changed, seen.spot, seen.known(), || changed(place.chain, place.seq, why));
    }

    fn begin(&mut self, chain: &mut ChainState, seen: &Seen<'_>) {
        match serde_json::from_slice::<Begun>(seen.text) {
            Ok(begun) => chain.public_key = begun.public_key,
            Err(_) => self.bad(seen, "it is not in the form of its kind"),
        }
    }

    fn checkpoint(&mut self, chain: &ChainState, seen: &Seen<'_>) {
        let line = std::str::from_utf8(seen.text).ok().and_then(Line::read);
        let Some((line, checkpoint)) = line.and_then(|line| Checkpoint::read(&line).map(|read| (line, read))) else {
            return self.bad(seen, "it is not in the form of its kind");
        };
        let is_signed = signed(&self.options, |key| checkpoint.signed(&line, key));
        self.signature(chain, seen, is_signed, checkpoint.public_key.as_deref());
        let covers = &checkpoint.covers;
        let is_own = covers.head.chain == chain.id && covers.head.seq.checked_add(1) == Some(seen.place.seq);
        // What a line that was changed before it says is reported there.
        if !is_own || chain.tree.is_some() && covers.head.hash != seen.place.prev_hash {
            return self.bad(seen, "it does not cover the lines before it");
        }
        if let Some(tree) = chain.tree.as_ref().filter(|tree| tree.root() != covers.root) {
            let from = chain.sealed + 1;
            let (id, to, checkpoint) = (chain.id, tree.size(), seen.place.seq);
            let spot = chain.after_sealed.unwrap_or(seen.spot);
            self.found.add(Tampering::Changed, spot, Known::at(id, from), || {
                format!("one of the lines {from} to {to} of chain {id} was changed: the tree root in line {checkpoint} is another")
            });
        }
    }

    fn tombstone(&mut self, chain: &ChainState, seen: &Seen<'_>) {
        let line = std::str::from_utf8(seen.text).ok().and_then(Line::read);
        let Some((line, tombstone)) = line.and_then(|line| Tombstone::read(&line).map(|read| (line, read))) else {
            return self.bad(seen, "it is not in the form of its kind");
        };
        let is_signed = signed(&self.options, |key| tombstone.signed(&line, key));
        self.signature(chain, seen, is_signed, tombstone.public_key.as_deref());
        self.tombstones.insert(tombstone.id, (tombstone.first, tombstone.stubs));
    }

    fn signature(&mut self, chain: &ChainState, seen: &Seen<'_>, signed: Signed, by: Option<&str>) {
        // Where no key is expected, it is at least the one with which the chain began.
        let is_another = self.options.public_keys.is_empty() && by != chain.public_key.as_deref() && chain.lines > 0;
        match (signed, by) {
            (Signed::Yes, Some(by)) if !is_another || chain.tree.is_none() => match self.report.signed_by.get_mut(by) {
                Some(many) => *many += 1,
                None => drop(self.report.signed_by.insert(by.to_owned(), 1)),
            },
            (Signed::No, None) if !is_another || chain.tree.is_none() => self.unsigned += 1,
            _ => {
                let place = &seen.place;
                self.found.add(Tampering::Forged, seen.spot, seen.known(), || {
                    format!("line {} of chain {} is not signed by the key that is expected", place.seq, place.chain)
                });
            }
        }
    }

    /// Lines that were pruned: whether the tombstone that they name tells of them.
    fn stub(&mut self, chain: &mut ChainState, seen: &Seen<'_>) -> Option<Pruned> {
        let Some(pruned) = Pruned::read(seen.text, seen.place.seq) else {
            self.bad(seen, "it is not in the form of its kind");
            return None;
        };
        let mut is_told = true;
        let stubs = self.pruned.entry(pruned.tombstone).and_modify(|stubs| is_told = stubs.next == Some(seen.digest));
        let stubs = stubs.or_insert_with(|| StubsSeen {
            first: seen.digest,
            spot: seen.spot,
            known: seen.known(),
            many: 0,
            next: None,
        });
        stubs.many += 1;
        if is_told || stubs.next.is_some() {
            stubs.next = pruned.next;
        }
        if !is_told {
            if self.untold.len() < Report::MOST {
                self.untold.push((seen.spot, seen.known()));
            } else {
                self.more_untold += 1;
            }
        }
        self.report.pruned = self.report.pruned.saturating_add(pruned.lines());
        if let Some(tree) = &mut chain.tree {
            pruned.parts().for_each(|(level, node)| tree.push_full(node, level));
        }
        Some(pruned)
    }

    /// What others say of the last line.
    fn ties(&mut self, chain: &mut ChainState, seen: &Seen<'_>) {
        while let Some(tie) = chain.ties.get(chain.next_tie).filter(|tie| tie.seq <= chain.seq) {
            chain.next_tie += 1;
            let (seq, id, by) = (tie.seq, chain.id, tie.by);
            // Checkpoints are never pruned.
            if seen.place.kind == Kind::Pruned && matches!(by, TiedBy::Kept { is_itself: true, .. }) {
                self.found.add(Tampering::Removed, seen.spot, Known::at(id, seq), || {
                    format!("line {seq} of chain {id} is missing, which is {by}: a stub stands in its place")
                });
                continue;
            }
            // What was pruned, or is missing, cannot be compared.
            if seq != chain.seq {
                continue;
            }
            let is_other_root = |root: &Hash| chain.tree.as_ref().is_some_and(|tree| tree.root() != *root);
            if tie.hash != chain.last {
                self.found.add(Tampering::Changed, seen.spot, seen.known(), || {
                    format!("line {seq} of chain {id} is not the one that {by} tells of")
                });
            } else if tie.root.as_ref().is_some_and(is_other_root) {
                self.found.add(Tampering::Changed, seen.spot, seen.known(), || {
                    format!("line {seq} of chain {id}, or one before it, is not what {by} tells of: the tree root is another")
                });
            } else {
                chain.is_last_tied = true;
                chain.unsealed = 0;
                self.report.from_elsewhere += u64::from(matches!(by, TiedBy::Kept { is_itself: true, .. }));
            }
        }
    }

    pub(super) fn changed(&mut self, chain: &mut ChainState, pending: &Pending) {
        chain.tree = None;
        let next = chain.next();
        self.found
            .add(Tampering::Changed, pending.spot, pending.known.clone(), || changed(chain.id, next, &pending.why));
    }

    pub(super) fn inserted(&mut self, chain: &ChainState, pending: &Pending) {
        let next = chain.next();
        self.found.add(Tampering::Inserted, pending.spot, pending.known.clone(), || {
            format!("a line stands where line {next} of chain {} should, which follows: {}", chain.id, pending.why)
        });
    }

    /// Of two lines that do not fit one another, the line after them shows which is bad.
    pub(super) fn blame(&mut self, chain: &ChainState, broken: &Broken, is_second_right: bool) {
        let id = chain.id;
        let (first, second) = (broken.first_seq, broken.first_seq + 1);
        if is_second_right && !broken.is_first_tied {
            self.found.add(Tampering::Changed, broken.first, Known::at(id, first), || {
                changed(id, first, "the line after it tells of another")
            });
        } else {
            self.found.add(Tampering::Changed, broken.second, Known::at(id, second), || {
                changed(id, second, "it does not follow the line before")
            });
        }
    }

    /// Lines that are missing, or stand elsewhere.
    pub(super) fn gone(&mut self, chain: &ChainState, gap: &Gap) {
        let (id, after) = (chain.id, gap.after);
        if let (Some((from, _)), Some((_, to))) = (gap.ranges.first(), gap.ranges.last()) {
            let is_foreign = chain.lines == 1 && *from == 1 && chain.ties.is_empty();
            let (kind, known) = if is_foreign {
                (Tampering::Inserted, gap.after_known.clone())
            } else {
                (Tampering::Removed, Known::at(id, *from))
            };
            self.found.add(kind, gap.spot, known, || match (is_foreign, from == to) {
                (true, _) => {
                    format!("line {after} of chain {id}, of which there is no other line, does not belong here")
                }
                (false, true) => format!("line {from} of chain {id} is missing"),
                (false, false) => format!("lines {from} to {to} of chain {id} are missing"),
            });
        }
        if gap.late > 0 {
            let kind = if gap.is_after_copied { Tampering::Inserted } else { Tampering::Reordered };
            self.found.add(kind, gap.spot, gap.after_known.clone(), || {
                format!("line {after} of chain {id} stands before lines that it follows")
            });
        }
    }
}
