//! What the shell tells of a request and an answer before their bodies, and what it is told to do with them.

use std::sync::Arc;

use crate::catalogue::ProviderId;
use crate::policy::Subject;

/// What one exchange may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body that may be held until its verdict, before and after decoding each.
    pub held_body: usize,
    /// How many times larger a body may become when decoded.
    pub decoded_ratio: usize,
    /// Bytes of a streamed answer that may be held back: one event, and all waiting events together.
    pub held_stream: usize,
}

impl Limits {
    /// 16 MiB, 100 to 1, 4 MiB.
    pub const STANDARD: Limits = Limits { held_body: 16 << 20, decoded_ratio: 100, held_stream: 4 << 20 };
}

/// What is known of a request before its body.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// From [`crate::Catalogue::route`], of the engine's own catalogue.
    pub provider: ProviderId,
    /// The host that is called, in small letters, without a port.
    pub host: &'a str,
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
    pub subject: &'a Arc<Subject>,
    /// When it began, in seconds since 1970, UTC.
    pub at: u64,
    /// Names the exchange in the audit trail and in refusals. Visible ASCII, since it becomes a header.
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
    /// Nothing is handed back before [`crate::Exchange::request_end`], and its length may change. The one
    /// exception is a body that outgrows the limit and that policy lets pass all the same.
    Hold,
    /// Every chunk is handed back as it is, at once.
    Stream,
    /// Nothing is inspected; the shell need not feed the body at all.
    Bypass,
}

/// How the answer's body travels, and what becomes of its framing headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponsePlan {
    /// Nothing is handed back before [`crate::Exchange::response_end`], which may still refuse: do not send
    /// the head before something is handed back. If that happens at the end, the length is known.
    pub hold: bool,
    /// The body may become longer or shorter: `content-length` and digests must follow or go.
    pub may_change_length: bool,
    /// What is handed back is decoded: drop `content-encoding`.
    pub drop_content_encoding: bool,
    /// Nothing is inspected; the shell need not feed the body at all.
    pub bypass: bool,
}

impl ResponsePlan {
    pub(super) const BYPASS: ResponsePlan =
        ResponsePlan { hold: false, may_change_length: false, drop_content_encoding: false, bypass: true };
}
