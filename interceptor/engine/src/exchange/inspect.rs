//! What is done with every string and number of a document: it is counted, scanned and, where the catalogue
//! asks for it, noted. Decides nothing.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use crate::detect::{DetectorId, Detectors, Family, StreamScanner};
use crate::extract;
use crate::json::{Capture, Class, Cursor, Here, Sink, Stretch, Table, Text, Usage, Word, escape};
use crate::record::{Ledger, Tokens};
use crate::sniff::{Sniffed, sniff};

use super::calls::Calls;
use super::neighbours::{Across, Neighbours};
use super::scan::{Scanner, Spot};

mod elements;
mod hit;
mod inner;
mod value;

use elements::Elements;
pub(super) use elements::Said;
pub(super) use hit::{Hit, Quoting};
use inner::{Inner, InnerSink, InnerSpot};
use value::{SHORTEST_NUMBER, encoded_data, is_binary, worth_a_look};

/// The table for documents of which nothing is known.
pub(super) static UNKNOWN: LazyLock<Table> = LazyLock::new(Table::unknown);

/// Nothing that a detector knows is shorter, so shorter strings need no look.
const SHORTEST: usize = 5;

/// Most findings of one body that are kept at once. One more is a body that cannot be dealt with.
const MOST_HITS: usize = 50_000;

/// So much base64 shows what is encoded.
const FIRST_ENCODED: usize = 1_024;

/// So many of the last findings can lie where two texts meet.
const MOST_NEAR: usize = 64;

/// Longest name of a model or tool that is believed.
const LONGEST_NAME: usize = 128;

/// Most different models, tools or methods that one body may name.
const MOST_NAMES: usize = 512;

/// A text that is scanned in another form than it is written in.
pub(super) struct ViewPart<'a> {
    pub(super) place: &'a str,
    pub(super) class: Class,
    /// Where in the body it lies.
    pub(super) within: Range<usize>,
    pub(super) quoting: Quoting,
    /// Nothing in it can be replaced.
    pub(super) sealed: bool,
}

/// What was noted in passing.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) model: Option<String>,
    /// All different models that are named.
    pub(super) models: Vec<String>,
    /// All different tools that are offered or called.
    pub(super) tools: Vec<String>,
    /// All different methods of the Model Context Protocol that are called.
    pub(super) methods: Vec<String>,
    /// Something was named that could not be noted.
    pub(super) left_out: bool,
    pub(super) stream: bool,
    pub(super) tokens: Tokens,
}

/// Looks at everything in a document.
#[derive(Debug)]
pub(super) struct Inspector {
    pub(super) scanner: Scanner,
    pub(super) hits: Vec<Hit>,
    pub(super) ledger: Ledger,
    pub(super) facts: Facts,
    pub(super) calls: Calls,
    /// There were more findings than can be kept.
    pub(super) overflowed: bool,
    marks: Vec<Mark>,
    spots: Vec<Spot>,
    inner: Inner,
    neighbours: Neighbours,
    across: Vec<Across>,
    elements: Elements,
    /// The place of the document itself, if it is a part of something else.
    below: Option<Arc<str>>,
}

/// What had been found when a container opened, so that a seal can be put on what came since.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    hits: usize,
    ledger: Ledger,
    sealed: bool,
}

impl Inspector {
    /// Without detectors it only notes facts and counts.
    pub(super) fn new(detectors: Option<Arc<Detectors>>) -> Self {
        Inspector {
            scanner: Scanner::new(detectors),
            hits: Vec::new(),
            ledger: Ledger::default(),
            facts: Facts::default(),
            calls: Calls::default(),
            overflowed: false,
            marks: Vec::new(),
            spots: Vec::new(),
            inner: Inner::default(),
            neighbours: Neighbours::default(),
            across: Vec::new(),
            elements: Elements::default(),
            below: None,
        }
    }

    /// Ready for another document; what was counted and noted stays.
    pub(super) fn begin(&mut self) {
        self.hits.clear();
        self.marks.clear();
        self.spots.clear();
        self.calls.begin();
        self.neighbours.part();
        self.elements.part();
    }

    /// Takes out what was found since the last time.
    pub(super) fn take_hits(&mut self) -> Vec<Hit> {
        self.elements.part();
        std::mem::take(&mut self.hits)
    }

    /// A part of the body begins, which is a document of its own.
    pub(super) fn begin_part(&mut self) -> Mark {
        self.marks.clear();
        self.calls.begin();
        self.neighbours.part();
        self.elements.part();
        Mark { hits: self.hits.len(), ledger: self.ledger, sealed: false }
    }

    /// Forgets what was found and counted since a part began.
    pub(super) fn back_to(&mut self, mark: Mark) {
        self.hits.truncate(mark.hits);
        self.marks.clear();
        self.elements.part();
        self.ledger = Ledger { seen: self.ledger.seen, ..mark.ledger };
    }

    /// Documents stand at this place of something else.
    pub(super) fn below(&mut self, place: Option<&str>) {
        self.below = place.map(Into::into);
    }

    /// Scans text that is no document, or none that could be read; `at` is its offset in the body.
    pub(super) fn plain_text(&mut self, place: &str, text: &[u8], at: usize) {
        self.scanner.scan_plain(text, &mut self.spots);
        let whole = Text { raw: text, start: at, escaped: false, key: false };
        self.take_spots(|| place.to_owned(), &whole, Quoting::Inside, false);
    }

    /// Scans a text that is written in another way than it is meant. `raw` says where in the body a range of it
    /// lies, all of which is `within`.
    pub(super) fn view(
        &mut self,
        part: ViewPart<'_>,
        text: &[u8],
        raw: impl Fn(Range<usize>) -> Range<usize>,
    ) {
        self.count(part.class, part.within.len());
        self.scanner.scan_plain(text, &mut self.spots);
        let place: Arc<str> = part.place.into();
        for spot in std::mem::take(&mut self.spots) {
            let whole = Text { raw: &[], start: part.within.start, escaped: false, key: false };
            let range = raw(spot.raw.clone());
            self.hit(spot, place.clone(), range, &whole, part.quoting, part.sealed);
        }
    }

    /// Scans what a document says. Nothing in it can be replaced. One that cannot be read is counted as binary.
    pub(super) fn document(&mut self, place: &str, document: &[u8], within: Range<usize>) {
        let read = self.scanner.detectors().map(|_| extract::text(document));
        match read {
            Some(Ok(text)) => self.sealed_view(place, text.as_bytes(), within),
            _ => self.count(Class::Binary, within.len()),
        }
    }

    /// Looks into base64: at text, and at documents. Everything else is counted as binary.
    pub(super) fn encoded(&mut self, place: &str, data: &[u8], within: Range<usize>) {
        if self.scanner.detectors().is_none() {
            return self.count(Class::Binary, within.len());
        }
        let first = extract::base64(&data[..data.len().min(FIRST_ENCODED)]);
        match sniff(&first) {
            Sniffed::Document => self.document(place, &extract::base64(data), within),
            Sniffed::Text | Sniffed::Json => self.sealed_view(place, &extract::base64(data), within),
            Sniffed::Binary | Sniffed::Nothing => self.count(Class::Binary, within.len()),
        }
    }

    fn sealed_view(&mut self, place: &str, text: &[u8], within: Range<usize>) {
        let (class, quoting) = (Class::Sealed, Quoting::Inside);
        let part = ViewPart { place, class, within: within.clone(), quoting, sealed: true };
        self.view(part, text, |_| within.clone());
    }

    /// Scans text that passes in fragments; none means that it is over.
    pub(super) fn passing(&mut self, scanner: &mut StreamScanner, fragment: Option<&[u8]>) {
        let mut found = Vec::new();
        match fragment {
            Some(fragment) => {
                self.ledger.unknown += fragment.len() as u64;
                scanner.push(fragment, &mut found);
            }
            None => {
                scanner.finish(&mut found);
            }
        }
        for finding in found {
            let length = finding.end - finding.start;
            let spot = Spot {
                detector: finding.detector,
                confidence: finding.confidence,
                start: finding.start,
                length,
                raw: 0..0,
                fixed: false,
                shown: None,
            };
            let nowhere = Text { raw: &[], start: 0, escaped: false, key: false };
            self.hit(spot, "body".into(), 0..0, &nowhere, Quoting::Inside, false);
        }
    }

    /// Turns the spots of a string or number into hits.
    fn take_spots(
        &mut self,
        place: impl FnOnce() -> String,
        text: &Text<'_>,
        quoting: Quoting,
        sealed: bool,
    ) {
        if self.spots.is_empty() {
            return;
        }
        let place: Arc<str> = place().into();
        for spot in std::mem::take(&mut self.spots) {
            let raw = match quoting {
                Quoting::Inside | Quoting::Form => text.start + spot.raw.start..text.start + spot.raw.end,
                Quoting::Number | Quoting::InnerNumber => text.range(),
            };
            self.hit(spot, place.clone(), raw, text, quoting, sealed);
        }
    }

    fn hit(
        &mut self,
        spot: Spot,
        place: Arc<str>,
        raw: Range<usize>,
        text: &Text<'_>,
        quoting: Quoting,
        sealed: bool,
    ) {
        if self.hits.len() == MOST_HITS {
            self.overflowed = true;
            self.elements.spoilt += 1;
            return;
        }
        self.hits.push(Hit {
            detector: spot.detector,
            confidence: spot.confidence,
            place,
            start: spot.start,
            length: spot.length,
            raw,
            rest: Vec::new(),
            text: text.range(),
            quoting,
            sealed: sealed || spot.fixed,
            shown: spot.shown,
        });
    }

    /// Looks at what reaches into a text from those before it. What a text shows by itself is left as it is.
    fn look_across(&mut self, place: impl Fn() -> String, text: &Text<'_>) {
        if self.scanner.detectors().is_none() {
            return;
        }
        let mut across = std::mem::take(&mut self.across);
        self.neighbours.take(text, &mut self.scanner, &mut across);
        self.elements.spoilt += u64::from(!across.is_empty());
        for Across { spot, ranges } in across.drain(..) {
            let touches = |hit: &Hit| {
                let own = std::iter::once(&hit.raw).chain(&hit.rest);
                { own }.any(|own| ranges.iter().any(|range| range.start < own.end && own.start < range.end))
            };
            // Half a key may look a little like something else, and a secret that only its name gave away ends where
            // its text does.
            let half = |hit: &Hit| {
                let inside =
                    ranges.iter().any(|range| range.start <= hit.raw.start && hit.raw.end <= range.end);
                inside && hit.confidence == spot.confidence && is_secret(spot.detector)
            };
            let stands = |hit: &Hit| hit.rest.is_empty() && hit.confidence >= spot.confidence && !half(hit);
            if self.hits.iter().rev().take(MOST_NEAR).any(|hit| stands(hit) && touches(hit)) {
                continue;
            }
            // What was found before the last piece came was a part of this.
            let near = self.hits.split_off(self.hits.len().saturating_sub(MOST_NEAR));
            self.hits.extend(near.into_iter().filter(|hit| stands(hit) || !touches(hit)));
            self.hit(spot, place().into(), ranges[0].clone(), text, Quoting::Inside, false);
            if let Some(hit) = self.hits.last_mut() {
                hit.rest = ranges[1..].to_vec();
            }
        }
        self.across = across;
    }

    pub(super) fn count(&mut self, class: Class, bytes: usize) {
        let bytes = bytes as u64;
        match class {
            Class::Unknown => self.ledger.unknown += bytes,
            Class::Sealed => self.ledger.sealed += bytes,
            Class::Binary => self.ledger.binary += bytes,
            Class::Text | Class::JsonString | Class::JsonValue | Class::Schema | Class::Plain => {
                self.ledger.scanned += bytes;
            }
        }
    }

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
            Capture::Tool => self.elements.tools.push(value.into()),
            // Arguments are picked out where a rule asks for them, and then nothing is passed over.
            Capture::Type | Capture::Arguments => {}
            _ => self.elements.spoilt += 1,
        }
        match capture {
            Capture::Model => {
                // A name that a detector takes for something else must not reach a log.
                let name = self.facts.name(value, |facts| &mut facts.models).filter(|_| clean);
                self.facts.model = name.or(self.facts.model.take());
            }
            Capture::Tool => drop(self.facts.name(value, |facts| &mut facts.tools)),
            Capture::Method => drop(self.facts.name(value, |facts| &mut facts.methods)),
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

impl Facts {
    /// Notes a name among others of its kind, once. What is no name, or one too many, is noted as left out.
    fn name(&mut self, value: &[u8], kind: impl Fn(&mut Self) -> &mut Vec<String>) -> Option<String> {
        let name = std::str::from_utf8(value).ok().filter(|name| !name.is_empty());
        let plain = |name: &&str| name.len() <= LONGEST_NAME && !name.chars().any(char::is_control);
        let Some(name) = name.filter(plain) else {
            self.left_out |= !value.is_empty();
            return None;
        };
        let known = kind(self);
        if !known.iter().any(|known| known == name) {
            if known.len() == MOST_NAMES {
                self.left_out = true;
                return None;
            }
            known.push(name.to_owned());
        }
        Some(name.to_owned())
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

fn is_secret(detector: DetectorId) -> bool {
    detector.is_builtin() && detector.detector().family == Family::Secret
}

fn place_of(below: &Option<Arc<str>>, cursor: &Cursor<'_>) -> String {
    let place = cursor.place();
    match below {
        Some(below) if place.is_empty() => below.to_string(),
        Some(below) => format!("{below}.{place}"),
        None => place,
    }
}

impl Tokens {
    fn set(&mut self, usage: Usage, count: Option<u64>) {
        let place = match usage {
            Usage::Input => &mut self.input,
            Usage::Output => &mut self.output,
            Usage::CacheRead => &mut self.cache_read,
            Usage::CacheWrite => &mut self.cache_write,
            Usage::Reasoning => &mut self.reasoning,
        };
        // The last count is the whole: providers repeat and correct them.
        *place = count.or(*place);
    }
}
