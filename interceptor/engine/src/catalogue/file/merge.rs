//! Puts a format's bodies together: its own rules, those it includes from other formats, and those of the format
//! that it is the same as. Then they are compiled into tables.
//! Formats may name each other in any order; one that includes itself, over however many corners, is a mistake.

use crate::catalogue::format::{
    Bodies, CloseRule, DeltaKind, DeltaRule, Framing, MOST_KEYS, RawRule, StreamRules,
};
use crate::json::{Capture, Place, Role, Table};

use super::FormatDraft;
use super::bodies::{BodyDraft, CloseDraft, DeltaDraft, Include, Part, RawDraft, Rules, StreamDraft};

/// All formats with what they name, and the way that was taken to the present one.
pub(super) struct Merge<'d, 'a> {
    formats: &'d [FormatDraft<'a>],
    way: Vec<(usize, Part)>,
}

/// A stream with everything that it includes.
#[derive(Default)]
struct Stream<'a> {
    framings: Vec<Framing>,
    rules: Rules,
    deltas: Vec<DeltaDraft<'a>>,
    closes: Vec<CloseDraft<'a>>,
    raw: Option<RawDraft<'a>>,
}

impl<'d, 'a> Merge<'d, 'a> {
    pub(super) fn new(formats: &'d [FormatDraft<'a>]) -> Self {
        Merge { formats, way: Vec::new() }
    }

    /// The tables of a format, if anything is known of its bodies.
    pub(super) fn bodies(&mut self, format: usize) -> Option<Bodies> {
        let request = self.body(format, Part::Request);
        let response = self.body(format, Part::Response);
        let stream = self.stream(format);
        if request.is_none() && response.is_none() && stream.is_none() {
            return None;
        }
        let arguments = argument_places(response.as_deref().unwrap_or_default());
        Some(Bodies {
            request: Table::compile(request.unwrap_or_default()),
            response: Table::compile(response.unwrap_or_default()),
            lines: [self.lines(format, Part::Request), self.lines(format, Part::Response)],
            stream: stream.and_then(|stream| self.compile(format, stream, &arguments)),
        })
    }

    fn lines(&self, format: usize, part: Part) -> bool {
        let bodies = &self.formats[format].bodies;
        let body = if part == Part::Request { &bodies.request } else { &bodies.response };
        body.as_ref().is_some_and(|body| body.lines)
    }

    /// The rules of one body. None if nobody wrote any.
    fn body(&mut self, format: usize, part: Part) -> Option<Rules> {
        if part == Part::Event {
            return self.stream(format).map(|stream| stream.rules);
        }
        let draft = &self.formats[format];
        let own = match part {
            Part::Request => &draft.bodies.request,
            Part::Response | Part::Event => &draft.bodies.response,
        };
        let Some(own) = own else { return self.through_same_as(format, part, Self::body) };
        Some(self.inside(format, part, |merge| merge.written(own, part, draft.bodies.both_spellings)))
    }

    /// Included rules first, because later ones win.
    fn written(&mut self, body: &BodyDraft<'a>, part: Part, both_spellings: bool) -> Rules {
        let mut rules = Rules::new();
        for include in &body.includes {
            let Some(format) = include.format_id else { continue };
            let body = include.body.unwrap_or(part);
            if !self.may_include(include, format, body) {
                continue;
            }
            let included = self.body(format, body).unwrap_or_default();
            rules.extend(included.into_iter().map(|(place, role)| (below(&include.at, place), role)));
        }
        rules.extend(body.rules.iter().map(|(place, role)| (place.spelt(both_spellings), role.clone())));
        rules
    }

    /// A stream with its fragments. None if nobody wrote of one.
    fn stream(&mut self, format: usize) -> Option<Stream<'a>> {
        let draft = &self.formats[format];
        let Some(own) = &draft.bodies.stream else {
            return self.through_same_as(format, Part::Event, |merge, format, _| merge.stream(format));
        };
        Some(self.inside(format, Part::Event, |merge| merge.written_stream(own, draft.bodies.both_spellings)))
    }

    fn written_stream(&mut self, own: &StreamDraft<'a>, both_spellings: bool) -> Stream<'a> {
        let mut all = Stream::default();
        for include in &own.includes {
            let Some(format) = include.format_id else { continue };
            if !self.may_include(include, format, Part::Event) {
                continue;
            }
            let Some(included) = self.stream(format) else { continue };
            all.take(included, &include.at);
        }
        let place = |place: &Place| place.spelt(both_spellings);
        all.framings.clone_from(&own.framings);
        all.raw.clone_from(&own.raw);
        all.rules.extend(self.written(&own.event, Part::Event, both_spellings));
        all.rules.extend(own.kind.iter().map(|kind| (kind.clone(), Role::Capture(Capture::Type))));
        all.deltas.extend(own.deltas.iter().map(|delta| DeltaDraft {
            path: place(&delta.path),
            keys: delta.keys.iter().map(place).collect(),
            ..delta.clone()
        }));
        all.closes.extend(own.closes.iter().map(|close| CloseDraft {
            path: close.path.as_ref().map(place),
            keys: close.keys.iter().map(place).collect(),
            ..close.clone()
        }));
        all
    }

    /// Goes on with the format that this one is the same as.
    fn through_same_as<T>(
        &mut self,
        format: usize,
        part: Part,
        go_on: impl FnOnce(&mut Self, usize, Part) -> Option<T>,
    ) -> Option<T> {
        let draft = &self.formats[format];
        let (field, same) = (draft.same_as.as_ref()?, draft.walked_as?);
        if self.way.contains(&(same, part)) || same == format {
            field.mistake("the formats name each other in a circle", None);
            return None;
        }
        self.inside(format, part, |merge| go_on(merge, same, part))
    }

    fn may_include(&self, include: &Include<'_>, format: usize, part: Part) -> bool {
        let circle = self.way.contains(&(format, part));
        if circle {
            include.format.mistake("the formats include each other in a circle", None);
        }
        !circle
    }

    fn inside<T>(&mut self, format: usize, part: Part, go_on: impl FnOnce(&mut Self) -> T) -> T {
        self.way.push((format, part));
        let result = go_on(self);
        self.way.pop();
        result
    }

    /// Numbers the keys and compiles the events' table.
    fn compile(&self, format: usize, stream: Stream<'a>, arguments: &[String]) -> Option<StreamRules> {
        let mut keys: Vec<Place> = Vec::new();
        let mut numbers = |places: &[Place]| -> Box<[u8]> {
            let number = |place: &Place| {
                let at = keys.iter().position(|known| known == place).unwrap_or_else(|| {
                    keys.push(place.clone());
                    keys.len() - 1
                });
                u8::try_from(at).unwrap_or(u8::MAX)
            };
            places.iter().map(number).collect()
        };
        let mut rules = stream.rules;
        let (mut deltas, mut closes) = (Vec::new(), Vec::new());
        for delta in &stream.deltas {
            let number = u16::try_from(deltas.len()).expect("a file of at most 100,000 values");
            rules.push((delta.path.clone(), Role::Delta(number)));
            let keys = numbers(&delta.keys);
            // Text may be what a tool is called with, too, where the whole answer has it at that place.
            let arguments = delta.kind == DeltaKind::Json || arguments.contains(&delta.place);
            let (event, place) = (delta.event.map(Into::into), delta.place.as_str().into());
            deltas.push(DeltaRule { event, kind: delta.kind, place, arguments, keys });
        }
        for close in &stream.closes {
            let number = u16::try_from(closes.len()).expect("a file of at most 100,000 values");
            rules.extend(close.path.clone().map(|path| (path, Role::Close(number))));
            closes.push(CloseRule { event: close.event.map(Into::into), keys: numbers(&close.keys) });
        }
        let raw = stream.raw.map(|raw| {
            let number = u16::try_from(deltas.len()).expect("a file of at most 100,000 values");
            let (place, kind, keys) = (raw.place.into(), DeltaKind::Raw, Box::default());
            deltas.push(DeltaRule { event: None, kind, place, arguments: false, keys });
            RawRule { event: raw.event.map(Into::into), delta: number }
        });
        if keys.len() > MOST_KEYS {
            let field = self.formats[format].bodies.stream.as_ref().map(|stream| &stream.field);
            let expected = format!("at most {MOST_KEYS} different ones");
            field.inspect(|field| field.mistake("too many keys", Some(&expected)));
            return None;
        }
        let kind = Place::parse("type").expect("a plain key is a place");
        rules.push((kind, Role::Capture(Capture::Type)));
        rules.extend((0..).zip(keys).map(|(number, place)| (place, Role::Key(number))));
        Some(StreamRules {
            framings: stream.framings.into(),
            event: Table::compile(rules),
            deltas: deltas.into(),
            closes: closes.into(),
            raw,
        })
    }
}

impl<'a> Stream<'a> {
    /// Takes in another stream, all of whose events stand at a place.
    fn take(&mut self, other: Stream<'a>, at: &Option<Place>) {
        let moved = |place: Place| below(at, place);
        self.rules.extend(other.rules.into_iter().map(|(place, role)| (moved(place), role)));
        self.deltas.extend(other.deltas.into_iter().map(|delta| DeltaDraft {
            path: moved(delta.path),
            keys: delta.keys.into_iter().map(moved).collect(),
            place: at.as_ref().map_or(delta.place.clone(), |at| format!("{at}.{}", delta.place)),
            ..delta
        }));
        self.closes.extend(other.closes.into_iter().map(|close| CloseDraft {
            path: close.path.map(moved),
            keys: close.keys.into_iter().map(moved).collect(),
            ..close
        }));
    }
}

/// Where a body has what tools are called with.
fn argument_places(rules: &[(Place, Role)]) -> Vec<String> {
    let are = |role: &Role| *role == Role::Capture(Capture::Arguments);
    rules.iter().filter(|(_, role)| are(role)).map(|(place, _)| place.to_string()).collect()
}

fn below(at: &Option<Place>, place: Place) -> Place {
    match at {
        Some(at) => place.below(at),
        None => place,
    }
}
