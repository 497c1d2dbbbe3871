//! The end of the second pass: what did not turn up.

use std::mem;

use super::chain::ChainState;
use super::report::{Caveat, Checked, OpenIntent, Report, Tampering, VerifiedChain};
use super::spot::{Known, Spot};
use super::survey::TiedBy;
use super::verifier::{Verifier, changed};

impl Verifier {
    /// What came out.
    pub fn finish(mut self) -> Report {
        let mut chains: Vec<ChainState> = mem::take(&mut self.chains).into_values().collect();
        chains.sort_by_key(|chain| chain.index);
        for chain in &mut chains {
            self.end_of(chain);
        }
        for (id, ties) in mem::take(&mut self.ties) {
            let Some(by) = ties.first().map(|tie| tie.by) else { continue };
            self.content.found.add(Tampering::Removed, self.end, Known::at(id, 1), || {
                format!("chain {id} is missing, of which {by} tells")
            });
        }
        for stray in mem::take(&mut self.strays) {
            let kind = if stray.is_torn { Tampering::Torn } else { Tampering::Inserted };
            self.content.found.add(kind, stray.spot, stray.known, || stray.why);
        }
        self.tombstones();
        self.hint(&chains);
        self.report(&chains)
    }

    fn end_of(&mut self, chain: &mut ChainState) {
        let content = &mut self.content;
        let mut next = chain.next();
        let pending = chain.pending.take();
        if let Some(pending) = &pending {
            next = pending.to.saturating_add(1);
            content.changed(chain, pending);
        }
        if let Some(broken) = chain.broken.take() {
            content.blame(chain, &broken, true);
        }
        if let Some(rival) = chain.rival.take() {
            content.found.add(Tampering::Inserted, rival.spot, Known::at(chain.id, chain.seq), || {
                format!("line {} of chain {} was there before", chain.seq, chain.id)
            });
        }
        for gap in mem::take(&mut chain.gaps) {
            content.gone(chain, &gap);
        }
        let Some(tie) = chain.ties.iter().rev().find(|tie| tie.seq >= next) else { return };
        let (id, by) = (chain.id, tie.by);
        // The last line may still be there, though not to be read.
        let since = chain.last_spot.map_or(0, |spot| spot.ordinal);
        if let Some(at) = self.strays.iter().position(|stray| stray.spot.ordinal > since) {
            let stray = self.strays.remove(at);
            let known = Known { chain: Some(id), seq: Some(next), id: stray.known.id };
            let kind = if stray.is_torn { Tampering::Torn } else { Tampering::Changed };
            content.found.add(kind, stray.spot, known, || changed(id, next, &stray.why));
            next += 1;
        }
        if tie.seq >= next {
            content.found.add(Tampering::Truncated, self.end, Known::at(id, next), || {
                format!("chain {id} ends before line {next}, and {by} tells of line {}", tie.seq)
            });
        }
    }

    fn tombstones(&mut self) {
        let content = &mut self.content;
        let mut untold = mem::take(&mut content.untold);
        for (tombstone, stubs) in mem::take(&mut content.pruned) {
            match content.tombstones.get(&tombstone) {
                None => content.found.add(Tampering::Removed, stubs.spot, stubs.known, || {
                    format!("lines were pruned here, and their tombstone {tombstone} is missing")
                }),
                Some((first, _)) if *first != stubs.first => untold.push((stubs.spot, stubs.known)),
                Some((_, many)) => {
                    if stubs.many >= *many {
                        content.tombstones.remove(&tombstone);
                    }
                }
            }
        }
        // Where a stub was removed or changed, those after it are not told of: that is no cause.
        let is_cause = content.found.is_empty();
        for (spot, known) in untold {
            let spot = if is_cause { spot } else { Spot { ordinal: self.end.ordinal, ..spot } };
            content.found.add(Tampering::Inserted, spot, known, || {
                "it stands for lines of which its tombstone does not tell".to_owned()
            });
        }
        content.found.add_more(content.more_untold);
        let mut unfinished: Vec<_> = content.tombstones.keys().copied().collect();
        unfinished.sort();
        unfinished.truncate(Report::MOST);
        content.report.unfinished = unfinished;
    }

    /// A key that fits no line is another.
    fn hint(&mut self, chains: &[ChainState]) {
        let content = &mut self.content;
        if content.options.mac.is_none() || chains.iter().any(|chain| chain.checked == Some(Checked::Mac)) {
            return;
        }
        if let Some(first) = content.found.first_mut().filter(|first| first.kind != Tampering::Forged) {
            first.what.push_str("; no line fits the MAC key, which may be another than the writer's");
        }
    }

    fn report(self, chains: &[ChainState]) -> Report {
        let content = self.content;
        let mut report = content.report;
        report.chains = chains
            .iter()
            .map(|chain| VerifiedChain {
                chain: chain.id,
                seq: chain.seq,
                checked: chain.checked.unwrap_or(Checked::Links),
                unsealed: chain.unsealed,
            })
            .collect();
        let is_any = |checked| report.chains.iter().any(|chain| chain.checked == checked);
        let is_from_elsewhere = |ties: &ChainState| ties.ties.iter().any(|tie| matches!(tie.by, TiedBy::Kept { .. }));
        let caveats = [
            (is_any(Checked::Digest), Caveat::NotKeyed),
            (is_any(Checked::Links), Caveat::NoKeyGiven),
            (content.unsigned > 0, Caveat::NotSigned),
            (content.options.public_keys.is_empty() && !report.signed_by.is_empty(), Caveat::NoPublicKeyGiven),
            (!chains.iter().any(is_from_elsewhere), Caveat::NoCheckpointFromElsewhere),
        ];
        report.caveats = caveats.into_iter().filter_map(|(applies, caveat)| applies.then_some(caveat)).collect();
        let mut open: Vec<OpenIntent> = content
            .open
            .into_iter()
            .map(|(id, (chain, seq))| OpenIntent { id: String::from_utf8_lossy(&id).into_owned(), chain, seq })
            .collect();
        open.sort_by(|one, other| one.id.cmp(&other.id));
        open.truncate(Report::MOST);
        report.open = open;
        (report.problems, report.more_problems) = content.found.into_parts();
        report
    }
}
