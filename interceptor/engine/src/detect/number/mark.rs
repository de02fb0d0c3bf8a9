//! What stands between two groups of a number: one mark, or a few around a parenthesis.

use super::super::text::{Peek, Text};
use super::Mark;

pub(super) enum Between {
    /// The run ends here.
    Nothing,
    /// The text is too short to tell.
    Unknown,
    /// A mark, and where the next group begins.
    Mark(Mark, usize),
}

/// Reads a mark that is followed by a letter or digit, or up to three with a parenthesis among them that are
/// followed by a digit. Non-breaking spaces and hyphens count as what they look like: models write them into
/// telephone numbers.
pub(super) fn between(text: Text<'_>, from: usize) -> Between {
    // As nearly always: one byte, and a group behind it.
    if let Some([mark, behind]) = text.bytes.get(from..).and_then(|rest| rest.first_chunk())
        && behind.is_ascii_alphanumeric()
    {
        return single(*mark).map_or(Between::Nothing, |mark| Between::Mark(mark, from + 1));
    }
    let mut at = from;
    let mut kind: Option<Mark> = None;
    for _ in 0..4 {
        let byte = match text.peek(at) {
            Peek::Byte(byte) => byte,
            Peek::End => return Between::Nothing,
            Peek::Unknown => return Between::Unknown,
        };
        let (mark, len) = match byte {
            b'0'..=b'9' => return kind.map_or(Between::Nothing, |kind| Between::Mark(kind, at)),
            b if b.is_ascii_alphabetic() => {
                return kind
                    .filter(|_| at - from <= 3)
                    .map_or(Between::Nothing, |kind| Between::Mark(kind, at));
            }
            0xc2 | 0xe2 => match wide_mark(text, at) {
                Between::Mark(mark, next) => (mark, next - at),
                other => return other,
            },
            byte => match single(byte) {
                Some(mark) => (mark, 1),
                None => return Between::Nothing,
            },
        };
        at += len;
        kind = Some(match kind {
            None => mark,
            Some(Mark::Parenthesis) => Mark::Parenthesis,
            Some(_) if mark == Mark::Parenthesis => mark,
            // Two marks of which none is a parenthesis are the end of one thing and the start of another.
            Some(_) => return Between::Nothing,
        });
    }
    Between::Nothing
}

/// The mark that a byte is.
pub(super) fn single(byte: u8) -> Option<Mark> {
    match byte {
        b' ' => Some(Mark::Space),
        b'-' => Some(Mark::Dash),
        b'.' => Some(Mark::Dot),
        b'/' => Some(Mark::Slash),
        b':' => Some(Mark::Colon),
        b'+' => Some(Mark::Plus),
        b'(' | b')' => Some(Mark::Parenthesis),
        b'[' => Some(Mark::Bracket),
        _ => None,
    }
}

/// U+00A0, U+2009, U+202F as spaces, U+2010 to U+2013 as dashes.
fn wide_mark(text: Text<'_>, at: usize) -> Between {
    let wanted = if text.bytes[at] == 0xc2 { 2 } else { 3 };
    let Some(bytes) = text.bytes.get(at..at + wanted) else {
        return if text.complete { Between::Nothing } else { Between::Unknown };
    };
    match bytes {
        [0xc2, 0xa0] | [0xe2, 0x80, 0x89 | 0xaf] => Between::Mark(Mark::Space, at + wanted),
        [0xe2, 0x80, 0x90..=0x93] => Between::Mark(Mark::Dash, at + wanted),
        _ => Between::Nothing,
    }
}
