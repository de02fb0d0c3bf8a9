//! The one pass over the text: finds the places worth a closer look. Knows bytes and literals, not what
//! they announce.
//!
//! A sweep shows where something may be, many bytes at a time; what it shows is looked at here, place by place. A literal
//! is found by the four bytes of it that texts have least often.

mod brief;
mod digits;
mod sweep;
mod windows;

use smallvec::SmallVec;

use super::encoded::{self, ENCODED};
use super::metadata::{Literal, Route};
use super::text::{Peek, Text};
use super::{personal, secret};
use crate::wide::{FOUR, WIDTH};
pub(crate) use brief::Brief;
use sweep::Shown;
pub(super) use sweep::Sweep;
use windows::{Entry, Windows};

/// A place worth a closer look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Anchor {
    /// What orders anchors: the digit, the `@`, the first of the literal's rare bytes.
    pub(super) at: usize,
    pub(super) kind: Kind,
}

impl Anchor {
    /// True if `place` lies in its literal, or directly behind.
    pub(super) fn holds(&self, place: usize) -> bool {
        matches!(self.kind, Kind::Literal { end, .. } if place <= end)
    }

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
    /// The first of a run of digits, and whether it may begin a number.
    Digit { number: bool },
    /// An `@`.
    At,
    /// A literal, from `start` to `end`.
    Literal { route: Route, start: usize, end: usize },
    /// A literal of which the text so far shows only the beginning.
    Cut,
}

/// Where the pass stopped: an anchor that is there by its byte alone, if there is one, and perhaps literals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) at: usize,
    single: Option<Kind>,
}

/// Anchors at one place, in order. Four is more than any place has had.
pub(super) type Found = SmallVec<[Anchor; 4]>;

/// What the pass looks for.
pub(super) struct Anchors {
    windows: Windows,
}

impl Anchors {
    pub(super) fn new(literals: impl Iterator<Item = Literal>) -> Self {
        Self { windows: Windows::new(literals) }
    }

    /// The first place from `from` on at which there is an anchor; else where looking stopped: the end, or the last byte
    /// if a literal may begin with it. Digits before `counted` are no numbers.
    pub(super) fn next(
        &self,
        sweep: &mut Sweep,
        text: Text<'_>,
        from: usize,
        counted: usize,
    ) -> Result<Stop, usize> {
        let bytes = text.bytes;
        let mut at = from;
        // Where it is worth looking for encoded data again.
        let mut look = from;
        while at < bytes.len() {
            let Shown { begin, single, literal } = sweep.shown(bytes, &self.windows.rows, at);
            let literal = literal | cut_off(text, begin);
            let mut places = (single | literal) & u64::MAX << (at - begin);
            let any = places != 0;
            while places != 0 {
                let bit = places.trailing_zeros();
                let hit = begin + bit as usize;
                let alone = if single >> bit & 1 != 0 { single_at(bytes, hit, counted) } else { None };
                if alone.is_some() || (literal >> bit & 1 != 0 && self.windows.at(text, hit).next().is_some())
                {
                    return Ok(Stop { at: hit, single: alone });
                }
                places &= places - 1;
            }
            at = begin + WIDTH;
            if any && at >= look {
                look = at + ENCODED;
                at = encoded::skip(bytes, at.min(bytes.len()));
            }
        }
        let end = bytes.len();
        Err(if text.complete { end } else { from.max(end.saturating_sub(1)) })
    }

    /// A look at a text that is complete, if it is so short that one is enough.
    pub(super) fn brief<'a>(&'a self, bytes: &'a [u8]) -> Option<Brief<'a>> {
        (1..=WIDTH).contains(&bytes.len()).then(|| Brief::new(bytes, &self.windows.rows))
    }

    /// The anchors where the pass stopped, in order, in place of what `found` held.
    pub(super) fn at(&self, text: Text<'_>, stop: Stop, found: &mut Found) {
        let Stop { at, single } = stop;
        found.clear();
        found.extend(single.map(|kind| Anchor { at, kind }));
        found.extend(self.windows.at(text, at).filter_map(|entry| compare(text, at, entry)));
        if found.len() > 1 {
            // Of literals that begin together the longer one says more.
            found.sort_by_key(|anchor| std::cmp::Reverse(anchor.length()));
        }
    }
}

/// Places of the block at `begin` at which the text so far may cut a literal off: the sweep knows whole ones only.
fn cut_off(text: Text<'_>, begin: usize) -> u64 {
    let left = text.bytes.len() - begin;
    if text.complete || left >= WIDTH + FOUR {
        return 0;
    }
    let places = |count: usize| if count < WIDTH { (1 << count) - 1 } else { u64::MAX };
    places(left) & !places(left.saturating_sub(FOUR - 1))
}

/// What the byte at `at` announces by itself.
fn single_at(bytes: &[u8], at: usize, counted: usize) -> Option<Kind> {
    match bytes[at] {
        b'@' => personal::may_be_at_sign(bytes, at).then_some(Kind::At),
        b'0'..=b'9' => digit_at(bytes, at, counted),
        _ => None,
    }
}

/// Whether a group of digits begins at `digit` that is worth a look.
fn digit_at(bytes: &[u8], digit: usize, counted: usize) -> Option<Kind> {
    let first = !digit.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_digit());
    if !first || is_count(bytes, digit) {
        return None;
    }
    let number = digit >= counted && personal::may_begin(bytes, digit);
    (number || secret::may_begin(bytes, digit)).then_some(Kind::Digit { number })
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

/// Compares a literal whose four bytes lie at `at` with the text.
fn compare(text: Text<'_>, at: usize, entry: &Entry) -> Option<Anchor> {
    let literal = &entry.literal;
    let wanted = literal.text.as_bytes();
    let start = at.checked_sub(entry.offset)?;
    let end = start + wanted.len();
    let there = &text.bytes[start..end.min(text.bytes.len())];
    if !wanted.starts_with(there) {
        return None;
    }
    if there.len() == wanted.len() {
        return Some(Anchor { at, kind: Kind::Literal { route: literal.route, start, end } });
    }
    (text.peek(text.bytes.len()) == Peek::Unknown).then_some(Anchor { at, kind: Kind::Cut })
}

#[cfg(test)]
mod tests;
