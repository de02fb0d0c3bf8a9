//! Looks over a stretch of text in one go, and keeps where something may begin: an `@`, a group of digits that is no
//! count, four bytes that some literal has. Says yes to a few places too many and to none too few. Knows no literal by
//! its name.

use super::digits::{LOOKS, Looks, MARGIN, counts};
use crate::wide::{self, FOUR, Lanes, Pass, Rows, WIDTH, part};

/// Blocks that are looked at in one go.
const BLOCKS: usize = 12;

/// Places that are told of digits with one look.
const STEP: usize = WIDTH - 2 * MARGIN;

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
        let Sweep { from, count, single, literal } = sweep;
        let mut digits = Places([0; BLOCKS]);
        let mut before = u64::from(from.checked_sub(1).is_some_and(|last| bytes[last].is_ascii_digit()));
        for (block, at) in (0..*count).zip((*from..).step_by(WIDTH)) {
            let fours = fours(lanes, bytes, at);
            literal[block] = lanes.rows(fours, rows) | lanes.equal(fours[0], BEYOND);
            single[block] = lanes.equal(fours[0], b'@');
            let digit = lanes.within(fours[0], b'0', b'9');
            digits.0[block] = digit & !(digit << 1 | before | counts(lanes, fours[0], digit));
            before = digit >> (WIDTH - 1);
        }
        // Each look begins with a digit: of what lies between them nothing is asked.
        let mut next = digits.next(0);
        while next.is_some() {
            let (mut looks, mut places, mut count) = (Looks::new(), [0; LOOKS], 0);
            while let Some(place) = next.filter(|_| count < LOOKS) {
                let at = (*from + place).cast_signed() - MARGIN.cast_signed();
                looks.note(count, lanes, lanes.load_at(bytes, at));
                places[count] = place;
                next = digits.next(place + STEP);
                count += 1;
            }
            let told = looks.telling(count);
            for (look, place) in places.into_iter().enumerate().take(count) {
                let forced = looks.first(look) & near_end(bytes, *from + place);
                Places::enter(single, place, (told[look] | forced) >> MARGIN & u64::MAX >> (2 * MARGIN));
            }
        }
    }
}

/// A bit for each place of the blocks.
struct Places([u64; BLOCKS]);

impl Places {
    /// The first place that is set, from this one on.
    #[inline(always)]
    fn next(&self, place: usize) -> Option<usize> {
        let mut block = place / WIDTH;
        let mut bits = self.0.get(block)? & u64::MAX << (place % WIDTH);
        while bits == 0 {
            block += 1;
            bits = *self.0.get(block)?;
        }
        Some(block * WIDTH + bits.trailing_zeros() as usize)
    }

    /// Adds places that are counted from one of them.
    #[inline(always)]
    fn enter(blocks: &mut [u64; BLOCKS], place: usize, bits: u64) {
        let (block, bit) = (place / WIDTH, place % WIDTH);
        blocks[block] |= bits << bit;
        if bit > 0 && block + 1 < BLOCKS {
            blocks[block + 1] |= bits >> (WIDTH - bit);
        }
    }
}

/// The four bytes at each place of a block.
#[inline(always)]
pub(super) fn fours<L: Lanes>(lanes: L, text: &[u8], at: usize) -> [L::Bytes; FOUR] {
    const NEAR: usize = WIDTH + FOUR - 1;
    // One question, not four, and no closures: they are not always compiled for the processor that was asked for.
    match text[at..].first_chunk::<NEAR>() {
        Some(near) => {
            [part(lanes, near, 0), part(lanes, near, 1), part(lanes, near, 2), part(lanes, near, 3)]
        }
        None => {
            let at = at.cast_signed();
            [
                lanes.load_at(text, at),
                lanes.load_at(text, at + 1),
                lanes.load_at(text, at + 2),
                lanes.load_at(text, at + 3),
            ]
        }
    }
}

/// Which bytes of a look at this place stand so near to the end of the text that its digits are all asked about.
#[inline(always)]
fn near_end(text: &[u8], at: usize) -> u64 {
    let end = text.len().saturating_sub(END).saturating_sub(at);
    if end < STEP { u64::MAX << (end + MARGIN) } else { 0 }
}
