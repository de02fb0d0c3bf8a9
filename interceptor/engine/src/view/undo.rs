//! Undoes everything at once that one byte announces: escapes, percent signs, entities, base64 and hexadecimal runs,
//! invisible and foreign characters. Encodings inside encodings take another walk over the view.

use super::encoded::{self, Run};
use super::fold::{Fold, Folder};
use super::{Kind, Piece, Steps, entity, glance};
use crate::json::escape::Unit;

/// Longest stretch that is handed on in one piece.
const LONGEST: usize = 64 * 1024;

/// The walk. See [`Steps`].
pub(crate) struct Undo<'t> {
    text: &'t [u8],
    at: usize,
    /// The next run that decodes to text, if it was looked for.
    run: Option<Run>,
    /// Up to here it is known that there is none.
    no_run_before: usize,
    folder: Folder,
}

/// True if the byte at `at` may be something else than it seems: it begins something that is to be undone, or is the
/// first of a character that may have to be folded.
pub(super) fn means(text: &[u8], at: usize) -> bool {
    let rest = &text[at..];
    match rest[0] {
        b'\\' => escaped(rest).is_some(),
        b'%' => percent(rest).is_some(),
        b'&' => entity::read(rest).is_some(),
        byte => is_odd(byte),
    }
}

/// Where something other than a run may first stand from `from` on.
pub(super) fn first_odd(text: &[u8], from: usize) -> Option<usize> {
    text[from..].iter().position(|byte| is_odd(*byte)).map(|at| from + at)
}

/// True for bytes that begin something to undo: signs, controls, and the first bytes of characters that may have to be
/// folded. Chinese and Korean letters and those of Latin with accents are not among them.
fn is_odd(byte: u8) -> bool {
    static ODD: [bool; 256] = odd();
    ODD[usize::from(byte)]
}

const fn odd() -> [bool; 256] {
    let mut odd = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        odd[byte] = matches!(
            byte,
            0x00..=0x08 | 0x0B | 0x0C | 0x0E..=0x1F | 0x25 | 0x26 | 0x5C | 0x7F
                | 0xC2 | 0xC4 | 0xC6 | 0xC7 | 0xC9 | 0xCA | 0xCC..=0xD6 | 0xD8 | 0xD9 | 0xDB | 0xDF
                | 0xE0..=0xE3 | 0xEA | 0xEF | 0xF0 | 0xF3 | 0xFE | 0xFF
        );
        byte += 1;
    }
    odd
}

impl<'t> Undo<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        Undo { text, at: 0, run: None, no_run_before: 0, folder: Folder::new() }
    }

    /// A walk that goes on at `at` of a text, where no run begins before `floor` and the view ended with `last`.
    pub(super) fn resume(text: &'t [u8], floor: usize, at: usize, last: u8) -> Self {
        let mut folder = Folder::new();
        folder.wrote(last);
        let run = encoded::next_behind(text, floor, at);
        Undo { text, at, run, no_run_before: usize::MAX, folder }
    }

    /// The walk, if there may be anything to undo.
    pub(crate) fn worthwhile(text: &'t [u8]) -> Option<Self> {
        glance(text).hidden.then(|| Self::new(text))
    }

    /// Where the next run begins.
    fn next_run(&mut self) -> usize {
        // An escape may have taken the beginning of the run with it.
        if self.run.take_if(|run| run.source.start < self.at).is_some() {
            self.no_run_before = self.at;
        }
        if self.run.is_none() && self.no_run_before <= self.at {
            self.run = encoded::next(self.text, self.at);
            self.no_run_before = usize::MAX;
        }
        self.run.as_ref().map_or(usize::MAX, |run| run.source.start)
    }

    /// What stands at an odd byte: how long it is, and what it means.
    fn odd(&mut self, view: &mut Vec<u8>) -> (usize, Kind) {
        let rest = &self.text[self.at..];
        let decoded = match rest[0] {
            b'\\' => escaped(rest),
            b'%' => percent(rest),
            b'&' => entity::read(rest),
            _ => {
                let (length, fold) = self.folder.fold(self.text, self.at);
                return match fold {
                    Fold::Same => {
                        view.extend_from_slice(&rest[..length]);
                        self.folder.wrote(rest[length - 1]);
                        (length, Kind::Same)
                    }
                    Fold::Drop => (length, Kind::Hidden),
                    Fold::To(byte) => {
                        view.push(byte);
                        self.folder.wrote(byte);
                        (length, Kind::Hidden)
                    }
                };
            }
        };
        match decoded {
            Some(Decoded { length, bytes, count, kind }) => {
                view.extend_from_slice(&bytes[..count]);
                self.folder.wrote(bytes[count.saturating_sub(1)]);
                (length, kind)
            }
            None => {
                view.push(rest[0]);
                self.folder.wrote(rest[0]);
                (1, Kind::Same)
            }
        }
    }
}

impl Steps for Undo<'_> {
    fn step(&mut self, view: &mut Vec<u8>) -> Option<Piece> {
        let start = self.at;
        let first = *self.text.get(start)?;
        let next_run = self.next_run();
        if next_run == start
            && let Some(run) = self.run.take()
        {
            view.extend_from_slice(&run.decoded);
            self.folder.wrote(run.decoded.last().copied().unwrap_or(b' '));
            self.at = run.source.end;
            self.no_run_before = self.at;
            return Some(Piece { source: run.source, kind: Kind::Hidden });
        }
        let kind = if is_odd(first) {
            let (length, kind) = self.odd(view);
            self.at += length;
            kind
        } else {
            let end = self.text.len().min(next_run).min(start + LONGEST);
            let plain = &self.text[start..end];
            let length = plain.iter().position(|byte| is_odd(*byte)).unwrap_or(plain.len());
            view.extend_from_slice(&plain[..length]);
            self.folder.wrote(plain[length - 1]);
            self.at += length;
            Kind::Same
        };
        Some(Piece { source: start..self.at, kind })
    }
}

/// A few bytes that stand for a few others.
pub(super) struct Decoded {
    pub(super) length: usize,
    pub(super) bytes: [u8; 4],
    pub(super) count: usize,
    pub(super) kind: Kind,
}

impl Decoded {
    pub(super) fn byte(length: usize, byte: u8, kind: Kind) -> Option<Self> {
        Some(Decoded { length, bytes: [byte, 0, 0, 0], count: 1, kind })
    }

    pub(super) fn code(length: usize, code: u32) -> Option<Self> {
        let mut bytes = [0; 4];
        let count = char::from_u32(code)?.encode_utf8(&mut bytes).len();
        Some(Decoded { length, bytes, count, kind: Kind::Hidden })
    }
}

/// A backslash and what it announces: JSON's escapes, and those of programming languages.
fn escaped(rest: &[u8]) -> Option<Decoded> {
    match rest {
        [_, b'x', high, low, ..] => Decoded::byte(4, hex(*high)? << 4 | hex(*low)?, Kind::Hidden),
        [_, b'u', b'{', digits @ ..] => {
            let end = digits.iter().take(7).position(|byte| *byte == b'}')?;
            Decoded::code(end + 4, number(&digits[..end], 16)?)
        }
        [_, a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
            Decoded::byte(4, (a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'), Kind::Hidden)
        }
        _ => {
            let unit = Unit::at(rest, 0);
            let kind = if unit.raw > 2 { Kind::Hidden } else { Kind::Escape };
            let mut bytes = [0; 4];
            let count = unit.decoded().len();
            bytes[..count].copy_from_slice(unit.decoded());
            (unit.raw > 1).then_some(Decoded { length: unit.raw, bytes, count, kind })
        }
    }
}

/// `%41`, and `%u0041` as browsers once wrote it.
fn percent(rest: &[u8]) -> Option<Decoded> {
    match rest {
        [_, b'u' | b'U', digits @ ..] if digits.len() >= 4 => Decoded::code(6, number(&digits[..4], 16)?),
        [_, high, low, ..] => Decoded::byte(3, hex(*high)? << 4 | hex(*low)?, Kind::Hidden),
        _ => None,
    }
}

/// The value of a hexadecimal digit.
pub(super) fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// A number written in so many digits; none if there is no digit, or it is too large for a character.
pub(super) fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let add = |sum: u32, digit: &u8| {
        let digit = char::from(*digit).to_digit(radix)?;
        sum.checked_mul(radix)?.checked_add(digit).filter(|sum| *sum <= 0x10_FFFF)
    };
    (!digits.is_empty()).then_some(())?;
    digits.iter().try_fold(0, add)
}
