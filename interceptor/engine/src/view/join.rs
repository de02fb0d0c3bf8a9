//! Puts together what was pulled apart: characters with the same separator between each two (`4 1 1 1`, `s-k-…`), and
//! tokens that a line end cuts in two. A guess, unlike an encoding, so it is made last and believed less.

use std::ops::Range;

use super::{Kind, Piece, Steps};

/// Fewest characters that must stand apart.
const FEWEST: usize = 8;

/// The two parts of a token around a line end are at least so long together.
const LONG: usize = 16;

/// The walk. See [`Steps`].
pub(crate) struct Join<'t> {
    text: &'t [u8],
    at: usize,
    /// The next stretch of single characters, and the next line end inside a token. Looked for once.
    apart: Option<Range<usize>>,
    cut: Option<Range<usize>>,
}

impl<'t> Join<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        Join { text, at: 0, apart: next_apart(text, 0), cut: next_cut(text, 0) }
    }

    fn piece(&mut self, end: usize, kind: Kind) -> Option<Piece> {
        let source = self.at..end;
        self.at = end;
        Some(Piece { source, kind })
    }
}

impl Steps for Join<'_> {
    fn step(&mut self, view: &mut Vec<u8>) -> Option<Piece> {
        (self.at < self.text.len()).then_some(())?;
        if let Some(apart) = self.apart.clone()
            && apart.contains(&self.at)
        {
            if (self.at - apart.start).is_multiple_of(2) {
                view.push(self.text[self.at]);
                if self.at + 1 == apart.end {
                    self.apart = next_apart(self.text, apart.end);
                }
                return self.piece(self.at + 1, Kind::Same);
            }
            return self.piece(self.at + 1, Kind::Hidden);
        }
        if let Some(cut) = self.cut.take_if(|cut| cut.start <= self.at) {
            self.cut = next_cut(self.text, cut.end);
            if cut.start == self.at {
                return self.piece(cut.end, Kind::Hidden);
            }
        }
        let stop = |range: &Option<Range<usize>>| range.as_ref().map_or(usize::MAX, |range| range.start);
        let end = stop(&self.apart).min(stop(&self.cut)).min(self.text.len()).max(self.at + 1);
        view.extend_from_slice(&self.text[self.at..end]);
        self.piece(end, Kind::Same)
    }
}

/// The next stretch of single characters with the same separator between each two; it begins and ends with a
/// character.
fn next_apart(text: &[u8], from: usize) -> Option<Range<usize>> {
    let (mut at, mut from) = (from, from);
    // A stretch that is long enough shows in three separators around one of the places that are looked at.
    while let Some(window) = text.get(at..at + 8) {
        let word = u64::from_le_bytes(window.try_into().ok()?);
        let same = word ^ (word >> 16);
        let mut next = at + 8;
        for (parity, mask) in [(0, 0x00FF_00FF), (1, 0xFF00_FF00)] {
            if same & mask == 0 && is_separator(window[parity]) {
                let stretch = stretch(text, from, at + parity);
                if stretch.len() >= 2 * FEWEST - 1 && is_token(text, &stretch) {
                    return Some(stretch);
                }
                // No part of it is looked at again.
                next = next.max(stretch.end);
                from = from.max(stretch.end);
            }
        }
        at = next;
    }
    None
}

/// True if what stands at `at` may be a separator of a stretch that is long enough.
pub(super) fn is_apart(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(|byte| is_separator(*byte)) && stretch(text, 0, at).len() >= 2 * FEWEST - 1
}

/// The stretch around the separator at `at`.
fn stretch(text: &[u8], from: usize, at: usize) -> Range<usize> {
    let separator = text[at];
    let apart = |character: usize| text.get(character).is_some_and(u8::is_ascii_graphic);
    let letter = |character: Option<usize>| {
        character.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphanumeric)
    };
    let mut start = at + 1;
    // The last letter of a word before does not belong to it, nor the first of one behind.
    while start >= from + 2
        && text[start - 1] == separator
        && apart(start - 2)
        && !letter((start - 2).checked_sub(1))
    {
        start -= 2;
    }
    let mut end = at + 1;
    while text.get(end - 1) == Some(&separator) && apart(end) && !letter(Some(end + 1)) {
        end += 2;
    }
    start..end.saturating_sub(1).max(start)
}

fn is_separator(byte: u8) -> bool {
    b" -._*/|,:~'\"\t\n+#;^=".contains(&byte)
}

/// Mostly letters and digits, and not one character over and over.
fn is_token(text: &[u8], stretch: &Range<usize>) -> bool {
    let characters = || text[stretch.clone()].iter().step_by(2);
    let plain = characters().filter(|byte| byte.is_ascii_alphanumeric()).count();
    let first = characters().next();
    // Arrays of small numbers have a comma between each two, and few different ones.
    let array = text.get(stretch.start + 1) == Some(&b',') && {
        let seen = characters().fold(0u32, |seen, byte| seen | 1 << (byte & 31));
        characters().all(u8::is_ascii_digit) && seen.count_ones() < 5
    };
    plain * 4 >= characters().count() * 3 && characters().any(|byte| Some(byte) != first) && !array
}

/// The next line end inside a token, with what quotes or indents the next line.
fn next_cut(text: &[u8], from: usize) -> Option<Range<usize>> {
    memchr::memchr_iter(b'\n', &text[from..]).find_map(|found| cut(text, from + found))
}

/// What goes if the line end there cuts a token.
pub(super) fn cut(text: &[u8], newline: usize) -> Option<Range<usize>> {
    let mut start = newline;
    if start > 0 && text[start - 1] == b'\r' {
        start -= 1;
    }
    if start > 0 && text[start - 1] == b'\\' {
        start -= 1;
    }
    let inside = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-_.@+/=".contains(byte);
    // Most lines end with something else.
    text[..start].last().filter(inside)?;
    let indent = text[newline + 1..].iter().take(16).take_while(|byte| b" \t>".contains(byte)).count();
    let end = newline + 1 + indent;
    let before = text[..start].iter().rev().take(64).take_while(inside).count();
    let behind = text[end..].iter().take(64).take_while(inside).count();
    let (left, right) = (&text[start - before..start], &text[end..end + behind]);
    let telling = |part: &[u8]| part.iter().any(|byte| byte.is_ascii_digit() || *byte == b'@');
    // An address that stands whole in the next line takes nothing from this one: a name stands above it in every
    // signature. Only what looks like the beginning of one belongs to it.
    let whole = right.iter().position(|byte| *byte == b'@').is_some_and(|at| at > 0)
        && (left.contains(&b'@') || !left.iter().any(|byte| b"._+-".contains(byte)));
    let telling = !whole && (telling(left) || telling(right));
    let cut = before >= 2 && behind >= 2 && before + behind >= LONG && telling;
    cut.then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(text: &str) -> String {
        let mut view = Vec::new();
        super::super::write(Join::new(text.as_bytes()), &mut view);
        String::from_utf8(view).unwrap()
    }

    #[test]
    fn separators_are_taken_out() {
        assert_eq!(joined("card 4 1 1 1 2 2 2 2 3 3, now"), "card 4111222233, now");
        assert_eq!(joined("a-b-c-d-e-f-g-h-1"), "abcdefgh1");
        assert_eq!(joined("xx: 1.2.3.4.5.6.7.8.9"), "xx: 123456789");
        assert_eq!(joined("s-k---a-b-c-d-1-2-3"), "sk-abcd123");
        assert_eq!(joined("j_a_n_e_@_x_y_._c_o_m"), "jane@xy.com");
    }

    #[test]
    fn what_stands_above_an_address_is_none_of_it() {
        assert_eq!(joined("Jo Miller\njane5@example.com"), "Jo Miller\njane5@example.com");
        assert_eq!(joined("user1\nuser2@example.com"), "user1\nuser2@example.com");
        assert_eq!(joined("joe@example.com\njane@example.com"), "joe@example.com\njane@example.com");
        assert_eq!(joined("write jane.d\noe@example.com"), "write jane.doe@example.com");
        assert_eq!(joined("write jane.doe@exam\nple.com"), "write jane.doe@example.com");
    }

    #[test]
    fn ordinary_text_stays() {
        for text in [
            "I a m. no - - - - - - - - - - rule",
            "| | | | | | | | | | | |",
            "a b c, 1.2.3.4",
            "........................",
            "= = = = = = = = = = = = = =",
            "a line\nand another line of prose\n",
            "let first_name = 1;\nlet second_name = 2;\n",
        ] {
            assert_eq!(joined(text), text);
        }
    }

    #[test]
    fn rows_of_separators_are_read_once() {
        for row in ["-", "=-", "- ", "._", "a- "] {
            let text = row.repeat(1_000_000);
            assert_eq!(joined(&text).len(), text.len());
        }
    }

    #[test]
    fn tokens_are_put_together_over_line_ends() {
        assert_eq!(joined("key abcDEF1234\n  ghiJKL5678 end"), "key abcDEF1234ghiJKL5678 end");
        assert_eq!(joined("jane.doe@exam\r\n> ple.com"), "jane.doe@example.com");
    }
}
