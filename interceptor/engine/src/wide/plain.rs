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
    fn rows(self, bytes: [Block; FOUR], rows: &Rows) -> u64 {
        rows.one_by_one(&bytes, u64::MAX)
    }
}

#[inline(always)]
fn mask(class: impl Fn(usize) -> bool) -> u64 {
    (0..WIDTH).fold(0, |mask, at| mask | u64::from(class(at)) << at)
}
