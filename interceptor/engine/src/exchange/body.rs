//! A body that comes in one piece: decoded, read as it arrives, kept if it may have to be changed.
//! Which kind of reading fits a body is decided in `kind`; `read` looks at what comes, at forms in `form` and `parts`.

mod form;
mod kind;
mod parts;
mod read;

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::catalogue::Bodies;
use crate::decode::{self, Coded, DecodeError, Decoder};
use crate::detect::Detectors;
use crate::edit::{self, Edit};
use crate::json::{Table, WalkError, Walker};
use crate::policy::{Direction, Uncertainty};
use crate::record::Ledger;

use super::Limits;
use super::inspect::{Hit, Inspector, UNKNOWN};
use super::layers::FragmentScanner;
use form::Form;
use parts::Parts;

/// One body on its way.
#[derive(Debug)]
pub(super) struct Body {
    reading: Reading,
    pub(super) inspector: Inspector,
    tables: Option<(Arc<Bodies>, Direction)>,
    decoder: Option<Decoder>,
    /// True while the body is kept until its verdict.
    kept: bool,
    /// What came, if it had to be decoded.
    original: Chunks,
    original_bytes: usize,
    /// What it says, decoded.
    chunks: Chunks,
    decoded_bytes: usize,
    /// The chunk that was decoded last, if chunks are passed on decoded.
    passing: Bytes,
    /// What begins before this offset has left; findings there were dealt with.
    left: usize,
    /// Not all of it could be decoded.
    lost: bool,
    limits: Limits,
}

/// Small requests come in one chunk.
type Chunks = SmallVec<[Bytes; 2]>;

/// How the body is read.
enum Reading {
    /// The first bytes decide, and not enough of them have come.
    Undecided(Undecided),
    Json(Walker),
    /// `multipart/…`
    Parts(Box<Parts>),
    /// `application/x-www-form-urlencoded`
    Form(Form),
    /// A PDF, or something that an office program writes: read at the end, in one piece.
    Document(Vec<u8>),
    /// Kept: scanned at the end, in one piece.
    Text,
    /// Not kept: scanned as it passes.
    PassingText(Box<FragmentScanner>),
    Binary,
    /// Could not be decoded.
    Nothing,
}

/// What is left open by a content type.
#[derive(Debug)]
struct Undecided {
    first: Vec<u8>,
    /// It says that there is no text in it.
    binary: bool,
    /// JSON is read by the format's table, one document or many.
    json: Walker,
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Reading::Undecided(_) => "Undecided",
            Reading::Json(_) => "Json",
            Reading::Parts(_) => "Parts",
            Reading::Form(_) => "Form",
            Reading::Document(_) => "Document",
            Reading::Text => "Text",
            Reading::PassingText(_) => "PassingText",
            Reading::Binary => "Binary",
            Reading::Nothing => "Nothing",
        })
    }
}

/// What is known of a body before it comes.
pub(super) struct BodyHead<'a> {
    pub(super) content_type: Option<&'a str>,
    pub(super) coded: Coded,
    pub(super) tables: Option<(Arc<Bodies>, Direction)>,
    pub(super) detectors: Option<Arc<Detectors>>,
    pub(super) kept: bool,
    pub(super) limits: Limits,
}

impl Body {
    pub(super) fn new(head: BodyHead<'_>) -> Self {
        let (decoder, reading) = match head.coded {
            Coded::Plain => (None, kind::first_reading(&head)),
            Coded::By(coding) => {
                (Some(Decoder::new(coding, head.limits.decoded_ratio)), kind::first_reading(&head))
            }
            Coded::Unknown => (None, Reading::Nothing),
        };
        Body {
            reading,
            inspector: Inspector::new(head.detectors),
            tables: head.tables,
            decoder,
            kept: head.kept,
            original: Chunks::new(),
            original_bytes: 0,
            chunks: Chunks::new(),
            decoded_bytes: 0,
            passing: Bytes::new(),
            left: 0,
            lost: head.coded == Coded::Unknown,
            limits: head.limits,
        }
    }

    /// Takes a chunk. An error is what has to be asked of policy; the body goes on being kept meanwhile.
    pub(super) fn push(&mut self, chunk: Bytes) -> Result<(), Uncertainty> {
        self.original_bytes += chunk.len();
        if matches!(self.reading, Reading::Nothing) {
            self.inspector.ledger.seen += chunk.len() as u64;
            self.keep_original(chunk);
            return self.within_limit();
        }
        let Some(decoder) = &mut self.decoder else {
            self.read(chunk);
            return self.within_limit();
        };
        let decoded = decoder.push(&chunk);
        self.keep_original(chunk);
        self.decoded(decoded)?;
        self.within_limit()
    }

    /// The body is complete: reads what is left.
    pub(super) fn finish(&mut self) -> Result<(), Uncertainty> {
        if let Some(decoder) = &mut self.decoder
            && !matches!(self.reading, Reading::Nothing)
        {
            let decoded = decoder.finish();
            self.decoded(decoded)?;
        }
        let end = self.decoded_bytes;
        self.decide(end);
        let table = table(&self.tables);
        match std::mem::replace(&mut self.reading, Reading::Nothing) {
            Reading::Undecided(_) | Reading::Binary | Reading::Nothing => Ok(()),
            Reading::Text => {
                self.plain_text();
                Ok(())
            }
            Reading::PassingText(mut scanner) => {
                self.inspector.passing(&mut scanner, None);
                Ok(())
            }
            Reading::Form(form) => {
                form.finish(table, &mut self.inspector);
                self.many_hits()
            }
            Reading::Document(document) => {
                self.inspector.document("body", &document, 0..end);
                self.many_hits()
            }
            Reading::Parts(mut parts) => match parts.finish(table, &mut self.inspector) {
                Ok(()) => self.many_hits(),
                // Every byte of it was looked at.
                Err(_) => Err(Uncertainty::MalformedJson),
            },
            // An empty body is no broken one.
            Reading::Json(_) if end == 0 => Ok(()),
            Reading::Json(mut walker) => match walker.finish(table, end, &mut self.inspector) {
                Ok(()) => self.many_hits(),
                Err(error) => {
                    self.plain_text();
                    Err(doubt(error))
                }
            },
        }
    }

    /// No more can be kept: looks at what has come of a text that is not complete, so that what is found there
    /// can be dealt with before it leaves. The hits of the rest are only worth recording.
    /// `plain` says that it is handed on decoded, so that it can be changed at all.
    pub(super) fn stop_keeping(&mut self, plain: bool) {
        if !plain {
            self.seal_if_coded();
        }
        match &mut self.reading {
            Reading::Json(walker) => {
                if let Some((start, text)) = walker.pending_text() {
                    self.inspector.plain_text("body", text, start);
                }
            }
            Reading::Parts(parts) => parts.stop_keeping(&mut self.inspector),
            Reading::Text => {
                self.plain_text();
                self.reading = self.passing_text();
            }
            _ => {}
        }
        self.left = self.decoded_bytes;
    }

    /// Takes out what was found since the last time.
    pub(super) fn take_hits(&mut self, before: usize) -> Vec<Hit> {
        let mut hits = self.inspector.take_hits();
        let starts = |hit: &Hit| hit.rest.last().map_or(hit.raw.start, |range| range.start);
        hits.retain(|hit| hit.raw.is_empty() || starts(hit) >= before);
        hits
    }

    /// What was looked at, all of it.
    pub(super) fn ledger(&self) -> Ledger {
        self.inspector.ledger.settled(!self.lost)
    }

    /// Where what has left ends.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// What was kept, as it came.
    pub(super) fn take_original(&mut self, out: &mut Vec<Bytes>) {
        self.kept = false;
        if self.original.is_empty() {
            out.extend(self.chunks.drain(..));
        } else {
            out.extend(self.original.drain(..));
        }
    }

    /// What was kept, with edits made; encoded again as it was, unless `plain` is asked for.
    pub(super) fn take_edited(&mut self, edits: &[Edit], plain: bool, out: &mut Vec<Bytes>) {
        self.kept = false;
        if edits.is_empty() && !plain {
            return self.take_original(out);
        }
        match &self.decoder {
            Some(decoder) if !plain => {
                let mut edited = Vec::new();
                edit::apply(&self.chunks, edits, &mut edited);
                let encoded = decode::encode(decoder, &edited).expect("writing to memory cannot fail");
                out.push(encoded);
            }
            _ => edit::apply(&self.chunks, edits, out),
        }
        self.chunks.clear();
        self.original.clear();
    }

    /// What it says, decoded, as far as it was kept.
    pub(super) fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// True while the body is kept until its verdict.
    pub(super) fn is_kept(&self) -> bool {
        self.kept
    }

    /// What the last chunk decoded to, if the body is not kept.
    pub(super) fn take_passing(&mut self) -> Bytes {
        std::mem::take(&mut self.passing)
    }

    /// Seals everything that was found: the body cannot be put together again with anything changed.
    fn seal_if_coded(&mut self) {
        if self.decoder.is_some() {
            self.inspector.hits.iter_mut().for_each(|hit| hit.sealed = true);
        }
    }

    fn keep_original(&mut self, chunk: Bytes) {
        if self.kept {
            self.original.push(chunk);
        }
    }

    fn within_limit(&self) -> Result<(), Uncertainty> {
        if self.kept && self.original_bytes.max(self.decoded_bytes) > self.limits.held_body {
            return Err(Uncertainty::OversizedBody);
        }
        self.many_hits()
    }

    fn many_hits(&self) -> Result<(), Uncertainty> {
        if self.inspector.overflowed { Err(Uncertainty::OversizedBody) } else { Ok(()) }
    }

    fn decoded(&mut self, decoded: Result<Bytes, DecodeError>) -> Result<(), Uncertainty> {
        match decoded {
            Ok(chunk) => {
                self.read(chunk);
                Ok(())
            }
            Err(error) => {
                self.reading = Reading::Nothing;
                self.lost = true;
                self.seal_if_coded();
                Err(match error {
                    DecodeError::Broken { .. } => Uncertainty::UndecodableBody,
                    DecodeError::Limit => Uncertainty::DecodeLimit,
                })
            }
        }
    }
}

fn table(tables: &Option<(Arc<Bodies>, Direction)>) -> &Table {
    match tables {
        Some((bodies, Direction::Request)) => &bodies.request,
        Some((bodies, Direction::Response)) => &bodies.response,
        None => &UNKNOWN,
    }
}

fn doubt(error: WalkError) -> Uncertainty {
    match error {
        WalkError::Malformed { .. } | WalkError::Incomplete => Uncertainty::MalformedJson,
        WalkError::TooDeep => Uncertainty::DecodeLimit,
    }
}
