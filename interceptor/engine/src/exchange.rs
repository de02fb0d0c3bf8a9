//! One exchange: a request and its answer, as bytes come and go.
//! Decides what may pass, what is replaced and what is refused. Knows no socket: the shell feeds it chunks and
//! forwards what it hands back.

mod account;
mod answer;
mod body;
mod calls;
mod case;
mod channel;
mod engine;
mod event;
mod facts;
mod head;
mod inner;
mod inspect;
mod joined;
mod judge;
mod layers;
mod limited;
mod neighbours;
mod redactor;
mod request;
mod restore;
mod scan;
mod signature;
mod socket;
mod stream;
mod text;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::budget::Limit;
use crate::catalogue::{Bodies, ProviderId};
use crate::detect::Heard;
use crate::policy::Uncertainty;
use crate::record::LimitRecord;
use crate::refusal::Refusal;
use crate::reveal::Revealed;

use answer::Answer;
use body::Body;
use case::Case;
use judge::Asked;
use scan::Memory;
use socket::Socket;

pub use engine::Engine;
pub use signature::Signature;

pub use facts::RequestFacts;
pub use head::{Limits, RequestHead, RequestPlan, ResponseHead, ResponsePlan};
pub use layers::FragmentScanner;
pub use scan::VerdictCache;
pub use socket::Channel;
pub use text::{TextFinding, TextScanner};

/// One exchange.
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

    /// The shell can sign the request again if it is changed; to be told before the body comes. What only its path makes
    /// an exchange of this provider, and nothing is known of, is not signed for anybody.
    pub fn can_resign(&mut self) {
        self.case.resigns = self.known;
    }

    /// True if the request was changed under somebody's signature, and may only leave with another. Known when the
    /// request is complete.
    pub fn is_to_be_resigned(&self) -> bool {
        self.case.resigned
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

    /// After a refusal nothing more is taken or handed back.
    fn settle<T>(&mut self, result: Result<T, Box<Refusal>>) -> Result<T, Refusal> {
        result.map_err(|refusal| {
            self.over = true;
            *refusal
        })
    }
}

// It holds payload on its way, and what was replaced in it: neither is for logs.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("operation", &self.operation)
            .field("plan", &self.plan)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}
