//! What is looked at in a frame: its document, or the little that a control frame carries.
//! Knows tables and hits. Does not know when a frame leaves.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::Stream;
use super::raw::Raw;
use crate::catalogue::Bodies;
use crate::edit::Edit;
use crate::exchange::case::Case;
use crate::exchange::inspect::UNKNOWN;
use crate::json::Table;
use crate::policy::{Direction, Uncertainty};
use crate::refusal::Refusal;

impl Stream {
    /// Looks at what a control frame carries: little, but whatever its sender likes.
    pub(super) fn aside(&mut self, payload: &[u8], case: &mut Case) -> Result<Vec<Edit>, Box<Refusal>> {
        self.reader.begin();
        self.reader.inspector.ledger.unknown += payload.len() as u64;
        self.reader.inspector.plain_text("control", payload, 0);
        let hits = std::mem::take(&mut self.reader.inspector.hits);
        case.rule_all(self.direction, &hits)
    }

    /// A frame without text: sound, above all.
    pub(super) fn binary(&mut self, length: usize, case: &mut Case) -> Result<(), Box<Refusal>> {
        self.ledger.binary += length as u64;
        case.doubt(Uncertainty::BinaryContent, self.direction).map(drop)
    }

    /// Reads a document and decides on what became certain by it.
    pub(super) fn document(
        &mut self,
        document: &Bytes,
        data: &[Range<usize>],
        kind: Option<Bytes>,
        case: &mut Case,
    ) -> Result<(), Box<Refusal>> {
        if data.is_empty() {
            return Ok(());
        }
        self.reader.begin();
        let raw = self.raw_rule(kind.as_deref());
        if let Some(Raw::Named(number)) = raw {
            return self.raw_event(document, data, number, case);
        }
        if !self.walk(document, data) {
            self.reader.begin();
            return match raw {
                Some(Raw::Otherwise(number)) => self.raw_event(document, data, number, case),
                _ => self.text_event(document, data, case),
            };
        }
        if self.reader.kind.is_empty()
            && let Some(name) = kind
        {
            self.reader.kind.extend_from_slice(&name);
        }
        self.take_names(case);
        let fragments = std::mem::take(&mut self.reader.fragments);
        let result = fragments.iter().try_for_each(|fragment| self.fragment(document, fragment, case));
        self.reader.fragments = fragments;
        result?;
        self.rule_calls(case)?;
        self.close(case)?;
        self.rule_on_event(document, case)?;
        self.restore_strings(document, case);
        Ok(())
    }

    /// False if the data is no JSON.
    fn walk(&mut self, document: &[u8], data: &[Range<usize>]) -> bool {
        let table = table(&self.bodies, self.direction);
        self.walker.reset();
        for line in data {
            self.walker.feed(table, &document[line.clone()], line.start, &mut self.reader);
            // Lines of data are one text with line ends between them.
            self.walker.feed(table, b"\n", line.end, &mut self.reader);
        }
        self.walker.finish(table, document.len(), &mut self.reader).is_ok()
    }

    /// A document that is no JSON is looked at as text.
    fn text_event(
        &mut self,
        document: &[u8],
        data: &[Range<usize>],
        case: &mut Case,
    ) -> Result<(), Box<Refusal>> {
        for line in data {
            self.reader.inspector.ledger.unknown += line.len() as u64;
            self.reader.inspector.plain_text("data", &document[line.clone()], line.start);
        }
        self.rule_on_event(document, case)
    }

    /// Rules on what was found in the document itself, outside of its fragments.
    pub(super) fn rule_on_event(&mut self, document: &[u8], case: &mut Case) -> Result<(), Box<Refusal>> {
        if self.reader.inspector.hits.is_empty() {
            return Ok(());
        }
        let mut hits = std::mem::take(&mut self.reader.inspector.hits);
        for hit in &mut hits {
            self.agree_with_stream(document, hit);
        }
        let edits = case.rule_all(self.direction, &hits)?;
        if let Some(held) = self.queue.back_mut() {
            held.edits.extend(edits);
        }
        Ok(())
    }
}

/// What is known of the documents that go this way. What the application says on a WebSocket is a request each time.
fn table(bodies: &Option<Arc<Bodies>>, direction: Direction) -> &Table {
    match (direction, bodies) {
        (Direction::Request, Some(bodies)) => &bodies.request,
        (Direction::Response, Some(bodies)) => bodies.stream.as_ref().map_or(&*UNKNOWN, |rules| &rules.event),
        (_, None) => &UNKNOWN,
    }
}
