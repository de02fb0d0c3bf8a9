//! One look at a text, many bytes at a time: may something hide in it, and may tokens have been pulled apart? Says yes to
//! a few texts too many and to none too few: whoever is sent walks over the text, byte by byte. Prose and most code need
//! nobody.

use super::{encoded, join, undo};
use crate::wide::{self, KINDS, Lanes, Pass, WIDTH, part};

/// What is worth a walk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Glance {
    /// Something may be encoded, or made of other characters than it seems.
    pub(crate) hidden: bool,
    /// Something may stand apart, or be cut by a line end.
    pub(crate) apart: bool,
}

/// Looks.
pub(crate) fn glance(text: &[u8]) -> Glance {
    wide::run(Look(text)).glance(text)
}

struct Look<'t>(&'t [u8]);

/// The look at a text that is no longer than a block: nothing has to be ready for the next one.
pub(crate) struct Brief<'t>(pub(crate) &'t [u8]);

impl Pass for Brief<'_> {
    type Answer = Seen;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Seen {
        debug_assert!(self.0.len() <= WIDTH);
        let mut seen = Seen::default();
        if !self.0.is_empty() {
            seen.look(lanes, self.0, 0);
        }
        seen
    }
}

/// What was seen so far.
#[derive(Default)]
pub(crate) struct Seen {
    odd: bool,
    /// Where the first row of digits of base64 begins that is long enough.
    row: Option<usize>,
    apart: bool,
    cut: bool,
    /// So many digits of base64 are at the end of the last block.
    open: usize,
    /// The bytes of the last block that tokens are made of.
    token: u64,
    /// A carriage return or backslash is its last byte.
    back: u64,
}

impl Pass for Look<'_> {
    type Answer = Seen;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Seen {
        let Look(text) = self;
        let mut seen = Seen::default();
        for at in (0..text.len()).step_by(WIDTH) {
            seen.look(lanes, text, at);
        }
        seen
    }
}

impl Seen {
    /// What it means for the text in which it was seen.
    pub(crate) fn glance(&self, text: &[u8]) -> Glance {
        let hidden = self.odd || self.row.is_some_and(|from| encoded::next(text, from).is_some());
        Glance { hidden, apart: self.apart || self.cut }
    }

    #[inline(always)]
    fn look<L: Lanes>(&mut self, lanes: L, text: &[u8], at: usize) {
        let there = u64::MAX >> WIDTH.saturating_sub(text.len() - at);
        let [bytes, next, third] = here(lanes, text, at);
        let [odd, base64, token, back, end] = match lanes.classes(bytes, &TABLE) {
            Some(classes) => classes,
            None => compared(lanes, bytes),
        };
        let odd = odd & there;
        if odd != 0 && !self.odd {
            self.odd = places(odd).any(|place| undo::means(&text[at..], place));
        }

        if self.row.is_none() {
            self.row = encoded::row(base64, self.open).map(|place| at.wrapping_add_signed(place));
            self.open = base64.leading_ones() as usize;
        }

        let behind = (token << 1 | self.token >> 63) & (token << 2 | self.token >> 62);
        let ends = end & (behind | back << 1 | self.back);
        (self.token, self.back) = (token, back >> 63);
        if ends != 0 && !self.cut {
            self.cut = places(ends).any(|place| join::cut(text, at + place).is_some());
        }

        // Three times the same with a letter or digit between each two, which is so somewhere in all that stands apart.
        let same = lanes.same(bytes, next) & lanes.same(next, third);
        if same != 0 && !self.apart {
            let plain = lanes.alphanumeric(bytes);
            let between = (plain >> 1 | 1 << 63) & (plain >> 3 | 7 << 61);
            self.apart = places(same & between & !plain).any(|place| join::is_apart(text, at + place));
        }
    }
}

/// The bytes of the block at `at`, those two places behind each and those four behind. Behind the text there are zeros, which
/// mean nothing.
#[inline(always)]
fn here<L: Lanes>(lanes: L, text: &[u8], at: usize) -> [L::Bytes; 3] {
    const BEHIND: usize = 4;
    // One question, not three, and no closures: they are not always compiled for the processor that was asked for.
    match text[at..].first_chunk::<{ WIDTH + BEHIND }>() {
        Some(near) => [part(lanes, near, 0), part(lanes, near, 2), part(lanes, near, BEHIND)],
        None => {
            let at = at.cast_signed();
            [lanes.load_at(text, at), lanes.load_at(text, at + 2), lanes.load_at(text, at + 4)]
        }
    }
}

/// How many classes of bytes there are here: what may mean something else, digits of base64, what tokens are made of, what
/// may stand before a line end that cuts one, and line ends.
const CLASSES: usize = 5;

/// A bit for each class, by kind.
static TABLE: [u8; KINDS] = {
    let mut table = [0; KINDS];
    let mut byte = 0u8;
    while (byte as usize) < KINDS {
        let odd = !matches!(byte, b' '..=b'~' | b'\t' | b'\n') || matches!(byte, b'\\' | b'%' | b'&');
        let base64 = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
        let token = base64 || matches!(byte, b'.' | b'@' | b'=');
        let back = matches!(byte, b'\\' | b'\r');
        let end = byte == b'\n';
        table[byte as usize] =
            odd as u8 | (base64 as u8) << 1 | (token as u8) << 2 | (back as u8) << 3 | (end as u8) << 4;
        byte += 1;
    }
    table
};

/// What [`TABLE`] says, asked one by one.
#[inline(always)]
fn compared<L: Lanes>(lanes: L, bytes: L::Bytes) -> [u64; CLASSES] {
    let (base64, backslash) = (lanes.base64(bytes), lanes.equal(bytes, b'\\'));
    let printable = lanes.within(bytes, b' ', b'~') | lanes.within(bytes, b'\t', b'\n');
    let odd = !printable | backslash | lanes.equal(bytes, b'%') | lanes.equal(bytes, b'&');
    let point = lanes.equal(bytes, b'.') | lanes.equal(bytes, b'@') | lanes.equal(bytes, b'=');
    let back = backslash | lanes.equal(bytes, b'\r');
    [odd, base64, base64 | point, back, lanes.equal(bytes, b'\n')]
}

/// The places of bits.
fn places(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = (bits != 0).then(|| bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        place
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What every byte is by the table where there is one, and by comparing.
    struct Both<'t>(&'t [u8]);

    impl Pass for Both<'_> {
        type Answer = [[u64; CLASSES]; 2];

        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) -> Self::Answer {
            let bytes = lanes.load_at(self.0, 0);
            let compared = compared(lanes, bytes);
            [lanes.classes(bytes, &TABLE).unwrap_or(compared), compared]
        }
    }

    #[test]
    fn the_table_says_what_comparing_says() {
        for byte in 0..=u8::MAX {
            let [table, compared] = wide::run(Both(&[byte; WIDTH]));
            assert_eq!(table, compared, "{byte}");
            let kind = usize::from(byte).min(KINDS - 1);
            assert_eq!(
                table.map(|class| class & 1),
                std::array::from_fn(|bit| u64::from(TABLE[kind] >> bit & 1))
            );
        }
    }
}
