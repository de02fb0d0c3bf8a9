//! Puts texts back in a stream: in the texts that its fragments make up, and in the strings that it repeats whole.
//! Knows which frames are still here. Does not know how tokens are found.

use bytes::Bytes;

use super::framing::Framer;
use super::raw::in_lines_of_data;
use super::{Stream, stream_rules};
use crate::catalogue::DeltaKind;
use crate::edit::Edit;
use crate::exchange::case::Case;
use crate::exchange::channel::{Piece, Restoring};
use crate::exchange::restore::{self, Candidate, is_in_tools, written};
use crate::json::{Class, Place, Table};
use crate::redact::Found;

impl Stream {
    /// What is put back in a text of this rule, if anything is.
    pub(super) fn restoring(&self, rule: u16, kind: DeltaKind) -> Option<Restoring> {
        if !self.reader.restores || !self.acts {
            return None;
        }
        let bodies = self.bodies.as_ref()?;
        let place = &stream_rules(&self.bodies)?.deltas[usize::from(rule)].place;
        match kind {
            DeltaKind::Json => Some(Restoring::new(true)),
            // Some tools are called with prose. What the whole answer takes for arguments are arguments.
            DeltaKind::Text | DeltaKind::Raw => {
                Some(Restoring::new(class_at(&bodies.response, place).is_some_and(is_in_tools)))
            }
            DeltaKind::Sealed | DeltaKind::Binary => None,
        }
    }

    /// Puts back what is certain to be a token and nobody's finding.
    pub(super) fn restore_text(&mut self, at: usize, case: &mut Case) {
        for token in self.channels[at].take_tokens() {
            let channel = &self.channels[at];
            let Some(restoring) = &channel.restoring else { return };
            let range = &token.range;
            if restoring.replaced.iter().any(|other| other.start < range.end && range.start < other.end) {
                continue;
            }
            // The fragments of JSON are in a string of the event, and the token in one of their own.
            let levels = match channel.kind {
                DeltaKind::Json => 2,
                DeltaKind::Raw => 0,
                DeltaKind::Text | DeltaKind::Sealed | DeltaKind::Binary => 1,
            };
            let token = Found { in_string: token.in_string && levels < 2, ..token };
            if let Some(mut with) = written(&token, restoring.in_tools, levels, &mut case.redactor.table) {
                if levels == 0 && matches!(self.framer, Framer::Sse(_)) {
                    with = in_lines_of_data(with);
                }
                self.put_back(at, &token, with);
            }
        }
        let certain = self.channels[at].certain();
        if let Some(restoring) = &mut self.channels[at].restoring {
            restoring.replaced.retain(|range| range.end > certain);
        }
    }

    fn put_back(&mut self, at: usize, token: &Found, with: Bytes) {
        let touches = |piece: &&Piece| {
            piece.channel == at && piece.text.start < token.range.end && token.range.start < piece.reach()
        };
        let mut with = Some(with);
        for held in &mut self.queue {
            for piece in held.pieces.iter().filter(touches) {
                let range = piece.written(&held.document, &token.range);
                held.edits.push(Edit { range, with: with.take().unwrap_or_default() });
            }
        }
    }

    /// Puts back what stands in the strings that came whole with the last frame.
    pub(super) fn restore_strings(&mut self, document: &[u8], case: &mut Case) {
        if self.reader.candidates.is_empty() || !self.acts {
            return;
        }
        let mut edits = Vec::new();
        for candidate in std::mem::take(&mut self.reader.candidates) {
            let Candidate { raw, .. } = &candidate;
            candidate.restore(&document[raw.clone()], &mut case.redactor.table, &mut edits);
        }
        if let Some(held) = self.queue.back_mut() {
            restore::add(&mut held.edits, edits);
        }
    }
}

/// What stands at a place of the whole answer.
fn class_at(table: &Table, place: &str) -> Option<Class> {
    Place::parse(place).ok().map(|place| table.class_at(&place))
}
