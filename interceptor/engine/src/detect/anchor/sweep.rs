//! Looks over a stretch of text in one go, and keeps where something may begin: an `@`, a group of digits that is no
//! count, four bytes that some literal has. Says yes to a few places too many and to none too few. Knows no literal by
//! its name.

use super::digits::{MARGIN, digits};
use crate::wide::{self, FOUR, Lanes, Pass, Rows, WIDTH};

/// Blocks that are looked at in one go.
const BLOCKS: usize = 12;

/// Places that are told of digits with one look.
const STEP: usize = WIDTH - 2 * MARGIN;

const _: () = assert!((BLOCKS * WIDTH).is_multiple_of(STEP));

/// Digits so near to the end of a text, which may go on, are all asked about.
const END: usize = 16;

/// The first byte of the literals that are not ASCII.
pub(super) const BEYOND: u8 = 0xf3;

/// Places of a block, a bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// Where the block begins.
    pub(super) begin: usize,
    /// Those with an `@`, or the first digit of a group.
    pub(super) single: u64,
    /// Those at which a literal may stand.
    pub(super) literal: u64,
}

/// What was seen of a text, and how far.
pub(in crate::detect) struct Sweep {
    from: usize,
    count: usize,
    single: [u64; BLOCKS],
    literal: [u64; BLOCKS],
}

impl Sweep {
    pub(in crate::detect) fn new() -> Self {
        Self { from: 0, count: 0, single: [0; BLOCKS], literal: [0; BLOCKS] }
    }

    /// The block that holds `at`, which is in the text. Looks on if need be.
    #[inline]
    pub(super) fn shown(&mut self, bytes: &[u8], rows: &Rows, at: usize) -> Shown {
        if at < self.from || at >= self.from + self.count * WIDTH {
            self.from = at;
            self.count = (bytes.len() - at).div_ceil(WIDTH).min(BLOCKS);
            wide::run(Look { bytes, rows, sweep: self });
        }
        let block = (at - self.from) / WIDTH;
        let (single, literal) = (self.single[block], self.literal[block]);
        Shown { begin: self.from + block * WIDTH, single, literal }
    }
}

struct Look<'a> {
    bytes: &'a [u8],
    rows: &'a Rows,
    sweep: &'a mut Sweep,
}

impl Pass for Look<'_> {
    type Answer = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Look { bytes, rows, sweep } = self;
        for (literal, at) in sweep.literal[..sweep.count].iter_mut().zip((sweep.from..).step_by(WIDTH)) {
            let fours = fours(lanes, bytes, at);
            *literal = lanes.rows(fours, rows) | lanes.equal(fours[0], BEYOND);
        }
        sweep.single = [0; BLOCKS];
        for place in (0..sweep.count * WIDTH).step_by(STEP) {
            let single = single(lanes, bytes, sweep.from + place);
            let (block, bit) = (place / WIDTH, place % WIDTH);
            sweep.single[block] |= single << bit;
            if bit > WIDTH - STEP {
                sweep.single[block + 1] |= single >> (WIDTH - bit);
            }
        }
    }
}

/// The four bytes at each place of a block.
#[inline(always)]
fn fours<L: Lanes>(lanes: L, text: &[u8], at: usize) -> [L::Bytes; FOUR] {
    const NEAR: usize = WIDTH + FOUR - 1;
    // One question, not four.
    match text[at..].first_chunk::<NEAR>() {
        Some(near) => std::array::from_fn(|place| {
            lanes.load(near[place..].first_chunk().expect("what is near goes on behind the block"))
        }),
        None => std::array::from_fn(|place| lanes.load_at(text, (at + place).cast_signed())),
    }
}

/// An `@` and the first digits of groups that may begin something, of as many places as are told with one look.
#[inline(always)]
fn single<L: Lanes>(lanes: L, text: &[u8], at: usize) -> u64 {
    let bytes = lanes.load_at(text, at.cast_signed() - MARGIN.cast_signed());
    let digits = digits(lanes, bytes);
    let mut single = digits.telling | lanes.equal(bytes, b'@');
    let end = text.len().saturating_sub(END).saturating_sub(at);
    if end < STEP {
        single |= digits.first & u64::MAX << (end + MARGIN);
    }
    single >> MARGIN & u64::MAX >> (2 * MARGIN)
}
