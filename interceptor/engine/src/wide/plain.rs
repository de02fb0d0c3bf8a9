//! Byte by byte: for processors that nothing else is written for, and for the tests that compare.

use super::{Block, FOUR, Lanes, Rows, WIDTH};

#[derive(Clone, Copy)]
pub(crate) struct Plain;

impl Lanes for Plain {
    type Bytes = Block;

    #[inline(always)]
    fn load(self, block: &Block) -> Block {
        *block
    }

    #[inline(always)]
    fn store(self, bytes: Block) -> Block {
        bytes
    }

    #[inline(always)]
    fn equal(self, bytes: Block, wanted: u8) -> u64 {
        mask(|at| bytes[at] == wanted)
    }

    #[inline(always)]
    fn within(self, bytes: Block, first: u8, last: u8) -> u64 {
        mask(|at| (first..=last).contains(&bytes[at]))
    }

    #[inline(always)]
    fn same(self, one: Block, other: Block) -> u64 {
        mask(|at| one[at] == other[at])
    }

    #[inline(always)]
    fn letters(self, bytes: Block) -> u64 {
        mask(|at| bytes[at].is_ascii_alphabetic())
    }

    #[inline(always)]
    fn high(self, bytes: Block) -> u64 {
        mask(|at| !bytes[at].is_ascii())
    }

    #[inline(always)]
    fn multiplied(self, mut sums: Block, bytes: Block, numbers: Block) -> Block {
        let parts = bytes.as_chunks::<8>().0.iter().zip(numbers.as_chunks::<8>().0);
        for (sum, (bytes, numbers)) in sums.as_chunks_mut::<8>().0.iter_mut().zip(parts) {
            let half = |half: usize| {
                let number = |bytes: &[u8; 8]| u32::from_le_bytes(bytes.as_chunks().0[half]);
                u64::from(number(bytes).wrapping_add(number(numbers)))
            };
            *sum = u64::from_le_bytes(*sum).wrapping_add(half(0) * half(1)).to_le_bytes();
        }
        sums
    }

    #[inline(always)]
    fn rows(self, bytes: [Block; FOUR], rows: &Rows) -> u64 {
        rows.one_by_one(&bytes, u64::MAX)
    }
}

#[inline(always)]
fn mask(class: impl Fn(usize) -> bool) -> u64 {
    (0..WIDTH).fold(0, |mask, at| mask | u64::from(class(at)) << at)
}
