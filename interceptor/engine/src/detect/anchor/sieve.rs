//! What the pass asks before it asks anything else: sixteen bytes at once, is there a place among them at which three
//! bytes stand that some literal has, an `@`, or the first digit of a group? Says yes to a few places too many and to
//! none too few. Knows no literal by its name.

use crate::wide::{self, WIDTH};

/// What is read for one answer: the block, and what its last pair needs behind it.
pub(super) const READ: usize = WIDTH + 4;

/// Words of the table: few enough to stay in the fastest cache, and many enough that two pairs seldom share one.
const BITS: u32 = 12;
const WORDS: usize = 1 << BITS;

/// Every second bit of a block: the first byte of each pair.
const FIRSTS: u16 = 0x5555;

/// Pairs of a block, each by the bit of its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pairs {
    /// Those that hold an `@` or the first digit of a group.
    pub(super) single: u16,
    /// Those that a literal may have.
    pub(super) literal: u16,
}

/// What stands in literals: a word for each pair, by its hash, and in it a bit for what stands behind the pair.
pub(super) struct Sieve {
    table: Box<[u64; WORDS]>,
}

impl Sieve {
    pub(super) fn new() -> Self {
        Self { table: Box::new([0; WORDS]) }
    }

    /// Enters two bytes and what stands behind them; none if that may be anything.
    pub(super) fn enter(&mut self, pair: [u8; 2], behind: Option<u8>) {
        let word = &mut self.table[place(u32::from(u16::from_le_bytes(pair)))];
        *word |= behind.map_or(u64::MAX, |byte| 1 << (byte & 63));
    }

    /// The pairs of a block that are worth a look. `digit_before` says that a digit stands before the block.
    #[inline]
    pub(super) fn pairs(&self, bytes: &[u8; READ], digit_before: bool) -> Pairs {
        let block: &[u8; WIDTH] = bytes.first_chunk().expect("what is read is longer than a block");
        let digits = wide::digits(block);
        let begins = digits & !(digits << 1 | u16::from(digit_before));
        let single = begins | wide::equal(block, b'@');
        let single = (single | single >> 1) & FIRSTS;
        let mut literal = 0;
        // Without a branch for each: most answers are no, and which are yes cannot be foreseen.
        for first in (0..WIDTH).step_by(2) {
            let four: &[u8; 4] = bytes[first..].first_chunk().expect("what is read is longer than a block");
            let four = u32::from_le_bytes(*four);
            let there = self.table[place(four & 0xffff)] >> (four >> 16 & 63) & 1;
            literal |= u16::from(there != 0) << first;
        }
        Pairs { single, literal }
    }
}

/// Where a pair stands in the table. By a multiplication that spreads it over its highest bits.
#[inline(always)]
fn place(pair: u32) -> usize {
    (pair.wrapping_mul(0x9e37_79b1) >> (u32::BITS - BITS)) as usize & (WORDS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(sieve: &Sieve, text: &str, digit_before: bool) -> (u16, u16) {
        let mut bytes = [b' '; READ];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        let Pairs { single, literal } = sieve.pairs(&bytes, digit_before);
        (single, literal)
    }

    #[test]
    fn what_was_entered_shows_in_every_pair() {
        let mut sieve = Sieve::new();
        sieve.enter(*b"gh", Some(b'p'));
        sieve.enter(*b"k-", None);
        for at in (0..WIDTH).step_by(2) {
            assert_eq!(pairs(&sieve, &format!("{}ghp", " ".repeat(at)), false), (0, 1 << at));
            assert_eq!(pairs(&sieve, &format!("{}k-!", " ".repeat(at)), false), (0, 1 << at));
        }
        assert_eq!(pairs(&sieve, "the words of a sent.", false), (0, 0));
    }

    #[test]
    fn digits_show_where_they_begin_and_at_signs_everywhere() {
        let sieve = Sieve::new();
        assert_eq!(pairs(&sieve, "12 34 a5 @@ b@ 6", false), (0b0101_0101_0100_0101, 0));
        assert_eq!(pairs(&sieve, "12 34", true), (1 << 2, 0));
        assert_eq!(pairs(&sieve, "                12", false), (0, 0));
    }
}
