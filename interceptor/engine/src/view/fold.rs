//! Characters that are not what they seem: invisible ones, digits and letters of other scripts in the place of ASCII
//! ones, wide and styled forms. Decides character by character; what is ordinary text in its own script stays.

use super::glyphs;

/// What becomes of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fold {
    Same,
    /// It shows nothing.
    Drop,
    /// It is read as this.
    To(u8),
}

/// Folds characters, and knows what stands before them.
pub(super) struct Folder {
    /// The last byte that was written.
    last: u8,
    /// The word that was looked at: where it ends, and whether there is ASCII in it.
    word_end: usize,
    mixed: bool,
}

impl Folder {
    pub(super) fn new() -> Self {
        Folder { last: b' ', word_end: 0, mixed: false }
    }

    /// Tells what was written last.
    pub(super) fn wrote(&mut self, byte: u8) {
        self.last = byte;
    }

    /// The length of the character at `at`, which is not plain ASCII, and what becomes of it. What stays may be
    /// several at once.
    pub(super) fn fold(&mut self, text: &[u8], at: usize) -> (usize, Fold) {
        if is_letter(text[at]) && !self.in_mixed_word(text, at) {
            let letters = text[at..self.word_end].chunks(2).take_while(|pair| is_letter(pair[0])).count();
            return ((2 * letters).min(self.word_end - at), Fold::Same);
        }
        if let [lead, next @ 0x80..=0xBF, ..] = text[at..]
            && is_letter(lead)
        {
            let letter = glyphs::alike(u32::from(lead & 0x1F) << 6 | u32::from(next & 0x3F));
            return (2, letter.map_or(Fold::Same, Fold::To));
        }
        let Some((code, length)) = decode(&text[at..]) else {
            // The marks of UTF-16 are no text in UTF-8.
            return (1, if text[at] >= 0xFE { Fold::Drop } else { Fold::Same });
        };
        let next = text.get(at + length).copied().unwrap_or(b' ');
        let fold = match class(code) {
            Class::Plain => Fold::Same,
            Class::Invisible if self.last.is_ascii_graphic() || next.is_ascii_graphic() => Fold::Drop,
            Class::Invisible => Fold::Same,
            Class::Sure(byte) => Fold::To(byte),
            Class::Space(byte) if self.between_digits(next) => Fold::To(byte),
            Class::Space(_) => Fold::Same,
            Class::Alike(byte) if self.in_mixed_word(text, at) => Fold::To(byte),
            Class::Alike(_) => Fold::Same,
        };
        (length, fold)
    }

    /// Dashes and spaces of other widths are ordinary in prose; between digits they separate groups.
    fn between_digits(&self, next: u8) -> bool {
        self.last.is_ascii_alphanumeric()
            && next.is_ascii_alphanumeric()
            && (self.last.is_ascii_digit() || next.is_ascii_digit())
    }

    /// True if the word around `at` also has ASCII letters or digits. A word of another script alone is what it
    /// seems. Each word is looked at once.
    fn in_mixed_word(&mut self, text: &[u8], at: usize) -> bool {
        let inside = |byte: &u8| is_of_word(*byte);
        if at >= self.word_end {
            let before = text[..at].iter().rev().take_while(|byte| inside(byte)).count();
            let behind = text[at..].iter().take_while(|byte| inside(byte)).count();
            self.word_end = at + behind;
            self.mixed = text[at - before..at + behind].iter().any(u8::is_ascii_alphanumeric);
        }
        self.mixed
    }
}

/// What words are made of, of whatever script.
pub(super) fn is_of_word(byte: u8) -> bool {
    byte >= 0x80 || byte.is_ascii_alphanumeric() || b"-_.@+/=".contains(&byte)
}

/// True if what becomes of the character depends on the next one.
pub(super) fn asks_next(character: &[u8]) -> bool {
    decode(character).is_some_and(|(code, _)| matches!(class(code), Class::Invisible | Class::Space(_)))
}

/// The first character from `from` on that is read by the company it is in.
pub(super) fn first_of_company(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while at < text.len() {
        if is_letter(text[at]) {
            return Some(at);
        }
        let length = match decode(&text[at..]) {
            Some((code, _)) if matches!(class(code), Class::Alike(_)) => return Some(at),
            Some((_, length)) => length,
            None => 1,
        };
        at += length;
    }
    None
}

/// The first byte of a letter of Greek, Cyrillic and Armenian: two bytes, and never more than alike.
fn is_letter(lead: u8) -> bool {
    matches!(lead, 0xCE..=0xD6)
}

enum Class {
    Plain,
    Invisible,
    /// Looks like this and is nothing else.
    Sure(u8),
    /// Looks like this in the company of ASCII.
    Alike(u8),
    /// A space or dash.
    Space(u8),
}

fn class(code: u32) -> Class {
    match code {
        0x00..=0x08 | 0x0B | 0x0C | 0x0E..=0x1F | 0x7F => Class::Invisible,
        0xAD | 0x34F | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x3164 => {
            Class::Invisible
        }
        0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 => {
            Class::Invisible
        }
        0x300..=0x36F | 0x20D0..=0x20F0 | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0100..=0xE01EF => {
            Class::Invisible
        }
        // Tags: the whole of ASCII, unseen by people and read by models.
        0xE0020..=0xE007E => Class::Sure(ascii(code - 0xE0000)),
        0xE0000..=0xE007F => Class::Invisible,
        0xA0 | 0x2000..=0x200A | 0x202F | 0x205F | 0x3000 => Class::Space(b' '),
        0x2010..=0x2015 | 0x2212 | 0xFE58 | 0xFE63 => Class::Space(b'-'),
        0xFF10..=0xFF19 | 0xFF20..=0xFF3A | 0xFF41..=0xFF5A => Class::Sure(ascii(code - 0xFEE0)),
        // Wide punctuation is ordinary between wide characters.
        0xFF01..=0xFF5E => Class::Alike(ascii(code - 0xFEE0)),
        _ => glyphs::find(code)
            .map_or(Class::Plain, |(byte, sure)| if sure { Class::Sure(byte) } else { Class::Alike(byte) }),
    }
}

/// A code point of ASCII.
fn ascii(code: u32) -> u8 {
    u8::try_from(code).unwrap_or(b'?')
}

/// The character that begins here and its length; none if it is not well formed.
fn decode(rest: &[u8]) -> Option<(u32, usize)> {
    let length = match rest.first()? {
        0x00..=0x7F => 1,
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return None,
    };
    let text = std::str::from_utf8(rest.get(..length)?).ok()?;
    text.chars().next().map(|c| (u32::from(c), length))
}
