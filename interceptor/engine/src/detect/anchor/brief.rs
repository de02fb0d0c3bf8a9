//! One look at a short text: can there be anything in it at all? As a pass of its own, so that whoever has another question
//! about the same bytes asks both at once. Says yes to a few texts too many and to none too few.

use super::sweep::{BEYOND, fours};
use crate::wide::{Lanes, Pass, Rows};

/// The look. Its answer is false if there is nothing.
pub(crate) struct Brief<'a> {
    bytes: &'a [u8],
    rows: &'a Rows,
}

impl<'a> Brief<'a> {
    /// At a text that is no longer than a block.
    pub(super) fn new(bytes: &'a [u8], rows: &'a Rows) -> Self {
        Self { bytes, rows }
    }
}

impl Pass for Brief<'_> {
    type Answer = bool;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> bool {
        let fours = fours(lanes, self.bytes, 0);
        let single = lanes.equal(fours[0], b'@') | lanes.within(fours[0], b'0', b'9');
        single | lanes.equal(fours[0], BEYOND) | lanes.rows(fours, self.rows) != 0
    }
}
