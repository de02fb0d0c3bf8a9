//! Which groups of digits may begin something, for all of a block at once, and for some blocks together: most digits of
//! prose and code are counts, measures and names such as `u64`, and nobody need ask about them. Says yes to a few too many
//! and to none too few: what it says yes to is looked at by itself.

use crate::wide::{Lanes, WIDTH};

/// So many bytes on either side of a digit are looked at; what is told of digits nearer to the ends of a block is void.
pub(super) const MARGIN: usize = 8;

/// Bits of the digits that may be told about: those with room on both sides.
pub(super) const TOLD: u64 = (u64::MAX << MARGIN) & (u64::MAX >> MARGIN);

const _: () = assert!(WIDTH == u64::BITS as usize);

/// How many looks are told about together: a wide register has room for a number of 64 bits of each.
pub(super) const LOOKS: usize = 8;

/// So few looks are told about one by one.
const FEW: usize = 2;

/// Which bytes of some looks are of which class: a number for each look, and in it a bit for each byte.
pub(super) struct Looks {
    digit: [u64; LOOKS],
    upper: [u64; LOOKS],
    lower: [u64; LOOKS],
    high: [u64; LOOKS],
    space: [u64; LOOKS],
    dash: [u64; LOOKS],
    colon: [u64; LOOKS],
    dot: [u64; LOOKS],
    opening: [u64; LOOKS],
    closing: [u64; LOOKS],
    /// From the dash to the slash, and the plus.
    tie: [u64; LOOKS],
    /// What else joins tokens.
    bar: [u64; LOOKS],
}

impl Looks {
    pub(super) fn new() -> Self {
        const NONE: [u64; LOOKS] = [0; LOOKS];
        Self {
            digit: NONE,
            upper: NONE,
            lower: NONE,
            high: NONE,
            space: NONE,
            dash: NONE,
            colon: NONE,
            dot: NONE,
            opening: NONE,
            closing: NONE,
            tie: NONE,
            bar: NONE,
        }
    }

    /// Notes the bytes of a look.
    #[inline(always)]
    pub(super) fn note<L: Lanes>(&mut self, look: usize, lanes: L, bytes: L::Bytes) {
        let look = look % LOOKS;
        self.digit[look] = lanes.within(bytes, b'0', b'9');
        self.upper[look] = lanes.within(bytes, b'A', b'Z');
        self.lower[look] = lanes.within(bytes, b'a', b'z');
        self.high[look] = lanes.high(bytes);
        self.space[look] = lanes.equal(bytes, b' ');
        self.dash[look] = lanes.equal(bytes, b'-');
        self.colon[look] = lanes.equal(bytes, b':');
        self.dot[look] = lanes.equal(bytes, b'.');
        self.opening[look] = lanes.equal(bytes, b'(');
        self.closing[look] = lanes.equal(bytes, b')');
        self.tie[look] = lanes.within(bytes, b'-', b'/') | lanes.equal(bytes, b'+');
        self.bar[look] = lanes.equal(bytes, b'_') | lanes.equal(bytes, b'|');
    }

    /// The first digits of all groups.
    #[inline(always)]
    pub(super) fn first(&self, look: usize) -> u64 {
        let digit = self.digit[look % LOOKS];
        digit & !(digit << 1)
    }

    /// The first digits of groups that may begin something, of the looks that were noted.
    #[inline(always)]
    pub(super) fn telling(&self, looks: usize) -> [u64; LOOKS] {
        let mut told = [0; LOOKS];
        if looks <= FEW {
            for (look, told) in told.iter_mut().enumerate().take(looks) {
                *told = self.telling_of(look);
            }
        } else {
            // All of them, whether they were noted or not, so that the compiler can do it with wide instructions.
            for (look, told) in told.iter_mut().enumerate() {
                *told = self.telling_of(look);
            }
        }
        told
    }

    #[inline(always)]
    fn telling_of(&self, look: usize) -> u64 {
        let (digit, upper, lower, high) =
            (self.digit[look], self.upper[look], self.lower[look], self.high[look]);
        let (space, dash, colon, tie) = (self.space[look], self.dash[look], self.colon[look], self.tie[look]);
        let (opening, closing) = (self.opening[look], self.closing[look]);
        let first = digit & !(digit << 1);
        let alphanumeric = digit | upper | lower;
        // What `personal::may_begin` reads between two groups, and what `secret::may_begin` joins.
        let mark = space | colon | opening | closing | tie;
        let joined = alphanumeric | dash | colon | self.bar[look];
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
        let measure = word.measures(self.dot[look], end);
        // Letters of a plate, and paths of names, before it.
        let apart = (space | dash) << 1 & upper << 2;
        let begun = word.on(alphanumeric & !(alphanumeric << 1) & (apart | colon << 1 & colon << 2));
        // Account numbers in groups of four: `gb29 nwbk`.
        let letter = alphanumeric & !digit;
        let account = letter << 1 & letter << 2 & alphanumeric >> 1 & (space | dash) >> 2;
        let nothing = (count | measure) & !(begun | account | of_eight(joined));
        first & !nothing & TOLD
    }
}

/// First digits of the commonest counts, which need no look: up to four digits between two words in small letters. What is
/// near to the ends of a block is left to a look.
#[inline(always)]
pub(super) fn counts<L: Lanes>(lanes: L, bytes: L::Bytes, digit: u64) -> u64 {
    let (space, lower) = (lanes.equal(bytes, b' '), lanes.within(bytes, b'a', b'z'));
    let (before, behind) = (lower << 2 & space << 1, space & lower >> 1);
    let three = digit >> 3 & behind >> 4 | behind >> 3;
    let two = digit >> 2 & three | behind >> 2;
    let one = digit >> 1 & two | behind >> 1;
    digit & before & one
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
