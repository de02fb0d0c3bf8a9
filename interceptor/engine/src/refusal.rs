//! Answers in the provider's own error shape, so that its client libraries raise a clear exception at once.
//! Knows shapes, statuses and headers. Names rule, kind and place; never holds what was found.

mod frame;
mod limit;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::catalogue::RefusalShape;
use crate::detect::{DetectorId, Registry};
use crate::policy::{Direction, Reply, Uncertainty};

pub(crate) use frame::StreamShape;
pub use limit::OverLimit;

/// An answer instead of the exchange.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
    /// If the answer is a stream: what to write to the application before closing, in case it has begun.
    pub stream_frame: Option<Bytes>,
    /// The rule that refused, or `default`.
    pub rule: Arc<str>,
    /// Why, in a closed set.
    pub reason: Reason,
}

/// Why an exchange is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Something was found that a rule blocks.
    Found {
        /// What kind.
        detector: DetectorId,
        /// Which way it was going.
        direction: Direction,
    },
    /// A rule forbids the exchange as such.
    Forbidden,
    /// A rule forbids a tool that is offered (in a request) or called (in an answer).
    Tool(Direction),
    /// A rule asks for a header that is not there.
    MissingHeader,
    /// A limit has not enough left.
    Limit,
    /// Policy does not let a request pass of which the engine could not be sure.
    Unsure(Uncertainty),
    /// The same of an answer.
    UnsureAnswer(Uncertainty),
    /// The daemon itself is at fault, and is told to fail closed.
    Fault,
}

/// What the texts of a refusal are made of.
#[derive(Clone, Copy, Debug)]
pub struct Refused<'a> {
    /// The shape the client understands.
    pub shape: RefusalShape,
    /// The rule that refused, or `default`.
    pub rule: &'a Arc<str>,
    /// Why.
    pub reason: Reason,
    /// Where in the body, if it was found somewhere.
    pub place: Option<&'a str>,
    /// Names the exchange in the audit trail.
    pub request_id: &'a str,
    /// What detectors are called.
    pub names: &'a Registry,
    /// What the rule says itself.
    pub reply: Option<&'a Reply>,
}

impl Refusal {
    /// Puts the answer together.
    pub fn new(refused: &Refused<'_>) -> Refusal {
        let (status, retry) = status(refused.reason);
        let status = refused.reply.map_or(status, |reply| reply.status);
        let message = message(refused);
        let mut headers = vec![("content-type", "application/json".to_owned())];
        // Client libraries retry 403 never and 503 always; the header settles it for every status.
        headers.push(("x-should-retry", retry.to_string()));
        headers.push((request_id_header(refused.shape), refused.request_id.to_owned()));
        if refused.shape == RefusalShape::Aws {
            headers.push(("x-amzn-errortype", aws_type(status).to_owned()));
        }
        let body = body(refused, status, &message);
        Refusal {
            status,
            headers,
            stream_frame: None,
            body: Bytes::from(body.to_string()),
            rule: refused.rule.clone(),
            reason: refused.reason,
        }
    }
}

impl Refusal {
    /// The same for an answer that is a stream.
    pub(crate) fn in_stream(mut self, shape: RefusalShape, stream: StreamShape) -> Refusal {
        self.stream_frame = Some(frame::last(shape, stream, &self.body));
        self
    }
}

/// The status, and whether trying again can help.
fn status(reason: Reason) -> (u16, bool) {
    match reason {
        Reason::Unsure(Uncertainty::OversizedBody | Uncertainty::DecodeLimit) => (413, false),
        Reason::Found { .. }
        | Reason::Forbidden
        | Reason::Tool(_)
        | Reason::MissingHeader
        | Reason::Unsure(_)
        | Reason::UnsureAnswer(_) => (403, false),
        Reason::Limit => (429, false),
        // A restart heals this, so the client may come again.
        Reason::Fault => (503, true),
    }
}

/// The header in which the shape's client libraries look for the request id.
fn request_id_header(shape: RefusalShape) -> &'static str {
    match shape {
        RefusalShape::Anthropic => "request-id",
        RefusalShape::Aws => "x-amzn-requestid",
        _ => "x-request-id",
    }
}

fn message(refused: &Refused<'_>) -> String {
    let place = refused.place.map(|place| format!(" in {place}")).unwrap_or_default();
    let rule = &refused.rule;
    let name = |detector| refused.names.name(detector);
    if let Some(message) = refused.reply.and_then(|reply| reply.message.as_deref()) {
        return format!("{message} Blocked by egress policy \"{rule}\". Request id {}.", refused.request_id);
    }
    let what = match refused.reason {
        Reason::Found { detector, direction: Direction::Request } => {
            format!("Blocked by egress policy \"{rule}\": {} found{place}.", name(detector))
        }
        Reason::Found { detector, direction: Direction::Response } => {
            format!("Answer blocked by egress policy \"{rule}\": {} found{place}.", name(detector))
        }
        Reason::Forbidden => format!("Blocked by egress policy \"{rule}\": this call is not allowed."),
        Reason::Tool(Direction::Request) => {
            format!("Blocked by egress policy \"{rule}\": the request offers a tool that is not allowed.")
        }
        Reason::Tool(Direction::Response) => {
            format!("Answer blocked by egress policy \"{rule}\": it calls a tool that is not allowed.")
        }
        Reason::MissingHeader => {
            let name = refused.place.unwrap_or_default();
            format!("Blocked by egress policy \"{rule}\": the header `{name}` is missing.")
        }
        Reason::Unsure(uncertainty) => {
            format!("Blocked by egress policy \"{rule}\": the request {}.", unsure(uncertainty))
        }
        Reason::UnsureAnswer(uncertainty) => {
            format!("Answer blocked by egress policy \"{rule}\": it {}.", unsure(uncertainty))
        }
        Reason::Limit => format!("Blocked by egress limit \"{rule}\"."),
        Reason::Fault => "The egress inspection on this node is not available; try again.".to_owned(),
    };
    format!("{what} Request id {}.", refused.request_id)
}

/// The uncertainty in words for the caller.
fn unsure(uncertainty: Uncertainty) -> &'static str {
    match uncertainty {
        Uncertainty::OversizedBody => "is larger than what may be inspected",
        Uncertainty::UndecodableBody => "has a content coding that is unknown or broken",
        Uncertainty::DecodeLimit => "grows beyond the limits when it is decoded",
        Uncertainty::MalformedJson => "is not valid JSON",
        Uncertainty::UnknownFormat => "has a format that is not known",
        Uncertainty::BinaryContent => "has parts that cannot be read as text",
        Uncertainty::Unrewritable => "holds something to be replaced where nothing may be rewritten",
        Uncertainty::SignedBody => "holds something to be replaced, and its sender signed it",
        Uncertainty::NotInspected => "goes over a channel that cannot be inspected",
        Uncertainty::UnknownCaller => "comes from a caller that could not be identified",
        Uncertainty::UnknownModel => "does not say which model it is for",
        Uncertainty::FailedCondition => "could not be judged: the condition of a rule failed",
        Uncertainty::UntrustedClient => "comes from a client that does not trust the inspecting authority",
    }
}

/// The error's name in the OpenAI and Anthropic shapes.
fn kind(shape: RefusalShape, status: u16) -> &'static str {
    match (shape, status) {
        (RefusalShape::Anthropic, 413) => "request_too_large",
        (RefusalShape::Anthropic, 503) => "overloaded_error",
        (_, 413) => "invalid_request_error",
        (_, 503) => "server_error",
        _ => "permission_error",
    }
}

/// The machine-readable code in shapes that have one.
fn code(status: u16) -> &'static str {
    match status {
        413 => "egress_body_too_large",
        503 => "egress_inspection_unavailable",
        _ => "egress_policy_blocked",
    }
}

fn google_status(status: u16) -> &'static str {
    match status {
        413 => "INVALID_ARGUMENT",
        503 => "UNAVAILABLE",
        _ => "PERMISSION_DENIED",
    }
}

fn aws_type(status: u16) -> &'static str {
    match status {
        413 => "ValidationException",
        503 => "ServiceUnavailableException",
        _ => "AccessDeniedException",
    }
}

fn body(refused: &Refused<'_>, status: u16, message: &str) -> Value {
    let kind = kind(refused.shape, status);
    match refused.shape {
        RefusalShape::OpenAi => json!({
            "error": { "message": message, "type": kind, "param": refused.place, "code": code(status) }
        }),
        RefusalShape::Anthropic => json!({
            "type": "error",
            "error": { "type": kind, "message": message },
            "request_id": refused.request_id,
        }),
        RefusalShape::Google => json!({
            "error": { "code": status, "message": message, "status": google_status(status) }
        }),
        RefusalShape::Aws | RefusalShape::Cohere => json!({ "message": message }),
        RefusalShape::Generic => json!({ "error": code(status), "message": message }),
    }
}

/// What the daemon refuses for reasons of its own, which no rule has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request names another host than its connection was opened for.
    Misdirected,
    /// The request broke off or broke the rules of its framing.
    BadRequest,
    /// The request's body did not come.
    SlowRequest,
    /// The provider's certificate is not valid.
    UpstreamCertificate,
}

impl Fault {
    /// The status, and the error's name in the OpenAI and Anthropic shapes. None of these heals by trying again.
    fn answer(self) -> (u16, &'static str) {
        match self {
            Self::Misdirected => (421, "invalid_request_error"),
            Self::BadRequest => (400, "invalid_request_error"),
            Self::SlowRequest => (408, "timeout_error"),
            Self::UpstreamCertificate => (502, "api_error"),
        }
    }
}

impl Refusal {
    /// The answer to a fault. `why` is for people and holds no payload.
    pub fn of_fault(shape: RefusalShape, fault: Fault, why: &str, request_id: &str) -> Refusal {
        let (status, kind) = fault.answer();
        let message = format!("{why}. Request id {request_id}.");
        let body = match shape {
            RefusalShape::OpenAi => json!({
                "error": { "message": message, "type": kind, "param": null, "code": "egress_fault" }
            }),
            RefusalShape::Anthropic => json!({
                "type": "error",
                "error": { "type": kind, "message": message },
                "request_id": request_id,
            }),
            RefusalShape::Google => json!({
                "error": { "code": status, "message": message, "status": "FAILED_PRECONDITION" }
            }),
            RefusalShape::Aws | RefusalShape::Cohere => json!({ "message": message }),
            RefusalShape::Generic => json!({ "error": "egress_fault", "message": message }),
        };
        Refusal {
            status,
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("x-should-retry", "false".to_owned()),
                (request_id_header(shape), request_id.to_owned()),
            ],
            stream_frame: None,
            body: Bytes::from(body.to_string()),
            rule: Arc::from("default"),
            reason: Reason::Fault,
        }
    }
}
