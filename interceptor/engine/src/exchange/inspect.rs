//! What is done with every string and number of a document: it is counted, scanned and, where the catalogue
//! asks for it, noted. Decides nothing.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use crate::detect::Detectors;
use crate::extract;
use crate::json::{Class, Cursor, Table, Text};
use crate::record::Ledger;
use crate::sniff::{Sniffed, sniff};

use super::calls::Calls;
use super::layers::FragmentScanner;
use super::neighbours::{Across, Neighbours};
use super::scan::{Scanner, Spot};

mod elements;
mod facts;
mod hit;
mod inner;
mod seam;
mod sink;
mod value;

use elements::Elements;
pub(super) use elements::Said;
pub(super) use facts::Facts;
pub(super) use hit::{Hit, Quoting};
use inner::Inner;

/// The table for documents of which nothing is known.
pub(super) static UNKNOWN: LazyLock<Table> = LazyLock::new(Table::unknown);

/// Nothing that a detector knows is shorter, so shorter strings need no look.
const SHORTEST: usize = 5;

/// Most findings of one body that are kept at once. One more is a body that cannot be dealt with.
const MOST_HITS: usize = 50_000;

/// So much base64 shows what is encoded.
const FIRST_ENCODED: usize = 1_024;

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
    pub(super) fn passing(&mut self, layers: &mut FragmentScanner, fragment: Option<&[u8]>) {
        let mut found = Vec::new();
        match fragment {
            Some(fragment) => {
                self.ledger.unknown += fragment.len() as u64;
                layers.push(fragment, &mut found);
            }
            None => {
                layers.finish(&mut found);
                self.scanner.note_unfinished(layers.is_unfinished());
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
}

fn place_of(below: &Option<Arc<str>>, cursor: &Cursor<'_>) -> String {
    let place = cursor.place();
    match below {
        Some(below) if place.is_empty() => below.to_string(),
        Some(below) => format!("{below}.{place}"),
        None => place,
    }
}
