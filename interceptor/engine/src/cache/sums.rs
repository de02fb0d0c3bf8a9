//! Makes long texts short before they are hashed, at the speed at which memory is read: the first stage of UMAC.
//!
//! A text is cut in pieces, and each piece becomes a few sums of products, by secret numbers. For two different pieces, and
//! for whoever does not know the numbers, one row of sums is the same with a small chance, and rows by the same numbers,
//! shifted by a pair of them, are the same with the product of their chances (Black and others, UMAC: fast and secure message
//! authentication, 1999): the last number that a row has for what differs is one that no row before has for it.
//!
//! - NH, which every processor can do: each eight bytes are two numbers of 32 bits, to both a secret number is added, and the
//!   products are summed up. The chance is one in 2^32, and there are four rows.
//! - The same over polynomials, where the processor multiplies without carry: each sixteen bytes are two numbers of 64 bits
//!   (Lemire and Kaser, Faster 64-bit universal hashing using carry-less multiplications, 2016). Two polynomials that are not
//!   zero have a product that is not, so of the secret numbers at most one makes a product what it would have to be: the
//!   chance is one in 2^64, and there are two rows.
//!
//! Either way it is one in 2^128. The sums themselves nobody sees: they go into a keyed hash, and so does the length. A cache
//! lives in one process, so that all names in it are made in the same way.

use highway::{HighwayHash, HighwayHasher, Key};

use crate::wide::{self, Lanes, Pass, WIDTH};

/// So much of a text becomes one packet of sums.
pub(super) const PIECE: usize = 4 << 10;

/// Rows of numbers, and by how much each is shifted.
const ROWS: usize = 4;
const SHIFT: usize = 16;

/// Rows where products have 128 bits.
const WIDE_ROWS: usize = 2;

/// Bytes of secret numbers.
const SECRET: usize = PIECE + (ROWS - 1) * SHIFT;

/// Bytes of sums.
const PACKET: usize = ROWS * size_of::<u64>();

/// The secret numbers.
pub(super) struct Sums(Box<[u8; SECRET]>);

impl Sums {
    /// Numbers that follow from a secret.
    pub(super) fn new(secret: [u64; 4]) -> Self {
        let mut numbers = Box::new([0; SECRET]);
        for (place, bytes) in (0u64..).zip(numbers.chunks_mut(PACKET)) {
            let mut hasher = HighwayHasher::new(Key(secret));
            hasher.append(b"sums");
            hasher.append(&place.to_le_bytes());
            let words = hasher.finalize256().map(u64::to_le_bytes);
            bytes.copy_from_slice(&words.as_flattened()[..bytes.len()]);
        }
        Self(numbers)
    }

    /// Appends to a hash what tells a text from all others of its length, and its length.
    pub(super) fn append(&self, text: &[u8], hasher: &mut HighwayHasher) {
        wide::run(Sum { text, secret: &self.0, hasher });
        hasher.append(&(text.len() as u64).to_le_bytes());
    }
}

struct Sum<'a> {
    text: &'a [u8],
    secret: &'a [u8; SECRET],
    hasher: &'a mut HighwayHasher,
}

impl Pass for Sum<'_> {
    type Answer = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Sum { text, secret, hasher } = self;
        for piece in text.chunks(PIECE) {
            let packet =
                without_carry(lanes, piece, secret).unwrap_or_else(|| with_carry(lanes, piece, secret));
            hasher.append(&packet);
        }
    }
}

/// The sums of a piece, by products of numbers of 32 bits.
#[inline(always)]
fn with_carry<L: Lanes>(lanes: L, piece: &[u8], secret: &[u8; SECRET]) -> [u8; PACKET] {
    let mut sums = [lanes.load(&[0; WIDTH]); ROWS];
    for at in (0..piece.len()).step_by(WIDTH) {
        let bytes = lanes.load_at(piece, at.cast_signed());
        for (row, sum) in sums.iter_mut().enumerate() {
            *sum = lanes.multiplied(*sum, bytes, numbers(lanes, secret, at, row));
        }
    }
    let mut packet = [0; PACKET];
    for (total, sum) in packet.as_chunks_mut().0.iter_mut().zip(sums) {
        let words = lanes.store(sum);
        let add = |sum: u64, word: &[u8; 8]| sum.wrapping_add(u64::from_le_bytes(*word));
        *total = words.as_chunks().0.iter().fold(0, add).to_le_bytes();
    }
    packet
}

/// The same by products without carry of numbers of 64 bits, if the processor can do it.
#[inline(always)]
fn without_carry<L: Lanes>(lanes: L, piece: &[u8], secret: &[u8; SECRET]) -> Option<[u8; PACKET]> {
    let mut sums = [lanes.load(&[0; WIDTH]); WIDE_ROWS];
    for at in (0..piece.len()).step_by(WIDTH) {
        let bytes = lanes.load_at(piece, at.cast_signed());
        for (row, sum) in sums.iter_mut().enumerate() {
            *sum = lanes.multiplied_without_carry(*sum, bytes, numbers(lanes, secret, at, row))?;
        }
    }
    let mut packet = [0; PACKET];
    for (total, sum) in packet.as_chunks_mut().0.iter_mut().zip(sums) {
        let words = lanes.store(sum);
        let add = |sum: u128, word: &[u8; 16]| sum ^ u128::from_le_bytes(*word);
        *total = words.as_chunks().0.iter().fold(0, add).to_le_bytes();
    }
    Some(packet)
}

/// The secret numbers of a row for the block at `at` of a piece.
#[inline(always)]
fn numbers<L: Lanes>(lanes: L, secret: &[u8; SECRET], at: usize, row: usize) -> L::Bytes {
    let numbers = secret[at + row * SHIFT..].first_chunk();
    lanes.load(numbers.expect("there are as many as a piece has, and more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(sums: &Sums, text: &[u8]) -> [u64; 2] {
        let mut hasher = HighwayHasher::new(Key([1, 2, 3, 4]));
        sums.append(text, &mut hasher);
        hasher.finalize128()
    }

    #[test]
    fn every_bit_and_every_length_counts() {
        let text: Vec<u8> = (0..PIECE + 277).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let sums = Sums::new([5, 6, 7, 8]);
        let mut names = std::collections::HashSet::from([name(&sums, &text)]);
        // Every place of a bit in a byte, at every place in a block.
        for bit in (0..8 * text.len()).step_by(7) {
            let mut other = text.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(names.insert(name(&sums, &other)), "bit {bit}");
        }
        for length in 0..text.len() {
            assert!(names.insert(name(&sums, &text[..length])), "{length} bytes");
            // What fills the last block is no part of the text.
            let zero = [&text[..length], &[0]].concat();
            assert!(text[length] == 0 || names.insert(name(&sums, &zero)), "{length} bytes and a zero");
        }
    }

    /// Both kinds of sums of a piece, the second if the processor can do it.
    struct Both<'a>(&'a [u8], &'a [u8; SECRET]);

    impl Pass for Both<'_> {
        type Answer = ([u8; PACKET], Option<[u8; PACKET]>);

        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) -> Self::Answer {
            let Both(piece, secret) = self;
            (with_carry(lanes, piece, secret), without_carry(lanes, piece, secret))
        }
    }

    /// What stands at a place, with zeros behind the end.
    fn bytes<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
        std::array::from_fn(|place| bytes.get(at + place).copied().unwrap_or(0))
    }

    #[test]
    fn the_sums_are_what_the_papers_say() {
        let text: Vec<u8> = (0..PIECE).map(|at| u8::try_from(at % 253).unwrap()).collect();
        let secret = Sums::new([5, 6, 7, 8]).0;
        for length in [1, 16, 63, 64, 65, 1000, PIECE] {
            let piece = &text[..length];
            let end = length.next_multiple_of(WIDTH);
            let (with_carry, without_carry) = wide::run(Both(piece, &secret));
            let half = |at, row| {
                let number = |of: &[u8], at| u32::from_le_bytes(bytes(of, at));
                u64::from(number(piece, at).wrapping_add(number(&secret[..], at + row * SHIFT)))
            };
            let sum = |row| {
                (0..end).step_by(8).map(|at| half(at, row) * half(at + 4, row)).fold(0, u64::wrapping_add)
            };
            let sums: [u64; ROWS] = std::array::from_fn(sum);
            assert_eq!(with_carry, *sums.map(u64::to_le_bytes).as_flattened(), "{length} bytes");

            let half = |at, row| {
                let number = |of: &[u8], at| u64::from_le_bytes(bytes(of, at));
                number(piece, at) ^ number(&secret[..], at + row * SHIFT)
            };
            let product = |one: u64, other: u64| {
                let bits = (0..64).filter(|bit| one >> bit & 1 == 1);
                bits.fold(0, |sum, bit| sum ^ u128::from(other) << bit)
            };
            let sum =
                |row| (0..end).step_by(16).fold(0, |sum, at| sum ^ product(half(at, row), half(at + 8, row)));
            let sums: [u128; WIDE_ROWS] = std::array::from_fn(sum);
            let expected: [u8; PACKET] = sums.map(u128::to_le_bytes).as_flattened().try_into().unwrap();
            assert_eq!(without_carry.unwrap_or(expected), expected, "{length} bytes");
        }
    }
}
