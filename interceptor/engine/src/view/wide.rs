//! Text in UTF-16, in either order of bytes, as UTF-8: words of scripts without ASCII announce numbers, too. Knows code
//! units; what is found in them and whether they can be rewritten is the business of whoever asks.

use super::{Kind, Piece, Steps};

/// So many code units are looked at where no mark says what the text is.
const SAMPLE: usize = 64;

/// The walk, if the text is UTF-16. See [`Steps`].
#[derive(Clone, Copy)]
pub(crate) struct Wide<'t> {
    text: &'t [u8],
    at: usize,
    big_endian: bool,
}

impl<'t> Wide<'t> {
    /// The walk over a text that a mark at its beginning, or the zeros of its ASCII, show to be UTF-16.
    pub(crate) fn of(text: &'t [u8]) -> Option<Self> {
        let big_endian = match text {
            [0xFF, 0xFE, ..] => false,
            [0xFE, 0xFF, ..] => true,
            _ => {
                let mut zeros = [0usize; 2];
                let units = text.chunks_exact(2).take(SAMPLE);
                let count = units.len();
                for unit in units {
                    zeros[0] += usize::from(unit[0] == 0);
                    zeros[1] += usize::from(unit[1] == 0);
                }
                // The fewest are the spaces and marks of a text in another script, and few of its characters have one in
                // their other half.
                let told = |half: usize| {
                    zeros[half] >= 2 && zeros[half] * 8 >= count && zeros[1 - half] * 8 <= zeros[half]
                };
                match (told(0), told(1)) {
                    (false, true) => false,
                    (true, false) => true,
                    _ => return None,
                }
            }
        };
        // Characters of UTF-8 would be torn apart; those of ASCII with zeros between them are not.
        let utf8 = !text.is_ascii() && std::str::from_utf8(text).is_ok();
        (!utf8).then_some(Wide { text, at: 0, big_endian })
    }

    fn unit(&self, at: usize) -> Option<u16> {
        let unit: [u8; 2] = self.text.get(at..at + 2)?.try_into().ok()?;
        Some(if self.big_endian { u16::from_be_bytes(unit) } else { u16::from_le_bytes(unit) })
    }
}

impl Steps for Wide<'_> {
    fn step(&mut self, view: &mut Vec<u8>) -> Option<Piece> {
        let start = self.at;
        (start < self.text.len()).then_some(())?;
        let units = [self.unit(start), self.unit(start + 2)];
        let mut characters = char::decode_utf16(units.into_iter().flatten());
        let character = match characters.next() {
            Some(Ok(character)) => character,
            // Half a pair, or half a unit at the end.
            Some(Err(_)) | None => char::REPLACEMENT_CHARACTER,
        };
        self.at = self.text.len().min(start + 2 * character.len_utf16());
        // The mark at the beginning is no text.
        if character != '\u{feff}' {
            view.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Some(Piece { source: start..self.at, kind: Kind::Hidden })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Option<String> {
        let mut view = Vec::new();
        super::super::write(Wide::of(text)?, &mut view);
        Some(String::from_utf8(view).unwrap())
    }

    #[test]
    fn either_order_is_read_with_a_mark_or_without() {
        let text = "{\"a\":\"рнокпп 3571075738 😀 身份证\"}";
        for mark in ["", "\u{feff}"] {
            let units: Vec<u16> = format!("{mark}{text}").encode_utf16().collect();
            let little: Vec<u8> = units.iter().copied().flat_map(u16::to_le_bytes).collect();
            let big: Vec<u8> = units.iter().copied().flat_map(u16::to_be_bytes).collect();
            assert_eq!(read(&little).as_deref(), Some(text));
            assert_eq!(read(&big).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_cut_is_read_as_far_as_it_goes() {
        let whole: Vec<u8> = "\u{feff}ab😀".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for end in 2..whole.len() {
            let there = read(&whole[..end]).unwrap();
            assert!("ab".starts_with(there.trim_end_matches('\u{fffd}')), "{end}: {there}");
        }
    }

    #[test]
    fn other_text_is_not() {
        // Zeros between characters that are no ASCII: units would tear them apart.
        let torn = "k\0e\0y\0 \0é\0";
        for text in [torn, "plain text", "", "a", "\0\u{1}\u{2}\u{3}\u{4}\0", "身份证", &"\0".repeat(64)] {
            assert_eq!(read(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(read(b"k\0e\0y\0").as_deref(), Some("key"));
    }
}
