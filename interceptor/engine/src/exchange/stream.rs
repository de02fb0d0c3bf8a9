//! A stream of frames: each goes on at once, unless it holds a part of something that is not decided yet.
//! Frames leave in the order in which they came, each byte for byte as it came, except for replaced spans.
//! The frames and their order are here, how they are cut is in `framing`, what is looked at in one is in `document`;
//! the texts that their fragments make up are in `texts`. Does not know which way it runs: an answer's stream and either direction of a WebSocket are alike.

mod calls;
mod document;
mod framing;
mod outlet;
mod raw;
mod restore;
mod texts;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::catalogue::{Bodies, StreamRules};
use crate::decode::{Coded, DecodeError, Decoder};
use crate::detect::Detectors;
use crate::edit;
use crate::frame::Framed;
use crate::json::Walker;
use crate::policy::{Direction, Uncertainty};
use crate::record::Ledger;
use crate::refusal::{Refusal, StreamShape};
use crate::websocket::Messages;

use super::Limits;
use super::case::Case;
use super::channel::{Channel, Piece};
use super::event::EventReader;
use super::inspect::Facts;
use calls::Called;
pub(super) use framing::Framing;
use framing::{Cut, Framer, Opened, Shell};
use outlet::{Held, Outlet};

/// A stream on its way.
#[derive(Debug)]
pub(super) struct Stream {
    direction: Direction,
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
    /// What is found is kept in words.
    reveals: bool,
    /// What leaves since then need not be whole frames.
    leaves_raw: bool,
    /// A frame has left.
    begun: bool,
    /// A message of a WebSocket did not leave as it came, so that those compressed with regard to it cannot either.
    out_of_step: bool,
    /// Tools that policy was asked about.
    told_tools: usize,
    /// Tools that are called, where rules ask what with.
    called: Called,
}

/// What a stream needs to know before it begins.
pub(super) struct StreamHead {
    pub(super) bodies: Option<Arc<Bodies>>,
    pub(super) detectors: Option<Arc<Detectors>>,
    pub(super) acts: bool,
    /// Texts may have to be put back.
    pub(super) restores: bool,
    pub(super) limits: Limits,
}

impl Stream {
    /// An answer.
    pub(super) fn answer(framing: Framing, coded: Coded, head: StreamHead) -> Self {
        let decoder = match coded {
            Coded::By(coding) => Some(Decoder::new(coding, head.limits.decoded_ratio)),
            Coded::Plain | Coded::Unknown => None,
        };
        Stream { decoder, ..Self::new(Direction::Response, Framer::new(framing), head) }
    }

    /// One direction of a WebSocket.
    pub(super) fn socket(direction: Direction, messages: Messages, head: StreamHead) -> Self {
        Self::new(direction, Framer::Socket(Box::new(messages)), head)
    }

    fn new(direction: Direction, framer: Framer, head: StreamHead) -> Self {
        let mut reader = EventReader::new(head.detectors);
        reader.restores = head.restores;
        Stream {
            direction,
            bodies: head.bodies,
            decoder: None,
            acts: head.acts,
            framer,
            walker: Walker::new(),
            reader,
            channels: Vec::new(),
            open: 0,
            queue: VecDeque::new(),
            queued: 0,
            ledger: Ledger::default(),
            limits: head.limits,
            given_up: false,
            leaves_raw: false,
            reveals: false,
            begun: false,
            out_of_step: false,
            told_tools: 0,
            called: Called::default(),
        }
    }

    /// Keeps what is found, in words.
    pub(super) fn reveal(&mut self) {
        self.reveals = true;
        self.reader.inspector.scanner.reveal();
    }

    /// Findings in what comes whole carry what was found, for tokens in its place.
    pub(super) fn show(&mut self) {
        self.reader.inspector.scanner.reveal();
    }

    /// True if the rest went on unread.
    pub(super) fn gave_up(&self) -> bool {
        self.given_up
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
        let result = self.decoded(decoded, case, out);
        result.map_err(|refusal| self.last_words(refusal, case))
    }

    /// The stream is complete.
    pub(super) fn finish(&mut self, case: &mut Case, out: &mut Vec<Bytes>) -> Result<(), Box<Refusal>> {
        let result = self.read_rest(case, out);
        result.map_err(|refusal| self.last_words(refusal, case))
    }

    /// True if something may be put in behind what has left: no frame has begun there.
    pub(super) fn is_between(&self) -> bool {
        !self.leaves_raw && (self.acts || self.framer.pending() == 0)
    }

    /// A refusal as the last frame of this stream.
    fn last_words(&self, refusal: Box<Refusal>, case: &Case) -> Box<Refusal> {
        let shape = match self.framer {
            Framer::Sse(_) => StreamShape::Sse,
            Framer::Lines(_) => StreamShape::Lines,
            Framer::Array(_) => StreamShape::Array { begun: self.begun },
            Framer::EventStream(_) => StreamShape::EventStream,
            // Who ends a WebSocket has to know both directions.
            Framer::Socket(_) => return refusal,
        };
        if self.is_between() { Box::new(refusal.in_stream(case.shape, shape)) } else { refusal }
    }

    fn read_rest(&mut self, case: &mut Case, out: &mut Vec<Bytes>) -> Result<(), Box<Refusal>> {
        if let Some(decoder) = &mut self.decoder
            && !self.given_up
        {
            let rest = decoder.finish();
            self.decoded(rest, case, out)?;
        }
        if let Some(raw) = self.framer.finish() {
            self.rest(raw, case)?;
        }
        self.close_all(case)?;
        let mut outlet = Outlet::new(Bytes::new(), out);
        self.release(&mut outlet);
        outlet.flush();
        Ok(())
    }

    /// What no end has closed.
    fn rest(&mut self, raw: Bytes, case: &mut Case) -> Result<(), Box<Refusal>> {
        let (document, shell) = (Bytes::new(), Shell::None);
        match &self.framer {
            // Some clients read it all the same.
            Framer::Sse(_) | Framer::Lines(_) | Framer::Array(_) => {
                let opened = self.framer.open(raw.clone());
                self.frame(Framed { raw, within: None }, opened, case)
            }
            // They have to see that it is broken off.
            Framer::EventStream(_) => {
                case.doubt(Uncertainty::UndecodableBody, self.direction)?;
                self.queued += raw.len();
                let (pieces, edits) = Default::default();
                self.queue.push_back(Held { raw, within: None, document, shell, pieces, edits });
                Ok(())
            }
            // The end of the connection says so, and nobody has looked at this.
            Framer::Socket(_) => Ok(()),
        }
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
                case.doubt(doubt, self.direction)?;
                self.given_up = true;
                // The rest cannot be handed back decoded, whatever policy says.
                if self.acts { Err(case.refuse_unsure(doubt, self.direction)) } else { Ok(()) }
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
        let result = self.read_frames(case, &mut outlet);
        outlet.flush();
        // Frames that stay behind lie in a chunk that is read to its end.
        self.queue.iter_mut().for_each(|held| held.within = None);
        if let Some(doubt) = result? {
            return self.give_up(doubt, case, out);
        }
        if self.queued + self.framer.pending() > self.limits.held_stream {
            self.give_up(Uncertainty::OversizedBody, case, out)?;
        }
        Ok(())
    }

    /// Reads what is complete. `Some` is why no more can be read.
    fn read_frames(
        &mut self,
        case: &mut Case,
        outlet: &mut Outlet<'_>,
    ) -> Result<Option<Uncertainty>, Box<Refusal>> {
        loop {
            let cut = match self.framer.next() {
                Ok(Some(cut)) => cut,
                Ok(None) => return Ok(None),
                Err(doubt) => return Ok(Some(doubt)),
            };
            self.cut(cut, case, outlet)?;
            // What is certain leaves even if something behind it ends the stream; what ends it does not.
            self.release(outlet);
        }
    }

    /// Nothing more can be read, or more is held back than may be: policy says whether the rest goes on unseen.
    fn give_up(
        &mut self,
        doubt: Uncertainty,
        case: &mut Case,
        out: &mut Vec<Bytes>,
    ) -> Result<(), Box<Refusal>> {
        case.doubt(doubt, self.direction)?;
        // What is compressed with regard to something that did not leave cannot leave unseen.
        if self.out_of_step {
            return Err(case.refuse_unsure(doubt, self.direction));
        }
        (self.given_up, self.leaves_raw) = (true, true);
        self.close_all(case)?;
        let mut outlet = Outlet::new(Bytes::new(), out);
        self.release(&mut outlet);
        outlet.flush();
        let rest = self.framer.finish();
        out.extend(rest.filter(|_| self.acts));
        Ok(())
    }

    fn cut(&mut self, cut: Cut, case: &mut Case, outlet: &mut Outlet<'_>) -> Result<(), Box<Refusal>> {
        let (framed, payload, writing, last) = match cut {
            Cut::Frame(framed, opened) => return self.frame(framed, opened, case),
            Cut::Aside { framed, payload, writing, last } => (framed, payload, writing, last),
        };
        let edits = self.aside(&payload, case)?;
        if last {
            self.close_all(case)?;
            self.release(outlet);
        }
        let mut anew = Vec::new();
        edit::apply(&[payload.into()], &edits, &mut anew);
        if self.acts {
            outlet.aside(if edits.is_empty() { framed.raw } else { writing.rewritten(&anew.concat()) });
        }
        Ok(())
    }

    /// Queues a frame and looks at what is in it.
    fn frame(&mut self, framed: Framed, opened: Opened, case: &mut Case) -> Result<(), Box<Refusal>> {
        self.queued += framed.raw.len();
        let (pieces, edits) = Default::default();
        let Opened { document, data, kind, shell, ends, binary } = opened;
        let Framed { raw, within } = framed;
        self.queue.push_back(Held { raw, within, document: document.clone(), shell, pieces, edits });
        self.document(&document, &data, kind, case)?;
        self.rule_names(case)?;
        if binary {
            self.binary(document.len(), case)?;
        }
        if ends { self.close_all(case) } else { Ok(()) }
    }

    /// Lets go of frames from the front as long as nothing in them is undecided.
    fn release(&mut self, outlet: &mut Outlet<'_>) {
        while let Some(held) = self.queue.front() {
            let certain = |piece: &Piece| self.channels[piece.channel].certain() >= piece.reach();
            if !held.pieces.iter().all(certain) {
                return;
            }
            self.queued -= held.raw.len();
            let Some(held) = self.queue.pop_front().filter(|_| self.acts) else { continue };
            let in_window = held.shell.is_in_window();
            let anew = outlet.send(held, in_window && self.out_of_step);
            self.out_of_step |= anew && in_window;
            self.begun = true;
        }
    }
}

fn stream_rules(bodies: &Option<Arc<Bodies>>) -> Option<&StreamRules> {
    bodies.as_ref()?.stream.as_ref()
}
