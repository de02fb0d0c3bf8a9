//! What an exchange leaves behind when it is over.
//! Knows what was counted and decided. Tells nothing that could be payload.

use crate::policy::Direction;
use crate::record::{Ledger, Record, Tokens};

use super::Exchange;
use super::answer::Answer;
use super::head::RequestPlan;

impl Exchange {
    /// What the exchange leaves behind; to be asked for once, when it is over. An exchange that is cut off has
    /// a record like any other.
    pub fn record(&mut self) -> Record {
        let request = &self.request.inspector;
        let (mut response, mut facts) = match &self.answer {
            Answer::Awaited => (Ledger::default(), None),
            Answer::Bypass { seen } => (Ledger { seen: *seen, ..Ledger::default() }.settled(false), None),
            Answer::Whole { body, .. } => (body.ledger(), Some(&body.inspector.facts)),
            Answer::Stream(stream) => (stream.ledger().settled(!stream.gave_up()), Some(stream.facts())),
        };
        let asked = match self.plan {
            RequestPlan::Bypass => request.ledger.settled(false),
            RequestPlan::Hold | RequestPlan::Stream => self.request.ledger(),
        };
        let (mut asked, mut model) = (asked, request.facts.model.as_ref());
        if let Some(socket) = &self.socket {
            (asked, response) = (
                socket.ledger(Direction::Request).settled(true),
                socket.ledger(Direction::Response).settled(true),
            );
            facts = Some(socket.facts(Direction::Response));
            model = model.or(socket.facts(Direction::Request).model.as_ref());
        }
        let model =
            model.or(facts.and_then(|facts| facts.model.as_ref())).or(self.asked.model.as_ref()).cloned();
        let mut tools = std::mem::take(&mut self.case.tools);
        for tool in &mut tools {
            if !self.is_a_name(&tool.name) {
                tool.name = "*".into();
            }
        }
        Record {
            provider: self.provider,
            operation: self.operation.clone(),
            model: model.filter(|name| self.is_a_name(name)),
            streamed: request.facts.stream
                || matches!(self.answer, Answer::Stream(_))
                || self.socket.is_some(),
            verdict: self.case.verdict,
            findings: std::mem::take(&mut self.case.findings),
            findings_left_out: self.case.findings_left_out,
            doubts: std::mem::take(&mut self.case.doubts),
            ruled: self.case.ruled.take(),
            tools,
            limits: std::mem::take(&mut self.limited),
            request: asked,
            response,
            restored: self.case.redactor.table.count(),
            usage: facts.map_or(Tokens::default(), |facts| facts.tokens),
            policy: self.case.scope.version().clone(),
        }
    }

    /// Whether a model's name may be told of. A body can say anything there, and what is no name, or holds what
    /// a detector knows, is payload.
    fn is_a_name(&self, model: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@+".contains(&byte);
        let mut findings = Vec::new();
        self.engine.detectors.scan(model.as_bytes(), &mut findings);
        model.bytes().all(plain) && findings.is_empty()
    }
}
