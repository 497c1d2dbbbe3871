//! The second pass: every line, in its chain.

use std::collections::HashMap;

use uuid::Uuid;

use super::VerifyOptions;
use super::chain::{ChainState, Gap, Pending};
use super::content::Content;
use super::lines::{Traces, lines};
use super::report::{Checked, Tampering};
use super::spot::{Found, Known, Spot};
use super::survey::{Genuine, Tie};
use crate::hash::Hash;
use crate::line::{Kind, Place};
use crate::store::{Scanned, Wrong};

/// The second pass over a store: recomputes every line. Made by [`super::Survey::verifier`].
///
/// It keeps something for each chain, each tie and each open intent, not for each line.
#[derive(Clone, Debug)]
pub struct Verifier {
    pub(super) chains: HashMap<Uuid, ChainState>,
    /// What is said of chains without a line as yet.
    pub(super) ties: HashMap<Uuid, Vec<Tie>>,
    /// Lines of which it is not known where they belong.
    pub(super) strays: Vec<Stray>,
    /// The last line that could not be read.
    broken_line: Option<u64>,
    pub(super) content: Content,
    /// Where the store ends.
    pub(super) end: Spot,
}

/// A line that is not one of any chain, as far as can be seen.
#[derive(Clone, Debug)]
pub(super) struct Stray {
    pub(super) spot: Spot,
    pub(super) known: Known,
    pub(super) hash: Option<Hash>,
    pub(super) is_torn: bool,
    /// It could not be read: what is known of it may be what it says of another line.
    is_unreadable: bool,
    pub(super) why: String,
}

/// A line whose place could be read.
pub(super) struct Seen<'a> {
    pub(super) text: &'a [u8],
    pub(super) place: Place,
    pub(super) digest: Hash,
    pub(super) spot: Spot,
}

/// Lines without a chain that are remembered.
const MOST_STRAYS: usize = 1_000;

const UNFIT: &str = "its hash does not fit what it says";
const UNREADABLE: &str = "it is not a whole line of the trail";

impl Verifier {
    pub(super) fn new(options: VerifyOptions, ties: HashMap<Uuid, Vec<Tie>>, found: Found) -> Self {
        Self {
            chains: HashMap::new(),
            ties,
            strays: Vec::new(),
            broken_line: None,
            content: Content::new(options, found),
            end: Spot::default(),
        }
    }

    /// Takes the next chunk.
    pub fn read(&mut self, scanned: &Scanned) {
        let source = self.content.found.source(&scanned.source);
        let mut spot = Spot { ordinal: self.end.ordinal, source, line: scanned.first };
        for (text, is_whole) in lines(&scanned.text) {
            for wrong in scanned.wrong.iter().filter(|wrong| wrong.line == spot.line) {
                self.mismatch(wrong, text, spot);
            }
            self.line(text, spot, is_whole);
            spot = Spot { ordinal: spot.ordinal + 1, line: spot.line.saturating_add(1), ..spot };
        }
        self.end = spot;
    }

    fn mismatch(&mut self, wrong: &Wrong, text: &[u8], spot: Spot) {
        let traces = Traces::of(text);
        let known = Known { chain: traces.chain, seq: traces.seq, id: None }.with_id(text);
        self.content.found.add(Tampering::Mismatch, spot, known, || wrong.what.clone());
    }

    fn line(&mut self, text: &[u8], spot: Spot, is_whole: bool) {
        self.content.report.lines += 1;
        let Some((place, hashed)) = Place::read(text) else {
            let was_broken = self.broken_line.replace(spot.ordinal).is_some_and(|before| before + 1 == spot.ordinal);
            // What a line was broken into is one.
            if was_broken && !text.starts_with(b"{\"") && self.goes_on(text, spot) {
                return;
            }
            return self.misfit(text, Traces::of(text), spot, UNREADABLE, !is_whole);
        };
        let seen = Seen { text, place, digest: Place::digest(hashed), spot };
        if !is_whole {
            let known = Known::at(place.chain, place.seq).with_id(text);
            self.content.found.add(Tampering::Torn, spot, known, || "the last line has no end".to_owned());
        }
        let genuine = Genuine::of(&self.content.options, &place, &seen.digest);
        if !self.chains.contains_key(&place.chain) && self.begins_chain(&seen, genuine) {
            let ties = self.ties.remove(&place.chain).unwrap_or_default();
            let chain = ChainState::new(place.chain, self.chains.len(), spot, ties);
            self.chains.insert(place.chain, chain);
        }
        if let Some(chain) = self.chains.get_mut(&place.chain)
            && self.content.is_genuine(chain, genuine, &seen)
        {
            self.content.next(chain, &seen, &mut self.strays);
        } else {
            self.misfit(text, Traces::from(&place), spot, UNFIT, false);
        }
    }

    /// Whether a line is taken for the first that there is of its chain.
    fn begins_chain(&self, seen: &Seen<'_>, genuine: Genuine) -> bool {
        match genuine {
            Genuine::Keyed | Genuine::Plain => true,
            Genuine::Unknown => !seen.says_nothing_of_a_key() && self.belongs_to(&Traces::from(&seen.place)).is_none(),
            Genuine::No => false,
        }
    }

    /// Whether the rest of a broken line is that of one whose place is known already.
    fn goes_on(&mut self, rest: &[u8], spot: Spot) -> bool {
        let pending = self.chains.values_mut().filter_map(|chain| chain.pending.as_mut());
        let Some(pending) = pending.max_by_key(|pending| pending.spot.ordinal) else { return false };
        // There may be several parts.
        let goes_on = pending.hash.is_none() && pending.spot.ordinal < spot.ordinal;
        pending.hash = pending.hash.or_else(|| Traces::of(rest).hash.filter(|_| goes_on));
        goes_on
    }

    /// A line that is damaged, or whose hash does not fit: the lines after it show what it is.
    fn misfit(&mut self, text: &[u8], traces: Traces, spot: Spot, why: &str, is_torn: bool) {
        let known = Known { chain: traces.chain, seq: traces.seq, id: None }.with_id(text);
        let is_unreadable = why == UNREADABLE;
        if is_torn {
            return self.stray(Stray { spot, known, hash: None, is_torn, is_unreadable, why: why.to_owned() });
        }
        let chain = self.belongs_to(&traces).and_then(|id| self.chains.get_mut(&id));
        let Some(chain) = chain else {
            let is_old = traces.chain.filter(|_| !is_unreadable).and_then(|id| self.chains.get(&id));
            if let (Some(chain), Some(seq)) = (is_old, traces.seq) {
                let id = chain.id;
                self.content.found.add(Tampering::Inserted, spot, known, || {
                    format!("line {seq} of chain {id} was there before, and {why}")
                });
                return;
            }
            return self.stray(Stray { spot, known, hash: traces.hash, is_torn, is_unreadable, why: why.to_owned() });
        };
        if let Some(pending) = chain.pending.take() {
            let follows = traces.seq == Some(pending.to.saturating_add(1))
                || pending.hash.is_some() && pending.hash == traces.prev_hash;
            if follows {
                self.content.changed(chain, &pending);
                chain.seq = pending.to;
                chain.last = pending.hash.unwrap_or_default();
                chain.last_spot = Some(pending.spot);
            } else {
                self.content.inserted(chain, &pending);
            }
        }
        let next = chain.next();
        // One that is named by its place alone may stand for more: a line end is gone.
        let links = traces.prev_hash == Some(chain.last);
        let to = traces.seq.filter(|seq| *seq > next && !links).unwrap_or(next);
        // A line that was broken in two is one.
        let torn_off = self.strays.pop_if(|stray| stray.spot.ordinal + 1 == spot.ordinal && stray.is_unreadable);
        let (spot, id) = match torn_off {
            Some(stray) => (stray.spot, stray.known.id),
            None => (spot, None),
        };
        let known = Known { chain: Some(chain.id), seq: Some(next), id: id.or(known.id) };
        chain.pending = Some(Pending { spot, known, hash: traces.hash, to, why: why.to_owned() });
    }

    /// The chain whose next line this seems to be.
    fn belongs_to(&self, traces: &Traces) -> Option<Uuid> {
        let named = traces.chain.and_then(|id| self.chains.get(&id));
        let follows = |chain: &ChainState| {
            let pending = chain.pending.as_ref();
            traces.seq == Some(chain.next()) || pending.is_some_and(|pending| traces.seq == pending.to.checked_add(1))
        };
        if let Some(chain) = named.filter(|chain| follows(chain)) {
            return Some(chain.id);
        }
        let links = |chain: &&ChainState| {
            let pending = chain.pending.as_ref().and_then(|pending| pending.hash);
            traces.prev_hash.is_some_and(|prev| chain.last == prev || pending == Some(prev))
        };
        if let Some(chain) = self.chains.values().find(links) {
            return Some(chain.id);
        }
        named.filter(|chain| traces.seq.is_some_and(|seq| seq > chain.seq)).map(|chain| chain.id)
    }

    fn stray(&mut self, stray: Stray) {
        if self.strays.len() < MOST_STRAYS {
            self.strays.push(stray);
        } else {
            let Stray { spot, known, why, .. } = stray;
            self.content.found.add(Tampering::Inserted, spot, known, || why);
        }
    }
}

impl Seen<'_> {
    /// Whether it is the first line of a chain and does not say that the chain has a key.
    fn says_nothing_of_a_key(&self) -> bool {
        let is_whole = self.text.starts_with(b"{\"") && memchr::memmem::find(self.text, b",\"keyed\":true,").is_some();
        self.place.kind == Kind::Begin && !is_whole
    }

    pub(super) fn known(&self) -> Known {
        Known::at(self.place.chain, self.place.seq).with_id(self.text)
    }
}

impl Content {
    /// Whether the hash of a line is as those of its chain are.
    fn is_genuine(&mut self, chain: &mut ChainState, genuine: Genuine, seen: &Seen<'_>) -> bool {
        match (genuine, chain.checked) {
            (Genuine::Keyed, None) => chain.checked = Some(Checked::Mac),
            (Genuine::Unknown, None) => chain.checked = Some(Checked::Links),
            (Genuine::Plain, None) => {
                chain.checked = Some(Checked::Digest);
                if !self.options.takes_unkeyed() {
                    self.found.add(Tampering::Forged, seen.spot, seen.known(), || {
                        format!("chain {} has no key, so that anybody can have made it", seen.place.chain)
                    });
                }
            }
            // That it has a key was not so: its first line was changed to say it.
            (Genuine::Plain, Some(Checked::Links)) => {
                chain.checked = Some(Checked::Digest);
                self.found.add(Tampering::Changed, chain.begun, Known::at(chain.id, 1), || UNFIT.to_owned());
            }
            (Genuine::Keyed, Some(Checked::Mac))
            | (Genuine::Plain, Some(Checked::Digest))
            | (Genuine::Unknown, Some(Checked::Links)) => {}
            _ => return false,
        }
        true
    }

    /// A line that fits in itself: where it stands in its chain.
    fn next(&mut self, chain: &mut ChainState, seen: &Seen<'_>, strays: &mut Vec<Stray>) {
        let place = &seen.place;
        if let Some(pending) = chain.pending.take() {
            self.settle(chain, pending, place);
        }
        if place.seq <= chain.seq {
            return self.old(chain, seen);
        }
        if place.seq > chain.next() {
            self.gap(chain, seen, strays);
        } else {
            self.link(chain, seen);
        }
        self.take(chain, seen);
    }

    /// The next line that fits shows what one is that did not.
    fn settle(&mut self, chain: &mut ChainState, pending: Pending, place: &Place) {
        let is_in_its_place = place.seq == chain.next();
        if place.seq <= chain.seq {
            chain.pending = Some(pending);
        } else if is_in_its_place {
            self.inserted(chain, &pending);
        } else {
            self.changed(chain, &pending);
            // As long as it was not known to stand for more.
            let to = if place.seq > pending.to { pending.to } else { chain.next() };
            chain.seq = to;
            chain.last = place.prev_hash;
            chain.last_spot = Some(pending.spot);
            chain.is_last_tied = false;
        }
    }

    /// A line whose place is taken already.
    fn old(&mut self, chain: &mut ChainState, seen: &Seen<'_>) {
        let place = &seen.place;
        if chain.turns_up(place.seq, &place.hash) {
            self.count(chain, seen);
            return;
        }
        let is_rival = place.seq == chain.seq && place.prev_hash == chain.prev_hash && place.hash != chain.last;
        if is_rival && chain.rival.is_none() {
            chain.rival = Some(super::chain::Rival { spot: seen.spot, hash: place.hash });
            return;
        }
        self.found.add(Tampering::Inserted, seen.spot, seen.known(), || {
            format!("line {} of chain {} was there before", place.seq, place.chain)
        });
    }

    /// Lines are missing before this one.
    fn gap(&mut self, chain: &mut ChainState, seen: &Seen<'_>, strays: &mut Vec<Stray>) {
        let (mut from, to) = (chain.next(), seen.place.seq - 1);
        chain.tree = None;
        let since = chain.last_spot.map_or(0, |spot| spot.ordinal);
        let fits = |stray: &Stray| {
            let stands_between = stray.spot.ordinal >= since && !stray.is_torn;
            let is_missing = stray.is_unreadable || stray.known.seq.is_none_or(|seq| (from..=to).contains(&seq));
            stands_between && (is_missing || stray.hash == Some(seen.place.prev_hash))
        };
        if let Some(at) = strays.iter().position(fits) {
            let stray = strays.remove(at);
            // The other part of a line that was broken in two.
            let mut end = stray.spot.ordinal;
            strays.retain(|other| {
                let goes_on = other.spot.ordinal == end + 1 && other.known.id.is_none() && other.is_unreadable;
                end += u64::from(goes_on);
                !goes_on
            });
            let known = Known { chain: Some(chain.id), seq: Some(from), id: stray.known.id };
            self.found.add(Tampering::Changed, stray.spot, known, || changed(chain.id, from, &stray.why));
            from += 1;
        }
        if from > to {
            return;
        }
        let gap = Gap {
            spot: seen.spot,
            after: seen.place.seq,
            after_hash: seen.place.hash,
            after_known: seen.known(),
            ranges: vec![(from, to)],
            late: 0,
            is_after_copied: false,
        };
        if let Some(gap) = chain.miss(gap) {
            self.gone(chain, &gap);
        }
    }

    /// A line in its place: whether it follows the one before.
    fn link(&mut self, chain: &mut ChainState, seen: &Seen<'_>) {
        let mut follows = seen.place.prev_hash == chain.last;
        if let Some(rival) = chain.rival.take() {
            let is_rival_right = seen.place.prev_hash == rival.hash;
            let bad = if is_rival_right { chain.last_spot.unwrap_or_default() } else { rival.spot };
            if is_rival_right {
                chain.tree = None;
                follows = true;
            }
            self.found.add(Tampering::Inserted, bad, Known::at(chain.id, chain.seq), || {
                format!(
                    "there are two lines {} of chain {}, and the line after them follows the other",
                    chain.seq, chain.id
                )
            });
        }
        if let Some(broken) = chain.broken.take() {
            self.blame(chain, &broken, follows);
        } else if !follows {
            chain.tree = None;
            chain.broken = Some(super::chain::Broken {
                first: chain.last_spot.unwrap_or(seen.spot),
                first_seq: chain.seq,
                is_first_tied: chain.is_last_tied || chain.seq == 0,
                second: seen.spot,
            });
        }
    }
}

pub(super) fn changed(chain: Uuid, seq: u64, why: &str) -> String {
    format!("line {seq} of chain {chain} was changed: {why}")
}
