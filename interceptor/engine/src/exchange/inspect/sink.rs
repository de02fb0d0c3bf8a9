//! What the reader of a document tells of is looked at, value by value, and noted where the catalogue asks for it.
//! Knows classes of places. Does not know what becomes of a finding.

use super::inner::{Inner, InnerSink, InnerSpot};
use super::value::{SHORTEST_NUMBER, encoded_data, is_binary, worth_a_look};
use super::{Inspector, Mark, Quoting, SHORTEST, UNKNOWN, place_of};
use crate::json::{Capture, Class, Cursor, Here, Sink, Stretch, Text, Word, escape};

impl Inspector {
    /// Scans JSON that is in a string by its own strings, so that what is replaced leaves it valid.
    /// False if it is no JSON after all.
    fn json_in_string(&mut self, cursor: &Cursor<'_>, text: &Text<'_>) -> bool {
        if self.scanner.detectors().is_none() {
            return true;
        }
        let Inner { walker, view, found } = &mut self.inner;
        view.clear();
        let decoded = if text.escaped {
            escape::decode(text.raw, view);
            &view[..]
        } else {
            text.raw
        };
        found.clear();
        walker.reset();
        let mut sink = InnerSink { scanner: &mut self.scanner, spots: &mut self.spots, found };
        walker.feed(&UNKNOWN, decoded, 0, &mut sink);
        if walker.finish(&UNKNOWN, decoded.len(), &mut sink).is_err() {
            return false;
        }
        for InnerSpot { spot, quoting, place } in std::mem::take(found) {
            let raw =
                if text.escaped { escape::raw_range(text.raw, spot.raw.clone()) } else { spot.raw.clone() };
            let raw = text.start + raw.start..text.start + raw.end;
            let place = format!("{}.{place}", place_of(&self.below, cursor)).into();
            self.hit(spot, place, raw, text, quoting, false);
        }
        true
    }

    /// Notes what the catalogue asks for at this place.
    fn note(&mut self, capture: Capture, cursor: &Cursor<'_>, text: &Text<'_>, clean: bool) {
        let mut decoded = Vec::new();
        let value = if text.escaped {
            escape::decode(text.raw, &mut decoded);
            &decoded[..]
        } else {
            text.raw
        };
        match capture {
            Capture::Tool if self.scanner.memories().is_none() => {}
            Capture::Tool => self.elements.tools.push(value.into()),
            // Arguments are picked out where a rule asks for them, and then nothing is passed over.
            Capture::Type | Capture::Arguments => {}
            _ => self.elements.spoilt += 1,
        }
        match capture {
            Capture::Model => {
                // A name that a detector takes for something else must not reach a log.
                let name = self.facts.name(value, |facts| &mut facts.models).filter(|_| clean);
                self.facts.model = name.map(str::to_owned).or(self.facts.model.take());
            }
            Capture::Tool => _ = self.facts.name(value, |facts| &mut facts.tools),
            Capture::Method => _ = self.facts.name(value, |facts| &mut facts.methods),
            Capture::Type => {
                let seals = cursor.container().map_or(&[][..], |container| &container.seals);
                if seals.iter().any(|kind| kind.as_bytes() == value)
                    && let Some(mark) = self.marks.last_mut()
                {
                    mark.sealed = true;
                }
            }
            _ => {}
        }
    }
}

impl Sink for Inspector {
    fn text(&mut self, cursor: &Cursor<'_>, text: Text<'_>) {
        self.calls.text(cursor, &text);
        let state = cursor.state();
        let class = state.class;
        if class == Class::Binary && !text.key && is_binary(text.raw) {
            let below = self.below.clone();
            let data = encoded_data(text.raw);
            let place = || place_of(&below, cursor);
            return self.encoded(&place(), data, text.range());
        }
        // A key is no text of its own, and switches and numbers have keys that the catalogue does not list. What
        // should be binary and is text is looked at as text.
        let counted = if text.key || class == Class::Binary { Class::Plain } else { class };
        self.count(counted, text.raw.len());
        let before = self.hits.len();
        let is_json = class == Class::JsonString && !text.key;
        if text.raw.len() >= SHORTEST && !(is_json && self.json_in_string(cursor, &text)) {
            self.scanner.scan(text.raw, text.escaped, &mut self.spots);
            let below = self.below.clone();
            self.take_spots(|| place_of(&below, cursor), &text, Quoting::Inside, class == Class::Sealed);
        }
        // Elements of a list are texts of their own; parts of a message are objects.
        if class == Class::Text && !text.key && cursor.is_member() {
            let below = self.below.clone();
            self.look_across(|| place_of(&below, cursor), &text);
        }
        if let Some(capture) = state.capture
            && !text.key
        {
            self.note(capture, cursor, &text, self.hits.len() == before);
        }
    }

    fn number(&mut self, cursor: &Cursor<'_>, raw: &[u8], start: usize) {
        self.calls.number(cursor, raw);
        let state = cursor.state();
        if let Some(Capture::Usage(usage)) = state.capture {
            let count = std::str::from_utf8(raw).ok().and_then(|text| text.parse().ok());
            self.facts.tokens.set(usage, count);
            self.elements.spoilt += 1;
            return;
        }
        if state.tokens && raw.len() < SHORTEST_NUMBER {
            self.ledger.binary += raw.len() as u64;
            return;
        }
        if let Some(digits) = worth_a_look(raw) {
            self.count(state.class, raw.len());
            self.scanner.scan(digits, false, &mut self.spots);
            let text = Text { raw, start, escaped: false, key: false };
            self.spots.truncate(1);
            let below = self.below.clone();
            let sealed = state.class == Class::Sealed;
            self.take_spots(|| place_of(&below, cursor), &text, Quoting::Number, sealed);
        }
    }

    fn word(&mut self, cursor: &Cursor<'_>, word: Word) {
        self.calls.word(cursor, word);
        if cursor.state().capture == Some(Capture::Stream) {
            self.facts.stream = word == Word::True;
            self.elements.spoilt += 1;
        }
    }

    fn known(&mut self, cursor: &Cursor<'_>, here: Here<'_>) -> Option<Stretch> {
        self.known_elements(cursor, here)
    }

    fn was_read(&mut self, cursor: &Cursor<'_>, here: Here<'_>) {
        self.read_element(cursor, here);
    }

    fn open(&mut self, cursor: &Cursor<'_>) {
        self.calls.open(cursor);
        self.marks.push(Mark { hits: self.hits.len(), ledger: self.ledger, sealed: false });
    }

    fn close(&mut self, cursor: &Cursor<'_>) {
        self.calls.close(cursor);
        if cursor.depth() <= 2 {
            // The list ends, and with it what may follow its elements.
            self.elements.part();
        }
        let Some(mark) = self.marks.pop().filter(|mark| mark.sealed) else { return };
        // Some may have been dealt with already, if the body was too long to keep.
        let since = mark.hits.min(self.hits.len());
        for hit in &mut self.hits[since..] {
            hit.sealed = true;
        }
        self.neighbours.part();
        let ledger = &mut self.ledger;
        let moved = (ledger.scanned - mark.ledger.scanned) + (ledger.unknown - mark.ledger.unknown);
        ledger.sealed += moved;
        (ledger.scanned, ledger.unknown) = (mark.ledger.scanned, mark.ledger.unknown);
    }
}
