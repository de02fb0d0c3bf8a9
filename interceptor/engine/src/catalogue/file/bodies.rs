//! Reads where text lies in a format's bodies, and compiles it into tables.

use crate::catalogue::format::{Bodies, CloseRule, DeltaKind, DeltaRule, MOST_KEYS, StreamRules};
use crate::document::{Field, Fields};
use crate::json::{Capture, Class, Place, Role, Table, Usage};

/// Rules of one body, not yet compiled.
type Rules = Vec<(Place, Role)>;

/// What has been read of a format's bodies.
#[derive(Default)]
pub(super) struct BodiesDraft {
    request: Option<Rules>,
    response: Option<Rules>,
    stream: Option<StreamDraft>,
}

/// A stream before its table is compiled.
#[derive(Default)]
struct StreamDraft {
    rules: Rules,
    deltas: Vec<DeltaRule>,
    closes: Vec<CloseRule>,
    keys: Vec<Place>,
}

const BODY_FIELDS: &[&str] =
    &["model", "stream", "text", "jsonString", "jsonValue", "schema", "binary", "sealed", "plain", "usage"];
const CLASSES: [(&str, Class); 7] = [
    ("text", Class::Text),
    ("jsonString", Class::JsonString),
    ("jsonValue", Class::JsonValue),
    ("schema", Class::Schema),
    ("binary", Class::Binary),
    ("sealed", Class::Sealed),
    ("plain", Class::Plain),
];
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

impl BodiesDraft {
    /// Takes over the bodies that are written; the others stay as they were.
    pub(super) fn correct(&mut self, fields: &Fields<'_>) -> Option<()> {
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

    /// The tables, if anything is known of the bodies.
    pub(super) fn compile(&self) -> Option<Bodies> {
        if self.request.is_none() && self.response.is_none() && self.stream.is_none() {
            return None;
        }
        let table = |rules: &Option<Rules>| Table::compile(rules.clone().unwrap_or_default());
        Some(Bodies {
            request: table(&self.request),
            response: table(&self.response),
            stream: self.stream.as_ref().map(StreamDraft::compile),
        })
    }
}

/// The rules of one body.
fn body(field: &Field<'_>) -> Option<Rules> {
    let fields = field.map(BODY_FIELDS)?;
    let mut rules = Vec::new();
    for (name, capture) in [("model", Capture::Model), ("stream", Capture::Stream)] {
        if let Some(field) = fields.optional(name) {
            rules.push((place(&field)?, Role::Capture(capture)));
        }
    }
    for (name, class) in CLASSES {
        let Some(list) = fields.optional(name) else { continue };
        for place in list.list_of(|field| place_for(field, class))? {
            rules.push((place, Role::Class(class)));
        }
    }
    if let Some(field) = fields.optional("usage") {
        let fields = field.map(USAGE_FIELDS)?;
        for (name, usage) in USAGES {
            if let Some(field) = fields.optional(name) {
                rules.push((place(&field)?, Role::Capture(Capture::Usage(usage))));
            }
        }
    }
    Some(rules)
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

impl StreamDraft {
    fn read(field: &Field<'_>) -> Option<Self> {
        let fields = field.map(&["framing", "deltas", "closes", "event"])?;
        fields.required("framing")?.one_of(&[("sse", ())])?;
        let mut draft = StreamDraft::default();
        if let Some(event) = fields.optional("event") {
            draft.rules = body(&event)?;
        }
        for field in fields.required("deltas")?.list()? {
            draft.delta(&field)?;
        }
        for field in fields.optional("closes").map_or(Some(Vec::new()), |field| field.list())? {
            draft.close(&field)?;
        }
        Some(draft)
    }

    fn delta(&mut self, field: &Field<'_>) -> Option<()> {
        let fields = field.map(&["event", "path", "place", "kind", "keys"])?;
        let kind = fields.required("kind")?.one_of(DELTA_KINDS)?;
        let number = u16::try_from(self.deltas.len()).expect("a file of at most 100,000 values");
        self.rules.push((place(&fields.required("path")?)?, Role::Delta(number)));
        let place = fields.required("place")?.text()?.into();
        let keys = self.keys(&fields)?;
        self.deltas.push(DeltaRule { event: event(&fields)?, kind, place, keys });
        Some(())
    }

    fn close(&mut self, field: &Field<'_>) -> Option<()> {
        let fields = field.map(&["event", "path", "keys"])?;
        let number = u16::try_from(self.closes.len()).expect("a file of at most 100,000 values");
        if let Some(path) = fields.optional("path") {
            self.rules.push((place(&path)?, Role::Close(number)));
        } else if fields.optional("event").is_none() {
            field.mistake("nothing says what closes", Some("`event` or `path`"));
        }
        let keys = self.keys(&fields)?;
        self.closes.push(CloseRule { event: event(&fields)?, keys });
        Some(())
    }

    /// The numbers of the key places; each distinct place has one.
    fn keys(&mut self, fields: &Fields<'_>) -> Option<Box<[u8]>> {
        let Some(list) = fields.optional("keys") else { return Some(Box::default()) };
        let mut numbers = Vec::new();
        for field in list.list()? {
            let place = place(&field)?;
            let at = self.keys.iter().position(|known| *known == place).unwrap_or_else(|| {
                self.keys.push(place);
                self.keys.len() - 1
            });
            if at >= MOST_KEYS {
                field.mistake("too many keys", Some(&format!("at most {MOST_KEYS} different ones")));
                return None;
            }
            numbers.push(u8::try_from(at).expect("fewer than MOST_KEYS"));
        }
        Some(numbers.into())
    }

    fn compile(&self) -> StreamRules {
        let kind = Place::parse("type").expect("a plain key is a place");
        let keys = (0..).zip(&self.keys).map(|(number, place)| (place.clone(), Role::Key(number)));
        let rules = self.rules.iter().cloned().chain([(kind, Role::Capture(Capture::Type))]).chain(keys);
        StreamRules {
            event: Table::compile(rules.collect()),
            deltas: self.deltas.clone().into(),
            closes: self.closes.clone().into(),
        }
    }
}

/// The event's type, if one is asked for.
fn event(fields: &Fields<'_>) -> Option<Option<Box<str>>> {
    fields.optional("event").map_or(Some(None), |field| Some(Some(field.text()?.into())))
}
