//! The one pass over the text: finds the places worth a closer look. Knows bytes and literals, not what
//! they announce.
//!
//! The pass looks up every second pair of neighbouring bytes in a table of all 65 536 pairs. A digit or `@`
//! shows in any pair that holds it; a literal is entered with two neighbouring pairs, of which one is always
//! sampled. So the pass does half a look-up per byte, however many literals there are.

use smallvec::SmallVec;

use super::metadata::{Literal, Route};
use super::text::{Peek, Text};

/// A place worth a closer look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Anchor {
    /// What orders anchors: the digit, the `@`, the literal's first rare byte.
    pub(super) at: usize,
    pub(super) kind: Kind,
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
const BUCKETS: u8 = 0x3f;

/// The table of pairs and the literals behind it.
pub(super) struct Anchors {
    /// Per pair (first byte low): `DIGIT`, `AT`, and the number of a bucket of literals (0 is none).
    pairs: Box<[u8; 1 << 16]>,
    /// Literals by bucket, each with the offset of the pair that leads here: its rare one or the next.
    buckets: Vec<Vec<(Literal, usize)>>,
}

impl Anchors {
    pub(super) fn new(literals: &[Literal]) -> Self {
        let mut anchors = Self { pairs: Box::new([0; 1 << 16]), buckets: vec![Vec::new()] };
        for other in 0..=u8::MAX {
            for digit in b'0'..=b'9' {
                anchors.pairs[pair(digit, other)] |= DIGIT;
                anchors.pairs[pair(other, digit)] |= DIGIT;
            }
            anchors.pairs[pair(b'@', other)] |= AT;
            anchors.pairs[pair(other, b'@')] |= AT;
        }
        for literal in literals {
            anchors.enter(*literal, literal.rare);
            anchors.enter(*literal, literal.rare + 1);
        }
        anchors
    }

    fn enter(&mut self, literal: Literal, offset: usize) {
        let bytes = literal.text.as_bytes();
        let slot = &mut self.pairs[pair(bytes[offset], bytes[offset + 1])];
        let mut bucket = *slot & BUCKETS;
        if bucket == 0 {
            // Past the last bucket the literals share: each is compared in full, sharing only costs time.
            let count = self.buckets.len();
            let fresh = 1 + (count - 1) % usize::from(BUCKETS);
            bucket = u8::try_from(fresh).unwrap_or(BUCKETS);
            if fresh == count {
                self.buckets.push(Vec::new());
            }
            *slot |= bucket;
        }
        self.buckets[usize::from(bucket)].push((literal, offset));
    }

    /// The first position from `from` on, in steps of two, whose pair is in the table; else where sampling
    /// stopped: the end, or the last byte if it has no partner yet.
    pub(super) fn next(&self, bytes: &[u8], from: usize) -> Result<usize, usize> {
        let mut at = from;
        while let Some(block) = bytes.get(at..at + 16) {
            let mut any = 0;
            for two in block.chunks_exact(2) {
                any |= self.pairs[pair(two[0], two[1])];
            }
            if any != 0 {
                break;
            }
            at += 16;
        }
        while let (Some(&a), Some(&b)) = (bytes.get(at), bytes.get(at + 1)) {
            if self.pairs[pair(a, b)] != 0 {
                return Ok(at);
            }
            at += 2;
        }
        match bytes.get(at) {
            Some(b'@' | b'0'..=b'9') => Ok(at),
            _ => Err(at.min(bytes.len())),
        }
    }

    /// The anchors that the pair at `at` shows, in order.
    pub(super) fn at(&self, text: Text<'_>, at: usize) -> Found {
        let mut found = Found::new();
        let first = text.bytes[at];
        let second = text.bytes.get(at + 1).copied();
        let slot = self.pairs[pair(first, second.unwrap_or(first))];
        if slot & BUCKETS != 0 && second.is_some() {
            for (literal, offset) in &self.buckets[usize::from(slot & BUCKETS)] {
                found.extend(compare(text, at, *literal, *offset));
            }
        }
        if slot & DIGIT != 0 {
            let starts = |i: usize| !text.before(i, 1).is_some_and(|b| b.is_ascii_digit());
            if first.is_ascii_digit() {
                found.extend(starts(at).then_some(Anchor { at, kind: Kind::Digit }));
            } else {
                found.push(Anchor { at: at + 1, kind: Kind::Digit });
            }
        }
        if slot & AT != 0 {
            found.extend((first == b'@').then_some(Anchor { at, kind: Kind::At }));
            found.extend((second == Some(b'@')).then_some(Anchor { at: at + 1, kind: Kind::At }));
        }
        found.sort_by_key(|anchor| anchor.at);
        found
    }
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
