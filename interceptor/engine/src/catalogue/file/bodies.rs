//! Reads where text lies in a format's bodies. What several formats share is put together in `merge`.

use crate::catalogue::format::{DeltaKind, Framing};
use crate::document::{Field, Fields, Shape};
use crate::json::{Capture, Class, Place, Role, Usage};

use super::{shape, take};

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

const CLASSES: [(&str, Class); 7] = [
    ("text", Class::Text),
    ("jsonString", Class::JsonString),
    ("jsonValue", Class::JsonValue),
    ("schema", Class::Schema),
    ("binary", Class::Binary),
    ("sealed", Class::Sealed),
    ("plain", Class::Plain),
];
pub(super) const PARTS: [(&str, Part); 3] =
    [("request", Part::Request), ("response", Part::Response), ("event", Part::Event)];
const USAGES: [(&str, Usage); 5] = [
    ("input", Usage::Input),
    ("output", Usage::Output),
    ("cacheRead", Usage::CacheRead),
    ("cacheWrite", Usage::CacheWrite),
    ("reasoning", Usage::Reasoning),
];
pub(super) const DELTA_KINDS: [(&str, DeltaKind); 4] = [
    ("text", DeltaKind::Text),
    ("json", DeltaKind::Json),
    ("sealed", DeltaKind::Sealed),
    ("binary", DeltaKind::Binary),
];
pub(super) const FRAMINGS: [(&str, Framing); 5] = [
    ("sse", Framing::Sse),
    ("ndjson", Framing::Ndjson),
    ("jsonArray", Framing::JsonArray),
    ("eventStream", Framing::EventStream),
    ("webSocket", Framing::WebSocket),
];

impl<'a> BodiesDraft<'a> {
    /// Takes over the bodies that are written; the others stay as they were.
    pub(super) fn correct(&mut self, fields: &Fields<'a>) {
        take(fields, "bothSpellings", &mut self.both_spellings, Field::boolean);
        take(fields, "request", &mut self.request, |field| body(field).map(Some));
        take(fields, "response", &mut self.response, |field| body(field).map(Some));
        take(fields, "stream", &mut self.stream, |field| StreamDraft::read(field).map(Some));
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

/// The rules of one body. What is wrong with one of them does not hide what is wrong with another.
fn body<'a>(field: &Field<'a>) -> Option<BodyDraft<'a>> {
    let fields = field.shaped(&shape::BODY)?;
    let one = |fields: &Fields<'a>, name| fields.optional(name).and_then(|field| place(&field));
    let places = |name, class| {
        let list = fields.optional(name).and_then(|list| list.list_of(|field| place_for(field, class)));
        list.unwrap_or_default()
    };
    let mut rules = Vec::new();
    for (name, capture) in [("model", Capture::Model), ("stream", Capture::Stream)] {
        rules.extend(one(&fields, name).map(|place| (place, Role::Capture(capture))));
    }
    for (name, capture) in
        [("tools", Capture::Tool), ("arguments", Capture::Arguments), ("methods", Capture::Method)]
    {
        rules.extend(places(name, Class::Plain).into_iter().map(|place| (place, Role::Capture(capture))));
    }
    for (name, class) in CLASSES {
        rules.extend(places(name, class).into_iter().map(|place| (place, Role::Class(class))));
    }
    let tokens = fields.optional("tokens").and_then(|list| list.list_of(place)).unwrap_or_default();
    rules.extend(tokens.into_iter().map(|place| (place, Role::Tokens)));
    if let Some(fields) = fields.optional("usage").and_then(|usage| usage.shaped(&shape::USAGE)) {
        for (name, usage) in USAGES {
            let place = one(&fields, name);
            rules.extend(place.map(|place| (place, Role::Capture(Capture::Usage(usage)))));
        }
    }
    let lines = fields.optional("lines").and_then(|field| field.boolean()).unwrap_or_default();
    Some(BodyDraft { rules, includes: includes(&fields, &shape::INCLUDE), lines })
}

/// `include: [{ format, body, at }]`; of streams there is one for each format, and so no `body`.
fn includes<'a>(fields: &Fields<'a>, shape: &'static Shape) -> Vec<Include<'a>> {
    let list = fields.optional("include").and_then(|list| list.list_of(|field| include(field, shape)));
    list.unwrap_or_default()
}

fn include<'a>(field: &Field<'a>, shape: &'static Shape) -> Option<Include<'a>> {
    let fields = field.shaped(shape)?;
    let mut body = None;
    if shape.member("body").is_some() {
        take(&fields, "body", &mut body, |field| field.one_of(&PARTS).map(Some));
    }
    let at = fields.optional("at").and_then(|field| {
        let at = place(&field)?;
        if at.is_filtered() || at.is_open_ended() {
            field.mistake("what is included stands at one place, whatever its type", None);
            return None;
        }
        Some(at)
    });
    let format = fields.required("format").filter(|name| name.text().is_some());
    Some(Include { format: format?, format_id: None, body, at })
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
        let fields = field.shaped(&shape::STREAM)?;
        let framing = fields.required("framing");
        let mut draft = StreamDraft {
            field: field.clone(),
            framings: framing.and_then(|list| list.list_of(|f| f.one_of(&FRAMINGS))).unwrap_or_default(),
            kind: fields.optional("kind").and_then(|kind| place(&kind)),
            event: BodyDraft::default(),
            deltas: Vec::new(),
            raw: None,
            closes: Vec::new(),
            includes: includes(&fields, &shape::STREAM_INCLUDE),
        };
        take(&fields, "event", &mut draft.event, body);
        take(&fields, "deltas", &mut draft.deltas, |list| list.list_of(delta));
        take(&fields, "raw", &mut draft.raw, |field| raw(field).map(Some));
        take(&fields, "closes", &mut draft.closes, |list| list.list_of(close));
        Some(draft)
    }
}

fn delta<'a>(field: &Field<'a>) -> Option<DeltaDraft<'a>> {
    let fields = field.shaped(&shape::DELTA)?;
    let (event, keys) = (event(&fields), keys(&fields));
    let path = fields.required("path").and_then(|path| place(&path));
    let place = fields.required("place").and_then(|place| place.text());
    let kind = fields.required("kind").and_then(|kind| kind.one_of(&DELTA_KINDS));
    Some(DeltaDraft { event, path: path?, place: place?.to_owned(), kind: kind?, keys })
}

fn raw<'a>(field: &Field<'a>) -> Option<RawDraft<'a>> {
    let fields = field.shaped(&shape::RAW)?;
    let (event, place) = (event(&fields), fields.required("place").and_then(|place| place.text()));
    Some(RawDraft { event, place: place?.to_owned() })
}

fn close<'a>(field: &Field<'a>) -> Option<CloseDraft<'a>> {
    let fields = field.shaped(&shape::CLOSE)?;
    let (before, path) = (field.mistakes(), fields.optional("path").and_then(|path| place(&path)));
    let (event, keys) = (event(&fields), keys(&fields));
    if path.is_none() && event.is_none() && field.mistakes() == before {
        field.mistake("nothing says what closes", Some("`event` or `path`"));
    }
    Some(CloseDraft { event, path, keys })
}

fn keys(fields: &Fields<'_>) -> Vec<Place> {
    fields.optional("keys").and_then(|list| list.list_of(place)).unwrap_or_default()
}

/// The event's type, if one is asked for.
fn event<'a>(fields: &Fields<'a>) -> Option<&'a str> {
    fields.optional("event").and_then(|field| field.text())
}
