//! One exchange: a request and its answer, as bytes come and go.
//! Decides what may pass, what is replaced and what is refused. Knows no socket: the shell feeds it chunks and
//! forwards what it hands back.

mod body;
mod case;
mod channel;
mod event;
mod facts;
mod head;
mod inner;
mod inspect;
mod judge;
mod limited;
mod neighbours;
mod redactor;
mod restore;
mod scan;
mod signature;
mod socket;
mod stream;
mod text;

use std::sync::Arc;

use bytes::Bytes;

use crate::budget::Limit;
use crate::catalogue::{Bodies, Catalogue, HostScope, Operation, ProviderId, RefusalShape};
use crate::decode::Coded;
use crate::detect::{Detectors, Heard};
use crate::policy::{Context, Direction, Policy, Reach, Scope, Subject, Uncertainty};
use crate::record::{Ledger, LimitRecord, Record, Tokens};
use crate::redact::RedactionKey;
use crate::refusal::Refusal;
use crate::reveal::Revealed;

use body::{Body, BodyHead};
use case::Case;
use judge::Asked;
use redactor::Redactor;
use scan::Memory;
use socket::Socket;
use stream::{Framing, Stream, StreamHead};

pub use signature::Signature;

pub use facts::RequestFacts;
pub use head::{Limits, RequestHead, RequestPlan, ResponseHead, ResponsePlan};
pub use scan::VerdictCache;
pub use socket::Channel;
pub use text::{TextFinding, TextScanner};

/// Everything that exchanges share. Immutable: a new policy makes a new engine.
#[derive(Debug)]
pub struct Engine {
    catalogue: Arc<Catalogue>,
    policy: Arc<Policy>,
    detectors: Arc<Detectors>,
    limits: Limits,
    cache: Option<VerdictCache>,
    key: Option<RedactionKey>,
}

/// One exchange.
#[derive(Debug)]
pub struct Exchange {
    engine: Arc<Engine>,
    /// What rules may ask for when the body is there.
    asked: Asked,
    provider: ProviderId,
    operation: Arc<str>,
    bodies: Option<Arc<Bodies>>,
    known: bool,
    /// Something else than AI on a host that serves both.
    foreign: bool,
    case: Case,
    plan: RequestPlan,
    request: Body,
    /// A doubt that the head alone raised; policy is asked when the body comes.
    first_doubt: Option<Uncertainty>,
    /// The path asks for an answer in pieces.
    asks_for_pieces: bool,
    /// What was found before in texts of the same caller.
    memory: Option<Memory>,
    answer: Answer,
    /// What the exchange became if it left HTTP.
    socket: Option<Box<Socket>>,
    /// Limits that may be about it, and what was said of them.
    limits: Vec<Arc<Limit>>,
    limited: Vec<LimitRecord>,
    over: bool,
}

/// The answer on its way.
#[derive(Debug)]
enum Answer {
    /// Its head has not come.
    Awaited,
    /// Nothing in it is looked at.
    Bypass { seen: u64 },
    /// One document.
    Whole { body: Box<Body>, plain: bool },
    /// A stream of events.
    Stream(Box<Stream>),
}

impl Engine {
    /// Puts an engine together. It has no key for tokens: where a rule asks for one, the label stands in.
    pub fn new(
        catalogue: Arc<Catalogue>,
        policy: Arc<Policy>,
        detectors: Arc<Detectors>,
        limits: Limits,
    ) -> Arc<Self> {
        Arc::new(Engine { catalogue, policy, detectors, limits, cache: None, key: None })
    }

    /// The same with the key that tokens are made with.
    pub fn keyed(
        catalogue: Arc<Catalogue>,
        policy: Arc<Policy>,
        detectors: Arc<Detectors>,
        limits: Limits,
        key: RedactionKey,
    ) -> Arc<Self> {
        Arc::new(Engine { catalogue, policy, detectors, limits, cache: None, key: Some(key) })
    }

    /// The same engine, with what it finds in texts remembered.
    #[must_use]
    pub fn remembering(&self, cache: VerdictCache) -> Arc<Self> {
        Arc::new(Engine {
            catalogue: self.catalogue.clone(),
            policy: self.policy.clone(),
            detectors: self.detectors.clone(),
            limits: self.limits,
            cache: Some(cache),
            key: self.key.clone(),
        })
    }

    /// What replaces findings in an exchange under these rules.
    fn redactor(&self, scope: &Scope, subject: &Subject) -> Redactor {
        let names = self.detectors.registry().clone();
        if !Direction::ALL.into_iter().any(|direction| scope.makes_tokens(direction)) {
            return Redactor::new(None, names);
        }
        let tenant = subject.tenant().unwrap_or_default();
        Redactor::new(self.key.as_ref().map(|key| key.tenant(tenant)), names)
    }

    /// The catalogue of this engine.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// The policy of this engine.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Begins an exchange.
    pub fn exchange(self: &Arc<Self>, head: &RequestHead<'_>) -> Exchange {
        let provider = self.catalogue.provider(head.provider);
        let (operation, model) = self.catalogue.asked(head.provider, head.method, head.path);
        let format = match operation {
            Operation::Known(format) => Some(self.catalogue.format(format)),
            Operation::Unknown => None,
        };
        let name = format.map_or_else(|| Arc::from("unknown"), |format| format.id.clone());
        let context = Context {
            provider: &provider.id,
            host: head.host,
            method: head.method,
            path: head.path,
            operation: &name,
            subject: head.subject,
            at: head.at,
        };
        let scope = self.policy.scope(&context);
        let shape = format.map_or_else(|| self.shape_of(head.provider), |format| format.refusal);
        let foreign = format.is_none() && provider.scope == HostScope::Shared;
        let reach = scope.strongest(Direction::Request);
        let limits =
            if foreign { Vec::new() } else { limited::limits(self, head.subject, &provider.id, &name) };
        let plan = match reach {
            _ if foreign || head.content_length == Some(0) => RequestPlan::Bypass,
            // How much it is about to use is known with its last byte.
            _ if !limits.is_empty() => RequestPlan::Hold,
            Reach::Rewrite | Reach::Block => RequestPlan::Hold,
            Reach::None | Reach::Audit => RequestPlan::Stream,
        };
        let bodies = format.and_then(|format| format.bodies.clone());
        let coded = Coded::parse(head.content_encoding);
        let memory = self.cache.as_ref().map(|cache| cache.of(head.subject, self.policy.version()));
        let mut request = Body::new(BodyHead {
            content_type: head.content_type,
            coded,
            tables: bodies.clone().map(|bodies| (bodies, Direction::Request)),
            detectors: (reach != Reach::None).then(|| self.detectors.clone()),
            kept: plan == RequestPlan::Hold,
            limits: self.limits,
        });
        request.inspector.scanner.remember(memory.clone());
        if scope.makes_tokens(Direction::Request) {
            request.inspector.scanner.reveal();
        }
        let redactor = self.redactor(&scope, head.subject);
        let too_long = head.content_length.is_some_and(|length| length > self.limits.held_body as u64);
        let first_doubt = match plan {
            // Only its maker knows what it says.
            _ if format.is_some_and(|format| format.closed) => Some(Uncertainty::NotInspected),
            RequestPlan::Hold if too_long => Some(Uncertainty::OversizedBody),
            RequestPlan::Hold | RequestPlan::Stream if coded == Coded::Unknown => {
                Some(Uncertainty::UndecodableBody)
            }
            _ => None,
        };
        Exchange {
            engine: self.clone(),
            asked: Asked::new(head, model),
            provider: head.provider,
            operation: name,
            bodies,
            known: format.is_some(),
            foreign,
            case: Case::new(scope, shape, head.request_id, provider.body_signed.is_some(), redactor),
            plan,
            request,
            first_doubt,
            asks_for_pieces: Framing::is_asked_for(head.path),
            memory,
            answer: Answer::Awaited,
            socket: None,
            limits,
            limited: Vec::new(),
            over: false,
        }
    }

    /// The error shape of a provider's first format, for paths that are not known.
    fn shape_of(&self, provider: ProviderId) -> RefusalShape {
        let formats = &self.catalogue.provider(provider).formats;
        formats.first().map_or(RefusalShape::Generic, |format| self.catalogue.format(*format).refusal)
    }
}

impl Exchange {
    /// Keeps what is found, in words, for [`Exchange::revealed`]: for whoever measures detectors on texts of his
    /// own. The daemon never asks for it.
    pub fn reveal(&mut self) {
        self.case.revealed = Some(Vec::new());
        self.request.inspector.scanner.reveal();
    }

    /// Keeps copies of the request's texts, for a [`ModelTier`](crate::detect::ModelTier) to look at once they are
    /// forwarded. Only texts that rules look at are kept, and none of requests that pass as a stream.
    pub fn listen(&mut self, heard: Heard) {
        self.request.inspector.scanner.listen(heard);
    }

    /// The copies, after [`Exchange::listen`].
    pub fn heard(&mut self) -> Option<Heard> {
        self.request.inspector.scanner.heard()
    }

    /// What was found since the last time, after [`Exchange::reveal`].
    pub fn revealed(&mut self) -> Vec<Revealed> {
        self.case.revealed.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// How the request's body travels.
    pub fn request_plan(&self) -> RequestPlan {
        self.plan
    }

    /// What the request's head says about a signature over its body, to be told before the body comes. Without it
    /// the body counts as signed where the catalogue says that the provider's clients may sign.
    pub fn signed(&mut self, signature: Option<Signature>) {
        self.case.signed = signature.is_some();
    }

    /// Name of the format, or `unknown`.
    pub fn operation(&self) -> &Arc<str> {
        &self.operation
    }

    /// Takes a chunk of the request; what may go upstream is pushed on `out`. An error is the answer for the
    /// client, and the exchange is over.
    pub fn request_data(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Refusal> {
        if self.over || chunk.is_empty() {
            return Ok(());
        }
        let result = self.take_request(chunk, out);
        self.settle(result)
    }

    /// The request is complete; the rest of what may go upstream is pushed on `out`.
    pub fn request_end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Refusal> {
        if self.over || self.plan == RequestPlan::Bypass {
            return Ok(());
        }
        let result = self.end_request(out);
        self.settle(result)
    }

    /// The answer begins. An error is the answer for the client instead.
    pub fn response_head(&mut self, head: &ResponseHead<'_>) -> Result<ResponsePlan, Refusal> {
        let result = self.begin_answer(head);
        self.settle(result)
    }

    /// Takes a chunk of the answer; what may go to the client is pushed on `out`. After an error the client
    /// gets the error's `stream_frame` and nothing more.
    pub fn response_data(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Refusal> {
        if self.over || chunk.is_empty() {
            return Ok(());
        }
        let result = self.take_answer(chunk, out);
        self.settle(result)
    }

    /// The answer is complete; the rest of what may go to the client is pushed on `out`.
    pub fn response_end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Refusal> {
        if self.over {
            return Ok(());
        }
        let result = self.end_answer(out);
        self.settle(result)
    }

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

    /// After a refusal nothing more is taken or handed back.
    fn settle<T>(&mut self, result: Result<T, Box<Refusal>>) -> Result<T, Refusal> {
        result.map_err(|refusal| {
            self.over = true;
            *refusal
        })
    }

    fn take_request(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Box<Refusal>> {
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

    fn end_request(&mut self, out: &mut Vec<Bytes>) -> Result<(), Box<Refusal>> {
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

    fn begin_answer(&mut self, head: &ResponseHead<'_>) -> Result<ResponsePlan, Box<Refusal>> {
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
        if self.case.revealed.is_some() || self.case.scope.makes_tokens(Direction::Response) {
            body.inspector.scanner.reveal();
        }
        // A body that may only be blocked goes out as it came.
        let plain = decoded && (reach >= Reach::Rewrite || restores);
        self.answer = Answer::Whole { body, plain };
        Ok(ResponsePlan { hold: acts, may_change_length: acts, drop_content_encoding: plain, bypass: false })
    }

    fn take_answer(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Box<Refusal>> {
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

    fn end_answer(&mut self, out: &mut Vec<Bytes>) -> Result<(), Box<Refusal>> {
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
                let mut told = 0;
                self.case.rule_tools(Direction::Response, &body.inspector.facts, &mut told)?;
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
