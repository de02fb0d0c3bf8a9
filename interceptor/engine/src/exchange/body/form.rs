//! Forms in a URL's spelling: `name=value&name=value`, blanks written as `+`, everything else as `%XX`.
//! Values are scanned as they are meant, and replaced in the spelling of the form.

use std::ops::Range;

use crate::exchange::inspect::{Inspector, Quoting, ViewPart};
use crate::json::Table;

use super::parts::member;

/// A form on its way. They are short, and read when complete.
#[derive(Debug, Default)]
pub(super) struct Form {
    body: Vec<u8>,
    /// Offset of its first byte: what was looked at is gone.
    start: usize,
}

/// Longer forms are looked at in pieces.
const MOST_GATHERED: usize = 1 << 20;

impl Form {
    pub(super) fn push(&mut self, chunk: &[u8], table: &Table, inspector: &mut Inspector) {
        for piece in chunk.chunks(MOST_GATHERED) {
            let room = MOST_GATHERED - self.body.len();
            let (now, later) = piece.split_at(piece.len().min(room));
            self.body.extend_from_slice(now);
            if self.body.len() == MOST_GATHERED {
                self.look_at(table, inspector);
                self.body.extend_from_slice(later);
            }
        }
    }

    pub(super) fn finish(mut self, table: &Table, inspector: &mut Inspector) {
        self.look_at(table, inspector);
    }

    fn look_at(&mut self, table: &Table, inspector: &mut Inspector) {
        let mut at = self.start;
        for pair in self.body.split(|byte| *byte == b'&') {
            let equals = memchr::memchr(b'=', pair).unwrap_or(pair.len());
            let name = undone(&pair[..equals]);
            let member = member(table, Some(&name.text));
            let mut part = |text: &[u8], at: usize| {
                let view = undone(text);
                let raw = |range: Range<usize>| at + view.starts[range.start]..at + view.starts[range.end];
                let part = ViewPart {
                    place: &member.place,
                    class: member.class,
                    within: at..at + text.len(),
                    quoting: Quoting::Form,
                    sealed: false,
                };
                inspector.view(part, &view.text, raw);
            };
            part(&pair[..equals], at);
            if equals < pair.len() {
                part(&pair[equals + 1..], at + equals + 1);
            }
            at += pair.len() + 1;
        }
        self.start += self.body.len();
        self.body.clear();
    }
}

/// A text as it is meant, and where each of its bytes is written; one more for the end.
struct Undone {
    text: Vec<u8>,
    starts: Vec<usize>,
}

fn undone(written: &[u8]) -> Undone {
    let mut undone = Undone { text: Vec::new(), starts: Vec::new() };
    let mut at = 0;
    while at < written.len() {
        let (byte, length) = match (written[at], written.get(at + 1..at + 3).and_then(hex)) {
            (b'%', Some(byte)) => (byte, 3),
            (b'+', _) => (b' ', 1),
            (byte, _) => (byte, 1),
        };
        undone.text.push(byte);
        undone.starts.push(at);
        at += length;
    }
    undone.starts.push(written.len());
    undone
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(digits[0])? * 16 + digit(digits[1])?)
}
