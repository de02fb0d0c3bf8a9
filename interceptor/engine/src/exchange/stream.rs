//! A streamed answer: events go on at once, unless they hold a part of something that is not decided yet.
//! Events leave in the order in which they came, each byte for byte as it came, except for replaced spans.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::catalogue::{Bodies, DeltaKind, StreamRules};
use crate::decode::{Coded, DecodeError, Decoder};
use crate::detect::{Detectors, StreamFinding};
use crate::edit::{self, Edit};
use crate::json::{Role, Walker};
use crate::policy::{Direction, Uncertainty};
use crate::record::Ledger;
use crate::refusal::Refusal;
use crate::sse::{self, Framed, Framer};

use super::Limits;
use super::case::{Case, Ruling};
use super::channel::{Channel, Piece};
use super::event::{EventReader, Fragment, Keys, class_of};
use super::inspect::{Facts, Hit, Quoting, UNKNOWN};

/// Most texts that may be open at once. Further ones are scanned fragment by fragment.
const MOST_OPEN: usize = 256;

/// Most texts that are remembered.
const MOST_CHANNELS: usize = 8_192;

/// A streamed answer on its way.
#[derive(Debug)]
pub(super) struct StreamAnswer {
    bodies: Option<Arc<Bodies>>,
    decoder: Option<Decoder>,
    /// False if rules only watch: then chunks go on as they come.
    acts: bool,
    framer: Framer,
    walker: Walker,
    reader: EventReader,
    channels: Vec<Channel>,
    open: usize,
    queue: VecDeque<Held>,
    queued: usize,
    ledger: Ledger,
    limits: Limits,
    /// Inspection was given up, by policy's leave: everything goes on as it comes.
    given_up: bool,
}

/// An event that has not left.
#[derive(Debug)]
struct Held {
    raw: Bytes,
    /// Where it lies in the chunk that is being read.
    within: Option<Range<usize>>,
    pieces: SmallVec<[Piece; 1]>,
    edits: Vec<Edit>,
}

impl StreamAnswer {
    pub(super) fn new(
        bodies: Option<Arc<Bodies>>,
        detectors: Option<Arc<Detectors>>,
        coded: Coded,
        acts: bool,
        limits: Limits,
    ) -> Self {
        let decoder = match coded {
            Coded::By(coding) => Some(Decoder::new(coding, limits.decoded_ratio)),
            Coded::Plain | Coded::Unknown => None,
        };
        StreamAnswer {
            bodies,
            decoder,
            acts,
            framer: Framer::new(),
            walker: Walker::new(),
            reader: EventReader::new(detectors),
            channels: Vec::new(),
            open: 0,
            queue: VecDeque::new(),
            queued: 0,
            ledger: Ledger::default(),
            limits,
            given_up: false,
        }
    }

    pub(super) fn ledger(&self) -> Ledger {
        let mut ledger = self.reader.inspector.ledger;
        ledger.seen += self.ledger.seen;
        ledger.scanned += self.ledger.scanned;
        ledger.sealed += self.ledger.sealed;
        ledger.binary += self.ledger.binary;
        ledger
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.reader.inspector.facts
    }

    /// Takes a chunk; pushes what may go on.
    pub(super) fn push(
        &mut self,
        chunk: Bytes,
        case: &mut Case,
        out: &mut Vec<Bytes>,
    ) -> Result<(), Box<Refusal>> {
        if !self.acts {
            out.push(chunk.clone());
        }
        let decoded = match &mut self.decoder {
            Some(_) if self.given_up && !self.acts => return Ok(()),
            None => Ok(chunk),
            Some(decoder) => decoder.push(&chunk),
        };
        self.decoded(decoded, case, out)
    }

    /// The answer is complete.
    pub(super) fn finish(&mut self, case: &mut Case, out: &mut Vec<Bytes>) -> Result<(), Box<Refusal>> {
        if let Some(decoder) = &mut self.decoder
            && !self.given_up
        {
            let rest = decoder.finish();
            self.decoded(rest, case, out)?;
        }
        if let Some(raw) = self.framer.finish() {
            // No blank line closed it, so by the standard it is no event; some clients read it all the same.
            self.event(Framed { raw, within: None }, case)?;
        }
        self.close_all(case)?;
        let mut outlet = Outlet::new(Bytes::new(), out);
        self.release(&mut outlet);
        outlet.flush();
        Ok(())
    }

    fn decoded(
        &mut self,
        decoded: Result<Bytes, DecodeError>,
        case: &mut Case,
        out: &mut Vec<Bytes>,
    ) -> Result<(), Box<Refusal>> {
        match decoded {
            Ok(chunk) if chunk.is_empty() => Ok(()),
            Ok(chunk) => self.read(chunk, case, out),
            Err(error) => {
                let doubt = match error {
                    DecodeError::Broken { .. } => Uncertainty::UndecodableBody,
                    DecodeError::Limit => Uncertainty::DecodeLimit,
                };
                case.doubt(doubt, Direction::Response)?;
                self.given_up = true;
                // The rest cannot be handed back decoded, whatever policy says.
                if self.acts { Err(case.refuse_unsure(doubt, Direction::Response)) } else { Ok(()) }
            }
        }
    }

    fn read(&mut self, chunk: Bytes, case: &mut Case, out: &mut Vec<Bytes>) -> Result<(), Box<Refusal>> {
        self.ledger.seen += chunk.len() as u64;
        if self.given_up {
            if self.acts {
                out.push(chunk);
            }
            return Ok(());
        }
        let mut outlet = Outlet::new(chunk.clone(), out);
        self.framer.push(chunk);
        let mut result = Ok(());
        while result.is_ok()
            && let Some(framed) = self.framer.next_event()
        {
            result = self.event(framed, case);
            // What is certain leaves even if something behind it ends the stream; what ends it does not.
            if result.is_ok() {
                self.release(&mut outlet);
            }
        }
        outlet.flush();
        // Events that stay behind lie in a chunk that is read to its end.
        self.queue.iter_mut().for_each(|held| held.within = None);
        result?;
        if self.queued + self.framer.pending() > self.limits.held_stream {
            self.give_up(case, out)?;
        }
        Ok(())
    }

    /// More is held back than may be: policy says whether it goes on unseen.
    fn give_up(&mut self, case: &mut Case, out: &mut Vec<Bytes>) -> Result<(), Box<Refusal>> {
        case.doubt(Uncertainty::OversizedBody, Direction::Response)?;
        self.given_up = true;
        self.close_all(case)?;
        let mut outlet = Outlet::new(Bytes::new(), out);
        self.release(&mut outlet);
        outlet.flush();
        let rest = self.framer.finish();
        out.extend(rest.filter(|_| self.acts));
        Ok(())
    }

    /// Reads an event, decides on what became certain by it, and queues it.
    fn event(&mut self, framed: Framed, case: &mut Case) -> Result<(), Box<Refusal>> {
        let event = framed.raw.clone();
        self.queued += event.len();
        let (pieces, edits) = Default::default();
        self.queue.push_back(Held { raw: framed.raw, within: framed.within, pieces, edits });
        let fields = sse::fields(&event);
        if fields.data.is_empty() {
            return Ok(());
        }
        if let [only] = &fields.data[..]
            && &event[only.clone()] == b"[DONE]"
        {
            return self.close_all(case);
        }
        self.reader.begin();
        if !self.walk(&event, &fields) {
            return self.text_event(&event, &fields, case);
        }
        if self.reader.kind.is_empty()
            && let Some(name) = fields.event
        {
            self.reader.kind.extend_from_slice(&event[name]);
        }
        let fragments = std::mem::take(&mut self.reader.fragments);
        let result = fragments.iter().try_for_each(|fragment| self.fragment(&event, fragment, case));
        self.reader.fragments = fragments;
        result?;
        self.close(case)?;
        self.rule_on_event(&event, case)
    }

    /// False if the data is no JSON.
    fn walk(&mut self, event: &[u8], fields: &sse::Fields) -> bool {
        let table = match stream_rules(&self.bodies) {
            Some(rules) => &rules.event,
            None => &*UNKNOWN,
        };
        self.walker.reset();
        for line in &fields.data {
            self.walker.feed(table, &event[line.clone()], line.start, &mut self.reader);
            // Lines of data are one text with line ends between them.
            self.walker.feed(table, b"\n", line.end, &mut self.reader);
        }
        self.walker.finish(table, event.len(), &mut self.reader).is_ok()
    }

    /// An event whose data is no JSON is looked at as text.
    fn text_event(
        &mut self,
        event: &[u8],
        fields: &sse::Fields,
        case: &mut Case,
    ) -> Result<(), Box<Refusal>> {
        self.reader.begin();
        for line in &fields.data {
            self.reader.inspector.ledger.unknown += line.len() as u64;
            self.reader.inspector.plain_text("data", &event[line.clone()], line.start);
        }
        self.rule_on_event(event, case)
    }

    /// Gives a fragment to the text it belongs to.
    fn fragment(&mut self, event: &Bytes, fragment: &Fragment, case: &mut Case) -> Result<(), Box<Refusal>> {
        let Some((number, kind)) = self.delta_rule(fragment) else {
            return self.lone_fragment(event, fragment, "data");
        };
        match class_of(kind) {
            crate::json::Class::Binary => self.ledger.binary += fragment.raw.len() as u64,
            crate::json::Class::Sealed => self.ledger.sealed += fragment.raw.len() as u64,
            _ => self.ledger.scanned += fragment.raw.len() as u64,
        }
        if kind == DeltaKind::Binary || self.reader.inspector.scanner.detectors().is_none() {
            return Ok(());
        }
        let Some(at) = self.channel(number, kind, &fragment.keys) else {
            return self.lone_fragment(event, fragment, "data");
        };
        let mut found = Vec::new();
        let raw = fragment.raw.clone();
        let piece = self.channels[at].push(at, event, raw, fragment.escaped, &mut found);
        if self.acts
            && let Some(held) = self.queue.back_mut()
        {
            held.pieces.push(piece);
        }
        found.iter().try_for_each(|finding| self.found(at, finding, case))
    }

    /// A fragment that belongs to no known text is looked at by itself.
    fn lone_fragment(&mut self, event: &Bytes, fragment: &Fragment, place: &str) -> Result<(), Box<Refusal>> {
        let inspector = &mut self.reader.inspector;
        inspector.ledger.unknown += fragment.raw.len() as u64;
        inspector.plain_text(place, &event[fragment.raw.clone()], fragment.raw.start);
        Ok(())
    }

    /// The rule for a fragment in an event of this type.
    fn delta_rule(&self, fragment: &Fragment) -> Option<(u16, DeltaKind)> {
        let rules = stream_rules(&self.bodies)?;
        let roles = &rules.event.state(fragment.state).stream;
        roles.iter().find_map(|role| {
            let Role::Delta(number) = role else { return None };
            let rule = &rules.deltas[usize::from(*number)];
            let fits = rule.event.as_ref().is_none_or(|kind| kind.as_bytes() == self.reader.kind);
            fits.then_some((*number, rule.kind))
        })
    }

    /// The text that a rule and keys name; it begins with its first fragment.
    fn channel(&mut self, number: u16, kind: DeltaKind, keys: &Keys) -> Option<usize> {
        let rule = &stream_rules(&self.bodies)?.deltas[usize::from(number)];
        let mut own = Keys::default();
        for key in &rule.keys {
            own[usize::from(*key)] = keys[usize::from(*key)];
        }
        let same = |channel: &Channel| channel.rule == number && channel.keys == own && channel.is_open();
        if let Some(at) = self.channels.iter().rposition(same) {
            return Some(at);
        }
        if self.open == MOST_OPEN || self.channels.len() == MOST_CHANNELS {
            return None;
        }
        let detectors = self.reader.inspector.scanner.detectors()?.clone();
        let place = rule.place_of(&own).into();
        self.channels.push(Channel::new(number, own, kind, place, detectors));
        self.open += 1;
        Some(self.channels.len() - 1)
    }

    /// Rules on a finding in a text, and marks what is to be replaced in the events that are still here.
    fn found(&mut self, at: usize, finding: &StreamFinding, case: &mut Case) -> Result<(), Box<Refusal>> {
        let channel = &self.channels[at];
        let text = finding.start..finding.end;
        let touches =
            |piece: &&Piece| piece.channel == at && piece.text.start < text.end && text.start < piece.reach();
        let first = self.queue.iter().find_map(|held| Some((held, held.pieces.iter().find(touches)?)));
        let quoting = match first {
            Some((held, piece)) if !piece.is_in_string(&held.raw, text.start) => Quoting::InnerNumber,
            _ => Quoting::Inside,
        };
        let hit = Hit {
            detector: finding.detector,
            confidence: finding.confidence,
            place: channel.place.clone(),
            start: finding.start,
            length: finding.end - finding.start,
            raw: 0..0,
            text: 0..0,
            quoting,
            // Nothing may be replaced where nothing is left to replace.
            sealed: channel.kind == DeltaKind::Sealed || (self.acts && first.is_none()),
        };
        let begins = first.map(|(_, piece)| piece.text.start.max(text.start));
        let Ruling::Replace(with) = case.rule(Direction::Response, &hit)? else { return Ok(()) };
        if let Some(begins) = begins.filter(|begins| *begins > text.start) {
            self.channels[at].clipped.push((finding.detector, begins..text.end));
        }
        let mut with = Some(match begins {
            // The first digits of a number are out, and only a number may follow them.
            Some(begins) if quoting == Quoting::InnerNumber && begins > text.start => zeros(begins..text.end),
            _ => with,
        });
        for held in &mut self.queue {
            for piece in held.pieces.iter().filter(touches) {
                let range = piece.written(&held.raw, &text);
                held.edits.push(Edit { range, with: with.take().unwrap_or_default() });
            }
        }
        Ok(())
    }

    /// Closes the texts that this event ends.
    fn close(&mut self, case: &mut Case) -> Result<(), Box<Refusal>> {
        let Some(bodies) = self.bodies.clone() else { return Ok(()) };
        let Some(rules) = &bodies.stream else { return Ok(()) };
        for closing in std::mem::take(&mut self.reader.closings) {
            let rule = &rules.closes[usize::from(closing.rule)];
            self.close_matching(&rule.keys, &closing.keys, case)?;
        }
        let keys = self.reader.keys;
        for rule in &rules.closes {
            if rule.event.as_ref().is_some_and(|kind| kind.as_bytes() == self.reader.kind) {
                self.close_matching(&rule.keys, &keys, case)?;
            }
        }
        Ok(())
    }

    fn close_all(&mut self, case: &mut Case) -> Result<(), Box<Refusal>> {
        self.close_matching(&[], &Keys::default(), case)
    }

    fn close_matching(&mut self, places: &[u8], keys: &Keys, case: &mut Case) -> Result<(), Box<Refusal>> {
        if self.open == 0 {
            return Ok(());
        }
        for at in 0..self.channels.len() {
            let channel = &mut self.channels[at];
            let shared = |place: &u8| channel.keys[usize::from(*place)] == keys[usize::from(*place)];
            if !channel.is_open() || !places.iter().all(shared) {
                continue;
            }
            let mut found = Vec::new();
            channel.finish(&mut found);
            self.open -= 1;
            found.iter().try_for_each(|finding| self.found(at, finding, case))?;
        }
        Ok(())
    }

    /// Rules on what was found in the event itself, outside of its fragments.
    fn rule_on_event(&mut self, event: &[u8], case: &mut Case) -> Result<(), Box<Refusal>> {
        if self.reader.inspector.hits.is_empty() {
            return Ok(());
        }
        let mut hits = std::mem::take(&mut self.reader.inspector.hits);
        for hit in &mut hits {
            self.agree_with_stream(event, hit);
        }
        let edits = case.rule_all(Direction::Response, &hits)?;
        if let Some(held) = self.queue.back_mut() {
            held.edits.extend(edits);
        }
        Ok(())
    }

    /// The text of a stream is often repeated at its end. What had left before it was certain stays in the
    /// repetition too, so that a client that compares the two finds them alike.
    fn agree_with_stream(&self, event: &[u8], hit: &mut Hit) {
        if hit.quoting != Quoting::Inside {
            return;
        }
        let written = &event[hit.text.clone()];
        let end = hit.raw.end - hit.text.start;
        let clipped = self.channels.iter().filter(|channel| !channel.clipped.is_empty());
        if let Some(start) = clipped.filter_map(|channel| channel.repeated(written, hit.detector, end)).next()
        {
            hit.raw.start = hit.raw.start.max(hit.text.start + start);
        }
    }

    /// Lets go of events from the front as long as nothing in them is undecided.
    fn release(&mut self, outlet: &mut Outlet<'_>) {
        while let Some(held) = self.queue.front() {
            let certain = |piece: &Piece| self.channels[piece.channel].released >= piece.reach();
            if !held.pieces.iter().all(certain) {
                return;
            }
            self.queued -= held.raw.len();
            if let Some(held) = self.queue.pop_front()
                && self.acts
            {
                outlet.send(held);
            }
        }
    }
}

/// As many zeros as the range is long.
fn zeros(range: Range<u64>) -> Bytes {
    Bytes::from(vec![b'0'; usize::try_from(range.end - range.start).unwrap_or(0)])
}

fn stream_rules(bodies: &Option<Arc<Bodies>>) -> Option<&StreamRules> {
    bodies.as_ref()?.stream.as_ref()
}

/// Hands events on. Neighbours in one chunk that leave together leave as one slice of it, so that what came in
/// one chunk goes on in one.
struct Outlet<'a> {
    chunk: Bytes,
    run: Range<usize>,
    out: &'a mut Vec<Bytes>,
}

impl<'a> Outlet<'a> {
    fn new(chunk: Bytes, out: &'a mut Vec<Bytes>) -> Self {
        Outlet { chunk, run: 0..0, out }
    }

    fn send(&mut self, held: Held) {
        match held.within {
            Some(range) if held.edits.is_empty() => {
                if range.start != self.run.end || self.run.is_empty() {
                    self.flush();
                    self.run = range.start..range.start;
                }
                self.run.end = range.end;
            }
            _ => {
                self.flush();
                let mut edits = held.edits;
                edits.sort_by_key(|edit| edit.range.start);
                edit::apply(&[held.raw], &edits, self.out);
            }
        }
    }

    fn flush(&mut self) {
        if !self.run.is_empty() {
            self.out.push(self.chunk.slice(self.run.clone()));
            self.run = 0..0;
        }
    }
}
