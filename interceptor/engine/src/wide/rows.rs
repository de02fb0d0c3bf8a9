//! Rows of four bytes, in groups. A place is in them if, for one group at least, each of its four bytes stands at the
//! same place of some row of the group. Says yes to a few places too many, and to none too few.
//!
//! Bytes outside of ASCII are all alike here.

use super::{Block, WIDTH};

/// How many bytes a row has.
pub(crate) const FOUR: usize = 4;

/// How many groups there are.
pub(crate) const GROUPS: usize = 16;

/// A bit for each group is a byte in each of two halves.
const HALVES: usize = 2;

/// What bytes count as: those of ASCII, and the last of these for all others.
pub(super) const LAST: u8 = 127;
pub(crate) const KINDS: usize = LAST as usize + 1;

/// The bytes that may stand at a place of a row, a bit for each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Four(u128);

impl Four {
    pub(crate) const ANY: Self = Self(u128::MAX);
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn one(byte: u8) -> Self {
        Self(1 << kind(byte))
    }

    pub(crate) fn those(class: impl Fn(u8) -> bool) -> Self {
        Self((0..=u8::MAX).filter(|byte| class(*byte)).fold(0, |bits, byte| bits | Self::one(byte).0))
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The kinds of bytes in it.
    pub(crate) fn kinds(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let kind = (left != 0).then(|| left.trailing_zeros() as usize);
            left &= left.wrapping_sub(1);
            kind
        })
    }
}

/// See the head of this file.
pub(crate) struct Rows {
    /// Which groups have a kind of byte at a place: by place, by half, by kind.
    pub(super) by_kind: [[[u8; KINDS]; HALVES]; FOUR],
    /// The same by the lower and by the higher half of a byte, where it is an `and` of both: these say yes too often.
    pub(super) by_low: [[[u8; 16]; HALVES]; FOUR],
    pub(super) by_high: [[[u8; 16]; HALVES]; FOUR],
}

impl Rows {
    pub(crate) fn new() -> Self {
        Self {
            by_kind: [[[0; KINDS]; HALVES]; FOUR],
            by_low: [[[0; 16]; HALVES]; FOUR],
            by_high: [[[0; 16]; HALVES]; FOUR],
        }
    }

    /// Enters a row into a group.
    pub(crate) fn enter(&mut self, group: usize, row: &[Four; FOUR]) {
        let (half, bit) = (group / 8, 1 << (group % 8));
        for (place, four) in row.iter().enumerate() {
            for kind in four.kinds() {
                self.by_kind[place][half][kind] |= bit;
                self.by_low[place][half][kind % 16] |= bit;
                self.by_high[place][half][kind / 16] |= bit;
            }
        }
    }

    /// Those of the places at which rows begin, each looked at by itself: of each place the four bytes are given.
    #[inline(always)]
    pub(super) fn one_by_one(&self, bytes: &[Block; FOUR], mut places: u64) -> u64 {
        let mut found = 0;
        while places != 0 {
            let at = places.trailing_zeros() as usize % WIDTH;
            found |= u64::from(self.has(std::array::from_fn(|place| bytes[place][at]))) << at;
            places &= places - 1;
        }
        found
    }

    /// True if these bytes are in the rows.
    #[inline]
    fn has(&self, bytes: [u8; FOUR]) -> bool {
        let mut groups = [u8::MAX; HALVES];
        for (kinds, byte) in self.by_kind.iter().zip(bytes) {
            for (groups, kinds) in groups.iter_mut().zip(kinds) {
                *groups &= kinds[kind(byte)];
            }
        }
        groups != [0; HALVES]
    }
}

/// What a byte counts as.
#[inline(always)]
fn kind(byte: u8) -> usize {
    usize::from(byte.min(LAST))
}
