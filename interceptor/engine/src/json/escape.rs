//! JSON string escapes: decoding, and finding a decoded range again in the bytes it came from.
//! Lenient: what is no valid escape stays as it is, since the text must be scanned all the same.

use std::ops::Range;

use super::quote;
use crate::view;
use crate::wide::{self, Lanes, Pass, WIDTH};

/// Decodes the inside of a JSON string and appends it to `out`. A surrogate without its other half becomes
/// U+FFFD; an invalid escape stays.
pub(crate) fn decode(raw: &[u8], out: &mut Vec<u8>) {
    out.reserve(raw.len() + WIDTH);
    wide::run(Decode { raw, out });
}

struct Decode<'a> {
    raw: &'a [u8],
    out: &'a mut Vec<u8>,
}

impl Pass for Decode<'_> {
    type Answer = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Decode { raw, out } = self;
        // Whether the byte at `at` is the letter of an escape: blocks follow one another whatever is in them, so that the
        // next is read before this one is understood.
        let (mut at, mut open) = (0, 0);
        while at < raw.len() {
            let left = (raw.len() - at).min(WIDTH);
            let bytes = lanes.load_at(raw, at.cast_signed());
            let backslashes = lanes.equal(bytes, b'\\');
            if backslashes | open == 0 {
                // What has none is copied together: prose has none for long.
                let from = at;
                at += left;
                while let Some(block) = raw[at..].first_chunk::<WIDTH>()
                    && lanes.equal(lanes.load(block), b'\\') == 0
                {
                    at += WIDTH;
                }
                out.extend_from_slice(&raw[from..at]);
                continue;
            }
            let begins = backslashes & !quote::taken(backslashes, open);
            let read = u64::MAX >> (WIDTH - left);
            let kept = read & !begins;
            let goes_on = begins >> (WIDTH - 1);
            // The backslash that is the last byte of all stands for itself, and so do those that begin no escape.
            let whole = begins & 1 << (left - 1) == 0 || goes_on != 0 && raw.len() > at + WIDTH;
            let squeezed = lanes.squeezed(bytes, (begins << 1 | open) & read, kept, &SIMPLE);
            // A whole block is copied, and then cut to what of it counts: that is sooner done than to copy less.
            if let Some(block) = squeezed.filter(|_| whole) {
                out.extend_from_slice(&block);
                out.truncate(out.len() - kept.count_zeros() as usize);
                (at, open) = (at + left, goes_on);
                continue;
            }
            if open == 0 {
                let plain = backslashes.trailing_zeros() as usize;
                out.extend_from_slice(&lanes.store(bytes));
                out.truncate(out.len() - (WIDTH - plain));
                at += plain;
            } else {
                // It was left out when the block before was copied.
                (at, open) = (at - 1, 0);
            }
            at += unescape(raw, at, out);
        }
    }
}

/// Appends what the escape at `at` stands for, and says how long it is.
#[inline(always)]
fn unescape(raw: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    if let Some(byte) = raw.get(at + 1).and_then(|letter| simple(*letter)) {
        out.push(byte);
        return 2;
    }
    let unit = Unit::at(raw, at);
    out.extend_from_slice(unit.decoded());
    unit.raw
}

/// The range of `raw` whose decoding holds the decoded range. Escapes are never cut in two.
/// Linear in the position; only called when something was found.
pub(crate) fn raw_range(raw: &[u8], decoded: Range<usize>) -> Range<usize> {
    Map { raw, at: 0, decoded: 0 }.range(decoded)
}

/// Turns sorted ranges of the decoded text into those of `raw`, in place and in one walk.
pub(crate) fn raw_ranges(raw: &[u8], decoded: &mut [Range<usize>]) {
    let mut map = Map { raw, at: 0, decoded: 0 };
    view::in_order(decoded, |range| map.range(range));
}

/// Walks raw and decoded positions side by side.
struct Map<'a> {
    raw: &'a [u8],
    at: usize,
    decoded: usize,
}

impl Map<'_> {
    fn range(&mut self, decoded: Range<usize>) -> Range<usize> {
        let start = self.unit_holding(decoded.start).start;
        if decoded.is_empty() {
            return start..start;
        }
        start..self.unit_holding(decoded.end - 1).end
    }

    /// The raw range of the unit (a byte or an escape) that yields the decoded byte `target`.
    fn unit_holding(&mut self, target: usize) -> Range<usize> {
        loop {
            let plain = memchr::memchr(b'\\', &self.raw[self.at..]).unwrap_or(self.raw.len() - self.at);
            if target < self.decoded + plain || self.at + plain == self.raw.len() {
                let at = (self.at + target.saturating_sub(self.decoded)).min(self.raw.len());
                return at..(at + 1).min(self.raw.len());
            }
            let start = self.at + plain;
            let unit = Unit::at(self.raw, start);
            if target < self.decoded + plain + unit.decoded().len() {
                return start..start + unit.raw;
            }
            self.decoded += plain + unit.decoded().len();
            self.at = start + unit.raw;
        }
    }
}

/// What a backslash and each letter stand for, if nothing else belongs to it; else zero. Not by a branch for each letter:
/// which comes next cannot be foreseen.
static SIMPLE: [u8; 128] = {
    let mut simple = [0; 128];
    let pairs = [b"n\n", b"t\t", b"r\r", b"b\x08", b"f\x0c", b"\"\"", b"\\\\", b"//"];
    let mut at = 0;
    while at < pairs.len() {
        simple[pairs[at][0] as usize] = pairs[at][1];
        at += 1;
    }
    simple
};

/// What a backslash and this stand for, if nothing else belongs to it.
#[inline(always)]
fn simple(letter: u8) -> Option<u8> {
    let byte = SIMPLE.get(usize::from(letter)).copied();
    byte.filter(|byte| *byte != 0)
}

/// One escape: how many bytes it takes, and what it stands for.
pub(crate) struct Unit {
    pub(crate) raw: usize,
    bytes: [u8; 4],
    len: u8,
}

impl Unit {
    /// Reads the escape that starts at `at`, where a backslash stands.
    pub(crate) fn at(raw: &[u8], at: usize) -> Unit {
        match raw.get(at + 1) {
            Some(b'u') => Self::unicode(raw, at).unwrap_or(Self::byte(1, b'\\')),
            // What is no escape is a backslash that stands for itself, and what follows is read on its own.
            letter => letter
                .and_then(|letter| simple(*letter))
                .map_or(Self::byte(1, b'\\'), |byte| Self::byte(2, byte)),
        }
    }

    pub(crate) fn decoded(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// A byte that stands for itself.
    pub(crate) fn plain(byte: u8) -> Unit {
        Self::byte(1, byte)
    }

    fn byte(raw: usize, byte: u8) -> Unit {
        Unit { raw, bytes: [byte, 0, 0, 0], len: 1 }
    }

    fn unicode(raw: &[u8], at: usize) -> Option<Unit> {
        let first = hex4(raw, at + 2)?;
        let (code, taken) = match first {
            0xD800..=0xDBFF => match low_surrogate(raw, at + 6) {
                Some(low) => (0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00), 12),
                None => (0xFFFD, 6),
            },
            0xDC00..=0xDFFF => (0xFFFD, 6),
            code => (code, 6),
        };
        let mut unit = Unit { raw: taken, bytes: [0; 4], len: 0 };
        let text = char::from_u32(code)?.encode_utf8(&mut unit.bytes).len();
        unit.len = u8::try_from(text).ok()?;
        Some(unit)
    }
}

fn low_surrogate(raw: &[u8], at: usize) -> Option<u32> {
    (raw.get(at..at + 2)? == b"\\u").then_some(())?;
    hex4(raw, at + 2).filter(|code| (0xDC00..=0xDFFF).contains(code))
}

fn hex4(raw: &[u8], at: usize) -> Option<u32> {
    raw.get(at..at + 4)?.iter().try_fold(0, |code, &digit| Some(code * 16 + char::from(digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(raw: &str) -> String {
        let mut out = Vec::new();
        decode(raw.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_decode() {
        assert_eq!(decoded(r"a\u0040b\/c\n\t\\\u00e9\ud83d\ude00"), "a@b/c\n\t\\é😀");
        assert_eq!(decoded(r"\ud83dx \ude00 \ud83d\u0041"), "\u{fffd}x \u{fffd} \u{fffd}A");
        assert_eq!(decoded(r"\x \u12 \"), r"\x \u12 \");
    }

    #[test]
    fn decoded_ranges_are_found_again() {
        let raw = r"ab\u0040cd\n\ud83d\ude00e";
        let text = decoded(raw);
        let find = |needle: &str| {
            let start = text.find(needle).unwrap();
            &raw[raw_range(raw.as_bytes(), start..start + needle.len())]
        };
        assert_eq!(find("b@c"), r"b\u0040c");
        assert_eq!(find("😀"), r"\ud83d\ude00");
        assert_eq!(find("d\n"), r"d\n");
        assert_eq!(find("e"), "e");
    }

    proptest! {
        #[test]
        fn every_string_survives(text in ".{0,40}", start in 0usize..40, len in 1usize..10) {
            let quoted = serde_json::to_string(&text).unwrap();
            let raw = &quoted[1..quoted.len() - 1];
            prop_assert_eq!(decoded(raw), text.clone());
            // Cutting the raw range of whole characters and decoding it gives the characters back.
            let chars: Vec<(usize, char)> = text.char_indices().collect();
            if start < chars.len() {
                let end = (start + len).min(chars.len());
                let bytes = chars[start].0..chars.get(end).map_or(text.len(), |(at, _)| *at);
                let range = raw_range(raw.as_bytes(), bytes.clone());
                prop_assert_eq!(decoded(&raw[range]), &text[bytes]);
            }
        }

        #[test]
        fn many_bytes_at_once_are_decoded_as_one_by_one(
            text in proptest::collection::vec(
                prop_oneof![6 => Just(b'x'), 3 => Just(b'\\'), 2 => Just(b'n'), 1 => Just(b'u'), 1 => any::<u8>()],
                0..300,
            ),
            plain in 0..130usize,
        ) {
            let raw = [vec![b'x'; plain], text].concat();
            let (mut at, mut one_by_one) = (0, Vec::new());
            while at < raw.len() {
                let unit = if raw[at] == b'\\' { Unit::at(&raw, at) } else { Unit::plain(raw[at]) };
                one_by_one.extend_from_slice(unit.decoded());
                at += unit.raw;
            }
            let mut out = Vec::new();
            decode(&raw, &mut out);
            prop_assert_eq!(out, one_by_one);
        }

        #[test]
        fn nothing_panics(raw in proptest::collection::vec(prop_oneof![Just(b'\\'), Just(b'u'), Just(b'd'), any::<u8>()], 0..30), a in 0usize..40, b in 0usize..40) {
            let mut out = Vec::new();
            decode(&raw, &mut out);
            let range = raw_range(&raw, a.min(b)..a.max(b));
            prop_assert!(range.end <= raw.len());
        }
    }
}
