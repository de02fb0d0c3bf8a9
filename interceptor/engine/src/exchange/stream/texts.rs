//! The texts of a stream: each comes in fragments, event by event, and is scanned as one.
//! Knows which rule gives a fragment to which text. Does not know when an event leaves.

use std::ops::Range;

use bytes::Bytes;

use super::{Stream, stream_rules};
use crate::catalogue::DeltaKind;
use crate::detect::StreamFinding;
use crate::edit::{self, Edit};
use crate::exchange::calls::Fragments;
use crate::exchange::case::{Case, Ruling};
use crate::exchange::channel::{Channel, Piece};
use crate::exchange::event::{Fragment, Keys, class_of};
use crate::exchange::inspect::{Hit, Quoting};
use crate::json::{Class, Role, escape};
use crate::policy::Uncertainty;
use crate::refusal::Refusal;
use crate::reveal::Shown;

/// Most texts that may be open at once. Further ones are scanned fragment by fragment.
const MOST_OPEN: usize = 256;

/// Most texts that are remembered.
const MOST_CHANNELS: usize = 8_192;

impl Stream {
    /// Gives a fragment to the text it belongs to.
    pub(super) fn fragment(
        &mut self,
        event: &Bytes,
        fragment: &Fragment,
        case: &mut Case,
    ) -> Result<(), Box<Refusal>> {
        let Some((number, kind)) = self.delta_rule(fragment) else {
            return self.lone_fragment(event, fragment, "data");
        };
        self.piece(event, fragment, number, kind, case)
    }

    /// Gives a fragment to the text of its rule and keys.
    pub(super) fn piece(
        &mut self,
        event: &Bytes,
        fragment: &Fragment,
        number: u16,
        kind: DeltaKind,
        case: &mut Case,
    ) -> Result<(), Box<Refusal>> {
        let watched = self.reader.inspector.scanner.detectors().is_some() || self.reader.restores;
        if kind == DeltaKind::Binary || !watched {
            self.count(kind, fragment);
            return Ok(());
        }
        let Some(at) = self.channel(number, kind, &fragment.keys) else {
            self.not_followed(number, case)?;
            return self.lone_fragment(event, fragment, "data");
        };
        self.count(kind, fragment);
        let mut found = Vec::new();
        let raw = fragment.raw.clone();
        let tokens = &case.redactor.table;
        let piece = self.channels[at].push(at, event, raw, fragment.escaped, tokens, &mut found);
        if self.acts
            && let Some(held) = self.queue.back_mut()
        {
            held.pieces.push(piece);
        }
        found.iter().try_for_each(|finding| self.found(at, finding, case))?;
        self.rule_fragments(at, case)?;
        self.restore_text(at, case);
        Ok(())
    }

    fn count(&mut self, kind: DeltaKind, fragment: &Fragment) {
        match class_of(kind) {
            Class::Binary => self.ledger.binary += fragment.raw.len() as u64,
            Class::Sealed => self.ledger.sealed += fragment.raw.len() as u64,
            _ => self.ledger.scanned += fragment.raw.len() as u64,
        }
    }

    /// A fragment that belongs to no known text is looked at by itself.
    fn lone_fragment(&mut self, event: &Bytes, fragment: &Fragment, place: &str) -> Result<(), Box<Refusal>> {
        // The same place may hold a text of its own in events of another type.
        let rules = stream_rules(&self.bodies);
        let class = rules.map_or(Class::Unknown, |rules| rules.event.state(fragment.state).class);
        let inspector = &mut self.reader.inspector;
        inspector.count(class, fragment.raw.len());
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
    pub(super) fn channel(&mut self, number: u16, kind: DeltaKind, keys: &Keys) -> Option<usize> {
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
        let detectors = self.reader.inspector.scanner.detectors().cloned();
        let place = rule.place_of(&own).into();
        let mut channel = Channel::new(number, own, kind, place, detectors, self.restoring(number, kind));
        channel.said = self.reveals.then(Vec::new);
        let is_of_call = rule.arguments && self.reader.inspector.calls.is_asked();
        channel.call = is_of_call.then(|| Box::new(Fragments::new(kind == DeltaKind::Json)));
        self.channels.push(channel);
        self.open += 1;
        Some(self.channels.len() - 1)
    }

    /// Rules on a finding in a text, and marks what is to be replaced in the events that are still here.
    pub(super) fn found(
        &mut self,
        at: usize,
        finding: &StreamFinding,
        case: &mut Case,
    ) -> Result<(), Box<Refusal>> {
        let channel = &self.channels[at];
        let text = finding.start..finding.end;
        let touches =
            |piece: &&Piece| piece.channel == at && piece.text.start < text.end && text.start < piece.reach();
        let first = self.queue.iter().find_map(|held| Some((held, held.pieces.iter().find(touches)?)));
        let quoting = match first {
            Some((held, piece)) if !piece.is_in_string(&held.document, text.start) => Quoting::InnerNumber,
            _ => Quoting::Inside,
        };
        let hit = Hit {
            detector: finding.detector,
            confidence: finding.confidence,
            place: channel.place.clone(),
            start: finding.start,
            length: finding.end - finding.start,
            raw: 0..0,
            rest: Vec::new(),
            text: 0..0,
            quoting,
            // Nothing may be replaced where nothing is left to replace.
            sealed: channel.kind == DeltaKind::Sealed || (self.acts && first.is_none()),
            shown: channel.shown(&text).or_else(|| self.says(at, &text)),
        };
        let begins = first.map(|(_, piece)| piece.text.start.max(text.start));
        let Ruling::Replace(with) = case.rule(self.direction, &hit)? else { return Ok(()) };
        if let Some(restoring) = &mut self.channels[at].restoring {
            restoring.replaced.push(text.clone());
        }
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
                let range = piece.written(&held.document, &text);
                edit::unite(&mut held.edits, Edit { range, with: with.take().unwrap_or_default() });
            }
        }
        Ok(())
    }

    /// Closes the texts that this event ends.
    pub(super) fn close(&mut self, case: &mut Case) -> Result<(), Box<Refusal>> {
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

    pub(super) fn close_all(&mut self, case: &mut Case) -> Result<(), Box<Refusal>> {
        self.close_matching(&[], &Keys::default(), case)
    }

    fn close_matching(&mut self, places: &[u8], keys: &Keys, case: &mut Case) -> Result<(), Box<Refusal>> {
        let channels = if self.open == 0 { 0 } else { self.channels.len() };
        for at in 0..channels {
            let channel = &mut self.channels[at];
            let shared = |place: &u8| channel.keys[usize::from(*place)] == keys[usize::from(*place)];
            if !channel.is_open() || !places.iter().all(shared) {
                continue;
            }
            let mut found = Vec::new();
            channel.finish(&case.redactor.table, &mut found);
            self.open -= 1;
            let unfinished = channel.unfinished;
            found.iter().try_for_each(|finding| self.found(at, finding, case))?;
            self.rule_fragments(at, case)?;
            self.restore_text(at, case);
            if unfinished {
                case.doubt(Uncertainty::DecodeLimit, self.direction)?;
            }
        }
        self.rule_waiting(places, keys, case)
    }

    /// What a finding says, if all of it is still here.
    fn says(&self, at: usize, text: &Range<u64>) -> Option<Box<Shown>> {
        let mut value = Vec::new();
        for held in &self.queue {
            for piece in held.pieces.iter().filter(|piece| piece.channel == at) {
                let part = piece.text.start.max(text.start)..piece.reach().min(text.end);
                if part.start < part.end {
                    value.extend(piece.says(&held.document, &part));
                }
            }
        }
        if self.channels[at].kind == DeltaKind::Json {
            let written = std::mem::take(&mut value);
            escape::decode(&written, &mut value);
        }
        let whole = value.len() as u64 == text.end - text.start;
        whole.then(|| Box::new(Shown { value, ..Shown::default() }))
    }

    /// The text of a stream is often repeated at its end. What had left before it was certain stays in the
    /// repetition too, so that a client that compares the two finds them alike.
    pub(super) fn agree_with_stream(&self, event: &[u8], hit: &mut Hit) {
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
}

/// As many zeros as the range is long.
fn zeros(range: Range<u64>) -> Bytes {
    Bytes::from(vec![b'0'; usize::try_from(range.end - range.start).unwrap_or(0)])
}
