//! The framings that a stream may have, behind one face: what a frame is, which document is in it, and how the frame
//! is written anew when the document was changed. Does not know what the documents say.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

use crate::eventstream;
use crate::frame::Framed;
use crate::json::{Cursor, Sink, Text, Walker, escape};
use crate::policy::Uncertainty;
use crate::websocket::{self, Messages, Opcode, Unit, Writing};
use crate::{json_array, ndjson, sse};

use super::super::inspect::UNKNOWN;

/// How a stream is cut into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::exchange) enum Framing {
    Sse,
    Lines,
    Array,
    EventStream,
}

impl Framing {
    /// The framing of an answer, if it is a stream. `asked` says that the path asks for one: that is the only sign of
    /// an array that comes in pieces.
    pub(in crate::exchange) fn of(content_type: Option<&str>, status: u16, asked: bool) -> Option<Framing> {
        const LINES: [&str; 5] = [
            "application/x-ndjson",
            "application/ndjson",
            "application/jsonl",
            "application/x-jsonlines",
            "application/stream+json",
        ];
        let name = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("text/event-stream") {
            Some(Framing::Sse)
        } else if is("application/vnd.amazon.eventstream") {
            Some(Framing::EventStream)
        } else if LINES.into_iter().any(is) {
            Some(Framing::Lines)
        } else if asked && is("application/json") && (200..300).contains(&status) {
            Some(Framing::Array)
        } else {
            None
        }
    }

    /// Whether the path of a request asks for an array in pieces: `…:streamGenerateContent` without `alt=sse`.
    pub(in crate::exchange) fn is_asked_for(path: &str) -> bool {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let verb = path.rsplit(['/', ':']).next().unwrap_or_default();
        verb.starts_with("stream") && !query.split('&').any(|field| field == "alt=sse")
    }
}

/// Cuts a stream.
#[derive(Debug)]
pub(super) enum Framer {
    Sse(sse::Framer),
    Lines(ndjson::Framer),
    Array(json_array::Framer),
    EventStream(eventstream::Framer),
    Socket(Box<Messages>),
}

/// What is cut off.
#[derive(Debug)]
pub(super) enum Cut {
    /// A frame, and what is in it.
    Frame(Framed, Opened),
    /// Something small that belongs to no document and waits for none.
    Aside { framed: Framed, payload: Vec<u8>, writing: Writing, last: bool },
}

/// A frame that was opened.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// What is read and, if need be, changed. The frame itself where nothing is around the document.
    pub(super) document: Bytes,
    /// Where in it JSON lies: one text, which may be cut by line ends.
    pub(super) data: SmallVec<[Range<usize>; 1]>,
    /// What the frame calls itself, if it does.
    pub(super) kind: Option<Bytes>,
    /// What is around the document.
    pub(super) shell: Shell,
    /// It ends all texts.
    pub(super) ends: bool,
    /// It holds no text.
    pub(super) binary: bool,
}

/// What is around a document.
#[derive(Debug, Default)]
pub(super) enum Shell {
    /// Nothing that a change would touch.
    #[default]
    None,
    /// Lengths and checksums.
    Message(eventstream::Message),
    /// The same, and base64 in a member of the payload; the range is that of the base64.
    Chunk(eventstream::Message, Range<usize>),
    /// Length and mask.
    Socket(Writing),
}

impl Framer {
    pub(super) fn new(framing: Framing) -> Framer {
        match framing {
            Framing::Sse => Framer::Sse(sse::Framer::new()),
            Framing::Lines => Framer::Lines(ndjson::Framer::new()),
            Framing::Array => Framer::Array(json_array::Framer::new()),
            Framing::EventStream => Framer::EventStream(eventstream::Framer::new()),
        }
    }

    pub(super) fn push(&mut self, chunk: Bytes) {
        match self {
            Framer::Sse(framer) => framer.push(chunk),
            Framer::Lines(framer) => framer.push(chunk),
            Framer::Array(framer) => framer.push(chunk),
            Framer::EventStream(framer) => framer.push(chunk),
            Framer::Socket(messages) => messages.push(chunk),
        }
    }

    /// What is complete next. An error is what policy has to be asked; nothing more can be cut then.
    pub(super) fn next(&mut self) -> Result<Option<Cut>, Uncertainty> {
        let framed = match self {
            Framer::Sse(framer) => framer.next_event(),
            Framer::Lines(framer) => framer.next_line(),
            Framer::Array(framer) => framer.next_element(),
            Framer::EventStream(framer) => {
                let read = framer.next_message().map_err(|_| Uncertainty::UndecodableBody)?;
                return Ok(read.map(|(framed, read)| {
                    let opened = message(framed.raw.clone(), read);
                    Cut::Frame(framed, opened)
                }));
            }
            Framer::Socket(messages) => return Ok(messages.next_unit().map_err(doubt)?.map(unit)),
        };
        Ok(framed.map(|framed| {
            let opened = self.open(framed.raw.clone());
            Cut::Frame(framed, opened)
        }))
    }

    /// Bytes of the frame that has begun.
    pub(super) fn pending(&self) -> usize {
        match self {
            Framer::Sse(framer) => framer.pending(),
            Framer::Lines(framer) => framer.pending(),
            Framer::Array(framer) => framer.pending(),
            Framer::EventStream(framer) => framer.pending(),
            Framer::Socket(messages) => messages.pending(),
        }
    }

    /// What is left and no whole frame.
    pub(super) fn finish(&mut self) -> Option<Bytes> {
        match self {
            Framer::Sse(framer) => framer.finish(),
            Framer::Lines(framer) => framer.finish(),
            Framer::Array(framer) => framer.finish(),
            Framer::EventStream(framer) => framer.finish(),
            Framer::Socket(messages) => messages.finish(),
        }
    }

    /// Opens a frame of text.
    pub(super) fn open(&self, raw: Bytes) -> Opened {
        match self {
            Framer::Sse(_) => event(raw),
            Framer::Array(_) => bare(json_array::element(&raw), raw),
            _ => bare(ndjson::document(&raw), raw),
        }
    }
}

/// A frame with nothing but white space and commas around the document.
fn bare(place: Option<Range<usize>>, document: Bytes) -> Opened {
    Opened { data: place.into_iter().collect(), document, ..Opened::default() }
}

/// An event; `[DONE]` is how many streams of them end.
fn event(raw: Bytes) -> Opened {
    let mut fields = sse::fields(&raw);
    let ends = matches!(&fields.data[..], [only] if &raw[only.clone()] == b"[DONE]");
    if ends {
        fields.data.clear();
    }
    Opened {
        kind: fields.event.map(|name| raw.slice(name)),
        data: fields.data,
        document: raw,
        ends,
        ..Opened::default()
    }
}

/// A message of an event stream. What invoke-with-response-stream sends is an event of the model's own in base64.
fn message(raw: Bytes, message: eventstream::Message) -> Opened {
    let name = [":event-type", ":exception-type"].into_iter().find_map(|name| message.header(&raw, name));
    let kind = name.map(Bytes::copy_from_slice);
    let payload = raw.slice(message.payload.clone());
    if let Some((document, place)) = chunk(&payload) {
        let whole = 0..document.len();
        return Opened {
            document,
            data: smallvec![whole],
            shell: Shell::Chunk(message, place),
            ..Opened::default()
        };
    }
    let data = ndjson::document(&payload).into_iter().collect();
    Opened { document: payload, data, kind, shell: Shell::Message(message), ..Opened::default() }
}

/// What comes of a WebSocket. Binary messages that hold JSON are read like text: Gemini Live sends all of its so.
fn unit(unit: Unit) -> Cut {
    match unit {
        Unit::Control(frame) => {
            let mut payload = Vec::new();
            frame.payload(&mut payload);
            let last = frame.opcode == Opcode::Close;
            let writing = Writing::of_control(&frame);
            Cut::Aside { framed: frame.framed, payload, writing, last }
        }
        Unit::Message(message) => {
            let place = ndjson::document(&message.payload);
            let starts = place.as_ref().map(|at| message.payload[at.start]);
            let binary = message.opcode == Opcode::Binary && !matches!(starts, Some(b'{' | b'['));
            let data = place.filter(|_| !binary).into_iter().collect();
            let shell = Shell::Socket(message.writing);
            Cut::Frame(
                message.framed,
                Opened { document: message.payload, data, shell, binary, ..Opened::default() },
            )
        }
    }
}

fn doubt(broken: websocket::Broken) -> Uncertainty {
    match broken {
        websocket::Broken::Inflation => Uncertainty::DecodeLimit,
        _ => Uncertainty::UndecodableBody,
    }
}

impl Shell {
    /// See [`Writing::is_in_window`].
    pub(super) fn is_in_window(&self) -> bool {
        matches!(self, Shell::Socket(writing) if writing.is_in_window())
    }

    /// The frame with this document in it. `raw` is the frame as it came.
    pub(super) fn close(&self, raw: &Bytes, document: Vec<Bytes>, out: &mut Vec<Bytes>) {
        let anew = |message: &eventstream::Message, payload: &[u8]| {
            message.with_payload(raw, payload).expect("what was held and what is put in are far below 4 GiB")
        };
        match self {
            Shell::None => out.extend(document),
            Shell::Message(message) => out.push(anew(message, &document.concat())),
            Shell::Socket(writing) => out.push(writing.rewritten(&document.concat())),
            Shell::Chunk(message, place) => {
                let payload = &raw[message.payload.clone()];
                let encoded = STANDARD.encode(document.concat());
                let payload = [&payload[..place.start], encoded.as_bytes(), &payload[place.end..]].concat();
                out.push(anew(message, &payload));
            }
        }
    }
}

/// Base64 with or without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The document in a payload of the form `{"bytes":"…","p":"…"}`, and where its base64 lies. `p` is padding against
/// eavesdroppers who measure lengths. A payload with anything else in it is a document itself.
fn chunk(payload: &[u8]) -> Option<(Bytes, Range<usize>)> {
    let mut sink = ChunkSink::default();
    let mut walker = Walker::new();
    walker.feed(&UNKNOWN, payload, 0, &mut sink);
    walker.finish(&UNKNOWN, payload.len(), &mut sink).ok()?;
    let (place, escaped) = sink.bytes.filter(|_| !sink.other)?;
    let mut encoded = payload[place.clone()].to_vec();
    if escaped {
        encoded.clear();
        escape::decode(&payload[place.clone()], &mut encoded);
    }
    Some((LENIENT.decode(encoded).ok()?.into(), place))
}

/// Looks for the one member that a chunk consists of.
#[derive(Debug, Default)]
struct ChunkSink {
    member: Member,
    bytes: Option<(Range<usize>, bool)>,
    other: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Member {
    #[default]
    Other,
    Bytes,
    Padding,
}

impl Sink for ChunkSink {
    fn text(&mut self, cursor: &Cursor<'_>, text: Text<'_>) {
        if text.key {
            self.member = match text.raw {
                b"bytes" if cursor.depth() == 1 => Member::Bytes,
                b"p" if cursor.depth() == 1 => Member::Padding,
                _ => Member::Other,
            };
            return;
        }
        match self.member {
            Member::Bytes if self.bytes.is_none() => self.bytes = Some((text.range(), text.escaped)),
            Member::Padding => {}
            _ => self.other = true,
        }
    }

    fn number(&mut self, _cursor: &Cursor<'_>, _raw: &[u8], _start: usize) {
        self.other = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framings_are_told_by_the_head() {
        let of = |name, asked| Framing::of(Some(name), 200, asked);
        assert_eq!(of("text/event-stream; charset=utf-8", true), Some(Framing::Sse));
        assert_eq!(of("application/x-ndjson", false), Some(Framing::Lines));
        assert_eq!(of("Application/Vnd.Amazon.EventStream", false), Some(Framing::EventStream));
        assert_eq!(of("application/json; charset=UTF-8", true), Some(Framing::Array));
        assert_eq!(of("application/json", false), None);
        assert_eq!(Framing::of(Some("application/json"), 400, true), None);
        assert!(Framing::is_asked_for("/v1beta/models/gemini-x:streamGenerateContent?key=1"));
        assert!(!Framing::is_asked_for("/v1beta/models/gemini-x:streamGenerateContent?alt=sse"));
        assert!(!Framing::is_asked_for("/v1beta/models/gemini-stream:generateContent"));
    }

    #[test]
    fn only_a_chunk_and_nothing_else_is_one() {
        let inner = |payload: &str| chunk(payload.as_bytes()).map(|(document, _)| document.to_vec());
        assert_eq!(inner(r#"{"bytes":"eyJhIjoxfQ==","p":"abcdef"}"#), Some(b"{\"a\":1}".to_vec()));
        assert_eq!(inner(r#"{"p":"ab","bytes":"Pz8\/"}"#), Some(b"???".to_vec()));
        for other in [
            r#"{"bytes":"no base64!"}"#,
            r#"{"bytes":"eyJhIjoxfQ==","attribution":{"text":"x"}}"#,
            r#"{"delta":{"text":"x"}}"#,
            "no JSON",
        ] {
            assert_eq!(inner(other), None, "{other}");
        }
    }
}
