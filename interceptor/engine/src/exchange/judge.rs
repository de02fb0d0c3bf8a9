//! Asks policy about an exchange as such, and about the tools in it, as soon as what a rule asks for is known.
//! Knows the order of things. What is found in texts is ruled upon elsewhere.

use std::sync::Arc;

use super::calls::Call;
use super::case::Case;
use super::head::RequestHead;
use super::inspect::Inspector;
use super::{Exchange, RequestPlan};
use crate::policy::{BodyFacts, Context, Direction, Headers, Subject, Uncertainty};
use crate::refusal::{Reason, Refusal};

/// What is kept of a request's head until the body is there, for rules that ask for both.
#[derive(Debug)]
pub(super) struct Asked {
    host: Box<str>,
    method: Box<str>,
    path: Box<str>,
    pub(super) subject: Arc<Subject>,
    at: u64,
    /// The model that the path names.
    pub(super) model: Option<String>,
    /// Policy was asked about the exchange as such.
    judged: bool,
}

impl Asked {
    pub(super) fn new(head: &RequestHead<'_>, model: Option<String>) -> Self {
        Asked {
            host: head.host.into(),
            method: head.method.into(),
            path: head.path.into(),
            subject: head.subject.clone(),
            at: head.at,
            model,
            judged: false,
        }
    }
}

impl Exchange {
    /// Asks policy about what is known before the body: to be called once, before anything else. An error is the
    /// answer for the client, and the exchange is over.
    pub fn begin(&mut self) -> Result<(), Refusal> {
        let result = self.judge_head();
        self.settle(result)
    }

    /// What rules do with the headers of the request: each rule's name, and what it asks for.
    pub fn header_rules(&self) -> impl Iterator<Item = (&Arc<str>, &Headers)> {
        self.case.scope.headers()
    }

    /// A header is missing without which a rule lets nothing pass. The answer for the client; the exchange is over.
    pub fn lacks_header(&mut self, rule: &Arc<str>, name: &str) -> Refusal {
        self.over = true;
        *self.case.refuse(rule.clone(), Reason::MissingHeader, Some(name))
    }

    fn judge_head(&mut self) -> Result<(), Box<Refusal>> {
        // What is no AI on a shared host is nobody's business here.
        if self.foreign {
            return Ok(());
        }
        if self.case.scope.leaves_caller_open(&self.asked.subject) {
            self.case.doubt(Uncertainty::UnknownCaller, Direction::Request)?;
        }
        if self.case.scope.has_failed() {
            self.case.doubt(Uncertainty::FailedCondition, Direction::Request)?;
        }
        // Without a body there is nothing to wait for.
        if !self.case.scope.is_open() || self.plan == RequestPlan::Bypass {
            return self.judge();
        }
        Ok(())
    }

    /// Asks policy about the exchange and its tools, with what is known by now. Later calls change nothing.
    pub(super) fn judge(&mut self) -> Result<(), Box<Refusal>> {
        if std::mem::replace(&mut self.asked.judged, true) || self.foreign {
            return Ok(());
        }
        let facts = &self.request.inspector.facts;
        let also = self.asked.model.as_ref().filter(|model| !facts.models.contains(model));
        let more: Vec<String>;
        let models = match also {
            Some(also) => {
                more = facts.models.iter().chain([also]).cloned().collect();
                &more
            }
            None => &facts.models,
        };
        let body = BodyFacts {
            models,
            tools: &facts.tools,
            methods: &facts.methods,
            size: self.request.inspector.ledger.seen,
        };
        let has_place = || self.bodies.as_ref().is_some_and(|bodies| bodies.request.names_model());
        let nameless = models.is_empty() && body.size > 0 && has_place();
        if nameless && self.case.scope.asks_for_model() {
            self.case.doubt(Uncertainty::UnknownModel, Direction::Request)?;
        }
        if facts.left_out && (self.case.scope.asks_for_tools() || self.case.scope.asks_for_model()) {
            self.case.doubt(Uncertainty::DecodeLimit, Direction::Request)?;
        }
        let asked = &self.asked;
        let context = Context {
            provider: &self.engine.catalogue.provider(self.provider).id,
            host: &asked.host,
            method: &asked.method,
            path: &asked.path,
            operation: &self.operation,
            subject: &asked.subject,
            at: asked.at,
        };
        self.case.scope.settle(&context, &body);
        if self.case.scope.has_failed() {
            self.case.doubt(Uncertainty::FailedCondition, Direction::Request)?;
        }
        self.case.rule_exchange()
    }

    /// Asks policy about the tools of a request.
    pub(super) fn judge_tools(&mut self) -> Result<(), Box<Refusal>> {
        self.case.rule_tools(Direction::Request, &mut self.request.inspector)
    }
}

impl Case {
    /// Rules on the tools of a document that is complete: on what each is called with, and on those that are only named.
    pub(super) fn rule_tools(
        &mut self,
        direction: Direction,
        inspector: &mut Inspector,
    ) -> Result<(), Box<Refusal>> {
        let (calls, left_out) = inspector.calls.take();
        // All are written down, whatever becomes of the exchange.
        let mut result = if left_out { self.too_many_calls(direction) } else { Ok(()) };
        for call in &calls {
            result = result.and(self.rule_call(direction, call));
        }
        for tool in &inspector.facts.tools {
            let is_called = calls.iter().any(|call| call.names.contains(tool));
            if !(is_called && self.scope.waits_for_call(direction, tool)) {
                result = result.and(self.rule_tool(direction, tool));
            }
        }
        result
    }

    /// A rule asks for calls, and there were more of them, or longer ones, than can be looked at.
    pub(super) fn too_many_calls(&mut self, direction: Direction) -> Result<(), Box<Refusal>> {
        self.doubt(Uncertainty::DecodeLimit, direction).map(drop)
    }

    /// Rules on a name that fragments make up. Rules about every tool were asked about the fragments already: where one
    /// number is given to several calls, what their names make up is none of anybody's.
    pub(super) fn rule_made_up(&mut self, direction: Direction, name: &str) -> Result<(), Box<Refusal>> {
        let decision = self.scope.made_up(direction, name);
        self.follow(direction, name, decision)
    }

    /// Rules on a call, if a rule asks what its tool is called with. A call that is told again was ruled on.
    pub(super) fn rule_call(&mut self, direction: Direction, call: &Call) -> Result<(), Box<Refusal>> {
        let waits = |name: &String| self.scope.waits_for_call(direction, name);
        if !(call.names.is_empty() || call.names.iter().any(waits)) || !self.calls.is_news(direction, call) {
            return Ok(());
        }
        if self.scope.fails_at_call(direction, &call.names, &call.given) {
            self.doubt(Uncertainty::FailedCondition, direction)?;
        }
        let decision = self.scope.call(direction, &call.names, &call.given);
        let name = call.names.first().map_or("*", String::as_str);
        self.follow(direction, name, decision)
    }
}
