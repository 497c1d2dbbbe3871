//! What somebody does who has the store, and not its keys.

use ormai_audit::verify::{Problem, Tampering};
use ormai_audit::{Hash, Kind, Line, MacKey, Place, TrailKeys};
use uuid::Uuid;

use super::store::text;

/// One kind of attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attack {
    ChangeByte,
    DeleteLine,
    SwapLines,
    InsertCopy,
    InsertForged,
    InsertForeign,
    TruncateAtByte,
    TruncateAtLine,
}

/// What `verify` must say of it.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) kinds: Vec<Tampering>,
    /// The numbers of the lines that may be named; any, where empty.
    pub(super) lines: Vec<u64>,
    /// The records that may be named; any, where empty.
    pub(super) records: Vec<(Option<Uuid>, u64)>,
}

impl Expected {
    fn of(kind: Tampering, line: usize, place: &Place) -> Self {
        Self { kinds: vec![kind], lines: vec![line as u64], records: vec![(Some(place.chain), place.seq)] }
    }

    pub(super) fn is(&self, problem: &Problem) -> bool {
        let record = |(chain, seq): &(Option<Uuid>, u64)| {
            problem.seq == Some(*seq) && chain.is_none_or(|chain| problem.chain == Some(chain))
        };
        self.kinds.contains(&problem.kind)
            && (self.lines.is_empty() || self.lines.contains(&problem.line))
            && (self.records.is_empty() || self.records.iter().any(record))
    }
}

/// Numbers that look like chance (SplitMix64).
pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).unwrap()
    }
}

impl Attack {
    /// A store after the attack, and what must be said of it; `None` where the attack changes nothing
    /// that matters.
    pub(super) fn on(self, lines: &[Line], foreign: &[Line], chance: &mut Chance) -> Option<(Vec<u8>, Expected)> {
        let one = chance.below(lines.len());
        match self {
            Self::ChangeByte => {
                let at = chance.below(lines[one].text().len() + 1);
                let by = u8::try_from(chance.below(255)).unwrap() + 1;
                Some(change_byte(lines, one, at, by))
            }
            Self::DeleteLine => {
                let place = *lines[one].place();
                let is_last = !lines[one + 1..].iter().any(|line| line.place().chain == place.chain);
                let kind = if is_last { Tampering::Truncated } else { Tampering::Removed };
                let left = lines.iter().enumerate().filter(|(at, _)| *at != one).map(|(_, line)| line.text());
                let records = vec![(Some(place.chain), place.seq)];
                Some((text(left), Expected { kinds: vec![kind], records, ..Expected::default() }))
            }
            Self::SwapLines => swap_lines(lines, one, chance.below(lines.len())),
            Self::InsertCopy => {
                let (copied, before) = (chance.below(lines.len()), chance.below(lines.len() + 1));
                let mut expected = Expected::of(Tampering::Inserted, before + 1, lines[copied].place());
                // Where the copy stands well, the other is one too many.
                expected.lines.push(copied as u64 + 2);
                Some((inserted(lines, before, lines[copied].text()), expected))
            }
            Self::InsertForged => {
                let before = chance.below(lines.len() + 1);
                let (forged, is_at_end) = forged(lines, before, one, chance);
                let mut expected = Expected::of(Tampering::Inserted, before + 1, forged.place());
                // At the end of a chain it may as well have been another line.
                expected.kinds.extend(is_at_end.then_some(Tampering::Changed));
                Some((inserted(lines, before, forged.text()), expected))
            }
            Self::InsertForeign => {
                let (before, line) = (chance.below(lines.len() + 1), &foreign[chance.below(foreign.len())]);
                // The beginning of a chain looks like a writer that had nothing to say.
                if line.place().kind == Kind::Begin {
                    return None;
                }
                let expected = Expected::of(Tampering::Inserted, before + 1, line.place());
                Some((inserted(lines, before, line.text()), expected))
            }
            Self::TruncateAtByte => {
                let at = chance.below(lines[one].text().len() + 1);
                let mut left = text(lines[..one].iter().map(Line::text));
                left.extend_from_slice(&lines[one].text().as_bytes()[..at]);
                if at == 0 {
                    return Some((left, truncated(lines, one)));
                }
                let expected =
                    Expected { kinds: vec![Tampering::Torn], lines: vec![one as u64 + 1], ..Expected::default() };
                Some((left, expected))
            }
            Self::TruncateAtLine => Some((text(lines[..one].iter().map(Line::text)), truncated(lines, one))),
        }
    }
}

/// Changes a byte of a line, or its end, by xor.
pub(super) fn change_byte(lines: &[Line], one: usize, at: usize, by: u8) -> (Vec<u8>, Expected) {
    let mut changed = text(lines.iter().map(Line::text));
    let begin = lines[..one].iter().map(|line| line.text().len() + 1).sum::<usize>();
    changed[begin + at] ^= by;
    let mut expected = Expected::of(Tampering::Changed, one + 1, lines[one].place());
    if lines[one].place().seq == 1 {
        // There is no line before by which its chain would be known.
        expected.records[0].0 = None;
    }
    if at == lines[one].text().len() {
        match lines.get(one + 1) {
            // Two lines became one.
            Some(line) => expected.records.push((Some(line.place().chain), line.place().seq)),
            None => expected.kinds = vec![Tampering::Torn],
        }
    }
    (changed, expected)
}

fn swap_lines(lines: &[Line], one: usize, other: usize) -> Option<(Vec<u8>, Expected)> {
    let (one, other) = (one.min(other), one.max(other));
    let mut swapped: Vec<&Line> = lines.iter().collect();
    swapped.swap(one, other);
    // The first line that does not follow the one before in its chain.
    let mut next = std::collections::HashMap::new();
    let bad = swapped.iter().position(|line| {
        let next = next.entry(line.place().chain).or_insert(1);
        *next += 1;
        *next - 1 != line.place().seq
    })?;
    let expected = Expected::of(Tampering::Reordered, bad + 1, swapped[bad].place());
    Some((text(swapped.iter().map(|line| line.text())), expected))
}

fn inserted(lines: &[Line], before: usize, line: &str) -> Vec<u8> {
    let texts = lines.iter().map(Line::text);
    text(texts.clone().take(before).chain([line]).chain(texts.skip(before)))
}

/// What a line says that takes the place of the next one of a chain, as well as one can make it
/// without the key; and whether nothing follows in its chain.
fn forged(lines: &[Line], before: usize, like: usize, chance: &mut Chance) -> (Line, bool) {
    let chain = lines[chance.below(lines.len())].place().chain;
    let last = lines[..before].iter().rev().find(|line| line.place().chain == chain);
    let (seq, prev) = last.map_or((0, Hash::ZERO), |line| (line.place().seq, line.place().hash));
    let (open, _) = lines[like].text().rsplit_once(",\"kind\":").unwrap();
    let kind = lines[like].place().kind;
    let hashed =
        format!("{open},\"kind\":\"{kind}\",\"chain\":\"{chain}\",\"seq\":{},\"prev_hash\":\"{prev}\"", seq + 1);
    let digest = Place::digest(hashed.as_bytes());
    let guessed = TrailKeys { mac: MacKey::new("a secret that is guessed"), signing: None };
    let hash = if chance.below(2) == 0 { digest } else { guessed.hash(&digest) };
    let line = Line::read(format!("{hashed},\"hash\":\"{hash}\"}}")).unwrap();
    (line, !lines[before..].iter().any(|line| line.place().chain == chain))
}

fn truncated(lines: &[Line], at: usize) -> Expected {
    let chains: Vec<Uuid> = lines.iter().map(|line| line.place().chain).collect();
    let mut records = Vec::new();
    for line in &lines[at..] {
        if !records.iter().any(|(chain, _)| *chain == Some(line.place().chain)) {
            records.push((Some(line.place().chain), line.place().seq));
        }
    }
    let is_whole = |chain: &Uuid| !chains[..at].contains(chain);
    let is_any_gone = chains.iter().any(is_whole);
    let kinds = if is_any_gone { vec![Tampering::Removed, Tampering::Truncated] } else { vec![Tampering::Truncated] };
    Expected { kinds, lines: vec![at as u64 + 1], records }
}
