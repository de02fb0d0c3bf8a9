//! One exchange: a request and its answer, as bytes come and go.
//! Decides what may pass, what is replaced and what is refused. Knows no socket: the shell feeds it chunks and
//! forwards what it hands back.

use std::sync::Arc;

use bytes::Bytes;

use crate::catalogue::{Catalogue, HostScope, Operation, ProviderId};
use crate::detect::Detectors;
use crate::policy::{Context, Direction, Policy, Reach, Scope, Subject};
use crate::record::{Ledger, Record, Tokens, Verdict};
use crate::refusal::Refusal;

/// What one exchange may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body that may be held until its verdict, before and after decoding each.
    pub held_body: usize,
    /// How many times larger a body may become when decoded.
    pub decoded_ratio: usize,
    /// Bytes of one event of a stream, and of all events that are held back together.
    pub held_stream: usize,
}

impl Limits {
    /// 16 MiB, 100 to 1, 4 MiB.
    pub const STANDARD: Limits = Limits { held_body: 16 << 20, decoded_ratio: 100, held_stream: 4 << 20 };
}

/// Everything that exchanges share. Immutable: a new policy makes a new engine.
#[derive(Debug)]
pub struct Engine {
    catalogue: Arc<Catalogue>,
    policy: Arc<Policy>,
    detectors: Arc<Detectors>,
    limits: Limits,
}

/// What is known of a request before its body.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// From [`Catalogue::route`], of the engine's own catalogue.
    pub provider: ProviderId,
    /// The HTTP method, in capitals.
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// The header of that name.
    pub content_type: Option<&'a str>,
    /// The header of that name.
    pub content_encoding: Option<&'a str>,
    /// The header of that name.
    pub content_length: Option<u64>,
    /// Who calls.
    pub subject: &'a Subject,
    /// Names the exchange in the audit trail and in refusals.
    pub request_id: &'a str,
}

/// What is known of an answer before its body.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// HTTP status.
    pub status: u16,
    /// The header of that name.
    pub content_type: Option<&'a str>,
    /// The header of that name.
    pub content_encoding: Option<&'a str>,
    /// The header of that name.
    pub content_length: Option<u64>,
}

/// How the request's body travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestPlan {
    /// Nothing is handed back before [`Exchange::request_end`]; its length may change.
    Hold,
    /// Every chunk is handed back as it is, at once.
    Stream,
    /// Nothing is inspected; the shell need not feed the body at all.
    Bypass,
}

/// How the answer's body travels, and what becomes of its framing headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponsePlan {
    /// Nothing is handed back before [`Exchange::response_end`], which may still refuse: do not send the head
    /// before. The length is known then.
    pub hold: bool,
    /// The body may become longer or shorter: drop `content-length`, unless it is held, and digests.
    pub may_change_length: bool,
    /// What is handed back is decoded: drop `content-encoding`.
    pub drop_content_encoding: bool,
    /// Nothing is inspected; the shell need not feed the body at all.
    pub bypass: bool,
}

/// One exchange.
#[derive(Debug)]
pub struct Exchange {
    engine: Arc<Engine>,
    provider: ProviderId,
    operation: Arc<str>,
    scope: Scope,
    plan: RequestPlan,
    held: Vec<Bytes>,
    request: Ledger,
    response: Ledger,
}

impl Engine {
    /// Puts an engine together.
    pub fn new(
        catalogue: Arc<Catalogue>,
        policy: Arc<Policy>,
        detectors: Arc<Detectors>,
        limits: Limits,
    ) -> Arc<Self> {
        Arc::new(Engine { catalogue, policy, detectors, limits })
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
        let operation = self.catalogue.operation(head.provider, head.method, head.path);
        let name: Arc<str> = match operation {
            Operation::Known(format) => Arc::from(&*self.catalogue.format(format).id),
            Operation::Unknown => Arc::from("unknown"),
        };
        let context =
            Context { provider: &provider.id, operation: &name, model: None, subject: head.subject };
        let scope = self.policy.scope(&context);
        let foreign = operation == Operation::Unknown && provider.scope == HostScope::Shared;
        let plan = match scope.strongest(Direction::Request) {
            _ if foreign || head.content_length == Some(0) => RequestPlan::Bypass,
            Reach::Rewrite | Reach::Block => RequestPlan::Hold,
            Reach::None | Reach::Audit => RequestPlan::Stream,
        };
        Exchange {
            engine: self.clone(),
            provider: head.provider,
            operation: name,
            scope,
            plan,
            held: Vec::new(),
            request: Ledger::default(),
            response: Ledger::default(),
        }
    }
}

impl Exchange {
    /// How the request's body travels.
    pub fn request_plan(&self) -> RequestPlan {
        self.plan
    }

    /// Takes a chunk of the request; what may go upstream is pushed on `out`. An error is the answer for the
    /// client, and the exchange is over.
    pub fn request_data(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Refusal> {
        self.request.seen += chunk.len() as u64;
        match self.plan {
            RequestPlan::Hold => self.held.push(chunk),
            RequestPlan::Stream | RequestPlan::Bypass => out.push(chunk),
        }
        Ok(())
    }

    /// The request is complete; the rest of what may go upstream is pushed on `out`.
    pub fn request_end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Refusal> {
        out.append(&mut self.held);
        Ok(())
    }

    /// The answer begins. An error is the answer for the client instead.
    pub fn response_head(&mut self, _head: &ResponseHead<'_>) -> Result<ResponsePlan, Refusal> {
        Ok(ResponsePlan {
            hold: false,
            may_change_length: false,
            drop_content_encoding: false,
            bypass: false,
        })
    }

    /// Takes a chunk of the answer; what may go to the client is pushed on `out`.
    pub fn response_data(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Refusal> {
        self.response.seen += chunk.len() as u64;
        out.push(chunk);
        Ok(())
    }

    /// The answer is complete; the rest of what may go to the client is pushed on `out`.
    pub fn response_end(&mut self, _out: &mut Vec<Bytes>) -> Result<(), Refusal> {
        Ok(())
    }

    /// What the exchange leaves behind. May be asked for at any time: an exchange that is cut off has a
    /// record like any other.
    pub fn record(&mut self) -> Record {
        let _ = &self.scope;
        Record {
            provider: self.provider,
            operation: self.operation.clone(),
            model: None,
            streamed: false,
            verdict: Verdict::Pass,
            findings: Vec::new(),
            findings_left_out: 0,
            doubts: Vec::new(),
            request: self.request,
            response: self.response,
            usage: Tokens::default(),
            policy: Arc::from(self.engine.policy.version()),
        }
    }
}
