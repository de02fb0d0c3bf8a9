//! The file that is kept on one exchange: what policy said to each finding and each doubt, and what will be
//! recorded of it. Decides nothing by itself; asks policy and writes down the answer.

use std::sync::Arc;

use bytes::Bytes;

use crate::catalogue::RefusalShape;
use crate::edit::Edit;
use crate::policy::{Action, Answer, Decision, Direction, Reply, Scope, Uncertainty};
use crate::record::{Doubt, FindingRecord, MOST_FINDINGS, RuleRecord, ToolRecord, Verdict};
use crate::redact::{Full, is_token};
use crate::refusal::{Reason, Refusal, Refused};
use crate::reveal::Revealed;

use super::calls::Told;
use super::inspect::{Hit, Quoting};
use super::redactor::Redactor;

/// One exchange's file.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) scope: Scope,
    pub(super) shape: RefusalShape,
    request_id: Box<str>,
    /// The client has signed the request's body.
    pub(super) signed: bool,
    /// The shell has credentials to sign the request with, once it was changed.
    pub(super) resigns: bool,
    /// It has to: the request was changed.
    pub(super) resigned: bool,
    pub(super) findings: Vec<FindingRecord>,
    pub(super) findings_left_out: u64,
    pub(super) doubts: Vec<Doubt>,
    /// What rules said of the exchange as such.
    pub(super) ruled: Option<RuleRecord>,
    /// What rules said of its tools.
    pub(super) tools: Vec<ToolRecord>,
    /// The calls of tools that were ruled on.
    pub(super) calls: Told,
    pub(super) verdict: Verdict,
    /// What takes the place of what is replaced.
    pub(super) redactor: Redactor,
    /// Everything that was found, in words; only where that was asked for.
    pub(super) revealed: Option<Vec<Revealed>>,
}

/// What becomes of one finding.
#[derive(Debug)]
pub(super) enum Ruling {
    /// It stays.
    Keep,
    /// This takes its place.
    Replace(Bytes),
}

impl Case {
    /// Names the exchange in what is told of it.
    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }

    pub(super) fn new(
        scope: Scope,
        shape: RefusalShape,
        request_id: &str,
        signed: bool,
        redactor: Redactor,
    ) -> Self {
        Case {
            scope,
            shape,
            request_id: request_id.into(),
            signed,
            resigns: false,
            resigned: false,
            findings: Vec::new(),
            findings_left_out: 0,
            doubts: Vec::new(),
            ruled: None,
            tools: Vec::new(),
            calls: Told::default(),
            verdict: Verdict::Pass,
            redactor,
            revealed: None,
        }
    }

    /// Asks policy about a finding that comes by itself, and writes the answer down.
    pub(super) fn rule(&mut self, direction: Direction, hit: &Hit) -> Result<Ruling, Box<Refusal>> {
        self.scope.count(direction, hit.detector, hit.confidence);
        self.rule_counted(direction, hit)
    }

    /// Asks policy about a finding and writes the answer down.
    fn rule_counted(&mut self, direction: Direction, hit: &Hit) -> Result<Ruling, Box<Refusal>> {
        // What already stands for something is not replaced again: it would be another token in every turn.
        if hit.shown.as_deref().is_some_and(|shown| is_token(&shown.value)) {
            return Ok(Ruling::Keep);
        }
        let decision = self.scope.decide(direction, hit.detector, hit.confidence);
        let (action, rule) = (decision.action, decision.rule.clone());
        if let Some(revealed) = &mut self.revealed {
            revealed.push(Revealed::new(self.redactor.names.name(hit.detector), hit, direction, action));
        }
        let signed = self.signed && direction == Direction::Request;
        let resigned = signed && !hit.sealed && self.is_to_resign();
        let left_alone = (hit.sealed || signed && !resigned) && matches!(action, Action::Redact(_));
        if rule.is_some() || decision.shadow.is_some() {
            self.list(FindingRecord {
                detector: self.redactor.names.name(hit.detector).clone(),
                confidence: hit.confidence,
                direction,
                place: hit.place.clone(),
                start: hit.start,
                length: hit.length,
                action,
                rule: decision.rule,
                shadow: decision.shadow,
                sealed: left_alone,
            });
        }
        match action {
            Action::Passthrough | Action::Allow | Action::Audit => Ok(Ruling::Keep),
            Action::Block => {
                let reason = Reason::Found { detector: hit.detector, direction };
                let rule = rule.unwrap_or_else(|| "default".into());
                Err(self.refuse_as(rule, reason, Some(&hit.place), decision.reply.as_deref()))
            }
            Action::Redact(_) if left_alone => {
                let why = if hit.sealed { Uncertainty::Unrewritable } else { Uncertainty::SignedBody };
                self.doubt(why, direction)?;
                Ok(Ruling::Keep)
            }
            Action::Redact(how) => {
                if resigned {
                    self.doubt(Uncertainty::SignedBody, direction)?;
                    self.resigned = true;
                }
                self.verdict = self.verdict.max(Verdict::Redact);
                let found = hit.shown.as_deref().map(|shown| &*shown.value);
                match self.redactor.replacement(how, hit.detector, direction, found) {
                    Ok(text) => Ok(Ruling::Replace(quoted(&text, hit.quoting))),
                    Err(Full) => {
                        // It goes as a token all the same; only the answer will not say what it stood for.
                        self.doubt(Uncertainty::OversizedBody, direction)?;
                        let text = self.redactor.token(hit.detector, found);
                        Ok(Ruling::Replace(quoted(&text, hit.quoting)))
                    }
                }
            }
        }
    }

    /// Whether a signed request may be changed after all.
    fn is_to_resign(&self) -> bool {
        self.resigns && self.scope.when(Uncertainty::SignedBody, Direction::Request).0 == Answer::Resign
    }

    /// Rules on all hits of a body. All are written down, whatever becomes of the exchange.
    pub(super) fn rule_all(&mut self, direction: Direction, hits: &[Hit]) -> Result<Vec<Edit>, Box<Refusal>> {
        let mut edits: Vec<Edit> = Vec::new();
        let mut refused = None;
        for hit in hits {
            self.scope.count(direction, hit.detector, hit.confidence);
        }
        for hit in hits {
            match self.rule_counted(direction, hit) {
                Ok(Ruling::Keep) => {}
                Ok(Ruling::Replace(with)) => {
                    edits.push(Edit { range: hit.raw.clone(), with });
                    edits.extend(
                        hit.rest.iter().map(|range| Edit { range: range.clone(), with: Bytes::new() }),
                    );
                }
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        // What goes on in another text was found after what stands in between; two findings of one number share its
        // place.
        edits.sort_by_key(|edit| edit.range.start);
        edits.dedup_by(|next, last| {
            let overlap = last.range.end > next.range.start;
            if overlap {
                last.range.end = last.range.end.max(next.range.end);
            }
            overlap
        });
        refused.map_or(Ok(edits), Err)
    }

    /// Asks policy about the exchange as such.
    pub(super) fn rule_exchange(&mut self) -> Result<(), Box<Refusal>> {
        let decision = self.scope.exchange(Direction::Request);
        if decision.rule.is_some() || decision.shadow.is_some() {
            let (action, rule, shadow) = (decision.action, decision.rule.clone(), decision.shadow);
            self.ruled = Some(RuleRecord { action, rule, shadow });
        }
        match (decision.action, decision.rule) {
            (Action::Block, Some(rule)) => {
                Err(self.refuse_as(rule, Reason::Forbidden, None, decision.reply.as_deref()))
            }
            _ => Ok(()),
        }
    }

    /// Asks policy about a tool that is offered or called.
    pub(super) fn rule_tool(&mut self, direction: Direction, name: &str) -> Result<(), Box<Refusal>> {
        let decision = self.scope.tool(direction, name);
        self.follow(direction, name, decision)
    }

    /// A tool is about to be called. Only what is certain by now is done, and written down if that ends the exchange.
    pub(super) fn rule_called(&mut self, direction: Direction, name: &str) -> Result<(), Box<Refusal>> {
        let decision = self.scope.called(direction, name);
        if decision.action == Action::Block { self.follow(direction, name, decision) } else { Ok(()) }
    }

    /// Does what was decided about a tool, and writes it down.
    pub(super) fn follow(
        &mut self,
        direction: Direction,
        name: &str,
        decision: Decision,
    ) -> Result<(), Box<Refusal>> {
        if (decision.rule.is_some() || decision.shadow.is_some()) && self.tools.len() < MOST_FINDINGS {
            let (action, rule, shadow) = (decision.action, decision.rule.clone(), decision.shadow);
            self.tools.push(ToolRecord { name: name.into(), direction, action, rule, shadow });
        }
        match (decision.action, decision.rule) {
            (Action::Block, Some(rule)) => {
                Err(self.refuse_as(rule, Reason::Tool(direction), None, decision.reply.as_deref()))
            }
            _ => Ok(()),
        }
    }

    /// Asks policy about something uncertain and writes the answer down, once for each kind and direction.
    pub(super) fn doubt(
        &mut self,
        uncertainty: Uncertainty,
        direction: Direction,
    ) -> Result<Answer, Box<Refusal>> {
        let (answer, rule) = match self.scope.when(uncertainty, direction) {
            // Without credentials there is nothing to sign with, and what was signed stays as it is.
            (Answer::Resign, rule) if !self.resigns => (Answer::Block, rule),
            said => said,
        };
        let known = |doubt: &Doubt| doubt.uncertainty == uncertainty && doubt.direction == direction;
        if !self.doubts.iter().any(known) {
            self.doubts.push(Doubt { uncertainty, direction, answer, rule });
        }
        if answer == Answer::Block {
            return Err(self.refuse_unsure(uncertainty, direction));
        }
        Ok(answer)
    }

    /// Refuses because of something uncertain.
    pub(super) fn refuse_unsure(&mut self, uncertainty: Uncertainty, direction: Direction) -> Box<Refusal> {
        let reason = match direction {
            Direction::Request => Reason::Unsure(uncertainty),
            Direction::Response => Reason::UnsureAnswer(uncertainty),
        };
        self.refuse(uncertainty.path().into(), reason, None)
    }

    fn list(&mut self, finding: FindingRecord) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(finding);
        } else {
            self.findings_left_out += 1;
        }
    }

    pub(super) fn refuse(&mut self, rule: Arc<str>, reason: Reason, place: Option<&str>) -> Box<Refusal> {
        self.refuse_as(rule, reason, place, None)
    }

    /// Refuses with what the rule says itself.
    fn refuse_as(
        &mut self,
        rule: Arc<str>,
        reason: Reason,
        place: Option<&str>,
        reply: Option<&Reply>,
    ) -> Box<Refusal> {
        self.verdict = Verdict::Block;
        let (shape, names, request_id) = (self.shape, &self.redactor.names, &*self.request_id);
        Box::new(Refusal::new(&Refused { shape, rule: &rule, reason, place, request_id, names, reply }))
    }
}

impl Revealed {
    fn new(detector: &Arc<str>, hit: &Hit, direction: Direction, action: Action) -> Self {
        let shown = hit.shown.as_deref().cloned().unwrap_or_default();
        Revealed {
            detector: detector.clone(),
            confidence: hit.confidence,
            direction,
            place: hit.place.clone(),
            action,
            shown,
        }
    }
}

/// A byte as it is written in a URL.
fn escaped(byte: u8) -> String {
    let plain = byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

/// A replacement text as it has to be written at its place.
pub(super) fn quoted(text: &str, quoting: Quoting) -> Bytes {
    Bytes::from(match quoting {
        Quoting::Inside => text.to_owned(),
        Quoting::Form => text.bytes().map(escaped).collect(),
        Quoting::Number => format!("\"{text}\""),
        Quoting::InnerNumber => format!("\\\"{text}\\\""),
    })
}
