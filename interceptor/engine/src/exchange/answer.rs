//! The answer on its way: as it came, as one document, or as a stream.
//! Does not know rules; the case asks them.

use bytes::Bytes;

use crate::decode::Coded;
use crate::policy::{Direction, Reach, Uncertainty};
use crate::refusal::Refusal;

use super::body::{Body, BodyHead};
use super::head::{ResponseHead, ResponsePlan};
use super::stream::{Framing, Stream, StreamHead};
use super::{Exchange, restore};

/// The answer on its way.
#[derive(Debug)]
pub(super) enum Answer {
    /// Its head has not come.
    Awaited,
    /// Nothing in it is looked at.
    Bypass { seen: u64 },
    /// One document.
    Whole { body: Box<Body>, plain: bool },
    /// A stream of events.
    Stream(Box<Stream>),
}

impl Exchange {
    pub(super) fn begin_answer(&mut self, head: &ResponseHead<'_>) -> Result<ResponsePlan, Box<Refusal>> {
        // An answer may come before its request has ended.
        self.judge()?;
        let reach = self.case.scope.strongest(Direction::Response);
        let restores = !self.case.redactor.table.is_empty();
        let acts = matches!(reach, Reach::Rewrite | Reach::Block) || restores;
        let coded = Coded::parse(head.content_encoding);
        // What is upgraded to another protocol, and what has no body, is not looked at here.
        if self.foreign || matches!(head.status, 100..=199 | 204 | 304) {
            self.answer = Answer::Bypass { seen: 0 };
            return Ok(ResponsePlan::BYPASS);
        }
        if coded == Coded::Unknown {
            if acts {
                self.case.doubt(Uncertainty::UndecodableBody, Direction::Response)?;
            }
            self.answer = Answer::Bypass { seen: 0 };
            return Ok(ResponsePlan::BYPASS);
        }
        let detectors = (reach != Reach::None).then(|| self.engine.detectors.clone());
        let decoded = acts && coded != Coded::Plain;
        if let Some(framing) = Framing::of(head.content_type, head.status, self.asks_for_pieces) {
            let (bodies, limits) = (self.bodies.clone(), self.engine.limits);
            let mut stream =
                Stream::answer(framing, coded, StreamHead { bodies, detectors, acts, restores, limits });
            stream.ask_for_calls(self.case.scope.asks_for_arguments(Direction::Response));
            if self.case.revealed.is_some() {
                stream.reveal();
            }
            if self.case.scope.makes_tokens(Direction::Response) {
                stream.show();
            }
            self.answer = Answer::Stream(Box::new(stream));
            return Ok(ResponsePlan {
                hold: false,
                may_change_length: acts,
                drop_content_encoding: decoded,
                bypass: false,
            });
        }
        let mut body = Box::new(Body::new(BodyHead {
            content_type: head.content_type,
            coded,
            tables: self.bodies.clone().map(|bodies| (bodies, Direction::Response)),
            detectors,
            kept: acts,
            limits: self.engine.limits,
        }));
        body.inspector.scanner.remember(self.memory.clone());
        body.inspector.calls.ask(self.case.scope.asks_for_arguments(Direction::Response));
        if self.case.revealed.is_some() || self.case.scope.makes_tokens(Direction::Response) {
            body.inspector.scanner.reveal();
        }
        // A body that may only be blocked goes out as it came.
        let plain = decoded && (reach >= Reach::Rewrite || restores);
        self.answer = Answer::Whole { body, plain };
        Ok(ResponsePlan { hold: acts, may_change_length: acts, drop_content_encoding: plain, bypass: false })
    }

    pub(super) fn take_answer(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Box<Refusal>> {
        match &mut self.answer {
            Answer::Awaited => out.push(chunk),
            Answer::Bypass { seen } => {
                *seen += chunk.len() as u64;
                out.push(chunk);
            }
            Answer::Stream(stream) => stream.push(chunk, &mut self.case, out)?,
            Answer::Whole { body, plain } => {
                let passes = !body.is_kept();
                if passes && !*plain {
                    out.push(chunk.clone());
                }
                let pushed = body.push(chunk);
                if passes && *plain {
                    out.extend(Some(body.take_passing()).filter(|chunk| !chunk.is_empty()));
                }
                if let Err(doubt) = pushed {
                    self.case.doubt(doubt, Direction::Response)?;
                    match doubt {
                        Uncertainty::OversizedBody if body.is_kept() => {
                            body.stop_keeping(*plain);
                            let edits = self.case.rule_all(Direction::Response, &body.take_hits(0))?;
                            body.take_edited(&edits, *plain, out);
                        }
                        // What cannot be decoded cannot be handed back decoded, whatever policy says.
                        _ if *plain => return Err(self.case.refuse_unsure(doubt, Direction::Response)),
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn end_answer(&mut self, out: &mut Vec<Bytes>) -> Result<(), Box<Refusal>> {
        match &mut self.answer {
            Answer::Awaited | Answer::Bypass { .. } => Ok(()),
            Answer::Stream(stream) => stream.finish(&mut self.case, out),
            Answer::Whole { body, plain } => {
                if let Err(doubt) = body.finish() {
                    self.case.doubt(doubt, Direction::Response)?;
                    if *plain && doubt == Uncertainty::UndecodableBody {
                        return Err(self.case.refuse_unsure(doubt, Direction::Response));
                    }
                }
                if body.inspector.scanner.unfinished() > 0 {
                    self.case.doubt(Uncertainty::DecodeLimit, Direction::Response)?;
                }
                self.case.rule_tools(Direction::Response, &mut body.inspector)?;
                let left = body.left();
                let mut edits = self.case.rule_all(Direction::Response, &body.take_hits(left))?;
                if body.is_kept() {
                    // After it was scanned: what is put back is nobody's finding.
                    if let Some(bodies) = &self.bodies {
                        let table = &mut self.case.redactor.table;
                        restore::document(body.chunks(), &bodies.response, table, &mut edits);
                    }
                    body.take_edited(&edits, *plain, out);
                }
                Ok(())
            }
        }
    }
}
