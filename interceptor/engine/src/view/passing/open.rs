//! The end of a text that goes on: from where on what follows decides what it says. Knows what each thing that is undone
//! can look like when it is cut. Undoes nothing.

use crate::view::encoded::{self, Head};
use crate::view::fold;

/// Longest thing that a sign announces: two escapes that are one character.
const LONGEST_SIGN: usize = 12;

/// Longest part of a word that waits for the rest: a word of another script is what it seems if it is alone, and only its
/// end shows that it is.
const LONGEST_WORD: usize = 32;

/// What is undecided at the end of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tail {
    /// Where it begins.
    pub(super) open: Option<usize>,
    /// From where on it looks as if something were hidden. What is open before is waited for and may leave meanwhile: most
    /// texts are made of it.
    pub(super) likely: Option<usize>,
}

impl Tail {
    /// The end of a text that is undone up to `at`. No row of digits begins before `floor`.
    pub(super) fn of(text: &[u8], floor: usize, at: usize) -> Self {
        let begin = encoded::begin_of_row(text, text.len(), floor);
        let (mut tail, row) = (Self::of_signs(text, at), Self::of_row(text, begin, at));
        for (at, is_likely) in [(lines(text, begin, floor, at), true), (row.likely, true), (row.open, false)]
        {
            if let Some(at) = at {
                tail.note(at, is_likely);
            }
        }
        tail
    }

    /// The same of everything but rows of digits.
    pub(super) fn of_signs(text: &[u8], at: usize) -> Self {
        let mut tail = Tail::default();
        for at in [sign(text, at), half_character(text, at)].into_iter().flatten() {
            tail.note(at, true);
        }
        for at in [asking_character(text, at), word(text, at)].into_iter().flatten() {
            tail.note(at, false);
        }
        tail
    }

    /// The same of the row of digits that ends the text and begins at `begin`, as far as data could begin from `at` on.
    pub(super) fn of_row(text: &[u8], begin: usize, at: usize) -> Self {
        let mut tail = Tail::default();
        let heads = encoded::starts(&text[begin..]).map(|start| begin + start);
        for start in heads.filter(|start| (at..text.len()).contains(start)) {
            match Head::of(&text[start..]) {
                Head::Other => {}
                Head::Short => tail.note(start, false),
                Head::Text => tail.note(start, true),
            }
        }
        tail
    }

    fn note(&mut self, at: usize, is_likely: bool) {
        let first = |known: Option<usize>| Some(known.map_or(at, |known| known.min(at)));
        self.open = first(self.open);
        if is_likely {
            self.likely = first(self.likely);
        }
    }
}

/// An escape, a percent sign or an entity that is not over.
fn sign(text: &[u8], at: usize) -> Option<usize> {
    let from = text.len().saturating_sub(LONGEST_SIGN).max(at);
    let end = &text[from..];
    let found = end.iter().enumerate().find(|(at, byte)| match byte {
        b'\\' => is_open_escape(&end[at + 1..]),
        b'%' => is_open_percent(&end[at + 1..]),
        b'&' => is_open_entity(&end[at + 1..]),
        _ => false,
    });
    found.map(|(at, _)| from + at)
}

fn is_open_escape(behind: &[u8]) -> bool {
    let hex = |digits: &[u8], most: usize| digits.len() < most && digits.iter().all(u8::is_ascii_hexdigit);
    match behind {
        [] => true,
        [b'x', digits @ ..] => hex(digits, 2),
        [b'u', b'{', digits @ ..] => hex(digits, 7),
        [b'u', digits @ ..] if hex(digits, 4) => true,
        // The first half of a character asks for the second.
        [b'u', b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B', a, b, rest @ ..]
            if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() =>
        {
            match rest {
                [] | [b'\\'] => true,
                [b'\\', b'u', digits @ ..] => hex(digits, 4),
                _ => false,
            }
        }
        [b'0'..=b'3'] | [b'0'..=b'3', b'0'..=b'7'] => true,
        _ => false,
    }
}

fn is_open_percent(behind: &[u8]) -> bool {
    match behind {
        [b'u' | b'U', digits @ ..] => digits.len() < 4 && digits.iter().all(u8::is_ascii_hexdigit),
        digits => digits.len() < 2 && digits.iter().all(u8::is_ascii_hexdigit),
    }
}

fn is_open_entity(behind: &[u8]) -> bool {
    match behind {
        [b'#', b'x' | b'X', digits @ ..] => digits.len() <= 8 && digits.iter().all(u8::is_ascii_hexdigit),
        [b'#', digits @ ..] => digits.len() <= 8 && digits.iter().all(u8::is_ascii_digit),
        name => name.len() <= 8 && name.iter().all(u8::is_ascii_alphabetic),
    }
}

/// A character of which a part is missing.
fn half_character(text: &[u8], at: usize) -> Option<usize> {
    let (start, length) = last_character(text, at)?;
    (start + length > text.len()).then_some(start)
}

/// A character that is read by what follows it.
fn asking_character(text: &[u8], at: usize) -> Option<usize> {
    let (start, length) = last_character(text, at)?;
    (start + length == text.len() && fold::asks_next(&text[start..])).then_some(start)
}

/// Where the last character begins, and how long it is or will be.
fn last_character(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let back = text[at..].iter().rev().take(4).position(|byte| !(0x80..0xC0).contains(byte))?;
    let start = text.len() - 1 - back;
    let length = match text[start] {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => 1,
    };
    Some((start, length))
}

/// The first character of the last word that would be another in the company of ASCII, if there is none in it yet.
fn word(text: &[u8], at: usize) -> Option<usize> {
    if text.last().is_none_or(u8::is_ascii) && !text.last().is_some_and(|last| fold::is_of_word(*last)) {
        return None;
    }
    let start = text.len() - text.iter().rev().take_while(|byte| fold::is_of_word(**byte)).count();
    let word = &text[start..];
    if word.is_ascii() || word.iter().any(u8::is_ascii_alphanumeric) {
        return None;
    }
    let from = start.max(at).max(text.len().saturating_sub(LONGEST_WORD));
    // Characters are not cut: a continuation begins none.
    let from = from + text[from..].iter().take_while(|byte| (0x80..0xC0).contains(*byte)).count();
    fold::first_of_company(text, from)
}

/// A run of text that ended with its line, and may go on in the next: everything behind it is digits or indents them.
fn lines(text: &[u8], begin: usize, floor: usize, at: usize) -> Option<usize> {
    let before = &text[..begin];
    let end = match before {
        [.., b'=', b'='] => return None,
        [.., b'=' | b'\r'] if begin == text.len() => begin - 1,
        _ => {
            let indent = before.iter().rev().take(16).take_while(|byte| b" \t>".contains(byte)).count();
            match &before[..begin - indent] {
                [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] => line.len(),
                _ => return None,
            }
        }
    };
    let row = encoded::begin_of_row(text, end, floor);
    (row >= at && row < end).then_some(())?;
    // What there is of the next line may spoil it, and turn out not to go on with it.
    let last_run = |text: &[u8]| {
        let mut run = encoded::next_behind(text, floor, at)?;
        while run.source.end < end {
            run = encoded::next(text, run.source.end)?;
        }
        Some(run.source.start)
    };
    last_run(&text[..end]).or_else(|| last_run(text))
}
