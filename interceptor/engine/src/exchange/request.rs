//! The request on its way: what passes, what is held, what is asked when it ends.
//! Does not know rules; the case asks them.

use bytes::Bytes;

use crate::policy::{Direction, Uncertainty};
use crate::refusal::Refusal;

use super::Exchange;
use super::head::RequestPlan;

impl Exchange {
    pub(super) fn take_request(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Box<Refusal>> {
        if let Some(doubt) = self.first_doubt.take() {
            self.request_doubt(doubt, out)?;
        }
        match self.plan {
            RequestPlan::Bypass => {
                self.request.inspector.ledger.seen += chunk.len() as u64;
                out.push(chunk);
            }
            RequestPlan::Stream => {
                out.push(chunk.clone());
                if let Err(doubt) = self.request.push(chunk) {
                    self.case.doubt(doubt, Direction::Request)?;
                }
            }
            RequestPlan::Hold => {
                if let Err(doubt) = self.request.push(chunk) {
                    self.request_doubt(doubt, out)?;
                }
            }
        }
        Ok(())
    }

    /// Asks policy about the request. What may go on in spite of the doubt goes on; a body that cannot be
    /// kept any longer goes on as a stream, with what was found so far dealt with.
    fn request_doubt(&mut self, doubt: Uncertainty, out: &mut Vec<Bytes>) -> Result<(), Box<Refusal>> {
        self.case.doubt(doubt, Direction::Request)?;
        if self.plan == RequestPlan::Hold && doubt == Uncertainty::OversizedBody {
            // With what is known so far: nothing may leave before.
            self.judge()?;
            self.judge_tools()?;
            self.request.stop_keeping(false);
            let edits = self.case.rule_all(Direction::Request, &self.request.take_hits(0))?;
            self.request.take_edited(&edits, false, out);
            self.plan = RequestPlan::Stream;
        }
        Ok(())
    }

    pub(super) fn end_request(&mut self, out: &mut Vec<Bytes>) -> Result<(), Box<Refusal>> {
        let finished = self.request.finish();
        let doubted = self.request_doubts(finished, out).and_then(|()| self.judge());
        let tools = self.judge_tools();
        // What was found is written down, whatever becomes of the request.
        let left = self.request.left();
        let ruled = self.case.rule_all(Direction::Request, &self.request.take_hits(left));
        doubted?;
        tools?;
        let edits = ruled?;
        if self.plan == RequestPlan::Hold {
            self.request.take_edited(&edits, false, out);
        }
        Ok(())
    }

    /// Asks policy about everything that is doubtful in a complete request.
    fn request_doubts(
        &mut self,
        finished: Result<(), Uncertainty>,
        out: &mut Vec<Bytes>,
    ) -> Result<(), Box<Refusal>> {
        if let Err(doubt) = finished {
            self.request_doubt(doubt, out)?;
        }
        let looked_at = self.request.inspector.ledger;
        if !self.known && looked_at.seen > 0 {
            self.case.doubt(Uncertainty::UnknownFormat, Direction::Request)?;
        }
        if looked_at.binary > 0 {
            self.case.doubt(Uncertainty::BinaryContent, Direction::Request)?;
        }
        if self.request.inspector.scanner.unfinished() > 0 {
            self.case.doubt(Uncertainty::DecodeLimit, Direction::Request)?;
        }
        Ok(())
    }
}
