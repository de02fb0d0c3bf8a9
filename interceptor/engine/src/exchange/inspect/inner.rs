//! Reads JSON that is in a string, by its own strings and numbers. Knows no table: nothing is known about such JSON.

use crate::json::{Cursor, Sink, Text, Walker};

use super::super::scan::{Scanner, Spot};
use super::value::worth_a_look;
use super::{Quoting, SHORTEST};

/// Reads JSON that is in a string.
#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) walker: Walker,
    pub(super) view: Vec<u8>,
    pub(super) found: Vec<InnerSpot>,
}

#[derive(Debug)]
pub(super) struct InnerSpot {
    pub(super) spot: Spot,
    pub(super) quoting: Quoting,
    pub(super) place: String,
}

pub(super) struct InnerSink<'a> {
    pub(super) scanner: &'a mut Scanner,
    pub(super) spots: &'a mut Vec<Spot>,
    pub(super) found: &'a mut Vec<InnerSpot>,
}

impl Sink for InnerSink<'_> {
    fn text(&mut self, cursor: &Cursor<'_>, text: Text<'_>) {
        if text.raw.len() < SHORTEST {
            return;
        }
        self.scanner.scan(text.raw, text.escaped, self.spots);
        for mut spot in self.spots.drain(..) {
            spot.raw = text.start + spot.raw.start..text.start + spot.raw.end;
            self.found.push(InnerSpot { spot, quoting: Quoting::Inside, place: cursor.place() });
        }
    }

    fn number(&mut self, cursor: &Cursor<'_>, raw: &[u8], start: usize) {
        let Some(digits) = worth_a_look(raw) else { return };
        self.scanner.scan(digits, false, self.spots);
        for mut spot in self.spots.drain(..).take(1) {
            spot.raw = start..start + raw.len();
            self.found.push(InnerSpot { spot, quoting: Quoting::InnerNumber, place: cursor.place() });
        }
    }
}
