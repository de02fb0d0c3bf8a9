//! JSON that is streamed in fragments of its text: its escapes undone as the fragments come, and the way back
//! from the undone text to the fragment.

use std::ops::Range;

use crate::json::escape::{self, Unit};

/// Undoes escapes in a text whose fragments may be cut anywhere, also inside an escape.
#[derive(Clone, Debug, Default)]
pub(super) struct Unescaper {
    /// The beginning of an escape whose end has not come. At most a pair of surrogates.
    pending: Vec<u8>,
    in_string: bool,
}

/// How a fragment was undone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Undone {
    /// Escapes of the fragment: where they start, their length there, and the length of what they became.
    /// The first may have begun in the fragment before, the last may end in the one after (and is 0 long).
    escapes: Vec<(usize, usize, usize)>,
    /// The fragment begins inside a string.
    in_string: bool,
    /// An escape at its end is not complete.
    pub(super) open_end: bool,
}

/// Longest escape: two surrogates.
const LONGEST_ESCAPE: usize = 12;

impl Unescaper {
    /// Appends the undone fragment to `view`.
    pub(super) fn push(&mut self, fragment: &[u8], view: &mut Vec<u8>) -> Undone {
        let mut undone = Undone { in_string: self.in_string, ..Undone::default() };
        let mut at = self.complete_pending(fragment, view, &mut undone);
        while at < fragment.len() {
            let Some(found) = memchr::memchr2(b'"', b'\\', &fragment[at..]) else {
                view.extend_from_slice(&fragment[at..]);
                break;
            };
            view.extend_from_slice(&fragment[at..at + found]);
            at += found;
            if fragment[at] == b'"' {
                self.in_string = !self.in_string;
                view.push(b'"');
                at += 1;
            } else if is_cut(&fragment[at..]) {
                self.pending.extend_from_slice(&fragment[at..]);
                undone.escapes.push((at, fragment.len() - at, 0));
                undone.open_end = true;
                break;
            } else {
                let unit = Unit::at(fragment, at);
                view.extend_from_slice(unit.decoded());
                undone.escapes.push((at, unit.raw, unit.decoded().len()));
                at += unit.raw;
            }
        }
        undone
    }

    /// The text is over: what is still pending will not be completed.
    pub(super) fn finish(&mut self, view: &mut Vec<u8>) {
        escape::decode(&self.pending, view);
        self.pending.clear();
    }

    /// Reads on in an escape that the fragment before began; returns how far the fragment is read.
    fn complete_pending(&mut self, fragment: &[u8], view: &mut Vec<u8>, undone: &mut Undone) -> usize {
        if self.pending.is_empty() {
            return 0;
        }
        // So many bytes of `pending` are not of this fragment.
        let mut left = self.pending.len();
        let take = fragment.len().min(LONGEST_ESCAPE);
        self.pending.extend_from_slice(&fragment[..take]);
        let (mut became, mut consumed) = (0, 0);
        while left > 0 {
            if take == fragment.len() && is_cut(&self.pending) {
                undone.escapes.push((0, take, became));
                undone.open_end = true;
                return take;
            }
            // An escape that turns out to be none leaves its backslash, and the rest of it is plain.
            let unit = if self.pending[0] == b'\\' {
                Unit::at(&self.pending, 0)
            } else {
                Unit::plain(self.pending[0])
            };
            view.extend_from_slice(unit.decoded());
            became += unit.decoded().len();
            consumed = unit.raw.saturating_sub(left);
            left = left.saturating_sub(unit.raw);
            self.pending.drain(..unit.raw);
        }
        undone.escapes.push((0, consumed, became));
        self.pending.clear();
        consumed
    }
}

impl Undone {
    /// The range of the fragment that became the range of its view. Escapes are never cut in two.
    pub(super) fn written(&self, fragment_len: usize, view: Range<usize>) -> Range<usize> {
        let start = self.place(fragment_len, view.start).start;
        let end = if view.is_empty() { start } else { self.place(fragment_len, view.end - 1).end };
        start..end.max(start)
    }

    /// The part of the fragment that became the byte of the view.
    fn place(&self, fragment_len: usize, target: usize) -> Range<usize> {
        let (mut at, mut viewed) = (0, 0);
        for (number, &(start, length, became)) in self.escapes.iter().enumerate() {
            let plain = start - at;
            if target < viewed + plain {
                break;
            }
            let open_end = self.open_end && number + 1 == self.escapes.len();
            if target < viewed + plain + became || open_end {
                return start..start + length;
            }
            viewed += plain + became;
            at = start + length;
        }
        let at = (at + target.saturating_sub(viewed)).min(fragment_len);
        at..(at + 1).min(fragment_len)
    }

    /// True if the byte at `at` of the fragment is inside a JSON string.
    pub(super) fn is_in_string(&self, fragment: &[u8], at: usize) -> bool {
        let escaped = |quote: &usize| {
            self.escapes.iter().any(|(start, length, _)| (*start..start + length).contains(quote))
        };
        let quotes = memchr::memchr_iter(b'"', &fragment[..at.min(fragment.len())]);
        self.in_string != (quotes.filter(|quote| !escaped(quote)).count() % 2 == 1)
    }
}

/// True if the escape at the beginning may go on behind the end of the text.
fn is_cut(text: &[u8]) -> bool {
    let hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match text {
        [b'\\'] => true,
        [b'\\', b'u', digits @ ..] if digits.len() < 4 => hex(digits),
        [b'\\', b'u', b'd' | b'D', b'8'..=b'9' | b'a'..=b'b' | b'A'..=b'B', x, y, rest @ ..]
            if hex(&[*x, *y]) =>
        {
            match rest {
                [] | [b'\\'] => true,
                [b'\\', b'u', digits @ ..] if digits.len() < 4 => hex(digits),
                _ => false,
            }
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_cutting_undoes_the_same(
            text in proptest::collection::vec(prop_oneof![Just("\\"), Just("u"), Just("d83d"), Just("00"), Just("\""), Just("n"), Just("de00"), Just("é")], 0..24),
            cuts in proptest::collection::vec(0usize..60, 0..6),
        ) {
            let text = text.concat().into_bytes();
            let mut whole = Vec::new();
            escape::decode(&text, &mut whole);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let mut unescaper = Unescaper::default();
            let mut view = Vec::new();
            for pair in cuts.windows(2) {
                let fragment = &text[pair[0]..pair[1]];
                let before = view.len();
                let undone = unescaper.push(fragment, &mut view);
                let became = view.len() - before;
                // Every byte of the view comes from inside the fragment, in order.
                let mut last = 0;
                for at in 0..became {
                    let range = undone.written(fragment.len(), at..at + 1);
                    prop_assert!(range.start >= last && range.end <= fragment.len());
                    last = range.start;
                }
            }
            unescaper.finish(&mut view);
            prop_assert_eq!(view, whole);
        }
    }

    #[test]
    fn strings_are_told_from_numbers() {
        let mut unescaper = Unescaper::default();
        let mut view = Vec::new();
        let first = br#"{"a\"":"x"#;
        let undone = unescaper.push(first, &mut view);
        assert!(undone.is_in_string(first, 8));
        assert!(!undone.is_in_string(first, 6));
        let second = br#"y",12"#;
        let undone = unescaper.push(second, &mut view);
        assert!(undone.is_in_string(second, 0));
        assert!(!undone.is_in_string(second, 3));
    }
}
