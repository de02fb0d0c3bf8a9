//! Makes long texts short before they are hashed: NH, the first stage of UMAC, at the speed at which memory is read.
//!
//! Each eight bytes are two numbers of 32 bits; to both a secret number is added, and of each piece of a text the products
//! are summed up. For two different texts of one length, and for whoever does not know the numbers, the sums of one row of
//! them are the same with a chance of one in 2^32, and four rows, which are one row shifted, make it one in 2^128 (Black
//! and others, UMAC: fast and secure message authentication, 1999). The sums themselves nobody sees: they go into a keyed
//! hash.

use highway::{HighwayHash, HighwayHasher, Key};

use crate::wide::{self, Lanes, Pass, WIDTH};

/// So much of a text becomes one packet of sums.
pub(super) const PIECE: usize = 1 << 10;

/// Rows of numbers, and by how much each is shifted.
const ROWS: usize = 4;
const SHIFT: usize = 16;

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
            let mut sums = [lanes.load(&[0; WIDTH]); ROWS];
            for at in (0..piece.len()).step_by(WIDTH) {
                let bytes = lanes.load_at(piece, at.cast_signed());
                for (row, sum) in sums.iter_mut().enumerate() {
                    let numbers = secret[at + row * SHIFT..].first_chunk();
                    let numbers = lanes.load(numbers.expect("there are as many as a piece has, and more"));
                    *sum = lanes.multiplied(*sum, bytes, numbers);
                }
            }
            let mut packet = [0; PACKET];
            for (total, sum) in packet.as_chunks_mut().0.iter_mut().zip(sums) {
                let words = lanes.store(sum);
                let add = |sum: u64, word: &[u8; 8]| sum.wrapping_add(u64::from_le_bytes(*word));
                *total = words.as_chunks().0.iter().fold(0, add).to_le_bytes();
            }
            hasher.append(&packet);
        }
    }
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
        let text: Vec<u8> = (0..2 * PIECE + 77).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let sums = Sums::new([5, 6, 7, 8]);
        let mut names = std::collections::HashSet::from([name(&sums, &text)]);
        for bit in 0..8 * text.len() {
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

    #[test]
    fn the_sums_are_what_the_paper_says() {
        let text: Vec<u8> = (0..PIECE + 100).map(|at| u8::try_from(at % 253).unwrap()).collect();
        let sums = Sums::new([5, 6, 7, 8]);
        let number = |bytes: &[u8], at: usize| {
            let four = std::array::from_fn(|place| bytes.get(at + place).copied().unwrap_or(0));
            u32::from_le_bytes(four)
        };
        let mut hasher = HighwayHasher::new(Key([1, 2, 3, 4]));
        for piece in text.chunks(PIECE) {
            let blocks = piece.len().div_ceil(WIDTH) * WIDTH;
            for row in 0..ROWS {
                let half =
                    |at| u64::from(number(piece, at).wrapping_add(number(&sums.0[..], at + row * SHIFT)));
                let products = (0..blocks).step_by(8).map(|at| half(at) * half(at + 4));
                hasher.append(&products.fold(0, u64::wrapping_add).to_le_bytes());
            }
        }
        hasher.append(&(text.len() as u64).to_le_bytes());
        assert_eq!(hasher.finalize128(), name(&sums, &text));
    }
}
