//! The pure half of interceptor: formats, detectors, policy, redaction and the exchange state machine.
//! Takes bytes and answers with bytes and decisions. Knows no socket, clock, environment or log.

pub mod budget;
mod cache;
pub mod catalogue;
pub mod decode;
pub mod detect;
pub mod document;
pub mod edit;
pub mod eventstream;
pub mod exchange;
pub mod extract;
mod frame;
pub mod json;
pub mod json_array;
pub mod multipart;
pub mod ndjson;
pub mod policy;
pub mod price;
pub mod record;
mod redact;
pub mod refusal;
pub mod reveal;
mod sniff;
pub mod sse;
mod view;
pub mod websocket;
mod wide;

pub use catalogue::{Catalogue, Operation, ProviderId};
pub use detect::Detectors;
pub use exchange::{
    Channel, Engine, Exchange, FragmentScanner, Limits, RequestFacts, RequestHead, RequestPlan, ResponseHead,
    ResponsePlan, Signature, TextFinding, TextScanner, VerdictCache,
};
pub use policy::{Policy, Subject};
pub use record::Record;
pub use redact::RedactionKey;
pub use refusal::Refusal;
#[cfg(feature = "lanes")]
pub use wide::use_at_most;
