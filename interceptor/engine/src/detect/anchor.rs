//! The one pass over the text: finds the places worth a closer look. Knows bytes and literals, not what
//! they announce.
//!
//! The pass looks up every second pair of neighbouring bytes in a table of all 65 536 pairs. A digit or `@`
//! shows in any pair that holds it; a literal is entered with two neighbouring pairs, of which one is always
//! sampled. So the pass does half a look-up per byte, however many literals there are. In front of the table stands
//! a sieve that passes over sixteen bytes at once where there is nothing.

mod sieve;

use smallvec::SmallVec;

use super::encoded::{self, ENCODED};
use super::metadata::{Literal, Route};
use super::text::{Peek, Text, is_key_byte};
use super::{personal, secret};
use crate::wide::WIDTH;
use sieve::{Pairs, READ, Sieve};

/// A place worth a closer look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Anchor {
    /// What orders anchors: the digit, the `@`, the literal's first rare byte.
    pub(super) at: usize,
    pub(super) kind: Kind,
}

impl Anchor {
    fn length(&self) -> usize {
        match self.kind {
            Kind::Literal { start, end, .. } => end - start,
            _ => 0,
        }
    }
}

/// What was seen at an anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The first of a run of digits.
    Digit,
    /// An `@`.
    At,
    /// A literal, from `start` to `end`.
    Literal { route: Route, start: usize, end: usize },
    /// A literal of which the text so far shows only the beginning.
    Cut,
}

/// Anchors at one sampled pair, in order. Four is more than any pair has had.
pub(super) type Found = SmallVec<[Anchor; 4]>;

const DIGIT: u8 = 0x80;
const AT: u8 = 0x40;
/// A bit for each class of what must stand behind the pair: see [`class`].
const LITERAL: u8 = 0x3f;

/// Bytes in six classes. Of the pairs that a literal shares with words, this turns down most without a look at the
/// literal, whose place is not in the fastest cache.
static CLASSES: [u8; 256] = {
    let (mut classes, mut byte) = ([0; 256], 0);
    while byte < 256 {
        classes[byte] = 1 << (byte % 6);
        byte += 1;
    }
    classes
};

/// The class of the byte at `at`; all of them where there is none, or none yet.
fn class(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).map_or(LITERAL, |byte| CLASSES[usize::from(*byte)])
}

/// The table of pairs and the literals behind it.
pub(super) struct Anchors {
    /// Per pair (first byte low): `DIGIT`, `AT`, bits of `LITERAL`. A byte each, so that the rows of the letters and
    /// digits stay in the fastest cache.
    pairs: Box<[u8]>,
    /// Per pair: the number of its bucket of literals. Looked up only where the table above shows one.
    slots: Box<[u16]>,
    /// Literals by bucket.
    buckets: Vec<Vec<Entry>>,
    /// Everything that the tables above show, and a little more.
    sieve: Sieve,
}

/// A literal, as a pair leads to it. Most pairs that lead here are something else: its first and last byte tell them
/// apart before anything is compared.
struct Entry {
    literal: Literal,
    /// The offset of the pair that leads here: its rare one or the next.
    offset: usize,
    first: u8,
    last: u8,
    /// Fewest bytes of a key that must follow.
    least: usize,
}

impl Entry {
    fn new(literal: Literal, offset: usize) -> Self {
        let bytes = literal.text.as_bytes();
        let least = if let Route::Secret(route) = literal.route { secret::least(route) } else { 0 };
        Self { literal, offset, first: bytes[0], last: bytes[bytes.len() - 1], least }
    }

    /// False if the literal is not at the place to which the pair at `at` points. Looks at two bytes; what has not
    /// come yet may still be it.
    fn may_stand(&self, text: &[u8], at: usize) -> bool {
        let Some(start) = at.checked_sub(self.offset) else { return false };
        let end = start + self.literal.text.len();
        let last = text.get(end - 1);
        text[start] == self.first
            && last.is_none_or(|last| *last == self.last)
            && (self.least == 0
                || text.get(end..).is_none_or(|rest| rest.iter().take(self.least).all(|b| is_key_byte(*b))))
    }
}

impl Anchors {
    pub(super) fn new(literals: impl Iterator<Item = Literal>) -> Self {
        let mut anchors = Self {
            pairs: vec![0; 1 << 16].into(),
            slots: vec![0; 1 << 16].into(),
            buckets: vec![Vec::new()],
            sieve: Sieve::new(),
        };
        for other in 0..=u8::MAX {
            for digit in b'0'..=b'9' {
                anchors.pairs[pair(digit, other)] |= DIGIT;
                anchors.pairs[pair(other, digit)] |= DIGIT;
            }
            anchors.pairs[pair(b'@', other)] |= AT;
            anchors.pairs[pair(other, b'@')] |= AT;
        }
        for literal in literals {
            anchors.enter(literal, literal.rare);
            anchors.enter(literal, literal.rare + 1);
        }
        anchors
    }

    fn enter(&mut self, literal: Literal, offset: usize) {
        let bytes = literal.text.as_bytes();
        self.sieve.enter([bytes[offset], bytes[offset + 1]], bytes.get(offset + 2).copied());
        let pair = pair(bytes[offset], bytes[offset + 1]);
        self.pairs[pair] |= class(bytes, offset + 2);
        if self.slots[pair] == 0 {
            self.slots[pair] = u16::try_from(self.buckets.len()).expect("a bucket per pair fits 16 bits");
            self.buckets.push(Vec::new());
        }
        self.buckets[usize::from(self.slots[pair])].push(Entry::new(literal, offset));
    }

    /// The first position from `from` on, in steps of two, at which the pair shows an anchor; else where
    /// sampling stopped: the end, or the last byte if it has no partner yet. Digits before `counted` are no
    /// numbers.
    pub(super) fn next(&self, bytes: &[u8], from: usize, counted: usize) -> Result<usize, usize> {
        // Where one anchor follows another there is no stretch without any to pass over.
        if from + 1 < bytes.len() && self.shows(bytes, from, counted) {
            return Ok(from);
        }
        let mut at = from;
        // Where it is worth looking for encoded data again.
        let mut look = from;
        while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<READ>()) {
            let digit_before = at > 0 && bytes[at - 1].is_ascii_digit();
            let Pairs { single, literal } = self.sieve.pairs(block, digit_before);
            let mut pairs = single | literal;
            let any = pairs != 0;
            while pairs != 0 {
                let bit = pairs.trailing_zeros();
                let hit = at + bit as usize;
                // What the sieve has told apart need not be looked up again.
                let shows = (single >> bit & 1 != 0 && self.shows_single(bytes, hit, counted))
                    || (literal >> bit & 1 != 0 && self.shows_literal(bytes, hit));
                if shows {
                    return Ok(hit);
                }
                pairs &= pairs - 1;
            }
            at += WIDTH;
            if any && at >= look {
                look = at + ENCODED;
                at = encoded::skip(bytes, at);
            }
        }
        while at + 1 < bytes.len() {
            if self.shows(bytes, at, counted) {
                return Ok(at);
            }
            at += 2;
        }
        match bytes.get(at) {
            Some(b'@' | b'0'..=b'9') => Ok(at),
            _ => Err(at.min(bytes.len())),
        }
    }

    /// True if the pair at `at` is in the table for more than digits that begin nothing and parts of other words.
    #[inline]
    fn shows(&self, bytes: &[u8], at: usize, counted: usize) -> bool {
        let slot = self.pairs[pair(bytes[at], bytes[at + 1])];
        (slot & (DIGIT | AT) != 0 && self.shows_single(bytes, at, counted))
            || (slot & LITERAL != 0 && self.shows_literal(bytes, at))
    }

    /// True if the pair at `at` holds an `@` or a digit that may begin something.
    fn shows_single(&self, bytes: &[u8], at: usize, counted: usize) -> bool {
        let slot = self.pairs[pair(bytes[at], bytes[at + 1])];
        (slot & DIGIT != 0 && digit_at(bytes, at, counted).is_some())
            || (slot & AT != 0
                && (at..at + 2).any(|at| bytes[at] == b'@' && personal::may_be_at_sign(bytes, at)))
    }

    /// True if a literal may stand at the place to which the pair at `at` points.
    #[inline]
    fn shows_literal(&self, bytes: &[u8], at: usize) -> bool {
        let pair = pair(bytes[at], bytes[at + 1]);
        let bucket = || &self.buckets[usize::from(self.slots[pair])];
        self.pairs[pair] & class(bytes, at + 2) != 0
            && bucket().iter().any(|entry| entry.may_stand(bytes, at))
    }

    /// The anchors that the pair at `at` shows, in order, in place of what `found` held. Digits before `counted` are no
    /// numbers.
    pub(super) fn at(&self, text: Text<'_>, at: usize, counted: usize, found: &mut Found) {
        found.clear();
        let first = text.bytes[at];
        let second = text.bytes.get(at + 1).copied();
        let pair = pair(first, second.unwrap_or(first));
        let slot = self.pairs[pair];
        if slot & LITERAL != 0 && second.is_some() {
            for entry in &self.buckets[usize::from(self.slots[pair])] {
                if entry.may_stand(text.bytes, at)
                    && let Some(anchor) = compare(text, at, entry.literal, entry.offset)
                {
                    found.push(anchor);
                }
            }
        }
        if slot & DIGIT != 0
            && let Some(at) = digit_at(text.bytes, at, counted)
        {
            found.push(Anchor { at, kind: Kind::Digit });
        }
        if slot & AT != 0 {
            for (at, byte) in [(at, Some(first)), (at + 1, second)] {
                if byte == Some(b'@') && personal::may_be_at_sign(text.bytes, at) {
                    found.push(Anchor { at, kind: Kind::At });
                }
            }
        }
        if found.len() > 1 {
            // Of literals that begin together the longer one says more.
            found.sort_by_key(|anchor| (anchor.at, std::cmp::Reverse(anchor.length())));
        }
    }
}

/// Where in the pair at `at` a group of digits begins that is worth a look.
fn digit_at(bytes: &[u8], at: usize, counted: usize) -> Option<usize> {
    let digit = if bytes[at].is_ascii_digit() { at } else { at + 1 };
    let first = !digit.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_digit());
    let number = || digit >= counted && personal::may_begin(bytes, digit);
    let worthy = || number() || secret::may_begin(bytes, digit);
    (first && !is_count(bytes, digit) && worthy()).then_some(digit)
}

/// True for a short number in a sentence, with a space before and a space and a word behind: `the 128 requests`. Most
/// numbers of prose are such, and nobody asks about them.
fn is_count(bytes: &[u8], digit: usize) -> bool {
    let Some([before, b' ', _, rest @ ..]) = digit.checked_sub(2).map(|from| &bytes[from..]) else {
        return false;
    };
    let behind = match rest {
        [b' ', behind, ..] => behind,
        [b'0'..=b'9', b' ', behind, ..] => behind,
        [b'0'..=b'9', b'0'..=b'9', b' ', behind, ..] => behind,
        [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b' ', behind, ..] => behind,
        _ => return false,
    };
    // A capital before it may be the beginning of a plate.
    !before.is_ascii_uppercase() && behind.is_ascii_lowercase()
}

/// Compares a literal whose pair at `offset` lies at `at` with the text.
fn compare(text: Text<'_>, at: usize, literal: Literal, offset: usize) -> Option<Anchor> {
    let wanted = literal.text.as_bytes();
    let start = at.checked_sub(offset)?;
    let end = start + wanted.len();
    let there = &text.bytes[start..end.min(text.bytes.len())];
    if !wanted.starts_with(there) {
        return None;
    }
    let at = start + literal.rare;
    if there.len() == wanted.len() {
        return Some(Anchor { at, kind: Kind::Literal { route: literal.route, start, end } });
    }
    (text.peek(text.bytes.len()) == Peek::Unknown).then_some(Anchor { at, kind: Kind::Cut })
}

fn pair(a: u8, b: u8) -> usize {
    usize::from(u16::from_le_bytes([a, b]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_asks_about_counts() {
        for before in 0..=u8::MAX {
            for behind in 0..=u8::MAX {
                for count in ["7", "42", "128", "2026", "20261"] {
                    let mut text = vec![b'x', before, b' '];
                    text.extend_from_slice(count.as_bytes());
                    text.extend_from_slice(&[b' ', behind, b'y']);
                    let asked = personal::may_begin(&text, 3) || secret::may_begin(&text, 3);
                    assert!(!asked || !is_count(&text, 3), "{:?}", String::from_utf8_lossy(&text));
                }
            }
        }
        assert!(is_count(b"the 128 requests", 4));
    }
}
