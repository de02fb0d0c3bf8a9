//! Finds the end of a string, many bytes at a time. Knows quotes and backslashes, and nothing else of JSON.

use crate::wide::{self, Lanes, Pass, WIDTH};

/// What was seen of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Where its closing quote stands.
    pub(super) end: Option<usize>,
    /// There is a backslash before that.
    pub(super) escaped: bool,
    /// The text ends with a backslash, and what it stands for depends on the next byte.
    pub(super) open: bool,
}

/// Reads a string up to its closing quote. `open` says that a backslash stands before.
#[inline]
pub(super) fn end(text: &[u8], open: bool) -> Seen {
    wide::run(Find { text, open })
}

struct Find<'t> {
    text: &'t [u8],
    open: bool,
}

impl Pass for Find<'_> {
    type Answer = Seen;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Seen {
        let Find { text, open } = self;
        let (mut open, mut escaped) = (u64::from(open), false);
        for at in (0..text.len()).step_by(WIDTH) {
            let bytes = lanes.load_at(text, at.cast_signed());
            let (backslashes, quotes) = (lanes.equal(bytes, b'\\'), lanes.equal(bytes, b'"'));
            // Most of prose is neither.
            if backslashes | quotes | open == 0 {
                continue;
            }
            let taken = taken(backslashes, open);
            let quotes = quotes & !taken;
            let last = (text.len() - at).min(WIDTH) - 1;
            open = (backslashes & !taken) >> last & 1;
            if quotes != 0 {
                let place = quotes.trailing_zeros();
                let escaped = escaped || backslashes & !(u64::MAX << place) != 0;
                return Seen { end: Some(at + place as usize), escaped, open: false };
            }
            escaped |= backslashes != 0;
        }
        Seen { end: None, escaped, open: open != 0 }
    }
}

/// Which bytes a backslash before them takes. A row of backslashes takes every second byte, counted from where it begins;
/// `open` says that the first byte is taken.
#[inline(always)]
pub(super) fn taken(backslashes: u64, open: u64) -> u64 {
    const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    // Each row begins something that a subtraction carries to its end: whether it arrives at an odd or even place tells
    // whether the row is one of pairs.
    let begins = backslashes & !open;
    let ends = ((begins << 1 | ODD).wrapping_sub(begins)) ^ ODD;
    ends ^ (backslashes | open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, byte by byte.
    fn one_by_one(text: &[u8], mut open: bool) -> Seen {
        let mut escaped = false;
        for (at, byte) in text.iter().enumerate() {
            match byte {
                _ if open => {
                    escaped |= *byte == b'\\';
                    open = false;
                }
                b'"' => return Seen { end: Some(at), escaped, open: false },
                b'\\' => (escaped, open) = (true, true),
                _ => {}
            }
        }
        Seen { end: None, escaped, open }
    }

    proptest! {
        #[test]
        fn a_string_ends_where_it_ends(
            text in proptest::collection::vec(prop_oneof![5 => Just(b'x'), 5 => Just(b'\\'), 1 => Just(b'"')], 0..200),
            plain in 0..150usize,
            open: bool,
        ) {
            let text = [vec![b'x'; plain], text].concat();
            prop_assert_eq!(end(&text, open), one_by_one(&text, open));
            let backslashes = vec![b'\\'; plain];
            prop_assert_eq!(end(&backslashes, open), one_by_one(&backslashes, open));
        }
    }
}
