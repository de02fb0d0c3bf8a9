//! Multipart bodies: each part is read as what it is, JSON by the format's table as if the form were an object and
//! the part's name a key of it. Edits lie inside of the parts' contents and heads, so that the framing stays.

use crate::exchange::inspect::{Inspector, Mark};
use crate::exchange::layers::FragmentScanner;
use crate::json::{Class, StateId, Table, Walker};
use crate::multipart::{Multipart, MultipartError, PartEncoding, PartHead, PartSink};

use crate::extract;
use crate::sniff::{MOST_SNIFFED, Sniffed, sniff};

/// A multipart body on its way.
#[derive(Debug)]
pub(super) struct Parts {
    reader: Multipart,
    part: Option<Part>,
    around: Around,
}

/// Nothing should stand around the parts; what does is looked at all the same, in one piece if it is kept.
#[derive(Debug, Default)]
struct Around {
    text: Vec<u8>,
    start: usize,
}

/// So much of it is put together if it is not kept.
const MOST_AROUND: usize = 64 * 1024;

impl Around {
    fn look_at(&mut self, inspector: &mut Inspector) {
        if !self.text.is_empty() {
            // Most bodies end with a line end behind the last boundary.
            let blank = self.text.iter().all(u8::is_ascii_whitespace);
            inspector.count(if blank { Class::Plain } else { Class::Unknown }, self.text.len());
            inspector.plain_text("body", &self.text, self.start);
            self.text.clear();
        }
    }
}

/// One part on its way.
#[derive(Debug)]
struct Part {
    member: Member,
    encoding: PartEncoding,
    /// Offset of its content's first byte.
    start: usize,
    /// What had been found when it began.
    mark: Mark,
    kind: Kind,
    /// Its content, as far as it is needed in one piece.
    content: Vec<u8>,
}

/// How a part is read.
enum Kind {
    Undecided,
    Json(Walker),
    Text,
    Passing(Box<FragmentScanner>),
    Document,
    /// Text or a document in base64.
    Encoded,
    Binary,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Undecided => "Undecided",
            Kind::Json(_) => "Json",
            Kind::Text => "Text",
            Kind::Passing(_) => "Passing",
            Kind::Document => "Document",
            Kind::Encoded => "Encoded",
            Kind::Binary => "Binary",
        })
    }
}

/// The longest document that is opened, with what base64 adds to it.
const MOST_DOCUMENT: usize = extract::MOST_BYTES / 3 * 4;

/// What the catalogue knows of a form's field.
#[derive(Debug)]
pub(super) struct Member {
    /// Its name, if the catalogue knows it: a name that only the peer knows may be a secret.
    pub(super) place: String,
    pub(super) class: Class,
    state: StateId,
}

/// A field by its name; `a[b]`, `a[]` and `a[0]` mean what they mean to those who read forms.
pub(super) fn member(table: &Table, name: Option<&[u8]>) -> Member {
    let name = name.unwrap_or_default();
    let (key, mut rest) = name.split_at(memchr::memchr(b'[', name).unwrap_or(name.len()));
    let (mut state, edge) = table.member(table.root(), key);
    let mut place = table.name(table.root(), edge).unwrap_or("*").to_owned();
    while let Some(end) = memchr::memchr(b']', rest) {
        let inner = rest[..end].strip_prefix(b"[").unwrap_or(&rest[..end]);
        if inner.iter().all(u8::is_ascii_digit) {
            state = table.element(state);
            place += "[]";
        } else {
            let (next, edge) = table.member(state, inner);
            place.push('.');
            place += table.name(state, edge).unwrap_or("*");
            state = next;
        }
        rest = &rest[end + 1..];
    }
    Member { place, class: table.state(state).class, state }
}

impl Parts {
    pub(super) fn new(reader: Multipart) -> Self {
        Parts { reader, part: None, around: Around::default() }
    }

    pub(super) fn push(&mut self, chunk: &[u8], kept: bool, table: &Table, inspector: &mut Inspector) {
        let mut sink = Sink { part: &mut self.part, around: &mut self.around, kept, table, inspector };
        self.reader.push(chunk, &mut sink);
    }

    pub(super) fn finish(&mut self, table: &Table, inspector: &mut Inspector) -> Result<(), MultipartError> {
        let mut sink = Sink { part: &mut self.part, around: &mut self.around, kept: true, table, inspector };
        let result = self.reader.finish(&mut sink);
        self.around.look_at(inspector);
        result
    }

    /// No more is kept: what has come of the present part is looked at, its rest passes.
    pub(super) fn stop_keeping(&mut self, inspector: &mut Inspector) {
        self.around.look_at(inspector);
        let Some(part) = &mut self.part else { return };
        match &part.kind {
            Kind::Undecided | Kind::Text | Kind::Encoded => {
                part.as_text(inspector);
                part.pass(inspector, &[]);
            }
            Kind::Json(walker) => {
                if let Some((start, text)) = walker.pending_text() {
                    inspector.plain_text(&part.member.place, text, start);
                }
            }
            Kind::Document | Kind::Passing(_) | Kind::Binary => {}
        }
    }
}

/// What the reader tells of.
struct Sink<'a> {
    part: &'a mut Option<Part>,
    around: &'a mut Around,
    kept: bool,
    table: &'a Table,
    inspector: &'a mut Inspector,
}

impl PartSink for Sink<'_> {
    fn head(&mut self, head: &[u8], at: usize) {
        let told = PartHead::parse(head);
        let member = member(self.table, told.name.as_deref());
        self.inspector.count(Class::Plain, head.len());
        self.inspector.plain_text(&member.place, head, at);
        *self.part = Some(Part {
            member,
            encoding: told.encoding,
            start: at + head.len(),
            mark: self.inspector.begin_part(),
            kind: Kind::Undecided,
            content: Vec::new(),
        });
    }

    fn content(&mut self, piece: &[u8], at: usize) {
        let Some(part) = self.part else { return };
        if !matches!(part.kind, Kind::Undecided) {
            return part.read(piece, at, self.kept, self.table, self.inspector);
        }
        part.content.extend_from_slice(piece);
        if part.content.len() >= MOST_SNIFFED {
            part.decide(self.kept, self.table, self.inspector);
        }
    }

    fn end(&mut self, at: usize) {
        let Some(mut part) = self.part.take() else { return };
        if matches!(part.kind, Kind::Undecided) {
            part.decide(self.kept, self.table, self.inspector);
        }
        part.end(at, self.table, self.inspector);
    }

    fn boundary(&mut self, piece: &[u8], _at: usize) {
        self.around.look_at(self.inspector);
        self.inspector.count(Class::Plain, piece.len());
    }

    fn around(&mut self, piece: &[u8], at: usize) {
        if self.around.text.is_empty() {
            self.around.start = at;
        }
        self.around.text.extend_from_slice(piece);
        if !self.kept && self.around.text.len() > MOST_AROUND {
            self.around.look_at(self.inspector);
        }
    }
}

impl Part {
    fn decide(&mut self, kept: bool, table: &Table, inspector: &mut Inspector) {
        let first = std::mem::take(&mut self.content);
        self.kind = match (self.encoding, sniff(&first)) {
            (PartEncoding::Base64, _) => Kind::Encoded,
            (_, Sniffed::Json) => Kind::Json(Walker::many().rooted(self.member.state)),
            (_, Sniffed::Document) => Kind::Document,
            (_, Sniffed::Binary) => Kind::Binary,
            (_, Sniffed::Text | Sniffed::Nothing) => Kind::Text,
        };
        if matches!(self.kind, Kind::Text) && !kept {
            self.pass(inspector, &[]);
        }
        self.read(&first, self.start, kept, table, inspector);
    }

    fn read(&mut self, piece: &[u8], at: usize, kept: bool, table: &Table, inspector: &mut Inspector) {
        match &mut self.kind {
            Kind::Json(walker) => {
                inspector.below(Some(&self.member.place));
                walker.feed(table, piece, at, inspector);
                inspector.below(None);
                if kept {
                    self.content.extend_from_slice(piece);
                } else if walker.error().is_some() {
                    self.pass(inspector, piece);
                }
            }
            Kind::Passing(scanner) => inspector.passing(scanner, Some(piece)),
            Kind::Binary => inspector.count(Class::Binary, piece.len()),
            Kind::Document | Kind::Encoded if self.content.len() + piece.len() > MOST_DOCUMENT => {
                inspector.count(Class::Binary, self.content.len() + piece.len());
                self.content = Vec::new();
                self.kind = Kind::Binary;
            }
            Kind::Text | Kind::Document | Kind::Encoded | Kind::Undecided => {
                self.content.extend_from_slice(piece);
            }
        }
    }

    /// What is not kept goes on as text that passes, from this piece on.
    fn pass(&mut self, inspector: &mut Inspector, piece: &[u8]) {
        self.kind = match inspector.scanner.detectors().cloned() {
            Some(detectors) => {
                let mut scanner = Box::new(FragmentScanner::new(detectors));
                inspector.passing(&mut scanner, Some(piece));
                Kind::Passing(scanner)
            }
            None => Kind::Binary,
        };
    }

    fn end(&mut self, at: usize, table: &Table, inspector: &mut Inspector) {
        let place = &self.member.place;
        match &mut self.kind {
            Kind::Json(walker) => {
                inspector.below(Some(place));
                let read = walker.finish(table, at, inspector);
                inspector.below(None);
                // Not JSON after all.
                if read.is_err() && self.content.len() == at - self.start {
                    self.as_text(inspector);
                }
            }
            Kind::Passing(scanner) => inspector.passing(scanner, None),
            Kind::Text => self.as_text(inspector),
            Kind::Document => inspector.document(place, &self.content, self.start..at),
            Kind::Encoded => inspector.encoded(place, &self.content, self.start..at),
            Kind::Binary | Kind::Undecided => {}
        }
    }

    /// Scans what there is of the content as text, and forgets what was found in it so far.
    fn as_text(&mut self, inspector: &mut Inspector) {
        inspector.back_to(self.mark);
        let class = if self.member.class == Class::Binary { Class::Text } else { self.member.class };
        inspector.count(class, self.content.len());
        inspector.plain_text(&self.member.place, &self.content, self.start);
        self.content = Vec::new();
    }
}
