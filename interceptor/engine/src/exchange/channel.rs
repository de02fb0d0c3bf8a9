//! One of the texts that a stream carries in fragments: what of it is certain, and what was found in it.
//! Knows offsets in the text. Does not know events.

use std::ops::Range;
use std::sync::Arc;

use crate::catalogue::DeltaKind;
use crate::detect::{DetectorId, Detectors, StreamFinding};
use crate::json::escape;
use crate::redact::{Finder, Found, Table};
use crate::reveal::{Shower, Shown};

use super::calls::Fragments;
use super::event::Keys;
use super::inner::{Undone, Unescaper};
use super::layers::FragmentScanner;

/// A text that comes in fragments.
pub(super) struct Channel {
    pub(super) rule: u16,
    pub(super) keys: Keys,
    pub(super) kind: DeltaKind,
    /// Where the text stands in the answer as a whole, in words.
    pub(super) place: Arc<str>,
    is_open: bool,
    /// None if no rule asks for anything.
    scanner: Option<FragmentScanner>,
    /// What is to be put back; none if nothing is.
    pub(super) restoring: Option<Restoring>,
    unescaper: Unescaper,
    /// Length of the text so far, escapes undone.
    pub(super) length: u64,
    /// Below this nothing can become part of a finding any more.
    pub(super) released: u64,
    /// Findings of which a part was out before they were certain: what was replaced of them.
    pub(super) clipped: Vec<(DetectorId, Range<u64>)>,
    view: Vec<u8>,
    /// The whole text; only where findings are shown.
    pub(super) said: Option<Vec<u8>>,
    /// Something in it was encoded more often than is undone.
    pub(super) unfinished: bool,
    /// What a tool is called with; only where rules ask for that.
    pub(super) call: Option<Box<Fragments>>,
}

/// The tokens in a text.
#[derive(Debug, Default)]
pub(super) struct Restoring {
    finder: Finder,
    /// The text is what a tool is called with.
    pub(super) in_tools: bool,
    /// Tokens whose place is not certain to be nobody's finding.
    pub(super) found: Vec<Found>,
    /// Findings that were replaced, as far as a token may still touch them.
    pub(super) replaced: Vec<Range<u64>>,
    /// Below this nothing can become part of a token any more.
    released: u64,
}

impl Restoring {
    pub(super) fn new(in_tools: bool) -> Self {
        Restoring { in_tools, ..Restoring::default() }
    }
}

/// A fragment in an event that may still be held back.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) channel: usize,
    /// Its part of the text.
    pub(super) text: Range<u64>,
    /// Its bytes as written, in offsets of the event.
    pub(super) raw: Range<usize>,
    escaped: bool,
    /// For JSON: how its escapes were undone.
    undone: Option<Undone>,
}

impl Channel {
    pub(super) fn new(
        rule: u16,
        keys: Keys,
        kind: DeltaKind,
        place: Arc<str>,
        detectors: Option<Arc<Detectors>>,
        restoring: Option<Restoring>,
    ) -> Self {
        Channel {
            rule,
            keys,
            kind,
            place,
            is_open: true,
            released: if detectors.is_some() { 0 } else { u64::MAX },
            scanner: detectors.map(FragmentScanner::new),
            restoring,
            unescaper: Unescaper::default(),
            length: 0,
            clipped: Vec::new(),
            view: Vec::new(),
            said: None,
            unfinished: false,
            call: None,
        }
    }

    /// What a range of the text says, where findings are shown.
    pub(super) fn shown(&self, text: &Range<u64>) -> Option<Box<Shown>> {
        let said = self.said.as_deref()?;
        let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(said.len());
        Some(Shower::new(said).show(place(text.start)..place(text.end)))
    }

    /// True until the text is complete.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Below this everything is decided.
    pub(super) fn certain(&self) -> u64 {
        let Some(restoring) = &self.restoring else { return self.released };
        let first = restoring.found.first().map_or(u64::MAX, |token| token.range.start);
        self.released.min(restoring.released).min(first)
    }

    /// Takes out the tokens at places that are decided.
    pub(super) fn take_tokens(&mut self) -> Vec<Found> {
        let Some(restoring) = &mut self.restoring else { return Vec::new() };
        let decided = restoring.found.iter().take_while(|token| token.range.end <= self.released).count();
        restoring.found.drain(..decided).collect()
    }

    /// Takes the next fragment, given as written; what is certain now is pushed on `found`.
    pub(super) fn push(
        &mut self,
        number: usize,
        event: &[u8],
        raw: Range<usize>,
        escaped: bool,
        tokens: &Table,
        found: &mut Vec<StreamFinding>,
    ) -> Piece {
        let mut decoded = Vec::new();
        let written = &event[raw.clone()];
        let fragment = if escaped {
            escape::decode(written, &mut decoded);
            &decoded[..]
        } else {
            written
        };
        if let Some(call) = &mut self.call {
            call.push(fragment);
        }
        self.view.clear();
        let undone = (self.kind == DeltaKind::Json).then(|| self.unescaper.push(fragment, &mut self.view));
        let text = if undone.is_some() { &self.view[..] } else { fragment };
        let begin = self.length;
        self.length += text.len() as u64;
        if let Some(said) = &mut self.said {
            said.extend_from_slice(text);
        }
        if let Some(scanner) = &mut self.scanner {
            self.released = scanner.push(text, found);
        }
        if let Some(Restoring { finder, found, released, .. }) = &mut self.restoring {
            *released = finder.push(tokens, text, found);
        }
        Piece { channel: number, text: begin..self.length, raw, escaped, undone }
    }

    /// The text is complete.
    pub(super) fn finish(&mut self, tokens: &Table, found: &mut Vec<StreamFinding>) {
        self.is_open = false;
        self.view.clear();
        self.unescaper.finish(&mut self.view);
        self.length += self.view.len() as u64;
        if let Some(said) = &mut self.said {
            said.extend_from_slice(&self.view);
        }
        if let Some(mut scanner) = self.scanner.take() {
            if !self.view.is_empty() {
                scanner.push(&self.view, found);
            }
            scanner.finish(found);
            self.unfinished = scanner.is_unfinished();
        }
        if let Some(Restoring { finder, found, released, .. }) = &mut self.restoring {
            finder.push(tokens, &self.view, found);
            finder.finish(tokens, found);
            *released = u64::MAX;
        }
        self.released = u64::MAX;
    }

    /// How often escapes are undone from the event to the text.
    fn levels(&self) -> usize {
        if self.kind == DeltaKind::Json { 2 } else { 1 }
    }

    /// What of a finding was replaced while this text was streamed, if `written` repeats the text and the
    /// finding ends at `end` there: so that both copies agree. In offsets of `written`.
    pub(super) fn repeated(&self, written: &[u8], detector: DetectorId, end: usize) -> Option<usize> {
        let (_, clipped) = self.clipped.iter().find(|(known, range)| {
            *known == detector && range.end == undone(&written[..end], self.levels()).len() as u64
        })?;
        (undone(written, self.levels()).len() as u64 == self.length).then_some(())?;
        let start = usize::try_from(clipped.start).ok()?;
        let mut views = vec![written.to_vec()];
        for level in 0..self.levels() {
            views.push(undone(&views[level], 1));
        }
        let range = (0..self.levels())
            .rev()
            .fold(start..start + 1, |range, level| escape::raw_range(&views[level], range));
        Some(range.start)
    }
}

fn undone(text: &[u8], levels: usize) -> Vec<u8> {
    (0..levels).fold(text.to_vec(), |text, _| {
        let mut out = Vec::new();
        escape::decode(&text, &mut out);
        out
    })
}

impl Piece {
    /// One past the last byte of the text that touches the piece. An escape that is cut belongs to both.
    pub(super) fn reach(&self) -> u64 {
        self.text.end + u64::from(self.undone.as_ref().is_some_and(|undone| undone.open_end))
    }

    /// The bytes of the event that hold a range of the text, as far as they are in this piece.
    pub(super) fn written(&self, event: &[u8], text: &Range<u64>) -> Range<usize> {
        let relative =
            |offset: u64| usize::try_from(offset.saturating_sub(self.text.start)).unwrap_or(usize::MAX);
        let view = relative(text.start)..relative(text.end.min(self.reach()));
        let raw = &event[self.raw.clone()];
        let inside = match &self.undone {
            None => view,
            Some(undone) => undone.written(self.fragment(raw).len(), view),
        };
        let inside = if self.escaped { escape::raw_range(raw, inside) } else { inside };
        self.raw.start + inside.start..self.raw.start + inside.end
    }

    /// What a range of the text says as far as it is in this piece, with the escapes of the event undone.
    pub(super) fn says(&self, event: &[u8], text: &Range<u64>) -> Vec<u8> {
        let raw = &event[self.written(event, text)];
        if !self.escaped {
            return raw.to_vec();
        }
        let mut decoded = Vec::new();
        escape::decode(raw, &mut decoded);
        decoded
    }

    /// True if the text at `offset` is inside a JSON string, or no JSON at all.
    pub(super) fn is_in_string(&self, event: &[u8], offset: u64) -> bool {
        let Some(undone) = &self.undone else { return true };
        let fragment = self.fragment(&event[self.raw.clone()]);
        let view = usize::try_from(offset.saturating_sub(self.text.start)).unwrap_or(usize::MAX);
        let at = undone.written(fragment.len(), view..view.saturating_add(1)).start;
        undone.is_in_string(&fragment, at)
    }

    fn fragment<'a>(&self, raw: &'a [u8]) -> std::borrow::Cow<'a, [u8]> {
        if !self.escaped {
            return raw.into();
        }
        let mut decoded = Vec::new();
        escape::decode(raw, &mut decoded);
        decoded.into()
    }
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Channel({}, {} of {} released)", self.place, self.released.min(self.length), self.length)
    }
}
