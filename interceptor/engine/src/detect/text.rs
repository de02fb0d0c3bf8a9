//! The text under the scanner: a slice that may go on later, and the byte classes that detectors share.

use std::sync::LazyLock;

use super::Work;
use super::secret::Words;

/// The longest stretch that stays undecided. A JWT or PEM key that outgrows it is reported in pieces of this
/// length; no other candidate comes near it.
pub const HOLD_BOUND: usize = 8 * 1024;

/// How far before an anchor a detector may look. A stream keeps this many bytes that it has already
/// released, so that a chunk boundary does not change what is seen.
pub(super) const LOOKBACK: usize = 256;

/// Text that is all there (`complete`) or whose continuation has not arrived yet.
#[derive(Clone, Copy)]
pub(super) struct Text<'t> {
    pub(super) bytes: &'t [u8],
    pub(super) complete: bool,
    /// End of the last finding: nothing may begin before it.
    pub(super) floor: usize,
}

/// What stands at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Peek {
    Byte(u8),
    /// The text is over.
    End,
    /// The next fragment will tell.
    Unknown,
}

/// A detector's answer about an anchor.
pub(super) enum Verdict {
    /// Nothing is found here; anchors before `resume` need no look.
    No { resume: usize },
    /// Found.
    Match(super::Finding),
    /// The continuation decides. Bytes from `hold` on must not leave; `usize::MAX` holds nothing.
    Undecided { hold: usize },
    /// A candidate that may become long: the walk remembers how far it came.
    Grow(super::machine::Growing),
    /// A context that announces an AWS secret key: look for it from `from` on.
    Follow { from: usize },
}

impl<'t> Text<'t> {
    pub(super) fn complete(bytes: &'t [u8]) -> Self {
        Self { bytes, complete: true, floor: 0 }
    }

    pub(super) fn peek(&self, at: usize) -> Peek {
        match self.bytes.get(at) {
            Some(&byte) => Peek::Byte(byte),
            None if self.complete => Peek::End,
            None => Peek::Unknown,
        }
    }

    /// The byte `back` places before `at` (1 is the one before).
    pub(super) fn before(&self, at: usize, back: usize) -> Option<u8> {
        at.checked_sub(back).and_then(|i| self.bytes.get(i)).copied()
    }

    /// The byte before `at` as far as words go: behind a written escape such as `\n` a new word begins, although
    /// its letter stands before. Raw JSON is scanned where it cannot be decoded.
    pub(super) fn left(&self, at: usize) -> Option<u8> {
        left(self.bytes, at)
    }

    /// The end of the longest stretch from `from` on whose bytes satisfy `class`, at most `max` bytes.
    pub(super) fn run_end(&self, from: usize, max: usize, class: impl Fn(u8) -> bool) -> usize {
        let end = self.bytes.len().min(from.saturating_add(max));
        let stretch = self.bytes.get(from..end).unwrap_or_default();
        from + stretch.iter().position(|&b| !class(b)).unwrap_or(stretch.len())
    }

    /// True if one of `words` (lower case ASCII) occurs in the `reach` bytes before `at`, whatever its case.
    pub(super) fn mentions_before(&self, at: usize, reach: usize, words: &[&str], work: &mut Work) -> bool {
        debug_assert!(reach + 16 <= LOOKBACK);
        let window = &self.bytes[at.saturating_sub(reach)..at];
        work.examined += window.len() as u64;
        // Rows of numbers have no words before them. Without a branch for each byte.
        if !window.iter().fold(false, |any, byte| any | (*byte >= b'A')) {
            return false;
        }
        // Most letters begin none of the words: one bit per letter says so.
        let first = words.iter().fold(0u32, |first, word| first | 1 << (word.as_bytes()[0] & 31));
        (0..window.len()).filter(|i| window[*i] >= b'A' && first >> (window[*i] & 31) & 1 == 1).any(|i| {
            let here = &window[i..];
            words.iter().any(|w| here.len() >= w.len() && here[..w.len()].eq_ignore_ascii_case(w.as_bytes()))
        })
    }

    /// True if a key may begin at `at`: what stands before is no part of a longer word. A dash or underscore
    /// counts as part of a word only behind a word, so that the bullet in `-sk-…` does not hide the key.
    pub(super) fn key_may_begin(&self, at: usize) -> bool {
        match self.left(at) {
            None => true,
            Some(b) if b.is_ascii_alphanumeric() => false,
            Some(b'-' | b'_') => !self.before(at, 2).is_some_and(is_key_byte),
            Some(_) => true,
        }
    }
}

/// See [`Text::left`].
pub(super) fn left(bytes: &[u8], at: usize) -> Option<u8> {
    let before = |back: usize| at.checked_sub(back).and_then(|i| bytes.get(i)).copied();
    match before(1) {
        Some(b'n' | b'r' | b't' | b'b' | b'f') if before(2) == Some(b'\\') => Some(b' '),
        other => other,
    }
}

/// `[A-Za-z0-9_-]`: what keys and base64url are made of.
pub(super) fn is_key_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')
}

/// Words that stand in for keys.
pub(super) const STAND_INS: [&str; 9] =
    ["example", "xxxx", "0000000", "your", "redacted", "placeholder", "changeme", "dummy", "insert"];

/// [`STAND_INS`], ready for use.
static PLACEHOLDERS: LazyLock<Words> = LazyLock::new(|| Words::new(STAND_INS.map(|word| (word, 0))));

/// True if `key` is plainly not a key but a stand-in for one: documentation writes `EXAMPLE`, `xxxx`,
/// `your-key` or one character over and over. Random keys of 16 and more characters do not look so.
pub(super) fn is_placeholder(key: &[u8]) -> bool {
    !is_varied(key) || is_typed(key) || PLACEHOLDERS.any(key)
}

/// True if there are eight different bytes or more. Most keys show it at their beginning.
pub(super) fn is_varied(key: &[u8]) -> bool {
    let (mut seen, mut distinct) = ([0u64; 4], 0);
    key.iter().any(|byte| {
        let (word, bit) = (&mut seen[usize::from(byte >> 6)], 1 << (byte & 63));
        distinct += u32::from(*word & bit == 0);
        *word |= bit;
        distinct >= 8
    })
}

/// True for what was typed by somebody who made a key up: every other character repeats the one before it or is the
/// next of the alphabet or of the digits; or both count in turns, as in `1a2b-3c4d`.
fn is_typed(key: &[u8]) -> bool {
    key.len() >= 16
        && (is_mostly_next(key.windows(2).filter(|two| is_next(two)).count(), key.len())
            || is_mostly_in_turns(key.windows(4).filter(|four| is_in_turns(four)).count(), key.len()))
}

/// The second byte is the first one again, or the one behind it.
pub(super) fn is_next(two: &[u8]) -> bool {
    matches!(two, [a, b] if b.wrapping_sub(*a) <= 1)
}

/// Of four bytes the third follows the first, and the fourth the second.
pub(super) fn is_in_turns(four: &[u8]) -> bool {
    matches!(four, [a, b, c, d] if c.wrapping_sub(*a) == 1 && is_next(&[*b, *d]))
}

/// So many pairs of so long a key are as [`is_next`] says: it was typed.
pub(super) fn is_mostly_next(pairs: usize, len: usize) -> bool {
    pairs * 2 >= len
}

/// As [`is_mostly_next`], of [`is_in_turns`].
pub(super) fn is_mostly_in_turns(fours: usize, len: usize) -> bool {
    fours * 5 >= len * 2
}
