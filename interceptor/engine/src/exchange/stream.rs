//! A streamed answer: events go on at once, unless they hold a part of something that is not decided yet.
//! Events leave in the order in which they came, each byte for byte as it came, except for replaced spans.
//! The events and their order are here; the texts that their fragments make up are in `texts`.

mod outlet;
mod texts;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::catalogue::{Bodies, StreamRules};
use crate::decode::{Coded, DecodeError, Decoder};
use crate::detect::Detectors;
use crate::json::Walker;
use crate::policy::{Direction, Uncertainty};
use crate::record::Ledger;
use crate::refusal::Refusal;
use crate::sse::{self, Framed, Framer};

use super::Limits;
use super::case::Case;
use super::channel::{Channel, Piece};
use super::event::EventReader;
use super::inspect::{Facts, UNKNOWN};
use outlet::{Held, Outlet};

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

    /// Keeps what is found, in words.
    pub(super) fn reveal(&mut self) {
        self.reader.inspector.scanner.reveal();
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

fn stream_rules(bodies: &Option<Arc<Bodies>>) -> Option<&StreamRules> {
    bodies.as_ref()?.stream.as_ref()
}
