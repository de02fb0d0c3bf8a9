//! Wire formats as the catalogue describes them: where text lies in a request, an answer and a stream.
//! Data only; the walker reads by it, the exchange acts on it.

use std::sync::Arc;

use crate::json::Table;

use super::path::PathPattern;

/// Number of a format in its catalogue; an index, so it is only meaningful there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FormatId(pub(super) u16);

/// A wire format.
#[derive(Debug)]
pub struct Format {
    /// Stable name, such as `openai.chat_completions`; what policies call an operation.
    pub id: Arc<str>,
    /// HTTP methods under which its paths are operations.
    pub methods: Box<[Box<str>]>,
    /// How its bytes travel.
    pub transport: Transport,
    /// The error answer its client libraries understand.
    pub refusal: RefusalShape,
    /// Nobody outside of its maker knows what its bodies mean: it is recognised, and policy says whether it may.
    pub closed: bool,
    /// Where text lies, if the engine walks this format. Otherwise it is recognised and scanned as unknown.
    pub bodies: Option<Arc<Bodies>>,
    pub(super) paths: Vec<FormatPath>,
}

/// One path of a format.
#[derive(Clone, Debug)]
pub(super) struct FormatPath {
    pub(super) pattern: PathPattern,
    /// The format that is really spoken there.
    pub(super) spoken: Option<FormatId>,
}

/// How a format's bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Requests and answers.
    Http,
    /// An upgraded connection with messages both ways.
    WebSocket,
    /// Either.
    Both,
}

/// The native shape of an error answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalShape {
    /// `{"error":{"message","type","param","code"}}`
    OpenAi,
    /// `{"type":"error","error":{"type","message"},"request_id"}`
    Anthropic,
    /// `{"error":{"code","message","status"}}`
    Google,
    /// `{"message"}` with the error's type in a header.
    Aws,
    /// `{"message"}`
    Cohere,
    /// `{"error","message"}`
    Generic,
}

/// Where text lies in everything that a walked format sends.
#[derive(Debug)]
pub struct Bodies {
    /// The request.
    pub request: Table,
    /// The answer in one piece.
    pub response: Table,
    /// Whether the request, and whether the answer, may be JSON lines: a document each.
    pub lines: [bool; 2],
    /// The answer as a stream, if the format has one.
    pub stream: Option<StreamRules>,
}

/// What the events of a streamed answer hold.
#[derive(Debug)]
pub struct StreamRules {
    /// How its events may be told apart; the content type says which it is.
    pub framings: Box<[Framing]>,
    /// Every event's document.
    pub event: Table,
    /// Fragments of longer texts.
    pub deltas: Box<[DeltaRule]>,
    /// What ends such texts.
    pub closes: Box<[CloseRule]>,
    /// Fragments that are no JSON.
    pub raw: Option<RawRule>,
}

/// What is around the documents of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// A document a line.
    Ndjson,
    /// One JSON array, sent element by element.
    JsonArray,
    /// `application/vnd.amazon.eventstream`; the header `:event-type` is the event's type.
    EventStream,
    /// A message of a WebSocket each.
    WebSocket,
}

/// A fragment of a longer text.
#[derive(Clone, Debug)]
pub struct DeltaRule {
    /// The `type` of the event in which the place holds such a fragment; none means any.
    pub event: Option<Box<str>>,
    /// What the text is when put together.
    pub kind: DeltaKind,
    /// Where the text stands in the answer as a whole, with `[]` for each key.
    pub place: Box<str>,
    /// It is what a tool is called with.
    pub arguments: bool,
    /// Which numbers tell parallel texts apart; indexes of key places.
    pub(crate) keys: Box<[u8]>,
}

impl DeltaRule {
    /// The place with its keys: `choices[0].message.content`.
    pub(crate) fn place_of(&self, keys: &[Option<u32>; MOST_KEYS]) -> String {
        let mut parts = self.place.split("[]");
        let mut place = parts.next().unwrap_or_default().to_owned();
        let mut numbers = self.keys.iter().map(|key| keys[usize::from(*key)].unwrap_or(0));
        for part in parts {
            place.push_str(&format!("[{}]{part}", numbers.next().unwrap_or(0)));
        }
        place
    }
}

/// Events whose whole data is a fragment of one text, as it is.
#[derive(Clone, Debug)]
pub struct RawRule {
    /// The type of these events, which may then look like JSON and are none; without it, every event that is none.
    pub event: Option<Box<str>>,
    /// Which of the stream's rules for fragments they fall under.
    pub(crate) delta: u16,
}

/// What a streamed text is when put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeltaKind {
    /// Prose.
    Text,
    /// Prose that no JSON is around.
    Raw,
    /// JSON, such as the arguments of a tool call.
    Json,
    /// Signed or encrypted: scanned, never rewritten.
    Sealed,
    /// Base64: counted, not scanned.
    Binary,
}

/// After this no fragment of the same keys follows.
#[derive(Clone, Debug)]
pub struct CloseRule {
    /// The `type` of the closing event; none if a value at a place closes.
    pub event: Option<Box<str>>,
    /// Which numbers the closed texts share; the first keys of their own.
    pub(crate) keys: Box<[u8]>,
}

/// Most keys that one fragment may have, and most distinct key places of a format.
pub(crate) const MOST_KEYS: usize = 8;
