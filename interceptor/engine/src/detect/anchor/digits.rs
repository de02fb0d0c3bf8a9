//! Which groups of digits may begin something, for all of a block at once: most digits of prose and code are counts,
//! measures and names such as `u64`, and nobody need ask about them. Says yes to a few too many and to none too few:
//! what it says yes to is looked at by itself.

use crate::wide::{Lanes, WIDTH};

/// So many bytes on either side of a digit are looked at; what is told of digits nearer to the ends of a block is void.
pub(super) const MARGIN: usize = 8;

/// Bits of the digits that may be told about: those with room on both sides.
pub(super) const TOLD: u64 = (u64::MAX << MARGIN) & (u64::MAX >> MARGIN);

const _: () = assert!(WIDTH == u64::BITS as usize);

/// First digits of groups in a block.
pub(super) struct Digits {
    /// All of them.
    pub(super) first: u64,
    /// Those that may begin something.
    pub(super) telling: u64,
}

#[inline(always)]
pub(super) fn digits<L: Lanes>(lanes: L, bytes: L::Bytes) -> Digits {
    let digit = lanes.within(bytes, b'0', b'9');
    let first = digit & !(digit << 1);
    let upper = lanes.within(bytes, b'A', b'Z');
    let lower = lanes.within(bytes, b'a', b'z');
    let high = lanes.high(bytes);
    let space = lanes.equal(bytes, b' ');
    let dash = lanes.equal(bytes, b'-');
    let colon = lanes.equal(bytes, b':');
    let (opening, closing) = (lanes.equal(bytes, b'('), lanes.equal(bytes, b')'));
    // From the dash to the slash, and the plus.
    let tie = lanes.within(bytes, b'-', b'/') | lanes.equal(bytes, b'+');
    let alphanumeric = digit | upper | lower;
    // What `personal::may_begin` reads between two groups, and what `secret::may_begin` joins.
    let mark = space | colon | opening | closing | tie;
    let joined = alphanumeric | dash | colon | lanes.equal(bytes, b'_') | lanes.equal(bytes, b'|');
    // Where a word ends and no other group follows.
    let group = opening | high;
    let other = !(alphanumeric | joined | mark | high);
    let over = other
        | (space & !((digit | upper | group) >> 1))
        | (tie & !((alphanumeric | group) >> 1))
        | (colon & !((alphanumeric | colon) >> 1))
        | (closing & !(digit >> 1 | ((space | tie) >> 1 & (digit | mark | high) >> 2)));
    // Where a measure ends: a word behind, or something that is neither a word nor joins two.
    let end = other | (space & (lower | !(alphanumeric | mark | high)) >> 1);
    let word = Words { digit, alphanumeric };

    let count = word.back(over >> 1) & !word.of_six();
    let measure = word.measures(lanes.equal(bytes, b'.'), end);
    // Letters of a plate, and paths of names, before it.
    let apart = (space | dash) << 1 & upper << 2;
    let begun = word.on(alphanumeric & !(alphanumeric << 1) & (apart | colon << 1 & colon << 2));
    // Account numbers in groups of four: `gb29 nwbk`.
    let letter = alphanumeric & !digit;
    let account = letter << 1 & letter << 2 & alphanumeric >> 1 & (space | dash) >> 2;
    let nothing = (count | measure) & !(begun | account | of_eight(joined));
    Digits { first, telling: first & !nothing & TOLD }
}

/// What belongs to a row of at least eight.
#[inline(always)]
fn of_eight(class: u64) -> u64 {
    let two = class & class >> 1;
    let four = two & two >> 2;
    let eight = four & four >> 4;
    let two = eight | eight << 1;
    let four = two | two << 2;
    four | four << 4
}

/// Digits and letters of a block.
struct Words {
    digit: u64,
    alphanumeric: u64,
}

impl Words {
    /// What belongs to a word of at least six.
    #[inline(always)]
    fn of_six(&self) -> u64 {
        let two = self.alphanumeric & self.alphanumeric >> 1;
        let four = two & two >> 2;
        let six = four & two >> 4;
        let two = six | six << 1;
        let three = two | six << 2;
        three | three << 3
    }

    /// The last four characters of the words that end here.
    #[inline(always)]
    fn back(&self, ends: u64) -> u64 {
        let one = ends & self.alphanumeric;
        let two = one | (one >> 1 & self.alphanumeric);
        let three = two | (two >> 1 & self.alphanumeric);
        three | (three >> 1 & self.alphanumeric)
    }

    /// The first five characters of the words that begin here.
    #[inline(always)]
    fn on(&self, begins: u64) -> u64 {
        let two = begins | (begins << 1 & self.alphanumeric);
        let three = two | (two << 1 & self.alphanumeric);
        let four = three | (three << 1 & self.alphanumeric);
        four | (four << 1 & self.alphanumeric)
    }

    /// First digits of numbers with a fraction, of four digits at most in all, with nothing behind that goes on.
    #[inline(always)]
    fn measures(&self, dot: u64, over: u64) -> u64 {
        let digit = self.digit;
        let fraction = dot & digit >> 1;
        let one = fraction & over >> 2;
        let two = fraction & digit >> 2 & over >> 3;
        let three = fraction & digit >> 2 & digit >> 3 & over >> 4;
        let (before, outside) = (digit << 1, !self.alphanumeric);
        let from_one = before & outside << 2 & (one | two | three);
        let from_two = before & digit << 2 & outside << 3 & (one | two);
        let from_three = before & digit << 2 & digit << 3 & outside << 4 & one;
        from_one >> 1 | from_two >> 2 | from_three >> 3
    }
}
