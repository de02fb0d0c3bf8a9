//! Reads where text lies in a format's bodies. What several formats share is put together in `merge`.

use crate::catalogue::format::{DeltaKind, Framing};
use crate::document::{Field, Fields};
use crate::json::{Capture, Class, Place, Role, Usage};

/// Rules of one body, not yet compiled.
pub(super) type Rules = Vec<(Place, Role)>;

/// What has been read of a format's bodies.
#[derive(Default)]
pub(super) struct BodiesDraft<'a> {
    pub(super) request: Option<BodyDraft<'a>>,
    pub(super) response: Option<BodyDraft<'a>>,
    pub(super) stream: Option<StreamDraft<'a>>,
    /// Keys may be written `inlineData` or `inline_data`, as Protocol Buffers' JSON allows.
    pub(super) both_spellings: bool,
}

/// One body before it is put together with what it includes.
#[derive(Default)]
pub(super) struct BodyDraft<'a> {
    pub(super) rules: Rules,
    pub(super) includes: Vec<Include<'a>>,
    /// It may be JSON lines.
    pub(super) lines: bool,
}

/// What another format's body lends to this one.
pub(super) struct Include<'a> {
    pub(super) format: Field<'a>,
    /// Found once all formats are known.
    pub(super) format_id: Option<usize>,
    /// Which of its bodies; none means the one that stands at the same place.
    pub(super) body: Option<Part>,
    /// Where it stands in this one; none means that it is all of it.
    pub(super) at: Option<Place>,
}

/// The bodies of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Request,
    Response,
    /// One event of a stream.
    Event,
}

/// A stream before its table is compiled.
pub(super) struct StreamDraft<'a> {
    pub(super) field: Field<'a>,
    pub(super) framings: Vec<Framing>,
    /// Where an event says what it is, other than in `type`.
    pub(super) kind: Option<Place>,
    pub(super) event: BodyDraft<'a>,
    pub(super) deltas: Vec<DeltaDraft<'a>>,
    pub(super) raw: Option<RawDraft<'a>>,
    pub(super) closes: Vec<CloseDraft<'a>>,
    pub(super) includes: Vec<Include<'a>>,
}

/// A fragment of a longer text, its keys not yet numbered.
#[derive(Clone)]
pub(super) struct DeltaDraft<'a> {
    pub(super) event: Option<&'a str>,
    pub(super) path: Place,
    pub(super) place: String,
    pub(super) kind: DeltaKind,
    pub(super) keys: Vec<Place>,
}

/// Events that are fragments as they are.
#[derive(Clone)]
pub(super) struct RawDraft<'a> {
    pub(super) event: Option<&'a str>,
    pub(super) place: String,
}

/// What closes texts, its keys not yet numbered.
#[derive(Clone)]
pub(super) struct CloseDraft<'a> {
    pub(super) event: Option<&'a str>,
    pub(super) path: Option<Place>,
    pub(super) keys: Vec<Place>,
}

const BODY_FIELDS: &[&str] = &[
    "include",
    "lines",
    "model",
    "tools",
    "methods",
    "stream",
    "text",
    "jsonString",
    "jsonValue",
    "schema",
    "binary",
    "sealed",
    "plain",
    "tokens",
    "usage",
];
const CLASSES: [(&str, Class); 7] = [
    ("text", Class::Text),
    ("jsonString", Class::JsonString),
    ("jsonValue", Class::JsonValue),
    ("schema", Class::Schema),
    ("binary", Class::Binary),
    ("sealed", Class::Sealed),
    ("plain", Class::Plain),
];
const PARTS: &[(&str, Part)] =
    &[("request", Part::Request), ("response", Part::Response), ("event", Part::Event)];
const USAGE_FIELDS: &[&str] = &["input", "output", "cacheRead", "cacheWrite", "reasoning"];
const USAGES: [(&str, Usage); 5] = [
    ("input", Usage::Input),
    ("output", Usage::Output),
    ("cacheRead", Usage::CacheRead),
    ("cacheWrite", Usage::CacheWrite),
    ("reasoning", Usage::Reasoning),
];
const DELTA_KINDS: &[(&str, DeltaKind)] = &[
    ("text", DeltaKind::Text),
    ("json", DeltaKind::Json),
    ("sealed", DeltaKind::Sealed),
    ("binary", DeltaKind::Binary),
];
const FRAMINGS: &[(&str, Framing)] = &[
    ("sse", Framing::Sse),
    ("ndjson", Framing::Ndjson),
    ("jsonArray", Framing::JsonArray),
    ("eventStream", Framing::EventStream),
    ("webSocket", Framing::WebSocket),
];

impl<'a> BodiesDraft<'a> {
    /// Takes over the bodies that are written; the others stay as they were.
    pub(super) fn correct(&mut self, fields: &Fields<'a>) -> Option<()> {
        if let Some(field) = fields.optional("bothSpellings") {
            self.both_spellings = field.boolean()?;
        }
        if let Some(field) = fields.optional("request") {
            self.request = Some(body(&field)?);
        }
        if let Some(field) = fields.optional("response") {
            self.response = Some(body(&field)?);
        }
        if let Some(field) = fields.optional("stream") {
            self.stream = Some(StreamDraft::read(&field)?);
        }
        Some(())
    }

    /// Everything that names another format.
    pub(super) fn includes(&mut self) -> impl Iterator<Item = &mut Include<'a>> {
        let bodies = self.request.iter_mut().chain(&mut self.response);
        let stream = self.stream.iter_mut();
        bodies
            .flat_map(|body| &mut body.includes)
            .chain(stream.flat_map(|stream| stream.includes.iter_mut().chain(&mut stream.event.includes)))
    }
}

/// The rules of one body.
fn body<'a>(field: &Field<'a>) -> Option<BodyDraft<'a>> {
    let fields = field.map(BODY_FIELDS)?;
    let mut rules = Vec::new();
    for (name, capture) in [("model", Capture::Model), ("stream", Capture::Stream)] {
        if let Some(field) = fields.optional(name) {
            rules.push((place(&field)?, Role::Capture(capture)));
        }
    }
    for (name, capture) in [("tools", Capture::Tool), ("methods", Capture::Method)] {
        let Some(list) = fields.optional(name) else { continue };
        let places = list.list_of(|field| place_for(field, Class::Plain))?;
        rules.extend(places.into_iter().map(|place| (place, Role::Capture(capture))));
    }
    for (name, class) in CLASSES {
        let Some(list) = fields.optional(name) else { continue };
        for place in list.list_of(|field| place_for(field, class))? {
            rules.push((place, Role::Class(class)));
        }
    }
    if let Some(list) = fields.optional("tokens") {
        rules.extend(list.list_of(place)?.into_iter().map(|place| (place, Role::Tokens)));
    }
    if let Some(field) = fields.optional("usage") {
        let fields = field.map(USAGE_FIELDS)?;
        for (name, usage) in USAGES {
            if let Some(field) = fields.optional(name) {
                rules.push((place(&field)?, Role::Capture(Capture::Usage(usage))));
            }
        }
    }
    let lines = fields.optional("lines").map_or(Some(false), |field| field.boolean())?;
    Some(BodyDraft { rules, includes: includes(&fields)?, lines })
}

/// `include: [{ format, body, at }]`
fn includes<'a>(fields: &Fields<'a>) -> Option<Vec<Include<'a>>> {
    fields.optional("include").map_or(Some(Vec::new()), |list| list.list_of(include))
}

fn include<'a>(field: &Field<'a>) -> Option<Include<'a>> {
    let fields = field.map(&["format", "body", "at"])?;
    let body = match fields.optional("body") {
        Some(field) => Some(field.one_of(PARTS)?),
        None => None,
    };
    let at = match fields.optional("at") {
        Some(field) => {
            let at = place(&field)?;
            if at.is_filtered() || at.is_open_ended() {
                field.mistake("what is included stands at one place, whatever its type", None);
                return None;
            }
            Some(at)
        }
        None => None,
    };
    Some(Include { format: fields.required("format")?, format_id: None, body, at })
}

fn place(field: &Field<'_>) -> Option<Place> {
    Place::parse(field.text()?).map_err(|error| field.mistake(format!("not a place: {error}"), None)).ok()
}

/// Only sealed places may have a filter: what is sealed is known when the value closes, and by then the
/// other classes would have been needed.
fn place_for(field: &Field<'_>, class: Class) -> Option<Place> {
    let place = place(field)?;
    if place.is_filtered() && class != Class::Sealed {
        field.mistake("a filter by type is possible among `sealed` only", None);
        return None;
    }
    Some(place)
}

impl<'a> StreamDraft<'a> {
    fn read(field: &Field<'a>) -> Option<Self> {
        let fields = field.map(&["framing", "kind", "include", "deltas", "raw", "closes", "event"])?;
        let mut draft = StreamDraft {
            field: field.clone(),
            framings: fields.required("framing")?.list_of(|framing| framing.one_of(FRAMINGS))?,
            kind: None,
            event: BodyDraft::default(),
            deltas: Vec::new(),
            raw: None,
            closes: Vec::new(),
            includes: includes(&fields)?,
        };
        if let Some(kind) = fields.optional("kind") {
            draft.kind = Some(place(&kind)?);
        }
        if let Some(event) = fields.optional("event") {
            draft.event = body(&event)?;
        }
        if let Some(list) = fields.optional("deltas") {
            draft.deltas = list.list_of(delta)?;
        }
        if let Some(field) = fields.optional("raw") {
            draft.raw = Some(raw(&field)?);
        }
        if let Some(list) = fields.optional("closes") {
            draft.closes = list.list_of(close)?;
        }
        Some(draft)
    }
}

fn delta<'a>(field: &Field<'a>) -> Option<DeltaDraft<'a>> {
    let fields = field.map(&["event", "path", "place", "kind", "keys"])?;
    Some(DeltaDraft {
        event: event(&fields)?,
        path: place(&fields.required("path")?)?,
        place: fields.required("place")?.text()?.to_owned(),
        kind: fields.required("kind")?.one_of(DELTA_KINDS)?,
        keys: keys(&fields)?,
    })
}

fn raw<'a>(field: &Field<'a>) -> Option<RawDraft<'a>> {
    let fields = field.map(&["event", "place"])?;
    Some(RawDraft { event: event(&fields)?, place: fields.required("place")?.text()?.to_owned() })
}

fn close<'a>(field: &Field<'a>) -> Option<CloseDraft<'a>> {
    let fields = field.map(&["event", "path", "keys"])?;
    let path = match fields.optional("path") {
        Some(path) => Some(place(&path)?),
        None => None,
    };
    let event = event(&fields)?;
    if path.is_none() && event.is_none() {
        field.mistake("nothing says what closes", Some("`event` or `path`"));
    }
    Some(CloseDraft { event, path, keys: keys(&fields)? })
}

fn keys(fields: &Fields<'_>) -> Option<Vec<Place>> {
    fields.optional("keys").map_or(Some(Vec::new()), |list| list.list_of(place))
}

/// The event's type, if one is asked for.
fn event<'a>(fields: &Fields<'a>) -> Option<Option<&'a str>> {
    fields.optional("event").map_or(Some(None), |field| Some(Some(field.text()?)))
}
