//! Counts over the bytes of values, kept for each place: what a value holds is the difference of two. Knows positions in
//! one text; whoever reads another clears it first.

use std::ops::Range;

use super::super::rarity::{AHEAD, BACK};
use crate::detect::text::{is_in_turns, is_mostly_in_turns, is_mostly_next, is_next};

/// Kinds of bytes, and of pairs.
const KINDS: usize = 8;
/// Bytes that no key has outside of code, and those that are not ASCII.
const CODE: usize = 0;
const DIGITS: usize = 1;
const LOWER: usize = 2;
const UPPER: usize = 3;
/// Punctuation that joins no words.
const MARKS: usize = 4;
const SPACES: usize = 5;
/// Pairs that only code has.
const CALLS: usize = 6;
/// Pairs of what was typed.
const NEXT: usize = 7;

/// What each byte counts for.
static ROWS: [[u16; KINDS]; 256] = {
    let mut rows = [[0; KINDS]; 256];
    let mut byte = 0u8;
    loop {
        let row = &mut rows[byte as usize];
        let joins = matches!(byte, b'_' | b'-' | b'.' | b'/' | b':' | b'=');
        row[CODE] =
            matches!(byte, b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>' | b' ' | 0x80..) as u16;
        row[DIGITS] = byte.is_ascii_digit() as u16;
        row[LOWER] = byte.is_ascii_lowercase() as u16;
        row[UPPER] = byte.is_ascii_uppercase() as u16;
        row[MARKS] = (byte.is_ascii_punctuation() && !joins) as u16;
        row[SPACES] = (byte == b' ') as u16;
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    rows
};

/// How many of a value's bytes, pairs and fours are of a kind. Values are short, so that sixteen bits tell them apart
/// wherever they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Held {
    kinds: [u16; KINDS],
    /// Fours of what was typed.
    turns: u16,
}

impl Held {
    pub(super) fn has_code(&self) -> bool {
        self.kinds[CODE] > 0
    }

    pub(super) fn digits(&self) -> usize {
        self.kinds[DIGITS].into()
    }

    pub(super) fn marks(&self) -> usize {
        self.kinds[MARKS].into()
    }

    pub(super) fn has_spaces(&self) -> bool {
        self.kinds[SPACES] > 0
    }

    /// True for pairs such as `${` and `()`.
    pub(super) fn has_calls(&self) -> bool {
        self.kinds[CALLS] > 0
    }

    /// Small letters, capitals, digits, marks: how many kinds there are.
    pub(super) fn mixed(&self) -> usize {
        [LOWER, UPPER, DIGITS, MARKS].iter().filter(|kind| self.kinds[**kind] > 0).count()
    }

    /// A value of so many bytes was typed, by the rule of `text.rs`.
    pub(super) fn is_typed(&self, len: usize) -> bool {
        len >= 16
            && (is_mostly_next(self.kinds[NEXT].into(), len) || is_mostly_in_turns(self.turns.into(), len))
    }

    /// Adds what begins here, as far as it is there.
    #[inline]
    fn add(&mut self, here: &[u8]) {
        let row = &ROWS[usize::from(here[0])];
        self.kinds.iter_mut().zip(row).for_each(|(sum, one)| *sum = sum.wrapping_add(*one));
        if let Some(four) = here.first_chunk::<4>() {
            self.turns = self.turns.wrapping_add(u16::from(is_in_turns(four)));
        }
        let Some(two) = here.first_chunk::<2>() else { return };
        let call = matches!(two, b"${" | b"$(" | b"{{" | b"}}" | b"%(" | b"()" | b"::");
        self.kinds[CALLS] = self.kinds[CALLS].wrapping_add(u16::from(call));
        self.kinds[NEXT] = self.kinds[NEXT].wrapping_add(u16::from(is_next(two)));
    }
}

/// The counts of a stretch of a text.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Where it begins.
    from: usize,
    /// For each place, the counts over everything before it.
    sums: Vec<Held>,
}

impl Counts {
    /// Forgets the text.
    pub(super) fn clear(&mut self) {
        self.from = 0;
        self.sums.clear();
    }

    /// What a part of a text holds. Adds to `read` what nobody has read before.
    pub(super) fn of(&mut self, bytes: &[u8], value: Range<usize>, read: &mut u64) -> Held {
        let known = self.from + self.sums.len();
        if value.start < self.from || value.end >= known {
            let near = !self.sums.is_empty()
                && (self.from.saturating_sub(BACK)..known + BACK).contains(&value.start);
            let (back, ahead) = if near { (BACK, AHEAD) } else { (0, 0) };
            let part = value.start.saturating_sub(back)..(value.end + ahead).min(bytes.len());
            self.read(bytes, part, read);
        }
        let at = |back: usize| &self.sums[value.end.saturating_sub(back).max(value.start) - self.from];
        let (from, one, two, four) = (&self.sums[value.start - self.from], at(0), at(1), at(3));
        let mut kinds = one.kinds;
        kinds[CALLS..].copy_from_slice(&two.kinds[CALLS..]);
        kinds.iter_mut().zip(from.kinds).for_each(|(sum, before)| *sum = sum.wrapping_sub(before));
        Held { kinds, turns: four.turns.wrapping_sub(from.turns) }
    }

    fn read(&mut self, bytes: &[u8], part: Range<usize>, read: &mut u64) {
        *read += part.len() as u64;
        self.from = part.start;
        self.sums.clear();
        let mut held = Held::default();
        self.sums.push(held);
        for at in part {
            held.add(&bytes[at..]);
            self.sums.push(held);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::SampleSource;

    #[test]
    fn what_is_kept_says_the_same() {
        let mut source = SampleSource::new(23);
        for alphabet in [&b"ab12"[..], b"aB1_(){}$%: ", b"abcdefABCDEF0123"] {
            let text = source.text(alphabet, 3000);
            let (bytes, mut counts) = (text.as_bytes(), Counts::default());
            for start in 0..bytes.len() {
                for length in [0, 1, 2, 3, 4, 31, 96, 512] {
                    let end = bytes.len().min(start + length);
                    let alone = Counts::default().of(&bytes[start..end], 0..end - start, &mut 0);
                    assert_eq!(counts.of(bytes, start..end, &mut 0), alone);
                    assert_eq!(
                        alone.digits(),
                        bytes[start..end].iter().filter(|b| b.is_ascii_digit()).count()
                    );
                }
            }
        }
    }
}
